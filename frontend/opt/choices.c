/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pointer that is null or something, by one comparison, and is tested for null later: the later
 * tests become that comparison, and what stands behind them uses the something. This is what
 * `var p = ctx.at(T, n)` with `p == null` behind it comes to.
 *
 *	b0: %c = ule %x, %y;  branch %c, b2, b1           b0: %c = ule %x, %y;  branch %c, b2, b1
 *	b3: %p = phi [b1 null], [b2 %q]                   b3: %t = ult %y, %x
 *	    %t = eq %p, null;  branch %t, b4, b5     ->       branch %t, b4, b5
 *	b5: load %p                                       b5: load %q
 *
 * Only where %q cannot be null and every use of %p is such a test or stands behind one, so that the
 * phi goes; flow takes the branch that decides nothing any more. When the comparison is of %q itself
 * with null, the phi is %q. The verifier sees the comparison with the end of the packet where the
 * test for null was.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

enum { MAX_TESTS = 16, MAX_STEPS = 8 };

struct choice {
	ir_ref phi, value;    // value: the operand that is not null
	ir_ref condition;     // a comparison that decides
	bool is_value_on_yes; // the value is taken when it holds
};

struct use {
	ir_ref user;
	uint32_t operand;
	uint32_t next; // of the same value: index + 1
};

struct chooser {
	struct opt_context *ctx;
	struct ir_fn *fn;
	uint32_t *first_use; // of each instruction: index into uses + 1
	VEC(struct use) uses;
	ir_ref *replacement;
	bool changed;
};

static bool is_null(const struct ir_fn *fn, ir_ref r)
{
	return ir_is_const(r) && !ir_get_const(fn, r)->bits;
}

/* A pointer that the verifier knows as one to something, whatever the way here. */
static bool is_never_null(const struct ir_fn *fn, ir_ref r)
{
	for (uint32_t i = 0; i < MAX_STEPS && !ir_is_const(r); i++) {
		const struct ir_insn *in = ir_get(fn, r);
		if (in->op == IR_SLOT || in->op == IR_GLOBAL || ir_is_packet_load(in))
			return true;
		if (in->op != IR_PTRADD)
			return false;
		r = in->a;
	}
	return false;
}

static bool is_test(const struct ir_fn *fn, ir_ref r, ir_ref pointer)
{
	const struct ir_insn *in = ir_get(fn, r);
	return (in->op == IR_EQ || in->op == IR_NE) && in->a == pointer && is_null(fn, in->b);
}

/* The block that decides which way into b is taken; b itself may be a successor of it. */
static uint32_t head_of(const struct ir_fn *fn, uint32_t b, uint32_t k)
{
	uint32_t pred = fn->blocks.data[b].preds.data[k];
	const struct ir_block *way = &fn->blocks.data[pred];
	bool is_empty = way->first == way->last && way->preds.len == 1 &&
			ir_get(fn, way->last)->op == IR_JUMP;
	return is_empty ? way->preds.data[0] : pred;
}

static bool find_choice(const struct chooser *c, ir_ref phi, struct choice *choice)
{
	const struct ir_fn *fn = c->fn;
	uint32_t b = fn->block_of.data[phi];
	const struct ir_block *block = &fn->blocks.data[b];
	if (block->preds.len != 2 || ir_get(fn, phi)->type != IR_PTR)
		return false;
	const ir_ref *args = ir_args(fn, phi);
	uint32_t k = is_null(fn, args[0]) ? 1 : 0, head = head_of(fn, b, 0);
	const struct ir_block *top = &fn->blocks.data[head];
	if (!is_null(fn, args[1 - k]) || ir_is_const(args[k]) || args[k] == phi ||
	    head != head_of(fn, b, 1) || ir_get(fn, top->last)->op != IR_BRANCH ||
	    top->succs[0] == top->succs[1])
		return false;
	choice->phi = phi;
	choice->value = args[k];
	choice->condition = ir_get(fn, top->last)->a;
	choice->is_value_on_yes = top->succs[0] == block->preds.data[k] ||
				  (top->succs[0] == b && block->preds.data[k] == head);
	return !ir_is_const(choice->condition) &&
	       ir_ops[ir_get(fn, choice->condition)->op].b == IR_OPERAND_SAME &&
	       ir_dominates(&c->ctx->doms, fn->block_of.data[choice->value], head);
}

/* The comparison that holds when this one does not. */
static struct ir_insn opposite(const struct ir_insn *in)
{
	static const uint8_t others[IR_OP_COUNT] = {
		[IR_EQ] = IR_NE,   [IR_NE] = IR_EQ,   [IR_ULT] = IR_ULE,
		[IR_ULE] = IR_ULT, [IR_SLT] = IR_SLE, [IR_SLE] = IR_SLT,
	};
	bool is_order = in->op != IR_EQ && in->op != IR_NE;
	return (struct ir_insn){.op = others[in->op],
				.type = IR_I32,
				.a = is_order ? in->b : in->a,
				.b = is_order ? in->a : in->b};
}

/* The blocks that are entered only when the pointer is not null, by a test of it. */
static uint32_t find_behind(const struct chooser *c, ir_ref test, uint32_t *blocks, uint32_t count)
{
	const struct ir_fn *fn = c->fn;
	for (uint32_t u = c->first_use[test]; u && count < MAX_TESTS;
	     u = c->uses.data[u - 1].next) {
		ir_ref user = c->uses.data[u - 1].user;
		if (ir_get(fn, user)->op != IR_BRANCH)
			continue;
		const struct ir_block *block = &fn->blocks.data[fn->block_of.data[user]];
		uint32_t to = block->succs[ir_get(fn, test)->op == IR_NE ? 0 : 1];
		if (block->succs[0] != block->succs[1] && fn->blocks.data[to].preds.len == 1)
			blocks[count++] = to;
	}
	return count;
}

static bool stands_behind(const struct chooser *c, const struct use *use, const uint32_t *blocks,
			  uint32_t count)
{
	const struct ir_fn *fn = c->fn;
	uint32_t b = fn->block_of.data[use->user];
	if (ir_get(fn, use->user)->op == IR_PHI)
		b = fn->blocks.data[b].preds.data[use->operand];
	for (uint32_t i = 0; i < count; i++)
		if (ir_dominates(&c->ctx->doms, blocks[i], b))
			return true;
	return false;
}

static bool can_resolve(const struct chooser *c, const struct choice *choice)
{
	uint32_t blocks[MAX_TESTS], count = 0, u;
	if (!is_never_null(c->fn, choice->value))
		return false;
	for (u = c->first_use[choice->phi]; u; u = c->uses.data[u - 1].next) {
		ir_ref user = c->uses.data[u - 1].user;
		if (is_test(c->fn, user, choice->phi))
			count = find_behind(c, user, blocks, count);
	}
	for (u = c->first_use[choice->phi]; u; u = c->uses.data[u - 1].next) {
		const struct use *use = &c->uses.data[u - 1];
		if (!is_test(c->fn, use->user, choice->phi) &&
		    !stands_behind(c, use, blocks, count))
			return false;
	}
	return true;
}

static void resolve(struct chooser *c, const struct choice *choice)
{
	struct ir_fn *fn = c->fn;
	const struct ir_insn holds = *ir_get(fn, choice->condition), fails = opposite(&holds);
	for (uint32_t u = c->first_use[choice->phi]; u; u = c->uses.data[u - 1].next) {
		ir_ref user = c->uses.data[u - 1].user;
		if (!is_test(fn, user, choice->phi))
			continue;
		struct ir_insn *test = ir_get(fn, user);
		*test = (test->op == IR_NE) == choice->is_value_on_yes ? holds : fails;
	}
	c->replacement[choice->phi] = choice->value;
	ir_remove(fn, choice->phi);
	c->changed = true;
}

/* `%v != null ? %v : null` is %v. */
static bool is_value_itself(const struct chooser *c, const struct choice *choice)
{
	return is_test(c->fn, choice->condition, choice->value) &&
	       (ir_get(c->fn, choice->condition)->op == IR_NE) == choice->is_value_on_yes;
}

static void find_uses(struct chooser *c)
{
	struct ir_fn *fn = c->fn;
	c->first_use = ARENA_ARRAY(c->ctx->scratch, uint32_t, fn->insns.len);
	for (uint32_t i = 0; i < c->ctx->doms.rpo_count; i++) {
		ir_ref r = fn->blocks.data[c->ctx->doms.rpo[i]].first;
		for (; r; r = fn->next.data[r]) {
			uint32_t count = ir_operand_count(fn, r);
			for (uint32_t o = 0; o < count; o++) {
				ir_ref of = *ir_operand(fn, r, o);
				if (!of || ir_is_const(of))
					continue;
				struct use use = {r, o, c->first_use[of]};
				vec_push(c->ctx->scratch, &c->uses, use);
				c->first_use[of] = c->uses.len;
			}
		}
	}
}

bool opt_choices(struct opt_context *ctx, struct ir_fn *fn)
{
	struct chooser c = {.ctx = ctx, .fn = fn};
	find_uses(&c);
	c.replacement = ARENA_ARRAY(ctx->scratch, ir_ref, fn->insns.len);
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++) {
		ir_ref r = fn->blocks.data[ctx->doms.rpo[i]].first, next;
		for (; ir_get(fn, r)->op == IR_PHI; r = next) {
			struct choice choice;
			next = fn->next.data[r];
			if (!find_choice(&c, r, &choice))
				continue;
			if (is_value_itself(&c, &choice)) {
				c.replacement[r] = choice.value;
				ir_remove(fn, r);
				c.changed = true;
			} else if (can_resolve(&c, &choice)) {
				resolve(&c, &choice);
			}
		}
	}
	if (c.changed)
		ir_replace_all(fn, c.replacement);
	return true;
}
