/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a BPF instruction is: the 8-byte record, the table of opcodes and the questions that
 * everybody asks of it. Shared by code generation and the verifier simulation; knows nothing of
 * either. Opcode values: include/uapi/linux/bpf.h and Documentation/bpf/standardization,
 * Linux 6.12.
 */
#ifndef KS_ISA_INSN_H
#define KS_ISA_INSN_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/buf.h"

/* The record as it stands in memory and in a little-endian object. ld_imm64 takes two. */
struct bpf_record {
	uint8_t opcode;
	uint8_t dst : 4,
		src : 4; // order of a little-endian machine; encode.c and decode.c do the other one
	int16_t off;
	int32_t imm;
};
_Static_assert(sizeof(struct bpf_record) == 8, "as the kernel's struct bpf_insn");

enum bpf_op {
#define INSN(id, ...) id,
#include "bpf-backend/isa/insns.def"
#undef INSN
	BPF_OP_COUNT
};

#endif
