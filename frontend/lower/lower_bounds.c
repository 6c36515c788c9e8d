/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large a number can be, from its type, its expression and the conditions around it. Used to tell
 * an index that is in range from one that needs a check, and for the range of a packet offset. Coarse
 * on purpose: the optimiser and the verifier know more, but only later.
 *
 * Facts about variables come from conditions that hold where the code stands. A fact ends with the
 * block that the condition guards or with an assignment of the variable; a loop ends the facts about
 * every variable that is assigned anywhere, since its body may run after the assignment.
 */
#include "frontend/lower/lower_internal.h"

static uint64_t type_max(const struct type *type)
{
	if (type->kind == TYPE_BOOL)
		return 1;
	if (!type_is_integer(type) || type->is_signed || type->size == 8)
		return UINT64_MAX;
	return (1ull << (type->size * 8)) - 1;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t all_ones_above(uint64_t x)
{
	return x ? UINT64_MAX >> __builtin_clzll(x) : 0;
}

/* Chains of initialisers followed by static_upper_bound(). */
enum { MAX_STATIC_DEPTH = 8 };

static uint64_t bound(const struct body *f, const struct expr *expr, uint32_t depth);

static uint64_t binary_bound(const struct body *f, const struct expr *expr, uint32_t depth)
{
	uint64_t a = bound(f, expr->binary.left, depth), b = bound(f, expr->binary.right, depth);
	uint64_t result = UINT64_MAX, most = type_max(expr->type);
	bool is_const = expr->binary.right->is_const;
	switch ((int)expr->binary.op) {
	case BINARY_AND: // with a negative number it may be anything
		return smaller(a, b);
	case BINARY_OR:
	case BINARY_XOR:
		result = all_ones_above(a | b);
		break;
	case BINARY_ADD:
		if (__builtin_add_overflow(a, b, &result))
			return most;
		break;
	case BINARY_MUL:
		if (__builtin_mul_overflow(a, b, &result))
			return most;
		break;
	case BINARY_SHL:
		if (is_const && b < 32 && a < UINT32_MAX)
			result = a << b;
		break;
	case BINARY_SHR:
		if (is_const && b < 64 && !expr->type->is_signed)
			result = a >> b;
		break;
	case BINARY_DIV:
		if (a != UINT64_MAX)
			result = is_const && b ? a / b : a;
		break;
	case BINARY_REM:
		if (is_const && b && b != UINT64_MAX && !expr->type->is_signed)
			result = smaller(a, b - 1);
		break;
	default:
		break;
	}
	return result <= most ? result : most;
}

/* Without a function at hand, a variable that is never assigned is as large as its initialiser. */
static uint64_t static_variable_bound(const struct decl *decl, uint32_t depth)
{
	uint64_t result = type_max(decl->type);
	if (decl->kind == DECL_LOCAL && decl->variable.init && depth < MAX_STATIC_DEPTH &&
	    !decl->variable.is_assigned && !decl->variable.is_address_taken &&
	    decl->type->kind != TYPE_ENTRY && !decl->type->is_signed)
		result = smaller(result, bound(NULL, decl->variable.init, depth + 1));
	return result;
}

static uint64_t variable_bound(const struct body *f, const struct decl *decl, uint32_t depth)
{
	uint64_t result = type_max(decl->type);
	if (!f)
		return static_variable_bound(decl, depth);
	if (decl->variable.is_address_taken)
		return result;
	for (uint32_t i = 0; i < f->facts.len; i++)
		if (f->facts.data[i].decl == decl)
			result = smaller(result, f->facts.data[i].max);
	const struct local *local = decl->lowered;
	if (decl->kind == DECL_LOCAL && !decl->variable.is_assigned && local)
		result = smaller(result, local->max);
	return result;
}

static uint64_t bound(const struct body *f, const struct expr *expr, uint32_t depth)
{
	if (expr->is_const)
		return expr->value;
	uint64_t inner;
	switch ((int)expr->kind) {
	case EXPR_NAME:
		if (expr->name.decl->kind == DECL_LOCAL || expr->name.decl->kind == DECL_PARAM)
			return expr->type->kind == TYPE_ENTRY
				       ? UINT64_MAX
				       : variable_bound(f, expr->name.decl, depth);
		break;
	case EXPR_BINARY:
		if (type_is_integer(expr->type))
			return binary_bound(f, expr, depth);
		break;
	case EXPR_CONVERT:
	case EXPR_CAST:
		if (!type_is_scalar(expr->type))
			break;
		inner = bound(f,
			      expr->kind == EXPR_CAST ? expr->cast.operand : expr->convert.operand,
			      depth);
		/* A number that fits every type of its size keeps its value. */
		if (expr->type->size && inner <= UINT64_MAX >> (64 - expr->type->size * 8))
			return inner;
		break;
	default:
		break;
	}
	return type_max(expr->type);
}

uint64_t upper_bound(const struct body *f, const struct expr *expr)
{
	return bound(f, expr, 0);
}

uint64_t static_upper_bound(const struct expr *expr)
{
	return bound(NULL, expr, 0);
}

/* ---- facts ---- */

static const struct decl *plain_variable(const struct expr *expr)
{
	while (expr->kind == EXPR_CONVERT && expr->convert.conversion == CONV_INT &&
	       expr->type->size >= expr->convert.operand->type->size)
		expr = expr->convert.operand;
	if (expr->kind != EXPR_NAME || !type_is_integer(expr->type) || expr->type->is_signed)
		return NULL;
	const struct decl *decl = expr->name.decl;
	return decl->kind == DECL_LOCAL || decl->kind == DECL_PARAM ? decl : NULL;
}

static void add_fact(struct body *f, const struct decl *decl, uint64_t max)
{
	struct fact fact = {decl, max};
	vec_push(f->m->arena, &f->facts, fact);
}

/* left < right, or left <= right when `equal`, both unsigned. */
static void assume_less(struct body *f, const struct expr *left, const struct expr *right,
			bool equal)
{
	const struct decl *decl = plain_variable(left);
	uint64_t limit = upper_bound(f, right);
	if (decl && limit != UINT64_MAX && !left->type->is_signed && (equal || limit))
		add_fact(f, decl, equal ? limit : limit - 1);
}

void assume(struct body *f, const struct expr *condition, bool holds)
{
	if (!condition || condition->is_const)
		return;
	if (condition->kind == EXPR_UNARY && condition->unary.op == UNARY_NOT)
		assume(f, condition->unary.operand, !holds);
	if (condition->kind != EXPR_BINARY)
		return;
	const struct expr *left = condition->binary.left, *right = condition->binary.right;
	switch ((int)condition->binary.op) {
	case BINARY_LOGAND:
	case BINARY_LOGOR:
		if (holds == (condition->binary.op == BINARY_LOGAND)) {
			assume(f, left, holds);
			assume(f, right, holds);
		}
		break;
	case BINARY_LT:
		assume_less(f, holds ? left : right, holds ? right : left, !holds);
		break;
	case BINARY_LE:
		assume_less(f, holds ? left : right, holds ? right : left, holds);
		break;
	case BINARY_GT:
		assume_less(f, holds ? right : left, holds ? left : right, !holds);
		break;
	case BINARY_GE:
		assume_less(f, holds ? right : left, holds ? left : right, holds);
		break;
	case BINARY_EQ:
		if (holds && type_is_integer(left->type))
			assume_less(f, left, right, true);
		break;
	default:
		break;
	}
}

void forget_facts(struct body *f, const struct decl *decl)
{
	for (uint32_t i = 0; i < f->facts.len; i++) {
		struct fact *fact = &f->facts.data[i];
		if (decl ? fact->decl == decl : fact->decl->variable.is_assigned)
			fact->max = UINT64_MAX;
	}
}
