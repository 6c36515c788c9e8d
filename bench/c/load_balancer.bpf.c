/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct service {
	__be32 address;
	__be16 port;
	__u16 zero;
};
struct backend {
	__be32 address;
	__u8 mac[6];
	__u64 packets;
};

MAP(services, BPF_MAP_TYPE_HASH, struct service, __u32, 16);
MAP(backends, BPF_MAP_TYPE_ARRAY, __u32, struct backend, 64);
__u64 balanced;

static __always_inline __u16 repair(__u16 check, __u32 before, __u32 after)
{
	__u32 sum = ~check & 0xffff;
	sum += (~before >> 16) + (~before & 0xffff);
	sum += (after >> 16) + (after & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

SEC("xdp")
int load_balancer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	struct service service = {ip->daddr, udp->dest, 0};
	__u32 *count = bpf_map_lookup_elem(&services, &service);
	if (!count || !*count)
		return XDP_PASS;
	__u32 source = bpf_ntohl(ip->saddr);
	__u32 hash = (source ^ (source >> 16)) * 0x9e3779b1 + bpf_ntohs(udp->source);
	__u32 index = hash % *count;
	struct backend *b = bpf_map_lookup_elem(&backends, &index);
	if (!b)
		return XDP_PASS;
	__sync_fetch_and_add(&b->packets, 1);
	ip->check = bpf_htons(
		repair(bpf_ntohs(ip->check), bpf_ntohl(ip->daddr), bpf_ntohl(b->address)));
	ip->daddr = b->address;
	udp->check = 0;
	__builtin_memcpy(eth->h_source, eth->h_dest, 6);
	__builtin_memcpy(eth->h_dest, b->mac, 6);
	__sync_fetch_and_add(&balanced, 1);
	return XDP_TX;
}
