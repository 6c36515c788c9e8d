/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that write an object share: the ELF file under construction and where things of
 * struct bpf_object came to lie. Filled in this order: sections, symbols, relocations, .BTF.ext and
 * .BTF.
 */
#ifndef KS_OBJECT_BUILD_H
#define KS_OBJECT_BUILD_H

#include "bpf-backend/object/elf.h"
#include "bpf-backend/object/object.h"

enum { INSN_BYTES = 8, OBJECT_DATA_SECTIONS = BPF_OBJECT_SECTIONS };

/* Functions of one ELF section, in order. */
struct code_section {
	const char *name;
	uint32_t number; // of the ELF section
	uint32_t symbol; // handle of the section symbol
	VEC(uint32_t) funcs;
	struct bpf_record *code;
	uint8_t *bytes; // its encoded form
	uint32_t records;
};

struct object_build {
	struct arena *arena;
	const struct compile *compile;
	const struct bpf_object *object;
	struct elf_writer *elf;
	VEC(struct code_section) code;
	uint32_t *func_section; // index into code, by function
	uint32_t *func_first;   // first record in its section, by function
	uint32_t *func_symbol;  // handle, by function
	uint32_t maps_section, *map_symbol;
	uint32_t ops_section;
	uint32_t *kfunc_symbol; // handle, by function of the kernel
	uint32_t data_section[OBJECT_DATA_SECTIONS], data_symbol[OBJECT_DATA_SECTIONS];
};

void object_build_sections(struct object_build *b);    // sections.c
void object_build_symbols(struct object_build *b);     // symbols.c
void object_build_relocations(struct object_build *b); // relo.c; changes immediates in code
void object_build_btf(struct object_build *b);         // btf_ext.c

#endif
