/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets in loops with a guard, for loop_bound. At a guard the verifier may forget what it knows of every number
 * that it has not relied upon yet (widen_imprecise_scalars(), Linux 6.9), so that a number which was cut or compared
 * before the loop is not good enough to be added to a pointer inside of it. There it is cut, or compared, again:
 *
 *	%o = and %x, 3                       %o = and %x, 3
 *	loop_guard …                 ->      loop_guard …
 *	%p = ptradd %q, %o                   %m = and %o, 3
 *	                                     %p = ptradd %q, %m
 */
#include "frontend/opt/packet.h"
#include "frontend/opt/passes.h"

enum { MOST_STEPS = 6 }; // of an offset's computation that are looked through

struct offsets {
	struct opt_context *ctx;
	struct ir_fn *fn;
	const struct packets *numbers;
	uint32_t loop;  // innermost one with a guard around the pointer
	uint32_t block; // where the pointer is made
};

static bool is_in_loop(const struct offsets *o, uint32_t b)
{
	uint32_t l = o->ctx->loops.loop_of[b];
	while (l != UINT32_MAX && l != o->loop)
		l = o->ctx->loops.loops[l].parent;
	return l == o->loop;
}

static ir_ref insert(struct offsets *o, ir_ref before, enum ir_op op, enum ir_type type, ir_ref a,
		     ir_ref b, ir_ref c)
{
	return ir_insert_before(
		o->fn, before,
		(struct ir_insn){.op = (uint8_t)op, .type = (uint8_t)type, .a = a, .b = b, .c = c});
}

/* The number, of which the verifier learns before `user` that it is at most `most`. */
static ir_ref bound_again(struct offsets *o, ir_ref number, uint64_t most, ir_ref user)
{
	struct ir_fn *fn = o->fn;
	enum ir_type type = ir_type_of(fn, number);
	if (!(most & (most + 1)))
		return insert(o, user, IR_AND, type, number, ir_const(fn, type, most), 0);
	ir_ref is_less =
		insert(o, user, IR_ULE, IR_I32, number, ir_const(fn, type, most), IR_REF_NONE);
	return insert(o, user, IR_SELECT, type, is_less, number, ir_const(fn, type, 0));
}

/* Operand number `k` of `user`, from which an offset is computed. */
static void keep(struct offsets *o, ir_ref user, uint32_t k, uint32_t depth)
{
	ir_ref number = *ir_operand(o->fn, user, k);
	if (!number || ir_is_const(number) || number >= o->numbers->count || depth > MOST_STEPS)
		return;
	struct ir_insn in = *ir_get(o->fn, number);
	if (in.type != IR_I32 && in.type != IR_I64)
		return;
	if (is_in_loop(o, o->fn->block_of.data[number])) {
		bool is_computed = ir_ops[in.op].effect == IR_EFF_PURE && in.op != IR_PHI;
		for (uint32_t i = 0; is_computed && i < ir_operand_count(o->fn, number); i++)
			keep(o, number, i, depth + 1);
		return;
	}
	uint32_t above = o->ctx->doms.idom[o->ctx->loops.loops[o->loop].header];
	uint64_t before = packet_upper_bound(o->numbers, number, above);
	if (before > INT32_MAX || packet_upper_bound(o->numbers, number, o->block) < before)
		return; // nothing is known, or a comparison in the loop says it
	ir_ref again = bound_again(o, number, before, user);
	*ir_operand(o->fn, user, k) = again;
}

void loop_keep_offsets(struct opt_context *ctx, struct ir_fn *fn, const struct packets *numbers,
		       const bool *is_guarded)
{
	const struct ir_loops *loops = &ctx->loops;
	struct offsets o = {.ctx = ctx, .fn = fn, .numbers = numbers};
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++) {
		o.block = ctx->doms.rpo[i];
		o.loop = loops->loop_of[o.block];
		while (o.loop != UINT32_MAX && !is_guarded[o.loop])
			o.loop = loops->loops[o.loop].parent;
		if (o.loop == UINT32_MAX)
			continue;
		for (ir_ref r = fn->blocks.data[o.block].first; r; r = fn->next.data[r])
			if (r < numbers->count && ir_get(fn, r)->op == IR_PTRADD)
				keep(&o, r, 1, 0);
	}
}
