/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Natural loops: a header that dominates the source of an edge back to it, with all blocks from
 * which that source is reached without passing the header. Headers are taken innermost first, so a
 * block belongs to the first loop that claims it, and a claimed loop becomes a child as a whole.
 */
#include "frontend/ir/ir.h"

#include <string.h>

struct search {
	const struct ir_fn *fn;
	const struct ir_doms *doms;
	struct arena *arena;
	VEC(struct ir_loop) loops;
	uint32_t *loop_of;
	uint32_t *top; // outermost loop found so far around a loop, compressed as it is asked for
	uint32_t *stack;
};

static uint32_t find_top(struct search *s, uint32_t loop)
{
	uint32_t top = loop;

	while (s->top[top] != top)
		top = s->top[top];
	while (s->top[loop] != top) {
		uint32_t step = s->top[loop];
		s->top[loop] = top;
		loop = step;
	}
	return top;
}

/* Adds `b`, or the loop around it, to `loop`; pushes what leads into it. */
static void claim(struct search *s, uint32_t loop, uint32_t b, uint32_t *depth)
{
	uint32_t entry = b;

	if (s->loop_of[b] == UINT32_MAX) {
		s->loop_of[b] = loop;
	} else {
		uint32_t inner = find_top(s, s->loop_of[b]);
		if (inner == loop)
			return;
		s->loops.data[inner].parent = loop;
		s->top[inner] = loop;
		entry = s->loops.data[inner].header;
	}
	if (entry != s->loops.data[loop].header)
		s->stack[(*depth)++] = entry;
}

static void find_body(struct search *s, uint32_t header)
{
	const struct ir_block *h = &s->fn->blocks.data[header];
	uint32_t loop = UINT32_MAX, depth = 0;

	for (uint32_t i = 0; i < h->preds.len; i++) {
		if (!ir_dominates(s->doms, header, h->preds.data[i]))
			continue;
		if (loop == UINT32_MAX) {
			loop = s->loops.len;
			struct ir_loop made = {header, UINT32_MAX, 0};
			vec_push(s->arena, &s->loops, made);
			s->top[loop] = loop;
			s->loop_of[header] = loop;
		}
		claim(s, loop, h->preds.data[i], &depth);
	}
	while (depth) {
		const struct ir_block *b = &s->fn->blocks.data[s->stack[--depth]];
		for (uint32_t i = 0; i < b->preds.len; i++)
			if (ir_dominates(s->doms, header, b->preds.data[i]))
				claim(s, loop, b->preds.data[i], &depth);
	}
}

/* An edge that goes back in the order but not to a dominator closes a cycle with two entries. */
static bool is_irreducible(const struct ir_fn *fn, const struct ir_doms *doms)
{
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		const struct ir_block *b = &fn->blocks.data[doms->rpo[i]];
		for (uint32_t k = 0; k < b->succ_count; k++)
			if (doms->rpo_index[b->succs[k]] <= i &&
			    !ir_dominates(doms, b->succs[k], doms->rpo[i]))
				return true;
	}
	return false;
}

struct ir_loops ir_find_loops(const struct ir_fn *fn, const struct ir_doms *doms,
			      struct arena *arena)
{
	uint32_t n = fn->blocks.len, edges = 1;

	for (uint32_t b = 0; b < n; b++)
		edges += fn->blocks.data[b].preds.len;
	struct search s = {
		.fn = fn,
		.doms = doms,
		.arena = arena,
		.loop_of = ARENA_ARRAY(arena, uint32_t, n + 1),
		.top = ARENA_ARRAY(arena, uint32_t, n + 1),
		.stack = ARENA_ARRAY(arena, uint32_t, edges),
	};
	memset(s.loop_of, 0xff, (n + 1) * sizeof *s.loop_of);
	for (uint32_t i = doms->rpo_count; i-- > 0;)
		find_body(&s, doms->rpo[i]);

	/* Outer loops first: reverse the order in which they were found. */
	struct ir_loops out = {.count = s.loops.len, .loop_of = s.loop_of};
	uint32_t last = s.loops.len - 1;
	out.loops = ARENA_ARRAY(arena, struct ir_loop, s.loops.len + 1);
	for (uint32_t i = 0; i < s.loops.len; i++) {
		out.loops[i] = s.loops.data[last - i];
		if (out.loops[i].parent != UINT32_MAX)
			out.loops[i].parent = last - out.loops[i].parent;
		uint32_t parent = out.loops[i].parent;
		out.loops[i].depth = parent == UINT32_MAX ? 1 : out.loops[parent].depth + 1;
	}
	for (uint32_t b = 0; b < n; b++)
		if (out.loop_of[b] != UINT32_MAX)
			out.loop_of[b] = last - out.loop_of[b];
	out.irreducible = is_irreducible(fn, doms);
	return out;
}
