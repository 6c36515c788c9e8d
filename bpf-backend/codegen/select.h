/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of instruction selection: the state shared by its files and what they offer one another.
 *   select.c       patterns, values, arithmetic, the walk over the function
 *   select_plan.c  what is needed, what is folded
 *   select_flow.c  conditions, edges, block ends
 *   select_mem.c   addresses, loads, stores, copies of memory
 *   select_call.c  calls, maps, atomics
 *   legalize.c     operations and jumps that the machine lacks
 */
#ifndef KS_CODEGEN_SELECT_H
#define KS_CODEGEN_SELECT_H

#include "bpf-backend/codegen/mir.h"

enum pattern_b {
	PATTERN_NONE,
	PATTERN_REG,
	PATTERN_IMM,
	PATTERN_SIGNED,
};

struct made { // a constant or address that a register of the present block holds
	uint64_t key;
	mir_reg reg;
};

struct stored_key { // a frame slot that holds the scalar `value` wherever `block` dominates
	ir_ref value;
	uint32_t size, slot, block;
};

struct select {
	const struct select_context *context;
	struct compile *compile;
	struct ir_module *module;
	struct ir_fn *ir;
	struct mir_fn *out;
	struct arena *arena;
	struct ir_doms doms;
	uint32_t *uses;     // of every IR instruction
	bool *is_needed;    // its value must be in a register
	bool *is_wide;      // I32 value whose register must have a zero upper half
	mir_reg *reg_of;    // of every IR instruction, MIR_NO_REG until asked for
	mir_reg *phi_in;    // register that the edges write
	uint32_t *block_of; // machine block at which an IR block begins
	uint32_t ir_block;  // being selected
	uint32_t block;     // machine block being filled
	uint32_t passed_by; // blocks that the present edge leads past
	span where;
	VEC(struct made) made;
	VEC(struct stored_key) keys;
	uint8_t *
		key_uses; // by value, constants behind instructions: keys of map operations, 2 for more than one
	uint32_t temp_slot[2]; // for key and value of map operations, UINT32_MAX until needed
	mir_reg section_base[IR_SECTION_COUNT]; // held from the entry on, for loops; or MIR_NO_REG
	uint32_t exit_block; // where constant results are returned, UINT32_MAX until needed
	mir_reg exit_value;  // the result there
	bool failed;
};

struct address {
	mir_reg base; // MIR_FRAME: `slot` counts
	uint32_t slot;
	int32_t off;
	bool is_core; // `slot` is a row of module->cores, `off` its local value
};

/* ---- select.c ---- */

/* The row for an operation, BPF_OP_COUNT when there is none. */
enum bpf_op select_pattern(const struct select *s, enum ir_op op, unsigned width, enum pattern_b b);
void select_emit(struct select *s, struct mir_insn insn);
void select_alu(struct select *s, enum bpf_op op, mir_reg dst, mir_reg src);
void select_alu_imm(struct select *s, enum bpf_op op, mir_reg dst, int32_t imm);
void select_copy(struct select *s, mir_reg dst, mir_reg src);
void select_const(struct select *s, mir_reg dst, enum ir_type type, uint64_t bits);
/* Register of a value that stands for the same bits (through zext32 and the like). */
mir_reg select_reg(struct select *s, ir_ref r);
/* Puts a value into a given register. */
void select_into(struct select *s, mir_reg dst, ir_ref r);
/* The value behind operations that leave all bits in place. */
ir_ref select_resolve(const struct select *s, ir_ref r);
/* True and *imm when r is a constant that a 32-bit immediate gives at that width (bytes of 4, 8). */
bool select_immediate(const struct select *s, ir_ref r, unsigned width, int32_t *imm);
/* Register to be written as the value of instruction r. */
mir_reg select_result(struct select *s, ir_ref r);
/* Ends the block with a conditional jump. `cond` has op, dst, src, imm. */
void select_branch(struct select *s, struct mir_insn cond, uint32_t yes, uint32_t no,
		   uint8_t likely);
void select_goto(struct select *s, uint32_t to);
/* Calls destroy registers: forgets what is not worth keeping across one. */
void select_forget_made(struct select *s);

/* ---- select_plan.c ---- */

/* Fills is_needed and is_wide. */
void select_make_plan(struct select *s);
/* True when the instruction that computes an I32 value leaves a zero upper half by itself. */
bool select_is_wide_by_nature(const struct select *s, ir_ref r);
/* True when the register of an I32 value has a zero upper half. */
bool select_is_wide(const struct select *s, ir_ref r);
/* Instructions that are selected even if nobody needs their value. */
bool select_has_effect(const struct ir_insn *in);
bool select_is_compare(enum ir_op op);
bool select_is_zero(const struct select *s, ir_ref r);
/* The `and` whose test a branch on r can do with one jset; none otherwise. */
ir_ref select_find_tested_and(const struct select *s, ir_ref r);

/* ---- select_flow.c ---- */

/* dst = cond ? yes : no, with the first value written before the jump. None for `yes` and `no` stands
 * for the truth values 1 and 0. */
void select_choose(struct select *s, mir_reg dst, ir_ref cond, ir_ref yes, ir_ref no);
/* Register that the edges to a phi write. */
mir_reg select_phi_in(struct select *s, ir_ref r);
/* The end of the present block. */
void select_end(struct select *s, const struct ir_insn *in);

/* ---- select_mem.c ---- */

struct address select_address(struct select *s, ir_ref base, int32_t off);
/* The same for a load or store, whose offset may be the running kernel's to tell. */
struct address select_access(struct select *s, ir_ref base, int32_t off);
/* An access whose whole offset the running kernel knows. */
struct core_address {
	ir_ref base;
	uint32_t core; // row of module->cores
	uint64_t local;
};
/* True when the access at base + off is one and its address is in no register. */
bool select_core_address(const struct select *s, ir_ref base, int32_t off,
			 struct core_address *out);
/* Base of an address without its constant offset; *off is increased. */
ir_ref select_address_base(const struct select *s, ir_ref r, int32_t *off);
/* Value of which a store of `width` bytes needs no more. */
ir_ref select_stored_value(const struct select *s, ir_ref r, unsigned width);
void select_load(struct select *s, ir_ref r);
void select_store_to(struct select *s, struct address a, unsigned width, ir_ref value);
/* The same, always from a register. */
void select_store_reg(struct select *s, struct address a, unsigned width, ir_ref value);
void select_memcpy(struct select *s, ir_ref r);
void select_memzero(struct select *s, ir_ref r);
void select_atomic(struct select *s, ir_ref r);

/* ---- select_call.c ---- */

void select_call(struct select *s, ir_ref r);
/* How often each value is a key; before blocks are selected. */
void select_count_keys(struct select *s);
void select_map_op(struct select *s, ir_ref r);

/* ---- legalize.c ---- */

/* Arithmetic without a row in patterns.def. */
void select_expand(struct select *s, ir_ref r);
/* dst = src with the low `bits` bits sign-extended to `width` bits. */
void select_sign_extend(struct select *s, mir_reg dst, mir_reg src, unsigned bits, unsigned width);
/* dst = the low 32 bits of src. */
void select_zero_extend(struct select *s, mir_reg dst, mir_reg src);
/* Register of a value whose sign counts: on machines without 32-bit arithmetic an I32 is extended. */
mir_reg select_signed(struct select *s, ir_ref r);
/* Replaces conditional jumps that the instruction set lacks by others with operands or targets
 * exchanged. */
void select_turn_branches(struct mir_fn *fn);

/* The instruction set has arithmetic and jumps on 32 bits. */
static inline bool select_has_alu32(const struct select *s)
{
	return s->out->isa >= 3;
}
/* Bits that arithmetic on values of `width` bits is done with. */
static inline unsigned select_alu_width(const struct select *s, unsigned width)
{
	return select_has_alu32(s) ? width : 64;
}

#endif
