/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ks dump`: every code section of a BPF object as text, whoever made it. Instructions are numbered
 * within their function; relocations appear as the names they refer to, source lines and CO-RE from .BTF.ext
 * stand before the instructions made from them.
 *
 *	section xdp
 *
 *	prog:
 *	; prog.ks:7: counts[key] += 1
 *	     3: r1 = counts ll
 *	     5: call bpf_map_lookup_elem#1
 *	     6: if r0 == 0 goto +2 -> 9
 */
#include <errno.h>
#include <string.h>

#include "bpf-backend/object/object.h"

#include "bpf-backend/object/core_text.h"
#include "bpf-backend/object/elf.h"

enum {
	INSN_BYTES = 8,
	MAX_TEXT = 240, // longest name or source line that is printed
};
#define NOTHING UINT32_MAX

struct source_note {
	const char *file, *text; // NULL: none
	uint32_t line;
};

struct line_block { // records of .BTF.ext for one section
	const char *section;
	const uint8_t *records;
	uint32_t count, stride;
	uint32_t next; // with the same hash
};

struct dump {
	struct arena arena;
	struct buf *out;
	struct elf_file elf;
	struct btf btf;
	bool has_btf;
	const char *(*helper_name)(uint32_t id);
	/* Indexes, made once so that the time stays linear in the size of the file: */
	uint32_t *first_relocations, *next_relocations; // sections, by the section they apply to
	uint32_t *first_function, *next_function;       // symbols, by section
	struct map functions;                           // position to symbol index
	struct map line_blocks, core_blocks;            // hash of section name to index in blocks
	VEC(struct line_block) blocks;
	/* Of the section that is being printed, by record: */
	uint32_t section, records;
	uint32_t *symbol;          // relocation: symbol index + 1
	uint32_t *label;           // function that begins here: symbol index + 1
	struct source_note *notes; // line that begins here
	const uint8_t **cores;     // CO-RE record of .BTF.ext, or NULL
	struct source_note last;   // printed before
};

static uint32_t read_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const struct elf_section *find_section(const struct dump *d, const char *name)
{
	for (uint32_t i = 0; i < d->elf.section_count; i++) {
		const struct elf_section *s = &d->elf.sections[i];
		if (s->data && !strcmp(s->name, name))
			return s;
	}
	return NULL;
}

/* Text with every control character as a space, so that a file cannot command the terminal. */
static void add_clean(struct buf *out, const char *text)
{
	for (uint32_t i = 0; text[i] && i < MAX_TEXT; i++) {
		unsigned char c = (unsigned char)text[i];
		buf_add_char(out, c < ' ' || c == 127 ? ' ' : (char)c);
	}
}

/* Key of a place in the maps; offsets are below 2^40 in any file that was opened. */
static uint64_t place_key(uint32_t section, uint64_t offset)
{
	return (uint64_t)(section & 0xffff) << 40 | (offset & 0xffffffffff);
}

static void index_relocations(struct dump *d)
{
	uint32_t count = d->elf.section_count;
	d->first_relocations = ARENA_ARRAY(&d->arena, uint32_t, count);
	d->next_relocations = ARENA_ARRAY(&d->arena, uint32_t, count);
	for (uint32_t s = 0; s < count; s++)
		d->first_relocations[s] = NOTHING;
	for (uint32_t s = count; s-- > 0;) {
		const struct elf_section *section = &d->elf.sections[s];
		bool applies = section->type == ELF_REL || section->type == ELF_RELA;
		if (!applies || section->info >= count)
			continue;
		d->next_relocations[s] = d->first_relocations[section->info];
		d->first_relocations[section->info] = s;
	}
}

static void index_functions(struct dump *d)
{
	d->first_function = ARENA_ARRAY(&d->arena, uint32_t, d->elf.section_count);
	d->next_function = ARENA_ARRAY(&d->arena, uint32_t, d->elf.symbol_count);
	map_init(&d->functions, &d->arena);
	for (uint32_t s = 0; s < d->elf.section_count; s++)
		d->first_function[s] = NOTHING;
	for (uint32_t i = d->elf.symbol_count; i-- > 0;) {
		const struct elf_symbol *s = &d->elf.symbols[i];
		if (s->type != ELF_FUNC || s->section >= d->elf.section_count || !*s->name)
			continue;
		d->next_function[i] = d->first_function[s->section];
		d->first_function[s->section] = i;
		*map_insert(&d->functions, place_key(s->section, s->value)) = i;
	}
}

static uint64_t name_hash(const char *name)
{
	return hash_bytes(name, strlen(name)) >> 1;
}

/* Line records stand in blocks of { section name, count, records }. */
/* Blocks of records by section, in the part of .BTF.ext whose offset and length stand at `head`. */
static void index_part(struct dump *d, struct map *blocks, uint32_t head)
{
	map_init(blocks, &d->arena);
	const struct elf_section *ext = find_section(d, ".BTF.ext");
	if (!ext || !d->has_btf || ext->size < 24 || read_u32(ext->data + 4) < head + 8 ||
	    ext->size < head + 8)
		return;
	uint64_t start = (uint64_t)read_u32(ext->data + 4) + read_u32(ext->data + head);
	uint64_t end = start + read_u32(ext->data + head + 4);
	if (end > ext->size || end - start < 4)
		return;
	uint32_t stride = read_u32(ext->data + start);
	if (stride < 16)
		return;
	for (uint64_t at = start + 4; end - at >= 8;) {
		const char *name = btf_find_string(&d->btf, read_u32(ext->data + at));
		uint32_t count = read_u32(ext->data + at + 4);
		at += 8;
		if (count > (end - at) / stride)
			return;
		if (name && count) {
			struct line_block block = {name, ext->data + at, count, stride, NOTHING};
			uint64_t *slot = map_insert(blocks, name_hash(name));
			block.next = (uint32_t)*slot - 1; // NOTHING when the slot is new
			vec_push(&d->arena, &d->blocks, block);
			*slot = d->blocks.len;
		}
		at += (uint64_t)count * stride;
	}
}

static void index_ext(struct dump *d)
{
	enum { LINES_AT = 16, CORES_AT = 24 };
	index_part(d, &d->line_blocks, LINES_AT);
	index_part(d, &d->core_blocks, CORES_AT);
}

static void collect_relocations(struct dump *d)
{
	struct elf_relocation r;
	for (uint32_t s = d->first_relocations[d->section]; s != NOTHING;
	     s = d->next_relocations[s]) {
		for (uint32_t i = 0; elf_get_relocation(&d->elf.sections[s], i, &r); i++) {
			if (r.offset / INSN_BYTES < d->records && r.symbol < d->elf.symbol_count)
				d->symbol[r.offset / INSN_BYTES] = r.symbol + 1;
		}
	}
}

static void collect_labels(struct dump *d)
{
	for (uint32_t i = d->first_function[d->section]; i != NOTHING; i = d->next_function[i]) {
		if (d->elf.symbols[i].value / INSN_BYTES < d->records)
			d->label[d->elf.symbols[i].value / INSN_BYTES] = i + 1;
	}
}

static void collect_line(struct dump *d, const uint8_t *p)
{
	uint32_t insn = read_u32(p) / INSN_BYTES;
	const char *file = btf_find_string(&d->btf, read_u32(p + 4));
	const char *text = btf_find_string(&d->btf, read_u32(p + 8));
	if (insn < d->records && file && text)
		d->notes[insn] = (struct source_note){file, text, read_u32(p + 12) >> 10};
}

/* Calls `take` for every record of the section that is printed. */
static void collect_part(struct dump *d, const struct map *blocks,
			 void (*take)(struct dump *d, const uint8_t *record))
{
	const char *name = d->elf.sections[d->section].name;
	uint64_t *slot = map_find(blocks, name_hash(name));
	for (uint32_t b = slot ? (uint32_t)*slot - 1 : NOTHING; b != NOTHING;
	     b = d->blocks.data[b].next) {
		const struct line_block *block = &d->blocks.data[b];
		for (uint32_t i = 0; !strcmp(block->section, name) && i < block->count; i++)
			take(d, block->records + (size_t)i * block->stride);
	}
}

static void collect_core(struct dump *d, const uint8_t *record)
{
	uint32_t at = read_u32(record) / INSN_BYTES;
	if (at < d->records)
		d->cores[at] = record;
}

/* Name of the function at a byte offset of a section. */
static const char *function_at(const struct dump *d, uint32_t section, uint64_t offset)
{
	const uint64_t *slot = map_find(&d->functions, place_key(section, offset));
	if (!slot)
		return NULL;
	const struct elf_symbol *s = &d->elf.symbols[*slot];
	return s->section == section && s->value == offset ? s->name : NULL;
}

static const char *symbol_name(const struct dump *d, const struct elf_symbol *s)
{
	if (*s->name)
		return s->name;
	return s->section < d->elf.section_count ? d->elf.sections[s->section].name : NULL;
}

/* What an instruction refers to, by its relocation or by its own distance. A function that is named
 * through its section takes the immediate into account; *is_whole says that it did. */
static const char *reference_of(const struct dump *d, const struct bpf_record *r, uint32_t at,
				bool *is_whole)
{
	enum bpf_op op = insn_find(r);
	int64_t imm = r->imm;
	*is_whole = true;
	if (!d->symbol[at]) {
		uint64_t target = (uint64_t)(at + 1 + imm) * INSN_BYTES;
		return op == BPF_OP_CALL_LOCAL ? function_at(d, d->section, target) : NULL;
	}
	const struct elf_symbol *s = &d->elf.symbols[d->symbol[at] - 1];
	const char *name = NULL;
	if (op == BPF_OP_CALL_LOCAL)
		name = function_at(d, s->section, s->value + (uint64_t)(imm + 1) * INSN_BYTES);
	else if (op == BPF_OP_LD_FUNC)
		name = function_at(d, s->section, s->value + (uint64_t)imm);
	if (name)
		return name;
	*is_whole = false;
	return symbol_name(d, s);
}

static void print_note(struct dump *d, const struct source_note *note)
{
	if (!note->file || !note->line ||
	    (note->line == d->last.line && note->file == d->last.file))
		return;
	d->last = *note;
	buf_add_text(d->out, "; ");
	add_clean(d->out, note->file);
	buf_printf(d->out, ":%u: ", note->line);
	const char *text = note->text;
	while (*text == ' ' || *text == '\t')
		text++;
	add_clean(d->out, text);
	buf_add_char(d->out, '\n');
}

/* What libbpf will put into the instruction: the kind, the type, and the way to the member. */
static void print_core(struct dump *d, const uint8_t *record)
{
	uint32_t kind = read_u32(record + 12);
	buf_printf(d->out, "  ; %s ", object_core_kind_name(kind));
	struct buf path;
	buf_init(&path);
	const char *access = btf_find_string(&d->btf, read_u32(record + 8));
	object_core_path(&d->btf, read_u32(record + 4), access ? access : "", &path);
	add_clean(d->out, path.data ? path.data : "");
	buf_fini(&path);
}

/* One instruction; gives how many records it took. */
static uint32_t print_insn(struct dump *d, const uint8_t *code, uint32_t at, uint32_t base)
{
	struct bpf_record r[2] = {insn_decode(code + (size_t)at * INSN_BYTES, false)};
	uint32_t count = insn_records(&r[0]);
	if (count == 2 && at + 1 < d->records)
		r[1] = insn_decode(code + (size_t)(at + 1) * INSN_BYTES, false);
	else
		count = 1;
	bool is_whole;
	const char *name = reference_of(d, &r[0], at, &is_whole);
	struct buf clean;
	buf_init(&clean);
	if (name) {
		add_clean(&clean, name);
		if (is_whole && count == 2)
			r[0].imm = 0;
	}
	struct insn_names names = {d->helper_name, clean.len ? clean.data : NULL};
	buf_printf(d->out, "%6u: ", at - base);
	insn_print(d->out, r, count, &names);
	enum bpf_op op = insn_find(&r[0]);
	if (op != BPF_OP_COUNT && insn_is_jump(op))
		buf_printf(d->out, " -> %lld", (long long)at - base + 1 + insn_jump_offset(&r[0]));
	if (d->cores[at])
		print_core(d, d->cores[at]);
	buf_add_char(d->out, '\n');
	buf_fini(&clean);
	return count;
}

static void print_section(struct dump *d, uint32_t index)
{
	const struct elf_section *s = &d->elf.sections[index];
	d->section = index;
	d->records = (uint32_t)(s->size / INSN_BYTES);
	d->symbol = ARENA_ARRAY(&d->arena, uint32_t, d->records);
	d->label = ARENA_ARRAY(&d->arena, uint32_t, d->records);
	d->notes = ARENA_ARRAY(&d->arena, struct source_note, d->records);
	d->cores = ARENA_ARRAY(&d->arena, const uint8_t *, d->records);
	collect_relocations(d);
	collect_labels(d);
	collect_part(d, &d->line_blocks, collect_line);
	collect_part(d, &d->core_blocks, collect_core);
	buf_printf(d->out, "%ssection ", d->out->len ? "\n" : "");
	add_clean(d->out, s->name);
	buf_add_char(d->out, '\n');
	uint32_t base = 0;
	for (uint32_t at = 0; at < d->records;) {
		if (d->label[at]) {
			base = at;
			d->last = (struct source_note){0};
			buf_add_char(d->out, '\n');
			add_clean(d->out, d->elf.symbols[d->label[at] - 1].name);
			buf_add_text(d->out, ":\n");
		}
		print_note(d, &d->notes[at]);
		at += print_insn(d, s->data, at, base);
	}
	if (s->size % INSN_BYTES)
		buf_printf(d->out, "(%u bytes more, which are no instruction)\n",
			   (unsigned)(s->size % INSN_BYTES));
}

int object_dump(const uint8_t *data, size_t len, const char *(*helper_name)(uint32_t id),
		struct buf *out, const char **why)
{
	struct dump d = {.out = out, .helper_name = helper_name};
	arena_init(&d.arena);
	int err = elf_open(&d.elf, data, len, &d.arena, why);
	if (!err) {
		const struct elf_section *btf = find_section(&d, ".BTF");
		const char *ignored;
		d.has_btf = btf && !btf_open(&d.btf, btf->data, btf->size, &d.arena, &ignored);
		index_relocations(&d);
		index_functions(&d);
		index_ext(&d);
		bool found = false;
		for (uint32_t i = 0; i < d.elf.section_count; i++) {
			const struct elf_section *s = &d.elf.sections[i];
			if (s->type != ELF_PROGBITS || !(s->flags & ELF_EXEC) || !s->size)
				continue;
			print_section(&d, i);
			found = true;
		}
		if (!found) {
			*why = "it holds no BPF code";
			err = -EINVAL;
		}
	}
	arena_fini(&d.arena);
	return err;
}
