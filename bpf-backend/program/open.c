/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of an object to its programs: sections, relocations, functions; then maps (maps.c),
 * records of .BTF.ext (ext.c) and the linking of each program (link.c).
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/program/inside.h"

static bool is_code(const struct elf_section *s)
{
	return s->type == ELF_PROGBITS && (s->flags & ELF_EXEC) && s->data && s->size;
}

const struct source_section *program_source(const struct program_object *object, uint32_t section)
{
	const struct program_sources *all = object->sources;
	for (uint32_t i = 0; i < all->sections.len; i++) {
		if (all->sections.data[i].section == section)
			return &all->sections.data[i];
	}
	return NULL;
}

static void collect_sections(struct program_object *object)
{
	struct program_sources *all = object->sources;
	for (uint32_t i = 0; i < object->elf.section_count; i++) {
		const struct elf_section *elf = &object->elf.sections[i];
		if (!is_code(elf))
			continue;
		struct source_section section = {
			.section = i, .count = (uint32_t)(elf->size / PROGRAM_INSN_BYTES)};
		section.symbol = ARENA_ARRAY(&object->arena, uint32_t, section.count + 1);
		vec_push(&object->arena, &all->sections, section);
	}
	for (uint32_t i = 0; i < object->elf.section_count; i++) {
		const struct elf_section *table = &object->elf.sections[i];
		struct elf_relocation r;
		if (table->type != ELF_REL && table->type != ELF_RELA)
			continue;
		const struct source_section *section = program_source(object, table->info);
		for (uint32_t k = 0; section && elf_get_relocation(table, k, &r); k++) {
			uint64_t record = r.offset / PROGRAM_INSN_BYTES;
			if (record < section->count && r.symbol < object->elf.symbol_count)
				section->symbol[record] = r.symbol + 1;
		}
	}
}

static int by_place(const void *a, const void *b)
{
	const struct source_function *x = a, *y = b;
	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static void collect_functions(struct program_object *object)
{
	struct program_sources *all = object->sources;
	for (uint32_t i = 0; i < object->elf.symbol_count; i++) {
		const struct elf_symbol *symbol = &object->elf.symbols[i];
		if (symbol->type != ELF_FUNC || symbol->value % PROGRAM_INSN_BYTES || !symbol->size)
			continue;
		const struct source_section *section = program_source(object, symbol->section);
		uint64_t first = symbol->value / PROGRAM_INSN_BYTES;
		uint64_t count = symbol->size / PROGRAM_INSN_BYTES;
		if (!section || first >= section->count || count > section->count - first)
			continue;
		bool is_text = !strcmp(object->elf.sections[symbol->section].name, ".text");
		struct source_function function = {
			.name = symbol->name,
			.section = symbol->section,
			.first = (uint32_t)first,
			.count = (uint32_t)count,
			.is_global = symbol->binding != ELF_LOCAL && !symbol->visibility,
			.is_program = !is_text && symbol->binding != ELF_LOCAL,
		};
		vec_push(&object->arena, &all->functions, function);
	}
	if (all->functions.len)
		qsort(all->functions.data, all->functions.len, sizeof all->functions.data[0],
		      by_place);
}

static void collect_programs(struct program_object *object)
{
	struct program_sources *all = object->sources;
	for (uint32_t i = 0; i < all->functions.len; i++) {
		const struct source_function *function = &all->functions.data[i];
		if (!function->is_program)
			continue;
		struct program_code program = {
			.name = function->name,
			.section = object->elf.sections[function->section].name,
			.elf_section = function->section,
			.first_record = function->first,
		};
		if (!program_classify(&program) && !object->options.is_lenient)
			program.problem = "the name of its section says no kind of program";
		program.attach_type_id = program_find_target(object->options.kernel, &program);
		program_link(object, &program, function);
		vec_push(&object->arena, &object->programs, program);
	}
}

static bool open_all(struct program_object *object, struct buf *why)
{
	const char *reason = "";
	for (uint32_t i = 0; i < object->elf.section_count; i++) {
		const struct elf_section *s = &object->elf.sections[i];
		if (!s->data)
			continue;
		if (!strcmp(s->name, ".BTF") && !object->has_btf) {
			object->has_btf =
				!btf_open(&object->btf, s->data, s->size, &object->arena, &reason);
			if (!object->has_btf) {
				buf_printf(why, "its section .BTF is broken: %s", reason);
				return false;
			}
		} else if (!strcmp(s->name, ".BTF.ext")) {
			object->btf_ext = s;
		} else if (!strcmp(s->name, "license")) {
			object->license = arena_copy_string(
				&object->arena, (const char *)s->data,
				strnlen((const char *)s->data, s->size < 128 ? s->size : 128));
		}
	}
	collect_sections(object);
	if (!object->sources->sections.len) {
		buf_add_text(why, "it holds no BPF code");
		return false;
	}
	collect_functions(object);
	program_read_ext(object);
	if (!program_read_maps(object, why) || !program_read_config(object, why))
		return false;
	collect_programs(object);
	program_find_operations(object);
	return true;
}

bool program_open(struct program_object *object, const uint8_t *data, size_t len,
		  const struct program_options *options, struct buf *why)
{
	const char *reason = "";
	memset(object, 0, sizeof *object);
	arena_init(&object->arena);
	object->license = "";
	object->options = *options;
	object->sources = ARENA_NEW(&object->arena, struct program_sources);
	const uint8_t *copy = arena_copy(&object->arena, data, len);
	if (elf_open(&object->elf, copy, len, &object->arena, &reason)) {
		buf_add_text(why, reason);
	} else if (open_all(object, why)) {
		return true;
	}
	program_close(object);
	return false;
}

void program_close(struct program_object *object)
{
	arena_fini(&object->arena);
}

uint32_t program_strip(const struct btf *btf, uint32_t id)
{
	for (int i = 0; id && i < 64; i++) {
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
	id = program_strip(btf, id);
	if (!id || depth > 32)
		return 0;
	struct btf_type type = btf_get_type(btf, id);
	if (type.kind == BTF_KIND_PTR)
		return 8;
	if (type.kind == BTF_KIND_VAR)
		return size_of(btf, type.type, depth + 1);
	if (type.kind != BTF_KIND_ARRAY)
		return type.size;
	uint32_t element, index, count;
	btf_get_array(&type, &element, &index, &count);
	uint64_t size = size_of(btf, element, depth + 1) * count;
	return size > UINT32_MAX ? UINT32_MAX : size;
}

uint32_t program_type_size(const struct btf *btf, uint32_t id)
{
	return (uint32_t)size_of(btf, id, 0);
}
