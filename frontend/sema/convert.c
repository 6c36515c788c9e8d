/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions: which exist, which node stands for each, and the warnings for values that may be
 * lost. After this file has seen a value it has exactly the type that was asked for, or an error was
 * reported and the type is TYPE_ERROR.
 */
#include "frontend/sema/check.h"

struct expr *make_convert(struct checker *c, struct expr *e, struct type *to,
			  enum conversion conversion)
{
	struct expr *n = ARENA_NEW(c->arena, struct expr);

	n->kind = EXPR_CONVERT;
	n->where = e->where;
	n->type = to;
	n->convert.operand = e;
	n->convert.conversion = conversion;
	if (e->is_const && conversion != CONV_ENTRY_PRESENT && conversion != CONV_ENTRY_VALUE)
		set_const(n, to, conversion == CONV_TRUTH ? e->value != 0 : e->value);
	return n;
}

bool retype_literal(struct expr *e, struct type *to)
{
	if (!type_is_integer(to))
		return false;
	if (e->kind == EXPR_UNARY && e->unary.op == UNARY_BITNOT) {
		const struct expr *operand = e->unary.operand;
		if (!const_fits(operand->type, operand->value, to))
			return false;
		set_const(e, to, ~operand->value); // `~0xff` has the high bits of the type it gets
		return true;
	}
	if (!const_fits(e->type, e->value, to))
		return false;
	set_const(e, to, e->value);
	return true;
}

struct type *integer_type(const struct types *types, uint32_t size, bool is_signed)
{
	if (size == 1)
		return is_signed ? types->i8 : types->u8;
	if (size == 2)
		return is_signed ? types->i16 : types->u16;
	if (size == 4)
		return is_signed ? types->i32 : types->u32;
	return is_signed ? types->i64 : types->u64;
}

struct type *arithmetic_type(const struct types *types, struct type *t)
{
	if (t->kind == TYPE_CHAR)
		return types->u8;
	return t->kind == TYPE_ENUM ? integer_type(types, t->size, t->is_signed) : t;
}

/* A program's name is a reference to it, a plain function's name its address. */
static struct expr *function_to_value(struct checker *c, struct expr *e, struct decl *d)
{
	if (d->kind == DECL_FUNC)
		note_named(c, d);
	if (d->kind == DECL_FUNC && (d->func.program || d->func.role == ROLE_PROGRAM)) {
		if (!use_user_only(c, e->where, "a program reference"))
			return fail(c, e);
		return make_convert(c, e, c->types->program_ref, CONV_FUNC);
	}
	if (d->kind != DECL_FUNC || d == c->out->main) {
		diag_report(c->diags, D_NOT_A_VALUE, e->where, NAME(c, d->name),
			    d->kind == DECL_FUNC ? "a function that nobody calls"
						 : "a kernel function");
		return fail(c, e);
	}
	if (c->fn.decl && !check_value_target(c, e->where, d))
		return fail(c, e);
	const uint64_t *place = map_find(&c->func_index, MAP_PTR(d));
	if (place && *place && c->fn.decl) {
		struct call_edge edge = {(uint32_t)*place - 1, e->where};
		vec_push(c->arena, &c->function_values, edge);
		vec_push(c->arena, &c->funcs.data[c->fn.number].calls, edge);
	}
	return make_convert(c, e, e->type, CONV_FUNC);
}

/* Reads an entry; says what is wrong with something that is no value. */
struct expr *to_value(struct checker *c, struct expr *e)
{
	struct decl *d = e->kind == EXPR_NAME ? e->name.decl : NULL;

	if (e->type->kind == TYPE_ENTRY && type_entry_value(e->type)->kind == TYPE_MAP) {
		diag_report(c->diags, D_NOT_A_VALUE, e->where, "this", "a map");
		return fail(c, e);
	}
	if (e->type->kind == TYPE_ENTRY)
		return make_convert(c, e, type_entry_value(e->type), CONV_ENTRY_VALUE);
	if (e->type->kind == TYPE_MAP || (d && d->kind == DECL_CONFIG)) {
		struct diag *diag = diag_report(
			c->diags, D_NOT_A_VALUE, e->where, d ? NAME(c, d->name) : "this",
			d ? with_article(c, decl_kind_name(d->kind)) : "a map");
		if (d)
			report_declared(c, diag, d);
		return fail(c, e);
	}
	if (e->type->kind == TYPE_VOID) {
		struct diag *diag = diag_report(c->diags, D_NO_VALUE, e->where);
		const struct decl *target = e->kind == EXPR_CALL ? e->call.target : NULL;
		if (target && target->name_where.end)
			diag_note(c->diags, diag, target->name_where,
				  "`%s` is declared without a result", NAME(c, target->name));
		return fail(c, e);
	}
	if (e->type->kind == TYPE_FUNC && d && (d->kind == DECL_FUNC || d->kind == DECL_EXTERN))
		return function_to_value(c, e, d);
	return e;
}

enum { BITS_MAX_DEPTH = 16 }; // how far value_bits() looks into an expression

/* Bits that an unsigned value can have set at most; the width of its type when nothing better is
 * known. Keeps `x & 0xff` and `x % 10` from warning. */
static uint32_t value_bits(const struct expr *e, uint32_t depth)
{
	uint32_t width = e->type->size * 8;

	if (e->is_const)
		return e->value ? 64 - (uint32_t)__builtin_clzll(e->value) : 0;
	if (depth > BITS_MAX_DEPTH)
		return width;
	if ((e->kind == EXPR_CONVERT && e->convert.conversion == CONV_INT) ||
	    (e->kind == EXPR_CAST && e->cast.conversion == CONV_INT)) {
		const struct expr *o = e->kind == EXPR_CAST ? e->cast.operand : e->convert.operand;
		uint32_t bits = o->type->is_signed ? width : value_bits(o, depth + 1);
		return bits < width ? bits : width;
	}
	const struct decl *bits = place_bit_field(e);
	if (bits && !e->type->is_signed)
		return bits->field.bit_width;
	if (e->kind != EXPR_BINARY || e->type->kind != TYPE_INT)
		return e->type->kind == TYPE_BOOL ? 1 : width;

	uint32_t a = value_bits(e->binary.left, depth + 1);
	uint32_t b = value_bits(e->binary.right, depth + 1);
	const struct expr *right = e->binary.right;
	enum binary_op op = e->binary.op;
	if (op == BINARY_AND)
		return a < b ? a : b;
	if (op == BINARY_OR || op == BINARY_XOR)
		return a > b ? a : b;
	if (e->type->is_signed)
		return width;
	if (op == BINARY_REM && right->is_const && right->value)
		return a < b ? a : b;
	if (op == BINARY_DIV)
		return a;
	if (op == BINARY_SHR && right->is_const) {
		uint32_t count = (uint32_t)right->value & (width - 1);
		return a > count ? a - count : 0;
	}
	return width;
}

static struct expr *convert_integer(struct checker *c, struct expr *e, struct type *to)
{
	if (e->is_literal && retype_literal(e, to))
		return e;
	if (e->is_const && !const_fits(e->type, e->value, to)) {
		diag_report(c->diags, D_CONSTANT_RANGE, e->where, value_text(c, e->type, e->value),
			    TEXT(c, to));
		return fail(c, e);
	}
	if (!e->is_const && to->size < e->type->size) {
		uint32_t bits = value_bits(e, 0);
		if (bits > to->size * 8 - (arithmetic_type(c->types, to)->is_signed ? 1 : 0))
			diag_report(c->diags, D_NARROWING, e->where, TEXT(c, e->type), TEXT(c, to));
	}
	return make_convert(c, e, to, CONV_INT);
}

static bool is_byte_pointer(const struct types *types, const struct type *t)
{
	return t->kind == TYPE_POINTER && (t->element == types->u8 || t->element == types->void_);
}

static bool is_handle(const struct type *t)
{
	return t->kind == TYPE_PROGRAM_HANDLE || t->kind == TYPE_PERF_ATTACHMENT ||
	       t->kind == TYPE_FUNC;
}

/* A string literal that initialises a string or an array of bytes. */
static struct expr *convert_string(struct checker *c, struct expr *e, struct type *to)
{
	if (e->kind == EXPR_STRING) {
		uint32_t need = e->string.len + (to->kind == TYPE_STR ? 1 : 0);
		if (need > to->count)
			diag_report(c->diags, D_STRING_TRUNCATED, e->where, TEXT(c, to));
	}
	return make_convert(c, e, to, CONV_STR);
}

static bool is_byte_array(const struct type *t)
{
	return t->kind == TYPE_ARRAY &&
	       (t->element->kind == TYPE_CHAR ||
		(t->element->kind == TYPE_INT && t->element->size == 1 && !t->element->is_signed));
}

struct expr *convert_to(struct checker *c, struct expr *e, struct type *to)
{
	e = to_value(c, e);
	struct type *from = e->type;

	if (from == to || from->kind == TYPE_ERROR)
		return e;
	if (to->kind == TYPE_ERROR)
		return fail(c, e);
	if (type_is_integer(from) && type_is_integer(to))
		return convert_integer(c, e, to);
	if (e->kind == EXPR_NULL && (to->kind == TYPE_POINTER || is_handle(to)))
		return make_convert(c, e, to, CONV_POINTER);
	if (from->kind == TYPE_POINTER && to->kind == TYPE_POINTER &&
	    (is_byte_pointer(c->types, to) || from->element == c->types->void_))
		return make_convert(c, e, to, CONV_POINTER);
	if (from->kind == TYPE_STR && to->kind == TYPE_STR)
		return convert_string(c, e, to);
	if (e->kind == EXPR_STRING && is_byte_array(to))
		return convert_string(c, e, to);
	report_mismatch(c, e->where, to, from);
	return fail(c, e);
}

void check_bit_value(struct checker *c, const struct expr *e, const struct decl *field)
{
	const struct type *t = field->type;
	uint32_t width = field->field.bit_width;

	if (!width || e->type->kind == TYPE_ERROR || t->kind == TYPE_BOOL)
		return;
	const char *text = arena_printf(c->arena, "%s : %u", TEXT(c, t), width);
	int64_t edge = (int64_t)(1ull << (width - 1)), value = (int64_t)e->value;
	bool fits = width == 64 || (arithmetic_type(c->types, field->type)->is_signed
					    ? value >= -edge && value < edge
					    : e->value >> width == 0);
	if (e->is_const && !fits)
		diag_report(c->diags, D_CONSTANT_RANGE, e->where, value_text(c, e->type, e->value),
			    text);
	else if (!e->is_const && value_bits(e, 0) > width)
		diag_report(c->diags, D_NARROWING, e->where, TEXT(c, e->type), text);
}

struct expr *to_condition(struct checker *c, struct expr *e)
{
	if (e->type->kind == TYPE_ENTRY)
		return make_convert(c, e, c->types->bool_, CONV_ENTRY_PRESENT);
	e = to_value(c, e);
	switch (e->type->kind) {
	case TYPE_BOOL:
	case TYPE_ERROR:
		return e;
	case TYPE_CHAR:
	case TYPE_INT:
	case TYPE_BE:
	case TYPE_ENUM:
	case TYPE_STR:
	case TYPE_POINTER:
	case TYPE_FUNC:
	case TYPE_PROGRAM_HANDLE:
	case TYPE_PERF_ATTACHMENT:
		return make_convert(c, e, c->types->bool_, CONV_TRUTH);
	case TYPE_VOID:
	case TYPE_STRUCT:
	case TYPE_UNION:
	case TYPE_ARRAY:
	case TYPE_MAP:
	case TYPE_ENTRY:
	case TYPE_PROGRAM_REF:
		break;
	}
	diag_report(c->diags, D_CONDITION_TYPE, e->where, TEXT(c, e->type));
	return fail(c, e);
}

struct expr *fit_literal(struct checker *c, struct expr *e, struct type *other)
{
	if (e->is_literal && !retype_literal(e, other) && other->is_signed)
		retype_literal(e, c->types->i32);
	return e;
}

static struct type *unify_integers(struct checker *c, struct expr **a, struct expr **b,
				   bool keep_kind)
{
	struct type *x = (*a)->type, *y = (*b)->type;

	if (keep_kind && x == y)
		return x;
	if ((*a)->is_literal && (*b)->is_literal) {
		struct type *both = const_literals_type(c->types, *a, *b);
		if (both && retype_literal(*a, both) && retype_literal(*b, both))
			return both;
	} else if ((*a)->is_literal) {
		x = fit_literal(c, *a, keep_kind ? y : arithmetic_type(c->types, y))->type;
	} else if ((*b)->is_literal) {
		y = fit_literal(c, *b, keep_kind ? x : arithmetic_type(c->types, x))->type;
	}
	if (x == y && (keep_kind || x->kind == TYPE_INT))
		return x;
	x = arithmetic_type(c->types, x);
	y = arithmetic_type(c->types, y);
	uint32_t size = x->size > y->size ? x->size : y->size;
	bool is_signed = !(x->size == size && !x->is_signed) && !(y->size == size && !y->is_signed);
	struct type *t = integer_type(c->types, size, is_signed);
	if ((*a)->type != t)
		*a = make_convert(c, *a, t, CONV_INT);
	if ((*b)->type != t)
		*b = make_convert(c, *b, t, CONV_INT);
	return t;
}

/* Converts *from to the type of *to when the rules allow it without a cast. */
static bool unify_to(struct checker *c, struct expr **from, const struct expr *to)
{
	struct type *t = to->type, *f = (*from)->type;

	bool from_null = (*from)->kind == EXPR_NULL && (t->kind == TYPE_POINTER || is_handle(t));
	bool to_bytes = f->kind == TYPE_POINTER && is_byte_pointer(c->types, t);
	bool to_longer = f->kind == TYPE_STR && t->kind == TYPE_STR && t->count >= f->count;
	if (from_null || to_bytes)
		*from = make_convert(c, *from, t, CONV_POINTER);
	else if (to_longer)
		*from = make_convert(c, *from, t, CONV_STR);
	return from_null || to_bytes || to_longer;
}

struct type *unify(struct checker *c, struct expr **a, struct expr **b, bool keep_kind)
{
	struct type *x = (*a)->type, *y = (*b)->type;

	if (x->kind == TYPE_ERROR || y->kind == TYPE_ERROR)
		return c->types->error;
	if (type_is_integer(x) && type_is_integer(y))
		return unify_integers(c, a, b, keep_kind);
	if (x == y)
		return x;
	if ((*b)->kind == EXPR_NULL && unify_to(c, b, *a))
		return x;
	if (unify_to(c, a, *b))
		return y;
	return unify_to(c, b, *a) ? x : NULL;
}

/* Type that both `t` and the type of e convert to, as operands would; NULL when there is none. */
static struct type *join_two(struct checker *c, struct type *t, const struct expr *e)
{
	struct type *u = e->type;

	if (t == u)
		return t;
	if (t->kind == TYPE_ERROR || u->kind == TYPE_ERROR)
		return c->types->error;
	if (type_is_integer(t) && type_is_integer(u)) {
		if (e->is_literal && const_fits(u, e->value, t))
			return t;
		if (e->is_literal && arithmetic_type(c->types, t)->is_signed &&
		    const_fits(u, e->value, c->types->i32))
			u = c->types->i32;
		struct type *x = arithmetic_type(c->types, t), *y = arithmetic_type(c->types, u);
		if (x->size != y->size)
			return x->size > y->size ? x : y;
		return x->is_signed ? y : x;
	}
	if (e->kind == EXPR_NULL && (t->kind == TYPE_POINTER || is_handle(t)))
		return t;
	if (t->kind == TYPE_STR && u->kind == TYPE_STR)
		return t->count > u->count ? t : u;
	return NULL;
}

/* The type that holds all of these integer literals; NULL when they are not, or there is none. */
static struct type *join_literals(struct checker *c, struct expr **const *values, uint32_t count)
{
	const struct expr *low = NULL, *high = NULL;

	for (uint32_t i = 0; i < count; i++) {
		const struct expr *e = *values[i];
		if (!e->is_literal || e->type->kind != TYPE_INT)
			return NULL;
		if (!low || const_literal_less(e, low))
			low = e;
		if (!high || const_literal_less(high, e))
			high = e;
	}
	return low ? const_literals_type(c->types, low, high) : NULL;
}

static bool is_flexible(const struct expr *e)
{
	return e->is_literal || e->kind == EXPR_NULL;
}

struct type *join_types(struct checker *c, struct expr **const *values, uint32_t count,
			struct type *hint, uint32_t *odd)
{
	struct type *t = NULL;

	for (uint32_t pass = 0; pass < 2; pass++) {
		if (pass == 1 && !t && hint &&
		    (type_is_integer(hint) || hint->kind == TYPE_POINTER))
			t = hint;
		if (pass == 1 && !t)
			t = join_literals(c, values, count);
		for (uint32_t i = 0; i < count; i++) {
			const struct expr *e = *values[i];
			if (is_flexible(e) != (pass == 1))
				continue;
			struct type *joined = t ? join_two(c, t, e) : e->type;
			*odd = i;
			if (!joined)
				return NULL;
			t = joined;
		}
	}
	return t ? t : c->types->error;
}
