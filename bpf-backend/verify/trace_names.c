/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor on a path, and the variables in registers and stack slots there. Code generation says which
 * instruction gives a variable its value; copies of it carry the name along, and a new value elsewhere
 * takes it away.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/trace.h"

uint32_t trace_function_at(const struct program_code *code, uint32_t insn)
{
	uint32_t f = 0;
	while (f + 1 < code->function_count && code->functions[f + 1].start <= insn)
		f++;
	return f;
}

static const char *name_of_result(const struct trace_cursor *c, uint32_t insn, uint32_t reg)
{
	for (uint32_t i = 0; i < c->name_count; i++) {
		const struct trace_name *n = &c->names[i];
		if (!n->offset && !n->is_param && n->insn == insn && n->reg == reg)
			return n->name;
	}
	return NULL;
}

static const char *name_of_param(const struct trace_cursor *c, uint32_t insn, uint32_t reg)
{
	uint32_t function = trace_function_at(c->code, insn);
	for (uint32_t i = 0; i < c->name_count; i++) {
		const struct trace_name *n = &c->names[i];
		if (n->is_param && n->function == function && n->reg == reg)
			return n->name;
	}
	return NULL;
}

static bool is_copy(const struct bpf_record *i)
{
	unsigned class = i->opcode & 7;
	bool is_move = i->opcode == 0xbf && !i->off;
	return is_move || class == 1 || (class == 3 && i->opcode >> 5 == 3) || i->opcode == 0x95 ||
	       i->opcode == 0x85;
}

struct naming {
	uint16_t place;
	const char *name;
	uint32_t defined;
};

/* Whose value the instruction of step `maker` put into `place`; it shows at step `at`. */
static struct naming find_name(const struct trace_cursor *c, uint32_t maker, uint32_t at,
			       uint16_t place)
{
	const struct trace_step *m = &c->trace->steps.data[maker];
	const struct bpf_record *i = &c->code->records[m->insn];
	uint32_t number = place % TRACE_FRAME_PLACES, frame = place / TRACE_FRAME_PLACES;
	struct naming n = {place, NULL, maker};
	uint16_t sources[6];
	if (number < TRACE_SLOT && frame == m->depth)
		n.name = name_of_result(c, m->insn, number);
	else if (number < TRACE_SLOT && frame > m->depth)
		n.name = name_of_param(c, c->trace->steps.data[at].insn, number);
	if (n.name || !is_copy(i) ||
	    trace_find_sources(c->trace, c->code, maker, place, sources) != 1)
		return n;
	bool is_whole = m->memory != TRACE_NO_PLACE || frame != m->depth || (i->opcode & 7) == 7;
	if (is_whole) {
		n.name = c->named[sources[0]];
		n.defined = c->defined[sources[0]];
	}
	return n;
}

static void set_name(struct trace_cursor *c, const struct naming *n)
{
	uint32_t first = n->place / TRACE_FRAME_PLACES * TRACE_FRAME_PLACES;
	c->named[n->place] = n->name;
	c->defined[n->place] = n->defined;
	for (uint32_t p = first; n->name && p < first + TRACE_FRAME_PLACES; p++) {
		if (p != n->place && c->named[p] && c->defined[p] != n->defined &&
		    !strcmp(c->named[p], n->name))
			c->named[p] = NULL;
	}
}

static void begin_path(struct trace_cursor *c, uint32_t step)
{
	memset(c->values, 0, sizeof c->values);
	memset(c->named, 0, sizeof c->named);
	for (uint16_t r = 1; r <= 5; r++) {
		struct naming n = {r, name_of_param(c, c->trace->steps.data[step].insn, r), step};
		set_name(c, &n);
	}
}

/* From the step before on the path. */
static void advance(struct trace_cursor *c, uint32_t step)
{
	enum { MOST = 64 };
	const struct verify_trace *t = c->trace;
	uint32_t maker = t->steps.data[step].previous, count = 0;
	uint32_t end = (t->steps.data[step].depth + 1u) * TRACE_FRAME_PLACES;
	struct naming names[MOST];
	if (maker == TRACE_NONE)
		begin_path(c, step);
	for (uint32_t k = t->steps.data[step].first_change; k < trace_change_end(t, step); k++) {
		uint16_t place = t->changes.data[k].place;
		c->values[place] = t->changes.data[k].value;
		if (maker != TRACE_NONE && count < MOST && place != TRACE_HELD &&
		    trace_writes(t, c->code, maker, place))
			names[count++] = find_name(c, maker, step, place);
	}
	for (uint32_t k = 0; k < count; k++)
		set_name(c, &names[k]);
	for (uint32_t p = end; p < TRACE_PLACES; p++) {
		c->values[p] = 0;
		c->named[p] = NULL;
	}
	c->step = step;
}

void trace_cursor_init(struct trace_cursor *c, const struct verify_trace *t,
		       const struct program_code *code, const struct trace_name *names,
		       uint32_t name_count)
{
	*c = (struct trace_cursor){.trace = t,
				   .code = code,
				   .names = names,
				   .name_count = name_count,
				   .step = TRACE_NONE};
}

void trace_cursor_seek(struct trace_cursor *c, uint32_t step)
{
	const struct verify_trace *t = c->trace;
	uint32_t count = 0;
	if (step == c->step || step >= t->steps.len)
		return;
	if (c->step != TRACE_NONE && t->steps.data[step].previous == c->step) {
		advance(c, step);
		return;
	}
	for (uint32_t s = step; s != TRACE_NONE; s = t->steps.data[s].previous)
		count++;
	uint32_t *path = malloc(count * sizeof *path);
	if (!path)
		die_out_of_memory();
	for (uint32_t s = step, k = count; s != TRACE_NONE; s = t->steps.data[s].previous)
		path[--k] = s;
	for (uint32_t k = 0; k < count; k++)
		advance(c, path[k]);
	free(path);
}

const char *trace_cursor_name(const struct trace_cursor *c, uint16_t place)
{
	uint32_t number = place % TRACE_FRAME_PLACES, frame = place / TRACE_FRAME_PLACES;
	if (place >= TRACE_PLACES || c->step == TRACE_NONE)
		return NULL;
	if (c->named[place] || number < TRACE_SLOT || place == TRACE_HELD)
		return c->named[place];
	uint32_t depth = c->trace->steps.data[c->step].depth;
	uint32_t call = frame == depth ? c->step : trace_find_call(c->trace, c->step, frame + 1);
	if (call == TRACE_NONE)
		return NULL;
	uint32_t function = trace_function_at(c->code, c->trace->steps.data[call].insn);
	int32_t low = -8 * (int32_t)(number - TRACE_SLOT + 1);
	for (uint32_t i = 0; i < c->name_count; i++) {
		const struct trace_name *n = &c->names[i];
		if (n->offset && n->function == function && n->offset < low + 8 &&
		    low < n->offset + (int32_t)n->size)
			return n->name;
	}
	return NULL;
}
