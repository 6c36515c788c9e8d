/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last resort of allocation: registers that found no colour live in the frame, and every access goes
 * through a short-lived register of its own. Also what all spilling needs: loads and stores of frame
 * slots, and which registers are made again instead.
 */
#include "bpf-backend/codegen/mir.h"

struct mir_insn *mir_find_remade(const struct mir_fn *fn, struct arena *arena)
{
	struct mir_insn *made = ARENA_ARRAY(arena, struct mir_insn, fn->reg_count);
	uint8_t *defs = ARENA_ARRAY(arena, uint8_t, fn->reg_count);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		const struct mir_block *block = &fn->blocks.data[b];
		for (uint32_t i = 0; i < block->insns.len; i++) {
			const struct mir_insn *in = &block->insns.data[i];
			uint32_t roles = mir_roles(in->op);
			mir_reg regs[2] = {roles & MIR_DEF_DST ? in->dst : MIR_NO_REG,
					   roles & MIR_DEF_SRC ? in->src : MIR_NO_REG};
			for (int k = 0; k < 2; k++) {
				if (!mir_is_vreg(regs[k]))
					continue;
				defs[regs[k]] =
					(uint8_t)(defs[regs[k]] < 2 ? defs[regs[k]] + 1 : 2);
				made[regs[k]] = *in;
			}
		}
	}
	for (mir_reg r = MIR_FIRST_VREG; r < fn->reg_count; r++)
		if (defs[r] != 1 || !mir_is_remade(&made[r]))
			made[r].dst = MIR_NO_REG;
	return made;
}

struct mir_insn mir_make_reload(mir_reg dst, uint32_t slot, span where)
{
	return (struct mir_insn){
		.op = BPF_OP_LOAD64, .dst = dst, .src = MIR_FRAME, .index = slot, .where = where};
}

struct mir_insn mir_make_store(mir_reg src, uint32_t slot, span where)
{
	return (struct mir_insn){.op = BPF_OP_STORE64_REG,
				 .dst = MIR_FRAME,
				 .src = src,
				 .index = slot,
				 .where = where};
}

/* ---- everywhere ---- */

struct everywhere {
	struct mir_fn *fn;
	const uint32_t *slot_of;
	uint32_t reg_count; // of slot_of
	const struct mir_insn *made;
	struct mir_block out;
};

static bool is_spilled(const struct everywhere *e, mir_reg r)
{
	return mir_is_vreg(r) && r < e->reg_count && e->slot_of[r] != UINT32_MAX;
}

static void put(struct everywhere *e, struct mir_insn in)
{
	vec_push(e->fn->arena, &e->out.insns, in);
}

static void fetch(struct everywhere *e, mir_reg dst, mir_reg r, span where)
{
	struct mir_insn in = e->made[r];
	if (in.dst == MIR_NO_REG)
		in = mir_make_reload(dst, e->slot_of[r], where);
	in.dst = dst;
	in.where = where;
	put(e, in);
}

static void keep(struct everywhere *e, mir_reg src, mir_reg r, span where)
{
	if (e->made[r].dst == MIR_NO_REG)
		put(e, mir_make_store(src, e->slot_of[r], where));
}

static void spill_copy(struct everywhere *e, struct mir_insn in)
{
	bool from = is_spilled(e, in.src), to = is_spilled(e, in.dst);
	if (from && to) {
		if (e->slot_of[in.src] == e->slot_of[in.dst] && e->made[in.src].dst == MIR_NO_REG)
			return;
		mir_reg piece = mir_new_reg(e->fn);
		fetch(e, piece, in.src, in.where);
		keep(e, piece, in.dst, in.where);
	} else if (from) {
		fetch(e, in.dst, in.src, in.where);
	} else {
		keep(e, in.src, in.dst, in.where);
	}
}

static void spill_insn(struct everywhere *e, struct mir_insn in)
{
	uint32_t roles = mir_roles(in.op);
	mir_reg dst = in.dst, src = in.src;
	bool spilled_src = roles & (MIR_USE_SRC | MIR_DEF_SRC) && is_spilled(e, src);
	bool spilled_dst = roles & (MIR_USE_DST | MIR_DEF_DST) && is_spilled(e, dst);
	if (!spilled_src && !spilled_dst) {
		put(e, in);
		return;
	}
	if (in.op == MIR_COPY) {
		spill_copy(e, in);
		return;
	}
	if (spilled_src) {
		in.src = mir_new_reg(e->fn);
		fetch(e, in.src, src, in.where);
	}
	if (spilled_dst) {
		in.dst = dst == src && spilled_src && roles & MIR_USE_DST ? in.src
									  : mir_new_reg(e->fn);
		if (roles & MIR_USE_DST && in.dst != in.src)
			fetch(e, in.dst, dst, in.where);
	}
	put(e, in);
	if (spilled_dst && roles & MIR_DEF_DST)
		keep(e, in.dst, dst, in.where);
	if (spilled_src && roles & MIR_DEF_SRC)
		keep(e, in.src, src, in.where);
}

void mir_spill_everywhere(struct mir_fn *fn, const uint32_t *slot_of, struct arena *arena)
{
	struct everywhere e = {.fn = fn,
			       .slot_of = slot_of,
			       .reg_count = fn->reg_count,
			       .made = mir_find_remade(fn, arena)};
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct mir_block *block = &fn->blocks.data[b];
		memset(&e.out.insns, 0, sizeof e.out.insns);
		for (uint32_t i = 0; i < block->insns.len; i++)
			spill_insn(&e, block->insns.data[i]);
		memcpy(&block->insns, &e.out.insns, sizeof block->insns);
	}
}
