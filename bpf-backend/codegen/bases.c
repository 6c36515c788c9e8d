/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of global sections that several blocks make are made once, in the nearest block above all of
 * them, as long as no call lies between (across one the address would take a register that
 * survives calls, or be made again anyway).
 *
 * Whether a call lies between is seen by epochs: every call begins a new one, and so does a block where
 * ways of different epochs meet. Between a point and another that it dominates there is no call when both
 * are in one epoch.
 */
#include <stdlib.h>

#include "bpf-backend/codegen/mir.h"

enum { MOST_SECTIONS = 8, MEETING = 1u << 31 };

struct making { // of an address
	uint32_t section, epoch, block, insn;
};

struct bases {
	struct mir_fn *fn;
	uint32_t *order, count, *position, *idom;
	uint32_t *epoch_in, *epoch_out;
	VEC(struct making) makings;
	mir_reg *same_as; // by register that was made again, of those there were
	uint32_t reg_count;
	bool *is_changed; // by register: something else than an address of a section is put there
	uint32_t known_regs;
};

static bool makes_base(const struct mir_insn *in)
{
	return in->op == BPF_OP_LD_IMM64 && in->relo == BPF_RELO_SECTION + 1 && !in->imm &&
	       mir_is_vreg(in->dst) && in->index < MOST_SECTIONS;
}

/* A making of an address in a register that holds nothing else. */
static bool is_base(const struct bases *s, const struct mir_insn *in)
{
	return makes_base(in) && (in->dst >= s->known_regs || !s->is_changed[in->dst]);
}

static void find_changed(struct bases *s)
{
	for (uint32_t b = 0; b < s->fn->blocks.len; b++)
		for (uint32_t i = 0; i < s->fn->blocks.data[b].insns.len; i++) {
			const struct mir_insn *in = &s->fn->blocks.data[b].insns.data[i];
			uint32_t roles = mir_roles(in->op);
			if (roles & MIR_DEF_DST && mir_is_vreg(in->dst) && !makes_base(in))
				s->is_changed[in->dst] = true;
			if (roles & MIR_DEF_SRC && mir_is_vreg(in->src))
				s->is_changed[in->src] = true;
		}
}

static uint32_t intersect(const struct bases *s, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (s->position[a] > s->position[b])
			a = s->idom[a];
		else
			b = s->idom[b];
	}
	return a;
}

static void find_dominators(struct bases *s)
{
	memset(s->idom, 0xff, s->fn->blocks.len * sizeof *s->idom);
	s->idom[0] = 0;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 1; i < s->count; i++) {
			const struct mir_block *block = &s->fn->blocks.data[s->order[i]];
			uint32_t best = UINT32_MAX;
			for (uint32_t k = 0; k < block->preds.len; k++) {
				uint32_t pred = block->preds.data[k];
				if (s->idom[pred] == UINT32_MAX)
					continue;
				best = best == UINT32_MAX ? pred : intersect(s, best, pred);
			}
			changed |= best != s->idom[s->order[i]];
			s->idom[s->order[i]] = best;
		}
	}
}

static uint32_t walk(const struct bases *s, uint32_t b, uint32_t epoch, uint32_t *next)
{
	const struct mir_block *block = &s->fn->blocks.data[b];
	for (uint32_t i = 0; i < block->insns.len; i++, (*next)++)
		if (mir_roles(block->insns.data[i].op) & MIR_CALL)
			epoch = *next;
	return epoch;
}

static void find_epochs(struct bases *s)
{
	uint32_t *first = ARENA_ARRAY(s->fn->arena, uint32_t, s->fn->blocks.len), number = 1;
	for (uint32_t i = 0; i < s->count; i++) {
		first[s->order[i]] = number;
		number += s->fn->blocks.data[s->order[i]].insns.len;
	}
	memset(s->epoch_out, 0xff, s->fn->blocks.len * sizeof *s->epoch_out);
	memset(s->epoch_in, 0xff, s->fn->blocks.len * sizeof *s->epoch_in);
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 0; i < s->count; i++) {
			uint32_t b = s->order[i], epoch = i ? UINT32_MAX : 0, next = first[b];
			const struct mir_block *block = &s->fn->blocks.data[b];
			for (uint32_t k = 0; k < block->preds.len; k++) {
				uint32_t from = s->epoch_out[block->preds.data[k]];
				if (from == UINT32_MAX || from == epoch)
					continue;
				epoch = epoch == UINT32_MAX ? from : MEETING | b;
			}
			if (s->epoch_in[b] == (MEETING | b) || epoch == s->epoch_in[b])
				continue;
			s->epoch_in[b] = epoch;
			s->epoch_out[b] = walk(s, b, epoch, &next);
			changed = true;
		}
	}
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t b = s->order[i], epoch = s->epoch_in[b], next = first[b];
		const struct mir_block *block = &s->fn->blocks.data[b];
		for (uint32_t k = 0; k < block->insns.len; k++, next++) {
			const struct mir_insn *in = &block->insns.data[k];
			if (mir_roles(in->op) & MIR_CALL)
				epoch = next;
			struct making making = {in->index, epoch, b, k};
			if (is_base(s, in))
				vec_push(s->fn->arena, &s->makings, making);
		}
	}
}

static int compare_makings(const void *a, const void *b)
{
	const struct making *x = a, *y = b;
	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->insn < y->insn ? -1 : 1;
}

/* All of makings from..to become one, in block `above`: the one that is there, or a new one at its end. */
static void share(struct bases *s, uint32_t from, uint32_t to, uint32_t above)
{
	struct mir_insn made = {0};
	bool is_there = false;
	for (uint32_t i = from; i < to && !is_there; i++) {
		const struct making *m = &s->makings.data[i];
		is_there = m->block == above;
		made = s->fn->blocks.data[m->block].insns.data[m->insn];
	}
	if (!is_there) {
		struct mir_block *block = &s->fn->blocks.data[above];
		struct mir_insn end = vec_last(&block->insns);
		made.dst = mir_new_reg(s->fn);
		vec_last(&block->insns) = made;
		vec_push(s->fn->arena, &block->insns, end);
	}
	for (uint32_t i = from; i < to; i++) {
		const struct making *m = &s->makings.data[i];
		mir_reg r = s->fn->blocks.data[m->block].insns.data[m->insn].dst;
		if (r != made.dst)
			s->same_as[r] = made.dst;
	}
}

/* A block that something else than a test and the makings themselves ends, in front of which they can go. */
static bool may_hold(const struct bases *s, uint32_t b, uint32_t epoch, uint8_t depth)
{
	const struct mir_block *block = &s->fn->blocks.data[b];
	return s->epoch_out[b] == epoch && block->depth <= depth && block->insns.len;
}

static void share_run(struct bases *s, uint32_t from, uint32_t to)
{
	uint32_t above = s->makings.data[from].block;
	uint8_t depth = s->fn->blocks.data[above].depth;
	for (uint32_t i = from + 1; i < to; i++) {
		uint32_t b = s->makings.data[i].block;
		above = intersect(s, above, b);
		depth = s->fn->blocks.data[b].depth < depth ? s->fn->blocks.data[b].depth : depth;
	}
	if (may_hold(s, above, s->makings.data[from].epoch, depth))
		share(s, from, to, above);
}

/* ---- what is there already ---- */

/* Sections whose address is in its register behind block b, given those at its head. */
static uint8_t walk_available(const struct bases *s, uint32_t b, uint8_t available)
{
	const struct mir_block *block = &s->fn->blocks.data[b];
	for (uint32_t i = 0; i < block->insns.len; i++) {
		const struct mir_insn *in = &block->insns.data[i];
		if (mir_roles(in->op) & MIR_CALL)
			available = 0;
		if (is_base(s, in))
			available |= (uint8_t)(1u << in->index);
	}
	return available;
}

static void find_available(const struct bases *s, uint8_t *at_head, uint8_t *behind)
{
	memset(behind, 0xff, s->fn->blocks.len);
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 0; i < s->count; i++) {
			uint32_t b = s->order[i];
			const struct mir_block *block = &s->fn->blocks.data[b];
			uint8_t in = i ? 0xff : 0;
			for (uint32_t k = 0; k < block->preds.len; k++)
				in &= behind[block->preds.data[k]];
			at_head[b] = in;
			uint8_t out = walk_available(s, b, in);
			changed |= out != behind[b];
			behind[b] = out;
		}
	}
}

static void rename(const struct bases *s, const mir_reg *base, mir_reg *r)
{
	if (!mir_is_vreg(*r) || *r >= s->reg_count || !s->same_as[*r])
		return;
	*r = base[s->same_as[*r] - 1];
}

/* Every section gets one register, and an address that is there already is not made. */
static void rename_block(struct bases *s, uint32_t b, const mir_reg *base, uint8_t available)
{
	struct mir_block *block = &s->fn->blocks.data[b];
	uint32_t kept = 0;
	for (uint32_t i = 0; i < block->insns.len; i++) {
		struct mir_insn in = block->insns.data[i];
		if (mir_roles(in.op) & MIR_CALL)
			available = 0;
		bool is_making = is_base(s, &in);
		if (is_making && available >> in.index & 1)
			continue;
		if (is_making)
			available |= (uint8_t)(1u << in.index);
		rename(s, base, &in.dst);
		rename(s, base, &in.src);
		block->insns.data[kept++] = in;
	}
	block->insns.len = kept;
}

static void drop_available(struct bases *s, struct arena *arena)
{
	struct mir_fn *fn = s->fn;
	mir_reg base[MOST_SECTIONS];
	uint8_t *at_head = ARENA_ARRAY(arena, uint8_t, fn->blocks.len);
	uint8_t *behind = ARENA_ARRAY(arena, uint8_t, fn->blocks.len);
	s->reg_count = fn->reg_count;
	s->same_as = ARENA_ARRAY(arena, mir_reg, fn->reg_count); // section plus one
	for (uint32_t i = 0; i < MOST_SECTIONS; i++)
		base[i] = mir_new_reg(fn);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (uint32_t i = 0; i < fn->blocks.data[b].insns.len; i++) {
			const struct mir_insn *in = &fn->blocks.data[b].insns.data[i];
			if (is_base(s, in))
				s->same_as[in->dst] = in->index + 1;
		}
	find_available(s, at_head, behind);
	for (uint32_t i = 0; i < s->count; i++)
		rename_block(s, s->order[i], base, at_head[s->order[i]]);
	mir_split_webs(fn, arena);
}

static void rename_shared(struct bases *s)
{
	for (uint32_t b = 0; b < s->fn->blocks.len; b++) {
		struct mir_block *block = &s->fn->blocks.data[b];
		uint32_t kept = 0;
		for (uint32_t i = 0; i < block->insns.len; i++) {
			struct mir_insn in = block->insns.data[i];
			if (is_base(s, &in) && in.dst < s->reg_count && s->same_as[in.dst])
				continue;
			if (mir_is_vreg(in.dst) && in.dst < s->reg_count && s->same_as[in.dst])
				in.dst = s->same_as[in.dst];
			if (mir_is_vreg(in.src) && in.src < s->reg_count && s->same_as[in.src])
				in.src = s->same_as[in.src];
			block->insns.data[kept++] = in;
		}
		block->insns.len = kept;
	}
}

void mir_share_bases(struct mir_fn *fn, struct arena *arena)
{
	struct bases s = {.fn = fn, .reg_count = fn->reg_count};
	s.order = mir_reverse_postorder(fn, arena, &s.count);
	s.position = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	s.idom = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	s.epoch_in = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	s.epoch_out = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	s.same_as = ARENA_ARRAY(arena, mir_reg, fn->reg_count);
	for (uint32_t i = 0; i < s.count; i++)
		s.position[s.order[i]] = i;
	s.known_regs = fn->reg_count;
	s.is_changed = ARENA_ARRAY(arena, bool, fn->reg_count);
	find_changed(&s);
	find_epochs(&s);
	if (s.makings.len < 2)
		return;
	find_dominators(&s);
	qsort(s.makings.data, s.makings.len, sizeof *s.makings.data, compare_makings);
	for (uint32_t i = 0; i < s.makings.len;) {
		uint32_t end = i + 1;
		while (end < s.makings.len &&
		       s.makings.data[end].section == s.makings.data[i].section &&
		       s.makings.data[end].epoch == s.makings.data[i].epoch)
			end++;
		if (end > i + 1)
			share_run(&s, i, end);
		i = end;
	}
	rename_shared(&s);
	drop_available(&s, arena);
}
