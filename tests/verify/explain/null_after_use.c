/* SPDX-License-Identifier: Apache-2.0 */
// reason: missing-null-check
#include "bpf.h"

MAP(hits, HASH, 64, u32, u64);

SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 key = 0;
	u64 *value = bpf_map_lookup_elem(&hits, &key), old;
	old = *(volatile u64 *)value;
	if (!value)
		return 1;
	*value = old + 1;
	return 2;
}

LICENSE("GPL");
