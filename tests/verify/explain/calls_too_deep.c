/* SPDX-License-Identifier: Apache-2.0 */
// reason: stack-depth
#include "bpf.h"

NOINLINE u32 f8(u32 n)
{
	return bpf_get_prandom_u32() + n;
}

NOINLINE u32 f7(u32 n)
{
	return f8(n + 7) * 3;
}

NOINLINE u32 f6(u32 n)
{
	return f7(n + 6) * 3;
}

NOINLINE u32 f5(u32 n)
{
	return f6(n + 5) * 3;
}

NOINLINE u32 f4(u32 n)
{
	return f5(n + 4) * 3;
}

NOINLINE u32 f3(u32 n)
{
	return f4(n + 3) * 3;
}

NOINLINE u32 f2(u32 n)
{
	return f3(n + 2) * 3;
}

NOINLINE u32 f1(u32 n)
{
	return f2(n + 1) * 3;
}

SEC("xdp") int run(struct xdp_md *ctx)
{
	return f1(ctx->rx_queue_index) ? 1 : 2;
}

LICENSE("GPL");
