/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder: types are kept as header words and a list of further words, so that items may be
 * added to a struct after other types were made, and written out in order at the end. Small types
 * that are equal are shared as they are added; structs, enums, prototypes, functions and variables
 * are what the caller says they are.
 */
#include "btf/btf.h"

#include <assert.h>
#include <string.h>

#include "btf/btf_str.h"

enum {
	BTF_MAGIC = 0xeb9f,
	BTF_VERSION = 1,
	BTF_HEADER_BYTES = 24,
	BTF_FLAG_BIT = 31, // kind_flag in the info word
	BTF_MAX_ITEMS = 0xffff,
};

struct built_type {
	uint32_t name;
	uint32_t kind;
	bool flag;
	uint32_t count; // items
	uint32_t third; // size or type id; the linkage of a function is in `count`
	VEC(uint32_t) words;
};

struct btf_builder {
	struct arena *arena;
	struct btf_strings strings;
	VEC(struct built_type) types; // id - 1
	struct map shared;            // hash of a small type to its id
	uint32_t last_struct, last_enum, last_proto, last_datasec;
	VEC(uint32_t) map_vars;
	VEC(uint32_t) map_sizes;
};

struct btf_builder *btf_builder_new(struct arena *arena)
{
	struct btf_builder *b = ARENA_NEW(arena, struct btf_builder);
	b->arena = arena;
	btf_strings_init(&b->strings, arena);
	map_init(&b->shared, arena);
	return b;
}

uint32_t btf_add_string(struct btf_builder *b, const char *text)
{
	return btf_strings_add(&b->strings, text);
}

static struct built_type *type_at(struct btf_builder *b, uint32_t id)
{
	assert(id && id <= b->types.len && "a type that was added");
	return &b->types.data[id - 1];
}

static uint32_t add_type(struct btf_builder *b, enum btf_kind kind, const char *name,
			 uint32_t third)
{
	struct built_type type = {.kind = kind, .name = btf_add_string(b, name), .third = third};
	vec_push(b->arena, &b->types, type);
	return b->types.len;
}

static void add_word(struct btf_builder *b, uint32_t id, uint32_t word)
{
	struct built_type *type = type_at(b, id);
	vec_push(b->arena, &type->words, word);
}

static bool is_equal(const struct built_type *a, const struct built_type *b)
{
	return a->kind == b->kind && a->name == b->name && a->third == b->third &&
	       a->words.len == b->words.len &&
	       (!a->words.len || !memcmp(a->words.data, b->words.data, a->words.len * 4));
}

/* Gives back the type added last in favour of an equal one, if there is one. */
static uint32_t share_last(struct btf_builder *b)
{
	const struct built_type *type = &vec_last(&b->types);
	uint64_t hash = hash_u64((uint64_t)type->kind << 32 | type->name) ^ type->third;
	for (uint32_t i = 0; i < type->words.len; i++)
		hash = hash_u64(hash ^ type->words.data[i]);
	if (hash == UINT64_MAX)
		hash = 0;
	uint64_t *slot = map_insert(&b->shared, hash);
	if (*slot && is_equal(type_at(b, (uint32_t)*slot), type)) {
		b->types.len--;
		return (uint32_t)*slot;
	}
	*slot = b->types.len;
	return b->types.len;
}

uint32_t btf_add_int(struct btf_builder *b, const char *name, uint32_t size, uint32_t encoding)
{
	uint32_t id = add_type(b, BTF_KIND_INT, name, size);
	add_word(b, id, encoding << 24 | size * 8);
	return share_last(b);
}

uint32_t btf_add_pointer(struct btf_builder *b, uint32_t target)
{
	uint32_t id = add_type(b, BTF_KIND_PTR, "", target);
	return target ? share_last(b) : id;
}

uint32_t btf_add_type_tag(struct btf_builder *b, const char *tag, uint32_t target)
{
	return add_type(b, BTF_KIND_TYPE_TAG, tag, target);
}

uint32_t btf_add_array(struct btf_builder *b, uint32_t element, uint32_t index_type, uint32_t count)
{
	uint32_t id = add_type(b, BTF_KIND_ARRAY, "", 0);
	add_word(b, id, element);
	add_word(b, id, index_type);
	add_word(b, id, count);
	return share_last(b);
}

uint32_t btf_add_struct(struct btf_builder *b, const char *name, uint32_t size, bool is_union)
{
	b->last_struct = add_type(b, is_union ? BTF_KIND_UNION : BTF_KIND_STRUCT, name, size);
	return b->last_struct;
}

/* Counts one more item of a type; false when the format has no room for it. */
static bool count_item(struct btf_builder *b, uint32_t id)
{
	struct built_type *type = type_at(b, id);
	if (type->count == BTF_MAX_ITEMS)
		return false;
	type->count++;
	return true;
}

void btf_add_member(struct btf_builder *b, const char *name, uint32_t type, uint32_t bit_offset,
		    uint32_t bit_size)
{
	if (!count_item(b, b->last_struct))
		return;
	add_word(b, b->last_struct, btf_add_string(b, name));
	add_word(b, b->last_struct, type);
	add_word(b, b->last_struct, bit_size << 24 | bit_offset);
	if (bit_size)
		type_at(b, b->last_struct)->flag = true;
}

uint32_t btf_add_enum(struct btf_builder *b, const char *name, uint32_t size, bool is_signed)
{
	b->last_enum = add_type(b, size == 8 ? BTF_KIND_ENUM64 : BTF_KIND_ENUM, name, size);
	type_at(b, b->last_enum)->flag = is_signed;
	return b->last_enum;
}

void btf_add_enumerator(struct btf_builder *b, const char *name, uint64_t value)
{
	if (!count_item(b, b->last_enum))
		return;
	add_word(b, b->last_enum, btf_add_string(b, name));
	add_word(b, b->last_enum, (uint32_t)value);
	if (type_at(b, b->last_enum)->kind == BTF_KIND_ENUM64)
		add_word(b, b->last_enum, (uint32_t)(value >> 32));
}

uint32_t btf_add_func_proto(struct btf_builder *b, uint32_t result)
{
	b->last_proto = add_type(b, BTF_KIND_FUNC_PROTO, "", result);
	return b->last_proto;
}

void btf_add_param(struct btf_builder *b, const char *name, uint32_t type)
{
	if (!count_item(b, b->last_proto))
		return;
	add_word(b, b->last_proto, btf_add_string(b, name));
	add_word(b, b->last_proto, type);
}

uint32_t btf_add_func(struct btf_builder *b, const char *name, uint32_t proto, uint32_t linkage)
{
	uint32_t id = add_type(b, BTF_KIND_FUNC, name, proto);
	type_at(b, id)->count = linkage;
	return id;
}

void btf_set_linkage(struct btf_builder *b, uint32_t func, uint32_t linkage)
{
	type_at(b, func)->count = linkage;
}

uint32_t btf_add_var(struct btf_builder *b, const char *name, uint32_t type, uint32_t linkage)
{
	uint32_t id = add_type(b, BTF_KIND_VAR, name, type);
	add_word(b, id, linkage);
	return id;
}

uint32_t btf_add_datasec(struct btf_builder *b, const char *name, uint32_t size)
{
	b->last_datasec = add_type(b, BTF_KIND_DATASEC, name, size);
	return b->last_datasec;
}

void btf_add_secinfo(struct btf_builder *b, uint32_t var, uint32_t offset, uint32_t size)
{
	if (!count_item(b, b->last_datasec))
		return;
	add_word(b, b->last_datasec, var);
	add_word(b, b->last_datasec, offset);
	add_word(b, b->last_datasec, size);
}

void btf_set_target(struct btf_builder *b, uint32_t pointer, uint32_t target)
{
	type_at(b, pointer)->third = target;
}

/* Pointer to an array of `number` ints. */
static uint32_t number_type(struct btf_builder *b, uint32_t number)
{
	uint32_t element = btf_add_int(b, "int", 4, BTF_INT_IS_SIGNED);
	uint32_t index = btf_add_int(b, "__ARRAY_SIZE_TYPE__", 4, 0);
	return btf_add_pointer(b, btf_add_array(b, element, index, number));
}

/* What the maps in a map of maps are like, as libbpf wants it: an array, without elements, of pointers to
 * the definition. */
static uint32_t add_inner(struct btf_builder *b, const struct btf_map *map)
{
	const struct {
		const char *name;
		uint32_t number;
	} members[] = {
		{"type", map->inner.type},
		{"key_size", map->inner.key_size},
		{"value_size", map->inner.value_size},
		{"max_entries", map->inner.max_entries},
		{"map_flags", map->inner.flags},
	};
	uint32_t count = 0, ids[5];
	for (uint32_t i = 0; i < 5; i++)
		ids[i] = members[i].number ? number_type(b, members[i].number) : 0;
	uint32_t definition = btf_add_struct(b, "", 0, false);
	for (uint32_t i = 0; i < 5; i++)
		if (ids[i])
			btf_add_member(b, members[i].name, ids[i], count++ * 64, 0);
	type_at(b, definition)->third = count * 8;
	uint32_t pointer = btf_add_pointer(b, definition);
	return btf_add_array(b, pointer, btf_add_int(b, "__ARRAY_SIZE_TYPE__", 4, 0), 0);
}

uint32_t btf_add_map(struct btf_builder *b, const struct btf_map *map)
{
	struct {
		const char *name;
		uint32_t type; // 0: left out
	} members[] = {
		{"type", number_type(b, map->type)},
		{"key", map->key ? btf_add_pointer(b, map->key) : 0},
		{"value", map->value ? btf_add_pointer(b, map->value) : 0},
		{"max_entries", map->max_entries ? number_type(b, map->max_entries) : 0},
		{"map_flags", map->flags ? number_type(b, map->flags) : 0},
		{"numa_node", map->numa_node ? number_type(b, map->numa_node) : 0},
		{"pinning", map->is_pinned ? number_type(b, 1) : 0},
		{"values", map->inner.type ? add_inner(b, map) : 0}, // must be the last one
	};
	uint32_t count = 0, definition = btf_add_struct(b, "", 0, false);
	for (uint32_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		if (members[i].type)
			btf_add_member(b, members[i].name, members[i].type, count++ * 64, 0);
	}
	if (map->inner.type) // which takes no room
		count--;
	type_at(b, definition)->third = count * 8;
	uint32_t var = btf_add_var(b, map->name, definition, BTF_LINKAGE_GLOBAL);
	vec_push(b->arena, &b->map_vars, var);
	vec_push(b->arena, &b->map_sizes, count * 8);
	return var;
}

void btf_add_map_section(struct btf_builder *b)
{
	if (!b->map_vars.len)
		return;
	btf_add_datasec(b, ".maps", b->map_vars.len * BTF_MAP_STRIDE);
	for (uint32_t i = 0; i < b->map_vars.len; i++)
		btf_add_secinfo(b, b->map_vars.data[i], i * BTF_MAP_STRIDE, b->map_sizes.data[i]);
}

void btf_write(const struct btf_builder *b, struct buf *out)
{
	uint32_t type_bytes = 0;
	for (uint32_t i = 0; i < b->types.len; i++)
		type_bytes += 12 + b->types.data[i].words.len * 4;
	buf_add_u16(out, BTF_MAGIC);
	buf_add_char(out, BTF_VERSION);
	buf_add_char(out, 0);
	buf_add_u32(out, BTF_HEADER_BYTES);
	buf_add_u32(out, 0);
	buf_add_u32(out, type_bytes);
	buf_add_u32(out, type_bytes);
	buf_add_u32(out, b->strings.bytes.len);
	for (uint32_t i = 0; i < b->types.len; i++) {
		const struct built_type *type = &b->types.data[i];
		buf_add_u32(out, type->name);
		buf_add_u32(out,
			    (uint32_t)type->flag << BTF_FLAG_BIT | type->kind << 24 | type->count);
		buf_add_u32(out, type->third);
		for (uint32_t w = 0; w < type->words.len; w++)
			buf_add_u32(out, type->words.data[w]);
	}
	buf_add(out, b->strings.bytes.data, b->strings.bytes.len);
}
