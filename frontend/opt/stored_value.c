/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value that was put into a map just before is not looked up to be read. This is the way behind
 * `m[k] += 1` that has made the entry, after lookup_reuse has put the lookup on it:
 *
 *	b1: %1 = map_update %k, %v &m                  b1: %1 = map_update %k, %v &m
 *	    branch (%1 == 0), b2, …                        branch (%1 == 0), b2, …
 *	b2: %2 = map_lookup %k &m; jump b3       ->    b2: jump b5
 *	b3: %3 = phi …, [b2 %2]                        b3: %3 = phi …
 *	    branch (%3 != null), b4, b5                    branch (%3 != null), b4, b5
 *	b4: %4 = load %3; jump b5                      b4: %4 = load %3; jump b5
 *	b5: %5 = phi [b3 0], [b4 %4]                   b5: %5 = phi [b3 0], [b4 %4], [b2 %v]
 *
 * Somebody else may change the entry at any moment, so what was stored is as good an answer as what would
 * be read a moment later.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

struct forward {
	struct opt_context *ctx;
	struct ir_fn *fn;
	uint32_t *uses;
};

struct read_back { // blocks and values of the picture above: b3, b4, b5, %3, %4
	uint32_t join, present, rest;
	ir_ref entry, load;
};

static bool is_used_once(const struct forward *f, ir_ref r)
{
	return f->uses[r] == 1;
}

static uint32_t count_uses_in_phis(const struct forward *f, uint32_t b, uint32_t pred, ir_ref value)
{
	uint32_t count = 0, index = ir_pred_index(f->fn, b, pred);
	for (ir_ref r = f->fn->blocks.data[b].first; ir_get(f->fn, r)->op == IR_PHI;
	     r = f->fn->next.data[r])
		count += ir_args(f->fn, r)[index] == value;
	return count;
}

static bool is_null(const struct forward *f, ir_ref r)
{
	return ir_is_const(r) && !ir_get_const(f->fn, r)->bits;
}

/* Which successor is taken when `condition`, a comparison of *value with zero, holds for zero. */
static bool read_zero_test(const struct forward *f, const struct ir_block *block, ir_ref *value,
			   uint32_t *when_zero)
{
	const struct ir_insn *end = ir_get(f->fn, block->last);
	if (end->op != IR_BRANCH || ir_is_const(end->a) || block->succs[0] == block->succs[1])
		return false;
	const struct ir_insn *test = ir_get(f->fn, end->a);
	*value = end->a;
	*when_zero = 1;
	if (test->op != IR_EQ && test->op != IR_NE)
		return true;
	if (!is_null(f, test->b) || ir_is_const(test->a))
		return false;
	*value = test->a;
	*when_zero = test->op == IR_EQ ? 0 : 1;
	return true;
}

static bool find_read_back(const struct forward *f, uint32_t b, struct read_back *p)
{
	const struct ir_fn *fn = f->fn;
	const struct ir_block *join = &fn->blocks.data[b];
	uint32_t when_zero;
	if (!join->first || ir_get(fn, join->first)->op != IR_PHI ||
	    !read_zero_test(f, join, &p->entry, &when_zero))
		return false;
	ir_ref test = ir_get(fn, join->last)->a;
	const struct ir_insn *entry = ir_get(fn, p->entry);
	if (entry->op != IR_PHI || entry->type != IR_PTR || p->entry != join->first ||
	    fn->next.data[p->entry] != test || fn->next.data[test] != join->last ||
	    !is_used_once(f, test) || f->uses[p->entry] != 2)
		return false;
	p->join = b;
	p->rest = join->succs[when_zero];
	p->present = join->succs[1 - when_zero];
	const struct ir_block *present = &fn->blocks.data[p->present];
	p->load = present->first;
	const struct ir_insn *load = ir_get(fn, p->load);
	return present->preds.len == 1 && present->succ_count == 1 &&
	       present->succs[0] == p->rest && load->op == IR_LOAD && load->a == p->entry &&
	       load->imm == 0 && fn->next.data[p->load] == present->last &&
	       f->uses[p->load] == count_uses_in_phis(f, p->rest, p->present, p->load);
}

/* The value that the lookup at the head of block b finds, because it was stored on the only way there. */
static ir_ref stored_before(const struct forward *f, uint32_t b, ir_ref lookup)
{
	const struct ir_fn *fn = f->fn;
	const struct ir_insn *in = ir_get(fn, lookup);
	const struct ir_map *map = &f->ctx->module->maps.data[in->index];
	uint32_t when_zero;
	ir_ref update;
	if (fn->blocks.data[b].first != lookup || fn->blocks.data[b].preds.len != 1 ||
	    !map->value_is_scalar || !map->key_is_scalar)
		return IR_REF_NONE;
	const struct ir_block *from = &fn->blocks.data[fn->blocks.data[b].preds.data[0]];
	if (!read_zero_test(f, from, &update, &when_zero) || from->succs[when_zero] != b)
		return IR_REF_NONE;
	const struct ir_insn *stored = ir_get(fn, update);
	bool is_same =
		stored->op == IR_MAP_UPDATE && stored->index == in->index && stored->a == in->a;
	return is_same && fn->block_of.data[update] == fn->block_of.data[from->last] ? stored->b
										     : IR_REF_NONE;
}

/* Nothing that may change the map stands between the update and the end of its block. */
static bool is_undisturbed(const struct forward *f, uint32_t b)
{
	const struct ir_fn *fn = f->fn;
	uint32_t from = fn->blocks.data[b].preds.data[0];
	for (ir_ref r = fn->blocks.data[from].last; r; r = fn->prev.data[r]) {
		enum ir_effect effect = (enum ir_effect)ir_ops[ir_get(fn, r)->op].effect;
		if (effect == IR_EFF_MAP_WRITE)
			return true;
		if (effect == IR_EFF_CALL || effect == IR_EFF_STORE)
			return false;
	}
	return false;
}

static bool fits(const struct forward *f, const struct read_back *p, ir_ref lookup, ir_ref value)
{
	const struct ir_insn *load = ir_get(f->fn, p->load);
	uint32_t size = f->ctx->module->maps.data[ir_get(f->fn, lookup)->index].value_size;
	return (size == 4 || size == 8) && IR_MEM_WIDTH(load->aux) == size &&
	       ir_type_of(f->fn, value) == (enum ir_type)load->type &&
	       (enum ir_type)load->type == (size == 4 ? IR_I32 : IR_I64);
}

/* Sends the k-th way into the join past it. */
static void send_past(struct forward *f, const struct read_back *p, uint32_t k, ir_ref lookup,
		      ir_ref value)
{
	struct ir_fn *fn = f->fn;
	uint32_t from = fn->blocks.data[p->join].preds.data[k];
	uint32_t like = ir_pred_index(fn, p->rest, p->present);
	ir_remove_pred(fn, p->join, k);
	ir_remove(fn, lookup);
	fn->blocks.data[from].succs[0] = p->rest;
	ir_add_pred(fn, p->rest, from);
	for (ir_ref r = fn->blocks.data[p->rest].first; ir_get(fn, r)->op == IR_PHI;
	     r = fn->next.data[r]) {
		ir_ref *args = ir_args(fn, r);
		args[ir_arg_count(fn, r) - 1] = args[like] == p->load ? value : args[like];
	}
}

bool opt_stored_value(struct opt_context *ctx, struct ir_fn *fn)
{
	struct forward f = {.ctx = ctx, .fn = fn};
	bool has_updates = false;
	for (ir_ref r = 1; r < fn->insns.len && !has_updates; r++)
		has_updates = ir_get(fn, r)->op == IR_MAP_UPDATE;
	if (!has_updates)
		return true;
	f.uses = ir_count_uses(fn, ctx->scratch);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct read_back p;
		if (!find_read_back(&f, b, &p))
			continue;
		for (uint32_t k = fn->blocks.data[b].preds.len; k-- > 0;) {
			uint32_t from = fn->blocks.data[b].preds.data[k];
			ir_ref lookup = ir_args(fn, p.entry)[k];
			if (ir_is_const(lookup) || ir_get(fn, lookup)->op != IR_MAP_LOOKUP ||
			    fn->block_of.data[lookup] != from || !is_used_once(&f, lookup) ||
			    fn->blocks.data[from].succ_count != 1 ||
			    fn->next.data[lookup] != fn->blocks.data[from].last)
				continue;
			ir_ref value = stored_before(&f, from, lookup);
			if (value && is_undisturbed(&f, from) && fits(&f, &p, lookup, value) &&
			    fn->blocks.data[b].preds.len > 1)
				send_past(&f, &p, k, lookup, value);
		}
	}
	return true;
}
