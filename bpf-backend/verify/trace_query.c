/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about a trace. Each walks the path back from a step once; places of frames that were entered
 * later than a change are other places.
 */
#include "bpf-backend/verify/trace.h"

static uint32_t frame_of(uint16_t place)
{
	return place == TRACE_HELD ? 0 : place / TRACE_FRAME_PLACES;
}

uint32_t trace_find_call(const struct verify_trace *t, uint32_t step, uint32_t number)
{
	if (!number)
		return TRACE_NONE;
	for (uint32_t s = step; s < t->steps.len; s = t->steps.data[s].previous) {
		if (t->steps.data[s].depth < number)
			return s;
	}
	return TRACE_NONE;
}

static bool is_call(const struct bpf_record *i)
{
	return (i->opcode & 7) == 5 && i->opcode >> 4 == 8;
}

static bool is_exit(const struct bpf_record *i)
{
	return i->opcode == 0x95;
}

bool trace_writes(const struct verify_trace *t, const struct program_code *code, uint32_t step,
		  uint16_t place)
{
	const struct trace_step *s = &t->steps.data[step];
	const struct bpf_record *i = &code->records[s->insn];
	uint32_t frame = frame_of(place), number = place % TRACE_FRAME_PLACES;
	unsigned class = i->opcode & 7;
	if (number >= TRACE_SLOT)
		return is_call(i) || ((class == 2 || class == 3) && s->memory == place);
	if (frame != s->depth)
		return is_call(i) || is_exit(i);
	return insn_writes(i) >> number & 1;
}

uint32_t trace_find_sources(const struct verify_trace *t, const struct program_code *code,
			    uint32_t step, uint16_t place, uint16_t out[6])
{
	const struct trace_step *s = &t->steps.data[step];
	const struct bpf_record *i = &code->records[s->insn];
	uint32_t frame = frame_of(place), number = place % TRACE_FRAME_PLACES, count = 0;
	uint32_t own = (uint32_t)s->depth * TRACE_FRAME_PLACES;
	unsigned class = i->opcode & 7;
	if (number < TRACE_SLOT && frame != s->depth) { // parameter, or result
		bool is_parameter = is_call(i) && frame == s->depth + 1u;
		bool is_result = is_exit(i) && frame + 1 == s->depth && !number;
		if (is_parameter || is_result)
			out[count++] = (uint16_t)(own + number);
		return count;
	}
	if (is_call(i))
		return 0;
	if (class == 2 || class == 3) { // a store has one source; an atomic one its memory
		bool is_plain = i->opcode >> 5 == 3;
		if (number < TRACE_SLOT && s->memory != TRACE_NO_PLACE)
			out[count++] = s->memory;
		else if (class == 3 && is_plain)
			out[count++] = (uint16_t)(own + i->src);
		return count;
	}
	if (class == 1 && s->memory != TRACE_NO_PLACE) {
		out[count++] = s->memory;
		return count;
	}
	for (uint32_t r = 0; r < BPF_R10 && count < 6; r++) {
		if (insn_reads(i) >> r & 1)
			out[count++] = (uint16_t)(own + r);
	}
	return count;
}

uint32_t trace_find_origins(const struct verify_trace *t, const struct program_code *code,
			    uint32_t step, uint16_t place, struct trace_origin *out, uint32_t max)
{
	bool wanted[TRACE_PLACES] = {false};
	uint32_t count = 0, open = 1;
	wanted[place] = true;
	for (uint32_t s = step; s < t->steps.len && open && count < max;
	     s = t->steps.data[s].previous) {
		uint32_t maker = t->steps.data[s].previous;
		bool sought[TRACE_PLACES] = {false};
		if (maker >= t->steps.len)
			break;
		for (uint32_t c = t->steps.data[s].first_change;
		     c < trace_change_end(t, s) && count < max; c++) {
			uint16_t sources[6], changed = t->changes.data[c].place;
			if (!wanted[changed])
				continue;
			bool is_made = trace_writes(t, code, maker, changed);
			out[count++] = (struct trace_origin){maker, changed, !is_made};
			if (!is_made)
				continue;
			wanted[changed] = false;
			open--;
			uint32_t n = trace_find_sources(t, code, maker, changed, sources);
			for (uint32_t k = 0; k < n; k++)
				sought[sources[k]] = true;
		}
		for (uint32_t k = 0; k < TRACE_PLACES; k++) {
			open += sought[k] && !wanted[k];
			wanted[k] |= sought[k];
		}
	}
	return count;
}
