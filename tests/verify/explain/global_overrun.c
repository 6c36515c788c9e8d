/* SPDX-License-Identifier: Apache-2.0 */
// reason: map-value-bounds
#include "bpf.h"

u32 seen[8];

SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 index = ctx->ingress_ifindex & 15;
	seen[index]++;
	return 2;
}

LICENSE("GPL");
