/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.bpf.h"

struct name {
	char text[16];
};

MAP(by_number, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 512);
MAP(by_name, BPF_MAP_TYPE_HASH, struct name, __u64, 1024);
__u32 only_pid;
__u64 other;

SEC("tracepoint/raw_syscalls/sys_enter")
int count(struct trace_event_raw_sys_enter *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 number = ctx->id;
	struct name name = {0};
	if (only_pid && pid != only_pid)
		return 0;
	if (number < 512) {
		__u32 row = number;
		__u64 *value = bpf_map_lookup_elem(&by_number, &row);
		if (value)
			*value += 1;
	} else {
		__sync_fetch_and_add(&other, 1);
	}
	bpf_get_current_comm(&name, sizeof name);
	count_key(&by_name, &name);
	return 0;
}
