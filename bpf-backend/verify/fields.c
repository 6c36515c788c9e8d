/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Special fields: locks, timers, pointers of the kernel, lists and trees inside of map values and
 * allocated objects, found by the names and tags of their types. After btf_parse_fields(),
 * kernel/bpf/btf.c, Linux 6.12.
 */
#include <string.h>

#include "bpf-backend/verify/inside.h"

enum { MAX_FIELDS = 11, MAX_DEPTH = 8 }; // BTF_FIELDS_MAX

static const struct {
	const char *type; // of the struct
	const char *name; // for messages
	uint32_t size;
} kinds[FIELD_KIND_COUNT] = {
	[FIELD_SPIN_LOCK] = {"bpf_spin_lock", "lock", 4},
	[FIELD_RES_SPIN_LOCK] = {"bpf_res_spin_lock", "lock", 4},
	[FIELD_TIMER] = {"bpf_timer", "timer", 16},
	[FIELD_WORKQUEUE] = {"bpf_wq", "work queue", 16},
	[FIELD_TASK_WORK] = {"bpf_task_work", "task work", 8},
	[FIELD_KPTR] = {NULL, "pointer of the kernel", 8},
	[FIELD_KPTR_REF] = {NULL, "pointer of the kernel", 8},
	[FIELD_KPTR_PERCPU] = {NULL, "per-CPU pointer", 8},
	[FIELD_UPTR] = {NULL, "pointer of a user", 8},
	[FIELD_LIST_HEAD] = {"bpf_list_head", "list head", 16},
	[FIELD_LIST_NODE] = {"bpf_list_node", "list node", 24},
	[FIELD_RB_ROOT] = {"bpf_rb_root", "tree root", 16},
	[FIELD_RB_NODE] = {"bpf_rb_node", "tree node", 32},
	[FIELD_REFCOUNT] = {"bpf_refcount", "reference count", 4},
};

const char *verify_field_name(enum field_kind kind)
{
	return kinds[kind].name;
}

struct search {
	struct verifier *v;
	const struct btf *btf;
	struct field found[MAX_FIELDS];
	uint32_t count;
};

static void add(struct search *s, const struct field *f)
{
	if (s->count < MAX_FIELDS)
		s->found[s->count++] = *f;
}

/* `contains:type:member` on the declaration of a list head: the type of its elements. */
static bool find_element(struct search *s, uint32_t owner, uint32_t member, struct field *f)
{
	const struct btf *btf = s->btf;
	for (uint32_t id = 1; id <= btf->type_count; id++) {
		char name[128];
		if (btf_kind_of(btf, id) != BTF_KIND_DECL_TAG)
			continue;
		struct btf_type tag = btf_get_type(btf, id);
		int32_t index;
		memcpy(&index, tag.data, sizeof index);
		if (tag.type != owner || index != (int32_t)member ||
		    strncmp(tag.name, "contains:", 9))
			continue;
		const char *type_name = tag.name + 9, *colon = strchr(type_name, ':');
		if (!colon || (size_t)(colon - type_name) >= sizeof name)
			return false;
		memcpy(name, type_name, (size_t)(colon - type_name));
		name[colon - type_name] = 0;
		f->btf = btf;
		f->type = btf_find(btf, BTF_KIND_STRUCT, name);
		struct btf_type type = f->type ? btf_get_type(btf, f->type) : (struct btf_type){0};
		for (uint32_t i = 0; i < type.count; i++) {
			struct btf_item item = btf_get_item(btf, &type, i);
			if (!strcmp(item.name, colon + 1))
				f->node_offset = item.bit_offset / 8;
		}
		return f->type;
	}
	return false;
}

/* A tagged pointer. */
static void look_at_pointer(struct search *s, uint32_t id, uint32_t offset)
{
	static const struct {
		const char *tag;
		enum field_kind kind;
	} tags[] = {{"kptr_untrusted", FIELD_KPTR},
		    {"kptr", FIELD_KPTR_REF},
		    {"percpu_kptr", FIELD_KPTR_PERCPU},
		    {"uptr", FIELD_UPTR}};
	struct btf_type pointer = btf_get_type(s->btf, id);
	struct btf_type tag =
		pointer.type ? btf_get_type(s->btf, pointer.type) : (struct btf_type){0};
	if (tag.kind != BTF_KIND_TYPE_TAG)
		return;
	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		if (strcmp(tag.name, tags[i].tag))
			continue;
		struct field f = {.kind = tags[i].kind, .offset = offset, .size = 8};
		uint32_t target = program_strip(s->btf, tag.type);
		if (!target || btf_kind_of(s->btf, target) != BTF_KIND_STRUCT)
			return; // of a struct only declared the kernel makes a map without types
		const char *name = btf_get_type(s->btf, target).name;
		// A type of the kernel has its size there; one of the program is its own.
		f.btf = s->v->types;
		f.type = f.btf ? btf_find(f.btf, BTF_KIND_STRUCT, name) : 0;
		if (!f.type) {
			f.btf = s->btf;
			f.type = target;
		}
		if (f.type)
			add(s, &f);
	}
}

static void look_at_struct(struct search *s, uint32_t id, uint32_t offset, int depth);

static void look_at(struct search *s, uint32_t id, uint32_t offset, uint32_t owner, uint32_t member,
		    int depth)
{
	const struct btf *btf = s->btf;
	uint32_t element, index, count = 1, step = 0;
	id = program_strip(btf, id);
	while (id && btf_kind_of(btf, id) == BTF_KIND_ARRAY) {
		struct btf_type array = btf_get_type(btf, id);
		uint32_t here;
		btf_get_array(&array, &element, &index, &here);
		count = here > MAX_FIELDS ? MAX_FIELDS : here * count;
		id = program_strip(btf, element);
	}
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	step = id ? program_type_size(btf, id) : 0;
	for (uint32_t n = 0; n < count && n < MAX_FIELDS; n++) {
		if (kind == BTF_KIND_PTR) {
			look_at_pointer(s, id, offset + n * step);
			continue;
		}
		if (kind != BTF_KIND_STRUCT)
			return;
		const char *name = btf_get_type(btf, id).name;
		unsigned k = 0;
		while (k < FIELD_KIND_COUNT && (!kinds[k].type || strcmp(kinds[k].type, name)))
			k++;
		if (k == FIELD_KIND_COUNT) {
			look_at_struct(s, id, offset + n * step, depth + 1);
			continue;
		}
		struct field f = {.kind = (enum field_kind)k,
				  .offset = offset + n * step,
				  .size = kinds[k].size};
		if ((k == FIELD_LIST_HEAD || k == FIELD_RB_ROOT) &&
		    !find_element(s, owner, member, &f))
			continue;
		add(s, &f);
	}
}

static void look_at_struct(struct search *s, uint32_t id, uint32_t offset, int depth)
{
	struct btf_type type = btf_get_type(s->btf, id);
	if (depth > MAX_DEPTH)
		return;
	for (uint32_t i = 0; i < type.count; i++) {
		struct btf_item item = btf_get_item(s->btf, &type, i);
		if (!item.bit_size)
			look_at(s, item.type, offset + item.bit_offset / 8, id, i, depth);
	}
}

static void look_at_section(struct search *s, uint32_t id)
{
	struct btf_type type = btf_get_type(s->btf, id);
	for (uint32_t i = 0; i < type.count; i++) {
		struct btf_item item = btf_get_item(s->btf, &type, i);
		struct btf_type var = btf_get_type(s->btf, item.type);
		if (var.kind == BTF_KIND_VAR)
			look_at(s, var.type, item.offset, item.type, UINT32_MAX, 0);
	}
}

const struct fields *verify_fields_of_type(struct verifier *v, const struct btf *btf, uint32_t type)
{
	if (!btf || !(type = program_strip(btf, type)) || type > btf->type_count)
		return NULL;
	uint64_t key = hash_u64(MAP_PTR(btf)) ^ type;
	struct fields *fields = map_find_ptr(&v->fields_of, key);
	if (fields)
		return fields;
	struct search s = {.v = v, .btf = btf};
	enum btf_kind kind = btf_kind_of(btf, type);
	if (btf == v->types)
		s.count = 0; // types of the kernel have none
	else if (kind == BTF_KIND_DATASEC)
		look_at_section(&s, type);
	else if (kind == BTF_KIND_STRUCT)
		look_at_struct(&s, type, 0, 0);
	fields = ARENA_NEW(&v->arena, struct fields);
	fields->list = arena_copy(&v->arena, s.found, s.count * sizeof s.found[0]);
	fields->count = s.count;
	map_set_ptr(&v->fields_of, key, fields);
	return fields;
}

const struct fields *verify_fields_of_map(struct verifier *v, const struct program_map *map)
{
	return map->value_type ? verify_fields_of_type(v, v->own, map->value_type) : NULL;
}

const struct fields *verify_fields_of_reg(struct verifier *v, const struct reg *r)
{
	if (r->kind == REG_MAP_VALUE && !(r->flags & REG_NULLABLE))
		return verify_fields_of_map(v, r->map);
	if (r->kind == REG_OBJECT && r->flags & REG_ALLOC)
		return verify_fields_of_type(v, r->btf, r->type);
	return NULL;
}

const struct field *verify_find_field(const struct fields *fields, uint32_t wanted, int64_t offset)
{
	for (uint32_t i = 0; fields && i < fields->count; i++) {
		if (FIELD_BIT(fields->list[i].kind) & wanted && fields->list[i].offset == offset)
			return &fields->list[i];
	}
	return NULL;
}

bool verify_has_field(const struct fields *fields, uint32_t wanted)
{
	for (uint32_t i = 0; fields && i < fields->count; i++) {
		if (FIELD_BIT(fields->list[i].kind) & wanted)
			return true;
	}
	return false;
}
