/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dominators from semidominators: blocks are numbered depth-first, the semidominator of each (the
 * smallest number from which a path of larger numbers leads to it) is found from the last block to
 * the first with compressed paths, and the immediate dominator is the nearest block up the tree so
 * far whose number is not above the semidominator's. Near-linear also where thousands of blocks
 * lead to one. The tree is then numbered so that one comparison of intervals answers
 * ir_dominates().
 */
#include "frontend/ir/ir.h"

#include <string.h>

/* All arrays but number are indexed by depth-first number. */
struct search {
	const struct ir_fn *fn;
	uint32_t *number; // of each block, UINT32_MAX when unreachable
	uint32_t *block, *parent, count;
	uint32_t *ancestor; // parent, or further up after compression
	uint32_t *semi;     // smallest semidominator on the way up to the ancestor
	uint32_t *idom;
	uint32_t *stack;
};

static void number_blocks(struct search *s, struct arena *arena)
{
	uint32_t n = s->fn->blocks.len, depth = 0;
	uint32_t *next_succ = ARENA_ARRAY(arena, uint32_t, n + 1);

	memset(s->number, 0xff, n * sizeof *s->number);
	s->number[0] = 0;
	s->count = 1;
	s->stack[depth++] = 0;
	while (depth) {
		uint32_t b = s->stack[depth - 1];
		const struct ir_block *block = &s->fn->blocks.data[b];
		if (next_succ[b] == block->succ_count) {
			depth--;
			continue;
		}
		uint32_t to = block->succs[next_succ[b]++];
		if (s->number[to] != UINT32_MAX)
			continue;
		s->number[to] = s->count;
		s->block[s->count] = to;
		s->parent[s->count++] = s->number[b];
		s->stack[depth++] = to;
	}
}

/* Smallest semidominator from v up through blocks numbered `linked` or more. */
static uint32_t smallest_semi(struct search *s, uint32_t v, uint32_t linked)
{
	uint32_t depth = 0;

	if (v < linked)
		return v;
	while (s->ancestor[v] >= linked) {
		s->stack[depth++] = v;
		v = s->ancestor[v];
	}
	while (depth) {
		uint32_t below = s->stack[--depth];
		s->ancestor[below] = s->ancestor[v];
		if (s->semi[v] < s->semi[below])
			s->semi[below] = s->semi[v];
		v = below;
	}
	return s->semi[v];
}

static void find_idoms(const struct ir_fn *fn, struct ir_doms *d, struct arena *arena)
{
	uint32_t n = fn->blocks.len;
	struct search s = {
		.fn = fn,
		.number = ARENA_ARRAY(arena, uint32_t, n),
		.block = ARENA_ARRAY(arena, uint32_t, n),
		.parent = ARENA_ARRAY(arena, uint32_t, n),
		.ancestor = ARENA_ARRAY(arena, uint32_t, n),
		.semi = ARENA_ARRAY(arena, uint32_t, n),
		.idom = ARENA_ARRAY(arena, uint32_t, n),
		.stack = ARENA_ARRAY(arena, uint32_t, n),
	};

	number_blocks(&s, arena);
	memcpy(s.ancestor, s.parent, s.count * sizeof *s.parent);
	uint32_t *semi = ARENA_ARRAY(arena, uint32_t, s.count); // s.semi before compression
	for (uint32_t i = s.count; i-- > 1;) {
		const struct ir_block *block = &fn->blocks.data[s.block[i]];
		semi[i] = s.parent[i];
		for (uint32_t k = 0; k < block->preds.len; k++) {
			uint32_t pred = s.number[block->preds.data[k]];
			if (pred == UINT32_MAX)
				continue;
			uint32_t candidate = smallest_semi(&s, pred, i + 1);
			if (candidate < semi[i])
				semi[i] = candidate;
		}
		s.semi[i] = semi[i];
	}
	for (uint32_t i = 1; i < s.count; i++) {
		s.idom[i] = s.parent[i];
		while (s.idom[i] > semi[i])
			s.idom[i] = s.idom[s.idom[i]];
		d->idom[s.block[i]] = s.block[s.idom[i]];
	}
}

/* Enter and leave numbers of the dominator tree without walking it: subtree sizes are summed from
 * the end of the order, then every block takes its interval out of its parent's. */
static void number_tree(struct ir_doms *d, uint32_t n, struct arena *arena)
{
	uint32_t *size = ARENA_ARRAY(arena, uint32_t, n + 1);
	uint32_t *next = ARENA_ARRAY(arena, uint32_t, n + 1);

	for (uint32_t i = d->rpo_count; i-- > 0;) {
		uint32_t b = d->rpo[i];
		size[b]++;
		if (d->idom[b] != UINT32_MAX)
			size[d->idom[b]] += size[b];
	}
	for (uint32_t i = 0; i < d->rpo_count; i++) {
		uint32_t b = d->rpo[i], parent = d->idom[b];
		d->enter[b] = parent == UINT32_MAX ? 0 : next[parent];
		d->leave[b] = d->enter[b] + size[b];
		next[b] = d->enter[b] + 1;
		if (parent != UINT32_MAX)
			next[parent] += size[b];
	}
}

struct ir_doms ir_find_doms(const struct ir_fn *fn, struct arena *arena)
{
	uint32_t n = fn->blocks.len;
	struct ir_doms d = {
		.idom = ARENA_ARRAY(arena, uint32_t, n + 1),
		.rpo_index = ARENA_ARRAY(arena, uint32_t, n + 1),
		.enter = ARENA_ARRAY(arena, uint32_t, n + 1),
		.leave = ARENA_ARRAY(arena, uint32_t, n + 1),
	};

	memset(d.idom, 0xff, n * sizeof *d.idom);
	memset(d.rpo_index, 0xff, n * sizeof *d.rpo_index);
	d.rpo = ir_reverse_postorder(fn, arena, &d.rpo_count);
	for (uint32_t i = 0; i < d.rpo_count; i++)
		d.rpo_index[d.rpo[i]] = i;
	if (n)
		find_idoms(fn, &d, arena);
	number_tree(&d, n, arena);
	return d;
}
