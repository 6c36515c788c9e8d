/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics of one document, and quick fixes. A mistake in an included file is shown at the include
 * that leads to it, with the place itself as related information.
 */
#include <string.h>

#include "frontend/lsp/server.h"

static bool is_in_file(const struct analysis *a, uint32_t offset)
{
	return a->file && analysis_file_at(a, offset) == a->file;
}

static bool reaches(const struct module *m, const struct source_file *file, int depth)
{
	if (m->file == file)
		return true;
	for (uint32_t i = 0; depth && i < m->decls.len; i++) {
		const struct decl *d = m->decls.data[i];
		if (d->kind == DECL_INCLUDE && d->include.module &&
		    reaches(d->include.module, file, depth - 1))
			return true;
	}
	return false;
}

/* Where a diagnostic is shown: in the document. */
static span shown_at(const struct analysis *a, const struct diag *d)
{
	enum { SEARCH_DEPTH = 8 };
	const struct source_file *file = analysis_file_at(a, d->where.begin);

	if (file == a->file)
		return d->where;
	for (uint32_t i = 0; file && i < a->module->decls.len; i++) {
		const struct decl *inc = a->module->decls.data[i];
		if (inc->kind == DECL_INCLUDE && inc->include.module &&
		    reaches(inc->include.module, file, SEARCH_DEPTH))
			return inc->include.path_where;
	}
	return (span){a->file->base, a->file->base};
}

static void put_message(const struct diag *d, struct buf *out)
{
	struct buf text;

	buf_init(&text);
	buf_add_text(&text, d->text);
	if (d->hint)
		buf_printf(&text, "\n%s", d->hint);
	json_put_string(out, text.data);
	buf_fini(&text);
}

static void put_related(struct server *s, const struct document *doc, span where, const char *text,
			struct buf *out, bool *first)
{
	struct buf location;

	buf_init(&location);
	if (server_put_location(s, doc, where, &location)) {
		buf_printf(out, "%s{\"location\":%s,\"message\":", *first ? "" : ",",
			   location.data);
		json_put_string(out, text);
		buf_add_char(out, '}');
		*first = false;
	}
	buf_fini(&location);
}

static void put_diagnostic(struct server *s, const struct document *doc, const struct diag *d,
			   struct buf *out)
{
	const struct analysis *a = doc->analysis;
	span where = shown_at(a, d);
	bool first = true;

	buf_add_text(out, "{\"range\":");
	text_put_range(out, &a->compile.sources, where);
	buf_printf(out, ",\"severity\":%d,\"source\":\"ks\",\"code\":",
		   d->severity == DIAG_ERROR     ? 1
		   : d->severity == DIAG_WARNING ? 2
						 : 3);
	json_put_string(out, diag_info(d->id)->name);
	if (!strncmp(diag_info(d->id)->name, "unused", 6))
		buf_add_text(out, ",\"tags\":[1]");
	buf_add_text(out, ",\"message\":");
	put_message(d, out);
	buf_add_text(out, ",\"relatedInformation\":[");
	if (where.begin != d->where.begin)
		put_related(s, doc, d->where, d->text, out, &first);
	for (uint32_t i = 0; i < d->notes.len; i++)
		put_related(s, doc, d->notes.data[i].where, d->notes.data[i].text, out, &first);
	buf_add_text(out, "]}");
}

void server_publish(struct server *s, struct document *doc)
{
	struct analysis *a = doc->analysis;
	struct buf out;

	buf_init(&out);
	buf_add_text(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/publishDiagnostics\","
			   "\"params\":{\"uri\":");
	json_put_string(&out, doc->uri);
	buf_add_text(&out, ",\"diagnostics\":[");
	for (uint32_t i = 0; a && a->file && i < a->compile.diags.list.len; i++) {
		if (i)
			buf_add_char(&out, ',');
		put_diagnostic(s, doc, a->compile.diags.list.data[i], &out);
	}
	buf_add_text(&out, "]}}");
	rpc_write(&s->rpc, &out);
	buf_fini(&out);
}

/* ---- fixes ---- */

static bool touches(span a, span b)
{
	return a.begin <= b.end && b.begin <= a.end;
}

static bool has_local_fixes(const struct analysis *a, const struct diag *d)
{
	for (uint32_t i = 0; i < d->fixes.len; i++)
		if (!is_in_file(a, d->fixes.data[i].where.begin))
			return false;
	return d->fixes.len > 0;
}

static void put_action(const struct document *doc, const struct diag *d, struct buf *out)
{
	const struct analysis *a = doc->analysis;
	struct buf title;

	buf_init(&title);
	const char *text = d->fixes.data[0].text;
	if (*text)
		buf_printf(&title, "Write `%s`", text);
	else
		buf_add_text(&title, "Remove this");
	buf_add_text(out, "{\"title\":");
	json_put_string(out, title.data);
	buf_add_text(out, ",\"kind\":\"quickfix\",\"edit\":{\"changes\":{");
	json_put_string(out, doc->uri);
	buf_add_text(out, ":[");
	for (uint32_t i = 0; i < d->fixes.len; i++) {
		buf_add_text(out, i ? ",{\"range\":" : "{\"range\":");
		text_put_range(out, &a->compile.sources, d->fixes.data[i].where);
		buf_add_text(out, ",\"newText\":");
		json_put_string(out, d->fixes.data[i].text);
		buf_add_char(out, '}');
	}
	buf_add_text(out, "]}}}");
	buf_fini(&title);
}

void server_code_actions(struct server *s, const struct json *params, struct buf *out)
{
	struct document *doc = server_document(s, params);
	const struct json *range = json_get(params, "range");
	bool first = true;

	if (!doc || !doc->analysis->file)
		return;
	const struct analysis *a = doc->analysis;
	struct text_pos begin = text_read_position(json_get(range, "start"));
	struct text_pos end = text_read_position(json_get(range, "end"));
	span wanted = {a->file->base + (uint32_t)text_offset(a->file->text, a->file->len, begin),
		       a->file->base + (uint32_t)text_offset(a->file->text, a->file->len, end)};
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < a->compile.diags.list.len; i++) {
		const struct diag *d = a->compile.diags.list.data[i];
		if (!has_local_fixes(a, d) || !touches(wanted, d->where))
			continue;
		if (!first)
			buf_add_char(out, ',');
		first = false;
		put_action(doc, d, out);
	}
	buf_add_char(out, ']');
}
