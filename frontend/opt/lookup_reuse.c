/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Map lookups that some of the ways to a block have done already. gvn takes care of those that all
 * ways share; this pass takes the one behind `m[k] += 1`, where only the way that created the entry
 * does not have its address:
 *
 *	b1: %1 = map_lookup %k &m; …             b1: %1 = map_lookup %k &m; …
 *	b2: map_update %k, … &m             ->   b2: map_update %k, … &m
 *	                                             %3 = map_lookup %k &m
 *	b3: %2 = map_lookup %k &m                b3: %2 = phi [b1 %1], [b2 %3]
 *
 * At most one lookup is put in for one that goes, so programs do not grow. A way is followed back
 * through blocks with one predecessor. An atomic or a store through the address of a value leaves
 * the entries of the map as they are; updates, deletions and calls that are given the map do not.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

enum {
	MAX_WAYS = 8,   // predecessors of a block that is considered
	MAX_BACK = 200, // instructions looked at on one way
};

struct reuse {
	struct opt_context *ctx;
	struct ir_fn *fn;
	ir_ref *replacement;  // of each instruction there was at the start
	struct map phi_of;    // phi made here to the lookup that it stands for
	uint32_t *rpo_index;  // of each block there was at the start
	uint32_t block_count; // of these
};

static const struct ir_insn *root_of(const struct ir_fn *fn, ir_ref address)
{
	static const struct ir_insn none = {0};

	while (!ir_is_const(address) && ir_get(fn, address)->op == IR_PTRADD)
		address = ir_get(fn, address)->a;
	return ir_is_const(address) ? &none : ir_get(fn, address);
}

/* Whether a write through `address` may change the key in memory that `key` is the address of. */
static bool may_change_key(const struct reuse *u, ir_ref key, ir_ref address)
{
	const struct ir_insn *k = root_of(u->fn, key), *w = root_of(u->fn, address);

	if (k->op != IR_SLOT)
		return true;
	if (w->op == IR_SLOT)
		return w->index == k->index;
	return w->op != IR_GLOBAL && w->op != IR_MAP_LOOKUP && !ir_is_packet_load(w);
}

static bool call_may_change(const struct reuse *u, ir_ref r, bool key_in_memory)
{
	const struct ir_insn *in = ir_get(u->fn, r);

	if (in->op != IR_CALL_EXTERN)
		return true;
	uint32_t effects = u->ctx->module->externs.data[in->index].effects;
	if (!(effects & (IR_EFFECT_WRITES | IR_EFFECT_OTHER)))
		return false;
	for (uint32_t i = 0; i < ir_arg_count(u->fn, r); i++) {
		ir_ref arg = ir_args(u->fn, r)[i];
		enum ir_op op = ir_is_const(arg) ? IR_NONE : (enum ir_op)ir_get(u->fn, arg)->op;
		if (op == IR_MAP || op == IR_FUNC)
			return true;
	}
	return key_in_memory;
}

/* Whether the lookup would give something else after instruction r than before it. */
static bool may_change(const struct reuse *u, ir_ref r, const struct ir_insn *lookup)
{
	const struct ir_insn *in = ir_get(u->fn, r);
	bool key_in_memory = ir_type_of(u->fn, lookup->a) == IR_PTR;

	switch ((enum ir_effect)ir_ops[in->op].effect) {
	case IR_EFF_STORE:
		return key_in_memory && in->op != IR_CTX_STORE &&
		       may_change_key(u, lookup->a, in->a);
	case IR_EFF_MAP_WRITE:
		return in->index == lookup->index;
	case IR_EFF_CALL:
		return call_may_change(u, r, key_in_memory);
	case IR_EFF_PURE:
	case IR_EFF_LOAD:
	case IR_EFF_CTX_LOAD:
	case IR_EFF_MAP_READ:
	case IR_EFF_CONTROL:
		break;
	}
	return false;
}

static bool is_same_lookup(struct reuse *u, ir_ref r, const struct ir_insn *lookup)
{
	const struct ir_insn *in = ir_get(u->fn, r);
	const uint64_t *made_for = in->op == IR_PHI ? map_find(&u->phi_of, r) : NULL;

	if (made_for) // the lookup is gone, but what it looked up stands in the key of the map
		return *made_for == ((uint64_t)lookup->a << 32 | lookup->index);
	return in->op == IR_MAP_LOOKUP && in->a == lookup->a && in->index == lookup->index;
}

/* What the lookup would give at the end of block b, from the way that leads there, or none. */
static ir_ref find_on_way(struct reuse *u, uint32_t b, const struct ir_insn *lookup)
{
	uint32_t seen = 0;

	while (b < u->block_count) {
		const struct ir_block *block = &u->fn->blocks.data[b];
		for (ir_ref r = block->last; r; r = u->fn->prev.data[r]) {
			if (is_same_lookup(u, r, lookup))
				return r;
			if (++seen > MAX_BACK || may_change(u, r, lookup))
				return IR_REF_NONE;
		}
		if (block->preds.len != 1)
			break;
		b = block->preds.data[0];
	}
	return IR_REF_NONE;
}

/* A block of its own for the k-th edge into b. */
static uint32_t split_edge(struct ir_fn *fn, uint32_t b, uint32_t k, span where)
{
	uint32_t from = fn->blocks.data[b].preds.data[k], made = ir_add_block(fn), i = 0;
	struct ir_block *pred = &fn->blocks.data[from];

	while (pred->succs[i] != b)
		i++;
	pred->succs[i] = made;
	ir_add_pred(fn, made, from);
	fn->blocks.data[b].preds.data[k] = made;
	fn->blocks.data[made].succs = ARENA_ARRAY(fn->arena, uint32_t, 1);
	fn->blocks.data[made].succs[0] = b;
	fn->blocks.data[made].succ_count = 1;
	ir_append(fn, made, ir_new_insn(fn, (struct ir_insn){.op = IR_JUMP}, where));
	return made;
}

/* The lookup at the end of the k-th edge into b. */
static ir_ref look_up_on_edge(struct reuse *u, uint32_t b, uint32_t k, struct ir_insn lookup,
			      span where)
{
	uint32_t from = u->fn->blocks.data[b].preds.data[k];

	if (u->fn->blocks.data[from].succ_count != 1)
		from = split_edge(u->fn, b, k, where);
	return ir_insert_before(u->fn, u->fn->blocks.data[from].last, lookup);
}

static bool try_reuse(struct reuse *u, uint32_t b, ir_ref r)
{
	struct ir_insn lookup = *ir_get(u->fn, r);
	uint32_t count = u->fn->blocks.data[b].preds.len, missing = 0;
	ir_ref values[MAX_WAYS];

	if (!ir_is_const(lookup.a) && u->fn->block_of.data[lookup.a] == b)
		return false;
	for (uint32_t k = 0; k < count; k++) {
		values[k] = find_on_way(u, u->fn->blocks.data[b].preds.data[k], &lookup);
		missing += !values[k];
	}
	if (missing > 1 || missing == count)
		return false;
	span where = u->fn->spans.data[r];
	for (uint32_t k = 0; k < count; k++)
		if (!values[k])
			values[k] = look_up_on_edge(u, b, k, lookup, where);
	ir_ref phi = ir_add_phi(u->fn, b, IR_PTR, where);
	ir_phi_args(u->fn, phi, values);
	*map_insert(&u->phi_of, phi) = (uint64_t)lookup.a << 32 | lookup.index;
	u->replacement[r] = phi;
	ir_remove(u->fn, r);
	return true;
}

/* Every way in comes from further up, and by one edge only. */
static bool is_plain_join(const struct reuse *u, uint32_t b)
{
	const struct ir_block *block = &u->fn->blocks.data[b];

	if (block->preds.len < 2 || block->preds.len > MAX_WAYS)
		return false;
	for (uint32_t k = 0; k < block->preds.len; k++) {
		uint32_t pred = block->preds.data[k];
		if (pred < u->block_count && u->rpo_index[pred] >= u->rpo_index[b])
			return false;
		for (uint32_t j = 0; j < k; j++)
			if (block->preds.data[j] == pred)
				return false;
	}
	return true;
}

static bool visit_block(struct reuse *u, uint32_t b)
{
	bool changed = false;

	for (ir_ref r = u->fn->blocks.data[b].first, next; r; r = next) {
		const struct ir_insn *in = ir_get(u->fn, r);
		enum ir_effect effect = (enum ir_effect)ir_ops[in->op].effect;
		next = u->fn->next.data[r];
		if (effect == IR_EFF_STORE || effect == IR_EFF_MAP_WRITE || effect == IR_EFF_CALL)
			break;
		if (in->op == IR_MAP_LOOKUP)
			changed |= try_reuse(u, b, r);
	}
	return changed;
}

static bool has_lookups(const struct ir_fn *fn)
{
	uint32_t count = 0;

	for (ir_ref r = 1; r < fn->insns.len; r++)
		count += ir_get(fn, r)->op == IR_MAP_LOOKUP;
	return count > 1;
}

bool opt_lookup_reuse(struct opt_context *ctx, struct ir_fn *fn)
{
	if (!has_lookups(fn))
		return true;
	struct reuse u = {
		.ctx = ctx,
		.fn = fn,
		.rpo_index = ctx->doms.rpo_index,
		.block_count = fn->blocks.len,
	};
	bool changed = false;

	map_init(&u.phi_of, ctx->scratch);
	// Phis and lookups made here are not replaced, but come as operands: room for all of them.
	u.replacement = ARENA_ARRAY(ctx->scratch, ir_ref, (size_t)fn->insns.len * 4);
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++) {
		uint32_t b = ctx->doms.rpo[i];
		if (is_plain_join(&u, b))
			changed |= visit_block(&u, b);
	}
	if (changed)
		ir_replace_all(fn, u.replacement);
	return true;
}
