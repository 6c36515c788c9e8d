/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the metadata payload from a module, and the built program: the runtime executable with the
 * three payloads behind it, named by section headers so that the runtime (and readelf) find them.
 * The runtime's own segments are not touched; what runs is byte for byte the runtime.
 */
#include "host-backend/image.h"

#include <elf.h>
#include <string.h>

#include "ks/rt.h"

/* ---- metadata ---- */

/* Tables and strings grow apart; string offsets are made final when both are known. */
struct meta {
	const struct ir_module *module;
	struct buf tables, strings;
	uint32_t string_base;
};

static uint32_t add_string(struct meta *w, const char *text)
{
	size_t at = w->strings.len;
	buf_add(&w->strings, text, strlen(text) + 1);
	return w->string_base + (uint32_t)at;
}

static uint32_t add_name(struct meta *w, symbol name)
{
	return add_string(w, intern_text(&w->module->compile->names, name));
}

static enum ks_option_kind option_kind(const struct ir_module *m, const struct ir_option *o)
{
	const struct ir_dtype *t = &m->dtypes.data[o->dtype];
	if (t->kind == IR_DTYPE_ARRAY)
		return KS_OPTION_STR;
	if (t->encoding & IR_DTYPE_BOOL)
		return KS_OPTION_BOOL;
	return t->encoding & IR_DTYPE_SIGNED ? KS_OPTION_SIGNED : KS_OPTION_UNSIGNED;
}

/* Number of the program that takes the place of this one, UINT32_MAX when there is none. */
static uint32_t find_fallback(const struct ir_module *m, const struct ir_fn *fn)
{
	uint32_t number = 0;
	for (uint32_t i = 0; i < m->fns.len; i++) {
		const struct ir_fn *other = m->fns.data[i];
		if (!other->program)
			continue;
		if (other->stands_in_for && other->stands_in_for == fn->name)
			return number;
		number++;
	}
	return UINT32_MAX;
}

static void add_programs(struct meta *w)
{
	for (uint32_t i = 0; i < w->module->fns.len; i++) {
		const struct ir_fn *fn = w->module->fns.data[i];
		if (!fn->program)
			continue;
		struct ks_meta_program row = {
			.name = add_name(w, fn->name),
			.kind = add_string(w, fn->program),
			.flags = (fn->is_tcx ? KS_PROGRAM_TCX : 0) |
				 (fn->is_sleepable ? KS_PROGRAM_SLEEPABLE : 0),
			.watched = add_string(w, fn->watched ? fn->watched : ""),
			.fallback = find_fallback(w->module, fn),
			.ops = fn->ops ? add_name(w, fn->ops) : 0,
			.notes = fn->notes,
			.note_params = fn->note_params,
			.context_size = fn->context_size,
		};
		buf_add(&w->tables, &row, sizeof row);
	}
}

static void add_maps(struct meta *w)
{
	for (uint32_t i = 0; i < w->module->maps.len; i++) {
		const struct ir_map *map = &w->module->maps.data[i];
		struct ks_meta_map row = {
			.name = add_name(w, map->name),
			.key_size = map->key_size,
			.value_size = map->value_size,
			.is_percpu = map->is_percpu,
			.is_pinned = map->is_pinned,
			.has_kptr = map->has_kptr,
			.value_is_int = map->value_is_scalar,
			.buffer_size = map->buffer_size,
			.inner_type = map->inner.type,
			.inner_key_size = map->inner.key_size,
			.inner_value_size = map->inner.value_size,
			.inner_max_entries = map->inner.max_entries,
			.inner_flags = map->inner.flags,
			.inner_value_is_int = map->inner.value_is_scalar,
		};
		buf_add(&w->tables, &row, sizeof row);
	}
}

static void add_options(struct meta *w)
{
	for (uint32_t i = 0; i < w->module->options.len; i++) {
		const struct ir_option *o = &w->module->options.data[i];
		struct ks_meta_option row = {
			.name = add_name(w, o->name),
			.kind = option_kind(w->module, o),
			.offset = o->offset,
			.size = o->size,
		};
		buf_add(&w->tables, &row, sizeof row);
	}
}

/* Fills *row when the instruction is a tail call. One written by hand, in IR text, may be no such
 * row: nobody fills its array. */
static bool read_tail_call(const struct ir_module *m, uint32_t caller, ir_ref r,
			   struct ks_meta_tail_call *row)
{
	const struct ir_fn *fn = m->fns.data[caller];
	const struct ir_insn *in = ir_get(fn, r);
	if (in->op != IR_CALL_EXTERN || ir_arg_count(fn, r) != 3)
		return false;
	symbol name = m->externs.data[in->index].name;
	const ir_ref *args = ir_args(fn, r);
	if (strcmp(intern_text(&m->compile->names, name), "bpf_tail_call") != 0 ||
	    ir_is_const(args[1]) || ir_get(fn, args[1])->op != IR_MAP || !ir_is_const(args[2]))
		return false;
	row->caller = caller;
	row->callee = (uint32_t)ir_get_const(fn, args[2])->bits;
	row->map = ir_get(fn, args[1])->index;
	return row->callee < m->fns.len && m->fns.data[row->callee]->program;
}

/* Programs come first in a module, so their numbers are those of the functions. Without `w` the rows
 * are only counted. */
static uint32_t add_tail_calls(struct meta *w, const struct ir_module *m)
{
	struct ks_meta_tail_call row = {0};
	uint32_t count = 0;
	for (uint32_t i = 0; i < m->fns.len && m->fns.data[i]->program; i++)
		for (ir_ref r = 1; r < m->fns.data[i]->insns.len; r++) {
			if (!read_tail_call(m, i, r, &row))
				continue;
			count++;
			if (w)
				buf_add(&w->tables, &row, sizeof row);
		}
	return count;
}

void image_write_meta(const struct ir_module *m, const char *source_name, struct buf *out)
{
	struct ks_meta_header h = {
		.magic = KS_META_MAGIC,
		.version = KS_RT_VERSION,
		.map_count = m->maps.len,
		.option_count = m->options.len,
		.options_size = m->options_size,
	};
	for (uint32_t i = 0; i < m->fns.len; i++)
		h.program_count += m->fns.data[i]->program != NULL;
	for (int i = 0; i < IR_SECTION_COUNT; i++)
		h.section_size[i] = m->section_size[i];
	h.programs = sizeof h;
	h.maps = h.programs + h.program_count * (uint32_t)sizeof(struct ks_meta_program);
	h.options = h.maps + h.map_count * (uint32_t)sizeof(struct ks_meta_map);
	h.tail_calls = h.options + h.option_count * (uint32_t)sizeof(struct ks_meta_option);
	h.tail_call_count = add_tail_calls(NULL, m);
	struct meta w = {.module = m};
	w.string_base =
		h.tail_calls + h.tail_call_count * (uint32_t)sizeof(struct ks_meta_tail_call);
	buf_init(&w.tables);
	buf_init(&w.strings);
	h.source_name = add_string(&w, source_name);
	add_programs(&w);
	add_maps(&w);
	add_options(&w);
	add_tail_calls(&w, m);
	buf_add(out, &h, sizeof h);
	buf_add(out, w.tables.data, w.tables.len);
	buf_add(out, w.strings.data, w.strings.len);
	buf_fini(&w.tables);
	buf_fini(&w.strings);
}

/* ---- container ---- */

enum { PAYLOAD_COUNT = 3 };

struct payload {
	const char *name;
	const struct buf *data;
	size_t align;
};

static bool fail(const char **why, const char *text)
{
	*why = text;
	return false;
}

/* The runtime is our own file, but may be cut short or be something else altogether. */
static bool check_runtime(const uint8_t *file, size_t len, Elf64_Ehdr *e, const char **why)
{
	if (len < sizeof *e)
		return fail(why, "the runtime executable is too short");
	memcpy(e, file, sizeof *e);
	if (memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 || e->e_ident[EI_CLASS] != ELFCLASS64 ||
	    e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_shentsize != sizeof(Elf64_Shdr) ||
	    e->e_shnum == 0 || e->e_shnum + PAYLOAD_COUNT >= SHN_LORESERVE ||
	    e->e_shstrndx >= e->e_shnum)
		return fail(why, "the runtime executable is not a 64-bit ELF file with sections");
	if (e->e_shoff > len || (len - e->e_shoff) / sizeof(Elf64_Shdr) < e->e_shnum)
		return fail(why, "the runtime executable has its section table outside the file");
	return true;
}

static size_t page_of(uint16_t machine)
{
	return machine == EM_AARCH64 ? 65536 : 4096;
}

/* Appends the payloads and their headers, and their names to the section names. */
static void add_payloads(const struct payload *payloads, struct buf *out, size_t inserted,
			 struct buf *names, Elf64_Shdr *headers)
{
	for (int i = 0; i < PAYLOAD_COUNT; i++) {
		const struct payload *p = &payloads[i];
		size_t misfit = (out->len + inserted) & (p->align - 1);
		if (misfit)
			buf_add_zeros(out, p->align - misfit);
		headers[i] = (Elf64_Shdr){
			.sh_name = (Elf64_Word)names->len,
			.sh_type = SHT_PROGBITS,
			.sh_offset = out->len + inserted,
			.sh_size = p->data->len,
			.sh_addralign = p->align,
		};
		buf_add(names, p->name, strlen(p->name) + 1);
		buf_add(out, p->data->data, p->data->len);
	}
}

bool image_write_program(const uint8_t *runtime, size_t runtime_len, const struct buf *bpf,
			 const struct buf *image, const struct buf *meta, struct arena *arena,
			 struct buf *out, struct buf_insert *rest, const char **why)
{
	Elf64_Ehdr e;
	if (!check_runtime(runtime, runtime_len, &e, why))
		return false;
	uint32_t count = e.e_shnum + PAYLOAD_COUNT;
	Elf64_Shdr *headers = ARENA_ARRAY(arena, Elf64_Shdr, count);
	memcpy(headers, runtime + e.e_shoff, e.e_shnum * sizeof *headers);
	Elf64_Shdr *strings = &headers[e.e_shstrndx];
	if (strings->sh_offset > runtime_len || strings->sh_size > runtime_len - strings->sh_offset)
		return fail(why, "the runtime executable has its section names outside the file");
	/* The old section table is not copied when it is the end of the file, as linkers have it. */
	size_t kept = runtime_len;
	if (e.e_shoff >= sizeof e && e.e_shoff + e.e_shnum * sizeof *headers == runtime_len)
		kept = e.e_shoff;

	rest->at = sizeof e;
	rest->len = kept - sizeof e;
	size_t inserted = rest->len;
	buf_add(out, &e, sizeof e);
	struct buf names;
	buf_init(&names);
	buf_add(&names, runtime + strings->sh_offset, strings->sh_size);
	const struct payload payloads[PAYLOAD_COUNT] = {
		{KS_SECTION_IMAGE, image, page_of(e.e_machine)},
		{KS_SECTION_BPF, bpf, 8},
		{KS_SECTION_META, meta, 8},
	};
	add_payloads(payloads, out, inserted, &names, headers + e.e_shnum);
	strings->sh_offset = out->len + inserted;
	strings->sh_size = names.len;
	buf_add(out, names.data, names.len);
	buf_fini(&names);
	size_t misfit = (out->len + inserted) & 7;
	if (misfit)
		buf_add_zeros(out, 8 - misfit);
	e.e_shoff = out->len + inserted;
	e.e_shnum = (Elf64_Half)count;
	buf_add(out, headers, count * sizeof *headers);
	memcpy(out->data, &e, sizeof e);
	return true;
}
