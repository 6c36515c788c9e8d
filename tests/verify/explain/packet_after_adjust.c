/* SPDX-License-Identifier: Apache-2.0 */
// reason: not-a-pointer
#include "bpf.h"

SEC("xdp") int strip(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(long)ctx->data;
	u8 *end = (u8 *)(long)ctx->data_end;
	if (data + 18 > end)
		return 2;
	if (bpf_xdp_adjust_head(ctx, 4))
		return 1;
	data[0] = 0;
	return 2;
}

LICENSE("GPL");
