/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic of one operand that is wanted on one way only is done there:
 *
 *	b0: %1 = lshr %x, 8; branch %c, b1, b2         b0: branch %c, b1, b2
 *	b1: … %1 …                                ->   b1: %1 = lshr %x, 8; …
 *
 * So no register is held, and the other way does not pay. Pointers stay where they are, because the
 * verifier ties what it knows of one to where it was made; so does what would move into a loop.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

enum { NOWHERE = UINT32_MAX - 1, UNUSED = UINT32_MAX };

static bool may_sink(const struct ir_fn *fn, ir_ref r)
{
	const struct ir_insn *in = ir_get(fn, r);
	const struct ir_op_info *op = &ir_ops[in->op];
	bool is_unary = op->b == IR_OPERAND_NONE || (in->b && ir_is_const(in->b));
	return op->effect == IR_EFF_PURE && (op->flags & IR_FLAG_CAN_FOLD) && is_unary &&
	       !ir_is_const(in->a) && (in->type == IR_I32 || in->type == IR_I64) &&
	       op->b != IR_OPERAND_SAME;
}

/* The one block that wants each value: where it is used, or from where it goes into a phi. */
static uint32_t *find_users(const struct ir_fn *fn, struct arena *arena)
{
	uint32_t *users = ARENA_ARRAY(arena, uint32_t, fn->insns.len);
	for (ir_ref r = 0; r < fn->insns.len; r++)
		users[r] = UNUSED;
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			bool is_phi = ir_get(fn, r)->op == IR_PHI;
			uint32_t count = ir_operand_count(fn, r);
			for (uint32_t o = 0; o < count; o++) {
				ir_ref v = *ir_operand(fn, r, o);
				if (!v || ir_is_const(v))
					continue;
				uint32_t at = is_phi ? fn->blocks.data[b].preds.data[o] : b;
				users[v] = users[v] == UNUSED || users[v] == at ? at : NOWHERE;
			}
		}
	}
	return users;
}

static bool is_good_place(const struct opt_context *ctx, uint32_t from, uint32_t to)
{
	if (to >= NOWHERE || from == to || !ir_dominates(&ctx->doms, from, to))
		return false;
	uint32_t loop = ctx->loops.loop_of[to];
	return !ctx->loops.irreducible && (loop == UINT32_MAX || loop == ctx->loops.loop_of[from]);
}

static ir_ref first_use_in(const struct ir_fn *fn, uint32_t b, ir_ref value)
{
	for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
		uint32_t count = ir_get(fn, r)->op == IR_PHI ? 0 : ir_operand_count(fn, r);
		for (uint32_t o = 0; o < count; o++)
			if (*ir_operand(fn, r, o) == value)
				return r;
	}
	return fn->blocks.data[b].last;
}

bool opt_sink(struct opt_context *ctx, struct ir_fn *fn)
{
	uint32_t *users = find_users(fn, ctx->scratch);
	for (uint32_t i = ctx->doms.rpo_count; i-- > 0;) {
		uint32_t b = ctx->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].last, prev; r; r = prev) {
			prev = fn->prev.data[r];
			if (may_sink(fn, r) && is_good_place(ctx, b, users[r]))
				ir_move_before(fn, r, first_use_in(fn, users[r], r));
		}
	}
	return true;
}
