/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to maps wherever they are: in the kernel, or in the machine that takes its place when tests
 * run in the interpreter (ks/machine.h). What else differs then is here, too: how maps, globals and
 * tail calls come to be, and how records reach their handlers.
 */
#include "ks/machine.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "loader/pin.h"
#include "loader/program.h"

enum { NS_PER_MS = 1000000 };

const struct ks_machine *machine_of(const struct program *p)
{
	return p->options->test ? p->options->test->machine : NULL;
}

/* ---- maps ---- */

int map_lookup(const struct program *p, int map, const void *key, void *value)
{
	const struct ks_machine *m = machine_of(p);
	return m ? m->lookup(m->owner, map, key, value) : bpf_map_lookup_elem(map, key, value);
}

int map_take(const struct program *p, int map, void *value)
{
	const struct ks_machine *m = machine_of(p);
	return m ? m->take(m->owner, map, value) : bpf_map_lookup_and_delete_elem(map, NULL, value);
}

int map_update(const struct program *p, int map, const void *key, const void *value, uint64_t flags)
{
	const struct ks_machine *m = machine_of(p);
	return m ? m->update(m->owner, map, key, value, flags)
		 : bpf_map_update_elem(map, key, value, flags);
}

int map_remove(const struct program *p, int map, const void *key)
{
	const struct ks_machine *m = machine_of(p);
	return m ? m->remove(m->owner, map, key) : bpf_map_delete_elem(map, key);
}

int map_next_key(const struct program *p, int map, const void *before, void *key)
{
	const struct ks_machine *m = machine_of(p);
	return m ? m->next_key(m->owner, map, before, key) : bpf_map_get_next_key(map, before, key);
}

/* ---- what only a machine has ---- */

int machine_create_inner(const struct program *p, int outer, const void *key)
{
	const struct ks_machine *m = machine_of(p);
	return m->create_inner(m->owner, outer, key);
}

int machine_send(const struct program *p, int map, const void *record, uint32_t size)
{
	const struct ks_machine *m = machine_of(p);
	return m->send(m->owner, map, record, size);
}

static void find_sections(struct program *p, const struct ks_machine *m)
{
	static const char *const names[SECTION_COUNT] = {
		[SECTION_DATA] = ".data",
		[SECTION_BSS] = ".bss",
		[SECTION_PINNED] = PINNED_SECTION,
	};
	for (int i = 0; i < SECTION_COUNT; i++)
		if (names[i] && p->meta.header->section_size[i])
			p->sections[i] = m->section(m->owner, names[i]);
}

int machine_open(struct program *p)
{
	const struct ks_machine *m = machine_of(p);
	p->cpus = m->cpus;
	for (uint32_t i = 0; i < p->meta.header->map_count; i++) {
		const char *name = meta_text(&p->meta, p->meta.maps[i].name);
		struct map_state *state = &p->maps[i];
		state->fd = m->find_map(m->owner, name, &state->type, &state->max_entries);
		if (state->fd > 0)
			continue;
		report(p, "the eBPF part of the program lacks map `%s`", name);
		return -EINVAL;
	}
	find_sections(p, m);
	for (uint32_t i = 0; i < p->meta.header->tail_call_count; i++) {
		const struct ks_meta_tail_call *row = &p->meta.tail_calls[i];
		const char *callee = meta_text(&p->meta, p->meta.programs[row->callee].name);
		m->set_program(m->owner, p->maps[row->map].fd, row->callee, callee);
	}
	return 0;
}

int32_t machine_run(struct program *p, uint32_t program, void *context, uint32_t size)
{
	const struct ks_machine *m = machine_of(p);
	struct ks_machine_run run = {
		.program = meta_text(&p->meta, p->meta.programs[program].name),
		.context = context,
		.context_len = size,
		.context_out = context,
	};
	int err = m->run(m->owner, &run);
	p->options->test->report->costs[program].interpreted++;
	p->options->test->report->costs[program].instructions += run.instructions;
	if (!err)
		return run.value;
	print_flush(p);
	report(p, "%s", run.why);
	process_exit(p, EXIT_REFUSED);
}

void machine_pass_time(struct program *p, uint64_t ns)
{
	const struct ks_machine *m = machine_of(p);
	char why[KS_MACHINE_WHY];
	if (m->pass_time(m->owner, ns, why) == 0)
		return;
	print_flush(p);
	report(p, "in a timer: %s", why);
	process_exit(p, EXIT_REFUSED);
}

/* The handler's result; *is_one tells whether there was a record at all. */
static int32_t take_one(struct program *p, uint32_t map, bool *is_one)
{
	const struct ks_machine *m = machine_of(p);
	uint32_t size;
	const void *record = m->take_record(m->owner, p->maps[map].fd, &size);
	if (!record)
		return 0;
	*is_one = true;
	return p->maps[map].handler((void *)(uintptr_t)record);
}

static int32_t take_all(struct program *p, const uint32_t *maps, uint32_t count)
{
	for (bool is_one = true; is_one;) {
		is_one = false;
		for (uint32_t i = 0; i < count; i++) {
			int32_t result = take_one(p, maps[i], &is_one);
			if (result)
				return result;
		}
	}
	return 0;
}

int32_t machine_dispatch(struct program *p, const uint32_t *maps, uint32_t count,
			 uint64_t timeout_ms)
{
	for (uint32_t i = 0; i < count; i++) {
		if (maps[i] < p->meta.header->map_count && p->maps[maps[i]].handler)
			continue;
		report(p, "dispatch: the records cannot be read: %s", strerror(ENOENT));
		return -ENOENT;
	}
	int32_t result = take_all(p, maps, count);
	if (result || !timeout_ms || timeout_ms > UINT64_MAX / NS_PER_MS)
		return result;
	machine_pass_time(p, timeout_ms * NS_PER_MS); // timers may put out more
	return take_all(p, maps, count);
}
