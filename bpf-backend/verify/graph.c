/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists and trees of objects that the program allocated, and locks that functions of the kernel take:
 * the root lives beside the lock that guards it; an object that was inserted may still be used, without
 * owning it, until the lock is released. After __process_kf_arg_ptr_to_graph_root() and its neighbours,
 * kernel/bpf/verifier.c, Linux 6.12.117 and 6.18 (locks, interrupt flags).
 */
#include <string.h>

#include "bpf-backend/verify/kfunc.h"

static bool is_object(const struct reg *r, unsigned flags)
{
	return r->kind == REG_OBJECT && r->flags == flags;
}

static bool check_lock_held(struct verifier *v, const struct reg *r, unsigned reg)
{
	const struct state *s = v->current;
	const void *owner = r->kind == REG_MAP_VALUE ? (const void *)r->map : (const void *)r->btf;
	for (uint32_t i = 0; i < s->ref_count; i++) {
		if (s->refs[i].kind != REF_POINTER && s->refs[i].lock == owner &&
		    s->refs[i].id == r->id)
			return true;
	}
	if (s->locks && s->lock == owner && s->lock_id == r->id)
		return true;
	return verify_refuse(v, VERIFY_LOCK, (int)reg,
			     s->locks ? "another lock is held than the one beside this root"
				      : "the lock beside this root is not held");
}

bool verify_check_graph_root(struct verifier *v, struct kcall *call, unsigned reg,
			     enum kernel_arg_kind kind)
{
	const struct reg *r = reg_at(v, reg);
	enum field_kind wanted = kind == KARG_LIST_HEAD ? FIELD_LIST_HEAD : FIELD_RB_ROOT;
	if (!(r->kind == REG_MAP_VALUE && !r->flags) && !is_object(r, REG_ALLOC))
		return verify_refuse(
			v, r->flags & REG_NULLABLE ? VERIFY_NULLABLE : VERIFY_ARGUMENT, (int)reg,
			"r%u should point to a %s in a map value or an allocated object", reg,
			verify_field_name(wanted));
	if (r->kind == REG_OBJECT && !r->ref)
		return verify_refuse(v, VERIFY_REFERENCE, (int)reg, "r%u does not own the object",
				     reg);
	const struct field *f = verify_find_field(verify_fields_of_reg(v, r), FIELD_BIT(wanted),
						  r->off + (int64_t)r->v.bits.value);
	if (!scalar_is_const(&r->v, 64) || !f)
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "there is no %s at that place", verify_field_name(wanted));
	if (!check_lock_held(v, r, reg))
		return false;
	call->root = f;
	return true;
}

static bool in_tree_callback(const struct verifier *v)
{
	const struct state *s = v->current;
	for (uint32_t i = s->depth; i; i--) {
		if (s->frames[i]->in_callback &&
		    verify_is_call_of_kernel(&v->insns[s->frames[i]->callsite]))
			return true;
	}
	return false;
}

bool verify_check_graph_node(struct verifier *v, struct kcall *call, unsigned reg,
			     enum kernel_arg_kind kind)
{
	const struct reg *r = reg_at(v, reg);
	enum field_kind wanted = kind == KARG_LIST_NODE ? FIELD_LIST_NODE : FIELD_RB_NODE;
	enum kfunc_special s = call->kfunc->special;
	bool takes_non_owning =
		s == SPECIAL_TREE_REMOVE || s == SPECIAL_TREE_LEFT || s == SPECIAL_TREE_RIGHT;
	if (takes_non_owning) {
		if (!(r->flags & REG_NON_OWNING) || r->ref)
			return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
					     "r%u should point to a node that is in the tree", reg);
		if (in_tree_callback(v))
			return verify_refuse(v, VERIFY_CALLBACK, -1,
					     "`%s` cannot be called in a comparison of a tree",
					     call->kfunc->name);
	} else {
		if (!is_object(r, REG_ALLOC))
			return verify_refuse(
				v, r->flags & REG_NULLABLE ? VERIFY_NULLABLE : VERIFY_ARGUMENT,
				(int)reg, "r%u should point to an allocated object", reg);
		if (!r->ref)
			return verify_refuse(v, VERIFY_REFERENCE, (int)reg,
					     "r%u does not own the object", reg);
	}
	const struct field *f = verify_find_field(verify_fields_of_reg(v, r), FIELD_BIT(wanted),
						  r->off + (int64_t)r->v.bits.value);
	if (!scalar_is_const(&r->v, 64) || !f)
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "there is no %s at that place", verify_field_name(wanted));
	const struct field *root = call->root;
	if (root && (!verify_struct_contains(r->btf, r->type, 0, root->btf, root->type, true) ||
		     f->offset != root->node_offset))
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "the object in r%u does not belong into this root", reg);
	call->object_btf = r->btf;
	call->object_type = r->type;
	return true;
}

bool verify_make_non_owning(struct verifier *v, struct reg *r)
{
	if (!v->current->locks)
		return verify_refuse(v, VERIFY_LOCK, -1, "the lock beside this root is not held");
	r->flags |= REG_NON_OWNING;
	if (verify_has_field(verify_fields_of_type(v, r->btf, r->type), FIELD_BIT(FIELD_REFCOUNT)))
		r->flags |= REG_RCU;
	return true;
}

bool verify_convert_to_non_owning(struct verifier *v, uint32_t ref)
{
	struct reg_walk walk = {0};
	for (struct reg *r; (r = state_next_reg(v->current, &walk));) {
		if (!ref || r->ref != ref)
			continue;
		r->ref = 0;
		if (!verify_make_non_owning(v, r))
			return false;
	}
	return true;
}

/* ---- interrupt flags ---- */

bool verify_check_irq_flag(struct verifier *v, struct kcall *call, unsigned reg)
{
	struct reg *r = reg_at(v, reg);
	struct state *st = v->current;
	bool is_save = strstr(call->kfunc->name, "save") && !strstr(call->kfunc->name, "unlock"),
	     is_beyond;
	bool is_lock = strstr(call->kfunc->name, "spin");
	enum ref_kind kind = is_lock ? REF_RES_LOCK_IRQ : REF_IRQ;
	if (r->kind != REG_STACK)
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "r%u should point to flags on the stack", reg);
	int slot = verify_special_slot(v, r, 1, &is_beyond);
	struct frame *f = frame_of(v, r);
	if (is_save) {
		if ((slot < 0 && !is_beyond) ||
		    (slot >= 0 && memchr(f->slots[slot].bytes, SLOT_IRQ, 8)))
			return verify_refuse(v, VERIFY_LOCK, (int)reg,
					     "r%u does not point to room for flags", reg);
		if (!verify_access_memory(v, reg, 0, 8, ACCESS_WRITE, -1, false, false))
			return false;
		slot = verify_special_slot(v, reg_at(v, reg), 1, &is_beyond);
		if (slot < 0)
			return verify_refuse(v, VERIFY_LOCK, (int)reg,
					     "r%u does not point to room for flags", reg);
		struct slot *s = &f->slots[slot];
		struct reference ref = {.kind = REF_IRQ, .id = ++v->ids, .insn = v->at};
		state_add_ref(st, &ref);
		st->irq_id = (uint16_t)ref.id;
		memset(s->bytes, SLOT_IRQ, 8);
		reg_set_pointer(&s->reg, REG_STACK, 0);
		s->reg.ref = ref.id;
		s->reg.raw[0] = kind;
		verify_stack_write(v, f->number, (uint32_t)slot);
		return true;
	}
	struct slot *s = slot < 0 ? NULL : &f->slots[slot];
	if (!s || s->bytes[0] != SLOT_IRQ || s->reg.raw[0] != kind)
		return verify_refuse(v, VERIFY_LOCK, (int)reg,
				     "r%u should point to flags that were saved before", reg);
	if (st->irq_id != (uint16_t)s->reg.ref)
		return verify_refuse(v, VERIFY_LOCK, (int)reg, "flags are restored out of order");
	verify_stack_read(v, f->number, (uint32_t)slot);
	state_drop_ref(st, REF_IRQ, s->reg.ref);
	st->irq_id = 0;
	for (uint32_t i = 0; i < st->ref_count; i++) {
		if (st->refs[i].kind == REF_IRQ)
			st->irq_id = (uint16_t)st->refs[i].id;
	}
	reg_set_none(&s->reg);
	memset(s->bytes, SLOT_INVALID, 8);
	verify_stack_write(v, f->number, (uint32_t)slot);
	return true;
}

/* ---- resilient locks ---- */

bool verify_check_res_lock(struct verifier *v, struct kcall *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	struct state *s = v->current;
	bool is_unlock = strstr(call->kfunc->name, "unlock");
	enum ref_kind kind = strstr(call->kfunc->name, "irq") ? REF_RES_LOCK_IRQ : REF_RES_LOCK;
	const void *owner = r->kind == REG_MAP_VALUE ? (const void *)r->map : (const void *)r->btf;
	bool is_place = (r->kind == REG_MAP_VALUE && !r->flags) || is_object(r, REG_ALLOC);
	const struct field *f = is_place ? verify_find_field(verify_fields_of_reg(v, r),
							     FIELD_BIT(FIELD_RES_SPIN_LOCK),
							     r->off + (int64_t)r->v.bits.value)
					 : NULL;
	if (!f || !scalar_is_const(&r->v, 64))
		return verify_refuse(v, VERIFY_LOCK, (int)reg, "there is no lock at that place");
	if (!is_unlock) {
		for (uint32_t i = 0; i < s->ref_count; i++) {
			if (s->refs[i].kind != REF_POINTER && s->refs[i].lock == owner &&
			    s->refs[i].id == r->id)
				return verify_refuse(v, VERIFY_LOCK, (int)reg,
						     "this lock is held already");
		}
		struct reference ref = {.kind = kind, .id = r->id, .insn = v->at, .lock = owner};
		state_add_ref(s, &ref);
		s->locks++;
		s->lock = owner;
		s->lock_id = r->id;
		return true;
	}
	if (!s->locks || s->lock != owner || s->lock_id != r->id || !state_drop_ref(s, kind, r->id))
		return verify_refuse(v, VERIFY_LOCK, (int)reg,
				     "this lock is not the one that was taken last");
	s->locks--;
	s->lock = NULL;
	s->lock_id = 0;
	for (uint32_t i = 0; i < s->ref_count; i++) {
		if (s->refs[i].lock) {
			s->lock = s->refs[i].lock;
			s->lock_id = s->refs[i].id;
		}
	}
	verify_forget_non_owning(v);
	return true;
}
