/* SPDX-License-Identifier: Apache-2.0 */
// reason: stack-bounds
#include "bpf.h"

SEC("xdp") int set(struct xdp_md *ctx)
{
	u8 bytes[16];
	u32 index = ctx->rx_queue_index & 1023;
	for (int i = 0; i < 16; i++)
		((volatile u8 *)bytes)[i] = 0;
	((volatile u8 *)bytes)[index] = 1;
	return bytes[3] ? 1 : 2;
}

LICENSE("GPL");
