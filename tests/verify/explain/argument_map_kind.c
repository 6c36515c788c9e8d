/* SPDX-License-Identifier: Apache-2.0 */
// reason: map-kind
#include "bpf.h"

MAP(hits, HASH, 64, u32, u64);

SEC("xdp") int report(struct xdp_md *ctx)
{
	u32 queue = ctx->rx_queue_index;
	bpf_perf_event_output(ctx, &hits, 0xffffffff, &queue, sizeof(queue));
	return 2;
}

LICENSE("GPL");
