/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering of diagnostics. A source line is shown cell by cell as a terminal would: tabs widened,
 * wide and combining characters counted, everything that could confuse a terminal or a reader
 * (control characters, direction overrides, bytes that are not UTF-8) shown as an escape. The marker
 * line is made from the same walk, so the carets stand under what they mean.
 */
#include "frontend/base/diag_render.h"

#include <stdlib.h>
#include <string.h>

enum {
	TAB_WIDTH = 8,
	WINDOW_BYTES = 160, // lines longer than this are shown in part
	WINDOW_BEFORE = 60, // bytes shown before the place
};

static const struct {
	const char *word, *colour;
} severities[] = {
	[DIAG_NOTE] = {"note", "\033[1;36m"},
	[DIAG_WARNING] = {"warning", "\033[1;35m"},
	[DIAG_ERROR] = {"error", "\033[1;31m"},
};

#define BOLD "\033[1m"
#define GREEN "\033[1;32m"
#define PLAIN "\033[0m"

struct renderer {
	const struct source_map *sources;
	const struct diag_style *style;
	struct buf *out;
};

/* ---- characters ---- */

struct range {
	uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t c)
{
	for (size_t i = 0; i < count; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

#define IS_IN(ranges, c) is_in(ranges, sizeof(ranges) / sizeof *(ranges), c)

/* Shown as escapes: controls, and what reorders or hides text. */
static const struct range hidden[] = {{0, 0x1f},         {0x7f, 0x9f},     {0x200b, 0x200f},
				      {0x2028, 0x202e},  {0x2060, 0x206f}, {0xfeff, 0xfeff},
				      {0xe0000, 0xe007f}};
static const struct range combining[] = {
	{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
	{0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
static const struct range wide[] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
				    {0xf900, 0xfaff}, {0xfe30, 0xfe6f},   {0xff00, 0xff60},
				    {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};

/* Reads one character; 0 bytes are never consumed. A malformed byte gives *c = UINT32_MAX. */
static uint32_t read_character(const char *text, uint32_t len, uint32_t *c)
{
	const unsigned char *u = (const unsigned char *)text;
	uint32_t n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;

	*c = UINT32_MAX;
	if (!n || n > len || u[0] > 0xf4)
		return 1;
	uint32_t value = n == 1 ? u[0] : u[0] & (0x7fu >> n);
	for (uint32_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | (u[i] & 0x3f);
	}
	bool overlong = (n == 3 && value < 0x800) || (n == 4 && value < 0x10000);
	if (overlong || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 1;
	*c = value;
	return n;
}

/* Appends the character as a terminal may show it; *width receives its cells. Gives the bytes read. */
static uint32_t add_character(struct buf *out, const char *text, uint32_t len, uint32_t *width)
{
	uint32_t c, n = read_character(text, len, &c);
	size_t before = out->len;

	if (c == UINT32_MAX || c < 0x20 || c == 0x7f)
		buf_printf(out, "\\x%02x", (unsigned char)*text);
	else if (IS_IN(hidden, c))
		buf_printf(out, "\\u{%x}", c);
	else
		buf_add(out, text, n);
	bool escaped = out->len - before != n || c == UINT32_MAX;
	*width = escaped               ? (uint32_t)(out->len - before)
		 : IS_IN(combining, c) ? 0
		 : IS_IN(wide, c)      ? 2
				       : 1;
	return n;
}

static void add_safe(struct buf *out, const char *text)
{
	uint32_t len = (uint32_t)strlen(text), width;

	for (uint32_t i = 0; i < len;)
		i += add_character(out, text + i, len - i, &width);
}

/* ---- text ---- */

static void colour(struct renderer *r, const char *code)
{
	if (r->style->colour)
		buf_add_text(r->out, code);
}

static void add_headline(struct renderer *r, span where, enum diag_severity severity,
			 const char *text, const char *name)
{
	struct source_pos pos = source_locate(r->sources, where.begin);

	colour(r, BOLD);
	if (pos.file) {
		add_safe(r->out, pos.file->path);
		buf_printf(r->out, ":%u:%u: ", pos.line, pos.column);
	} else {
		buf_add_text(r->out, "ks: ");
	}
	colour(r, severities[severity].colour);
	buf_printf(r->out, "%s: ", severities[severity].word);
	colour(r, PLAIN);
	colour(r, severity == DIAG_NOTE ? "" : BOLD);
	add_safe(r->out, text);
	colour(r, PLAIN);
	if (name)
		buf_printf(r->out, " [%s]", name);
	buf_add_char(r->out, '\n');
}

/* The part of a line that is shown, in bytes from its start. */
struct window {
	const char *line;
	uint32_t begin, end, len;
};

static bool is_inside_character(const char *line, uint32_t at)
{
	return ((unsigned char)line[at] & 0xc0) == 0x80;
}

static struct window make_window(const char *line, uint32_t len, uint32_t place)
{
	struct window w = {line, 0, len, len};

	if (len <= WINDOW_BYTES)
		return w;
	if (place > WINDOW_BEFORE)
		w.begin = place - WINDOW_BEFORE;
	if (len - w.begin > WINDOW_BYTES)
		w.end = w.begin + WINDOW_BYTES;
	for (int i = 0; i < 3 && w.begin && is_inside_character(line, w.begin); i++)
		w.begin--;
	for (int i = 0; i < 3 && w.end < len && is_inside_character(line, w.end); i++)
		w.end++;
	return w;
}

/* Appends the window's text, and to `marks` a `^~~~` under the bytes first to last (exclusive). */
static void add_line(struct buf *text, struct buf *marks, struct window w, uint32_t first,
		     uint32_t last)
{
	uint32_t column = 0, at = w.begin;

	if (w.begin) {
		buf_add_text(text, "...");
		buf_add_text(marks, "   ");
		column = 3;
	}
	while (at < w.end) {
		uint32_t width, n = 1;
		char mark = at == first ? '^' : at > first && at < last ? '~' : ' ';
		if (w.line[at] == '\t') {
			width = TAB_WIDTH - column % TAB_WIDTH;
			buf_printf(text, "%*s", (int)width, "");
		} else {
			n = add_character(text, w.line + at, w.len - at, &width);
		}
		for (uint32_t i = 0; i < width; i++)
			buf_add_char(marks, i && mark == '^' ? (last > at + n ? '~' : ' ') : mark);
		column += width;
		at += n;
	}
	if (first >= w.end)
		buf_add_char(marks, '^');
	if (w.end < w.len)
		buf_add_text(text, "...");
}

static void trim_spaces(struct buf *b)
{
	while (b->len && b->data[b->len - 1] == ' ')
		b->len--;
}

/* The source line of a span with its marker, and the texts of fixes that lie on the line. */
static void add_source(struct renderer *r, span where, const struct diag *fixes_of)
{
	struct source_pos pos = source_locate(r->sources, where.begin);
	uint32_t len;

	if (!pos.file)
		return;
	const char *line = source_line(pos.file, pos.line, &len);
	uint32_t first = pos.column - 1, line_begin = where.begin - first;
	uint32_t last = where.end - line_begin < len ? where.end - line_begin : len;
	if (first > len)
		first = len;
	struct buf text, marks;
	buf_init(&text);
	buf_init(&marks);
	add_line(&text, &marks, make_window(line, len, first), first, last);
	trim_spaces(&marks);
	buf_printf(r->out, "%5u | ", pos.line);
	buf_add(r->out, text.data, text.len);
	buf_add_text(r->out, "\n      | ");
	colour(r, GREEN);
	buf_add(r->out, marks.data, marks.len);
	colour(r, PLAIN);
	buf_add_char(r->out, '\n');
	for (uint32_t i = 0; fixes_of && i < fixes_of->fixes.len; i++) {
		const struct diag_fix *fix = &fixes_of->fixes.data[i];
		if (fix->where.begin < line_begin || fix->where.begin > line_begin + len)
			continue;
		uint32_t at = fix->where.begin - line_begin;
		text.len = marks.len = 0;
		add_line(&text, &marks, make_window(line, len, first), at, at);
		trim_spaces(&marks);
		buf_printf(r->out, "      | %*s", (int)(marks.len ? marks.len - 1 : 0), "");
		colour(r, GREEN);
		add_safe(r->out, fix->text);
		colour(r, PLAIN);
		buf_add_char(r->out, '\n');
	}
	buf_fini(&text);
	buf_fini(&marks);
}

/* What belongs to no place. */
static void add_remark(struct renderer *r, const char *word, const char *text)
{
	buf_add_text(r->out, "      = ");
	colour(r, BOLD);
	buf_printf(r->out, "%s: ", word);
	colour(r, PLAIN);
	add_safe(r->out, text);
	buf_add_char(r->out, '\n');
}

static void render_text(struct renderer *r, const struct diag *d)
{
	add_headline(r, d->where, d->severity, d->text, diag_info(d->id)->name);
	add_source(r, d->where, d);
	for (uint32_t i = 0; i < d->notes.len; i++) {
		const struct diag_extra *note = &d->notes.data[i];
		if (!note->where.end) {
			add_remark(r, "note", note->text);
			continue;
		}
		add_headline(r, note->where, DIAG_NOTE, note->text, NULL);
		add_source(r, note->where, NULL);
	}
	if (d->hint)
		add_remark(r, "hint", d->hint);
}

/* ---- JSON ---- */

static void add_json_string(struct buf *out, const char *text)
{
	uint32_t len = (uint32_t)strlen(text), c;

	buf_add_char(out, '"');
	for (uint32_t i = 0; i < len;) {
		uint32_t n = read_character(text + i, len - i, &c);
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", (char)c);
		else if (c == UINT32_MAX)
			buf_add_text(out, "\\ufffd");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_add(out, text + i, n);
		i += n;
	}
	buf_add_char(out, '"');
}

static void add_json_place(struct renderer *r, span where)
{
	struct source_pos begin = source_locate(r->sources, where.begin);
	struct source_pos end = source_locate(r->sources, where.end);

	if (!begin.file)
		return;
	buf_add_text(r->out, "\"file\":");
	add_json_string(r->out, begin.file->path);
	buf_printf(r->out, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u,",
		   begin.line, begin.column, end.line, end.column);
}

static void render_json(struct renderer *r, const struct diag *d)
{
	buf_add_text(r->out, "{");
	add_json_place(r, d->where);
	buf_printf(r->out,
		   "\"severity\":\"%s\",\"name\":\"%s\",\"message\":", severities[d->severity].word,
		   diag_info(d->id)->name);
	add_json_string(r->out, d->text);
	if (d->hint) {
		buf_add_text(r->out, ",\"hint\":");
		add_json_string(r->out, d->hint);
	}
	buf_add_text(r->out, ",\"notes\":[");
	for (uint32_t i = 0; i < d->notes.len; i++) {
		buf_add_text(r->out, i ? ",{" : "{");
		add_json_place(r, d->notes.data[i].where);
		buf_add_text(r->out, "\"message\":");
		add_json_string(r->out, d->notes.data[i].text);
		buf_add_text(r->out, "}");
	}
	buf_add_text(r->out, "],\"fixes\":[");
	for (uint32_t i = 0; i < d->fixes.len; i++) {
		buf_add_text(r->out, i ? ",{" : "{");
		add_json_place(r, d->fixes.data[i].where);
		buf_add_text(r->out, "\"text\":");
		add_json_string(r->out, d->fixes.data[i].text);
		buf_add_text(r->out, "}");
	}
	buf_add_text(r->out, "]}\n");
}

/* ---- entry ---- */

void diag_render(const struct source_map *sources, const struct diag *diag,
		 const struct diag_style *style, struct buf *out)
{
	struct renderer r = {sources, style, out};

	if (style->json)
		render_json(&r, diag);
	else
		render_text(&r, diag);
}

struct ordered {
	const struct diag *diag;
	uint32_t index;
};

static int compare_order(const void *left, const void *right)
{
	const struct ordered *a = left, *b = right;

	if (a->diag->where.begin != b->diag->where.begin)
		return a->diag->where.begin < b->diag->where.begin ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

static void add_count(struct buf *out, uint32_t count, const char *word, const char *before)
{
	if (count)
		buf_printf(out, "%s%u %s%s", before, count, word, count == 1 ? "" : "s");
}

void diag_render_all(const struct source_map *sources, const struct diags *diags,
		     const struct diag_style *style, struct buf *out)
{
	uint32_t count = diags->list.len;
	struct ordered *order = calloc(count + 1, sizeof *order);

	if (!order)
		die_out_of_memory();
	for (uint32_t i = 0; i < count; i++)
		order[i] = (struct ordered){diags->list.data[i], i};
	qsort(order, count, sizeof *order, compare_order);
	for (uint32_t i = 0; i < count; i++)
		diag_render(sources, order[i].diag, style, out);
	free(order);
	if (style->json || !count)
		return;
	if (diags->too_many)
		buf_printf(out, "too many errors: only the first %d messages are shown\n",
			   DIAG_MAX_KEPT);
	add_count(out, diags->errors, "error", "");
	add_count(out, diags->warnings, "warning", diags->errors ? ", " : "");
	buf_add_char(out, '\n');
}
