/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF object as a loader hands it to the kernel: programs with the functions that they call behind
 * them, maps, types and source lines. Reads objects of any compiler and follows libbpf 1.5
 * (tools/lib/bpf/libbpf.c, Linux 6.12) in what is a program, a map, a section of globals. The file is
 * anybody's; nothing of it is believed.
 *
 * Nothing here opens files or asks the kernel: types of the kernel, its configuration and its release
 * come from struct program_options.
 */
#ifndef KS_PROGRAM_PROGRAM_H
#define KS_PROGRAM_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-backend/isa/insn.h"
#include "bpf-backend/object/elf.h"
#include "btf/btf.h"
#include "frontend/base/arena.h"
#include "frontend/base/buf.h"
#include "frontend/base/vec.h"

/* A map; sections of global variables are maps with one value. */
struct program_map {
	const char *name;
	uint32_t type, key_size, value_size, max_entries, flags;
	uint64_t extra;
	uint32_t key_type, value_type;   // ids in the object's BTF, 0: none
	const struct program_map *inner; // of maps of maps
	const uint8_t *data;             // first content of globals, value_size bytes; NULL: none
	bool is_big_endian;              // order of the numbers in data
	bool is_data;                    // a section of globals
	bool is_read_only;               // … that programs cannot write and that is frozen
	bool is_struct_ops;
	uint32_t section, offset; // where the object defines it
	uint32_t values_offset;   // of the member "values" of its definition, 0: none
};

/* A function of a program, in order of its start. The first is the program itself. */
struct program_function {
	uint32_t start;     // record
	uint32_t func_type; // id of its FUNC in the object's BTF, 0: none
	const char *name;
	bool is_global;
	uint32_t elf_section, first_record; // where it stands in the object
};

/* Where the source of a record begins; valid up to the next one's record. */
struct program_line {
	uint32_t record;
	uint32_t line, column;
	const char *file, *text; // never NULL
};

/* The helper that is called in place of an instruction whose CO-RE relocation the kernel's types do not satisfy. */
enum { PROGRAM_BAD_RELOCATION = 195896080 };

/*
 * References in the code, after linking: LD_MAP_FD and LD_MAP_VALUE have the map's number in imm,
 * LD_FUNC and calls of functions their distance, LD_BTF_ID the id of the variable in the kernel's BTF,
 * calls of kernel functions (src 2) the id of the function there, 0 when it is weak and missing.
 */
struct program_code {
	const char *name, *section;
	uint32_t type;   // enum bpf_prog_type, 0 when the section's name says nothing
	uint32_t attach; // enum bpf_attach_type
	bool is_sleepable;
	bool is_optional;        // `?`: not loaded unless asked for
	const char *target;      // what it is attached to: function, hook, "" when none
	uint32_t attach_type_id; // BTF id in the kernel of that function or struct, 0: none
	const char *problem;     // why it cannot be loaded at all; NULL
	struct bpf_record *records;
	uint32_t count;
	struct program_function *functions;
	uint32_t function_count;
	struct program_line *lines;
	uint32_t line_count;
	uint32_t exception_handler;           // number of the function, 0: none
	struct program_reference *references; // calls of kernel functions, by record
	uint32_t reference_count;
	/* where it stands in the object */
	uint32_t elf_section, first_record;
};

/* A call of a function of the kernel. */
struct program_reference {
	uint32_t record;
	const char *name;
};

struct program_options {
	const struct btf *kernel; // types of the kernel that it is for; NULL: none
	uint32_t release;         // KERNEL_AT(major, minor)
	const char *config;       // text of the kernel's configuration; NULL: none
	/* What is missing in the kernel, or the kernel's types as a whole, is no problem: relocations
	 * stay as the object has them, symbols get number 0, and any section holds programs. */
	bool is_lenient;
};

struct program_object {
	struct arena arena;
	struct elf_file elf;
	struct btf btf;
	bool has_btf;
	const char *license; // "" when it has none
	VEC(struct program_map *) maps;
	VEC(struct program_code) programs;
	struct program_options options;
	struct program_sources *sources; // inside
	const struct elf_section *btf_ext;
};

/* Opens an object; `data` need not stay. False, with the reason in `why`. */
bool program_open(struct program_object *object, const uint8_t *data, size_t len,
		  const struct program_options *options, struct buf *why);
void program_close(struct program_object *object);
/* Map of a symbol in .maps or of a section of globals; its number, or UINT32_MAX. */
uint32_t program_find_map(const struct program_object *object, const struct elf_symbol *symbol);

/* ---- types ---- */

/* Without typedefs and qualifiers. */
uint32_t program_strip(const struct btf *btf, uint32_t id);
/* Bytes of a value of that type, at most UINT32_MAX; 0 when it has no size. */
uint32_t program_type_size(const struct btf *btf, uint32_t id);

/* ---- sections ---- */

/* What the name of a section says about its programs; false when nothing. */
bool program_classify(struct program_code *program);

#endif
