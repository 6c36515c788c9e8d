/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

enum { ROW_TCP, ROW_UDP, ROW_ICMP, ROW_OTHER };

struct traffic {
	__u64 packets, bytes;
};

MAP(packets, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 8);
MAP(traffic, BPF_MAP_TYPE_ARRAY, __u32, struct traffic, 8);

static __noinline __u32 row_of(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return ROW_TCP;
	case IPPROTO_UDP:
		return ROW_UDP;
	case IPPROTO_ICMP:
		return ROW_ICMP;
	default:
		return ROW_OTHER;
	}
}

SEC("xdp")
int count_protocols(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 size = end - data;
	struct iphdr *ip = data + ETH_HLEN;
	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	__u32 row = row_of(ip->protocol);
	__u64 *count = bpf_map_lookup_elem(&packets, &row);
	if (count)
		*count += 1;
	struct traffic *t = bpf_map_lookup_elem(&traffic, &row);
	if (t) {
		__sync_fetch_and_add(&t->packets, 1);
		__sync_fetch_and_add(&t->bytes, size);
	}
	return XDP_PASS;
}
