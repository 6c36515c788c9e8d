/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct label {
	__u8 text[64];
};

MAP(forbidden, BPF_MAP_TYPE_HASH, struct label, __u32, 256);
__u64 questions, dropped;

SEC("xdp")
int dns_filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u8 *question = (void *)(udp + 1) + 12;
	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(53) ||
	    (void *)(question + 1) > end)
		return XDP_PASS;
	__sync_fetch_and_add(&questions, 1);
	struct label label = {};
	__u32 len = *question;
	for (int i = 0; i < 63; i++) {
		__u8 *byte = question + 1 + i;
		if (i >= len)
			break;
		if ((void *)(byte + 1) > end)
			continue;
		__u8 c = *byte;
		if (c >= 'A' && c <= 'Z')
			c += 32;
		label.text[i] = c;
	}
	if (bpf_map_lookup_elem(&forbidden, &label)) {
		__sync_fetch_and_add(&dropped, 1);
		return XDP_DROP;
	}
	return XDP_PASS;
}
