/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature help: what the call takes that the cursor stands in, and which argument it is at. The text is
 * often unfinished, so the call is found by its brackets, not in the tree.
 */
#include <ctype.h>
#include <string.h>

#include "frontend/lsp/server.h"

enum { LOOK_BACK = 4000, DEPTH_MAX = 32 };

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

struct bracket {
	size_t at;
	uint32_t commas;
};

/* The innermost round bracket that is open at an offset; false when there is none. */
static bool find_bracket(const char *text, size_t at, struct bracket *found)
{
	struct bracket open[DEPTH_MAX];
	uint32_t depth = 0;
	size_t i = at > LOOK_BACK ? at - LOOK_BACK : 0;

	while (i && text[i - 1] != '\n')
		i--;
	for (; i < at; i++) {
		char c = text[i];
		if (c == '"' || c == '\'') {
			for (i++; i < at && text[i] != c && text[i] != '\n'; i++)
				i += text[i] == '\\';
		} else if (c == '/' && text[i + 1] == '/') {
			while (i < at && text[i] != '\n')
				i++;
		} else if (strchr("([{", c) && c && depth < DEPTH_MAX) {
			open[depth++] = (struct bracket){i, 0};
		} else if (strchr(")]}", c) && c && depth) {
			depth--;
		} else if (c == ',' && depth) {
			open[depth - 1].commas++;
		}
	}
	if (!depth || text[open[depth - 1].at] != '(')
		return false;
	*found = open[depth - 1];
	return true;
}

/* Name before the bracket, with its dot when it is a method; NULL when there is none. */
static const char *called_name(struct arena *arena, const char *text, size_t bracket)
{
	size_t end = bracket, begin;

	for (begin = end; begin && is_name_char(text[begin - 1]);)
		begin--;
	if (begin == end || isdigit((unsigned char)text[begin]))
		return NULL;
	if (begin && text[begin - 1] == '.')
		begin--;
	return arena_copy_string(arena, text + begin, end - begin);
}

/* The parameters of a signature, as parts of its text. */
static void put_parameters(const char *label, struct buf *out)
{
	const char *open = strchr(label, '('), *begin = open ? open + 1 : label;
	int depth = 0;
	bool first = true;

	for (const char *p = begin; open && *p; p++) {
		bool ends = depth == 0 && (*p == ',' || *p == ')');
		if (ends && p > begin) {
			buf_add_text(out, first ? "{\"label\":" : ",{\"label\":");
			json_put_text(out, begin, (size_t)(p - begin));
			buf_add_char(out, '}');
			first = false;
		}
		if (ends && *p == ')')
			return;
		if (ends)
			begin = p + 1 + strspn(p + 1, " ");
		bool is_arrow = *p == '>' && p[-1] == '-';
		depth += strchr("([<", *p) ? 1 : strchr(")]>", *p) && !is_arrow ? -1 : 0;
	}
}

void server_signature(struct server *s, const struct json *params, struct buf *out)
{
	uint32_t offset;
	struct document *doc = server_place(s, params, &offset);
	struct bracket bracket;
	const char *what;

	if (!doc)
		return;
	const struct source_file *f = doc->analysis->file;
	if (!find_bracket(f->text, offset - f->base, &bracket))
		return;
	const char *name = called_name(&s->scratch, f->text, bracket.at);
	const char *label = name ? server_call_text(doc->analysis, name, &what) : NULL;
	if (!label)
		return;
	buf_add_text(out, "{\"signatures\":[{\"label\":");
	json_put_string(out, label);
	if (what) {
		buf_add_text(out, ",\"documentation\":");
		json_put_string(out, what);
	}
	buf_add_text(out, ",\"parameters\":[");
	put_parameters(label, out);
	buf_printf(out, "]}],\"activeSignature\":0,\"activeParameter\":%u}", bracket.commas);
}
