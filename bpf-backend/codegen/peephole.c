/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites of allocated code. One walk over each block with what is known of the registers: a
 * constant or reference that a register holds already is not made again, nor a copy that changes
 * nothing, nor a zero extension of a register whose upper half is zero. A block with one predecessor begins with what
 * is known at the end of that one: a number that was compared there is not loaded from its spill slot again, of
 * which the verifier may not know what the comparison said.
 */
#include "bpf-backend/codegen/mir.h"

enum known_kind { KNOWN_NOTHING, KNOWN_VALUE, KNOWN_COPY };

struct known { // of a machine register
	uint8_t kind;
	bool is_wide;         // upper half is zero
	uint8_t of;           // KNOWN_COPY: equal to this register
	uint32_t slot;        // spill slot with the same contents, plus one; 0 when none
	struct mir_insn made; // KNOWN_VALUE: by this instruction
};

static bool is_same_value(const struct mir_insn *a, const struct mir_insn *b)
{
	return a->op == b->op && a->imm == b->imm && a->relo == b->relo && a->index == b->index &&
	       a->off == b->off;
}

static void forget(struct known *known, uint32_t r)
{
	known[r] = (struct known){0};
	for (uint32_t i = 0; i < MIR_COLOURS; i++)
		if (known[i].kind == KNOWN_COPY && known[i].of == r)
			known[i].kind = KNOWN_NOTHING;
}

static bool are_equal(const struct known *known, uint32_t a, uint32_t b)
{
	return a == b || (known[a].kind == KNOWN_COPY && known[a].of == b) ||
	       (known[b].kind == KNOWN_COPY && known[b].of == a);
}

static void forget_slot(struct known *known, uint32_t slot)
{
	for (uint32_t i = 0; i < MIR_COLOURS; i++)
		if (known[i].slot == slot + 1)
			known[i].slot = 0;
}

/* Register with the contents of a spill slot, or MIR_NO_REG. */
static mir_reg find_slot(const struct known *known, uint32_t slot)
{
	for (uint32_t i = 0; i < MIR_COLOURS; i++)
		if (known[i].slot == slot + 1)
			return i;
	return MIR_NO_REG;
}

/* The instruction changes nothing that is not so already. */
static bool is_useless(const struct mir_fn *fn, const struct known *known,
		       const struct mir_insn *in)
{
	if (mir_is_spill_load(fn, in))
		return known[in->dst].slot == in->index + 1;
	if (mir_is_spill_store(fn, in))
		return known[in->src].slot == in->index + 1;
	if (in->op == MIR_COPY && in->src < MIR_COLOURS)
		return are_equal(known, in->dst, in->src);
	if (in->op == BPF_OP_MOV32_REG)
		return in->dst == in->src && known[in->dst].is_wide;
	if (mir_is_remade(in))
		return known[in->dst].kind == KNOWN_VALUE &&
		       is_same_value(&known[in->dst].made, in);
	return false;
}

static void learn(const struct mir_fn *fn, struct known *known, const struct mir_insn *in)
{
	uint32_t roles = mir_roles(in->op);
	if (mir_is_spill_store(fn, in)) {
		forget_slot(known, in->index);
		known[in->src].slot = in->index + 1;
		return;
	}
	if (roles & MIR_CALL) {
		for (uint32_t r = MIR_R0; r <= MIR_R5; r++)
			forget(known, r);
		return;
	}
	if (roles & MIR_DEF_SRC)
		forget(known, in->src);
	if (!(roles & MIR_DEF_DST))
		return;
	bool is_copy = in->op == MIR_COPY && in->src < MIR_COLOURS;
	bool source_wide = is_copy && known[in->src].is_wide;
	uint32_t source_slot = is_copy ? known[in->src].slot : 0;
	forget(known, in->dst);
	struct known *k = &known[in->dst];
	if (mir_is_remade(in)) {
		k->kind = KNOWN_VALUE;
		k->made = *in;
		k->is_wide = !in->relo && (in->op == BPF_OP_MOV32_IMM ||
					   (in->op == BPF_OP_MOV64_IMM && in->imm >= 0));
	} else if (in->op == MIR_COPY) {
		if (in->src < MIR_COLOURS) {
			k->kind = KNOWN_COPY;
			k->of = (uint8_t)in->src;
		}
		k->is_wide = source_wide;
		k->slot = source_slot;
	} else if (mir_is_spill_load(fn, in)) {
		k->slot = in->index + 1;
	} else if (in->op < BPF_OP_COUNT) {
		enum bpf_op op = (enum bpf_op)in->op;
		k->is_wide = op == BPF_OP_LOAD8 || op == BPF_OP_LOAD16 || op == BPF_OP_LOAD32 ||
			     op == BPF_OP_BE16 || op == BPF_OP_BE32 ||
			     (insn_is_32bit(op) && !insn_width(op));
	}
}

static void walk_block(struct mir_fn *fn, struct mir_block *block, struct known *known)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < block->insns.len; i++) {
		struct mir_insn in = block->insns.data[i];
		mir_reg holder =
			mir_is_spill_load(fn, &in) ? find_slot(known, in.index) : MIR_NO_REG;
		if (holder != MIR_NO_REG && holder != in.dst)
			in = (struct mir_insn){
				.op = MIR_COPY, .dst = in.dst, .src = holder, .where = in.where};
		if (is_useless(fn, known, &in))
			continue;
		learn(fn, known, &in);
		block->insns.data[kept++] = in;
	}
	block->insns.len = kept;
}

void mir_peephole(struct mir_fn *fn, struct arena *arena)
{
	uint32_t count;
	uint32_t *order = mir_reverse_postorder(fn, arena, &count);
	struct known(*at_end)[MIR_COLOURS] = arena_alloc(arena, fn->blocks.len * sizeof *at_end);
	mir_find_preds(fn);
	for (uint32_t i = 0; i < count; i++) {
		struct mir_block *block = &fn->blocks.data[order[i]];
		struct known *known = at_end[order[i]];
		memset(known, 0, sizeof *at_end);
		// One predecessor comes before in this order.
		if (block->preds.len == 1 && order[i])
			memcpy(known, at_end[block->preds.data[0]], sizeof *at_end);
		walk_block(fn, block, known);
	}
}
