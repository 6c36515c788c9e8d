/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Map access from compiled code.
 *
 * A per-CPU map holds one value per possible CPU. An integer reads as their sum; storing one puts it
 * on the first CPU and zero on the others, so that it reads back. A sum of structs would mean
 * nothing: they read as the first CPU's, and storing one sets all of them.
 */
#include "loader/program.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/calls.h"

/* Numbers from INNER_FIRST on are of maps that were found in maps of maps. */
static const struct ks_meta_map *row_of(const struct program *p, uint32_t map)
{
	if (map >= INNER_FIRST)
		return map - INNER_FIRST < p->inner_count ? &p->inner[map - INNER_FIRST].row : NULL;
	return map < p->meta.header->map_count ? &p->meta.maps[map] : NULL;
}

static const struct map_state *state_of(const struct program *p, uint32_t map)
{
	return map >= INNER_FIRST ? &p->inner[map - INNER_FIRST].state : &p->maps[map];
}

static bool is_array(const struct map_state *state)
{
	return state->type == BPF_MAP_TYPE_ARRAY || state->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* ---- per-CPU values ---- */

static size_t stride_of(const struct ks_meta_map *row)
{
	return (row->value_size + 7u) & ~7u;
}

static void *make_percpu(const struct program *p, const struct ks_meta_map *row)
{
	return calloc((size_t)p->cpus, stride_of(row));
}

/* Wraps at the width of the value, as the sum of its type would. */
static void sum(const struct program *p, const struct ks_meta_map *row, const char *all,
		void *value)
{
	uint64_t total = 0;
	for (int cpu = 0; cpu < p->cpus; cpu++) {
		uint64_t one = 0;
		memcpy(&one, all + (size_t)cpu * stride_of(row), row->value_size);
		total += one;
	}
	memcpy(value, &total, row->value_size); // both machines are little-endian
}

static bool lookup_percpu(struct program *p, uint32_t map, const void *key, void *value)
{
	const struct ks_meta_map *row = row_of(p, map);
	char *all = make_percpu(p, row);
	bool found = all && map_lookup(p, state_of(p, map)->fd, key, all) == 0;
	if (found && row->value_is_int && row->value_size <= sizeof(uint64_t))
		sum(p, row, all, value);
	else if (found)
		memcpy(value, all, row->value_size);
	free(all);
	return found;
}

static int update_percpu(struct program *p, uint32_t map, const void *key, const void *value,
			 uint64_t flags)
{
	const struct ks_meta_map *row = row_of(p, map);
	char *all = make_percpu(p, row);
	if (!all)
		return -ENOMEM;
	int copies = row->value_is_int ? 1 : p->cpus;
	for (int cpu = 0; cpu < copies; cpu++)
		memcpy(all + (size_t)cpu * stride_of(row), value, row->value_size);
	int err = map_update(p, state_of(p, map)->fd, key, all, flags);
	free(all);
	return err;
}

/* ---- calls ---- */

/* Entries that may name a program have it behind the number that the language knows (struct bpf_devmap_val,
 * struct bpf_cpumap_val, include/uapi/linux/bpf.h, Linux 6.12). */
static bool has_program(const struct map_state *state)
{
	return maps_has_program(state->type);
}

bool maps_has_program(uint32_t type)
{
	return type == BPF_MAP_TYPE_DEVMAP || type == BPF_MAP_TYPE_DEVMAP_HASH ||
	       type == BPF_MAP_TYPE_CPUMAP;
}

static bool lookup_number(const struct program *p, int fd, const void *key, void *value)
{
	uint32_t entry[2] = {0};
	if (map_lookup(p, fd, key, entry) != 0)
		return false;
	memcpy(value, entry, sizeof entry[0]);
	return true;
}

static int update_number(const struct program *p, int fd, const void *key, const void *value,
			 uint64_t flags)
{
	uint32_t entry[2] = {0};
	memcpy(entry, value, sizeof entry[0]);
	return map_update(p, fd, key, entry, flags);
}

void *ks_map_lookup(uint32_t map, const void *key, void *value)
{
	struct program *p = program_current();
	const struct ks_meta_map *row = row_of(p, map);
	if (!row)
		return NULL;
	if (row->is_percpu)
		return lookup_percpu(p, map, key, value) ? value : NULL;
	if (has_program(state_of(p, map)))
		return lookup_number(p, state_of(p, map)->fd, key, value) ? value : NULL;
	return map_lookup(p, state_of(p, map)->fd, key, value) == 0 ? value : NULL;
}

int32_t ks_map_update(uint32_t map, const void *key, const void *value, uint64_t flags)
{
	struct program *p = program_current();
	const struct ks_meta_map *row = row_of(p, map);
	if (!row)
		return -EINVAL;
	if (row->is_percpu)
		return update_percpu(p, map, key, value, flags);
	if (has_program(state_of(p, map)))
		return update_number(p, state_of(p, map)->fd, key, value, flags);
	return map_update(p, state_of(p, map)->fd, key, value, flags);
}

int32_t ks_map_delete(uint32_t map, const void *key)
{
	struct program *p = program_current();
	return row_of(p, map) ? map_remove(p, state_of(p, map)->fd, key) : -EINVAL;
}

int32_t ks_map_next_key(uint32_t map, const void *before, void *key)
{
	struct program *p = program_current();
	return row_of(p, map) && map_next_key(p, state_of(p, map)->fd, before, key) == 0;
}

int32_t ks_map_push(uint32_t map, const void *value)
{
	struct program *p = program_current();
	return row_of(p, map) ? map_update(p, state_of(p, map)->fd, NULL, value, BPF_ANY) : -EINVAL;
}

void *ks_map_pop(uint32_t map, void *buffer, uint32_t is_removed)
{
	struct program *p = program_current();
	if (!row_of(p, map))
		return NULL;
	int fd = state_of(p, map)->fd;
	int err = is_removed ? map_take(p, fd, buffer) : map_lookup(p, fd, NULL, buffer);
	return err ? NULL : buffer;
}

uint32_t ks_map_has(uint32_t map, const void *value)
{
	struct program *p = program_current();
	const struct ks_meta_map *row = row_of(p, map);
	void *copy = row ? malloc(row->value_size + 1u) : NULL; // the kernel wants to write there
	if (!copy)
		return 0;
	memcpy(copy, value, row->value_size);
	int err = map_lookup(p, state_of(p, map)->fd, NULL, copy);
	free(copy);
	return err == 0;
}

/* Values lie 8 bytes apart or more in the kernel and side by side here. */
void *ks_map_percpu(uint32_t map, const void *key)
{
	struct program *p = program_current();
	const struct ks_meta_map *row = row_of(p, map);
	char *all = row && row->is_percpu ? make_percpu(p, row) : NULL;
	free(p->percpu);
	p->percpu = all;
	if (!all || map_lookup(p, state_of(p, map)->fd, key, all) != 0)
		return NULL;
	for (int cpu = 1; cpu < p->cpus; cpu++)
		memmove(all + (size_t)cpu * row->value_size, all + (size_t)cpu * stride_of(row),
			row->value_size);
	return all;
}

uint32_t ks_possible_cpus(void)
{
	return (uint32_t)program_current()->cpus;
}

/* Room for a key; keys are walked with one that is both input and output. */
static void *make_key(const struct ks_meta_map *row)
{
	return calloc(1, row->key_size + 1u);
}

/* Each step is bounded by the size of the map, whatever others insert meanwhile. */
uint32_t ks_map_len(uint32_t map)
{
	struct program *p = program_current();
	const struct ks_meta_map *row = row_of(p, map);
	if (!row)
		return 0;
	if (is_array(state_of(p, map)))
		return state_of(p, map)->max_entries;
	uint32_t count = 0;
	void *key = make_key(row);
	if (key && ks_map_next_key(map, NULL, key))
		do
			count++;
		while (count < state_of(p, map)->max_entries && ks_map_next_key(map, key, key));
	free(key);
	return count;
}

static void clear_array(struct program *p, uint32_t map, size_t value_size)
{
	void *zero = calloc(1, value_size);
	for (uint32_t i = 0; zero && i < state_of(p, map)->max_entries; i++)
		map_update(p, state_of(p, map)->fd, &i, zero, BPF_ANY);
	free(zero);
}

void ks_map_clear(uint32_t map)
{
	struct program *p = program_current();
	const struct ks_meta_map *row = row_of(p, map);
	if (!row)
		return;
	if (is_array(state_of(p, map))) {
		clear_array(p, map,
			    row->is_percpu ? (size_t)p->cpus * stride_of(row) : row->value_size);
		return;
	}
	void *key = make_key(row);
	uint64_t limit = 2ull * state_of(p, map)->max_entries;
	for (uint64_t i = 0; key && i < limit && ks_map_next_key(map, NULL, key); i++)
		map_remove(p, state_of(p, map)->fd, key);
	free(key);
}
