/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct connection {
	__be32 here, there;
	__be16 own_port, their_port;
	__u32 protocol;
};
struct ports {
	__be16 source, dest;
};

MAP(connections, BPF_MAP_TYPE_LRU_HASH, struct connection, __u64, 16384);
__u64 lifetime_ms = 30000, known, strange;

static __always_inline struct iphdr *find_headers(struct __sk_buff *ctx, struct ports **ports)
{
	__u32 needed = ETH_HLEN + sizeof(struct iphdr) + sizeof **ports;
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	if (data + needed > end) {
		if (bpf_skb_pull_data(ctx, needed))
			return NULL;
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
	}
	struct iphdr *ip = data + ETH_HLEN;
	*ports = (void *)(ip + 1);
	if ((void *)(*ports + 1) > end ||
	    (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP))
		return NULL;
	return ip;
}

SEC("tc")
int remember(struct __sk_buff *ctx)
{
	struct ports *ports;
	struct iphdr *ip = find_headers(ctx, &ports);
	if (!ip)
		return TC_ACT_OK;
	struct connection c = {ip->saddr, ip->daddr, ports->source, ports->dest, ip->protocol};
	__u64 now = bpf_ktime_get_ns();
	bpf_map_update_elem(&connections, &c, &now, BPF_ANY);
	return TC_ACT_OK;
}

SEC("tc")
int check(struct __sk_buff *ctx)
{
	struct ports *ports;
	struct iphdr *ip = find_headers(ctx, &ports);
	if (!ip)
		return TC_ACT_OK;
	struct connection c = {ip->daddr, ip->saddr, ports->dest, ports->source, ip->protocol};
	__u64 now = bpf_ktime_get_ns(), *last = bpf_map_lookup_elem(&connections, &c);
	if (last && now - *last < lifetime_ms * 1000000) {
		bpf_map_update_elem(&connections, &c, &now, BPF_ANY);
		__sync_fetch_and_add(&known, 1);
		return TC_ACT_OK;
	}
	__sync_fetch_and_add(&strange, 1);
	return TC_ACT_SHOT;
}
