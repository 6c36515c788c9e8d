/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef KS_PROGRAM_INSIDE_H
#define KS_PROGRAM_INSIDE_H

#include "bpf-backend/program/program.h"

enum { PROGRAM_INSN_BYTES = 8, PROGRAM_MAX_RECORDS = 1 << 24 };

/* A function as it stands in its section. */
struct source_function {
	const char *name;
	uint32_t section; // ELF
	uint32_t first, count;
	uint32_t func_type; // 0: none
	bool is_global;     // as the kernel will see it
	bool is_program;
};

/* A section of code. */
struct source_section {
	uint32_t section; // ELF
	uint32_t count;
	uint32_t *symbol; // by record: symbol of its relocation + 1
};

/* A line record of .BTF.ext. */
struct source_line {
	uint32_t section; // ELF
	uint32_t record;
	uint32_t file, text; // offsets of strings
	uint32_t position;   // line << 10 | column
};

/* A relocation record of .BTF.ext. */
struct source_relocation {
	uint32_t section, record;
	uint32_t type, access, kind; // access: offset of a string
};

struct program_sources {
	VEC(struct source_section) sections;
	VEC(struct source_function) functions;
	VEC(struct source_line) lines;
	VEC(struct source_relocation) relocations;
	uint64_t linked; // records of all programs
};

const struct source_section *program_source(const struct program_object *object, uint32_t section);
/* maps.c */
bool program_read_maps(struct program_object *object, struct buf *why);
/* Which member of which interface each struct_ops program is. */
void program_find_operations(struct program_object *object);
/* ext.c: types of functions, lines. */
void program_read_ext(struct program_object *object);
/* externs.c */
enum extern_kind { EXTERN_NONE, EXTERN_CONFIG, EXTERN_VARIABLE, EXTERN_FUNCTION, EXTERN_ADDRESS };
struct program_extern {
	enum extern_kind kind;
	uint32_t value; // offset in the configuration's map; id in the kernel's BTF, 0: missing
	bool is_weak;
};
bool program_read_config(struct program_object *object, struct buf *why);
struct program_extern program_find_extern(const struct program_object *object,
					  const struct elf_symbol *symbol);
/* link.c */
void program_link(struct program_object *object, struct program_code *program,
		  const struct source_function *function);
/* classify.c */
uint32_t program_find_target(const struct btf *kernel, const struct program_code *program);
/* core.c: resolves the relocations of one function against the kernel's types, in `records`. NULL, or
 * why not. */
const char *program_relocate_types(struct program_object *object,
				   const struct source_function *function,
				   struct bpf_record *records);

#endif
