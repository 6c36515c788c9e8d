/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves integer operations whose operands do not change in a loop in front of it. Only operations of
 * blocks that every round passes move, and only within reach: no loads, no pointers (the verifier
 * wants pointer arithmetic where its checks are), no constants or addresses, which are as cheap
 * where they stand. Inner loops come first, so an operation may climb several.
 *
 * Needs dominators and loops. A loop that is entered from several places, or from a block with another
 * way to go, is left as it is: the flow graph stays.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

typedef VEC(uint32_t) block_list;

struct motion {
	struct opt_context *ctx;
	struct ir_fn *fn;
	const struct ir_loops *loops;
	block_list *blocks; // of each loop, without those of inner loops
};

static bool is_inside(const struct motion *m, uint32_t loop, uint32_t b)
{
	uint32_t l = m->loops->loop_of[b];
	uint32_t depth = m->loops->loops[loop].depth;

	while (l != UINT32_MAX && m->loops->loops[l].depth > depth)
		l = m->loops->loops[l].parent;
	return l == loop;
}

static bool is_movable(const struct motion *m, uint32_t loop, ir_ref r)
{
	const struct ir_insn *in = ir_get(m->fn, r);
	const struct ir_op_info *op = &ir_ops[in->op];

	if (op->effect != IR_EFF_PURE || !(op->flags & IR_FLAG_CAN_FOLD) ||
	    op->b == IR_OPERAND_SAME) // a comparison belongs to its branch
		return false;
	for (uint32_t o = 0; o < ir_operand_count(m->fn, r); o++) {
		ir_ref operand = *ir_operand(m->fn, r, o);
		if (!ir_is_const(operand) && is_inside(m, loop, m->fn->block_of.data[operand]))
			return false;
	}
	return true;
}

/* Does every round of the loop pass block b? */
static bool is_always_passed(const struct motion *m, const struct ir_loop *loop, uint32_t b)
{
	const struct ir_block *header = &m->fn->blocks.data[loop->header];

	for (uint32_t i = 0; i < header->preds.len; i++)
		if (ir_dominates(&m->ctx->doms, loop->header, header->preds.data[i]) &&
		    !ir_dominates(&m->ctx->doms, b, header->preds.data[i]))
			return false;
	return true;
}

/* The end of the only block that enters the loop and goes nowhere else, or none. */
static ir_ref find_landing(const struct motion *m, const struct ir_loop *loop)
{
	const struct ir_block *header = &m->fn->blocks.data[loop->header];
	uint32_t entry = UINT32_MAX;

	for (uint32_t i = 0; i < header->preds.len; i++) {
		if (ir_dominates(&m->ctx->doms, loop->header, header->preds.data[i]))
			continue;
		if (entry != UINT32_MAX)
			return IR_REF_NONE;
		entry = header->preds.data[i];
	}
	if (entry == UINT32_MAX)
		return IR_REF_NONE;
	return m->fn->blocks.data[entry].succ_count == 1 ? m->fn->blocks.data[entry].last
							 : IR_REF_NONE;
}

static void move_out(struct motion *m, uint32_t l)
{
	const struct ir_loop *loop = &m->loops->loops[l];
	ir_ref landing = find_landing(m, loop);

	for (uint32_t i = 0; landing && i < m->blocks[l].len; i++) {
		uint32_t b = m->blocks[l].data[i];
		if (!is_always_passed(m, loop, b))
			continue;
		for (ir_ref r = m->fn->blocks.data[b].first, next; r; r = next) {
			next = m->fn->next.data[r];
			if (is_movable(m, l, r))
				ir_move_before(m->fn, r, landing);
		}
	}
}

bool opt_licm(struct opt_context *ctx, struct ir_fn *fn)
{
	struct motion m = {.ctx = ctx, .fn = fn, .loops = &ctx->loops};

	if (!ctx->loops.count || ctx->loops.irreducible)
		return true;
	m.blocks = ARENA_ARRAY(ctx->scratch, block_list, ctx->loops.count);
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++) {
		uint32_t loop = ctx->loops.loop_of[ctx->doms.rpo[i]];
		if (loop != UINT32_MAX)
			vec_push(ctx->scratch, &m.blocks[loop], ctx->doms.rpo[i]);
	}
	for (uint32_t l = ctx->loops.count; l-- > 0;)
		move_out(&m, l);
	return true;
}
