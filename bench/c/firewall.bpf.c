/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

enum { PASSED, CLOSED_PORT, LARGE_ICMP, FRAGMENT, BROKEN };

__u32 max_icmp = 128;
bool drop_fragments = true;

MAP(closed_ports, BPF_MAP_TYPE_HASH, __u16, bool, 256);
MAP(verdicts, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 8);

static __always_inline __u32 decide(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	if ((void *)(ip + 1) > end)
		return BROKEN;
	if (drop_fragments && (bpf_ntohs(ip->frag_off) & 0xbfff))
		return FRAGMENT;
	__u32 header = ip->ihl * 4;
	if (header < 20)
		return BROKEN;
	__u32 size = bpf_ntohs(ip->tot_len);
	switch (ip->protocol) {
	case IPPROTO_ICMP:
		return size > max_icmp ? LARGE_ICMP : PASSED;
	case IPPROTO_UDP:
	case IPPROTO_TCP: {
		struct udphdr *udp = (void *)ip + header;
		if ((void *)(udp + 1) > end)
			return BROKEN;
		__u16 port = bpf_ntohs(udp->dest);
		return bpf_map_lookup_elem(&closed_ports, &port) ? CLOSED_PORT : PASSED;
	}
	default:
		return PASSED;
	}
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	if ((void *)(eth + 1) <= end && eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	__u32 verdict = decide(ctx);
	__u64 *count = bpf_map_lookup_elem(&verdicts, &verdict);
	if (count)
		*count += 1;
	return verdict == PASSED ? XDP_PASS : XDP_DROP;
}
