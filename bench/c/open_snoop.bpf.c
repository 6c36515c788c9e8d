/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.bpf.h"

struct opening {
	__u32 flags;
	char name[16];
	char path[128];
};

struct seen {
	__s32 result;
	__u32 pid;
	__u64 count;
};

MAP(asked, BPF_MAP_TYPE_HASH, __u32, struct opening, 4096);
MAP(opened, BPF_MAP_TYPE_HASH, struct opening, struct seen, 8192);
bool failed_only;

SEC("tracepoint/syscalls/sys_enter_openat")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	struct opening o = {0};
	__u32 thread = bpf_get_current_pid_tgid();
	o.flags = ctx->args[2];
	bpf_get_current_comm(o.name, sizeof o.name);
	bpf_probe_read_user_str(o.path, sizeof o.path, (const void *)ctx->args[1]);
	bpf_map_update_elem(&asked, &thread, &o, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int leave(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;
	struct opening *o = bpf_map_lookup_elem(&asked, &thread);
	if (!o)
		return 0;
	if (!failed_only || ctx->ret < 0) {
		struct seen *seen = bpf_map_lookup_elem(&opened, o);
		if (seen) {
			seen->result = ctx->ret;
			seen->count += 1;
		} else {
			struct seen first = {ctx->ret, id >> 32, 1};
			bpf_map_update_elem(&opened, o, &first, BPF_ANY);
		}
	}
	bpf_map_delete_elem(&asked, &thread);
	return 0;
}
