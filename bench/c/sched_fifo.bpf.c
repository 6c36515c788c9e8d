/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define QUEUE 0
#define SLICE_DEFAULT 20000000ull

struct task_struct;
struct sched_ext_ops {
	int (*init)(void);
	void (*enqueue)(struct task_struct *p, __u64 enq_flags);
	void (*dispatch)(int cpu, struct task_struct *prev);
	char name[128];
};

extern int scx_bpf_create_dsq(__u64 dsq_id, int node) __ksym;
extern void scx_bpf_dsq_insert(struct task_struct *p, __u64 dsq_id, __u64 slice,
			       __u64 enq_flags) __ksym;
extern bool scx_bpf_dsq_move_to_local(__u64 dsq_id) __ksym;

__u64 queued, dispatched;

SEC("struct_ops.s/init")
int BPF_PROG(init)
{
	return scx_bpf_create_dsq(QUEUE, -1);
}

SEC("struct_ops/enqueue")
void BPF_PROG(enqueue, struct task_struct *p, __u64 enq_flags)
{
	__sync_fetch_and_add(&queued, 1);
	scx_bpf_dsq_insert(p, QUEUE, SLICE_DEFAULT, enq_flags);
}

SEC("struct_ops/dispatch")
void BPF_PROG(dispatch, int cpu, struct task_struct *prev)
{
	if (scx_bpf_dsq_move_to_local(QUEUE))
		__sync_fetch_and_add(&dispatched, 1);
}

SEC(".struct_ops")
struct sched_ext_ops ks_fifo = {
	.init = (void *)init,
	.enqueue = (void *)enqueue,
	.dispatch = (void *)dispatch,
	.name = "ks_fifo",
};

char _license[] SEC("license") = "GPL";
