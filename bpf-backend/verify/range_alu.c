/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on what is known of numbers. Each operation has one function for the bounds, which
 * serves the whole number and its low half, and one for the bits (tnum.c). Which bounds an operation
 * keeps is as in adjust_scalar_min_max_vals() of kernel/bpf/verifier.c, Linux 6.12.117; where later
 * kernels know more, struct range_rules tells.
 */
#include "bpf-backend/verify/range.h"

static int64_t smallest(unsigned width)
{
	return width == 64 ? INT64_MIN : INT32_MIN;
}

static int64_t largest(unsigned width)
{
	return width == 64 ? INT64_MAX : INT32_MAX;
}

static uint64_t all_ones(unsigned width)
{
	return width == 64 ? UINT64_MAX : UINT32_MAX;
}

static void forget_signed(struct bounds *b, unsigned width)
{
	b->smin = smallest(width);
	b->smax = largest(width);
}

static void forget_unsigned(struct bounds *b, unsigned width)
{
	b->umin = 0;
	b->umax = all_ones(width);
}

static void forget(struct bounds *b, unsigned width)
{
	forget_signed(b, width);
	forget_unsigned(b, width);
}

/* Each gives whether the exact result does not fit; the wrapped one is stored. */
static bool signed_overflows(int64_t a, int64_t b, bool is_minus, unsigned width, int64_t *result)
{
	bool is_over = is_minus ? __builtin_sub_overflow(a, b, result)
				: __builtin_add_overflow(a, b, result);
	return is_over || (width == 32 && *result != (int32_t)*result);
}

static bool unsigned_overflows(uint64_t a, uint64_t b, bool is_minus, unsigned width,
			       uint64_t *result)
{
	bool is_over = is_minus ? __builtin_sub_overflow(a, b, result)
				: __builtin_add_overflow(a, b, result);
	if (width == 32) {
		is_over = *result != (uint32_t)*result;
		*result = (uint32_t)*result;
	}
	return is_over;
}

static void sum_bounds(struct bounds *d, const struct bounds *s, bool is_minus, unsigned width,
		       const struct range_rules *rules)
{
	uint64_t umin, umax;
	bool low =
		signed_overflows(d->smin, is_minus ? s->smax : s->smin, is_minus, width, &d->smin);
	bool high =
		signed_overflows(d->smax, is_minus ? s->smin : s->smax, is_minus, width, &d->smax);
	if (low || high)
		forget_signed(d, width);
	low = unsigned_overflows(d->umin, is_minus ? s->umax : s->umin, is_minus, width, &umin);
	high = unsigned_overflows(d->umax, is_minus ? s->umin : s->umax, is_minus, width, &umax);
	d->umin = umin;
	d->umax = umax;
	// When both ends wrap, all in between do.
	if (rules->wrapping_sums ? low != high : low || high)
		forget_unsigned(d, width);
}

static bool product_fits(int64_t a, int64_t b, unsigned width, int64_t *result)
{
	return !__builtin_mul_overflow(a, b, result) &&
	       (width == 64 || *result == (int32_t)*result);
}

/* Since 6.14: the extremes are among the products of the ends. */
static void multiply_signed(struct bounds *d, const struct bounds *s, unsigned width)
{
	int64_t corner[4];
	if (!product_fits(d->smin, s->smin, width, &corner[0]) ||
	    !product_fits(d->smin, s->smax, width, &corner[1]) ||
	    !product_fits(d->smax, s->smin, width, &corner[2]) ||
	    !product_fits(d->smax, s->smax, width, &corner[3])) {
		forget_signed(d, width);
		return;
	}
	d->smin = d->smax = corner[0];
	for (int i = 1; i < 4; i++) {
		d->smin = corner[i] < d->smin ? corner[i] : d->smin;
		d->smax = corner[i] > d->smax ? corner[i] : d->smax;
	}
}

static void multiply_fine(struct bounds *d, const struct bounds *s, unsigned width)
{
	uint64_t min, max;
	if (__builtin_mul_overflow(d->umax, s->umax, &max) || max > all_ones(width)) {
		forget_unsigned(d, width);
	} else {
		min = d->umin * s->umin;
		d->umin = min;
		d->umax = max;
	}
	multiply_signed(d, s, width);
}

/* Before: only factors that are not negative and at most half as wide. */
static void multiply_coarse(struct bounds *d, const struct bounds *s, unsigned width)
{
	uint64_t half = width == 64 ? UINT32_MAX : UINT16_MAX;
	if (s->smin < 0 || d->smin < 0 || s->umax > half || d->umax > half) {
		forget(d, width);
		return;
	}
	d->umin *= s->umin;
	d->umax *= s->umax;
	if (d->umax > (uint64_t)largest(width)) {
		forget_signed(d, width);
	} else {
		d->smin = (int64_t)d->umin;
		d->smax = (int64_t)d->umax;
	}
}

/* Bounds of a bitwise operation from the bits of its result. */
static void bitwise_bounds(struct bounds *d, const struct bounds *s, struct tnum bits, enum alu op,
			   unsigned width)
{
	uint64_t top = bits.value | bits.mask;
	d->umin = op != ALU_OR ? bits.value : d->umin > s->umin ? d->umin : s->umin;
	d->umax = op == ALU_AND ? (d->umax < s->umax ? d->umax : s->umax) : top;
	int64_t first = width == 64 ? (int64_t)d->umin : (int32_t)d->umin;
	int64_t last = width == 64 ? (int64_t)d->umax : (int32_t)d->umax;
	if (first <= last) {
		d->smin = first;
		d->smax = last;
	} else {
		forget_signed(d, width);
	}
}

/* Lets the bits alone tighten the bounds. */
static void tighten(struct bounds *b, struct tnum bits, unsigned width)
{
	uint64_t sign = UINT64_C(1) << (width - 1), top = bits.value | bits.mask;
	uint64_t low = bits.value | (bits.mask & sign), high = bits.value | (bits.mask & ~sign);
	int64_t smin = width == 64 ? (int64_t)low : (int32_t)low;
	int64_t smax = width == 64 ? (int64_t)high : (int32_t)high;
	b->smin = b->smin > smin ? b->smin : smin;
	b->smax = b->smax < smax ? b->smax : smax;
	b->umin = b->umin > bits.value ? b->umin : bits.value;
	b->umax = b->umax < top ? b->umax : top;
}

static void tighten_both(struct scalar *s)
{
	tighten(&s->low, tnum_low(s->bits), 32);
	tighten(&s->wide, s->bits, 64);
}

static void bitwise(struct scalar *d, const struct scalar *s, enum alu op)
{
	d->bits = op == ALU_AND  ? tnum_and(d->bits, s->bits)
		  : op == ALU_OR ? tnum_or(d->bits, s->bits)
				 : tnum_xor(d->bits, s->bits);
	struct tnum low = tnum_low(d->bits);
	if (scalar_is_const(s, 32) && !low.mask)
		scalar_set_low(d, (uint32_t)low.value);
	else
		bitwise_bounds(&d->low, &s->low, low, op, 32);
	if (scalar_is_const(s, 64) && !d->bits.mask) {
		*d = scalar_const(d->bits.value);
		return;
	}
	bitwise_bounds(&d->wide, &s->wide, d->bits, op, 64);
	tighten_both(d);
}

/* Shift distances are constants: only then is a result computed at all. */
static void shift_left_bounds(struct bounds *b, unsigned by, unsigned width)
{
	forget_signed(b, width);
	if (by >= width || b->umax > UINT64_C(1) << (width - 1 - by)) {
		forget_unsigned(b, width);
	} else {
		b->umin = b->umin << by & all_ones(width);
		b->umax = b->umax << by & all_ones(width);
	}
}

static void shift_left(struct scalar *d, unsigned by, unsigned width)
{
	struct bounds low = d->low;
	if (width == 64) {
		shift_left_bounds(&d->wide, by, 64);
		// The usual way to sign-extend a low half begins like this.
		if (by == 32) {
			d->wide.smin = (int64_t)((uint64_t)low.smin << 32);
			d->wide.smax = (int64_t)((uint64_t)low.smax << 32);
		}
		shift_left_bounds(&d->low, by, 32);
		d->bits = tnum_lsh(d->bits, by);
		tighten_both(d);
	} else {
		shift_left_bounds(&d->low, by, 32);
		d->bits = tnum_low(tnum_lsh(tnum_low(d->bits), by));
		forget(&d->wide, 64);
		tighten(&d->low, tnum_low(d->bits), 32);
	}
}

static void shift_right(struct scalar *d, unsigned by, unsigned width, bool is_signed)
{
	struct bounds *b = width == 64 ? &d->wide : &d->low;
	if (is_signed) {
		b->smin >>= by;
		b->smax >>= by;
		forget_unsigned(b, width);
	} else {
		b->umin >>= by;
		b->umax >>= by;
		forget_signed(b, width);
	}
	struct tnum bits = width == 64 ? d->bits : tnum_low(d->bits);
	d->bits = is_signed ? tnum_arsh(bits, by, width) : tnum_rsh(bits, by);
	if (width == 64) {
		forget(&d->low, 32);
		tighten_both(d);
	} else {
		forget(&d->wide, 64);
		tighten(&d->low, tnum_low(d->bits), 32);
	}
}

/* The operand's value matters for these only when it is one constant. */
static bool is_computable(const struct scalar *s, enum alu op, unsigned width,
			  const struct range_rules *rules)
{
	const struct bounds *b = width == 64 ? &s->wide : &s->low;
	bool is_one = scalar_is_const(s, width) && b->smin == b->smax && b->umin == b->umax;
	switch (op) {
	case ALU_ADD:
	case ALU_SUB:
	case ALU_AND:
	case ALU_XOR:
	case ALU_OR:
	case ALU_MUL:
		return true;
	case ALU_NEG:
		return rules->exact_negation;
	case ALU_LSH:
	case ALU_RSH:
	case ALU_ARSH:
		return is_one && s->wide.umax < width;
	case ALU_DIV:
	case ALU_MOD:
	case ALU_MOV:
	case ALU_END:
		break;
	}
	return false;
}

static void add_or_subtract(struct scalar *d, const struct scalar *s, bool is_minus,
			    const struct range_rules *rules)
{
	sum_bounds(&d->low, &s->low, is_minus, 32, rules);
	sum_bounds(&d->wide, &s->wide, is_minus, 64, rules);
	d->bits = is_minus ? tnum_sub(d->bits, s->bits) : tnum_add(d->bits, s->bits);
}

void scalar_add_plain(struct scalar *dst, const struct scalar *src, const struct range_rules *rules)
{
	add_or_subtract(dst, src, false, rules);
}

static void multiply(struct scalar *d, const struct scalar *s, const struct range_rules *rules)
{
	d->bits = tnum_mul(d->bits, s->bits, rules->fine_multiply);
	if (rules->signed_product) {
		multiply_fine(&d->low, &s->low, 32);
		multiply_fine(&d->wide, &s->wide, 64);
	} else {
		multiply_coarse(&d->low, &s->low, 32);
		multiply_coarse(&d->wide, &s->wide, 64);
	}
}

void scalar_apply(struct scalar *dst, const struct scalar *src, enum alu op, unsigned width,
		  const struct range_rules *rules)
{
	struct scalar operand = *src; // may be dst itself
	if (!is_computable(&operand, op, width, rules)) {
		*dst = scalar_unknown;
		return;
	}
	unsigned by = (unsigned)(width == 64 ? operand.wide.umin : operand.low.umin);
	if (op == ALU_ADD || op == ALU_SUB)
		add_or_subtract(dst, &operand, op == ALU_SUB, rules);
	else if (op == ALU_MUL)
		multiply(dst, &operand, rules);
	else if (op == ALU_LSH)
		shift_left(dst, by, width);
	else if (op == ALU_RSH || op == ALU_ARSH)
		shift_right(dst, by, width, op == ALU_ARSH);
	else if (op == ALU_NEG) {
		*dst = scalar_const(0);
		add_or_subtract(dst, &operand, true, rules);
	} else
		bitwise(dst, &operand, op);
	if (width == 32)
		scalar_extend_low(dst);
	scalar_settle(dst);
}

static uint64_t reverse(uint64_t value, unsigned size)
{
	return __builtin_bswap64(value) >> (64 - size * 8);
}

void scalar_swap_bytes(struct scalar *s, unsigned size, bool is_swapped)
{
	if (is_swapped)
		s->bits = (struct tnum){reverse(s->bits.value, size), reverse(s->bits.mask, size)};
	else
		s->bits = tnum_cast(s->bits, size);
	scalar_set_unbounded(s);
	scalar_settle(s);
}
