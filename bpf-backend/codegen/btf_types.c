/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTF of an object from the module's debug types: prototypes and functions with parameter names, map
 * definitions, variables of the global sections. Types are made when first needed. Pointers get their
 * targets at the end, which is what lets types refer to themselves. Variables are static, so that
 * libbpf takes offsets from the section entries instead of looking for symbols
 * (btf_fixup_datasec(), libbpf 1.1).
 */
#include <ctype.h>

#include "bpf-backend/codegen/gen.h"

static uint32_t make(struct btf_types *t, const struct ir_dtype *d, uint32_t index);

void btf_types_init(struct btf_types *types, struct ir_module *m, struct arena *arena)
{
	*types = (struct btf_types){.module = m, .builder = btf_builder_new(arena), .arena = arena};
	types->id_of = ARENA_ARRAY(arena, uint32_t, m->dtypes.len + 1);
}

/* The kernel wants identifiers (btf_name_valid_identifier); dots of grouped names go. */
static const char *name_text(struct btf_types *t, symbol name, const char *fallback)
{
	if (!name)
		return fallback;
	const char *text = intern_text(&t->module->compile->names, name);
	char *copy =
		arena_copy_string(t->arena, text, intern_len(&t->module->compile->names, name));
	for (char *c = copy; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			*c = '_';
	if (isdigit((unsigned char)*copy))
		*copy = '_';
	return *copy ? copy : fallback;
}

uint32_t btf_types_get(struct btf_types *t, uint32_t dtype)
{
	if (!dtype || dtype >= t->module->dtypes.len)
		return 0;
	if (!t->id_of[dtype]) {
		uint32_t id = make(t, &t->module->dtypes.data[dtype], dtype);
		t->id_of[dtype] = id + 1;
	}
	return t->id_of[dtype] - 1;
}

static uint32_t *member_types(struct btf_types *t, const struct ir_dtype *d)
{
	uint32_t *ids = ARENA_ARRAY(t->arena, uint32_t, d->member_count + 1);
	for (uint32_t i = 0; i < d->member_count; i++)
		ids[i] = btf_types_get(t, d->members[i].type);
	return ids;
}

static uint32_t make_struct(struct btf_types *t, const struct ir_dtype *d)
{
	uint32_t *ids = member_types(t, d);
	uint32_t id = btf_add_struct(t->builder, name_text(t, d->name, ""), d->size,
				     d->kind == IR_DTYPE_UNION);
	for (uint32_t i = 0; i < d->member_count; i++)
		btf_add_member(t->builder, name_text(t, d->members[i].name, ""), ids[i],
			       d->members[i].bit_offset, d->members[i].bit_size);
	return id;
}

static uint32_t make_enum(struct btf_types *t, const struct ir_dtype *d)
{
	uint32_t id = btf_add_enum(t->builder, name_text(t, d->name, ""), d->size,
				   d->encoding & IR_DTYPE_SIGNED);
	for (uint32_t i = 0; i < d->member_count; i++)
		btf_add_enumerator(t->builder, name_text(t, d->members[i].name, "_"),
				   d->members[i].value);
	return id;
}

static uint32_t make_proto(struct btf_types *t, const struct ir_dtype *d)
{
	uint32_t *ids = member_types(t, d);
	uint32_t result = btf_types_get(t, d->target);
	uint32_t id = btf_add_func_proto(t->builder, result);
	for (uint32_t i = 0; i < d->member_count; i++)
		btf_add_param(t->builder,
			      name_text(t, d->members[i].name, arena_printf(t->arena, "arg%u", i)),
			      ids[i]);
	return id;
}

static uint32_t make(struct btf_types *t, const struct ir_dtype *d, uint32_t index)
{
	switch (d->kind) {
	case IR_DTYPE_VOID:
		return 0;
	case IR_DTYPE_INT:
		return btf_add_int(t->builder, name_text(t, d->name, "int"), d->size, d->encoding);
	case IR_DTYPE_STRUCT:
	case IR_DTYPE_UNION:
		return make_struct(t, d);
	case IR_DTYPE_ENUM:
		return make_enum(t, d);
	case IR_DTYPE_ARRAY: {
		uint32_t element = btf_types_get(t, d->target);
		uint32_t number = btf_add_int(t->builder, "__ARRAY_SIZE_TYPE__", 4, 0);
		return btf_add_array(t->builder, element, number, d->count);
	}
	case IR_DTYPE_POINTER:
		vec_push(t->arena, &t->pointers, index);
		return btf_add_pointer(t->builder, 0);
	case IR_DTYPE_FUNC:
		return make_proto(t, d);
	}
	unreachable("a kind of debug type");
}

/* Prototype of a function without a debug type: all parameters and the result are 64-bit numbers. */
static uint32_t plain_proto(struct btf_types *t, const struct ir_fn *fn)
{
	uint32_t number = btf_add_int(t->builder, "u64", 8, 0);
	uint32_t pointer = btf_add_pointer(t->builder, 0);
	uint32_t id = btf_add_func_proto(t->builder, fn->result == IR_VOID ? 0 : number);
	for (uint32_t i = 0; i < fn->param_count; i++)
		btf_add_param(t->builder, arena_printf(t->arena, "arg%u", i),
			      fn->params[i] == IR_PTR ? pointer : number);
	return id;
}

uint32_t btf_types_add_func(struct btf_types *t, const struct ir_fn *fn)
{
	bool is_known = fn->dtype && t->module->dtypes.data[fn->dtype].kind == IR_DTYPE_FUNC;
	uint32_t proto = is_known ? btf_types_get(t, fn->dtype) : plain_proto(t, fn);
	return btf_add_func(t->builder, name_text(t, fn->name, "_"), proto,
			    fn->program ? BTF_LINKAGE_GLOBAL : BTF_LINKAGE_STATIC);
}

uint32_t btf_types_add_extern(struct btf_types *t, const struct ir_extern *e)
{
	uint32_t id = btf_add_func(t->builder, name_text(t, e->name, "_"),
				   btf_types_get(t, e->dtype), BTF_LINKAGE_EXTERN);
	vec_push(t->arena, &t->externs, id);
	return id;
}

void btf_types_add_ops(struct btf_types *t, const struct ir_ops *ops, uint32_t offset)
{
	uint32_t var = btf_add_var(t->builder, name_text(t, ops->name, "_"),
				   btf_types_get(t, ops->dtype), BTF_LINKAGE_GLOBAL);
	struct btf_section_entry entry = {var, offset, ops->size};
	vec_push(t->arena, &t->ops, entry);
}

/* Type of `size` bytes for a map without a debug type; 0 when the map has no such part. */
static uint32_t bytes_type(struct btf_types *t, uint32_t dtype, uint32_t size)
{
	uint32_t id = btf_types_get(t, dtype);
	if (id || !size)
		return id;
	if (size == 1 || size == 2 || size == 4 || size == 8)
		return btf_add_int(t->builder, arena_printf(t->arena, "u%u", size * 8), size, 0);
	uint32_t byte = btf_add_int(t->builder, "u8", 1, 0);
	uint32_t number = btf_add_int(t->builder, "__ARRAY_SIZE_TYPE__", 4, 0);
	return btf_add_array(t->builder, byte, number, size);
}

uint32_t btf_types_add_map(struct btf_types *t, const struct ir_map *map)
{
	struct btf_map definition = {
		.name = intern_text(&t->module->compile->names, map->name),
		.type = map->type,
		.key = bytes_type(t, map->key_dtype, map->key_size),
		.value = bytes_type(t, map->value_dtype, map->value_size),
		.max_entries = map->max_entries,
		.flags = map->flags,
		.numa_node = map->numa_node,
		.is_pinned = map->is_pinned,
		.inner = {map->inner.type, map->inner.key_size, map->inner.value_size,
			  map->inner.max_entries, map->inner.flags},
	};
	if (map->inner.type)
		definition.value = 0;
	return btf_add_map(t->builder, &definition);
}

static uint32_t member_index(const struct ir_dtype *d, symbol name)
{
	uint32_t i = 0;
	while (i + 1 < d->member_count && d->members[i].name != name)
		i++;
	return i;
}

struct bpf_core btf_types_add_core(struct btf_types *t, const struct ir_core *core)
{
	const struct ir_dtype *d = &t->module->dtypes.data[core->dtype];
	bool is_enum = d->kind == IR_DTYPE_ENUM;
	const char *access = is_enum ? "" : "0";
	for (uint32_t i = 0; i < core->step_count; i++) {
		const struct ir_core_step *step = &core->steps[i];
		uint32_t index = step->name ? member_index(d, step->name) : step->index;
		access = arena_printf(t->arena, "%s%s%u", access, *access ? ":" : "", index);
		uint32_t next = step->name && d->member_count ? d->members[index].type : d->target;
		d = &t->module->dtypes.data[is_enum ? core->dtype : next];
	}
	return (struct bpf_core){.kind = core->kind,
				 .type = btf_types_get(t, core->dtype),
				 .access = *access ? access : "0"};
}

static void add_data_section(struct btf_types *t, const struct bpf_object_section *s,
			     enum ir_section section)
{
	struct ir_module *m = t->module;
	uint32_t *vars = ARENA_ARRAY(t->arena, uint32_t, m->globals.len + 1);
	bool any = false;
	for (uint32_t i = 0; i < m->globals.len; i++) {
		const struct ir_global *g = &m->globals.data[i];
		uint32_t type = btf_types_get(t, g->dtype);
		if (g->section != section || !g->name || !type || !g->size)
			continue;
		vars[i] = btf_add_var(t->builder, name_text(t, g->name, "_"), type,
				      BTF_LINKAGE_STATIC);
		any = true;
	}
	if (!any)
		return;
	btf_add_datasec(t->builder, s->name, s->size);
	for (uint32_t i = 0; i < m->globals.len; i++)
		if (vars[i])
			btf_add_secinfo(t->builder, vars[i], m->globals.data[i].offset,
					m->globals.data[i].size);
}

void btf_types_finish(struct btf_types *t, const struct bpf_object *object)
{
	for (uint32_t i = 0; i < IR_SECTION_COUNT; i++)
		if (object->sections[i].size)
			add_data_section(t, &object->sections[i], (enum ir_section)i);
	btf_add_map_section(t->builder);
	if (t->ops.len)
		btf_add_datasec(t->builder, ".struct_ops",
				vec_last(&t->ops).offset + vec_last(&t->ops).size);
	for (uint32_t i = 0; i < t->ops.len; i++)
		btf_add_secinfo(t->builder, t->ops.data[i].var, t->ops.data[i].offset,
				t->ops.data[i].size);
	if (t->externs.len)
		btf_add_datasec(t->builder, ".ksyms", 0);
	for (uint32_t i = 0; i < t->externs.len; i++)
		btf_add_secinfo(t->builder, t->externs.data[i], 0, 0);
	for (uint32_t i = 0; i < t->pointers.len; i++) { // grows while targets are made
		const struct ir_dtype *d = &t->module->dtypes.data[t->pointers.data[i]];
		uint32_t id = t->id_of[t->pointers.data[i]] - 1;
		uint32_t target = btf_types_get(t, d->target);
		if (d->name)
			target = btf_add_type_tag(t->builder, name_text(t, d->name, ""), target);
		btf_set_target(t->builder, id, target);
	}
}
