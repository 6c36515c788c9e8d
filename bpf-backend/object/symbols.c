/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols: one for each code and data section that relocations point at, functions, maps and the
 * license. Programs and maps are global, because libbpf asks for it; subprograms are local, so that
 * the verifier follows calls into them with what is known of the arguments.
 */
#include <string.h>

#include "bpf-backend/object/build.h"

static void add_functions(struct object_build *b)
{
	const struct bpf_object *o = b->object;
	b->func_symbol = ARENA_ARRAY(b->arena, uint32_t, o->funcs.len);
	for (uint32_t f = 0; f < o->funcs.len; f++) {
		const struct bpf_func *func = o->funcs.data[f];
		const struct code_section *section = &b->code.data[b->func_section[f]];
		bool is_program = strcmp(section->name, ".text") != 0;
		b->func_symbol[f] = elf_add_symbol(
			b->elf, intern_text(&b->compile->names, func->name), ELF_FUNC,
			is_program ? ELF_GLOBAL : ELF_LOCAL, section->number,
			b->func_first[f] * INSN_BYTES, (uint64_t)func->code.len * INSN_BYTES);
	}
}

void object_build_symbols(struct object_build *b)
{
	const struct bpf_object *o = b->object;
	for (uint32_t s = 0; s < b->code.len; s++) {
		struct code_section *section = &b->code.data[s];
		section->symbol =
			elf_add_symbol(b->elf, "", ELF_SECTION, ELF_LOCAL, section->number, 0, 0);
	}
	for (uint32_t i = 0; i < OBJECT_DATA_SECTIONS; i++) {
		if (b->data_section[i])
			b->data_symbol[i] = elf_add_symbol(b->elf, "", ELF_SECTION, ELF_LOCAL,
							   b->data_section[i], 0, 0);
	}
	add_functions(b);
	b->map_symbol = ARENA_ARRAY(b->arena, uint32_t, o->maps.len);
	for (uint32_t m = 0; m < o->maps.len; m++) {
		const char *name = intern_text(&b->compile->names, o->maps.data[m].name);
		b->map_symbol[m] =
			elf_add_symbol(b->elf, name, ELF_OBJECT, ELF_GLOBAL, b->maps_section,
				       (uint64_t)m * BTF_MAP_STRIDE, BTF_MAP_STRIDE);
	}
	if (o->license) {
		uint64_t size = strlen(o->license) + 1;
		uint32_t license = elf_add_section(b->elf, "license", ELF_PROGBITS,
						   ELF_ALLOC | ELF_WRITE, 1, o->license, size);
		elf_add_symbol(b->elf, "_license", ELF_OBJECT, ELF_GLOBAL, license, 0, size);
	}
}
