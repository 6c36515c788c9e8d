/* SPDX-License-Identifier: Apache-2.0 */
// reason: packet-bounds
#include "bpf.h"

SEC("xdp") int options(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(long)ctx->data;
	u8 *end = (u8 *)(long)ctx->data_end;
	if (data + 34 > end)
		return 2;
	u32 header = (data[14] & 15) * 4;
	u8 *udp = data + 14 + header;
	return udp[1] == 53 ? 1 : 2;
}

LICENSE("GPL");
