/* SPDX-License-Identifier: Apache-2.0 */
// reason: stack-depth
#include "bpf.h"

MAP(next, PROG_ARRAY, 4, u32, u32);

NOINLINE int go_on(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &next, 1);
	return 2;
}

SEC("xdp") int run(struct xdp_md *ctx)
{
	volatile u8 bytes[300];
	bytes[ctx->rx_queue_index & 255] = 1;
	return go_on(ctx) + bytes[5];
}

LICENSE("GPL");
