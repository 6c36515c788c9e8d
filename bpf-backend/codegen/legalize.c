/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that the machine lacks, as short sequences.
 *
 * Signed division exists from instruction set v4 on, but its MIN / -1 traps on x86 before Linux 6.12
 * (do_misc_fixups has the cure since). Where it cannot be used it is built from the unsigned one: with s(x) = x >>s (bits - 1), |x| = (x ^ s(x)) - s(x), the quotient is |a| / |b| with the sign of a ^ b
 * and the remainder |a| % |b| with the sign of a. MIN is its own absolute value as an unsigned number,
 * and the machine's x / 0 = 0, x % 0 = x are what the IR asks for. Powers of two become shifts.
 */
#include "bpf-backend/codegen/select.h"

static enum bpf_op sized(enum bpf_op op64, unsigned width)
{
	return width == 64 ? op64 : insn_other_width(op64);
}

void select_sign_extend(struct select *s, mir_reg dst, mir_reg src, unsigned bits, unsigned width)
{
	enum ir_op op = bits == 8 ? IR_EXT8S : bits == 16 ? IR_EXT16S : IR_SEXT32;
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
	mir_reg from = select_reg(s, a);
	if (!is_rem) {
		adjusted_dividend(s, dst, from, k, width);
		select_alu_imm(s, sized(BPF_OP_ARSH64_IMM, width), dst, (int32_t)k);
		return true;
	}
	if (k >= 31)
		return false; // the mask is no immediate
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
	unsigned width = in->type == IR_I32 ? 32 : 64;
	bool is_rem = in->op == IR_SREM;
	mir_reg dst = select_result(s, r);
	if (ir_is_const(in->b) &&
	    divide_by_power(s, dst, in->a, ir_get_const(s->ir, in->b)->bits, is_rem, width))
		return;
	if (divide_natively(s, r, width))
		return;
	mir_reg a = select_reg(s, in->a), b = select_reg(s, in->b);
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

void select_expand(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	unsigned width = in->type == IR_I32 ? 32 : 64;
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
	default:
		unreachable("an operation without a pattern");
	}
}
