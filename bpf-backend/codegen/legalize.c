/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that the machine lacks, as short sequences.
 *
 * Signed division exists from instruction set v4 on, but its MIN / -1 traps on x86 before Linux 6.12
 * (do_misc_fixups has the cure since). Where it cannot be used it is built from the unsigned one: with s(x) = x >>s (bits - 1), |x| = (x ^ s(x)) - s(x), the quotient is |a| / |b| with the sign of a ^ b
 * and the remainder |a| % |b| with the sign of a. MIN is its own absolute value as an unsigned number,
 * and the machine's x / 0 = 0, x % 0 = x are what the IR asks for. Powers of two become shifts.
 *
 * Before v3 there is no 32-bit arithmetic: what depends on the sign of an I32 works on its 64-bit form.
 */
#include "bpf-backend/codegen/select.h"

static enum bpf_op sized(enum bpf_op op64, unsigned width)
{
	return width == 64 ? op64 : insn_other_width(op64);
}

void select_sign_extend(struct select *s, mir_reg dst, mir_reg src, unsigned bits, unsigned width)
{
	enum ir_op op = bits == 8 ? IR_EXT8S : bits == 16 ? IR_EXT16S : IR_SEXT32;
	width = select_alu_width(s, width);
	enum bpf_op direct = select_pattern(s, op, width, PATTERN_NONE);
	if (direct != BPF_OP_COUNT) {
		select_alu(s, direct, dst, src);
		return;
	}
	if (dst != src)
		select_copy(s, dst, src);
	select_alu_imm(s, sized(BPF_OP_LSH64_IMM, width), dst, (int32_t)(width - bits));
	select_alu_imm(s, sized(BPF_OP_ARSH64_IMM, width), dst, (int32_t)(width - bits));
}

void select_zero_extend(struct select *s, mir_reg dst, mir_reg src)
{
	if (select_has_alu32(s)) {
		select_alu(s, BPF_OP_MOV32_REG, dst, src);
		return;
	}
	if (dst != src)
		select_copy(s, dst, src);
	select_alu_imm(s, BPF_OP_LSH64_IMM, dst, 32);
	select_alu_imm(s, BPF_OP_RSH64_IMM, dst, 32);
}

mir_reg select_signed(struct select *s, ir_ref r)
{
	if (select_has_alu32(s) || ir_type_of(s->ir, r) != IR_I32)
		return select_reg(s, r);
	mir_reg wide = mir_new_reg(s->out);
	if (ir_is_const(r))
		select_const(s, wide, IR_I64,
			     (uint64_t)(int64_t)(int32_t)ir_get_const(s->ir, r)->bits);
	else
		select_sign_extend(s, wide, select_reg(s, r), 32, 64);
	return wide;
}

/* Fresh register with all bits of src's sign. */
static mir_reg sign_of(struct select *s, mir_reg src, unsigned width)
{
	mir_reg sign = mir_new_reg(s->out);
	select_copy(s, sign, src);
	select_alu_imm(s, sized(BPF_OP_ARSH64_IMM, width), sign, (int32_t)width - 1);
	return sign;
}

/* dst = sign ? -dst : dst */
static void apply_sign(struct select *s, mir_reg dst, mir_reg sign, unsigned width)
{
	select_alu(s, sized(BPF_OP_XOR64_REG, width), dst, sign);
	select_alu(s, sized(BPF_OP_SUB64_REG, width), dst, sign);
}

static mir_reg absolute(struct select *s, mir_reg src, mir_reg sign, unsigned width)
{
	mir_reg abs = mir_new_reg(s->out);
	select_copy(s, abs, src);
	apply_sign(s, abs, sign, width);
	return abs;
}

/* Signed division by 2^k, 0 < k < width - 1: negative dividends are rounded towards zero by adding
 * 2^k - 1 first. dst becomes the dividend so adjusted. */
static void adjusted_dividend(struct select *s, mir_reg dst, mir_reg a, unsigned k, unsigned width)
{
	select_copy(s, dst, a);
	select_alu_imm(s, sized(BPF_OP_ARSH64_IMM, width), dst, (int32_t)width - 1);
	select_alu_imm(s, sized(BPF_OP_RSH64_IMM, width), dst, (int32_t)(width - k));
	select_alu(s, sized(BPF_OP_ADD64_REG, width), dst, a);
}

static bool divide_by_power(struct select *s, mir_reg dst, ir_ref a, uint64_t divisor, bool is_rem,
			    unsigned width)
{
	if (!divisor || divisor & (divisor - 1) || divisor == 1 || divisor >> (width - 1))
		return false;
	unsigned k = (unsigned)__builtin_ctzll(divisor);
	if (is_rem && k >= 31)
		return false; // the mask is no immediate
	mir_reg from = select_signed(s, a);
	if (!is_rem) {
		adjusted_dividend(s, dst, from, k, width);
		select_alu_imm(s, sized(BPF_OP_ARSH64_IMM, width), dst, (int32_t)k);
		return true;
	}
	mir_reg whole = mir_new_reg(s->out);
	adjusted_dividend(s, whole, from, k, width);
	select_alu_imm(s, sized(BPF_OP_AND64_IMM, width), whole, -(int32_t)divisor);
	select_copy(s, dst, from);
	select_alu(s, sized(BPF_OP_SUB64_REG, width), dst, whole);
	return true;
}

/* The machine's own signed division, where it is known to be harmless. */
static bool divide_natively(struct select *s, ir_ref r, unsigned width)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	enum bpf_op op = sized(in->op == IR_SDIV ? BPF_OP_SDIV64_REG : BPF_OP_SMOD64_REG, width);
	mir_reg dst = s->reg_of[r];
	int32_t imm;
	if (s->out->isa < 4)
		return false;
	if (select_immediate(s, in->b, width / 8, &imm) && imm && imm != -1) {
		select_into(s, dst, in->a);
		select_alu_imm(s, insn_imm_form(op), dst, imm);
		return true;
	}
	if (s->context->options->kernel < KERNEL_AT(6, 12))
		return false;
	mir_reg divisor = select_reg(s, in->b);
	select_into(s, dst, in->a);
	select_alu(s, op, dst, divisor);
	return true;
}

static void divide(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	unsigned width = select_alu_width(s, in->type == IR_I32 ? 32 : 64);
	bool is_rem = in->op == IR_SREM;
	mir_reg dst = select_result(s, r);
	if (ir_is_const(in->b)) {
		uint64_t divisor = ir_get_const(s->ir, in->b)->bits;
		if (in->type == IR_I32 && width == 64)
			divisor = (uint64_t)(int64_t)(int32_t)divisor;
		if (divide_by_power(s, dst, in->a, divisor, is_rem, width))
			return;
	}
	if (divide_natively(s, r, width))
		return;
	mir_reg a = select_signed(s, in->a), b = select_signed(s, in->b);
	mir_reg sign_a = sign_of(s, a, width), sign_b = sign_of(s, b, width);
	mir_reg abs_b = absolute(s, b, sign_b, width);
	mir_reg sign = sign_a;
	select_copy(s, dst, a);
	apply_sign(s, dst, sign_a, width);
	if (!is_rem) {
		sign = mir_new_reg(s->out);
		select_copy(s, sign, sign_a);
		select_alu(s, sized(BPF_OP_XOR64_REG, width), sign, sign_b);
	}
	select_alu(s, sized(is_rem ? BPF_OP_MOD64_REG : BPF_OP_DIV64_REG, width), dst, abs_b);
	apply_sign(s, dst, sign, width);
}

/* Shifts of an I32 on a machine that can shift 64 bits only. */
static void shift_old(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	mir_reg dst = select_result(s, r), amount = MIR_NO_REG;
	enum bpf_op op = in->op == IR_SHL    ? BPF_OP_LSH64_REG
			 : in->op == IR_LSHR ? BPF_OP_RSH64_REG
					     : BPF_OP_ARSH64_REG;
	int32_t imm;
	bool is_constant = select_immediate(s, in->b, 4, &imm);
	if (!is_constant) {
		amount = mir_new_reg(s->out);
		select_into(s, amount, in->b);
		select_alu_imm(s, BPF_OP_AND64_IMM, amount, 31);
	}
	if (in->op == IR_ASHR)
		select_copy(s, dst, select_signed(s, in->a));
	else
		select_into(s, dst, in->a);
	if (is_constant)
		select_alu_imm(s, insn_imm_form(op), dst, imm & 31);
	else
		select_alu(s, op, dst, amount);
}

void select_turn_branches(struct mir_fn *fn)
{
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct mir_block *block = &fn->blocks.data[b];
		if (block->succ_count != 2)
			continue;
		struct mir_insn *end = &vec_last(&block->insns);
		if (insn_table[end->op].isa <= fn->isa)
			continue;
		enum bpf_op swapped = insn_swap((enum bpf_op)end->op);
		if (swapped != BPF_OP_COUNT) {
			mir_reg dst = end->dst;
			end->op = (uint16_t)swapped;
			end->dst = end->src;
			end->src = dst;
			continue;
		}
		uint32_t taken = block->succs[0];
		end->op = (uint16_t)insn_negate((enum bpf_op)end->op);
		block->succs[0] = block->succs[1];
		block->succs[1] = taken;
		block->likely = ir_unlikely((enum ir_likely)block->likely);
	}
}

void select_expand(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	unsigned width = select_alu_width(s, in->type == IR_I32 ? 32 : 64);
	mir_reg dst = select_result(s, r);
	switch (in->op) {
	case IR_NOT:
		select_into(s, dst, in->a);
		select_alu_imm(s, sized(BPF_OP_XOR64_IMM, width), dst, -1);
		break;
	case IR_EXT8U:
	case IR_EXT16U:
		select_into(s, dst, in->a);
		select_alu_imm(s, sized(BPF_OP_AND64_IMM, width), dst,
			       in->op == IR_EXT8U ? 0xff : 0xffff);
		break;
	case IR_EXT8S:
	case IR_EXT16S:
	case IR_SEXT32:
		select_sign_extend(s, dst, select_reg(s, in->a),
				   in->op == IR_EXT8S    ? 8
				   : in->op == IR_EXT16S ? 16
							 : 32,
				   width);
		break;
	case IR_SDIV:
	case IR_SREM:
		divide(s, r);
		break;
	case IR_SHL:
	case IR_LSHR:
	case IR_ASHR:
		shift_old(s, r);
		break;
	default:
		unreachable("an operation without a pattern");
	}
}
