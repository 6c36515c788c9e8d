/* SPDX-License-Identifier: Apache-2.0 */
// reason: map-value-bounds
#include "bpf.h"

MAP(hits, HASH, 64, u32, u64);

SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 key = 0;
	u64 *value = bpf_map_lookup_elem(&hits, &key);
	if (!value)
		return 1;
	return value[-1] == ctx->rx_queue_index ? 1 : 2;
}

LICENSE("GPL");
