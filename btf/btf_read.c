/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading sections that anybody may have written. btf_open() walks one and checks all that the
 * other functions rely on: extents, type ids, string offsets. The sections of modules go on in one
 * space of ids: those of a second one are shifted past those of the first. Only little-endian sections are read,
 * byte by byte, so their alignment does not matter.
 */
#include "btf/btf.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum third { NOTHING, SIZE, TYPE };

static const struct {
	const char *name;
	uint8_t fixed, each, third;
} kinds[] = {
#define BTF_KIND(id, number, name, fixed, each, third) [number] = {name, fixed, each, third},
#include "btf/kinds.def"
#undef BTF_KIND
};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0], TYPE_HEADER_BYTES = 12 };

static uint32_t read_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

const char *btf_kind_name(uint32_t kind)
{
	return kind < KIND_COUNT ? kinds[kind].name : NULL;
}

bool btf_kind_extent(uint32_t kind, uint32_t *fixed, uint32_t *each)
{
	if (!btf_kind_name(kind))
		return false;
	*fixed = kinds[kind].fixed;
	*each = kinds[kind].each;
	return true;
}

/* The segment with that id, from 1 to type_count. */
static const struct btf_segment *segment_of(const struct btf *btf, uint32_t id)
{
	uint32_t low = 0, high = btf->module_count;

	if (id <= btf->kernel.count)
		return &btf->kernel;
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;
		if (btf->modules[middle].first <= id)
			low = middle;
		else
			high = middle;
	}
	return &btf->modules[low];
}

static const uint8_t *type_at(const struct btf_segment *s, uint32_t id)
{
	return s->types + s->offsets[id - s->first];
}

/* Text at an offset that the segment gives; NULL when out of bounds. */
static const char *string_at(const struct btf_segment *s, uint32_t offset)
{
	if (s->base) {
		if (offset < s->base->string_bytes)
			return s->base->strings + offset;
		offset -= s->base->string_bytes;
	}
	return offset < s->string_bytes ? s->strings + offset : NULL;
}

static bool has_id(const struct btf_segment *s, uint32_t id)
{
	return id <= s->base_count + s->count;
}

/* What an id in a segment means outside of it. */
static uint32_t id_of(const struct btf_segment *s, uint32_t id)
{
	return id > s->base_count ? id + s->shift : id;
}

const char *btf_find_string(const struct btf *btf, uint32_t offset)
{
	return string_at(&btf->kernel, offset);
}

static int fail(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* Header of the section: where types and strings are. */
static int open_header(struct btf_segment *s, const uint8_t *data, size_t len, uint32_t *type_bytes,
		       const char **why)
{
	if (len < 24 || (data[0] | data[1] << 8) != 0xeb9f)
		return fail(why, "no little-endian BTF header");
	uint64_t header = read_u32(data + 4);
	uint64_t type_off = header + read_u32(data + 8), types = read_u32(data + 12);
	uint64_t str_off = header + read_u32(data + 16), strings = read_u32(data + 20);
	if (header < 24 || type_off + types > len || str_off + strings > len)
		return fail(why, "BTF parts lie outside of the section");
	if (!strings || (data[str_off] && !s->base) || data[str_off + strings - 1])
		return fail(why, "BTF string table does not begin and end with a zero byte");
	s->types = data + type_off;
	s->strings = (const char *)data + str_off;
	s->string_bytes = (uint32_t)strings;
	*type_bytes = (uint32_t)types;
	return 0;
}

/* Finds where each type begins. */
static int index_types(struct btf_segment *s, uint32_t type_bytes, struct arena *arena,
		       const char **why)
{
	VEC(uint32_t) offsets = {0};
	uint64_t at = 0;

	vec_reserve(arena, &offsets,
		    type_bytes / 24 + 8); // a type of a kernel takes about 29 bytes
	while (at < type_bytes) {
		if (type_bytes - at < TYPE_HEADER_BYTES)
			return fail(why, "BTF type is cut off");
		uint32_t info = read_u32(s->types + at + 4), kind = info >> 24 & 31;
		if (kind >= KIND_COUNT || !kinds[kind].name)
			return fail(why, "BTF type of an unknown kind");
		vec_push(arena, &offsets, (uint32_t)at);
		at += TYPE_HEADER_BYTES + kinds[kind].fixed +
		      (uint64_t)(info & 0xffff) * kinds[kind].each;
		if (at > type_bytes)
			return fail(why, "BTF type is cut off");
	}
	s->offsets = offsets.data;
	s->count = offsets.len;
	return 0;
}

static int open_segment(struct btf_segment *s, const void *data, size_t len, struct arena *arena,
			const char **why)
{
	uint32_t type_bytes;
	int err = open_header(s, data, len, &type_bytes, why);

	return err ? err : index_types(s, type_bytes, arena, why);
}

static bool is_valid_item(const struct btf_type *type, const uint8_t *p)
{
	uint32_t first = read_u32(p), second = read_u32(p + 4);
	if (type->kind == BTF_KIND_DATASEC)
		return has_id(type->in, first);
	if (!string_at(type->in, first))
		return false;
	bool has_type = type->kind != BTF_KIND_ENUM && type->kind != BTF_KIND_ENUM64;
	return !has_type || has_id(type->in, second);
}

int btf_check_type(const struct btf *btf, uint32_t id, const char **why)
{
	if (!id || id > btf->type_count)
		return fail(why, "BTF type id does not exist");
	const struct btf_segment *s = segment_of(btf, id);
	const uint8_t *p = type_at(s, id);
	uint32_t kind = read_u32(p + 4) >> 24 & 31;
	if (!string_at(s, read_u32(p)))
		return fail(why, "BTF name lies outside of the string table");
	if (kinds[kind].third == TYPE && !has_id(s, read_u32(p + 8)))
		return fail(why, "BTF type refers to one that does not exist");
	struct btf_type type = btf_get_type(btf, id);
	if (kind == BTF_KIND_ARRAY &&
	    (!has_id(s, read_u32(type.data)) || !has_id(s, read_u32(type.data + 4))))
		return fail(why, "BTF array refers to a type that does not exist");
	for (uint32_t i = 0; kinds[kind].each && i < type.count; i++) {
		if (!is_valid_item(&type, type.data + (size_t)i * kinds[kind].each))
			return fail(why, "BTF item refers to what does not exist");
	}
	return 0;
}

int btf_open_lazily(struct btf *btf, const void *data, size_t len, struct arena *arena,
		    const char **why)
{
	*btf = (struct btf){.kernel = {.first = 1}};
	int err = open_segment(&btf->kernel, data, len, arena, why);

	btf->type_count = btf->kernel.count;
	return err;
}

int btf_open(struct btf *btf, const void *data, size_t len, struct arena *arena, const char **why)
{
	int err = btf_open_lazily(btf, data, len, arena, why);

	for (uint32_t id = 1; !err && id <= btf->type_count; id++)
		err = btf_check_type(btf, id, why);
	return err;
}

bool btf_is_module(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len < 24)
		return false;
	uint64_t strings = (uint64_t)read_u32(p + 4) + read_u32(p + 16);
	return strings < len && p[strings];
}

int btf_add_module(struct btf *btf, const void *data, size_t len, struct arena *arena,
		   const char **why)
{
	struct btf_segment s = {.first = btf->type_count + 1,
				.base_count = btf->kernel.count,
				.shift = btf->type_count - btf->kernel.count,
				.base = &btf->kernel};
	int err = open_segment(&s, data, len, arena, why);

	if (err)
		return err;
	if (!s.count)
		return 0;
	if (s.count > UINT32_MAX / 2 - btf->type_count)
		return fail(why, "there are too many BTF types");
	/* Types point at their segment: those in use stay where they are. */
	struct btf_segment *all = ARENA_ARRAY(arena, struct btf_segment, btf->module_count + 1);
	if (btf->module_count)
		memcpy(all, btf->modules, btf->module_count * sizeof *all);
	all[btf->module_count++] = s;
	btf->modules = all;
	btf->type_count += s.count;
	return 0;
}

uint32_t btf_kind_of(const struct btf *btf, uint32_t id)
{
	return read_u32(type_at(segment_of(btf, id), id) + 4) >> 24 & 31;
}

const char *btf_name_of(const struct btf *btf, uint32_t id)
{
	const struct btf_segment *s = segment_of(btf, id);
	const char *name = string_at(s, read_u32(type_at(s, id)));

	return name ? name : "";
}

struct btf_type btf_get_type(const struct btf *btf, uint32_t id)
{
	assert(id && id <= btf->type_count && "a type id of this section");
	const struct btf_segment *s = segment_of(btf, id);
	const uint8_t *p = type_at(s, id);
	uint32_t info = read_u32(p + 4), third = read_u32(p + 8);
	struct btf_type type = {
		.in = s,
		.kind = (enum btf_kind)(info >> 24 & 31),
		.name = string_at(s, read_u32(p)),
		.count = info & 0xffff,
		.flag = info >> 31,
		.data = p + TYPE_HEADER_BYTES,
	};
	if (kinds[type.kind].third == SIZE)
		type.size = third;
	else if (kinds[type.kind].third == TYPE)
		type.type = id_of(s, third);
	if (type.kind == BTF_KIND_VAR)
		type.linkage = read_u32(type.data);
	if (type.kind == BTF_KIND_FUNC) {
		type.linkage = type.count;
		type.count = 0;
	}
	return type;
}

static uint64_t enumerator_value(const struct btf_type *type, const uint8_t *p)
{
	uint32_t low = read_u32(p + 4);
	if (type->kind == BTF_KIND_ENUM64)
		return (uint64_t)read_u32(p + 8) << 32 | low;
	return type->flag ? (uint64_t)(int64_t)(int32_t)low : low;
}

struct btf_item btf_get_item(const struct btf *btf, const struct btf_type *type, uint32_t index)
{
	(void)btf; // the type knows its section
	assert(index < type->count && kinds[type->kind].each && "an item of the type");
	const uint8_t *p = type->data + (size_t)index * kinds[type->kind].each;
	struct btf_item item = {.name = ""};
	if (type->kind == BTF_KIND_DATASEC) {
		item.type = id_of(type->in, read_u32(p));
		item.offset = read_u32(p + 4);
		item.size = read_u32(p + 8);
		return item;
	}
	item.name = string_at(type->in, read_u32(p));
	if (type->kind == BTF_KIND_ENUM || type->kind == BTF_KIND_ENUM64) {
		item.value = enumerator_value(type, p);
		return item;
	}
	item.type = id_of(type->in, read_u32(p + 4));
	if (type->kind != BTF_KIND_FUNC_PROTO) {
		uint32_t offset = read_u32(p + 8);
		item.bit_offset = type->flag ? offset & 0xffffff : offset;
		item.bit_size = type->flag ? offset >> 24 : 0;
	}
	return item;
}

uint32_t btf_int_encoding(const struct btf_type *type)
{
	assert(type->kind == BTF_KIND_INT && "an integer");
	return read_u32(type->data) >> 24 & 15;
}

void btf_get_array(const struct btf_type *type, uint32_t *element, uint32_t *index_type,
		   uint32_t *count)
{
	assert(type->kind == BTF_KIND_ARRAY && "an array");
	*element = id_of(type->in, read_u32(type->data));
	*index_type = id_of(type->in, read_u32(type->data + 4));
	*count = read_u32(type->data + 8);
}

/* A name to look for: most others differ in the first four bytes, which are compared at once. */
struct wanted {
	const char *text;
	size_t len; // with the NUL
	uint32_t head;
};

static uint32_t head_of(const char *text, size_t len)
{
	uint32_t head = 0;

	memcpy(&head, text, len < sizeof head ? len : sizeof head);
	return head;
}

static struct wanted make_wanted(const char *text)
{
	size_t len = strlen(text) + 1;

	return (struct wanted){text, len, head_of(text, len)};
}

static bool has_name(const struct btf_segment *s, uint32_t offset, const struct wanted *wanted)
{
	if (s->base) {
		const char *text = string_at(s, offset);
		return text && !strcmp(text, wanted->text);
	}
	if (offset >= s->string_bytes || s->string_bytes - offset < wanted->len)
		return false;
	const char *name = s->strings + offset;
	uint32_t head;
	if (wanted->len >= sizeof head) {
		memcpy(&head, name, sizeof head);
		if (head != wanted->head)
			return false;
	}
	return !memcmp(name, wanted->text, wanted->len);
}

/* Segment by number: the kernel's, then those of the modules; NULL past the end. */
static const struct btf_segment *segment_at(const struct btf *btf, uint32_t number)
{
	return !number                       ? &btf->kernel
	       : number <= btf->module_count ? &btf->modules[number - 1]
					     : NULL;
}

uint32_t btf_find_next(const struct btf *btf, uint32_t kinds_wanted, const char *name,
		       uint32_t after)
{
	struct wanted wanted = make_wanted(name);
	const struct btf_segment *s;

	for (uint32_t n = 0; (s = segment_at(btf, n)); n++) {
		uint32_t id = after + 1 > s->first ? after + 1 : s->first;
		for (; id < s->first + s->count; id++) {
			const uint8_t *p = type_at(s, id);
			if (kinds_wanted >> (read_u32(p + 4) >> 24 & 31) & 1 &&
			    has_name(s, read_u32(p), &wanted))
				return id;
		}
	}
	return 0;
}

uint32_t btf_find(const struct btf *btf, enum btf_kind kind, const char *name)
{
	return btf_find_next(btf, 1u << kind, name, 0);
}

/* Calls `take` for every constant of every enum until it says true; the id of that enum, else 0. */
static uint32_t
walk_enumerators(const struct btf *btf,
		 bool (*take)(void *data, const struct btf_segment *s, uint32_t name), void *data)
{
	const struct btf_segment *s;

	for (uint32_t n = 0; (s = segment_at(btf, n)); n++)
		for (uint32_t id = s->first; id < s->first + s->count; id++) {
			const uint8_t *p = type_at(s, id);
			uint32_t info = read_u32(p + 4), kind = info >> 24 & 31;
			if (kind != BTF_KIND_ENUM && kind != BTF_KIND_ENUM64)
				continue;
			p += TYPE_HEADER_BYTES;
			for (uint32_t i = 0; i < (info & 0xffff); i++, p += kinds[kind].each)
				if (take(data, s, read_u32(p)))
					return id;
		}
	return 0;
}

static bool is_wanted(void *data, const struct btf_segment *s, uint32_t name)
{
	return has_name(s, name, data);
}

uint32_t btf_find_enumerator(const struct btf *btf, const char *name)
{
	struct wanted wanted = make_wanted(name);

	return walk_enumerators(btf, is_wanted, &wanted);
}

struct name_taker {
	void (*take)(void *data, const char *name);
	void *data;
};

static bool give_name(void *data, const struct btf_segment *s, uint32_t offset)
{
	const struct name_taker *t = data;
	const char *name = string_at(s, offset);

	if (name)
		t->take(t->data, name);
	return false;
}

void btf_each_enumerator(const struct btf *btf, void (*take)(void *data, const char *name),
			 void *data)
{
	struct name_taker t = {take, data};

	walk_enumerators(btf, give_name, &t);
}
