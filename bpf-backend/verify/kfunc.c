/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of functions of the kernel, whose prototypes come from its BTF. After check_kfunc_call(),
 * kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include "bpf-backend/verify/kfunc.h"

#include <string.h>

/* ---- sections ---- */

static void end_rcu_section(struct verifier *v)
{
	struct reg_walk walk = {.bytes = SLOT_ITER};
	for (struct reg *r; (r = state_next_reg(v->current, &walk));) {
		if (r->flags & REG_RCU) {
			r->flags &= (uint16_t) ~(REG_RCU | REG_NULLABLE);
			r->flags |= REG_UNTRUSTED;
		}
	}
	v->current->rcu_locks = 0;
}

static bool change_rcu(struct verifier *v, const struct kfunc *k)
{
	struct state *s = v->current;
	if (k->special == SPECIAL_RCU_LOCK) {
		if (s->rcu_locks)
			return verify_refuse(v, VERIFY_RCU, -1, "an RCU section is open already");
		s->rcu_locks = 1;
	} else if (k->special == SPECIAL_RCU_UNLOCK) {
		if (!s->rcu_locks)
			return verify_refuse(v, VERIFY_RCU, -1, "no RCU section is open");
		end_rcu_section(v);
	} else if (s->rcu_locks && k->flags & KFUNC_SLEEPABLE) {
		return verify_refuse(v, VERIFY_SLEEP, -1,
				     "`%s` may sleep, but an RCU section is open", k->name);
	}
	return true;
}

static bool change_preemption(struct verifier *v, const struct kfunc *k)
{
	struct state *s = v->current;
	if (k->special == SPECIAL_PREEMPT_DISABLE) {
		s->preempt_locks++;
	} else if (k->special == SPECIAL_PREEMPT_ENABLE) {
		if (!s->preempt_locks)
			return verify_refuse(v, VERIFY_PREEMPT, -1,
					     "preemption is not disabled here");
		s->preempt_locks--;
	} else if (s->preempt_locks && k->flags & KFUNC_SLEEPABLE) {
		return verify_refuse(v, VERIFY_SLEEP, -1,
				     "`%s` may sleep, but preemption is disabled", k->name);
	} else if (s->irq_id && k->flags & KFUNC_SLEEPABLE) {
		return verify_refuse(v, VERIFY_SLEEP, -1, "`%s` may sleep, but interrupts are off",
				     k->name);
	}
	return true;
}

/* ---- result ---- */

static void give_node(struct verifier *v, const struct field *root)
{
	struct reg *r = reg_at(v, 0);
	reg_set_pointer(r, REG_OBJECT, REG_ALLOC);
	r->btf = root->btf;
	r->type = root->type;
	r->off = (int32_t)root->node_offset;
}

static void give_struct(struct verifier *v, const struct btf *btf, uint32_t type, unsigned flags)
{
	struct reg *r = reg_at(v, 0);
	reg_set_pointer(r, REG_OBJECT, flags);
	r->btf = btf;
	r->type = type;
}

static bool give_new_object(struct verifier *v, const struct kcall *call)
{
	enum { PERCPU_MAX = 512 };
	uint32_t type = (uint32_t)call->constant;
	bool is_percpu = call->kfunc->special == SPECIAL_PERCPU_OBJ_NEW;
	if (!v->own || call->constant > v->own->type_count || !type ||
	    btf_kind_of(v->own, type) != BTF_KIND_STRUCT)
		return verify_refuse(v, VERIFY_KFUNC, -1,
				     "what is allocated is no struct of the program");
	if (is_percpu) {
		if (btf_get_type(v->own, type).size > PERCPU_MAX)
			return verify_refuse(v, VERIFY_KFUNC, -1,
					     "a per-CPU object has at most %d bytes", PERCPU_MAX);
		if (!verify_is_scalar_struct(v->own, type, 0) ||
		    verify_fields_of_type(v, v->own, type)->count)
			return verify_refuse(v, VERIFY_KFUNC, -1,
					     "a per-CPU object holds numbers only");
	}
	give_struct(v, v->own, type, REG_ALLOC | (is_percpu ? REG_PERCPU : 0u));
	return true;
}

static bool give_cast(struct verifier *v, const struct kcall *call)
{
	uint32_t type = (uint32_t)call->constant;
	enum btf_kind kind = type && type <= v->types->type_count ? btf_kind_of(v->types, type) : 0;
	if (v->model.cast_to_void && !type) {
		reg_set_pointer(reg_at(v, 0), REG_MEM, REG_RDONLY | REG_UNTRUSTED);
		return true;
	}
	if (kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION)
		return verify_refuse(v, VERIFY_KFUNC, -1,
				     "the cast leads to no struct of the kernel");
	give_struct(v, v->types, type, REG_UNTRUSTED);
	return true;
}

static bool give_slice(struct verifier *v, const struct kcall *call)
{
	bool is_rdwr = call->kfunc->special == SPECIAL_DYNPTR_SLICE_RDWR;
	struct reg *r = reg_at(v, 0);
	unsigned flags = call->dynptr == DYNPTR_SKB   ? REG_DYN_SKB
			 : call->dynptr == DYNPTR_XDP ? REG_DYN_XDP
						      : 0;
	if (is_rdwr && !verify_may_touch_packet(v, ACCESS_WRITE))
		return verify_refuse(v, VERIFY_READ_ONLY, -1,
				     "this kind of program cannot write to the packet");
	reg_set_pointer(r, REG_MEM, flags | (is_rdwr ? 0u : (unsigned)REG_RDONLY));
	r->size = (uint32_t)call->constant;
	r->dynptr_id = call->dynptr_id;
	return true;
}

/* Functions whose result does not follow from their type; false: it is another one. */
static bool give_special(struct verifier *v, const struct kcall *call, bool *ok)
{
	*ok = true;
	switch (call->kfunc->special) {
	case SPECIAL_OBJ_NEW:
	case SPECIAL_PERCPU_OBJ_NEW:
		*ok = give_new_object(v, call);
		return true;
	case SPECIAL_REFCOUNT_ACQUIRE:
		give_struct(v, call->object_btf, call->object_type, REG_ALLOC);
		return true;
	case SPECIAL_LIST_POP_FRONT:
	case SPECIAL_LIST_POP_BACK:
	case SPECIAL_LIST_FRONT:
	case SPECIAL_LIST_BACK:
	case SPECIAL_TREE_REMOVE:
	case SPECIAL_TREE_FIRST:
	case SPECIAL_TREE_ROOT:
	case SPECIAL_TREE_LEFT:
	case SPECIAL_TREE_RIGHT:
		give_node(v, call->root);
		return true;
	case SPECIAL_CAST_TO_KERN_CTX: {
		uint32_t type = btf_find(v->types, BTF_KIND_STRUCT, v->rules->kernel_context);
		give_struct(v, v->types, type, REG_TRUSTED);
		*ok = type || verify_refuse(v, VERIFY_TYPES, -1,
					    "the kernel does not describe this context");
		return true;
	}
	case SPECIAL_RDONLY_CAST:
		*ok = give_cast(v, call);
		return true;
	case SPECIAL_DYNPTR_SLICE:
	case SPECIAL_DYNPTR_SLICE_RDWR:
		*ok = give_slice(v, call);
		return true;
	default:
		return false;
	}
}

static bool give_pointer(struct verifier *v, const struct kcall *call, uint32_t pointer)
{
	const struct btf *btf = v->types;
	uint32_t target = program_strip(btf, btf_get_type(btf, pointer).type);
	enum btf_kind kind = target ? btf_kind_of(btf, target) : 0;
	struct reg *r = reg_at(v, 0);
	if (!target) {
		if (call->result_size) {
			reg_set_pointer(r, REG_MEM, call->result_is_rdonly ? REG_RDONLY : 0);
			r->size = (uint32_t)call->result_size;
			return true;
		}
		reg_set_unknown(r);
		return true;
	}
	if (kind != BTF_KIND_STRUCT) {
		uint64_t size =
			call->result_size ? call->result_size : program_type_size(btf, target);
		bool is_rdonly = call->result_size ? call->result_is_rdonly : true;
		if (!size)
			return verify_refuse(v, VERIFY_KFUNC, -1, "what `%s` points to has no size",
					     call->kfunc->name);
		reg_set_pointer(r, REG_MEM, is_rdonly ? REG_RDONLY : 0);
		r->size = (uint32_t)size;
		r->ref = call->ref;
		return true;
	}
	unsigned flags = 0;
	if (call->kfunc->flags & KFUNC_ITER_NEXT) {
		const struct reg *iter =
			&v->current->frames[call->iter_frame]->slots[call->iter_slot].reg;
		flags = iter->flags & REG_RCU ? REG_RCU : REG_TRUSTED;
	} else if (call->kfunc->special == SPECIAL_NONE &&
		   !strcmp(call->kfunc->name, "bpf_get_kmem_cache")) {
		flags = REG_UNTRUSTED;
	}
	give_struct(v, btf, target, flags);
	return true;
}

static bool finish_pointer(struct verifier *v, const struct kcall *call)
{
	struct reg *r = reg_at(v, 0);
	const struct kfunc *k = call->kfunc;
	bool is_peek = k->special == SPECIAL_LIST_FRONT || k->special == SPECIAL_LIST_BACK ||
		       (k->special >= SPECIAL_TREE_FIRST && k->special <= SPECIAL_TREE_RIGHT);
	bool may_be_null = k->flags & KFUNC_RET_NULL &&
			   !(k->special == SPECIAL_REFCOUNT_ACQUIRE && call->is_owning);
	if (may_be_null) {
		r->flags |= REG_NULLABLE;
		r->id = ++v->ids;
	}
	if (k->flags & KFUNC_ACQUIRE) {
		uint32_t id = verify_acquire_ref(v);
		r = reg_at(v, 0);
		if (may_be_null)
			r->id = id;
		r->ref = id;
	} else if (is_peek && !verify_make_non_owning(v, r)) {
		return false;
	}
	const struct fields *fields = r->kind == REG_OBJECT && r->flags & REG_ALLOC
					      ? verify_fields_of_type(v, r->btf, r->type)
					      : NULL;
	if (verify_has_field(fields, FIELD_BIT(FIELD_SPIN_LOCK) | FIELD_BIT(FIELD_RES_SPIN_LOCK)) &&
	    !r->id)
		r->id = ++v->ids;
	return true;
}

static bool give_result(struct verifier *v, const struct kcall *call)
{
	const struct btf *btf = v->types;
	uint32_t id = program_strip(btf, btf_get_type(btf, call->kfunc->proto).type);
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	bool ok;
	verify_clear_caller_saved(v);
	reg_at(v, 0)->cause = v->current->step;
	if (!id)
		return true;
	if (kind == BTF_KIND_PTR) {
		if (!give_special(v, call, &ok))
			ok = give_pointer(v, call, id);
		if (ok && reg_at(v, 0)->kind != REG_SCALAR)
			ok = finish_pointer(v, call);
	} else {
		reg_set_unknown(reg_at(v, 0));
		ok = true;
	}
	reg_at(v, 0)->cause = v->current->step;
	return ok;
}

/* Locks that can fail: the path where they did not take it has one lock less. */
static bool fork_lock(struct verifier *v, const struct state *before)
{
	struct state *failed = verify_push_state(v, v->at + 1, (int32_t)v->at);
	if (!failed)
		return false;
	failed->locks = before->locks;
	failed->lock = before->lock;
	failed->lock_id = before->lock_id;
	failed->irq_id = before->irq_id;
	if (failed->ref_count > before->ref_count)
		failed->ref_count = before->ref_count;
	struct frame *f = state_frame(failed);
	for (uint32_t i = 0; i < f->slot_count; i++) {
		if (f->slots[i].bytes[0] == SLOT_IRQ && f->slots[i].reg.ref > before->step) {
			reg_set_none(&f->slots[i].reg);
			memset(f->slots[i].bytes, SLOT_INVALID, 8);
		}
	}
	for (unsigned i = 0; i <= 5; i++)
		reg_set_none(&f->r[i]);
	reg_set_unknown(&f->r[0]);
	f->r[0].v.wide.smin = f->r[0].v.low.smin = -4095;
	f->r[0].v.wide.smax = f->r[0].v.low.smax = -1;
	scalar_settle(&f->r[0].v);
	return true;
}

static bool is_failing_lock(const struct kfunc *k)
{
	return !strncmp(k->name, "bpf_res_spin_lock", 17);
}

static bool check_place(struct verifier *v, const struct kfunc *k)
{
	if (k->flags & KFUNC_SLEEPABLE && !verify_in_sleepable(v))
		return verify_refuse(v, VERIFY_SLEEP, -1, "`%s` may sleep, this program may not",
				     k->name);
	return true;
}

static bool insert_into_graph(struct verifier *v, const struct kcall *call)
{
	enum kfunc_special s = call->kfunc->special;
	if (s != SPECIAL_LIST_PUSH_FRONT && s != SPECIAL_LIST_PUSH_BACK && s != SPECIAL_TREE_ADD)
		return true;
	uint32_t ref = reg_at(v, 2)->ref;
	return verify_convert_to_non_owning(v, ref) &&
	       (verify_release_ref(v, ref) ||
		verify_refuse(v, VERIFY_RELEASE, 2, "the object in r2 is not held"));
}

bool verify_step_kernel_call(struct verifier *v, const struct bpf_record *i)
{
	if (!i->imm)
		return verify_refuse(v, VERIFY_KFUNC, -1,
				     "the kernel lacks the weak function that is called here");
	const struct kfunc *k = verify_find_kfunc(v, (uint32_t)i->imm);
	if (!k)
		return verify_refuse(v, VERIFY_KFUNC, -1, "this program cannot call `%s`",
				     v->types && (uint32_t)i->imm <= v->types->type_count
					     ? btf_get_type(v->types, (uint32_t)i->imm).name
					     : "a function that the kernel has not");
	struct kcall call = {.kfunc = k};
	struct state before = *v->current;
	before.step = v->ids;
	if (!check_place(v, k) || !verify_check_kernel_arguments(v, &call))
		return false;
	if (k->flags & KFUNC_ITER_NEXT)
		note_at(v)->is_iter_next = true;
	if (k->special == SPECIAL_TREE_ADD &&
	    !verify_push_callback(v, call.function, verify_setup_tree_callback, false, false))
		return false;
	if (k->special == SPECIAL_WQ_SET_CALLBACK &&
	    !verify_push_callback(v, call.function, verify_setup_timer_callback, true, true))
		return false;
	if (k->special == SPECIAL_SESSION_COOKIE)
		call.result_size = 8;
	if (!change_rcu(v, k) || !change_preemption(v, k))
		return false;
	if (call.release_reg && !verify_release_ref(v, reg_at(v, call.release_reg)->ref))
		return verify_refuse(v, VERIFY_RELEASE, (int)call.release_reg,
				     "the reference in r%u is not held", call.release_reg);
	if (!insert_into_graph(v, &call))
		return false;
	if (k->special == SPECIAL_THROW) {
		v->throws = true;
		if (!v->handler && !verify_check_result(v, 1))
			return false;
	}
	if (is_failing_lock(k)) {
		if (!fork_lock(v, &before))
			return false;
		verify_clear_caller_saved(v);
		reg_set_const(reg_at(v, 0), 0);
		return true;
	}
	if (!give_result(v, &call))
		return false;
	if (k->special == SPECIAL_PULL_DATA)
		verify_forget_packet_pointers(v);
	return !(k->flags & KFUNC_ITER_NEXT) ||
	       verify_next_of_iterator(v, call.iter_slot, call.iter_frame);
}
