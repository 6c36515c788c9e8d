/* SPDX-License-Identifier: Apache-2.0 */
// reason: not-a-pointer
#include "bpf.h"

RING(events);

SEC("xdp") int report(struct xdp_md *ctx)
{
	u32 *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 2;
	*e = bpf_get_prandom_u32();
	bpf_ringbuf_submit(e, 0);
	return *(volatile u32 *)e > 5 ? 1 : 2;
}

LICENSE("GPL");
