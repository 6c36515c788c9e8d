/* SPDX-License-Identifier: Apache-2.0 */
// reason: preemption-section
#include "bpf.h"

KFUNC void bpf_preempt_disable(void);
KFUNC void bpf_preempt_enable(void);

SEC("xdp") int hold(struct xdp_md *ctx)
{
	bpf_preempt_disable();
	if (ctx->rx_queue_index > 3)
		return 1;
	bpf_preempt_enable();
	return 2;
}

LICENSE("GPL");
