/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on constants, with the semantics of the IR (ir/ops.def): wrap at the width of the type,
 * division by zero gives 0, remainder by zero the dividend, shift counts modulo the width. Integer
 * literals among themselves are computed exactly and get the type that the result needs.
 */
#include "frontend/sema/check.h"

typedef __int128 wide;

static bool is_signed(const struct type *t)
{
	return (t->kind == TYPE_INT || t->kind == TYPE_ENUM) && t->is_signed;
}

static uint32_t width_of(const struct type *t)
{
	return t->size && t->size < 8 ? t->size * 8 : 64;
}

uint64_t const_normalize(const struct type *type, uint64_t value)
{
	uint32_t drop = 64 - width_of(type);

	if (type->kind == TYPE_BOOL)
		return value != 0;
	return is_signed(type) ? (uint64_t)((int64_t)(value << drop) >> drop)
			       : value << drop >> drop;
}

static wide to_wide(const struct type *type, uint64_t value)
{
	return is_signed(type) ? (wide)(int64_t)value : (wide)value;
}

bool const_fits(const struct type *from, uint64_t value, const struct type *to)
{
	return to_wide(to, const_normalize(to, value)) == to_wide(from, value);
}

static uint64_t divide(const struct type *type, uint64_t a, uint64_t b, bool remainder)
{
	if (!b)
		return remainder ? a : 0;
	if (!is_signed(type))
		return remainder ? a % b : a / b;
	if (b == UINT64_MAX) // -1: the one quotient that could overflow
		return remainder ? 0 : 0 - a;
	return (uint64_t)(remainder ? (int64_t)a % (int64_t)b : (int64_t)a / (int64_t)b);
}

uint64_t const_binary(enum binary_op op, const struct type *type, uint64_t a, uint64_t b)
{
	uint32_t count = (uint32_t)b & (width_of(type) - 1);
	uint64_t r = 0;

	if (op == BINARY_ADD)
		r = a + b;
	else if (op == BINARY_SUB)
		r = a - b;
	else if (op == BINARY_MUL)
		r = a * b;
	else if (op == BINARY_DIV || op == BINARY_REM)
		r = divide(type, a, b, op == BINARY_REM);
	else if (op == BINARY_AND)
		r = a & b;
	else if (op == BINARY_OR)
		r = a | b;
	else if (op == BINARY_XOR)
		r = a ^ b;
	else if (op == BINARY_SHL)
		r = a << count;
	else if (op == BINARY_SHR)
		r = is_signed(type) ? (uint64_t)((int64_t)a >> count) : a >> count;
	else
		unreachable("an arithmetic operator");
	return const_normalize(type, r);
}

bool const_compare(enum binary_op op, const struct type *type, uint64_t a, uint64_t b)
{
	wide x = to_wide(type, a), y = to_wide(type, b);

	if (op == BINARY_LT)
		return x < y;
	if (op == BINARY_LE)
		return x <= y;
	if (op == BINARY_GT)
		return x > y;
	if (op == BINARY_GE)
		return x >= y;
	return op == BINARY_EQ ? x == y : x != y;
}

struct type *const_literal_type(const struct types *types, bool is_negative, uint64_t value)
{
	if (is_negative)
		return (int64_t)value >= INT32_MIN ? types->i32 : types->i64;
	return value <= UINT32_MAX ? types->u32 : types->u64;
}

bool const_literal_less(const struct expr *a, const struct expr *b)
{
	return to_wide(a->type, a->value) < to_wide(b->type, b->value);
}

struct type *const_literals_type(const struct types *types, const struct expr *a,
				 const struct expr *b)
{
	const struct expr *low = const_literal_less(b, a) ? b : a, *high = low == a ? b : a;
	bool is_negative = to_wide(low->type, low->value) < 0;

	if (!is_negative)
		return const_literal_type(types, false, high->value);
	if (const_fits(low->type, low->value, types->i32) &&
	    const_fits(high->type, high->value, types->i32))
		return types->i32;
	return const_fits(high->type, high->value, types->i64) ? types->i64 : NULL;
}

bool const_literal_binary(const struct types *types, enum binary_op op, const struct expr *a,
			  const struct expr *b, struct type **type, uint64_t *value)
{
	wide x = to_wide(a->type, a->value), y = to_wide(b->type, b->value), r = 0;
	bool is_shift = op == BINARY_SHL || op == BINARY_SHR;

	if (is_shift && (y < 0 || y > 63))
		return false;
	if (op == BINARY_ADD)
		r = x + y;
	else if (op == BINARY_SUB)
		r = x - y;
	else if (op == BINARY_MUL) {
		if (__builtin_mul_overflow(x, y, &r))
			return false;
	} else if (op == BINARY_DIV)
		r = y ? x / y : 0;
	else if (op == BINARY_REM)
		r = y ? x % y : x;
	else if (op == BINARY_AND)
		r = x & y;
	else if (op == BINARY_OR)
		r = x | y;
	else if (op == BINARY_XOR)
		r = x ^ y;
	else if (op == BINARY_SHL)
		r = x * ((wide)1 << (int)y);
	else if (op == BINARY_SHR)
		r = x >> (int)y;
	else
		unreachable("an arithmetic operator");
	if (r < (wide)INT64_MIN || r > (wide)UINT64_MAX)
		return false;
	*value = (uint64_t)r;
	*type = const_literal_type(types, r < 0, *value);
	return true;
}

void set_const(struct expr *e, struct type *type, uint64_t value)
{
	e->is_const = true;
	e->type = type;
	e->value = const_normalize(type, value);
}
