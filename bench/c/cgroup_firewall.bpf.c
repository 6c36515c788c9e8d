/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

MAP(forbidden, BPF_MAP_TYPE_HASH, __u32, __u32, 64);
__u64 connects, refused, bytes_out;

static __always_inline int is_allowed(__u32 port)
{
	__sync_fetch_and_add(&connects, 1);
	if (bpf_map_lookup_elem(&forbidden, &port)) {
		__sync_fetch_and_add(&refused, 1);
		return 0;
	}
	return 1;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return is_allowed(bpf_ntohs(ctx->user_port));
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	return is_allowed(bpf_ntohs(ctx->user_port));
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *ctx)
{
	__sync_fetch_and_add(&bytes_out, ctx->len);
	return 1;
}
