/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed-size bit set, its storage in an arena. Indices must be below the size given at creation. */
#ifndef KS_BASE_BITS_H
#define KS_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "frontend/base/arena.h"

struct bits {
	uint64_t *words;
	uint32_t word_count;
};

static inline struct bits bits_make(struct arena *arena, uint32_t size)
{
	uint32_t n = (size + 63) / 64;
	return (struct bits){ARENA_ARRAY(arena, uint64_t, n), n};
}

static inline bool bits_has(const struct bits *b, uint32_t i)
{
	return b->words[i / 64] >> (i % 64) & 1;
}

static inline void bits_add(struct bits *b, uint32_t i)
{
	b->words[i / 64] |= 1ull << (i % 64);
}

static inline void bits_remove(struct bits *b, uint32_t i)
{
	b->words[i / 64] &= ~(1ull << (i % 64));
}

static inline void bits_clear(struct bits *b)
{
	memset(b->words, 0, b->word_count * sizeof *b->words);
}

/* a |= b; true when a changed. Both of the same size. */
static inline bool bits_join(struct bits *a, const struct bits *b)
{
	uint64_t changed = 0;
	for (uint32_t i = 0; i < a->word_count; i++) {
		uint64_t w = a->words[i] | b->words[i];
		changed |= w ^ a->words[i];
		a->words[i] = w;
	}
	return changed != 0;
}

/* Visits the members in ascending order: for (uint32_t i = bits_next(&b, 0); i != BITS_END; i =
 * bits_next(&b, i + 1)) */
#define BITS_END UINT32_MAX
static inline uint32_t bits_next(const struct bits *b, uint32_t from)
{
	uint32_t w = from / 64;
	if (w >= b->word_count)
		return BITS_END;
	uint64_t rest = b->words[w] >> (from % 64) << (from % 64);
	while (!rest) {
		if (++w == b->word_count)
			return BITS_END;
		rest = b->words[w];
	}
	return w * 64 + (uint32_t)__builtin_ctzll(rest);
}

#endif
