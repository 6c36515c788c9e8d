/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct packet_info {
	__u16 size;
};

MAP(connection_count, BPF_MAP_TYPE_HASH, __u32, __u64, 1024);
MAP(ip_stats, BPF_MAP_TYPE_HASH, __u32, struct packet_info, 1024);
MAP(recent, BPF_MAP_TYPE_LRU_HASH, __u32, __u64, 64);
MAP(blocked, BPF_MAP_TYPE_HASH, __u32, bool, 64);

static __always_inline __u64 count_connection(__u32 ip)
{
	__u64 *count = bpf_map_lookup_elem(&connection_count, &ip), value = 1;
	if (count)
		value = *count + 1;
	bpf_map_update_elem(&connection_count, &ip, &value, BPF_ANY);
	return value - 1;
}

static __always_inline void add_size(__u32 ip, __u16 delta)
{
	struct packet_info *info = bpf_map_lookup_elem(&ip_stats, &ip), zero = {0};
	if (!info) {
		bpf_map_update_elem(&ip_stats, &ip, &zero, BPF_ANY);
		info = bpf_map_lookup_elem(&ip_stats, &ip);
	}
	if (info)
		info->size += delta;
}

SEC("xdp")
int map_idioms(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	__u32 source = bpf_ntohl(ip->saddr);
	if (bpf_map_lookup_elem(&blocked, &source))
		return XDP_DROP;
	count_connection(source);
	add_size(source, bpf_ntohs(ip->tot_len));
	__u64 now = bpf_ktime_get_ns();
	bpf_map_update_elem(&recent, &source, &now, BPF_ANY);
	__u64 *count = bpf_map_lookup_elem(&connection_count, &source);
	if (count && *count >= 1000)
		bpf_map_delete_elem(&connection_count, &source);
	return XDP_PASS;
}
