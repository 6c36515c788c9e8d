/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct source {
	__u32 opened, answered;
};

MAP(sources, BPF_MAP_TYPE_LRU_HASH, __be32, struct source, 8192);
__u32 unanswered = 100;
__u64 syns, dropped;

#define SYN 2
#define ACK 16

SEC("xdp")
int syn_counter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u8 *flags = (void *)(ip + 1) + 13;
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_TCP || (void *)(flags + 1) > end)
		return XDP_PASS;
	__be32 address = ip->saddr;
	struct source *s;
	if ((*flags & (SYN | ACK)) == SYN) {
		__sync_fetch_and_add(&syns, 1);
		s = bpf_map_lookup_elem(&sources, &address);
		if (!s) {
			struct source fresh = {1, 0};
			bpf_map_update_elem(&sources, &address, &fresh, BPF_ANY);
			return XDP_PASS;
		}
		if (s->opened - s->answered >= unanswered) {
			__sync_fetch_and_add(&dropped, 1);
			return XDP_DROP;
		}
		s->opened++;
	} else if (*flags & ACK) {
		s = bpf_map_lookup_elem(&sources, &address);
		if (s && s->answered < s->opened)
			s->answered++;
	}
	return XDP_PASS;
}
