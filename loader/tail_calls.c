/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that pass control to each other. The metadata has a row for each tail call that compiled
 * code can make; a loaded program needs everything reachable through them loaded too, and in the
 * program array at its own index.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/program.h"
#include "loader/tail_pins.h"

static const char *program_name(const struct program *p, uint32_t index)
{
	return meta_text(&p->meta, p->meta.programs[index].name);
}

/* Loads what `caller` calls and puts it into the arrays; pushes what is new to the work list. */
static int load_callees(struct program *p, uint32_t caller, bool *is_known, uint32_t *work,
			uint32_t *count)
{
	for (uint32_t i = 0; i < p->meta.header->tail_call_count; i++) {
		const struct ks_meta_tail_call *row = &p->meta.tail_calls[i];
		if (row->caller != caller)
			continue;
		struct handle *callee = &p->handles[row->callee];
		int err = object_load_program(p, callee);
		if (err) {
			report(p, "`%s` cannot be used without `%s`, to which it passes control",
			       program_name(p, caller), program_name(p, row->callee));
			return err;
		}
		int fd = bpf_program__fd(callee->program);
		if (bpf_map_update_elem(p->maps[row->map].fd, &row->callee, &fd, BPF_ANY) < 0) {
			err = -errno;
			log_explain_refusal(p, "preparing a tail call", false, err);
			return err;
		}
		if (!is_known[row->callee])
			work[(*count)++] = row->callee;
		is_known[row->callee] = true;
	}
	return 0;
}

int tail_calls_load(struct program *p, const struct handle *handle)
{
	uint32_t n = p->meta.header->program_count, count = 0;
	if (!p->meta.header->tail_call_count)
		return 0;
	bool *is_known = calloc(n, sizeof *is_known);
	uint32_t *work = calloc(n, sizeof *work);
	int err = is_known && work ? 0 : -ENOMEM;
	if (!err) {
		work[count++] = handle->index;
		is_known[handle->index] = true;
	}
	while (count && !err) {
		uint32_t caller = work[--count];
		err = load_callees(p, caller, is_known, work, &count);
	}
	free(is_known);
	free(work);
	return err;
}

/* The array through which the tail calls of a program go, that of its kind, and so do those of the programs
 * it passes control to; NULL when it makes none. */
static const struct map_state *array_of(const struct program *p, const struct handle *handle)
{
	const struct ks_meta_tail_call *row = p->meta.tail_calls;
	const struct ks_meta_tail_call *end = row + p->meta.header->tail_call_count;
	while (row < end && row->caller != handle->index)
		row++;
	return row < end ? &p->maps[row->map] : NULL;
}

/* Pins it, so that the process may be killed. */
static int pin_array(const struct program *p, const struct handle *handle)
{
	const struct map_state *array = array_of(p, handle);
	uint32_t id = array ? program_id_of(bpf_program__fd(handle->program)) : 0;
	if (!array)
		return 0;
	return id ? tail_pins_add(p->options->name, id, array->fd) : -ENOENT;
}

void tail_calls_guard(struct program *p, const struct handle *handle)
{
	pin_array(p, handle);
}

void tail_calls_release(struct program *p, const struct handle *handle)
{
	if (array_of(p, handle))
		tail_pins_drop(p->options->name, program_id_of(bpf_program__fd(handle->program)));
}

int tail_calls_keep(struct program *p, const struct handle *handle)
{
	int err = pin_array(p, handle);
	if (err == -ENODEV)
		report(p,
		       "`%s` cannot stay attached: its tail calls are kept in the BPF file "
		       "system: mount -t bpf bpf /sys/fs/bpf",
		       program_name(p, handle->index));
	else if (err)
		report(p,
		       "`%s` cannot stay attached: its tail calls cannot be kept in the BPF "
		       "file system: %s",
		       program_name(p, handle->index), strerror(-err));
	return err;
}
