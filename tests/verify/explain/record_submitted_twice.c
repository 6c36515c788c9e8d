/* SPDX-License-Identifier: Apache-2.0 */
// reason: argument-type
#include "bpf.h"

RING(events);

SEC("xdp") int report(struct xdp_md *ctx)
{
	u32 *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 2;
	*e = ctx->rx_queue_index;
	if (*e > 4)
		bpf_ringbuf_discard(e, 0);
	bpf_ringbuf_submit(e, 0);
	return 2;
}

LICENSE("GPL");
