/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.bpf.h"

enum { SHELL, LOGIN, NETWORK, BUILD, OTHER };

MAP(askers, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 8);
__u64 secrets, libraries;

#define IS(text, literal) (__builtin_memcmp(text, literal, sizeof literal) == 0)

static __always_inline __u32 asker_of(const char *name)
{
	if (IS(name, "bash") || IS(name, "sh") || IS(name, "dash") || IS(name, "zsh"))
		return SHELL;
	if (IS(name, "sshd") || IS(name, "sudo") || IS(name, "login") || IS(name, "systemd-logind"))
		return LOGIN;
	if (IS(name, "curl") || IS(name, "wget") || IS(name, "nginx"))
		return NETWORK;
	if (IS(name, "make") || IS(name, "ninja") || IS(name, "clang"))
		return BUILD;
	return OTHER;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int asked(struct trace_event_raw_sys_enter *ctx)
{
	char name[16] __attribute__((aligned(8))), path[64] __attribute__((aligned(8)));
	bpf_get_current_comm(name, sizeof name);
	__u32 asker = asker_of(name);
	__u64 *count = bpf_map_lookup_elem(&askers, &asker);
	if (count)
		*count += 1;
	if (bpf_probe_read_user_str(path, sizeof path, (const void *)ctx->args[1]) < 0)
		return 0;
	if (IS(path, "/etc/shadow") || IS(path, "/etc/sudoers") ||
	    IS(path, "/root/.ssh/id_ed25519"))
		__sync_fetch_and_add(&secrets, 1);
	else if (IS(path, "/etc/ld.so.cache") || IS(path, "/lib/x86_64-linux-gnu/libc.so.6"))
		__sync_fetch_and_add(&libraries, 1);
	return 0;
}
