/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this process has attached: attach() and detach() of compiled code, removal at the end, and
 * the lines that say what stays.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
		    a->place.ifindex == wanted->place.ifindex &&
		    a->place.order == wanted->place.order &&
		    strcmp(a->place.target, wanted->place.target) == 0)
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
	struct attachment *a = &p->attachments[p->attachment_count++];
	*a = (struct attachment){0};
	return a;
}

static void explain(const struct program *p, const struct attachment *a, const char *name, int err)
{
	char what[400];
	if (err == -EEXIST || err == -EBUSY) {
		report(p, "`%s` cannot be attached to %s: another program is there%s%s", name,
		       a->place.target, p->kernel_message[0] ? ": " : "", p->kernel_message);
		return;
	}
	snprintf(what, sizeof what, "attaching `%.60s` to %s", name, a->place.target);
	log_explain_refusal(p, what, true, err);
}

static int attach_locked(struct program *p, const struct attachment *wanted,
			 const struct place_wish *wish)
{
	struct attachment *a = make_record(p, wanted);
	if (!a)
		return -ENOMEM;
	if (a->is_active && a->place.link)
		return 0; // it is there
	*a = *wanted;
	log_reset(p);
	int err = place_attach(p, &a->place, program_fd(a));
	a->is_active = err == 0;
	if (err && !wish->is_trial)
		explain(p, a, wish->program, err);
	else if (!err && place_may_stay(&a->place))
		tail_calls_guard(p, a->handle);
	return err;
}

static void explain_target(const struct program *p, const struct place_wish *wish, int err)
{
	const struct place_kind *kind = place_find_kind(wish->kind);
	report(p, "`%s` cannot be attached: there is no %s `%s`%s%s", wish->program,
	       place_target_word(kind), wish->target, err == -ENODEV || err == -ENOENT ? "" : ": ",
	       err == -ENODEV || err == -ENOENT ? "" : strerror(-err));
}

static int attach_to(struct program *p, struct handle *handle, const struct place_wish *wish)
{
	struct attachment wanted = {.handle = handle};
	int err = place_make(p, &wanted.place, wish);
	if (err) {
		explain_target(p, wish, err);
		return err;
	}
	process_guard(p);
	pthread_mutex_lock(&p->lock);
	err = attach_locked(p, &wanted, wish);
	pthread_mutex_unlock(&p->lock);
	return err;
}

/* Functions that no trampoline can be put into get a kprobe. Before Linux 5.13 a program can be attached to its
 * function only once, so a second time takes a new one. */
static int attach_somehow(struct program *p, struct handle *handle, struct place_wish *wish)
{
	bool has_other = handle_row(p, handle)->fallback < p->meta.header->program_count;
	wish->is_trial = true;
	int err = attach_to(p, handle, wish);
	if (!err)
		return 0;
	wish->is_trial = false;
	if (err == -ENOENT && handle->was_attached)
		err = object_load_again(p, handle);
	else if (has_other)
		err = object_load_fallback(p, handle);
	else
		err = 0;
	wish->row = handle_row(p, handle);
	wish->kind = meta_text(&p->meta, wish->row->kind);
	return err ? err : attach_to(p, handle, wish);
}

int attach_program(struct program *p, struct handle *handle, const char *target, uint64_t flags)
{
	const struct ks_meta_program *row = handle_row(p, handle);
	const char *watched = meta_text(&p->meta, row->watched);
	struct place_wish wish = {
		.kind = meta_text(&p->meta, row->kind),
		.target = *target || !*watched ? target : watched,
		.flags = flags,
		.project = p->options->name,
		.program = meta_text(&p->meta, p->meta.programs[handle->index].name),
		.row = row,
		.watched = watched,
		.is_tcx = row->flags & KS_PROGRAM_TCX,
	};
	if (!place_find_kind(wish.kind)) {
		report(p, "`%s` cannot be attached: no way to attach a program of kind %s",
		       wish.program, wish.kind);
		return -EOPNOTSUPP;
	}
	bool is_both = strncmp(wish.kind, "netfilter/", 10) == 0 && !*target;
	if (is_both)
		wish.target = "ipv4";
	bool is_fixed = place_is_fixed(place_find_kind(wish.kind));
	int err =
		row->fallback < p->meta.header->program_count || (handle->was_attached && is_fixed)
			? attach_somehow(p, handle, &wish)
			: attach_to(p, handle, &wish);
	handle->was_attached = handle->was_attached || !err;
	if (!err && is_both) {
		wish.target = "ipv6";
		err = attach_to(p, handle, &wish);
	}
	return err;
}

static bool is_attached(const struct program *p, const struct handle *handle)
{
	for (uint32_t i = 0; i < p->attachment_count; i++)
		if (p->attachments[i].is_active && p->attachments[i].handle == handle)
			return true;
	return false;
}

void attach_remove(struct program *p, const struct handle *handle)
{
	for (uint32_t i = p->attachment_count; i > 0; i--) {
		struct attachment *a = &p->attachments[i - 1];
		if (!a->is_active || (handle && a->handle != handle))
			continue;
		place_clear(&a->place, program_fd(a));
		a->place.link = 0;
		a->is_active = false;
		if (!is_attached(p, a->handle))
			tail_calls_release(p, a->handle);
	}
}

void attach_end(struct program *p)
{
	for (uint32_t i = p->attachment_count; i > 0; i--) {
		struct attachment *a = &p->attachments[i - 1];
		if (!a->is_active || place_may_stay(&a->place))
			continue;
		place_clear(&a->place, program_fd(a));
		a->place.link = 0;
		a->is_active = false;
	}
}

int attach_keep(struct program *p)
{
	for (uint32_t i = 0; i < p->attachment_count; i++) {
		struct attachment *a = &p->attachments[i];
		if (!a->is_active || !place_may_stay(&a->place))
			continue;
		int err = tail_calls_keep(p, a->handle);
		if (!err)
			err = place_keep(p, &a->place, program_fd(a));
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
		if (!a->is_active || !place_may_stay(&a->place))
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
		if (!a->is_active || !place_may_stay(&a->place))
			continue;
		char command[320];
		if (is_recorded)
			snprintf(command, sizeof command, "ks detach %s", p->options->name);
		else
			place_command(&a->place, command, sizeof command);
		report(p, "`%s` stays attached to %s; remove it with: %s", program_name(p, a),
		       a->place.target, command);
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
	if (machine_of(p)) {
		report(p, "attach: nothing can be attached in the interpreter");
		return -EOPNOTSUPP;
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
