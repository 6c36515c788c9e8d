/* SPDX-License-Identifier: Apache-2.0 */
// reason: kernel-function
#include "bpf.h"

struct file {
	u32 flags;
};
struct task_struct {
	int pid;
};
KFUNC struct file *bpf_get_task_exe_file(struct task_struct *task);
KFUNC void bpf_put_file(struct file *file);

SEC("tp_btf/task_newtask") int find(u64 *ctx)
{
	struct file *file = bpf_get_task_exe_file((void *)ctx[0]);
	if (file)
		bpf_put_file(file);
	return 0;
}

LICENSE("GPL");
