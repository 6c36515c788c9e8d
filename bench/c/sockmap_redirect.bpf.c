/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

struct ends {
	__be32 local_ip, remote_ip;
	__u32 local_port, remote_port;
};

MAP(sockets, BPF_MAP_TYPE_SOCKHASH, struct ends, __u32, 65536);
__u64 kept, messages, bytes;

SEC("sockops")
int keep(struct bpf_sock_ops *ctx)
{
	if (ctx->family != 2 || (ctx->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB &&
				 ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB))
		return 1;
	struct ends own = {ctx->local_ip4, ctx->remote_ip4, ctx->local_port,
			   bpf_ntohl(ctx->remote_port)};
	if (bpf_sock_hash_update(ctx, &sockets, &own, BPF_ANY) == 0)
		__sync_fetch_and_add(&kept, 1);
	return 1;
}

SEC("sk_msg")
int send(struct sk_msg_md *ctx)
{
	if (ctx->family != 2)
		return SK_PASS;
	__sync_fetch_and_add(&messages, 1);
	__sync_fetch_and_add(&bytes, ctx->size);
	struct ends peer = {ctx->remote_ip4, ctx->local_ip4, bpf_ntohl(ctx->remote_port),
			    ctx->local_port};
	bpf_msg_redirect_hash(ctx, &sockets, &peer, BPF_F_INGRESS);
	return SK_PASS;
}
