/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open-coded iterators: a struct on the stack with the functions new, next and destroy. A call of next
 * forks: one path where it gave nothing, and one where it gave something, which is compared with its
 * own past so that the loop comes to an end. After mark_stack_slots_iter(), process_iter_arg() and
 * process_iter_next_call(), kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/rules.h"

/* Struct behind the first parameter. */
static uint32_t iterator_type(const struct verifier *v, const struct kfunc *k, unsigned number)
{
	struct btf_type proto = btf_get_type(v->types, k->proto);
	if (number >= proto.count)
		return 0;
	uint32_t id = program_strip(v->types, btf_get_item(v->types, &proto, number).type);
	if (!id || btf_kind_of(v->types, id) != BTF_KIND_PTR)
		return 0;
	id = program_strip(v->types, btf_get_type(v->types, id).type);
	return id && btf_kind_of(v->types, id) == BTF_KIND_STRUCT ? id : 0;
}

static bool make_iterator(struct verifier *v, unsigned reg, const struct kfunc *k, uint32_t type,
			  unsigned slots)
{
	struct reg *r = reg_at(v, reg);
	bool is_beyond;
	int slot = verify_special_slot(v, r, slots, &is_beyond);
	bool is_free = slot >= 0 || is_beyond;
	struct frame *f = frame_of(v, r);
	for (unsigned i = 0; slot >= 0 && i < slots; i++)
		is_free &= !memchr(f->slots[slot - (int)i].bytes, SLOT_ITER, 8);
	if (!is_free)
		return verify_refuse(v, VERIFY_ITERATOR, (int)reg,
				     "r%u does not point to room for an iterator", reg);
	for (unsigned i = 0; i < slots; i++) {
		if (!verify_access_memory(v, reg, i * 8, 8, ACCESS_WRITE, -1, false, false))
			return false;
	}
	slot = verify_special_slot(v, reg_at(v, reg), slots, &is_beyond);
	if (slot < 0)
		return verify_refuse(v, VERIFY_ITERATOR, (int)reg,
				     "r%u does not point to room for an iterator", reg);
	uint32_t ref = verify_acquire_ref(v);
	unsigned flags = 0;
	if (k->flags & KFUNC_RCU_PROTECTED)
		flags = verify_in_rcu_section(v) ? REG_RCU : REG_UNTRUSTED;
	for (unsigned i = 0; i < slots; i++) {
		struct slot *s = &f->slots[slot - (int)i];
		memset(s->bytes, SLOT_ITER, 8);
		reg_set_pointer(&s->reg, REG_STACK, flags);
		s->reg.ref = i ? 0 : ref;
		s->reg.btf = v->types;
		s->reg.type = type;
		s->reg.iter = ITER_ACTIVE;
		verify_stack_write(v, f->number, (uint32_t)(slot - (int)i));
	}
	return true;
}

static bool find_iterator(struct verifier *v, unsigned reg, uint32_t type, unsigned slots,
			  uint32_t *place)
{
	const struct reg *r = reg_at(v, reg);
	bool is_beyond;
	int slot = verify_special_slot(v, r, slots, &is_beyond);
	struct frame *f = frame_of(v, r);
	for (unsigned i = 0; slot >= 0 && i < slots; i++) {
		const struct slot *s = &f->slots[slot - (int)i];
		if (s->bytes[7] == SLOT_ITER && s->reg.flags & REG_UNTRUSTED)
			return verify_refuse(v, VERIFY_RCU, (int)reg,
					     "the iterator is only valid in an RCU section");
		bool ok = !memcmp(s->bytes,
				  (uint8_t[8]){SLOT_ITER, SLOT_ITER, SLOT_ITER, SLOT_ITER,
					       SLOT_ITER, SLOT_ITER, SLOT_ITER, SLOT_ITER},
				  8) &&
			  !s->reg.ref == (i != 0) && s->reg.btf == v->types && s->reg.type == type;
		if (!ok)
			slot = -1;
	}
	if (slot < 0)
		return verify_refuse(v, VERIFY_ITERATOR, (int)reg,
				     "r%u should point to an iterator that was made before", reg);
	*place = (uint32_t)slot;
	for (unsigned i = 0; i < slots; i++)
		verify_stack_read(v, r->frame, (uint32_t)slot - i);
	return true;
}

bool verify_check_iterator(struct verifier *v, unsigned reg, const struct kfunc *k, uint32_t *slot,
			   uint32_t *frame, uint32_t *ref)
{
	const struct reg *r = reg_at(v, reg);
	uint32_t type = iterator_type(v, k, reg - 1);
	unsigned slots = type ? btf_get_type(v->types, type).size / 8 : 0;
	if (r->kind != REG_STACK || !slots || slots > MAX_SLOTS)
		return verify_refuse(v, VERIFY_ITERATOR, (int)reg,
				     "r%u should point to an iterator on the stack", reg);
	if (k->flags & KFUNC_ITER_NEW)
		return make_iterator(v, reg, k, type, slots);
	if (!find_iterator(v, reg, type, slots, slot))
		return false;
	struct frame *f = frame_of(v, r);
	*frame = r->frame;
	*ref = f->slots[*slot].reg.ref;
	if (!(k->flags & KFUNC_ITER_DESTROY))
		return true;
	if (!verify_release_ref(v, *ref))
		return verify_refuse(v, VERIFY_RELEASE, (int)reg, "the iterator is not held");
	for (unsigned i = 0; i < slots; i++) {
		struct slot *s = &f->slots[*slot - i];
		reg_set_none(&s->reg);
		memset(s->bytes, SLOT_INVALID, 8);
		verify_stack_write(v, f->number, *slot - i);
	}
	return true;
}

bool verify_next_of_iterator(struct verifier *v, uint32_t slot, uint32_t frame)
{
	struct state *s = v->current;
	struct reg *here = &s->frames[frame]->slots[slot].reg;
	if (here->iter == ITER_ACTIVE) {
		struct state *entry = s->parent ? verify_find_entry(v, s->parent, v->at) : NULL;
		struct state *more = verify_push_state(v, v->at + 1, (int32_t)v->at);
		if (!more)
			return false;
		struct reg *there = &more->frames[frame]->slots[slot].reg;
		there->iter = ITER_ACTIVE;
		there->iter_depth++;
		if (entry)
			verify_widen(v, entry, more);
		verify_set_not_null(v, &state_frame(more)->r[0]);
		here = &s->frames[frame]->slots[slot].reg;
	}
	here->iter = ITER_DRAINED;
	reg_set_const(reg_at(v, 0), 0);
	reg_at(v, 0)->cause = s->step;
	return true;
}
