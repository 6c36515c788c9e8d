/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section .BTF.ext: which function begins where, which line each record comes from, and which records
 * depend on the running kernel's types (CO-RE); then .BTF, last, because they add strings to it.
 *
 * The kernel (check_btf_line(), kernel/bpf/verifier.c, 6.12) wants ascending records, none on the
 * second half of a 64-bit immediate, and one at the beginning of every function.
 */
#include <string.h>

#include "bpf-backend/object/build.h"

enum {
	EXT_HEADER_BYTES = 24, // without the part for CO-RE
	EXT_CORE_BYTES = 8,
	CORE_RELO_BYTES = 16,
	FUNC_INFO_BYTES = 8,
	LINE_INFO_BYTES = 16,
	MAX_COLUMN = 1023,
	MAX_LINE = (1 << 22) - 1,
};

struct line_state { // what the last record of a function said
	uint32_t insn;
	uint32_t line_column;
	const struct source_file *file;
	uint32_t file_name;
};

static void put_function_info(struct object_build *b, struct buf *out)
{
	buf_add_u32(out, FUNC_INFO_BYTES);
	for (uint32_t s = 0; s < b->code.len; s++) {
		const struct code_section *section = &b->code.data[s];
		if (!section->funcs.len)
			continue;
		buf_add_u32(out, btf_add_string(b->object->btf, section->name));
		buf_add_u32(out, section->funcs.len);
		for (uint32_t i = 0; i < section->funcs.len; i++) {
			uint32_t f = section->funcs.data[i];
			buf_add_u32(out, b->func_first[f] * INSN_BYTES);
			buf_add_u32(out, b->object->funcs.data[f]->btf_id);
		}
	}
}

/* Source line without indentation, NUL-terminated. */
static const char *line_text(struct object_build *b, const struct source_file *file, uint32_t line)
{
	uint32_t len;
	const char *text = source_line(file, line, &len);
	while (len && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	char *copy = arena_copy_string(b->arena, text, len);
	for (uint32_t i = 0; i < len; i++) {
		if (!copy[i]) // a zero byte would end the string early, nothing worse
			copy[i] = ' ';
	}
	return copy;
}

static void put_line(struct object_build *b, struct buf *out, uint32_t at, struct source_pos pos,
		     struct line_state *last)
{
	struct btf_builder *btf = b->object->btf;
	uint32_t line = pos.line > MAX_LINE ? MAX_LINE : pos.line;
	uint32_t column = pos.column > MAX_COLUMN ? MAX_COLUMN : pos.column;
	if (pos.file != last->file || !last->file_name) {
		last->file = pos.file;
		last->file_name = btf_add_string(btf, pos.file ? pos.file->path : "");
	}
	last->line_column = line << 10 | column;
	buf_add_u32(out, at * INSN_BYTES);
	buf_add_u32(out, last->file_name);
	buf_add_u32(out, pos.file ? btf_add_string(btf, line_text(b, pos.file, pos.line)) : 0);
	buf_add_u32(out, last->line_column);
}

/* Records of one function; gives how many. */
static uint32_t put_function_lines(struct object_build *b, uint32_t f, struct buf *out)
{
	const struct bpf_func *func = b->object->funcs.data[f];
	struct line_state last = {0};
	uint32_t count = 0;
	for (uint32_t i = 0; i < func->lines.len; i++) {
		uint32_t insn = func->lines.data[i].insn;
		struct source_pos pos =
			source_locate(&b->compile->sources, func->lines.data[i].where.begin);
		if (!pos.file || insn >= func->code.len || (count && insn <= last.insn))
			continue;
		if (insn && insn_records(&func->code.data[insn - 1]) == 2)
			continue;
		if (count && pos.file == last.file && last.line_column >> 10 == pos.line &&
		    (last.line_column & MAX_COLUMN) == pos.column)
			continue;
		last.insn = count ? insn : 0;
		put_line(b, out, b->func_first[f] + last.insn, pos, &last);
		count++;
	}
	if (!count && func->code.len) {
		put_line(b, out, b->func_first[f], (struct source_pos){0}, &last);
		count = 1;
	}
	return count;
}

static void put_line_info(struct object_build *b, struct buf *out)
{
	buf_add_u32(out, LINE_INFO_BYTES);
	struct buf records;
	buf_init(&records);
	records.is_big_endian = out->is_big_endian;
	for (uint32_t s = 0; s < b->code.len; s++) {
		const struct code_section *section = &b->code.data[s];
		if (!section->funcs.len)
			continue;
		uint32_t count = 0;
		records.len = 0;
		for (uint32_t i = 0; i < section->funcs.len; i++)
			count += put_function_lines(b, section->funcs.data[i], &records);
		if (!count)
			continue;
		buf_add_u32(out, btf_add_string(b->object->btf, section->name));
		buf_add_u32(out, count);
		buf_add(out, records.data, records.len);
	}
	buf_fini(&records);
}

static void add_bytes(struct object_build *b, const char *name, const struct buf *bytes)
{
	elf_add_section(b->elf, name, ELF_PROGBITS, 0, 4,
			arena_copy(b->arena, bytes->data, bytes->len), bytes->len);
}

/* Records of one function; gives how many. */
static uint32_t put_function_cores(struct object_build *b, uint32_t f, struct buf *out)
{
	const struct bpf_func *func = b->object->funcs.data[f];
	uint32_t count = 0;
	for (uint32_t i = 0; i < func->relos.len; i++) {
		const struct bpf_relo *relo = &func->relos.data[i];
		if (relo->kind != BPF_RELO_CORE)
			continue;
		const struct bpf_core *core = &b->object->cores.data[relo->index];
		buf_add_u32(out, (b->func_first[f] + relo->insn) * INSN_BYTES);
		buf_add_u32(out, core->type);
		buf_add_u32(out, btf_add_string(b->object->btf, core->access));
		buf_add_u32(out, core->kind);
		count++;
	}
	return count;
}

/* Nothing when no record depends on the kernel's types. */
static void put_cores(struct object_build *b, struct buf *out)
{
	struct buf records;
	buf_init(&records);
	records.is_big_endian = out->is_big_endian;
	for (uint32_t s = 0; s < b->code.len; s++) {
		const struct code_section *section = &b->code.data[s];
		uint32_t count = 0;
		records.len = 0;
		for (uint32_t i = 0; i < section->funcs.len; i++)
			count += put_function_cores(b, section->funcs.data[i], &records);
		if (!count)
			continue;
		if (!out->len)
			buf_add_u32(out, CORE_RELO_BYTES);
		buf_add_u32(out, btf_add_string(b->object->btf, section->name));
		buf_add_u32(out, count);
		buf_add(out, records.data, records.len);
	}
	buf_fini(&records);
}

struct ext_parts {
	struct buf functions, lines, cores;
};

static void add_ext(struct object_build *b, const struct ext_parts *parts)
{
	struct buf out;
	uint32_t functions = (uint32_t)parts->functions.len, lines = (uint32_t)parts->lines.len;
	uint32_t cores = (uint32_t)parts->cores.len;
	buf_init(&out);
	out.is_big_endian = b->object->is_big_endian;
	buf_add_u16(&out, 0xeb9f);
	buf_add_char(&out, 1);
	buf_add_char(&out, 0);
	buf_add_u32(&out, EXT_HEADER_BYTES + (cores ? EXT_CORE_BYTES : 0));
	buf_add_u32(&out, 0);
	buf_add_u32(&out, functions);
	buf_add_u32(&out, functions);
	buf_add_u32(&out, lines);
	if (cores) {
		buf_add_u32(&out, functions + lines);
		buf_add_u32(&out, cores);
	}
	buf_add(&out, parts->functions.data, functions);
	buf_add(&out, parts->lines.data, lines);
	buf_add(&out, parts->cores.data, cores);
	add_bytes(b, ".BTF.ext", &out);
	buf_fini(&out);
}

void object_build_btf(struct object_build *b)
{
	struct ext_parts parts;
	struct buf out;
	buf_init(&parts.functions);
	buf_init(&parts.lines);
	buf_init(&parts.cores);
	buf_init(&out);
	parts.functions.is_big_endian = parts.lines.is_big_endian = b->object->is_big_endian;
	parts.cores.is_big_endian = out.is_big_endian = b->object->is_big_endian;
	put_function_info(b, &parts.functions);
	put_line_info(b, &parts.lines);
	put_cores(b, &parts.cores);
	btf_write(b->object->btf, &out);
	add_bytes(b, ".BTF", &out);
	if (b->object->funcs.len) // libbpf refuses an object whose .BTF.ext is without records
		add_ext(b, &parts);
	buf_fini(&parts.functions);
	buf_fini(&parts.lines);
	buf_fini(&parts.cores);
	buf_fini(&out);
}
