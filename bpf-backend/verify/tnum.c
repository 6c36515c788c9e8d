/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic of tristate numbers. The operators are those of Vishwanathan, Shachnai, Narayana and
 * Nagarakatte, "Sound, Precise, and Fast Abstract Interpretation with Tristate Numbers" (CGO 2022),
 * which the kernel uses too (kernel/bpf/tnum.c, Linux 6.12): results are the same bit for bit, since
 * costs and verdicts depend on them.
 */
#include "bpf-backend/verify/tnum.h"

/* A value and unknown bits; known ones win nothing where a bit is unknown. */
static struct tnum make(uint64_t value, uint64_t mask)
{
	return (struct tnum){value & ~mask, mask};
}

struct tnum tnum_range(uint64_t min, uint64_t max)
{
	uint64_t differing = min ^ max;
	if (!differing)
		return tnum_const(min);
	unsigned top = 63 - (unsigned)__builtin_clzll(differing);
	return make(min, top == 63 ? UINT64_MAX : (UINT64_C(2) << top) - 1);
}

struct tnum tnum_lsh(struct tnum a, unsigned shift)
{
	return shift > 63 ? tnum_const(0) : (struct tnum){a.value << shift, a.mask << shift};
}

struct tnum tnum_rsh(struct tnum a, unsigned shift)
{
	return shift > 63 ? tnum_const(0) : (struct tnum){a.value >> shift, a.mask >> shift};
}

struct tnum tnum_arsh(struct tnum a, unsigned shift, unsigned width)
{
	if (width == 32)
		return (struct tnum){(uint32_t)((int32_t)a.value >> shift),
				     (uint32_t)((int32_t)a.mask >> shift)};
	return (struct tnum){(uint64_t)((int64_t)a.value >> shift),
			     (uint64_t)((int64_t)a.mask >> shift)};
}

/* The sums of the smallest and of the largest members differ where a carry is uncertain. */
struct tnum tnum_add(struct tnum a, struct tnum b)
{
	uint64_t low = a.value + b.value;
	uint64_t high = low + a.mask + b.mask;
	return make(low, (low ^ high) | a.mask | b.mask);
}

struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	uint64_t middle = a.value - b.value;
	return make(middle, ((middle + a.mask) ^ (middle - b.mask)) | a.mask | b.mask);
}

struct tnum tnum_and(struct tnum a, struct tnum b)
{
	uint64_t ones = a.value & b.value;
	return make(ones, (a.value | a.mask) & (b.value | b.mask) & ~ones);
}

struct tnum tnum_or(struct tnum a, struct tnum b)
{
	uint64_t ones = a.value | b.value;
	return make(ones, (a.mask | b.mask) & ~ones);
}

struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	return make(a.value ^ b.value, a.mask | b.mask);
}

static struct tnum join(struct tnum a, struct tnum b)
{
	return make(a.value, (a.value ^ b.value) | a.mask | b.mask);
}

/* Long multiplication. The coarse form sums the uncertain parts of the partial products apart from
 * the certain product of the values. */
struct tnum tnum_mul(struct tnum a, struct tnum b, bool is_fine)
{
	struct tnum sum = tnum_const(is_fine ? 0 : a.value * b.value), doubt = tnum_const(0);
	for (; a.value || a.mask; a = tnum_rsh(a, 1), b = tnum_lsh(b, 1)) {
		if (is_fine && a.value & 1)
			sum = tnum_add(sum, b);
		else if (is_fine && a.mask & 1)
			sum = join(sum, tnum_add(sum, b));
		else if (a.value & 1)
			doubt = tnum_add(doubt, make(0, b.mask));
		else if (a.mask & 1)
			doubt = tnum_add(doubt, make(0, b.value | b.mask));
	}
	return is_fine ? sum : tnum_add(sum, doubt);
}

struct tnum tnum_intersect(struct tnum a, struct tnum b)
{
	return make(a.value | b.value, a.mask & b.mask);
}

bool tnum_overlap(struct tnum a, struct tnum b)
{
	return !((a.value ^ b.value) & ~a.mask & ~b.mask);
}

struct tnum tnum_cast(struct tnum a, unsigned size)
{
	uint64_t keep = size >= 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
	return (struct tnum){a.value & keep, a.mask & keep};
}

bool tnum_in(struct tnum a, struct tnum b)
{
	return !(b.mask & ~a.mask) && a.value == (b.value & ~a.mask);
}

bool tnum_is_aligned(struct tnum a, uint64_t size)
{
	return !size || !((a.value | a.mask) & (size - 1));
}

struct tnum tnum_with_low(struct tnum a, struct tnum low)
{
	const uint64_t upper = ~(uint64_t)UINT32_MAX;
	return (struct tnum){(a.value & upper) | (uint32_t)low.value,
			     (a.mask & upper) | (uint32_t)low.mask};
}
