/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tail calls. The programs of one attribute share one program array, a map made here at the first
 * tail call, in which a program lies at its index among the programs of the module; the runtime
 * fills it when it loads a program that tail-calls. The helper comes back only when the kernel could not
 * make the call, and then the caller returns what its kind says for a program that cannot go on.
 */
#include "frontend/lower/lower_internal.h"

enum { MAP_TYPE_PROG_ARRAY = 3 }; // BPF_MAP_TYPE_PROG_ARRAY

static bool has_name(const decl_list *list, symbol name)
{
	for (uint32_t i = 0; i < list->len; i++)
		if (list->data[i]->name == name)
			return true;
	return false;
}

/* "xdp_tail_calls", with as many `_` in front as make it the only one of that name in the object. */
static symbol array_name(const struct lower *lw, const char *attribute)
{
	const struct checked_program *program = lw->program;
	const char *text = arena_printf(lw->m->arena, "%s_tail_calls", attribute);
	for (;;) {
		symbol name = intern_string(&lw->compile->names, text);
		if (!has_name(&program->functions, name) && !has_name(&program->globals, name) &&
		    !has_name(&program->configs, name) && !has_name(&program->maps, name))
			return name;
		text = arena_printf(lw->m->arena, "_%s", text);
	}
}

static uint32_t program_count(const struct lower *lw)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < lw->program->functions.len; i++)
		count += lw->program->functions.data[i]->func.program != NULL;
	return count;
}

/* The array of the programs with this attribute: index into m->maps. */
static uint32_t program_array(struct lower *lw, const char *attribute, span where)
{
	symbol key = intern_string(&lw->compile->names, attribute);
	uint64_t *known = map_insert(&lw->tails, key);
	if (!*known) {
		uint32_t number = lower_dtype(lw, lw->program->types.u32);
		struct ir_map map = {
			.name = array_name(lw, attribute),
			.type = MAP_TYPE_PROG_ARRAY,
			.key_size = 4,
			.value_size = 4,
			.max_entries = program_count(lw),
			.key_dtype = number,
			.value_dtype = number,
			.key_is_scalar = true,
			.value_is_scalar = true,
			.is_array = true,
			.where = where,
		};
		vec_push(lw->m->arena, &lw->m->maps, map);
		*known = lw->m->maps.len;
	}
	return (uint32_t)*known - 1;
}

ir_ref lower_tail_call(struct body *f, struct expr *call)
{
	struct decl *callee = call->call.target;
	const struct program_kind *kind = f->decl->func.program;
	ir_ref context = lower_value(f, call->call.args.data[0]);
	f->b.where = call->where;
	uint32_t map = program_array(f->lw, kind->attribute, call->where);
	uint32_t effects = IR_EFFECT_READS | IR_EFFECT_WRITES | IR_EFFECT_PACKET | IR_EFFECT_OTHER;
	uint32_t helper = ir_add_extern(f->m, IR_EXTERN_HELPER, "bpf_tail_call", IR_I64, effects);
	ir_ref args[] = {
		context,
		ir_emit_index(&f->b, IR_MAP, IR_PTR, map),
		const32(f, request_fn(f->lw, callee, IR_TARGET_BPF)),
	};
	ir_emit_call(&f->b, IR_CALL_EXTERN, IR_I64, helper, args, 3);
	enum ir_type type = value_type(f->result);
	leave_with(f, ir_const(f->fn, type, (uint64_t)(int64_t)kind->on_failure));
	return zero_of(f, type); // of code that nothing reaches
}
