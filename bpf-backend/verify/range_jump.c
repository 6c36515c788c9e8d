/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparisons: whether a condition holds for all, none or some of the values of two numbers, and
 * what is known of them where it holds. After is_scalar_branch_taken() and regs_refine_cond_op() of
 * kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include "bpf-backend/verify/range.h"

enum jump jump_swap(enum jump op)
{
	static const uint8_t other[] = {
		[JUMP_EQ] = JUMP_EQ,   [JUMP_NE] = JUMP_NE,   [JUMP_SET] = JUMP_SET,
		[JUMP_GT] = JUMP_LT,   [JUMP_LT] = JUMP_GT,   [JUMP_GE] = JUMP_LE,
		[JUMP_LE] = JUMP_GE,   [JUMP_SGT] = JUMP_SLT, [JUMP_SLT] = JUMP_SGT,
		[JUMP_SGE] = JUMP_SLE, [JUMP_SLE] = JUMP_SGE, [JUMP_NOT_SET] = JUMP_NOT_SET,
	};
	return other[op];
}

enum jump jump_negate(enum jump op)
{
	static const uint8_t contrary[] = {
		[JUMP_EQ] = JUMP_NE,   [JUMP_NE] = JUMP_EQ,   [JUMP_SET] = JUMP_NOT_SET,
		[JUMP_GT] = JUMP_LE,   [JUMP_LE] = JUMP_GT,   [JUMP_GE] = JUMP_LT,
		[JUMP_LT] = JUMP_GE,   [JUMP_SGT] = JUMP_SLE, [JUMP_SLE] = JUMP_SGT,
		[JUMP_SGE] = JUMP_SLT, [JUMP_SLT] = JUMP_SGE, [JUMP_NOT_SET] = JUMP_SET,
	};
	return contrary[op];
}

static bool are_apart(const struct bounds *a, const struct bounds *b)
{
	return a->umin > b->umax || a->umax < b->umin || a->smin > b->smax || a->smax < b->smin;
}

static int compare_equal(const struct scalar *a, const struct scalar *b, unsigned width)
{
	struct tnum x = width == 64 ? a->bits : tnum_low(a->bits);
	struct tnum y = width == 64 ? b->bits : tnum_low(b->bits);
	if (!x.mask && !y.mask)
		return x.value == y.value;
	if (!tnum_overlap(x, y) || (width == 64 && are_apart(&a->wide, &b->wide)) ||
	    are_apart(&a->low, &b->low))
		return 0;
	return -1;
}

static int compare_set(const struct scalar *a, const struct scalar *b, unsigned width)
{
	if (!scalar_is_const(b, width)) {
		const struct scalar *swap = a;
		a = b;
		b = swap;
	}
	if (!scalar_is_const(b, width))
		return -1;
	struct tnum bits = width == 64 ? a->bits : tnum_low(a->bits);
	uint64_t tested = scalar_value(b, width);
	return bits.value & tested ? 1 : (bits.value | bits.mask) & tested ? -1 : 0;
}

/* a > b */
static int compare_greater(const struct bounds *a, const struct bounds *b, bool is_signed)
{
	if (is_signed)
		return a->smin > b->smax ? 1 : a->smax <= b->smin ? 0 : -1;
	return a->umin > b->umax ? 1 : a->umax <= b->umin ? 0 : -1;
}

static int invert(int answer)
{
	return answer < 0 ? answer : !answer;
}

int scalar_compare(const struct scalar *a, const struct scalar *b, enum jump op, unsigned width)
{
	const struct bounds *x = width == 64 ? &a->wide : &a->low;
	const struct bounds *y = width == 64 ? &b->wide : &b->low;
	switch (op) {
	case JUMP_EQ:
		return compare_equal(a, b, width);
	case JUMP_NE:
		return invert(compare_equal(a, b, width));
	case JUMP_SET:
		return compare_set(a, b, width);
	case JUMP_GT:
	case JUMP_SGT:
		return compare_greater(x, y, op == JUMP_SGT);
	case JUMP_LT:
	case JUMP_SLT:
		return compare_greater(y, x, op == JUMP_SLT);
	case JUMP_GE:
	case JUMP_SGE:
		return invert(compare_greater(y, x, op == JUMP_SGE));
	case JUMP_LE:
	case JUMP_SLE:
		return invert(compare_greater(x, y, op == JUMP_SLE));
	case JUMP_NOT_SET:
	case JUMP_JA:
	case JUMP_CALL:
	case JUMP_EXIT:
	case JUMP_COND:
		break;
	}
	return -1;
}

static void meet(struct bounds *a, struct bounds *b)
{
	a->umin = a->umin > b->umin ? a->umin : b->umin;
	a->umax = a->umax < b->umax ? a->umax : b->umax;
	a->smin = a->smin > b->smin ? a->smin : b->smin;
	a->smax = a->smax < b->smax ? a->smax : b->smax;
	*b = *a;
}

static void assume_equal(struct scalar *a, struct scalar *b, unsigned width)
{
	if (width == 32) {
		meet(&a->low, &b->low);
		struct tnum low = tnum_intersect(tnum_low(a->bits), tnum_low(b->bits));
		a->bits = tnum_with_low(a->bits, low);
		b->bits = tnum_with_low(b->bits, low);
	} else {
		meet(&a->wide, &b->wide);
		a->bits = b->bits = tnum_intersect(a->bits, b->bits);
	}
}

/* Only an end of the range can be taken off; in the low half the count wraps as its type does. */
static void assume_unequal(struct scalar *a, uint64_t value, unsigned width)
{
	struct bounds *x = width == 64 ? &a->wide : &a->low;
	int64_t as_signed = width == 64 ? (int64_t)value : (int32_t)value;
	if (x->umin == value)
		x->umin = width == 64 ? x->umin + 1 : (uint32_t)(x->umin + 1);
	if (x->umax == value)
		x->umax = width == 64 ? x->umax - 1 : (uint32_t)(x->umax - 1);
	if (x->smin == as_signed)
		x->smin = width == 64 ? (int64_t)((uint64_t)x->smin + 1)
				      : (int32_t)((uint32_t)x->smin + 1);
	if (x->smax == as_signed)
		x->smax = width == 64 ? (int64_t)((uint64_t)x->smax - 1)
				      : (int32_t)((uint32_t)x->smax - 1);
}

static void assume_set(struct scalar *a, uint64_t tested, bool is_set, unsigned width)
{
	struct tnum bits = width == 64 ? a->bits : tnum_low(a->bits);
	if (is_set && (!tested || tested & (tested - 1)))
		return; // one of several bits: nothing that a tnum could say
	if (!is_set)
		scalar_set_unbounded(a);
	bits = is_set ? tnum_or(bits, tnum_const(tested)) : tnum_and(bits, tnum_const(~tested));
	a->bits = width == 64 ? bits : tnum_with_low(a->bits, bits);
}

/* a <= b, or a < b. Wrapping ends contradict each other, which scalar_check() finds. */
static void assume_less(struct bounds *a, struct bounds *b, bool is_signed, bool is_strict,
			unsigned width)
{
	uint64_t step = is_strict;
	if (is_signed) {
		int64_t max = (int64_t)((uint64_t)b->smax - step);
		int64_t min = (int64_t)((uint64_t)a->smin + step);
		if (width == 32) {
			max = (int32_t)max;
			min = (int32_t)min;
		}
		a->smax = a->smax < max ? a->smax : max;
		b->smin = b->smin > min ? b->smin : min;
	} else {
		uint64_t max = b->umax - step, min = a->umin + step;
		if (width == 32) {
			max = (uint32_t)max;
			min = (uint32_t)min;
		}
		a->umax = a->umax < max ? a->umax : max;
		b->umin = b->umin > min ? b->umin : min;
	}
}

void scalar_assume(struct scalar *a, struct scalar *b, enum jump op, unsigned width)
{
	bool is_greater = op == JUMP_GT || op == JUMP_GE || op == JUMP_SGT || op == JUMP_SGE;
	bool wants_constant = op == JUMP_NE || op == JUMP_SET || op == JUMP_NOT_SET;
	if (is_greater || (wants_constant && !scalar_is_const(b, width))) {
		struct scalar *swap = a;
		a = b;
		b = swap;
		op = jump_swap(op);
	}
	struct bounds *x = width == 64 ? &a->wide : &a->low;
	struct bounds *y = width == 64 ? &b->wide : &b->low;
	if (wants_constant && !scalar_is_const(b, width))
		return;
	if (op == JUMP_EQ)
		assume_equal(a, b, width);
	else if (op == JUMP_NE)
		assume_unequal(a, scalar_value(b, width), width);
	else if (op == JUMP_SET || op == JUMP_NOT_SET)
		assume_set(a, scalar_value(b, width), op == JUMP_SET, width);
	else if (op == JUMP_LT || op == JUMP_LE)
		assume_less(x, y, false, op == JUMP_LT, width);
	else if (op == JUMP_SLT || op == JUMP_SLE)
		assume_less(x, y, true, op == JUMP_SLT, width);
}
