/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.bpf.h"

enum { DENIED = -13 };

struct name {
	char text[16];
};

struct file_name {
	char text[32];
};

MAP(watched_programs, BPF_MAP_TYPE_HASH, struct name, __u32, 64);
MAP(secret_files, BPF_MAP_TYPE_HASH, struct file_name, __u32, 64);
__u64 refused_files, refused_programs;

static __always_inline bool is_watched(void)
{
	struct name name = {0};
	bpf_get_current_comm(&name, sizeof name);
	return bpf_map_lookup_elem(&watched_programs, &name) != NULL;
}

SEC("lsm/file_open")
int BPF_PROG(open_file, struct file *file)
{
	struct file_name name = {0};
	if (!is_watched())
		return 0;
	bpf_probe_read_kernel_str(name.text, sizeof name.text, file->f_path.dentry->d_name.name);
	if (!bpf_map_lookup_elem(&secret_files, &name))
		return 0;
	__sync_fetch_and_add(&refused_files, 1);
	return DENIED;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(run_program)
{
	if (!is_watched())
		return 0;
	__sync_fetch_and_add(&refused_programs, 1);
	return DENIED;
}
