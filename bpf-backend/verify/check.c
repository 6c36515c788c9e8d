/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Obligations on registers that follow from an instruction's form (requires.def), decided against the
 * present state.
 */
#include "bpf-backend/verify/inside.h"

enum { DST = 1, SRC = 2, R0 = 4, R6 = 8 };
enum rule { NONE, IMMEDIATE };

static const struct requirement {
	uint8_t read, write, rule;
} requirements[INSN_FORM_COUNT] = {
#define REQUIRES(form, read, write, rule) [INSN_FORM_##form] = {read, write, rule},
#include "bpf-backend/verify/requires.def"
#undef REQUIRES
};

bool verify_check_readable(struct verifier *v, unsigned reg)
{
	if (reg >= BPF_REG_COUNT)
		return verify_refuse(v, VERIFY_BAD_CODE, -1, "there is no register r%u", reg);
	if (reg_at(v, reg)->kind == REG_NONE)
		return verify_refuse(v, VERIFY_UNINIT, (int)reg,
				     "r%u is read here but has no value", reg);
	return true;
}

bool verify_check_writable(struct verifier *v, unsigned reg)
{
	if (reg >= BPF_REG_COUNT)
		return verify_refuse(v, VERIFY_BAD_CODE, -1, "there is no register r%u", reg);
	if (reg == BPF_R10)
		return verify_refuse(v, VERIFY_FRAME_POINTER, BPF_R10,
				     "the frame pointer cannot be changed");
	return true;
}

static bool check_immediate(struct verifier *v, const struct bpf_record *i, enum bpf_op op)
{
	unsigned alu = i->opcode >> 4;
	int width = insn_is_32bit(op) ? 32 : 64;
	if ((alu == ALU_DIV || alu == ALU_MOD) && !i->imm)
		return verify_refuse(v, VERIFY_DIVISION, -1, "it divides by zero");
	if ((alu == ALU_LSH || alu == ALU_RSH || alu == ALU_ARSH) &&
	    (i->imm < 0 || i->imm >= width))
		return verify_refuse(v, VERIFY_BAD_CODE, -1, "it shifts %d bits by %d", width,
				     i->imm);
	return true;
}

bool verify_check_obligations(struct verifier *v, const struct bpf_record *i, enum bpf_op op)
{
	const struct requirement *r = &requirements[insn_table[op].form];
	if ((r->read & SRC && !verify_check_readable(v, i->src)) ||
	    (r->read & DST && !verify_check_readable(v, i->dst)) ||
	    (r->read & R0 && !verify_check_readable(v, 0)) ||
	    (r->read & R6 && !verify_check_readable(v, 6)))
		return false;
	if ((r->write & DST && !verify_check_writable(v, i->dst)) ||
	    (r->write & SRC && !verify_check_writable(v, i->src)))
		return false;
	return r->rule != IMMEDIATE || check_immediate(v, i, op);
}
