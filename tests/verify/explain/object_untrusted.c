/* SPDX-License-Identifier: Apache-2.0 */
// reason: argument-type
#include "bpf.h"

struct task_struct {
	struct task_struct *last_wakee;
} __attribute__((preserve_access_index));
KFUNC struct task_struct *bpf_task_acquire(struct task_struct *p);
KFUNC void bpf_task_release(struct task_struct *p);

SEC("tp_btf/task_newtask") int keep(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct task_struct *waker = bpf_task_acquire(task->last_wakee);
	if (waker)
		bpf_task_release(waker);
	return 0;
}

LICENSE("GPL");
