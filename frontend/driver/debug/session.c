/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place in a trace, and the path that it is on: where several steps follow, the session remembers which
 * one its path takes.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend/driver/debug/debug.h"

static uint32_t *make_list(uint32_t count, uint32_t value)
{
	uint32_t *list = malloc((count + 1) * sizeof *list);
	if (!list)
		die_out_of_memory();
	for (uint32_t i = 0; i <= count; i++)
		list[i] = value;
	return list;
}

/* Steps that follow each step, in the order in which they were taken, and paths. */
static void find_children(struct session *s)
{
	uint32_t n = s->trace.steps.len;
	uint32_t *last = make_list(n, TRACE_NONE);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t previous = s->trace.steps.data[i].previous;
		if (!i || previous != i - 1)
			s->path_count++;
		s->path[i] = s->path_count;
		if (previous == TRACE_NONE)
			continue;
		if (s->child[previous] == TRACE_NONE)
			s->child[previous] = i;
		else
			s->sibling[last[previous]] = i;
		last[previous] = i;
		if (s->trace.steps.data[i].end == TRACE_REFUSED)
			s->failing = i;
	}
	if (n && s->trace.steps.data[n - 1].end == TRACE_REFUSED)
		s->failing = n - 1;
	free(last);
}

static void find_lines(struct session *s)
{
	for (uint32_t i = 0; i < s->code->line_count; i++) {
		uint32_t end =
			i + 1 < s->code->line_count ? s->code->lines[i + 1].record : s->code->count;
		for (uint32_t k = s->code->lines[i].record; k < end && k < s->code->count; k++)
			s->line_of[k] = i;
	}
}

void session_open(struct session *s, struct subject *subject, const struct program_code *code)
{
	*s = (struct session){.subject = subject, .code = code, .failing = TRACE_NONE};
	arena_init(&s->arena);
	subject_trace(subject, code, &s->trace, &s->result);
	uint32_t n = s->trace.steps.len;
	s->sibling = make_list(n, TRACE_NONE);
	s->child = make_list(n, TRACE_NONE);
	s->choice = make_list(n, TRACE_NONE);
	s->path = make_list(n, 0);
	s->line_of = make_list(code->count, UINT32_MAX);
	find_children(s);
	find_lines(s);
	s->names = subject_names(subject, code, &s->name_count);
	trace_cursor_init(&s->cursor, &s->trace, code, s->names, s->name_count);
	session_go(s, s->failing != TRACE_NONE ? s->failing : 0);
}

void session_close(struct session *s)
{
	free(s->sibling);
	free(s->child);
	free(s->choice);
	free(s->path);
	free(s->line_of);
	trace_fini(&s->trace);
	verify_result_free(&s->result);
	arena_fini(&s->arena);
}

uint32_t session_following(const struct session *s, uint32_t step)
{
	if (step >= s->trace.steps.len)
		return TRACE_NONE;
	return s->choice[step] != TRACE_NONE ? s->choice[step] : s->child[step];
}

uint32_t session_previous(const struct session *s, uint32_t step)
{
	return step < s->trace.steps.len ? s->trace.steps.data[step].previous : TRACE_NONE;
}

static bool is_on_path(const struct session *s, uint32_t step)
{
	uint32_t previous = session_previous(s, step);
	return previous != TRACE_NONE && previous == s->step &&
	       session_following(s, previous) == step;
}

void session_go(struct session *s, uint32_t step)
{
	if (step >= s->trace.steps.len)
		return;
	uint32_t below = step;
	bool is_known = is_on_path(s, step) || session_previous(s, s->step) == step;
	for (uint32_t at = session_previous(s, step); !is_known && at != TRACE_NONE;
	     at = session_previous(s, at)) {
		s->choice[at] = below;
		below = at;
	}
	s->step = step;
	trace_cursor_seek(&s->cursor, step);
}

uint32_t session_other_way(const struct session *s)
{
	uint32_t at = s->step;
	while (at != TRACE_NONE &&
	       (s->child[at] == TRACE_NONE || s->sibling[s->child[at]] == TRACE_NONE))
		at = session_previous(s, at);
	if (at == TRACE_NONE)
		return TRACE_NONE;
	uint32_t next = s->sibling[session_following(s, at)];
	return next != TRACE_NONE ? next : s->child[at];
}

const struct program_line *session_line(const struct session *s, uint32_t insn)
{
	uint32_t line = insn < s->code->count ? s->line_of[insn] : UINT32_MAX;
	return line != UINT32_MAX && s->code->lines[line].line ? &s->code->lines[line] : NULL;
}

uint32_t session_file(struct session *s, const struct program_line *line)
{
	return subject_find_file(s->subject, s->code, line->file);
}

static bool find_register(const struct session *s, const char *name, uint16_t *place)
{
	uint32_t own = s->trace.steps.data[s->step].depth * (uint32_t)TRACE_FRAME_PLACES;
	char *end;
	bool is_slot = !strncmp(name, "fp-", 3);
	if (!is_slot && (*name != 'r' || name[1] < '0' || name[1] > '9'))
		return false;
	unsigned long n = strtoul(name + (is_slot ? 3 : 1), &end, 10);
	if (*end || (is_slot ? n < 1 || n > 512 : n > 10))
		return false;
	*place = (uint16_t)(own + (is_slot ? TRACE_SLOT + (n - 1) / 8 : n));
	return true;
}

bool session_is_named(const char *list, const char *name)
{
	size_t len = strlen(name);
	for (; len && *list; list += strcspn(list, ","), list += strspn(list, ", ")) {
		if (!strncmp(list, name, len) && (!list[len] || strchr(", ", list[len])))
			return true;
	}
	return false;
}

bool session_find_place(const struct session *s, const char *name, uint16_t *place)
{
	if (session_is_empty(s))
		return false;
	if (find_register(s, name, place))
		return true;
	for (uint32_t f = s->trace.steps.data[s->step].depth + 1u; f-- > 0;) {
		for (uint32_t i = 0; i < TRACE_FRAME_PLACES; i++) {
			uint16_t at = (uint16_t)(f * TRACE_FRAME_PLACES + i);
			const char *known =
				s->cursor.values[at] ? trace_cursor_name(&s->cursor, at) : NULL;
			if (!known || !session_is_named(known, name))
				continue;
			*place = at;
			return true;
		}
	}
	return false;
}
