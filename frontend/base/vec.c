/* SPDX-License-Identifier: Apache-2.0 */
/* Growth of VEC arrays: doubling from 8 elements. */
#include "frontend/base/vec.h"

#include <string.h>

void *vec_grow(struct arena *arena, void *data, size_t item_size, uint32_t *cap, uint32_t need)
{
	uint32_t bigger = *cap ? *cap : 4;

	do {
		if (bigger > UINT32_MAX / 2)
			die_out_of_memory();
		bigger *= 2;
	} while (bigger < need);
	void *p = arena_alloc(arena, item_size * bigger);
	if (*cap)
		memcpy(p, data, item_size * *cap);
	*cap = bigger;
	return p;
}
