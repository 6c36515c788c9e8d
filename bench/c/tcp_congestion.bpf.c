/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the kernel's structs that are used; CO-RE finds where they are. */
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock {
	int sk_unused;
};
struct tcp_sock {
	__u32 snd_cwnd, snd_ssthresh, prior_cwnd;
};
#pragma clang attribute pop
struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	char name[16];
};

extern void tcp_cong_avoid_ai(struct tcp_sock *tp, __u32 w, __u32 acked) __ksym;

__u64 acknowledged, losses;

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(ssthresh, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__sync_fetch_and_add(&losses, 1);
	__u32 left = tp->snd_cwnd * 7 / 10;
	return left < 2 ? 2 : left;
}

SEC("struct_ops/undo_cwnd")
__u32 BPF_PROG(undo_cwnd, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 before = tp->prior_cwnd, now = tp->snd_cwnd;
	return before > now ? before : now;
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__sync_fetch_and_add(&acknowledged, acked);
	if (tp->snd_cwnd < tp->snd_ssthresh)
		tp->snd_cwnd = tp->snd_cwnd + acked;
	else
		tcp_cong_avoid_ai(tp, tp->snd_cwnd, acked);
}

SEC(".struct_ops")
struct tcp_congestion_ops ks_gentle = {
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo_cwnd,
	.cong_avoid = (void *)cong_avoid,
	.name = "ks_gentle",
};

char _license[] SEC("license") = "GPL";
