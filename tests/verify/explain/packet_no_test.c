/* SPDX-License-Identifier: Apache-2.0 */
// reason: packet-bounds
#include "bpf.h"

SEC("xdp") int first(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(long)ctx->data;
	return data[0] == 0xff ? 1 : 2;
}

LICENSE("GPL");
