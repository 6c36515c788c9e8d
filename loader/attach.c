/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this process has attached: attach() and detach() of compiled code, removal at the end, and
 * the lines that say what stays.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "loader/calls.h"
#include "loader/program.h"
#include "loader/record.h"

static int program_fd(const struct attachment *a)
{
	return bpf_program__fd(a->handle->program);
}

static const char *program_name(const struct program *p, const struct attachment *a)
{
	return meta_text(&p->meta, p->meta.programs[a->handle->index].name);
}

/* The record of an earlier attachment to the same place, or a new one. */
static struct attachment *make_record(struct program *p, const struct attachment *wanted)
{
	for (uint32_t i = 0; i < p->attachment_count; i++) {
		struct attachment *a = &p->attachments[i];
		if (a->place.kind == wanted->place.kind && a->handle == wanted->handle &&
		    a->place.ifindex == wanted->place.ifindex)
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
		       a->place.ifname, p->kernel_message[0] ? ": " : "", p->kernel_message);
		return;
	}
	snprintf(what, sizeof what, "attaching `%.60s` to %s", name, a->place.ifname);
	log_explain_refusal(p, what, true, err);
}

static int attach_locked(struct program *p, const struct attachment *wanted, const char *name)
{
	struct attachment *a = make_record(p, wanted);
	if (!a)
		return -ENOMEM;
	*a = *wanted;
	log_reset(p);
	int err = place_attach(p, &a->place, program_fd(a));
	a->is_active = err == 0;
	if (err)
		explain(p, a, name, err);
	return err;
}

int attach_program(struct program *p, struct handle *handle, const char *target, uint64_t flags)
{
	const struct ks_meta_program *row = &p->meta.programs[handle->index];
	const char *name = meta_text(&p->meta, row->name),
		   *kind_name = meta_text(&p->meta, row->kind);
	const struct place_kind *kind = place_find_kind(kind_name);
	struct attachment wanted = {.handle = handle};
	if (!kind) {
		report(p, "`%s` cannot be attached: no way to attach a program of kind %s", name,
		       kind_name);
		return -EOPNOTSUPP;
	}
	int err = place_make(&wanted.place, kind, target, flags, p->options->name, name);
	if (err) {
		report(p, "`%s` cannot be attached: there is no interface `%s`", name, target);
		return err;
	}
	process_guard(p);
	pthread_mutex_lock(&p->lock);
	err = attach_locked(p, &wanted, name);
	pthread_mutex_unlock(&p->lock);
	return err;
}

void attach_remove(struct program *p, const struct handle *handle)
{
	for (uint32_t i = p->attachment_count; i > 0; i--) {
		struct attachment *a = &p->attachments[i - 1];
		if (!a->is_active || (handle && a->handle != handle))
			continue;
		place_clear(&a->place, program_fd(a));
		a->is_active = false;
	}
}

int attach_keep(struct program *p)
{
	for (uint32_t i = 0; i < p->attachment_count; i++) {
		const struct attachment *a = &p->attachments[i];
		int err = a->is_active ? tail_calls_keep(p, a->handle) : 0;
		if (err)
			return err;
	}
	return 0;
}

/* Writes down what is still active; false when that is not possible here. */
static bool record_active(const struct program *p)
{
	struct record_entry *entries = calloc(p->attachment_count + 1, sizeof *entries);
	size_t count = 0;
	for (uint32_t i = 0; entries && i < p->attachment_count; i++) {
		const struct attachment *a = &p->attachments[i];
		if (!a->is_active)
			continue;
		struct record_entry *e = &entries[count++];
		e->place = a->place;
		e->program_id = program_id_of(program_fd(a));
		snprintf(e->program, sizeof e->program, "%s", program_name(p, a));
	}
	bool ok = entries && count && record_add(p->options->name, entries, count) == 0;
	free(entries);
	return ok;
}

void attach_announce(const struct program *p)
{
	bool is_recorded = record_active(p);
	for (uint32_t i = 0; i < p->attachment_count; i++) {
		const struct attachment *a = &p->attachments[i];
		if (!a->is_active)
			continue;
		char command[160];
		if (is_recorded)
			snprintf(command, sizeof command, "ks detach %s", p->options->name);
		else
			place_command(&a->place, command, sizeof command);
		report(p, "`%s` stays attached to %s; remove it with: %s", program_name(p, a),
		       a->place.ifname, command);
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
