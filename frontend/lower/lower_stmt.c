/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements. Control flow becomes blocks at once; statements that nothing reaches are left out.
 */
#include "frontend/lower/lower_internal.h"

static void lower_stmt(struct body *f, struct stmt *stmt);

void lower_stmts(struct body *f, const stmt_list *stmts, uint32_t from, uint32_t to)
{
	uint32_t known = f->facts.len, in_view = f->entries.len;
	for (uint32_t i = from; i < to && is_live(f); i++) {
		f->b.where = stmts->data[i]->where;
		lower_stmt(f, stmts->data[i]);
	}
	f->entries.len = in_view;
	f->facts.len = known;
}

void lower_block(struct body *f, const struct block *block)
{
	lower_stmts(f, &block->stmts, 0, block->stmts.len);
}

/* ---- variables and assignment ---- */

void lower_local(struct body *f, struct decl *decl)
{
	struct expr *init = decl->variable.init;
	const struct type *type = decl->type;
	if (type->kind == TYPE_ENTRY) {
		bind_entry(f, decl, init);
		return;
	}
	struct local *local = new_local(f, decl);
	if (decl->variable.is_const && init && init->is_const)
		return;
	local->slot = new_slot(f, type, decl->name, decl->name_where);
	if (type_is_aggregate(type)) {
		struct place to = slot_place(f, local->slot);
		if (init)
			lower_into(f, &to, init, type);
		else
			zero_object(f, &to, type->size);
	} else {
		ir_ref value = init ? lower_value(f, init) : zero_of(f, value_type(type));
		if (init && type_is_integer(type) && !type->is_signed)
			local->max = upper_bound(f, init);
		f->b.where = decl->where;
		store_slot(f, local->slot, type, value);
	}
}

static void lower_var(struct body *f, struct stmt *stmt)
{
	struct decl *decl = stmt->var.decl;
	bool is_dropped = intern_len(&f->lw->compile->names, decl->name) == 1 &&
			  *intern_text(&f->lw->compile->names, decl->name) == '_';
	if (is_dropped && decl->variable.init)
		lower_effect(f, decl->variable.init);
	else
		lower_local(f, decl);
}

/* Shared 32- and 64-bit integers in eBPF change atomically, so that no CPU loses a count. */
bool atomic_op(const struct body *f, enum binary_op op, const struct type *type,
	       enum ir_atomic *out)
{
	if (f->target != IR_TARGET_BPF || type->kind != TYPE_INT || type->size < 4)
		return false;
	switch ((int)op) {
	case BINARY_ADD:
	case BINARY_SUB:
		*out = IR_ATOMIC_ADD;
		return true;
	case BINARY_AND:
		*out = IR_ATOMIC_AND;
		return true;
	case BINARY_OR:
		*out = IR_ATOMIC_OR;
		return true;
	case BINARY_XOR:
		*out = IR_ATOMIC_XOR;
		return true;
	default:
		return false;
	}
}

void emit_atomic(struct body *f, const struct place *place, enum binary_op op,
		 enum ir_atomic atomic, ir_ref value)
{
	enum ir_type type = ir_type_of(f->fn, value);
	if (op == BINARY_SUB)
		value = emit_folded(f, IR_NEG, type, value, IR_REF_NONE);
	ir_emit_full(&f->b, (struct ir_insn){.op = IR_ATOMIC,
					     .type = type,
					     .aux = (uint16_t)atomic,
					     .a = place_base(f, place),
					     .b = value,
					     .imm = place->offset});
}

static bool is_shared(const struct place *place, const struct type *type)
{
	if (place_align(place) < type->size || place->bit_width)
		return false;
	return place->space == IR_SPACE_GLOBAL ||
	       (place->space == IR_SPACE_MAP && !place->is_percpu);
}

static void assign_op(struct body *f, struct stmt *stmt)
{
	const struct type *type = stmt->assign.target->type;
	struct place place = lower_place(f, stmt->assign.target);
	if (type->kind == TYPE_STR) {
		append_to_string(f, &place, stmt->assign.value, type);
		return;
	}
	struct op_operand operand = lower_op_operand(f, stmt->assign.op, stmt->assign.value, type);
	f->b.where = stmt->where;
	uint32_t done = place.guard_count ? new_block(f) : 0;
	enum ir_atomic atomic;
	place_enter(f, &place, done);
	if (is_shared(&place, type) && atomic_op(f, stmt->assign.op, type, &atomic)) {
		emit_atomic(f, &place, stmt->assign.op, atomic, operand.value);
	} else {
		ir_ref old = load_unguarded(f, &place, type);
		ir_ref changed =
			type->kind == TYPE_POINTER
				? lower_pointer_step(f, stmt->assign.op, old, operand.value, type)
				: lower_op(f, stmt->assign.op, old, &operand, type);
		store_unguarded(f, &place, type, changed);
	}
	if (place.guard_count) {
		jump_to(f, done);
		start_block(f, done);
	}
}

static void lower_assign(struct body *f, struct stmt *stmt)
{
	if (stmt->assign.target->kind == EXPR_NAME)
		forget_facts(f, stmt->assign.target->name.decl);
	struct expr *target = stmt->assign.target, *value = stmt->assign.value;
	bool is_plain = stmt->assign.op == ASSIGN_PLAIN;
	if (target->type->kind == TYPE_ENTRY) {
		if (is_plain)
			assign_entry(f, target, value);
		else
			assign_entry_op(f, target, stmt->assign.op, value);
		if (target->kind == EXPR_INDEX)
			refresh_entries(f, target->type->entry_of);
		return;
	}
	if (!is_plain) {
		assign_op(f, stmt);
		return;
	}
	struct place place = lower_place(f, target);
	if (type_is_aggregate(target->type)) {
		assign_aggregate(f, &place, value, target->type);
		return;
	}
	ir_ref result = lower_value(f, value);
	f->b.where = stmt->where;
	store_place(f, &place, target->type, result);
}

/* ---- branches ---- */

/* `if (var x = e)`: the variable is visible only where it is present. */
static void lower_binding(struct body *f, struct decl *decl, uint32_t yes, uint32_t no)
{
	if (is_ctx_at(decl->variable.init)) {
		uint32_t slot = new_slot(f, decl->type, decl->name, decl->name_where);
		lower_ctx_at_test(f, decl->variable.init, slot, yes, no);
		new_local(f, decl)->slot = slot;
		return;
	}
	lower_local(f, decl);
	struct local *local = decl->lowered;
	enum ir_type type = decl->type->kind == TYPE_ENTRY ? IR_PTR : value_type(decl->type);
	ir_ref value = load_word(f, local->slot, type);
	f->b.where = decl->where;
	ir_ref cond = ir_emit(&f->b, IR_NE, IR_I32, value, zero_of(f, type));
	branch(f, cond, yes, no, IR_LIKELY_UNKNOWN);
}

static void lower_if(struct body *f, struct stmt *stmt)
{
	const struct expr *condition = stmt->conditional.condition;
	uint32_t yes = new_block(f), no = new_block(f), known;
	uint32_t in_view = f->entries.len;
	f->scope = stmt->conditional.then;
	if (stmt->conditional.binding)
		lower_binding(f, stmt->conditional.binding, yes, no);
	else
		lower_condition(f, stmt->conditional.condition, yes, no);
	start_block(f, yes);
	known = f->facts.len;
	assume(f, condition, true);
	lower_block(f, stmt->conditional.then);
	f->facts.len = known;
	f->entries.len = in_view;
	if (!stmt->conditional.otherwise) {
		if (!is_live(f)) // what follows is the other case alone
			assume(f, condition, false);
		jump_to(f, no);
		start_block(f, no);
		return;
	}
	uint32_t then_end = f->b.block;
	start_block(f, no);
	f->b.where = stmt->conditional.otherwise->where;
	assume(f, condition, false);
	lower_stmt(f, stmt->conditional.otherwise);
	f->facts.len = known;
	if (then_end == UINT32_MAX)
		return;
	uint32_t done = new_block(f);
	jump_to(f, done);
	start_block(f, then_end);
	jump_to(f, done);
	start_block(f, done);
}

/* ---- loops ---- */

/* `condition` holds at the start of the body; NULL when there is none. */
static void loop_body(struct body *f, struct block *block, const struct expr *condition,
		      uint32_t next, uint32_t end)
{
	struct loop loop = {f->loop, next, end};
	uint32_t known = f->facts.len;
	f->loop = &loop;
	assume(f, condition, true);
	lower_block(f, block);
	f->facts.len = known;
	f->loop = loop.outer;
}

static void lower_while(struct body *f, struct stmt *stmt)
{
	uint32_t head = new_block(f), body = new_block(f), end = new_block(f);
	forget_facts(f, NULL);
	jump_to(f, head);
	start_block(f, head);
	lower_condition(f, stmt->loop.condition, body, end);
	start_block(f, body);
	loop_body(f, stmt->loop.body, stmt->loop.condition, head, end);
	jump_to(f, head);
	start_block(f, end);
}

/* Iterations of a loop with constant bounds, 0 when they are not known or too many to count. */
static uint32_t constant_trips(const struct stmt *stmt, const struct type *type)
{
	const struct expr *begin = stmt->range.begin, *end = stmt->range.end,
			  *step = stmt->range.step;
	if (!begin->is_const || !end->is_const || (step && !step->is_const))
		return 0;
	bool is_empty = type->is_signed ? (int64_t)begin->value >= (int64_t)end->value
					: begin->value >= end->value;
	if (is_empty)
		return 0;
	uint64_t distance = end->value - begin->value, by = step ? step->value : 1;
	uint64_t trips = distance / by + (distance % by != 0);
	return trips < UINT32_MAX ? (uint32_t)trips : 0;
}

/* Whether the variable can step past the end without leaving its type, so that one comparison does. */
static bool steps_plainly(const struct stmt *stmt, const struct type *type)
{
	const struct expr *end = stmt->range.end, *step = stmt->range.step;
	if (!step || (step->is_const && step->value == 1))
		return true;
	if (!step->is_const || !end->is_const)
		return false;
	uint32_t bits = type->size * 8;
	uint64_t most = UINT64_MAX >> (64 - bits + type->is_signed), past;
	bool is_negative = type->is_signed && ((int64_t)end->value < 0 || (int64_t)step->value < 0);
	return !is_negative && !__builtin_add_overflow(end->value, step->value, &past) &&
	       past <= most;
}

/* The last step of a range may pass the largest number of the type, so in general the distance that
 * is left decides: on while step - 1 < end - i - 1, which also ends for a step of 0. */
static void step_with(struct body *f, struct local *local, const struct type *type, ir_ref end,
		      ir_ref step, uint32_t body, uint32_t done)
{
	enum ir_type reg = value_type(type);
	ir_ref one = ir_const(f->fn, reg, 1), i = load_slot(f, local->slot, type);
	ir_ref left = ir_emit(&f->b, IR_SUB, reg, ir_emit(&f->b, IR_SUB, reg, end, i), one);
	ir_ref need = emit_folded(f, IR_SUB, reg, step, one);
	ir_ref more = ir_emit(&f->b, IR_ULT, IR_I32, need, left);
	uint32_t advance = new_block(f);
	branch(f, more, advance, done, IR_LIKELY_TRUE);
	start_block(f, advance);
	store_slot(f, local->slot, type, ir_emit(&f->b, IR_ADD, reg, i, step));
	jump_to(f, body);
}

static void lower_for_range(struct body *f, struct stmt *stmt)
{
	struct decl *decl = stmt->range.var;
	const struct type *type = decl->type;
	enum ir_type reg = value_type(type);
	enum ir_op less = value_is_signed(type) ? IR_SLT : IR_ULT;
	struct local *local = new_local(f, decl);
	local->slot = new_slot(f, type, decl->name, decl->name_where);
	ir_ref begin = lower_value(f, stmt->range.begin), end = lower_value(f, stmt->range.end);
	ir_ref step = stmt->range.step ? lower_value(f, stmt->range.step) : ir_const(f->fn, reg, 1);

	uint32_t head = new_block(f), body = new_block(f), next = new_block(f), done = new_block(f);
	forget_facts(f, NULL);
	uint64_t limit = upper_bound(f, stmt->range.end);
	if (!type->is_signed ||
	    (stmt->range.begin->is_const && (int64_t)stmt->range.begin->value >= 0))
		local->max = limit && limit != UINT64_MAX ? limit - 1 : limit;
	span where = span_join(decl->name_where, stmt->range.end->where);
	f->b.where = where;
	store_slot(f, local->slot, type, begin);
	jump_to(f, head);
	start_block(f, head);
	ir_ref more = ir_emit(&f->b, less, IR_I32, load_slot(f, local->slot, type), end);
	branch(f, more, body, done, IR_LIKELY_TRUE);
	f->fn->blocks.data[head].loop_bound = constant_trips(stmt, type);
	start_block(f, body);
	loop_body(f, stmt->range.body, NULL, next, done);
	jump_to(f, next);
	start_block(f, next);
	f->b.where = where;
	if (steps_plainly(stmt, type)) {
		ir_ref i = load_slot(f, local->slot, type);
		store_slot(f, local->slot, type, ir_emit(&f->b, IR_ADD, reg, i, step));
		jump_to(f, head);
	} else {
		step_with(f, local, type, end, step, head, done);
	}
	start_block(f, done);
}

static void ask_next_key(struct body *f, uint32_t map, ir_ref before, uint32_t next, uint32_t more)
{
	ir_ref args[] = {const32(f, map), before, slot_addr(f, next)};
	uint32_t effects = IR_EFFECT_READS | IR_EFFECT_WRITES | IR_EFFECT_OTHER;
	store_word(f, more, IR_I32, call_runtime(f, "ks_map_next_key", IR_I32, effects, args, 3));
}

/* Walks the keys of a map; the next key is asked for before the body runs, so that the body may
 * delete the entry it is looking at. */
static void lower_for_map_user(struct body *f, struct stmt *stmt)
{
	struct decl *map = stmt->each.map->name.decl;
	struct type *key_type = map->type->map.key, *element = map->type->map.value;
	uint32_t index = map_of(map), key_size = f->m->maps.data[index].key_size;
	uint32_t at = raw_slot(f, key_size, 8), next = raw_slot(f, key_size, 8);
	uint32_t more = raw_slot(f, 4, 4);
	uint32_t head = new_block(f), body = new_block(f), end = new_block(f);
	forget_facts(f, NULL);

	ask_next_key(f, index, null_ptr(f), next, more);
	jump_to(f, head);
	start_block(f, head);
	ir_ref found = ir_emit(&f->b, IR_NE, IR_I32, load_word(f, more, IR_I32), const32(f, 0));
	branch(f, found, body, end, IR_LIKELY_TRUE);

	start_block(f, body);
	struct place key = slot_place(f, at), next_key = slot_place(f, next);
	copy_object(f, &key, &next_key, key_size);
	ask_next_key(f, index, slot_addr(f, at), next, more);
	bind_each(f, stmt->each.key, key_type, &key);
	struct entry entry = {.map = index, .decl = map, .value = element};
	entry.key = type_is_scalar(key_type) ? load_place(f, &key, key_type) : slot_addr(f, at);
	look_up(f, &entry);
	struct place value = entry_place(f, &entry);
	bind_each(f, stmt->each.value, element, &value);
	loop_body(f, stmt->each.body, NULL, head, end);
	jump_to(f, head);
	start_block(f, end);
}

/* In eBPF (ir.h, IR_EACH_NEXT). */
static void lower_for_map_bpf(struct body *f, struct stmt *stmt)
{
	struct decl *map = stmt->each.map->name.decl;
	const struct type *key_type = map->type->map.key, *element = map->type->map.value;
	uint32_t head = new_block(f), body = new_block(f), end = new_block(f);
	forget_facts(f, NULL);
	jump_to(f, head);
	start_block(f, head);
	ir_ref which = map_ref(f, map);
	ir_ref more = emit_helper(f, IR_EACH_NEXT, IR_I32, &which, 1);
	branch(f, more, body, end, IR_LIKELY_TRUE);
	start_block(f, body);
	struct place key = pointer_place(emit_helper(f, IR_EACH_KEY, IR_PTR, NULL, 0), 8);
	struct place value = pointer_place(emit_helper(f, IR_EACH_VALUE, IR_PTR, NULL, 0), 8);
	value.space = IR_SPACE_MAP;
	bind_each(f, stmt->each.key, key_type, &key);
	bind_each(f, stmt->each.value, element, &value);
	loop_body(f, stmt->each.body, NULL, head, end);
	jump_to(f, head);
	start_block(f, end);
}

static void lower_for_map(struct body *f, struct stmt *stmt)
{
	if (f->target == IR_TARGET_BPF)
		lower_for_map_bpf(f, stmt);
	else
		lower_for_map_user(f, stmt);
}

/* ---- the rest ---- */

static void lower_delete_entry(struct body *f, struct expr *entry)
{
	delete_entry(f, entry);
	refresh_entries(f, entry->type->entry_of);
}

static void lower_delete_object(struct body *f, struct stmt *stmt)
{
	ir_ref object = lower_value(f, stmt->expr);
	f->b.where = stmt->where;
	call_runtime(f, "ks_delete", IR_VOID, IR_EFFECT_OTHER, &object, 1);
}

static void lower_stmt(struct body *f, struct stmt *stmt)
{
	switch (stmt->kind) {
	case STMT_VAR:
		lower_var(f, stmt);
		break;
	case STMT_ASSIGN:
		lower_assign(f, stmt);
		break;
	case STMT_EXPR:
		lower_effect(f, stmt->expr);
		break;
	case STMT_IF:
		lower_if(f, stmt);
		break;
	case STMT_WHILE:
		lower_while(f, stmt);
		break;
	case STMT_FOR_RANGE:
		lower_for_range(f, stmt);
		break;
	case STMT_FOR_MAP:
		lower_for_map(f, stmt);
		break;
	case STMT_BREAK:
		jump_to(f, f->loop->end);
		break;
	case STMT_CONTINUE:
		jump_to(f, f->loop->next);
		break;
	case STMT_RETURN:
		return_result(f, stmt->expr);
		break;
	case STMT_DELETE:
		if (stmt->expr->type->kind == TYPE_POINTER)
			lower_delete_object(f, stmt);
		else
			lower_delete_entry(f, stmt->expr);
		break;
	case STMT_TRY:
		lower_try(f, stmt);
		break;
	case STMT_THROW:
		lower_throw(f, stmt);
		break;
	case STMT_DEFER:
		lower_defer(f, stmt);
		break;
	case STMT_BLOCK:
		lower_block(f, stmt->block);
		break;
	case STMT_ERROR:
	case STMT_KIND_COUNT:
		break;
	}
}
