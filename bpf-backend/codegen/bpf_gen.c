/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From module to object: which functions are generated (programs and what they reach), each through the
 * stages of the machine form; global sections; BTF; the text form. Programs stand in the order of
 * the module, because userspace refers to them by that number.
 */
#include "bpf-backend/codegen/gen.h"
#include "bpf-backend/codegen/mir.h"
#include "bpf-backend/kernel/kernel.h"

struct generator {
	struct ir_module *module;
	struct bpf_gen_options options;
	struct bpf_object *out;
	struct arena *arena;
	struct btf_types types;
	uint32_t *func_index;    // of module functions in the object, UINT32_MAX when left out
	VEC(uint32_t) functions; // the other way
};

static void add_function(struct generator *g, uint32_t index)
{
	if (g->func_index[index] != UINT32_MAX ||
	    g->module->fns.data[index]->target != IR_TARGET_BPF)
		return;
	g->func_index[index] = g->functions.len;
	vec_push(g->arena, &g->functions, index);
}

/* Programs first, then whatever they call or take the address of. */
static void choose_functions(struct generator *g)
{
	g->func_index = ARENA_ARRAY(g->arena, uint32_t, g->module->fns.len + 1);
	memset(g->func_index, 0xff, g->module->fns.len * sizeof *g->func_index);
	for (uint32_t i = 0; i < g->module->fns.len; i++)
		if (g->module->fns.data[i]->program)
			add_function(g, i);
	for (uint32_t i = 0; i < g->functions.len; i++) {
		const struct ir_fn *fn = g->module->fns.data[g->functions.data[i]];
		for (uint32_t b = 0; b < fn->blocks.len; b++)
			for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
				if (ir_get(fn, r)->op == IR_CALL || ir_get(fn, r)->op == IR_FUNC)
					add_function(g, ir_get(fn, r)->index);
	}
}

/* The optimiser makes it for loops with a guard. */
static const struct mir_zero *find_zero(const struct generator *g)
{
	symbol name = intern_string(&g->module->compile->names, "__ks_zero");
	for (uint32_t i = 0; i < g->module->globals.len; i++) {
		const struct ir_global *global = &g->module->globals.data[i];
		if (global->name != name)
			continue;
		struct mir_zero *zero = ARENA_NEW(g->arena, struct mir_zero);
		*zero = (struct mir_zero){global->section, global->offset};
		return zero;
	}
	return NULL;
}

static bool is_number(const struct ir_module *m, uint32_t dtype)
{
	enum ir_dtype_kind kind = m->dtypes.data[dtype].kind;
	return kind == IR_DTYPE_INT || kind == IR_DTYPE_ENUM;
}

/* A subprogram with numbers only, which the verifier can judge for all of them
 * (btf_prepare_func_args(), kernel/bpf/btf.c, Linux 5.10). */
static bool takes_numbers(const struct ir_module *m, const struct ir_fn *fn)
{
	const struct ir_dtype *type = fn->dtype ? &m->dtypes.data[fn->dtype] : NULL;
	bool is_plain = !fn->program && !fn->ops && type && type->kind == IR_DTYPE_FUNC &&
			type->member_count == fn->param_count &&
			(fn->result == IR_I32 || fn->result == IR_I64) &&
			is_number(m, type->target);
	for (uint32_t i = 0; is_plain && i < fn->param_count; i++)
		is_plain = fn->params[i] != IR_PTR && is_number(m, type->members[i].type);
	return is_plain;
}

static bool generate_function(struct generator *g, uint32_t index)
{
	struct ir_fn *fn = g->module->fns.data[index];
	struct bpf_func *out = ARENA_NEW(g->arena, struct bpf_func);
	const struct kernel_program *program =
		fn->program ? kernel_find_program(fn->program) : NULL;
	struct select_context context = {g->module, &g->options, g->func_index};
	struct arena arena;
	out->name = fn->name;
	out->may_be_global = takes_numbers(g->module, fn);
	out->section = program ? program->kind.section : fn->program ? fn->program : ".text";
	if (fn->watched)
		out->section = arena_printf(g->arena, "%s/%s", out->section, fn->watched);
	out->btf_id = btf_types_add_func(&g->types, fn);
	vec_push(g->arena, &g->out->funcs, out);
	arena_init(&arena);
	struct mir_fn *mir = mir_select(&context, fn, &arena);
	bool ok = mir != NULL;
	if (ok) {
		mir_merge_alike(mir, &arena);
		mir_share_bases(mir, &arena);
		mir_preset_constants(mir, &arena);
		mir_find_conflicts(mir, &arena);
		mir_allocate(mir, &arena);
		mir_share_slots(mir, &arena);
		mir_peephole(mir, &arena);
		ok = mir_layout_stack(mir);
	}
	if (ok) {
		mir_drop_frame_stores(mir);
		mir_prepare_guarded(mir, find_zero(g), &arena);
		mir_layout(mir, &arena);
		ok = mir_encode(mir, out, g->arena);
	}
	arena_fini(&arena);
	return ok;
}

_Static_assert(BPF_OBJECT_SECTIONS == (int)IR_SECTION_COUNT, "bpf_gen.h counts the sections");

static void fill_sections(struct generator *g)
{
	static const char *const names[IR_SECTION_COUNT] = {".data", ".bss", ".rodata",
							    ".data.pinned"};
	struct ir_module *m = g->module;
	uint8_t *data[IR_SECTION_COUNT] = {NULL};
	for (uint32_t i = 0; i < IR_SECTION_COUNT; i++) {
		struct bpf_object_section *s = &g->out->sections[i];
		*s = (struct bpf_object_section){
			.name = names[i], .size = m->section_size[i], .align = 8};
		if (s->size && i != IR_SECTION_BSS)
			s->data = data[i] = ARENA_ARRAY(g->arena, uint8_t, s->size);
	}
	for (uint32_t i = 0; i < m->globals.len; i++) {
		const struct ir_global *global = &m->globals.data[i];
		if (global->init && data[global->section])
			memcpy(data[global->section] + global->offset, global->init, global->size);
	}
}

static bool check_depth(struct generator *g)
{
	span *where = ARENA_ARRAY(g->arena, span, g->functions.len + 1);
	for (uint32_t i = 0; i < g->functions.len; i++)
		where[i] = g->module->fns.data[g->functions.data[i]]->where;
	return bpf_check_call_depth(g->module->compile, g->out, where, g->arena);
}

/* In order of the externs: a call refers to its function by that number. */
static void add_kfuncs(struct generator *g)
{
	struct ir_module *m = g->module;
	bool *is_called = ARENA_ARRAY(g->arena, bool, m->externs.len + 1);
	for (uint32_t f = 0; f < g->out->funcs.len; f++)
		for (uint32_t i = 0; i < g->out->funcs.data[f]->relos.len; i++)
			if (g->out->funcs.data[f]->relos.data[i].kind == BPF_RELO_KFUNC)
				is_called[g->out->funcs.data[f]->relos.data[i].index] = true;
	for (uint32_t i = 0; i < m->externs.len; i++) {
		const struct ir_extern *e = &m->externs.data[i];
		struct bpf_object_kfunc kfunc = {e->name, 0};
		if (is_called[i])
			kfunc.btf_id = btf_types_add_extern(&g->types, e);
		vec_push(g->out->arena, &g->out->kfuncs, kfunc);
	}
}

static void add_ops(struct generator *g)
{
	uint32_t offset = 0;
	for (uint32_t i = 0; i < g->module->ops.len; i++) {
		const struct ir_ops *ops = &g->module->ops.data[i];
		struct bpf_object_ops out = {
			.name = ops->name, .offset = offset, .size = ops->size, .data = ops->init};
		for (uint32_t k = 0; k < ops->functions.len; k++) {
			struct bpf_object_ops_function row = {
				ops->functions.data[k].offset,
				g->func_index[ops->functions.data[k].fn]};
			vec_push(g->out->arena, &out.functions, row);
		}
		btf_types_add_ops(&g->types, ops, offset);
		vec_push(g->out->arena, &g->out->ops, out);
		offset += ops->size;
	}
}

bool bpf_generate(struct ir_module *m, const struct bpf_gen_options *options,
		  struct bpf_object *out)
{
	struct generator g = {.module = m, .options = *options, .out = out, .arena = m->arena};
	bool ok = true;
	if (!g.options.isa)
		g.options.isa = kernel_isa(options->kernel);
	*out = (struct bpf_object){
		.arena = m->arena, .license = "GPL", .is_big_endian = m->is_big_endian};
	btf_types_init(&g.types, m, m->arena);
	out->btf = g.types.builder;
	choose_functions(&g);
	for (uint32_t i = 0; i < m->cores.len; i++)
		vec_push(out->arena, &out->cores, btf_types_add_core(&g.types, &m->cores.data[i]));
	for (uint32_t i = 0; i < g.functions.len; i++)
		ok &= generate_function(&g, g.functions.data[i]);
	if (ok)
		ok = check_depth(&g);
	for (uint32_t i = 0; i < m->maps.len; i++) {
		struct bpf_object_map map = {m->maps.data[i].name,
					     btf_types_add_map(&g.types, &m->maps.data[i])};
		vec_push(out->arena, &out->maps, map);
	}
	add_kfuncs(&g);
	add_ops(&g);
	fill_sections(&g);
	btf_types_finish(&g.types, out);
	return ok;
}

/* ---- text ---- */

static const char *reference_text(const struct compile *compile, const struct bpf_object *object,
				  const struct bpf_relo *relo, struct arena *arena)
{
	switch (relo->kind) {
	case BPF_RELO_MAP:
		return intern_text(&compile->names, object->maps.data[relo->index].name);
	case BPF_RELO_SECTION:
		return arena_printf(arena, "%s+%u", object->sections[relo->index].name,
				    relo->addend);
	case BPF_RELO_KFUNC:
		return intern_text(&compile->names, object->kfuncs.data[relo->index].name);
	case BPF_RELO_CORE:
		return NULL; // shown behind the instruction
	case BPF_RELO_CALL:
	case BPF_RELO_FUNC:
		return intern_text(&compile->names, object->funcs.data[relo->index]->name);
	}
	unreachable("a kind of relocation");
}

static void print_function(const struct compile *compile, const struct bpf_object *object,
			   const struct bpf_func *func, struct arena *arena, struct buf *out)
{
	uint32_t next = 0;
	buf_printf(out, "%s: # %s, %u bytes of stack\n", intern_text(&compile->names, func->name),
		   func->section, func->stack_size);
	for (uint32_t i = 0; i < func->code.len;) {
		struct insn_names names = {.helper = kernel_helper_name};
		const struct bpf_record *record = &func->code.data[i];
		const struct bpf_relo *relo = NULL;
		if (next < func->relos.len && func->relos.data[next].insn == i)
			relo = &func->relos.data[next++];
		if (relo)
			names.reference = reference_text(compile, object, relo, arena);
		buf_printf(out, "%6u: ", i);
		insn_print(out, record, func->code.len - i, &names);
		if (relo && relo->kind == BPF_RELO_CORE)
			buf_printf(out, " # core %s %s",
				   ir_core_words[object->cores.data[relo->index].kind],
				   object->cores.data[relo->index].access);
		buf_add_char(out, '\n');
		i += insn_records(record);
	}
}

void bpf_print_object(const struct compile *compile, const struct bpf_object *object,
		      struct buf *out)
{
	struct arena arena;
	arena_init(&arena);
	for (uint32_t i = 0; i < object->funcs.len; i++) {
		if (i)
			buf_add_char(out, '\n');
		print_function(compile, object, object->funcs.data[i], &arena, out);
	}
	arena_fini(&arena);
}
