/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading programs and libraries of this machine: sections, symbols, what is loaded where. Nothing in a file is
 * believed: offsets and counts are compared with its size.
 */
#include "loader/elf_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const void *elf_file_part(const struct elf_file *f, uint64_t offset, uint64_t count, size_t size,
			  uint64_t align)
{
	if (offset > f->size || count > (f->size - offset) / size || offset % align)
		return NULL;
	return f->data + offset;
}

bool elf_file_open(struct elf_file *f, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	f->data = MAP_FAILED;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		f->size = (size_t)st.st_size;
		f->data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	if (f->data == MAP_FAILED)
		return false;
	f->head = elf_file_part(f, 0, 1, sizeof *f->head, 8);
	if (f->head && !memcmp(f->head->e_ident, ELFMAG, SELFMAG) &&
	    f->head->e_ident[EI_CLASS] == ELFCLASS64 && f->head->e_shentsize == sizeof(Elf64_Shdr))
		return true;
	munmap((void *)f->data, f->size);
	return false;
}

void elf_file_close(struct elf_file *f)
{
	munmap((void *)f->data, f->size);
	f->data = NULL;
}

const Elf64_Shdr *elf_file_sections(const struct elf_file *f)
{
	return elf_file_part(f, f->head->e_shoff, f->head->e_shnum, sizeof(Elf64_Shdr), 8);
}

const Elf64_Shdr *elf_file_find_section(const struct elf_file *f, const char *name)
{
	const Elf64_Shdr *all = elf_file_sections(f);
	if (!all || f->head->e_shstrndx >= f->head->e_shnum)
		return NULL;
	const Elf64_Shdr *names = &all[f->head->e_shstrndx];
	const char *text = elf_file_part(f, names->sh_offset, names->sh_size, 1, 1);
	size_t len = strlen(name) + 1;
	for (unsigned i = 0; text && i < f->head->e_shnum; i++)
		if (all[i].sh_name < names->sh_size && names->sh_size - all[i].sh_name >= len &&
		    !memcmp(text + all[i].sh_name, name, len))
			return &all[i];
	return NULL;
}

/* Value of a symbol of one table. */
static bool find_in(const struct elf_file *f, const Elf64_Shdr *table, const char *name,
		    uint64_t *value)
{
	const Elf64_Shdr *all = elf_file_sections(f);
	uint64_t count = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbols = elf_file_part(f, table->sh_offset, count, sizeof *symbols, 8);
	if (!symbols || table->sh_link >= f->head->e_shnum)
		return false;
	const Elf64_Shdr *strings = &all[table->sh_link];
	if (strings->sh_offset > f->size || strings->sh_size > f->size - strings->sh_offset)
		return false;
	const char *text = (const char *)f->data + strings->sh_offset;
	size_t len = strlen(name) + 1;
	for (uint64_t i = 0; i < count; i++) {
		const Elf64_Sym *s = &symbols[i];
		if (s->st_shndx == SHN_UNDEF || !s->st_value || s->st_name >= strings->sh_size ||
		    strings->sh_size - s->st_name < len || memcmp(text + s->st_name, name, len))
			continue;
		*value = s->st_value;
		return true;
	}
	return false;
}

bool elf_file_find_symbol(const struct elf_file *f, const char *name, uint64_t *value)
{
	static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
	const Elf64_Shdr *all = elf_file_sections(f);
	for (size_t k = 0; all && k < 2; k++)
		for (unsigned i = 0; i < f->head->e_shnum; i++)
			if (all[i].sh_type == kinds[k] && find_in(f, &all[i], name, value))
				return true;
	return false;
}

bool elf_file_offset(const struct elf_file *f, uint64_t address, uint64_t *offset)
{
	const Elf64_Phdr *p = elf_file_part(f, f->head->e_phoff, f->head->e_phnum, sizeof *p, 8);
	for (unsigned i = 0; p && i < f->head->e_phnum; i++) {
		if (p[i].p_type != PT_LOAD || address < p[i].p_vaddr ||
		    address - p[i].p_vaddr >= p[i].p_filesz)
			continue;
		*offset = address - p[i].p_vaddr + p[i].p_offset;
		return true;
	}
	return false;
}
