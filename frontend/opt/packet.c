/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The analysis behind packet.h, in three steps: epochs, by iterating over the blocks; values, by
 * following PTRADD, PHI and SELECT from the loads of ctx->data; facts, from the comparisons at the
 * ends of blocks. Facts hold on an edge and, when the edge is the only way into its target, in all
 * blocks that the target dominates; that no call moves the packet in between is what the epochs are
 * for.
 */
#include "frontend/opt/packet.h"

enum {
	MAX_CONDITION_DEPTH = 12, // nested && and || in one condition
	MAX_BOUND_DEPTH = 10,     // operations looked through for the range of a number
	MAX_PHI_STEPS = 64,       // phi operands looked at for one proof
	MAX_BOUND_OPERANDS = 16,  // of a phi, for the range of a number
};
#define UNKNOWN_EPOCH 0xfffffffeu
#define MEETING_EPOCH 0x80000000u // | block: ways of different epochs meet at its head

/* ---- epochs ---- */

static bool fn_moves_packet(const struct ir_module *m, uint32_t index, bool *visited)
{
	if (visited[index])
		return false;
	visited[index] = true;
	const struct ir_fn *fn = m->fns.data[index];
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			if (in->op == IR_CALL_EXTERN &&
			    (m->externs.data[in->index].effects & IR_EFFECT_PACKET))
				return true;
			if (in->op == IR_CALL && fn_moves_packet(m, in->index, visited))
				return true;
		}
	}
	return false;
}

bool packet_is_mover(const struct ir_module *m, const struct ir_fn *fn, ir_ref r)
{
	const struct ir_insn *in = ir_get(fn, r);
	if (in->op == IR_CALL_EXTERN)
		return m->externs.data[in->index].effects & IR_EFFECT_PACKET;
	if (in->op != IR_CALL)
		return false;
	struct arena arena;
	arena_init(&arena);
	bool moves = fn_moves_packet(m, in->index, ARENA_ARRAY(&arena, bool, m->fns.len));
	arena_fini(&arena);
	return moves;
}

/* Epoch at the end of a block that begins in `epoch`; notes it for every instruction. */
static uint32_t walk_epoch(struct packets *p, uint32_t b, const bool *moves)
{
	uint32_t epoch = p->epoch_in[b];
	for (ir_ref r = p->fn->blocks.data[b].first; r; r = p->fn->next.data[r]) {
		p->now[r] = epoch;
		if (moves[r])
			epoch = r;
	}
	return epoch;
}

static uint32_t meet_epochs(const struct packets *p, uint32_t b)
{
	const struct ir_block *block = &p->fn->blocks.data[b];
	uint32_t epoch = b ? UNKNOWN_EPOCH : 0;
	for (uint32_t i = 0; i < block->preds.len; i++) {
		uint32_t out = p->epoch_out[block->preds.data[i]];
		if (out == UNKNOWN_EPOCH || out == epoch)
			continue;
		if (epoch != UNKNOWN_EPOCH)
			return MEETING_EPOCH | b;
		epoch = out;
	}
	return epoch;
}

ir_ref packet_last_mover(const struct packets *p, ir_ref at)
{
	uint32_t epoch = p->now[at];
	/* Where ways meet, one of them; each step goes to a block that comes earlier or round a loop, so
	 * that the number of blocks is enough. */
	for (uint32_t i = 0; i < p->fn->blocks.len && epoch & MEETING_EPOCH; i++) {
		const struct ir_block *block = &p->fn->blocks.data[epoch & ~MEETING_EPOCH];
		uint32_t from = epoch;
		for (uint32_t k = 0; k < block->preds.len; k++) {
			uint32_t out = p->epoch_out[block->preds.data[k]];
			if (out && out != UNKNOWN_EPOCH && out != epoch &&
			    (from == epoch || !(out & MEETING_EPOCH)))
				from = out;
		}
		if (from == epoch)
			return IR_REF_NONE;
		epoch = from;
	}
	return epoch & MEETING_EPOCH ? IR_REF_NONE : epoch;
}

void packet_find_epochs(struct packets *p, struct opt_context *ctx, struct ir_fn *fn)
{
	*p = (struct packets){.fn = fn,
			      .doms = &ctx->doms,
			      .arena = ctx->scratch,
			      .module = ctx->module,
			      .count = fn->insns.len};
	bool *moves = ARENA_ARRAY(p->arena, bool, p->count);
	p->now = ARENA_ARRAY(p->arena, uint32_t, p->count);
	p->epoch_in = ARENA_ARRAY(p->arena, uint32_t, fn->blocks.len);
	p->epoch_out = ARENA_ARRAY(p->arena, uint32_t, fn->blocks.len);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		p->epoch_in[b] = p->epoch_out[b] = UNKNOWN_EPOCH;
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			moves[r] = packet_is_mover(p->module, fn, r);
	}
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 0; i < p->doms->rpo_count; i++) {
			uint32_t b = p->doms->rpo[i], in = meet_epochs(p, b);
			// Once ways meet in a block they do so for good, which ends the iteration.
			if (p->epoch_in[b] == (MEETING_EPOCH | b) || in == p->epoch_in[b])
				continue;
			p->epoch_in[b] = in;
			p->epoch_out[b] = walk_epoch(p, b, moves);
			changed = true;
		}
	}
}

/* ---- values ---- */

struct packet_value packet_value_of(const struct packets *p, ir_ref r)
{
	if (!r || ir_is_const(r) || r >= p->count)
		return (struct packet_value){0};
	return p->values[r];
}

static struct packet_value value_of_add(const struct packets *p, ir_ref r, const struct ir_insn *in)
{
	struct packet_value v = packet_value_of(p, in->a);
	if (v.kind == PACKET_END)
		return (struct packet_value){0};
	if (!ir_is_const(in->b)) {
		v.base = r;
		return v;
	}
	int64_t step = (int64_t)ir_get_const(p->fn, in->b)->bits;
	// Sums beyond any packet are all the same, and this one cannot wrap.
	if (step > INT32_MAX || step < INT32_MIN || v.offset > INT32_MAX || v.offset < INT32_MIN)
		v.offset = INT64_C(1) << 40;
	else
		v.offset += step;
	return v;
}

/* Phi or select: a base of its own, valid when every operand is where it comes from. */
static struct packet_value value_of_choice(const struct packets *p, ir_ref r,
					   const struct ir_insn *in)
{
	uint32_t b = p->fn->block_of.data[r];
	bool is_phi = in->op == IR_PHI;
	uint32_t count = is_phi ? ir_arg_count(p->fn, r) : 2;
	struct packet_value v = {.base = r, .epoch = is_phi ? p->epoch_in[b] : p->now[r]};
	for (uint32_t i = 0; i < count; i++) {
		ir_ref operand = is_phi ? ir_args(p->fn, r)[i] : i ? in->c : in->b;
		struct packet_value from = packet_value_of(p, operand);
		if (!from.kind)
			continue;
		if (!v.kind)
			v.kind = from.kind;
		uint32_t there =
			is_phi ? p->epoch_out[p->fn->blocks.data[b].preds.data[i]] : p->now[r];
		if (from.epoch != there)
			v.epoch = (uint32_t)PACKET_STALE;
	}
	return v;
}

static struct packet_value find_value(const struct packets *p, ir_ref r)
{
	const struct ir_insn *in = ir_get(p->fn, r);
	if (in->type != IR_PTR)
		return (struct packet_value){0};
	if (ir_is_packet_load(in))
		return (struct packet_value){
			.kind = (uint8_t)IR_MEM_SPACE(in->aux), .base = r, .epoch = p->now[r]};
	if (in->op == IR_PTRADD)
		return value_of_add(p, r, in);
	if (in->op == IR_PHI || in->op == IR_SELECT)
		return value_of_choice(p, r, in);
	return (struct packet_value){0};
}

static bool is_same(const struct packet_value *a, const struct packet_value *b)
{
	return a->kind == b->kind && a->base == b->base && a->offset == b->offset &&
	       a->epoch == b->epoch;
}

static void find_values(struct packets *p)
{
	p->values = ARENA_ARRAY(p->arena, struct packet_value, p->count);
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 0; i < p->doms->rpo_count; i++) {
			ir_ref r = p->fn->blocks.data[p->doms->rpo[i]].first;
			for (; r; r = p->fn->next.data[r]) {
				struct packet_value v = find_value(p, r);
				if (!v.kind || is_same(&v, &p->values[r]))
					continue;
				p->values[r] = v;
				changed = true;
			}
		}
	}
}

/* ---- facts ---- */

struct edge {
	uint32_t from, to;
};

static void add_fact(struct packets *p, ir_ref subject, struct packet_fact fact, struct edge edge)
{
	fact.from = edge.from;
	fact.to = edge.to;
	fact.is_only_way = p->fn->blocks.data[edge.to].preds.len == 1;
	fact.next = p->first_fact[subject];
	p->first_fact[subject] = p->facts.len;
	vec_push(p->arena, &p->facts, fact);
}

/* The limit of a kind of pointer: the end for the packet, its beginning for what stands before. */
static bool is_limit_of(const struct packets *p, const struct packet_value *limit,
			const struct packet_value *v)
{
	if (v->kind == PACKET_DATA)
		return limit->kind == PACKET_END;
	return v->kind == PACKET_META && limit->kind == PACKET_DATA && limit->offset == 0 &&
	       ir_get(p->fn, limit->base)->op == IR_CTX_LOAD;
}

/* `low` < `high`, or <= unless strict, is `truth`; one of them may be a packet pointer. */
static void add_pointer_facts(struct packets *p, ir_ref r, bool truth, struct edge edge)
{
	const struct ir_insn *in = ir_get(p->fn, r);
	struct packet_value low = packet_value_of(p, in->a), high = packet_value_of(p, in->b);
	bool strict = in->op == IR_ULT;
	if (!truth) { // not a < b is b <= a
		struct packet_value other = low;
		low = high;
		high = other;
		strict = !strict;
	}
	if (!low.kind || !is_limit_of(p, &high, &low) || low.epoch != p->now[r] ||
	    high.epoch != p->now[r])
		return;
	if (low.offset < 0 || (low.offset == 0 && strict))
		return; // the verifier takes nothing from these
	struct packet_fact fact = {.range = low.offset + strict, .compare = r, .when_true = truth};
	if (fact.range <= PACKET_MAX_OFFSET)
		add_fact(p, low.base, fact, edge);
}

/* Number compared with a constant: an upper bound of it. */
static void add_number_facts(struct packets *p, ir_ref r, bool truth, struct edge edge)
{
	const struct ir_insn *in = ir_get(p->fn, r);
	ir_ref low = truth ? in->a : in->b, high = truth ? in->b : in->a;
	bool strict = (in->op == IR_ULT) == truth;
	if (ir_is_const(low) || !ir_is_const(high))
		return;
	uint64_t most = ir_get_const(p->fn, high)->bits;
	if (most > UINT32_MAX || most < strict)
		return;
	struct packet_fact fact = {
		.range = (int64_t)(most - strict), .compare = r, .when_true = truth};
	add_fact(p, low, fact, edge);
}

static bool is_zero(const struct packets *p, ir_ref r)
{
	return ir_is_const(r) && ir_get_const(p->fn, r)->bits == 0;
}

/* What follows from `condition` being non-zero (truth) or zero. */
static void add_condition(struct packets *p, ir_ref condition, bool truth, struct edge edge,
			  uint32_t depth)
{
	if (!condition || ir_is_const(condition) || depth > MAX_CONDITION_DEPTH)
		return;
	const struct ir_insn *in = ir_get(p->fn, condition);
	switch (in->op) {
	case IR_EQ:
	case IR_NE:
		if (is_zero(p, in->b))
			add_condition(p, in->a, truth == (in->op == IR_NE), edge, depth + 1);
		break;
	case IR_AND:
	case IR_OR:
		if (truth == (in->op == IR_AND)) {
			add_condition(p, in->a, truth, edge, depth + 1);
			add_condition(p, in->b, truth, edge, depth + 1);
		}
		break;
	case IR_ULT:
	case IR_ULE:
		if (ir_type_of(p->fn, in->a) == IR_PTR)
			add_pointer_facts(p, condition, truth, edge);
		else
			add_number_facts(p, condition, truth, edge);
		break;
	default:
		break;
	}
}

static void find_facts(struct packets *p)
{
	p->first_fact = ARENA_ARRAY(p->arena, uint32_t, p->count);
	vec_push(p->arena, &p->facts, (struct packet_fact){0});
	for (uint32_t i = 0; i < p->doms->rpo_count; i++) {
		uint32_t b = p->doms->rpo[i];
		const struct ir_block *block = &p->fn->blocks.data[b];
		const struct ir_insn *end = ir_get(p->fn, block->last);
		if (end->op != IR_BRANCH || block->succs[0] == block->succs[1])
			continue;
		add_condition(p, end->a, true, (struct edge){b, block->succs[0]}, 0);
		add_condition(p, end->a, false, (struct edge){b, block->succs[1]}, 0);
	}
}

void packet_analyse(struct packets *p, struct opt_context *ctx, struct ir_fn *fn)
{
	packet_find_epochs(p, ctx, fn);
	find_values(p);
	find_facts(p);
}

/* ---- questions ---- */

/* The fact holds at the end of block `b`, or on the edge from there to `to`. */
static bool holds(const struct packets *p, const struct packet_fact *fact, uint32_t b, uint32_t to)
{
	return (fact->is_only_way && ir_dominates(p->doms, fact->to, b)) ||
	       (fact->from == b && fact->to == to);
}

static bool is_proved_at(const struct packets *p, ir_ref pointer, int64_t end, uint32_t b,
			 uint32_t to, uint32_t *steps);

/* A phi has `end` bytes when each operand has, on its way in. Null operands do not count: they are
 * excluded by a test that the verifier follows. */
static bool is_proved_phi(const struct packets *p, ir_ref phi, int64_t end, uint32_t *steps)
{
	uint32_t b = p->fn->block_of.data[phi];
	uint32_t count = ir_arg_count(p->fn, phi);
	for (uint32_t i = 0; i < count; i++) {
		ir_ref operand = ir_args(p->fn, phi)[i];
		if (is_zero(p, operand))
			continue;
		struct packet_value v = packet_value_of(p, operand);
		if (!v.kind || (*steps)++ >= MAX_PHI_STEPS)
			return false;
		uint32_t pred = p->fn->blocks.data[b].preds.data[i];
		if (!is_proved_at(p, operand, v.offset + end, pred, b, steps))
			return false;
	}
	return true;
}

/* `end` counts from the base of `pointer`. */
static bool is_proved_at(const struct packets *p, ir_ref pointer, int64_t end, uint32_t b,
			 uint32_t to, uint32_t *steps)
{
	ir_ref base = packet_value_of(p, pointer).base;
	for (uint32_t f = p->first_fact[base]; f; f = p->facts.data[f].next) {
		if (p->facts.data[f].range >= end && holds(p, &p->facts.data[f], b, to))
			return true;
	}
	const struct ir_insn *in = ir_get(p->fn, base);
	if (in->op == IR_PHI)
		return is_proved_phi(p, base, end, steps);
	if (in->op != IR_SELECT || (*steps += 2) >= MAX_PHI_STEPS)
		return false;
	for (uint32_t i = 0; i < 2; i++) {
		ir_ref operand = i ? in->c : in->b;
		struct packet_value v = packet_value_of(p, operand);
		if (!is_zero(p, operand) &&
		    (!v.kind || !is_proved_at(p, operand, v.offset + end, b, to, steps)))
			return false;
	}
	return true;
}

bool packet_is_proved(const struct packets *p, ir_ref pointer, int64_t end, uint32_t b)
{
	uint32_t steps = 0;
	return is_proved_at(p, pointer, end, b, UINT32_MAX, &steps);
}

static uint64_t type_limit(const struct packets *p, ir_ref r)
{
	return ir_type_of(p->fn, r) == IR_I32 ? UINT32_MAX : UINT64_MAX;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* All ones up to the highest bit of x. */
static uint64_t fill_ones(uint64_t x)
{
	return x ? UINT64_MAX >> __builtin_clzll(x) : 0;
}

static uint64_t bound_of(const struct packets *p, ir_ref r, uint32_t b, uint32_t depth);

static uint64_t bound_of_shift(const struct packets *p, const struct ir_insn *in, uint64_t x)
{
	if (!ir_is_const(in->b))
		return in->op == IR_LSHR ? x : UINT64_MAX;
	uint64_t shift = ir_get_const(p->fn, in->b)->bits & (in->type == IR_I32 ? 31 : 63);
	if (in->op == IR_LSHR)
		return x >> shift;
	return shift < 32 && x <= UINT32_MAX ? x << shift : UINT64_MAX;
}

static uint64_t bound_of_phi(const struct packets *p, ir_ref phi, uint32_t depth)
{
	const struct ir_block *block = &p->fn->blocks.data[p->fn->block_of.data[phi]];
	uint32_t count = ir_arg_count(p->fn, phi);
	uint64_t most = count > MAX_BOUND_OPERANDS ? UINT64_MAX : 0;
	for (uint32_t i = 0; i < count && most != UINT64_MAX; i++)
		most = larger(most, bound_of(p, ir_args(p->fn, phi)[i], block->preds.data[i],
					     depth + MAX_BOUND_DEPTH / 3));
	return most;
}

/* Only what the verifier derives too: it forgets numbers at division, negation and byte swaps. */
static uint64_t bound_of_insn(const struct packets *p, ir_ref r, uint32_t b, uint32_t depth)
{
	const struct ir_insn *in = ir_get(p->fn, r);
	uint64_t x, y;
	switch (in->op) {
	case IR_EXT8U:
		return 0xff;
	case IR_EXT16U: // of a swapped value the operation vanishes, and with it the knowledge
		return !ir_is_const(in->a) && ir_get(p->fn, in->a)->op == IR_BE16 ? UINT64_MAX
										  : 0xffff;
	case IR_BE16:
	case IR_BE32:
	case IR_BE64:
		return UINT64_MAX;
	case IR_ZEXT32:
	case IR_TRUNC:
		return bound_of(p, in->a, b, depth);
	case IR_SEXT32:
		x = bound_of(p, in->a, b, depth);
		return x <= INT32_MAX ? x : UINT64_MAX;
	case IR_LOAD:
		x = IR_MEM_WIDTH(in->aux);
		return x < 8 && !IR_MEM_SIGNED(in->aux) ? (UINT64_C(1) << 8 * x) - 1 : UINT64_MAX;
	case IR_SELECT:
		return larger(bound_of(p, in->b, b, depth), bound_of(p, in->c, b, depth));
	case IR_PHI:
		return bound_of_phi(p, r, depth);
	case IR_SHL:
	case IR_LSHR:
		return bound_of_shift(p, in, bound_of(p, in->a, b, depth));
	case IR_AND:
		return smaller(bound_of(p, in->a, b, depth), bound_of(p, in->b, b, depth));
	case IR_OR:
	case IR_XOR:
	case IR_ADD:
	case IR_MUL:
		x = bound_of(p, in->a, b, depth);
		y = bound_of(p, in->b, b, depth);
		if (x > UINT32_MAX || y > UINT32_MAX)
			return UINT64_MAX;
		return in->op == IR_ADD ? x + y : in->op == IR_MUL ? x * y : fill_ones(x | y);
	default:
		return UINT64_MAX;
	}
}

static uint64_t bound_of(const struct packets *p, ir_ref r, uint32_t b, uint32_t depth)
{
	if (!r || depth > MAX_BOUND_DEPTH)
		return UINT64_MAX;
	if (ir_is_const(r))
		return ir_get_const(p->fn, r)->bits;
	uint64_t most = bound_of_insn(p, r, b, depth + 1);
	bool forgets = ir_get(p->fn, r)->op >= IR_BE16 && ir_get(p->fn, r)->op <= IR_BE64;
	if (!forgets && most > type_limit(p, r))
		most = type_limit(p, r);
	uint32_t first = r < p->count ? p->first_fact[r] : 0; // none of what was made since
	for (uint32_t f = first; f; f = p->facts.data[f].next) {
		if (holds(p, &p->facts.data[f], b, UINT32_MAX))
			most = smaller(most, (uint64_t)p->facts.data[f].range);
	}
	return most;
}

uint64_t packet_upper_bound(const struct packets *p, ir_ref number, uint32_t b)
{
	return bound_of(p, number, b, 0);
}
