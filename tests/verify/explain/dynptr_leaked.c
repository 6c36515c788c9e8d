/* SPDX-License-Identifier: Apache-2.0 */
// reason: reference-leak
#include "bpf.h"

RING(events);

SEC("xdp") int report(struct xdp_md *ctx)
{
	struct bpf_dynptr record;
	if (bpf_ringbuf_reserve_dynptr(&events, 64, 0, &record))
		return 1; // the dynptr is to be given back even then
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 2;
}

LICENSE("GPL");
