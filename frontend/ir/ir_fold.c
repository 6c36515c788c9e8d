/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What integer operations compute: the one definition, used by the optimiser, the tests and whoever
 * must know. Values are passed as 64 bits; those of 32-bit types are zero-extended, in and out.
 */
#include "frontend/ir/ir.h"

static uint64_t cut(enum ir_type type, uint64_t v)
{
	return type == IR_I32 ? (uint32_t)v : v;
}

static int64_t as_signed(enum ir_type type, uint64_t v)
{
	return type == IR_I32 ? (int32_t)v : (int64_t)v;
}

static uint64_t divide_signed(int64_t a, int64_t b, bool want_rest)
{
	if (b == 0)
		return want_rest ? (uint64_t)a : 0;
	if (b == -1) // the one quotient that overflows, MIN / -1, wraps
		return want_rest ? 0 : 0 - (uint64_t)a;
	return (uint64_t)(want_rest ? a % b : a / b);
}

/* Operations on two integers of the instruction's type, except comparisons. */
static uint64_t fold_binary(enum ir_op op, enum ir_type type, uint64_t a, uint64_t b)
{
	uint32_t count = (uint32_t)b & (type == IR_I32 ? 31 : 63);
	int64_t sa = as_signed(type, a), sb = as_signed(type, b);

	switch ((int)op) {
	case IR_ADD:
		return a + b;
	case IR_SUB:
		return a - b;
	case IR_MUL:
		return a * b;
	case IR_UDIV:
		return b ? a / b : 0;
	case IR_UREM:
		return b ? a % b : a;
	case IR_SDIV:
		return divide_signed(sa, sb, false);
	case IR_SREM:
		return divide_signed(sa, sb, true);
	case IR_AND:
		return a & b;
	case IR_OR:
		return a | b;
	case IR_XOR:
		return a ^ b;
	case IR_SHL:
		return a << count;
	case IR_LSHR:
		return a >> count;
	case IR_ASHR:
		return (uint64_t)(sa >> count);
	default:
		unreachable("an operation that the table calls foldable has no rule here");
	}
}

static bool fold_compare(enum ir_op op, enum ir_type type, uint64_t a, uint64_t b)
{
	int64_t sa = as_signed(type, a), sb = as_signed(type, b);

	switch ((int)op) {
	case IR_EQ:
		return a == b;
	case IR_NE:
		return a != b;
	case IR_ULT:
		return a < b;
	case IR_ULE:
		return a <= b;
	case IR_SLT:
		return sa < sb;
	case IR_SLE:
		return sa <= sb;
	default:
		unreachable("not a comparison");
	}
}

uint64_t ir_fold(enum ir_op op, enum ir_type type, enum ir_type operand_type, uint64_t a,
		 uint64_t b)
{
	a = cut(operand_type, a);
	b = cut(operand_type, b);
	switch ((int)op) {
	case IR_EQ:
	case IR_NE:
	case IR_ULT:
	case IR_ULE:
	case IR_SLT:
	case IR_SLE:
		return fold_compare(op, operand_type, a, b);
	case IR_NEG:
		return cut(type, 0 - a);
	case IR_NOT:
		return cut(type, ~a);
	case IR_EXT8U:
		return (uint8_t)a;
	case IR_EXT16U:
		return (uint16_t)a;
	case IR_EXT8S:
		return cut(type, (uint64_t)(int64_t)(int8_t)a);
	case IR_EXT16S:
		return cut(type, (uint64_t)(int64_t)(int16_t)a);
	case IR_ZEXT32:
	case IR_TRUNC:
		return (uint32_t)a;
	case IR_SEXT32:
		return (uint64_t)(int64_t)(int32_t)a;
	case IR_BE16:
		return __builtin_bswap16((uint16_t)a);
	case IR_BE32:
		return __builtin_bswap32((uint32_t)a);
	case IR_BE64:
		return __builtin_bswap64(a);
	default:
		return cut(type, fold_binary(op, type, a, b));
	}
}
