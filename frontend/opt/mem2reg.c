/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots to values. The parts of splittable slots (slots.h) become SSA variables: phis are placed on
 * the dominance frontiers of their stores where the variable is live, then one walk over the
 * dominator tree gives every load the value that was stored last. A variable that is read before any
 * store is zero. Needs dominators; the flow graph stays.
 */
#include <string.h>

#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"
#include "frontend/opt/slots.h"

typedef VEC(uint32_t) index_list;

struct edge {
	uint32_t to, pred_index;
};
typedef VEC(struct edge) edge_list;

struct old_value {
	uint32_t part;
	ir_ref value;
};

struct step { // a block on the way down the dominator tree
	uint32_t block;
	uint32_t trail; // length of the trail when it was entered
};

struct renaming {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct slot_split split;
	index_list *frontier;        // of each block
	index_list *defs, *uses;     // of each part: blocks that store it, that load it first
	uint32_t *live_in;           // of each block: part + 1 that was last found live there
	uint32_t *has_phi;           // of each block: part + 1 of the last phi placed there
	uint32_t *phi_part;          // of each phi placed here: part + 1
	uint32_t phi_base;           // first ref of them
	ir_ref *value;               // of each part, at the present point of the walk
	VEC(struct old_value) trail; // what to put back on the way up
	edge_list *out;              // of each block, edges to blocks with new phis
	ir_ref *replacement;
};

/* A block's frontier: joins that it leads to but does not dominate. Several predecessors that share
 * dominators add a join once, because the last element tells whether it is there already. */
static void find_frontiers(struct renaming *n)
{
	const struct ir_doms *doms = &n->ctx->doms;

	n->frontier = ARENA_ARRAY(n->ctx->scratch, index_list, n->fn->blocks.len);
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		uint32_t b = doms->rpo[i];
		const struct ir_block *block = &n->fn->blocks.data[b];
		for (uint32_t k = 0; block->preds.len > 1 && k < block->preds.len; k++) {
			uint32_t at = block->preds.data[k];
			while (at != doms->idom[b] && at != UINT32_MAX) {
				index_list *f = &n->frontier[at];
				if (f->len && vec_last(f) == b)
					break;
				vec_push(n->ctx->scratch, f, b);
				at = doms->idom[at];
			}
		}
	}
}

static void note_block(struct renaming *n, index_list *list, uint32_t b)
{
	if (!list->len || vec_last(list) != b)
		vec_push(n->ctx->scratch, list, b);
}

static void find_accesses(struct renaming *n)
{
	const struct ir_doms *doms = &n->ctx->doms;

	n->defs = ARENA_ARRAY(n->ctx->scratch, index_list, n->split.count);
	n->uses = ARENA_ARRAY(n->ctx->scratch, index_list, n->split.count);
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		uint32_t b = doms->rpo[i];
		for (ir_ref r = n->fn->blocks.data[b].first; r; r = n->fn->next.data[r]) {
			uint32_t part = opt_part_of(&n->split, ir_get(n->fn, r));
			if (!part)
				continue;
			index_list *defs = &n->defs[part - 1];
			if (ir_get(n->fn, r)->op == IR_STORE)
				note_block(n, defs, b);
			else if (!defs->len || vec_last(defs) != b)
				note_block(n, &n->uses[part - 1], b);
		}
	}
}

/* Marks the blocks at whose start the part is live: backwards from loads, up to stores. */
static void find_live_blocks(struct renaming *n, uint32_t part, const bool *is_def,
			     index_list *work)
{
	work->len = 0;
	for (uint32_t i = 0; i < n->uses[part].len; i++) {
		uint32_t b = n->uses[part].data[i];
		if (n->live_in[b] != part + 1) {
			n->live_in[b] = part + 1;
			vec_push(n->ctx->scratch, work, b);
		}
	}
	while (work->len) {
		const struct ir_block *block = &n->fn->blocks.data[vec_pop(work)];
		for (uint32_t k = 0; k < block->preds.len; k++) {
			uint32_t pred = block->preds.data[k];
			if (is_def[pred] || n->live_in[pred] == part + 1)
				continue;
			n->live_in[pred] = part + 1;
			vec_push(n->ctx->scratch, work, pred);
		}
	}
}

static void place_phis_of(struct renaming *n, uint32_t part, index_list *work,
			  index_list *phi_parts)
{
	enum ir_type type = (enum ir_type)n->split.parts[part].type;
	ir_ref zero = ir_const(n->fn, type, 0);

	work->len = 0;
	for (uint32_t i = 0; i < n->defs[part].len; i++)
		vec_push(n->ctx->scratch, work, n->defs[part].data[i]);
	while (work->len) {
		const index_list *frontier = &n->frontier[vec_pop(work)];
		for (uint32_t k = 0; k < frontier->len; k++) {
			uint32_t b = frontier->data[k];
			if (n->has_phi[b] == part + 1 || n->live_in[b] != part + 1)
				continue;
			n->has_phi[b] = part + 1;
			ir_ref at = n->fn->blocks.data[b].first;
			ir_ref phi = ir_add_phi(n->fn, b, type, n->fn->spans.data[at]);
			for (uint32_t i = 0; i < ir_arg_count(n->fn, phi); i++)
				ir_args(n->fn, phi)[i] = zero; // for edges that nothing reaches
			vec_push(n->ctx->scratch, phi_parts, part + 1);
			vec_push(n->ctx->scratch, work, b);
		}
	}
}

static void place_phis(struct renaming *n)
{
	struct arena *scratch = n->ctx->scratch;
	bool *is_def = ARENA_ARRAY(scratch, bool, n->fn->blocks.len);
	index_list work = {0}, phi_parts = {0};

	n->live_in = ARENA_ARRAY(scratch, uint32_t, n->fn->blocks.len);
	n->has_phi = ARENA_ARRAY(scratch, uint32_t, n->fn->blocks.len);
	n->phi_base = n->fn->insns.len;
	for (uint32_t part = 0; part < n->split.count; part++) {
		for (uint32_t i = 0; i < n->defs[part].len; i++)
			is_def[n->defs[part].data[i]] = true;
		find_live_blocks(n, part, is_def, &work);
		place_phis_of(n, part, &work, &phi_parts);
		for (uint32_t i = 0; i < n->defs[part].len; i++)
			is_def[n->defs[part].data[i]] = false;
	}
	n->phi_part = phi_parts.data;
}

static bool is_new_phi(const struct renaming *n, ir_ref r)
{
	return r >= n->phi_base && ir_get(n->fn, r)->op == IR_PHI;
}

/* Edges by their source, with the place of their operand in the phis of the target. */
static void list_edges(struct renaming *n)
{
	n->out = ARENA_ARRAY(n->ctx->scratch, edge_list, n->fn->blocks.len);
	for (uint32_t b = 0; b < n->fn->blocks.len; b++) {
		const struct ir_block *block = &n->fn->blocks.data[b];
		for (uint32_t k = 0; n->has_phi[b] && k < block->preds.len; k++)
			vec_push(n->ctx->scratch, &n->out[block->preds.data[k]],
				 ((struct edge){b, k}));
	}
}

static void set_value(struct renaming *n, uint32_t part, ir_ref value)
{
	vec_push(n->ctx->scratch, &n->trail, ((struct old_value){part, n->value[part]}));
	n->value[part] = value;
}

static ir_ref value_of(struct renaming *n, uint32_t part)
{
	ir_ref v = n->value[part];

	return v ? v : ir_const(n->fn, (enum ir_type)n->split.parts[part].type, 0);
}

/* A load takes the value; one of a narrow part keeps its place as the extension of the value. */
static void rename_load(struct renaming *n, ir_ref r, uint32_t part)
{
	struct ir_insn *in = ir_get(n->fn, r);
	ir_ref value = value_of(n, part);
	bool is_signed = IR_MEM_SIGNED(in->aux);

	if (n->split.parts[part].width >= 4) {
		n->replacement[r] = value;
		ir_remove(n->fn, r);
		return;
	}
	in = ir_get(n->fn, r);
	in->op = n->split.parts[part].width == 1 ? (is_signed ? IR_EXT8S : IR_EXT8U)
						 : (is_signed ? IR_EXT16S : IR_EXT16U);
	in->aux = 0;
	in->a = value;
	in->index = 0;
}

/* A value that is stored to a whole variable is that variable's, the first time. */
static void name_value(struct renaming *n, uint32_t part, ir_ref value)
{
	const struct slot_part *p = &n->split.parts[part];
	const struct ir_slot *slot = &n->fn->slots.data[p->slot];

	value = ir_replacement_of(n->replacement, value); // it may be a load that was renamed
	if (value && !ir_is_const(value) && p->width == slot->size && !n->fn->names.data[value])
		n->fn->names.data[value] = slot->name;
}

static void rename_block(struct renaming *n, uint32_t b)
{
	struct ir_fn *fn = n->fn;

	for (ir_ref r = fn->blocks.data[b].first, next; r; r = next) {
		next = fn->next.data[r];
		const struct ir_insn *in = ir_get(fn, r);
		if (is_new_phi(n, r)) {
			set_value(n, n->phi_part[r - n->phi_base] - 1, r);
			name_value(n, n->phi_part[r - n->phi_base] - 1, r);
			continue;
		}
		uint32_t part = opt_part_of(&n->split, in);
		if (!part)
			continue;
		if (in->op == IR_LOAD) {
			rename_load(n, r, part - 1);
		} else {
			set_value(n, part - 1, in->b);
			name_value(n, part - 1, in->b);
			ir_remove(fn, r);
		}
	}
	for (uint32_t i = 0; i < n->out[b].len; i++) {
		struct edge edge = n->out[b].data[i];
		ir_ref r = fn->blocks.data[edge.to].first;
		for (; is_new_phi(n, r); r = fn->next.data[r]) { // they stand before the old ones
			ir_ref value = value_of(n, n->phi_part[r - n->phi_base] - 1);
			ir_args(fn, r)[edge.pred_index] = value;
		}
	}
}

/* Blocks in the order of the dominator tree, a parent before its children. */
static uint32_t *tree_order(const struct renaming *n)
{
	const struct ir_doms *doms = &n->ctx->doms;
	uint32_t *order = ARENA_ARRAY(n->ctx->scratch, uint32_t, doms->rpo_count + 1);

	for (uint32_t i = 0; i < doms->rpo_count; i++)
		order[doms->enter[doms->rpo[i]]] = doms->rpo[i];
	return order;
}

static void rename_all(struct renaming *n)
{
	const struct ir_doms *doms = &n->ctx->doms;
	struct arena *scratch = n->ctx->scratch;
	uint32_t *order = tree_order(n);
	VEC(struct step) path = {0};

	n->value = ARENA_ARRAY(scratch, ir_ref, n->split.count);
	n->replacement = ARENA_ARRAY(scratch, ir_ref, n->fn->insns.len);
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		while (path.len && !ir_dominates(doms, vec_last(&path).block, order[i])) {
			uint32_t mark = vec_pop(&path).trail;
			while (n->trail.len > mark) {
				n->value[vec_last(&n->trail).part] = vec_last(&n->trail).value;
				n->trail.len--;
			}
		}
		vec_push(scratch, &path, ((struct step){order[i], n->trail.len}));
		rename_block(n, order[i]);
	}
	ir_replace_all(n->fn, n->replacement);
}

bool opt_mem2reg(struct opt_context *ctx, struct ir_fn *fn)
{
	struct renaming n = {.ctx = ctx, .fn = fn};

	if (!fn->slots.len)
		return true;
	opt_split_slots(ctx, fn, &n.split);
	if (!n.split.count)
		return true;
	find_frontiers(&n);
	find_accesses(&n);
	place_phis(&n);
	list_edges(&n);
	rename_all(&n);
	return true;
}
