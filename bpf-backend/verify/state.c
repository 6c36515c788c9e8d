/* SPDX-License-Identifier: Apache-2.0 */
/* Making, copying and walking states. Storage is malloc'ed: states come and go by the thousand. */
#include "bpf-backend/verify/state.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p)
		die_out_of_memory();
	return p;
}

struct state *state_new(void)
{
	return must(calloc(1, sizeof(struct state)));
}

struct frame *frame_new(void)
{
	return must(calloc(1, sizeof(struct frame)));
}

static void frame_free(struct frame *f)
{
	if (f)
		free(f->slots);
	free(f);
}

static void reserve_slots(struct frame *f, uint32_t count)
{
	if (f->slot_cap >= count)
		return;
	f->slots = must(realloc(f->slots, count * sizeof *f->slots));
	f->slot_cap = count;
}

void frame_grow(struct frame *f, uint32_t bytes)
{
	uint32_t count = (bytes + 7) / 8;
	if (count <= f->slot_count)
		return;
	reserve_slots(f, count);
	memset(f->slots + f->slot_count, 0, (count - f->slot_count) * sizeof *f->slots);
	f->slot_count = count;
}

static void frame_copy(struct frame *to, const struct frame *from)
{
	struct slot *slots = to->slots;
	uint32_t cap = to->slot_cap;
	*to = *from;
	to->slots = slots;
	to->slot_cap = cap;
	reserve_slots(to, from->slot_count);
	if (from->slot_count)
		memcpy(to->slots, from->slots, from->slot_count * sizeof *to->slots);
}

void state_copy(struct state *to, const struct state *from)
{
	struct state old = *to;
	*to = *from;
	for (uint32_t i = 0; i < MAX_FRAMES; i++) {
		to->frames[i] = old.frames[i];
		if (i > from->depth) {
			frame_free(to->frames[i]);
			to->frames[i] = NULL;
			continue;
		}
		if (!to->frames[i])
			to->frames[i] = frame_new();
		frame_copy(to->frames[i], from->frames[i]);
	}
	to->refs = old.refs;
	to->ref_cap = old.ref_cap;
	if (to->ref_cap < from->ref_count) {
		to->refs = must(realloc(to->refs, from->ref_count * sizeof *to->refs));
		to->ref_cap = from->ref_count;
	}
	if (from->ref_count)
		memcpy(to->refs, from->refs, from->ref_count * sizeof *to->refs);
	to->history = old.history;
	to->history_cap = old.history_cap;
	if (to->history_cap < from->history_count) {
		to->history = must(realloc(to->history, from->history_count * sizeof *to->history));
		to->history_cap = from->history_count;
	}
	if (from->history_count)
		memcpy(to->history, from->history, from->history_count * sizeof *to->history);
}

void state_free(struct state *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < MAX_FRAMES; i++)
		frame_free(s->frames[i]);
	free(s->refs);
	free(s->history);
	free(s);
}

void state_drop_frame(struct state *s)
{
	frame_free(s->frames[s->depth]);
	s->frames[s->depth--] = NULL;
}

struct history *state_add_history(struct state *s)
{
	if (s->history_count == s->history_cap) {
		s->history_cap = s->history_cap ? s->history_cap * 2 : 8;
		s->history = must(realloc(s->history, s->history_cap * sizeof *s->history));
	}
	struct history *h = &s->history[s->history_count++];
	memset(h, 0, sizeof *h);
	return h;
}

void state_add_ref(struct state *s, const struct reference *ref)
{
	if (s->ref_count == s->ref_cap) {
		s->ref_cap = s->ref_cap ? s->ref_cap * 2 : 4;
		s->refs = must(realloc(s->refs, s->ref_cap * sizeof *s->refs));
	}
	s->refs[s->ref_count++] = *ref;
}

bool state_drop_ref(struct state *s, enum ref_kind kind, uint32_t id)
{
	for (uint32_t i = 0; i < s->ref_count; i++) {
		if (s->refs[i].kind != kind || s->refs[i].id != id)
			continue;
		memmove(&s->refs[i], &s->refs[i + 1], (s->ref_count - i - 1) * sizeof s->refs[0]);
		s->ref_count--;
		return true;
	}
	return false;
}

struct reg *state_next_reg(struct state *s, struct reg_walk *walk)
{
	for (; walk->frame <= s->depth; walk->frame++, walk->place = 0) {
		struct frame *f = s->frames[walk->frame];
		if (walk->place < BPF_REG_COUNT)
			return &f->r[walk->place++];
		while (walk->place - BPF_REG_COUNT < f->slot_count) {
			struct slot *slot = &f->slots[walk->place++ - BPF_REG_COUNT];
			if (slot_is_spill(slot) || (walk->bytes && slot->bytes[7] == walk->bytes))
				return &slot->reg;
		}
	}
	return NULL;
}

void reg_set_none(struct reg *r)
{
	memset(r, 0, sizeof *r);
	r->v = scalar_unknown;
}

void reg_set_unknown(struct reg *r)
{
	memset(r, 0, sizeof *r);
	r->kind = REG_SCALAR;
	r->v = scalar_unknown;
}

void reg_set_const(struct reg *r, uint64_t value)
{
	memset(r, 0, sizeof *r);
	r->kind = REG_SCALAR;
	r->v = scalar_const(value);
}

void reg_set_pointer(struct reg *r, enum reg_kind kind, unsigned flags)
{
	memset(r, 0, sizeof *r);
	r->kind = (uint8_t)kind;
	r->flags = (uint16_t)flags;
	r->v = scalar_const(0);
}
