/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF relocatable files for BPF: 64 bits, either byte order, ET_REL. The writer collects sections,
 * symbols and relocations and lays them out at the end; the reader checks every offset of a file
 * before it hands out anything. Format: elf(5), EM_BPF.
 */
#ifndef KS_OBJECT_ELF_H
#define KS_OBJECT_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/arena.h"
#include "frontend/base/buf.h"
#include "frontend/base/vec.h"

enum elf_section_type {
	ELF_PROGBITS = 1,
	ELF_SYMTAB = 2,
	ELF_STRTAB = 3,
	ELF_RELA = 4,
	ELF_NOBITS = 8,
	ELF_REL = 9,
};

enum elf_section_flags {
	ELF_WRITE = 1,
	ELF_ALLOC = 2,
	ELF_EXEC = 4,
	ELF_INFO_LINK = 0x40,
};

enum elf_symbol_type {
	ELF_NOTYPE = 0,
	ELF_OBJECT = 1,
	ELF_FUNC = 2,
	ELF_SECTION = 3,
};

enum elf_binding {
	ELF_LOCAL = 0,
	ELF_GLOBAL = 1,
	ELF_WEAK = 2,
};

enum elf_bpf_relocation {
	ELF_BPF_64_64 = 1,  // the immediate of ld_imm64
	ELF_BPF_64_32 = 10, // the target of a call
};

/* ---- writing ---- */

struct elf_writer;

struct elf_writer *elf_writer_new(struct arena *arena);
/* Adds a section and gives its index. `data` may be NULL for zeros and must live until elf_write().
 */
uint32_t elf_add_section(struct elf_writer *w, const char *name, enum elf_section_type type,
			 uint32_t flags, uint32_t align, const void *data, uint64_t size);
/* Adds a symbol and gives a handle for relocations. Local and global ones may be mixed. */
uint32_t elf_add_symbol(struct elf_writer *w, const char *name, enum elf_symbol_type type,
			enum elf_binding binding, uint32_t section, uint64_t value, uint64_t size);
/* Relocation at byte `offset` of a section. */
void elf_add_relocation(struct elf_writer *w, uint32_t section, uint64_t offset, uint32_t symbol,
			enum elf_bpf_relocation type);
/* Appends the file. Contents of sections are in the order of the machine already. */
void elf_write(struct elf_writer *w, bool is_big_endian, struct buf *out);

/* ---- reading ---- */

struct elf_section {
	const char *name;
	uint32_t type, flags, link, info;
	const uint8_t *data; // size bytes; NULL for NOBITS
	uint64_t size, entry_size;
	bool is_big_endian; // as the file
};

struct elf_symbol {
	const char *name;
	uint32_t type, binding;
	uint32_t visibility; // 0: default; 1, 2: internal, hidden
	uint32_t section;    // index; beyond the count for undefined and absolute ones
	uint64_t value, size;
};

struct elf_relocation {
	uint64_t offset;
	uint32_t symbol; // index into symbols; may be out of range
	uint32_t type;
};

struct elf_file {
	bool is_big_endian;
	struct elf_section *sections;
	uint32_t section_count;
	struct elf_symbol *symbols;
	uint32_t symbol_count;
};

/* Reads a BPF object. 0, or -EINVAL and *why (static text). Names and data point into `data`. Of a
 * big-endian file, code, .BTF and .BTF.ext are copies in the order of a little-endian one; other contents
 * are as in the file. */
int elf_open(struct elf_file *file, const uint8_t *data, size_t len, struct arena *arena,
	     const char **why);
/* Relocation `index` of a REL or RELA section. False past the end. */
bool elf_get_relocation(const struct elf_section *section, uint32_t index,
			struct elf_relocation *relocation);

#endif
