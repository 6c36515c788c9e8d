/* SPDX-License-Identifier: Apache-2.0 */
/* Where a name is declared and used; the outline of a file. */
#include "frontend/lsp/server.h"

/* Where to go from a name; empty when there is no such place. */
static span definition_of(const struct analysis *a, const struct index_ref *r)
{
	const struct decl *d = index_written(&a->index, r->decl);

	if (!d)
		return (span){0, 0};
	return d->name_where.end ? d->name_where : d->where;
}

/* The start of the file that an include at `offset` names. */
static bool put_included(struct server *s, const struct document *doc, uint32_t offset,
			 struct buf *out)
{
	const struct module *m = doc->analysis->module;

	for (uint32_t i = 0; i < m->decls.len; i++) {
		const struct decl *d = m->decls.data[i];
		if (d->kind != DECL_INCLUDE || !d->include.module || offset < d->where.begin ||
		    offset > d->where.end)
			continue;
		uint32_t base = d->include.module->file->base;
		return server_put_location(s, doc, (span){base, base}, out);
	}
	return false;
}

/* Members of a type of the kernel, one on a line. The line of `member`, from 0, goes to *line. */
static void put_members(struct analysis *a, const struct decl *d, const struct decl *member,
			uint32_t *line, struct buf *text)
{
	const decl_list *members =
		d->kind == DECL_ENUM ? &d->enumeration.constants : &d->type->record.fields;

	for (uint32_t i = 0; i < members->len; i++) {
		struct decl *m = members->data[i];
		if (m == member)
			*line = 2 + i;
		if (d->kind == DECL_ENUM)
			buf_printf(text, "    %s = %lld,\n",
				   intern_text(&a->compile.names, m->name),
				   (long long)m->constant.value);
		else if (m->field.bit_width)
			buf_printf(text, "    %s : %u, // offset %u, bit %u\n", server_detail(a, m),
				   m->field.bit_width, m->field.offset, m->field.bit_offset);
		else
			buf_printf(text, "    %s, // offset %u\n", server_detail(a, m),
				   m->field.offset);
	}
}

/* A declaration for a type that only the kernel's BTF has, in a file made for it. */
static void put_kernel_type(struct server *s, struct analysis *a, const struct decl *d,
			    const struct decl *member, struct buf *out)
{
	const char *name = intern_text(&a->compile.names, d->name);
	const struct type *t = d->type;
	uint32_t line = 1;
	struct buf text;

	bool is_type = t && d->type->decl == d &&
		       (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_ENUM);
	if (!is_type || !*name)
		return;
	buf_init(&text);
	buf_printf(&text, "// %u bytes, from the kernel's BTF.\n%s %s {\n", t->size,
		   t->kind == TYPE_UNION  ? "union"
		   : t->kind == TYPE_ENUM ? "enum"
					  : "struct",
		   name);
	put_members(a, d, member, &line, &text);
	buf_add_text(&text, "}\n");
	const char *path = server_cache(s, arena_printf(&s->scratch, "kernel/%s.kh", name),
					text.data, text.len);
	if (path) {
		uint32_t column = line == 1 ? 7 : 4;
		buf_add_text(out, "{\"uri\":");
		text_put_uri(out, path);
		buf_printf(out,
			   ",\"range\":{\"start\":{\"line\":%u,\"character\":%u},\"end\":"
			   "{\"line\":%u,\"character\":%u}}}",
			   line, column, line, column);
	}
	buf_fini(&text);
}

/* The struct that a field of the kernel belongs to: what the access goes through. */
static const struct decl *owner_of_field(const struct index *x, const struct index_ref *r)
{
	for (uint32_t i = 0; i < x->accesses.len; i++) {
		const struct expr *e = x->accesses.data[i];
		const struct type *t = e->field.base->type;
		if (e->field.name_where.begin != r->where.begin || !t)
			continue;
		if (t->kind == TYPE_ENTRY)
			t = type_entry_value(t);
		else if (t->kind == TYPE_POINTER)
			t = t->element;
		return t->kind == TYPE_STRUCT || t->kind == TYPE_UNION ? t->decl : NULL;
	}
	return NULL;
}

static void put_kernel(struct server *s, struct analysis *a, const struct index_ref *r,
		       struct buf *out)
{
	const struct decl *d = r->decl, *owner = d;

	if (d->kind == DECL_FIELD)
		owner = owner_of_field(&a->index, r);
	else if (d->kind == DECL_ENUM_CONST)
		owner = d->constant.parent;
	if (owner)
		put_kernel_type(s, a, owner, owner == d ? NULL : d, out);
}

void server_definition(struct server *s, const struct json *params, struct buf *out)
{
	uint32_t offset;
	struct document *doc = server_place(s, params, &offset);

	if (!doc || put_included(s, doc, offset, out))
		return;
	const struct index_ref *r = index_at(&doc->analysis->index, offset);
	if (r && !server_put_location(s, doc, definition_of(doc->analysis, r), out) && r->decl)
		put_kernel(s, doc->analysis, r, out);
}

/* Whether two names mean the same thing. */
static bool is_same(const struct index *x, struct decl *a, struct decl *b)
{
	if (!a || !b)
		return false;
	return a == b || (index_written(x, a) && index_written(x, a) == index_written(x, b));
}

void server_references(struct server *s, const struct json *params, struct buf *out)
{
	uint32_t offset;
	struct document *doc = server_place(s, params, &offset);
	const struct index_ref *r = doc ? index_at(&doc->analysis->index, offset) : NULL;
	bool first = true;

	if (!r || !r->decl)
		return;
	struct json const *declared = json_get(json_get(params, "context"), "includeDeclaration");
	const struct index *x = &doc->analysis->index;
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < x->refs.len; i++) {
		const struct index_ref *u = &x->refs.data[i];
		if (!is_same(x, u->decl, r->decl) ||
		    (u->is_definition && declared && !declared->number))
			continue;
		size_t before = out->len;
		if (!first)
			buf_add_char(out, ',');
		if (server_put_location(s, doc, u->where, out))
			first = false;
		else
			out->len = before;
	}
	buf_add_char(out, ']');
}

void server_highlights(struct server *s, const struct json *params, struct buf *out)
{
	uint32_t offset;
	struct document *doc = server_place(s, params, &offset);
	const struct index_ref *r = doc ? index_at(&doc->analysis->index, offset) : NULL;
	bool first = true;

	if (!r || !r->decl)
		return;
	struct analysis *a = doc->analysis;
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < a->index.refs.len; i++) {
		const struct index_ref *u = &a->index.refs.data[i];
		if (!is_same(&a->index, u->decl, r->decl) ||
		    analysis_file_at(a, u->where.begin) != a->file)
			continue;
		buf_add_text(out, first ? "{\"range\":" : ",{\"range\":");
		first = false;
		text_put_range(out, &a->compile.sources, u->where);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

/* ---- outline ---- */

/* SymbolKind of the protocol. */
static int symbol_kind(enum decl_kind kind)
{
	enum {
		SYMBOL_FILE = 1,
		SYMBOL_CLASS = 5,
		SYMBOL_FIELD = 8,
		SYMBOL_ENUM = 10,
		SYMBOL_FUNCTION = 12,
		SYMBOL_VARIABLE = 13,
		SYMBOL_CONSTANT = 14,
		SYMBOL_OBJECT = 19,
		SYMBOL_ENUM_MEMBER = 22,
		SYMBOL_STRUCT = 23,
	};

	switch ((int)kind) {
	case DECL_STRUCT:
		return SYMBOL_STRUCT;
	case DECL_ENUM:
		return SYMBOL_ENUM;
	case DECL_ENUM_CONST:
		return SYMBOL_ENUM_MEMBER;
	case DECL_FIELD:
		return SYMBOL_FIELD;
	case DECL_FUNC:
	case DECL_EXTERN:
		return SYMBOL_FUNCTION;
	case DECL_CONST:
		return SYMBOL_CONSTANT;
	case DECL_MAP:
	case DECL_CONFIG:
		return SYMBOL_OBJECT;
	case DECL_ALIAS:
	case DECL_IMPL:
		return SYMBOL_CLASS;
	case DECL_IMPORT:
		return SYMBOL_FILE;
	default:
		return SYMBOL_VARIABLE;
	}
}

static void put_symbol(struct analysis *a, struct decl *d, struct buf *out)
{
	const decl_list *members = d->kind == DECL_STRUCT   ? &d->record.fields
				   : d->kind == DECL_CONFIG ? &d->config.fields
				   : d->kind == DECL_ENUM   ? &d->enumeration.constants
				   : d->kind == DECL_IMPL   ? &d->impl.functions
							    : NULL;
	bool first = true;

	buf_add_text(out, "{\"name\":");
	json_put_string(out, intern_text(&a->compile.names, d->name));
	buf_printf(out, ",\"kind\":%d,\"range\":", symbol_kind(d->kind));
	text_put_range(out, &a->compile.sources, span_join(d->where, d->name_where));
	buf_add_text(out, ",\"selectionRange\":");
	text_put_range(out, &a->compile.sources, d->name_where);
	for (uint32_t i = 0; members && i < members->len; i++) {
		if (!members->data[i]->name || !members->data[i]->name_where.end)
			continue;
		buf_add_text(out, first ? ",\"children\":[" : ",");
		first = false;
		put_symbol(a, members->data[i], out);
	}
	buf_add_text(out, first ? "}" : "]}");
}

void server_symbols(struct server *s, const struct json *params, struct buf *out)
{
	struct document *doc = server_document(s, params);
	bool first = true;

	if (!doc || !doc->analysis->file)
		return;
	struct module *m = doc->analysis->module;
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < m->decls.len; i++) {
		struct decl *d = m->decls.data[i];
		if (!d->name || !d->name_where.end)
			continue;
		if (!first)
			buf_add_char(out, ',');
		first = false;
		put_symbol(doc->analysis, d, out);
	}
	buf_add_char(out, ']');
}
