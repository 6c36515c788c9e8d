/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dominators by iteration over reverse post-order until nothing changes, which takes two rounds on
 * graphs made from structured programs. The tree is then numbered so that one comparison of
 * intervals answers ir_dominates().
 */
#include "frontend/ir/ir.h"

#include <string.h>

/* Nearest common dominator of two blocks, both processed. */
static uint32_t meet(const struct ir_doms *d, uint32_t a, uint32_t b)
{
	while (a != b) {
		while (d->rpo_index[a] > d->rpo_index[b])
			a = d->idom[a];
		while (d->rpo_index[b] > d->rpo_index[a])
			b = d->idom[b];
	}
	return a;
}

static void find_idoms(const struct ir_fn *fn, struct ir_doms *d)
{
	bool changed = true;

	d->idom[0] = 0; // itself, while iterating
	while (changed) {
		changed = false;
		for (uint32_t i = 1; i < d->rpo_count; i++) {
			uint32_t b = d->rpo[i], idom = UINT32_MAX;
			const struct ir_block *block = &fn->blocks.data[b];
			for (uint32_t k = 0; k < block->preds.len; k++) {
				uint32_t pred = block->preds.data[k];
				if (d->rpo_index[pred] == UINT32_MAX || d->idom[pred] == UINT32_MAX)
					continue;
				idom = idom == UINT32_MAX ? pred : meet(d, pred, idom);
			}
			if (d->idom[b] != idom) {
				d->idom[b] = idom;
				changed = true;
			}
		}
	}
	d->idom[0] = UINT32_MAX;
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
		find_idoms(fn, &d);
	number_tree(&d, n, arena);
	return d;
}

bool ir_dominates(const struct ir_doms *doms, uint32_t a, uint32_t b)
{
	return doms->rpo_index[a] != UINT32_MAX && doms->rpo_index[b] != UINT32_MAX &&
	       doms->enter[a] <= doms->enter[b] && doms->enter[b] < doms->leave[a];
}
