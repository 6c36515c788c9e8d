/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local object that is a copy of another one, and neither changes from then on, is that one: what a
 * struct or a string handed to an inlined function becomes.
 *
 *	memcpy %copy, %name size 16
 *	load %copy +4                     ->      load %name +4
 *
 * The copy is written by that memcpy alone and read below it only. Whatever writes to the original stands
 * above the memcpy, which is in no loop, so that nothing of it comes after. Helpers that are given an
 * address may write there.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

struct object {        // of each slot
	ir_ref copied; // the memcpy that fills it
	bool is_open;  // its address goes where it is not followed, or it is written otherwise
	bool is_leaked;
};

struct use {
	ir_ref user;
	uint32_t slot;
	bool is_write;
};

struct copies {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct object *objects;
	uint32_t *slot_of; // of each instruction: slot + 1 that its value points into
	VEC(struct use) uses;
	uint32_t *position; // of each instruction in its block
};

static bool is_whole_copy(const struct copies *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	if (in->op != IR_MEMCPY || ir_is_const(in->a) || ir_is_const(in->b) ||
	    ir_get(c->fn, in->a)->op != IR_SLOT || ir_get(c->fn, in->b)->op != IR_SLOT)
		return false;
	uint32_t to = ir_get(c->fn, in->a)->index, from = ir_get(c->fn, in->b)->index;
	return to != from && in->index == c->fn->slots.data[to].size &&
	       in->index == c->fn->slots.data[from].size;
}

static void note_use(struct copies *c, ir_ref r, uint32_t operand, uint32_t slot)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	enum ir_effect effect = (enum ir_effect)ir_ops[in->op].effect;
	struct object *object = &c->objects[slot];
	struct use use = {.user = r, .slot = slot};
	if (in->op == IR_PTRADD && operand == 0) {
		c->slot_of[r] = slot + 1;
		return;
	}
	if (in->op == IR_MEMCPY && operand == 0 && is_whole_copy(c, r) && !object->copied) {
		object->copied = r;
		return;
	}
	bool is_address = effect == IR_EFF_STORE && in->op != IR_CTX_STORE && operand == 0;
	bool is_read = effect == IR_EFF_LOAD || effect == IR_EFF_MAP_READ ||
		       effect == IR_EFF_MAP_WRITE || (in->op == IR_MEMCPY && operand == 1);
	use.is_write = is_address || in->op == IR_CALL_EXTERN;
	object->is_open |= use.is_write;
	object->is_leaked |= !use.is_write && !is_read;
	vec_push(c->ctx->scratch, &c->uses, use);
}

static void find_uses(struct copies *c)
{
	const struct ir_doms *doms = &c->ctx->doms;
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		ir_ref r = c->fn->blocks.data[doms->rpo[i]].first;
		for (uint32_t position = 0; r; r = c->fn->next.data[r]) {
			const struct ir_insn *in = ir_get(c->fn, r);
			uint32_t count = ir_operand_count(c->fn, r);
			c->position[r] = position++;
			if (in->op == IR_SLOT)
				c->slot_of[r] = in->index + 1;
			for (uint32_t o = 0; o < count; o++) {
				ir_ref operand = *ir_operand(c->fn, r, o);
				if (operand && !ir_is_const(operand) && c->slot_of[operand])
					note_use(c, r, o, c->slot_of[operand] - 1);
			}
		}
	}
	// Addresses that come round a loop are known to their phi only now.
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		ir_ref r = c->fn->blocks.data[doms->rpo[i]].first;
		for (; ir_get(c->fn, r)->op == IR_PHI; r = c->fn->next.data[r])
			for (uint32_t k = 0; k < ir_arg_count(c->fn, r); k++) {
				ir_ref arg = ir_args(c->fn, r)[k];
				if (arg && !ir_is_const(arg) && c->slot_of[arg])
					c->objects[c->slot_of[arg] - 1].is_leaked = true;
			}
	}
}

/* Instruction a comes before b whenever b runs. */
static bool is_above(const struct copies *c, ir_ref a, ir_ref b)
{
	uint32_t x = c->fn->block_of.data[a], y = c->fn->block_of.data[b];
	return x == y ? c->position[a] < c->position[b] : ir_dominates(&c->ctx->doms, x, y);
}

static bool may_share(const struct copies *c, uint32_t copy, uint32_t original)
{
	ir_ref at = c->objects[copy].copied;
	if (c->objects[copy].is_open || c->objects[copy].is_leaked ||
	    c->objects[original].is_leaked || c->objects[original].copied ||
	    c->ctx->loops.irreducible ||
	    c->ctx->loops.loop_of[c->fn->block_of.data[at]] != UINT32_MAX)
		return false;
	for (uint32_t i = 0; i < c->uses.len; i++) {
		const struct use *use = &c->uses.data[i];
		if (use->slot == copy && !is_above(c, at, use->user))
			return false;
		if (use->slot == original && use->is_write && !is_above(c, use->user, at))
			return false;
	}
	return true;
}

static void share(struct copies *c, uint32_t copy, uint32_t original)
{
	struct ir_fn *fn = c->fn;
	ir_remove(fn, c->objects[copy].copied);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (ir_get(fn, r)->op == IR_SLOT && ir_get(fn, r)->index == copy)
				ir_get(fn, r)->index = original;
	if (fn->slots.data[original].align < fn->slots.data[copy].align)
		fn->slots.data[original].align = fn->slots.data[copy].align;
	// What is read of the copy is read of the original now: no second sharing with stale notes.
	c->objects[copy].copied = IR_REF_NONE;
	c->objects[original].is_leaked = true;
}

bool opt_slot_copies(struct opt_context *ctx, struct ir_fn *fn)
{
	enum { MOST_SLOTS = 256 }; // of a function that is looked at
	struct copies c = {.ctx = ctx, .fn = fn};
	if (!fn->slots.len || fn->slots.len > MOST_SLOTS)
		return true;
	c.objects = ARENA_ARRAY(ctx->scratch, struct object, fn->slots.len);
	c.slot_of = ARENA_ARRAY(ctx->scratch, uint32_t, fn->insns.len);
	c.position = ARENA_ARRAY(ctx->scratch, uint32_t, fn->insns.len);
	find_uses(&c);
	for (uint32_t slot = 0; slot < fn->slots.len; slot++) {
		ir_ref at = c.objects[slot].copied;
		if (!at)
			continue;
		uint32_t original = ir_get(fn, ir_get(fn, at)->b)->index;
		if (may_share(&c, slot, original))
			share(&c, slot, original);
	}
	return true;
}
