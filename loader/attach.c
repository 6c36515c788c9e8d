/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching by program kind, and taking away exactly what was attached: a program that somebody else
 * has put in place since stays.
 *
 * tc filters sit at a preference of their own with a handle made from the names of project and
 * program, so that a second run replaces the filter of the first and nobody else's.
 */
#include "loader/program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/calls.h"

enum {
	TC_PREFERENCE = 27507,
	XDP_MODES = XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE | XDP_FLAGS_HW_MODE,
	KERNEL_ENOTSUPP = 524, // has no name in userspace
};

struct attach_kind {
	const char *name; // of the program kind
	int (*attach)(struct program *p, struct attachment *a);
	void (*detach)(const struct program *p, const struct attachment *a);
	/* The command that removes it. */
	void (*describe)(const struct program *p, const struct attachment *a, char *out,
			 size_t size);
	enum bpf_tc_attach_point point; // tc
};

static int program_fd(const struct attachment *a)
{
	return bpf_program__fd(a->handle->program);
}

/* ---- xdp ---- */

static bool is_lack_of_driver_support(int err)
{
	return err == -EOPNOTSUPP || err == -KERNEL_ENOTSUPP || err == -EINVAL;
}

static int attach_xdp(struct program *p, struct attachment *a)
{
	if (a->flags & XDP_MODES)
		return bpf_xdp_attach((int)a->ifindex, program_fd(a), a->flags, NULL);
	uint32_t flags = a->flags;
	a->flags = flags | XDP_FLAGS_DRV_MODE;
	int err = bpf_xdp_attach((int)a->ifindex, program_fd(a), a->flags, NULL);
	if (!is_lack_of_driver_support(err))
		return err;
	log_reset(p);
	a->flags = flags | XDP_FLAGS_SKB_MODE;
	return bpf_xdp_attach((int)a->ifindex, program_fd(a), a->flags, NULL);
}

static void detach_xdp(const struct program *p, const struct attachment *a)
{
	(void)p;
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = program_fd(a));
	bpf_xdp_detach((int)a->ifindex, a->flags & XDP_MODES, &opts);
}

static void describe_xdp(const struct program *p, const struct attachment *a, char *out,
			 size_t size)
{
	(void)p;
	const char *mode = a->flags & XDP_FLAGS_SKB_MODE   ? "xdpgeneric"
			   : a->flags & XDP_FLAGS_DRV_MODE ? "xdpdrv"
							   : "xdpoffload";
	snprintf(out, size, "ip link set dev %s %s off", a->ifname, mode);
}

/* ---- tc ---- */

/* FNV-1a over "project/program"; the kernel wants a handle that is not 0. */
static uint32_t tc_handle(const struct program *p, const struct attachment *a)
{
	uint32_t hash = 2166136261u;
	const char *texts[] = {p->options->name, "/",
			       meta_text(&p->meta, p->meta.programs[a->handle->index].name)};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (const char *c = texts[i]; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash ? hash : 1;
}

static struct bpf_tc_hook tc_hook(const struct attachment *a)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)a->ifindex,
		.attach_point = a->kind->point,
	};
}

static int attach_tc(struct program *p, struct attachment *a)
{
	struct bpf_tc_hook hook = tc_hook(a);
	int err = bpf_tc_hook_create(&hook);
	if (err && err != -EEXIST)
		return err;
	log_reset(p);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = program_fd(a), .flags = BPF_TC_F_REPLACE,
		    .handle = tc_handle(p, a), .priority = TC_PREFERENCE);
	return bpf_tc_attach(&hook, &opts);
}

static uint32_t program_id(const struct attachment *a)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof info;
	return bpf_obj_get_info_by_fd(program_fd(a), &info, &len) == 0 ? info.id : 0;
}

static void detach_tc(const struct program *p, const struct attachment *a)
{
	struct bpf_tc_hook hook = tc_hook(a);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = tc_handle(p, a), .priority = TC_PREFERENCE);
	if (bpf_tc_query(&hook, &found) != 0 || found.prog_id != program_id(a))
		return;
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = tc_handle(p, a), .priority = TC_PREFERENCE);
	bpf_tc_detach(&hook, &opts);
}

static void describe_tc(const struct program *p, const struct attachment *a, char *out, size_t size)
{
	snprintf(out, size, "tc filter del dev %s %s pref %d handle 0x%x bpf", a->ifname,
		 a->kind->point == BPF_TC_INGRESS ? "ingress" : "egress", TC_PREFERENCE,
		 tc_handle(p, a));
}

/* ---- table ---- */

static const struct attach_kind kinds[] = {
	{.name = "xdp", .attach = attach_xdp, .detach = detach_xdp, .describe = describe_xdp},
	{.name = "tc/ingress",
	 .attach = attach_tc,
	 .detach = detach_tc,
	 .describe = describe_tc,
	 .point = BPF_TC_INGRESS},
	{.name = "tc/egress",
	 .attach = attach_tc,
	 .detach = detach_tc,
	 .describe = describe_tc,
	 .point = BPF_TC_EGRESS},
};

static const struct attach_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* ---- what is attached ---- */

/* The record of an earlier attachment to the same place, or a new one. */
static struct attachment *make_record(struct program *p, const struct attachment *wanted)
{
	for (uint32_t i = 0; i < p->attachment_count; i++) {
		struct attachment *a = &p->attachments[i];
		if (a->kind == wanted->kind && a->handle == wanted->handle &&
		    a->ifindex == wanted->ifindex)
			return a;
	}
	if (p->attachment_count == p->attachment_cap) {
		uint32_t cap = p->attachment_cap * 2 + 4;
		struct attachment *more = realloc(p->attachments, cap * sizeof *more);
		if (!more)
			return NULL;
		p->attachments = more;
		p->attachment_cap = cap;
	}
	return &p->attachments[p->attachment_count++];
}

static void explain(const struct program *p, const struct attachment *a, const char *name, int err)
{
	char what[128];
	if (err == -EEXIST || err == -EBUSY) {
		report(p, "`%s` cannot be attached to %s: another program is there%s%s", name,
		       a->ifname, p->kernel_message[0] ? ": " : "", p->kernel_message);
		return;
	}
	snprintf(what, sizeof what, "attaching `%.60s` to %s", name, a->ifname);
	log_explain_refusal(p, what, true, err);
}

static int attach_locked(struct program *p, const struct attachment *wanted, const char *name)
{
	struct attachment *a = make_record(p, wanted);
	if (!a)
		return -ENOMEM;
	*a = *wanted;
	log_reset(p);
	int err = a->kind->attach(p, a);
	a->is_active = err == 0;
	if (err)
		explain(p, a, name, err);
	return err;
}

int attach_program(struct program *p, struct handle *handle, const char *target, uint64_t flags)
{
	const struct ks_meta_program *row = &p->meta.programs[handle->index];
	const char *name = meta_text(&p->meta, row->name), *kind = meta_text(&p->meta, row->kind);
	struct attachment wanted = {
		.kind = find_kind(kind),
		.handle = handle,
		.ifindex = if_nametoindex(target),
		.flags = (uint32_t)flags,
	};
	if (!wanted.kind) {
		report(p, "`%s` cannot be attached: no way to attach a program of kind %s", name,
		       kind);
		return -EOPNOTSUPP;
	}
	if (!wanted.ifindex) {
		report(p, "`%s` cannot be attached: there is no interface `%s`", name, target);
		return -ENODEV;
	}
	snprintf(wanted.ifname, sizeof wanted.ifname, "%.15s", target);
	process_guard(p);
	pthread_mutex_lock(&p->lock);
	int err = attach_locked(p, &wanted, name);
	pthread_mutex_unlock(&p->lock);
	return err;
}

void attach_remove(struct program *p, const struct handle *handle)
{
	for (uint32_t i = p->attachment_count; i > 0; i--) {
		struct attachment *a = &p->attachments[i - 1];
		if (!a->is_active || (handle && a->handle != handle))
			continue;
		a->kind->detach(p, a);
		a->is_active = false;
	}
}

void attach_announce(const struct program *p)
{
	for (uint32_t i = 0; i < p->attachment_count; i++) {
		const struct attachment *a = &p->attachments[i];
		if (!a->is_active)
			continue;
		char command[160];
		a->kind->describe(p, a, command, sizeof command);
		report(p, "`%s` stays attached to %s; remove it with: %s",
		       meta_text(&p->meta, p->meta.programs[a->handle->index].name), a->ifname,
		       command);
	}
}

/* ---- calls ---- */

int32_t ks_attach(void *handle, const char *target, uint64_t flags)
{
	struct program *p = program_current();
	if (!handle) {
		report(p, "attach: the program was not loaded");
		return -EINVAL;
	}
	return attach_program(p, handle, target, flags);
}

void ks_detach(void *handle)
{
	struct program *p = program_current();
	if (!handle)
		return;
	pthread_mutex_lock(&p->lock);
	attach_remove(p, handle);
	pthread_mutex_unlock(&p->lock);
}
