/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields and elements: of values, through pointers, of program contexts, inside map entries; and
 * what is a place. An entry stays an entry here: reading it is a conversion that the user of the
 * value puts in.
 */
#include "frontend/sema/check.h"

/* ---- places ---- */

/* What the place is a part of, or NULL when it is a whole object or reached through a pointer. */
static struct expr *outer_place(const struct expr *e)
{
	struct expr *base = e->kind == EXPR_FIELD   ? e->field.base
			    : e->kind == EXPR_INDEX ? e->index.base
						    : NULL;

	if (!base || !base->type || base->type->kind == TYPE_POINTER ||
	    base->type->kind == TYPE_MAP)
		return NULL;
	return base;
}

bool is_place(const struct expr *e)
{
	for (const struct expr *outer; (outer = outer_place(e)); e = outer)
		if (outer->type->kind == TYPE_ENTRY)
			return true;
	if (e->kind == EXPR_FIELD)
		return !type_has_rows(e->field.base->type);
	if (e->kind == EXPR_INDEX)
		return e->index.base->type->kind == TYPE_POINTER;
	if (e->kind == EXPR_UNARY)
		return e->unary.op == UNARY_DEREF;
	if (e->kind != EXPR_NAME || !e->name.decl)
		return false;
	enum decl_kind kind = e->name.decl->kind;
	return kind == DECL_LOCAL || kind == DECL_PARAM || kind == DECL_GLOBAL ||
	       kind == DECL_CONFIG;
}

struct decl *place_root(const struct expr *e)
{
	for (const struct expr *outer; (outer = outer_place(e)); e = outer)
		if (outer->type->kind == TYPE_ENTRY)
			return NULL;
	if (e->kind != EXPR_NAME || !e->name.decl)
		return NULL;
	struct decl *d = e->name.decl;
	return d->kind == DECL_LOCAL || d->kind == DECL_PARAM ? d : NULL;
}

const struct decl *place_bit_field(const struct expr *e)
{
	const struct decl *f = e->kind == EXPR_FIELD ? e->field.decl : NULL;

	return f && f->kind == DECL_FIELD && f->field.bit_width ? f : NULL;
}

struct expr *place_entry(struct expr *e)
{
	for (; e && e->type; e = outer_place(e))
		if (e->type->kind == TYPE_ENTRY)
			return e;
	return NULL;
}

/* ---- fields ---- */

enum { LISTED_FIELDS = 8 }; // so few are listed when none is near

struct decl *find_field(struct checker *c, const struct type *record, symbol name, span where)
{
	struct decl *f = type_find_field(record, name);
	const char *text = NAME(c, name);

	if (f)
		return f;
	struct diag *d = diag_report(c->diags, D_UNKNOWN_FIELD, where, TEXT(c, record), text);
	struct suggestion s = suggestion_begin(text);
	for (uint32_t i = 0; i < record->record.fields.len; i++)
		suggestion_offer(&s, NAME(c, record->record.fields.data[i]->name));
	report_suggestion(c, d, where, &s);
	if (!s.best && record->record.fields.len && record->record.fields.len <= LISTED_FIELDS) {
		const char *all = NULL;
		for (uint32_t i = 0; i < record->record.fields.len; i++)
			all = arena_printf(c->arena, "%s%s`%s`", all ? all : "", all ? ", " : "",
					   NAME(c, record->record.fields.data[i]->name));
		diag_hint(c->diags, d, "it has %s", all);
	}
	if (record->decl)
		report_declared(c, d, record->decl);
	return NULL;
}

/* Enum.NAME; NULL when the base is something else. */
static struct expr *check_qualified(struct checker *c, struct expr *e)
{
	struct expr *base = e->field.base;
	take_imported(c, base);
	bool is_imported = base->kind == EXPR_NAME && base->name.is_imported;
	struct decl *d = is_imported               ? base->name.decl
			 : base->kind == EXPR_NAME ? find_name(c, base->name.name)
						   : NULL;

	if (base->kind == EXPR_NAME && !d && base->name.name && !is_imported)
		d = kernel_find_type(c, base->name.name);
	if (d && d->kind == DECL_ALIAS) {
		check_decl(c, d);
		d = d->type->kind == TYPE_ENUM ? d->type->decl : NULL;
	}
	if (!d || d->kind != DECL_ENUM)
		return NULL;
	check_decl(c, d);
	d->use_count++;
	base->name.decl = d;
	base->type = d->type;
	struct suggestion s = suggestion_begin(NAME(c, e->field.name));
	for (uint32_t i = 0; i < d->enumeration.constants.len; i++) {
		struct decl *k = d->enumeration.constants.data[i];
		if (k->name == e->field.name) {
			k->use_count++;
			e->field.decl = k;
			set_const(e, d->type, k->constant.value);
			return e;
		}
		suggestion_offer(&s, NAME(c, k->name));
	}
	struct diag *diag = diag_report(c->diags, D_UNKNOWN_FIELD, e->field.name_where,
					NAME(c, d->name), NAME(c, e->field.name));
	report_suggestion(c, diag, e->field.name_where, &s);
	report_declared(c, diag, d);
	return fail(c, e);
}

/* The record whose field is named, or NULL; says when `.` and `->` are mixed up. */
static struct type *accessed_record(struct checker *c, struct expr *e)
{
	struct type *t = e->field.base->type;
	bool is_pointer = t->kind == TYPE_POINTER;

	if (t->kind == TYPE_ENTRY)
		t = type_entry_value(t);
	else if (is_pointer)
		t = t->element;
	if (t->kind != TYPE_STRUCT && t->kind != TYPE_UNION)
		return NULL;
	if (e->field.base->type->kind != TYPE_ENTRY && is_pointer != e->field.arrow) {
		const char *right = is_pointer ? "->" : ".";
		struct diag *d = diag_report(c->diags, D_WRONG_ACCESS, e->field.name_where,
					     is_pointer ? "pointer" : "value", right);
		/* Replaces what stands between the base and the name. */
		span dot = {e->field.base->where.end, e->field.name_where.begin};
		if (type_is_ctx_pointer(e->field.base->type) &&
		    !strcmp(NAME(c, e->field.name), "len"))
			diag_hint(c->diags, d, "the length of the packet is `ctx.len()`");
		else if (dot.end > dot.begin)
			diag_fix(c->diags, d, dot, right);
	}
	return t;
}

struct expr *check_field(struct checker *c, struct expr *e)
{
	struct expr *qualified = check_qualified(c, e);

	if (qualified)
		return qualified;
	struct expr *base = e->field.base = check_expr(c, e->field.base, NULL);
	if (base->type->kind == TYPE_ERROR)
		return fail(c, e);
	struct type *record = accessed_record(c, e);
	if (!record) {
		diag_report(c->diags, D_NO_FIELDS, e->field.name_where, TEXT(c, base->type),
			    NAME(c, e->field.name));
		return fail(c, e);
	}
	if (!record->record.is_ctx && !complete_type(c, record, e->where))
		return fail(c, e);
	struct decl *f = find_field(c, record, e->field.name, e->field.name_where);
	if (!f)
		return fail(c, e);
	e->field.decl = f;
	f->use_count++;
	e->type = f->type;
	bool is_indirect = base->type->kind == TYPE_POINTER || base->type->kind == TYPE_ENTRY ||
			   (base->kind == EXPR_NAME && base->name.decl->kind == DECL_CONFIG);
	e->is_lvalue = is_indirect || base->is_lvalue;
	if (f->field.ctx) {
		e->is_lvalue = f->field.ctx->writers != 0;
		if (!use_bpf_only(c, e->where, "a program context"))
			return fail(c, e);
		note_ctx_access(c, f->field.ctx, e->field.name_where, false);
	}
	return e;
}

/* ---- elements ---- */

struct expr *to_index(struct checker *c, struct expr *e)
{
	struct types *t = c->types;

	if (e->type->kind == TYPE_ERROR)
		return e;
	if (!type_is_integer(e->type)) {
		report_mismatch(c, e->where, t->u64, e->type);
		return fail(c, e);
	}
	bool is_signed = arithmetic_type(t, e->type)->is_signed;
	struct type *to = is_signed && !(e->is_const && (int64_t)e->value >= 0) ? t->i64 : t->u64;
	if (e->type == to || (e->is_literal && retype_literal(e, to)))
		return e;
	return make_convert(c, e, to, CONV_INT);
}

/* Reports a constant index outside `count` elements. */
static bool check_index_range(struct checker *c, const struct expr *index, uint64_t count,
			      const struct type *indexed)
{
	bool is_negative = index->is_const && index->type->is_signed && (int64_t)index->value < 0;

	if (!index->is_const || (!is_negative && index->value < count))
		return true;
	diag_report(c->diags, D_INDEX_RANGE, index->where, value_text(c, index->type, index->value),
		    TEXT(c, indexed));
	return false;
}

static struct expr *check_map_index(struct checker *c, struct expr *e)
{
	struct expr *map = e->index.base;
	const struct type *t = map->type;

	if (!check_map_keys(c, t, e->where)) {
		check_value(c, e->index.index, NULL);
		return fail(c, e);
	}
	e->index.index = check_map_key(c, e->index.index, t);
	if (map->kind != EXPR_NAME || e->index.index->type->kind == TYPE_ERROR)
		return fail(c, e);
	if (t->map.kind->shape == MAP_SHAPE_ARRAY &&
	    !check_index_range(c, e->index.index, t->map.max_entries, t))
		return fail(c, e);
	e->type = type_make_entry(c->types, map->name.decl);
	e->is_lvalue = true;
	return e;
}

/* An entry of a map that is itself an entry. */
static struct expr *check_inner_index(struct checker *c, struct expr *e)
{
	struct decl *inner = e->index.base->type->entry_of->map.inner;
	const struct type *t = inner->type;

	e->index.index = check_as(c, e->index.index, t->map.key);
	if (e->index.index->type->kind == TYPE_ERROR)
		return fail(c, e);
	if (t->map.kind->shape == MAP_SHAPE_ARRAY &&
	    !check_index_range(c, e->index.index, t->map.max_entries, t))
		return fail(c, e);
	e->type = type_make_entry(c->types, inner);
	e->is_lvalue = true;
	return e;
}

struct expr *check_index(struct checker *c, struct expr *e)
{
	struct expr *base = e->index.base = check_expr(c, e->index.base, NULL);
	struct type *t = base->type;

	if (t->kind == TYPE_MAP)
		return check_map_index(c, e);
	if (t->kind == TYPE_ENTRY && type_entry_value(t)->kind == TYPE_MAP)
		return check_inner_index(c, e);
	e->index.index = check_value(c, e->index.index, NULL);
	if (t->kind == TYPE_ERROR)
		return fail(c, e);
	e->index.index = to_index(c, e->index.index);
	if (e->index.index->type->kind == TYPE_ERROR)
		return fail(c, e);
	bool is_entry = t->kind == TYPE_ENTRY;
	if (is_entry)
		t = type_entry_value(t);
	if (t->kind == TYPE_POINTER) {
		if (!complete_type(c, t->element, e->where))
			return fail(c, e);
		e->type = t->element;
		e->is_lvalue = true;
		return e;
	}
	if (t->kind != TYPE_ARRAY && t->kind != TYPE_STR) {
		diag_report(c->diags, D_NOT_INDEXABLE, e->where, TEXT(c, t));
		return fail(c, e);
	}
	const struct expr *index = e->index.index;
	bool is_past_text = t->kind == TYPE_STR && index->is_const && index->value >= t->count &&
			    !(index->type->is_signed && (int64_t)index->value < 0);
	if (is_past_text && (is_entry || is_place(base) || base->kind == EXPR_STRING)) {
		set_const(e, c->types->char_, 0); // behind the end of a text is its end
		e->is_lvalue = false;
		return e;
	}
	if (!check_index_range(c, index, t->count, t))
		return fail(c, e);
	if (base->kind == EXPR_FIELD && base->field.decl->kind == DECL_FIELD &&
	    base->field.decl->field.ctx && !e->index.index->is_const) {
		diag_report(c->diags, D_NOT_CONSTANT, e->index.index->where,
			    "an index into a field of the context");
		return fail(c, e);
	}
	e->type = t->kind == TYPE_STR ? c->types->char_ : t->element;
	e->is_lvalue = is_entry || base->is_lvalue;
	return e;
}
