/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps of an object: definitions in the section .maps, whose numbers BTF carries as array
 * lengths, one map for each section of global variables, and the structs of .struct_ops, which name
 * the programs of a kernel interface.
 */
#include <string.h>

#include "bpf-backend/program/inside.h"

enum {
	MAP_ARRAY = 2,
	MAP_STRUCT_OPS = 26,
	MAP_ARENA = 33,
	MAX_MAPS = 4096,
	BPF_F_MMAPABLE = 1 << 10,
	BPF_F_RDONLY_PROG = 1 << 7,
};

static struct program_map *new_map(struct program_object *object, const char *name)
{
	struct program_map *map = ARENA_NEW(&object->arena, struct program_map);
	map->name = name;
	vec_push(&object->arena, &object->maps, map);
	return map;
}

static bool has_prefix(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);
	return !strncmp(text, prefix, len) && (!text[len] || text[len] == '.');
}

/* ---- globals ---- */

static void add_data_section(struct program_object *object, uint32_t index)
{
	const struct elf_section *s = &object->elf.sections[index];
	bool is_data = has_prefix(s->name, ".data"), is_constant = has_prefix(s->name, ".rodata");
	bool is_arena = !strcmp(s->name, ".addr_space.1");
	if (!s->size || s->size > 1 << 30 || !(s->flags & ELF_ALLOC) || is_arena ||
	    (!is_data && !is_constant && !has_prefix(s->name, ".bss")))
		return;
	struct program_map *map = new_map(object, s->name);
	map->type = MAP_ARRAY;
	map->key_size = 4;
	map->value_size = (uint32_t)s->size;
	map->max_entries = 1;
	map->is_data = true;
	map->is_read_only = is_constant;
	map->flags = BPF_F_MMAPABLE | (is_constant ? BPF_F_RDONLY_PROG : 0);
	map->section = index;
	map->data = s->data ? s->data : arena_alloc(&object->arena, s->size);
	map->is_big_endian = s->is_big_endian;
	if (object->has_btf)
		map->value_type = btf_find(&object->btf, BTF_KIND_DATASEC, s->name);
}

/* ---- definitions ---- */

/* Number in a member `int (*name)[N]`. */
static uint32_t number_in(const struct btf *btf, uint32_t id)
{
	uint32_t element, index, count = 0;
	id = program_strip(btf, id);
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	if (!id || type.kind != BTF_KIND_PTR || !(id = program_strip(btf, type.type)))
		return 0;
	type = btf_get_type(btf, id);
	if (type.kind == BTF_KIND_ARRAY)
		btf_get_array(&type, &element, &index, &count);
	return count;
}

/* Id of what a member `T *name` points to. */
static uint32_t target_of(const struct btf *btf, uint32_t id)
{
	id = program_strip(btf, id);
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	return id && type.kind == BTF_KIND_PTR ? type.type : 0;
}

/* A number in an enum's value: `enum { name##__unique = N } name`. */
static uint64_t enum_number(const struct btf *btf, uint32_t id)
{
	id = program_strip(btf, id);
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	if (!id || (type.kind != BTF_KIND_ENUM64 && type.kind != BTF_KIND_ENUM) || !type.count)
		return 0;
	return btf_get_item(btf, &type, 0).value;
}

static void read_struct(struct program_object *object, struct program_map *map, uint32_t id,
			int depth);

/* `values`: an array of pointers to maps or programs. */
static void read_values(struct program_object *object, struct program_map *map,
			const struct btf_item *member, int depth)
{
	const struct btf *btf = &object->btf;
	uint32_t element, index, count, id = program_strip(btf, member->type);
	map->values_offset = member->bit_offset / 8;
	if (!id || btf_kind_of(btf, id) != BTF_KIND_ARRAY || depth)
		return;
	struct btf_type type = btf_get_type(btf, id);
	btf_get_array(&type, &element, &index, &count);
	id = program_strip(btf, target_of(btf, element));
	map->key_size = 4;
	map->value_size = 4;
	if (!id || btf_kind_of(btf, id) != BTF_KIND_STRUCT)
		return;
	struct program_map *inner = ARENA_NEW(&object->arena, struct program_map);
	inner->name = "";
	read_struct(object, inner, id, depth + 1);
	map->inner = inner;
}

static void read_member(struct program_object *object, struct program_map *map,
			const struct btf_item *member, int depth)
{
	const struct btf *btf = &object->btf;
	const struct {
		const char *name;
		uint32_t *to;
	} numbers[] = {
		{"type", &map->type},
		{"key_size", &map->key_size},
		{"value_size", &map->value_size},
		{"max_entries", &map->max_entries},
		{"map_flags", &map->flags},
	};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (!strcmp(member->name, numbers[i].name))
			*numbers[i].to = number_in(btf, member->type);
	}
	if (!strcmp(member->name, "key")) {
		map->key_type = target_of(btf, member->type);
		map->key_size = program_type_size(btf, map->key_type);
	} else if (!strcmp(member->name, "value")) {
		map->value_type = target_of(btf, member->type);
		map->value_size = program_type_size(btf, map->value_type);
	} else if (!strcmp(member->name, "map_extra")) {
		map->extra = number_in(btf, member->type);
		if (!map->extra)
			map->extra = enum_number(btf, member->type);
	} else if (!strcmp(member->name, "values")) {
		read_values(object, map, member, depth);
	}
}

static void read_struct(struct program_object *object, struct program_map *map, uint32_t id,
			int depth)
{
	struct btf_type type = btf_get_type(&object->btf, id);
	for (uint32_t i = 0; i < type.count; i++) {
		struct btf_item member = btf_get_item(&object->btf, &type, i);
		read_member(object, map, &member, depth);
	}
}

static bool add_map(struct program_object *object, const struct elf_symbol *symbol, struct buf *why)
{
	const struct btf *btf = &object->btf;
	uint32_t var = object->has_btf ? btf_find(btf, BTF_KIND_VAR, symbol->name) : 0;
	uint32_t id = var ? program_strip(btf, btf_get_type(btf, var).type) : 0;
	if (!id || btf_kind_of(btf, id) != BTF_KIND_STRUCT) {
		buf_printf(why, "BTF does not describe the map `%s`", symbol->name);
		return false;
	}
	struct program_map *map = new_map(object, symbol->name);
	map->section = symbol->section;
	map->offset = (uint32_t)symbol->value;
	read_struct(object, map, id, 0);
	return true;
}

/* ---- interfaces of the kernel ---- */

/* Programs that the members of a struct point to belong to those members. */
static void add_struct_ops(struct program_object *object, uint32_t section)
{
	const struct btf *btf = &object->btf;
	const struct elf_section *s = &object->elf.sections[section];
	uint32_t id = object->has_btf ? btf_find(btf, BTF_KIND_DATASEC, s->name) : 0;
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	for (uint32_t i = 0; i < type.count; i++) {
		struct btf_item item = btf_get_item(btf, &type, i);
		struct btf_type var = btf_get_type(btf, item.type);
		uint32_t target = var.kind == BTF_KIND_VAR ? program_strip(btf, var.type) : 0;
		if (!target || btf_kind_of(btf, target) != BTF_KIND_STRUCT)
			continue;
		struct program_map *map = new_map(object, var.name);
		map->type = MAP_STRUCT_OPS;
		map->key_size = 4;
		map->value_size = item.size;
		map->max_entries = 1;
		map->value_type = target;
		map->is_struct_ops = true;
		map->section = section;
		map->offset = item.offset; // which compilers leave 0: the symbol knows
		for (uint32_t k = 0; k < object->elf.symbol_count; k++) {
			const struct elf_symbol *symbol = &object->elf.symbols[k];
			if (symbol->section == section && !strcmp(symbol->name, var.name))
				map->offset = (uint32_t)symbol->value;
		}
	}
}

/* Index of a member of the kernel's struct, and that struct. */
static bool find_operation(const struct program_object *object, uint32_t type, uint64_t offset,
			   uint32_t *kernel_type, uint32_t *index)
{
	const struct btf *btf = &object->btf, *kernel = object->options.kernel;
	struct btf_type own = btf_get_type(btf, type);
	const char *member = NULL, *mark = strstr(own.name, "___");
	char name[128];
	size_t len = mark ? (size_t)(mark - own.name) : strlen(own.name);
	for (uint32_t i = 0; i < own.count; i++) {
		struct btf_item item = btf_get_item(btf, &own, i);
		if (item.bit_offset == offset * 8)
			member = item.name;
	}
	if (!member || !kernel || len >= sizeof name)
		return false;
	memcpy(name, own.name, len);
	name[len] = 0;
	*kernel_type = btf_find(kernel, BTF_KIND_STRUCT, name);
	struct btf_type target =
		*kernel_type ? btf_get_type(kernel, *kernel_type) : (struct btf_type){0};
	for (*index = 0; *index < target.count; ++*index) {
		if (!strcmp(btf_get_item(kernel, &target, *index).name, member))
			return true;
	}
	return false;
}

void program_find_operations(struct program_object *object)
{
	for (uint32_t i = 0; i < object->elf.section_count; i++) {
		const struct elf_section *table = &object->elf.sections[i];
		struct elf_relocation r;
		if (table->info >= object->elf.section_count ||
		    !has_prefix(object->elf.sections[table->info].name, ".struct_ops"))
			continue;
		for (uint32_t k = 0; elf_get_relocation(table, k, &r); k++) {
			const struct elf_symbol *s = r.symbol < object->elf.symbol_count
							     ? &object->elf.symbols[r.symbol]
							     : NULL;
			for (uint32_t m = 0; s && m < object->maps.len; m++) {
				const struct program_map *map = object->maps.data[m];
				if (!map->is_struct_ops || map->section != table->info ||
				    r.offset < map->offset ||
				    r.offset >= map->offset + map->value_size)
					continue;
				for (uint32_t p = 0; p < object->programs.len; p++) {
					struct program_code *code = &object->programs.data[p];
					if (code->elf_section == s->section &&
					    code->first_record * 8 == s->value)
						find_operation(object, map->value_type,
							       r.offset - map->offset,
							       &code->attach_type_id,
							       &code->attach);
				}
			}
		}
	}
}

bool program_read_maps(struct program_object *object, struct buf *why)
{
	bool ok = true;
	for (uint32_t i = 0; ok && i < object->elf.symbol_count && object->maps.len < MAX_MAPS;
	     i++) {
		const struct elf_symbol *s = &object->elf.symbols[i];
		if (s->section < object->elf.section_count && s->type == ELF_OBJECT &&
		    !strcmp(object->elf.sections[s->section].name, ".maps"))
			ok = add_map(object, s, why);
	}
	for (uint32_t i = 0; ok && i < object->elf.section_count && object->maps.len < MAX_MAPS;
	     i++) {
		add_data_section(object, i);
		if (has_prefix(object->elf.sections[i].name, ".struct_ops"))
			add_struct_ops(object, i);
	}
	return ok;
}

uint32_t program_find_map(const struct program_object *object, const struct elf_symbol *symbol)
{
	const char *section = symbol->section < object->elf.section_count
				      ? object->elf.sections[symbol->section].name
				      : "";
	bool is_arena = !strcmp(section, ".addr_space.1");
	for (uint32_t i = 0; i < object->maps.len; i++) {
		const struct program_map *map = object->maps.data[i];
		if (map->section == symbol->section &&
		    (map->is_data || map->offset == symbol->value))
			return i;
		if (is_arena && map->type == MAP_ARENA)
			return i;
	}
	return UINT32_MAX;
}
