/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed growable array, its storage in an arena:
 *
 *	VEC(struct token) tokens = {0};
 *	vec_push(arena, &tokens, tok);
 *	for (uint32_t i = 0; i < tokens.len; i++) use(tokens.data[i]);
 *
 * Growth doubles, so old copies waste at most as much as the final array; elements move when it
 * grows. Two VEC(T) are different types; give one a name with a struct that holds it where it must
 * be passed.
 */
#ifndef KS_BASE_VEC_H
#define KS_BASE_VEC_H

#include <stdint.h>

#include "frontend/base/arena.h"

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *data;                                                                        \
		uint32_t len, cap;                                                                 \
	}

/* Appends `item`. */
#define vec_push(arena, v, item)                                                                   \
	((v)->len == (v)->cap ? (void)((v)->data = vec_grow((arena), (v)->data, sizeof *(v)->data, \
							    &(v)->cap, (v)->len + 1))              \
			      : (void)0,                                                           \
	 (v)->data[(v)->len++] = (item))

/* Makes room for at least `count` elements in all; len stays. */
#define vec_reserve(arena, v, count)                                                               \
	((v)->cap < (count) ? (void)((v)->data = vec_grow((arena), (v)->data, sizeof *(v)->data,   \
							  &(v)->cap, (count)))                     \
			    : (void)0)

#define vec_last(v) ((v)->data[(v)->len - 1])
#define vec_pop(v) ((v)->data[--(v)->len])

/* Larger zero-extended copy of `data`; stores the new capacity. For the macros above. */
void *vec_grow(struct arena *arena, void *data, size_t item_size, uint32_t *cap, uint32_t need);

#endif
