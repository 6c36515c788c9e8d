/* SPDX-License-Identifier: Apache-2.0 */
// reason: kernel-too-old
// kernel: 5.10
#include "bpf.h"

static long (*bpf_xdp_load_bytes)(void *xdp, u32 off, void *to, u32 len) = (void *)189;

SEC("xdp") int run(struct xdp_md *ctx)
{
	u8 bytes[4] = {0};
	bpf_xdp_load_bytes(ctx, 14, bytes, sizeof(bytes));
	return bytes[0] ? 1 : 2;
}

LICENSE("GPL");
