/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

enum { BUCKETS = 16 };

MAP(sizes, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, BUCKETS);

static __always_inline __u32 bucket_of(__u32 size)
{
	__u32 bucket = 0;
	while (size > 0 && bucket < BUCKETS - 1) {
		size >>= 1;
		bucket += 1;
	}
	return bucket;
}

SEC("xdp")
int measure(struct xdp_md *ctx)
{
	__u32 bucket = bucket_of(ctx->data_end - ctx->data);
	__u64 *count = bpf_map_lookup_elem(&sizes, &bucket);
	if (count)
		*count += 1;
	return XDP_PASS;
}
