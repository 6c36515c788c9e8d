/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting, as `ks fmt` does it: the text is laid out, parsed again and compared, so that an edit never
 * changes a program or loses a comment.
 */
#include <string.h>

#include "frontend/lsp/server.h"
#include "frontend/syntax/format.h"

static void put_edit(const struct source_map *sources, const struct source_file *file,
		     const struct buf *text, struct buf *out)
{
	if (text->len == file->len && !memcmp(text->data, file->text, text->len)) {
		buf_add_text(out, "[]");
		return;
	}
	buf_add_text(out, "[{\"range\":");
	text_put_range(out, sources, (span){file->base, file->base + file->len});
	buf_add_text(out, ",\"newText\":");
	json_put_text(out, text->data, text->len);
	buf_add_text(out, "}]");
}

void server_formatting(struct server *s, const struct json *params, struct buf *out)
{
	struct document *doc = server_document(s, params);
	struct compile compile;
	struct buf text;

	if (!doc || !doc->analysis->file)
		return;
	compile_init(&compile);
	buf_init(&text);
	struct source_file *file = source_add(&compile.sources, doc->path,
					      doc->analysis->file->text, doc->analysis->file->len);
	struct module *m = file ? parse_file(&compile, file) : NULL;
	if (!m || compile.diags.errors) {
		s->error = "a file with mistakes in its syntax is not formatted";
	} else {
		format_module(&compile, m, &text);
		if (format_keeps_program(&compile, m, &text))
			put_edit(&compile.sources, file, &text, out);
		else
			s->error = "formatting would change the program; nothing was done";
	}
	buf_fini(&text);
	compile_fini(&compile);
}
