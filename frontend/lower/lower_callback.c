/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that the kernel calls back: a function of the program has the parameters that mean
 * something to it, so one is made around it with those that the kernel passes, and with the result that
 * the verifier wants.
 */
#include "frontend/lower/lower_internal.h"

static const struct {
	const char *suffix;
	uint32_t params;
} callbacks[] = {
	[CALLBACK_TIMER] = {"timer", 3},
	[CALLBACK_RECORD] = {"record", 2},
};

uint32_t request_callback(struct lower *lw, struct decl *handler, enum callback_kind kind)
{
	uint64_t *known = map_insert(&lw->callbacks, MAP_PTR(handler) << 2 | kind);
	if (*known)
		return (uint32_t)*known - 1;
	const char *name = arena_printf(lw->m->arena, "%s_%s",
					intern_text(&lw->compile->names, handler->link_name),
					callbacks[kind].suffix);
	uint32_t index = ir_add_fn(lw->m, intern_string(&lw->compile->names, name), IR_TARGET_BPF);
	*known = index + 1;
	struct ir_fn *fn = lw->m->fns.data[index];
	fn->where = handler->name_where;
	fn->result = IR_I64;
	fn->param_count = callbacks[kind].params;
	fn->params = ARENA_ARRAY(fn->arena, uint8_t, fn->param_count);
	for (uint32_t i = 0; i < fn->param_count; i++)
		fn->params[i] = IR_PTR;
	struct pending_fn pending = {.decl = handler, .index = index, .callback = kind};
	vec_push(lw->m->arena, &lw->queue, pending);
	return index;
}

static ir_ref call_handler(struct body *f, const ir_ref *args, uint32_t count)
{
	enum ir_type result = value_type(f->decl->type->func.result);
	uint32_t index = request_fn(f->lw, f->decl, IR_TARGET_BPF);
	return ir_emit_call(&f->b, IR_CALL, result, index, args, count);
}

/* A timer's callback must give 0. */
static ir_ref call_with_entry(struct body *f)
{
	ir_ref args[] = {ir_emit_index(&f->b, IR_PARAM, IR_PTR, 1),
			 ir_emit_index(&f->b, IR_PARAM, IR_PTR, 2)};
	call_handler(f, args, 2);
	return const64(f, 0);
}

/* A record that is shorter than its type says is passed over; 1 ends the walk. */
static ir_ref call_with_record(struct body *f)
{
	const struct type *record = f->decl->type->func.params[0]->element;
	ir_ref args[] = {ir_emit_index(&f->b, IR_PARAM, IR_PTR, 0), const64(f, 0),
			 const64(f, record->size)};
	uint32_t good = new_block(f), done = new_block(f), result = raw_slot(f, 8, 8);
	store_word(f, result, IR_I64, const64(f, 0));
	ir_ref data = emit_helper(f, "bpf_dynptr_data", IR_PTR, args, 3);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, data, null_ptr(f)), good, done, IR_LIKELY_TRUE);
	start_block(f, good);
	ir_ref given = call_handler(f, &data, 1);
	ir_ref ends = ir_emit(&f->b, IR_NE, IR_I32, given, const32(f, 0));
	store_word(f, result, IR_I64, to_register(f, ends, IR_I64, false));
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, result, IR_I64);
}

void lower_callback(struct lower *lw, const struct pending_fn *pending)
{
	struct body f = {.lw = lw,
			 .m = lw->m,
			 .fn = lw->m->fns.data[pending->index],
			 .target = IR_TARGET_BPF,
			 .decl = pending->decl};
	bool is_timer = pending->callback == CALLBACK_TIMER;
	f.fn->arena = f.fn->const_index.arena = &lw->making;
	f.b.fn = f.fn;
	f.b.where = pending->decl->name_where;
	f.b.block = new_block(&f);
	ir_emit_return(&f.b, is_timer ? call_with_entry(&f) : call_with_record(&f));
	ir_settle(f.fn, lw->m->arena);
	arena_reset(&lw->making);
}
