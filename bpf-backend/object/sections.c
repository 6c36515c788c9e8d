/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections of an object: one per section name of functions (.text first), global data, map
 * definitions, the license; then the writing itself, which calls the other files in order.
 */
#include <string.h>

#include "bpf-backend/object/build.h"

static uint32_t find_code_section(struct object_build *b, const char *name)
{
	for (uint32_t i = 0; i < b->code.len; i++) {
		if (!strcmp(b->code.data[i].name, name))
			return i;
	}
	vec_push(b->arena, &b->code, (struct code_section){.name = name});
	return b->code.len - 1;
}

static void place_functions(struct object_build *b)
{
	const struct bpf_object *o = b->object;
	b->func_section = ARENA_ARRAY(b->arena, uint32_t, o->funcs.len);
	b->func_first = ARENA_ARRAY(b->arena, uint32_t, o->funcs.len);
	for (uint32_t f = 0; f < o->funcs.len; f++) {
		uint32_t s = find_code_section(b, o->funcs.data[f]->section);
		struct code_section *section = &b->code.data[s];
		b->func_section[f] = s;
		b->func_first[f] = section->records;
		section->records += o->funcs.data[f]->code.len;
		vec_push(b->arena, &section->funcs, f);
	}
}

static void add_code_sections(struct object_build *b)
{
	const struct bpf_object *o = b->object;
	for (uint32_t s = 0; s < b->code.len; s++) {
		struct code_section *section = &b->code.data[s];
		section->code = ARENA_ARRAY(b->arena, struct bpf_record, section->records);
		for (uint32_t i = 0; i < section->funcs.len; i++) {
			uint32_t f = section->funcs.data[i];
			const struct bpf_func *func = o->funcs.data[f];
			if (func->code.len)
				memcpy(section->code + b->func_first[f], func->code.data,
				       func->code.len * sizeof *func->code.data);
		}
		// The bytes are made by object_write() once relocations have had their say.
		uint8_t *bytes = ARENA_ARRAY(b->arena, uint8_t, section->records * INSN_BYTES);
		section->number =
			elf_add_section(b->elf, section->name, ELF_PROGBITS, ELF_ALLOC | ELF_EXEC,
					8, bytes, (uint64_t)section->records * INSN_BYTES);
		section->bytes = bytes;
	}
}

/* Structs for struct_ops, one behind the other. */
static void add_ops_section(struct object_build *b)
{
	const struct bpf_object *o = b->object;
	if (!o->ops.len)
		return;
	uint32_t size = vec_last(&o->ops).offset + vec_last(&o->ops).size;
	uint8_t *bytes = ARENA_ARRAY(b->arena, uint8_t, size);
	for (uint32_t i = 0; i < o->ops.len; i++)
		memcpy(bytes + o->ops.data[i].offset, o->ops.data[i].data, o->ops.data[i].size);
	b->ops_section = elf_add_section(b->elf, ".struct_ops", ELF_PROGBITS, ELF_ALLOC | ELF_WRITE,
					 8, bytes, size);
}

void object_build_sections(struct object_build *b)
{
	const struct bpf_object *o = b->object;
	find_code_section(b, ".text"); // even without subprograms, as libbpf expects of an object
	place_functions(b);
	add_code_sections(b);
	for (uint32_t i = 0; i < OBJECT_DATA_SECTIONS; i++) {
		const struct bpf_object_section *s = &o->sections[i];
		if (!s->size)
			continue;
		uint32_t flags = ELF_ALLOC | (strncmp(s->name, ".rodata", 7) ? ELF_WRITE : 0);
		b->data_section[i] =
			elf_add_section(b->elf, s->name, s->data ? ELF_PROGBITS : ELF_NOBITS, flags,
					s->align, s->data, s->size);
	}
	add_ops_section(b);
	if (o->maps.len)
		b->maps_section =
			elf_add_section(b->elf, ".maps", ELF_PROGBITS, ELF_ALLOC | ELF_WRITE, 8,
					NULL, (uint64_t)o->maps.len * BTF_MAP_STRIDE);
}

static void encode_code(struct object_build *b)
{
	for (uint32_t s = 0; s < b->code.len; s++) {
		struct code_section *section = &b->code.data[s];
		for (uint32_t i = 0; i < section->records; i++)
			insn_encode(&section->code[i], b->object->is_big_endian,
				    section->bytes + i * INSN_BYTES);
	}
}

void object_write(const struct compile *compile, const struct bpf_object *object, struct buf *out)
{
	struct arena arena;
	arena_init(&arena);
	struct object_build b = {.arena = &arena, .compile = compile, .object = object};
	b.elf = elf_writer_new(&arena);
	object_build_sections(&b);
	object_build_symbols(&b);
	object_build_relocations(&b);
	encode_code(&b);
	object_build_btf(&b);
	elf_write(b.elf, object->is_big_endian, out);
	arena_fini(&arena);
}
