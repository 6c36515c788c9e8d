/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash map from a 64-bit key to a 64-bit value, open addressing, storage in an arena. Keys are
 * symbols, indices or pointers (MAP_PTR); every key value but UINT64_MAX may be used.
 */
#ifndef KS_BASE_MAP_H
#define KS_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/arena.h"

struct map_slot {
	uint64_t key, value;
};

struct map {
	struct map_slot *slots; // power of two of them; NULL before the first insertion
	uint32_t mask, used;
	struct arena *arena;
};

#define MAP_PTR(p) ((uint64_t)(uintptr_t)(p))

void map_init(struct map *map, struct arena *arena);
/* Place of the value stored under `key`, or NULL. Valid until the next insertion. */
uint64_t *map_find(const struct map *map, uint64_t key);
/* Place of the value under `key`, a new zero one when absent. Valid until the next insertion. */
uint64_t *map_insert(struct map *map, uint64_t key);
/* Pointer stored under `key`, or NULL. */
void *map_find_ptr(const struct map *map, uint64_t key);
void map_set_ptr(struct map *map, uint64_t key, void *value);
/* Removes every entry, keeps the storage. */
void map_clear(struct map *map);
/* Copies the storage to another arena, where the map then grows. */
void map_move(struct map *map, struct arena *arena);

/* Mixes 64 bits; also the way to fold several numbers into one key. */
uint64_t hash_u64(uint64_t x);
/* Hash of a byte string. */
uint64_t hash_bytes(const void *data, size_t len);

#endif
