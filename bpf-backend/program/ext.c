/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of .BTF.ext: which type each function has, and the source line of each instruction.
 * Format: struct btf_ext_header and what follows, tools/lib/bpf/libbpf_internal.h, Linux 6.12.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/program/inside.h"

enum { HEADER_BYTES = 24, FUNC_BYTES = 8, LINE_BYTES = 16, RELOCATION_BYTES = 16 };

static uint32_t word_at(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A table: record size, then for each section its name, a count and the records. */
struct cursor {
	const struct program_object *object;
	const uint8_t *next, *end;
	uint32_t record_bytes;
	uint32_t left;    // records of this section
	uint32_t section; // ELF, or section_count when unknown
};

static bool start(struct cursor *c, const struct program_object *object, uint32_t field,
		  uint32_t min_bytes)
{
	const struct elf_section *ext = object->btf_ext;
	if (!ext || ext->size < HEADER_BYTES || ext->data[0] != 0x9f || ext->data[1] != 0xeb)
		return false;
	uint64_t header = word_at(ext->data + 4);
	uint64_t offset = word_at(ext->data + field), len = word_at(ext->data + field + 4);
	if (field + 8 > header || header > ext->size || offset > ext->size - header ||
	    len > ext->size - header - offset || len < 4)
		return false;
	const uint8_t *table = ext->data + header + offset;
	*c = (struct cursor){.object = object,
			     .next = table + 4,
			     .end = table + len,
			     .record_bytes = word_at(table)};
	return c->record_bytes >= min_bytes && c->record_bytes % 4 == 0;
}

static uint32_t find_section(const struct program_object *object, uint32_t name)
{
	const char *text = btf_find_string(&object->btf, name);
	for (uint32_t i = 0; text && i < object->elf.section_count; i++) {
		if (!strcmp(object->elf.sections[i].name, text) && program_source(object, i))
			return i;
	}
	return object->elf.section_count;
}

/* The next record; NULL at the end. */
static const uint8_t *next_record(struct cursor *c)
{
	while (!c->left) {
		if (c->end - c->next < 8)
			return NULL;
		c->section = find_section(c->object, word_at(c->next));
		c->left = word_at(c->next + 4);
		c->next += 8;
		if ((uint64_t)c->left * c->record_bytes > (uint64_t)(c->end - c->next))
			return NULL;
	}
	const uint8_t *record = c->next;
	c->next += c->record_bytes;
	c->left--;
	return record;
}

static struct source_function *function_at(struct program_object *object, uint32_t section,
					   uint32_t first)
{
	struct program_sources *all = object->sources;
	uint32_t low = 0, high = all->functions.len;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct source_function *f = &all->functions.data[middle];
		if (f->section == section && f->first == first)
			return f;
		if (f->section < section || (f->section == section && f->first < first))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void read_functions(struct program_object *object)
{
	struct cursor c;
	const uint8_t *record;
	if (!start(&c, object, 8, FUNC_BYTES))
		return;
	while ((record = next_record(&c))) {
		uint32_t type = word_at(record + 4);
		struct source_function *f =
			function_at(object, c.section, word_at(record) / PROGRAM_INSN_BYTES);
		if (!f || !type || type > object->btf.type_count ||
		    btf_kind_of(&object->btf, type) != BTF_KIND_FUNC)
			continue;
		f->func_type = type;
	}
}

static int by_place(const void *a, const void *b)
{
	const struct source_line *x = a, *y = b;
	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

static void read_lines(struct program_object *object)
{
	struct program_sources *all = object->sources;
	struct cursor c;
	const uint8_t *record;
	if (!start(&c, object, 16, LINE_BYTES))
		return;
	while ((record = next_record(&c))) {
		struct source_line line = {
			.section = c.section,
			.record = word_at(record) / PROGRAM_INSN_BYTES,
			.file = word_at(record + 4),
			.text = word_at(record + 8),
			.position = word_at(record + 12),
		};
		vec_push(&object->arena, &all->lines, line);
	}
	if (all->lines.len)
		qsort(all->lines.data, all->lines.len, sizeof all->lines.data[0], by_place);
}

static void read_relocations(struct program_object *object)
{
	struct program_sources *all = object->sources;
	struct cursor c;
	const uint8_t *record;
	if (!object->btf_ext || object->btf_ext->size < 32 ||
	    !start(&c, object, 24, RELOCATION_BYTES))
		return;
	while ((record = next_record(&c))) {
		struct source_relocation r = {
			.section = c.section,
			.record = word_at(record) / PROGRAM_INSN_BYTES,
			.type = word_at(record + 4),
			.access = word_at(record + 8),
			.kind = word_at(record + 12),
		};
		vec_push(&object->arena, &all->relocations, r);
	}
}

void program_read_ext(struct program_object *object)
{
	if (!object->has_btf)
		return;
	read_functions(object);
	read_lines(object);
	read_relocations(object);
}
