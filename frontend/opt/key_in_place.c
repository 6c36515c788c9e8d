/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key or value of a map operation that was copied out of the value of another map, or out of a
 * shared object, is handed to the kernel where it lies:
 *
 *	memcpy %slot, %entry size 148                 map_lookup %entry &m
 *	map_lookup %slot &m                  ->
 *
 * Only when the copy serves nothing else, and between it and the operation nothing writes to memory that
 * may be the source. Another CPU may write there at any time, so that a read a moment later is as good. A
 * change of the map that the source lies in keeps the copy: it may give the memory to another entry before
 * it has read it.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

struct copy {
	ir_ref memcpy;
	uint32_t reads; // operands of map operations
	bool is_open;   // the slot is used otherwise, too
};

struct keys {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct copy *copies; // of each slot
};

static const struct ir_insn *root_of(const struct ir_fn *fn, ir_ref address)
{
	static const struct ir_insn none;
	while (!ir_is_const(address) && ir_get(fn, address)->op == IR_PTRADD &&
	       ir_is_const(ir_get(fn, address)->b))
		address = ir_get(fn, address)->a;
	return ir_is_const(address) ? &none : ir_get(fn, address);
}

static bool is_map_operation(const struct ir_insn *in)
{
	return in->op == IR_MAP_LOOKUP || in->op == IR_MAP_UPDATE || in->op == IR_MAP_DELETE;
}

static void note_uses(struct keys *k, ir_ref r)
{
	const struct ir_insn *in = ir_get(k->fn, r);
	uint32_t count = ir_operand_count(k->fn, r);
	for (uint32_t o = 0; o < count; o++) {
		ir_ref operand = *ir_operand(k->fn, r, o);
		if (!operand || ir_is_const(operand) || ir_get(k->fn, operand)->op != IR_SLOT)
			continue;
		struct copy *copy = &k->copies[ir_get(k->fn, operand)->index];
		if (in->op == IR_MEMCPY && o == 0 && !copy->memcpy)
			copy->memcpy = r;
		else if (is_map_operation(in))
			copy->reads++;
		else
			copy->is_open = true;
	}
}

/* The instruction may change what lies outside of slots, or the copy itself. */
static bool may_write(const struct keys *k, ir_ref r)
{
	const struct ir_insn *in = ir_get(k->fn, r);
	enum ir_effect effect = (enum ir_effect)ir_ops[in->op].effect;
	if (effect == IR_EFF_STORE)
		return root_of(k->fn, in->a)->op != IR_SLOT;
	return effect == IR_EFF_MAP_WRITE || effect == IR_EFF_CALL;
}

static bool is_slot(const struct keys *k, ir_ref r, uint32_t slot)
{
	if (!r || ir_is_const(r))
		return false;
	const struct ir_insn *in = ir_get(k->fn, r);
	return in->op == IR_SLOT && in->index == slot;
}

static bool is_source(const struct keys *k, const struct ir_insn *copy, const struct ir_insn *use)
{
	const struct ir_insn *root = root_of(k->fn, copy->b);
	return root->op == IR_GLOBAL || (root->op == IR_MAP_LOOKUP &&
					 (root->index != use->index || use->op == IR_MAP_LOOKUP));
}

/* Operands that could take the source, up to the first write; with `change`, they do. */
static uint32_t find_reads(struct keys *k, uint32_t slot, bool change)
{
	ir_ref at = k->copies[slot].memcpy;
	const struct ir_insn copy = *ir_get(k->fn, at);
	uint32_t found = 0;
	for (ir_ref r = k->fn->next.data[at]; r; r = k->fn->next.data[r]) {
		struct ir_insn *in = ir_get(k->fn, r);
		uint32_t count = is_map_operation(in) ? in->op == IR_MAP_UPDATE ? 2 : 1 : 0;
		for (uint32_t o = 0; o < count; o++) {
			ir_ref *operand = ir_operand(k->fn, r, o);
			if (!is_slot(k, *operand, slot) || !is_source(k, &copy, in))
				continue;
			found++;
			if (change)
				*operand = copy.b;
		}
		if (may_write(k, r))
			break;
	}
	return found;
}

bool opt_key_in_place(struct opt_context *ctx, struct ir_fn *fn)
{
	struct keys k = {.ctx = ctx, .fn = fn};
	if (!fn->slots.len)
		return true;
	k.copies = ARENA_ARRAY(ctx->scratch, struct copy, fn->slots.len);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			note_uses(&k, r);
	for (uint32_t slot = 0; slot < fn->slots.len; slot++) {
		const struct copy *copy = &k.copies[slot];
		if (copy->memcpy && copy->reads && !copy->is_open &&
		    find_reads(&k, slot, false) == copy->reads)
			find_reads(&k, slot, true);
	}
	return true;
}
