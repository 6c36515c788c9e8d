/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A side of a branch that does nothing but set a register to a constant and go on to where the ways meet:
 * the register is set before the branch, and the block and its jump go. The other side pays one move.
 *
 *	    if c goto b2                        %v = 0
 *	b1: …; %v = x; goto b3            ->    if c goto b3
 *	b2: %v = 0; goto b3                 b1: …; %v = x
 *
 * Runs before registers are given, on blocks in which constants for phis and for the result stand on
 * edges of their own.
 */
#include "bpf-backend/codegen/mir.h"

struct preset {
	struct mir_fn *fn;
	struct mir_reg_list *live_in;
	uint32_t *position; // in reverse post-order
};

static bool is_live_in(const struct preset *p, uint32_t b, mir_reg r)
{
	for (uint32_t i = 0; i < p->live_in[b].regs.len; i++)
		if (p->live_in[b].regs.data[i] == r)
			return true;
	return false;
}

static bool is_loop_header(const struct preset *p, uint32_t b)
{
	const struct mir_block *block = &p->fn->blocks.data[b];
	for (uint32_t i = 0; i < block->preds.len; i++)
		if (p->position[block->preds.data[i]] >= p->position[b])
			return true;
	return false;
}

/* Block b: one constant and a jump, reached from one place. */
static bool is_mere_constant(const struct preset *p, uint32_t b)
{
	const struct mir_block *block = &p->fn->blocks.data[b];
	return block->preds.len == 1 && block->insns.len == 2 &&
	       block->insns.data[1].op == BPF_OP_GOTO && mir_is_remade(&block->insns.data[0]) &&
	       block->insns.data[0].op != BPF_OP_LD_IMM64 &&
	       mir_is_vreg(block->insns.data[0].dst) && !is_loop_header(p, block->succs[0]);
}

static bool try_side(struct preset *p, uint32_t b, uint32_t side)
{
	struct mir_fn *fn = p->fn;
	struct mir_block *block = &fn->blocks.data[b];
	uint32_t through = block->succs[side], other = block->succs[1 - side];
	if (through == other || !is_mere_constant(p, through))
		return false;
	struct mir_block *from = &fn->blocks.data[through];
	struct mir_insn set = from->insns.data[0], end = vec_last(&block->insns);
	uint32_t to = from->succs[0];
	if (is_live_in(p, other, set.dst) || end.dst == set.dst || end.src == set.dst || to == b)
		return false;
	vec_last(&block->insns) = set;
	vec_push(fn->arena, &block->insns, end);
	block->succs[side] = to;
	from->insns.len = 0;
	from->succ_count = 0;
	struct mir_block *target = &fn->blocks.data[to];
	for (uint32_t i = 0; i < target->preds.len; i++)
		if (target->preds.data[i] == through)
			target->preds.data[i] = b;
	return true;
}

void mir_preset_constants(struct mir_fn *fn, struct arena *arena)
{
	uint32_t count;
	uint32_t *order = mir_reverse_postorder(fn, arena, &count);
	struct preset p = {.fn = fn};
	p.live_in = mir_find_live_in(fn, arena);
	p.position = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	for (uint32_t i = 0; i < count; i++)
		p.position[order[i]] = i;
	for (uint32_t i = 0; i < count; i++) {
		const struct mir_block *block = &fn->blocks.data[order[i]];
		if (block->succ_count != 2 || vec_last(&block->insns).op == BPF_OP_MAY_GOTO)
			continue;
		uint32_t first = block->likely == IR_LIKELY_FALSE ? 1 : 0;
		if (!try_side(&p, order[i], first))
			try_side(&p, order[i], 1 - first);
	}
}
