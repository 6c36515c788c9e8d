/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage of maps. Results are those of the kernel (kernel/bpf/hashtab.c, arraymap.c, lpm_trie.c,
 * queue_stack_maps.c, Linux 6.12) with two simplifications that make them repeatable: a full LRU map
 * drops exactly the least recently used element, and keys come in the order of insertion.
 *
 * As in the kernel an update of a hash element puts a new one in its place: a pointer to the old
 * value keeps the old value. What was dropped is reused from the next run on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

enum {
	FLAG_NOEXIST = 1, // BPF_NOEXIST and so on of include/uapi/linux/bpf.h
	FLAG_EXIST = 2,
	MAX_BYTES = 1 << 30,
	MAX_BUCKETS = 1 << 16,
	MAX_KEY = 512,
	MAX_RECORD_BYTES = 1 << 26, // of records that nobody has read
	FLAG_RDONLY_PROG = 1 << 7,
	TYPE_ARRAY_OF_MAPS = 12, // enum bpf_map_type, the same
	TYPE_HASH_OF_MAPS = 13,
};

static enum vm_map_model model_of(uint32_t type)
{
	static const struct {
		const char *name;
		enum vm_map_model model;
	} models[] = {
#define VM_MAP(name, model) {#name, MODEL_##model},
#include "bpf-backend/vm/map_models.def"
#undef VM_MAP
	};
	const struct kernel_map_type *row = kernel_find_map_type(type);
	for (size_t i = 0; row && i < sizeof models / sizeof models[0]; i++) {
		if (!strcmp(row->name, models[i].name))
			return models[i].model;
	}
	return MODEL_NONE;
}

static bool is_hash(const struct vm_map *map)
{
	return map->model == MODEL_HASH || map->model == MODEL_LRU || map->model == MODEL_STORAGE;
}

static bool take_bytes(struct vm_map *map, uint64_t bytes, struct buf *why)
{
	map->vm->map_bytes += bytes;
	if (map->vm->map_bytes <= MAX_BYTES)
		return true;
	buf_printf(why, "the map `%s` is too large", map->info.name);
	return false;
}

static bool create_array(struct vm_map *map, struct buf *why)
{
	struct vm *vm = map->vm;
	uint64_t copies = (uint64_t)map->info.copies * map->info.max_entries;
	uint64_t bytes = copies * map->stride;
	if (copies > MAX_BYTES / sizeof(struct vm_region) ||
	    !take_bytes(map, bytes + copies * sizeof(struct vm_region), why)) {
		if (!why->len)
			buf_printf(why, "the map `%s` is too large", map->info.name);
		return false;
	}
	map->values = arena_alloc(&vm->object.arena, bytes);
	map->first_region = vm_add_regions(vm, (uint32_t)copies);
	for (uint32_t i = 0; i < copies; i++)
		vm_set_region(vm, map->first_region + i, REGION_VALUE,
			      map->values + (size_t)i * map->stride, map->info.value_size,
			      !map->is_read_only, map);
	return true;
}

bool vm_map_create(struct vm_map *map, struct buf *why)
{
	struct vm *vm = map->vm;
	const struct kernel_map_type *row = kernel_find_map_type(map->info.type);
	map->model = model_of(map->info.type);
	map->info.copies = row && row->is_percpu ? vm->options.cpus : 1;
	map->is_read_only |= (map->info.flags & FLAG_RDONLY_PROG) != 0;
	map->handle = vm_add_regions(vm, 1);
	vm_set_region(vm, map->handle, REGION_MAP, NULL, 0, false, map);
	if (map->info.value_size > MAX_BYTES || map->info.key_size > MAX_KEY) {
		buf_printf(why, "keys or values of the map `%s` are too large", map->info.name);
		return false;
	}
	map->is_outer = map->info.type == TYPE_ARRAY_OF_MAPS || map->info.type == TYPE_HASH_OF_MAPS;
	if (map->is_outer)
		map->info.value_size = 4;
	if (map->model == MODEL_STORAGE) { // the object is the key
		map->info.key_size = 8;
		map->info.max_entries = MAX_BUCKETS;
	}
	map->stride = (map->info.value_size + 7) & ~7u;
	if (map->model == MODEL_ARRAY)
		return create_array(map, why);
	if (map->model == MODEL_PROGRAMS) {
		if (!take_bytes(map, (uint64_t)map->info.max_entries * 8, why))
			return false;
		map->programs = ARENA_ARRAY(&vm->object.arena, const struct vm_program *,
					    map->info.max_entries);
	}
	uint32_t buckets = 1;
	while (buckets < map->info.max_entries && buckets < MAX_BUCKETS)
		buckets *= 2;
	map->bucket_mask = buckets - 1;
	map->buckets = ARENA_ARRAY(&vm->object.arena, struct vm_element *, buckets);
	return true;
}

static struct vm_map *add_map(struct vm *vm, const struct program_map *from, struct buf *why)
{
	struct vm_map *map = ARENA_NEW(&vm->object.arena, struct vm_map);
	*map = (struct vm_map){
		.vm = vm,
		.info = {.name = from->name,
			 .type = from->type,
			 .key_size = from->key_size,
			 .value_size = from->value_size,
			 .max_entries = from->max_entries,
			 .flags = from->flags,
			 .copies = 1,
			 .is_data = from->is_data},
		.inner = from->inner,
		.is_read_only = from->is_read_only,
		.number = vm->maps.len + 1,
	};
	if (!vm_map_create(map, why))
		return NULL;
	vec_push(&vm->object.arena, &vm->maps, map);
	if (from->data && map->values)
		memcpy(map->values, from->data, from->value_size);
	return map;
}

bool vm_open_maps(struct vm *vm, struct buf *why)
{
	const struct program_object *object = &vm->object;
	if (object->maps.len > VM_MAPS) {
		buf_printf(why, "it has more than %d maps", VM_MAPS);
		return false;
	}
	for (uint32_t i = 0; i < object->maps.len; i++) {
		if (!add_map(vm, object->maps.data[i], why))
			return false;
	}
	return true;
}

struct vm_map *vm_map_create_inner(struct vm_map *outer)
{
	struct buf why;
	buf_init(&why);
	bool has_room = outer->is_outer && outer->inner && outer->vm->maps.len < VM_MAPS;
	struct vm_map *map = has_room ? add_map(outer->vm, outer->inner, &why) : NULL;
	buf_fini(&why);
	return map;
}

struct vm_map *vm_map_by_number(const struct vm *vm, uint32_t number)
{
	return vm_map_at(vm, number - 1);
}

uint32_t vm_map_number(const struct vm_map *map)
{
	return map->number;
}

/* ---- elements ---- */

static struct vm_element *find(const struct vm_map *map, const uint8_t *key)
{
	uint64_t hash = hash_bytes(key, map->info.key_size);
	struct vm_element *e = map->buckets[hash & map->bucket_mask];
	while (e && (e->hash != hash || memcmp(e->key, key, map->info.key_size)))
		e = e->next;
	return e;
}

static void append(struct vm_map *map, struct vm_element *e)
{
	e->older = map->newest;
	e->newer = NULL;
	*(map->newest ? &map->newest->newer : &map->oldest) = e;
	map->newest = e;
}

static void take_out(struct vm_map *map, struct vm_element *e)
{
	*(e->older ? &e->older->newer : &map->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &map->newest) = e->older;
}

static void drop(struct vm_map *map, struct vm_element *e)
{
	struct vm_element **slot = &map->buckets[e->hash & map->bucket_mask];
	while (*slot && *slot != e)
		slot = &(*slot)->next;
	if (*slot)
		*slot = e->next;
	take_out(map, e);
	if (map->vm->timers.len)
		vm_forget_timers(map->vm, e->region);
	e->next = map->dropped;
	map->dropped = e;
	map->count--;
}

void vm_map_recycle(struct vm_map *map)
{
	struct vm_element *e;
	while ((e = map->dropped)) {
		map->dropped = e->next;
		e->next = map->free;
		map->free = e;
	}
}

static struct vm_element *new_element(struct vm_map *map)
{
	struct vm *vm = map->vm;
	struct vm_element *e = map->free;
	size_t value_bytes = (size_t)map->stride * map->info.copies;
	if (e) {
		map->free = e->next;
		memset(e->value, 0, value_bytes);
		return e;
	}
	e = ARENA_NEW(&vm->object.arena, struct vm_element);
	e->key = arena_alloc(&vm->object.arena, map->info.key_size + 1);
	e->value = arena_alloc(&vm->object.arena, value_bytes + 1);
	e->region = vm_add_regions(vm, map->info.copies + 1);
	for (uint32_t i = 0; i < map->info.copies; i++)
		vm_set_region(vm, e->region + i, REGION_VALUE, e->value + (size_t)i * map->stride,
			      map->info.value_size, !map->is_read_only, map);
	vm_set_region(vm, e->region + map->info.copies, REGION_KEY, e->key, map->info.key_size,
		      false, map);
	return e;
}

static struct vm_element *insert(struct vm_map *map, const uint8_t *key)
{
	struct vm_element *e = new_element(map);
	memcpy(e->key, key, map->info.key_size);
	e->hash = hash_bytes(key, map->info.key_size);
	struct vm_element **slot = &map->buckets[e->hash & map->bucket_mask];
	e->next = *slot;
	*slot = e;
	append(map, e);
	map->count++;
	return e;
}

/* ---- longest prefix match: { u32 bits; u8 data[]; } ---- */

static uint32_t prefix_bits(const uint8_t *key)
{
	uint32_t bits;
	memcpy(&bits, key, 4);
	return bits;
}

static bool share_prefix(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	if (memcmp(a + 4, b + 4, bits / 8))
		return false;
	return !(bits % 8) || !((a[4 + bits / 8] ^ b[4 + bits / 8]) >> (8 - bits % 8));
}

/* Best match, or with is_exact the element of just this prefix. */
static struct vm_element *find_prefix(const struct vm_map *map, const uint8_t *key, bool is_exact)
{
	struct vm_element *best = NULL;
	uint32_t bits = prefix_bits(key);
	for (struct vm_element *e = map->oldest; e; e = e->newer) {
		uint32_t have = prefix_bits(e->key);
		if (have > bits || (is_exact && have != bits) || !share_prefix(e->key, key, have))
			continue;
		if (!best || have > prefix_bits(best->key))
			best = e;
	}
	return best;
}

static bool is_valid_key(const struct vm_map *map, const uint8_t *key)
{
	return map->model != MODEL_PREFIX ||
	       (map->info.key_size > 4 && prefix_bits(key) <= (map->info.key_size - 4) * 8);
}

/* ---- the four operations, for programs and for the host ---- */

static uint32_t array_index(const uint8_t *key)
{
	uint32_t index;
	memcpy(&index, key, 4);
	return index;
}

static struct vm_element *element_of(struct vm_map *map, const uint8_t *key, bool is_exact)
{
	if (is_hash(map))
		return find(map, key);
	if (map->model == MODEL_PREFIX && is_valid_key(map, key))
		return find_prefix(map, key, is_exact);
	return NULL;
}

/* What a program gets for a number in a map of maps. */
static uint64_t inner_address(const struct vm_map *map, const uint8_t *value)
{
	uint32_t number = 0;
	if (value)
		memcpy(&number, value, sizeof number);
	return number ? vm_address(map->vm->maps.data[number - 1]->handle, 0) : 0;
}

uint64_t vm_map_element_address(struct vm_map *map, const uint8_t *key)
{
	uint32_t cpu = map->info.copies > 1 ? map->vm->cpu : 0;
	if (map->model == MODEL_ARRAY) {
		uint32_t index = array_index(key);
		if (map->is_outer)
			return index < map->info.max_entries
				       ? inner_address(map,
						       map->values + (size_t)index * map->stride)
				       : 0;
		return index < map->info.max_entries
			       ? vm_address(map->first_region + index * map->info.copies + cpu, 0)
			       : 0;
	}
	struct vm_element *e = element_of(map, key, false);
	if (e && map->model == MODEL_LRU) {
		take_out(map, e);
		append(map, e);
	}
	if (map->is_outer)
		return inner_address(map, e ? e->value : NULL);
	return e ? vm_address(e->region + cpu, 0) : 0;
}

/* All copies of the element that an update is to write; NULL and *err when it must not. */
static uint8_t *prepare_update(struct vm_map *map, const uint8_t *key, uint64_t flags, int *err)
{
	*err = -EINVAL;
	if (flags > FLAG_EXIST)
		return NULL;
	if (map->model == MODEL_ARRAY) {
		uint32_t index = array_index(key);
		*err = index >= map->info.max_entries ? -E2BIG : -EEXIST;
		if (index >= map->info.max_entries || flags == FLAG_NOEXIST)
			return NULL;
		return map->values + (size_t)index * map->info.copies * map->stride;
	}
	if ((!is_hash(map) && map->model != MODEL_PREFIX) || !is_valid_key(map, key))
		return NULL;
	struct vm_element *e = element_of(map, key, true);
	*err = e ? -EEXIST : -ENOENT;
	if (flags == (e ? FLAG_NOEXIST : FLAG_EXIST))
		return NULL;
	if (e && map->info.copies > 1)
		return e->value;
	if (e) {
		drop(map, e);
	} else if (map->count >= map->info.max_entries) {
		*err = map->model == MODEL_PREFIX ? -ENOSPC : -E2BIG;
		if (map->model != MODEL_LRU || !map->oldest)
			return NULL;
		drop(map, map->oldest);
	}
	return insert(map, key)->value;
}

uint8_t *vm_map_add(struct vm_map *map, const uint8_t *key)
{
	return map->count < map->info.max_entries ? insert(map, key)->value : NULL;
}

int vm_map_put(struct vm_map *map, const uint8_t *key, const uint8_t *value, uint64_t flags)
{
	int err;
	if (map->is_outer)
		return -EINVAL;
	uint32_t cpu = map->info.copies > 1 ? map->vm->cpu : 0;
	uint8_t copy[MAX_KEY];
	memcpy(copy, key, map->info.key_size); // the key may lie in the element that goes
	uint8_t *to = prepare_update(map, copy, flags, &err);
	if (!to)
		return err;
	memmove(to + (size_t)cpu * map->stride, value, map->info.value_size);
	return 0;
}

int vm_map_remove(struct vm_map *map, const uint8_t *key)
{
	if (map->is_outer && map->model == MODEL_ARRAY) {
		if (array_index(key) >= map->info.max_entries)
			return -E2BIG;
		memset(map->values + (size_t)array_index(key) * map->stride, 0, map->stride);
		return 0;
	}
	if (!is_hash(map) && map->model != MODEL_PREFIX)
		return -EINVAL;
	if (!is_valid_key(map, key))
		return -EINVAL;
	struct vm_element *e = element_of(map, key, true);
	if (!e)
		return -ENOENT;
	drop(map, e);
	return 0;
}

/* A bloom filter knows exactly what was added: it may not, but may, say so of other values. */
static bool has_value(const struct vm_map *map, const uint8_t *value)
{
	const struct vm_element *e = map->oldest;
	while (e && memcmp(e->value, value, map->info.value_size))
		e = e->newer;
	return e != NULL;
}

int vm_map_push(struct vm_map *map, const uint8_t *value, uint64_t flags)
{
	if (map->model == MODEL_SET && (flags || has_value(map, value)))
		return flags ? -EINVAL : 0;
	if (map->model == MODEL_SET) {
		struct vm_element *added = new_element(map);
		memcpy(added->value, value, map->info.value_size);
		added->next = NULL;
		append(map, added);
		return 0;
	}
	if ((map->model != MODEL_QUEUE && map->model != MODEL_STACK) ||
	    (flags != 0 && flags != FLAG_EXIST))
		return -EINVAL;
	if (map->count >= map->info.max_entries) {
		if (flags != FLAG_EXIST || !map->oldest)
			return -E2BIG;
		drop(map, map->oldest);
	}
	struct vm_element *e = new_element(map);
	memcpy(e->value, value, map->info.value_size);
	e->next = NULL;
	append(map, e);
	map->count++;
	return 0;
}

int vm_map_pop(struct vm_map *map, uint8_t *value, bool is_removed)
{
	if (map->model == MODEL_SET)
		return is_removed ? -EOPNOTSUPP : has_value(map, value) ? 0 : -ENOENT;
	if (map->model != MODEL_QUEUE && map->model != MODEL_STACK)
		return -EINVAL;
	struct vm_element *e = map->model == MODEL_QUEUE ? map->oldest : map->newest;
	if (!e) {
		memset(value, 0, map->info.value_size);
		return -ENOENT;
	}
	memcpy(value, e->value, map->info.value_size);
	if (is_removed)
		drop(map, e);
	return 0;
}

uint8_t *vm_map_new_record(struct vm_map *map, uint32_t size)
{
	// A ring buffer has a header of 8 bytes before each record and rounds up to 8.
	bool is_ring = map->info.max_entries && !map->info.value_size;
	uint64_t bytes = ((uint64_t)size + 15) & ~UINT64_C(7);
	uint64_t most = is_ring ? map->info.max_entries : MAX_RECORD_BYTES;
	if (is_ring && map->model == MODEL_RECORDS)
		most--; // the kernel leaves a gap (__bpf_ringbuf_reserve(), 6.12)
	uint8_t *data = NULL;
	bool has_records = map->model == MODEL_RECORDS || map->model == MODEL_USER_RECORDS;
	if (!has_records || map->record_bytes + bytes > most)
		return NULL;
	data = calloc(1, size + 1);
	if (data)
		map->record_bytes += bytes;
	return data;
}

void vm_map_end_record(struct vm_map *map, uint8_t *data, uint32_t size, bool is_kept)
{
	struct vm_record record = {data, size, !is_kept};
	vec_push(&map->vm->object.arena, &map->records, record);
}

/* ---- the host's side ---- */

struct vm_map *vm_map_at(const struct vm *vm, uint32_t index)
{
	return index < vm->maps.len ? vm->maps.data[index] : NULL;
}

struct vm_map *vm_find_map(const struct vm *vm, const char *name)
{
	for (uint32_t i = 0; i < vm->maps.len; i++) {
		if (!strcmp(vm->maps.data[i]->info.name, name))
			return vm->maps.data[i];
	}
	return NULL;
}

const struct vm_map_info *vm_map_get_info(const struct vm_map *map)
{
	return &map->info;
}

/* Bytes of a value as the host sees it: plain, or all copies. */
static size_t host_bytes(const struct vm_map *map)
{
	const struct kernel_map_type *row = kernel_find_map_type(map->info.type);
	return row && row->is_percpu ? (size_t)map->stride * map->info.copies
				     : map->info.value_size;
}

int vm_map_take(struct vm_map *map, void *value)
{
	return vm_map_pop(map, value, true);
}

int vm_map_lookup(struct vm_map *map, const void *key, void *value)
{
	if (map->model == MODEL_STORAGE) // the host knows objects by descriptors
		return -EOPNOTSUPP;
	if (map->model == MODEL_QUEUE || map->model == MODEL_STACK || map->model == MODEL_SET)
		return vm_map_pop(map, value, false);
	const uint8_t *from = NULL;
	if (map->model == MODEL_ARRAY) {
		uint32_t index = array_index(key);
		if (index < map->info.max_entries)
			from = map->values + (size_t)index * map->info.copies * map->stride;
	} else {
		struct vm_element *e = element_of(map, key, false);
		from = e ? e->value : NULL;
	}
	if (!from || (map->is_outer && !inner_address(map, from)))
		return -ENOENT;
	memcpy(value, from, host_bytes(map));
	return 0;
}

/* A map of maps takes those that are like its description. */
static bool fits_outer(const struct vm_map *map, const void *value)
{
	uint32_t number;
	memcpy(&number, value, sizeof number);
	const struct vm_map *inner = vm_map_by_number(map->vm, number);
	const struct program_map *like = map->inner;
	return inner && inner != map &&
	       (!like ||
		(inner->info.type == like->type && inner->info.key_size == like->key_size &&
		 inner->info.value_size == like->value_size));
}

int vm_map_update(struct vm_map *map, const void *key, const void *value, uint64_t flags)
{
	int err;
	if (map->model == MODEL_QUEUE || map->model == MODEL_STACK || map->model == MODEL_SET)
		return vm_map_push(map, value, flags);
	if (map->model == MODEL_STORAGE)
		return -EOPNOTSUPP;
	if (map->is_outer && !fits_outer(map, value))
		return -EINVAL;
	uint8_t *to = prepare_update(map, key, flags, &err);
	if (!to)
		return err;
	memcpy(to, value, host_bytes(map));
	return 0;
}

int vm_map_delete(struct vm_map *map, const void *key)
{
	if (map->model == MODEL_STORAGE)
		return -EOPNOTSUPP;
	return vm_map_remove(map, key);
}

int vm_map_next_key(struct vm_map *map, const void *key, void *next)
{
	if (map->model == MODEL_ARRAY) {
		uint32_t index = key ? array_index(key) : UINT32_MAX;
		index = index >= map->info.max_entries ? 0 : index + 1;
		if (index == map->info.max_entries)
			return -ENOENT;
		memcpy(next, &index, 4);
		return 0;
	}
	if ((!is_hash(map) && map->model != MODEL_PREFIX) || map->model == MODEL_STORAGE)
		return -EINVAL;
	struct vm_element *e = key ? element_of(map, key, true) : NULL;
	e = e ? e->newer : map->oldest;
	if (!e)
		return -ENOENT;
	memcpy(next, e->key, map->info.key_size);
	return 0;
}

void *vm_map_data(struct vm_map *map)
{
	return map->info.is_data ? map->values : NULL;
}

int vm_map_set_program(struct vm_map *map, uint32_t index, const struct vm_program *program)
{
	if (map->model != MODEL_PROGRAMS)
		return -EINVAL;
	if (index >= map->info.max_entries)
		return -E2BIG;
	map->programs[index] = program;
	return 0;
}

const struct vm_record *vm_map_oldest_record(const struct vm_map *map)
{
	return map->dropped_records < map->records.len ? &map->records.data[map->dropped_records]
						       : NULL;
}

const uint8_t *vm_map_record(const struct vm_map *map, uint32_t index, uint32_t *size)
{
	for (uint32_t i = map->dropped_records; i < map->records.len; i++) {
		const struct vm_record *record = &map->records.data[i];
		if (record->is_discarded || index--)
			continue;
		*size = record->size;
		return record->data;
	}
	return NULL;
}

static void drop_record(struct vm_map *map)
{
	struct vm_record *first = &map->records.data[map->dropped_records++];
	map->record_bytes -= ((uint64_t)first->size + 15) & ~UINT64_C(7);
	free(first->data);
}

/* Room of dropped records is taken back when it is half of the list. */
static void close_gap(struct vm_map *map)
{
	uint32_t left = map->records.len - map->dropped_records;
	if (map->dropped_records < left)
		return;
	if (left)
		memmove(map->records.data, map->records.data + map->dropped_records,
			left * sizeof *map->records.data);
	map->records.len = left;
	map->dropped_records = 0;
}

static void drop_discarded(struct vm_map *map)
{
	const struct vm_record *record;
	while ((record = vm_map_oldest_record(map)) && record->is_discarded)
		drop_record(map);
}

/* As a reader does, it passes over those that were discarded. */
void vm_map_drop_first_record(struct vm_map *map)
{
	drop_discarded(map);
	if (vm_map_oldest_record(map))
		drop_record(map);
	drop_discarded(map);
	close_gap(map);
}

int vm_map_send(struct vm_map *map, const void *record, uint32_t size)
{
	uint8_t *copy = map->model == MODEL_USER_RECORDS ? vm_map_new_record(map, size) : NULL;
	if (map->model != MODEL_USER_RECORDS)
		return -EINVAL;
	if (!copy)
		return -ENOSPC;
	memcpy(copy, record, size);
	vm_map_end_record(map, copy, size, true);
	return 0;
}

void vm_map_drop_records(struct vm_map *map)
{
	while (vm_map_oldest_record(map))
		drop_record(map);
	close_gap(map);
}
