/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen of `ks debug` as escape sequences: a title, the source, instructions beside registers, what
 * the last command said, the line being typed. Text of programs is anybody's: control characters in it
 * are shown as `?`.
 */
#include <stdio.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/driver/debug/screen.h"

struct layout {
	uint32_t source, middle, said; // rows of each part
	uint32_t left;                 // columns of the instructions
};

static struct layout lay_out(const struct screen *s)
{
	struct layout l = {0};
	uint32_t rows = s->rows > 4 ? s->rows - 4 : 0; // without title, rules and prompt
	l.source = rows * 35 / 100;
	l.middle = rows * 40 / 100;
	l.said = rows - l.source - l.middle;
	l.left = s->columns * 42 / 100;
	return l;
}

uint32_t screen_said_rows(const struct screen *s)
{
	return lay_out(s).said;
}

/* Bytes of a line that fit into `room` columns, to the last space there if it must be broken. */
static size_t fitting(const char *text, size_t len, uint32_t room)
{
	uint32_t column = 0;
	size_t i = 0, space = 0;
	for (; i < len; i++) {
		bool continues = (unsigned char)text[i] >> 6 == 2;
		if (!continues && column >= room)
			return space ? space : i;
		if (text[i] == ' ' && i)
			space = i;
		column += text[i] == '\t' ? 4 - column % 4 : !continues;
	}
	return len;
}

uint32_t screen_wrap(struct screen *s)
{
	enum { INDENT = 8 };
	uint32_t count = 0, width = s->columns > 20 ? s->columns : 20;
	s->wrapped.len = 0;
	for (size_t at = 0; at < s->said.len;) {
		const char *line = s->said.data + at;
		const char *end = memchr(line, '\n', s->said.len - at);
		size_t len = end ? (size_t)(end - line) : s->said.len - at, done = 0;
		do {
			size_t n = fitting(line + done, len - done, done ? width - INDENT : width);
			buf_printf(&s->wrapped, "%*s", done ? INDENT : 0, "");
			buf_add(&s->wrapped, line + done, n);
			buf_add_char(&s->wrapped, '\n');
			for (done += n; done < len && line[done] == ' ';)
				done++;
			count++;
		} while (done < len);
		at += len + 1;
	}
	buf_add_char(&s->wrapped, 0);
	s->wrapped.len--;
	return count;
}

static void style(const struct screen *s, struct buf *out, const char *codes, const char *colour)
{
	buf_printf(out, "\033[0%s%s%sm", *codes ? ";" : "", codes,
		   s->is_coloured && *colour ? colour : "");
}

/* Columns of `text` up to `end` (exclusive) that fit, tabs taken as spaces; then spaces. */
static void put(struct buf *out, const char *text, uint32_t width)
{
	uint32_t column = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p && *p != '\n'; p++) {
		bool continues = *p >> 6 == 2;
		if (column >= width && !continues)
			break;
		if (*p == '\t') {
			do
				buf_add_char(out, ' ');
			while (++column % 4 && column < width);
			continue;
		}
		buf_add_char(out, *p < 0x20 || *p == 0x7f ? '?' : (char)*p);
		column += !continues;
	}
	while (column++ < width)
		buf_add_char(out, ' ');
}

static void go_to(struct buf *out, uint32_t row, uint32_t column)
{
	buf_printf(out, "\033[%u;%uH", row, column);
}

static void rule(const struct screen *s, struct buf *out, uint32_t row, const char *left,
		 uint32_t at, const char *right)
{
	uint32_t column = 0;
	go_to(out, row, 1);
	style(s, out, "2", "");
	while (column < s->columns) {
		const char *head = column == 1 ? left : at && column == at + 1 ? right : NULL;
		uint32_t room = s->columns - column;
		if (head && *head && strlen(head) + 2 < room) {
			buf_printf(out, " %s ", head);
			column += (uint32_t)strlen(head) + 2;
		} else {
			buf_add_text(out, s->is_utf8 ? "─" : "-");
			column++;
		}
	}
	style(s, out, "", "");
}

static void paint_title(const struct screen *s, struct buf *out)
{
	const struct session *d = s->session;
	char version[16], left[160], right[80] = "", line[420];
	kernel_format_version(d->subject->kernel, version);
	snprintf(left, sizeof left, " %s: %s by Linux %s", d->code->name,
		 d->result.is_accepted ? "accepted" : "refused", version);
	if (!session_is_empty(d))
		snprintf(right, sizeof right, "step %u of %u, path %u of %u ", d->step,
			 d->trace.steps.len - 1, d->path[d->step], d->path_count);
	int room = (int)s->columns - (int)strlen(right);
	snprintf(line, sizeof line, "%-*.*s%s", room > 0 ? room : 0, room > 0 ? room : 0, left,
		 right);
	go_to(out, 1, 1);
	style(s, out, "7", d->result.is_accepted ? "" : ";31");
	put(out, line, s->columns);
	style(s, out, "", "");
}

static void paint_source(struct screen *s, struct buf *out, uint32_t row, uint32_t rows)
{
	struct session *d = s->session;
	const struct program_line *here =
		session_is_empty(d) ? NULL : session_line(d, session_insn(d));
	uint32_t file = here ? session_file(d, here) : 0;
	const struct subject_file *f =
		file < d->subject->files.len ? d->subject->files.data[file] : NULL;
	uint32_t first = here && here->line > rows / 2 ? here->line - rows / 2 : 1;
	if (f && f->line_count >= rows && first + rows > f->line_count + 1)
		first = f->line_count + 1 - rows;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t n = first + i;
		bool is_here = here && n == here->line;
		char head[24];
		go_to(out, row + i, 1);
		if (!f || n > f->line_count) {
			buf_add_text(out, "\033[K");
			continue;
		}
		snprintf(head, sizeof head, "%s%5u ", is_here ? ">" : " ", n);
		style(s, out, is_here ? "1" : "2", "");
		put(out, head, 8);
		style(s, out, is_here ? "1" : "", is_here ? ";36" : "");
		put(out, f->lines[n - 1], s->columns > 8 ? s->columns - 8 : 0);
		style(s, out, "", "");
	}
}

static void paint_code(struct screen *s, struct buf *out, uint32_t row, uint32_t rows,
		       uint32_t width)
{
	struct buf text;
	const char *p;
	buf_init(&text);
	debug_tell_code(s->session, rows, &text);
	buf_add_char(&text, 0);
	p = text.data;
	for (uint32_t i = 0; i < rows; i++) {
		go_to(out, row + i, 1);
		style(s, out, *p == '>' ? "1" : "", *p == '>' ? ";36" : "");
		put(out, p, width);
		style(s, out, "", "");
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	buf_fini(&text);
}

static bool is_changed(const struct session *d, uint16_t place)
{
	const struct verify_trace *t = &d->trace;
	for (uint32_t c = t->steps.data[d->step].first_change; c < trace_change_end(t, d->step);
	     c++) {
		if (t->changes.data[c].place == place)
			return d->step && session_previous(d, d->step) != TRACE_NONE;
	}
	return false;
}

/* Places to show when there is not room for all: what changed goes before what did not. */
static uint32_t choose_places(const struct session *d, uint16_t *chosen, uint32_t most,
			      uint32_t *left_out)
{
	uint32_t own = d->trace.steps.data[d->step].depth * (uint32_t)TRACE_FRAME_PLACES;
	uint32_t total = 0, changed = 0, count = 0, plain;
	for (uint32_t i = 0; i < TRACE_FRAME_PLACES; i++) {
		if (!d->cursor.values[own + i] || i == BPF_R10)
			continue;
		total++;
		changed += is_changed(d, (uint16_t)(own + i));
	}
	if (total > most && most)
		most--; // for the number of the others
	plain = most > changed ? most - changed : 0;
	for (uint32_t i = 0; i < TRACE_FRAME_PLACES && count < most; i++) {
		uint16_t place = (uint16_t)(own + i);
		if (!d->cursor.values[place] || i == BPF_R10)
			continue;
		bool is_new = is_changed(d, place);
		if (!is_new && !plain)
			continue;
		plain -= !is_new;
		chosen[count++] = place;
	}
	*left_out = total - count;
	return count;
}

static void paint_state(struct screen *s, struct buf *out, uint32_t row, uint32_t rows,
			uint32_t column, uint32_t width)
{
	const struct session *d = s->session;
	uint16_t chosen[TRACE_FRAME_PLACES];
	uint32_t left_out = 0, count = 0;
	char name[16], line[600];
	if (!session_is_empty(d))
		count = choose_places(d, chosen, rows, &left_out);
	for (uint32_t i = 0; i < rows; i++) {
		*line = 0;
		bool is_new = false;
		if (i < count) {
			const char *variable = trace_cursor_name(&d->cursor, chosen[i]);
			const char *words = d->trace.values.data[d->cursor.values[chosen[i]]].words;
			debug_place_name(chosen[i], name);
			is_new = is_changed(d, chosen[i]);
			snprintf(line, sizeof line, "%s%-6s %s%s%.480s", is_new ? "*" : " ", name,
				 variable ? variable : "", variable ? ": " : "", words);
		} else if (i == count && left_out) {
			snprintf(line, sizeof line, " and %u more: print", left_out);
		}
		go_to(out, row + i, column);
		style(s, out, is_new ? "1" : "", is_new ? ";33" : "");
		put(out, line, width);
		style(s, out, "", "");
	}
}

static void paint_said(struct screen *s, struct buf *out, uint32_t row, uint32_t rows)
{
	screen_wrap(s);
	const char *p = s->wrapped.data;
	for (uint32_t skip = s->is_reading ? s->scrolled : 0; skip && *p; skip--) {
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	for (uint32_t i = 0; i < rows; i++) {
		go_to(out, row + i, 1);
		put(out, p, s->columns);
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
}

static void paint_prompt(struct screen *s, struct buf *out)
{
	go_to(out, s->rows, 1);
	if (s->is_reading) {
		style(s, out, "7", "");
		uint32_t lines = screen_wrap(s), shown = s->scrolled + s->rows - 1;
		char text[96];
		snprintf(text, sizeof text, " lines %u to %u of %u: Space or arrows; Enter closes ",
			 s->scrolled + 1, shown < lines ? shown : lines, lines);
		put(out, text, s->columns < 64 ? s->columns : 64);
		style(s, out, "", "");
		buf_add_text(out, "\033[K");
		return;
	}
	uint32_t room = s->columns > 8 ? s->columns - 6 : 1;
	uint32_t from = s->cursor >= room ? s->cursor - room + 1 : 0;
	style(s, out, "1", "");
	buf_add_text(out, "(ks) ");
	style(s, out, "", "");
	put(out, s->line + from, room);
	buf_add_text(out, "\033[K");
	go_to(out, s->rows, 6 + s->cursor - from);
}

/* Too small for parts: where it is, then what was said. */
static void paint_small(struct screen *s, struct buf *out)
{
	struct buf said = s->said;
	buf_init(&s->said);
	debug_tell_place(s->session, &s->said);
	buf_add(&s->said, said.data, said.len);
	paint_said(s, out, 1, s->rows > 1 ? s->rows - 1 : 0);
	buf_fini(&s->said);
	s->said = said;
}

void screen_paint(struct screen *s, struct buf *out)
{
	struct layout l = lay_out(s);
	buf_add_text(out, "\033[?25l");
	if (s->is_reading) {
		paint_said(s, out, 1, s->rows - 1);
	} else if (s->rows < 10 || s->columns < 30) {
		buf_add_text(out, "\033[2J");
		paint_small(s, out);
	} else {
		const struct program_line *here =
			session_is_empty(s->session)
				? NULL
				: session_line(s->session, session_insn(s->session));
		uint32_t row = 2;
		paint_title(s, out);
		paint_source(s, out, row, l.source);
		row += l.source;
		rule(s, out, row, here ? here->file : "instructions", l.left, "known");
		paint_code(s, out, row + 1, l.middle, l.left);
		paint_state(s, out, row + 1, l.middle, l.left + 1, s->columns - l.left);
		row += 1 + l.middle;
		rule(s, out, row, "", 0, "");
		paint_said(s, out, row + 1, l.said);
	}
	paint_prompt(s, out);
	buf_add_text(out, "\033[?25h");
}
