/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precision. A scalar's value is compared between states only where something was decided by it: an
 * offset, a size, a branch. When an instruction relies on a register, the path is walked back and every
 * register and stack slot that took part in its value is marked in the checkpoints passed:
 *
 *	checkpoint:  r1=?  r2=8       <- r2 becomes precise, r1 does not
 *	r3 = r2
 *	r3 += 4
 *	*(r10 + r3) = 0               <- relies on r3
 *
 * After __mark_chain_precision() and backtrack_insn(), kernel/bpf/verifier.c, Linux 6.12.117. Where the
 * walk meets something that it cannot follow, all scalars of the path become precise.
 */
#include <string.h>

#include "bpf-backend/verify/inside.h"

enum { ARGUMENTS = 0x3e };

struct trail {
	uint32_t regs[MAX_FRAMES];
	uint64_t slots[MAX_FRAMES];
	uint32_t frame;
};

enum back { BACK_ON, BACK_LOST };

static bool is_empty(const struct trail *t)
{
	uint64_t any = 0;
	for (uint32_t i = 0; i <= t->frame; i++)
		any |= t->regs[i] | t->slots[i];
	return !any;
}

static bool has(const struct trail *t, unsigned reg)
{
	return t->regs[t->frame] >> reg & 1;
}

static void add(struct trail *t, unsigned reg)
{
	if (reg != BPF_R10)
		t->regs[t->frame] |= 1u << reg;
}

static void drop(struct trail *t, unsigned reg)
{
	t->regs[t->frame] &= ~(1u << reg);
}

static enum back enter_callee(struct trail *t)
{
	if (t->frame == MAX_FRAMES - 1)
		return BACK_LOST;
	t->frame++;
	return BACK_ON;
}

static enum back leave_callee(struct trail *t)
{
	if (!t->frame)
		return BACK_LOST;
	t->frame--;
	return BACK_ON;
}

/* Scalars that the instruction narrowed together are relied upon together. */
static void add_linked(struct trail *t, const struct history *h)
{
	bool is_any = false;
	for (unsigned i = 0; h && i < h->linked_count; i++) {
		const struct linked *l = &h->linked[i];
		is_any |= (l->is_reg ? t->regs[l->frame] : t->slots[l->frame]) >> l->number & 1;
	}
	for (unsigned i = 0; is_any && i < h->linked_count; i++) {
		const struct linked *l = &h->linked[i];
		if (l->is_reg)
			t->regs[l->frame] |= 1u << l->number;
		else
			t->slots[l->frame] |= UINT64_C(1) << l->number;
	}
}

static bool is_fetch(const struct bpf_record *i)
{
	return (i->opcode & 0xe7) == 0xc3 && i->imm & 1 && i->imm < 0x100;
}

static bool is_acquire(const struct bpf_record *i)
{
	return (i->opcode & 0xe7) == 0xc3 && i->imm == 0x100;
}

static void back_alu(struct trail *t, const struct bpf_record *i)
{
	unsigned op = i->opcode >> 4;
	if (!has(t, i->dst) || op == ALU_END || op == ALU_NEG)
		return;
	if (op == ALU_MOV)
		drop(t, i->dst);
	if (i->opcode & 8)
		add(t, i->src);
}

static void back_load(struct trail *t, unsigned reg, const struct history *h)
{
	if (!has(t, reg))
		return;
	drop(t, reg);
	if (h && h->flags & HISTORY_STACK)
		t->slots[h->frame] |= UINT64_C(1) << h->slot;
}

static enum back back_store(struct trail *t, const struct bpf_record *i, const struct history *h)
{
	if (has(t, i->dst))
		return BACK_LOST; // the difference of two pointers
	if (!h || !(h->flags & HISTORY_STACK) || !(t->slots[h->frame] >> h->slot & 1))
		return BACK_ON;
	t->slots[h->frame] &= ~(UINT64_C(1) << h->slot);
	if ((i->opcode & 7) == 3)
		add(t, i->src);
	return BACK_ON;
}

/* Back out of a function, to its call. */
static enum back back_entry(struct trail *t, bool passes_arguments)
{
	uint32_t regs = t->regs[t->frame] & ARGUMENTS;
	if (t->regs[t->frame] & ~(uint32_t)ARGUMENTS || t->slots[t->frame])
		return BACK_LOST;
	t->regs[t->frame] = 0;
	if (leave_callee(t) == BACK_LOST)
		return BACK_LOST;
	if (passes_arguments)
		t->regs[t->frame] |= regs;
	return BACK_ON;
}

static enum back back_call(struct verifier *v, struct trail *t, uint32_t at, int64_t later)
{
	const struct bpf_record *i = &v->insns[at];
	if (verify_is_call_of_function(i)) {
		int callee = verify_find_function(v, (int64_t)at + i->imm + 1);
		if (callee < 0)
			return BACK_LOST;
		if (!v->functions[callee].is_global)
			return back_entry(t, true);
	} else if (v->notes[at].calls_callback && (int64_t)at != later - 1) {
		return back_entry(t, false);
	} else if (verify_is_call_of_kernel(i) && !i->imm) {
		return BACK_LOST;
	}
	drop(t, 0);
	return t->regs[t->frame] & ARGUMENTS ? BACK_LOST : BACK_ON;
}

static enum back back_exit(struct verifier *v, struct trail *t, int64_t later)
{
	bool from_call = later >= 1 && verify_is_call_of_function(&v->insns[later - 1]);
	bool needs_result = from_call && has(t, 0);
	if (from_call && t->regs[t->frame] & ARGUMENTS)
		return BACK_LOST;
	drop(t, 0);
	if (enter_callee(t) == BACK_LOST)
		return BACK_LOST;
	if (needs_result)
		add(t, 0);
	return BACK_ON;
}

static enum back back_jump(struct verifier *v, struct trail *t, uint32_t at, int64_t later,
			   const struct history *h)
{
	const struct bpf_record *i = &v->insns[at];
	unsigned op = i->opcode >> 4;
	if (op == JUMP_CALL)
		return back_call(v, t, at, later);
	if (op == JUMP_EXIT)
		return back_exit(v, t, later);
	if (!(i->opcode & 8) || (!has(t, i->dst) && !has(t, i->src)))
		return BACK_ON;
	if (!h || !(h->flags & HISTORY_SRC_IS_STACK))
		add(t, i->src);
	if (!h || !(h->flags & HISTORY_DST_IS_STACK))
		add(t, i->dst);
	return BACK_ON;
}

static enum back back_legacy(struct trail *t, const struct bpf_record *i, uint32_t at,
			     int64_t later)
{
	if ((i->opcode & 0xe0) == 0) {
		drop(t, i->dst);
		return BACK_ON;
	}
	if (has(t, i->dst))
		return BACK_LOST;
	return later == (int64_t)at + 1 ? BACK_ON : enter_callee(t);
}

/* One instruction back; `later` is the one after it on the path, -1 at first. */
static enum back back_over(struct verifier *v, struct trail *t, uint32_t at, int64_t later,
			   const struct history *h)
{
	const struct bpf_record *i = &v->insns[at];
	unsigned class = i->opcode & 7;
	enum back result = BACK_ON;
	if (!i->opcode)
		return BACK_ON; // second half of an immediate
	add_linked(t, h);
	if (class == 4 || class == 7)
		back_alu(t, i);
	else if (class == 1 || is_acquire(i))
		back_load(t, i->dst, h);
	else if (is_fetch(i))
		back_load(t, i->imm == 0xf1 ? 0 : i->src, h);
	else if (class == 2 || class == 3)
		result = back_store(t, i, h);
	else if (class == 5 || class == 6)
		result = back_jump(v, t, at, later, h);
	else
		result = back_legacy(t, i, at, later);
	add_linked(t, h);
	return result;
}

static void mark_all(struct state *s)
{
	for (s = s->parent; s; s = s->parent) {
		struct reg_walk walk = {0};
		for (struct reg *r; (r = state_next_reg(s, &walk));)
			r->precise |= r->kind == REG_SCALAR;
	}
}

/* Marks what the trail wants in a checkpoint; what was marked before leaves the trail. */
static bool mark_checkpoint(struct trail *t, struct state *s, bool *changed)
{
	for (uint32_t f = 0; f <= t->frame; f++) {
		if (f > s->depth)
			return false;
		struct frame *frame = s->frames[f];
		for (unsigned i = 0; i < BPF_R10; i++) {
			struct reg *r = &frame->r[i];
			if (!(t->regs[f] >> i & 1))
				continue;
			if (r->kind != REG_SCALAR || r->precise) {
				t->regs[f] &= ~(1u << i);
				continue;
			}
			r->precise = true;
			if (changed)
				*changed = true;
		}
		for (uint64_t left = t->slots[f]; left; left &= left - 1) {
			unsigned i = (unsigned)__builtin_ctzll(left);
			if (i >= frame->slot_count)
				return false;
			struct slot *slot = &frame->slots[i];
			if (!slot_is_scalar(slot) || slot->reg.precise) {
				t->slots[f] &= ~(UINT64_C(1) << i);
				continue;
			}
			slot->reg.precise = true;
			if (changed)
				*changed = true;
		}
	}
	return true;
}

/* The instruction before `at` in a state's history; -1 at its beginning. */
static int64_t previous_insn(const struct state *s, uint32_t at, uint32_t *left)
{
	const struct history *last = *left ? &s->history[*left - 1] : NULL;
	if (at == s->first_insn && (!*left || (*left == 1 && last->insn == at)))
		return -1;
	if (last && last->insn == at) {
		(*left)--;
		return (int32_t)last->previous;
	}
	return (int64_t)at - 1;
}

/* Walks back through one state's part of the path. */
static enum back walk_state(struct verifier *v, struct trail *t, const struct state *s, uint32_t at,
			    int64_t *later, bool skips_first)
{
	uint32_t left = s->history_count;
	for (;;) {
		const struct history *h =
			left && s->history[left - 1].insn == at ? &s->history[left - 1] : NULL;
		if (!skips_first && back_over(v, t, at, *later, h) == BACK_LOST)
			return BACK_LOST;
		skips_first = false;
		if (is_empty(t))
			return BACK_ON;
		*later = at;
		int64_t previous = previous_insn(s, at, &left);
		if (previous == -1)
			return BACK_ON;
		if (previous < 0 || previous >= v->count)
			return BACK_LOST;
		at = (uint32_t)previous;
	}
}

/* Arguments of a function that is verified on its own have no history. */
static void mark_arguments(struct trail *t, struct state *s)
{
	for (unsigned i = 1; i <= 5; i++) {
		if (t->regs[0] >> i & 1 && s->frames[0]->r[i].kind == REG_SCALAR)
			s->frames[0]->r[i].precise = true;
	}
}

static void walk_back(struct verifier *v, struct trail *t, struct state *start, bool *changed)
{
	struct state *s = start;
	int64_t later = -1, at = start->insn;
	bool skips_first = true;
	while (!is_empty(t)) {
		if (at < 0) {
			mark_arguments(t, s);
			return;
		}
		if (walk_state(v, t, s, (uint32_t)at, &later, skips_first) == BACK_LOST)
			break;
		if (is_empty(t))
			return;
		skips_first = false;
		uint32_t first = s->first_insn;
		if (!s->parent)
			break;
		struct state *parent = s->parent;
		if (!mark_checkpoint(t, parent, changed))
			break;
		if (is_empty(t))
			return;
		later = first;
		at = parent->last_insn;
		s = parent;
	}
	if (!is_empty(t))
		mark_all(start);
}

bool verify_need_value(struct verifier *v, unsigned reg)
{
	struct trail t = {.frame = v->current->depth};
	if (reg_at(v, reg)->kind != REG_SCALAR)
		return true;
	add(&t, reg);
	walk_back(v, &t, v->current, NULL);
	return true;
}

bool verify_need_slot(struct verifier *v, uint32_t frame, uint32_t slot)
{
	struct trail t = {.frame = v->current->depth};
	t.slots[frame] = UINT64_C(1) << slot;
	walk_back(v, &t, v->current, NULL);
	return true;
}

bool verify_take_over_precision(struct verifier *v, struct state *old, struct state *s,
				bool *changed)
{
	struct trail t = {.frame = s->depth};
	for (uint32_t f = 0; f <= old->depth; f++) {
		const struct frame *frame = old->frames[f];
		for (unsigned i = 0; i < BPF_R10; i++) {
			if (frame->r[i].kind == REG_SCALAR && frame->r[i].precise)
				t.regs[f] |= 1u << i;
		}
		for (uint32_t i = 0; i < frame->slot_count && i < 64; i++) {
			if (slot_is_scalar(&frame->slots[i]) && frame->slots[i].reg.precise)
				t.slots[f] |= UINT64_C(1) << i;
		}
	}
	walk_back(v, &t, s, changed);
	return true;
}
