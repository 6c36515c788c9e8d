/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an operation and its operands to a record, and from a record to bytes. Fields that the table
 * fixes are never taken from the caller.
 */
#include "bpf-backend/isa/insn.h"

#include <assert.h>

struct bpf_record insn_make(enum bpf_op op, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	const struct insn_info *info = &insn_table[op];
	assert(dst < 16 && src < 16 && "a register number");
	return (struct bpf_record){
		.opcode = info->opcode,
		.dst = dst & 15,
		.src = (info->src == INSN_ANY_SRC ? src : (unsigned)info->src) & 15,
		.off = info->off == INSN_ANY ? off : (int16_t)info->off,
		.imm = info->imm == INSN_ANY ? imm : info->imm,
	};
}

void insn_make64(enum bpf_op op, unsigned dst, uint64_t imm, struct bpf_record out[2])
{
	assert(insn_table[op].form == INSN_FORM_LD64 && "an operation of two records");
	out[0] = insn_make(op, dst, 0, 0, (int32_t)(uint32_t)imm);
	out[1] = (struct bpf_record){.imm = (int32_t)(uint32_t)(imm >> 32)};
}

static void put(uint8_t *out, uint32_t value, unsigned size, bool big_endian)
{
	for (unsigned i = 0; i < size; i++)
		out[big_endian ? size - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

void insn_encode(const struct bpf_record *record, bool big_endian, uint8_t *out)
{
	out[0] = record->opcode;
	out[1] = (uint8_t)(big_endian ? record->dst << 4 | record->src
				      : record->src << 4 | record->dst);
	put(out + 2, (uint16_t)record->off, 2, big_endian);
	put(out + 4, (uint32_t)record->imm, 4, big_endian);
}
