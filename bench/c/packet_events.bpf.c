/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct packet {
	__be32 source, target;
	__u32 length;
	__u8 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} packets SEC(".maps");
__u64 dropped;

SEC("xdp")
int report(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	struct packet *p = bpf_ringbuf_reserve(&packets, sizeof *p, 0);
	if (!p) {
		__sync_fetch_and_add(&dropped, 1);
		return XDP_PASS;
	}
	__builtin_memset(p, 0, sizeof *p);
	p->source = ip->saddr;
	p->target = ip->daddr;
	p->length = end - data;
	p->protocol = ip->protocol;
	bpf_ringbuf_submit(p, 0);
	return XDP_PASS;
}
