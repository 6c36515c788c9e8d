/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spilling ahead of allocation: afterwards at most ten values are in registers at any point, and at most
 * four across a call.
 *
 * Blocks are walked in reverse post-order with the set of registers that hold their value (`held`). Before
 * an instruction what it reads is loaded back if need be; when there are too many, the one whose next
 * use is farthest away gives way (Belady's rule). Distances go over block ends; leaving a loop counts
 * as very far, so that what a loop does not use gives way before what it does. At the entry of a block the set is
 * what its predecessors agree on, at a loop header what the loop uses first; edges whose ends differ
 * get loads. A register that ever gives way is stored after each of its definitions and so always up
 * to date in its slot; constants and addresses are made again and need none.
 *
 * A register keeps its number through this; webs.c then gives unconnected pieces numbers of their
 * own. Nothing is done, at the cost of one walk, for a function that has registers enough.
 */
#include <stdlib.h>

#include "bpf-backend/codegen/mir.h"

enum { FAR = 1 << 20, NEVER = INT32_MAX, DISTANCE_PASSES = 3 };

struct operand_uses { // distances from the block's start of the next use behind an instruction
	int32_t dst, src;
};

struct spiller {
	struct mir_fn *fn;
	struct arena *arena;
	struct mir_reg_list *live_in;
	int32_t **
		distance; // by block, beside live_in: distance of the next use from the block's start
	int32_t *next;    // by register, within the block being walked
	struct mir_set live;
	struct mir_set held;
	struct mir_reg_list *entry, *exit; // by block: what is held there
	bool *is_done;                     // blocks whose exit is known
	struct bits spilled;
	struct mir_insn *made;
	uint32_t *order, order_count, *position;
	struct mir_block out; // of the block being walked
};

static bool has_def(uint32_t roles, bool dst)
{
	return roles & (dst ? MIR_DEF_DST : MIR_DEF_SRC);
}

static uint32_t machine_before(const struct mir_insn *in, uint32_t roles, uint32_t after)
{
	uint32_t live = after;
	if (roles & MIR_CALL)
		live = (live & ~(uint32_t)MIR_CLOBBER) | ((1u << in->arg_count) - 1) << MIR_R1;
	if (has_def(roles, true) && in->dst < MIR_FRAME)
		live &= ~(1u << in->dst);
	if (roles & MIR_USE_DST && in->dst < MIR_FRAME)
		live |= 1u << in->dst;
	if (roles & MIR_USE_SRC && in->src < MIR_FRAME)
		live |= 1u << in->src;
	if (in->op == BPF_OP_EXIT)
		live |= 1u << MIR_R0;
	return live;
}

/* ---- is there anything to do ---- */

static bool is_too_much(struct spiller *s, uint32_t b)
{
	const struct mir_block *block = &s->fn->blocks.data[b];
	uint32_t machine = 0;
	mir_set_live_out(&s->live, s->fn, s->live_in, b);
	for (uint32_t i = block->insns.len; i-- > 0;) {
		const struct mir_insn *in = &block->insns.data[i];
		uint32_t roles = mir_roles(in->op);
		if (has_def(roles, true) && mir_is_vreg(in->dst))
			mir_set_add(&s->live, in->dst);
		if (s->live.count + (uint32_t)__builtin_popcount(machine) > MIR_COLOURS)
			return true;
		if (has_def(roles, true) && mir_is_vreg(in->dst))
			mir_set_remove(&s->live, in->dst);
		if (roles & MIR_CALL && s->live.count > MIR_SAVED)
			return true;
		if (has_def(roles, false) && mir_is_vreg(in->src))
			mir_set_remove(&s->live, in->src);
		if (roles & MIR_USE_DST && mir_is_vreg(in->dst))
			mir_set_add(&s->live, in->dst);
		if (roles & MIR_USE_SRC && mir_is_vreg(in->src))
			mir_set_add(&s->live, in->src);
		machine = machine_before(in, roles, machine);
		if (s->live.count + (uint32_t)__builtin_popcount(machine) > MIR_COLOURS)
			return true;
	}
	return false;
}

/* ---- distances ---- */

/* s->next of every register live at the end of b, counted from the start of b. */
static void distances_at_end(struct spiller *s, uint32_t b)
{
	const struct mir_block *block = &s->fn->blocks.data[b];
	int32_t len = (int32_t)block->insns.len;
	mir_set_live_out(&s->live, s->fn, s->live_in, b);
	for (uint32_t i = 0; i < s->live.count; i++)
		s->next[s->live.dense[i]] = NEVER;
	for (uint32_t e = 0; e < block->succ_count; e++) {
		uint32_t to = block->succs[e];
		int32_t extra = s->fn->blocks.data[to].depth < block->depth ? FAR : 0;
		const struct mir_reg_list *in = &s->live_in[to];
		for (uint32_t k = 0; k < in->regs.len; k++) {
			int64_t d = (int64_t)s->distance[to][k] + len + extra;
			int32_t *next = &s->next[in->regs.data[k]];
			if (d < *next)
				*next = (int32_t)d;
		}
	}
}

/* Walks b backwards; fills `uses` when given. Leaves s->next as at the start. */
static void distances_to_start(struct spiller *s, uint32_t b, struct operand_uses *uses)
{
	const struct mir_block *block = &s->fn->blocks.data[b];
	distances_at_end(s, b);
	for (uint32_t i = block->insns.len; i-- > 0;) {
		const struct mir_insn *in = &block->insns.data[i];
		uint32_t roles = mir_roles(in->op);
		bool dst = mir_is_vreg(in->dst), src = mir_is_vreg(in->src);
		struct operand_uses u = {NEVER, NEVER};
		if (dst && mir_set_has(&s->live, in->dst))
			u.dst = s->next[in->dst];
		if (src && mir_set_has(&s->live, in->src))
			u.src = s->next[in->src];
		if (uses)
			uses[i] = u;
		if (dst && has_def(roles, true))
			mir_set_remove(&s->live, in->dst);
		if (src && has_def(roles, false))
			mir_set_remove(&s->live, in->src);
		if (dst && roles & MIR_USE_DST) {
			mir_set_add(&s->live, in->dst);
			s->next[in->dst] = (int32_t)i;
		}
		if (src && roles & MIR_USE_SRC) {
			mir_set_add(&s->live, in->src);
			s->next[in->src] = (int32_t)i;
		}
	}
}

static void find_distances(struct spiller *s)
{
	for (uint32_t b = 0; b < s->fn->blocks.len; b++) {
		uint32_t n = s->live_in[b].regs.len;
		s->distance[b] = ARENA_ARRAY(s->arena, int32_t, n + 1);
		for (uint32_t k = 0; k < n; k++)
			s->distance[b][k] = 2 * FAR;
	}
	for (int pass = 0; pass < DISTANCE_PASSES; pass++) {
		for (uint32_t i = s->order_count; i-- > 0;) {
			uint32_t b = s->order[i];
			distances_to_start(s, b, NULL);
			for (uint32_t k = 0; k < s->live_in[b].regs.len; k++) {
				int32_t d = s->next[s->live_in[b].regs.data[k]];
				s->distance[b][k] = d < 4 * FAR ? d : 4 * FAR;
			}
		}
	}
}

/* ---- the walk ---- */

static void put(struct spiller *s, struct mir_insn in)
{
	vec_push(s->fn->arena, &s->out.insns, in);
}

/* A load of r, its slot still unknown: mark_loads() of mir_spill fills it in. */
static struct mir_insn load_back(struct spiller *s, mir_reg r, span where)
{
	struct mir_insn in = s->made[r];
	if (in.dst == MIR_NO_REG)
		in = mir_make_reload(r, UINT32_MAX, where);
	in.where = where;
	bits_add(&s->spilled, r);
	return in;
}

/* Lets the farthest give way until `limit` are held; never `keep` ones. */
static void make_room(struct spiller *s, uint32_t limit, mir_reg keep1, mir_reg keep2)
{
	while (s->held.count > limit) {
		mir_reg victim = MIR_NO_REG;
		for (uint32_t i = 0; i < s->held.count; i++) {
			mir_reg r = s->held.dense[i];
			if (r == keep1 || r == keep2)
				continue;
			// Of equals the one that can be made again, then the older one.
			if (victim == MIR_NO_REG || s->next[r] > s->next[victim] ||
			    (s->next[r] == s->next[victim] && r < victim))
				victim = r;
		}
		if (victim == MIR_NO_REG)
			return;
		mir_set_remove(&s->held, victim);
	}
}

static uint32_t room(uint32_t machine)
{
	return MIR_COLOURS - (uint32_t)__builtin_popcount(machine);
}

static void hold_use(struct spiller *s, mir_reg r, const struct mir_insn *in)
{
	if (!mir_is_vreg(r) || mir_set_has(&s->held, r))
		return;
	put(s, load_back(s, r, in->where));
	mir_set_add(&s->held, r);
}

static void update(struct spiller *s, mir_reg r, int32_t next)
{
	s->next[r] = next;
	if (next == NEVER)
		mir_set_remove(&s->held, r);
}

static void walk_insn(struct spiller *s, const struct mir_insn *in, struct operand_uses uses,
		      uint32_t before, uint32_t after)
{
	uint32_t roles = mir_roles(in->op);
	mir_reg dst = mir_is_vreg(in->dst) ? in->dst : MIR_NO_REG;
	mir_reg src = mir_is_vreg(in->src) ? in->src : MIR_NO_REG;
	mir_reg used_dst = roles & MIR_USE_DST ? dst : MIR_NO_REG;
	mir_reg used_src = roles & MIR_USE_SRC ? src : MIR_NO_REG;
	hold_use(s, used_dst, in);
	hold_use(s, used_src, in);
	make_room(s, room(before), used_dst, used_src);
	if (used_dst != MIR_NO_REG)
		update(s, dst, uses.dst);
	if (used_src != MIR_NO_REG)
		update(s, src, uses.src);
	if (roles & MIR_CALL)
		make_room(s, MIR_SAVED, MIR_NO_REG, MIR_NO_REG);
	put(s, *in);
	mir_reg defined = has_def(roles, true) ? dst : has_def(roles, false) ? src : MIR_NO_REG;
	if (defined == MIR_NO_REG) {
		make_room(s, room(after), MIR_NO_REG, MIR_NO_REG);
		return;
	}
	mir_set_add(&s->held, defined);
	s->next[defined] = defined == dst ? uses.dst : uses.src;
	// The other operand may give way, but not before the instruction has read it.
	make_room(s, room(after), defined, MIR_NO_REG);
	update(s, defined, s->next[defined]);
}

static void walk_block(struct spiller *s, uint32_t b)
{
	struct mir_block *block = &s->fn->blocks.data[b];
	uint32_t n = block->insns.len, machine = 0;
	struct operand_uses *uses = ARENA_ARRAY(s->arena, struct operand_uses, n + 1);
	uint32_t *before = ARENA_ARRAY(s->arena, uint32_t, n + 1);
	distances_to_start(s, b, uses);
	for (uint32_t i = n; i-- > 0;)
		before[i] = machine = machine_before(&block->insns.data[i],
						     mir_roles(block->insns.data[i].op), machine);
	memset(&s->out.insns, 0, sizeof s->out.insns);
	for (uint32_t i = 0; i < n; i++)
		walk_insn(s, &block->insns.data[i], uses[i], before[i], before[i + 1]);
	memcpy(&block->insns, &s->out.insns, sizeof block->insns);
	for (uint32_t i = 0; i < s->held.count; i++)
		vec_push(s->arena, &s->exit[b].regs, s->held.dense[i]);
	s->is_done[b] = true;
}

/* ---- block entries ---- */

struct candidate {
	mir_reg r;
	int32_t distance;
	uint32_t missing; // predecessors that do not hold it
};

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (!x->missing != !y->missing)
		return x->missing ? 1 : -1;
	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->r < y->r ? -1 : x->r > y->r;
}

static bool is_loop_header(const struct spiller *s, uint32_t b)
{
	const struct mir_block *block = &s->fn->blocks.data[b];
	for (uint32_t p = 0; p < block->preds.len; p++)
		if (!s->is_done[block->preds.data[p]])
			return true;
	return false;
}

/* How many of the loop's registers are free for values that it does not use, and whether it calls. */
static uint32_t count_spare(const struct spiller *s, uint32_t header, bool *calls)
{
	uint8_t depth = s->fn->blocks.data[header].depth;
	uint32_t most = 0;
	*calls = false;
	for (uint32_t i = s->position[header]; i < s->order_count; i++) {
		const struct mir_block *block = &s->fn->blocks.data[s->order[i]];
		if (block->depth < depth)
			break;
		if (s->live_in[s->order[i]].regs.len > most)
			most = s->live_in[s->order[i]].regs.len;
		for (uint32_t k = 0; k < block->insns.len && !*calls; k++)
			*calls = mir_roles(block->insns.data[k].op) & MIR_CALL;
	}
	return most < MIR_COLOURS ? MIR_COLOURS - most : 0;
}

static uint32_t count_missing(const struct spiller *s, uint32_t b, mir_reg r)
{
	const struct mir_block *block = &s->fn->blocks.data[b];
	uint32_t missing = 0;
	for (uint32_t p = 0; p < block->preds.len; p++) {
		const struct mir_reg_list *exit = &s->exit[block->preds.data[p]];
		bool found = false;
		for (uint32_t k = 0; k < exit->regs.len && !found; k++)
			found = exit->regs.data[k] == r;
		missing += !found;
	}
	return missing;
}

static void choose_entry(struct spiller *s, uint32_t b)
{
	const struct mir_reg_list *in = &s->live_in[b];
	struct candidate *c = ARENA_ARRAY(s->arena, struct candidate, in->regs.len + 1);
	bool is_header = is_loop_header(s, b), calls = false;
	uint32_t limit = MIR_COLOURS, spare = is_header ? count_spare(s, b, &calls) : 0, n = 0;
	if (calls)
		limit = MIR_SAVED;
	for (uint32_t k = 0; k < in->regs.len; k++) {
		uint32_t missing = is_header ? 0 : count_missing(s, b, in->regs.data[k]);
		if (missing && missing == s->fn->blocks.data[b].preds.len)
			continue;
		c[n++] = (struct candidate){in->regs.data[k], s->distance[b][k], missing};
	}
	qsort(c, n, sizeof *c, compare_candidates);
	s->held.count = 0;
	for (uint32_t k = 0; k < n && s->held.count < limit; k++) {
		bool through = is_header && c[k].distance >= FAR;
		if (through && !spare)
			break;
		spare -= through;
		mir_set_add(&s->held, c[k].r);
		vec_push(s->arena, &s->entry[b].regs, c[k].r);
	}
}

/* ---- edges ---- */

static uint32_t split_edge(struct spiller *s, uint32_t from, uint32_t to)
{
	struct mir_fn *fn = s->fn;
	uint32_t shallow = fn->blocks.data[from].depth < fn->blocks.data[to].depth ? from : to;
	uint32_t edge = mir_add_block(fn, shallow);
	struct mir_insn jump = {.op = BPF_OP_GOTO, .dst = MIR_NO_REG, .src = MIR_NO_REG};
	vec_push(fn->arena, &fn->blocks.data[edge].insns, jump);
	fn->blocks.data[edge].succs[0] = to;
	fn->blocks.data[edge].succ_count = 1;
	struct mir_block *block = &fn->blocks.data[from];
	for (uint32_t e = 0; e < block->succ_count; e++)
		if (block->succs[e] == to)
			block->succs[e] = edge;
	return edge;
}

/* Inserts `count` instructions before index `at` of block b. */
static void insert(struct mir_fn *fn, uint32_t b, uint32_t at, const struct mir_insn *insns,
		   uint32_t count)
{
	struct mir_block *block = &fn->blocks.data[b];
	struct mir_block grown = {0};
	vec_reserve(fn->arena, &grown.insns, block->insns.len + count);
	for (uint32_t i = 0; i < block->insns.len; i++) {
		for (uint32_t k = 0; i == at && k < count; k++)
			vec_push(fn->arena, &grown.insns, insns[k]);
		vec_push(fn->arena, &grown.insns, block->insns.data[i]);
	}
	memcpy(&block->insns, &grown.insns, sizeof block->insns);
}

static void connect(struct spiller *s, uint32_t from, uint32_t to)
{
	struct mir_insn loads[MIR_COLOURS];
	uint32_t count = 0;
	const struct mir_reg_list *need = &s->entry[to], *have = &s->exit[from];
	for (uint32_t k = 0; k < need->regs.len; k++) {
		bool found = false;
		for (uint32_t h = 0; h < have->regs.len && !found; h++)
			found = have->regs.data[h] == need->regs.data[k];
		if (!found)
			loads[count++] = load_back(s, need->regs.data[k],
						   vec_last(&s->fn->blocks.data[from].insns).where);
	}
	if (!count)
		return;
	uint32_t place = from;
	if (s->fn->blocks.data[from].succ_count > 1)
		place = split_edge(s, from, to);
	insert(s->fn, place, s->fn->blocks.data[place].insns.len - 1, loads, count);
}

/* ---- stores ---- */

static bool is_load_back(const struct mir_insn *in, mir_reg r)
{
	return in->op == BPF_OP_LOAD64 && in->src == MIR_FRAME && in->index == UINT32_MAX &&
	       in->dst == r;
}

/* Stores after definitions of spilled registers, but not where the next definition in the block comes
 * before any load; and the slots of loads. */
static void add_stores(struct spiller *s, uint32_t b, const uint32_t *slot_of, bool *is_clean)
{
	struct mir_block *block = &s->fn->blocks.data[b];
	VEC(struct mir_insn) reversed = {0};
	VEC(mir_reg) touched = {0};
	for (uint32_t i = block->insns.len; i-- > 0;) {
		struct mir_insn in = block->insns.data[i];
		uint32_t roles = mir_roles(in.op);
		mir_reg r = has_def(roles, true)    ? in.dst
			    : has_def(roles, false) ? in.src
						    : MIR_NO_REG;
		bool is_spilled = mir_is_vreg(r) && slot_of[r] != UINT32_MAX;
		if (is_spilled && is_load_back(&in, r)) {
			in.index = slot_of[r];
			is_clean[r] = false;
		} else if (is_spilled && !is_clean[r]) {
			vec_push(s->arena, &reversed, mir_make_store(r, slot_of[r], in.where));
			is_clean[r] = true;
			vec_push(s->arena, &touched, r);
		}
		vec_push(s->arena, &reversed, in);
	}
	for (uint32_t i = 0; i < touched.len; i++)
		is_clean[touched.data[i]] = false;
	struct mir_block out = {0};
	vec_reserve(s->fn->arena, &out.insns, reversed.len);
	while (reversed.len)
		vec_push(s->fn->arena, &out.insns, vec_pop(&reversed));
	memcpy(&block->insns, &out.insns, sizeof block->insns);
}

static void finish(struct spiller *s)
{
	uint32_t n = s->fn->reg_count;
	uint32_t *slot_of = ARENA_ARRAY(s->arena, uint32_t, n);
	bool *is_clean = ARENA_ARRAY(s->arena, bool, n);
	memset(slot_of, 0xff, n * sizeof *slot_of);
	for (uint32_t r = bits_next(&s->spilled, 0); r != BITS_END;
	     r = bits_next(&s->spilled, r + 1))
		if (s->made[r].dst == MIR_NO_REG)
			slot_of[r] = mir_add_spill_slot(s->fn);
	for (uint32_t b = 0; b < s->fn->blocks.len; b++)
		add_stores(s, b, slot_of, is_clean);
	mir_find_preds(s->fn);
	mir_split_webs(s->fn, s->arena);
}

static void init(struct spiller *s)
{
	uint32_t blocks = s->fn->blocks.len, regs = s->fn->reg_count;
	s->order = mir_reverse_postorder(s->fn, s->arena, &s->order_count);
	s->position = ARENA_ARRAY(s->arena, uint32_t, blocks);
	for (uint32_t i = 0; i < s->order_count; i++)
		s->position[s->order[i]] = i;
	s->distance = ARENA_ARRAY(s->arena, int32_t *, blocks);
	s->next = ARENA_ARRAY(s->arena, int32_t, regs);
	s->held = mir_set_make(s->arena, regs);
	s->entry = ARENA_ARRAY(s->arena, struct mir_reg_list, blocks);
	s->exit = ARENA_ARRAY(s->arena, struct mir_reg_list, blocks);
	s->is_done = ARENA_ARRAY(s->arena, bool, blocks);
	s->spilled = bits_make(s->arena, regs);
	s->made = mir_find_remade(s->fn, s->arena);
}

void mir_spill(struct mir_fn *fn, struct arena *arena)
{
	struct spiller s = {.fn = fn, .arena = arena};
	uint32_t blocks = fn->blocks.len;
	bool any = false;
	s.live_in = mir_find_live_in(fn, arena);
	s.live = mir_set_make(arena, fn->reg_count);
	for (uint32_t b = 0; b < blocks && !any; b++)
		any = is_too_much(&s, b);
	if (!any)
		return;
	init(&s);
	find_distances(&s);
	for (uint32_t i = 0; i < s.order_count; i++) {
		choose_entry(&s, s.order[i]);
		walk_block(&s, s.order[i]);
	}
	for (uint32_t b = 0; b < blocks; b++) {
		uint32_t succs[2] = {fn->blocks.data[b].succs[0], fn->blocks.data[b].succs[1]};
		uint32_t count = fn->blocks.data[b].succ_count;
		for (uint32_t e = 0; e < count; e++)
			if (e == 0 || succs[1] != succs[0])
				connect(&s, b, succs[e]);
	}
	finish(&s);
}
