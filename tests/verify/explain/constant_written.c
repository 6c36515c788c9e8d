/* SPDX-License-Identifier: Apache-2.0 */
// reason: read-only-memory
#include "bpf.h"

const volatile u32 limit = 5;

SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 *changed = (u32 *)&limit;
	HIDE(changed);
	*changed = ctx->rx_queue_index;
	return 2;
}

LICENSE("GPL");
