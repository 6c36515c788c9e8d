/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about a number and how they tighten each other. The order of the steps and how often they are
 * repeated is the kernel's (reg_bounds_sync() and what it calls, kernel/bpf/verifier.c, Linux 6.12.117),
 * since other orders find other bounds and the cost of a program depends on them.
 */
#include "bpf-backend/verify/range.h"

#include <string.h>

#define BOUNDS_64                                                                                  \
	{                                                                                          \
		INT64_MIN, INT64_MAX, 0, UINT64_MAX                                                \
	}
#define BOUNDS_32                                                                                  \
	{                                                                                          \
		INT32_MIN, INT32_MAX, 0, UINT32_MAX                                                \
	}

const struct scalar scalar_unknown = {{0, UINT64_MAX}, BOUNDS_64, BOUNDS_32};
static const struct bounds unbounded_64 = BOUNDS_64, unbounded_32 = BOUNDS_32;

static int64_t min_s(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max_s(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static uint64_t min_u(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void narrow_s(struct bounds *b, int64_t min, int64_t max)
{
	b->smin = max_s(b->smin, min);
	b->smax = min_s(b->smax, max);
}

static void narrow_u(struct bounds *b, uint64_t min, uint64_t max)
{
	b->umin = max_u(b->umin, min);
	b->umax = min_u(b->umax, max);
}

static int64_t to_signed(uint64_t value, unsigned width)
{
	return width == 64 ? (int64_t)value : (int32_t)value;
}

static uint64_t to_unsigned(int64_t value, unsigned width)
{
	return width == 64 ? (uint64_t)value : (uint32_t)value;
}

struct scalar scalar_const(uint64_t value)
{
	struct scalar s;
	int32_t low = (int32_t)value;
	s.bits = tnum_const(value);
	s.wide = (struct bounds){(int64_t)value, (int64_t)value, value, value};
	s.low = (struct bounds){low, low, (uint32_t)low, (uint32_t)low};
	return s;
}

void scalar_set_unbounded(struct scalar *s)
{
	s->wide = unbounded_64;
	s->low = unbounded_32;
}

void scalar_set_low(struct scalar *s, uint32_t value)
{
	s->bits = tnum_with_low(s->bits, tnum_const(value));
	s->low = (struct bounds){(int32_t)value, (int32_t)value, value, value};
}

bool scalar_is_const(const struct scalar *s, unsigned width)
{
	return width == 64 ? !s->bits.mask : !(uint32_t)s->bits.mask;
}

uint64_t scalar_value(const struct scalar *s, unsigned width)
{
	return width == 64 ? s->bits.value : (uint32_t)s->bits.value;
}

bool scalar_equal(const struct scalar *a, const struct scalar *b)
{
	return !memcmp(a, b, sizeof *a);
}

static bool bounds_within(const struct bounds *a, const struct bounds *b)
{
	return a->umin <= b->umin && a->umax >= b->umax && a->smin <= b->smin && a->smax >= b->smax;
}

bool scalar_within(const struct scalar *a, const struct scalar *b)
{
	return bounds_within(&a->wide, &b->wide) && bounds_within(&a->low, &b->low) &&
	       tnum_in(a->bits, b->bits);
}

unsigned scalar_width(const struct scalar *s)
{
	return s->wide.umax ? 64 - (unsigned)__builtin_clzll(s->wide.umax) : 0;
}

/* ---- settling ---- */

/* Bounds of the numbers that the bits allow: unknown bits all clear or all set, the sign's bit the
 * other way round for signed ones. */
static void learn_from_bits(struct bounds *b, struct tnum bits, unsigned width)
{
	uint64_t sign = UINT64_C(1) << (width - 1);
	narrow_s(b, to_signed(bits.value | (bits.mask & sign), width),
		 to_signed(bits.value | (bits.mask & ~sign), width));
	narrow_u(b, bits.value, bits.value | bits.mask);
}

static void learn_bounds(struct scalar *s)
{
	learn_from_bits(&s->low, tnum_low(s->bits), 32);
	learn_from_bits(&s->wide, s->bits, 64);
}

/*
 * Signed and unsigned bounds of the same bits. Where one kind of range does not cross the point at
 * which the other kind wraps, it is a range of the other kind as well. Where the signed range does
 * cross it, it is two pieces of the unsigned circle; an unsigned range that meets only one of them is
 * cut to that one:
 *
 *	unsigned      0 ----[=====================]------------- max
 *	signed        0 =========]                        [===== max       (smax)  (smin)
 *	both          0 ----[====]------------------------------ max
 */
static void learn_from_sign(struct bounds *b, unsigned width)
{
	if (to_signed(b->umin, width) <= to_signed(b->umax, width))
		narrow_s(b, to_signed(b->umin, width), to_signed(b->umax, width));
	uint64_t first = to_unsigned(b->smin, width), last = to_unsigned(b->smax, width);
	if (first <= last) {
		narrow_u(b, first, last);
	} else if (b->umax < first) {
		b->smin = to_signed(b->umin, width);
		b->umax = min_u(b->umax, last);
	} else if (last < b->umin) {
		b->smax = to_signed(b->umax, width);
		b->umin = max_u(b->umin, first);
	}
}

/* One range of the whole number told by its ends: what follows for the low half. */
static void narrow_low(struct bounds *low, uint64_t first, uint64_t last, bool is_unsigned)
{
	if (first >> 32 == last >> 32) {
		if (is_unsigned || (uint32_t)first <= (uint32_t)last)
			narrow_u(low, (uint32_t)first, (uint32_t)last);
		if ((int32_t)first <= (int32_t)last)
			narrow_s(low, (int32_t)first, (int32_t)last);
	}
}

/* The upper half steps by one while the low one goes from negative to positive. */
static void narrow_low_across(struct bounds *low, uint64_t first, uint64_t last)
{
	if ((uint32_t)(first >> 32) + 1 == (uint32_t)(last >> 32) && (int32_t)first < 0 &&
	    (int32_t)last >= 0)
		narrow_s(low, (int32_t)first, (int32_t)last);
}

static void learn_low(struct scalar *s)
{
	const struct bounds *w = &s->wide;
	narrow_low(&s->low, w->umin, w->umax, true);
	narrow_low(&s->low, (uint64_t)w->smin, (uint64_t)w->smax, false);
	narrow_low_across(&s->low, w->umin, w->umax);
	narrow_low_across(&s->low, (uint64_t)w->smin, (uint64_t)w->smax);
	learn_from_sign(&s->low, 32);
}

/* The upper half of each end with the low half's ends in place of its own. */
static void narrow_wide(struct bounds *w, uint32_t first, uint32_t last)
{
	const uint64_t upper = ~(uint64_t)UINT32_MAX;
	narrow_u(w, (w->umin & upper) | first, (w->umax & upper) | last);
	narrow_s(w, (int64_t)(((uint64_t)w->smin & upper) | first),
		 (int64_t)(((uint64_t)w->smax & upper) | last));
}

static void learn_wide_from_low(struct scalar *s)
{
	struct bounds *w = &s->wide, *l = &s->low;
	narrow_wide(w, (uint32_t)l->umin, (uint32_t)l->umax);
	if ((uint32_t)l->smin <= (uint32_t)l->smax)
		narrow_wide(w, (uint32_t)l->smin, (uint32_t)l->smax);
	// A sign-extended number whose low half is not negative is not negative.
	if (l->smin >= 0 && w->smin >= INT32_MIN && w->smax <= INT32_MAX) {
		w->smin = l->smin;
		w->smax = l->smax;
		w->umin = (uint64_t)l->smin;
		w->umax = (uint64_t)l->smax;
		s->bits = tnum_intersect(s->bits, tnum_range(w->umin, w->umax));
	}
}

static void learn_bits(struct scalar *s)
{
	struct tnum wide = tnum_intersect(s->bits, tnum_range(s->wide.umin, s->wide.umax));
	struct tnum low = tnum_intersect(tnum_low(wide), tnum_range(s->low.umin, s->low.umax));
	s->bits = tnum_with_low(wide, low);
}

void scalar_settle(struct scalar *s)
{
	learn_bounds(s);
	for (int i = 0; i < 3; i++) {
		learn_low(s);
		learn_from_sign(&s->wide, 64);
		learn_wide_from_low(s);
	}
	learn_bits(s);
	learn_bounds(s);
}

static bool is_consistent(const struct bounds *b, struct tnum bits, unsigned width)
{
	if (b->umin > b->umax || b->smin > b->smax)
		return false;
	return bits.mask || (b->umin == bits.value && b->umax == bits.value &&
			     b->smin == to_signed(bits.value, width) && b->smin == b->smax);
}

void scalar_check(struct scalar *s)
{
	if (!is_consistent(&s->wide, s->bits, 64) || !is_consistent(&s->low, tnum_low(s->bits), 32))
		scalar_set_unbounded(s);
}

/* ---- width changes ---- */

void scalar_extend_low(struct scalar *s)
{
	s->bits = tnum_low(s->bits);
	s->wide.umin = s->low.umin;
	s->wide.umax = s->low.umax;
	bool is_positive = s->low.smin >= 0 && s->low.smax >= 0;
	s->wide.smin = is_positive ? s->low.smin : 0;
	s->wide.smax = is_positive ? s->low.smax : UINT32_MAX;
}

void scalar_truncate(struct scalar *s, unsigned size)
{
	uint64_t keep = (UINT64_C(1) << size * 8) - 1;
	s->bits = tnum_cast(s->bits, size);
	bool fits = (s->wide.umin & ~keep) == (s->wide.umax & ~keep);
	s->wide.umin = fits ? s->wide.umin & keep : 0;
	s->wide.umax = fits ? s->wide.umax & keep : keep;
	s->wide.smin = (int64_t)s->wide.umin;
	s->wide.smax = (int64_t)s->wide.umax;
	if (size < 4)
		s->low = unbounded_32;
	scalar_settle(s);
}

static int64_t extend(uint64_t value, unsigned size)
{
	return size == 1 ? (int8_t)value : size == 2 ? (int16_t)value : (int32_t)value;
}

/* Ends of the extended range; false when the part that is cut off is not the same at both ends or
 * the sign is not known. */
static bool extend_ends(const struct bounds *b, unsigned size, int64_t *min, int64_t *max)
{
	unsigned bits = size * 8;
	if ((uint64_t)b->smin >> bits != (uint64_t)b->smax >> bits)
		return false;
	int64_t one = extend((uint64_t)b->smin, size), other = extend((uint64_t)b->smax, size);
	*min = min_s(one, other);
	*max = max_s(one, other);
	return (*min >= 0) == (*max >= 0);
}

void scalar_sign_extend(struct scalar *s, unsigned size)
{
	int64_t min, max;
	if (!s->bits.mask) {
		*s = scalar_const((uint64_t)extend(s->bits.value, size));
	} else if (extend_ends(&s->wide, size, &min, &max)) {
		s->wide = (struct bounds){min, max, (uint64_t)min, (uint64_t)max};
		s->low = (struct bounds){(int32_t)min, (int32_t)max, (uint32_t)min, (uint32_t)max};
		s->bits = tnum_range((uint64_t)min, (uint64_t)max);
	} else {
		int64_t limit = INT64_C(1) << (size * 8 - 1);
		s->wide = (struct bounds){-limit, limit - 1, 0, UINT64_MAX};
		s->low = (struct bounds){-limit, limit - 1, 0, UINT32_MAX};
		s->bits = TNUM_UNKNOWN;
	}
}

void scalar_sign_extend_low(struct scalar *s, unsigned size)
{
	int64_t min, max;
	if (!s->bits.mask) {
		int64_t value = extend(s->bits.value, size);
		s->bits = tnum_const((uint64_t)value);
		s->low = (struct bounds){value, value, (uint32_t)value, (uint32_t)value};
	} else if (extend_ends(&s->low, size, &min, &max)) {
		s->low = (struct bounds){min, max, (uint32_t)min, (uint32_t)max};
		s->bits = tnum_low(tnum_range((uint64_t)min, (uint64_t)max));
	} else {
		int64_t limit = INT64_C(1) << (size * 8 - 1);
		s->low = (struct bounds){-limit, limit - 1, 0, UINT32_MAX};
		s->bits = tnum_low(TNUM_UNKNOWN);
	}
}
