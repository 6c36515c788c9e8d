/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Top-level declarations, each on first use or in source order: types of names, values of constants,
 * layout of structs. A declaration that needs itself is found by its check_state.
 */
#include "frontend/sema/check.h"

/* ---- constants ---- */

/* True when the value is known: a constant, a string, or literals of such. A named aggregate is
 * replaced by its literal. */
static bool is_constant_init(struct expr **place)
{
	struct expr *e = *place;
	bool ok = true;

	if (e->is_const || e->kind == EXPR_STRING)
		return true;
	if (e->kind == EXPR_CONVERT && e->convert.conversion == CONV_STR)
		return is_constant_init(&e->convert.operand);
	if (e->kind == EXPR_NAME && e->name.decl && e->name.decl->kind == DECL_CONST &&
	    e->name.decl->check_state == 2 && e->name.decl->variable.init) {
		*place = e->name.decl->variable.init;
		return true;
	}
	if (e->kind == EXPR_ARRAY)
		for (uint32_t i = 0; i < e->array.items.len; i++)
			ok = is_constant_init(&e->array.items.data[i]) && ok;
	else if (e->kind == EXPR_STRUCT)
		for (uint32_t i = 0; i < e->literal.fields.len; i++)
			ok = is_constant_init(&e->literal.fields.data[i].value) && ok;
	else
		ok = false;
	return ok;
}

void check_constant_init(struct checker *c, struct expr **init, struct type *type, const char *what)
{
	struct expr *e = *init;

	e = type ? check_as(c, e, type) : check_value(c, e, NULL);
	*init = e;
	if (e->type->kind != TYPE_ERROR && !is_constant_init(init)) {
		diag_report(c->diags, D_NOT_CONSTANT, e->where, what);
		e->type = c->types->error;
	}
}

bool check_integer_constant(struct checker *c, struct expr **e, struct type *hint, const char *what)
{
	*e = check_value(c, *e, hint);
	if ((*e)->type->kind == TYPE_ERROR)
		return false;
	if (!type_is_integer((*e)->type))
		report_mismatch(c, (*e)->where, hint, (*e)->type);
	else if (!(*e)->is_const)
		diag_report(c->diags, D_NOT_CONSTANT, (*e)->where, what);
	else
		return true;
	return false;
}

/* ---- structs ---- */

/* Value of @align(n), 0 when there is none. */
static uint32_t check_alignment(struct checker *c, const struct attribute *a)
{
	enum { MAX_ALIGN = 4096 };

	if (a->arg && a->arg->kind == EXPR_INT) {
		uint64_t n = a->arg->integer.value;
		if (n >= 1 && n <= MAX_ALIGN && !(n & (n - 1)))
			return (uint32_t)n;
	}
	diag_report(c->diags, D_ATTRIBUTE_ARGUMENT, a->where, "align", "a power of two up to 4096");
	return 0;
}

static uint32_t check_struct_attributes(struct checker *c, struct decl *d)
{
	uint32_t align = 0;

	for (uint32_t i = 0; i < d->attrs.len; i++) {
		const struct attribute *a = &d->attrs.data[i];
		const char *name = NAME(c, a->name);
		if (!strcmp(name, "packed"))
			d->record.is_packed = true;
		else if (!strcmp(name, "align"))
			align = check_alignment(c, a);
		else
			report_attribute(c, a, "a struct");
	}
	return align;
}

/* Reports the second field of a name. */
static void check_field_names(struct checker *c, const decl_list *fields)
{
	struct map seen;

	map_init(&seen, c->arena);
	for (uint32_t i = 0; i < fields->len; i++) {
		struct decl *f = fields->data[i];
		struct decl *other = map_find_ptr(&seen, f->name);
		if (other && f->name) {
			struct diag *d =
				diag_report(c->diags, D_DUPLICATE, f->name_where, NAME(c, f->name));
			report_declared(c, d, other);
		}
		map_set_ptr(&seen, f->name, f);
	}
}

static void check_bit_field(struct checker *c, struct decl *f)
{
	const struct type *t = f->type;
	uint32_t bits = t->kind == TYPE_BOOL ? 1 : t->size * 8;

	if (!f->field.bit_width || t->kind == TYPE_ERROR ||
	    ((type_is_integer(t) || t->kind == TYPE_BOOL) && f->field.bit_width <= bits))
		return;
	diag_report(c->diags, D_BIT_FIELD_TYPE, f->where, TEXT(c, t),
		    arena_printf(c->arena, "%u", f->field.bit_width));
	f->field.bit_width = 0;
}

static void check_struct(struct checker *c, struct decl *d)
{
	if (kernel_complete(c, d))
		return;
	uint32_t align = check_struct_attributes(c, d);

	check_field_names(c, &d->record.fields);
	for (uint32_t i = 0; i < d->record.fields.len; i++) {
		struct decl *f = d->record.fields.data[i];
		f->check_state = 2;
		f->type = check_value_type(c, f->field.node);
		check_bit_field(c, f);
		if (f->field.init && f->type->kind != TYPE_ERROR) {
			check_constant_init(c, &f->field.init, f->type, "the default of a field");
			check_bit_value(c, f->field.init, f);
		}
	}
	note_special(c, d);
	d->type->record.fields = d->record.fields;
	if (!type_lay_out(d->type, d->record.is_packed, align)) {
		diag_report(c->diags, D_TYPE_TOO_LARGE, d->name_where, NAME(c, d->name));
		d->type->size = 0;
	}
}

/* ---- enums ---- */

struct enum_range {
	bool has_negative;
	uint64_t largest; // of the non-negative ones
	int64_t smallest; // of the negative ones
};

/* Value of one constant, from its expression or the one before; negatives are marked by *negative. */
static uint64_t enum_value(struct checker *c, struct decl *k, uint64_t next, bool is_first,
			   bool *negative)
{
	if (!k->constant.init) {
		if (next == 0 && !is_first && !*negative)
			diag_report(c->diags, D_ENUM_RANGE, k->name_where, NAME(c, k->name));
		if (next == 0)
			*negative = false; // counted up from -1
		return next;
	}
	*negative = false;
	if (!check_integer_constant(c, &k->constant.init, c->types->u32,
				    "value of an enum constant"))
		return next;
	const struct expr *e = k->constant.init;
	*negative = e->type->is_signed && (int64_t)e->value < 0;
	return e->value;
}

static void set_enum_base(struct checker *c, struct decl *d, const struct enum_range *r)
{
	struct type *base;

	if (!r->has_negative)
		base = r->largest <= UINT32_MAX ? c->types->u32 : c->types->u64;
	else if (r->smallest >= INT32_MIN && r->largest <= INT32_MAX)
		base = c->types->i32;
	else
		base = c->types->i64;
	if (r->has_negative && r->largest > INT64_MAX)
		diag_report(c->diags, D_ENUM_RANGE, d->name_where, NAME(c, d->name));
	d->type->base = base;
	d->type->size = d->type->align = base->size;
	d->type->is_signed = base->is_signed;
}

static void check_enum(struct checker *c, struct decl *d)
{
	struct enum_range range = {0};
	uint64_t next = 0;
	bool negative = false;

	for (uint32_t i = 0; i < d->attrs.len; i++)
		report_attribute(c, &d->attrs.data[i], "an enum");
	check_field_names(c, &d->enumeration.constants);
	for (uint32_t i = 0; i < d->enumeration.constants.len; i++) {
		struct decl *k = d->enumeration.constants.data[i];
		uint64_t v = enum_value(c, k, next, i == 0, &negative);
		k->constant.value = v;
		k->check_state = 2;
		if (negative) {
			range.has_negative = true;
			range.smallest = (int64_t)v < range.smallest ? (int64_t)v : range.smallest;
		} else if (v > range.largest)
			range.largest = v;
		next = v + 1;
	}
	set_enum_base(c, d, &range);
}

/* ---- values ---- */

static void check_const(struct checker *c, struct decl *d)
{
	struct type *t = d->variable.node ? check_value_type(c, d->variable.node) : NULL;

	d->type = t ? t : c->types->error;
	if (!d->variable.init)
		return;
	check_constant_init(c, &d->variable.init, t, "the value of a constant");
	if (!t)
		d->type = d->variable.init->type;
	if (d->variable.init->type->kind == TYPE_ERROR)
		d->type = c->types->error;
}

static bool is_shared_type(const struct type *t)
{
	while (t->kind == TYPE_ARRAY)
		t = t->element;
	if (type_has_special(t))
		return false;
	return (type_is_aggregate(t) && !type_has_function(t)) || type_is_integer(t) ||
	       t->kind == TYPE_BOOL || t->kind == TYPE_BE || t->kind == TYPE_ERROR;
}

static void check_global(struct checker *c, struct decl *d)
{
	struct type *t = d->variable.node ? check_value_type(c, d->variable.node) : NULL;

	d->type = t ? t : c->types->error;
	if (d->variable.init) {
		check_constant_init(c, &d->variable.init, t, "the initial value of a global");
		if (!t)
			d->type = d->variable.init->type;
	}
	if (!is_shared_type(d->type))
		diag_report(c->diags, D_SHARED_TYPE, d->where, TEXT(c, d->type));
}

static void check_config(struct checker *c, struct decl *d)
{
	struct type *t = type_make_new(c->types, TYPE_STRUCT);

	t->name = d->name;
	d->type = t;
	check_field_names(c, &d->config.fields);
	for (uint32_t i = 0; i < d->config.fields.len; i++) {
		struct decl *f = d->config.fields.data[i];
		f->check_state = 2;
		f->type = check_value_type(c, f->field.node);
		if (f->field.init)
			check_constant_init(c, &f->field.init, f->type,
					    "the default of a config field");
		if (!is_shared_type(f->type))
			diag_report(c->diags, D_SHARED_TYPE, f->where, TEXT(c, f->type));
	}
	t->record.fields = d->config.fields;
	if (!type_lay_out(t, false, 0))
		diag_report(c->diags, D_TYPE_TOO_LARGE, d->name_where, NAME(c, d->name));
}

/* ---- all of them ---- */

static void check_by_kind(struct checker *c, struct decl *d)
{
	switch (d->kind) {
	case DECL_STRUCT:
		check_struct(c, d);
		break;
	case DECL_ENUM:
		check_enum(c, d);
		break;
	case DECL_ALIAS:
		d->type = check_type(c, d->alias);
		break;
	case DECL_CONST:
		check_const(c, d);
		break;
	case DECL_GLOBAL:
		check_global(c, d);
		break;
	case DECL_MAP:
		check_map(c, d);
		break;
	case DECL_CONFIG:
		check_config(c, d);
		break;
	case DECL_FUNC:
	case DECL_EXTERN:
		check_function_signature(c, d);
		break;
	case DECL_IMPORT:
		d->type = c->types->void_;
		if (d->import.is_python)
			note_unavailable(c, d->where, "an `import` of Python");
		break;
	case DECL_IMPL:
		check_impl(c, d);
		break;
	case DECL_INCLUDE:
	case DECL_LOCAL:
	case DECL_PARAM:
	case DECL_FIELD:
	case DECL_ENUM_CONST:
	case DECL_BUILTIN:
	case DECL_KIND_COUNT:
		break;
	}
}

void check_decl(struct checker *c, struct decl *d)
{
	if (d->check_state == 2)
		return;
	if (!d->type)
		d->type = c->types->error;
	if (d->check_state == 1) {
		diag_report(c->diags, D_CYCLIC_DEFINITION, d->name_where, NAME(c, d->name));
		if (d->kind == DECL_CONST || d->kind == DECL_ALIAS)
			d->type = c->types->error;
		return;
	}
	if (!enter(c, d->name_where))
		return;
	struct fn_state saved = c->fn;
	struct scope *top = c->top;
	c->fn = (struct fn_state){0};
	c->top = d->scope ? d->scope : top;
	locals_init(&c->fn.locals, c->arena);
	map_init(&c->fn.unknown, c->arena);
	d->check_state = 1;
	check_by_kind(c, d);
	d->check_state = 2;
	c->fn = saved;
	c->top = top;
	leave(c);
}
