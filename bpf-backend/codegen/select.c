/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction selection: optimised IR to machine form.
 *
 * A plan is made first, backwards from what has effects: which values must be in a register (constants,
 * addresses that fold into accesses and comparisons that only steer branches need none), and which 32-bit
 * values must have a zero upper half because somebody reads them as 64 bits. The rule for I32 is that the
 * upper half of its register means nothing; zext32 and trunc then cost nothing but, for values that do
 * not have it by nature, one move where the value is made. So an index and its 64-bit form share
 * one register and the verifier sees the check of one as a check of the other.
 *
 * Then blocks are filled in reverse post-order from the rows of patterns.def. Phis become copies: every
 * edge writes a register of its own per phi, the block's head copies that one to the phi's; this is
 * right for any cycle among phis, and the allocator merges what can be merged. Constants and addresses
 * are made where they are needed, once per block, and not kept across calls.
 */
#include <stdlib.h>

#include "bpf-backend/codegen/select.h"

struct pattern {
	uint8_t ir_op, width, b, cost, isa;
	uint16_t op;
};

static const struct pattern patterns[] = {
#define PATTERN(ir_op, width, b, op, cost, isa) {ir_op, width, PATTERN_##b, cost, isa, op},
#include "bpf-backend/codegen/patterns.def"
#undef PATTERN
};

enum bpf_op select_pattern(const struct select *s, enum ir_op op, unsigned width, enum pattern_b b)
{
	const struct pattern *best = NULL;
	for (uint32_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		const struct pattern *p = &patterns[i];
		if (p->ir_op != op || p->width != width || p->isa > s->out->isa)
			continue;
		if (p->b != b && !(p->b == PATTERN_REG && b == PATTERN_IMM))
			continue;
		if (!best || p->cost < best->cost)
			best = p;
	}
	return best ? (enum bpf_op)best->op : BPF_OP_COUNT;
}

/* ---- emission ---- */

void select_emit(struct select *s, struct mir_insn insn)
{
	insn.where = s->where;
	vec_push(s->out->arena, &s->out->blocks.data[s->block].insns, insn);
}

void select_alu(struct select *s, enum bpf_op op, mir_reg dst, mir_reg src)
{
	select_emit(s, (struct mir_insn){.op = (uint16_t)op, .dst = dst, .src = src});
}

void select_alu_imm(struct select *s, enum bpf_op op, mir_reg dst, int32_t imm)
{
	select_emit(s, (struct mir_insn){
			       .op = (uint16_t)op, .dst = dst, .src = MIR_NO_REG, .imm = imm});
}

void select_copy(struct select *s, mir_reg dst, mir_reg src)
{
	select_alu(s, (enum bpf_op)MIR_COPY, dst, src);
}

void select_const(struct select *s, mir_reg dst, enum ir_type type, uint64_t bits)
{
	struct mir_insn in = {.dst = dst, .src = MIR_NO_REG, .imm = (int64_t)bits};
	if (type == IR_I32)
		in.imm = (int64_t)(bits & UINT32_MAX);
	if (in.imm == (int32_t)in.imm) {
		in.op = BPF_OP_MOV64_IMM;
	} else if (in.imm == (int64_t)(uint32_t)in.imm) {
		in.op = BPF_OP_MOV32_IMM;
		in.imm = (int32_t)in.imm;
	} else {
		in.op = BPF_OP_LD_IMM64;
	}
	select_emit(s, in);
}

void select_branch(struct select *s, struct mir_insn cond, uint32_t yes, uint32_t no,
		   uint8_t likely)
{
	struct mir_block *block;
	select_emit(s, cond);
	block = &s->out->blocks.data[s->block];
	block->succs[0] = yes;
	block->succs[1] = no;
	block->succ_count = 2;
	block->likely = likely;
}

void select_goto(struct select *s, uint32_t to)
{
	select_emit(s, (struct mir_insn){.op = BPF_OP_GOTO, .dst = MIR_NO_REG, .src = MIR_NO_REG});
	s->out->blocks.data[s->block].succs[0] = to;
	s->out->blocks.data[s->block].succ_count = 1;
}

void select_forget_made(struct select *s)
{
	s->made.len = 0;
}

/* ---- values ---- */

bool select_immediate(const struct select *s, ir_ref r, unsigned width, int32_t *imm)
{
	if (!ir_is_const(r))
		return false;
	uint64_t bits = ir_get_const(s->ir, r)->bits;
	*imm = (int32_t)bits;
	return width <= 4 || (int64_t)bits == *imm;
}

ir_ref select_resolve(const struct select *s, ir_ref r)
{
	while (r && !ir_is_const(r)) {
		const struct ir_insn *in = ir_get(s->ir, r);
		bool is_alias = in->op == IR_ZEXT32 || in->op == IR_PTRINT || in->op == IR_INTPTR ||
				(in->op == IR_TRUNC && !s->is_wide[r]);
		if (!is_alias || ir_is_const(in->a))
			return r;
		r = in->a;
	}
	return r;
}

/* A value that is cheap to make again: nothing keeps it in a register. */
static bool is_made_on_demand(const struct select *s, ir_ref r)
{
	if (ir_is_const(r))
		return true;
	const struct ir_insn *in = ir_get(s->ir, r);
	return in->op == IR_SLOT || in->op == IR_GLOBAL || in->op == IR_MAP || in->op == IR_FUNC ||
	       in->op == IR_ZEXT32 || in->op == IR_PTRINT || in->op == IR_INTPTR;
}

static void make_reference(struct select *s, mir_reg dst, enum bpf_relo_kind kind, uint32_t index,
			   int64_t addend)
{
	select_emit(s, (struct mir_insn){.op = BPF_OP_LD_IMM64,
					 .dst = dst,
					 .src = MIR_NO_REG,
					 .relo = (uint8_t)(kind + 1),
					 .index = index,
					 .imm = addend});
}

void select_into(struct select *s, mir_reg dst, ir_ref r)
{
	r = select_resolve(s, r);
	if (ir_is_const(r)) {
		const struct ir_const *c = ir_get_const(s->ir, r);
		select_const(s, dst, (enum ir_type)c->type, c->bits);
		return;
	}
	const struct ir_insn *in = ir_get(s->ir, r);
	switch (in->op) {
	case IR_SLOT:
		select_emit(s, (struct mir_insn){.op = MIR_FRAME_ADDR,
						 .dst = dst,
						 .src = MIR_NO_REG,
						 .index = in->index});
		break;
	case IR_GLOBAL: {
		const struct ir_global *g = &s->module->globals.data[in->index];
		make_reference(s, dst, BPF_RELO_SECTION, g->section, g->offset);
		break;
	}
	case IR_MAP:
		make_reference(s, dst, BPF_RELO_MAP, in->index, 0);
		break;
	case IR_FUNC:
		make_reference(s, dst, BPF_RELO_FUNC, s->context->func_index[in->index], 0);
		break;
	case IR_ZEXT32:
	case IR_PTRINT:
	case IR_INTPTR: { // of a constant
		const struct ir_const *c = ir_get_const(s->ir, in->a);
		select_const(s, dst, (enum ir_type)c->type, c->bits);
		break;
	}
	default:
		select_copy(s, dst, select_reg(s, r));
	}
}

mir_reg select_reg(struct select *s, ir_ref r)
{
	r = select_resolve(s, r);
	if (!is_made_on_demand(s, r)) {
		if (s->reg_of[r] == MIR_NO_REG)
			s->reg_of[r] = mir_new_reg(s->out);
		return s->reg_of[r];
	}
	for (uint32_t i = 0; i < s->made.len; i++)
		if (s->made.data[i].key == r)
			return s->made.data[i].reg;
	struct made made = {r, mir_new_reg(s->out)};
	select_into(s, made.reg, r);
	vec_push(s->arena, &s->made, made);
	return made.reg;
}

mir_reg select_result(struct select *s, ir_ref r)
{
	if (s->reg_of[r] == MIR_NO_REG)
		s->reg_of[r] = mir_new_reg(s->out);
	return s->reg_of[r];
}

/* ---- the plan ---- */

/* True when the instruction that computes an I32 value leaves a zero upper half by itself. */
static bool is_wide_by_nature(const struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	if (in->op >= IR_ADD && in->op <= IR_EXT16S)
		return true;
	if (in->op == IR_BE16 || in->op == IR_BE32 || in->op == IR_ATOMIC)
		return true;
	if (in->op >= IR_EQ && in->op <= IR_SLE)
		return true;
	return (in->op == IR_LOAD || in->op == IR_CTX_LOAD) && !IR_MEM_SIGNED(in->aux);
}

static bool is_wide(const struct select *s, ir_ref r)
{
	return ir_is_const(r) || s->is_wide[r] || is_wide_by_nature(s, r);
}

/* Instructions that are selected even if nobody needs their value. */
static bool has_effect(const struct ir_insn *in)
{
	switch (ir_ops[in->op].effect) {
	case IR_EFF_STORE:
	case IR_EFF_MAP_WRITE:
	case IR_EFF_CALL:
	case IR_EFF_CONTROL:
		return true;
	default:
		return false;
	}
}

struct plan {
	struct select *s;
	VEC(ir_ref) work;
};

static void want_wide(struct plan *p, ir_ref r)
{
	if (!r || ir_is_const(r) || p->s->is_wide[r] || ir_type_of(p->s->ir, r) != IR_I32)
		return;
	p->s->is_wide[r] = true;
	vec_push(p->s->arena, &p->work, r);
}

/* Marks the I32 values that are read as 64 bits. */
static void plan_width(struct plan *p)
{
	struct ir_fn *fn = p->s->ir;
	for (uint32_t i = 0; i < p->s->doms.rpo_count; i++) {
		uint32_t b = p->s->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			if (in->op == IR_ZEXT32 || (in->op == IR_RETURN && fn->program))
				want_wide(p, in->a);
			if (in->op == IR_CALL_EXTERN)
				for (uint32_t k = 0; k < ir_arg_count(fn, r); k++)
					want_wide(p, ir_args(fn, r)[k]);
		}
	}
	while (p->work.len) {
		ir_ref r = vec_pop(&p->work);
		const struct ir_insn *in = ir_get(fn, r);
		if (in->op == IR_SELECT) {
			want_wide(p, in->b);
			want_wide(p, in->c);
		} else if (in->op == IR_PHI) {
			for (uint32_t k = 0; k < ir_arg_count(fn, r); k++)
				want_wide(p, ir_args(fn, r)[k]);
		}
	}
}

static void want(struct plan *p, ir_ref r)
{
	r = select_resolve(p->s, r);
	if (!r || ir_is_const(r) || p->s->is_needed[r])
		return;
	p->s->is_needed[r] = true;
	vec_push(p->s->arena, &p->work, r);
}

static bool is_compare(enum ir_op op)
{
	return op >= IR_EQ && op <= IR_SLE;
}

/* The `and` whose test a branch on r can do with one jset; none otherwise. */
static ir_ref find_tested_and(const struct select *s, ir_ref r)
{
	if (ir_is_const(r))
		return IR_REF_NONE;
	bool is_free = ir_get(s->ir, r)->op == IR_AND && s->uses[r] == 1 && !s->is_needed[r];
	return is_free ? r : IR_REF_NONE;
}

static bool is_zero(const struct select *s, ir_ref r)
{
	return ir_is_const(r) && !ir_get_const(s->ir, r)->bits;
}

/* What a branch on r reads. */
static void want_condition(struct plan *p, ir_ref r)
{
	const struct ir_fn *fn = p->s->ir;
	ir_ref tested = find_tested_and(p->s, r);
	if (!tested && !ir_is_const(r)) {
		const struct ir_insn *in = ir_get(fn, r);
		if (!is_compare((enum ir_op)in->op)) {
			want(p, r);
			return;
		}
		if ((in->op == IR_EQ || in->op == IR_NE) && is_zero(p->s, in->b))
			tested = find_tested_and(p->s, in->a);
		if (!tested) {
			want(p, in->a);
			want(p, in->b);
		}
	}
	if (tested) {
		want(p, ir_get(fn, tested)->a);
		want(p, ir_get(fn, tested)->b);
	}
}

static void want_address(struct plan *p, ir_ref r, int32_t off)
{
	want(p, select_address_base(p->s, r, &off));
}

static void want_operands(struct plan *p, ir_ref r)
{
	const struct ir_fn *fn = p->s->ir;
	const struct ir_insn *in = ir_get(fn, r);
	const struct ir_map *map;
	switch (in->op) {
	case IR_LOAD:
	case IR_CTX_LOAD:
		want_address(p, in->a, in->imm);
		break;
	case IR_MEMZERO:
		want_address(p, in->a, 0);
		break;
	case IR_STORE:
	case IR_CTX_STORE:
		want_address(p, in->a, in->imm);
		want(p, select_stored_value(p->s, in->b, IR_MEM_WIDTH(in->aux)));
		break;
	case IR_ATOMIC:
		want_address(p, in->a, in->imm);
		want(p, in->b);
		break;
	case IR_MEMCPY:
		want_address(p, in->a, 0);
		want_address(p, in->b, 0);
		break;
	case IR_MAP_LOOKUP:
	case IR_MAP_UPDATE:
	case IR_MAP_DELETE:
		map = &p->s->module->maps.data[in->index];
		want(p,
		     map->key_is_scalar ? select_stored_value(p->s, in->a, map->key_size) : in->a);
		if (in->op == IR_MAP_UPDATE)
			want(p, map->value_is_scalar
					? select_stored_value(p->s, in->b, map->value_size)
					: in->b);
		break;
	case IR_BRANCH:
		want_condition(p, in->a);
		break;
	case IR_SELECT:
		want_condition(p, in->a);
		want(p, in->b);
		want(p, in->c);
		break;
	case IR_CALL:
	case IR_CALL_EXTERN:
	case IR_CALL_PTR:
	case IR_PHI:
		for (uint32_t k = 0; k < ir_arg_count(fn, r); k++)
			want(p, ir_args(fn, r)[k]);
		break;
	default:
		if (is_compare((enum ir_op)in->op)) {
			want_condition(p, r);
			break;
		}
		if (ir_ops[in->op].a != IR_OPERAND_NONE)
			want(p, in->a);
		if (ir_ops[in->op].b != IR_OPERAND_NONE)
			want(p, in->b);
	}
}

static void plan_values(struct plan *p)
{
	struct ir_fn *fn = p->s->ir;
	for (uint32_t i = 0; i < p->s->doms.rpo_count; i++) {
		uint32_t b = p->s->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (has_effect(ir_get(fn, r)))
				want_operands(p, r);
	}
	while (p->work.len)
		want_operands(p, vec_pop(&p->work));
}

/* ---- conditions ---- */

static struct mir_insn jump_on(struct select *s, enum ir_op op, unsigned width, ir_ref a, ir_ref b)
{
	bool swapped = ir_is_const(a) && !ir_is_const(b);
	enum bpf_op reg_op = select_pattern(s, op, width, PATTERN_REG);
	if (swapped) {
		ir_ref t = a;
		a = b;
		b = t;
		reg_op = insn_swap(reg_op);
	}
	struct mir_insn jump = {.op = (uint16_t)reg_op, .src = MIR_NO_REG};
	int32_t imm;
	jump.dst = select_reg(s, a);
	if (select_immediate(s, b, width / 8, &imm)) {
		jump.op = (uint16_t)insn_imm_form(reg_op);
		jump.imm = imm;
	} else {
		jump.src = select_reg(s, b);
	}
	return jump;
}

static struct mir_insn jump_on_bits(struct select *s, ir_ref tested)
{
	const struct ir_insn *in = ir_get(s->ir, tested);
	bool is32 = in->type == IR_I32;
	ir_ref a = in->a, b = in->b;
	if (ir_is_const(a)) {
		a = in->b;
		b = in->a;
	}
	struct mir_insn jump = {.op = is32 ? BPF_OP_JSET32_REG : BPF_OP_JSET64_REG,
				.src = MIR_NO_REG};
	int32_t imm;
	jump.dst = select_reg(s, a);
	if (select_immediate(s, b, is32 ? 4 : 8, &imm)) {
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
	ir_ref tested = find_tested_and(s, r);
	if (tested)
		return jump_on_bits(s, tested);
	const struct ir_insn *in = ir_is_const(r) ? NULL : ir_get(s->ir, r);
	if (!in || !is_compare((enum ir_op)in->op) || s->is_needed[r]) {
		struct mir_insn jump = {.op = BPF_OP_JNE32_IMM, .src = MIR_NO_REG};
		jump.dst = select_reg(s, r);
		return jump;
	}
	if ((in->op == IR_EQ || in->op == IR_NE) && is_zero(s, in->b)) {
		tested = find_tested_and(s, in->a);
		if (tested) {
			*negated = in->op == IR_EQ;
			return jump_on_bits(s, tested);
		}
	}
	ir_ref any = ir_is_const(in->a) ? in->b : in->a;
	unsigned width = ir_type_of(s->ir, any) == IR_I32 ? 32 : 64;
	if (width == 32 && in->op != IR_SLT && in->op != IR_SLE && is_wide(s, in->a) &&
	    is_wide(s, in->b)) {
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
	static const uint8_t flipped[] = {
		[IR_LIKELY_UNKNOWN] = IR_LIKELY_UNKNOWN,
		[IR_LIKELY_TRUE] = IR_LIKELY_FALSE,
		[IR_LIKELY_FALSE] = IR_LIKELY_TRUE,
	};
	select_branch(s, jump, no, yes, flipped[likely]);
}

/* dst = cond ? yes : no, with the first value written before the jump. A zero for `yes` and `no` alike
 * stands for the truth values 1 and 0. */
static void choose(struct select *s, mir_reg dst, ir_ref cond, ir_ref yes, ir_ref no)
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

static mir_reg phi_in(struct select *s, ir_ref r)
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
			select_into(s, phi_in(s, r), ir_args(s->ir, r)[p]);
}

/* Never null: packet, frame and global addresses. */
static bool is_address(const struct select *s, ir_ref r)
{
	while (!ir_is_const(r) && ir_get(s->ir, r)->op == IR_PTRADD)
		r = ir_get(s->ir, r)->a;
	if (ir_is_const(r))
		return false;
	const struct ir_insn *in = ir_get(s->ir, r);
	return in->op == IR_SLOT || in->op == IR_GLOBAL ||
	       (in->op == IR_CTX_LOAD && IR_MEM_SPACE(in->aux) != (enum ir_space)IR_CTX_SCALAR);
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
		if (in->op != IR_PHI && (s->is_needed[r] || has_effect(in)))
			return IR_REF_NONE;
	}
	return last;
}

static bool is_same_condition(const struct select *s, ir_ref a, ir_ref b)
{
	if (a == b)
		return true;
	if (ir_is_const(a) || ir_is_const(b))
		return false;
	const struct ir_insn *x = ir_get(s->ir, a), *y = ir_get(s->ir, b);
	return is_compare((enum ir_op)x->op) && x->op == y->op && x->a == y->a && x->b == y->b;
}

/* What a branch on `cond` does after the edge from the present block to its successor `index`, when the
 * same was tested just before: 0 or 1, else -1. */
static int tested_before(const struct select *s, ir_ref cond, uint32_t index)
{
	enum { BLOCKS_BACK = 4 };
	uint32_t b = s->ir_block, to = s->ir->blocks.data[b].succs[index];
	for (int i = 0; i < BLOCKS_BACK; i++) {
		const struct ir_block *block = &s->ir->blocks.data[b];
		const struct ir_insn *end = ir_get(s->ir, block->last);
		if (end->op == IR_BRANCH && block->succs[0] != block->succs[1] &&
		    is_same_condition(s, end->a, cond))
			return block->succs[0] == to ? 0 : 1;
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
	if (!is_compare((enum ir_op)in->op) || s->is_needed[cond]) {
		ir_ref value = on_edge(s, cond, b, p);
		return !ir_is_const(value) ? -1 : !ir_get_const(s->ir, value)->bits;
	}
	ir_ref x = on_edge(s, in->a, b, p), y = on_edge(s, in->b, b, p);
	if (ir_is_const(x) && ir_is_const(y))
		return !ir_fold((enum ir_op)in->op, IR_I32, ir_type_of(s->ir, x),
				ir_get_const(s->ir, x)->bits, ir_get_const(s->ir, y)->bits);
	if ((in->op == IR_EQ || in->op == IR_NE) && is_zero(s, y) && is_address(s, x))
		return in->op == IR_EQ;
	bool is_changed = x != in->a || y != in->b || s->ir_block == b;
	return is_changed ? -1 : tested_before(s, cond, index);
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
			select_copy(s, select_result(s, r), phi_in(s, r));
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
	enum ir_type type = c->width == 32 ? IR_I32 : IR_I64;
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
	struct cases c = {in->a, ir_type_of(s->ir, in->a) == IR_I32 ? 32 : 64, labels, 0};
	for (uint32_t i = 0; i < count; i++)
		labels[i] = (struct case_label){c.width == 32 ? (uint32_t)table->values[i]
							      : table->values[i],
						edge_to(s, i)};
	c.otherwise = edge_to(s, count);
	qsort(labels, count, sizeof *labels, compare_labels);
	if (!count)
		select_goto(s, c.otherwise);
	else
		select_cases(s, &c, 0, count);
}

static void select_return(struct select *s, const struct ir_insn *in)
{
	if (in->op == IR_RETURN && in->a)
		select_into(s, MIR_R0, in->a);
	else
		select_const(s, MIR_R0, IR_I64, 0);
	select_emit(s, (struct mir_insn){.op = BPF_OP_EXIT, .dst = MIR_NO_REG, .src = MIR_NO_REG});
}

static void select_end(struct select *s, const struct ir_insn *in)
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

/* ---- instructions ---- */

/* r goes round a loop into phi `a`: they should be one register. */
static bool feeds_phi(const struct select *s, ir_ref r, ir_ref a)
{
	enum { LOOKED_AT = 8 };
	if (ir_is_const(a) || ir_get(s->ir, a)->op != IR_PHI)
		return false;
	uint32_t count = ir_arg_count(s->ir, a);
	for (uint32_t i = 0; i < count && i < LOOKED_AT; i++)
		if (ir_args(s->ir, a)[i] == r)
			return true;
	return false;
}

/* The operands of a commutative operation should change places: the one to be changed in place is the
 * one that the result replaces, or that ends here. */
static bool should_swap(const struct select *s, ir_ref r, ir_ref a, ir_ref b)
{
	if (ir_is_const(a) || ir_is_const(b))
		return ir_is_const(a);
	bool a_fits = feeds_phi(s, r, a), b_fits = feeds_phi(s, r, b);
	if (a_fits != b_fits)
		return b_fits;
	return s->uses[a] != 1 && s->uses[b] == 1;
}

static void select_arithmetic(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	unsigned width = in->type == IR_I32 ? 32 : 64;
	const struct ir_op_info *info = &ir_ops[in->op];
	ir_ref a = in->a, b = info->b == IR_OPERAND_NONE ? IR_REF_NONE : in->b;
	int32_t imm = 0;
	if (info->flags & IR_FLAG_COMMUTES && should_swap(s, r, a, b)) {
		ir_ref swapped = a;
		a = b;
		b = swapped;
	}
	enum pattern_b kind = !b                                        ? PATTERN_NONE
			      : select_immediate(s, b, width / 8, &imm) ? PATTERN_IMM
									: PATTERN_REG;
	bool is_shift = in->op == IR_SHL || in->op == IR_LSHR || in->op == IR_ASHR;
	bool is_division = in->op == IR_UDIV || in->op == IR_UREM;
	if (is_shift)
		imm &= (int32_t)width - 1;
	if (is_division && kind == PATTERN_IMM && !imm)
		kind = PATTERN_REG; // the verifier refuses a constant zero here
	enum bpf_op op = select_pattern(s, (enum ir_op)in->op, width, kind);
	if (op == BPF_OP_COUNT) {
		select_expand(s, r);
		return;
	}
	mir_reg dst = select_result(s, r);
	if (mir_roles(op) & MIR_USE_SRC && kind == PATTERN_NONE) { // sign extensions
		select_alu(s, op, dst, select_reg(s, a));
		return;
	}
	mir_reg src = kind == PATTERN_REG ? select_reg(s, b) : MIR_NO_REG;
	select_into(s, dst, a);
	if (kind == PATTERN_REG)
		select_alu(s, op, dst, src);
	else
		select_alu_imm(s, op, dst, imm);
}

/* Gives a value its zero upper half when somebody counts on it and nature does not provide. */
static void widen(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	if (in->type != IR_I32 || !s->is_wide[r] || is_wide_by_nature(s, r))
		return;
	if (in->op == IR_PHI || in->op == IR_SELECT || in->op == IR_TRUNC)
		return;
	select_alu(s, BPF_OP_MOV32_REG, s->reg_of[r], s->reg_of[r]);
}

static void select_insn(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	bool is_used = s->is_needed[r];
	if (!is_used && !has_effect(in))
		return;
	s->where = s->ir->spans.data[r];
	switch (in->op) {
	case IR_PARAM:
	case IR_SLOT:
	case IR_GLOBAL:
	case IR_MAP:
	case IR_FUNC:
	case IR_ZEXT32:
	case IR_PTRINT:
	case IR_INTPTR:
		return; // made on demand
	case IR_PHI:
		select_copy(s, select_result(s, r), phi_in(s, r));
		return;
	case IR_TRUNC:
		if (s->is_wide[r] || ir_is_const(in->a))
			select_alu(s, BPF_OP_MOV32_REG, select_result(s, r), select_reg(s, in->a));
		return;
	case IR_SELECT:
		choose(s, select_result(s, r), in->a, in->b, in->c);
		return;
	case IR_LOAD:
	case IR_CTX_LOAD:
		select_load(s, r);
		break;
	case IR_STORE:
	case IR_CTX_STORE:
		select_store_to(s, select_address(s, in->a, in->imm), IR_MEM_WIDTH(in->aux), in->b);
		return;
	case IR_ATOMIC:
		select_atomic(s, r);
		break;
	case IR_MEMZERO:
		select_memzero(s, r);
		return;
	case IR_MEMCPY:
		select_memcpy(s, r);
		return;
	case IR_MAP_LOOKUP:
	case IR_MAP_UPDATE:
	case IR_MAP_DELETE:
		select_map_op(s, r);
		break;
	case IR_CALL:
	case IR_CALL_EXTERN:
	case IR_CALL_PTR:
		select_call(s, r);
		break;
	default:
		if (ir_ops[in->op].effect == IR_EFF_CONTROL) {
			select_end(s, in);
			return;
		}
		if (is_compare((enum ir_op)in->op)) {
			s->is_needed[r] = false; // the test itself must not ask for its own result
			mir_reg dst = select_result(s, r);
			choose(s, dst, r, IR_REF_NONE, IR_REF_NONE);
			s->is_needed[r] = true;
			return;
		}
		select_arithmetic(s, r);
	}
	if (is_used)
		widen(s, r);
}

/* Parameters arrive in r1 to r5; they are taken over at once, in order. */
static void select_params(struct select *s)
{
	struct ir_fn *fn = s->ir;
	ir_ref params[5] = {0};
	for (ir_ref r = fn->blocks.data[0].first; r; r = fn->next.data[r]) {
		const struct ir_insn *in = ir_get(fn, r);
		if (in->op == IR_PARAM && s->is_needed[r] && in->index < 5 && !params[in->index])
			params[in->index] = r;
		else if (in->op == IR_PARAM && s->is_needed[r] && in->index < 5)
			s->reg_of[r] = select_result(s, params[in->index]);
	}
	s->where = fn->where;
	for (uint32_t i = 0; i < 5; i++)
		if (params[i])
			select_copy(s, select_result(s, params[i]), MIR_R1 + i);
	for (uint32_t i = 0; i < 5; i++)
		if (params[i])
			widen(s, params[i]);
}

static void make_blocks(struct select *s, const struct ir_loops *loops)
{
	struct ir_fn *fn = s->ir;
	s->block_of = ARENA_ARRAY(s->arena, uint32_t, fn->blocks.len);
	for (uint32_t i = 0; i < s->doms.rpo_count; i++) {
		uint32_t b = s->doms.rpo[i], loop = loops->loop_of[b];
		uint32_t mb = mir_add_block(s->out, UINT32_MAX);
		uint32_t depth = loop == UINT32_MAX ? 0 : loops->loops[loop].depth;
		s->block_of[b] = mb;
		s->out->blocks.data[mb].loop = loop;
		s->out->blocks.data[mb].depth = (uint8_t)(depth < 8 ? depth : 8);
	}
	for (uint32_t i = 0; i < fn->slots.len; i++) {
		const struct ir_slot *slot = &fn->slots.data[i];
		uint32_t align = slot->size >= 8 ? 8 : slot->align;
		mir_add_slot(s->out, slot->name, slot->size, align, slot->where);
	}
}

static void init(struct select *s)
{
	uint32_t n = s->ir->insns.len;
	s->doms = ir_find_doms(s->ir, s->arena);
	s->uses = ir_count_uses(s->ir, s->arena);
	s->is_needed = ARENA_ARRAY(s->arena, bool, n);
	s->is_wide = ARENA_ARRAY(s->arena, bool, n);
	s->reg_of = ARENA_ARRAY(s->arena, mir_reg, n);
	s->phi_in = ARENA_ARRAY(s->arena, mir_reg, n);
	memset(s->reg_of, 0xff, n * sizeof *s->reg_of);
	memset(s->phi_in, 0xff, n * sizeof *s->phi_in);
	for (uint32_t i = 0; i < IR_SECTION_COUNT; i++)
		s->section_base[i] = MIR_NO_REG;
	s->temp_slot[0] = s->temp_slot[1] = UINT32_MAX;
}

/* Puts the section addresses that loops use where the function begins. */
static void hoist_sections(struct select *s)
{
	struct mir_block *entry = &s->out->blocks.data[0];
	struct mir_block grown = {0};
	for (uint32_t i = 0; i < entry->insns.len; i++) {
		bool is_param = entry->insns.data[i].op == MIR_COPY &&
				entry->insns.data[i].src < MIR_FIRST_VREG;
		for (uint32_t k = 0; k < IR_SECTION_COUNT && !is_param; k++) {
			if (s->section_base[k] == MIR_NO_REG)
				continue;
			struct mir_insn in = {.op = BPF_OP_LD_IMM64,
					      .dst = s->section_base[k],
					      .src = MIR_NO_REG,
					      .relo = BPF_RELO_SECTION + 1,
					      .index = k};
			vec_push(s->out->arena, &grown.insns, in);
			s->section_base[k] = MIR_NO_REG;
		}
		vec_push(s->out->arena, &grown.insns, entry->insns.data[i]);
	}
	memcpy(&entry->insns, &grown.insns, sizeof entry->insns);
}

/* Constant conditions leave blocks behind that nothing leads to. */
static void drop_unreachable(struct select *s)
{
	uint32_t count;
	uint32_t *order = mir_reverse_postorder(s->out, s->arena, &count);
	struct bits reached = bits_make(s->arena, s->out->blocks.len);
	for (uint32_t i = 0; i < count; i++)
		bits_add(&reached, order[i]);
	for (uint32_t b = 0; b < s->out->blocks.len; b++) {
		if (bits_has(&reached, b))
			continue;
		s->out->blocks.data[b].insns.len = 0;
		s->out->blocks.data[b].succ_count = 0;
	}
}

struct mir_fn *mir_select(const struct select_context *context, struct ir_fn *fn,
			  struct arena *arena)
{
	struct mir_fn *out = ARENA_NEW(arena, struct mir_fn);
	*out = (struct mir_fn){.arena = arena,
			       .compile = context->module->compile,
			       .name = fn->name,
			       .where = fn->where,
			       .isa = context->options->isa,
			       .reg_count = MIR_FIRST_VREG};
	struct select s = {.context = context,
			   .compile = context->module->compile,
			   .module = context->module,
			   .ir = fn,
			   .out = out,
			   .arena = arena};
	init(&s);
	struct ir_loops loops = ir_find_loops(fn, &s.doms, arena);
	make_blocks(&s, &loops);
	struct plan plan = {.s = &s};
	plan_width(&plan);
	plan_values(&plan);
	for (uint32_t i = 0; i < s.doms.rpo_count; i++) {
		s.ir_block = s.doms.rpo[i];
		s.block = s.block_of[s.ir_block];
		select_forget_made(&s);
		if (!i)
			select_params(&s);
		for (ir_ref r = fn->blocks.data[s.ir_block].first; r; r = fn->next.data[r])
			select_insn(&s, r);
	}
	hoist_sections(&s);
	drop_unreachable(&s);
	mir_find_preds(out);
	return s.failed ? NULL : out;
}
