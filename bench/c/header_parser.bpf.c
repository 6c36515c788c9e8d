/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct vlan_hdr {
	__be16 h_vlan_TCI, h_vlan_encapsulated_proto;
};

__u64 plain, tagged, ipv4, ipv6, too_short;
MAP(vlans, BPF_MAP_TYPE_HASH, __u16, __u64, 4096);

static __always_inline void add(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

SEC("xdp")
int header_parser(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	void *next = eth + 1;
	int tags = 0;
	if (next > end) {
		add(&too_short);
		return XDP_PASS;
	}
	__u16 kind = bpf_ntohs(eth->h_proto);
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_hdr *tag = next;
		if (kind != ETH_P_8021Q && kind != ETH_P_8021AD)
			break;
		if ((void *)(tag + 1) > end) {
			add(&too_short);
			return XDP_PASS;
		}
		__u16 vlan = bpf_ntohs(tag->h_vlan_TCI) & 0x0fff;
		count_key(&vlans, &vlan);
		kind = bpf_ntohs(tag->h_vlan_encapsulated_proto);
		next = tag + 1;
		tags++;
	}
	add(tags ? &tagged : &plain);
	if (kind == ETH_P_IP)
		add(next + sizeof(struct iphdr) <= end ? &ipv4 : &too_short);
	else if (kind == ETH_P_IPV6)
		add(next + sizeof(struct ipv6hdr) <= end ? &ipv6 : &too_short);
	return XDP_PASS;
}
