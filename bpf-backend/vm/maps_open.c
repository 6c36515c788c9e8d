/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps of an object: definitions in the section .maps, whose numbers BTF carries as array
 * lengths, and one map for each section of global variables. The format of the definitions is
 * libbpf's (its README and bpf_helpers.h, 1.1).
 */
#include <string.h>

#include "bpf-backend/vm/machine.h"

enum { MAX_MAP_BYTES = 1 << 30 };

static struct vm_map *new_map(struct vm *vm, const char *name)
{
	struct vm_map *map = ARENA_NEW(&vm->arena, struct vm_map);
	map->vm = vm;
	map->info.name = name;
	map->info.copies = 1;
	vec_push(&vm->arena, &vm->maps, map);
	return map;
}

static const char *after_dot(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(text, prefix, len) || (text[len] && text[len] != '.') ? NULL : text;
}

/* A section of globals becomes an array with one value. */
static bool add_data_section(struct vm *vm, uint32_t index, struct buf *why)
{
	const struct elf_section *s = &vm->elf.sections[index];
	bool is_data = after_dot(s->name, ".data"), is_constant = after_dot(s->name, ".rodata");
	if (!s->size || !(s->flags & ELF_ALLOC) ||
	    (!is_data && !is_constant && !after_dot(s->name, ".bss")))
		return true;
	if (s->size > MAX_MAP_BYTES) {
		buf_printf(why, "section %s is too large", s->name);
		return false;
	}
	struct vm_map *map = new_map(vm, s->name);
	map->info.type = 2;
	map->info.key_size = 4;
	map->info.value_size = (uint32_t)s->size;
	map->info.max_entries = 1;
	map->info.is_data = true;
	map->is_read_only = is_constant;
	map->section = index;
	if (!vm_map_create(map, why))
		return false;
	if (s->data)
		memcpy(map->values, s->data, s->size);
	return true;
}

static uint32_t strip_modifiers(const struct btf *btf, uint32_t id)
{
	for (int i = 0; id && i < 32; i++) {
		struct btf_type type = btf_get_type(btf, id);
		if (type.kind != BTF_KIND_TYPEDEF && type.kind != BTF_KIND_VOLATILE &&
		    type.kind != BTF_KIND_CONST && type.kind != BTF_KIND_RESTRICT &&
		    type.kind != BTF_KIND_TYPE_TAG)
			break;
		id = type.type;
	}
	return id;
}

static uint64_t size_of(const struct btf *btf, uint32_t id, int depth)
{
	id = strip_modifiers(btf, id);
	if (!id || depth > 32)
		return 0;
	struct btf_type type = btf_get_type(btf, id);
	if (type.kind == BTF_KIND_PTR)
		return 8;
	if (type.kind != BTF_KIND_ARRAY)
		return type.size;
	uint32_t element, index, count;
	btf_get_array(&type, &element, &index, &count);
	uint64_t size = size_of(btf, element, depth + 1) * count;
	return size > UINT32_MAX ? UINT32_MAX : size;
}

/* Number in a member `int (*name)[N]`. */
static uint32_t number_in(const struct btf *btf, uint32_t id)
{
	uint32_t element, index, count = 0;
	id = strip_modifiers(btf, id);
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	if (!id || type.kind != BTF_KIND_PTR || !(id = strip_modifiers(btf, type.type)))
		return 0;
	type = btf_get_type(btf, id);
	if (type.kind == BTF_KIND_ARRAY)
		btf_get_array(&type, &element, &index, &count);
	return count;
}

/* Size of what a member `T *name` points to. */
static uint32_t size_in(const struct btf *btf, uint32_t id)
{
	id = strip_modifiers(btf, id);
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	return id && type.kind == BTF_KIND_PTR ? (uint32_t)size_of(btf, type.type, 0) : 0;
}

static void read_member(struct vm_map *map, const struct btf *btf, const struct btf_item *member)
{
	const struct {
		const char *name;
		uint32_t *to;
		bool is_type;
	} members[] = {
		{"type", &map->info.type, false},
		{"key_size", &map->info.key_size, false},
		{"value_size", &map->info.value_size, false},
		{"max_entries", &map->info.max_entries, false},
		{"map_flags", &map->info.flags, false},
		{"key", &map->info.key_size, true},
		{"value", &map->info.value_size, true},
	};
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		if (!strcmp(member->name, members[i].name))
			*members[i].to = members[i].is_type ? size_in(btf, member->type)
							    : number_in(btf, member->type);
	}
	if (!strcmp(member->name, "values"))
		map->values_offset = member->bit_offset / 8;
}

static bool add_map(struct vm *vm, const struct elf_symbol *symbol, struct buf *why)
{
	const struct btf *btf = &vm->btf;
	uint32_t var = vm->has_btf ? btf_find(btf, BTF_KIND_VAR, symbol->name) : 0;
	uint32_t id = var ? strip_modifiers(btf, btf_get_type(btf, var).type) : 0;
	if (!id || btf_get_type(btf, id).kind != BTF_KIND_STRUCT) {
		buf_printf(why, "BTF does not describe the map `%s`", symbol->name);
		return false;
	}
	struct btf_type type = btf_get_type(btf, id);
	struct vm_map *map = new_map(vm, symbol->name);
	map->section = symbol->section;
	map->section_offset = (uint32_t)symbol->value;
	for (uint32_t i = 0; i < type.count; i++) {
		struct btf_item member = btf_get_item(btf, &type, i);
		read_member(map, btf, &member);
	}
	return vm_map_create(map, why);
}

static bool is_map(const struct vm *vm, const struct elf_symbol *s)
{
	return s->section < vm->elf.section_count && s->type == ELF_OBJECT &&
	       !strcmp(vm->elf.sections[s->section].name, ".maps");
}

bool vm_open_maps(struct vm *vm, struct buf *why)
{
	bool ok = true;
	for (uint32_t i = 0; ok && i < vm->elf.symbol_count && vm->maps.len <= VM_MAPS; i++) {
		if (is_map(vm, &vm->elf.symbols[i]))
			ok = add_map(vm, &vm->elf.symbols[i], why);
	}
	for (uint32_t i = 0; ok && i < vm->elf.section_count && vm->maps.len <= VM_MAPS; i++)
		ok = add_data_section(vm, i, why);
	if (ok && vm->maps.len > VM_MAPS)
		buf_printf(why, "it has more than %d maps", VM_MAPS);
	return ok && vm->maps.len <= VM_MAPS;
}

struct vm_map *vm_map_at_symbol(struct vm *vm, const struct elf_symbol *symbol)
{
	for (uint32_t i = 0; i < vm->maps.len; i++) {
		struct vm_map *map = vm->maps.data[i];
		if (map->section == symbol->section &&
		    (map->info.is_data || map->section_offset == symbol->value))
			return map;
	}
	return NULL;
}
