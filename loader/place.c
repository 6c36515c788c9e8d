/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching, asking and clearing by program kind. Only a program that is still the expected one is
 * taken away: what somebody else has put there since stays.
 *
 * tc filters sit at a preference of their own with a handle made from the names of project and
 * program, so that a second run replaces the filter of the first and nobody else's.
 */
#include "loader/place_kind.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "loader/program.h"

enum {
	TC_PREFERENCE = 27507,
	XDP_MODES = XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE | XDP_FLAGS_HW_MODE,
	KERNEL_ENOTSUPP = 524, // has no name in userspace
};

uint32_t program_id_of(int program_fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof info;
	return bpf_obj_get_info_by_fd(program_fd, &info, &len) == 0 ? info.id : 0;
}

/* ---- xdp ---- */

static bool is_lack_of_driver_support(int err)
{
	return err == -EOPNOTSUPP || err == -KERNEL_ENOTSUPP || err == -EINVAL;
}

static int attach_xdp(struct program *p, struct place *place, int program_fd)
{
	int ifindex = (int)place->ifindex;
	uint32_t flags = place->detail;
	if (flags & XDP_MODES)
		return bpf_xdp_attach(ifindex, program_fd, flags, NULL);
	place->detail = flags | XDP_FLAGS_DRV_MODE;
	int err = bpf_xdp_attach(ifindex, program_fd, place->detail, NULL);
	if (!is_lack_of_driver_support(err))
		return err;
	log_reset(p);
	place->detail = flags | XDP_FLAGS_SKB_MODE;
	return bpf_xdp_attach(ifindex, program_fd, place->detail, NULL);
}

static int clear_xdp(const struct place *place, int program_fd)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = program_fd);
	int err = bpf_xdp_detach((int)place->ifindex, place->detail & XDP_MODES, &opts);
	return err == -EEXIST || err == -ENODEV ? -ENOENT : err;
}

static uint32_t xdp_program_id(const struct place *place)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	if (bpf_xdp_query((int)place->ifindex, 0, &opts) != 0)
		return 0;
	if (place->detail & XDP_FLAGS_SKB_MODE)
		return opts.skb_prog_id;
	return place->detail & XDP_FLAGS_HW_MODE ? opts.hw_prog_id : opts.drv_prog_id;
}

static void xdp_command(const struct place *place, char *out, size_t size)
{
	const char *mode = place->detail & XDP_FLAGS_SKB_MODE  ? "xdpgeneric"
			   : place->detail & XDP_FLAGS_HW_MODE ? "xdpoffload"
							       : "xdpdrv";
	snprintf(out, size, "ip link set dev %s %s off", place->target, mode);
}

/* ---- tc ---- */

static struct bpf_tc_hook tc_hook(const struct place *place)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)place->ifindex,
		.attach_point = (enum bpf_tc_attach_point)place->kind->point,
	};
}

static int attach_tc(struct program *p, struct place *place, int program_fd)
{
	struct bpf_tc_hook hook = tc_hook(place);
	int err = bpf_tc_hook_create(&hook);
	if (err && err != -EEXIST)
		return err;
	log_reset(p);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = program_fd, .flags = BPF_TC_F_REPLACE,
		    .handle = place->detail, .priority = TC_PREFERENCE);
	return bpf_tc_attach(&hook, &opts);
}

static uint32_t tc_program_id(const struct place *place)
{
	struct bpf_tc_hook hook = tc_hook(place);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = place->detail, .priority = TC_PREFERENCE);
	return bpf_tc_query(&hook, &found) == 0 ? found.prog_id : 0;
}

static int clear_tc(const struct place *place, int program_fd)
{
	struct bpf_tc_hook hook = tc_hook(place);
	uint32_t there = tc_program_id(place);
	if (!there || there != program_id_of(program_fd))
		return -ENOENT;
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = place->detail, .priority = TC_PREFERENCE);
	return bpf_tc_detach(&hook, &opts);
}

static void tc_command(const struct place *place, char *out, size_t size)
{
	snprintf(out, size, "tc filter del dev %s %s pref %d handle 0x%x bpf", place->target,
		 place->kind->point == BPF_TC_INGRESS ? "ingress" : "egress", TC_PREFERENCE,
		 place->detail);
}

/* A classifier goes to tcx where the kernel has it (Linux 6.6) and the program's verdicts mean the same
 * there; else it becomes a filter of the queueing discipline clsact. */
static int attach_classifier(struct program *p, struct place *place, int program_fd)
{
	const struct place_kind *own = place->kind;
	if (place->is_tcx) {
		place->kind = place_find_kind(own->point == BPF_TC_INGRESS ? "tcx/ingress"
									   : "tcx/egress");
		int err = place->kind->attach(p, place, program_fd);
		if (err != -EINVAL && err != -EOPNOTSUPP)
			return err;
		place->kind = own;
	}
	return attach_tc(p, place, program_fd);
}

/* ---- table ---- */

#define XDP(text)                                                                                  \
	{                                                                                          \
		.name = text, .attach = attach_xdp, .clear = clear_xdp,                            \
		.program_id = xdp_program_id, .command = xdp_command                               \
	}
#define TC(text, direction)                                                                        \
	{                                                                                          \
		.name = text, .attach = attach_classifier, .clear = clear_tc,                      \
		.program_id = tc_program_id, .command = tc_command, .has_handle = true,            \
		.point = direction                                                                 \
	}

static const struct place_kind kinds[] = {
	XDP("xdp"),
	XDP("xdp/frags"),
	TC("tc/ingress", BPF_TC_INGRESS),
	TC("tc/egress", BPF_TC_EGRESS),
};

static const struct place_kind *find_in(const struct place_kind *table, size_t count,
					const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

const struct place_kind *place_find_kind(const char *name)
{
	const struct place_kind *found = find_in(kinds, sizeof kinds / sizeof *kinds, name);
	if (!found)
		found = find_in(place_link_kinds, place_link_kind_count, name);
	if (!found)
		found = find_in(place_trace_kinds, place_trace_kind_count, name);
	return found ? found : find_in(place_map_kinds, place_map_kind_count, name);
}

const char *place_kind_name(const struct place *place)
{
	return place->kind->name;
}

const char *place_target_word(const struct place_kind *kind)
{
	static const char *const words[] = {
		[TARGET_INTERFACE] = "interface",
		[TARGET_CGROUP] = "cgroup (version 2)",
		[TARGET_NETWORK] = "network namespace",
		[TARGET_FAMILY] = "family (ipv4, ipv6 or \"\" for both)",
		[TARGET_MAP] = "map",
		[TARGET_OPS] = "struct_ops",
		[TARGET_FIXED] = "such thing to watch as",
		[TARGET_FUNCTION] = "function",
		[TARGET_EVENT] = "tracepoint",
		[TARGET_SYMBOL] = "symbol",
		[TARGET_NOTE] = "probe",
		[TARGET_ITERATOR] = "file",
	};
	return words[kind->target];
}

bool place_is_fixed(const struct place_kind *kind)
{
	return kind->target == TARGET_FIXED;
}

bool place_is_local(const struct place *place)
{
	return place->kind->target == TARGET_INTERFACE && !place->kind->keep;
}

bool place_may_stay(const struct place *place)
{
	return !place->kind->ends;
}

/* FNV-1a over "project/program/target"; the kernel wants a handle that is not 0. */
static uint32_t make_handle(const struct place_wish *wish, bool has_target)
{
	uint32_t hash = 2166136261u;
	const char *texts[] = {wish->project, "/", wish->program, "/",
			       wish->kind,    "/", wish->target};
	size_t count = has_target ? sizeof texts / sizeof *texts : 3;
	for (size_t i = 0; i < count; i++)
		for (const char *c = texts[i]; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash ? hash : 1;
}

int place_make(struct program *p, struct place *place, const struct place_wish *wish)
{
	const struct place_kind *kind = place_find_kind(wish->kind);
	bool is_interface = kind->target == TARGET_INTERFACE;
	(void)p;
	*place = (struct place){
		.kind = kind,
		.project = wish->project,
		.ifindex = is_interface ? if_nametoindex(wish->target) : 0,
		.detail = kind->has_handle ? make_handle(wish, !is_interface || kind->keep)
					   : (uint32_t)wish->flags,
		.order = (int32_t)wish->flags,
		.is_tcx = wish->is_tcx,
		.row = wish->row,
	};
	if (strlen(wish->target) >= sizeof place->target)
		return -ENAMETOOLONG;
	snprintf(place->target, sizeof place->target, "%s", wish->target);
	if (kind->target == TARGET_FIXED && strcmp(wish->target, wish->watched) != 0)
		return -ENOENT;
	bool is_everywhere = kind->ends && !*wish->target; // a filter of every interface
	return is_interface && !place->ifindex && !is_everywhere ? -ENODEV : 0;
}

int place_attach(struct program *p, struct place *place, int program_fd)
{
	return place->kind->attach(p, place, program_fd);
}

int place_keep(struct program *p, struct place *place, int program_fd)
{
	return place->kind->keep ? place->kind->keep(p, place, program_fd) : 0;
}

int place_open(const struct place *place, uint32_t id)
{
	int fd = place->kind->target == TARGET_OPS ? bpf_map_get_fd_by_id(id)
						   : bpf_prog_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

int place_clear(const struct place *place, int program_fd)
{
	return place->kind->clear(place, program_fd);
}

uint32_t place_program_id(const struct place *place)
{
	return place->kind->program_id(place);
}

void place_command(const struct place *place, char *out, size_t size)
{
	place->kind->command(place, out, size);
}
