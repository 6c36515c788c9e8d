/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct prefix {
	__u32 bits;
	__be32 address;
};
struct rule {
	__u32 action;
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, struct rule);
} rules SEC(".maps");
__u64 unmatched;

SEC("xdp")
int prefix_firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	struct prefix key = {32, ip->saddr};
	struct rule *rule = bpf_map_lookup_elem(&rules, &key);
	if (!rule) {
		__sync_fetch_and_add(&unmatched, 1);
		return XDP_PASS;
	}
	__sync_fetch_and_add(&rule->packets, 1);
	return rule->action == 0 ? XDP_DROP : XDP_PASS;
}
