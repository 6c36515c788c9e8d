/* SPDX-License-Identifier: Apache-2.0 */
// reason: packet-bounds
#include "bpf.h"

SEC("xdp") int jump(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(long)ctx->data;
	u8 *end = (u8 *)(long)ctx->data_end;
	if (data + 4 > end)
		return 2;
	u32 distance = *(u32 *)data & 0xfffff;
	u8 *there = data + distance;
	if (there + 1 > end)
		return 2;
	return *there == 1 ? 1 : 2;
}

LICENSE("GPL");
