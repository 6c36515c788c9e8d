/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection of control flow: conditions, edges and block ends.
 *
 * Phis become copies: every edge writes a register of its own per phi, the block's head copies that one
 * to the phi's. This is right for any cycle among phis, and the allocator merges what can be merged. An
 * edge that decides the branch of the block it leads to (a phi that is null on this edge, a condition
 * that was tested just before) leads past that block.
 */
#include <stdlib.h>

#include "bpf-backend/codegen/select.h"
#include "bpf-backend/kernel/kernel.h"

/* ---- conditions ---- */

/* Register of an operand of a signed comparison of 32 bits. */
static mir_reg compared(struct select *s, enum ir_op op, ir_ref r)
{
	return op == IR_SLT || op == IR_SLE ? select_signed(s, r) : select_reg(s, r);
}

/* An operand as an immediate of a comparison done on `width` bits. */
static bool compared_immediate(struct select *s, enum ir_op op, unsigned width, ir_ref r,
			       int32_t *imm)
{
	bool is_signed = op == IR_SLT || op == IR_SLE;
	bool is_narrow = ir_type_of(s->ir, r) == IR_I32;
	return select_immediate(s, r, is_signed && is_narrow ? 4 : width / 8, imm);
}

static ir_ref strip_width(const struct select *s, ir_ref r)
{
	while (!ir_is_const(r)) {
		const struct ir_insn *in = ir_get(s->ir, r);
		bool is_cut = in->op == IR_EXT8U || in->op == IR_EXT8S || in->op == IR_EXT16U ||
			      in->op == IR_EXT16S || (in->op == IR_AND && ir_is_const(in->b));
		if (!is_cut)
			break;
		r = in->a;
	}
	return r;
}

/* What a constant is added to, in that value; IR_REF_NONE: no such value. */
static ir_ref stepped_from(const struct select *s, ir_ref r)
{
	r = strip_width(s, r);
	if (ir_is_const(r))
		return IR_REF_NONE;
	const struct ir_insn *in = ir_get(s->ir, r);
	if ((in->op != IR_ADD && in->op != IR_SUB) || !ir_is_const(in->b))
		return IR_REF_NONE;
	return strip_width(s, in->a);
}

/* A phi that moves by a constant, or its value after the step: the verifier knows it exactly. */
static bool is_counter(const struct select *s, ir_ref r)
{
	ir_ref phi = stepped_from(s, r);
	if (!phi)
		phi = strip_width(s, r);
	if (ir_is_const(phi) || ir_get(s->ir, phi)->op != IR_PHI)
		return false;
	for (uint32_t i = 0; i < ir_arg_count(s->ir, phi); i++)
		if (stepped_from(s, ir_args(s->ir, phi)[i]) == phi)
			return true;
	return false;
}

/* Before 6.4 a comparison is decided by a known second operand only (is_branch_taken(),
 * kernel/bpf/verifier.c, Linux 6.1), and a loop with its counter in the first one does not end. */
static bool should_face_counter(const struct select *s, ir_ref a, ir_ref b)
{
	return !kernel_has(s->context->options->kernel, KERNEL_HAS_KNOWN_FIRST_OPERAND) &&
	       !ir_is_const(b) && is_counter(s, a) && !is_counter(s, b);
}

static struct mir_insn jump_on(struct select *s, enum ir_op op, unsigned width, ir_ref a, ir_ref b)
{
	bool swapped = (ir_is_const(a) && !ir_is_const(b)) || should_face_counter(s, a, b);
	enum bpf_op reg_op = select_pattern(s, op, width, PATTERN_REG);
	if (swapped) {
		ir_ref t = a;
		a = b;
		b = t;
		reg_op = insn_swap(reg_op);
	}
	struct mir_insn jump = {.op = (uint16_t)reg_op, .src = MIR_NO_REG};
	int32_t imm;
	jump.dst = compared(s, op, a);
	if (compared_immediate(s, op, width, b, &imm)) {
		jump.op = (uint16_t)insn_imm_form(reg_op);
		jump.imm = imm;
	} else {
		jump.src = compared(s, op, b);
	}
	return jump;
}

static struct mir_insn jump_on_bits(struct select *s, ir_ref tested)
{
	const struct ir_insn *in = ir_get(s->ir, tested);
	bool is_narrow = in->type == IR_I32, is32 = is_narrow && select_has_alu32(s);
	ir_ref a = in->a, b = in->b;
	if (ir_is_const(a)) {
		a = in->b;
		b = in->a;
	}
	struct mir_insn jump = {.op = is32 ? BPF_OP_JSET32_REG : BPF_OP_JSET64_REG,
				.src = MIR_NO_REG};
	int32_t imm;
	jump.dst = select_reg(s, a);
	if (select_immediate(s, b, is_narrow ? 4 : 8, &imm)) {
		jump.op = is32 ? BPF_OP_JSET32_IMM : BPF_OP_JSET64_IMM;
		jump.imm = imm;
	} else {
		jump.src = select_reg(s, b);
	}
	return jump;
}

/* The conditional jump for r != 0; *negated when it is taken for r == 0 instead. A comparison of I32
 * values whose upper halves are zero is done on 64 bits when one is also used as such: older verifiers
 * learn more from it. */
static struct mir_insn condition(struct select *s, ir_ref r, bool *negated)
{
	*negated = false;
	ir_ref tested = select_find_tested_and(s, r);
	if (tested)
		return jump_on_bits(s, tested);
	const struct ir_insn *in = ir_is_const(r) ? NULL : ir_get(s->ir, r);
	if (!in || !select_is_compare((enum ir_op)in->op) || s->is_needed[r]) {
		struct mir_insn jump = {.op = BPF_OP_JNE32_IMM, .src = MIR_NO_REG};
		if (!select_has_alu32(s))
			jump.op = BPF_OP_JNE64_IMM;
		jump.dst = select_reg(s, r);
		return jump;
	}
	if ((in->op == IR_EQ || in->op == IR_NE) && select_is_zero(s, in->b)) {
		tested = select_find_tested_and(s, in->a);
		if (tested) {
			*negated = in->op == IR_EQ;
			return jump_on_bits(s, tested);
		}
	}
	ir_ref any = ir_is_const(in->a) ? in->b : in->a;
	unsigned width = select_alu_width(s, ir_type_of(s->ir, any) == IR_I32 ? 32 : 64);
	if (width == 32 && in->op != IR_SLT && in->op != IR_SLE && select_is_wide(s, in->a) &&
	    select_is_wide(s, in->b)) {
		bool read_wide = (!ir_is_const(in->a) && s->is_wide[in->a]) ||
				 (!ir_is_const(in->b) && s->is_wide[in->b]);
		ir_ref other = ir_is_const(in->a) ? in->a : in->b;
		if (read_wide &&
		    (!ir_is_const(other) || ir_get_const(s->ir, other)->bits <= INT32_MAX))
			width = 64;
	}
	return jump_on(s, (enum ir_op)in->op, width, in->a, in->b);
}

/* Goes to `yes` when r is not zero. */
static void branch_on(struct select *s, ir_ref r, uint32_t yes, uint32_t no, uint8_t likely)
{
	if (ir_is_const(r)) {
		select_goto(s, ir_get_const(s->ir, r)->bits ? yes : no);
		return;
	}
	bool negated;
	struct mir_insn jump = condition(s, r, &negated);
	if (!negated) {
		select_branch(s, jump, yes, no, likely);
		return;
	}
	select_branch(s, jump, no, yes, ir_unlikely((enum ir_likely)likely));
}

void select_choose(struct select *s, mir_reg dst, ir_ref cond, ir_ref yes, ir_ref no)
{
	uint32_t otherwise = mir_add_block(s->out, s->block);
	uint32_t join = mir_add_block(s->out, s->block);
	// Conditions read their operands after dst is written, so dst is another register than theirs.
	bool negated;
	struct mir_insn jump;
	if (ir_is_const(cond)) {
		if (yes)
			select_into(s, dst, ir_get_const(s->ir, cond)->bits ? yes : no);
		select_goto(s, join);
		s->out->blocks.data[otherwise].succ_count = 0;
		s->block = otherwise;
		select_goto(s, join);
		s->block = join;
		return;
	}
	jump = condition(s, cond, &negated);
	if (yes)
		select_into(s, dst, negated ? no : yes);
	else
		select_const(s, dst, IR_I64, !negated);
	select_branch(s, jump, join, otherwise, IR_LIKELY_UNKNOWN);
	s->block = otherwise;
	uint32_t made = s->made.len; // what the side block makes is not known after the join
	if (yes)
		select_into(s, dst, negated ? yes : no);
	else
		select_const(s, dst, IR_I64, negated);
	s->made.len = made;
	select_goto(s, join);
	s->block = join;
}

/* ---- edges and block ends ---- */

static bool has_phis(const struct select *s, uint32_t b)
{
	for (ir_ref r = s->ir->blocks.data[b].first; r && ir_get(s->ir, r)->op == IR_PHI;
	     r = s->ir->next.data[r])
		if (s->is_needed[r])
			return true;
	return false;
}

mir_reg select_phi_in(struct select *s, ir_ref r)
{
	if (s->phi_in[r] == MIR_NO_REG)
		s->phi_in[r] = mir_new_reg(s->out);
	return s->phi_in[r];
}

/* Position in the predecessors of successor `index` of the present block that stands for this edge:
 * the n-th edge to a block is the n-th mention there. */
static uint32_t pred_index(const struct select *s, uint32_t index)
{
	const struct ir_block *from = &s->ir->blocks.data[s->ir_block];
	const struct ir_block *to = &s->ir->blocks.data[from->succs[index]];
	uint32_t skip = 0;
	for (uint32_t i = 0; i < index; i++)
		skip += from->succs[i] == from->succs[index];
	for (uint32_t p = 0; p < to->preds.len; p++)
		if (to->preds.data[p] == s->ir_block && !skip--)
			return p;
	unreachable("an edge that its target does not know");
}

static void write_phis(struct select *s, uint32_t index)
{
	uint32_t to = s->ir->blocks.data[s->ir_block].succs[index];
	uint32_t p = pred_index(s, index);
	for (ir_ref r = s->ir->blocks.data[to].first; r && ir_get(s->ir, r)->op == IR_PHI;
	     r = s->ir->next.data[r])
		if (s->is_needed[r])
			select_into(s, select_phi_in(s, r), ir_args(s->ir, r)[p]);
}

/* Never null: packet, frame and global addresses. */
static bool is_address(const struct select *s, ir_ref r)
{
	while (!ir_is_const(r) && ir_get(s->ir, r)->op == IR_PTRADD)
		r = ir_get(s->ir, r)->a;
	if (ir_is_const(r))
		return false;
	const struct ir_insn *in = ir_get(s->ir, r);
	return in->op == IR_SLOT || in->op == IR_GLOBAL || ir_is_packet_load(in);
}

/* What a value is on the p-th edge into block b. */
static ir_ref on_edge(const struct select *s, ir_ref r, uint32_t b, uint32_t p)
{
	if (ir_is_const(r) || ir_get(s->ir, r)->op != IR_PHI || s->ir->block_of.data[r] != b)
		return r;
	return ir_args(s->ir, r)[p];
}

/* The branch that ends block b, when b does nothing but choose by it. */
static ir_ref find_mere_branch(const struct select *s, uint32_t b)
{
	ir_ref last = s->ir->blocks.data[b].last;
	if (ir_get(s->ir, last)->op != IR_BRANCH)
		return IR_REF_NONE;
	for (ir_ref r = s->ir->blocks.data[b].first; r != last; r = s->ir->next.data[r]) {
		const struct ir_insn *in = ir_get(s->ir, r);
		if (in->op != IR_PHI && (s->is_needed[r] || select_has_effect(in)))
			return IR_REF_NONE;
	}
	return last;
}

/* Whether condition `c` compares x with y in this way, or, *inverted, is the opposite of that. */
static bool is_comparison(const struct select *s, ir_ref c, enum ir_op op, ir_ref x, ir_ref y,
			  bool *inverted)
{
	if (ir_is_const(c))
		return false;
	const struct ir_insn *in = ir_get(s->ir, c);
	*inverted = in->op != op;
	bool is_related = in->op == op || (in->op == IR_EQ && op == IR_NE) ||
			  (in->op == IR_NE && op == IR_EQ);
	return is_related && in->a == x && in->b == y;
}

/* What a branch on the comparison of x with y does after the edge from the present block to its
 * successor `index`, when the same was tested just before: 0 or 1, else -1. */
static int tested_before(const struct select *s, enum ir_op op, ir_ref x, ir_ref y, uint32_t index)
{
	enum { BLOCKS_BACK = 4 };
	uint32_t b = s->ir_block, to = s->ir->blocks.data[b].succs[index];
	for (int i = 0; i < BLOCKS_BACK; i++) {
		const struct ir_block *block = &s->ir->blocks.data[b];
		const struct ir_insn *end = ir_get(s->ir, block->last);
		bool inverted;
		if (end->op == IR_BRANCH && block->succs[0] != block->succs[1] &&
		    is_comparison(s, end->a, op, x, y, &inverted))
			return (block->succs[0] == to) != inverted ? 0 : 1;
		if (block->preds.len != 1)
			break;
		to = b;
		b = block->preds.data[0];
	}
	return -1;
}

/* Successor that block b, reached by the present block's edge `index`, its own p-th, goes on to, if that
 * is known: 0 or 1, else -1. */
static int known_way(const struct select *s, uint32_t index)
{
	uint32_t b = s->ir->blocks.data[s->ir_block].succs[index], p = pred_index(s, index);
	ir_ref branch = find_mere_branch(s, b);
	if (!branch || ir_is_const(ir_get(s->ir, branch)->a))
		return -1;
	ir_ref cond = ir_get(s->ir, branch)->a;
	const struct ir_insn *in = ir_get(s->ir, cond);
	if (!select_is_compare((enum ir_op)in->op) || s->is_needed[cond]) {
		ir_ref value = on_edge(s, cond, b, p);
		return !ir_is_const(value) ? -1 : !ir_get_const(s->ir, value)->bits;
	}
	ir_ref x = on_edge(s, in->a, b, p), y = on_edge(s, in->b, b, p);
	if (ir_is_const(x) && ir_is_const(y))
		return !ir_fold((enum ir_op)in->op, IR_I32, ir_type_of(s->ir, x),
				ir_get_const(s->ir, x)->bits, ir_get_const(s->ir, y)->bits);
	if ((in->op == IR_EQ || in->op == IR_NE) && select_is_zero(s, y) && is_address(s, x))
		return in->op == IR_EQ;
	return s->ir_block == b ? -1 : tested_before(s, (enum ir_op)in->op, x, y, index);
}

/* Ends the present machine block with the jump to successor `index`, its phis written. A block that
 * only chooses by what this edge decides is passed by. */
static void go_to(struct select *s, uint32_t index)
{
	enum { PASSED_BY = 4 };
	uint32_t to = s->ir->blocks.data[s->ir_block].succs[index];
	write_phis(s, index);
	int way = s->passed_by < PASSED_BY ? known_way(s, index) : -1;
	if (way < 0) {
		select_goto(s, s->block_of[to]);
		return;
	}
	for (ir_ref r = s->ir->blocks.data[to].first; ir_get(s->ir, r)->op == IR_PHI;
	     r = s->ir->next.data[r])
		if (s->is_needed[r])
			select_copy(s, select_result(s, r), select_phi_in(s, r));
	uint32_t from = s->ir_block;
	s->ir_block = to;
	s->passed_by++;
	go_to(s, (uint32_t)way);
	s->passed_by--;
	s->ir_block = from;
}

/* Machine block that successor `index` is reached through: the block itself, or one on the edge that
 * writes the phis. */
static uint32_t edge_to(struct select *s, uint32_t index)
{
	uint32_t to = s->ir->blocks.data[s->ir_block].succs[index];
	if (!has_phis(s, to) && known_way(s, index) < 0)
		return s->block_of[to];
	uint32_t from = s->block, edge = mir_add_block(s->out, s->block_of[to]);
	if (s->out->blocks.data[from].depth < s->out->blocks.data[edge].depth) {
		s->out->blocks.data[edge].depth = s->out->blocks.data[from].depth;
		s->out->blocks.data[edge].loop = s->out->blocks.data[from].loop;
	}
	s->block = edge;
	uint32_t made = s->made.len;
	go_to(s, index);
	s->made.len = made;
	s->block = from;
	return edge;
}

struct case_label {
	uint64_t value;
	uint32_t to;
};

static int compare_labels(const void *a, const void *b)
{
	uint64_t x = ((const struct case_label *)a)->value,
		 y = ((const struct case_label *)b)->value;
	return x < y ? -1 : x > y;
}

struct cases {
	ir_ref operand;
	unsigned width;
	const struct case_label *labels;
	uint32_t otherwise;
};

static struct mir_insn case_jump(struct select *s, const struct cases *c, enum ir_op op,
				 uint64_t value)
{
	enum ir_type type = ir_type_of(s->ir, c->operand);
	return jump_on(s, op, c->width, c->operand, ir_const(s->ir, type, value));
}

/* Tests for labels lo to hi - 1: few one after the other, many by halves. */
static void select_cases(struct select *s, const struct cases *c, uint32_t lo, uint32_t hi)
{
	uint32_t next;
	if (hi - lo > 4) {
		uint32_t mid = lo + (hi - lo) / 2;
		uint32_t low = mir_add_block(s->out, s->block);
		uint32_t high = mir_add_block(s->out, s->block);
		uint32_t made = s->made.len;
		struct mir_insn jump = case_jump(s, c, IR_ULT, c->labels[mid].value);
		select_branch(s, jump, low, high, IR_LIKELY_UNKNOWN);
		s->made.len = made;
		s->block = low;
		select_cases(s, c, lo, mid);
		s->made.len = made;
		s->block = high;
		select_cases(s, c, mid, hi);
		return;
	}
	for (; lo < hi; lo++) {
		next = lo + 1 < hi ? mir_add_block(s->out, s->block) : c->otherwise;
		struct mir_insn jump = case_jump(s, c, IR_EQ, c->labels[lo].value);
		select_branch(s, jump, c->labels[lo].to, next, IR_LIKELY_UNKNOWN);
		s->block = next;
	}
}

static void select_switch(struct select *s, const struct ir_insn *in)
{
	const struct ir_switch *table = &s->ir->switches.data[in->index];
	uint32_t count = table->count;
	struct case_label *labels = ARENA_ARRAY(s->arena, struct case_label, count + 1);
	bool is_narrow = ir_type_of(s->ir, in->a) == IR_I32;
	struct cases c = {in->a, select_alu_width(s, is_narrow ? 32 : 64), labels, 0};
	for (uint32_t i = 0; i < count; i++)
		labels[i] = (struct case_label){
			is_narrow ? (uint32_t)table->values[i] : table->values[i], edge_to(s, i)};
	c.otherwise = edge_to(s, count);
	qsort(labels, count, sizeof *labels, compare_labels);
	if (!count)
		select_goto(s, c.otherwise);
	else
		select_cases(s, &c, 0, count);
}

/* Constant results come together in one block, so that one of them can be set early. */
static void return_constant(struct select *s, ir_ref value)
{
	uint32_t from = s->block;
	if (s->exit_block == UINT32_MAX) {
		s->exit_block = s->block = mir_add_block(s->out, UINT32_MAX);
		s->exit_value = mir_new_reg(s->out);
		select_copy(s, MIR_R0, s->exit_value);
		select_emit(s, (struct mir_insn){
				       .op = BPF_OP_EXIT, .dst = MIR_NO_REG, .src = MIR_NO_REG});
		s->block = from;
	}
	select_into(s, s->exit_value, value);
	select_goto(s, s->exit_block);
}

static void select_return(struct select *s, const struct ir_insn *in)
{
	if (in->op == IR_RETURN && in->a && ir_is_const(in->a)) {
		return_constant(s, in->a);
		return;
	}
	if (in->op == IR_RETURN && in->a)
		select_into(s, MIR_R0, in->a);
	else
		select_const(s, MIR_R0, IR_I64, 0);
	select_emit(s, (struct mir_insn){.op = BPF_OP_EXIT, .dst = MIR_NO_REG, .src = MIR_NO_REG});
}

void select_end(struct select *s, const struct ir_insn *in)
{
	uint32_t yes, no;
	switch (in->op) {
	case IR_JUMP:
		go_to(s, 0);
		break;
	case IR_BRANCH:
		yes = edge_to(s, 0);
		no = edge_to(s, 1);
		branch_on(s, in->a, yes, no, (uint8_t)in->aux);
		break;
	case IR_LOOP_GUARD: {
		struct mir_insn guard = {
			.op = BPF_OP_MAY_GOTO, .dst = MIR_NO_REG, .src = MIR_NO_REG};
		no = edge_to(s, 0);
		yes = edge_to(s, 1);
		s->out->uses_may_goto = true;
		select_branch(s, guard, yes, no, IR_LIKELY_FALSE);
		break;
	}
	case IR_SWITCH:
		select_switch(s, in);
		break;
	default:
		select_return(s, in);
	}
}
