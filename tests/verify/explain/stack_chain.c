/* SPDX-License-Identifier: Apache-2.0 */
// reason: stack-depth
#include "bpf.h"

NOINLINE u32 inner(u32 seed)
{
	volatile u8 bytes[300];
	bytes[seed & 255] = 1;
	return bytes[5];
}

NOINLINE u32 outer(u32 seed)
{
	volatile u8 bytes[256];
	bytes[seed & 255] = 1;
	return inner(seed) + bytes[7];
}

SEC("xdp") int run(struct xdp_md *ctx)
{
	return outer(ctx->rx_queue_index) ? 1 : 2;
}

LICENSE("GPL");
