/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a BPF instruction is: the 8-byte record, the table of opcodes and the questions that
 * everybody asks of it. Shared by code generation and the verifier simulation; knows nothing of
 * either. Opcode values: include/uapi/linux/bpf.h and Documentation/bpf/standardization,
 * Linux 6.12.
 *
 * A record is made with insn_make() from an operation of insns.def and its operands; insn_find()
 * goes the other way. Everything else is a column of the table.
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

enum insn_form {
#define FORM(id, ...) INSN_FORM_##id,
#include "bpf-backend/isa/forms.def"
#undef FORM
	INSN_FORM_COUNT
};

enum insn_flow {
	INSN_FLOW_NEXT,
	INSN_FLOW_BRANCH, // to its target or on
	INSN_FLOW_JUMP,   // to its target
	INSN_FLOW_CALL,
	INSN_FLOW_EXIT,
};

/* A kernel release as a number that compares. */
#define KERNEL_AT(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor) << 8)
/* Release of an instruction that no kernel takes. */
#define KERNEL_NEVER UINT32_MAX

/* Value of the columns src, off and imm for "an operand". */
#define INSN_ANY INT32_MIN

struct insn_info {
	const char *name; // "BPF_OP_ADD64_REG"
	const char *text; // "+="
	uint8_t opcode;
	uint8_t form; // enum insn_form
	uint8_t isa;  // 1 to 4
	int8_t src;   // INSN_ANY_SRC or the fixed value
	int32_t off, imm;
	uint32_t kernel;
};
#define INSN_ANY_SRC -1

extern const struct insn_info insn_table[BPF_OP_COUNT];

enum {
	BPF_R0,
	BPF_R1,
	BPF_R2,
	BPF_R3,
	BPF_R4,
	BPF_R5,
	BPF_R6,
	BPF_R7,
	BPF_R8,
	BPF_R9,
	BPF_R10, // frame pointer, read only
	BPF_REG_COUNT
};

/* Record of an operation. Fields that the table fixes are set from it; the others come from the
 * arguments, of which an unused one must be 0. For LD64 forms insn_make64() is the way. */
struct bpf_record insn_make(enum bpf_op op, unsigned dst, unsigned src, int16_t off, int32_t imm);
/* Both records of a 64-bit immediate. For a reference imm's low half is what src says (a map's
 * number, for example) and the high half the offset in its value. */
void insn_make64(enum bpf_op op, unsigned dst, uint64_t imm, struct bpf_record out[2]);
/* Operation of a record, BPF_OP_COUNT when it is none. Fields without a meaning must be 0. */
enum bpf_op insn_find(const struct bpf_record *record);
/* 1, or 2 for the LD64 forms. Depends on the opcode alone. */
unsigned insn_records(const struct bpf_record *record);

/* The byte form. `out` and `bytes` have 8 bytes. */
void insn_encode(const struct bpf_record *record, bool big_endian, uint8_t *out);
struct bpf_record insn_decode(const uint8_t *bytes, bool big_endian);

/* ---- questions about an operation ---- */

enum insn_flow insn_flow(enum bpf_op op);
/* Only the low 32 bits of the operands count (ALU32 writes zero above them, JMP32). */
bool insn_is_32bit(enum bpf_op op);
/* Bytes that a memory operation touches; 0 for the others. */
unsigned insn_width(enum bpf_op op);
bool insn_is_load(enum bpf_op op);  // LOAD, LOAD_ACQ and the fetching atomics
bool insn_is_store(enum bpf_op op); // STORE_*, STORE_REL and all atomics
bool insn_is_jump(enum bpf_op op);  // takes a jump offset: branches, goto, gotol, may_goto
/* Operation with the other kind of second operand (`+= src` to `+= imm`); BPF_OP_COUNT when there
 * is none. */
enum bpf_op insn_imm_form(enum bpf_op op);
enum bpf_op insn_reg_form(enum bpf_op op);
/* The same operation at the other width (ALU32 and ALU64, JMP32 and JMP); BPF_OP_COUNT when there
 * is none. */
enum bpf_op insn_other_width(enum bpf_op op);
/* Branch taken exactly when `op` is not; BPF_OP_COUNT for JSET and for what is no branch. */
enum bpf_op insn_negate(enum bpf_op op);
/* Branch with the operands exchanged (`a > b` is `b < a`); register forms only. */
enum bpf_op insn_swap(enum bpf_op op);
/* The operation of the byte-order family etc. exists on a target: instruction set and release. */
bool insn_is_available(enum bpf_op op, int isa, uint32_t kernel);

/* ---- questions about a record (0 or false when it is no instruction) ---- */

/* Sets of registers, bit n for rn. A call is taken to read all of r1 to r5, and to write r0 to r5.
 */
uint32_t insn_reads(const struct bpf_record *record);
uint32_t insn_writes(const struct bpf_record *record);
/* Jump distance in records, counted from the next record; 0 for what is no jump. */
int32_t insn_jump_offset(const struct bpf_record *record);
/* Sets the distance; false when it does not fit the field. */
bool insn_set_jump_offset(struct bpf_record *record, int64_t offset);

/* ---- printing (disasm.c) ---- */

/* Names that the printer may ask for. Any function may be NULL. */
struct insn_names {
	const char *(*helper)(uint32_t id); // NULL: unknown
	/* Replaces the operand of a call or a 64-bit immediate (a callee, a map), from a relocation.
	 */
	const char *reference;
};

/* One instruction in the kernel's notation, without a newline. `record` points at 2 records for
 * LD64 forms when `count` allows it. */
void insn_print(struct buf *out, const struct bpf_record *record, uint32_t count,
		const struct insn_names *names);

#endif
