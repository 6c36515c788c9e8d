/* SPDX-License-Identifier: Apache-2.0 */
// reason: helper-not-allowed
#include "bpf.h"

SEC("xdp") int load(struct xdp_md *ctx)
{
	u8 bytes[4];
	if (bpf_skb_load_bytes(ctx, 0, bytes, sizeof(bytes)))
		return 1;
	return bytes[0] ? 1 : 2;
}

LICENSE("GPL");
