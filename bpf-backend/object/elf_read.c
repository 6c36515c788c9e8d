/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader. Everything in the file is a claim: an offset, a size or a number is checked against
 * what is there before it is used, and sums are made in 64 bits on values of which neither can wrap.
 */
#include "bpf-backend/object/elf.h"

#include <errno.h>
#include <string.h>

#include "bpf-backend/isa/insn.h"
#include "btf/btf.h"

static uint64_t read_number(bool is_big, const uint8_t *p, unsigned size)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)p[i] << 8 * (is_big ? size - 1 - i : i);
	return v;
}

static int fail(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

static bool is_inside(uint64_t offset, uint64_t size, size_t len)
{
	return offset <= len && size <= len - offset;
}

/* NUL-terminated text at an offset of a string table; "" when it is not there. A table that does not
 * end in a zero byte is not used, which spares a search per name. */
static const char *text_at(const struct elf_section *strings, uint64_t offset)
{
	if (!strings || !strings->data || offset >= strings->size ||
	    strings->data[strings->size - 1])
		return "";
	return (const char *)strings->data + offset;
}

static int read_sections(struct elf_file *file, const uint8_t *data, size_t len,
			 struct arena *arena, const char **why)
{
	bool is_big = file->is_big_endian;
	uint64_t at = read_number(is_big, data + 40, 8), count = read_number(is_big, data + 60, 2);
	uint64_t names = read_number(is_big, data + 62, 2);
	if (read_number(is_big, data + 58, 2) != 64 || !is_inside(at, count * 64, len))
		return fail(why, "the section headers lie outside of the file");
	uint64_t total = 0;
	file->sections = ARENA_ARRAY(arena, struct elf_section, count + 1);
	file->section_count = (uint32_t)count;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *h = data + at + (uint64_t)i * 64;
		struct elf_section *s = &file->sections[i];
		uint64_t offset = read_number(is_big, h + 24, 8);
		s->type = (uint32_t)read_number(is_big, h + 4, 4);
		s->flags = (uint32_t)read_number(is_big, h + 8, 8);
		s->size = read_number(is_big, h + 32, 8);
		s->link = (uint32_t)read_number(is_big, h + 40, 4);
		s->info = (uint32_t)read_number(is_big, h + 44, 4);
		s->entry_size = read_number(is_big, h + 56, 8);
		s->is_big_endian = is_big;
		if (s->type == ELF_NOBITS || !s->type)
			continue;
		if (!is_inside(offset, s->size, len))
			return fail(why, "a section lies outside of the file");
		total += s->size;
		s->data = data + offset;
	}
	// Nobody writes sections that share bytes; reading them could take quadratic time.
	if (total > len)
		return fail(why, "sections overlap");
	const struct elf_section *strings = names < count ? &file->sections[names] : NULL;
	for (uint32_t i = 0; i < count; i++)
		file->sections[i].name =
			text_at(strings, read_number(is_big, data + at + (uint64_t)i * 64, 4));
	return 0;
}

static void read_symbols(struct elf_file *file, const struct elf_section *table,
			 struct arena *arena)
{
	bool is_big = file->is_big_endian;
	const struct elf_section *strings =
		table->link < file->section_count ? &file->sections[table->link] : NULL;
	uint64_t count = table->size / 24;
	file->symbols = ARENA_ARRAY(arena, struct elf_symbol, count + 1);
	file->symbol_count = (uint32_t)count;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *p = table->data + (uint64_t)i * 24;
		file->symbols[i] = (struct elf_symbol){
			.name = text_at(strings, read_number(is_big, p, 4)),
			.type = p[4] & 15,
			.binding = p[4] >> 4,
			.visibility = p[5] & 3,
			.section = (uint32_t)read_number(is_big, p + 6, 2),
			.value = read_number(is_big, p + 8, 8),
			.size = read_number(is_big, p + 16, 8),
		};
	}
}

/* Code and BTF of a big-endian file as a little-endian one has them. */
static void turn_sections(struct elf_file *file, struct arena *arena)
{
	enum { RECORD_BYTES = 8 };
	for (uint32_t i = 0; i < file->section_count; i++) {
		struct elf_section *s = &file->sections[i];
		if (s->type != ELF_PROGBITS || !s->size)
			continue;
		if (!strcmp(s->name, ".BTF"))
			s->data = btf_turn_section(s->data, s->size, arena);
		else if (!strcmp(s->name, ".BTF.ext"))
			s->data = btf_turn_ext(s->data, s->size, arena);
		if (!(s->flags & ELF_EXEC))
			continue;
		uint8_t *code = arena_copy(arena, s->data, s->size);
		for (uint64_t at = 0; at + RECORD_BYTES <= s->size; at += RECORD_BYTES) {
			struct bpf_record record = insn_decode(s->data + at, true);
			insn_encode(&record, false, code + at);
		}
		s->data = code;
	}
}

int elf_open(struct elf_file *file, const uint8_t *data, size_t len, struct arena *arena,
	     const char **why)
{
	*file = (struct elf_file){0};
	if (len < 64 || memcmp(data, "\177ELF", 4))
		return fail(why, "it is no ELF file");
	bool is_big = data[5] == 2;
	if (data[4] != 2 || (data[5] != 1 && !is_big))
		return fail(why, "it is no 64-bit ELF file");
	file->is_big_endian = is_big;
	if (read_number(is_big, data + 16, 2) != 1 || read_number(is_big, data + 18, 2) != 247)
		return fail(why, "it is no relocatable BPF object");
	if (len > UINT32_MAX)
		return fail(why, "it is larger than 4 GiB");
	int err = read_sections(file, data, len, arena, why);
	for (uint32_t i = 0; !err && i < file->section_count; i++) {
		if (file->sections[i].type == ELF_SYMTAB && !file->symbols)
			read_symbols(file, &file->sections[i], arena);
	}
	if (!err && is_big)
		turn_sections(file, arena);
	return err;
}

bool elf_get_relocation(const struct elf_section *section, uint32_t index,
			struct elf_relocation *relocation)
{
	bool is_big = section->is_big_endian;
	uint64_t bytes = section->type == ELF_RELA ? 24 : 16;
	if ((section->type != ELF_REL && section->type != ELF_RELA) || !section->data ||
	    index >= section->size / bytes)
		return false;
	const uint8_t *p = section->data + index * bytes;
	relocation->offset = read_number(is_big, p, 8);
	uint64_t info = read_number(is_big, p + 8, 8);
	relocation->type = (uint32_t)info;
	relocation->symbol = (uint32_t)(info >> 32);
	return true;
}
