/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet pointer that a loop moves on becomes a fixed pointer plus a number:
 *
 *	b1: %p = phi.ptr [b0 %start], [b2 %q]        b1: %o = phi.i64 [b0 0], [b2 %s]
 *	    …                                    ->      %p = ptradd %start, %o
 *	b2: %q = ptradd %p, 4                            …
 *	                                             b2: %s = add %o, 4
 *
 * The verifier never takes two packet pointers with different constant offsets for alike, so it
 * would walk such a loop to the end of the largest packet; of numbers it compares the ranges.
 */
#include "frontend/opt/packet.h"

enum { MAX_STEPS = 16 }; // additions on one way round

struct splitter {
	struct ir_fn *fn;
	const struct ir_doms *doms;
	struct packets packets;
	ir_ref *replacement; // phi to its new form
	bool changed;
};

static bool is_back_edge(const struct splitter *s, uint32_t header, uint32_t pred)
{
	return ir_dominates(s->doms, header, pred);
}

/* Additions that lead from the phi to `value`, last one first; false when there is anything else.
 */
static bool find_steps(const struct splitter *s, ir_ref value, ir_ref phi, ir_ref steps[MAX_STEPS],
		       uint32_t *count)
{
	for (*count = 0; value != phi;) {
		if (!value || ir_is_const(value) || *count == MAX_STEPS)
			return false;
		if (value < s->packets.count && s->replacement[value]) {
			value = s->replacement[value];
			continue;
		}
		const struct ir_insn *in = ir_get(s->fn, value);
		if (in->op != IR_PTRADD)
			return false;
		steps[(*count)++] = value;
		value = in->a;
	}
	return true;
}

/* The one value that all ways into the loop bring, or none; and every way round must be additions.
 */
static ir_ref find_start(const struct splitter *s, ir_ref phi)
{
	uint32_t b = s->fn->block_of.data[phi];
	ir_ref start = IR_REF_NONE, steps[MAX_STEPS];
	bool has_round = false;
	for (uint32_t i = 0, count; i < ir_arg_count(s->fn, phi); i++) {
		ir_ref value = ir_args(s->fn, phi)[i];
		if (is_back_edge(s, b, s->fn->blocks.data[b].preds.data[i])) {
			if (!find_steps(s, value, phi, steps, &count))
				return IR_REF_NONE;
			has_round |= count > 0;
		} else if (start && value != start) {
			return IR_REF_NONE;
		} else {
			start = value;
		}
	}
	bool is_packet = packet_value_of(&s->packets, start).kind == PACKET_DATA ||
			 packet_value_of(&s->packets, start).kind == PACKET_META;
	return has_round && is_packet ? start : IR_REF_NONE;
}

static void split(struct splitter *s, ir_ref phi, ir_ref start)
{
	struct ir_fn *fn = s->fn;
	uint32_t b = fn->block_of.data[phi];
	ir_ref offset = ir_add_phi(fn, b, IR_I64, fn->spans.data[phi]);
	for (uint32_t i = 0; i < ir_arg_count(fn, phi); i++) {
		ir_ref steps[MAX_STEPS], sum = offset;
		uint32_t count = 0;
		if (is_back_edge(s, b, fn->blocks.data[b].preds.data[i]))
			find_steps(s, ir_args(fn, phi)[i], phi, steps, &count);
		else
			sum = ir_const(fn, IR_I64, 0);
		while (count-- > 0)
			sum = ir_insert_before(fn, steps[count],
					       (struct ir_insn){.op = IR_ADD,
								.type = IR_I64,
								.a = sum,
								.b = ir_get(fn, steps[count])->b});
		ir_args(fn, offset)[i] = sum;
	}
	ir_ref first = fn->blocks.data[b].first;
	while (ir_get(fn, first)->op == IR_PHI)
		first = fn->next.data[first];
	s->replacement[phi] = ir_insert_before(
		fn, first,
		(struct ir_insn){.op = IR_PTRADD, .type = IR_PTR, .a = start, .b = offset});
	s->changed = true;
}

void packet_split_phis(struct opt_context *ctx, struct ir_fn *fn)
{
	struct splitter s = {.fn = fn, .doms = &ctx->doms};
	packet_analyse(&s.packets, ctx, fn);
	// Longer than now, for the instructions that are added: one and its steps per phi.
	uint32_t room = fn->insns.len;
	for (ir_ref r = 1; r < fn->insns.len; r++) {
		if (ir_get(fn, r)->op == IR_PHI && ir_get(fn, r)->type == IR_PTR)
			room += 2 + ir_arg_count(fn, r) * MAX_STEPS;
	}
	s.replacement = ARENA_ARRAY(ctx->scratch, ir_ref, room);
	// Inner loops first: what an inner loop adds is then an addition of the outer one.
	for (uint32_t i = ctx->doms.rpo_count; i-- > 0;) {
		ir_ref r = fn->blocks.data[ctx->doms.rpo[i]].first;
		for (; ir_get(fn, r)->op == IR_PHI; r = fn->next.data[r]) {
			ir_ref start = r < s.packets.count && ir_get(fn, r)->type == IR_PTR
					       ? find_start(&s, r)
					       : IR_REF_NONE;
			if (start)
				split(&s, r, start);
		}
	}
	if (s.changed)
		ir_replace_all(fn, s.replacement);
}
