/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renaming over the document and the files that it includes. Refused unless every use is known and the
 * new name is free wherever the old one is used.
 */
#include <ctype.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/lsp/server.h"
#include "frontend/syntax/token.h"

static bool is_word(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return false;
	for (int k = 0; k < TOKEN_COUNT; k++)
		if (token_info((enum token_kind)k)->role != WORD_NONE &&
		    !strcmp(token_info((enum token_kind)k)->text, name))
			return false;
	return strcmp(name, "_") != 0;
}

/* Text of a reference in its file. */
static bool is_written_as(const struct analysis *a, const struct index_ref *r, symbol name)
{
	const struct source_file *f = analysis_file_at(a, r->where.begin);
	size_t len = intern_len(&a->compile.names, name);

	return f && r->where.end - r->where.begin == len && r->where.end <= f->base + f->len &&
	       !memcmp(f->text + (r->where.begin - f->base), intern_text(&a->compile.names, name),
		       len);
}

static struct decl *parent_of(const struct index *x, const struct decl *d)
{
	return map_find_ptr(&x->parent, MAP_PTR(d));
}

static bool is_declared_twice(const struct index *x, const struct decl *d)
{
	const struct decl *parent = parent_of(x, d);
	symbol name = parent ? parent->name : d->name;
	uint32_t count = 0;

	if (d->kind == DECL_LOCAL || d->kind == DECL_PARAM)
		return false;
	for (uint32_t i = 0; i < x->tops.len; i++)
		count += x->tops.data[i]->name == name;
	return count > 1;
}

/* The declaration to rename, or NULL with the reason in server.error. */
static struct decl *find_target(struct server *s, const struct analysis *a, uint32_t offset)
{
	const struct index_ref *r = index_at(&a->index, offset);
	struct decl *d = r && r->decl ? index_written(&a->index, r->decl) : NULL;
	const struct source_file *f = d ? analysis_file_at(a, d->name_where.begin) : NULL;
	const char *name = d ? intern_text(&a->compile.names, d->name) : "";

	if (!r)
		s->error = "there is no name here";
	else if (!r->decl || !r->decl->name_where.end || !f || analysis_is_shipped(f))
		s->error = "this name is built in or comes from a header of ks";
	else if (a->compile.diags.errors)
		s->error = "a program with mistakes in it cannot be renamed in safely";
	else if (is_declared_twice(&a->index, d))
		s->error = "this name is declared more than once";
	else if (d->kind == DECL_FUNC && !strcmp(name, "main"))
		s->error = "`main` is where the program begins";
	else if (d->kind == DECL_EXTERN)
		s->error = "the kernel gives this function its name";
	else
		return d;
	return NULL;
}

static bool has_member(const decl_list *members, symbol name)
{
	for (uint32_t i = 0; i < members->len; i++)
		if (members->data[i]->name == name)
			return true;
	return false;
}

static bool overlaps(span a, span b)
{
	return a.begin < b.end && b.begin < a.end;
}

/* Whether `name` already means something where `d` is used. */
static bool is_taken(const struct analysis *a, const struct decl *d, symbol name)
{
	const struct index *x = &a->index;
	const char *text = intern_text(&a->compile.names, name);
	const struct decl *parent = parent_of(x, d);
	span scope = {0, UINT32_MAX};

	if (d->kind == DECL_FIELD)
		return parent && has_member(parent->kind == DECL_CONFIG ? &parent->config.fields
									: &parent->record.fields,
					    name);
	for (uint32_t i = 0; i < x->locals.len; i++)
		if (x->locals.data[i].decl == d)
			scope = x->locals.data[i].scope;
	for (uint32_t i = 0; i < x->locals.len; i++)
		if (x->locals.data[i].decl->name == name &&
		    overlaps(x->locals.data[i].scope, scope))
			return true;
	for (uint32_t i = 0; i < a->index.refs.len; i++) // prelude names that are used
		if (is_written_as(a, &a->index.refs.data[i], name) && a->index.refs.data[i].decl &&
		    a->index.refs.data[i].decl->kind != DECL_FIELD &&
		    a->index.refs.data[i].decl->kind != DECL_LOCAL &&
		    a->index.refs.data[i].decl->kind != DECL_PARAM)
			return true;
	return map_find(&x->top, name) || type_find_named(&a->checked.types, name) ||
	       kernel_find_helper_row(text);
}

void server_prepare_rename(struct server *s, const struct json *params, struct buf *out)
{
	uint32_t offset;
	struct document *doc = server_place(s, params, &offset);

	if (doc && find_target(s, doc->analysis, offset))
		text_put_range(out, &doc->analysis->compile.sources,
			       index_at(&doc->analysis->index, offset)->where);
}

static void put_edits(struct server *s, const struct document *doc, const struct source_file *file,
		      struct decl *d, const char *name, struct buf *out, bool *first)
{
	struct analysis *a = doc->analysis;
	bool any = false;

	for (uint32_t i = 0; i < a->index.refs.len; i++) {
		const struct index_ref *r = &a->index.refs.data[i];
		if (index_written(&a->index, r->decl) != d || !is_written_as(a, r, d->name) ||
		    analysis_file_at(a, r->where.begin) != file)
			continue;
		if (!any) {
			buf_add_text(out, *first ? "" : ",");
			server_put_uri(s, doc, file, out);
			buf_add_text(out, ":[");
		}
		buf_add_text(out, any ? ",{\"range\":" : "{\"range\":");
		text_put_range(out, &a->compile.sources, r->where);
		buf_add_text(out, ",\"newText\":");
		json_put_string(out, name);
		buf_add_char(out, '}');
		any = true;
		*first = false;
	}
	if (any)
		buf_add_char(out, ']');
}

void server_rename(struct server *s, const struct json *params, struct buf *out)
{
	uint32_t offset;
	struct document *doc = server_place(s, params, &offset);
	const char *name = json_text(json_get(params, "newName"));
	bool first = true;

	if (!doc)
		return;
	struct analysis *a = doc->analysis;
	struct decl *d = find_target(s, a, offset);
	if (!d)
		return;
	if (!name || !is_word(name)) {
		s->error = "the new name is not a name";
		return;
	}
	if (is_taken(a, d, intern_string(&a->compile.names, name))) {
		s->error = "the new name is already in use";
		return;
	}
	buf_add_text(out, "{\"changes\":{");
	for (uint32_t i = 0; i < a->program.modules.len; i++) {
		const struct source_file *file = a->program.modules.data[i]->file;
		if (!analysis_is_shipped(file))
			put_edits(s, doc, file, d, name, out, &first);
	}
	buf_add_text(out, "}}");
}
