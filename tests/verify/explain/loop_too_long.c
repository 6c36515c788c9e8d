/* SPDX-License-Identifier: Apache-2.0 */
// reason: too-complex
#include "bpf.h"

SEC("xdp") int sum(struct xdp_md *ctx)
{
	u64 total = 0;
	for (u32 i = 0; i < 2000000; i++)
		total += bpf_get_prandom_u32() & i;
	return total & 1 ? 1 : 2;
}

LICENSE("GPL");
