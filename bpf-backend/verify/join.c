/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a path may end early: at an instruction where a state was seen that is no stricter than the
 * present one, everything behind it is known to be fine. Also infinite loops are found here: a state
 * that comes again exactly as it was, on its own path.
 *
 * After is_state_visited(), states_equal(), regsafe(), stacksafe() of kernel/bpf/verifier.c, Linux
 * 6.12.117 and 6.18: the cost of a program depends on every detail.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/inside.h"

enum exactness {
	LOOSE,  // imprecise scalars match any
	EXACT,  // the very same
	WITHIN, // every value of the new one was one of the old one
};

enum { ID_PAIRS = 600 + 8 };

/* Ids of the two states that stand for each other. */
struct ids {
	uint32_t count, fresh;
	struct {
		uint32_t old, new;
	} pairs[ID_PAIRS];
};

static bool match_ids(uint32_t old, uint32_t new, struct ids *ids)
{
	if (!old != !new)
		return false;
	if (!old)
		return true;
	for (uint32_t i = 0; i < ids->count; i++) {
		if (ids->pairs[i].old == old)
			return ids->pairs[i].new == new;
		if (ids->pairs[i].new == new)
			return false;
	}
	if (ids->count == ID_PAIRS)
		return false;
	ids->pairs[ids->count].old = old;
	ids->pairs[ids->count++].new = new;
	return true;
}

/* An old scalar without id takes any; an old id needs one of its own. */
static bool match_scalar_ids(uint32_t old, uint32_t new, struct ids *ids)
{
	if (!old)
		return true;
	if (!new)
		new = ++ids->fresh;
	if (!match_ids(old, new, ids))
		return false;
	return !(old & ID_PLUS_CONSTANT) ||
	       match_ids(old & ~ID_PLUS_CONSTANT, new & ~ID_PLUS_CONSTANT, ids);
}

static bool same_kind(const struct reg *old, const struct reg *new)
{
	return old->kind == new->kind && old->flags == new->flags;
}

/* All but ids, precision and causes. */
static bool same_contents(const struct reg *old, const struct reg *new)
{
	return same_kind(old, new) && old->off == new->off && old->raw[0] == new->raw[0] &&
	       old->raw[1] == new->raw[1] && scalar_equal(&old->v, &new->v);
}

static bool same_exactly(const struct reg *old, const struct reg *new, struct ids *ids)
{
	return same_contents(old, new) && match_ids(old->id, new->id, ids) &&
	       match_ids(old->ref, new->ref, ids);
}

static bool covers_scalar(const struct reg *old, const struct reg *new, struct ids *ids,
			  enum exactness exactness)
{
	if (!old->precise && exactness == LOOSE)
		return true;
	bool is_plus = old->id & ID_PLUS_CONSTANT;
	if (is_plus && (!(new->id &ID_PLUS_CONSTANT) || old->off != new->off))
		return false;
	if (old->id && !is_plus && new->id & ID_PLUS_CONSTANT)
		return false;
	return match_scalar_ids(old->id, new->id, ids) && scalar_within(&old->v, &new->v);
}

static bool covers_packet(const struct reg *old, const struct reg *new, struct ids *ids)
{
	if (old->range < 0 || new->range < 0 ? old->range != new->range : old->range > new->range)
		return false;
	return old->off == new->off &&match_ids(old->id, new->id, ids) &&
	       scalar_within(&old->v, &new->v);
}

static bool covers_reg(const struct reg *old, const struct reg *new, struct ids *ids,
		       enum exactness exactness)
{
	if (exactness == EXACT)
		return same_exactly(old, new, ids);
	if (old->kind == REG_NONE && (exactness == LOOSE || new->kind == REG_NONE))
		return true;
	if (!same_kind(old, new))
		return false;
	switch ((enum reg_kind)old->kind) {
	case REG_SCALAR:
		return covers_scalar(old, new, ids, exactness);
	case REG_MAP_KEY:
	case REG_MAP_VALUE:
	case REG_MEM:
	case REG_BUF:
	case REG_TP_BUFFER:
		return old->off == new->off && old->raw[0] == new->raw[0] &&
		       old->raw[1] == new->raw[1] && scalar_within(&old->v, &new->v) &&
		       match_ids(old->id, new->id, ids) && match_ids(old->ref, new->ref, ids);
	case REG_PACKET_META:
	case REG_PACKET:
		return covers_packet(old, new, ids);
	case REG_STACK:
		return same_exactly(old, new, ids) && old->frame == new->frame;
	case REG_ARENA:
		return true;
	case REG_NONE:
	case REG_CTX:
	case REG_MAP:
	case REG_PACKET_END:
	case REG_FLOW_KEYS:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_OBJECT:
	case REG_FUNC:
	case REG_DYNPTR:
	case REG_KIND_COUNT:
		break;
	}
	return same_exactly(old, new, ids);
}

/* ---- stack ---- */

static bool is_all_misc(const struct slot *s)
{
	for (int i = 0; i < 8; i++) {
		if (s->bytes[i] != SLOT_MISC && s->bytes[i] != SLOT_INVALID)
			return false;
	}
	return true;
}

/* The slot as a scalar: a whole spilled one, or any value; NULL when it is neither. */
static const struct reg *as_scalar(const struct slot *s)
{
	static const struct reg any = {
		.kind = REG_SCALAR,
		.v = {{0, UINT64_MAX},
		      {INT64_MIN, INT64_MAX, 0, UINT64_MAX},
		      {INT32_MIN, INT32_MAX, 0, UINT32_MAX}},
	};
	if (s->bytes[0] == SLOT_SPILL && s->reg.kind == REG_SCALAR)
		return &s->reg;
	return is_all_misc(s) ? &any : NULL;
}

static bool covers_special(const struct slot *old, const struct slot *new, struct ids *ids,
			   enum exactness exactness)
{
	const struct reg *a = &old->reg, *b = &new->reg;
	switch ((enum slot_byte)old->bytes[7]) {
	case SLOT_SPILL:
		return covers_reg(a, b, ids, exactness);
	case SLOT_DYNPTR:
		return a->dynptr == b->dynptr && a->is_first == b->is_first &&
		       match_ids(a->ref, b->ref, ids);
	case SLOT_ITER:
		return same_kind(a, b) && a->btf == b->btf && a->type == b->type &&
		       a->iter == b->iter && match_ids(a->ref, b->ref, ids);
	case SLOT_IRQ:
		return match_ids(a->ref, b->ref, ids) && a->raw[0] == b->raw[0];
	case SLOT_MISC:
	case SLOT_ZERO:
	case SLOT_INVALID:
		break;
	}
	return true;
}

static bool covers_slot(const struct slot *old, const struct slot *new, struct ids *ids,
			enum exactness exactness)
{
	static const struct slot none;
	bool is_missing = !new;
	if (!new)
		new = &none;
	if (exactness != LOOSE && (is_missing || memcmp(old->bytes, new->bytes, 8)))
		return false;
	for (int i = 0; i < 8; i++) {
		uint8_t byte = old->bytes[i];
		if (byte == SLOT_INVALID || byte == SLOT_MISC)
			continue;
		if (is_missing)
			return false;
		const struct reg *a = as_scalar(old), *b = as_scalar(new);
		if (a && b)
			return covers_reg(a, b, ids, exactness);
		if (byte != new->bytes[i])
			return false;
	}
	uint8_t last = old->bytes[7];
	return last == SLOT_INVALID || last == SLOT_MISC ||
	       covers_special(old, new, ids, exactness);
}

static bool covers_stack(const struct frame *old, const struct frame *new, struct ids *ids,
			 enum exactness exactness)
{
	for (uint32_t i = 0; i < old->slot_count; i++) {
		const struct slot *slot = i < new->slot_count ? &new->slots[i] : NULL;
		if (!covers_slot(&old->slots[i], slot, ids, exactness))
			return false;
	}
	return true;
}

/* ---- states ---- */

static bool covers_frame(const struct frame *old, const struct frame *new, unsigned live,
			 struct ids *ids, enum exactness exactness)
{
	if (old->callback_depth > new->callback_depth)
		return false;
	for (unsigned i = 0; i < BPF_REG_COUNT; i++) {
		if (live >> i & 1 && !covers_reg(&old->r[i], &new->r[i], ids, exactness))
			return false;
	}
	return covers_stack(old, new, ids, exactness);
}

static bool same_refs(const struct state *old, const struct state *new, struct ids *ids)
{
	if (old->ref_count != new->ref_count || old->locks != new->locks ||
	    old->preempt_locks != new->preempt_locks || old->rcu_locks != new->rcu_locks ||
	    old->in_sleepable != new->in_sleepable || old->lock != new->lock ||
	    !match_ids(old->irq_id, new->irq_id, ids) ||
	    !match_ids(old->lock_id, new->lock_id, ids))
		return false;
	for (uint32_t i = 0; i < old->ref_count; i++) {
		if (old->refs[i].kind != new->refs[i].kind ||
		    !match_ids(old->refs[i].id, new->refs[i].id, ids) ||
		    old->refs[i].lock != new->refs[i].lock)
			return false;
	}
	return true;
}

static bool covers(struct verifier *v, const struct state *old, const struct state *new,
		   enum exactness exactness)
{
	static _Thread_local struct ids ids;
	if (old->depth != new->depth)
		return false;
	ids.count = 0;
	ids.fresh = v->ids;
	if (!same_refs(old, new, &ids))
		return false;
	for (uint32_t i = 0; i <= old->depth; i++) {
		unsigned live = v->notes[verify_frame_insn(old, i)].live;
		if (old->frames[i]->callsite != new->frames[i]->callsite ||
		    !covers_frame(old->frames[i], new->frames[i], live, &ids, exactness))
			return false;
	}
	return true;
}

bool verify_same_callsites(const struct state *a, const struct state *b)
{
	if (a->depth != b->depth)
		return false;
	for (uint32_t i = a->depth + 1; i-- > 0;) {
		if (a->frames[i]->callsite != b->frames[i]->callsite)
			return false;
	}
	return true;
}

/* Cheap test before the exact one: the current frame's registers, ids too. */
static bool may_loop(const struct state *old, const struct state *new)
{
	if (old->depth != new->depth)
		return false;
	const struct frame *a = state_frame(old), *b = state_frame(new);
	for (unsigned i = 0; i < BPF_REG_COUNT; i++) {
		if (!same_contents(&a->r[i], &b->r[i]) || a->r[i].id != b->r[i].id ||
		    a->r[i].ref != b->r[i].ref)
			return false;
	}
	return true;
}

static bool iterators_advanced(const struct state *old, const struct state *new)
{
	for (uint32_t f = 0; f <= old->depth; f++) {
		const struct frame *a = old->frames[f], *b = new->frames[f];
		for (uint32_t i = 0; i < a->slot_count && i < b->slot_count; i++) {
			const struct reg *r = &a->slots[i].reg;
			if (a->slots[i].bytes[0] == SLOT_ITER && r->iter == ITER_ACTIVE &&
			    b->slots[i].reg.iter_depth != r->iter_depth)
				return true;
		}
	}
	return false;
}

/* ---- cleaning: what nobody reads behind a finished checkpoint ---- */

static void clean_frame(struct verifier *v, struct state *s, uint32_t number)
{
	struct frame *f = s->frames[number];
	unsigned live = v->notes[verify_frame_insn(s, number)].live;
	for (unsigned i = 0; i < BPF_R10; i++) {
		if (!(live >> i & 1))
			reg_set_none(&f->r[i]);
	}
	for (uint32_t i = 0; i < f->slot_count; i++) {
		if (verify_stack_is_live(v, s, number, i))
			continue;
		reg_set_none(&f->slots[i].reg);
		memset(f->slots[i].bytes, SLOT_INVALID, 8);
	}
}

static void clean_states(struct verifier *v)
{
	for (struct checkpoint *c = v->explored[v->at]; c; c = c->next) {
		struct state *s = &c->state;
		if (s->branches || s->is_cleaned || !verify_same_callsites(s, v->current) ||
		    verify_is_open_loop(v, s))
			continue;
		s->is_cleaned = true;
		for (uint32_t i = 0; i <= s->depth; i++)
			clean_frame(v, s, i);
	}
}

/* ---- visiting ---- */

enum verdict { MISS, HIT, HIT_LOOP, ENDLESS };

static bool iterator_is_active(struct verifier *v)
{
	struct state *s = v->current;
	const struct reg *r = &state_frame(s)->r[1];
	int64_t slot = (-(r->off + (int64_t)r->v.bits.value) - 1) / 8;
	if (r->kind != REG_STACK)
		return false;
	struct frame *f = s->frames[r->frame];
	return slot >= 0 && slot < (int64_t)f->slot_count && f->slots[slot].reg.iter == ITER_ACTIVE;
}

/* A checkpoint on the present path, whose end is not known yet. `is_counted`: it counts for the
 * heuristic that spaces checkpoints out. */
static enum verdict compare_open(struct verifier *v, struct state *old)
{
	struct state *s = v->current;
	const struct note *n = note_at(v);
	struct frame *f = state_frame(old);
	if (f->in_async && f->async_count != state_frame(s)->async_count)
		return MISS;
	if (n->is_iter_next)
		return covers(v, old, s, WITHIN) && iterator_is_active(v) ? HIT_LOOP : MISS;
	if (n->op == BPF_OP_MAY_GOTO && old->may_goto_depth != s->may_goto_depth &&
	    covers(v, old, s, WITHIN))
		return HIT_LOOP;
	if (n->calls_callback)
		return covers(v, old, s, WITHIN) ? HIT_LOOP : MISS;
	if (may_loop(old, s) && covers(v, old, s, EXACT) && !iterators_advanced(old, s) &&
	    old->may_goto_depth == s->may_goto_depth &&
	    old->callback_unroll_depth == s->callback_unroll_depth)
		return ENDLESS;
	return MISS;
}

static int end_path(struct verifier *v, struct checkpoint *c, bool is_loop)
{
	c->hits++;
	verify_trace_pruned(v, &c->state);
	if (note_at(v)->is_jump_point)
		verify_note_history(v);
	if (!verify_take_over_precision(v, &c->state, v->current, NULL))
		return -1;
	return is_loop && !verify_add_backedge(v, c, v->current) ? -1 : 1;
}

/* A checkpoint that rarely helps is looked at no more. */
static bool is_useless(struct verifier *v, const struct checkpoint *c)
{
	uint32_t patience = note_at(v)->forces_checkpoint && c->state.branches > 0 ? 64 : 3;
	return c->misses > c->hits * patience + patience;
}

static void forget_precision(struct state *s)
{
	struct reg_walk walk = {0};
	for (struct reg *r; (r = state_next_reg(s, &walk));) {
		if (r->kind == REG_SCALAR)
			r->precise = false;
	}
}

/* Ids that only one scalar has say nothing and would hinder comparisons. */
static void drop_lone_ids(struct state *s)
{
	struct {
		uint32_t id;
		struct reg *first;
	} seen[64 * MAX_FRAMES];
	uint32_t count = 0;
	struct reg_walk walk = {0};
	for (struct reg *r; (r = state_next_reg(s, &walk));) {
		uint32_t k = 0, id = r->id & ~ID_PLUS_CONSTANT;
		if (r->kind != REG_SCALAR || !r->id)
			continue;
		while (k < count && seen[k].id != id)
			k++;
		if (k < count) {
			seen[k].first = NULL;
		} else if (count < sizeof seen / sizeof seen[0]) {
			seen[count].id = id;
			seen[count++].first = r;
		}
	}
	for (uint32_t k = 0; k < count; k++) {
		if (seen[k].first) {
			seen[k].first->id = 0;
			seen[k].first->off = 0;
		}
	}
}

static bool add_checkpoint(struct verifier *v)
{
	struct state *s = v->current;
	struct checkpoint *c = calloc(1, sizeof *c);
	if (!c)
		die_out_of_memory();
	v->states++;
	v->live_states++;
	if (v->result->peak_states < v->live_states)
		v->result->peak_states = v->live_states;
	v->last_jumps = v->jumps;
	v->last_processed = v->processed;
	forget_precision(s);
	drop_lone_ids(s);
	state_copy(&c->state, s);
	c->state.is_checkpoint = true;
	c->state.insn = v->at;
	c->state.branches = 1;
	c->next = v->explored[v->at];
	v->explored[v->at] = c;
	c->all = v->all;
	v->all = c;
	if (!verify_enter_loop(v, c))
		return false;
	s->parent = &c->state;
	s->first_insn = v->at;
	s->dfs_depth = c->state.dfs_depth + 1;
	s->history_count = 0;
	s->branches = 1;
	return true;
}

int verify_visit_state(struct verifier *v)
{
	bool is_forced = note_at(v)->forces_checkpoint || v->current->history_count > MAX_HISTORY;
	uint32_t jumps = v->jumps - v->last_jumps, steps = v->processed - v->last_processed;
	bool is_added = is_forced || (jumps >= 2 && steps >= 8);
	clean_states(v);
	for (struct checkpoint **link = &v->explored[v->at], *c; (c = *link);) {
		enum verdict verdict = MISS;
		if (state_frame(&c->state)->callsite != state_frame(v->current)->callsite) {
			link = &c->next;
			continue;
		}
		if (c->state.branches) {
			verdict = compare_open(v, &c->state);
			if (verdict == ENDLESS) {
				verify_refuse(v, VERIFY_LOOP, -1,
					      "the loop comes back here with nothing changed");
				return -1;
			}
			if (verdict == MISS && !is_forced && jumps < 20 && steps < 100)
				is_added = false;
		} else {
			bool is_open = verify_is_open_loop(v, &c->state);
			if (covers(v, &c->state, v->current,
				   is_open || v->options->is_exhaustive ? WITHIN : LOOSE))
				verdict = is_open ? HIT_LOOP : HIT;
		}
		if (verdict != MISS)
			return end_path(v, c, verdict == HIT_LOOP);
		if (is_added)
			c->misses++;
		if (is_useless(v, c)) {
			*link = c->next;
			c->is_evicted = true;
			v->live_states--;
		} else {
			link = &c->next;
		}
	}
	return !is_added || add_checkpoint(v) ? 0 : -1;
}

/* ---- widening: what a loop changes and nobody relied upon becomes unknown ---- */

static void widen_reg(struct reg *old, struct reg *r, struct ids *ids)
{
	if (old->kind != REG_SCALAR || r->kind != REG_SCALAR || old->precise || r->precise ||
	    same_exactly(old, r, ids))
		return;
	uint32_t cause = r->cause;
	reg_set_unknown(r);
	r->cause = cause;
}

void verify_widen(struct verifier *v, struct state *old, struct state *s)
{
	static _Thread_local struct ids ids;
	ids.count = 0;
	ids.fresh = v->ids;
	for (uint32_t f = old->depth + 1; f-- > 0;) {
		struct frame *a = old->frames[f], *b = s->frames[f];
		for (unsigned i = 0; i < BPF_REG_COUNT; i++)
			widen_reg(&a->r[i], &b->r[i], &ids);
		for (uint32_t i = 0; i < a->slot_count && i < b->slot_count; i++) {
			if (slot_is_spill(&a->slots[i]) && slot_is_spill(&b->slots[i]))
				widen_reg(&a->slots[i].reg, &b->slots[i].reg, &ids);
		}
	}
}
