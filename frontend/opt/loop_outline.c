/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops with a guard for kernels that have bpf_loop (5.17) but no may_goto (6.9): the body becomes a
 * function that the kernel calls once per round, until it gives 1 or the budget is spent.
 *
 *	b1: %i = phi [b0: 0], [b2: %j]            p:  store #s+0, 0           callback(index, s):
 *	    loop_guard b2, b9                         bpf_loop(n, callback,       %i = load s+0
 *	b2: …                              ->                  #s, 0)             …
 *	    branch %c, b1, b3                         %i = load #s+0              store s+0, %j; return 0
 *	                                              switch code …               store code, 1; return 1
 *
 * Walks through maps (IR_EACH_NEXT) become callbacks of bpf_for_each_map_elem in the same way, for any kernel.
 *
 * What crosses the border goes through one object in the caller's frame, eight bytes a value, so that
 * the verifier keeps types and ranges as it does for spilled registers: values from outside, the
 * phis of the header, values that are used after the loop, and the number of the exit taken. A local
 * object that only the body uses moves into the callback. Guards stand at the head of a header and
 * loops are nested properly (loop_bound sees to both); inner loops go first.
 */
#include <string.h>

#include "frontend/opt/passes.h"

enum {
	ROUNDS = 1 << 23, // BPF_MAX_LOOPS, include/linux/bpf.h, 6.1
	FIELD = 8,
	CODE_FIELD = 0, // number of the exit, when it matters
};
#define MAY_GOTO_KERNEL (6u << 16 | 9u << 8)

struct loop_exit {
	uint32_t from, succ; // edge; the guard's is the last one
	uint32_t to, pred;   // its place among the predecessors of `to`
	uint32_t landing;    // the block that replaces it in the caller
};

struct outliner {
	struct opt_context *ctx;
	struct ir_module *m;
	struct ir_fn *fn;   // the caller
	struct ir_fn *body; // the callback
	struct ir_doms doms;
	struct ir_loops loops;
	uint32_t loop, header;
	bool *in_loop;      // by block
	uint32_t blocks;    // before anything was added
	uint32_t *field_of; // by instruction of the caller; 0 none
	uint32_t fields;
	uint32_t *use_block; // by instruction from outside: block that dominates its uses
	VEC(ir_ref) inputs;  // values from outside that the body uses
	VEC(ir_ref) results; // values of the body that are used outside
	VEC(ir_ref) named;   // addresses that the body makes again
	VEC(struct loop_exit) exits;
	bool *slot_stays; // by slot of the caller
	bool has_code;
	uint32_t entry;    // of the callback
	ir_ref state;      // the callback's parameter
	ir_ref next;       // IR_EACH_NEXT in the header, IR_REF_NONE for other loops
	ir_ref key, value; // the parameters of a walk through a map
	uint32_t *block_map;
	ir_ref *ref_map;
	uint32_t before; // the block that makes the call
	ir_ref object;   // address of the shared object, in the caller
	ir_ref *begins;  // by instruction: what a phi of the header begins with
};

static bool is_inside(const struct outliner *o, ir_ref r)
{
	uint32_t b = o->fn->block_of.data[r];
	return b < o->blocks && o->in_loop[b];
}

static bool is_header_phi(const struct outliner *o, ir_ref r)
{
	return ir_get(o->fn, r)->op == IR_PHI && o->fn->block_of.data[r] == o->header;
}

/* Addresses that are made where they are wanted. */
static bool is_name(const struct ir_insn *in)
{
	return in->op == IR_SLOT || in->op == IR_GLOBAL || in->op == IR_MAP || in->op == IR_FUNC;
}

/* ---- what crosses the border ---- */

static void give_field(struct outliner *o, ir_ref r)
{
	if (!o->field_of[r])
		o->field_of[r] = o->fields++;
}

static uint32_t common_dominator(const struct outliner *o, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (o->doms.rpo_index[a] > o->doms.rpo_index[b])
			a = o->doms.idom[a];
		else
			b = o->doms.idom[b];
	}
	return a;
}

static void add_input(struct outliner *o, ir_ref r, uint32_t user)
{
	if (is_name(ir_get(o->fn, r))) {
		vec_push(o->ctx->scratch, &o->named, r);
		return;
	}
	if (o->use_block[r] == UINT32_MAX) {
		o->use_block[r] = user;
		give_field(o, r);
		vec_push(o->ctx->scratch, &o->inputs, r);
		return;
	}
	o->use_block[r] = common_dominator(o, o->use_block[r], user);
}

static void add_result(struct outliner *o, ir_ref r)
{
	if (is_name(ir_get(o->fn, r)))
		return;
	if (o->field_of[r] && !is_header_phi(o, r))
		return;
	for (uint32_t i = 0; is_header_phi(o, r) && i < o->results.len; i++)
		if (o->results.data[i] == r)
			return;
	give_field(o, r);
	vec_push(o->ctx->scratch, &o->results, r);
}

/* Operands of an instruction in the loop. */
static void look_inside(struct outliner *o, ir_ref r, uint32_t b)
{
	bool is_phi = ir_get(o->fn, r)->op == IR_PHI;
	for (uint32_t k = 0; k < ir_operand_count(o->fn, r); k++) {
		ir_ref operand = *ir_operand(o->fn, r, k);
		uint32_t user = is_phi ? o->fn->blocks.data[b].preds.data[k] : b;
		if (!operand || ir_is_const(operand) || (is_phi && !o->in_loop[user]))
			continue;
		bool is_local_name = is_name(ir_get(o->fn, operand)) && is_inside(o, operand);
		if (!is_inside(o, operand) && !is_local_name)
			add_input(o, operand, user);
	}
}

/* Operands of an instruction elsewhere. */
static void look_outside(struct outliner *o, ir_ref r)
{
	for (uint32_t k = 0; k < ir_operand_count(o->fn, r); k++) {
		ir_ref operand = *ir_operand(o->fn, r, k);
		if (!operand || ir_is_const(operand))
			continue;
		const struct ir_insn *in = ir_get(o->fn, operand);
		if (in->op == IR_SLOT)
			o->slot_stays[in->index] = true;
		if (is_inside(o, operand))
			add_result(o, operand);
	}
}

static void add_exit(struct outliner *o, uint32_t from, uint32_t succ)
{
	uint32_t to = o->fn->blocks.data[from].succs[succ], skip = 0, pred = 0;
	for (uint32_t i = 0; i < succ; i++)
		skip += o->fn->blocks.data[from].succs[i] == to;
	for (;; pred++)
		if (o->fn->blocks.data[to].preds.data[pred] == from && !skip--)
			break;
	struct loop_exit exit = {.from = from, .succ = succ, .to = to, .pred = pred};
	vec_push(o->ctx->scratch, &o->exits, exit);
}

static void find_exits(struct outliner *o)
{
	for (uint32_t i = 0; i < o->doms.rpo_count; i++) {
		uint32_t b = o->doms.rpo[i];
		if (!o->in_loop[b] || b == o->header)
			continue;
		for (uint32_t k = 0; k < o->fn->blocks.data[b].succ_count; k++)
			if (!o->in_loop[o->fn->blocks.data[b].succs[k]])
				add_exit(o, b, k);
	}
	add_exit(o, o->header, 1);
}

static ir_ref header_phi_after(const struct outliner *o, ir_ref r)
{
	r = r ? o->fn->next.data[r] : o->fn->blocks.data[o->header].first;
	return ir_get(o->fn, r)->op == IR_PHI ? r : IR_REF_NONE;
}

/* All exits lead to one block and bring the same there. */
static bool exits_differ(const struct outliner *o)
{
	const struct ir_fn *fn = o->fn;
	for (uint32_t i = 0; i < o->results.len; i++)
		if (!is_header_phi(o, o->results.data[i]))
			return true;
	for (uint32_t i = 1; i < o->exits.len; i++) {
		const struct loop_exit *a = &o->exits.data[0], *b = &o->exits.data[i];
		if (a->to != b->to)
			return true;
		for (ir_ref r = fn->blocks.data[a->to].first; ir_get(fn, r)->op == IR_PHI;
		     r = fn->next.data[r])
			if (ir_args(fn, r)[a->pred] != ir_args(fn, r)[b->pred])
				return true;
	}
	return false;
}

static void find_border(struct outliner *o)
{
	struct ir_fn *fn = o->fn;
	bool has_pointer = false;
	o->fields = 1;
	for (ir_ref r = header_phi_after(o, 0); r; r = header_phi_after(o, r)) {
		give_field(o, r);
		has_pointer |= ir_get(fn, r)->type == IR_PTR;
	}
	find_exits(o);
	for (uint32_t i = 0; i < o->doms.rpo_count; i++) {
		uint32_t b = o->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			if (o->in_loop[b])
				look_inside(o, r, b);
			else
				look_outside(o, r);
		}
	}
	for (ir_ref r = header_phi_after(o, 0); r; r = header_phi_after(o, r))
		for (uint32_t k = 0; k < ir_arg_count(fn, r); k++) {
			ir_ref begin = ir_args(fn, r)[k];
			bool is_slot = !ir_is_const(begin) && ir_get(fn, begin)->op == IR_SLOT;
			if (is_slot && !o->in_loop[fn->blocks.data[o->header].preds.data[k]])
				o->slot_stays[ir_get(fn, begin)->index] = true;
		}
	for (uint32_t i = 0; i < o->results.len; i++)
		has_pointer |= ir_get(fn, o->results.data[i])->type == IR_PTR;
	// Addresses that leave the callback must not lead into its frame.
	for (uint32_t i = 0; has_pointer && i < fn->slots.len; i++)
		o->slot_stays[i] = true;
	o->has_code = exits_differ(o);
}

/* ---- fields ---- */

static uint16_t field_aux(enum ir_type type, enum ir_space space)
{
	return ir_mem_aux(type == IR_I32 ? 4 : 8, false, space);
}

static void store_field(struct ir_builder *b, ir_ref object, uint32_t field, ir_ref value,
			enum ir_space space)
{
	enum ir_type type = ir_type_of(b->fn, value);
	ir_emit_store(b, object, (int32_t)(field * FIELD), value, field_aux(type, space));
}

static ir_ref load_field(struct ir_builder *b, ir_ref object, uint32_t field, enum ir_type type,
			 enum ir_space space)
{
	return ir_emit_load(b, type, object, (int32_t)(field * FIELD), field_aux(type, space));
}

/* ---- the callback ---- */

static ir_ref map_operand(struct outliner *o, ir_ref r)
{
	if (!r)
		return IR_REF_NONE;
	if (!ir_is_const(r))
		return o->ref_map[r];
	const struct ir_const *c = ir_get_const(o->fn, r);
	return ir_const(o->body, (enum ir_type)c->type, c->bits);
}

static void make_body(struct outliner *o)
{
	struct ir_module *m = o->m;
	const char *name =
		arena_printf(&o->ctx->compile->session, "%s_loop%u",
			     intern_text(&o->ctx->compile->names, o->fn->name), m->fns.len);
	uint32_t index = ir_add_fn(m, intern_string(&o->ctx->compile->names, name), IR_TARGET_BPF);
	o->body = m->fns.data[index];
	o->body->where = o->fn->where;
	o->body->result = IR_I64;
	o->body->params = ARENA_ARRAY(m->arena, uint8_t, 4);
	o->entry = ir_add_block(o->body);
	struct ir_builder b = {o->body, o->entry, o->fn->where};
	if (o->next) { // map, key, value, state
		o->body->param_count = 4;
		memset(o->body->params, IR_PTR, 4);
		o->key = ir_emit_index(&b, IR_PARAM, IR_PTR, 1);
		o->value = ir_emit_index(&b, IR_PARAM, IR_PTR, 2);
		o->state = ir_emit_index(&b, IR_PARAM, IR_PTR, 3);
	} else { // index, state
		o->body->param_count = 2;
		o->body->params[0] = IR_I32;
		o->body->params[1] = IR_PTR;
		o->state = ir_emit_index(&b, IR_PARAM, IR_PTR, 1);
	}
}

/* Makes an address again; that of an object which stays in the caller's frame comes in a field. */
static void make_name(struct outliner *o, ir_ref r, uint32_t *moved)
{
	struct ir_insn in = *ir_get(o->fn, r);
	struct ir_builder b = {o->body, o->entry, o->fn->spans.data[r]};
	if (o->ref_map[r])
		return;
	if (in.op == IR_SLOT && o->slot_stays[in.index]) {
		give_field(o, r);
		vec_push(o->ctx->scratch, &o->inputs, r);
		o->ref_map[r] = load_field(&b, o->state, o->field_of[r], IR_PTR, IR_SPACE_ANY);
		return;
	}
	if (in.op == IR_SLOT) {
		if (moved[in.index] == UINT32_MAX)
			moved[in.index] = ir_add_slot(o->body, o->fn->slots.data[in.index]);
		in.index = moved[in.index];
	}
	o->ref_map[r] = ir_emit_full(&b, in);
}

static void make_names(struct outliner *o)
{
	struct ir_fn *fn = o->fn;
	uint32_t *moved = ARENA_ARRAY(o->ctx->scratch, uint32_t, fn->slots.len + 1);
	memset(moved, 0xff, fn->slots.len * sizeof *moved);
	for (uint32_t i = 0; i < o->named.len; i++)
		make_name(o, o->named.data[i], moved);
	for (uint32_t i = 0; i < o->doms.rpo_count; i++) {
		uint32_t b = o->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; o->in_loop[b] && r; r = fn->next.data[r])
			if (is_name(ir_get(fn, r)))
				make_name(o, r, moved);
	}
}

/* Where an input is read: as late as all its uses allow, but in no inner loop. */
static uint32_t input_block(const struct outliner *o, ir_ref r)
{
	uint32_t b = o->use_block[r];
	while (o->loops.loop_of[b] != o->loop)
		b = o->doms.idom[b];
	return b;
}

/* The parameter that a call in a walk through a map stands for. */
static ir_ref walk_value(const struct outliner *o, ir_ref r)
{
	if (!o->next)
		return IR_REF_NONE;
	if (ir_calls(o->m, o->fn, r, IR_EACH_KEY))
		return o->key;
	return ir_calls(o->m, o->fn, r, IR_EACH_VALUE) ? o->value : IR_REF_NONE;
}

static void copy_block(struct outliner *o, uint32_t b)
{
	struct ir_fn *fn = o->fn;
	for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
		const struct ir_insn *in = ir_get(fn, r);
		if (is_name(in) || (b == o->header && in->op == IR_PHI) || r == o->next)
			continue;
		o->ref_map[r] = walk_value(o, r);
		if (o->ref_map[r])
			continue;
		o->ref_map[r] = ir_new_insn(o->body, *in, fn->spans.data[r]);
		ir_append(o->body, o->block_map[b], o->ref_map[r]);
	}
}

/* Reads inputs at the heads of the blocks that want them, before anything is copied there. */
static void read_inputs(struct outliner *o)
{
	struct ir_builder b = {o->body, o->entry, o->fn->where};
	for (ir_ref r = header_phi_after(o, 0); r; r = header_phi_after(o, r))
		o->ref_map[r] = load_field(&b, o->state, o->field_of[r],
					   (enum ir_type)ir_get(o->fn, r)->type, IR_SPACE_ANY);
	for (uint32_t i = 0; i < o->inputs.len; i++) {
		ir_ref r = o->inputs.data[i];
		uint32_t at = input_block(o, r);
		b.block = at == o->header ? o->entry : o->block_map[at];
		b.where = o->fn->spans.data[r];
		o->ref_map[r] = load_field(&b, o->state, o->field_of[r],
					   (enum ir_type)ir_get(o->fn, r)->type, IR_SPACE_ANY);
	}
}

/* Phis stand first; inputs were read before them. */
static void phis_first(struct ir_fn *fn, uint32_t b)
{
	ir_ref first = fn->blocks.data[b].first;
	if (!first || ir_get(fn, first)->op == IR_PHI)
		return;
	for (ir_ref r = first, next; r; r = next) {
		next = fn->next.data[r];
		if (ir_get(fn, r)->op == IR_PHI)
			ir_move_before(fn, r, first);
	}
}

static void map_insn(struct outliner *o, ir_ref from)
{
	struct ir_fn *body = o->body;
	ir_ref to = o->ref_map[from];
	const struct ir_op_info *op = &ir_ops[ir_get(body, to)->op];
	if (op->effect == IR_EFF_CALL || op->extra == IR_EXTRA_ARGS)
		ir_get(body, to)->a =
			ir_add_pool(body, ir_args(o->fn, from), ir_arg_count(o->fn, from));
	for (uint32_t k = 0; k < ir_operand_count(body, to); k++) {
		ir_ref value = map_operand(o, *ir_operand(body, to, k));
		*ir_operand(body, to, k) = value;
	}
	if (op->extra == IR_EXTRA_CASES) {
		const struct ir_switch *table = &o->fn->switches.data[ir_get(body, to)->index];
		ir_get(body, to)->index = ir_add_switch(body, table->values, table->count);
	}
}

/* The end of a round: what the phis become goes into their fields. */
static uint32_t make_latch(struct outliner *o, uint32_t from, uint32_t succ)
{
	uint32_t pred = 0, skip = 0;
	const struct ir_block *block = &o->fn->blocks.data[from];
	for (uint32_t i = 0; i < succ; i++)
		skip += block->succs[i] == o->header;
	for (;; pred++)
		if (o->fn->blocks.data[o->header].preds.data[pred] == from && !skip--)
			break;
	struct ir_builder b = {o->body, ir_add_block(o->body), o->fn->spans.data[block->last]};
	uint32_t made = b.block;
	for (ir_ref r = header_phi_after(o, 0); r; r = header_phi_after(o, r)) {
		ir_ref value = ir_args(o->fn, r)[pred];
		if (value != r)
			store_field(&b, o->state, o->field_of[r], map_operand(o, value),
				    IR_SPACE_ANY);
	}
	ir_emit_return(&b, ir_const(o->body, IR_I64, 0));
	return made;
}

static uint32_t make_way_out(struct outliner *o, uint32_t number)
{
	const struct loop_exit *exit = &o->exits.data[number];
	ir_ref end = o->fn->blocks.data[exit->from].last;
	struct ir_builder b = {o->body, ir_add_block(o->body), o->fn->spans.data[end]};
	uint32_t made = b.block;
	for (uint32_t i = 0; i < o->results.len; i++) {
		ir_ref r = o->results.data[i];
		if (!is_header_phi(o, r) &&
		    ir_dominates(&o->doms, o->fn->block_of.data[r], exit->from))
			store_field(&b, o->state, o->field_of[r], o->ref_map[r], IR_SPACE_ANY);
	}
	if (o->has_code)
		ir_emit_store(&b, o->state, CODE_FIELD * FIELD,
			      ir_const(o->body, IR_I32, number + 1),
			      (uint16_t)(field_aux(IR_I32, IR_SPACE_ANY) | IR_MEM_KEPT));
	ir_emit_return(&b, ir_const(o->body, IR_I64, 1));
	return made;
}

static uint32_t exit_number(const struct outliner *o, uint32_t from, uint32_t succ)
{
	for (uint32_t i = 0;; i++)
		if (o->exits.data[i].from == from && o->exits.data[i].succ == succ)
			return i;
}

static void copy_edges(struct outliner *o, uint32_t b)
{
	const struct ir_block *from = &o->fn->blocks.data[b];
	uint32_t count = b == o->header ? 1 : from->succ_count, to = o->block_map[b];
	uint32_t *succs = ARENA_ARRAY(o->body->arena, uint32_t, count + 1);
	for (uint32_t k = 0; k < count; k++) {
		uint32_t succ = from->succs[k];
		bool is_new = true;
		if (succ == o->header)
			succs[k] = make_latch(o, b, k);
		else if (!o->in_loop[succ])
			succs[k] = make_way_out(o, exit_number(o, b, k));
		else
			is_new = false;
		if (is_new)
			vec_push(o->body->arena, &o->body->blocks.data[succs[k]].preds, to);
		else
			succs[k] = o->block_map[succ];
	}
	struct ir_block *copy = &o->body->blocks.data[to];
	copy->succs = succs;
	copy->succ_count = count;
	if (b == o->header) {
		*ir_get(o->body, copy->last) = (struct ir_insn){.op = IR_JUMP};
		vec_push(o->body->arena, &copy->preds, o->entry);
		return;
	}
	copy->loop_bound = from->loop_bound;
	for (uint32_t i = 0; i < from->preds.len; i++)
		vec_push(o->body->arena, &copy->preds, o->block_map[from->preds.data[i]]);
}

static void fill_body(struct outliner *o)
{
	const struct ir_doms *doms = &o->doms;
	for (uint32_t i = 0; i < doms->rpo_count; i++)
		if (o->in_loop[doms->rpo[i]])
			o->block_map[doms->rpo[i]] = ir_add_block(o->body);
	read_inputs(o);
	make_names(o);
	for (uint32_t i = 0; i < doms->rpo_count; i++)
		if (o->in_loop[doms->rpo[i]])
			copy_block(o, doms->rpo[i]);
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		uint32_t b = doms->rpo[i];
		for (ir_ref r = o->fn->blocks.data[b].first; o->in_loop[b] && r;
		     r = o->fn->next.data[r])
			if (!is_name(ir_get(o->fn, r)) && !is_header_phi(o, r) && r != o->next &&
			    !walk_value(o, r))
				map_insn(o, r);
	}
	for (uint32_t i = 0; i < doms->rpo_count; i++)
		if (o->in_loop[doms->rpo[i]])
			copy_edges(o, doms->rpo[i]);
	for (uint32_t i = 0; i < doms->rpo_count; i++)
		if (o->in_loop[doms->rpo[i]])
			phis_first(o->body, o->block_map[doms->rpo[i]]);
	struct ir_builder b = {o->body, o->entry, o->fn->where};
	uint32_t head = o->block_map[o->header];
	ir_emit_full(&b, (struct ir_insn){.op = IR_JUMP});
	struct ir_block *entry = &o->body->blocks.data[o->entry];
	entry->succs = arena_copy(o->body->arena, &head, sizeof head);
	entry->succ_count = 1;
}

/* ---- the caller ---- */

/* A block that all ways into the loop pass, with phis where they bring different values. */
static void make_before(struct outliner *o)
{
	struct ir_fn *fn = o->fn;
	uint32_t before = o->before = ir_add_block(fn), outside = 0, last = 0;
	const struct ir_block *header = &fn->blocks.data[o->header];
	for (uint32_t i = 0; i < header->preds.len; i++) {
		uint32_t pred = header->preds.data[i];
		if (o->in_loop[pred])
			continue;
		for (uint32_t k = 0; k < fn->blocks.data[pred].succ_count; k++)
			if (fn->blocks.data[pred].succs[k] == o->header)
				fn->blocks.data[pred].succs[k] = before;
		vec_push(fn->arena, &fn->blocks.data[before].preds, pred);
		outside++;
		last = i;
	}
	for (ir_ref r = header_phi_after(o, 0); r; r = header_phi_after(o, r)) {
		if (outside == 1) {
			o->begins[r] = ir_args(fn, r)[last];
			continue;
		}
		ir_ref phi = ir_add_phi(fn, before, (enum ir_type)ir_get(fn, r)->type,
					fn->spans.data[r]);
		for (uint32_t i = 0, n = 0; i < header->preds.len; i++)
			if (!o->in_loop[header->preds.data[i]])
				ir_args(fn, phi)[n++] = ir_args(fn, r)[i];
		o->begins[r] = phi;
	}
}

/* How many exits a result can be taken from; the last of them. */
static uint32_t count_exits_with(const struct outliner *o, ir_ref r, uint32_t *last)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i + 1 < o->exits.len; i++) {
		if (!ir_dominates(&o->doms, o->fn->block_of.data[r], o->exits.data[i].from))
			continue;
		*last = i;
		count++;
	}
	return count;
}

static void fill_object(struct outliner *o, struct ir_builder *b)
{
	struct ir_fn *fn = o->fn;
	uint32_t ignored;
	if (o->has_code)
		store_field(b, o->object, CODE_FIELD, ir_const(fn, IR_I32, 0), IR_SPACE_SLOT);
	for (ir_ref r = header_phi_after(o, 0); r; r = header_phi_after(o, r))
		store_field(b, o->object, o->field_of[r], o->begins[r], IR_SPACE_SLOT);
	for (uint32_t i = 0; i < o->inputs.len; i++) {
		ir_ref r = o->inputs.data[i];
		ir_ref value = is_inside(o, r) ? ir_emit_full(b, *ir_get(fn, r)) : r;
		store_field(b, o->object, o->field_of[r], value, IR_SPACE_SLOT);
	}
	for (uint32_t i = 0; i < o->results.len; i++) {
		ir_ref r = o->results.data[i];
		enum ir_type type = (enum ir_type)ir_get(fn, r)->type;
		if (!is_header_phi(o, r) && count_exits_with(o, r, &ignored) > 1)
			store_field(b, o->object, o->field_of[r], ir_const(fn, type, 0),
				    IR_SPACE_SLOT);
	}
}

static void call_loop(struct outliner *o, struct ir_builder *b, uint32_t body)
{
	const char *name = o->next ? "bpf_for_each_map_elem" : "bpf_loop";
	uint32_t helper = ir_add_extern(o->m, IR_EXTERN_HELPER, name, IR_I64,
					IR_EFFECT_READS | IR_EFFECT_WRITES | IR_EFFECT_OTHER);
	ir_ref first = ir_const(o->fn, IR_I64, ROUNDS);
	if (o->next) {
		ir_ref map = ir_args(o->fn, o->next)[0];
		first = ir_emit_index(b, IR_MAP, IR_PTR, ir_get(o->fn, map)->index);
	}
	ir_ref args[] = {
		first,
		ir_emit_index(b, IR_FUNC, IR_PTR, body),
		o->object,
		ir_const(o->fn, IR_I64, 0),
	};
	ir_emit_call(b, IR_CALL_EXTERN, IR_I64, helper, args, 4);
}

/* Goes on by the number of the exit; each of them has a block of its own. */
static void go_on(struct outliner *o, struct ir_builder *b)
{
	struct ir_fn *fn = o->fn;
	uint32_t count = o->exits.len;
	if (!o->has_code) {
		ir_emit_full(b, (struct ir_insn){.op = IR_JUMP});
		uint32_t to = o->exits.data[count - 1].landing;
		ir_set_succs(fn, o->before, &to, 1);
		b->block = UINT32_MAX;
		return;
	}
	uint64_t *values = ARENA_ARRAY(o->ctx->scratch, uint64_t, count);
	uint32_t *targets = ARENA_ARRAY(o->ctx->scratch, uint32_t, count);
	for (uint32_t i = 0; i < count; i++) {
		values[i] = i + 1;
		targets[i] = o->exits.data[i].landing;
	}
	ir_ref code = load_field(b, o->object, CODE_FIELD, IR_I32, IR_SPACE_SLOT);
	if (count == 2)
		ir_emit_branch(b, code, targets[0], targets[1]);
	else
		ir_emit_switch(b, code, values, targets, count - 1, targets[count - 1]);
}

/* A block for every exit takes the place of the loop's block among the predecessors of the target. */
static void make_landings(struct outliner *o)
{
	struct ir_fn *fn = o->fn;
	for (uint32_t i = 0; i < o->exits.len; i++) {
		struct loop_exit *exit = &o->exits.data[i];
		exit->landing = ir_add_block(fn);
		struct ir_block *to = &fn->blocks.data[exit->to];
		if (o->has_code || i + 1 == o->exits.len)
			to->preds.data[exit->pred] = exit->landing;
		else
			to->preds.data[exit->pred] = UINT32_MAX; // the same as the last one
	}
	for (uint32_t i = 0; !o->has_code && i + 1 < o->exits.len; i++) {
		uint32_t to = o->exits.data[i].to;
		ir_remove_pred(fn, to, ir_pred_index(fn, to, UINT32_MAX));
	}
}

static void end_landings(struct outliner *o)
{
	struct ir_fn *fn = o->fn;
	for (uint32_t i = o->has_code ? 0 : o->exits.len - 1; i < o->exits.len; i++) {
		const struct loop_exit *exit = &o->exits.data[i];
		ir_ref end = ir_new_insn(fn, (struct ir_insn){.op = IR_JUMP}, fn->where);
		ir_append(fn, exit->landing, end);
		fn->blocks.data[exit->landing].succs =
			arena_copy(fn->arena, &exit->to, sizeof exit->to);
		fn->blocks.data[exit->landing].succ_count = 1;
	}
}

static void take_results(struct outliner *o, struct ir_builder *b)
{
	struct ir_fn *fn = o->fn;
	uint32_t room = fn->insns.len;
	ir_ref *replacement = ARENA_ARRAY(o->ctx->scratch, ir_ref, room * 2 + 64);
	for (uint32_t i = 0; i < o->results.len; i++) {
		ir_ref r = o->results.data[i];
		uint32_t last = 0;
		struct ir_builder at = {fn, b->block, fn->spans.data[r]};
		if (!is_header_phi(o, r) && count_exits_with(o, r, &last) == 1)
			at.block = o->exits.data[last].landing;
		replacement[r] = load_field(&at, o->object, o->field_of[r],
					    (enum ir_type)ir_get(fn, r)->type, IR_SPACE_SLOT);
	}
	for (ir_ref r = 1; r < room; r++) // addresses made in the loop and used after it
		if (is_name(ir_get(fn, r)) && is_inside(o, r)) {
			struct ir_builder at = {fn, b->block, fn->spans.data[r]};
			replacement[r] = ir_emit_full(&at, *ir_get(fn, r));
		}
	ir_replace_all(fn, replacement);
}

static void remove_loop(struct outliner *o)
{
	struct ir_fn *fn = o->fn;
	for (uint32_t i = 0; i < o->doms.rpo_count; i++) {
		uint32_t b = o->doms.rpo[i];
		struct ir_block *block = &fn->blocks.data[b];
		for (ir_ref r = block->first, next; o->in_loop[b] && r; r = next) {
			next = fn->next.data[r];
			ir_remove(fn, r);
		}
		if (o->in_loop[b])
			*block = (struct ir_block){0};
	}
}

/* The way out of a walk stands second, like that of a guard. */
static ir_ref make_guard(struct ir_module *m, struct ir_fn *fn, const struct ir_loops *loops,
			 uint32_t loop)
{
	uint32_t header = loops->loops[loop].header;
	ir_ref next = ir_find_each(m, fn, header);
	struct ir_block *block = &fn->blocks.data[header];
	uint32_t l = loops->loop_of[block->succs[0]];
	if (!next)
		return IR_REF_NONE;
	while (l != UINT32_MAX && l != loop)
		l = loops->loops[l].parent;
	if (l != loop) {
		uint32_t out = block->succs[0];
		block->succs[0] = block->succs[1];
		block->succs[1] = out;
	}
	*ir_get(fn, block->last) = (struct ir_insn){.op = IR_LOOP_GUARD};
	return next;
}

static void outline(struct opt_context *ctx, struct ir_fn *fn, const struct ir_doms *doms,
		    const struct ir_loops *loops, uint32_t loop)
{
	struct outliner o = {.ctx = ctx,
			     .m = ctx->module,
			     .fn = fn,
			     .doms = *doms,
			     .loops = *loops,
			     .loop = loop,
			     .header = loops->loops[loop].header};
	o.next = make_guard(ctx->module, fn, loops, loop);
	struct arena *scratch = ctx->scratch;
	o.blocks = fn->blocks.len;
	o.in_loop = ARENA_ARRAY(scratch, bool, fn->blocks.len);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		uint32_t l = loops->loop_of[b];
		while (l != UINT32_MAX && l != loop)
			l = loops->loops[l].parent;
		o.in_loop[b] = l == loop;
	}
	o.field_of = ARENA_ARRAY(scratch, uint32_t, fn->insns.len);
	o.use_block = ARENA_ARRAY(scratch, uint32_t, fn->insns.len);
	memset(o.use_block, 0xff, fn->insns.len * sizeof *o.use_block);
	o.slot_stays = ARENA_ARRAY(scratch, bool, fn->slots.len + 1);
	o.block_map = ARENA_ARRAY(scratch, uint32_t, fn->blocks.len);
	o.ref_map = ARENA_ARRAY(scratch, ir_ref, fn->insns.len);
	o.begins = ARENA_ARRAY(scratch, ir_ref, fn->insns.len);
	find_border(&o);
	uint32_t body = ctx->module->fns.len;
	make_body(&o);
	fill_body(&o);
	make_before(&o);
	make_landings(&o);
	struct ir_builder b = {fn, o.before, fn->spans.data[fn->blocks.data[o.header].last]};
	uint32_t slot = ir_add_slot(
		fn, (struct ir_slot){.size = o.fields * FIELD, .align = 8, .where = b.where});
	o.object = ir_emit_index(&b, IR_SLOT, IR_PTR, slot);
	fill_object(&o, &b);
	call_loop(&o, &b, body);
	take_results(&o, &b);
	go_on(&o, &b);
	end_landings(&o);
	remove_loop(&o);
}

/* The innermost loop that is to become a callback, UINT32_MAX when there is none. */
static uint32_t find_loop(const struct opt_context *ctx, const struct ir_fn *fn,
			  const struct ir_loops *loops)
{
	bool takes_guards = ctx->options->kernel < MAY_GOTO_KERNEL;
	for (uint32_t l = loops->count; l-- > 0;) {
		uint32_t header = loops->loops[l].header;
		bool is_guarded = ir_get(fn, fn->blocks.data[header].last)->op == IR_LOOP_GUARD;
		if ((takes_guards && is_guarded) || ir_find_each(ctx->module, fn, header))
			return l;
	}
	return UINT32_MAX;
}

bool opt_loop_outline(struct opt_context *ctx)
{
	uint32_t count = ctx->module->fns.len; // callbacks are done
	for (uint32_t i = 0; i < count; i++) {
		struct ir_fn *fn = ctx->module->fns.data[i];
		while (fn->target == IR_TARGET_BPF && fn->blocks.len) {
			struct ir_doms doms = ir_find_doms(fn, ctx->scratch);
			struct ir_loops loops = ir_find_loops(fn, &doms, ctx->scratch);
			uint32_t loop = find_loop(ctx, fn, &loops);
			if (loop != UINT32_MAX)
				outline(ctx, fn, &doms, &loops, loop);
			arena_reset(ctx->scratch);
			if (loop == UINT32_MAX)
				break;
		}
	}
	return true;
}
