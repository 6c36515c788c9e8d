/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program as the kernel gets it: its own code, then each function that it needs, once, in the order
 * in which libbpf meets them (bpf_object__reloc_code(), Linux 6.12): depth first, a function right
 * when its first call is seen. References become the forms that program.h names.
 */
#include <string.h>

#include "bpf-backend/program/inside.h"

enum { MAX_FUNCTIONS = 1024, MAX_DEPTH = 256, CALL = 0x85, SRC_FUNCTION = 1, SRC_KERNEL = 2 };

struct linker {
	struct program_object *object;
	struct program_code *program;
	VEC(struct bpf_record) records;
	VEC(struct program_function) functions;
	VEC(struct program_line) lines;
	VEC(struct program_reference) references;
	VEC(const struct source_function *) done; // parallel to functions
};

static const struct source_function *containing(const struct program_object *object,
						uint32_t section, uint64_t record)
{
	const struct program_sources *all = object->sources;
	for (uint32_t i = 0; i < all->functions.len; i++) {
		const struct source_function *f = &all->functions.data[i];
		if (f->section == section && f->first == record)
			return f;
	}
	return NULL;
}

static const char *text_or_empty(const struct btf *btf, uint32_t offset)
{
	const char *text = btf_find_string(btf, offset);
	return text ? text : "";
}

static void add_lines(struct linker *l, const struct source_function *f, uint32_t start)
{
	struct program_sources *all = l->object->sources;
	const struct btf *btf = &l->object->btf;
	uint32_t low = 0, high = all->lines.len;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct source_line *s = &all->lines.data[middle];
		if (s->section < f->section || (s->section == f->section && s->record < f->first))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < all->lines.len; low++) {
		const struct source_line *s = &all->lines.data[low];
		if (s->section != f->section || s->record >= f->first + f->count)
			break;
		struct program_line line = {
			.record = s->record - f->first + start,
			.line = s->position >> 10,
			.column = s->position & 1023,
			.file = text_or_empty(btf, s->file),
			.text = text_or_empty(btf, s->text),
		};
		vec_push(&l->object->arena, &l->lines, line);
	}
}

static void fail(struct linker *l, const char *why)
{
	if (!l->program->problem)
		l->program->problem = why;
}

/* Appends a function's code; its number. */
static uint32_t append(struct linker *l, const struct source_function *f)
{
	struct program_object *object = l->object;
	struct arena *arena = &object->arena;
	const struct elf_section *elf = &object->elf.sections[f->section];
	uint32_t start = l->records.len;
	object->sources->linked += f->count;
	if (object->sources->linked > PROGRAM_MAX_RECORDS || l->functions.len >= MAX_FUNCTIONS) {
		fail(l, "it is too large");
		return 0;
	}
	vec_reserve(arena, &l->records, start + f->count);
	for (uint32_t i = 0; i < f->count; i++)
		l->records.data[start + i] = insn_decode(
			elf->data + (uint64_t)(f->first + i) * PROGRAM_INSN_BYTES, false);
	l->records.len += f->count;
	const char *why = program_relocate_types(object, f, l->records.data + start);
	if (why)
		fail(l, why);
	struct program_function function = {.start = start,
					    .func_type = f->func_type,
					    .name = f->name,
					    .is_global = f->is_global,
					    .elf_section = f->section,
					    .first_record = f->first};
	vec_push(arena, &l->functions, function);
	vec_push(arena, &l->done, f);
	add_lines(l, f, start);
	return l->functions.len - 1;
}

static void relocate(struct linker *l, uint32_t number, int depth);

/* Number of a function of .text, which is appended when it is new. */
static uint32_t need_function(struct linker *l, uint32_t section, uint64_t record, int depth)
{
	const struct source_function *f = containing(l->object, section, record);
	for (uint32_t i = 0; f && i < l->done.len; i++) {
		if (l->done.data[i] == f)
			return i;
	}
	if (!f || depth >= MAX_DEPTH) {
		fail(l, f ? "its functions call each other too deeply"
			  : "a call leads to no function");
		return 0;
	}
	uint32_t number = append(l, f);
	if (!l->program->problem)
		relocate(l, number, depth + 1);
	return number;
}

static void link_extern(struct linker *l, uint32_t at, const struct elf_symbol *symbol)
{
	struct program_extern e = program_find_extern(l->object, symbol);
	struct bpf_record *r = &l->records.data[at];
	bool is_lenient = l->object->options.is_lenient;
	if (e.kind == EXTERN_FUNCTION && r->opcode == CALL) {
		r->src = SRC_KERNEL;
		r->imm = (int32_t)e.value;
		r->off = 0;
		if (!e.value && !e.is_weak && !is_lenient)
			fail(l, arena_printf(&l->object->arena, "the kernel has no function `%s`",
					     symbol->name));
		struct program_reference reference = {at, symbol->name};
		vec_push(&l->object->arena, &l->references, reference);
		return;
	}
	if (r->opcode != 0x18 || at + 1 >= l->records.len) {
		fail(l, arena_printf(&l->object->arena, "nothing is known of `%s`", symbol->name));
		return;
	}
	struct bpf_record *next = r + 1;
	if (e.kind == EXTERN_CONFIG) {
		r->src = 2;
		r->imm = (int32_t)(l->object->maps.len - 1); // the configuration's map comes last
		next->imm = (int32_t)e.value;
	} else if (e.kind == EXTERN_NONE) {
		fail(l, arena_printf(&l->object->arena, "nothing is known of `%s`", symbol->name));
	} else if (e.kind == EXTERN_ADDRESS) {
		r->src = 0;
		r->imm = e.is_weak ? 0 : INT32_MIN; // some address of the kernel
		next->imm = e.is_weak ? 0 : -1;
	} else if (e.value) {
		r->src = 3;
		r->imm = (int32_t)e.value;
		next->imm = 0;
	} else {
		r->src = 0;
		r->imm = next->imm = 0;
		if (!e.is_weak && !is_lenient)
			fail(l, arena_printf(&l->object->arena, "the kernel has no `%s`",
					     symbol->name));
	}
}

static void link_address(struct linker *l, uint32_t at, const struct elf_symbol *symbol, int depth)
{
	struct program_object *object = l->object;
	struct bpf_record *r = &l->records.data[at];
	if (at + 1 >= l->records.len)
		return;
	if (program_source(object, symbol->section)) {
		uint64_t record = (symbol->value + (uint32_t)r->imm) / PROGRAM_INSN_BYTES;
		uint32_t number = need_function(l, symbol->section, record, depth);
		r = &l->records.data[at];
		r->src = 4;
		r->imm = (int32_t)(l->functions.data[number].start - at - 1);
		(r + 1)->imm = 0;
		return;
	}
	uint32_t map = program_find_map(object, symbol);
	if (map == UINT32_MAX) {
		fail(l, arena_printf(&object->arena, "nothing is known of `%s`", symbol->name));
		return;
	}
	const struct program_map *m = object->maps.data[map];
	bool is_value =
		m->is_data || m->section != symbol->section; // the latter: an arena's globals
	if (is_value) {
		r->src = 2;
		(r + 1)->imm = (int32_t)((uint32_t)r->imm + symbol->value);
	} else {
		r->src = 1;
		(r + 1)->imm = 0;
	}
	r->imm = (int32_t)map;
}

static void link_call(struct linker *l, uint32_t at, uint32_t section, uint64_t target, int depth)
{
	uint32_t number = need_function(l, section, target, depth);
	struct bpf_record *r = &l->records.data[at];
	if (l->program->problem)
		return;
	r->src = SRC_FUNCTION;
	r->imm = (int32_t)(l->functions.data[number].start - at - 1);
}

static void relocate(struct linker *l, uint32_t number, int depth)
{
	struct program_object *object = l->object;
	const struct source_function *f = l->done.data[number];
	const struct source_section *source = program_source(object, f->section);
	uint32_t start = l->functions.data[number].start;
	for (uint32_t i = 0; i < f->count && !l->program->problem; i++) {
		uint32_t at = start + i, symbol = source->symbol[f->first + i];
		struct bpf_record *r = &l->records.data[at];
		bool is_function_call = r->opcode == CALL && r->src == SRC_FUNCTION;
		if (symbol) {
			const struct elf_symbol *s = &object->elf.symbols[symbol - 1];
			if (s->section == 0 || s->section >= object->elf.section_count)
				link_extern(l, at, s);
			else if (r->opcode == CALL && !program_source(object, s->section))
				fail(l, "a call leads to no function");
			else if (r->opcode == CALL)
				link_call(l, at, s->section,
					  s->value / PROGRAM_INSN_BYTES +
						  (uint64_t)(int64_t)r->imm + 1,
					  depth);
			else if (r->opcode == 0x18)
				link_address(l, at, s, depth);
		} else if (is_function_call) {
			link_call(l, at, f->section, (uint64_t)((int64_t)f->first + i + r->imm + 1),
				  depth);
		} else if (r->opcode == 0x18 && r->src == 4) {
			uint64_t target = (uint64_t)((int64_t)f->first + i + r->imm + 1);
			uint32_t callee = need_function(l, f->section, target, depth);
			r = &l->records.data[at];
			r->imm = (int32_t)(l->functions.data[callee].start - at - 1);
		} else if (r->opcode == 0x18 && r->src) {
			r->imm = -1; // a number that nothing was put in for
		}
		if (l->records.data[at].opcode == 0x18)
			i++;
	}
}

/* Function that a declaration tag of the program names as its handler of exceptions. */
static const struct source_function *find_handler(const struct program_object *object,
						  const struct source_function *f)
{
	static const char prefix[] = "exception_callback:";
	const struct btf *btf = &object->btf;
	const char *name = NULL;
	for (uint32_t id = 1; f->func_type && id <= btf->type_count && !name; id++) {
		if (btf_kind_of(btf, id) != BTF_KIND_DECL_TAG)
			continue;
		struct btf_type tag = btf_get_type(btf, id);
		if (tag.type == f->func_type && !strncmp(tag.name, prefix, sizeof prefix - 1))
			name = tag.name + sizeof prefix - 1;
	}
	for (uint32_t i = 0; name && i < object->sources->functions.len; i++) {
		if (!strcmp(object->sources->functions.data[i].name, name))
			return &object->sources->functions.data[i];
	}
	return NULL;
}

void program_link(struct program_object *object, struct program_code *program,
		  const struct source_function *function)
{
	struct linker l = {.object = object, .program = program};
	append(&l, function);
	if (!program->problem)
		relocate(&l, 0, 0);
	const struct source_function *handler =
		object->has_btf && !program->problem ? find_handler(object, function) : NULL;
	if (handler)
		program->exception_handler = need_function(&l, handler->section, handler->first, 0);
	program->records = l.records.data;
	program->count = l.records.len;
	program->functions = l.functions.data;
	program->function_count = l.functions.len;
	program->lines = l.lines.data;
	program->line_count = l.lines.len;
	program->references = l.references.data;
	program->reference_count = l.references.len;
}
