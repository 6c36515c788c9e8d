/* SPDX-License-Identifier: Apache-2.0 */
// reason: argument-type
#include "bpf.h"

MAP(hits, HASH, 64, u32, u64);

SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 key = ctx->rx_queue_index;
	u64 *value = bpf_map_lookup_elem(&hits, (void *)(long)key);
	return value ? 1 : 2;
}

LICENSE("GPL");
