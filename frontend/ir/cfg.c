/* SPDX-License-Identifier: Apache-2.0 */
/* Orders over the flow graph and removal of what the entry does not reach. */
#include "frontend/ir/ir.h"

#include <string.h>

uint32_t *ir_reverse_postorder(const struct ir_fn *fn, struct arena *arena, uint32_t *count)
{
	uint32_t n = fn->blocks.len, depth = 0, done = n;
	uint32_t *order = ARENA_ARRAY(arena, uint32_t, n + 1);
	uint32_t *stack = ARENA_ARRAY(arena, uint32_t, n + 1);
	uint32_t *next_succ = ARENA_ARRAY(arena, uint32_t, n + 1);
	bool *seen = ARENA_ARRAY(arena, bool, n + 1);

	if (n) {
		stack[depth++] = 0;
		seen[0] = true;
	}
	while (depth) { // depth-first without recursion; successors in order
		uint32_t b = stack[depth - 1];
		const struct ir_block *block = &fn->blocks.data[b];
		if (next_succ[b] == block->succ_count) {
			order[--done] = b;
			depth--;
			continue;
		}
		uint32_t to = block->succs[next_succ[b]++];
		if (!seen[to]) {
			seen[to] = true;
			stack[depth++] = to;
		}
	}
	*count = n - done;
	memmove(order, order + done, *count * sizeof *order);
	return order;
}

/* Takes the predecessors that are gone out of `b`, and their phi operands. */
static void drop_dead_preds(struct ir_fn *fn, uint32_t b, const bool *alive)
{
	struct ir_block *block = &fn->blocks.data[b];
	uint32_t kept = 0, count = block->preds.len;

	for (ir_ref r = block->first; r && ir_get(fn, r)->op == IR_PHI; r = fn->next.data[r]) {
		ir_ref *args = ir_args(fn, r);
		uint32_t to = 0;
		for (uint32_t i = 0; i < count; i++)
			if (alive[block->preds.data[i]])
				args[to++] = args[i];
		ir_get(fn, r)->index = to;
	}
	for (uint32_t i = 0; i < count; i++)
		if (alive[block->preds.data[i]])
			block->preds.data[kept++] = block->preds.data[i];
	block->preds.len = kept;
}

bool ir_remove_unreachable(struct ir_fn *fn, struct arena *arena)
{
	uint32_t count;
	uint32_t *order = ir_reverse_postorder(fn, arena, &count);
	bool *alive = ARENA_ARRAY(arena, bool, fn->blocks.len);
	bool changed = false;

	for (uint32_t i = 0; i < count; i++)
		alive[order[i]] = true;
	for (uint32_t i = 0; i < count; i++)
		drop_dead_preds(fn, order[i], alive);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct ir_block *block = &fn->blocks.data[b];
		if (alive[b] || !block->first)
			continue;
		while (block->first)
			ir_remove(fn, block->first);
		block->preds.len = 0;
		block->succ_count = 0;
		changed = true;
	}
	return changed;
}
