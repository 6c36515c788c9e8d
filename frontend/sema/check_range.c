/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparisons that always come out the same: one side lies in a range (that of its type, or what a
 * mask, a remainder or a shift leaves of it) and the other is a constant at the edge or outside of it;
 * or both sides are one variable.
 */
#include <inttypes.h>

#include "frontend/sema/check.h"

enum { DEPTH_MAX = 16 };

struct range {
	__int128 low, high;
};

static struct range type_range(const struct type *t)
{
	uint32_t bits = t->size * 8;

	if (t->kind == TYPE_BOOL)
		return (struct range){0, 1};
	if (t->is_signed)
		return (struct range){-((__int128)1 << (bits - 1)),
				      ((__int128)1 << (bits - 1)) - 1};
	return (struct range){0, ((__int128)1 << bits) - 1};
}

static __int128 constant_of(const struct expr *e)
{
	return e->type->is_signed ? (__int128)(int64_t)e->value : (__int128)e->value;
}

static bool is_inside(struct range a, struct range b)
{
	return a.low >= b.low && a.high <= b.high;
}

static struct range range_of(const struct expr *e, int depth)
{
	struct range all = type_range(e->type), left;

	if (e->is_const)
		return (struct range){constant_of(e), constant_of(e)};
	if (depth > DEPTH_MAX)
		return all;
	if (e->kind == EXPR_CONVERT && e->convert.conversion == CONV_INT) {
		left = range_of(e->convert.operand, depth + 1);
		return is_inside(left, all) ? left : all;
	}
	if (e->kind != EXPR_BINARY || !e->binary.right->is_const)
		return all;
	__int128 right = constant_of(e->binary.right);
	left = range_of(e->binary.left, depth + 1);
	if (e->binary.op == BINARY_AND && right >= 0)
		return (struct range){0, left.low >= 0 && left.high < right ? left.high : right};
	if (e->binary.op == BINARY_REM && right > 0 && left.low >= 0)
		return (struct range){0, left.high < right ? left.high : right - 1};
	if (e->binary.op == BINARY_SHR && left.low >= 0 && right >= 0 && right < e->type->size * 8)
		return (struct range){left.low >> (int)right, left.high >> (int)right};
	return all;
}

/* 1: `a op b` holds for all of a and b, 0: for none, -1: it depends. */
static int outcome(enum binary_op op, struct range a, struct range b)
{
	switch ((unsigned)op) {
	case BINARY_LT:
		return a.high < b.low ? 1 : a.low >= b.high ? 0 : -1;
	case BINARY_LE:
		return a.high <= b.low ? 1 : a.low > b.high ? 0 : -1;
	case BINARY_GT:
		return outcome(BINARY_LT, b, a);
	case BINARY_GE:
		return outcome(BINARY_LE, b, a);
	default:
		if (a.high >= b.low && b.high >= a.low)
			return -1; // both constant: folded
		return op == BINARY_NE;
	}
}

/* One variable, or the same field of one. */
static bool is_same_place(const struct expr *a, const struct expr *b)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (a->kind == EXPR_CONVERT && b->kind == EXPR_CONVERT && a->type == b->type) {
			a = a->convert.operand;
			b = b->convert.operand;
			continue;
		}
		if (a->kind == EXPR_NAME && b->kind == EXPR_NAME)
			return a->name.decl && a->name.decl == b->name.decl &&
			       (a->name.decl->kind == DECL_LOCAL ||
				a->name.decl->kind == DECL_PARAM);
		if (a->kind != EXPR_FIELD || b->kind != EXPR_FIELD ||
		    a->field.decl != b->field.decl || !a->field.decl || a->field.arrow)
			return false;
		a = a->field.base;
		b = b->field.base;
	}
	return false;
}

static const char *number_text(struct checker *c, __int128 value)
{
	return value < 0 ? arena_printf(c->arena, "%" PRId64, (int64_t)value)
			 : arena_printf(c->arena, "%" PRIu64, (uint64_t)value);
}

void check_comparison_range(struct checker *c, const struct expr *e)
{
	const struct expr *l = e->binary.left, *r = e->binary.right;
	enum binary_op op = e->binary.op;

	if (l->is_const && r->is_const)
		return;
	if (is_same_place(l, r) && l->type->kind != TYPE_STR) {
		bool holds = op == BINARY_EQ || op == BINARY_LE || op == BINARY_GE;
		diag_report(c->diags, D_COMPARISON_ALWAYS, e->where, holds ? "true" : "false",
			    "both sides are the same");
		return;
	}
	if (!type_is_integer(l->type) || (!l->is_const && !r->is_const))
		return;
	struct range left = range_of(l, 0), right = range_of(r, 0);
	struct range varies = l->is_const ? right : left;
	int always = outcome(op, left, right);
	if (always < 0)
		return;
	diag_report(c->diags, D_COMPARISON_ALWAYS, e->where, always ? "true" : "false",
		    arena_printf(c->arena, "the %s side is %s to %s",
				 l->is_const ? "right" : "left", number_text(c, varies.low),
				 number_text(c, varies.high)));
}
