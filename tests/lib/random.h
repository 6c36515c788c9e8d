/* SPDX-License-Identifier: Apache-2.0 */
/* The random numbers of the tests: the same seed gives the same numbers on every machine. */
#ifndef KS_TESTS_RANDOM_H
#define KS_TESTS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state; // never 0
};

static inline struct random random_from(uint64_t seed)
{
	// Neighbouring seeds are to give unrelated sequences.
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	return (struct random){(x ^ x >> 31) | 1};
}

static inline uint64_t random_next(struct random *r)
{
	// xorshift64*
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

/* 0 to limit - 1. */
static inline unsigned random_below(struct random *r, unsigned limit)
{
	return (unsigned)((random_next(r) >> 33) % limit);
}

/* True in `percent` of 100 cases. */
static inline bool random_chance(struct random *r, unsigned percent)
{
	return random_below(r, 100) < percent;
}

#endif
