/* SPDX-License-Identifier: Apache-2.0 */
/* What `ks debug` says of a place: plain text, in lines that fit 80 columns where the source lets them. */
#include <stdio.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/driver/debug/debug.h"

void debug_place_name(uint16_t place, char out[16])
{
	uint32_t number = place % TRACE_FRAME_PLACES;
	if (place == TRACE_HELD)
		snprintf(out, 16, "held");
	else if (number < TRACE_SLOT)
		snprintf(out, 16, "r%u", number);
	else
		snprintf(out, 16, "fp-%u", (number - TRACE_SLOT + 1) * 8);
}

static bool is_branch(const struct bpf_record *i)
{
	unsigned class = i->opcode & 7, op = i->opcode >> 4;
	return (class == 5 || class == 6) && op != 0 && op != 8 && op != 9;
}

void debug_way(const struct session *s, uint32_t step, char out[96])
{
	uint32_t before = session_previous(s, step);
	*out = 0;
	if (before == TRACE_NONE) {
		snprintf(out, 96,
			 step ? "a function that is verified alone begins" : "the program begins");
		return;
	}
	const struct trace_step *now = &s->trace.steps.data[step];
	const struct trace_step *then = &s->trace.steps.data[before];
	if (is_branch(&s->code->records[then->insn]))
		snprintf(out, 96, "%s at %u%s",
			 now->insn == then->insn + 1 ? "branch not taken" : "branch taken",
			 then->insn, then->forks ? "" : ", the only way that can be");
	else if (now->depth > then->depth)
		snprintf(out, 96, "called by instruction %u", then->insn);
	else if (now->depth < then->depth)
		snprintf(out, 96, "returned from frame %u", then->depth);
	else if (before != step - 1)
		snprintf(out, 96, "another outcome of instruction %u", then->insn);
}

void debug_end(const struct session *s, uint32_t step, char out[96])
{
	const struct trace_step *at = &s->trace.steps.data[step];
	*out = 0;
	if (at->end == TRACE_EXIT)
		snprintf(out, 96, "the path ends: the program is left");
	else if (at->end == TRACE_REFUSED)
		snprintf(out, 96, "here the program is refused");
	else if (at->end == TRACE_PRUNED && at->other != TRACE_NONE)
		snprintf(out, 96, "the path ends: the state of step %u covers this one", at->other);
	else if (at->end == TRACE_PRUNED)
		snprintf(out, 96, "the path ends: an earlier state covers this one");
}

void debug_tell_lines(struct session *s, uint32_t file, uint32_t first, uint32_t last,
		      struct buf *out)
{
	const struct program_line *here =
		session_is_empty(s) ? NULL : session_line(s, session_insn(s));
	uint32_t now = here && session_file(s, here) == file ? here->line : 0;
	const struct subject_file *f = s->subject->files.data[file];
	for (uint32_t n = first ? first : 1; n <= last && n <= f->line_count; n++)
		buf_printf(out, "%s%5u | %s\n", n == now ? ">" : " ", n, f->lines[n - 1]);
}

static void tell_name(const struct session *s, uint16_t place, struct buf *out)
{
	char name[16];
	const char *variable = trace_cursor_name(&s->cursor, place);
	debug_place_name(place, name);
	if (variable)
		buf_printf(out, "%s (%s)", variable, name);
	else
		buf_add_text(out, name);
}

void debug_tell_value(const struct session *s, uint16_t place, struct buf *out)
{
	const struct trace_value *v = &s->trace.values.data[s->cursor.values[place]];
	tell_name(s, place, out);
	if (!s->cursor.values[place])
		buf_add_text(out, ": nothing known; may not be read\n");
	else if (strstr(v->words, v->text) || strstr(v->text, "()"))
		buf_printf(out, ": %s\n", v->words);
	else
		buf_printf(out, ": %s  [%s]\n", v->words, v->text);
}

/* What the instruction before changed: in this frame, and in the stack of others. */
static void tell_changes(const struct session *s, struct buf *out)
{
	const struct verify_trace *t = &s->trace;
	uint32_t own = t->steps.data[s->step].depth;
	if (session_previous(s, s->step) == TRACE_NONE)
		return;
	for (uint32_t c = t->steps.data[s->step].first_change; c < trace_change_end(t, s->step);
	     c++) {
		uint16_t place = t->changes.data[c].place;
		uint32_t frame = place == TRACE_HELD ? own : place / TRACE_FRAME_PLACES;
		uint32_t number = place % TRACE_FRAME_PLACES;
		if (number == BPF_R10 || (frame != own && number < TRACE_SLOT))
			continue;
		buf_add_text(out, "  now ");
		if (frame != own)
			buf_printf(out, "in frame %u ", frame);
		debug_tell_value(s, place, out);
	}
}

void debug_tell_place(struct session *s, struct buf *out)
{
	char text[96];
	if (session_is_empty(s)) {
		buf_add_text(out, "It was refused before the first instruction was looked at.\n");
		return;
	}
	uint32_t insn = session_insn(s);
	const struct program_line *line = session_line(s, insn);
	buf_printf(out, "step %u, path %u of %u, %s", s->step, s->path[s->step], s->path_count,
		   s->code->functions[trace_function_at(s->code, insn)].name);
	if (line)
		buf_printf(out, ", %s:%u:%u", line->file, line->line, line->column);
	buf_add_char(out, '\n');
	debug_way(s, s->step, text);
	if (*text)
		buf_printf(out, "  %s\n", text);
	tell_changes(s, out);
	if (line)
		debug_tell_lines(s, session_file(s, line), line->line, line->line, out);
	buf_printf(out, "%6u: ", insn);
	subject_print_insn(s->subject, s->code, insn, out);
	buf_add_char(out, '\n');
	debug_end(s, s->step, text);
	if (*text)
		buf_printf(out, "  %s\n", text);
}

void debug_tell_move(struct session *s, struct buf *out)
{
	char text[96];
	if (session_is_empty(s)) {
		debug_tell_place(s, out);
		return;
	}
	debug_way(s, s->step, text);
	if (*text)
		buf_printf(out, "%s\n", text);
	tell_changes(s, out);
	debug_end(s, s->step, text);
	if (*text)
		buf_printf(out, "%s\n", text);
}

void debug_tell_verdict(struct session *s, struct buf *out)
{
	char version[16];
	kernel_format_version(s->subject->kernel, version);
	buf_printf(out, "%s: %s by Linux %s, %u step%s on %u path%s\n", s->code->name,
		   s->result.is_accepted ? "accepted" : "refused", version, s->trace.steps.len,
		   s->trace.steps.len == 1 ? "" : "s", s->path_count,
		   s->path_count == 1 ? "" : "s");
	subject_print_refusal(s->subject, s->code, &s->result, out);
}

void debug_tell_origins(struct session *s, uint16_t place, struct buf *out)
{
	enum { MOST = 24 };
	struct trace_origin origins[MOST];
	char name[16];
	uint32_t count = trace_find_origins(&s->trace, s->code, s->step, place, origins, MOST);
	debug_tell_value(s, place, out);
	if (!count)
		buf_add_text(out, "  was so from the beginning\n");
	for (uint32_t i = 0; i < count; i++) {
		uint32_t insn = s->trace.steps.data[origins[i].step].insn;
		const struct program_line *line = session_line(s, insn);
		debug_place_name(origins[i].place, name);
		buf_printf(out, "  step %u %s %s\n", origins[i].step,
			   origins[i].is_narrowing ? "learned more of" : "made", name);
		if (line)
			debug_tell_lines(s, session_file(s, line), line->line, line->line, out);
		buf_printf(out, "%6u: ", insn);
		subject_print_insn(s->subject, s->code, insn, out);
		buf_add_char(out, '\n');
	}
	if (count == MOST)
		buf_add_text(out, "  and so on\n");
}

void debug_tell_frames(struct session *s, struct buf *out)
{
	uint32_t depth = s->trace.steps.data[s->step].depth;
	for (uint32_t f = depth + 1; f-- > 0;) {
		uint32_t at = f == depth ? s->step : trace_find_call(&s->trace, s->step, f + 1);
		uint32_t insn = s->trace.steps.data[at].insn;
		const struct program_line *line = session_line(s, insn);
		buf_printf(out, "frame %u: %s, instruction %u, step %u", f,
			   s->code->functions[trace_function_at(s->code, insn)].name, insn, at);
		if (line)
			buf_printf(out, ", %s:%u", line->file, line->line);
		buf_add_char(out, '\n');
	}
}

void debug_tell_path(struct session *s, struct buf *out)
{
	enum { SHOWN = 40 };
	uint32_t forks[SHOWN], count = 0, last = s->step;
	char text[96];
	for (uint32_t at = s->step; at != TRACE_NONE; at = session_previous(s, at)) {
		uint32_t before = session_previous(s, at);
		if (before != TRACE_NONE && s->trace.steps.data[before].forks && count < SHOWN)
			forks[count++] = at;
	}
	buf_printf(out, "path %u of %u\n", s->path[s->step], s->path_count);
	if (count == SHOWN)
		buf_add_text(out, "  ...\n");
	while (count--) {
		uint32_t at = forks[count], before = session_previous(s, at);
		const struct program_line *line = session_line(s, s->trace.steps.data[before].insn);
		debug_way(s, at, text);
		buf_printf(out, "  step %u: %s", before, text);
		if (line)
			buf_printf(out, "  %s:%u", line->file, line->line);
		if (s->sibling[s->child[before]] == TRACE_NONE)
			buf_add_text(out, "  (the other way was not followed)");
		buf_add_char(out, '\n');
	}
	for (uint32_t next; (next = session_following(s, last)) != TRACE_NONE;)
		last = next;
	debug_end(s, last, text);
	buf_printf(out, "  step %u: %s\n", last, *text ? text : "it goes on no further");
}

void debug_tell_code(struct session *s, uint32_t count, struct buf *out)
{
	uint32_t here = session_is_empty(s) ? 0 : session_insn(s), first = here;
	for (uint32_t n = 0; first > 0 && n < count / 2; n++) {
		first--;
		if (first && !s->code->records[first].opcode) // second half of a 64-bit load
			first--;
	}
	for (uint32_t n = 0, i = first; n < count && i < s->code->count;
	     n++, i += insn_records(&s->code->records[i])) {
		buf_printf(out, "%s%5u: ", i == here ? ">" : " ", i);
		subject_print_insn(s->subject, s->code, i, out);
		buf_add_char(out, '\n');
	}
}
