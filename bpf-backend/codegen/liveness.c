/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Liveness of virtual registers, one register at a time: from every block that reads it before
 * writing it, walk backwards until a block that writes it. The cost is the size of the result, and
 * the lists come out sorted. No bit set over all registers is ever made, so that functions with
 * tens of thousands of them stay cheap.
 */
#include "bpf-backend/codegen/mir.h"

struct reg_block { // register r is read first, or written, in block b
	mir_reg r;
	uint32_t b;
	uint32_t next; // in the list of the register, 0 ends it
};

struct facts {
	struct arena *arena;
	VEC(struct reg_block) pairs;   // [0] unused
	uint32_t *uses, *defs;         // list heads by register
	uint32_t *def_seen, *use_seen; // block + 1 in which the register was last noted
};

static void note(struct facts *f, uint32_t *heads, mir_reg r, uint32_t b)
{
	struct reg_block pair = {r, b, heads[r]};
	heads[r] = f->pairs.len;
	vec_push(f->arena, &f->pairs, pair);
}

static void note_use(struct facts *f, mir_reg r, uint32_t b)
{
	if (!mir_is_vreg(r) || f->def_seen[r] == b + 1 || f->use_seen[r] == b + 1)
		return;
	f->use_seen[r] = b + 1;
	note(f, f->uses, r, b);
}

static void note_def(struct facts *f, mir_reg r, uint32_t b)
{
	if (!mir_is_vreg(r) || f->def_seen[r] == b + 1)
		return;
	f->def_seen[r] = b + 1;
	note(f, f->defs, r, b);
}

static void gather_regs(struct facts *f, const struct mir_insn *in, uint32_t b)
{
	uint32_t roles = mir_roles(in->op);
	if (roles & MIR_USE_SRC)
		note_use(f, in->src, b);
	if (roles & MIR_USE_DST)
		note_use(f, in->dst, b);
	if (roles & MIR_DEF_DST)
		note_def(f, in->dst, b);
	if (roles & MIR_DEF_SRC)
		note_def(f, in->src, b);
}

static void gather_slots(struct facts *f, const struct mir_fn *fn, const struct mir_insn *in,
			 uint32_t b)
{
	if (mir_is_spill_load(fn, in))
		note_use(f, MIR_FIRST_VREG + in->index, b);
	else if (mir_is_spill_store(fn, in))
		note_def(f, MIR_FIRST_VREG + in->index, b);
}

static struct mir_reg_list *find_live_in(const struct mir_fn *fn, struct arena *arena,
					 bool of_slots)
{
	uint32_t count = of_slots ? MIR_FIRST_VREG + fn->slots.len : fn->reg_count;
	struct facts f = {.arena = arena};
	struct reg_block none = {0};
	vec_push(arena, &f.pairs, none);
	f.uses = ARENA_ARRAY(arena, uint32_t, count);
	f.defs = ARENA_ARRAY(arena, uint32_t, count);
	f.def_seen = ARENA_ARRAY(arena, uint32_t, count);
	f.use_seen = ARENA_ARRAY(arena, uint32_t, count);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		const struct mir_block *block = &fn->blocks.data[b];
		for (uint32_t i = 0; i < block->insns.len; i++) {
			if (of_slots)
				gather_slots(&f, fn, &block->insns.data[i], b);
			else
				gather_regs(&f, &block->insns.data[i], b);
		}
	}

	struct mir_reg_list *in = ARENA_ARRAY(arena, struct mir_reg_list, fn->blocks.len);
	mir_reg *defined = ARENA_ARRAY(arena, mir_reg, fn->blocks.len); // last of each block
	mir_reg *visited = ARENA_ARRAY(arena, mir_reg, fn->blocks.len);
	VEC(uint32_t) work = {0};
	for (mir_reg r = MIR_FIRST_VREG; r < count; r++) {
		for (uint32_t d = f.defs[r]; d; d = f.pairs.data[d].next)
			defined[f.pairs.data[d].b] = r;
		for (uint32_t u = f.uses[r]; u; u = f.pairs.data[u].next)
			vec_push(arena, &work, f.pairs.data[u].b);
		while (work.len) {
			uint32_t b = vec_pop(&work);
			if (visited[b] == r)
				continue;
			visited[b] = r;
			vec_push(arena, &in[b].regs, r);
			const struct mir_block *block = &fn->blocks.data[b];
			for (uint32_t p = 0; p < block->preds.len; p++)
				if (defined[block->preds.data[p]] != r)
					vec_push(arena, &work, block->preds.data[p]);
		}
	}
	return in;
}

struct mir_reg_list *mir_find_live_in(const struct mir_fn *fn, struct arena *arena)
{
	return find_live_in(fn, arena, false);
}

struct mir_reg_list *mir_find_live_slots(const struct mir_fn *fn, struct arena *arena)
{
	return find_live_in(fn, arena, true);
}

struct mir_set mir_set_make(struct arena *arena, uint32_t reg_count)
{
	return (struct mir_set){ARENA_ARRAY(arena, mir_reg, reg_count),
				ARENA_ARRAY(arena, uint32_t, reg_count), 0};
}

void mir_set_live_out(struct mir_set *s, const struct mir_fn *fn,
		      const struct mir_reg_list *live_in, uint32_t b)
{
	const struct mir_block *block = &fn->blocks.data[b];
	s->count = 0;
	for (uint32_t i = 0; i < block->succ_count; i++) {
		const struct mir_reg_list *in = &live_in[block->succs[i]];
		for (uint32_t k = 0; k < in->regs.len; k++)
			mir_set_add(s, in->regs.data[k]);
	}
}
