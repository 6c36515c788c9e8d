/* SPDX-License-Identifier: Apache-2.0 */
// reason: special-field
#include "bpf.h"

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
KFUNC struct task_struct *bpf_task_acquire(struct task_struct *p);
KFUNC struct task_struct *bpf_task_from_pid(s32 pid);
KFUNC void bpf_task_release(struct task_struct *p);
struct slot {
	struct task_struct __attribute__((btf_type_tag("kptr"))) * task;
};
MAP(kept, ARRAY, 1, u32, struct slot);

SEC("tp_btf/task_newtask") int keep(u64 *ctx)
{
	u32 key = 0;
	struct slot *s = bpf_map_lookup_elem(&kept, &key);
	struct task_struct *task = (void *)ctx[0];
	if (!s || task->pid < 100)
		return 0;
	s->task = task;
	return 0;
}

LICENSE("GPL");
