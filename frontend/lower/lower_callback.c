/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that the kernel calls back: a function of the program has the parameters that mean
 * something to it, so one is made around it with those that the kernel passes (callbacks.def), and with the
 * result that the verifier wants.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

uint32_t request_callback(struct lower *lw, struct decl *handler, const struct callback *row)
{
	for (uint32_t i = 0; i < lw->callbacks.len; i++)
		if (lw->callbacks.data[i].decl == handler && lw->callbacks.data[i].callback == row)
			return lw->callbacks.data[i].index;
	const char *by = *row->name == '.' ? row->name + 1 : row->name;
	const char *name = arena_printf(lw->m->arena, "%s__%s",
					intern_text(&lw->compile->names, handler->link_name),
					strncmp(by, "bpf_", 4) != 0 ? by : by + 4);
	uint32_t index = ir_add_fn(lw->m, intern_string(&lw->compile->names, name), IR_TARGET_BPF);
	struct ir_fn *fn = lw->m->fns.data[index];
	fn->where = handler->name_where;
	fn->result = IR_I64;
	fn->param_count = (uint32_t)strlen(row->params);
	fn->params = ARENA_ARRAY(fn->arena, uint8_t, fn->param_count);
	for (uint32_t i = 0; i < fn->param_count; i++)
		fn->params[i] = row->params[i] == 'i' ? IR_I64 : IR_PTR;
	for (uint32_t i = 0; i < fn->param_count; i++)
		if (row->params[i] == 'T' || row->params[i] == 'V')
			fn->kernel_params |= 1u << i;
	struct pending_fn pending = {.decl = handler, .index = index, .callback = row};
	vec_push(lw->m->arena, &lw->queue, pending);
	vec_push(lw->m->arena, &lw->callbacks, pending);
	return index;
}

/* What the verifier lets nobody write is handed on as a copy. */
static ir_ref copy_key(struct body *f, ir_ref key, const struct type *type)
{
	uint32_t slot = new_slot(f, type, 0, f->b.where);
	struct place to = slot_place(f, slot), from = pointer_place(key, type->align);
	copy_member(f, &to, &from, type);
	return slot_addr(f, slot);
}

/* The bytes of a record; goes to `end` when it is shorter than its type says. */
static ir_ref enter_record(struct body *f, ir_ref record, const struct type *type, uint32_t end)
{
	ir_ref args[] = {record, const64(f, 0), const64(f, type->size)};
	uint32_t good = new_block(f);
	ir_ref data = emit_helper(f, "bpf_dynptr_data", IR_PTR, args, 3);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, data, null_ptr(f)), good, end, IR_LIKELY_TRUE);
	start_block(f, good);
	return data;
}

/* Calls the function with what it wants of the parameters; 1 in the slot ends what the kernel does. */
static void call_handler(struct body *f, const struct callback *row, uint32_t ends, uint32_t done)
{
	const struct type *type = f->decl->type;
	bool may_throw = fn_may_throw(f->lw, f->decl);
	ir_ref args[8], params[8];
	uint32_t count = 0;
	for (uint32_t i = 0; row->params[i]; i++)
		params[i] =
			ir_emit_index(&f->b, IR_PARAM, row->params[i] == 'i' ? IR_I64 : IR_PTR, i);
	for (uint32_t i = 0; row->params[i] && count < type->func.param_count; i++) {
		const struct type *param = type->func.params[count];
		ir_ref value = params[i];
		if (row->params[i] == '-')
			continue;
		if (row->params[i] == 'i')
			value = to_register(f, value, value_type(param), false);
		else if (row->params[i] == 'k')
			value = copy_key(f, value, param->element);
		else if (row->params[i] == 'r')
			value = enter_record(f, value, param->element, done);
		args[count++] = value;
	}
	uint32_t error = may_throw ? error_word(f) : 0;
	if (may_throw) // a panic: nothing is thrown out of such a function
		args[count++] = slot_addr(f, error);
	enum ir_type result = value_type(type->func.result);
	uint32_t index = request_fn(f->lw, f->decl, IR_TARGET_BPF);
	ir_ref given = ir_emit_call(&f->b, IR_CALL, result, index, args, count);
	if (row->gives_number) {
		ir_ref stops = ir_emit(&f->b, IR_NE, IR_I32, given, zero_of(f, result));
		if (may_throw)
			stops = ir_emit(&f->b, IR_OR, IR_I32, stops,
					ir_emit(&f->b, IR_NE, IR_I32, load_word(f, error, IR_I64),
						const64(f, 0)));
		store_word(f, ends, IR_I64, to_register(f, stops, IR_I64, false));
	}
	jump_to(f, done);
}

void lower_callback(struct lower *lw, const struct pending_fn *pending)
{
	struct body f = {.lw = lw,
			 .m = lw->m,
			 .fn = lw->m->fns.data[pending->index],
			 .target = IR_TARGET_BPF,
			 .decl = pending->decl};
	f.fn->arena = f.fn->const_index.arena = &lw->making;
	f.b.fn = f.fn;
	f.b.where = pending->decl->name_where;
	f.b.block = new_block(&f);
	uint32_t done = new_block(&f), ends = raw_slot(&f, 8, 8);
	store_word(&f, ends, IR_I64, const64(&f, 0));
	call_handler(&f, pending->callback, ends, done);
	start_block(&f, done);
	ir_emit_return(&f.b, load_word(&f, ends, IR_I64));
	ir_settle(f.fn, lw->m->arena);
	arena_reset(&lw->making);
}
