/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame where a loop with a guard begins. As long as the verifier is inside of such a loop it tells states
 * apart by all that lies in the frame, dead or not: by the bytes that were written at all, and by the numbers that
 * are there (stacksafe() with RANGE_WITHIN, clean_live_states(), Linux 6.12, 6.18). Were a place first written
 * inside of the loop, on some ways only, the ways would never count as alike. So the eight-byte places that are
 * written inside of a loop and dead where it begins are filled with numbers of which the verifier knows nothing.
 *
 * Input: allocated code with places in the frame. A loop is a strongly connected part of the graph that contains a
 * may_goto; it is prepared on the edges that lead into it, in registers that are free there.
 */
#include "bpf-backend/codegen/mir.h"

enum { WORD = 8, WORDS = MIR_STACK_BYTES / WORD };

typedef uint64_t words; // of the frame; bit 0 is the one right below r10

struct guarded {
	struct mir_fn *fn;
	struct arena *arena;
	const struct mir_zero *zero;
	uint32_t *part;   // by block: number of its strongly connected part, 0 not seen
	bool *is_guarded; // by part
	uint32_t parts;
	uint16_t *live_in; // by block: machine registers
	struct mir_reg_list *live_slots;
};

/* ---- parts ---- */

struct finder {
	struct guarded *g;
	uint32_t *number, *low, *stack, *path, *next;
	bool *on_stack;
	uint32_t count, stacked, depth;
};

static void enter(struct finder *f, uint32_t b)
{
	f->number[b] = f->low[b] = ++f->count;
	f->stack[f->stacked++] = b;
	f->on_stack[b] = true;
	f->path[f->depth++] = b;
}

static void leave(struct finder *f, uint32_t b)
{
	struct guarded *g = f->g;
	if (f->low[b] != f->number[b])
		return;
	uint32_t size = 0, member;
	g->parts++;
	do {
		member = f->stack[--f->stacked];
		f->on_stack[member] = false;
		g->part[member] = g->parts;
		size++;
		const struct mir_block *block = &g->fn->blocks.data[member];
		if (block->insns.len && vec_last(&block->insns).op == BPF_OP_MAY_GOTO)
			g->is_guarded[g->parts] = true;
	} while (member != b);
	if (size == 1)
		g->is_guarded[g->parts] = false; // a guard that the optimiser left without its loop
}

/* Tarjan's algorithm without recursion. */
static void find_parts(struct guarded *g)
{
	uint32_t n = g->fn->blocks.len;
	struct finder f = {.g = g};
	f.number = ARENA_ARRAY(g->arena, uint32_t, n);
	f.low = ARENA_ARRAY(g->arena, uint32_t, n);
	f.stack = ARENA_ARRAY(g->arena, uint32_t, n);
	f.path = ARENA_ARRAY(g->arena, uint32_t, n);
	f.next = ARENA_ARRAY(g->arena, uint32_t, n);
	f.on_stack = ARENA_ARRAY(g->arena, bool, n);
	g->part = ARENA_ARRAY(g->arena, uint32_t, n);
	g->is_guarded = ARENA_ARRAY(g->arena, bool, n + 1);
	enter(&f, 0);
	while (f.depth) {
		uint32_t b = f.path[f.depth - 1];
		const struct mir_block *block = &g->fn->blocks.data[b];
		if (f.next[b] == block->succ_count) {
			f.depth--;
			leave(&f, b);
			if (f.depth && f.low[b] < f.low[f.path[f.depth - 1]])
				f.low[f.path[f.depth - 1]] = f.low[b];
			continue;
		}
		uint32_t s = block->succs[f.next[b]++];
		if (!f.number[s])
			enter(&f, s);
		else if (f.on_stack[s] && f.number[s] < f.low[b])
			f.low[b] = f.number[s];
	}
}

/* ---- registers ---- */

static uint16_t bit(mir_reg r)
{
	return r < MIR_COLOURS ? (uint16_t)(1u << r) : 0;
}

static uint16_t live_before(const struct mir_block *block, uint16_t live)
{
	for (uint32_t i = block->insns.len; i-- > 0;) {
		const struct mir_insn *in = &block->insns.data[i];
		uint32_t roles = mir_roles(in->op);
		if (roles & MIR_DEF_DST)
			live &= (uint16_t)~bit(in->dst);
		if (roles & MIR_DEF_SRC)
			live &= (uint16_t)~bit(in->src);
		if (roles & MIR_CALL) {
			live &= (uint16_t)~MIR_CLOBBER;
			for (mir_reg r = MIR_R1; r <= in->arg_count; r++)
				live |= bit(r);
		}
		if (in->op == BPF_OP_CMPXCHG32 || in->op == BPF_OP_CMPXCHG64 ||
		    in->op == BPF_OP_EXIT)
			live |= bit(MIR_R0);
		if (roles & MIR_USE_DST)
			live |= bit(in->dst);
		if (roles & (MIR_USE_SRC | MIR_DEF_SRC))
			live |= bit(in->src);
	}
	return live;
}

static void find_live_registers(struct guarded *g)
{
	g->live_in = ARENA_ARRAY(g->arena, uint16_t, g->fn->blocks.len);
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t b = g->fn->blocks.len; b-- > 0;) {
			const struct mir_block *block = &g->fn->blocks.data[b];
			uint16_t live = 0;
			for (uint32_t k = 0; k < block->succ_count; k++)
				live |= g->live_in[block->succs[k]];
			live = live_before(block, live);
			changed |= live != g->live_in[b];
			g->live_in[b] = live;
		}
	}
}

/* ---- places ---- */

static words words_of(const struct mir_slot *slot)
{
	int32_t end = slot->offset + (int32_t)(slot->size ? slot->size : 1);
	words set = 0;
	for (int32_t w = -end / WORD; w < WORDS && -(w * WORD) > slot->offset; w++)
		if (w >= 0)
			set |= (words)1 << w;
	return set;
}

/* Slots that the instruction mentions; those that it stores a whole word to. */
static const struct mir_slot *mentioned(const struct mir_fn *fn, const struct mir_insn *in)
{
	bool is_mention = in->op == MIR_FRAME_ADDR || in->dst == MIR_FRAME || in->src == MIR_FRAME;
	return is_mention ? &fn->slots.data[in->index] : NULL;
}

/* Words that a part writes: all of the objects whose addresses it makes may be written by calls. */
static words written_in(const struct guarded *g, uint32_t part)
{
	words set = 0;
	for (uint32_t b = 0; b < g->fn->blocks.len; b++) {
		const struct mir_block *block = &g->fn->blocks.data[b];
		for (uint32_t i = 0; g->part[b] == part && i < block->insns.len; i++) {
			const struct mir_insn *in = &block->insns.data[i];
			const struct mir_slot *slot = mentioned(g->fn, in);
			if (slot && (in->op == MIR_FRAME_ADDR || in->dst == MIR_FRAME))
				set |= words_of(slot);
		}
	}
	return set;
}

/* Words that may be read behind the head of block `b` before they are written. Of spill slots that is known; an
 * object lives when something before may have mentioned it, but for those that are written for one call. */
static words live_at(const struct guarded *g, uint32_t b)
{
	const struct mir_fn *fn = g->fn;
	words set = 0;
	for (uint32_t k = 0; k < g->live_slots[b].regs.len; k++)
		set |= words_of(&fn->slots.data[g->live_slots[b].regs.data[k] - MIR_FIRST_VREG]);
	for (uint32_t other = 0; other < fn->blocks.len; other++) {
		const struct mir_block *block = &fn->blocks.data[other];
		for (uint32_t i = 0; g->part[other] != g->part[b] && i < block->insns.len; i++) {
			const struct mir_slot *slot = mentioned(fn, &block->insns.data[i]);
			if (slot && !slot->is_spill && !slot->is_temporary)
				set |= words_of(slot);
		}
	}
	return set;
}

/* ---- filling ---- */

static void add_fills(struct guarded *g, uint32_t b, words places, const mir_reg free[2],
		      span where)
{
	struct mir_block *block = &g->fn->blocks.data[b];
	for (int w = 0; w < WORDS; w++) {
		if (!(places >> w & 1))
			continue;
		struct mir_insn base = {.op = BPF_OP_LD_IMM64,
					.dst = free[1],
					.src = MIR_NO_REG,
					.relo = BPF_RELO_SECTION + 1,
					.index = g->zero->section,
					.where = where};
		struct mir_insn load = {.op = BPF_OP_LOAD64,
					.dst = free[0],
					.src = free[1],
					.off = (int32_t)g->zero->offset,
					.where = where};
		struct mir_insn store = {.op = BPF_OP_STORE64_REG,
					 .dst = MIR_FRAME,
					 .src = free[0],
					 .index = g->fn->slots.len,
					 .where = where};
		uint32_t slot = mir_add_slot(g->fn, 0, WORD, WORD, where);
		g->fn->slots.data[slot].offset = -(w + 1) * WORD;
		g->fn->slots.data[slot].is_used = true;
		bool is_first = !(places & (((words)1 << w) - 1));
		if (is_first || free[0] == free[1])
			vec_push(g->fn->arena, &block->insns, base);
		vec_push(g->fn->arena, &block->insns, load);
		vec_push(g->fn->arena, &block->insns, store);
	}
}

/* A block on the edge from `from` to its successor number `k`. */
static void prepare_edge(struct guarded *g, uint32_t from, uint32_t k)
{
	struct mir_fn *fn = g->fn;
	uint32_t to = fn->blocks.data[from].succs[k];
	words places = written_in(g, g->part[to]) & ~live_at(g, to);
	mir_reg free[2];
	unsigned count = 0;
	for (mir_reg r = 0; r < MIR_COLOURS && count < 2; r++)
		if (!(g->live_in[to] & bit(r)))
			free[count++] = r;
	if (!count || !places)
		return;
	if (count == 1)
		free[1] = free[0];
	span where = fn->blocks.data[to].insns.data[0].where;
	uint32_t b = mir_add_block(fn, from);
	add_fills(g, b, places, free, where);
	struct mir_insn jump = {
		.op = BPF_OP_GOTO, .dst = MIR_NO_REG, .src = MIR_NO_REG, .where = where};
	vec_push(fn->arena, &fn->blocks.data[b].insns, jump);
	fn->blocks.data[b].succs[0] = to;
	fn->blocks.data[b].succ_count = 1;
	fn->blocks.data[from].succs[k] = b;
}

void mir_prepare_guarded(struct mir_fn *fn, const struct mir_zero *zero, struct arena *arena)
{
	struct guarded g = {.fn = fn, .arena = arena, .zero = zero};
	uint32_t blocks = fn->blocks.len;
	if (!fn->uses_may_goto || !zero)
		return;
	find_parts(&g);
	find_live_registers(&g);
	g.live_slots = mir_find_live_slots(fn, arena);
	for (uint32_t b = 0; b < blocks; b++)
		for (uint32_t k = 0; g.part[b] && k < fn->blocks.data[b].succ_count; k++) {
			uint32_t to = g.part[fn->blocks.data[b].succs[k]];
			if (to != g.part[b] && g.is_guarded[to])
				prepare_edge(&g, b, k);
		}
	mir_find_preds(fn);
}
