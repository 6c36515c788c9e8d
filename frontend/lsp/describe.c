/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a name means, in words for people: its declaration as written, the comment before it, sizes,
 * values, and what the kernel tables know about helpers and context fields.
 */
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/lsp/server.h"

enum { SHOWN_LINES = 40 };

static const struct doc {
	const char *name, *signature, *text;
} docs[] = {
#define DOC(name, signature, text) {name, signature, text},
#include "frontend/lsp/builtin_docs.def"
};

static const char *name_of(const struct analysis *a, symbol name)
{
	return intern_text(&a->compile.names, name);
}

static const struct doc *find_doc(const char *name)
{
	for (size_t i = 0; i < sizeof docs / sizeof *docs; i++)
		if (!strcmp(docs[i].name, name))
			return &docs[i];
	return NULL;
}

static const char *type_or_unknown(struct analysis *a, const struct type *t)
{
	return t && t->kind != TYPE_ERROR ? type_text(&a->checked.types, t) : "?";
}

/* Source text of a declaration up to the body of a function, at most SHOWN_LINES lines. */
static const char *declaration_text(struct analysis *a, const struct decl *d)
{
	const struct source_file *f = analysis_file_at(a, d->where.begin);
	uint32_t begin = d->where.begin, end = d->where.end;
	bool has_body = (d->kind == DECL_FUNC || d->kind == DECL_EXTERN) && d->func.body;

	if (!f || end <= begin || end > f->base + f->len)
		return NULL;
	if (has_body && d->func.body->where.begin > begin && d->func.body->where.begin < end)
		end = d->func.body->where.begin;
	const char *text = f->text + (begin - f->base), *stop = f->text + (end - f->base);
	const char *cut = text;
	for (int i = 0; i < SHOWN_LINES && cut < stop; i++) {
		const char *newline = memchr(cut, '\n', (size_t)(stop - cut));
		cut = newline ? newline + 1 : stop;
	}
	while (cut > text && strchr(" \t\r\n", cut[-1]))
		cut--;
	return arena_copy_string(&a->compile.module, text, (size_t)(cut - text));
}

/* ---- one line ---- */

static const char *helper_signature(struct analysis *a, const struct kernel_helper *h)
{
	struct arena *arena = &a->compile.module;
	const char *text = arena_printf(arena, "extern fn %s(", h->info.name);

	for (int i = 0; h->info.args[i]; i++) {
		char letter = h->info.args[i];
		text = arena_printf(arena, "%s%s%s", text, i ? ", " : "",
				    letter == 'c'   ? "ctx"
				    : letter == 'm' ? "map"
				    : letter == 'p' ? "*void"
						    : "u64");
	}
	return arena_printf(arena, "%s) -> %s", text, h->info.result);
}

/* A function of the kernel, from its BTF. */
static const char *kernel_signature(struct analysis *a, const struct decl *d)
{
	struct arena *arena = &a->compile.module;
	const struct type *t = d->type;
	const char *text = arena_printf(arena, "extern %s(", name_of(a, d->name));

	for (uint32_t i = 0; i < t->func.param_count; i++) {
		const struct decl *p = i < d->func.params.len ? d->func.params.data[i] : NULL;
		text = arena_printf(arena, "%s%s%s%s%s", text, i ? ", " : "",
				    p && p->name ? name_of(a, p->name) : "",
				    p && p->name ? ": " : "",
				    type_or_unknown(a, t->func.params[i]));
	}
	if (t->func.result->kind == TYPE_VOID)
		return arena_printf(arena, "%s)", text);
	return arena_printf(arena, "%s) -> %s", text, type_or_unknown(a, t->func.result));
}

static const char *function_detail(struct analysis *a, struct decl *d)
{
	const struct kernel_helper *h = kernel_find_helper_row(name_of(a, d->name));

	if (!d->name_where.end && h)
		return helper_signature(a, h);
	if (!d->name_where.end && d->type && d->type->kind == TYPE_FUNC)
		return kernel_signature(a, d);
	const char *text = declaration_text(a, d);
	return text ? text : name_of(a, d->name);
}

/* The declaration with that name at the top level, or of the kernel. */
static struct decl *find_function(struct analysis *a, const char *name)
{
	symbol sym = intern_string(&a->compile.names, name);
	struct decl *d = map_find_ptr(&a->index.top, sym);

	if (d)
		return d->kind == DECL_FUNC || d->kind == DECL_EXTERN ? d : NULL;
	for (uint32_t i = 0; i < a->index.refs.len; i++) {
		d = a->index.refs.data[i].decl;
		if (d && d->kind == DECL_EXTERN && d->name == sym)
			return d;
	}
	return NULL;
}

const char *server_call_text(struct analysis *a, const char *name, const char **text)
{
	*text = NULL;
	for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
		const char *dot = strchr(docs[i].name, '.');
		if (strcmp(*name == '.' && dot ? dot : docs[i].name, name) != 0)
			continue;
		*text = docs[i].text;
		return docs[i].signature;
	}
	if (*name == '.')
		return NULL;
	struct decl *d = find_function(a, name);
	if (d)
		return server_detail(a, d);
	const struct kernel_helper *h = kernel_find_helper_row(name);
	return h ? helper_signature(a, h) : NULL;
}

static const char *constant_detail(struct analysis *a, const struct decl *d)
{
	const char *type = d->constant.parent ? name_of(a, d->constant.parent->name) : "";
	const char *text = arena_printf(&a->compile.module, "%s: %s", name_of(a, d->name), type);

	if (!d->type)
		return text;
	if (d->type->is_signed)
		return arena_printf(&a->compile.module, "%s = %lld", text,
				    (long long)d->constant.value);
	return arena_printf(&a->compile.module, "%s = %llu", text,
			    (unsigned long long)d->constant.value);
}

const char *server_detail(struct analysis *a, struct decl *d)
{
	struct arena *arena = &a->compile.module;
	const char *name = name_of(a, d->name);
	const struct doc *doc;

	switch ((int)d->kind) {
	case DECL_FUNC:
	case DECL_EXTERN:
		return function_detail(a, d);
	case DECL_BUILTIN:
		doc = find_doc(name);
		return doc ? doc->signature : name;
	case DECL_ENUM_CONST:
		return constant_detail(a, d);
	case DECL_LOCAL:
	case DECL_PARAM:
	case DECL_GLOBAL:
		return arena_printf(arena, "%s%s: %s", d->kind == DECL_PARAM ? "" : "var ", name,
				    type_or_unknown(a, d->type));
	case DECL_FIELD:
		return arena_printf(arena, "%s: %s", name, type_or_unknown(a, d->type));
	case DECL_STRUCT:
	case DECL_ENUM:
	case DECL_CONFIG:
		return arena_printf(arena, "%s %s", decl_kind_name(d->kind), name);
	default: {
		const char *text = declaration_text(a, d);
		return text ? text : name;
	}
	}
}

/* ---- comments ---- */

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static void add_comment_line(struct buf *out, const char *line, const char *end)
{
	while (line < end && *line == '/')
		line++;
	line = skip_blanks(line);
	while (end > line && strchr(" \t\r", end[-1]))
		end--;
	if (out->len)
		buf_add_char(out, '\n');
	if (end > line)
		buf_add(out, line, (size_t)(end - line));
}

/* Comment lines that end right above the declaration, else the comment behind it on its line. */
static void add_comment(struct analysis *a, const struct decl *d, struct buf *out)
{
	const struct source_file *f = analysis_file_at(a, d->where.begin);
	struct source_pos pos = source_locate(&a->compile.sources, d->where.begin);
	uint32_t len, first = pos.line;

	if (!f)
		return;
	while (first > 1) {
		const char *line = source_line(f, first - 1, &len);
		if (strncmp(skip_blanks(line), "//", 2) != 0)
			break;
		first--;
	}
	for (uint32_t i = first; i < pos.line; i++) {
		const char *line = source_line(f, i, &len);
		add_comment_line(out, skip_blanks(line), line + len);
	}
	if (first < pos.line)
		return;
	pos = source_locate(&a->compile.sources, d->where.end);
	const char *line = source_line(f, pos.line, &len);
	const char *rest = line + (pos.column - 1 < len ? pos.column - 1 : len);
	while (*rest == ',' || *rest == ';' || *rest == ' ' || *rest == '\t')
		rest++;
	if (!strncmp(rest, "//", 2) && rest < line + len)
		add_comment_line(out, rest, line + len);
}

/* ---- hover ---- */

static void add_version(struct buf *out, const char *what, uint32_t version)
{
	char text[16];

	kernel_format_version(version, text);
	buf_printf(out, "%s Linux %s", what, text);
}

static void add_helper_facts(struct analysis *a, const struct decl *d, struct buf *out)
{
	const struct kernel_helper *h = kernel_find_helper_row(name_of(a, d->name));

	if (!h && !d->name_where.end)
		buf_add_text(out, "\n\nA function of the kernel, as its BTF describes it.");
	if (!h)
		return;
	buf_printf(out, "\n\nBPF helper %u, ", h->info.id);
	add_version(out, "since", h->kernel);
	buf_add_text(out, ".");
	if (h->flags & KERNEL_HELPER_GPL)
		buf_add_text(out, " Needs a license compatible with the GPL.");
	if (h->flags & KERNEL_HELPER_SLEEPS)
		buf_add_text(out, " Sleepable programs only.");
	if (h->flags & KERNEL_HELPER_MOVES_PACKET)
		buf_add_text(out, " Packet pointers are invalid afterwards.");
	if (h->info.may_give_null)
		buf_add_text(out, " The pointer that it gives may be null.");
}

static void add_field_facts(const struct decl *d, struct buf *out)
{
	const struct ctx_field *row = d->field.ctx;

	if (!row) {
		buf_printf(out, "\n\nOffset %u.", d->field.offset);
		return;
	}
	buf_printf(out, "\n\nField of `%s`, offset %u, %s; ", row->context, row->offset,
		   row->writers ? "may be written" : "read only");
	add_version(out, "since", kernel_ctx_field_version(row));
	buf_add_text(out, ".");
}

static void add_facts(struct analysis *a, const struct decl *d, struct buf *out)
{
	if (d->kind == DECL_BUILTIN) {
		const struct doc *doc = find_doc(name_of(a, d->name));
		if (doc)
			buf_printf(out, "\n\n%s", doc->text);
	} else if (d->kind == DECL_EXTERN) {
		add_helper_facts(a, d, out);
	} else if (d->kind == DECL_FIELD) {
		add_field_facts(d, out);
	} else if (d->kind == DECL_STRUCT && d->type && d->type->size) {
		buf_printf(out, "\n\n%u bytes, aligned to %u.", d->type->size, d->type->align);
	} else if (d->kind == DECL_FUNC && d->func.program) {
		buf_printf(out, "\n\neBPF program of kind `%s`.", d->func.program->name);
	}
}

static void describe(struct analysis *a, struct decl *d, struct buf *out)
{
	bool is_whole = d->kind == DECL_STRUCT || d->kind == DECL_ENUM || d->kind == DECL_CONFIG;
	struct decl *written = index_written(&a->index, d);
	const char *text = is_whole && written ? declaration_text(a, written) : NULL;
	struct buf comment;

	buf_printf(out, "```ks\n%s\n```", text ? text : server_detail(a, d));
	buf_init(&comment);
	if (written && d->kind != DECL_LOCAL && d->kind != DECL_PARAM)
		add_comment(a, written, &comment);
	if (comment.len)
		buf_printf(out, "\n\n%.*s", (int)comment.len, comment.data);
	add_facts(a, d, out);
	buf_fini(&comment);
}

void server_hover(struct server *s, const struct json *params, struct buf *out)
{
	uint32_t offset;
	struct document *doc = server_place(s, params, &offset);
	const struct index_ref *r = doc ? index_at(&doc->analysis->index, offset) : NULL;
	struct buf text;

	if (!r || (!r->decl && (!r->type || r->type->kind == TYPE_ERROR)))
		return;
	buf_init(&text);
	if (r->decl)
		describe(doc->analysis, r->decl, &text);
	else
		buf_printf(&text, "```ks\n%s\n```", type_or_unknown(doc->analysis, r->type));
	buf_add_text(out, "{\"contents\":{\"kind\":\"markdown\",\"value\":");
	json_put_text(out, text.data, text.len);
	buf_add_text(out, "},\"range\":");
	text_put_range(out, &doc->analysis->compile.sources, r->where);
	buf_add_char(out, '}');
	buf_fini(&text);
}
