/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.bpf.h"

enum { INET = 2 };

struct connection {
	__be32 local, remote;
	__u16 local_port;
	__be16 remote_port;
	__u8 state;
	__u8 padding[3];
};

MAP(segments, BPF_MAP_TYPE_HASH, struct connection, __u64, 4096);
__u64 other_families;

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(sent_again, struct sock *sk)
{
	if (!sk)
		return 0;
	if (sk->__sk_common.skc_family != INET) {
		__sync_fetch_and_add(&other_families, 1);
		return 0;
	}
	struct connection c = {
		.local = sk->__sk_common.skc_rcv_saddr,
		.remote = sk->__sk_common.skc_daddr,
		.local_port = sk->__sk_common.skc_num,
		.remote_port = sk->__sk_common.skc_dport,
		.state = sk->__sk_common.skc_state,
	};
	count_key(&segments, &c);
	return 0;
}
