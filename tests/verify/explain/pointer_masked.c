/* SPDX-License-Identifier: Apache-2.0 */
// reason: pointer-arithmetic
#include "bpf.h"

SEC("xdp") int align(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(long)ctx->data;
	u8 *end = (u8 *)(long)ctx->data_end;
	u64 aligned = (u64)data;
	HIDE(aligned);
	aligned &= ~7ull;
	if ((u8 *)aligned + 8 > end)
		return 2;
	return *(u8 *)aligned ? 1 : 2;
}

LICENSE("GPL");
