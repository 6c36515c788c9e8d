/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function: its parameters, its body, its end; and the small steps from which all others are
 * made: blocks, slots, constants, changes of register width.
 *
 * A parameter is copied to a slot at entry, so that it is a variable like any other; a context and
 * an aggregate (which came in as the address of a copy) are used as they are.
 */
#include "frontend/lower/lower_internal.h"

struct local *local_of(struct decl *decl)
{
	assert(decl->lowered && "a variable is declared before it is used");
	return decl->lowered;
}

struct local *new_local(struct body *f, struct decl *decl)
{
	struct local *local = ARENA_NEW(f->m->arena, struct local);
	local->max = UINT64_MAX;
	decl->lowered = local;
	return local;
}

/* ---- blocks ---- */

uint32_t new_block(struct body *f)
{
	return ir_add_block(f->fn);
}

bool is_live(const struct body *f)
{
	return f->b.block != UINT32_MAX;
}

void jump_to(struct body *f, uint32_t block)
{
	if (is_live(f))
		ir_emit_jump(&f->b, block);
}

void start_block(struct body *f, uint32_t block)
{
	f->b.block = block;
}

void branch(struct body *f, ir_ref cond, uint32_t yes, uint32_t no, enum ir_likely likely)
{
	if (!is_live(f))
		return;
	uint32_t block = f->b.block;
	ir_emit_branch(&f->b, cond, yes, no);
	ir_get(f->fn, f->fn->blocks.data[block].last)->aux = (uint16_t)likely;
}

/* ---- slots ---- */

uint32_t slot_align(const struct type *type)
{
	uint32_t size = value_type(type) == IR_VOID ? type->size : value_width(type);
	uint32_t align = type->align ? type->align : size ? size : 1;
	if (size >= 8)
		return 8;
	return size >= 4 && align < 4 ? 4 : align;
}

uint32_t new_slot(struct body *f, const struct type *type, symbol name, span where)
{
	uint32_t size = value_type(type) == IR_VOID ? type->size : value_width(type);
	return ir_add_slot(f->fn, (struct ir_slot){.name = name,
						   .size = size,
						   .align = slot_align(type),
						   .dtype = lower_dtype(f->lw, type),
						   .where = where});
}

uint32_t raw_slot(struct body *f, uint32_t size, uint32_t align)
{
	return ir_add_slot(f->fn,
			   (struct ir_slot){.size = size, .align = align, .where = f->b.where});
}

ir_ref slot_addr(struct body *f, uint32_t slot)
{
	return ir_emit_index(&f->b, IR_SLOT, IR_PTR, slot);
}

ir_ref load_slot(struct body *f, uint32_t slot, const struct type *type)
{
	uint32_t width = value_width(type);
	uint16_t aux = ir_mem_aux(width, value_is_signed(type) && width < 4, IR_SPACE_SLOT);
	return ir_emit_load(&f->b, value_type(type), slot_addr(f, slot), 0, aux);
}

void store_slot(struct body *f, uint32_t slot, const struct type *type, ir_ref value)
{
	uint16_t aux = ir_mem_aux(value_width(type), false, IR_SPACE_SLOT);
	ir_emit_store(&f->b, slot_addr(f, slot), 0, value, aux);
}

ir_ref load_word(struct body *f, uint32_t slot, enum ir_type type)
{
	uint16_t aux = ir_mem_aux(type == IR_I32 ? 4 : 8, false, IR_SPACE_SLOT);
	return ir_emit_load(&f->b, type, slot_addr(f, slot), 0, aux);
}

void store_word(struct body *f, uint32_t slot, enum ir_type type, ir_ref value)
{
	uint16_t aux = ir_mem_aux(type == IR_I32 ? 4 : 8, false, IR_SPACE_SLOT);
	ir_emit_store(&f->b, slot_addr(f, slot), 0, value, aux);
}

/* ---- values ---- */

ir_ref const32(struct body *f, uint32_t value)
{
	return ir_const(f->fn, IR_I32, value);
}

ir_ref const64(struct body *f, uint64_t value)
{
	return ir_const(f->fn, IR_I64, value);
}

ir_ref null_ptr(struct body *f)
{
	return ir_const(f->fn, IR_PTR, 0);
}

ir_ref zero_of(struct body *f, enum ir_type type)
{
	return ir_const(f->fn, type, 0);
}

/* Constants are folded at once, so that offsets and sizes are plain to see at every level. */
ir_ref emit_folded(struct body *f, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b)
{
	if (!ir_is_const(a) || (b && !ir_is_const(b)))
		return ir_emit(&f->b, op, type, a, b);
	uint64_t left = ir_get_const(f->fn, a)->bits;
	uint64_t right = b ? ir_get_const(f->fn, b)->bits : 0;
	return ir_const(f->fn, type, ir_fold(op, type, ir_type_of(f->fn, a), left, right));
}

ir_ref to_register(struct body *f, ir_ref value, enum ir_type type, bool is_signed)
{
	enum ir_type from = ir_type_of(f->fn, value);
	if (from == type)
		return value;
	if (from == IR_PTR) {
		value = ir_emit(&f->b, IR_PTRINT, IR_I64, value, IR_REF_NONE);
		return to_register(f, value, type, false);
	}
	if (type == IR_PTR)
		return ir_emit(&f->b, IR_INTPTR, IR_PTR, to_register(f, value, IR_I64, is_signed),
			       IR_REF_NONE);
	enum ir_op op = type == IR_I32 ? IR_TRUNC : is_signed ? IR_SEXT32 : IR_ZEXT32;
	return emit_folded(f, op, type, value, IR_REF_NONE);
}

ir_ref call_runtime(struct body *f, const char *name, enum ir_type result, uint32_t effects,
		    const ir_ref *args, uint32_t count)
{
	uint32_t callee = ir_add_extern(f->m, IR_EXTERN_RUNTIME, name, result, effects);
	return ir_emit_call(&f->b, IR_CALL_EXTERN, result, callee, args, count);
}

/* ---- counting loops ---- */

struct counter begin_count(struct body *f, uint32_t count)
{
	struct counter counter = {.slot = raw_slot(f, 8, 8)};
	store_word(f, counter.slot, IR_I64, const64(f, 0));
	counter.head = new_block(f);
	uint32_t body = new_block(f);
	counter.end = new_block(f);
	jump_to(f, counter.head);
	start_block(f, counter.head);
	counter.value = load_word(f, counter.slot, IR_I64);
	ir_ref more = ir_emit(&f->b, IR_ULT, IR_I32, counter.value, const64(f, count));
	branch(f, more, body, counter.end, IR_LIKELY_TRUE);
	f->fn->blocks.data[counter.head].loop_bound = count;
	start_block(f, body);
	return counter;
}

void end_count(struct body *f, const struct counter *counter)
{
	if (is_live(f))
		store_word(f, counter->slot, IR_I64,
			   ir_emit(&f->b, IR_ADD, IR_I64, counter->value, const64(f, 1)));
	jump_to(f, counter->head);
	start_block(f, counter->end);
}

/* ---- the function ---- */

static bool is_context(const struct type *type)
{
	return type_is_ctx_pointer(type);
}

static void enter_param(struct body *f, struct decl *param, uint32_t index)
{
	const struct type *type = param->type;
	bool is_aggregate = type_is_aggregate(type);
	struct local *local = new_local(f, param);
	f->b.where = param->name_where;
	struct decl *bound = f->bound ? f->bound[param->variable.index] : NULL;
	ir_ref value = bound ? lower_function_value(f, bound, type)
			     : ir_emit_index(&f->b, IR_PARAM,
					     is_aggregate ? IR_PTR : value_type(type), index);
	if (is_aggregate || (is_context(type) && !param->variable.is_address_taken &&
			     !param->variable.is_assigned)) {
		local->value = value;
		if (!ir_is_const(value))
			f->b.fn->names.data[value] = param->name;
		return;
	}
	local->slot = new_slot(f, type, param->name, param->name_where);
	store_slot(f, local->slot, type, value);
}

/* From the context to the copy, or back. */
static void copy_own_context(struct body *f, bool is_back)
{
	const struct type *record = f->decl->func.params.data[0]->type->element;
	struct place copy = slot_place(f, f->own_context), context = pointer_place(f->context, 8);
	copy_object(f, is_back ? &context : &copy, is_back ? &copy : &context, record->size);
}

void emit_return(struct body *f, ir_ref value)
{
	if (f->has_own_context)
		copy_own_context(f, true);
	ir_emit_return(&f->b, value);
}

/*
 * A context that is a struct of the program's own is copied to a local object and back: only so any part of it can be
 * used as that of any other object, since the verifier takes no address in a context and no variable index.
 */
static void enter_own_context(struct body *f)
{
	if (!f->decl->func.params.len)
		return;
	struct decl *param = f->decl->func.params.data[0];
	const struct type *record = param->type->element;
	struct local *local = new_local(f, param);
	f->b.where = param->name_where;
	f->context = ir_emit_index(&f->b, IR_PARAM, IR_PTR, 0);
	f->own_context = new_slot(f, record, param->name, param->name_where);
	f->has_own_context = true;
	f->fn->context_size = record->size;
	copy_own_context(f, false);
	ir_ref address = slot_addr(f, f->own_context);
	if (!param->variable.is_assigned && !param->variable.is_address_taken) {
		local->value = address;
		return;
	}
	local->slot = new_slot(f, param->type, param->name, param->name_where);
	store_slot(f, local->slot, param->type, address);
}

static void enter_params(struct body *f)
{
	uint32_t index = 0;
	if (f->kind && !is_tracer(f->kind) && !*f->kind->context &&
	    f->kind->params == PARAMS_CONTEXT && f->decl->func.program) {
		enter_own_context(f);
		return;
	}
	if (f->kind && is_tracer(f->kind)) {
		enter_tracer_params(f);
		return;
	}
	if (type_is_aggregate(f->result))
		f->result_addr = ir_emit_index(&f->b, IR_PARAM, IR_PTR, index++);
	for (uint32_t i = 0; i < f->decl->func.params.len; i++) {
		enter_param(f, f->decl->func.params.data[i], index);
		index += !f->bound || !f->bound[i];
	}
	if (f->may_throw)
		f->error_param = ir_emit_index(&f->b, IR_PARAM, IR_PTR, index);
}

/* The end of a body that falls through: of a void function, of one with a named result, or a place
 * that the checker proved unreachable. */
static void finish_body(struct body *f)
{
	if (!is_live(f))
		return;
	f->b.where = (span){f->decl->where.end ? f->decl->where.end - 1 : 0, f->decl->where.end};
	return_result(f, NULL);
}

/* The kernel refuses programs of some kinds when they could return anything outside of a range: what is
 * outside becomes the safe result. */
static ir_ref keep_in_range(struct body *f, ir_ref value)
{
	const struct program_kind *kind = f->kind;
	if (kind && value && is_tracer(kind) && kind->result_min == kind->result_max)
		return const32(f, (uint32_t)kind->result_min); // nobody looks at it
	if (!kind || !kind->checks_result || !value)
		return value;
	uint32_t first = (uint32_t)kind->result_min;
	uint32_t last = (uint32_t)kind->result_max - first;
	ir_ref otherwise = const32(f, (uint32_t)kind->on_failure);
	if (!last)
		return otherwise;
	ir_ref place = first ? emit_folded(f, IR_SUB, IR_I32, value, const32(f, first)) : value;
	if (ir_is_const(place))
		return ir_get_const(f->fn, place)->bits <= last ? value : otherwise;
	ir_ref inside = ir_emit(&f->b, IR_ULE, IR_I32, place, const32(f, last));
	return ir_emit_select(&f->b, IR_I32, inside, value, otherwise);
}

/* The result of a function with a named result and a `defer`, which can still change it: all of it goes
 * through the variable. */
static void return_through_variable(struct body *f, struct expr *expr)
{
	uint32_t slot = local_of(f->decl->func.result_var.data[0])->slot;
	if (expr && type_is_aggregate(f->result)) {
		struct place to = slot_place(f, slot);
		assign_aggregate(f, &to, expr, f->result);
	} else if (expr) {
		store_slot(f, slot, f->result, lower_value(f, expr));
	}
	leave_with(f, IR_REF_NONE);
}

ir_ref take_named_result(struct body *f)
{
	uint32_t slot = local_of(f->decl->func.result_var.data[0])->slot;
	if (!type_is_aggregate(f->result))
		return keep_in_range(f, load_slot(f, slot, f->result));
	struct place to = pointer_place(f->result_addr, f->result->align);
	struct place from = slot_place(f, slot);
	copy_object(f, &to, &from, f->result->size);
	return IR_REF_NONE;
}

void return_result(struct body *f, struct expr *expr)
{
	const decl_list *named = &f->decl->func.result_var;
	ir_ref value = IR_REF_NONE;
	if (named->len && f->has_defer) {
		return_through_variable(f, expr);
		return;
	}
	if (named->len && !expr) {
		leave_with(f, take_named_result(f));
		return;
	}
	if (type_is_aggregate(f->result)) {
		struct place to = pointer_place(f->result_addr, f->result->align);
		if (expr)
			lower_into(f, &to, expr, f->result);
		else
			zero_object(f, &to, f->result->size);
	} else if (f->result->kind != TYPE_VOID) {
		value = expr ? lower_value(f, expr) : zero_of(f, value_type(f->result));
		value = keep_in_range(f, value);
	}
	leave_with(f, value);
}

void lower_function(struct lower *lw, const struct pending_fn *pending)
{
	struct decl *decl = pending->decl;
	struct body f = {.lw = lw,
			 .m = lw->m,
			 .fn = lw->m->fns.data[pending->index],
			 .decl = decl,
			 .bound = pending->bound,
			 .kind = pending->kind,
			 .result = decl->type->func.result};
	f.target = f.fn->target;
	f.fn->arena = f.fn->const_index.arena = &lw->making;
	f.b.fn = f.fn;
	f.b.where = decl->name_where;
	f.b.block = new_block(&f);
	begin_unwind(&f);
	enter_params(&f);
	if (f.kind && !is_tracer(f.kind) && *f.kind->context)
		pull_headers(&f);
	if (decl == lw->program->main || decl->func.role == ROLE_TEST)
		register_callbacks(&f);
	if (decl->func.result_var.len) {
		lower_local(&f, decl->func.result_var.data[0]);
		if (f.has_defer)
			f.result_slot = local_of(decl->func.result_var.data[0])->slot;
	}
	lower_block(&f, decl->func.body);
	finish_body(&f);
	finish_exit(&f);
	ir_remove_unreachable(f.fn, &lw->compile->scratch);
	ir_settle(f.fn, lw->m->arena);
	arena_reset(&lw->making);
	arena_reset(&lw->compile->scratch);
}
