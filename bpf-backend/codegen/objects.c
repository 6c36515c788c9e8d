/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects of the frame may lie in one place: those of which one is dead where the other lives.
 * Input: the machine form over virtual registers; output: pairs of slots that must not overlap, for
 * mir_layout_stack.
 *
 * An object lives at a point that some mention of it reaches and from which another mention can be
 * reached. A mention is an access, the making of its address, and every use of a register that may
 * hold the address; an address put into another object makes each mention of that object one of its
 * own. Where a register may hold addresses of several objects, or an address is stored elsewhere, the
 * objects live everywhere.
 */
#include "bpf-backend/codegen/mir.h"

enum {
	SMALL = 96,  // bytes of objects that need not share
	MANY = 4096, // slots that are not looked at
};

struct link {
	uint32_t inner, next; // the address of `inner` is stored in an object; next of that object
};

struct span_of { // of a slot in one block
	uint32_t first, last;
};

struct objects {
	struct mir_fn *fn;
	struct arena *arena;
	uint32_t count;
	uint32_t *holds; // by register: slot + 1
	bool *is_everywhere;
	uint32_t *first_link; // by slot; 0 none
	VEC(struct link) links;
	struct bits *mentioned, *before, *after; // by block
	struct span_of *span;
	uint32_t *stamp; // by slot: the mention that it was reached in, against cycles
	uint32_t mentions;
};

static uint32_t held_by(const struct objects *o, mir_reg r)
{
	return mir_is_vreg(r) ? o->holds[r] : 0;
}

static bool hold(struct objects *o, mir_reg r, uint32_t slot)
{
	if (!slot || !mir_is_vreg(r) || o->holds[r] == slot)
		return false;
	if (!o->holds[r]) {
		o->holds[r] = slot;
		return true;
	}
	bool is_new = !o->is_everywhere[slot - 1] || !o->is_everywhere[o->holds[r] - 1];
	o->is_everywhere[slot - 1] = o->is_everywhere[o->holds[r] - 1] = true;
	return is_new;
}

static void link_objects(struct objects *o, uint32_t outer, uint32_t inner)
{
	for (uint32_t l = o->first_link[outer]; l; l = o->links.data[l].next)
		if (o->links.data[l].inner == inner)
			return;
	struct link link = {inner, o->first_link[outer]};
	o->first_link[outer] = o->links.len;
	vec_push(o->arena, &o->links, link);
}

/* What one instruction does with addresses; true when something new was learned. */
static bool learn(struct objects *o, const struct mir_insn *in)
{
	uint32_t roles = mir_roles(in->op), from = held_by(o, in->src);
	bool is_access = in->op < BPF_OP_COUNT && insn_width((enum bpf_op)in->op);
	if (in->op == MIR_FRAME_ADDR)
		return hold(o, in->dst, in->index + 1);
	if (is_access && insn_is_store((enum bpf_op)in->op) && from) {
		uint32_t outer = in->dst == MIR_FRAME ? in->index + 1 : held_by(o, in->dst);
		if (outer)
			link_objects(o, outer - 1, from - 1);
		else
			o->is_everywhere[from - 1] = true;
		return false;
	}
	if (is_access && insn_is_load((enum bpf_op)in->op)) {
		uint32_t outer = in->src == MIR_FRAME ? in->index + 1 : from;
		bool is_new = false;
		for (uint32_t l = outer ? o->first_link[outer - 1] : 0; l;
		     l = o->links.data[l].next)
			if (insn_width((enum bpf_op)in->op) == 8)
				is_new |= hold(o, in->dst, o->links.data[l].inner + 1);
		return is_new;
	}
	if (!is_access && roles & MIR_DEF_DST && roles & MIR_USE_SRC)
		return hold(o, in->dst, from);
	return false;
}

static void find_holders(struct objects *o)
{
	for (bool is_new = true; is_new;) {
		is_new = false;
		for (uint32_t b = 0; b < o->fn->blocks.len; b++) {
			const struct mir_block *block = &o->fn->blocks.data[b];
			for (uint32_t i = 0; i < block->insns.len; i++)
				is_new |= learn(o, &block->insns.data[i]);
		}
	}
}

/* ---- mentions ---- */

static void mention(struct objects *o, uint32_t b, uint32_t at, uint32_t slot)
{
	if (o->stamp[slot] == o->mentions)
		return;
	o->stamp[slot] = o->mentions;
	if (!bits_has(&o->mentioned[b], slot)) {
		bits_add(&o->mentioned[b], slot);
		o->span[slot].first = at;
	}
	o->span[slot].last = at;
	for (uint32_t l = o->first_link[slot]; l; l = o->links.data[l].next)
		mention(o, b, at, o->links.data[l].inner);
}

static uint32_t named_by(const struct objects *o, const struct mir_insn *in, bool is_dst)
{
	mir_reg r = is_dst ? in->dst : in->src;
	bool is_frame = in->op == MIR_FRAME_ADDR ? is_dst : r == MIR_FRAME;
	return is_frame ? in->index + 1 : held_by(o, r);
}

/* Arguments in machine registers count up to the call. */
static void walk_block(struct objects *o, uint32_t b)
{
	const struct mir_block *block = &o->fn->blocks.data[b];
	uint32_t argument[MIR_R5 + 1] = {0};
	for (uint32_t i = 0; i < block->insns.len; i++) {
		const struct mir_insn *in = &block->insns.data[i];
		uint32_t slots[2] = {named_by(o, in, true), named_by(o, in, false)};
		o->mentions++;
		for (int k = 0; k < 2; k++)
			if (slots[k])
				mention(o, b, i, slots[k] - 1);
		bool is_call = mir_roles(in->op) & MIR_CALL;
		for (uint32_t r = MIR_R1; is_call && r <= MIR_R5; r++) {
			if (argument[r])
				mention(o, b, i, argument[r] - 1);
			argument[r] = 0;
		}
		if (in->dst >= MIR_R1 && in->dst <= MIR_R5 && mir_roles(in->op) & MIR_DEF_DST)
			argument[in->dst] =
				in->op == MIR_FRAME_ADDR ? in->index + 1 : held_by(o, in->src);
	}
}

/* Mentions that reach the head of a block, and that its end reaches. */
static void flow(struct objects *o)
{
	struct mir_fn *fn = o->fn;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t b = 0; b < fn->blocks.len; b++) {
			const struct mir_block *block = &fn->blocks.data[b];
			for (uint32_t k = 0; k < block->succ_count; k++) {
				uint32_t to = block->succs[k];
				changed |= bits_join(&o->before[to], &o->before[b]);
				changed |= bits_join(&o->before[to], &o->mentioned[b]);
			}
		}
		for (uint32_t b = fn->blocks.len; b-- > 0;) {
			const struct mir_block *block = &fn->blocks.data[b];
			for (uint32_t k = 0; k < block->succ_count; k++) {
				uint32_t to = block->succs[k];
				changed |= bits_join(&o->after[b], &o->after[to]);
				changed |= bits_join(&o->after[b], &o->mentioned[to]);
			}
		}
	}
}

static void conflict(struct mir_fn *fn, uint32_t a, uint32_t b)
{
	bits_add(&fn->conflicts[a], b);
	bits_add(&fn->conflicts[b], a);
}

static void compare_in_block(struct objects *o, uint32_t b)
{
	VEC(uint32_t) live = {0};
	o->mentioned[b] = bits_make(o->arena, o->count);
	walk_block(o, b); // the spans are those of the last block that was walked
	for (uint32_t slot = 0; slot < o->count; slot++) {
		bool here = bits_has(&o->mentioned[b], slot);
		bool from_before = bits_has(&o->before[b], slot);
		bool to_after = bits_has(&o->after[b], slot);
		if (!(here || from_before) || !(here || to_after))
			continue;
		if (!here || from_before)
			o->span[slot].first = 0;
		if (!here || to_after)
			o->span[slot].last = UINT32_MAX;
		vec_push(o->arena, &live, slot);
	}
	for (uint32_t i = 0; i < live.len; i++)
		for (uint32_t k = 0; k < i; k++) {
			struct span_of x = o->span[live.data[i]], y = o->span[live.data[k]];
			if (x.first <= y.last && y.first <= x.last)
				conflict(o->fn, live.data[i], live.data[k]);
		}
}

static bool is_worth_it(const struct mir_fn *fn)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < fn->slots.len; i++)
		bytes += fn->slots.data[i].size;
	return bytes > SMALL && fn->slots.len > 1 && fn->slots.len <= MANY;
}

void mir_find_conflicts(struct mir_fn *fn, struct arena *arena)
{
	uint32_t n = fn->slots.len, blocks = fn->blocks.len;
	struct objects o = {.fn = fn, .arena = arena, .count = n};
	if (!is_worth_it(fn))
		return;
	o.holds = ARENA_ARRAY(arena, uint32_t, fn->reg_count);
	o.is_everywhere = ARENA_ARRAY(arena, bool, n);
	o.first_link = ARENA_ARRAY(arena, uint32_t, n);
	o.span = ARENA_ARRAY(arena, struct span_of, n);
	o.stamp = ARENA_ARRAY(arena, uint32_t, n);
	vec_push(arena, &o.links, (struct link){0});
	o.mentioned = ARENA_ARRAY(arena, struct bits, blocks);
	o.before = ARENA_ARRAY(arena, struct bits, blocks);
	o.after = ARENA_ARRAY(arena, struct bits, blocks);
	fn->conflicts = ARENA_ARRAY(arena, struct bits, n);
	fn->conflict_count = n;
	for (uint32_t i = 0; i < n; i++)
		fn->conflicts[i] = bits_make(arena, n);
	for (uint32_t b = 0; b < blocks; b++) {
		o.mentioned[b] = bits_make(arena, n);
		o.before[b] = bits_make(arena, n);
		o.after[b] = bits_make(arena, n);
	}
	find_holders(&o);
	for (uint32_t b = 0; b < blocks; b++)
		walk_block(&o, b);
	flow(&o);
	for (uint32_t b = 0; b < blocks; b++)
		compare_in_block(&o, b);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < n && o.is_everywhere[i]; k++)
			if (i != k)
				conflict(fn, i, k);
}
