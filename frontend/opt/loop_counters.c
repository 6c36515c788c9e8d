/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings the counters of loops into a form in which the verifier sees the end: for loop_bound, before it
 * looks for bounds.
 *
 *	limits     a number that a counter is compared with, and of which this compiler knows a bound that
 *	           the verifier forgets (a remainder, a quotient), is cut off with that bound
 *	counters   of a narrow type: where the comparison shows that the step cannot leave the type, the
 *	           extension after the step goes
 *
 *	%n = urem %x, 9                      %n = urem %x, 9
 *	                                     %m = and %n, 15
 *	%i = phi [0], [%k]                   %i = phi [0], [%j]
 *	%c = ult %i, %n             ->       %c = ult %i, %m
 *	branch %c, …                         branch %c, …
 *	%j = add %i, 1                       %j = add %i, 1
 *	%k = ext8u %j
 *
 * The extension may also stand behind the phi.
 */
#include "frontend/opt/known.h"
#include "frontend/opt/passes.h"

enum { MOST_ROUNDS = 4096 }; // beyond, the verifier is not left to count them

struct counters {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct known_bits all, verified;
	ir_ref *replacement; // of extensions
};

static void find_known(struct counters *c, struct known_bits *k, bool is_verified)
{
	k->fn = c->fn;
	k->is_verified = is_verified;
	k->of.data = ARENA_ARRAY(c->ctx->scratch, struct known, c->fn->insns.len);
	k->of.len = k->of.cap = c->fn->insns.len;
	for (uint32_t i = 0; i < c->ctx->doms.rpo_count; i++) {
		uint32_t b = c->ctx->doms.rpo[i];
		for (ir_ref r = c->fn->blocks.data[b].first; r; r = c->fn->next.data[r])
			k->of.data[r] = known_compute(k, r);
	}
}

static bool is_in_loop(const struct counters *c, uint32_t b, uint32_t loop)
{
	uint32_t l = c->ctx->loops.loop_of[b];
	while (l != UINT32_MAX && l != loop)
		l = c->ctx->loops.loops[l].parent;
	return l == loop;
}

static uint64_t fill_ones(uint64_t x)
{
	return x ? UINT64_MAX >> __builtin_clzll(x) : 0;
}

/* ---- limits ---- */

void loop_cut_limit(struct opt_context *ctx, struct ir_fn *fn, uint32_t loop, ir_ref compare,
		    ir_ref limit, uint64_t most)
{
	uint32_t above = ctx->doms.idom[ctx->loops.loops[loop].header];
	enum ir_type type = ir_type_of(fn, limit);
	ir_ref at = fn->blocks.data[above].last;
	ir_ref cut = ir_insert_before(fn, at,
				      (struct ir_insn){.op = IR_AND,
						       .type = (uint8_t)type,
						       .a = limit,
						       .b = ir_const(fn, type, fill_ones(most))});
	struct ir_insn *in = ir_get(fn, compare);
	if (in->a == limit)
		in->a = cut;
	else
		in->b = cut;
}

/* ---- narrow counters ---- */

/* Largest value of what an instruction cuts off to a narrow type; 0 when it is no such instruction. */
static uint64_t narrow_top(const struct ir_fn *fn, ir_ref r)
{
	if (ir_is_const(r))
		return 0;
	const struct ir_insn *in = ir_get(fn, r);
	switch ((int)in->op) {
	case IR_EXT8U:
		return UINT8_MAX;
	case IR_EXT16U:
		return UINT16_MAX;
	case IR_EXT8S:
		return INT8_MAX;
	case IR_EXT16S:
		return INT16_MAX;
	case IR_AND:
		if (ir_is_const(in->b) && (ir_get_const(fn, in->b)->bits == UINT8_MAX ||
					   ir_get_const(fn, in->b)->bits == UINT16_MAX))
			return ir_get_const(fn, in->b)->bits;
		return 0;
	default:
		return 0;
	}
}

/* `value` is the counter plus a constant from 1 to `top`. */
static bool is_step(const struct counters *c, ir_ref value, ir_ref counter, uint64_t top,
		    uint64_t *step)
{
	if (ir_is_const(value))
		return false;
	const struct ir_insn *add = ir_get(c->fn, value);
	if (add->op != IR_ADD || add->a != counter || !ir_is_const(add->b))
		return false;
	*step = ir_get_const(c->fn, add->b)->bits;
	return *step && *step <= top;
}

/*
 * The counter of a loop: `phi`, or `cut`, which is the phi cut off to its type. Behind the edge to `stays` it is at
 * most `most`. When all that the phi can be lies from 0 to the largest value of its type, nothing is cut off.
 */
struct narrow {
	ir_ref phi, cut;
	uint64_t most;
	uint32_t stays;
};

/* A way in or round brings a number of the type; `*extension` is set when it is cut off on the way. */
static bool is_within(const struct counters *c, const struct narrow *n, ir_ref value, uint64_t *top,
		      ir_ref *extension)
{
	ir_ref counter = n->cut ? n->cut : n->phi, sum = value;
	uint64_t step;
	if (!n->cut && narrow_top(c->fn, value)) {
		sum = ir_get(c->fn, value)->a;
		uint64_t here = narrow_top(c->fn, value);
		if (is_step(c, sum, counter, here, &step)) {
			if (*top && *top != here)
				return false;
			*top = here;
			*extension = value;
		}
	}
	if (*top && is_step(c, sum, counter, *top, &step))
		return n->most <= *top - step &&
		       ir_dominates(&c->ctx->doms, n->stays, c->fn->block_of.data[value]);
	return *top && known_max(known_get(&c->all, value)) <= *top;
}

static void widen(struct counters *c, const struct narrow *n)
{
	struct ir_fn *fn = c->fn;
	uint64_t top = n->cut ? narrow_top(fn, n->cut) : 0;
	ir_ref extension = IR_REF_NONE;
	if (fn->blocks.data[n->stays].preds.len != 1)
		return;
	// The type is known when the way round has been seen, so twice.
	bool good = false;
	for (int turn = 0; turn < 2; turn++) {
		good = true;
		for (uint32_t i = 0; i < ir_arg_count(fn, n->phi); i++)
			good &= is_within(c, n, ir_args(fn, n->phi)[i], &top, &extension);
	}
	if (!good)
		return;
	if (n->cut)
		c->replacement[n->cut] = n->phi;
	else if (extension)
		c->replacement[extension] = ir_get(fn, extension)->a;
}

/* ---- loops ---- */

static bool is_counter(const struct counters *c, ir_ref r, uint32_t header)
{
	return !ir_is_const(r) && ir_get(c->fn, r)->op == IR_PHI &&
	       c->fn->block_of.data[r] == header && ir_get(c->fn, r)->type != IR_PTR;
}

/* A block at whose end the loop may be left; its limits are cut when the counters have been seen to. */
static void look_at_exit(struct counters *c, uint32_t b, uint32_t loop, bool cuts)
{
	struct ir_fn *fn = c->fn;
	const struct ir_block *block = &fn->blocks.data[b];
	uint32_t header = c->ctx->loops.loops[loop].header;
	ir_ref condition = ir_get(fn, block->last)->a;
	bool first_stays = is_in_loop(c, block->succs[0], loop);
	if (first_stays == is_in_loop(c, block->succs[1], loop) || ir_is_const(condition))
		return;
	struct ir_insn in = *ir_get(fn, condition);
	bool is_signed = in.op == IR_SLT || in.op == IR_SLE;
	if (in.op != IR_ULT && in.op != IR_ULE && !is_signed)
		return;
	// While counter < limit, or, negated, until limit <= counter.
	ir_ref counter = first_stays ? in.a : in.b, limit = first_stays ? in.b : in.a;
	bool strict = (in.op == IR_ULT || in.op == IR_SLT) == first_stays;
	struct narrow n = {.phi = counter};
	if (narrow_top(fn, counter)) {
		n.cut = counter;
		n.phi = ir_get(fn, counter)->a;
	}
	if (!is_counter(c, n.phi, header))
		return;
	uint64_t most = known_max(known_get(&c->all, limit));
	uint64_t top = ir_type_of(fn, limit) == IR_I32 ? INT32_MAX : INT64_MAX;
	n.stays = block->succs[first_stays ? 0 : 1];
	n.most = most - strict;
	if (!cuts && most >= strict && most <= top)
		widen(c, &n);
	if (cuts && !ir_is_const(limit) && !is_in_loop(c, fn->block_of.data[limit], loop) &&
	    most <= MOST_ROUNDS && known_max(known_get(&c->verified, limit)) > fill_ones(most))
		loop_cut_limit(c->ctx, fn, loop, condition, limit, most);
}

static void look_at_exits(struct counters *c, bool cuts)
{
	const struct ir_loops *loops = &c->ctx->loops;
	for (uint32_t i = 0; i < c->ctx->doms.rpo_count; i++) {
		uint32_t b = c->ctx->doms.rpo[i];
		if (ir_get(c->fn, c->fn->blocks.data[b].last)->op != IR_BRANCH)
			continue;
		for (uint32_t l = loops->loop_of[b]; l != UINT32_MAX; l = loops->loops[l].parent)
			look_at_exit(c, b, l, cuts);
	}
}

void loop_tidy_counters(struct opt_context *ctx, struct ir_fn *fn)
{
	struct counters c = {.ctx = ctx, .fn = fn};
	c.replacement = ARENA_ARRAY(ctx->scratch, ir_ref, fn->insns.len);
	find_known(&c, &c.all, false);
	find_known(&c, &c.verified, true);
	look_at_exits(&c, false);
	ir_replace_all(fn, c.replacement);
	look_at_exits(&c, true);
}
