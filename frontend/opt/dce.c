/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dead code: instructions whose value nobody needs and that do nothing else, as the op table says;
 * writes to slots that nobody reads; slots that nobody names. Starts from what must stay and follows
 * operands, so dead cycles through phis go too. The flow graph is not touched.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

struct marking {
	struct opt_context *ctx;
	struct ir_fn *fn;
	bool *is_alive; // of each instruction
	ir_ref *work;
	uint32_t depth;
	uint32_t *slot_of;  // of each instruction: slot + 1 whose address it is made from
	bool *slot_is_read; // of each slot: something else than a write uses the address
};

static void mark(struct marking *k, ir_ref r)
{
	if (!r || ir_is_const(r) || k->is_alive[r])
		return;
	k->is_alive[r] = true;
	k->work[k->depth++] = r;
}

/* The slot that a write goes to and nothing else, or 0. */
static uint32_t written_slot(const struct marking *k, const struct ir_insn *in)
{
	if (in->op != IR_STORE && in->op != IR_MEMZERO && in->op != IR_MEMCPY)
		return 0;
	return ir_is_const(in->a) ? 0 : k->slot_of[in->a];
}

/* Addresses made from slots, in an order in which definitions come first; a slot's address in any
 * place but a write's counts as a read. */
static void find_slot_reads(struct marking *k)
{
	struct ir_fn *fn = k->fn;
	uint32_t count;
	uint32_t *order = ir_reverse_postorder(fn, k->ctx->scratch, &count);

	for (uint32_t i = 0; i < count; i++) {
		for (ir_ref r = fn->blocks.data[order[i]].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			if (in->op == IR_SLOT)
				k->slot_of[r] = in->index + 1;
			if (in->op == IR_PTRADD && !ir_is_const(in->a))
				k->slot_of[r] = k->slot_of[in->a];
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		for (ir_ref r = fn->blocks.data[order[i]].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			uint32_t n = ir_operand_count(fn, r);
			uint32_t written = written_slot(k, in);
			for (uint32_t o = 0; o < n; o++) {
				ir_ref operand = *ir_operand(fn, r, o);
				if (!operand || ir_is_const(operand) || !k->slot_of[operand])
					continue;
				bool is_address = o == 0 && (in->op == IR_PTRADD || written);
				if (!is_address)
					k->slot_is_read[k->slot_of[operand] - 1] = true;
			}
		}
	}
}

static bool has_effect(const struct marking *k, ir_ref r)
{
	const struct ir_insn *in = ir_get(k->fn, r);
	uint32_t slot = written_slot(k, in);

	switch ((enum ir_effect)ir_ops[in->op].effect) {
	case IR_EFF_PURE:
	case IR_EFF_LOAD:
	case IR_EFF_CTX_LOAD:
	case IR_EFF_MAP_READ:
		return false;
	case IR_EFF_STORE:
		return !slot || k->slot_is_read[slot - 1];
	case IR_EFF_CALL:
		return in->op != IR_CALL_EXTERN ||
		       (k->ctx->module->externs.data[in->index].effects & ~IR_EFFECT_READS);
	case IR_EFF_MAP_WRITE:
	case IR_EFF_CONTROL:
		return true;
	}
	return true;
}

/* Gives the slots that are still named new numbers without gaps. */
static void compact_slots(struct ir_fn *fn, struct arena *arena)
{
	uint32_t *number = ARENA_ARRAY(arena, uint32_t, fn->slots.len + 1);
	uint32_t kept = 0;

	for (ir_ref r = 1; r < fn->insns.len; r++)
		if (ir_get(fn, r)->op == IR_SLOT)
			number[ir_get(fn, r)->index] = 1;
	for (uint32_t i = 0; i < fn->slots.len; i++) {
		if (!number[i])
			continue;
		fn->slots.data[kept] = fn->slots.data[i];
		number[i] = kept++;
	}
	fn->slots.len = kept;
	for (ir_ref r = 1; r < fn->insns.len; r++)
		if (ir_get(fn, r)->op == IR_SLOT)
			ir_get(fn, r)->index = number[ir_get(fn, r)->index];
}

bool opt_dce(struct opt_context *ctx, struct ir_fn *fn)
{
	struct marking k = {
		.ctx = ctx,
		.fn = fn,
		.is_alive = ARENA_ARRAY(ctx->scratch, bool, fn->insns.len),
		.work = ARENA_ARRAY(ctx->scratch, ir_ref, fn->insns.len),
		.slot_of = ARENA_ARRAY(ctx->scratch, uint32_t, fn->insns.len),
		.slot_is_read = ARENA_ARRAY(ctx->scratch, bool, fn->slots.len + 1),
	};

	find_slot_reads(&k);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (has_effect(&k, r))
				mark(&k, r);
	while (k.depth) {
		ir_ref r = k.work[--k.depth];
		uint32_t n = ir_operand_count(fn, r);
		for (uint32_t o = 0; o < n; o++)
			mark(&k, *ir_operand(fn, r, o));
	}
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first, next; r; r = next) {
			next = fn->next.data[r];
			if (k.is_alive[r])
				continue;
			if (ir_get(fn, r)->op == IR_PTRADD)
				ir_note_part(fn, r);
			ir_remove(fn, r);
		}
	}
	compact_slots(fn, ctx->scratch);
	return true;
}
