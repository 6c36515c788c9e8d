/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions: dispatch by kind, literals, names, casts, struct and array literals. Each node gets
 * its type here, exactly once; what was reported has TYPE_ERROR, which every later check accepts.
 */
#include "frontend/sema/check.h"

/* ---- names ---- */

/* A name that stands for a known scalar becomes that constant. */
static void take_constant(struct expr *e, const struct decl *d)
{
	const struct expr *init = d->variable.init;

	if (!init || !init->is_const || d->type->kind == TYPE_ERROR)
		return;
	set_const(e, d->type, init->value);
	e->is_literal = init->is_literal && !d->variable.node;
}

static struct expr *check_enum_constant(struct checker *c, struct expr *e, struct decl *k)
{
	struct decl *parent = k->constant.parent;

	if (parent->check_state == 1 &&
	    k->check_state == 2) { // used by a later constant of its enum
		bool is_negative = k->constant.init && k->constant.init->type->is_signed;
		set_const(e, const_literal_type(c->types, is_negative, k->constant.value),
			  k->constant.value);
		e->is_literal = true;
		return e;
	}
	check_decl(c, parent);
	if (k->check_state != 2)
		return fail(c, e);
	set_const(e, k->type, k->constant.value);
	return e;
}

static struct expr *check_name(struct checker *c, struct expr *e)
{
	struct decl *d =
		e->name.is_imported ? e->name.decl : resolve_name(c, e->name.name, e->where);

	e->name.decl = d;
	if (!d)
		return fail(c, e);
	switch (d->kind) {
	case DECL_LOCAL:
	case DECL_PARAM:
		e->type = d->type;
		e->is_lvalue = !d->variable.is_const;
		if (d->variable.is_const)
			take_constant(e, d);
		return e;
	case DECL_GLOBAL:
		check_decl(c, d);
		e->type = d->type;
		e->is_lvalue = true;
		if (!check_shared_use(c, e->where, d))
			return fail(c, e);
		if (d->variable.is_local &&
		    !use_bpf_only(
			    c, e->where,
			    arena_printf(c->arena, "the `local` variable `%s`", NAME(c, d->name))))
			return fail(c, e);
		return e;
	case DECL_CONST:
		check_decl(c, d);
		e->type = d->type;
		take_constant(e, d);
		return e;
	case DECL_ENUM_CONST:
		return check_enum_constant(c, e, d);
	case DECL_MAP:
	case DECL_CONFIG:
		if (!check_shared_use(c, e->where, d))
			return fail(c, e);
		if (d->kind == DECL_MAP)
			note_map_use(c, d, e->where);
		/* fall through */
	case DECL_FUNC:
	case DECL_EXTERN:
		check_decl(c, d);
		e->type = d->type;
		return e;
	case DECL_IMPORT:
	case DECL_INCLUDE:
	case DECL_STRUCT:
	case DECL_ENUM:
	case DECL_ALIAS:
	case DECL_IMPL:
	case DECL_FIELD:
	case DECL_BUILTIN:
	case DECL_KIND_COUNT:
		break;
	}
	struct diag *diag = diag_report(c->diags, D_NOT_A_VALUE, e->where, NAME(c, d->name),
					decl_kind_name(d->kind));
	if (d->kind == DECL_STRUCT)
		diag_hint(c->diags, diag, "a value is written `%s { field: value, … }`",
			  NAME(c, d->name));
	report_declared(c, diag, d);
	return fail(c, e);
}

/* ---- casts ---- */

static bool is_integer_or_bool(const struct type *t)
{
	return type_is_integer(t) || t->kind == TYPE_BOOL;
}

/* Numbers become pointers into the kernel only, where a bad one reads as zero. */
static bool is_kernel_pointer(const struct type *t)
{
	return t->kind == TYPE_POINTER && type_is_kernel(t->element);
}

/* The conversion that `from as to` is; false when there is none. */
static bool cast_conversion(const struct types *types, const struct type *from,
			    const struct type *to, enum conversion *out)
{
	*out = CONV_INT;
	if (is_integer_or_bool(from) && to->kind == TYPE_BOOL && from->kind != TYPE_BOOL)
		*out = CONV_TRUTH;
	else if (is_integer_or_bool(from) && is_integer_or_bool(to))
		*out = CONV_INT;
	else if (from->kind == TYPE_POINTER && to->kind == TYPE_POINTER)
		*out = CONV_POINTER;
	else if (from->kind == TYPE_POINTER && to == types->u64)
		*out = CONV_POINTER_INT;
	else if (type_is_integer(from) && from->size == 8 && is_kernel_pointer(to))
		*out = CONV_POINTER_INT;
	else
		return false;
	return true;
}

static struct expr *check_cast(struct checker *c, struct expr *e)
{
	e->cast.operand = check_value(c, e->cast.operand, NULL);
	struct type *from = e->cast.operand->type, *to = check_value_type(c, e->cast.node);

	if (from->kind == TYPE_ERROR || to->kind == TYPE_ERROR)
		return fail(c, e);
	if (from == to && !type_is_scalar(from))
		return e->cast.operand;
	bool is_ctx =
		type_has_rows(from) != type_has_rows(to) || (type_has_rows(from) && from != to);
	if ((from != to && !cast_conversion(c->types, from, to, &e->cast.conversion)) || is_ctx) {
		struct diag *d =
			diag_report(c->diags, D_CAST, e->where, TEXT(c, from), TEXT(c, to));
		if (from->kind == TYPE_BE || to->kind == TYPE_BE)
			diag_hint(c->diags, d,
				  "byte order is changed by `ntohs`, `ntohl`, `ntohll`, "
				  "`htons`, `htonl`, `htonll`");
		return fail(c, e);
	}
	if (from->kind != TYPE_POINTER && to->kind == TYPE_POINTER &&
	    !use_bpf_only(c, e->where, "a number as a pointer into the kernel"))
		return fail(c, e);
	e->type = to;
	if (e->cast.operand->is_const)
		set_const(e, to,
			  e->cast.conversion == CONV_TRUTH ? e->cast.operand->value != 0
							   : e->cast.operand->value);
	return e;
}

/* ---- literals of several parts ---- */

/* Fields that the literal leaves out have their defaults. */
static void add_defaults(struct checker *c, struct expr *e)
{
	const decl_list *fields = &e->type->record.fields;
	uint32_t given = e->literal.fields.len;
	bool has_defaults = false;
	struct map seen;

	for (uint32_t i = 0; i < fields->len; i++)
		has_defaults = has_defaults || fields->data[i]->field.init;
	if (!has_defaults)
		return;
	map_init(&seen, c->arena);
	for (uint32_t i = 0; i < given; i++)
		*map_insert(&seen, MAP_PTR(e->literal.fields.data[i].field)) = 1;
	for (uint32_t i = 0; i < fields->len; i++) {
		struct decl *f = fields->data[i];
		if (!f->field.init || map_find(&seen, MAP_PTR(f)))
			continue;
		struct field_init init = {.name = f->name, .value = f->field.init, .field = f};
		vec_push(c->arena, &e->literal.fields, init);
	}
}

static struct expr *check_struct_literal(struct checker *c, struct expr *e)
{
	struct type *t = check_value_type(c, e->literal.node);

	if (t->kind != TYPE_STRUCT && t->kind != TYPE_ERROR) {
		diag_report(c->diags, D_NOT_A_STRUCT, e->literal.node->where, TEXT(c, t));
		t = c->types->error;
	}
	e->type = t;
	for (uint32_t i = 0; i < e->literal.fields.len; i++) {
		struct field_init *f = &e->literal.fields.data[i];
		if (t->kind == TYPE_STRUCT)
			f->field = find_field(c, t, f->name, f->where);
		for (uint32_t j = 0; f->field && j < i; j++)
			if (e->literal.fields.data[j].field == f->field)
				diag_note(c->diags,
					  diag_report(c->diags, D_DUPLICATE_FIELD, f->where,
						      NAME(c, f->name)),
					  e->literal.fields.data[j].where, "it is given here");
		f->value = f->field ? check_as_declared(c, f->value, f->field->type, f->field)
				    : check_value(c, f->value, NULL);
		if (f->field)
			check_bit_value(c, f->value, f->field);
		if (!f->field || f->value->type->kind == TYPE_ERROR)
			e->type = c->types->error;
	}
	if (e->type->kind == TYPE_STRUCT)
		add_defaults(c, e);
	return e;
}

/* The element type of an array literal that nothing else determines. */
static struct type *infer_element(struct checker *c, struct expr *e)
{
	uint32_t count = e->array.items.len, odd = 0;
	struct expr ***values = ARENA_ARRAY(c->arena, struct expr **, count);

	for (uint32_t i = 0; i < count; i++) {
		e->array.items.data[i] = check_value(c, e->array.items.data[i], NULL);
		values[i] = &e->array.items.data[i];
	}
	struct type *t = join_types(c, values, count, NULL, &odd);
	if (!t) {
		report_mismatch(c, e->array.items.data[odd]->where, e->array.items.data[0]->type,
				e->array.items.data[odd]->type);
		return c->types->error;
	}
	return t;
}

static struct expr *check_array_literal(struct checker *c, struct expr *e, struct type *hint)
{
	uint32_t count = e->array.items.len;
	bool has_type = hint && hint->kind == TYPE_ARRAY;

	if (!has_type && !count) {
		diag_report(c->diags, D_NEEDS_TYPE, e->where, "[]");
		return fail(c, e);
	}
	struct type *element = has_type ? hint->element : infer_element(c, e);
	bool ok = element->kind != TYPE_ERROR;
	for (uint32_t i = 0; ok && i < count; i++) {
		struct expr **item = &e->array.items.data[i];
		*item = has_type ? check_as(c, *item, element) : convert_to(c, *item, element);
		ok = (*item)->type->kind != TYPE_ERROR;
	}
	if (!ok)
		return fail(c, e);
	if (has_type && count > hint->count) {
		diag_report(c->diags, D_TOO_MANY_ITEMS, e->array.items.data[hint->count]->where,
			    TEXT(c, hint));
		return fail(c, e);
	}
	if (!has_type && (uint64_t)count * element->size > TYPE_MAX_SIZE) {
		diag_report(c->diags, D_TYPE_TOO_LARGE, e->where, "array");
		return fail(c, e);
	}
	e->type = has_type ? hint : type_make_array(c->types, element, count);
	return e;
}

/* ---- types as operands ---- */

static struct expr *check_sizeof(struct checker *c, struct expr *e)
{
	struct type *t = check_value_type(c, e->type_arg.node);

	if (t->kind == TYPE_ERROR)
		return fail(c, e);
	set_const(e, c->types->u32, t->size);
	return e;
}

static struct expr *check_offsetof(struct checker *c, struct expr *e)
{
	struct type *t = check_value_type(c, e->type_arg.node);

	if (t->kind == TYPE_ERROR)
		return fail(c, e);
	if (t->kind != TYPE_STRUCT && t->kind != TYPE_UNION) {
		diag_report(c->diags, D_NOT_A_STRUCT, e->type_arg.node->where, TEXT(c, t));
		return fail(c, e);
	}
	const struct decl *f = find_field(c, t, e->type_arg.field, e->where);
	if (!f)
		return fail(c, e);
	if (f->field.bit_width) {
		diag_hint(c->diags, diag_report(c->diags, D_ADDRESS, e->where),
			  "`%s` is a bit-field: it shares its bytes", NAME(c, f->name));
		return fail(c, e);
	}
	set_const(e, c->types->u32, f->field.offset);
	return e;
}

static struct expr *check_in(struct checker *c, struct expr *e)
{
	struct expr *map = e->binary.right = check_expr(c, e->binary.right, NULL);

	if (map->type->kind != TYPE_MAP) {
		if (map->type->kind != TYPE_ERROR)
			diag_report(c->diags, D_NOT_A_MAP, map->where, TEXT(c, map->type));
		e->binary.left = check_value(c, e->binary.left, NULL);
		return fail(c, e);
	}
	const struct type *t = map->type;
	bool is_set = t->map.kind->shape == MAP_SHAPE_SET;
	if (!is_set && !check_map_keys(c, t, e->where)) {
		check_value(c, e->binary.left, NULL);
		return fail(c, e);
	}
	e->binary.left = is_set ? check_as(c, e->binary.left, t->map.value)
				: check_map_key(c, e->binary.left, t);
	e->type = e->binary.left->type->kind == TYPE_ERROR ? c->types->error : c->types->bool_;
	return e;
}

/* ---- all of them ---- */

static struct expr *check_by_kind(struct checker *c, struct expr *e, struct type *hint)
{
	bool falls;

	switch (e->kind) {
	case EXPR_INT:
		set_const(e, const_literal_type(c->types, false, e->integer.value),
			  e->integer.value);
		e->is_literal = true;
		return e;
	case EXPR_CHAR:
		set_const(e, c->types->char_, e->integer.value);
		e->is_literal = true;
		return e;
	case EXPR_BOOL:
		set_const(e, c->types->bool_, e->integer.value);
		return e;
	case EXPR_NULL:
		set_const(e, c->types->null, 0);
		return e;
	case EXPR_STRING:
		e->type = type_make_str(c->types, e->string.len + 1);
		return e;
	case EXPR_NAME:
		return check_name(c, e);
	case EXPR_UNARY:
		return check_unary(c, e, hint);
	case EXPR_BINARY:
		return check_binary(c, e, hint);
	case EXPR_IN:
		return check_in(c, e);
	case EXPR_CALL:
		return check_call(c, e, hint);
	case EXPR_INDEX:
		return check_index(c, e);
	case EXPR_FIELD:
		return take_imported(c, e) ? check_name(c, e) : check_field(c, e);
	case EXPR_CAST:
		return check_cast(c, e);
	case EXPR_STRUCT:
		return check_struct_literal(c, e);
	case EXPR_ARRAY:
		return check_array_literal(c, e, hint);
	case EXPR_MATCH:
		return check_match(c, e, hint, true, &falls);
	case EXPR_IF:
		return check_if_expr(c, e, hint, true, &falls);
	case EXPR_NEW:
		return check_new(c, e);
	case EXPR_SIZEOF:
		return check_sizeof(c, e);
	case EXPR_OFFSETOF:
		return check_offsetof(c, e);
	case EXPR_TYPE:
		diag_hint(c->diags,
			  diag_report(c->diags, D_EXPECTED_EXPRESSION, e->where, "a type"),
			  "to convert a value write `value as %s`",
			  TEXT(c, check_type(c, e->type_arg.node)));
		return fail(c, e);
	case EXPR_ERROR:
	case EXPR_CONVERT:
	case EXPR_KIND_COUNT:
		break;
	}
	return fail(c, e);
}

struct expr *check_expr(struct checker *c, struct expr *e, struct type *hint)
{
	if (e->type)
		return e;
	if (!enter(c, e->where))
		return fail(c, e);
	e = check_by_kind(c, e, hint);
	leave(c);
	return e;
}

struct expr *check_value(struct checker *c, struct expr *e, struct type *hint)
{
	return to_value(c, check_expr(c, e, hint));
}

struct expr *check_as(struct checker *c, struct expr *e, struct type *type)
{
	return convert_to(c, check_expr(c, e, type), type);
}

struct expr *check_as_declared(struct checker *c, struct expr *e, struct type *type,
			       const struct decl *d)
{
	uint32_t count = c->diags->list.len;

	e = check_as(c, e, type);
	if (e->type->kind != TYPE_ERROR || c->diags->list.len == count || !d->name_where.end)
		return e;
	struct diag *diag = vec_last(&c->diags->list);
	bool is_about_type = diag->id == D_TYPE_MISMATCH || diag->id == D_CONSTANT_RANGE;
	if (is_about_type && diag->where.begin == e->where.begin && d->kind == DECL_FUNC)
		diag_note(c->diags, diag, d->name_where, "`%s` returns `%s`", NAME(c, d->name),
			  TEXT(c, type));
	else if (is_about_type && diag->where.begin == e->where.begin)
		report_declared(c, diag, d);
	return e;
}

struct expr *check_condition(struct checker *c, struct expr *e)
{
	return to_condition(c, check_expr(c, e, NULL));
}
