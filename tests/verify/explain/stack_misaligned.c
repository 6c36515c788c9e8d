/* SPDX-License-Identifier: Apache-2.0 */
// reason: misaligned-access
#include "bpf.h"

SEC("xdp") int pack(struct xdp_md *ctx)
{
	u8 bytes[24] __attribute__((aligned(8))) = {0};
	u8 *at = bytes;
	HIDE(at);
	*(u64 *)(at + 3) = ctx->rx_queue_index;
	return bytes[4] ? 1 : 2;
}

LICENSE("GPL");
