/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program holds and must give back: references, locks, sections in which it may not sleep; and
 * what becomes of pointers when it does.
 */
#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"

uint32_t verify_acquire_ref(struct verifier *v)
{
	struct reference ref = {.kind = REF_POINTER, .id = ++v->ids, .insn = v->at};
	state_add_ref(v->current, &ref);
	return ref.id;
}

/* Every copy of the pointer becomes an unknown number. */
bool verify_release_ref(struct verifier *v, uint32_t id)
{
	struct reg_walk walk = {0};
	if (!state_drop_ref(v->current, REF_POINTER, id))
		return false;
	for (struct reg *r; (r = state_next_reg(v->current, &walk));) {
		if (r->ref == id) {
			reg_set_unknown(r);
			r->cause = v->current->step;
		}
	}
	return true;
}

bool verify_check_leaks(struct verifier *v, bool is_throw, bool checks_locks, const char *what)
{
	const struct state *s = v->current;
	if (checks_locks && s->locks)
		return verify_refuse(v, VERIFY_LOCK, -1, "a lock is held at %s", what);
	if (is_throw || !s->depth) {
		for (uint32_t i = 0; i < s->ref_count; i++) {
			if (s->refs[i].kind != REF_POINTER)
				continue;
			if (v->code->type == PROG_STRUCT_OPS && !is_throw &&
			    s->refs[i].id == reg_at(v, 0)->ref)
				continue;
			char name[96];
			verify_refuse(
				v, VERIFY_REFERENCE, -1, "what `%s` acquired is still held at %s",
				verify_name_call(v->code, v->types, s->refs[i].insn, name), what);
			v->result->origin = s->refs[i].insn;
			return false;
		}
	}
	if (checks_locks && s->irq_id)
		return verify_refuse(v, VERIFY_LOCK, -1, "interrupts are off at %s", what);
	if (checks_locks && s->rcu_locks)
		return verify_refuse(v, VERIFY_RCU, -1, "an RCU section is open at %s", what);
	if (checks_locks && s->preempt_locks)
		return verify_refuse(v, VERIFY_PREEMPT, -1, "preemption is disabled at %s", what);
	return true;
}

bool verify_in_sleepable(const struct verifier *v)
{
	return v->code->is_sleepable || (v->current && v->current->in_sleepable);
}

bool verify_in_rcu_section(const struct verifier *v)
{
	return v->current->rcu_locks || v->current->locks || !verify_in_sleepable(v);
}

bool verify_is_trusted(const struct reg *r)
{
	if (r->ref)
		return true;
	bool is_unsafe = r->flags & ~(unsigned)(REG_ALLOC | REG_TRUSTED | REG_NON_OWNING);
	if (r->kind == REG_SOCKET || r->kind == REG_SOCK_COMMON || r->kind == REG_TCP_SOCK ||
	    r->kind == REG_MAP)
		return !is_unsafe;
	return r->flags & (REG_ALLOC | REG_TRUSTED | REG_NON_OWNING) && !is_unsafe;
}

bool verify_is_known_not_null(const struct reg *r)
{
	if (r->flags & REG_NULLABLE)
		return false;
	if (r->v.wide.smin <= -MAX_VAR_OFF || r->v.wide.smax >= MAX_VAR_OFF)
		return false;
	switch ((enum reg_kind)r->kind) {
	case REG_SOCKET:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_BUF:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
	case REG_SOCK_COMMON:
	case REG_MEM:
	case REG_MAP:
		return true;
	case REG_OBJECT:
		return verify_is_trusted(r);
	case REG_NONE:
	case REG_SCALAR:
	case REG_CTX:
	case REG_STACK:
	case REG_PACKET_META:
	case REG_PACKET:
	case REG_PACKET_END:
	case REG_FLOW_KEYS:
	case REG_TP_BUFFER:
	case REG_ARENA:
	case REG_FUNC:
	case REG_DYNPTR:
	case REG_KIND_COUNT:
		break;
	}
	return false;
}

/* A value of some maps is something else once it is known to be there. */
void verify_set_not_null(struct verifier *v, struct reg *r)
{
	enum { XSKMAP = 17, SOCKMAP = 15, SOCKHASH = 18 };
	r->flags &= (uint16_t)~REG_NULLABLE;
	if (r->kind != REG_MAP_VALUE)
		return;
	const struct program_map *map = r->map;
	if (map->inner) {
		r->kind = REG_MAP;
		r->map = map->inner;
		r->map_uid = 0;
		if (verify_has_field(verify_fields_of_map(v, map->inner),
				     FIELD_BIT(FIELD_TIMER) | FIELD_BIT(FIELD_WORKQUEUE)))
			r->map_uid = r->id;
	} else if (map->type == XSKMAP) {
		r->kind = REG_XDP_SOCK;
	} else if (map->type == SOCKMAP || map->type == SOCKHASH) {
		r->kind = REG_SOCKET;
	}
}

void verify_forget_packet_pointers(struct verifier *v)
{
	struct reg_walk walk = {0};
	for (struct reg *r; (r = state_next_reg(v->current, &walk));) {
		bool is_slice = r->kind == REG_MEM && r->flags & (REG_DYN_SKB | REG_DYN_XDP);
		if (r->kind != REG_PACKET && r->kind != REG_PACKET_META &&
		    r->kind != REG_PACKET_END && !is_slice)
			continue;
		reg_set_unknown(r);
		r->cause = v->current->step;
	}
}

void verify_forget_non_owning(struct verifier *v)
{
	struct reg_walk walk = {0};
	for (struct reg *r; (r = state_next_reg(v->current, &walk));) {
		if (r->flags & REG_NON_OWNING)
			reg_set_unknown(r);
	}
}

bool verify_lock_spin(struct verifier *v, unsigned reg, bool is_lock)
{
	struct state *s = v->current;
	const struct reg *r = reg_at(v, reg);
	const void *owner = r->kind == REG_MAP_VALUE ? (const void *)r->map : (const void *)r->btf;
	if (!scalar_is_const(&r->v, 64))
		return verify_refuse(v, VERIFY_LOCK, (int)reg,
				     "the lock is not at a constant offset");
	const struct field *f =
		verify_find_field(verify_fields_of_reg(v, r), FIELD_BIT(FIELD_SPIN_LOCK),
				  r->off + (int64_t)r->v.bits.value);
	if (!f)
		return verify_refuse(v, VERIFY_LOCK, (int)reg, "there is no lock at that place");
	if (is_lock) {
		if (s->locks)
			return verify_refuse(v, VERIFY_LOCK, (int)reg,
					     "another lock is held already");
		s->locks = 1;
		s->lock = owner;
		s->lock_id = r->id;
		return true;
	}
	if (!s->locks)
		return verify_refuse(v, VERIFY_LOCK, (int)reg, "no lock is held");
	if (s->lock != owner || s->lock_id != r->id)
		return verify_refuse(v, VERIFY_LOCK, (int)reg,
				     "another lock is held than the one that is released");
	s->locks = 0;
	s->lock = NULL;
	s->lock_id = 0;
	verify_forget_non_owning(v);
	return true;
}
