/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharing of spill slots: stores that no load reads are dropped, then slots whose lifetimes do not
 * overlap become one. A value that only goes from one slot to another (a phi whose both ends were
 * spilled) gets one slot for both, and the move disappears.
 */
#include "bpf-backend/codegen/mir.h"

struct slot_list {
	VEC(uint32_t) slots;
};

struct sharing {
	struct mir_fn *fn;
	struct arena *arena;
	struct mir_set live;         // of slots, as registers
	struct slot_list *conflicts; // by slot
	struct slot_list *moves;     // by slot: others whose value goes to it
	uint32_t *parent;            // classes of slots that are to be one
	uint32_t *next_member;       // of the class; UINT32_MAX ends it
	uint32_t *colour;            // by slot: the slot it becomes; UINT32_MAX not decided yet
	uint32_t *mark, *taken, stamp;
	VEC(uint32_t) used; // slots that stay
};

/* Slot whose value a store writes again, loaded by the instruction before. */
static uint32_t moved_from(const struct sharing *s, const struct mir_block *block, uint32_t i)
{
	const struct mir_insn *store = &block->insns.data[i];
	if (!i)
		return UINT32_MAX;
	const struct mir_insn *load = store - 1;
	bool is_move = mir_is_spill_load(s->fn, load) && load->dst == store->src;
	return is_move ? load->index : UINT32_MAX;
}

static void scan_store(struct sharing *s, uint32_t slot, uint32_t from)
{
	for (uint32_t k = 0; k < s->live.count; k++) {
		uint32_t other = s->live.dense[k] - MIR_FIRST_VREG;
		if (other == slot || other == from)
			continue;
		vec_push(s->arena, &s->conflicts[slot].slots, other);
		vec_push(s->arena, &s->conflicts[other].slots, slot);
	}
	if (from != UINT32_MAX)
		vec_push(s->arena, &s->moves[slot].slots, from);
}

static void scan_block(struct sharing *s, const struct mir_reg_list *live_in, uint32_t b)
{
	struct mir_block *block = &s->fn->blocks.data[b];
	uint32_t kept = block->insns.len;
	mir_set_live_out(&s->live, s->fn, live_in, b);
	for (uint32_t i = block->insns.len; i-- > 0;) {
		struct mir_insn in = block->insns.data[i];
		if (mir_is_spill_store(s->fn, &in)) {
			mir_reg r = MIR_FIRST_VREG + in.index;
			if (!mir_set_has(&s->live, r))
				continue;
			mir_set_remove(&s->live, r);
			scan_store(s, in.index, moved_from(s, block, i));
		} else if (mir_is_spill_load(s->fn, &in)) {
			mir_set_add(&s->live, MIR_FIRST_VREG + in.index);
		}
		block->insns.data[--kept] = in;
	}
	mir_drop_first(block, kept);
}

static uint32_t find(const struct sharing *s, uint32_t slot)
{
	while (s->parent[slot] != slot) {
		s->parent[slot] = s->parent[s->parent[slot]];
		slot = s->parent[slot];
	}
	return slot;
}

/* Marks what the class of `slot` conflicts with. */
static void mark_conflicts(struct sharing *s, uint32_t slot)
{
	s->stamp++;
	for (uint32_t m = slot; m != UINT32_MAX; m = s->next_member[m])
		for (uint32_t i = 0; i < s->conflicts[m].slots.len; i++)
			s->mark[find(s, s->conflicts[m].slots.data[i])] = s->stamp;
}

/* Makes one class of the two when nothing in one lives together with something in the other. */
static void merge_move(struct sharing *s, uint32_t a, uint32_t b)
{
	a = find(s, a);
	b = find(s, b);
	if (a == b)
		return;
	mark_conflicts(s, a);
	if (s->mark[b] == s->stamp)
		return;
	uint32_t last = a;
	while (s->next_member[last] != UINT32_MAX)
		last = s->next_member[last];
	s->next_member[last] = b;
	s->parent[b] = a;
}

/* The first slot, of those that stay, that no conflict of the class has become. */
static void choose(struct sharing *s, uint32_t slot)
{
	s->stamp++;
	for (uint32_t m = slot; m != UINT32_MAX; m = s->next_member[m]) {
		for (uint32_t i = 0; i < s->conflicts[m].slots.len; i++) {
			uint32_t other = s->colour[find(s, s->conflicts[m].slots.data[i])];
			if (other != UINT32_MAX)
				s->taken[other] = s->stamp;
		}
	}
	s->colour[slot] = slot;
	for (uint32_t i = 0; i < s->used.len; i++) {
		if (s->taken[s->used.data[i]] != s->stamp) {
			s->colour[slot] = s->used.data[i];
			return;
		}
	}
	vec_push(s->arena, &s->used, slot);
}

static void rename_slots(struct sharing *s)
{
	for (uint32_t b = 0; b < s->fn->blocks.len; b++) {
		struct mir_block *block = &s->fn->blocks.data[b];
		for (uint32_t i = 0; i < block->insns.len; i++) {
			struct mir_insn *in = &block->insns.data[i];
			if (mir_is_spill_load(s->fn, in) || mir_is_spill_store(s->fn, in))
				in->index = s->colour[in->index];
		}
	}
}

void mir_share_slots(struct mir_fn *fn, struct arena *arena)
{
	struct sharing s = {.fn = fn, .arena = arena};
	uint32_t n = fn->slots.len, spills = 0;
	for (uint32_t i = 0; i < n; i++)
		spills += fn->slots.data[i].is_spill;
	if (!spills)
		return;
	struct mir_reg_list *live_in = mir_find_live_slots(fn, arena);
	s.live = mir_set_make(arena, MIR_FIRST_VREG + n);
	s.conflicts = ARENA_ARRAY(arena, struct slot_list, n);
	s.moves = ARENA_ARRAY(arena, struct slot_list, n);
	s.colour = ARENA_ARRAY(arena, uint32_t, n);
	memset(s.colour, 0xff, n * sizeof *s.colour);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		scan_block(&s, live_in, b);
	s.parent = ARENA_ARRAY(arena, uint32_t, n);
	s.next_member = ARENA_ARRAY(arena, uint32_t, n);
	s.mark = ARENA_ARRAY(arena, uint32_t, n);
	s.taken = ARENA_ARRAY(arena, uint32_t, n);
	for (uint32_t slot = 0; slot < n; slot++) {
		s.parent[slot] = slot;
		s.next_member[slot] = UINT32_MAX;
	}
	for (uint32_t slot = 0; slot < n; slot++)
		for (uint32_t i = 0; i < s.moves[slot].slots.len; i++)
			merge_move(&s, slot, s.moves[slot].slots.data[i]);
	for (uint32_t slot = 0; slot < n; slot++)
		if (fn->slots.data[slot].is_spill && s.parent[slot] == slot)
			choose(&s, slot);
	for (uint32_t slot = 0; slot < n; slot++)
		if (fn->slots.data[slot].is_spill)
			s.colour[slot] = s.colour[find(&s, slot)];
	rename_slots(&s);
}
