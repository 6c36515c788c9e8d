/* SPDX-License-Identifier: Apache-2.0 */
// reason: return-value
#include "bpf.h"

static int step(u32 i, void *data)
{
	return i == 5 ? 2 : 0;
}

SEC("xdp") int run(struct xdp_md *ctx)
{
	return bpf_loop(10, step, 0, 0) == 10 ? 2 : 1;
}

LICENSE("GPL");
