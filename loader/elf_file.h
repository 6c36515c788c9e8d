/* SPDX-License-Identifier: Apache-2.0 */
/* An ELF file of 64 bits, mapped to be read. It may be anybody's: all that is looked at is within its bounds. */
#ifndef KS_LOADER_ELF_FILE_H
#define KS_LOADER_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
	const uint8_t *data;
	size_t size;
	const Elf64_Ehdr *head;
};

/* False when there is no such file, or it is no program of 64 bits. */
bool elf_file_open(struct elf_file *f, const char *path);
void elf_file_close(struct elf_file *f);

/* Room for `count` things of `size` bytes at `offset`, a multiple of `align`; NULL when there is none. */
const void *elf_file_part(const struct elf_file *f, uint64_t offset, uint64_t count, size_t size,
			  uint64_t align);
/* As many as the head says; NULL when they are not there. */
const Elf64_Shdr *elf_file_sections(const struct elf_file *f);
const Elf64_Shdr *elf_file_find_section(const struct elf_file *f, const char *name);
/* Address of a symbol: in the full table if there is one, else in that of the dynamic linker. */
bool elf_file_find_symbol(const struct elf_file *f, const char *name, uint64_t *value);
/* From an address to the place in the file that is loaded there. */
bool elf_file_offset(const struct elf_file *f, uint64_t address, uint64_t *offset);

#endif
