/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparisons with the end of the packet that others make needless. Three rewrites, for pointers that
 * differ by constants:
 *
 *   - one that a comparison above it has decided goes;
 *   - of two in a row whose failure leads to the same place, with nothing between them that anybody
 *     can see, the first asks for as much as both;
 *   - a way on which one has failed does not go through one that asks for more.
 *
 *	b0: branch (p + 14 <= end), b1, b9           b0: branch (p + 34 <= end), b1, b9
 *	b1: branch (load(p + 12) == 8), b2, b9   ->  b1: branch (load(p + 12) == 8), b2, b9
 *	b2: branch (p + 34 <= end), b3, b9           b2: jump b3
 *
 * Runs after access_check, whose proofs all stay: every access still has a comparison above it that
 * covers as much as before. Where loads would have run behind the first comparison and now do not, nobody
 * can tell, because a load does nothing else.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

enum {
	MAX_CHAIN = 24, // blocks looked at behind one comparison
	MAX_STEPS = 8,  // constant additions to one pointer
};

struct bound { // base + reach <= end decides the end of a block
	ir_ref base, end;
	int64_t reach;
	uint32_t ok; // index of the successor where it holds
};

struct merger {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct bound *bounds; // of each block; base is none where the end is no such test
	bool *escapes;        // of each block: a value is used elsewhere than below its good way
};

static ir_ref take_offset(const struct ir_fn *fn, ir_ref pointer, int64_t *offset)
{
	for (uint32_t i = 0; i < MAX_STEPS && !ir_is_const(pointer); i++) {
		const struct ir_insn *in = ir_get(fn, pointer);
		if (in->op != IR_PTRADD || !ir_is_const(in->b))
			break;
		*offset += (int64_t)ir_get_const(fn, in->b)->bits;
		pointer = in->a;
	}
	return pointer;
}

static bool is_end(const struct ir_fn *fn, ir_ref r)
{
	if (ir_is_const(r))
		return false;
	const struct ir_insn *in = ir_get(fn, r);
	return ir_is_packet_load(in) && (uint32_t)IR_MEM_SPACE(in->aux) == IR_CTX_PACKET_END;
}

static struct bound read_bound(const struct ir_fn *fn, uint32_t b)
{
	static const struct bound none;
	const struct ir_block *block = &fn->blocks.data[b];
	const struct ir_insn *last = ir_get(fn, block->last);
	if (last->op != IR_BRANCH || ir_is_const(last->a) || block->succs[0] == block->succs[1])
		return none;
	const struct ir_insn *test = ir_get(fn, last->a);
	if ((test->op != IR_ULE && test->op != IR_ULT) || ir_type_of(fn, test->a) != IR_PTR)
		return none;
	bool strict = test->op == IR_ULT;
	struct bound bound = {0};
	if (is_end(fn, test->b)) { // pointer <(=) end
		bound.base = take_offset(fn, test->a, &bound.reach);
		bound.reach += strict;
		bound.end = test->b;
	} else if (is_end(fn, test->a)) { // end <(=) pointer
		bound.base = take_offset(fn, test->b, &bound.reach);
		bound.reach += !strict;
		bound.end = test->a;
		bound.ok = 1;
	}
	if (!bound.base || ir_is_const(bound.base) || is_end(fn, bound.base))
		return none;
	return bound;
}

static bool is_alike(const struct bound *a, const struct bound *b)
{
	return a->base && a->base == b->base && a->end == b->end;
}

static uint32_t failing(const struct merger *m, uint32_t b)
{
	return m->fn->blocks.data[b].succs[1 - m->bounds[b].ok];
}

/* Nothing in the block can be seen from outside. */
static bool is_silent(const struct merger *m, uint32_t b)
{
	for (ir_ref r = m->fn->blocks.data[b].first; r; r = m->fn->next.data[r]) {
		enum ir_effect effect = (enum ir_effect)ir_ops[ir_get(m->fn, r)->op].effect;
		if (effect != IR_EFF_PURE && effect != IR_EFF_LOAD && effect != IR_EFF_CTX_LOAD &&
		    effect != IR_EFF_CONTROL)
			return false;
	}
	return true;
}

static bool has_phis(const struct merger *m, uint32_t b)
{
	return ir_get(m->fn, m->fn->blocks.data[b].first)->op == IR_PHI;
}

/* The ways from both blocks bring the same values. */
static bool is_same_arrival(const struct merger *m, uint32_t to, uint32_t a, uint32_t b)
{
	uint32_t i = ir_pred_index(m->fn, to, a), k = ir_pred_index(m->fn, to, b);
	for (ir_ref r = m->fn->blocks.data[to].first; ir_get(m->fn, r)->op == IR_PHI;
	     r = m->fn->next.data[r])
		if (ir_args(m->fn, r)[i] != ir_args(m->fn, r)[k])
			return false;
	return true;
}

static void take_branch(struct merger *m, uint32_t b, uint32_t succ)
{
	ir_set_jump(m->fn, b, succ);
	m->bounds[b] = (struct bound){0};
}

/* ---- decided above ---- */

static bool is_decided(const struct merger *m, uint32_t b, uint32_t *succ)
{
	const struct ir_doms *doms = &m->ctx->doms;
	const struct bound *bound = &m->bounds[b];
	for (uint32_t a = doms->idom[b], i = 0; a != UINT32_MAX && i < MAX_CHAIN;
	     a = doms->idom[a], i++) {
		const struct bound *above = &m->bounds[a];
		if (!is_alike(above, bound))
			continue;
		for (uint32_t k = 0; k < 2; k++) {
			uint32_t to = m->fn->blocks.data[a].succs[k];
			bool holds = k == above->ok;
			if (m->fn->blocks.data[to].preds.len != 1 || !ir_dominates(doms, to, b) ||
			    (holds ? above->reach < bound->reach : above->reach > bound->reach))
				continue;
			*succ = holds ? bound->ok : 1 - bound->ok;
			return true;
		}
	}
	return false;
}

static void drop_decided(struct merger *m)
{
	for (uint32_t i = 0; i < m->ctx->doms.rpo_count; i++) {
		uint32_t b = m->ctx->doms.rpo[i], succ;
		if (m->bounds[b].base && is_decided(m, b, &succ))
			take_branch(m, b, succ);
	}
}

/* ---- one test for several ---- */

/* Lets the test of block a ask for `reach` bytes. */
static void widen(struct merger *m, uint32_t a, int64_t reach)
{
	struct ir_fn *fn = m->fn;
	struct bound *bound = &m->bounds[a];
	ir_ref end = fn->blocks.data[a].last;
	ir_ref last =
		ir_insert_before(fn, end,
				 (struct ir_insn){.op = IR_PTRADD,
						  .type = IR_PTR,
						  .a = bound->base,
						  .b = ir_const(fn, IR_I64, (uint64_t)reach)});
	bool is_yes = bound->ok == 0;
	ir_ref test = ir_insert_before(fn, end,
				       (struct ir_insn){.op = is_yes ? IR_ULE : IR_ULT,
							.type = IR_I32,
							.a = is_yes ? last : bound->end,
							.b = is_yes ? bound->end : last});
	ir_get(fn, end)->a = test;
	bound->reach = reach;
}

/* The block that goes on when block b is silent and its only other way is `out`, reached as from a. */
static uint32_t next_in_chain(const struct merger *m, uint32_t a, uint32_t b, uint32_t out)
{
	const struct ir_block *block = &m->fn->blocks.data[b];
	if (block->preds.len != 1 || has_phis(m, b) || !is_silent(m, b))
		return UINT32_MAX;
	if (block->succ_count == 1)
		return block->succs[0];
	if (ir_get(m->fn, block->last)->op != IR_BRANCH || block->succs[0] == block->succs[1])
		return UINT32_MAX;
	for (uint32_t k = 0; k < 2; k++)
		if (block->succs[k] == out && is_same_arrival(m, out, a, b))
			return block->succs[1 - k];
	return UINT32_MAX;
}

static void merge_behind(struct merger *m, uint32_t a)
{
	uint32_t out = failing(m, a), b = m->fn->blocks.data[a].succs[m->bounds[a].ok];
	for (uint32_t i = 0; i < MAX_CHAIN && b != a && b != out; i++) {
		uint32_t next = next_in_chain(m, a, b, out);
		if (next == UINT32_MAX)
			return;
		if (is_alike(&m->bounds[a], &m->bounds[b]) && failing(m, b) == out) {
			if (m->bounds[b].reach > m->bounds[a].reach)
				widen(m, a, m->bounds[b].reach);
			take_branch(m, b, m->bounds[b].ok);
		}
		b = next;
	}
}

/* ---- ways on which a test has failed ---- */

/* Values of a block that are used elsewhere than in it and below the way where its test holds. */
static void find_escapes(struct merger *m)
{
	const struct ir_fn *fn = m->fn;
	const struct ir_doms *doms = &m->ctx->doms;
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		uint32_t b = doms->rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			bool is_phi = ir_get(fn, r)->op == IR_PHI;
			uint32_t count = ir_operand_count(fn, r);
			for (uint32_t o = 0; o < count; o++) {
				ir_ref v = *ir_operand(fn, r, o);
				if (!v || ir_is_const(v))
					continue;
				uint32_t from = fn->block_of.data[v];
				uint32_t at = is_phi ? fn->blocks.data[b].preds.data[o] : b;
				if (from == at && !is_phi)
					continue;
				uint32_t ok =
					m->bounds[from].base
						? fn->blocks.data[from].succs[m->bounds[from].ok]
						: UINT32_MAX;
				m->escapes[from] |= ok == UINT32_MAX ||
						    fn->blocks.data[ok].preds.len != 1 ||
						    !ir_dominates(doms, ok, at);
			}
		}
	}
}

/* The way from a to b, on which a's test has failed, goes on to where b's fails. */
static void send_past(struct merger *m, uint32_t a, uint32_t b)
{
	struct ir_fn *fn = m->fn;
	uint32_t out = failing(m, b), like = ir_pred_index(fn, out, b);
	fn->blocks.data[a].succs[1 - m->bounds[a].ok] = out;
	ir_add_pred(fn, out, a);
	for (ir_ref r = fn->blocks.data[out].first; ir_get(fn, r)->op == IR_PHI;
	     r = fn->next.data[r])
		ir_args(fn, r)[ir_arg_count(fn, r) - 1] = ir_args(fn, r)[like];
	ir_remove_pred(fn, b, ir_pred_index(fn, b, a));
}

static bool leads_to(const struct merger *m, uint32_t from, uint32_t to)
{
	const struct ir_block *block = &m->fn->blocks.data[from];
	return block->succs[0] == to || block->succs[1] == to;
}

static void skip_failed(struct merger *m)
{
	find_escapes(m);
	for (uint32_t i = 0; i < m->ctx->doms.rpo_count; i++) {
		uint32_t a = m->ctx->doms.rpo[i];
		if (!m->bounds[a].base)
			continue;
		uint32_t b = failing(m, a);
		if (is_alike(&m->bounds[a], &m->bounds[b]) && !m->escapes[b] && b != a &&
		    m->bounds[b].reach >= m->bounds[a].reach && !has_phis(m, b) &&
		    is_silent(m, b) && m->fn->blocks.data[b].preds.len > 1 && failing(m, b) != b &&
		    !leads_to(m, a, failing(m, b)))
			send_past(m, a, b);
	}
}

bool opt_packet_bounds(struct opt_context *ctx, struct ir_fn *fn)
{
	struct merger m = {.ctx = ctx, .fn = fn};
	bool found = false;
	m.bounds = ARENA_ARRAY(ctx->scratch, struct bound, fn->blocks.len);
	m.escapes = ARENA_ARRAY(ctx->scratch, bool, fn->blocks.len);
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++) {
		uint32_t b = ctx->doms.rpo[i];
		m.bounds[b] = read_bound(fn, b);
		found |= m.bounds[b].base != IR_REF_NONE;
	}
	if (!found)
		return true;
	drop_decided(&m);
	skip_failed(&m);
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++)
		if (m.bounds[ctx->doms.rpo[i]].base)
			merge_behind(&m, ctx->doms.rpo[i]);
	return true;
}
