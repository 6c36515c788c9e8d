/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow graph made simple: what the entry does not reach goes; ends with a constant condition or
 * equal successors become jumps; a block is joined with its only successor when it is that one's
 * only predecessor; empty blocks are stepped over; an edge into a block that does nothing but branch
 * on a phi goes straight on where the phi's operand is constant.
 *
 *	b1: jump b3                              b1: jump b4
 *	b2: jump b3                         ->   b2: …
 *	b3: %1 = phi [b1 1], [b2 %x]             b3: branch %x, b4, b5
 *	    branch %1, b4, b5
 *
 * Conditions keep their comparisons: what is known from a dominating branch was written into the
 * operands by gvn.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

struct via { // a block that edges may be sent past
	bool is_candidate;
	ir_ref compare; // its comparison or none
	uint8_t under;  // successors (bits) below which its values are used
};

struct flow {
	struct opt_context *ctx;
	struct ir_fn *fn;
	bool changed;
	uint32_t *position; // of each block in reverse post-order, at the start of the round
	struct via *vias;   // of each block
};

static struct ir_block *block_at(const struct flow *f, uint32_t b)
{
	return &f->fn->blocks.data[b];
}

static bool has_phis(const struct flow *f, uint32_t b)
{
	return ir_get(f->fn, block_at(f, b)->first)->op == IR_PHI;
}

/* Successor that a constant operand selects. */
static uint32_t select_succ(const struct ir_fn *fn, const struct ir_insn *end, ir_ref operand)
{
	const struct ir_const *c = ir_get_const(fn, operand);

	if (end->op == IR_BRANCH)
		return c->bits ? 0 : 1;
	const struct ir_switch *table = &fn->switches.data[end->index];
	for (uint32_t i = 0; i < table->count; i++) {
		uint64_t value = c->type == IR_I32 ? (uint32_t)table->values[i] : table->values[i];
		if (value == c->bits)
			return i;
	}
	return table->count;
}

static bool is_conditional(const struct ir_insn *end)
{
	return end->op == IR_BRANCH || end->op == IR_SWITCH;
}

static bool has_equal_succs(const struct ir_block *block)
{
	for (uint32_t i = 1; i < block->succ_count; i++)
		if (block->succs[i] != block->succs[0])
			return false;
	return block->succ_count > 1;
}

static void fold_end(struct flow *f, uint32_t b)
{
	struct ir_block *block = block_at(f, b);
	const struct ir_insn *end = ir_get(f->fn, block->last);

	if (!is_conditional(end))
		return;
	if (ir_is_const(end->a))
		ir_set_jump(f->fn, b, select_succ(f->fn, end, end->a));
	else if (has_equal_succs(block))
		ir_set_jump(f->fn, b, 0);
	else
		return;
	f->changed = true;
}

/* Moves everything of `next`, the only successor of b, behind b. Its phis have one operand each. */
static void join_blocks(struct flow *f, uint32_t b, uint32_t next, ir_ref *replacement)
{
	struct ir_fn *fn = f->fn;
	struct ir_block *block = block_at(f, b), *from = block_at(f, next);

	while (from->first && ir_get(fn, from->first)->op == IR_PHI) {
		ir_ref phi = from->first;
		replacement[phi] = ir_args(fn, phi)[0];
		ir_remove(fn, phi);
	}
	ir_remove(fn, block->last);
	for (ir_ref r = from->first; r; r = fn->next.data[r])
		fn->block_of.data[r] = b;
	fn->prev.data[from->first] = block->last;
	if (block->last)
		fn->next.data[block->last] = from->first;
	else
		block->first = from->first;
	block->last = from->last;
	block->succs = from->succs;
	block->succ_count = from->succ_count;
	for (uint32_t i = 0; i < block->succ_count; i++) {
		struct ir_block *succ = block_at(f, block->succs[i]);
		succ->preds.data[ir_pred_index(fn, block->succs[i], next)] = b;
	}
	*from = (struct ir_block){0};
	f->changed = true;
}

static void join_all(struct flow *f)
{
	ir_ref *replacement = ARENA_ARRAY(f->ctx->scratch, ir_ref, f->fn->insns.len);
	bool changed = false;

	for (uint32_t b = 0; b < f->fn->blocks.len; b++) {
		while (block_at(f, b)->first && block_at(f, b)->succ_count == 1) {
			uint32_t next = block_at(f, b)->succs[0];
			if (next == b || block_at(f, next)->preds.len != 1 ||
			    block_at(f, next)->loop_bound)
				break;
			join_blocks(f, b, next, replacement);
			changed = true;
		}
	}
	if (changed)
		ir_replace_all(f->fn, replacement);
}

/* What operand `value`, as it is at the end of `via`, is on the edge into via with this index. */
static ir_ref value_on_edge(const struct flow *f, uint32_t via, uint32_t pred_index, ir_ref value,
			    ir_ref condition)
{
	if (ir_is_const(value) || f->fn->block_of.data[value] != via)
		return value;
	return ir_get(f->fn, value)->op == IR_PHI ? ir_args(f->fn, value)[pred_index] : condition;
}

/* Sends the first edge pred -> via to `to`, a successor of via. Phis of `to` get what they have for
 * via; `condition` is the value that a comparison in via has on this way. */
static void redirect(struct flow *f, uint32_t pred, uint32_t via, uint32_t to, ir_ref condition)
{
	struct ir_fn *fn = f->fn;
	struct ir_block *from = block_at(f, pred);
	uint32_t via_index = ir_pred_index(fn, to, via);
	uint32_t pred_index = ir_pred_index(fn, via, pred);
	uint32_t i = 0;

	while (from->succs[i] != via)
		i++;
	from->succs[i] = to;
	ir_add_pred(fn, to, pred);
	for (ir_ref r = block_at(f, to)->first; ir_get(fn, r)->op == IR_PHI; r = fn->next.data[r]) {
		ir_ref value =
			value_on_edge(f, via, pred_index, ir_args(fn, r)[via_index], condition);
		ir_args(fn, r)[ir_arg_count(fn, r) - 1] = value;
	}
	ir_remove_pred(fn, via, pred_index);
	f->changed = true;
}

/* Makes the first edge pred -> from lead to `to`, which has no phis. */
static void send_edge(struct flow *f, uint32_t pred, uint32_t from, uint32_t to)
{
	struct ir_block *block = block_at(f, pred);
	uint32_t i = 0;

	while (block->succs[i] != from)
		i++;
	block->succs[i] = to;
	ir_add_pred(f->fn, to, pred);
	ir_remove_pred(f->fn, from, ir_pred_index(f->fn, from, pred));
}

static bool leads_to(const struct flow *f, uint32_t from, uint32_t to)
{
	const struct ir_block *block = block_at(f, from);

	for (uint32_t i = 0; i < block->succ_count; i++)
		if (block->succs[i] == to)
			return true;
	return false;
}

enum { MAX_THREADED_INSNS = 6, MAX_THREADED_PREDS = 64, MAX_SPREAD = 4 };

/* Only phis and a jump; or phis, at most one foldable comparison of a phi with a constant, and a
 * branch or switch on either: what an edge decides can be followed. *compare receives the comparison or none. */
static bool is_threadable(const struct flow *f, uint32_t b, ir_ref *compare)
{
	const struct ir_fn *fn = f->fn;
	const struct ir_block *block = block_at(f, b);
	const struct ir_insn *end = ir_get(fn, block->last);
	uint32_t count = 0;
	ir_ref r = block->first;

	*compare = IR_REF_NONE;
	if (!has_phis(f, b) || block->preds.len > MAX_THREADED_PREDS || block->succ_count > 8)
		return false;
	if (end->op != IR_JUMP &&
	    (!is_conditional(end) || ir_is_const(end->a) || fn->block_of.data[end->a] != b))
		return false;
	for (; ir_get(fn, r)->op == IR_PHI; r = fn->next.data[r])
		if (++count > MAX_THREADED_INSNS)
			return false;
	if (r != block->last) {
		const struct ir_insn *in = ir_get(fn, r);
		if (end->op == IR_JUMP || fn->next.data[r] != block->last || end->a != r ||
		    !(ir_ops[in->op].flags & IR_FLAG_CAN_FOLD) ||
		    ir_ops[in->op].b != IR_OPERAND_SAME || !ir_is_const(in->b) ||
		    ir_is_const(in->a) || fn->block_of.data[in->a] != b)
			return false;
		*compare = r;
	}
	return true;
}

/* The constant condition that the edge with this index brings, or none. */
static ir_ref condition_from(const struct flow *f, uint32_t b, ir_ref compare, uint32_t pred_index)
{
	const struct ir_insn *end = ir_get(f->fn, block_at(f, b)->last);
	ir_ref phi = compare ? ir_get(f->fn, compare)->a : end->a;
	ir_ref value = ir_args(f->fn, phi)[pred_index];

	if (!ir_is_const(value))
		return IR_REF_NONE;
	if (!compare)
		return value;
	const struct ir_insn *in = ir_get(f->fn, compare);
	const struct ir_const *c = ir_get_const(f->fn, value);
	return ir_const(f->fn, IR_I32,
			ir_fold((enum ir_op)in->op, IR_I32, (enum ir_type)c->type, c->bits,
				ir_get_const(f->fn, in->b)->bits));
}

/* A way around the header of a loop would give the loop a second entry. */
static bool is_loop_header(const struct flow *f, uint32_t b)
{
	const struct ir_block *block = block_at(f, b);

	for (uint32_t k = 0; k < block->preds.len; k++)
		if (f->position[block->preds.data[k]] >= f->position[b])
			return true;
	return false;
}

static void number_blocks(struct flow *f)
{
	uint32_t count;
	uint32_t *order = ir_reverse_postorder(f->fn, f->ctx->scratch, &count);

	f->position = ARENA_ARRAY(f->ctx->scratch, uint32_t, f->fn->blocks.len);
	for (uint32_t i = 0; i < count; i++)
		f->position[order[i]] = i;
}

/* A value of `via` is used in block b. It stays right if b lies below a successor that only via leads
 * to, as long as no edge is sent to that successor; otherwise via is no candidate. */
static void note_use(struct flow *f, const struct ir_doms *doms, uint32_t via, uint32_t b)
{
	const struct ir_block *block = block_at(f, via);

	if (via == b || !f->vias[via].is_candidate)
		return;
	for (uint32_t i = 0; i < block->succ_count; i++) {
		if (block_at(f, block->succs[i])->preds.len == 1 &&
		    ir_dominates(doms, block->succs[i], b)) {
			f->vias[via].under |= (uint8_t)(1u << i);
			return;
		}
	}
	f->vias[via].is_candidate = false;
}

static void note_uses_of_block(struct flow *f, const struct ir_doms *doms, uint32_t b)
{
	const struct ir_fn *fn = f->fn;

	for (ir_ref r = block_at(f, b)->first; r; r = fn->next.data[r]) {
		bool is_phi = ir_get(fn, r)->op == IR_PHI;
		uint32_t n = ir_operand_count(fn, r);
		for (uint32_t o = 0; o < n; o++) {
			ir_ref v = *ir_operand(fn, r, o);
			if (v && !ir_is_const(v))
				note_use(f, doms, fn->block_of.data[v],
					 is_phi ? block_at(f, b)->preds.data[o] : b);
		}
	}
}

/* Sending an edge past a block keeps all dominance but that of the block itself, so what is noted
 * here stays true while edges are sent. */
static void find_candidates(struct flow *f)
{
	uint32_t n = f->fn->blocks.len, count = 0;

	f->vias = ARENA_ARRAY(f->ctx->scratch, struct via, n);
	number_blocks(f);
	for (uint32_t b = 0; b < n; b++) {
		struct via *via = &f->vias[b];
		via->is_candidate = block_at(f, b)->first && is_threadable(f, b, &via->compare) &&
				    !is_loop_header(f, b);
		count += via->is_candidate;
	}
	if (!count)
		return;
	struct ir_doms doms = ir_find_doms(f->fn, f->ctx->scratch);
	for (uint32_t b = 0; b < n; b++)
		note_uses_of_block(f, &doms, b);
}

static void thread_edges(struct flow *f, uint32_t b)
{
	const struct via *via = &f->vias[b];

	if (!via->is_candidate || !is_conditional(ir_get(f->fn, block_at(f, b)->last)))
		return;
	for (uint32_t k = block_at(f, b)->preds.len; k-- > 0;) {
		uint32_t pred = block_at(f, b)->preds.data[k];
		ir_ref condition = condition_from(f, b, via->compare, k);
		if (!condition || pred == b || ir_pred_index(f->fn, b, pred) != k)
			continue;
		const struct ir_insn *end = ir_get(f->fn, block_at(f, b)->last);
		uint32_t i = select_succ(f->fn, end, condition);
		uint32_t to = block_at(f, b)->succs[i];
		if (via->under >> i & 1 || to == b || (has_phis(f, to) && leads_to(f, pred, to)))
			continue;
		redirect(f, pred, b, to, condition);
	}
}

/* A block of one phi and the branch on it, which nothing else needs. */
static bool is_mere_choice(const struct flow *f, uint32_t b, const uint32_t *uses)
{
	const struct ir_block *block = block_at(f, b);
	const struct ir_insn *end = ir_get(f->fn, block->last);

	return end->op == IR_BRANCH && end->a == block->first && has_phis(f, b) &&
	       f->fn->next.data[block->first] == block->last && uses[block->first] == 1 &&
	       block->succs[0] != b && block->succs[1] != b && block->succs[0] != block->succs[1] &&
	       block->preds.len <= MAX_SPREAD && !is_loop_header(f, b) &&
	       !is_loop_header(f, block->succs[0]) && !is_loop_header(f, block->succs[1]);
}

/* The block jumps to where a value of its own that nothing else needs decides. */
static bool decides_itself(const struct flow *f, uint32_t pred, ir_ref value, const uint32_t *uses)
{
	const struct ir_insn *in = ir_is_const(value) ? NULL : ir_get(f->fn, value);

	return in && ir_get(f->fn, block_at(f, pred)->last)->op == IR_JUMP &&
	       f->fn->block_of.data[value] == pred && uses[value] == 1 &&
	       ir_ops[in->op].b == IR_OPERAND_SAME;
}

/* Each way into a branch on a phi of comparisons branches on its own one:
 *
 *	b1: %1 = eq …; jump b3                  b1: %1 = eq …; branch %1, b4, b5
 *	b2: %2 = eq …; jump b3             ->   b2: %2 = eq …; branch %2, b4, b5
 *	b3: %3 = phi %1, %2; branch %3, b4, b5
 */
static void spread_branch(struct flow *f, uint32_t b, const uint32_t *uses)
{
	struct ir_fn *fn = f->fn;

	if (!is_mere_choice(f, b, uses))
		return;
	for (uint32_t k = block_at(f, b)->preds.len; k-- > 0;) {
		uint32_t pred = block_at(f, b)->preds.data[k];
		ir_ref value = ir_args(fn, block_at(f, b)->first)[k];
		if (!decides_itself(f, pred, value, uses))
			continue;
		const struct ir_block *block = block_at(f, b);
		uint32_t succs[2] = {block->succs[0], block->succs[1]};
		ir_remove_pred(fn, b, k);
		struct ir_insn end = *ir_get(fn, block_at(f, b)->last);
		end.a = value;
		*ir_get(fn, block_at(f, pred)->last) = end;
		block_at(f, pred)->succ_count = 0;
		ir_set_succs(fn, pred, succs, 2);
		for (uint32_t i = 0; i < 2; i++) {
			uint32_t like = ir_pred_index(fn, succs[i], b);
			ir_ref r = block_at(f, succs[i])->first;
			for (; ir_get(fn, r)->op == IR_PHI; r = fn->next.data[r])
				ir_args(fn, r)[ir_arg_count(fn, r) - 1] = ir_args(fn, r)[like];
		}
		f->changed = true;
	}
}

static void spread_branches(struct flow *f)
{
	const uint32_t *uses = ir_count_uses(f->fn, f->ctx->scratch);

	for (uint32_t b = 0; b < f->fn->blocks.len; b++)
		if (block_at(f, b)->first && block_at(f, b)->preds.len)
			spread_branch(f, b, uses);
}

/* A block with nothing but a jump, or with phis that only serve the phis of its target: its
 * predecessors go to the target, except those that lead there already when a phi tells the two ways
 * apart. The way into a loop stays one block, in which licm can put something. */
static void skip_block(struct flow *f, uint32_t b)
{
	const struct ir_block *block = block_at(f, b);
	bool is_empty = block->first == block->last;

	if (!b || ir_get(f->fn, block->last)->op != IR_JUMP || block->loop_bound ||
	    (!is_empty && (!f->vias[b].is_candidate || f->vias[b].under)))
		return;
	uint32_t to = block->succs[0];
	if (to == b || (is_loop_header(f, to) && (!is_empty || f->position[b] < f->position[to])))
		return;
	for (uint32_t k = block_at(f, b)->preds.len; k-- > 0;) {
		uint32_t pred = block_at(f, b)->preds.data[k];
		if (!(has_phis(f, to) && leads_to(f, pred, to)) && pred != b)
			redirect(f, pred, b, to, IR_REF_NONE);
	}
}

static ir_ref first_after_phis(const struct ir_fn *fn, ir_ref r)
{
	while (ir_get(fn, r)->op == IR_PHI)
		r = fn->next.data[r];
	return r;
}

/*
 *	b0: branch %c, b1, b2                    b0: branch %c, b1, b2
 *	b3: %p = phi [b1 1], [b2 0]         ->   b3: … %c for %p
 *
 * where b1 and b2 are empty, or b0 itself is one of the predecessors. The other way round it is %c
 * xor 1.
 */
static void fold_bool_phi(struct flow *f, uint32_t b, ir_ref *replacement)
{
	struct ir_fn *fn = f->fn;
	const struct ir_block *block = block_at(f, b);
	uint32_t head[2];
	ir_ref r = block->first;

	if (block->preds.len != 2 || !has_phis(f, b))
		return;
	for (uint32_t k = 0; k < 2; k++) {
		const struct ir_block *pred = block_at(f, block->preds.data[k]);
		bool is_empty = pred->first == pred->last && pred->preds.len == 1 &&
				ir_get(fn, pred->last)->op == IR_JUMP;
		head[k] = is_empty ? pred->preds.data[0] : block->preds.data[k];
	}
	const struct ir_block *top = block_at(f, head[0]);
	if (head[0] != head[1] || top->succ_count != 2 || ir_get(fn, top->last)->op != IR_BRANCH ||
	    top->succs[0] == top->succs[1])
		return;
	ir_ref condition = ir_get(fn, top->last)->a;
	if (ir_is_const(condition) || ir_ops[ir_get(fn, condition)->op].b != IR_OPERAND_SAME)
		return; // only a comparison is known to be 0 or 1
	bool first_is_yes = top->succs[0] == block->preds.data[0] ||
			    (top->succs[0] == b && block->preds.data[0] == head[0]);
	ir_ref one = ir_const(fn, IR_I32, 1), zero = ir_const(fn, IR_I32, 0);
	for (ir_ref next; ir_get(fn, r)->op == IR_PHI; r = next) {
		next = fn->next.data[r];
		ir_ref yes = ir_args(fn, r)[first_is_yes ? 0 : 1];
		ir_ref no = ir_args(fn, r)[first_is_yes ? 1 : 0];
		if (yes == one && no == zero) {
			replacement[r] = condition;
			ir_remove(fn, r);
		} else if (yes == zero && no == one) {
			*ir_get(fn, r) = (struct ir_insn){
				.op = IR_XOR, .type = IR_I32, .a = condition, .b = one};
			ir_move_before(fn, r, first_after_phis(fn, next));
		} else {
			continue;
		}
		f->changed = true;
	}
}

static void fold_bool_phis(struct flow *f)
{
	ir_ref *replacement = ARENA_ARRAY(f->ctx->scratch, ir_ref, f->fn->insns.len);
	bool before = f->changed;

	f->changed = false;
	for (uint32_t b = 0; b < f->fn->blocks.len; b++)
		if (block_at(f, b)->first)
			fold_bool_phi(f, b, replacement);
	if (f->changed)
		ir_replace_all(f->fn, replacement);
	f->changed = f->changed || before;
}

/* Blocks that only return the same constant become one. */
static void merge_returns(struct flow *f)
{
	struct map first;

	map_init(&first, f->ctx->scratch);
	for (uint32_t b = 1; b < f->fn->blocks.len; b++) {
		const struct ir_block *block = block_at(f, b);
		const struct ir_insn *end = block->first ? ir_get(f->fn, block->first) : NULL;
		if (!end || end->op != IR_RETURN || (end->a && !ir_is_const(end->a)))
			continue;
		uint64_t *kept = map_insert(&first, end->a);
		if (!*kept) {
			*kept = b;
			continue;
		}
		for (uint32_t k = block_at(f, b)->preds.len; k-- > 0;)
			send_edge(f, block_at(f, b)->preds.data[k], b, (uint32_t)*kept);
		f->changed = true;
	}
}

bool opt_flow(struct opt_context *ctx, struct ir_fn *fn)
{
	struct flow f = {.ctx = ctx, .fn = fn, .changed = true};

	ir_remove_unreachable(fn, ctx->scratch);
	/* What one round opens the next one takes; chains longer than this wait for the next time. */
	for (uint32_t round = 0; round < 4 && f.changed; round++) {
		f.changed = false;
		for (uint32_t b = 0; b < fn->blocks.len; b++)
			if (fn->blocks.data[b].first)
				fold_end(&f, b);
		if (f.changed)
			ir_remove_unreachable(fn, ctx->scratch);
		fold_bool_phis(&f);
		find_candidates(&f);
		for (uint32_t b = 0; b < fn->blocks.len; b++)
			if (fn->blocks.data[b].first)
				thread_edges(&f, b);
		spread_branches(&f);
		for (uint32_t b = 0; b < fn->blocks.len; b++)
			if (fn->blocks.data[b].first)
				skip_block(&f, b);
		merge_returns(&f);
		if (f.changed)
			ir_remove_unreachable(fn, ctx->scratch);
		join_all(&f);
	}
	return true;
}
