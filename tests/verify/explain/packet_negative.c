/* SPDX-License-Identifier: Apache-2.0 */
// reason: negative-offset
#include "bpf.h"

SEC("xdp") int back(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(long)ctx->data;
	u8 *end = (u8 *)(long)ctx->data_end;
	if (data + 64 > end)
		return 2;
	s64 delta = *(signed char *)data;
	u8 *there = data + delta;
	if (there + 1 > end)
		return 2;
	return *there == 1 ? 1 : 2;
}

LICENSE("GPL");
