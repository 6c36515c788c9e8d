/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

enum { IN = 1, OUT = 2 };

MAP(counts, BPF_MAP_TYPE_HASH, __u32, __u64, 16);
__u64 limit_ingress = -1, limit_egress = -1;

static __always_inline bool is_ipv4(struct __sk_buff *ctx)
{
	return ctx->protocol == bpf_htons(ETH_P_IP);
}

SEC("tc")
int count_in(struct __sk_buff *ctx)
{
	__u32 key = IN;
	if (!is_ipv4(ctx))
		return TC_ACT_OK;
	return count_key(&counts, &key) > limit_ingress ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int count_out(struct __sk_buff *ctx)
{
	__u32 key = OUT;
	if (!is_ipv4(ctx))
		return TC_ACT_OK;
	return count_key(&counts, &key) > limit_egress ? TC_ACT_SHOT : TC_ACT_OK;
}
