/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing at a load of at most 3/4. The key UINT64_MAX marks an empty slot. */
#include "frontend/base/map.h"

#include <assert.h>
#include <string.h>

#define EMPTY UINT64_MAX

uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	return x;
}

uint64_t hash_bytes(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325u ^ len;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		h = hash_u64(h ^ w);
	}
	for (; len; len--, p++)
		h = (h ^ *p) * 0x100000001b3u;
	return hash_u64(h);
}

void map_init(struct map *map, struct arena *arena)
{
	*map = (struct map){.arena = arena};
}

void map_clear(struct map *map)
{
	for (uint32_t i = 0; map->slots && i <= map->mask; i++)
		map->slots[i].key = EMPTY;
	map->used = 0;
}

void map_move(struct map *map, struct arena *arena)
{
	if (map->slots)
		map->slots =
			arena_copy(arena, map->slots, ((size_t)map->mask + 1) * sizeof *map->slots);
	map->arena = arena;
}

static struct map_slot *find_slot(const struct map *map, uint64_t key)
{
	uint32_t i = (uint32_t)hash_u64(key) & map->mask;

	while (map->slots[i].key != key && map->slots[i].key != EMPTY)
		i = (i + 1) & map->mask;
	return &map->slots[i];
}

uint64_t *map_find(const struct map *map, uint64_t key)
{
	if (!map->slots)
		return NULL;
	struct map_slot *s = find_slot(map, key);
	return s->key == key ? &s->value : NULL;
}

static void grow(struct map *map)
{
	struct map old = *map;
	uint32_t size = old.slots ? (old.mask + 1) * 2 : 16;

	map->slots = ARENA_ARRAY(map->arena, struct map_slot, size);
	map->mask = size - 1;
	for (uint32_t i = 0; i < size; i++)
		map->slots[i].key = EMPTY;
	for (uint32_t i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].key != EMPTY)
			*find_slot(map, old.slots[i].key) = old.slots[i];
}

uint64_t *map_insert(struct map *map, uint64_t key)
{
	assert(key != EMPTY && "key value reserved for empty slots");
	if (!map->slots || (map->used + 1) * 4 > (map->mask + 1) * 3)
		grow(map);
	struct map_slot *s = find_slot(map, key);
	if (s->key != key) {
		*s = (struct map_slot){.key = key};
		map->used++;
	}
	return &s->value;
}

void *map_find_ptr(const struct map *map, uint64_t key)
{
	uint64_t *v = map_find(map, key);

	return v ? (void *)(uintptr_t)*v : NULL;
}

void map_set_ptr(struct map *map, uint64_t key, void *value)
{
	*map_insert(map, key) = MAP_PTR(value);
}
