/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `ks debug` (commands.def). Each moves the session or tells of it, as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/driver/debug/debug.h"

/* ---- moving ---- */

static uint32_t read_count(const char *text)
{
	unsigned long n = strtoul(text, NULL, 10);
	return n < 1 ? 1 : n > 100000000 ? 100000000 : (uint32_t)n;
}

static void do_step(struct session *s, const char *text, struct buf *out)
{
	char end[96];
	for (uint32_t n = read_count(text); n; n--) {
		uint32_t next = session_following(s, s->step);
		if (next == TRACE_NONE) {
			debug_end(s, s->step, end);
			buf_printf(out, "No step follows: %s.\n", *end ? end : "the walk stopped");
			break;
		}
		session_go(s, next);
	}
	s->has_moved = true;
}

static void do_back(struct session *s, const char *text, struct buf *out)
{
	uint32_t at = s->step;
	for (uint32_t n = read_count(text); n; n--) {
		uint32_t before = session_previous(s, at);
		if (before == TRACE_NONE) {
			buf_add_text(out, "This is the first step.\n");
			break;
		}
		at = before;
	}
	session_go(s, at);
	s->has_moved = true;
}

static bool is_other_line(const struct session *s, uint32_t from)
{
	const struct program_line *a = session_line(s, s->trace.steps.data[from].insn);
	const struct program_line *b = session_line(s, session_insn(s));
	return b && (!a || a->line != b->line || strcmp(a->file, b->file));
}

static void do_next(struct session *s, const char *text, struct buf *out)
{
	uint32_t from = s->step, next;
	(void)text;
	while ((next = session_following(s, s->step)) != TRACE_NONE) {
		session_go(s, next);
		if (is_other_line(s, from))
			break;
	}
	if (next == TRACE_NONE)
		buf_add_text(out, "No other line follows on this path.\n");
	s->has_moved = true;
}

static void do_previous(struct session *s, const char *text, struct buf *out)
{
	uint32_t at = s->step, before;
	const struct program_line *from = session_line(s, session_insn(s));
	(void)text;
	(void)out;
	while ((before = session_previous(s, at)) != TRACE_NONE) {
		const struct program_line *line = session_line(s, s->trace.steps.data[before].insn);
		at = before;
		if (line && (!from || line->line != from->line || strcmp(line->file, from->file)))
			break;
	}
	session_go(s, at);
	s->has_moved = true;
}

static uint32_t value_of(const struct session *s, const char *name)
{
	uint16_t place;
	return session_find_place(s, name, &place) ? s->cursor.values[place] : 0;
}

static bool stops_at(struct session *s, const struct stop *stop, uint32_t from)
{
	uint32_t insn = session_insn(s);
	const struct program_line *line = session_line(s, insn);
	if (stop->insn != UINT32_MAX)
		return stop->insn == insn;
	bool is_here = line && line->line == stop->line && session_file(s, line) == stop->file;
	uint32_t last_insn = s->trace.steps.data[from].insn;
	const struct program_line *last = session_line(s, last_insn);
	bool was_here = last && line && last->line == line->line && !strcmp(last->file, line->file);
	return is_here && (!was_here || insn <= last_insn); // entered, or once more in a loop
}

/* A stop that holds after the step from `from`; looks at watches too. */
static bool check_stops(struct session *s, uint32_t from, struct buf *out)
{
	bool is_stopped = false;
	for (uint32_t i = 0; i < s->stops.len; i++) {
		struct stop *stop = &s->stops.data[i];
		if (!stop->watched) {
			is_stopped |= stops_at(s, stop, from);
			continue;
		}
		uint32_t value = value_of(s, stop->watched);
		uint32_t depth = s->trace.steps.data[s->step].depth;
		if (value == stop->value || depth != stop->watched_frame)
			continue;
		buf_printf(out, "%s: was %s\n", stop->watched,
			   stop->value ? s->trace.values.data[stop->value].words : "not known");
		buf_printf(out, "%*s  is %s\n", (int)strlen(stop->watched), "",
			   value ? s->trace.values.data[value].words : "not known");
		stop->value = value;
		is_stopped = true;
	}
	return is_stopped;
}

/* Watches look from here on. */
static void reset_watches(struct session *s)
{
	for (uint32_t i = 0; i < s->stops.len; i++) {
		struct stop *stop = &s->stops.data[i];
		if (stop->watched && s->trace.steps.data[s->step].depth == stop->watched_frame)
			stop->value = value_of(s, stop->watched);
	}
}

static void do_continue(struct session *s, const char *text, struct buf *out)
{
	uint32_t next = session_following(s, s->step);
	(void)text;
	reset_watches(s);
	if (next == TRACE_NONE) { // the path that was followed after this one
		uint32_t after = s->step + 1;
		while (after < s->trace.steps.len && s->path[after] == s->path[s->step])
			after++;
		if (after >= s->trace.steps.len) {
			buf_add_text(out, "This was the last path.\n");
			return;
		}
		uint32_t from = session_previous(s, after);
		session_go(s, after);
		buf_printf(out, "The next path, %u, goes another way from step %d.\n",
			   s->path[after], (int)from);
		reset_watches(s);
		s->has_moved = true;
		return;
	}
	for (; next != TRACE_NONE; next = session_following(s, s->step)) {
		uint32_t from = s->step;
		session_go(s, next);
		if (check_stops(s, from, out))
			break;
	}
	s->has_moved = true;
}

static void do_goto(struct session *s, const char *text, struct buf *out)
{
	char *end;
	unsigned long step = strtoul(text, &end, 10);
	if (!*text || *end || step >= s->trace.steps.len) {
		buf_printf(out, "Steps are 0 to %u.\n", s->trace.steps.len - 1);
		return;
	}
	session_go(s, (uint32_t)step);
	s->has_moved = true;
}

static void do_first(struct session *s, const char *text, struct buf *out)
{
	(void)text;
	(void)out;
	session_go(s, 0);
	s->has_moved = true;
}

static void do_other(struct session *s, const char *text, struct buf *out)
{
	uint32_t way = session_other_way(s);
	(void)text;
	if (way == TRACE_NONE) {
		buf_add_text(out, "No branch before has another way that was followed.\n");
		return;
	}
	session_go(s, way);
	s->has_moved = true;
}

static void do_path(struct session *s, const char *text, struct buf *out)
{
	unsigned long number = strtoul(text, NULL, 10);
	if (!*text) {
		debug_tell_path(s, out);
		return;
	}
	if (number < 1 || number > s->path_count) {
		buf_printf(out, "Paths are 1 to %u.\n", s->path_count);
		return;
	}
	uint32_t step = 0;
	while (s->path[step] != number)
		step++;
	session_go(s, step);
	s->has_moved = true;
}

static void do_refusal(struct session *s, const char *text, struct buf *out)
{
	(void)text;
	if (s->failing != TRACE_NONE)
		session_go(s, s->failing);
	debug_tell_verdict(s, out);
	if (s->failing != TRACE_NONE)
		s->has_moved = true;
}

/* ---- stops ---- */

static void tell_stop(const struct session *s, const struct stop *stop, struct buf *out)
{
	if (stop->watched)
		buf_printf(out, "%u: changes of %s\n", stop->number, stop->watched);
	else if (stop->insn != UINT32_MAX)
		buf_printf(out, "%u: instruction %u, where %s begins\n", stop->number, stop->insn,
			   s->code->functions[trace_function_at(s->code, stop->insn)].name);
	else
		buf_printf(out, "%u: %s:%u\n", stop->number,
			   s->subject->files.data[stop->file]->name, stop->line);
}

static void add_stop(struct session *s, struct stop stop, struct buf *out)
{
	stop.number = ++s->stop_number;
	vec_push(&s->arena, &s->stops, stop);
	tell_stop(s, &stop, out);
}

/* The file of a name, which may lack folders; the present one for "". */
static bool find_file(struct session *s, const char *name, size_t len, uint32_t *file)
{
	const struct program_line *here = session_line(s, session_insn(s));
	if (!len && here) {
		*file = session_file(s, here);
		return true;
	}
	for (uint32_t i = 0; i < s->code->line_count && len; i++) {
		const char *known = s->code->lines[i].file;
		size_t n = strlen(known);
		if (n < len || strncmp(known + n - len, name, len) ||
		    (n > len && known[n - len - 1] != '/'))
			continue;
		*file = session_file(s, &s->code->lines[i]);
		return true;
	}
	return false;
}

/* The first line from `line` on that has instructions; 0: none. */
static uint32_t line_with_code(struct session *s, uint32_t file, uint32_t line)
{
	uint32_t best = 0;
	for (uint32_t i = 0; i < s->code->line_count; i++) {
		const struct program_line *l = &s->code->lines[i];
		bool is_better = l->line >= line && (!best || l->line < best);
		if (is_better && session_file(s, l) == file)
			best = l->line;
	}
	return best;
}

static void do_break(struct session *s, const char *text, struct buf *out)
{
	struct stop stop = {.insn = UINT32_MAX};
	if (!*text) {
		for (uint32_t i = 0; i < s->stops.len; i++)
			tell_stop(s, &s->stops.data[i], out);
		if (!s->stops.len)
			buf_add_text(out, "There is none.\n");
		return;
	}
	for (uint32_t f = 0; f < s->code->function_count; f++) {
		if (strcmp(s->code->functions[f].name, text))
			continue;
		stop.insn = s->code->functions[f].start;
		add_stop(s, stop, out);
		return;
	}
	const char *colon = strrchr(text, ':'), *number = colon ? colon + 1 : text;
	char *end;
	unsigned long line = strtoul(number, &end, 10);
	if (*end || !line || line > UINT32_MAX ||
	    !find_file(s, text, colon ? (size_t)(colon - text) : 0, &stop.file)) {
		buf_printf(out, "`%s` is no line and no function of this program.\n", text);
		return;
	}
	stop.line = line_with_code(s, stop.file, (uint32_t)line);
	if (!stop.line)
		buf_add_text(out, "No instruction belongs to that line or a later one.\n");
	else
		add_stop(s, stop, out);
}

static void do_watch(struct session *s, const char *text, struct buf *out)
{
	struct stop stop = {.insn = UINT32_MAX};
	uint16_t place;
	bool is_found = session_find_place(s, text, &place);
	for (uint32_t i = 0; i < s->name_count && !is_found; i++)
		is_found = session_is_named(s->names[i].name, text);
	if (!is_found) {
		buf_printf(out, "There is no variable, register or slot `%s`.\n", text);
		return;
	}
	stop.watched = arena_copy_string(&s->arena, text, strlen(text));
	stop.watched_frame = s->trace.steps.data[s->step].depth;
	stop.value = value_of(s, text);
	add_stop(s, stop, out);
}

static void do_delete(struct session *s, const char *text, struct buf *out)
{
	unsigned long number = strtoul(text, NULL, 10);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < s->stops.len; i++) {
		if (*text && s->stops.data[i].number != number)
			s->stops.data[kept++] = s->stops.data[i];
	}
	if (*text && kept == s->stops.len)
		buf_printf(out, "There is no number `%s`.\n", text);
	else
		buf_printf(out, "%u left.\n", kept);
	s->stops.len = kept;
}

/* ---- telling ---- */

static void tell_missing(const struct session *s, const char *name, struct buf *out)
{
	for (uint32_t i = 0; i < s->name_count; i++) {
		if (!session_is_named(s->names[i].name, name))
			continue;
		buf_printf(out, "%s: in no register or slot at this step\n", name);
		return;
	}
	buf_printf(out, "There is no variable, register or slot `%s`.\n", name);
}

/* The place of `eth, ip - 14` holds `ip` but for an offset. */
static void tell_offset(const struct session *s, uint16_t place, const char *name, struct buf *out)
{
	const char *list = trace_cursor_name(&s->cursor, place);
	size_t len = strlen(name);
	for (; list && *list; list += strcspn(list, ","), list += strspn(list, ", ")) {
		if (strncmp(list, name, len) || (list[len] && !strchr(", ", list[len])))
			continue;
		if (list[len] == ' ')
			buf_printf(out, "  %s is this %c %.*s\n", name,
				   list[len + 1] == '-' ? '+' : '-',
				   (int)strcspn(list + len + 3, ","), list + len + 3);
		return;
	}
}

static void do_print(struct session *s, const char *text, struct buf *out)
{
	uint32_t depth = s->trace.steps.data[s->step].depth;
	uint16_t place;
	if (*text) {
		if (session_find_place(s, text, &place)) {
			debug_tell_value(s, place, out);
			tell_offset(s, place, text, out);
		} else {
			tell_missing(s, text, out);
		}
		return;
	}
	for (uint32_t f = depth + 1; f-- > 0;) {
		if (depth)
			buf_printf(out, "frame %u\n", f);
		for (uint32_t i = 0; i < TRACE_FRAME_PLACES; i++) {
			place = (uint16_t)(f * TRACE_FRAME_PLACES + i);
			if (s->cursor.values[place] && i != BPF_R10)
				debug_tell_value(s, place, out);
		}
	}
}

static void do_why(struct session *s, const char *text, struct buf *out)
{
	uint16_t place;
	if (!*text && s->step == s->failing && s->result.reg >= 0)
		place = (uint16_t)(s->trace.steps.data[s->step].depth * TRACE_FRAME_PLACES +
				   s->result.reg);
	else if (!session_find_place(s, text, &place)) {
		tell_missing(s, text, out);
		return;
	}
	debug_tell_origins(s, place, out);
}

static void do_where(struct session *s, const char *text, struct buf *out)
{
	(void)text;
	debug_tell_frames(s, out);
}

static void do_list(struct session *s, const char *text, struct buf *out)
{
	const struct program_line *here = session_line(s, session_insn(s));
	uint32_t file, line = (uint32_t)strtoul(text, NULL, 10);
	if (!find_file(s, "", 0, &file)) {
		buf_add_text(out, "This instruction belongs to no line that is known.\n");
		return;
	}
	if (!line)
		line = here->line;
	if (line > s->subject->files.data[file]->line_count)
		buf_printf(out, "The file has %u lines.\n",
			   s->subject->files.data[file]->line_count);
	debug_tell_lines(s, file, line > 5 ? line - 5 : 1, line + 5, out);
}

static void do_code(struct session *s, const char *text, struct buf *out)
{
	(void)text;
	debug_tell_code(s, 11, out);
}

static void do_program(struct session *s, const char *text, struct buf *out)
{
	struct subject *subject = s->subject;
	for (uint32_t i = 0; i < subject->object.programs.len; i++) {
		const struct program_code *code = &subject->object.programs.data[i];
		if (!*text)
			buf_printf(out, "%s%s\n", code == s->code ? "> " : "  ", code->name);
		if (strcmp(code->name, text))
			continue;
		session_close(s);
		session_open(s, subject, code);
		debug_tell_verdict(s, out);
		s->has_moved = true;
		return;
	}
	if (*text)
		buf_printf(out, "There is no program `%s`.\n", text);
}

static void do_quit(struct session *s, const char *text, struct buf *out)
{
	(void)text;
	(void)out;
	s->is_over = true;
}

/* ---- the table ---- */

static void do_help(struct session *s, const char *text, struct buf *out);

static const struct action {
	void (*run)(struct session *s, const char *text, struct buf *out);
	const char *name, *brief, *arguments, *help;
} commands[] = {
#define DEBUG_COMMAND(function, name, brief, arguments, help)                                      \
	{do_##function, name, brief, arguments, help},
#include "frontend/driver/debug/commands.def"
#undef DEBUG_COMMAND
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void do_help(struct session *s, const char *text, struct buf *out)
{
	(void)s;
	(void)text;
	for (uint32_t i = 0; i < COMMANDS; i++) {
		const struct action *c = &commands[i];
		char head[64];
		snprintf(head, sizeof head, "%s%s%s%s%s", c->name, *c->brief ? ", " : "", c->brief,
			 *c->arguments ? " " : "", c->arguments);
		if (strlen(head) > 18)
			buf_printf(out, "%s\n%18s  %s\n", head, "", c->help);
		else
			buf_printf(out, "%-18s  %s\n", head, c->help);
	}
	buf_add_text(out, "An empty line does the last command again.\n");
}

/* NULL when there is none, or there are several: `*count` of them. */
static const struct action *find_command(const char *word, size_t len, uint32_t *count)
{
	const struct action *found = NULL;
	*count = 0;
	for (uint32_t i = 0; i < COMMANDS; i++) {
		const struct action *c = &commands[i];
		bool is_brief = strlen(c->brief) == len && !strncmp(c->brief, word, len);
		if (is_brief || (strlen(c->name) == len && !strncmp(c->name, word, len)))
			return c;
		if (strncmp(c->name, word, len))
			continue;
		found = c;
		++*count;
	}
	return *count == 1 ? found : NULL;
}

bool debug_command(struct session *s, const char *line, struct buf *out)
{
	char text[256];
	line += strspn(line, " \t");
	size_t len = strcspn(line, " \t\r\n");
	if (!len)
		return true;
	uint32_t count;
	const struct action *c = find_command(line, len, &count);
	if (!c) {
		buf_printf(out, "%s `%.*s`; `help` lists them.\n",
			   count ? "Several commands begin with" : "There is no command",
			   (int)(len > 64 ? 64 : len), line);
		return false;
	}
	const char *rest = line + len + strspn(line + len, " \t");
	size_t n = strcspn(rest, "\r\n");
	while (n && (rest[n - 1] == ' ' || rest[n - 1] == '\t'))
		n--;
	snprintf(text, sizeof text, "%.*s", (int)n, rest);
	bool works_always = c->run == do_help || c->run == do_quit || c->run == do_program ||
			    c->run == do_refusal;
	s->has_moved = false;
	if (session_is_empty(s) && !works_always)
		s->has_moved = true;
	else
		c->run(s, text, out);
	return true;
}
