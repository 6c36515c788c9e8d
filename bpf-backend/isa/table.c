/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction table and the questions that its columns answer. Nothing here names a single
 * instruction: what an operation is follows from its row, its form and the fields of its opcode.
 */
#include "bpf-backend/isa/insn.h"

#include <stddef.h>

enum {
	ANY = INSN_ANY,
	DST = 1 << 11,
	SRC = 1 << 12,
	R0 = 1 << BPF_R0,
	R6 = 1 << BPF_R6,
	ARGS = 1 << BPF_R1 | 1 << BPF_R2 | 1 << BPF_R3 | 1 << BPF_R4 | 1 << BPF_R5,
};

#define NEVER KERNEL_NEVER
#define SRC_FIELD(src) ((src) == ANY ? INSN_ANY_SRC : (int8_t)(src))

const struct insn_info insn_table[BPF_OP_COUNT] = {
#define INSN(id, text, opcode, src, off, imm, form, isa, kernel)                                   \
	[id] = {#id, text, opcode, INSN_FORM_##form, isa, SRC_FIELD(src), off, imm, kernel},
#include "bpf-backend/isa/insns.def"
#undef INSN
};

static const struct {
	uint16_t reads, writes;
	uint8_t flow;
} forms[INSN_FORM_COUNT] = {
#define FORM(id, reads, writes, flow) [INSN_FORM_##id] = {reads, writes, INSN_FLOW_##flow},
#include "bpf-backend/isa/forms.def"
#undef FORM
};

enum insn_flow insn_flow(enum bpf_op op)
{
	return (enum insn_flow)forms[insn_table[op].form].flow;
}

bool insn_is_32bit(enum bpf_op op)
{
	unsigned class = insn_table[op].opcode & 7;
	return (class == 4 && insn_table[op].form != INSN_FORM_UNARY) ||
	       (class == 4 && insn_table[op].imm == 0) ||
	       (class == 6 && insn_table[op].form != INSN_FORM_JUMP_LONG);
}

static bool is_memory(enum bpf_op op)
{
	unsigned class = insn_table[op].opcode & 7;
	return class <= 3 && insn_table[op].form != INSN_FORM_LD64;
}

unsigned insn_width(enum bpf_op op)
{
	static const uint8_t width[4] = {4, 2, 1, 8};
	return is_memory(op) ? width[insn_table[op].opcode >> 3 & 3] : 0;
}

bool insn_is_load(enum bpf_op op)
{
	unsigned form = insn_table[op].form;
	return is_memory(op) && form != INSN_FORM_STORE_REG && form != INSN_FORM_STORE_IMM &&
	       form != INSN_FORM_STORE_REL && form != INSN_FORM_ATOMIC;
}

bool insn_is_store(enum bpf_op op)
{
	unsigned class = insn_table[op].opcode & 7;
	return (class == 2 || class == 3) && insn_table[op].form != INSN_FORM_LOAD_ACQ;
}

bool insn_is_jump(enum bpf_op op)
{
	enum insn_flow flow = insn_flow(op);
	return flow == INSN_FLOW_BRANCH ||
	       (flow == INSN_FLOW_JUMP && insn_table[op].form != INSN_FORM_JUMP_REG);
}

static bool takes(int32_t column, int32_t value)
{
	return column == INSN_ANY || column == value;
}

enum bpf_op insn_find(const struct bpf_record *r)
{
	// First row of each opcode, plus one; 0 for an opcode that does not exist.
	static const uint8_t first[256] = {
#define INSN(id, text, opcode, ...) [opcode] = id + 1,
#define INSN_VARIANT(...)
#include "bpf-backend/isa/insns.def"
#undef INSN
	};
	_Static_assert(BPF_OP_COUNT < 255, "row numbers fit the index");
	for (unsigned op = first[r->opcode]; op && op <= BPF_OP_COUNT; op++) {
		const struct insn_info *info = &insn_table[op - 1];
		if (info->opcode != r->opcode)
			break;
		if ((info->src == INSN_ANY_SRC || info->src == r->src) &&
		    takes(info->off, r->off) && takes(info->imm, r->imm))
			return (enum bpf_op)(op - 1);
	}
	return BPF_OP_COUNT;
}

unsigned insn_records(const struct bpf_record *record)
{
	return record->opcode == insn_table[BPF_OP_LD_IMM64].opcode ? 2 : 1;
}

/* Operation with another opcode and the same fixed fields. */
static enum bpf_op with_opcode(enum bpf_op op, unsigned opcode)
{
	const struct insn_info *info = &insn_table[op];
	struct bpf_record r = {.opcode = (uint8_t)opcode};
	r.off = info->off == INSN_ANY ? 0 : (int16_t)info->off;
	return insn_find(&r);
}

enum bpf_op insn_imm_form(enum bpf_op op)
{
	unsigned form = insn_table[op].form;
	if (form == INSN_FORM_ALU_REG || form == INSN_FORM_MOV_REG || form == INSN_FORM_BRANCH_REG)
		return with_opcode(op, insn_table[op].opcode & ~8u);
	if (form == INSN_FORM_STORE_REG) // class STX to class ST
		return with_opcode(op, insn_table[op].opcode & ~1u);
	return BPF_OP_COUNT;
}

enum bpf_op insn_reg_form(enum bpf_op op)
{
	unsigned form = insn_table[op].form;
	if (form == INSN_FORM_ALU_IMM || form == INSN_FORM_MOV_IMM || form == INSN_FORM_BRANCH_IMM)
		return with_opcode(op, insn_table[op].opcode | 8u);
	if (form == INSN_FORM_STORE_IMM)
		return with_opcode(op, insn_table[op].opcode | 1u);
	return BPF_OP_COUNT;
}

enum bpf_op insn_other_width(enum bpf_op op)
{
	unsigned class = insn_table[op].opcode & 7, form = insn_table[op].form;
	bool is_arithmetic = class == 4 || class == 7;
	bool is_branch = form == INSN_FORM_BRANCH_REG || form == INSN_FORM_BRANCH_IMM;
	if (!is_branch && (!is_arithmetic || insn_table[op].imm > 1))
		return BPF_OP_COUNT;
	return with_opcode(op, insn_table[op].opcode ^ 3u); // 4 and 7, 5 and 6
}

/* Both maps work on the condition, the upper half of the opcode: EQ 1, GT 2, GE 3, SET 4, NE 5,
 * SGT 6, SGE 7, LT a, LE b, SLT c, SLE d. */
static enum bpf_op with_condition(enum bpf_op op, const uint8_t *conditions)
{
	unsigned form = insn_table[op].form;
	if (form != INSN_FORM_BRANCH_REG && form != INSN_FORM_BRANCH_IMM)
		return BPF_OP_COUNT;
	unsigned condition = conditions[insn_table[op].opcode >> 4];
	if (!condition)
		return BPF_OP_COUNT;
	return with_opcode(op, condition << 4 | (insn_table[op].opcode & 15u));
}

enum bpf_op insn_negate(enum bpf_op op)
{
	static const uint8_t not [16] = {
		[0x1] = 0x5, [0x5] = 0x1, [0x2] = 0xb, [0xb] = 0x2, [0x3] = 0xa,
		[0xa] = 0x3, [0x6] = 0xd, [0xd] = 0x6, [0x7] = 0xc, [0xc] = 0x7};
	return with_condition(op, not );
}

enum bpf_op insn_swap(enum bpf_op op)
{
	static const uint8_t swap[16] = {
		[0x1] = 0x1, [0x5] = 0x5, [0x4] = 0x4, [0x2] = 0xa, [0xa] = 0x2, [0x3] = 0xb,
		[0xb] = 0x3, [0x6] = 0xc, [0xc] = 0x6, [0x7] = 0xd, [0xd] = 0x7};
	if (insn_table[op].form != INSN_FORM_BRANCH_REG)
		return BPF_OP_COUNT;
	return with_condition(op, swap);
}

bool insn_is_available(enum bpf_op op, int isa, uint32_t kernel)
{
	return insn_table[op].isa <= isa && insn_table[op].kernel <= kernel &&
	       insn_table[op].kernel != KERNEL_NEVER;
}

static uint32_t register_set(uint32_t set, const struct bpf_record *r)
{
	uint32_t regs = set & (DST - 1);
	if (set & DST)
		regs |= 1u << r->dst;
	if (set & SRC)
		regs |= 1u << r->src;
	return regs;
}

uint32_t insn_reads(const struct bpf_record *record)
{
	enum bpf_op op = insn_find(record);
	return op == BPF_OP_COUNT ? 0 : register_set(forms[insn_table[op].form].reads, record);
}

uint32_t insn_writes(const struct bpf_record *record)
{
	enum bpf_op op = insn_find(record);
	return op == BPF_OP_COUNT ? 0 : register_set(forms[insn_table[op].form].writes, record);
}

int32_t insn_jump_offset(const struct bpf_record *record)
{
	enum bpf_op op = insn_find(record);
	if (op == BPF_OP_COUNT || !insn_is_jump(op))
		return 0;
	return insn_table[op].form == INSN_FORM_JUMP_LONG ? record->imm : record->off;
}

bool insn_set_jump_offset(struct bpf_record *record, int64_t offset)
{
	enum bpf_op op = insn_find(record);
	if (op != BPF_OP_COUNT && insn_table[op].form == INSN_FORM_JUMP_LONG) {
		record->imm = (int32_t)offset;
		return record->imm == offset;
	}
	record->off = (int16_t)offset;
	return record->off == offset;
}
