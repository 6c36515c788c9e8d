/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls replaced by the body of the callee: always where the callee must be inlined (the verifier
 * could not follow its pointers), and in eBPF also small functions and those called from one place;
 * in userspace code only tiny ones, since LLVM follows. Callees come first in the order of the
 * runner, so a body is copied in its finished form, and only then: of two functions that call each
 * other, one has not been finished, and the call stays.
 */
#include <string.h>

#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

enum {
	MAX_SIZE_BPF = 40, // instructions of a function that is inlined for being small
	MAX_SIZE_HOST = 8, // same
	MAX_NUMBERS =
		400, // of one with numbers only, called once: the verifier can judge it by itself
	MAX_SLOTS = 256,      // bytes of locals, when the callee need not be inlined
	MAX_CALLER = 50000,   // instructions of a caller that takes in only what it must
	MAX_TOTAL = 1000000,  // instructions of a caller
	MAX_COPIED = 1500000, // instructions of all copies in a module
};

struct inlining {
	struct opt_context *ctx;
	struct ir_fn *fn;
	ir_ref *ref_map; // callee's instruction to the caller's value
	uint32_t ref_cap;
	uint32_t *block_map;
	uint32_t block_cap;
	VEC(ir_ref) calls;  // inlined ones, and
	VEC(ir_ref) values; // what each gives, or none
	bool good;
};

/* Is it short, and does it not call itself? Stops counting at the limit. */
static bool is_small(const struct ir_module *m, const struct ir_fn *fn, uint32_t limit)
{
	uint32_t size = 0;

	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			size += in->op != IR_PARAM && in->op != IR_SLOT && in->op != IR_JUMP;
			if (size > limit || (in->op == IR_CALL && m->fns.data[in->index] == fn))
				return false;
		}
	}
	return true;
}

static uint32_t slot_bytes(const struct ir_fn *fn)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < fn->slots.len && bytes <= MAX_SLOTS; i++)
		bytes +=
			fn->slots.data[i].size < MAX_SLOTS ? fn->slots.data[i].size : MAX_SLOTS + 1;
	return bytes;
}

static bool takes_numbers(const struct ir_fn *fn)
{
	bool is_plain = fn->result == IR_I32 || fn->result == IR_I64;

	for (uint32_t i = 0; is_plain && i < fn->param_count; i++)
		is_plain = fn->params[i] != IR_PTR;
	return is_plain && fn->param_count <= 5;
}

static bool is_worth_it(const struct inlining *l, uint32_t index)
{
	const struct ir_fn *callee = l->ctx->module->fns.data[index];
	bool is_bpf = callee->target == IR_TARGET_BPF;
	uint32_t limit = is_bpf ? MAX_SIZE_BPF : MAX_SIZE_HOST;

	if (l->ctx->options->level == 0 || l->fn->insns.len > MAX_CALLER)
		return false;
	if (is_bpf && slot_bytes(callee) + slot_bytes(l->fn) > MAX_SLOTS)
		return false;
	if (is_bpf && l->ctx->calls[index] == 1 && !callee->is_exported && !callee->program)
		limit = takes_numbers(callee) ? MAX_NUMBERS : MAX_CALLER;
	return is_small(l->ctx->module, callee, limit);
}

static bool must_inline(const struct ir_fn *caller, const struct ir_fn *callee)
{
	return callee->is_inline && caller->target == IR_TARGET_BPF;
}

static bool should_inline(struct inlining *l, ir_ref call)
{
	uint32_t index = ir_get(l->fn, call)->index;
	const struct ir_fn *callee = l->ctx->module->fns.data[index];
	const struct intern *names = &l->ctx->compile->names;

	if (callee == l->fn || !l->ctx->is_done[index] || callee->target != l->fn->target) {
		if (!must_inline(l->fn, callee))
			return false;
		diag_report(&l->ctx->compile->diags, D_INLINE_RECURSION, callee->where,
			    intern_text(names, callee->name));
		l->good = false;
		return false;
	}
	if (must_inline(l->fn, callee) &&
	    (l->fn->insns.len + callee->insns.len > MAX_TOTAL || l->ctx->copied > MAX_COPIED)) {
		if (!l->ctx->is_full)
			diag_report(&l->ctx->compile->diags, D_INLINE_TOO_LARGE, l->fn->where,
				    intern_text(names, l->fn->name));
		l->ctx->is_full |= l->ctx->copied > MAX_COPIED;
		l->good = false;
		return false;
	}
	return must_inline(l->fn, callee) || is_worth_it(l, index);
}

/* ---- copying ---- */

static void make_room(struct inlining *l, const struct ir_fn *callee)
{
	if (l->ref_cap < callee->insns.len) {
		l->ref_cap = callee->insns.len * 2;
		l->ref_map = ARENA_ARRAY(l->ctx->scratch, ir_ref, l->ref_cap);
	}
	if (l->block_cap < callee->blocks.len) {
		l->block_cap = callee->blocks.len * 2;
		l->block_map = ARENA_ARRAY(l->ctx->scratch, uint32_t, l->block_cap);
	}
}

/* Blocks and instructions, these still with the callee's operands; parameters become the arguments.
 */
static void copy_blocks(struct inlining *l, const struct ir_fn *callee, ir_ref call)
{
	struct ir_fn *fn = l->fn;

	for (uint32_t b = 0; b < callee->blocks.len; b++)
		if (callee->blocks.data[b].first)
			l->block_map[b] = ir_add_block(fn);
	for (uint32_t b = 0; b < callee->blocks.len; b++) {
		const struct ir_block *from = &callee->blocks.data[b];
		for (ir_ref r = from->first; r; r = callee->next.data[r]) {
			const struct ir_insn *in = ir_get(callee, r);
			if (in->op == IR_PARAM) {
				l->ref_map[r] = ir_args(fn, call)[in->index];
				continue;
			}
			l->ref_map[r] = ir_new_insn(fn, *in, callee->spans.data[r]);
			fn->names.data[l->ref_map[r]] = callee->names.data[r];
			ir_append(fn, l->block_map[b], l->ref_map[r]);
		}
	}
}

static void copy_parts(struct inlining *l, const struct ir_fn *callee)
{
	for (uint32_t i = 0; i < callee->parts.len; i++) {
		struct ir_part part = callee->parts.data[i];
		if (ir_is_const(part.base) || ir_get(callee, part.base)->op == IR_NONE)
			continue;
		part.base = l->ref_map[part.base];
		vec_push(l->fn->arena, &l->fn->parts, part);
	}
}

static ir_ref map_operand(struct inlining *l, const struct ir_fn *callee, ir_ref operand)
{
	if (!operand)
		return IR_REF_NONE;
	if (!ir_is_const(operand))
		return l->ref_map[operand];
	const struct ir_const *c = ir_get_const(callee, operand);
	return ir_const(l->fn, (enum ir_type)c->type, c->bits);
}

static void map_insn(struct inlining *l, const struct ir_fn *callee, ir_ref from, ir_ref to,
		     uint32_t first_slot)
{
	struct ir_fn *fn = l->fn;
	const struct ir_op_info *op = &ir_ops[ir_get(fn, to)->op];

	if (op->effect == IR_EFF_CALL || op->extra == IR_EXTRA_ARGS)
		ir_get(fn, to)->a =
			ir_add_pool(fn, ir_args(callee, from), ir_arg_count(callee, from));
	uint32_t n = ir_operand_count(fn, to);
	for (uint32_t o = 0; o < n; o++) {
		ir_ref *operand = ir_operand(fn, to, o);
		*operand = map_operand(l, callee, *operand);
	}
	if (op->extra == IR_EXTRA_SLOT)
		ir_get(fn, to)->index += first_slot;
	if (op->extra == IR_EXTRA_CASES) {
		const struct ir_switch *table = &callee->switches.data[ir_get(fn, to)->index];
		ir_get(fn, to)->index = ir_add_switch(fn, table->values, table->count);
	}
}

static void copy_edges(struct inlining *l, const struct ir_fn *callee, uint32_t b)
{
	const struct ir_block *from = &callee->blocks.data[b];
	struct ir_block *to = &l->fn->blocks.data[l->block_map[b]];

	to->loop_bound = from->loop_bound;
	to->succ_count = from->succ_count;
	to->succs = ARENA_ARRAY(l->fn->arena, uint32_t, from->succ_count);
	for (uint32_t i = 0; i < from->succ_count; i++)
		to->succs[i] = l->block_map[from->succs[i]];
	for (uint32_t i = 0; i < from->preds.len; i++)
		vec_push(l->fn->arena, &to->preds, l->block_map[from->preds.data[i]]);
}

/* Returns of the copy become jumps to `rest`; gives the value of the call. */
static ir_ref join_returns(struct inlining *l, const struct ir_fn *callee, uint32_t rest)
{
	struct ir_fn *fn = l->fn;
	VEC(ir_ref) values = {0};

	for (uint32_t b = 0; b < callee->blocks.len; b++) {
		if (!callee->blocks.data[b].first)
			continue;
		struct ir_block *copy = &fn->blocks.data[l->block_map[b]];
		struct ir_insn *end = ir_get(fn, copy->last);
		if (end->op != IR_RETURN)
			continue;
		vec_push(l->ctx->scratch, &values, end->a);
		*end = (struct ir_insn){.op = IR_JUMP};
		ir_set_succs(fn, l->block_map[b], &rest, 1);
	}
	enum ir_type type = (enum ir_type)callee->result;
	if (type == IR_VOID)
		return IR_REF_NONE;
	if (values.len == 1)
		return values.data[0];
	if (!values.len) // it never comes back; nothing reaches the uses
		return ir_const(fn, type, 0);
	ir_ref phi = ir_add_phi(fn, rest, type, fn->spans.data[fn->blocks.data[rest].first]);
	ir_phi_args(fn, phi, values.data);
	return phi;
}

static void inline_call(struct inlining *l, ir_ref call)
{
	struct ir_fn *fn = l->fn;
	const struct ir_fn *callee = l->ctx->module->fns.data[ir_get(fn, call)->index];
	uint32_t b = fn->block_of.data[call], first_slot = fn->slots.len;
	uint32_t rest = ir_split_block(fn, b, call);

	make_room(l, callee);
	l->ctx->copied += callee->insns.len;
	for (uint32_t i = 0; i < callee->slots.len; i++)
		ir_add_slot(fn, callee->slots.data[i]);
	copy_blocks(l, callee, call);
	copy_parts(l, callee);
	for (uint32_t c = 0; c < callee->blocks.len; c++) {
		const struct ir_block *from = &callee->blocks.data[c];
		if (from->first)
			copy_edges(l, callee, c);
		for (ir_ref r = from->first; r; r = callee->next.data[r])
			if (ir_get(callee, r)->op != IR_PARAM)
				map_insn(l, callee, r, l->ref_map[r], first_slot);
	}
	ir_ref value = join_returns(l, callee, rest);
	vec_push(l->ctx->scratch, &l->calls, call);
	vec_push(l->ctx->scratch, &l->values, value);
	ir_remove(fn, call);
	struct ir_builder builder = {fn, b, callee->where};
	ir_emit_jump(&builder, l->block_map[0]);
}

/* From the last call to the first, so that each cut moves only what lies between two of them. */
static void inline_in_block(struct inlining *l, uint32_t b)
{
	VEC(ir_ref) found = {0};

	for (ir_ref r = l->fn->blocks.data[b].first; r; r = l->fn->next.data[r])
		if (ir_get(l->fn, r)->op == IR_CALL)
			vec_push(l->ctx->scratch, &found, r);
	while (found.len) {
		ir_ref call = vec_pop(&found);
		if (should_inline(l, call))
			inline_call(l, call);
	}
}

bool opt_inline(struct opt_context *ctx, struct ir_fn *fn)
{
	struct inlining l = {.ctx = ctx, .fn = fn, .good = true};
	uint32_t count = fn->blocks.len; // the copies' own calls were decided in the callee

	for (uint32_t b = 0; b < count; b++)
		if (fn->blocks.data[b].first)
			inline_in_block(&l, b);
	if (!l.calls.len)
		return l.good;
	ir_ref *replacement = ARENA_ARRAY(ctx->scratch, ir_ref, fn->insns.len);
	for (uint32_t i = 0; i < l.calls.len; i++)
		replacement[l.calls.data[i]] = l.values.data[i];
	ir_replace_all(fn, replacement);
	return l.good;
}
