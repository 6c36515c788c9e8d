/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full unrolling of small loops whose number of rounds is a constant: the numbers that the loop counts
 * become constants, so that offsets into packets are known and the verifier meets no state twice.
 *
 *	b1: %i = phi [b0 0], [b2 %j]             b1: …   (with 0 for %i)
 *	    %c = ult %i, 2; branch %c, b2, b3    b2: …
 *	b2: …; %j = add %i, 1; jump b1      ->   b1': …  (with 1 for %i)
 *	                                         b2': …
 *	                                         b3: …
 *
 * The rounds are found by computing the exit's condition round by round from the constants with which
 * the phis of the header begin. The loop itself is the first round; the copy for the round that ends the
 * loop keeps only what comes before the exit, once flow has removed what nothing reaches. Values that
 * are used after the loop get phis where it is left. Innermost loops go first; what contains them, in
 * the next sweep.
 */
#include <string.h>

#include "frontend/opt/passes.h"

enum {
	MOST_ROUNDS = 16,
	MOST_INSNS = 96,   // of all copies of a loop, without what becomes constant
	MOST_PLAIN = 24,   // the same of one that only computes, which gains less
	MOST_COPIED = 800, // with that
	MOST_SWEEPS = 3,
	MOST_DEPTH = 6, // of expressions that are computed
	MOST_PHIS = 8,
	MOST_BLOCKS = 24,
};

struct use { // of a value, outside of its loop
	ir_ref user, value;
	uint32_t operand, next;
};

struct unroller {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct ir_doms doms;
	struct ir_loops loops;
	uint32_t blocks, insns;    // when the analyses were made
	uint32_t *size;            // by loop: instructions
	bool *has_inner, *is_done; // by loop
	uint32_t *first_block;     // by loop, UINT32_MAX ends the list
	uint32_t *next_block;      // in reverse post-order
	uint32_t *first_use;       // by loop; 0 none
	VEC(struct use) uses;
	bool *is_counted;                      // by instruction: constant in every copy
	ir_ref *maps[2];                       // for copies, by instruction
	uint32_t *block_maps[MOST_ROUNDS + 1]; // of every round, by block
	bool changed;
};

struct loop {
	uint32_t index, header, rounds;
	uint32_t exit;              // block
	uint32_t stays;             // its successor that goes on
	uint32_t list[MOST_BLOCKS]; // in reverse post-order
	uint32_t count;
};

static bool is_in(const struct unroller *u, uint32_t b, uint32_t loop)
{
	return b < u->blocks && u->loops.loop_of[b] == loop;
}

/* ---- which loops ---- */

static void survey(struct unroller *u)
{
	struct arena *scratch = u->ctx->scratch;
	uint32_t loops = u->loops.count;
	u->size = ARENA_ARRAY(scratch, uint32_t, loops + 1);
	u->is_counted = ARENA_ARRAY(scratch, bool, u->insns);
	u->has_inner = ARENA_ARRAY(scratch, bool, loops + 1);
	u->is_done = ARENA_ARRAY(scratch, bool, loops + 1);
	u->first_block = ARENA_ARRAY(scratch, uint32_t, loops + 1);
	u->next_block = ARENA_ARRAY(scratch, uint32_t, u->blocks + 1);
	u->first_use = ARENA_ARRAY(scratch, uint32_t, loops + 1);
	memset(u->first_block, 0xff, (loops + 1) * sizeof *u->first_block);
	u->uses.len = 0;
	u->uses.cap = 0;
	vec_push(scratch, &u->uses, (struct use){0});
	for (uint32_t l = 0; l < loops; l++)
		if (u->loops.loops[l].parent != UINT32_MAX)
			u->has_inner[u->loops.loops[l].parent] = true;
	for (uint32_t i = u->doms.rpo_count; i-- > 0;) {
		uint32_t b = u->doms.rpo[i], l = u->loops.loop_of[b];
		for (ir_ref r = u->fn->blocks.data[b].first; r; r = u->fn->next.data[r]) {
			if (l != UINT32_MAX)
				u->size[l] += ir_get(u->fn, r)->op != IR_PHI;
			for (uint32_t k = 0; k < ir_operand_count(u->fn, r); k++) {
				ir_ref v = *ir_operand(u->fn, r, k);
				if (!v || ir_is_const(v))
					continue;
				uint32_t of = u->loops.loop_of[u->fn->block_of.data[v]];
				if (of == UINT32_MAX || of == l)
					continue;
				struct use use = {r, v, k, u->first_use[of]};
				u->first_use[of] = u->uses.len;
				vec_push(scratch, &u->uses, use);
			}
		}
		if (l == UINT32_MAX)
			continue;
		u->next_block[b] = u->first_block[l];
		u->first_block[l] = b;
	}
}

struct values { // of the phis of a header, in one round
	ir_ref phi[MOST_PHIS];
	uint64_t bits[MOST_PHIS];
	bool is_known[MOST_PHIS];
	uint32_t count;
};

static bool compute(const struct unroller *u, const struct values *v, ir_ref r, uint32_t depth,
		    uint64_t *bits)
{
	if (ir_is_const(r)) {
		*bits = ir_get_const(u->fn, r)->bits;
		return true;
	}
	for (uint32_t i = 0; i < v->count; i++) {
		*bits = v->bits[i];
		if (v->phi[i] == r)
			return v->is_known[i];
	}
	const struct ir_insn *in = ir_get(u->fn, r);
	uint64_t a, b = 0;
	if (!(ir_ops[in->op].flags & IR_FLAG_CAN_FOLD) || depth == MOST_DEPTH ||
	    !compute(u, v, in->a, depth + 1, &a) ||
	    (ir_ops[in->op].b != IR_OPERAND_NONE && !compute(u, v, in->b, depth + 1, &b)))
		return false;
	*bits = ir_fold((enum ir_op)in->op, (enum ir_type)in->type, ir_type_of(u->fn, in->a), a, b);
	return true;
}

/* The one value that the phi gets from inside the loop, or from outside; none when they differ. */
static ir_ref value_from(const struct unroller *u, ir_ref phi, uint32_t loop, bool inside)
{
	const struct ir_block *header = &u->fn->blocks.data[u->fn->block_of.data[phi]];
	ir_ref value = IR_REF_NONE;
	for (uint32_t i = 0; i < header->preds.len; i++) {
		if (is_in(u, header->preds.data[i], loop) != inside)
			continue;
		if (value && value != ir_args(u->fn, phi)[i])
			return IR_REF_NONE;
		value = ir_args(u->fn, phi)[i];
	}
	return value;
}

static bool begin(const struct unroller *u, const struct loop *l, struct values *v)
{
	const struct ir_block *header = &u->fn->blocks.data[l->header];
	v->count = 0;
	for (ir_ref r = header->first; ir_get(u->fn, r)->op == IR_PHI; r = u->fn->next.data[r]) {
		if (v->count == MOST_PHIS)
			return false;
		ir_ref value = value_from(u, r, l->index, false);
		v->phi[v->count] = r;
		v->is_known[v->count] = value && ir_is_const(value);
		v->bits[v->count] =
			value && ir_is_const(value) ? ir_get_const(u->fn, value)->bits : 0;
		v->count++;
	}
	return true;
}

static void step(const struct unroller *u, const struct loop *l, struct values *v)
{
	struct values next = *v;
	for (uint32_t i = 0; i < v->count; i++) {
		ir_ref value = value_from(u, v->phi[i], l->index, true);
		next.is_known[i] = value && compute(u, v, value, 0, &next.bits[i]);
	}
	*v = next;
}

/* Rounds after which the branch at the end of block b leaves the loop. */
static bool count_rounds(const struct unroller *u, struct loop *l, uint32_t b)
{
	const struct ir_block *block = &u->fn->blocks.data[b];
	const struct ir_insn *end = ir_get(u->fn, block->last);
	struct values v;
	if (end->op != IR_BRANCH || ir_is_const(end->a) || !begin(u, l, &v))
		return false;
	bool stays[2] = {is_in(u, block->succs[0], l->index), is_in(u, block->succs[1], l->index)};
	if (stays[0] == stays[1])
		return false;
	for (l->rounds = 0; l->rounds <= MOST_ROUNDS; l->rounds++) {
		uint64_t bits;
		if (!compute(u, &v, end->a, 0, &bits))
			return false;
		if (stays[bits ? 0 : 1] == false) {
			l->exit = b;
			l->stays = stays[0] ? 0 : 1;
			return true;
		}
		step(u, l, &v);
	}
	return false;
}

static bool is_on_every_round(const struct unroller *u, const struct loop *l, uint32_t b)
{
	const struct ir_block *header = &u->fn->blocks.data[l->header];
	for (uint32_t i = 0; i < header->preds.len; i++)
		if (is_in(u, header->preds.data[i], l->index) &&
		    !ir_dominates(&u->doms, b, header->preds.data[i]))
			return false;
	return true;
}

/* A block outside to which the loop leads and nothing else. */
static bool is_landing(const struct unroller *u, uint32_t b, uint32_t loop)
{
	const struct ir_block *block = &u->fn->blocks.data[b];
	for (uint32_t i = 0; i < block->preds.len; i++)
		if (!is_in(u, block->preds.data[i], loop))
			return false;
	return block->preds.len > 0 && !is_in(u, b, loop);
}

/* The landing that stands above a use, UINT32_MAX when there is none. */
static uint32_t landing_above(const struct unroller *u, uint32_t b, uint32_t loop)
{
	for (; b != UINT32_MAX && b < u->blocks; b = u->doms.idom[b]) {
		if (is_in(u, b, loop))
			break;
		if (is_landing(u, b, loop))
			return b;
	}
	return UINT32_MAX;
}

static uint32_t block_of_use(const struct unroller *u, const struct use *use)
{
	uint32_t b = u->fn->block_of.data[use->user];
	if (b < u->blocks && ir_get(u->fn, use->user)->op == IR_PHI)
		return u->fn->blocks.data[b].preds.data[use->operand];
	return b;
}

/* All uses after the loop can be given phis. */
static bool can_mend_uses(const struct unroller *u, const struct loop *l)
{
	for (uint32_t i = u->first_use[l->index]; i; i = u->uses.data[i].next) {
		const struct use *use = &u->uses.data[i];
		uint32_t b = block_of_use(u, use);
		uint32_t other = b < u->blocks ? u->loops.loop_of[b] : UINT32_MAX;
		if (b >= u->blocks || (other != UINT32_MAX && u->is_done[other]))
			return false;
		if (!is_in(u, b, l->index) && landing_above(u, b, l->index) == UINT32_MAX)
			return false;
	}
	return true;
}

static bool is_counted(const struct unroller *u, ir_ref r)
{
	return !r || ir_is_const(r) || (r < u->insns && u->is_counted[r]);
}

/* Instructions of a round that stay when the numbers that the loop counts are constants. */
static uint32_t cost_of_round(const struct unroller *u, const struct loop *l, bool *is_plain)
{
	struct values v;
	uint32_t cost = 0;
	if (!begin(u, l, &v))
		return UINT32_MAX;
	struct values next = v;
	step(u, l, &next);
	*is_plain = true;
	for (uint32_t i = 0; i < v.count; i++)
		u->is_counted[v.phi[i]] = v.is_known[i] && next.is_known[i];
	for (uint32_t i = 0; i < l->count; i++)
		for (ir_ref r = u->fn->blocks.data[l->list[i]].first; r; r = u->fn->next.data[r]) {
			const struct ir_insn *in = ir_get(u->fn, r);
			bool is_free = in->op == IR_JUMP || in->op == IR_SLOT ||
				       (in->op == IR_BRANCH && is_counted(u, in->a)) ||
				       (in->op == IR_PTRADD && is_counted(u, in->b));
			if (ir_ops[in->op].flags & IR_FLAG_CAN_FOLD)
				u->is_counted[r] = is_counted(u, in->a) && is_counted(u, in->b);
			cost += in->op != IR_PHI && !is_free && !u->is_counted[r];
			uint8_t effect = ir_ops[in->op].effect;
			*is_plain &= effect == IR_EFF_PURE || effect == IR_EFF_CONTROL;
		}
	return cost;
}

static bool is_affordable(const struct unroller *u, const struct loop *l)
{
	bool is_plain;
	uint32_t cost = cost_of_round(u, l, &is_plain), size = u->size[l->index];
	return cost != UINT32_MAX && (l->rounds + 1) * size <= MOST_COPIED &&
	       l->rounds * cost <= (is_plain ? MOST_PLAIN : MOST_INSNS);
}

static bool is_wanted(struct unroller *u, uint32_t index, struct loop *l)
{
	*l = (struct loop){.index = index, .header = u->loops.loops[index].header};
	if (u->has_inner[index] || u->size[index] > MOST_COPIED / 2)
		return false;
	for (uint32_t b = u->first_block[index]; b != UINT32_MAX; b = u->next_block[b]) {
		if (l->count == MOST_BLOCKS)
			return false;
		l->list[l->count++] = b;
	}
	bool found = false;
	for (uint32_t i = 0; i < l->count && !found; i++)
		found = is_on_every_round(u, l, l->list[i]) && count_rounds(u, l, l->list[i]);
	return found && l->rounds && is_affordable(u, l) && can_mend_uses(u, l);
}

/* ---- phis behind the loop ---- */

static ir_ref phi_at(struct unroller *u, uint32_t landing, ir_ref value, struct map *made)
{
	uint64_t *found = map_insert(made, ((uint64_t)landing << 32 | value) + 1);
	if (!*found) {
		struct ir_fn *fn = u->fn;
		ir_ref phi = ir_add_phi(fn, landing, (enum ir_type)ir_get(fn, value)->type,
					fn->spans.data[value]);
		for (uint32_t i = 0; i < ir_arg_count(fn, phi); i++)
			ir_args(fn, phi)[i] = value;
		*found = phi;
	}
	return (ir_ref)*found;
}

static void mend_uses(struct unroller *u, const struct loop *l)
{
	struct map made;
	map_init(&made, u->ctx->scratch);
	for (uint32_t i = u->first_use[l->index]; i; i = u->uses.data[i].next) {
		const struct use *use = &u->uses.data[i];
		uint32_t b = block_of_use(u, use);
		if (is_in(u, b, l->index))
			continue; // a phi at an exit has an operand for each way out
		uint32_t landing = landing_above(u, b, l->index);
		ir_ref phi = phi_at(u, landing, use->value, &made);
		*ir_operand(u->fn, use->user, use->operand) = phi;
	}
}

/* ---- copies ---- */

struct copy {
	struct unroller *u;
	const struct loop *l;
	uint32_t *block_map; // of the loop's blocks
	ir_ref *map,
		*last; // of the loop's values, in this round and the one before; NULL: themselves
};

static ir_ref mapped(const struct copy *c, const ir_ref *map, ir_ref r)
{
	bool is_inner = r && !ir_is_const(r) && r < c->u->insns && map &&
			is_in(c->u, c->u->fn->block_of.data[r], c->l->index);
	return is_inner ? map[r] : r;
}

static void copy_insns(struct copy *c, uint32_t b)
{
	struct ir_fn *fn = c->u->fn;
	for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
		c->map[r] = ir_new_insn(fn, *ir_get(fn, r), fn->spans.data[r]);
		fn->names.data[c->map[r]] = fn->names.data[r];
		ir_append(fn, c->block_map[b], c->map[r]);
	}
}

static void map_insns(struct copy *c, uint32_t b)
{
	struct ir_fn *fn = c->u->fn;
	for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
		ir_ref to = c->map[r];
		const struct ir_op_info *op = &ir_ops[ir_get(fn, to)->op];
		bool is_phi = ir_get(fn, r)->op == IR_PHI;
		if (is_phi && b == c->l->header)
			continue;
		if (ir_has_pool(ir_get(fn, to))) {
			uint32_t pool = fn->pool.len, count = ir_arg_count(fn, r);
			for (uint32_t i = 0; i < count; i++)
				vec_push(fn->arena, &fn->pool, ir_args(fn, r)[i]);
			ir_get(fn, to)->a = pool;
		}
		for (uint32_t k = 0; k < ir_operand_count(fn, to); k++)
			*ir_operand(fn, to, k) = mapped(c, c->map, *ir_operand(fn, r, k));
		if (op->extra == IR_EXTRA_CASES) {
			struct ir_switch table = fn->switches.data[ir_get(fn, to)->index];
			ir_get(fn, to)->index = ir_add_switch(fn, table.values, table.count);
		}
	}
}

/* Phis of the new header: what the ways round bring from the round before. */
static void fill_header(struct copy *c, const ir_ref *was)
{
	struct ir_fn *fn = c->u->fn;
	uint32_t header = c->l->header;
	for (ir_ref r = fn->blocks.data[header].first; ir_get(fn, r)->op == IR_PHI;
	     r = fn->next.data[r]) {
		uint32_t pool = fn->pool.len, count = 0;
		for (uint32_t i = 0; i < fn->blocks.data[header].preds.len; i++) {
			if (!is_in(c->u, fn->blocks.data[header].preds.data[i], c->l->index))
				continue;
			vec_push(fn->arena, &fn->pool, mapped(c, was, ir_args(fn, r)[i]));
			count++;
		}
		ir_get(fn, c->map[r])->a = pool;
		ir_get(fn, c->map[r])->index = count;
	}
}

/* An edge that leaves the loop from the copy of a block, like the original's. */
static void add_way_out(struct copy *c, uint32_t from, uint32_t to)
{
	struct ir_fn *fn = c->u->fn;
	uint32_t like = ir_pred_index(fn, to, from);
	ir_add_pred(fn, to, c->block_map[from]);
	for (ir_ref r = fn->blocks.data[to].first; ir_get(fn, r)->op == IR_PHI;
	     r = fn->next.data[r])
		ir_args(fn, r)[ir_arg_count(fn, r) - 1] = mapped(c, c->map, ir_args(fn, r)[like]);
}

/* Edges of the copy; those back to the header are made with the next round. */
static void copy_edges(struct copy *c, uint32_t b)
{
	struct ir_fn *fn = c->u->fn;
	uint32_t count = fn->blocks.data[b].succ_count, to = c->block_map[b];
	uint32_t *succs = ARENA_ARRAY(fn->arena, uint32_t, count + 1);
	for (uint32_t k = 0; k < count; k++) {
		uint32_t succ = fn->blocks.data[b].succs[k];
		succs[k] = is_in(c->u, succ, c->l->index) ? c->block_map[succ] : succ;
		if (!is_in(c->u, succ, c->l->index))
			add_way_out(c, b, succ);
	}
	fn->blocks.data[to].succs = succs;
	fn->blocks.data[to].succ_count = count;
	for (uint32_t i = 0; b != c->l->header && i < fn->blocks.data[b].preds.len; i++)
		vec_push(fn->arena, &fn->blocks.data[to].preds,
			 c->block_map[fn->blocks.data[b].preds.data[i]]);
}

/* Leads the ways round of one round (block map `from`, NULL: the loop itself) to `header`. */
static void lead_round(struct copy *c, const uint32_t *from, uint32_t old_header, uint32_t header)
{
	struct ir_fn *fn = c->u->fn;
	const struct ir_block *original = &fn->blocks.data[c->l->header];
	for (uint32_t i = 0; i < original->preds.len; i++) {
		uint32_t pred = original->preds.data[i];
		if (!is_in(c->u, pred, c->l->index))
			continue;
		struct ir_block *latch = &fn->blocks.data[from ? from[pred] : pred];
		for (uint32_t k = 0; k < latch->succ_count; k++)
			if (latch->succs[k] == old_header)
				latch->succs[k] = header;
		vec_push(fn->arena, &fn->blocks.data[header].preds, from ? from[pred] : pred);
	}
}

static void settle_exit(struct copy *c, uint32_t b, bool stays)
{
	struct ir_fn *fn = c->u->fn;
	bool truth = (c->l->stays == 0) == stays;
	ir_get(fn, fn->blocks.data[b].last)->a = ir_const(fn, IR_I32, truth);
}

static void unroll(struct unroller *u, const struct loop *l)
{
	struct ir_fn *fn = u->fn;
	struct copy c = {.u = u, .l = l};
	uint32_t *const *maps = u->block_maps;
	for (uint32_t round = 1; round <= l->rounds; round++) {
		c.last = c.map;
		c.map = u->maps[round & 1];
		c.block_map = maps[round];
		for (uint32_t i = 0; i < l->count; i++)
			c.block_map[l->list[i]] = ir_add_block(fn);
		for (uint32_t i = 0; i < l->count; i++)
			copy_insns(&c, l->list[i]);
		for (uint32_t i = 0; i < l->count; i++)
			map_insns(&c, l->list[i]);
		fill_header(&c, c.last);
		for (uint32_t i = 0; i < l->count; i++)
			copy_edges(&c, l->list[i]);
		settle_exit(&c, c.block_map[l->exit], round < l->rounds);
	}
	uint32_t nowhere = ir_add_block(fn);
	struct ir_builder b = {fn, nowhere, fn->where};
	for (uint32_t round = l->rounds; round > 0; round--) {
		uint32_t to = round < l->rounds ? maps[round + 1][l->header] : nowhere;
		lead_round(&c, maps[round], maps[round][l->header], to);
	}
	lead_round(&c, NULL, l->header, maps[1][l->header]);
	ir_emit_unreachable(&b);
	settle_exit(&c, l->exit, true);
	for (uint32_t k = fn->blocks.data[l->header].preds.len; k-- > 0;)
		if (is_in(u, fn->blocks.data[l->header].preds.data[k], l->index))
			ir_remove_pred(fn, l->header, k);
	u->is_done[l->index] = true;
	u->changed = true;
}

/* Once for all loops of a sweep: each fills in what belongs to it before it reads that. */
static void make_maps(struct unroller *u)
{
	struct arena *scratch = u->ctx->scratch;
	if (u->changed)
		return;
	for (uint32_t i = 0; i < 2; i++)
		u->maps[i] = ARENA_ARRAY(scratch, ir_ref, u->insns);
	for (uint32_t i = 0; i <= MOST_ROUNDS; i++)
		u->block_maps[i] = ARENA_ARRAY(scratch, uint32_t, u->blocks);
}

bool opt_unroll(struct opt_context *ctx, struct ir_fn *fn)
{
	struct unroller u = {.ctx = ctx, .fn = fn, .doms = ctx->doms, .loops = ctx->loops};
	for (uint32_t sweep = 0; sweep < MOST_SWEEPS && u.loops.count; sweep++) {
		u.blocks = fn->blocks.len;
		u.insns = fn->insns.len;
		u.changed = false;
		survey(&u);
		for (uint32_t l = u.loops.count; l-- > 0;) {
			struct loop loop;
			if (!is_wanted(&u, l, &loop))
				continue;
			make_maps(&u);
			mend_uses(&u, &loop);
			unroll(&u, &loop);
		}
		if (!u.changed)
			break;
		ir_remove_unreachable(fn, ctx->scratch);
		opt_flow(ctx, fn);
		u.doms = ir_find_doms(fn, ctx->scratch);
		ctx->doms = u.doms;
		opt_simplify(ctx, fn);
		opt_flow(ctx, fn);
		u.doms = ir_find_doms(fn, ctx->scratch);
		u.loops = ir_find_loops(fn, &u.doms, ctx->scratch);
	}
	return true;
}
