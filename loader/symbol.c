/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a symbol in an ELF file of 64 bits: in the full table if there is one, else in that of the
 * dynamic linker. The file may be anybody's: everything is looked at within its bounds.
 */
#include "loader/symbol.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	const uint8_t *data;
	size_t size;
	const Elf64_Ehdr *head;
};

/* Room for `count` things of `size` bytes at `offset`. */
static const void *part(const struct file *f, uint64_t offset, uint64_t count, size_t size)
{
	if (offset > f->size || count > (f->size - offset) / size || offset % 8)
		return NULL;
	return f->data + offset;
}

static bool open_elf(struct file *f, const char *path)
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
	f->head = part(f, 0, 1, sizeof *f->head);
	if (f->head && !memcmp(f->head->e_ident, ELFMAG, SELFMAG) &&
	    f->head->e_ident[EI_CLASS] == ELFCLASS64 && f->head->e_shentsize == sizeof(Elf64_Shdr))
		return true;
	munmap((void *)f->data, f->size);
	return false;
}

static const Elf64_Shdr *sections(const struct file *f)
{
	return part(f, f->head->e_shoff, f->head->e_shnum, sizeof(Elf64_Shdr));
}

/* Value of a symbol of one table. */
static bool find_in(const struct file *f, const Elf64_Shdr *table, const char *name,
		    uint64_t *value)
{
	const Elf64_Shdr *all = sections(f);
	uint64_t count = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbols = part(f, table->sh_offset, count, sizeof *symbols);
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

static bool find_symbol(const struct file *f, const char *name, uint64_t *value)
{
	static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
	const Elf64_Shdr *all = sections(f);
	for (size_t k = 0; all && k < 2; k++)
		for (unsigned i = 0; i < f->head->e_shnum; i++)
			if (all[i].sh_type == kinds[k] && find_in(f, &all[i], name, value))
				return true;
	return false;
}

/* From an address to the place in the file that is loaded there. */
static bool file_offset(const struct file *f, uint64_t address, uint64_t *offset)
{
	const Elf64_Phdr *p = part(f, f->head->e_phoff, f->head->e_phnum, sizeof *p);
	for (unsigned i = 0; p && i < f->head->e_phnum; i++) {
		if (p[i].p_type != PT_LOAD || address < p[i].p_vaddr ||
		    address - p[i].p_vaddr >= p[i].p_filesz)
			continue;
		*offset = address - p[i].p_vaddr + p[i].p_offset;
		return true;
	}
	return false;
}

static bool try_folders(const char *folders, const char *name, char *out, size_t size)
{
	for (const char *at = folders; at && *at;) {
		size_t len = strcspn(at, ":");
		int n = snprintf(out, size, "%.*s/%s", (int)len, at, name);
		if (n > 0 && (size_t)n < size && access(out, R_OK) == 0)
			return true;
		at += len + (at[len] == ':');
	}
	return false;
}

static bool find_file(const char *name, char *out, size_t size)
{
	static const char libraries[] = "/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib:"
					"/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:"
					"/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:"
					"/lib/riscv64-linux-gnu:/usr/lib/riscv64-linux-gnu";
	if (strchr(name, '/'))
		return (size_t)snprintf(out, size, "%s", name) < size && access(out, R_OK) == 0;
	if (strstr(name, ".so"))
		return try_folders(libraries, name, out, size);
	const char *path = getenv("PATH");
	return try_folders(path ? path : "/usr/bin:/bin:/usr/sbin:/sbin", name, out, size);
}

int symbol_find(const char *target, struct symbol_place *out, char *why, size_t why_size)
{
	char name[256];
	const char *colon = strrchr(target, ':');
	if (!colon || (size_t)snprintf(name, sizeof name, "%.*s", (int)(colon - target), target) >=
			      sizeof name)
		return -EINVAL;
	if (!find_file(name, out->path, sizeof out->path)) {
		snprintf(why, why_size, "there is no program or library %.200s", name);
		return -ENOENT;
	}
	struct file f;
	if (!open_elf(&f, out->path)) {
		snprintf(why, why_size, "%.200s is no program of 64 bits", out->path);
		return -ENOEXEC;
	}
	char symbol[256];
	snprintf(symbol, sizeof symbol, "%s", colon + 1);
	char *plus = strchr(symbol, '+');
	uint64_t address = 0, more = plus ? strtoull(plus + 1, NULL, 0) : 0;
	if (plus)
		*plus = '\0';
	bool found = find_symbol(&f, symbol, &address) && file_offset(&f, address, &out->offset);
	out->offset += more;
	munmap((void *)f.data, f.size);
	if (!found)
		snprintf(why, why_size, "%.150s has no symbol %.90s", out->path, symbol);
	return found ? 0 : -ENOENT;
}
