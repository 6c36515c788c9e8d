/* SPDX-License-Identifier: Apache-2.0 */
// reason: missing-null-check
#include "bpf.h"

struct event {
	u64 time;
	u32 queue;
};
RING(events);

SEC("xdp") int report(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	e->time = bpf_ktime_get_ns();
	e->queue = ctx->rx_queue_index;
	bpf_ringbuf_submit(e, 0);
	return 2;
}

LICENSE("GPL");
