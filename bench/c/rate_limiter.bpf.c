/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct bucket {
	__u64 tokens, refilled;
};

MAP(buckets, BPF_MAP_TYPE_LRU_HASH, __be32, struct bucket, 4096);
__u64 per_second = 1000, burst = 100;
__u64 passed, dropped;

#define SECOND 1000000000ull

static __always_inline bool take_token(__be32 source, __u64 now)
{
	struct bucket *b = bpf_map_lookup_elem(&buckets, &source);
	if (b) {
		__u64 tokens = b->tokens + (now - b->refilled) * per_second;
		if (tokens > burst * SECOND)
			tokens = burst * SECOND;
		b->refilled = now;
		if (tokens < SECOND) {
			b->tokens = tokens;
			return false;
		}
		b->tokens = tokens - SECOND;
		return true;
	}
	struct bucket fresh = {(burst - 1) * SECOND, now};
	bpf_map_update_elem(&buckets, &source, &fresh, BPF_ANY);
	return true;
}

SEC("xdp")
int rate_limiter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(eth + 1) <= end && eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (!take_token(ip->saddr, bpf_ktime_get_ns())) {
		__sync_fetch_and_add(&dropped, 1);
		return XDP_DROP;
	}
	__sync_fetch_and_add(&passed, 1);
	return XDP_PASS;
}
