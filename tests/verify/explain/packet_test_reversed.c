/* SPDX-License-Identifier: Apache-2.0 */
// reason: packet-bounds
#include "bpf.h"

SEC("xdp") int first(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(long)ctx->data;
	u8 *end = (u8 *)(long)ctx->data_end;
	if (data + 14 > end)
		return data[12] == 8 ? 1 : 2;
	return 2;
}

LICENSE("GPL");
