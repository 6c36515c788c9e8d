/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps in maps of maps. Compiled code names one by a number, which stays good while at most INNER_MAX
 * others are looked up: then the one that was used longest ago is closed.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "loader/calls.h"
#include "loader/program.h"

static const struct ks_meta_map *outer_row(const struct program *p, uint32_t map)
{
	bool is_outer = map < p->meta.header->map_count && p->meta.maps[map].inner_type;
	return is_outer ? &p->meta.maps[map] : NULL;
}

static bool is_percpu_type(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static void close_map(const struct program *p, const struct inner_map *map)
{
	if (!machine_of(p))
		close(map->state.fd);
}

/* A place for a map that is not known yet; NULL without memory. */
static struct inner_map *make_place(struct program *p)
{
	struct inner_map *oldest = p->inner;
	if (!p->inner)
		p->inner = calloc(INNER_MAX, sizeof *p->inner);
	if (p->inner && p->inner_count < INNER_MAX)
		return &p->inner[p->inner_count++];
	for (uint32_t i = 1; p->inner && i < INNER_MAX; i++)
		if (p->inner[i].used < oldest->used)
			oldest = &p->inner[i];
	if (oldest)
		close_map(p, oldest);
	return oldest;
}

static struct inner_map *find_place(struct program *p, uint32_t id)
{
	for (uint32_t i = 0; i < p->inner_count; i++)
		if (p->inner[i].id == id)
			return &p->inner[i];
	return NULL;
}

static struct inner_map *open_map(struct program *p, const struct ks_meta_map *outer, uint32_t id)
{
	int fd = machine_of(p) ? (int)id : bpf_map_get_fd_by_id(id); // of its own in the kernel
	struct inner_map *inner = fd < 0 ? NULL : make_place(p);
	if (!inner) {
		if (fd >= 0 && !machine_of(p))
			close(fd);
		return NULL;
	}
	*inner = (struct inner_map){
		.id = id,
		.row = {.key_size = outer->inner_key_size,
			.value_size = outer->inner_value_size,
			.is_percpu = is_percpu_type(outer->inner_type),
			.value_is_int = (uint8_t)outer->inner_value_is_int},
		.state = {.fd = fd,
			  .type = outer->inner_type,
			  .max_entries = outer->inner_max_entries},
	};
	return inner;
}

uint64_t ks_inner_map(uint32_t map, const void *key)
{
	struct program *p = program_current();
	const struct ks_meta_map *outer = outer_row(p, map);
	uint32_t id = 0;
	if (!outer || map_lookup(p, p->maps[map].fd, key, &id) != 0)
		return 0;
	struct inner_map *inner = find_place(p, id);
	if (!inner)
		inner = open_map(p, outer, id);
	if (!inner)
		return 0;
	inner->used = ++p->inner_uses;
	return INNER_FIRST + (uint64_t)(inner - p->inner) + 1;
}

int32_t ks_inner_put(uint32_t map, const void *key, uint32_t inner)
{
	struct program *p = program_current();
	if (!outer_row(p, map) || inner >= p->meta.header->map_count)
		return -EINVAL;
	return map_update(p, p->maps[map].fd, key, &p->maps[inner].fd, BPF_ANY);
}

/* The outer map keeps the new one. */
int32_t ks_inner_create(uint32_t map, const void *key)
{
	struct program *p = program_current();
	const struct ks_meta_map *outer = outer_row(p, map);
	if (!outer)
		return -EINVAL;
	if (machine_of(p))
		return machine_create_inner(p, p->maps[map].fd, key);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = outer->inner_flags);
	int fd = bpf_map_create((enum bpf_map_type)outer->inner_type, NULL, outer->inner_key_size,
				outer->inner_value_size, outer->inner_max_entries, &opts);
	if (fd < 0)
		return fd;
	int err = bpf_map_update_elem(p->maps[map].fd, key, &fd, BPF_ANY);
	close(fd);
	return err;
}

void inner_close(struct program *p)
{
	for (uint32_t i = 0; i < p->inner_count; i++)
		close_map(p, &p->inner[i]);
	free(p->inner);
}
