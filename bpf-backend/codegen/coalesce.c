/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies that need no allocator: a register written once, by a copy of a register that is itself written
 * once, is that register. Both definitions dominate what they reach, so the source cannot have changed
 * where the copy is read. The allocator would keep the two apart when the source lives on, because it
 * does not know that they are equal.
 */
#include "bpf-backend/codegen/mir.h"

static void note_def(const struct mir_insn *in, uint8_t *defs, mir_reg *same_as)
{
	uint32_t roles = mir_roles(in->op);
	if (roles & MIR_DEF_SRC && mir_is_vreg(in->src))
		defs[in->src] = 2;
	if (!(roles & MIR_DEF_DST) || !mir_is_vreg(in->dst))
		return;
	defs[in->dst] = defs[in->dst] ? 2 : 1;
	if (in->op == MIR_COPY && mir_is_vreg(in->src))
		same_as[in->dst] = in->src;
}

static mir_reg find(const uint8_t *defs, mir_reg *same_as, mir_reg r)
{
	mir_reg root = r;
	while (defs[root] == 1 && same_as[root] && defs[same_as[root]] == 1)
		root = same_as[root];
	while (r != root) {
		mir_reg next = same_as[r];
		same_as[r] = root;
		r = next;
	}
	return root;
}

/* Removes pure instructions whose result nobody reads. */
static void drop_dead(struct mir_fn *fn, struct arena *arena)
{
	struct mir_reg_list *live_in = mir_find_live_in(fn, arena);
	struct mir_set live = mir_set_make(arena, fn->reg_count);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct mir_block *block = &fn->blocks.data[b];
		uint32_t kept = block->insns.len;
		mir_set_live_out(&live, fn, live_in, b);
		for (uint32_t i = block->insns.len; i-- > 0;) {
			struct mir_insn in = block->insns.data[i];
			uint32_t roles = mir_roles(in.op);
			bool dst = mir_is_vreg(in.dst);
			if (roles & MIR_PURE && dst && !mir_set_has(&live, in.dst))
				continue;
			if (roles & MIR_DEF_DST && dst)
				mir_set_remove(&live, in.dst);
			if (roles & MIR_USE_DST && dst)
				mir_set_add(&live, in.dst);
			if (roles & MIR_USE_SRC && mir_is_vreg(in.src))
				mir_set_add(&live, in.src);
			block->insns.data[--kept] = in;
		}
		mir_drop_first(block, kept);
	}
}

void mir_drop_copies(struct mir_fn *fn, struct arena *arena)
{
	uint8_t *defs = ARENA_ARRAY(arena, uint8_t, fn->reg_count);
	mir_reg *same_as = ARENA_ARRAY(arena, mir_reg, fn->reg_count);
	drop_dead(fn, arena);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (uint32_t i = 0; i < fn->blocks.data[b].insns.len; i++)
			note_def(&fn->blocks.data[b].insns.data[i], defs, same_as);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct mir_block *block = &fn->blocks.data[b];
		uint32_t kept = 0;
		for (uint32_t i = 0; i < block->insns.len; i++) {
			struct mir_insn in = block->insns.data[i];
			if (mir_is_vreg(in.dst))
				in.dst = find(defs, same_as, in.dst);
			if (mir_is_vreg(in.src))
				in.src = find(defs, same_as, in.src);
			if (in.op != MIR_COPY || in.dst != in.src)
				block->insns.data[kept++] = in;
		}
		block->insns.len = kept;
	}
}
