/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine form: BPF instructions over virtual registers, in blocks.
 *
 * A register number below MIR_FIRST_VREG is the machine's r0 to r10; the others are virtual. An
 * instruction is a row of the instruction table (enum bpf_op) or one of the few pseudo instructions
 * below, with the same operand roles as the record it becomes: arithmetic changes its dst in place,
 * loads read memory at src + off, stores write it at dst + off. A virtual register may be written
 * several times (the machine form is not SSA: phis have become copies on the edges), but never
 * holds two values that are needed at once. Machine registers are live only inside a block: from
 * the entry to the copies of parameters, around calls, and before an exit.
 *
 * The last instruction of a block is its end: a conditional jump (successor 0 taken, successor 1
 * otherwise), BPF_OP_GOTO (successor 0) or BPF_OP_EXIT (none). Where a jump goes is in the block.
 */
#ifndef KS_CODEGEN_MIR_H
#define KS_CODEGEN_MIR_H

#include "bpf-backend/codegen/bpf_gen.h"
#include "bpf-backend/isa/insn.h"
#include "frontend/base/bits.h"
#include "frontend/ir/ir.h"

typedef uint32_t mir_reg;
#define MIR_NO_REG UINT32_MAX
enum {
	MIR_R0,
	MIR_R1,
	MIR_R5 = 5,
	MIR_FRAME = 10,     // r10, the frame pointer
	MIR_COLOURS = 10,   // r0 to r9 can hold values
	MIR_SAVED = 4,      // r6 to r9 survive a call
	MIR_CLOBBER = 0x3f, // mask of the registers that a call destroys
	MIR_FIRST_VREG = 16,
	MIR_STACK_BYTES = 512, // what the kernel gives a function (MAX_BPF_STACK)
};

enum mir_op {
	MIR_COPY = BPF_OP_COUNT, // dst = src, 64 bits; a hint that both want one register
	MIR_FRAME_ADDR,          // dst = r10 + offset of slot `index` + off
	MIR_OP_COUNT
};

struct mir_insn {
	uint16_t op;       // enum bpf_op or enum mir_op
	uint8_t arg_count; // calls: r1 up to this one are read
	uint8_t relo;      // enum bpf_relo_kind + 1; 0 when none
	mir_reg dst, src;  // MIR_NO_REG when not used
	int32_t off;
	uint32_t index; // slot of a frame access (base is MIR_FRAME); target of the relocation
	symbol name;    // of the variable whose value dst (of a call r0) becomes, 0: none
	int64_t imm;
	span where;
};

enum mir_role { // what an instruction does with its operands
	MIR_DEF_DST = 1,
	MIR_USE_DST = 2,
	MIR_USE_SRC = 4,
	MIR_DEF_SRC = 8,   // fetching atomics
	MIR_PURE = 16,     // may be dropped when its result is not used
	MIR_CALL = 32,     // reads r1.., writes r0, destroys r1-r5
	MIR_END = 64,      // ends a block
	MIR_WIDTH32 = 128, // result has a zero upper half
};

struct mir_block {
	VEC(struct mir_insn) insns;
	VEC(uint32_t) preds;
	uint32_t succs[2];
	uint8_t succ_count;
	uint8_t depth;  // of loops around it
	uint8_t likely; // enum ir_likely of a conditional end
	uint32_t loop;  // innermost loop (index into the IR's loops), UINT32_MAX when none
};

struct mir_slot {    // object in the frame
	symbol name; // 0 for temporaries and spills
	uint32_t size, align;
	span where;
	int32_t offset; // from r10, negative; set by mir_layout_stack
	bool is_used;
	bool is_spill;     // written and read by spill code only, 8 bytes at a time
	bool is_temporary; // written for one call, before it
};

struct mir_fn {
	struct arena *arena; // lives as long as the code generation of this function
	struct compile *compile;
	symbol name;
	span where;
	int isa;
	bool uses_may_goto;
	uint32_t reg_count;           // next virtual register
	VEC(struct mir_block) blocks; // [0] is the entry
	VEC(struct mir_slot) slots;
	struct bits *conflicts; // of the first conflict_count slots: those that it must not overlap
	uint32_t conflict_count; // the other slots share with none
	uint32_t *order;         // of blocks, set by mir_layout
	uint32_t order_count;
	uint32_t stack_size;
	symbol param_names[5]; // of r1 to r5 at the entry
};

/* ---- mir.c ---- */

uint32_t mir_roles(uint32_t op); // set of enum mir_role
mir_reg mir_new_reg(struct mir_fn *fn);
uint32_t mir_add_block(struct mir_fn *fn, uint32_t like); // depth and loop as of block `like`
uint32_t mir_add_slot(struct mir_fn *fn, symbol name, uint32_t size, uint32_t align, span where);
uint32_t mir_add_spill_slot(struct mir_fn *fn);
void mir_find_preds(struct mir_fn *fn);
/* Reachable blocks in reverse post-order. */
uint32_t *mir_reverse_postorder(const struct mir_fn *fn, struct arena *arena, uint32_t *count);
/* The instruction depends on nothing, so it can be repeated instead of keeping its result. */
static inline bool mir_is_remade(const struct mir_insn *in)
{
	return in->op == BPF_OP_MOV64_IMM || in->op == BPF_OP_MOV32_IMM ||
	       in->op == BPF_OP_LD_IMM64 || in->op == MIR_FRAME_ADDR;
}
void mir_print(const struct mir_fn *fn, struct buf *out);

/* Drops the first `count` instructions of a block, which may have none. */
static inline void mir_drop_first(struct mir_block *block, uint32_t count)
{
	if (!count)
		return;
	block->insns.data += count;
	block->insns.len -= count;
	block->insns.cap -= count;
}

static inline bool mir_is_vreg(mir_reg r)
{
	return r >= MIR_FIRST_VREG && r != MIR_NO_REG;
}

/* ---- liveness.c: virtual registers live at the start of every block, ascending ---- */

struct mir_reg_list {
	VEC(mir_reg) regs;
};
struct mir_reg_list *mir_find_live_in(const struct mir_fn *fn, struct arena *arena);
/* The same of spill slots; slot n is MIR_FIRST_VREG + n. */
struct mir_reg_list *mir_find_live_slots(const struct mir_fn *fn, struct arena *arena);
static inline bool mir_is_spill_load(const struct mir_fn *fn, const struct mir_insn *in)
{
	return in->op == BPF_OP_LOAD64 && in->src == MIR_FRAME &&
	       fn->slots.data[in->index].is_spill;
}
static inline bool mir_is_spill_store(const struct mir_fn *fn, const struct mir_insn *in)
{
	return in->op == BPF_OP_STORE64_REG && in->dst == MIR_FRAME &&
	       fn->slots.data[in->index].is_spill;
}

/* A set of virtual registers with constant-time clear; walks visit dense[0] to dense[count - 1]. */
struct mir_set {
	mir_reg *dense;
	uint32_t *place; // of a register in dense
	uint32_t count;
};
struct mir_set mir_set_make(struct arena *arena, uint32_t reg_count);
static inline bool mir_set_has(const struct mir_set *s, mir_reg r)
{
	return s->place[r] < s->count && s->dense[s->place[r]] == r;
}
static inline void mir_set_add(struct mir_set *s, mir_reg r)
{
	if (mir_set_has(s, r))
		return;
	s->dense[s->count] = r;
	s->place[r] = s->count++;
}
static inline void mir_set_remove(struct mir_set *s, mir_reg r)
{
	if (!mir_set_has(s, r))
		return;
	mir_reg last = s->dense[--s->count];
	s->dense[s->place[r]] = last;
	s->place[last] = s->place[r];
}
/* Registers live at the end of block b. */
void mir_set_live_out(struct mir_set *s, const struct mir_fn *fn,
		      const struct mir_reg_list *live_in, uint32_t b);

/* ---- the stages, in order ---- */

struct select_context {
	struct ir_module *module;
	const struct bpf_gen_options *options; // isa resolved
	const uint32_t *func_index;            // of module->fns in the object
};
/* IR to machine form. NULL after a diagnostic. select.c */
struct mir_fn *mir_select(const struct select_context *context, struct ir_fn *fn,
			  struct arena *arena);
/* Makes blocks that do the same one. alike.c */
void mir_merge_alike(struct mir_fn *fn, struct arena *arena);
/* Makes addresses of sections once for several blocks. bases.c */
void mir_share_bases(struct mir_fn *fn, struct arena *arena);
/* Sets constants that a side of a branch gives to phis before the branch. preset.c */
void mir_preset_constants(struct mir_fn *fn, struct arena *arena);
/* Lets blocks that end alike share the end; allocated code. tails.c */
void mir_merge_tails(struct mir_fn *fn, struct arena *arena);
/* Finds the objects of the frame that may share a place. objects.c */
void mir_find_conflicts(struct mir_fn *fn, struct arena *arena);
/* Makes one register of a value and its copies where neither changes. coalesce.c */
void mir_drop_copies(struct mir_fn *fn, struct arena *arena);
/* Brings the number of live registers down to what the machine has. spill.c */
void mir_spill(struct mir_fn *fn, struct arena *arena);
/* By register: the instruction that makes its value wherever it is wanted; dst is MIR_NO_REG when
 * there is none. spill_everywhere.c */
struct mir_insn *mir_find_remade(const struct mir_fn *fn, struct arena *arena);
struct mir_insn mir_make_reload(mir_reg dst, uint32_t slot, span where);
struct mir_insn mir_make_store(mir_reg src, uint32_t slot, span where);
/* Keeps every register with a slot in slot_of (else UINT32_MAX) in the frame, with a load or store at
 * every access. Constants and addresses are made again instead. spill_everywhere.c */
void mir_spill_everywhere(struct mir_fn *fn, const uint32_t *slot_of, struct arena *arena);
/* Gives every connected set of definitions and uses a register of its own. webs.c */
void mir_split_webs(struct mir_fn *fn, struct arena *arena);
/* Lets every value that lives across a call be another register from there on. webs.c */
void mir_split_at_calls(struct mir_fn *fn, struct arena *arena);
/* Replaces virtual registers by machine registers. regalloc.c */
void mir_allocate(struct mir_fn *fn, struct arena *arena);
/* Drops stores to spill slots that nobody reads and lets slots that do not live at once be one.
 * slots.c */
void mir_share_slots(struct mir_fn *fn, struct arena *arena);
/* Gives slots their offsets. False after `stack-too-large`. stack.c */
bool mir_layout_stack(struct mir_fn *fn);
/* Drops stores to the frame that later ones cover; slots have offsets. frame_stores.c */
void mir_drop_frame_stores(struct mir_fn *fn);
/* A global of eight bytes that are zero, which the verifier does not know. */
struct mir_zero {
	uint32_t section, offset;
};
/* Fills the frame where loops with a guard begin; without a zero nothing. guard_frame.c */
void mir_prepare_guarded(struct mir_fn *fn, const struct mir_zero *zero, struct arena *arena);
/* Rewrites of allocated code. peephole.c */
void mir_peephole(struct mir_fn *fn, struct arena *arena);
/* Orders blocks and removes empty ones. layout.c */
void mir_layout(struct mir_fn *fn, struct arena *arena);
/* Final records with jumps resolved. False after a diagnostic. encode.c */
bool mir_encode(struct mir_fn *fn, struct bpf_func *out, struct arena *object_arena);

#endif
