/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

SEC("xdp")
int packet_filter(struct xdp_md *ctx)
{
	__u64 packet_size = ctx->data_end - ctx->data;
	if (packet_size > 1500)
		return XDP_DROP;
	return XDP_PASS;
}
