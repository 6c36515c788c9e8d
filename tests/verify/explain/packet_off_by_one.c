/* SPDX-License-Identifier: Apache-2.0 */
// reason: packet-bounds
#include "bpf.h"

SEC("xdp") int version(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(long)ctx->data;
	u8 *end = (u8 *)(long)ctx->data_end;
	if (data + 14 > end)
		return 2;
	return data[14] >> 4 == 4 ? 2 : 1;
}

LICENSE("GPL");
