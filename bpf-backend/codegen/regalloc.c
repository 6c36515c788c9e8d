/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register allocation: colours the interference graph with r0 to r9 and removes copies on the way.
 *
 * Problem. Copies are everywhere on purpose: phis, two-address arithmetic, arguments, results and
 * parameters are all plain copies after selection. A good allocation gives both ends of most of them one
 * register. The verifier cares, too: what it learns about a register it does not always know of a copy.
 *
 * Approach. spill.c runs first and keeps the number of live values within the machine's registers, so
 * every value has at most a handful of neighbours at any point and the graph has O(10 n) edges. On
 * it, coalescing and colouring are interleaved in the manner of George and Appel: nodes of few
 * neighbours that take no part in a copy are set aside (they can always be coloured later); copies
 * are merged, inner loops first, when that provably keeps the graph colourable (every neighbour of
 * one end is insignificant or a neighbour of the other already, or the merged node has fewer than ten
 * significant neighbours); when neither is possible a copy is given up, and at last a node is set aside
 * in the hope that it finds a colour all the same. Colours are given in reverse order, biased towards
 * what copies that were not merged would like. Machine registers are not nodes: a value carries the mask
 * of those it may not have (all of r0-r5 when it lives across a call), and can be merged into one.
 *
 * When a node finds no colour, values are first allowed to move at every call that they cross
 * (mir_split_at_calls): more than four values live at one point may cross calls, if not the same one.
 * A node that finds none even so goes to the frame with a load or store at each access and
 * everything is repeated; its pieces are so short that they are never chosen again.
 *
 * Invariants. Copies never make their two ends interfere. A pure instruction whose result is dead is
 * removed while the graph is built. The graph is never rebuilt after merging, only extended.
 *
 * Not handled, deliberately: splitting of live ranges other than by spill.c; undoing a merge; the order
 * of instructions.
 *
 * Example: `v3 = v1 + v2` with v1 needed later, arguments in r1, r2 and the result returned:
 *	v1 = r1; v2 = r2; v3 = v2; v3 += v1; ...; r0 = v3; exit
 * The copies v1-r1, v3-v2 and then v3-r0 merge as long as no call lies between; v2 is then r0,
 * which leaves one move, r0 = r2, in the program.
 */
#include <stdlib.h>

#include "bpf-backend/codegen/mir.h"

enum node_state {
	NODE_ABSENT,
	NODE_IN_GRAPH,
	NODE_STACKED,
	NODE_MERGED,
};

enum move_state {
	MOVE_QUEUED,
	MOVE_WAITING, // could not be merged; again when a neighbour becomes insignificant
	MOVE_DONE,    // merged, impossible or given up
};

struct regalloc_cost {
	float cost;
	mir_reg r;
};

enum { NO_COLOUR = 0xff, MAX_DEPTH = 8, BRIGGS_LIMIT = 400 };

struct node {
	VEC(mir_reg) neighbours;
	VEC(uint32_t) moves;
	uint32_t degree;       // neighbours still in the graph
	uint32_t active_moves; // not MOVE_DONE
	mir_reg alias;         // what it was merged into
	float cost;            // of keeping it in the frame
	uint16_t forbidden;    // machine registers
	uint8_t state, colour;
};

struct move {
	mir_reg dst, src;
	uint8_t state, depth;
};

struct graph {
	struct mir_fn *fn;
	struct arena *arena;
	struct node *nodes;
	uint32_t node_count;
	uint64_t *edges; // hash set of pairs
	uint32_t edge_count, edge_mask;
	VEC(struct move) moves;
	VEC(uint32_t) queue[MAX_DEPTH + 1]; // of moves, by loop depth
	VEC(mir_reg) low;                   // perhaps ready to be set aside
	VEC(mir_reg) freezable;
	VEC(mir_reg) stack;
	VEC(mir_reg) failed;
	mir_reg *by_cost;
	uint32_t by_cost_count, next_by_cost;
	uint32_t *mark; // of nodes, for counting without repetition
	uint32_t mark_now;
};

static struct node *node_of(struct graph *g, mir_reg r)
{
	return &g->nodes[r];
}

static mir_reg find(struct graph *g, mir_reg r)
{
	while (r >= MIR_FIRST_VREG && g->nodes[r].state == NODE_MERGED) {
		mir_reg to = g->nodes[r].alias;
		if (to >= MIR_FIRST_VREG && g->nodes[to].state == NODE_MERGED)
			g->nodes[r].alias = g->nodes[to].alias;
		r = to;
	}
	return r;
}

static uint32_t weight(const struct node *n)
{
	return n->degree + (uint32_t)__builtin_popcount(n->forbidden);
}

static bool is_significant(const struct node *n)
{
	return weight(n) >= MIR_COLOURS;
}

/* ---- edges ---- */

static uint64_t edge_key(mir_reg a, mir_reg b)
{
	return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

static uint64_t *edge_place(const struct graph *g, uint64_t key)
{
	uint32_t i = (uint32_t)hash_u64(key) & g->edge_mask;
	while (g->edges[i] && g->edges[i] != key)
		i = (i + 1) & g->edge_mask;
	return &g->edges[i];
}

static bool has_edge(const struct graph *g, mir_reg a, mir_reg b)
{
	return *edge_place(g, edge_key(a, b)) != 0;
}

static void grow_edges(struct graph *g)
{
	uint64_t *old = g->edges;
	uint32_t old_size = g->edge_mask + 1;
	g->edge_mask = old_size * 2 - 1;
	g->edges = ARENA_ARRAY(g->arena, uint64_t, old_size * 2);
	for (uint32_t i = 0; i < old_size; i++)
		if (old[i])
			*edge_place(g, old[i]) = old[i];
}

/* True when the edge is new. */
static bool add_edge(struct graph *g, mir_reg a, mir_reg b)
{
	if (a == b)
		return false;
	uint64_t key = edge_key(a, b), *place = edge_place(g, key);
	if (*place)
		return false;
	*place = key;
	if (++g->edge_count * 2 > g->edge_mask)
		grow_edges(g);
	vec_push(g->arena, &g->nodes[a].neighbours, b);
	vec_push(g->arena, &g->nodes[b].neighbours, a);
	return true;
}

static void interfere(struct graph *g, mir_reg a, mir_reg b)
{
	if (add_edge(g, a, b)) {
		g->nodes[a].degree++;
		g->nodes[b].degree++;
	}
}

/* ---- building ---- */

struct scan {
	struct graph *g;
	struct mir_set live;
	uint32_t machine; // mask of live machine registers
	float frequency;
};

static void defines(struct scan *s, mir_reg r, mir_reg copied_from)
{
	struct graph *g = s->g;
	if (r < MIR_FIRST_VREG) {
		s->machine &= ~(1u << r);
		for (uint32_t i = 0; i < s->live.count; i++)
			if (s->live.dense[i] != copied_from)
				g->nodes[s->live.dense[i]].forbidden |= (uint16_t)(1u << r);
		return;
	}
	struct node *n = node_of(g, r);
	n->state = NODE_IN_GRAPH;
	n->cost += s->frequency;
	mir_set_remove(&s->live, r);
	for (uint32_t i = 0; i < s->live.count; i++)
		if (s->live.dense[i] != copied_from)
			interfere(g, r, s->live.dense[i]);
	uint32_t machine = s->machine;
	if (copied_from < MIR_FIRST_VREG)
		machine &= ~(1u << copied_from);
	n->forbidden |= (uint16_t)machine;
}

static void uses(struct scan *s, mir_reg r)
{
	if (r < MIR_FIRST_VREG) {
		if (r != MIR_FRAME)
			s->machine |= 1u << r;
		return;
	}
	s->g->nodes[r].state = NODE_IN_GRAPH;
	s->g->nodes[r].cost += s->frequency;
	mir_set_add(&s->live, r);
}

static void note_move(struct graph *g, const struct mir_insn *in, uint8_t depth)
{
	struct move m = {in->dst, in->src, MOVE_QUEUED, depth};
	uint32_t index = g->moves.len;
	vec_push(g->arena, &g->moves, m);
	vec_push(g->arena, &g->queue[depth], index);
	mir_reg ends[2] = {in->dst, in->src};
	for (int i = 0; i < 2; i++) {
		if (ends[i] < MIR_FIRST_VREG)
			continue;
		vec_push(g->arena, &g->nodes[ends[i]].moves, index);
		g->nodes[ends[i]].active_moves++;
	}
}

static bool is_dead(const struct scan *s, const struct mir_insn *in, uint32_t roles)
{
	return roles & MIR_PURE && mir_is_vreg(in->dst) && !mir_set_has(&s->live, in->dst);
}

static void scan_insn(struct scan *s, const struct mir_insn *in, uint32_t roles, uint8_t depth)
{
	if (roles & MIR_CALL) {
		for (uint32_t i = 0; i < s->live.count; i++)
			s->g->nodes[s->live.dense[i]].forbidden |= MIR_CLOBBER;
		s->machine &= ~(uint32_t)MIR_CLOBBER;
		s->machine |= ((1u << in->arg_count) - 1) << MIR_R1;
	}
	if (in->op == BPF_OP_EXIT)
		s->machine |= 1u << MIR_R0;
	if (in->op == MIR_COPY) {
		defines(s, in->dst, in->src);
		uses(s, in->src);
		note_move(s->g, in, depth);
		return;
	}
	if (roles & MIR_DEF_DST)
		defines(s, in->dst, MIR_NO_REG);
	if (roles & MIR_DEF_SRC)
		defines(s, in->src, MIR_NO_REG);
	if (roles & MIR_USE_DST)
		uses(s, in->dst);
	if (roles & MIR_USE_SRC)
		uses(s, in->src);
}

static void scan_block(struct scan *s, const struct mir_reg_list *live_in, uint32_t b)
{
	static const float frequencies[MAX_DEPTH + 1] = {1,    10,   100,  1e3f, 1e4f,
							 1e5f, 1e6f, 1e7f, 1e8f};
	struct mir_block *block = &s->g->fn->blocks.data[b];
	s->frequency = frequencies[block->depth];
	s->machine = 0;
	mir_set_live_out(&s->live, s->g->fn, live_in, b);
	uint32_t kept = block->insns.len;
	for (uint32_t i = block->insns.len; i-- > 0;) {
		struct mir_insn in = block->insns.data[i];
		uint32_t roles = mir_roles(in.op);
		if (is_dead(s, &in, roles))
			continue;
		scan_insn(s, &in, roles, block->depth);
		block->insns.data[--kept] = in;
	}
	mir_drop_first(block, kept);
}

static int compare_cost(const void *a, const void *b)
{
	const struct regalloc_cost *x = a, *y = b;
	return x->cost < y->cost ? -1 : x->cost > y->cost ? 1 : x->r < y->r ? -1 : x->r > y->r;
}

/* Candidates for the frame, the cheapest first: little used and in the way of many. */
static void sort_by_cost(struct graph *g, mir_reg first_piece)
{
	struct regalloc_cost *costs = ARENA_ARRAY(g->arena, struct regalloc_cost, g->node_count);
	uint32_t n = 0;
	for (mir_reg r = MIR_FIRST_VREG; r < g->node_count; r++) {
		if (g->nodes[r].state != NODE_IN_GRAPH)
			continue;
		float cost = g->nodes[r].cost / (float)(weight(&g->nodes[r]) + 1);
		costs[n++] = (struct regalloc_cost){r >= first_piece ? 1e30f : cost, r};
	}
	qsort(costs, n, sizeof *costs, compare_cost);
	g->by_cost = ARENA_ARRAY(g->arena, mir_reg, n + 1);
	for (uint32_t i = 0; i < n; i++)
		g->by_cost[i] = costs[i].r;
	g->by_cost_count = n;
}

static void build(struct graph *g, mir_reg first_piece)
{
	struct mir_reg_list *live_in = mir_find_live_in(g->fn, g->arena);
	struct scan s = {.g = g, .live = mir_set_make(g->arena, g->fn->reg_count)};
	g->node_count = g->fn->reg_count;
	g->nodes = ARENA_ARRAY(g->arena, struct node, g->node_count);
	g->mark = ARENA_ARRAY(g->arena, uint32_t, g->node_count);
	g->edge_mask = 1023;
	g->edges = ARENA_ARRAY(g->arena, uint64_t, 1024);
	for (uint32_t b = 0; b < g->fn->blocks.len; b++)
		if (g->fn->blocks.data[b].insns.len)
			scan_block(&s, live_in, b);
	for (mir_reg r = MIR_FIRST_VREG; r < g->node_count; r++) {
		g->nodes[r].colour = NO_COLOUR;
		if (g->nodes[r].state == NODE_IN_GRAPH)
			vec_push(g->arena, &g->low, r);
	}
	sort_by_cost(g, first_piece);
}

/* ---- setting aside ---- */

static void queue_moves(struct graph *g, struct node *n)
{
	if (!n->active_moves)
		return;
	for (uint32_t i = 0; i < n->moves.len; i++) {
		struct move *m = &g->moves.data[n->moves.data[i]];
		if (m->state != MOVE_WAITING)
			continue;
		m->state = MOVE_QUEUED;
		vec_push(g->arena, &g->queue[m->depth], n->moves.data[i]);
	}
}

static void loses_neighbour(struct graph *g, mir_reg r)
{
	struct node *n = node_of(g, r);
	n->degree--;
	if (weight(n) != MIR_COLOURS - 1)
		return;
	queue_moves(g, n);
	for (uint32_t i = 0; i < n->neighbours.len; i++) {
		struct node *t = node_of(g, n->neighbours.data[i]);
		if (t->state == NODE_IN_GRAPH)
			queue_moves(g, t);
	}
	vec_push(g->arena, &g->low, r);
}

static void set_aside(struct graph *g, mir_reg r)
{
	struct node *n = node_of(g, r);
	n->state = NODE_STACKED;
	vec_push(g->arena, &g->stack, r);
	for (uint32_t i = 0; i < n->neighbours.len; i++)
		if (g->nodes[n->neighbours.data[i]].state == NODE_IN_GRAPH)
			loses_neighbour(g, n->neighbours.data[i]);
}

static void end_move(struct graph *g, struct move *m)
{
	if (m->state == MOVE_DONE)
		return;
	m->state = MOVE_DONE;
	mir_reg ends[2] = {find(g, m->dst), find(g, m->src)};
	for (int i = 0; i < 2; i++) {
		if (ends[i] < MIR_FIRST_VREG)
			continue;
		struct node *n = node_of(g, ends[i]);
		if (n->active_moves)
			n->active_moves--;
		if (!n->active_moves)
			vec_push(g->arena, &g->low, ends[i]);
	}
}

static bool simplify(struct graph *g)
{
	while (g->low.len) {
		mir_reg r = vec_pop(&g->low);
		struct node *n = node_of(g, r);
		if (n->state != NODE_IN_GRAPH || is_significant(n))
			continue;
		if (n->active_moves) {
			vec_push(g->arena, &g->freezable, r);
			continue;
		}
		set_aside(g, r);
		return true;
	}
	return false;
}

/* ---- merging ---- */

/* Every neighbour of n is harmless to merging n with `other`. */
static bool george_allows(struct graph *g, const struct node *n, mir_reg other)
{
	for (uint32_t i = 0; i < n->neighbours.len; i++) {
		mir_reg r = n->neighbours.data[i];
		const struct node *t = node_of(g, r);
		if (t->state != NODE_IN_GRAPH || !is_significant(t))
			continue;
		if (other < MIR_FIRST_VREG ? !(t->forbidden >> other & 1) : !has_edge(g, r, other))
			return false;
	}
	return other < MIR_FIRST_VREG || !(n->forbidden & ~g->nodes[other].forbidden);
}

static bool briggs_allows(struct graph *g, mir_reg a, mir_reg b)
{
	mir_reg ends[2] = {a, b};
	uint32_t significant =
		(uint32_t)__builtin_popcount(g->nodes[a].forbidden | g->nodes[b].forbidden);
	if (g->nodes[a].neighbours.len + g->nodes[b].neighbours.len > BRIGGS_LIMIT)
		return false;
	g->mark_now++;
	for (int e = 0; e < 2; e++) {
		const struct node *n = node_of(g, ends[e]);
		for (uint32_t i = 0; i < n->neighbours.len; i++) {
			mir_reg r = n->neighbours.data[i];
			const struct node *t = node_of(g, r);
			if (t->state != NODE_IN_GRAPH || g->mark[r] == g->mark_now)
				continue;
			g->mark[r] = g->mark_now;
			bool shared = e == 0 && has_edge(g, r, b);
			significant += weight(t) - shared >= MIR_COLOURS;
		}
	}
	return significant < MIR_COLOURS;
}

static void merge_into_machine(struct graph *g, mir_reg r, mir_reg machine)
{
	struct node *n = node_of(g, r);
	n->state = NODE_MERGED;
	n->alias = machine;
	for (uint32_t i = 0; i < n->neighbours.len; i++) {
		mir_reg other = n->neighbours.data[i];
		struct node *t = node_of(g, other);
		if (t->state != NODE_IN_GRAPH)
			continue;
		if (t->forbidden >> machine & 1) {
			loses_neighbour(g, other);
		} else {
			t->degree--;
			t->forbidden |= (uint16_t)(1u << machine);
		}
	}
	queue_moves(g, n);
}

static void merge(struct graph *g, mir_reg into, mir_reg r)
{
	struct node *n = node_of(g, r), *to = node_of(g, into);
	n->state = NODE_MERGED;
	n->alias = into;
	to->forbidden |= n->forbidden;
	to->cost += n->cost;
	for (uint32_t i = 0; i < n->neighbours.len; i++) {
		mir_reg other = n->neighbours.data[i];
		if (g->nodes[other].state != NODE_IN_GRAPH)
			continue;
		if (add_edge(g, into, other))
			to->degree++;
		else
			loses_neighbour(g, other);
	}
	queue_moves(g, n);
	for (uint32_t i = 0; i < n->moves.len; i++)
		vec_push(g->arena, &to->moves, n->moves.data[i]);
	to->active_moves += n->active_moves;
	vec_push(g->arena, &g->low, into);
}

static void try_move(struct graph *g, struct move *m)
{
	mir_reg a = find(g, m->dst), b = find(g, m->src);
	if (a < MIR_FIRST_VREG) {
		mir_reg t = a;
		a = b;
		b = t;
	}
	struct node *n = node_of(g, a); // b may be a machine register, a only with it
	if (a == b || a < MIR_FIRST_VREG || n->state != NODE_IN_GRAPH ||
	    (b >= MIR_FIRST_VREG && g->nodes[b].state != NODE_IN_GRAPH)) {
		end_move(g, m);
		return;
	}
	if (b < MIR_FIRST_VREG) {
		if (b == MIR_FRAME || n->forbidden >> b & 1) {
			end_move(g, m);
		} else if (george_allows(g, n, b)) {
			end_move(g, m);
			merge_into_machine(g, a, b);
		} else {
			m->state = MOVE_WAITING;
		}
		return;
	}
	if (has_edge(g, a, b)) {
		end_move(g, m);
		return;
	}
	if (g->nodes[a].neighbours.len > g->nodes[b].neighbours.len) {
		mir_reg t = a;
		a = b;
		b = t;
	}
	if (george_allows(g, node_of(g, a), b) || briggs_allows(g, a, b)) {
		end_move(g, m);
		merge(g, b, a);
	} else {
		m->state = MOVE_WAITING;
	}
}

static bool coalesce(struct graph *g)
{
	for (int depth = MAX_DEPTH; depth >= 0; depth--) {
		while (g->queue[depth].len) {
			struct move *m = &g->moves.data[vec_pop(&g->queue[depth])];
			if (m->state != MOVE_QUEUED)
				continue;
			try_move(g, m);
			return true;
		}
	}
	return false;
}

static void give_up_moves(struct graph *g, mir_reg r)
{
	struct node *n = node_of(g, r);
	for (uint32_t i = 0; i < n->moves.len; i++)
		end_move(g, &g->moves.data[n->moves.data[i]]);
	vec_push(g->arena, &g->low, r);
}

static bool freeze(struct graph *g)
{
	while (g->freezable.len) {
		mir_reg r = vec_pop(&g->freezable);
		struct node *n = node_of(g, r);
		if (n->state != NODE_IN_GRAPH || is_significant(n))
			continue;
		give_up_moves(g, r);
		return true;
	}
	return false;
}

static bool set_aside_hopefully(struct graph *g)
{
	while (g->next_by_cost < g->by_cost_count) {
		mir_reg r = g->by_cost[g->next_by_cost++];
		if (g->nodes[r].state != NODE_IN_GRAPH)
			continue;
		give_up_moves(g, r);
		set_aside(g, r);
		return true;
	}
	return false;
}

/* ---- colours ---- */

/* Colours that copies of r would like, the most frequent one first; *avoid gets those that a partner
 * without a colour cannot have. */
static uint32_t liked_colour(struct graph *g, const struct node *n, uint32_t free, uint32_t *avoid)
{
	int best_depth = -1;
	uint32_t best = NO_COLOUR;
	*avoid = 0;
	for (uint32_t i = 0; i < n->moves.len; i++) {
		const struct move *m = &g->moves.data[n->moves.data[i]];
		for (int end = 0; end < 2; end++) {
			mir_reg other = find(g, end ? m->src : m->dst);
			uint32_t colour = other;
			if (other >= MIR_FIRST_VREG) {
				if (node_of(g, other) == n)
					continue;
				colour = g->nodes[other].colour;
				if (colour == NO_COLOUR)
					*avoid |= g->nodes[other].forbidden;
			}
			if (colour < MIR_COLOURS && free >> colour & 1 && m->depth > best_depth) {
				best_depth = m->depth;
				best = colour;
			}
		}
	}
	return best;
}

static void choose_colour(struct graph *g, mir_reg r)
{
	// Argument registers last: whoever needs one wants exactly that one.
	static const uint8_t order[MIR_COLOURS] = {0, 5, 4, 3, 2, 1, 6, 7, 8, 9};
	struct node *n = node_of(g, r);
	uint32_t used = n->forbidden, avoid;
	for (uint32_t i = 0; i < n->neighbours.len; i++) {
		mir_reg t = find(g, n->neighbours.data[i]);
		uint32_t colour = t < MIR_FIRST_VREG ? t : g->nodes[t].colour;
		if (colour != NO_COLOUR)
			used |= 1u << colour;
	}
	uint32_t free = ~used & ((1u << MIR_COLOURS) - 1);
	if (!free) {
		vec_push(g->arena, &g->failed, r);
		return;
	}
	uint32_t liked = liked_colour(g, n, free, &avoid);
	if (liked != NO_COLOUR) {
		n->colour = (uint8_t)liked;
		return;
	}
	if (free & ~avoid)
		free &= ~avoid;
	for (uint32_t i = 0; i < MIR_COLOURS; i++) {
		if (free >> order[i] & 1) {
			n->colour = order[i];
			return;
		}
	}
}

static void colour(struct graph *g)
{
	while (simplify(g) || coalesce(g) || freeze(g) || set_aside_hopefully(g))
		;
	while (g->stack.len)
		choose_colour(g, vec_pop(&g->stack));
}

/* Registers merged into one that failed share its place in the frame. */
static void spill_failed(struct graph *g)
{
	uint32_t *slot_of = ARENA_ARRAY(g->arena, uint32_t, g->node_count);
	memset(slot_of, 0xff, g->node_count * sizeof *slot_of);
	for (uint32_t i = 0; i < g->failed.len; i++)
		slot_of[g->failed.data[i]] = mir_add_spill_slot(g->fn);
	for (mir_reg r = MIR_FIRST_VREG; r < g->node_count; r++) {
		mir_reg root = find(g, r);
		if (g->nodes[r].state == NODE_MERGED && root >= MIR_FIRST_VREG)
			slot_of[r] = slot_of[root];
	}
	mir_spill_everywhere(g->fn, slot_of, g->arena);
}

static void rewrite(struct graph *g)
{
	for (uint32_t b = 0; b < g->fn->blocks.len; b++) {
		struct mir_block *block = &g->fn->blocks.data[b];
		for (uint32_t i = 0; i < block->insns.len; i++) {
			struct mir_insn *in = &block->insns.data[i];
			mir_reg *regs[2] = {&in->dst, &in->src};
			for (int k = 0; k < 2; k++) {
				if (!mir_is_vreg(*regs[k]))
					continue;
				mir_reg r = find(g, *regs[k]);
				*regs[k] = r < MIR_FIRST_VREG ? r : g->nodes[r].colour;
			}
		}
	}
}

void mir_allocate(struct mir_fn *fn, struct arena *arena)
{
	mir_drop_copies(fn, arena);
	mir_spill(fn, arena);
	mir_reg first_piece = fn->reg_count;
	for (bool is_split = false;; is_split = true) {
		struct graph g = {.fn = fn, .arena = arena};
		build(&g, first_piece);
		colour(&g);
		if (!g.failed.len) {
			rewrite(&g);
			return;
		}
		if (is_split) {
			spill_failed(&g);
			continue;
		}
		mir_split_at_calls(fn, arena);
		first_piece = fn->reg_count;
	}
}
