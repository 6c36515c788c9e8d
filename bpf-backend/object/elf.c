/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer. Layout of the file: header, section contents in order of addition, relocation
 * sections, symbol table, string table, section headers. Section numbers are known as sections are
 * added; relocation sections come after all of them, so that they do not shift the numbers.
 */
#include "bpf-backend/object/elf.h"

#include <string.h>

enum {
	EM_BPF_NUMBER = 247,
	ET_REL_NUMBER = 1,
	HEADER_BYTES = 64,
	SECTION_BYTES = 64,
	SYMBOL_BYTES = 24,
	REL_BYTES = 16,
};

struct section {
	const char *name;
	uint32_t type, flags, align, link, info, entry_size;
	const void *data;
	uint64_t size, offset;
	uint32_t name_offset;
};

struct symbol_row {
	uint32_t name_offset;
	uint32_t type, binding, section;
	uint64_t value, size;
	uint32_t number; // in the file
};

struct relocation {
	uint32_t section, symbol, type;
	uint64_t offset;
};

struct elf_writer {
	struct arena *arena;
	VEC(struct section) sections;
	VEC(struct symbol_row) symbols;
	VEC(struct relocation) relocations;
	VEC(char) strings;
};

static uint32_t add_string(struct elf_writer *w, const char *text)
{
	uint32_t offset = w->strings.len, len = (uint32_t)strlen(text) + 1;
	if (!*text && offset)
		return 0;
	vec_reserve(w->arena, &w->strings, offset + len);
	memcpy(w->strings.data + offset, text, len);
	w->strings.len += len;
	return offset;
}

struct elf_writer *elf_writer_new(struct arena *arena)
{
	struct elf_writer *w = ARENA_NEW(arena, struct elf_writer);
	w->arena = arena;
	add_string(w, "");
	vec_push(arena, &w->sections, (struct section){.name = ""});
	vec_push(arena, &w->symbols, (struct symbol_row){0});
	return w;
}

uint32_t elf_add_section(struct elf_writer *w, const char *name, enum elf_section_type type,
			 uint32_t flags, uint32_t align, const void *data, uint64_t size)
{
	struct section s = {.name = name,
			    .type = type,
			    .flags = flags,
			    .align = align ? align : 1,
			    .data = data,
			    .size = size,
			    .name_offset = add_string(w, name)};
	vec_push(w->arena, &w->sections, s);
	return w->sections.len - 1;
}

uint32_t elf_add_symbol(struct elf_writer *w, const char *name, enum elf_symbol_type type,
			enum elf_binding binding, uint32_t section, uint64_t value, uint64_t size)
{
	struct symbol_row s = {.name_offset = add_string(w, name),
			       .type = type,
			       .binding = binding,
			       .section = section,
			       .value = value,
			       .size = size};
	vec_push(w->arena, &w->symbols, s);
	return w->symbols.len - 1;
}

void elf_add_relocation(struct elf_writer *w, uint32_t section, uint64_t offset, uint32_t symbol,
			enum elf_bpf_relocation type)
{
	struct relocation r = {section, symbol, type, offset};
	vec_push(w->arena, &w->relocations, r);
}

static void put_symbol(struct buf *out, const struct symbol_row *s)
{
	buf_add_u32(out, s->name_offset);
	buf_add_char(out, (char)(s->binding << 4 | s->type));
	buf_add_char(out, 0);
	buf_add_u16(out, (uint16_t)s->section);
	buf_add_u64(out, s->value);
	buf_add_u64(out, s->size);
}

/* The format wants local symbols first. Numbers them and gives the number of the first global. */
static uint32_t build_symbols(struct elf_writer *w, struct buf *out)
{
	uint32_t number = 0, first_global = 0;
	for (uint32_t binding = ELF_LOCAL; binding <= ELF_WEAK; binding++) {
		if (binding == ELF_GLOBAL)
			first_global = number;
		for (uint32_t i = 0; i < w->symbols.len; i++) {
			struct symbol_row *s = &w->symbols.data[i];
			if (s->binding != binding)
				continue;
			s->number = number++;
			put_symbol(out, s);
		}
	}
	return first_global;
}

/* Relocations of one section, as the contents of a section of their own. */
static void build_relocations(const struct elf_writer *w, uint32_t section, struct buf *out)
{
	for (uint32_t i = 0; i < w->relocations.len; i++) {
		const struct relocation *r = &w->relocations.data[i];
		if (r->section != section)
			continue;
		buf_add_u64(out, r->offset);
		buf_add_u64(out, (uint64_t)w->symbols.data[r->symbol].number << 32 | r->type);
	}
}

/* Adds the sections that the writer makes itself; contents are copied to the arena. */
static uint32_t add_tables(struct elf_writer *w, bool is_big_endian)
{
	struct buf bytes;
	buf_init(&bytes);
	bytes.is_big_endian = is_big_endian;
	uint32_t first_global = build_symbols(w, &bytes);
	uint32_t user_sections = w->sections.len;
	uint32_t symtab = elf_add_section(w, ".symtab", ELF_SYMTAB, 0, 8,
					  arena_copy(w->arena, bytes.data, bytes.len), bytes.len);
	w->sections.data[symtab].info = first_global;
	w->sections.data[symtab].entry_size = SYMBOL_BYTES;
	for (uint32_t s = 1; s < user_sections; s++) {
		bytes.len = 0;
		build_relocations(w, s, &bytes);
		if (!bytes.len)
			continue;
		const char *name = arena_printf(w->arena, ".rel%s", w->sections.data[s].name);
		uint32_t rel =
			elf_add_section(w, name, ELF_REL, ELF_INFO_LINK, 8,
					arena_copy(w->arena, bytes.data, bytes.len), bytes.len);
		w->sections.data[rel].link = symtab;
		w->sections.data[rel].info = s;
		w->sections.data[rel].entry_size = REL_BYTES;
	}
	buf_fini(&bytes);
	uint32_t strtab = elf_add_section(w, ".strtab", ELF_STRTAB, 0, 1, NULL, 0);
	w->sections.data[strtab].data = w->strings.data;
	w->sections.data[strtab].size = w->strings.len;
	w->sections.data[symtab].link = strtab;
	return strtab;
}

static void put_header(struct buf *out, uint64_t section_headers, uint32_t count, uint32_t strtab)
{
	enum { LITTLE_ENDIAN_FILE = 1, BIG_ENDIAN_FILE };
	const char ident[16] = {0x7f,
				'E',
				'L',
				'F',
				2 /* 64 bits */,
				out->is_big_endian ? BIG_ENDIAN_FILE : LITTLE_ENDIAN_FILE,
				1 /* version */};
	buf_add(out, ident, sizeof ident);
	buf_add_u16(out, ET_REL_NUMBER);
	buf_add_u16(out, EM_BPF_NUMBER);
	buf_add_u32(out, 1);
	buf_add_u64(out, 0);
	buf_add_u64(out, 0);
	buf_add_u64(out, section_headers);
	buf_add_u32(out, 0);
	buf_add_u16(out, HEADER_BYTES);
	buf_add_u16(out, 0);
	buf_add_u16(out, 0);
	buf_add_u16(out, SECTION_BYTES);
	buf_add_u16(out, (uint16_t)count);
	buf_add_u16(out, (uint16_t)strtab);
}

static void put_section_header(struct buf *out, const struct section *s)
{
	buf_add_u32(out, s->name_offset);
	buf_add_u32(out, s->type);
	buf_add_u64(out, s->flags);
	buf_add_u64(out, 0);
	buf_add_u64(out, s->offset);
	buf_add_u64(out, s->size);
	buf_add_u32(out, s->link);
	buf_add_u32(out, s->info);
	buf_add_u64(out, s->align);
	buf_add_u64(out, s->entry_size);
}

static uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) / align * align;
}

void elf_write(struct elf_writer *w, bool is_big_endian, struct buf *out)
{
	size_t base = out->len;
	uint32_t strtab = add_tables(w, is_big_endian);
	uint64_t end = HEADER_BYTES;
	for (uint32_t i = 1; i < w->sections.len; i++) {
		struct section *s = &w->sections.data[i];
		s->offset = end = align_up(end, s->align);
		if (s->type != ELF_NOBITS)
			end += s->size;
	}
	out->is_big_endian = is_big_endian;
	put_header(out, align_up(end, 8), w->sections.len, strtab);
	for (uint32_t i = 1; i < w->sections.len; i++) {
		const struct section *s = &w->sections.data[i];
		if (s->type == ELF_NOBITS)
			continue;
		buf_add_zeros(out, base + s->offset - out->len);
		if (s->data)
			buf_add(out, s->data, s->size);
		else
			buf_add_zeros(out, s->size);
	}
	buf_add_zeros(out, base + align_up(end, 8) - out->len);
	for (uint32_t i = 0; i < w->sections.len; i++)
		put_section_header(out, &w->sections.data[i]);
	out->is_big_endian = false;
}
