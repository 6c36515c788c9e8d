/* SPDX-License-Identifier: Apache-2.0 */
// reason: read-only-memory
#include "bpf.h"

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

SEC("tp_btf/task_newtask") int change(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	task->pid = 1;
	return 0;
}

LICENSE("GPL");
