/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols: one for each code and data section that relocations point at, functions, variables, maps
 * and the license. Programs and maps are global, because libbpf asks for it; subprograms are local, so that
 * the verifier follows calls into them with what is known of the arguments, but for those that it shall judge by
 * themselves.
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
			is_program || func->is_global ? ELF_GLOBAL : ELF_LOCAL, section->number,
			b->func_first[f] * INSN_BYTES, (uint64_t)func->code.len * INSN_BYTES);
	}
}

static uint32_t find_data_section(const struct object_build *b, const char *name)
{
	for (uint32_t i = 0; i < OBJECT_DATA_SECTIONS; i++) {
		if (b->data_section[i] && !strcmp(b->object->sections[i].name, name))
			return b->data_section[i];
	}
	return 0;
}

/* Variables, as the BTF sections list them. libbpf 1.1 (btf_fixup_datasec()) refuses a global
 * variable in BTF that has no symbol. */
static void add_variables(struct object_build *b)
{
	struct buf bytes;
	struct btf btf;
	const char *why;
	buf_init(&bytes);
	btf_write(b->object->btf, &bytes);
	const void *copy = arena_copy(b->arena, bytes.data, bytes.len);
	bool is_open = !btf_open(&btf, copy, bytes.len, b->arena, &why);
	buf_fini(&bytes);
	for (uint32_t id = 1; is_open && id <= btf.type_count; id++) {
		struct btf_type datasec = btf_get_type(&btf, id);
		uint32_t section =
			datasec.kind == BTF_KIND_DATASEC ? find_data_section(b, datasec.name) : 0;
		for (uint32_t i = 0; section && i < datasec.count; i++) {
			struct btf_item item = btf_get_item(&btf, &datasec, i);
			struct btf_type var = btf_get_type(&btf, item.type);
			elf_add_symbol(b->elf, var.name, ELF_OBJECT,
				       var.linkage == BTF_LINKAGE_GLOBAL ? ELF_GLOBAL : ELF_LOCAL,
				       section, item.offset, item.size);
		}
	}
}

/* Undefined, so that libbpf looks for them in the kernel; weak, because it does that for the whole object, also
 * for programs that are not loaded. */
static void add_kfuncs(struct object_build *b)
{
	enum { ELF_UNDEFINED = 0 };
	const struct bpf_object *o = b->object;
	b->kfunc_symbol = ARENA_ARRAY(b->arena, uint32_t, o->kfuncs.len + 1);
	for (uint32_t i = 0; i < o->kfuncs.len; i++)
		if (o->kfuncs.data[i].btf_id)
			b->kfunc_symbol[i] = elf_add_symbol(
				b->elf, intern_text(&b->compile->names, o->kfuncs.data[i].name),
				ELF_NOTYPE, ELF_WEAK, ELF_UNDEFINED, 0, 0);
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
	add_variables(b);
	b->map_symbol = ARENA_ARRAY(b->arena, uint32_t, o->maps.len);
	for (uint32_t m = 0; m < o->maps.len; m++) {
		const char *name = intern_text(&b->compile->names, o->maps.data[m].name);
		b->map_symbol[m] =
			elf_add_symbol(b->elf, name, ELF_OBJECT, ELF_GLOBAL, b->maps_section,
				       (uint64_t)m * BTF_MAP_STRIDE, BTF_MAP_STRIDE);
	}
	add_kfuncs(b);
	for (uint32_t i = 0; i < o->ops.len; i++)
		elf_add_symbol(b->elf, intern_text(&b->compile->names, o->ops.data[i].name),
			       ELF_OBJECT, ELF_GLOBAL, b->ops_section, o->ops.data[i].offset,
			       o->ops.data[i].size);
	if (o->license) {
		uint64_t size = strlen(o->license) + 1;
		uint32_t license = elf_add_section(b->elf, "license", ELF_PROGBITS,
						   ELF_ALLOC | ELF_WRITE, 1, o->license, size);
		elf_add_symbol(b->elf, "_license", ELF_OBJECT, ELF_GLOBAL, license, 0, size);
	}
}
