/* SPDX-License-Identifier: Apache-2.0 */
// reason: uninitialised-register
#include "bpf.h"

SEC("xdp") int pick(struct xdp_md *ctx)
{
	u64 action;
	__asm__ volatile("if %[n] > 3 goto +1; %[a] = 2;"
			 : [a] "=r"(action)
			 : [n] "r"((u64)ctx->rx_queue_index));
	return action;
}

LICENSE("GPL");
