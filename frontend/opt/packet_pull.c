/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call that makes the beginning of an skb linear asks for no more than the packet has, because the
 * kernel refuses to pull more and some ctx.at() may be content with less. Where nothing in the function
 * asks for less than the call does, a refusal means the same as a test that fails later, so the length
 * is not looked at:
 *
 *	b0: branch (data + 38 <= end), b3, b1          b0: branch (data + 38 <= end), b3, b2
 *	b1: branch (end - data < len), b2, b3
 *	b2: pull(ctx, len < 38 ? len : 38)       ->    b2: pull(ctx, 38)
 *	b3: … data + 38 <= end …                       b3: … data + 38 <= end …
 *
 * Goes behind packet_bounds, which leaves one test of several, and dce.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

struct pulling {
	struct ir_fn *fn;
	ir_ref call;
	uint32_t most; // bytes that are pulled
	uint32_t at;   // block of the call
	uint32_t ask;  // block that compares what is linear with the length
};

static bool is_number(const struct ir_fn *fn, ir_ref r, uint32_t *number)
{
	if (!ir_is_const(r))
		return false;
	*number = (uint32_t)ir_get_const(fn, r)->bits;
	return true;
}

static bool is_packet(const struct ir_fn *fn, ir_ref r, enum ir_ctx_kind kind)
{
	if (!r || ir_is_const(r))
		return false;
	const struct ir_insn *in = ir_get(fn, r);
	return in->op == IR_CTX_LOAD && (uint32_t)IR_MEM_SPACE(in->aux) == (uint32_t)kind;
}

/* A call of the picture, alone in its block. */
static bool find_call(struct pulling *p, const struct ir_module *m, uint32_t b)
{
	const struct ir_fn *fn = p->fn;
	const struct ir_block *block = &fn->blocks.data[b];
	ir_ref call = block->last ? fn->prev.data[block->last] : IR_REF_NONE;
	if (!call || block->preds.len != 1 || block->succ_count != 1 ||
	    !ir_calls(m, fn, call, "bpf_skb_pull_data") || ir_arg_count(fn, call) != 2 ||
	    ir_is_const(ir_args(fn, call)[1]))
		return false;
	const struct ir_insn *size = ir_get(fn, ir_args(fn, call)[1]);
	if (size->op != IR_SELECT || ir_is_const(size->a) || !is_number(fn, size->c, &p->most))
		return false;
	const struct ir_insn *less = ir_get(fn, size->a);
	if (less->op != IR_ULT || less->a != size->b || less->b != size->c)
		return false;
	p->call = call;
	p->at = b;
	p->ask = block->preds.data[0];
	const struct ir_block *ask = &fn->blocks.data[p->ask];
	return ask->preds.len == 1 && ask->succ_count == 2 &&
	       (ask->succs[0] == block->succs[0] || ask->succs[1] == block->succs[0]) &&
	       ir_get(fn, fn->blocks.data[block->succs[0]].first)->op != IR_PHI;
}

/* A test of a use of the end that fails whenever the packet is shorter than what is pulled. */
static bool asks_enough(const struct pulling *p, ir_ref user, ir_ref end)
{
	const struct ir_insn *test = ir_get(p->fn, user);
	int64_t reach = 0;
	if (test->op != IR_ULE && test->op != IR_ULT)
		return false;
	ir_ref pointer = test->a == end ? test->b : test->a;
	if (ir_is_const(pointer))
		return false;
	const struct ir_insn *sum = ir_get(p->fn, pointer);
	if (sum->op == IR_PTRADD && ir_is_const(sum->b)) {
		reach = (int64_t)ir_get_const(p->fn, sum->b)->bits;
		pointer = sum->a;
	}
	return is_packet(p->fn, pointer, IR_CTX_PACKET) && reach >= (int64_t)p->most;
}

static bool is_enough_everywhere(const struct pulling *p)
{
	const struct ir_fn *fn = p->fn;
	uint32_t head = fn->blocks.data[p->ask].preds.data[0];
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			uint32_t count = ir_operand_count(fn, r);
			for (uint32_t o = 0; o < count; o++) {
				ir_ref of = *ir_operand(fn, r, o);
				bool is_before = b == p->ask && of && !ir_is_const(of) &&
						 fn->block_of.data[of] == head;
				if (is_packet(fn, of, IR_CTX_PACKET_END) && !is_before &&
				    !asks_enough(p, r, of))
					return false;
			}
		}
	}
	return true;
}

bool opt_packet_pull(struct opt_context *ctx, struct ir_fn *fn)
{
	struct pulling p = {.fn = fn};
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		if (!fn->blocks.data[b].first || !find_call(&p, ctx->module, b))
			continue;
		if (!is_enough_everywhere(&p))
			return true;
		ir_args(fn, p.call)[1] = ir_const(fn, IR_I32, p.most);
		ir_set_jump(fn, p.ask, fn->blocks.data[p.ask].succs[0] == p.at ? 0 : 1);
		return true;
	}
	return true;
}
