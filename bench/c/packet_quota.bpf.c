/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

MAP(packet_counts, BPF_MAP_TYPE_HASH, __u32, __u64, 1024);
__u32 limit = 100;

SEC("xdp")
int packet_quota(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(eth + 1) <= end && eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	__u32 source = bpf_ntohl(ip->saddr);
	if (count_key(&packet_counts, &source) > limit)
		return XDP_DROP;
	return XDP_PASS;
}
