/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives every web a register of its own: a web is a set of definitions and uses connected by which
 * definition may reach which use. Spilling leaves one register with pieces that have nothing to do
 * with one another; apart they are far easier to colour.
 *
 * Every definition and every (block, register live at its entry) is a node; an edge of the flow graph
 * joins the node that a register has at the end of one block with that at the entry of the next.
 * Joined nodes are one web.
 *
 * Example: `v = load; use v; …; v = reload; use v` has two definitions that meet in no use: two webs.
 */
#include "bpf-backend/codegen/mir.h"

struct webs {
	struct mir_fn *fn;
	struct arena *arena;
	struct mir_reg_list *live_in;
	uint32_t **entry;      // by block, beside live_in: node
	uint32_t *now;         // by register: node in the block being walked
	VEC(uint32_t) parents; // union-find
};

static uint32_t new_node(struct webs *w)
{
	uint32_t n = w->parents.len;
	vec_push(w->arena, &w->parents, n);
	return n;
}

static uint32_t find(struct webs *w, uint32_t n)
{
	while (w->parents.data[n] != n) {
		w->parents.data[n] = w->parents.data[w->parents.data[n]];
		n = w->parents.data[n];
	}
	return n;
}

static void join(struct webs *w, uint32_t a, uint32_t b)
{
	a = find(w, a);
	b = find(w, b);
	if (a < b)
		w->parents.data[b] = a;
	else
		w->parents.data[a] = b;
}

/* Numbers of operands become nodes; they stay above MIR_FIRST_VREG. */
static void walk(struct webs *w, uint32_t b)
{
	struct mir_block *block = &w->fn->blocks.data[b];
	for (uint32_t k = 0; k < w->live_in[b].regs.len; k++)
		w->now[w->live_in[b].regs.data[k]] = w->entry[b][k];
	for (uint32_t i = 0; i < block->insns.len; i++) {
		struct mir_insn *in = &block->insns.data[i];
		uint32_t roles = mir_roles(in->op);
		mir_reg dst = in->dst, src = in->src;
		if (roles & MIR_USE_SRC && mir_is_vreg(src))
			in->src = MIR_FIRST_VREG + w->now[src];
		if (!mir_is_vreg(dst) || !(roles & (MIR_USE_DST | MIR_DEF_DST)))
			continue;
		if (!(roles & MIR_USE_DST))
			w->now[dst] = new_node(w);
		in->dst = MIR_FIRST_VREG + w->now[dst];
	}
	for (uint32_t e = 0; e < block->succ_count; e++) {
		uint32_t to = block->succs[e];
		for (uint32_t k = 0; k < w->live_in[to].regs.len; k++)
			join(w, w->now[w->live_in[to].regs.data[k]], w->entry[to][k]);
	}
}

void mir_split_webs(struct mir_fn *fn, struct arena *arena)
{
	struct webs w = {.fn = fn, .arena = arena, .live_in = mir_find_live_in(fn, arena)};
	w.entry = ARENA_ARRAY(arena, uint32_t *, fn->blocks.len);
	w.now = ARENA_ARRAY(arena, uint32_t, fn->reg_count);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		w.entry[b] = ARENA_ARRAY(arena, uint32_t, w.live_in[b].regs.len + 1);
		for (uint32_t k = 0; k < w.live_in[b].regs.len; k++)
			w.entry[b][k] = new_node(&w);
	}
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		walk(&w, b);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct mir_block *block = &fn->blocks.data[b];
		for (uint32_t i = 0; i < block->insns.len; i++) {
			struct mir_insn *in = &block->insns.data[i];
			if (mir_is_vreg(in->dst))
				in->dst = MIR_FIRST_VREG + find(&w, in->dst - MIR_FIRST_VREG);
			if (mir_is_vreg(in->src))
				in->src = MIR_FIRST_VREG + find(&w, in->src - MIR_FIRST_VREG);
		}
	}
	fn->reg_count = MIR_FIRST_VREG + w.parents.len;
}

void mir_split_at_calls(struct mir_fn *fn, struct arena *arena)
{
	struct mir_reg_list *live_in = mir_find_live_in(fn, arena);
	struct mir_set live = mir_set_make(arena, fn->reg_count);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct mir_block *block = &fn->blocks.data[b];
		VEC(struct mir_insn) reversed = {0};
		mir_set_live_out(&live, fn, live_in, b);
		for (uint32_t i = block->insns.len; i-- > 0;) {
			struct mir_insn in = block->insns.data[i];
			uint32_t roles = mir_roles(in.op);
			vec_push(arena, &reversed, in);
			for (uint32_t k = 0; roles & MIR_CALL && k < live.count; k++) {
				mir_reg r = live.dense[k];
				struct mir_insn copy = {
					.op = MIR_COPY, .dst = r, .src = r, .where = in.where};
				vec_push(arena, &reversed, copy);
			}
			if (roles & MIR_DEF_DST && mir_is_vreg(in.dst))
				mir_set_remove(&live, in.dst);
			if (roles & MIR_USE_DST && mir_is_vreg(in.dst))
				mir_set_add(&live, in.dst);
			if (roles & MIR_USE_SRC && mir_is_vreg(in.src))
				mir_set_add(&live, in.src);
		}
		struct mir_block out = {0};
		vec_reserve(fn->arena, &out.insns, reversed.len);
		while (reversed.len)
			vec_push(fn->arena, &out.insns, vec_pop(&reversed));
		memcpy(&block->insns, &out.insns, sizeof block->insns);
	}
	mir_split_webs(fn, arena);
}
