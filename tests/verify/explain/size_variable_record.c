/* SPDX-License-Identifier: Apache-2.0 */
// reason: not-a-constant
#include "bpf.h"

RING(events);

SEC("xdp") int report(struct xdp_md *ctx)
{
	u32 len = ctx->data_end - ctx->data;
	u8 *e = bpf_ringbuf_reserve(&events, len & 63, 0);
	if (!e)
		return 2;
	bpf_ringbuf_submit(e, 0);
	return 2;
}

LICENSE("GPL");
