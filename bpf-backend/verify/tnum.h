/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tristate numbers: what is known of each bit of a 64-bit value. A bit set in `mask` is unknown; the
 * others have the value in `value`, whose unknown bits are 0. Arithmetic over-approximates: the result
 * holds every value that the operation gives for members of the operands.
 */
#ifndef KS_VERIFY_TNUM_H
#define KS_VERIFY_TNUM_H

#include <stdbool.h>
#include <stdint.h>

struct tnum {
	uint64_t value, mask;
};

#define TNUM_UNKNOWN ((struct tnum){0, UINT64_MAX})

static inline struct tnum tnum_const(uint64_t value)
{
	return (struct tnum){value, 0};
}

static inline bool tnum_is_const(struct tnum a)
{
	return !a.mask;
}

static inline bool tnum_equals(struct tnum a, uint64_t value)
{
	return !a.mask && a.value == value;
}

/* Smallest tnum that holds all of [min, max]. */
struct tnum tnum_range(uint64_t min, uint64_t max);
struct tnum tnum_lsh(struct tnum a, unsigned shift);
struct tnum tnum_rsh(struct tnum a, unsigned shift);
/* Arithmetic shift of the low `width` (32 or 64) bits. */
struct tnum tnum_arsh(struct tnum a, unsigned shift, unsigned width);
struct tnum tnum_add(struct tnum a, struct tnum b);
struct tnum tnum_sub(struct tnum a, struct tnum b);
struct tnum tnum_and(struct tnum a, struct tnum b);
struct tnum tnum_or(struct tnum a, struct tnum b);
struct tnum tnum_xor(struct tnum a, struct tnum b);
/* `is_fine`: the product as Linux 6.18 computes it, tighter than before. */
struct tnum tnum_mul(struct tnum a, struct tnum b, bool is_fine);
/* Values in both; where they contradict each other the bit becomes 1. */
struct tnum tnum_intersect(struct tnum a, struct tnum b);
/* Some value may be in both. */
bool tnum_overlap(struct tnum a, struct tnum b);
/* The low `size` bytes. */
struct tnum tnum_cast(struct tnum a, unsigned size);
/* Every value of b is in a. */
bool tnum_in(struct tnum a, struct tnum b);
bool tnum_is_aligned(struct tnum a, uint64_t size);
/* a with its low half replaced. */
struct tnum tnum_with_low(struct tnum a, struct tnum low);

static inline struct tnum tnum_low(struct tnum a)
{
	return (struct tnum){(uint32_t)a.value, (uint32_t)a.mask};
}

#endif
