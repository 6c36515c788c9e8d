/* SPDX-License-Identifier: Apache-2.0 */
// reason: bad-release
#include "bpf.h"

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
KFUNC struct task_struct *bpf_task_acquire(struct task_struct *p);
KFUNC struct task_struct *bpf_task_from_pid(s32 pid);
KFUNC void bpf_task_release(struct task_struct *p);

SEC("tp_btf/task_newtask") int drop(u64 *ctx)
{
	bpf_task_release((void *)ctx[0]);
	return 0;
}

LICENSE("GPL");
