/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dynptrs: 16 bytes of stack that stand for memory whose size is known at run time only. Iterators and
 * saved interrupt flags take stack in the same way (verify_special_slot()). After mark_stack_slots_dynptr()
 * and its neighbours, kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/rules.h"

bool verify_is_counted_dynptr(enum dynptr_type type)
{
	return type == DYNPTR_RINGBUF;
}

/* Slot where `slots` slots begin that a stack pointer leads to; -1 when the place cannot be one,
 * *is_beyond when it is only below what is in use. */
int verify_special_slot(struct verifier *v, const struct reg *r, unsigned slots, bool *is_beyond)
{
	*is_beyond = false;
	if (r->kind != REG_STACK || !scalar_is_const(&r->v, 64))
		return -1;
	int64_t off = r->off + (int64_t)r->v.bits.value;
	if (off % 8 || off >= 0)
		return -1;
	int64_t slot = (-off - 1) / 8;
	if (slot + 1 < (int64_t)slots)
		return -1;
	if (slot >= frame_of(v, r)->slot_count || slot >= MAX_SLOTS) {
		*is_beyond = true;
		return -1;
	}
	return (int)slot;
}

struct reg *verify_dynptr_state(struct verifier *v, struct reg *r)
{
	bool is_beyond;
	if (r->kind == REG_DYNPTR)
		return r;
	int slot = verify_special_slot(v, r, 2, &is_beyond);
	if (slot < 0)
		return NULL;
	struct slot *s = &frame_of(v, r)->slots[slot];
	return s->bytes[0] == SLOT_DYNPTR ? &s->reg : NULL;
}

static bool is_whole(struct verifier *v, const struct reg *r)
{
	bool is_beyond;
	if (r->kind == REG_DYNPTR)
		return true;
	int slot = verify_special_slot(v, r, 2, &is_beyond);
	if (slot < 1)
		return false;
	const struct slot *s = &frame_of(v, r)->slots[slot];
	for (int i = 0; i < 8; i++) {
		if (s->bytes[i] != SLOT_DYNPTR || s[-1].bytes[i] != SLOT_DYNPTR)
			return false;
	}
	return s->reg.is_first;
}

static enum dynptr_type type_of(uint32_t arg)
{
	return arg & PROTO_DYN_LOCAL      ? DYNPTR_LOCAL
	       : arg & PROTO_DYN_RINGBUF  ? DYNPTR_RINGBUF
	       : arg & PROTO_DYN_SKB      ? DYNPTR_SKB
	       : arg & PROTO_DYN_XDP      ? DYNPTR_XDP
	       : arg & PROTO_DYN_SKB_META ? DYNPTR_SKB_META
					  : DYNPTR_NONE;
}

static bool make_dynptr(struct verifier *v, unsigned reg, uint32_t arg, uint32_t clone_ref)
{
	struct reg *r = reg_at(v, reg);
	bool is_beyond;
	int slot = verify_special_slot(v, r, 2, &is_beyond);
	if (r->kind == REG_DYNPTR || (slot < 0 && !is_beyond))
		return verify_refuse(v, VERIFY_DYNPTR, (int)reg,
				     "r%u does not point to room for a dynptr", reg);
	for (int64_t off = 0; off < 16; off += 8) {
		if (!verify_access_memory(v, reg, off, 8, ACCESS_WRITE, -1, false, false))
			return false;
	}
	r = reg_at(v, reg);
	slot = verify_special_slot(v, r, 2, &is_beyond);
	struct frame *f = frame_of(v, r);
	if (slot < 1 || !verify_drop_dynptr_at(v, f, (uint32_t)slot) ||
	    !verify_drop_dynptr_at(v, f, (uint32_t)slot - 1))
		return verify_refuse(v, VERIFY_DYNPTR, (int)reg,
				     "r%u does not point to room for a dynptr", reg);
	enum dynptr_type type = type_of(arg);
	uint32_t id = ++v->ids, ref = 0;
	if (verify_is_counted_dynptr(type))
		ref = clone_ref ? clone_ref : verify_acquire_ref(v);
	for (int k = 0; k < 2; k++) {
		struct slot *s = &f->slots[slot - k];
		memset(s->bytes, SLOT_DYNPTR, 8);
		reg_set_pointer(&s->reg, REG_DYNPTR, 0);
		s->reg.dynptr = (uint8_t)type;
		s->reg.is_first = !k;
		s->reg.id = id;
		s->reg.ref = ref;
		verify_stack_write(v, f->number, (uint32_t)(slot - k));
	}
	return true;
}

bool verify_check_dynptr(struct verifier *v, unsigned reg, uint32_t arg, uint32_t clone_ref)
{
	struct reg *r = reg_at(v, reg);
	bool is_beyond;
	if (r->kind != REG_STACK && r->kind != REG_DYNPTR)
		return verify_refuse(v, VERIFY_DYNPTR, (int)reg, "r%u should point to a dynptr",
				     reg);
	if (arg & PROTO_UNINIT)
		return make_dynptr(v, reg, arg, clone_ref);
	if (r->kind == REG_DYNPTR && !(arg & PROTO_RDONLY))
		return verify_refuse(v, VERIFY_DYNPTR, (int)reg,
				     "the dynptr in r%u cannot be changed here", reg);
	if (!is_whole(v, r))
		return verify_refuse(v, VERIFY_DYNPTR, (int)reg,
				     "r%u should point to a dynptr that was made before", reg);
	enum dynptr_type wanted = type_of(arg);
	const struct reg *d = verify_dynptr_state(v, r);
	if (wanted && d->dynptr != wanted)
		return verify_refuse(v, VERIFY_DYNPTR, (int)reg,
				     "the dynptr in r%u is of another type", reg);
	int slot = verify_special_slot(v, r, 2, &is_beyond);
	if (slot > 0) {
		verify_stack_read(v, r->frame, (uint32_t)slot);
		verify_stack_read(v, r->frame, (uint32_t)slot - 1);
	}
	return true;
}

static void drop(struct verifier *v, struct frame *f, uint32_t slot)
{
	for (uint32_t k = slot - 1; k <= slot; k++) {
		memset(f->slots[k].bytes, SLOT_INVALID, 8);
		reg_set_none(&f->slots[k].reg);
		verify_stack_write(v, f->number, k);
	}
}

/* Releases the dynptr and those cloned from it. */
bool verify_end_dynptr(struct verifier *v, unsigned reg)
{
	struct reg *r = reg_at(v, reg);
	bool is_beyond;
	int slot = verify_special_slot(v, r, 2, &is_beyond);
	if (slot < 1)
		return verify_refuse(v, VERIFY_DYNPTR, (int)reg,
				     "r%u is no dynptr that could be released", reg);
	struct frame *f = frame_of(v, r);
	if (!verify_is_counted_dynptr(f->slots[slot].reg.dynptr)) {
		drop(v, f, (uint32_t)slot);
		return true;
	}
	uint32_t ref = f->slots[slot].reg.ref;
	if (!verify_release_ref(v, ref))
		return verify_refuse(v, VERIFY_RELEASE, (int)reg,
				     "the reference in r%u is not held", reg);
	for (uint32_t k = 1; k < f->slot_count; k++) {
		const struct slot *s = &f->slots[k];
		if (s->bytes[0] == SLOT_DYNPTR && s->reg.ref == ref && s->reg.is_first)
			drop(v, f, k);
	}
	return true;
}
