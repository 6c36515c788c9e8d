/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unary and binary operators: the type in which each is done, the conversions of its operands, and
 * its value when the operands are constants.
 */
#include "frontend/sema/check.h"

void report_operand(struct checker *c, span where, const char *op, const struct type *t)
{
	struct diag *d;

	if (t->kind == TYPE_ERROR)
		return;
	d = diag_report(c->diags, D_OPERAND_TYPE, where, op, TEXT(c, t));
	if (t->kind == TYPE_BE)
		diag_hint(c->diags, d, "convert it first with `%s`",
			  t->size == 2   ? "ntohs"
			  : t->size == 4 ? "ntohl"
					 : "ntohll");
	else if (t->kind == TYPE_BOOL)
		diag_hint(c->diags, d,
			  "write `as u32` to make a number of it, or use `&&` `||` `!`");
}

/* ---- unary ---- */

static struct expr *check_negation(struct checker *c, struct expr *e, struct type *hint)
{
	struct expr *o = e->unary.operand = check_value(c, e->unary.operand, hint);
	enum unary_op op = e->unary.op;

	if (!type_is_integer(o->type)) {
		report_operand(c, e->where, unary_spelling(op), o->type);
		return fail(c, e);
	}
	if (o->is_literal && op == UNARY_NEG) {
		struct expr zero = {.kind = EXPR_INT};
		uint64_t value = 0;
		set_const(&zero, c->types->u32, 0);
		if (!const_literal_binary(c->types, BINARY_SUB, &zero, o, &e->type, &value)) {
			diag_report(c->diags, D_CONSTANT_RANGE, e->where,
				    arena_printf(c->arena, "-%s", value_text(c, o->type, o->value)),
				    "i64");
			return fail(c, e);
		}
		set_const(e, e->type, value);
		e->is_literal = true;
		return e;
	}
	struct type *t = arithmetic_type(c->types, o->type);
	bool is_literal = o->is_literal;
	o = e->unary.operand = convert_to(c, o, t);
	e->type = t;
	if (o->is_const) {
		set_const(e, t, op == UNARY_NEG ? 0 - o->value : ~o->value);
		e->is_literal = is_literal;
	}
	return e;
}

static struct expr *check_deref(struct checker *c, struct expr *e)
{
	struct expr *o = e->unary.operand = check_value(c, e->unary.operand, NULL);

	if (o->type->kind != TYPE_POINTER) {
		if (o->type->kind != TYPE_ERROR)
			diag_report(c->diags, D_NOT_A_POINTER, e->where, TEXT(c, o->type));
		return fail(c, e);
	}
	if (!complete_type(c, o->type->element, e->where))
		return fail(c, e);
	e->type = o->type->element;
	e->is_lvalue = true;
	return e;
}

static struct expr *check_address(struct checker *c, struct expr *e)
{
	struct expr *o = e->unary.operand = check_expr(c, e->unary.operand, NULL);

	if (o->type->kind == TYPE_ERROR)
		return fail(c, e);
	const struct expr *entry = place_entry(o);
	bool is_present = entry && entry->kind == EXPR_NAME &&
			  entry->name.decl->variable.is_present &&
			  type_entry_value(entry->type)->kind != TYPE_MAP;
	const struct decl *bits = place_bit_field(o);
	bool is_copy = entry && c->fn.decl && c->fn.decl->func.target == TARGET_USER;
	if (!is_place(o) || !o->is_lvalue || bits || (entry && !is_present) || is_copy) {
		struct diag *d = diag_report(c->diags, D_ADDRESS, o->where);
		if (bits)
			diag_hint(c->diags, d, "`%s` is a bit-field: it shares its bytes",
				  NAME(c, bits->name));
		else if (is_copy && is_present)
			diag_hint(
				c->diags, d,
				"userspace holds a copy of the entry: assign to its field instead");
		else if (entry)
			diag_hint(c->diags, d,
				  "bind the entry first: `if (var e = …) { … &e … &e.field … }`");
		return fail(c, e);
	}
	struct decl *root = place_root(o);
	if (root && !entry)
		root->variable.is_address_taken = true;
	e->type = type_make_pointer(c->types, entry == o ? type_entry_value(o->type) : o->type);
	return e;
}

struct expr *check_unary(struct checker *c, struct expr *e, struct type *hint)
{
	switch (e->unary.op) {
	case UNARY_NOT:
		e->unary.operand = check_condition(c, e->unary.operand);
		e->type = e->unary.operand->type;
		if (e->unary.operand->is_const)
			set_const(e, e->type, !e->unary.operand->value);
		return e;
	case UNARY_NEG:
	case UNARY_BITNOT:
		return check_negation(c, e, hint);
	case UNARY_DEREF:
		return check_deref(c, e);
	case UNARY_ADDR:
		return check_address(c, e);
	case UNARY_COUNT:
		break;
	}
	return fail(c, e);
}

/* ---- binary ---- */

static bool is_comparison(enum binary_op op)
{
	return op == BINARY_EQ || op == BINARY_NE || op == BINARY_LT || op == BINARY_LE ||
	       op == BINARY_GT || op == BINARY_GE;
}

/* Fields of `__sk_buff` that the kernel declares as numbers and fills in network order. */
static bool is_network_order(struct checker *c, const struct expr *e)
{
	if (e->kind != EXPR_FIELD || strcmp(TEXT(c, e->field.base->type), "*__sk_buff") != 0)
		return false;
	const char *name = NAME(c, e->field.name);
	return !strcmp(name, "protocol") || !strcmp(name, "vlan_proto");
}

static struct expr *report_operands(struct checker *c, struct expr *e)
{
	const struct type *l = e->binary.left->type, *r = e->binary.right->type;
	const char *op = binary_spelling(e->binary.op);
	bool is_compare = e->binary.op == BINARY_EQ || e->binary.op == BINARY_NE;

	if (l->kind == TYPE_ERROR || r->kind == TYPE_ERROR)
		return fail(c, e);
	const struct type *be = l->kind == TYPE_BE ? l : r->kind == TYPE_BE ? r : NULL;
	struct diag *d =
		diag_report(c->diags, D_OPERAND_TYPES, e->where, op, TEXT(c, l), TEXT(c, r));
	const struct expr *other = be == l ? e->binary.right : e->binary.left;
	if (be && is_compare && is_network_order(c, other))
		diag_hint(
			c->diags, d,
			"`%s` is in network order already: compare `ntohs(ctx->%s as u16)` with a "
			"number",
			NAME(c, other->field.name), NAME(c, other->field.name));
	else if (be && is_compare && type_is_integer(be == l ? r : l))
		diag_hint(c->diags, d, "convert the number with `%s`",
			  be->size == 2   ? "htons"
			  : be->size == 4 ? "htonl"
					  : "htonll");
	else if (be)
		diag_hint(c->diags, d, "convert big-endian values with `%s` first",
			  be->size == 2   ? "ntohs"
			  : be->size == 4 ? "ntohl"
					  : "ntohll");
	else if (l->kind == TYPE_BOOL || r->kind == TYPE_BOOL)
		diag_hint(c->diags, d, "write `as u32` to make a number of a bool");
	else if (l->kind == TYPE_POINTER && r->kind == TYPE_POINTER)
		diag_hint(c->diags, d, "give both the same type with `as`");
	return fail(c, e);
}

void check_right_operand(struct checker *c, enum binary_op op, const struct type *t,
			 const struct expr *right)
{
	if (!right->is_const)
		return;
	if ((op == BINARY_DIV || op == BINARY_REM) && right->value == 0)
		diag_report(c->diags, D_DIVISION_BY_ZERO, right->where,
			    op == BINARY_DIV ? "0" : "the dividend");
	if ((op == BINARY_SHL || op == BINARY_SHR) && right->value >= t->size * 8)
		diag_report(c->diags, D_SHIFT_COUNT, right->where,
			    value_text(c, right->type, right->value), TEXT(c, t));
}

/* Integer literals among themselves are exact, and the result is a literal again. */
static bool fold_literals(struct checker *c, struct expr *e)
{
	const struct expr *l = e->binary.left, *r = e->binary.right;
	struct type *t;
	uint64_t value;

	if (!l->is_literal || !r->is_literal ||
	    !const_literal_binary(c->types, e->binary.op, l, r, &t, &value))
		return false;
	set_const(e, t, value);
	e->is_literal = true;
	return true;
}

static struct expr *finish_arithmetic(struct expr *e, struct type *t)
{
	const struct expr *l = e->binary.left, *r = e->binary.right;

	e->type = t;
	if (l->is_const && r->is_const)
		set_const(e, t, const_binary(e->binary.op, t, l->value, r->value));
	return e;
}

/* The left operand decides the type; the count follows, which keeps it modulo the width. */
static struct expr *check_shift(struct checker *c, struct expr *e, struct type *hint)
{
	struct expr **l = &e->binary.left, **r = &e->binary.right;

	if (!type_is_integer((*l)->type) || !type_is_integer((*r)->type))
		return report_operands(c, e);
	if (fold_literals(c, e))
		return e;
	if ((*l)->is_literal && hint && type_is_integer(hint))
		retype_literal(*l, arithmetic_type(c->types, hint));
	struct type *t = arithmetic_type(c->types, (*l)->type);
	*l = convert_to(c, *l, t);
	check_right_operand(c, e->binary.op, t, *r);
	if ((*r)->type != t && !((*r)->is_literal && retype_literal(*r, t)))
		*r = make_convert(c, *r, t, CONV_INT);
	return finish_arithmetic(e, t);
}

static bool can_offset(struct checker *c, const struct type *pointer, span where)
{
	return complete_type(c, pointer->element, where);
}

/* pointer + integer, integer + pointer, pointer - integer, pointer - pointer */
static struct expr *check_pointer_arithmetic(struct checker *c, struct expr *e)
{
	struct expr **l = &e->binary.left, **r = &e->binary.right;
	bool left_is_pointer = (*l)->type->kind == TYPE_POINTER;
	struct type *t = left_is_pointer ? (*l)->type : (*r)->type;

	if (left_is_pointer && (*r)->type->kind == TYPE_POINTER) {
		t = e->binary.op == BINARY_SUB ? unify(c, l, r, false) : NULL;
		if (!t)
			return report_operands(c, e);
		if (!can_offset(c, t, e->where))
			return fail(c, e);
		e->type = c->types->u64;
		return e;
	}
	struct expr **number = left_is_pointer ? r : l;
	if (!type_is_integer((*number)->type) || (e->binary.op == BINARY_SUB && !left_is_pointer))
		return report_operands(c, e);
	if (!can_offset(c, t, e->where))
		return fail(c, e);
	*number = to_index(c, *number);
	e->type = t;
	return e;
}

/* The destination fixes the capacity; without one it is what both sides can hold. */
static struct expr *check_concatenation(struct checker *c, struct expr *e, struct type *hint)
{
	uint64_t size = (uint64_t)e->binary.left->type->count + e->binary.right->type->count - 1;

	if (hint && hint->kind == TYPE_STR) {
		e->type = hint;
		return e;
	}
	if (size > TYPE_MAX_SIZE) {
		diag_report(c->diags, D_TYPE_TOO_LARGE, e->where, "string");
		return fail(c, e);
	}
	e->type = type_make_str(c->types, (uint32_t)size);
	return e;
}

static bool is_logic(enum binary_op op)
{
	return op == BINARY_AND || op == BINARY_OR || op == BINARY_XOR;
}

static struct expr *check_arithmetic(struct checker *c, struct expr *e, struct type *hint)
{
	struct expr **l = &e->binary.left, **r = &e->binary.right;
	bool is_sum = e->binary.op == BINARY_ADD || e->binary.op == BINARY_SUB;

	if (is_sum && ((*l)->type->kind == TYPE_POINTER || (*r)->type->kind == TYPE_POINTER))
		return check_pointer_arithmetic(c, e);
	if (e->binary.op == BINARY_ADD && (*l)->type->kind == TYPE_STR &&
	    (*r)->type->kind == TYPE_STR)
		return check_concatenation(c, e, hint);
	if ((*l)->type->kind == TYPE_BOOL && (*r)->type->kind == TYPE_BOOL &&
	    is_logic(e->binary.op))
		return finish_arithmetic(e, c->types->bool_);
	if (!type_is_integer((*l)->type) || !type_is_integer((*r)->type))
		return report_operands(c, e);
	check_right_operand(c, e->binary.op, (*l)->type, *r);
	if (fold_literals(c, e))
		return e;
	return finish_arithmetic(e, unify(c, l, r, false));
}

/* A signed operand that is compared as an unsigned number. */
static void warn_sign(struct checker *c, const struct expr *e, const struct expr *operand,
		      bool was_signed, const struct type *t)
{
	bool is_known_positive = operand->is_const && operand->kind != EXPR_CONVERT;

	if (!was_signed || t->is_signed || is_known_positive)
		return;
	if (operand->kind == EXPR_CONVERT && operand->convert.operand->is_const &&
	    (int64_t)operand->convert.operand->value >= 0)
		return;
	diag_report(c->diags, D_SIGN_COMPARE, e->where, TEXT(c, e->binary.left->type));
}

static bool is_signed(const struct expr *e)
{
	return type_is_integer(e->type) && e->type->kind != TYPE_CHAR && e->type->is_signed;
}

static bool can_compare(const struct type *t, bool is_equality)
{
	if (type_is_integer(t) || t->kind == TYPE_POINTER)
		return true;
	return is_equality && (t->kind == TYPE_BOOL || t->kind == TYPE_BE || t->kind == TYPE_FUNC ||
			       t->kind == TYPE_PROGRAM_HANDLE || t->kind == TYPE_PERF_ATTACHMENT ||
			       t->kind == TYPE_PROGRAM_REF);
}

/* A constant that no negative number of that size is equal to, whichever way it is read. */
static bool is_plain_constant(const struct expr *e, const struct type *t)
{
	return e->is_const && t->size && !(e->value >> (8 * t->size - 1));
}

static struct expr *check_comparison(struct checker *c, struct expr *e)
{
	struct expr **l = &e->binary.left, **r = &e->binary.right;
	bool is_equality = e->binary.op == BINARY_EQ || e->binary.op == BINARY_NE;

	if (is_equality && (*l)->type->kind == TYPE_STR && (*r)->type->kind == TYPE_STR) {
		e->type = c->types->bool_;
		return e;
	}
	bool left_signed = is_signed(*l), right_signed = is_signed(*r);
	struct type *t = unify(c, l, r, true);
	if (!t || t->kind == TYPE_ERROR || !can_compare(t, is_equality))
		return report_operands(c, e);
	bool is_plain = is_equality && (*l)->is_const != (*r)->is_const &&
			(is_plain_constant(*l, t) || is_plain_constant(*r, t));
	if (type_is_integer(t) && !is_plain) {
		warn_sign(c, e, *l, left_signed, t);
		warn_sign(c, e, *r, right_signed, t);
	}
	e->type = c->types->bool_;
	check_comparison_range(c, e);
	if ((*l)->is_const && (*r)->is_const && t->kind != TYPE_POINTER)
		set_const(e, e->type, const_compare(e->binary.op, t, (*l)->value, (*r)->value));
	return e;
}

static struct expr *check_logical(struct checker *c, struct expr *e)
{
	struct expr *l = e->binary.left = check_condition(c, e->binary.left);
	struct expr *r = e->binary.right = check_condition(c, e->binary.right);
	bool is_and = e->binary.op == BINARY_LOGAND;

	if (l->type->kind == TYPE_ERROR || r->type->kind == TYPE_ERROR)
		return fail(c, e);
	e->type = c->types->bool_;
	if (l->is_const && (bool)l->value != is_and)
		set_const(e, e->type, l->value);
	else if (l->is_const && r->is_const)
		set_const(e, e->type, r->value);
	return e;
}

/* `m[k] == null`: presence against false. True when the operands were such. */
static bool check_presence(struct checker *c, struct expr *e)
{
	struct expr **entry = &e->binary.left, **null = &e->binary.right;

	if ((*entry)->kind == EXPR_NULL) {
		entry = &e->binary.right;
		null = &e->binary.left;
	}
	if ((*entry)->type->kind != TYPE_ENTRY || (*null)->kind != EXPR_NULL)
		return false;
	*entry = make_convert(c, *entry, c->types->bool_, CONV_ENTRY_PRESENT);
	*null = make_convert(c, *null, c->types->bool_, CONV_TRUTH);
	e->type = c->types->bool_;
	return true;
}

struct expr *check_binary(struct checker *c, struct expr *e, struct type *hint)
{
	enum binary_op op = e->binary.op;
	bool is_shift = op == BINARY_SHL || op == BINARY_SHR;

	if (op == BINARY_LOGAND || op == BINARY_LOGOR)
		return check_logical(c, e);
	bool is_text = op == BINARY_ADD && hint && hint->kind == TYPE_STR;
	e->binary.left = check_expr(c, e->binary.left, is_shift || is_text ? hint : NULL);
	e->binary.right = check_expr(c, e->binary.right, NULL);
	if ((op == BINARY_EQ || op == BINARY_NE) && check_presence(c, e))
		return e;
	e->binary.left = to_value(c, e->binary.left);
	e->binary.right = to_value(c, e->binary.right);
	if (e->binary.left->type->kind == TYPE_ERROR || e->binary.right->type->kind == TYPE_ERROR)
		return fail(c, e);
	if (is_shift)
		return check_shift(c, e, hint);
	return is_comparison(op) ? check_comparison(c, e) : check_arithmetic(c, e, hint);
}
