/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places that are links of the kernel: cgroups, network namespaces, hooks of netfilter, and interfaces
 * by tcx. The bpf(2) calls are made here, because libbpf 1.1 knows neither tcx nor netfilter.
 *
 * A link is pinned when it is to outlive the process, under a number made from project, program and target:
 * a second run finds the pin of the first and puts its own program into that link, without a moment
 * between the two.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "loader/bpffs.h"
#include "loader/place_kind.h"
#include "loader/program.h"

/* Numbers that the headers of the machine that builds the runtime may not have, include/uapi/linux/bpf.h,
 * Linux 6.12: enum bpf_cmd, enum bpf_attach_type, enum bpf_link_type. */
enum {
	COMMAND_LINK_CREATE = 28,
	COMMAND_LINK_UPDATE = 29,
	COMMAND_INFO = 15,
	ATTACH_STRUCT_OPS = 44,
	ATTACH_NETFILTER = 45,
	ATTACH_TCX_INGRESS = 46,
	ATTACH_TCX_EGRESS = 47,
	FAMILY_IPV4 = 2, // NFPROTO_IPV4
	FAMILY_IPV6 = 10,
	CGROUP2_MAGIC = 0x63677270,
	PATH_SIZE = 512,
};

/* The parts of union bpf_attr and struct bpf_link_info that are used. */
struct create_arguments {
	uint32_t program, target, attach_type, flags;
	uint32_t family, hook; // of netfilter
	int32_t priority;
	uint32_t netfilter_flags;
	uint8_t rest[32];
};

struct update_arguments {
	uint32_t link, program, flags, old_program;
};

struct info_arguments {
	uint32_t fd, size;
	uint64_t info;
};

struct link_info {
	uint32_t type, id, program, reserved;
	uint32_t target; // of every kind used here: 0 when the target is gone
	uint8_t rest[64];
};

static int call_bpf(int command, void *arguments, size_t size)
{
	long result = syscall(SYS_bpf, command, arguments, size);
	return result < 0 ? -errno : (int)result;
}

static bool get_info(int link, struct link_info *info)
{
	memset(info, 0, sizeof *info);
	struct info_arguments a = {(uint32_t)link, sizeof *info, (uint64_t)(uintptr_t)info};
	return call_bpf(COMMAND_INFO, &a, sizeof a) == 0;
}

static void pin_name(const struct place *place, char out[16])
{
	snprintf(out, 16, "%08x", place->detail);
}

/* ---- targets ---- */

static bool is_cgroup2(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && (long)fs.f_type == CGROUP2_MAGIC;
}

/* Where the cgroup file system of version 2 is: beside version 1 it has a folder of its own. */
static const char *const cgroup_roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

/* A path that does not begin with a slash starts at the root of the file system. */
static int open_cgroup(const char *target)
{
	char root[64], path[PATH_SIZE];
	int process = 0;
	while (bpffs_next_root(root, sizeof root, &process)) {
		for (size_t i = 0; i < 2; i++) {
			if (*target == '/')
				snprintf(path, sizeof path, "%s%s", root, target);
			else
				snprintf(path, sizeof path, "%s%s/%s", root, cgroup_roots[i],
					 target);
			int fd = is_cgroup2(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
						  : -1;
			if (fd >= 0)
				return fd;
		}
	}
	return -ENOENT;
}

/* "" is this process's own; a name one that `ip netns` made; else a path. */
static int open_network(const char *target)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s%s", strchr(target, '/') ? "" : "/run/netns/", target);
	int fd = open(*target ? path : "/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static uint32_t family_of(const char *target)
{
	return !strcmp(target, "ipv4") ? FAMILY_IPV4 : !strcmp(target, "ipv6") ? FAMILY_IPV6 : 0;
}

/* Descriptor or number that the kernel wants; *is_open: the former. */
static int find_target(const struct place *place, bool *is_open)
{
	*is_open = false;
	switch (place->kind->target) {
	case TARGET_CGROUP:
		*is_open = true;
		return open_cgroup(place->target);
	case TARGET_NETWORK:
		*is_open = true;
		return open_network(place->target);
	case TARGET_FAMILY:
		return family_of(place->target) ? 0 : -EAFNOSUPPORT;
	case TARGET_INTERFACE:
		return (int)place->ifindex;
	case TARGET_OPS:
		return 0;
	case TARGET_MAP:
	case TARGET_FIXED:
	case TARGET_FUNCTION:
	case TARGET_EVENT:
	case TARGET_SYMBOL:
	case TARGET_NOTE:
	case TARGET_ITERATOR:
		break;
	}
	return -EINVAL;
}

/* ---- operations ---- */

static int create_link(const struct place *place, int program_fd)
{
	bool is_open;
	int target = find_target(place, &is_open);
	if (target < 0)
		return target;
	struct create_arguments a = {
		.program = (uint32_t)program_fd,
		.target = (uint32_t)target,
		.attach_type = place->kind->point,
	};
	if (place->kind->target == TARGET_FAMILY) {
		a.attach_type = ATTACH_NETFILTER;
		a.family = family_of(place->target);
		a.hook = place->kind->point;
		a.priority = place->order;
	}
	int link = call_bpf(COMMAND_LINK_CREATE, &a, sizeof a);
	if (is_open)
		close(target);
	return link;
}

/* Puts the program into the link that an earlier run left; -ENOENT when there is none to take. */
static int take_over(const struct place *place, int program_fd)
{
	char name[16];
	struct link_info info;
	pin_name(place, name);
	int link = bpffs_open(place->project, "links", name);
	if (link < 0)
		return -ENOENT;
	struct update_arguments a = {.link = (uint32_t)link, .program = (uint32_t)program_fd};
	bool is_alive = get_info(link, &info) && info.target;
	if (is_alive && call_bpf(COMMAND_LINK_UPDATE, &a, sizeof a) == 0)
		return link;
	bpffs_unpin(place->project, "links", name);
	close(link);
	return -ENOENT;
}

static int attach_link(struct program *p, struct place *place, int program_fd)
{
	(void)p;
	int link = take_over(place, program_fd);
	if (link == -ENOENT)
		link = create_link(place, program_fd);
	if (link < 0)
		return link;
	place->link = link;
	return 0;
}

static int keep_link(struct program *p, struct place *place, int program_fd)
{
	char name[16];
	(void)program_fd;
	pin_name(place, name);
	int err = bpffs_pin(place->project, "links", name, place->link);
	if (err == -ENODEV)
		report(p,
		       "what stays attached to %s needs the BPF file system: mount -t bpf bpf "
		       "/sys/fs/bpf",
		       place->target);
	return err;
}

static uint32_t link_program_id(const struct place *place)
{
	char name[16];
	struct link_info info;
	pin_name(place, name);
	int link = place->link ? place->link : bpffs_open(place->project, "links", name);
	bool is_there = link >= 0 && get_info(link, &info) && info.target;
	if (link >= 0 && link != place->link)
		close(link);
	uint32_t id = place->kind->target == TARGET_OPS ? info.target : info.program;
	return is_there ? id : 0;
}

static int clear_link(const struct place *place, int program_fd)
{
	char name[16];
	uint32_t there = link_program_id(place);
	bool is_ours = there && there == program_id_of(program_fd);
	pin_name(place, name);
	if (is_ours || place->link)
		bpffs_unpin(place->project, "links", name);
	if (place->link)
		close(place->link);
	return is_ours ? 0 : -ENOENT;
}

static void link_command(const struct place *place, char *out, size_t size)
{
	snprintf(out, size, "rm /sys/fs/bpf/%.200s/links/%08x", place->project, place->detail);
}

/* ---- table ---- */

#define LINK_OPERATIONS                                                                            \
	.attach = attach_link, .clear = clear_link, .program_id = link_program_id,                 \
	.command = link_command, .keep = keep_link, .has_handle = true
#define CGROUP(text, number)                                                                       \
	{                                                                                          \
		.name = text, LINK_OPERATIONS, .target = TARGET_CGROUP, .point = number            \
	}
#define NETFILTER(text, hook)                                                                      \
	{                                                                                          \
		.name = "netfilter/" text, LINK_OPERATIONS, .target = TARGET_FAMILY, .point = hook \
	}

const struct place_kind place_link_kinds[] = {
	CGROUP("cgroup/skb/ingress", BPF_CGROUP_INET_INGRESS),
	CGROUP("cgroup/skb/egress", BPF_CGROUP_INET_EGRESS),
	CGROUP("cgroup/sock_create", BPF_CGROUP_INET_SOCK_CREATE),
	CGROUP("cgroup/sock_release", BPF_CGROUP_INET_SOCK_RELEASE),
	CGROUP("cgroup/post_bind4", BPF_CGROUP_INET4_POST_BIND),
	CGROUP("cgroup/post_bind6", BPF_CGROUP_INET6_POST_BIND),
	CGROUP("cgroup/bind4", BPF_CGROUP_INET4_BIND),
	CGROUP("cgroup/bind6", BPF_CGROUP_INET6_BIND),
	CGROUP("cgroup/connect4", BPF_CGROUP_INET4_CONNECT),
	CGROUP("cgroup/connect6", BPF_CGROUP_INET6_CONNECT),
	CGROUP("cgroup/sendmsg4", BPF_CGROUP_UDP4_SENDMSG),
	CGROUP("cgroup/sendmsg6", BPF_CGROUP_UDP6_SENDMSG),
	CGROUP("cgroup/recvmsg4", BPF_CGROUP_UDP4_RECVMSG),
	CGROUP("cgroup/recvmsg6", BPF_CGROUP_UDP6_RECVMSG),
	CGROUP("cgroup/getpeername4", BPF_CGROUP_INET4_GETPEERNAME),
	CGROUP("cgroup/getpeername6", BPF_CGROUP_INET6_GETPEERNAME),
	CGROUP("cgroup/getsockname4", BPF_CGROUP_INET4_GETSOCKNAME),
	CGROUP("cgroup/getsockname6", BPF_CGROUP_INET6_GETSOCKNAME),
	CGROUP("cgroup/device", BPF_CGROUP_DEVICE),
	CGROUP("cgroup/sysctl", BPF_CGROUP_SYSCTL),
	CGROUP("cgroup/getsockopt", BPF_CGROUP_GETSOCKOPT),
	CGROUP("cgroup/setsockopt", BPF_CGROUP_SETSOCKOPT),
	CGROUP("sockops", BPF_CGROUP_SOCK_OPS),
	{.name = "sk_lookup", LINK_OPERATIONS, .target = TARGET_NETWORK, .point = BPF_SK_LOOKUP},
	{.name = "tcx/ingress", LINK_OPERATIONS, .point = ATTACH_TCX_INGRESS},
	{.name = "tcx/egress", LINK_OPERATIONS, .point = ATTACH_TCX_EGRESS},
	/* The "program" of this one is the map of the struct_ops. */
	{.name = "struct_ops", LINK_OPERATIONS, .target = TARGET_OPS, .point = ATTACH_STRUCT_OPS},
	/* enum nf_inet_hooks */
	NETFILTER("prerouting", 0),
	NETFILTER("input", 1),
	NETFILTER("forward", 2),
	NETFILTER("output", 3),
	NETFILTER("postrouting", 4),
};
const size_t place_link_kind_count = sizeof place_link_kinds / sizeof *place_link_kinds;
