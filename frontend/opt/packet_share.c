/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes equal packet pointers one value. The verifier gives every load of ctx->data and every
 * addition of a variable an identity of its own, so that a check of one says nothing of its twin:
 *
 *	if (ctx->data + off + 4 > ctx->data_end) return     // one base
 *	read(ctx->data + off)                               // another one, without the replacement
 *
 * Works at every level of optimisation, because acceptance must not depend on it.
 */
#include "frontend/opt/packet.h"

#include <string.h>

enum { MAX_TWINS = 8 }; // candidates with one hash that are looked at

struct share {
	struct ir_fn *fn;
	const struct ir_doms *doms;
	struct map seen;  // hash to the latest instruction with it
	ir_ref *previous; // earlier instruction with the same hash
	ir_ref *replacement;
	const uint32_t *now;
};

static bool is_shareable(const struct ir_insn *in)
{
	if (in->op == IR_CTX_LOAD)
		return ir_is_packet_load(in);
	return in->op == IR_PTRADD || (ir_ops[in->op].flags & IR_FLAG_CAN_FOLD);
}

static ir_ref now_of(const struct share *s, ir_ref operand)
{
	if (!operand || ir_is_const(operand) || !s->replacement[operand])
		return operand;
	return s->replacement[operand];
}

static struct ir_insn key_of(const struct share *s, ir_ref r)
{
	struct ir_insn key = *ir_get(s->fn, r);
	key.a = now_of(s, key.a);
	key.b = now_of(s, key.b);
	if (ir_ops[key.op].extra != IR_EXTRA_IMM)
		key.c = 0;
	return key;
}

static bool is_twin(const struct share *s, ir_ref candidate, ir_ref r, const struct ir_insn *key)
{
	struct ir_insn other = key_of(s, candidate);
	uint32_t from = s->fn->block_of.data[candidate], to = s->fn->block_of.data[r];
	return !memcmp(&other, key, sizeof other) && ir_dominates(s->doms, from, to) &&
	       (key->op != IR_CTX_LOAD || s->now[candidate] == s->now[r]);
}

static bool share_one(struct share *s, ir_ref r)
{
	struct ir_insn key = key_of(s, r);
	uint64_t *slot = map_insert(&s->seen, hash_bytes(&key, sizeof key) >> 1);
	ir_ref candidate = (ir_ref)*slot;
	for (uint32_t i = 0; candidate && i < MAX_TWINS; i++) {
		if (is_twin(s, candidate, r, &key)) {
			s->replacement[r] = candidate;
			return true;
		}
		candidate = s->previous[candidate];
	}
	s->previous[r] = (ir_ref)*slot;
	*slot = r;
	return false;
}

void packet_share(struct opt_context *ctx, struct ir_fn *fn)
{
	struct packets epochs;
	packet_find_epochs(&epochs, ctx, fn);
	struct share s = {.fn = fn, .doms = &ctx->doms, .now = epochs.now};
	s.previous = ARENA_ARRAY(ctx->scratch, ir_ref, fn->insns.len);
	s.replacement = ARENA_ARRAY(ctx->scratch, ir_ref, fn->insns.len);
	map_init(&s.seen, ctx->scratch);
	bool changed = false;
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++) {
		uint32_t b = ctx->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			if (is_shareable(ir_get(fn, r)))
				changed |= share_one(&s, r);
		}
	}
	if (changed)
		ir_replace_all(fn, s.replacement);
}
