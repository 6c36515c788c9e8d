/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of helpers: may this program call it here, are the arguments right, what is in r0 afterwards.
 * After check_helper_call(), kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/rules.h"

enum {
	HELPER_MAP_LOOKUP = 1,
	HELPER_MAP_UPDATE = 2,
	HELPER_MAP_DELETE = 3,
	HELPER_GET_CPU = 8,
	HELPER_TAIL_CALL = 12,
	HELPER_PROBE_READ_STR = 45,
	HELPER_GET_STACK = 67,
	HELPER_GET_LOCAL_STORAGE = 81,
	HELPER_SK_LOOKUP_TCP = 84,
	HELPER_SK_LOOKUP_UDP = 85,
	HELPER_MAP_PUSH = 87,
	HELPER_MAP_POP = 88,
	HELPER_UNLOCK = 94,
	HELPER_SK_FULLSOCK = 95,
	HELPER_TCP_SOCK = 96,
	HELPER_SKC_LOOKUP_TCP = 99,
	HELPER_PROBE_READ_USER_STR = 114,
	HELPER_PROBE_READ_KERNEL_STR = 115,
	HELPER_RINGBUF_RESERVE = 131,
	HELPER_SKC_TO_FIRST = 136,
	HELPER_SKC_TO_LAST = 140,
	HELPER_GET_TASK_STACK = 141,
	HELPER_PER_CPU_PTR = 153,
	HELPER_THIS_CPU_PTR = 154,
	HELPER_FOR_EACH_MAP = 164,
	HELPER_SNPRINTF = 165,
	HELPER_TIMER_SET_CALLBACK = 170,
	HELPER_SKC_TO_UNIX = 178,
	HELPER_FIND_VMA = 180,
	HELPER_LOOP = 181,
	HELPER_KPTR_XCHG = 194,
	HELPER_SKC_TO_MPTCP = 196,
	HELPER_DYNPTR_FROM_MEM = 197,
	HELPER_DYNPTR_WRITE = 202,
	HELPER_DYNPTR_DATA = 203,
	HELPER_DRAIN = 209,
	MAX_ERRNO = 4095,
};

bool verify_calls_synchronously(const struct verifier *v, const struct bpf_record *i)
{
	if (verify_is_call_of_helper(i))
		return i->imm == HELPER_FOR_EACH_MAP || i->imm == HELPER_FIND_VMA ||
		       i->imm == HELPER_LOOP || i->imm == HELPER_DRAIN;
	const struct kfunc *k =
		verify_is_call_of_kernel(i) ? verify_find_kfunc(v, (uint32_t)i->imm) : NULL;
	return k && k->special == SPECIAL_TREE_ADD;
}

bool verify_calls_later(const struct verifier *v, const struct bpf_record *i)
{
	if (verify_is_call_of_helper(i))
		return i->imm == HELPER_TIMER_SET_CALLBACK;
	const struct kfunc *k =
		verify_is_call_of_kernel(i) ? verify_find_kfunc(v, (uint32_t)i->imm) : NULL;
	return k && k->special == SPECIAL_WQ_SET_CALLBACK;
}

void verify_clear_caller_saved(struct verifier *v)
{
	for (unsigned i = 0; i <= 5; i++) {
		reg_set_none(reg_at(v, i));
		reg_at(v, i)->cause = v->current->step;
	}
}

/* ---- before ---- */

static bool find_helper(struct verifier *v, uint32_t id, const struct proto **proto)
{
	const struct kernel_helper *row = kernel_helper_at(id);
	const char *name = kernel_helper_name(id);
	char need[16];
	if (id == PROGRAM_BAD_RELOCATION)
		return verify_refuse(v, VERIFY_TYPES, -1,
				     "the kernel lacks the type or field that is used here");
	if (!row)
		return verify_refuse(v, VERIFY_HELPER, -1, "there is no helper number %d", (int)id);
	if (row->kernel > v->options->kernel) {
		kernel_format_version(row->kernel, need);
		return verify_refuse(v, VERIFY_KERNEL, -1, "helper `%s` needs Linux %s", name,
				     need);
	}
	*proto = verify_find_proto(v, id);
	if (!*proto)
		return verify_refuse(v, VERIFY_HELPER, -1, "this kind of program cannot call `%s`",
				     name);
	if ((*proto)->flags & PROTO_GPL && !v->is_gpl)
		return verify_refuse(v, VERIFY_LICENSE, -1,
				     "`%s` needs a license compatible with the GPL", name);
	return true;
}

static bool check_sleep(struct verifier *v, const struct proto *p)
{
	const struct state *s = v->current;
	if (!(p->flags & PROTO_SLEEPS))
		return true;
	if (!verify_in_sleepable(v))
		return verify_refuse(v, VERIFY_SLEEP, -1,
				     "`bpf_%s` may sleep, this program may not", p->name);
	if (s->rcu_locks)
		return verify_refuse(v, VERIFY_SLEEP, -1,
				     "`bpf_%s` may sleep, but an RCU section is open", p->name);
	if (s->preempt_locks)
		return verify_refuse(v, VERIFY_SLEEP, -1,
				     "`bpf_%s` may sleep, but preemption is disabled", p->name);
	if (s->irq_id)
		return verify_refuse(v, VERIFY_SLEEP, -1,
				     "`bpf_%s` may sleep, but interrupts are off", p->name);
	return true;
}

/* ---- maps and helpers that fit ---- */

static const struct {
	uint8_t map;
	uint8_t binds_map;
	uint16_t helper;
} map_uses[] = {
#define MAP_USE(map, helper) {map, true, helper},
#define MAP_HELPER(map, helper) {map, false, helper},
#include "bpf-backend/verify/map_uses.def"
#undef MAP_USE
#undef MAP_HELPER
};

static bool may_update_sockets(const struct verifier *v, uint32_t helper)
{
	uint32_t type = v->code->type;
	if (helper != HELPER_MAP_UPDATE && helper != HELPER_MAP_DELETE)
		return false;
	return (type == PROG_TRACING && v->code->attach == 28) ||
	       (type == PROG_SOCK_OPS && helper == HELPER_MAP_DELETE) ||
	       type == PROG_SOCKET_FILTER || type == PROG_SCHED_CLS || type == PROG_SCHED_ACT ||
	       type == PROG_XDP || type == PROG_SK_REUSEPORT || type == PROG_FLOW_DISSECTOR ||
	       type == PROG_SK_LOOKUP;
}

/* The map's type is for certain helpers only, and the helper for certain types. */
static bool check_map_use_by(struct verifier *v, const struct program_map *map, uint32_t helper)
{
	bool map_is_listed = false, helper_is_listed = false;
	if (!map)
		return true;
	for (size_t i = 0; i < sizeof map_uses / sizeof map_uses[0]; i++) {
		bool same_map = map_uses[i].map == map->type,
		     same_helper = map_uses[i].helper == helper;
		if (same_map && same_helper)
			return true;
		map_is_listed |= same_map && map_uses[i].binds_map;
		helper_is_listed |= same_helper;
	}
	if ((map->type == 15 || map->type == 18) && may_update_sockets(v, helper))
		return true;
	if (!map_is_listed && !helper_is_listed)
		return true;
	if (!map_is_listed && (helper == HELPER_MAP_LOOKUP || helper == HELPER_KPTR_XCHG))
		return true; // listed for maps that little else is for
	return verify_refuse(v, VERIFY_MAP_KIND, -1,
			     "`%s` cannot be used with map `%s` of this type",
			     kernel_helper_name(helper), map->name);
}

static bool note_map_use(struct verifier *v, const struct call *call)
{
	enum { RDONLY_PROG = 1 << 7 };
	uint32_t h = call->helper;
	bool is_change = h == HELPER_MAP_UPDATE || h == HELPER_MAP_DELETE || h == HELPER_MAP_PUSH ||
			 h == HELPER_MAP_POP;
	if (call->map && call->map->flags & RDONLY_PROG && is_change)
		return verify_refuse(v, VERIFY_READ_ONLY, -1, "map `%s` is read-only for programs",
				     call->map->name);
	if (h == HELPER_FOR_EACH_MAP)
		note_at(v)->map = call->map;
	if (h == HELPER_TAIL_CALL && call->map) {
		const struct reg *r = reg_at(v, 3);
		if (reg_is_const(r, 64) && r->v.bits.value < call->map->max_entries)
			return verify_need_value(v, 3);
	}
	return true;
}

/* ---- effects of single helpers ---- */

static bool release_arguments(struct verifier *v, const struct call *call)
{
	unsigned reg = call->release_reg;
	uint32_t id = call->ref;
	if (!reg)
		return true;
	if (proto_base(call->proto->args[reg - 1]) == PROTO_DYNPTR)
		return verify_end_dynptr(v, reg);
	if (call->helper == HELPER_KPTR_XCHG && id) {
		bool in_rcu = verify_in_rcu_section(v);
		struct reg_walk walk = {0};
		if (!state_drop_ref(v->current, REF_POINTER, id))
			return verify_refuse(v, VERIFY_RELEASE, (int)reg,
					     "the reference in r%u is not held", reg);
		for (struct reg *r; (r = state_next_reg(v->current, &walk));) {
			if (r->ref != id)
				continue;
			if (in_rcu && r->flags & REG_ALLOC && r->flags & REG_PERCPU) {
				r->ref = 0;
				r->flags = (uint16_t)((r->flags & ~(unsigned)REG_ALLOC) | REG_RCU);
			} else {
				reg_set_unknown(r);
			}
		}
		return true;
	}
	if (id ? verify_release_ref(v, id) : reg_is_null(reg_at(v, reg)))
		return true;
	return verify_refuse(v, VERIFY_RELEASE, (int)reg, "the reference in r%u is not held", reg);
}

static bool check_format(struct verifier *v)
{
	const struct reg *format = reg_at(v, 3), *size = reg_at(v, 5);
	if (size->v.bits.value % 8)
		return verify_refuse(v, VERIFY_SIZE, 5,
				     "the size of the values is not a multiple of 8");
	const uint8_t *text = format->map->data + format->off + format->v.bits.value;
	uint64_t wanted = 0, given = size->v.bits.value / 8;
	for (; *text; text++) {
		if (*text >= 128)
			return verify_refuse(v, VERIFY_CONSTANT, 3,
					     "the format holds a character that is not ASCII");
		if (*text != '%')
			continue;
		text++;
		if (*text == '%')
			continue;
		while (*text == '0' || *text == '+' || *text == '-' || *text == ' ' ||
		       (*text >= '1' && *text <= '9'))
			text++;
		if (!*text || !strchr("pskidulxXc", *text) || ++wanted > given)
			return verify_refuse(v, VERIFY_CONSTANT, 3,
					     "the format does not fit its values");
		while (*text == 'l')
			text++;
		while ((text[1] >= 'a' && text[1] <= 'z' && *text == 'p') || text[1] == '4' ||
		       text[1] == '6')
			text++;
	}
	return true;
}

static bool start_loop(struct verifier *v, const struct call *call)
{
	struct frame *f = state_frame(v->current);
	if (reg_is_null(reg_at(v, 4)) && !verify_need_value(v, 4))
		return false;
	if (!verify_need_value(v, 1))
		return false;
	if (f->callback_depth < reg_at(v, 1)->v.wide.umax)
		return verify_push_callback(v, call->function, verify_setup_loop_callback, false,
					    false);
	f->callback_depth = 0;
	return true;
}

static bool data_of_dynptr(struct verifier *v, struct call *call)
{
	const struct reg *d = verify_dynptr_state(v, reg_at(v, 1));
	if (!d)
		return verify_refuse(v, VERIFY_DYNPTR, 1, "r1 is no dynptr");
	call->dynptr_id = d->id;
	call->ref = d->ref;
	return true;
}

static bool apply_special(struct verifier *v, struct call *call, bool *moves_packet)
{
	const struct reg *d;
	switch (call->helper) {
	case HELPER_TAIL_CALL:
		return verify_check_leaks(v, false, true, "the tail call");
	case HELPER_GET_LOCAL_STORAGE:
		if (!reg_is_null(reg_at(v, 2)))
			return verify_refuse(v, VERIFY_CONSTANT, 2, "the flags must be 0");
		return verify_need_value(v, 2);
	case HELPER_FOR_EACH_MAP:
		return verify_push_callback(v, call->function, verify_setup_map_callback, false,
					    false);
	case HELPER_TIMER_SET_CALLBACK:
		return verify_push_callback(v, call->function, verify_setup_timer_callback, true,
					    false);
	case HELPER_FIND_VMA:
		return verify_push_callback(v, call->function, verify_setup_vma_callback, false,
					    false);
	case HELPER_DRAIN:
		return verify_push_callback(v, call->function, verify_setup_drain_callback, false,
					    false);
	case HELPER_SNPRINTF:
		return check_format(v);
	case HELPER_LOOP:
		return start_loop(v, call);
	case HELPER_DYNPTR_FROM_MEM:
		if (reg_at(v, 1)->kind != REG_MAP_VALUE)
			return verify_refuse(v, VERIFY_DYNPTR, 1,
					     "a dynptr can only be made of a map value");
		return true;
	case HELPER_DYNPTR_DATA:
		return data_of_dynptr(v, call);
	case HELPER_DYNPTR_WRITE:
		d = verify_dynptr_state(v, reg_at(v, 1));
		*moves_packet |= d && (d->dynptr == DYNPTR_SKB || d->dynptr == DYNPTR_SKB_META);
		return true;
	default:
		return true;
	}
}

/* ---- result ---- */

static bool is_cast(uint32_t h)
{
	return h == HELPER_TCP_SOCK || h == HELPER_SK_FULLSOCK ||
	       (h >= HELPER_SKC_TO_FIRST && h <= HELPER_SKC_TO_LAST) || h == HELPER_SKC_TO_UNIX ||
	       h == HELPER_SKC_TO_MPTCP;
}

static bool is_acquire(uint32_t h, const struct program_map *map)
{
	if (h == HELPER_SK_LOOKUP_TCP || h == HELPER_SK_LOOKUP_UDP || h == HELPER_SKC_LOOKUP_TCP ||
	    h == HELPER_RINGBUF_RESERVE || h == HELPER_KPTR_XCHG)
		return true;
	return h == HELPER_MAP_LOOKUP && map && (map->type == 15 || map->type == 18);
}

static bool give_variable(struct verifier *v, const struct call *call, unsigned flags,
			  bool is_alloc)
{
	struct reg *r = reg_at(v, 0);
	uint32_t type = program_strip(call->result_btf, call->result_type);
	enum btf_kind kind = type ? btf_kind_of(call->result_btf, type) : 0;
	if (kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION) {
		reg_set_pointer(r, REG_MEM, flags);
		r->size = program_type_size(call->result_btf, type);
		return true;
	}
	reg_set_pointer(r, REG_OBJECT,
			is_alloc ? REG_ALLOC | REG_RCU : flags & ~(unsigned)REG_RDONLY);
	r->btf = call->result_btf;
	r->type = call->result_type;
	return true;
}

static bool give_object(struct verifier *v, const struct call *call, unsigned flags)
{
	struct reg *r = reg_at(v, 0);
	const struct btf *btf = v->types;
	uint32_t type = 0;
	if (call->helper == HELPER_KPTR_XCHG) {
		btf = call->kptr->btf;
		type = call->kptr->type;
		if (btf != v->types)
			flags |= REG_ALLOC |
				 (call->kptr->kind == FIELD_KPTR_PERCPU ? REG_PERCPU : 0u);
	} else if (btf) {
		type = btf_find(btf, BTF_KIND_STRUCT, call->proto->result_object);
	}
	if (!type)
		return verify_refuse(v, VERIFY_TYPES, -1, "the kernel has no `struct %s`",
				     call->proto->result_object);
	reg_set_pointer(r, REG_OBJECT, flags);
	r->btf = btf;
	r->type = type;
	return true;
}

static bool give_result(struct verifier *v, const struct call *call, bool is_percpu_alloc)
{
	struct reg *r = reg_at(v, 0);
	uint32_t result = call->proto->result;
	unsigned flags = (result & PROTO_NULLABLE ? REG_NULLABLE : 0u) |
			 (result & PROTO_RDONLY ? REG_RDONLY : 0u) |
			 (result & PROTO_RINGBUF ? REG_RINGBUF : 0u) |
			 (result & PROTO_TRUSTED ? REG_TRUSTED : 0u);
	switch (proto_base(result)) {
	case PROTO_INTEGER:
		reg_set_unknown(r);
		return true;
	case PROTO_NOTHING:
		return true;
	case PROTO_MAP_VALUE:
		if (!call->map)
			return verify_refuse(v, VERIFY_ARGUMENT, -1, "no map is given");
		// An entry of an array with a known index exists.
		if (call->helper == HELPER_MAP_LOOKUP && call->key >= 0 &&
		    call->key < (int64_t)call->map->max_entries)
			flags &= ~(unsigned)REG_NULLABLE;
		reg_set_pointer(r, REG_MAP_VALUE, flags);
		r->map = call->map;
		r->map_uid = call->map_uid;
		if (!(flags & REG_NULLABLE) && verify_has_field(verify_fields_of_map(v, call->map),
								FIELD_BIT(FIELD_SPIN_LOCK)))
			r->id = ++v->ids;
		return true;
	case PROTO_SOCKET:
		reg_set_pointer(r, REG_SOCKET, flags);
		return true;
	case PROTO_SOCK_COMMON:
		reg_set_pointer(r, REG_SOCK_COMMON, flags);
		return true;
	case PROTO_TCP_SOCK:
		reg_set_pointer(r, REG_TCP_SOCK, flags);
		return true;
	case PROTO_MEM:
		reg_set_pointer(r, REG_MEM, flags);
		r->size = (uint32_t)call->memory;
		return true;
	case PROTO_MEM_OR_OBJECT:
		return give_variable(v, call, flags, is_percpu_alloc);
	case PROTO_OBJECT:
		return give_object(v, call, flags);
	default:
		return true;
	}
}

static void refine_result(struct verifier *v, const struct call *call)
{
	struct scalar *s = &reg_at(v, 0)->v;
	uint32_t h = call->helper;
	if (h == HELPER_GET_STACK || h == HELPER_GET_TASK_STACK || h == HELPER_PROBE_READ_STR ||
	    h == HELPER_PROBE_READ_KERNEL_STR || h == HELPER_PROBE_READ_USER_STR) {
		s->wide.smax = (int64_t)call->size_max;
		s->low.smax = (int32_t)call->size_max;
		s->wide.smin = s->low.smin = -MAX_ERRNO;
		scalar_settle(s);
	} else if (h == HELPER_GET_CPU && v->options->cpus) {
		uint32_t last = v->options->cpus - 1;
		s->wide = s->low = (struct bounds){0, last, 0, last};
		scalar_settle(s);
	}
	scalar_check(s);
}

/* In a function a tail call that succeeds is a return from it with any result. */
static bool return_from_tail_call(struct verifier *v)
{
	if (!verify_push_state(v, v->at + 1, (int32_t)v->at))
		return false;
	verify_forget_packet_pointers(v);
	reg_set_unknown(reg_at(v, 0));
	if (!verify_leave_function(v))
		return false;
	v->at--;
	return true;
}

static bool finish(struct verifier *v, struct call *call, bool moves_packet, bool is_percpu_alloc)
{
	verify_clear_caller_saved(v);
	if (!give_result(v, call, is_percpu_alloc))
		return false;
	struct reg *r = reg_at(v, 0);
	if (r->flags & REG_NULLABLE)
		r->id = ++v->ids;
	if (call->helper == HELPER_DYNPTR_DATA)
		r->dynptr_id = call->dynptr_id;
	if (is_cast(call->helper) || call->helper == HELPER_DYNPTR_DATA) {
		r->ref = call->ref;
	} else if (is_acquire(call->helper, call->map)) {
		r->id = r->ref = verify_acquire_ref(v);
	}
	if (r->kind == REG_SCALAR)
		refine_result(v, call);
	r->cause = v->current->step;
	if (!check_map_use_by(v, call->map, call->helper))
		return false;
	if (call->helper == HELPER_TAIL_CALL && v->model.tail_call_returns)
		return !v->current->depth || return_from_tail_call(v);
	if (moves_packet)
		verify_forget_packet_pointers(v);
	return true;
}

static bool call_helper(struct verifier *v, const struct bpf_record *i)
{
	struct call call = {.helper = (uint32_t)i->imm, .key = -1};
	if (!find_helper(v, call.helper, &call.proto) || !check_sleep(v, call.proto))
		return false;
	const struct kernel_helper *row = kernel_helper_at(call.helper);
	bool moves_packet = row->flags & KERNEL_HELPER_MOVES_PACKET;
	call.is_packet_ok = call.proto->flags & PROTO_PACKET;
	for (unsigned n = 0; n < 5; n++) {
		if (!verify_check_argument(v, &call, n))
			return false;
	}
	if (!note_map_use(v, &call))
		return false;
	for (int64_t n = 0; n < call.raw.size; n++) {
		if (!verify_access_memory(v, call.raw.reg, n, 1, ACCESS_WRITE, -1, false, false))
			return false;
	}
	bool is_percpu_alloc =
		(call.helper == HELPER_PER_CPU_PTR || call.helper == HELPER_THIS_CPU_PTR) &&
		reg_at(v, 1)->flags & REG_RCU;
	return release_arguments(v, &call) && apply_special(v, &call, &moves_packet) &&
	       finish(v, &call, moves_packet, is_percpu_alloc);
}

/* While a lock is held little may be called. */
static bool check_locked(struct verifier *v, const struct bpf_record *i)
{
	if (!v->current->locks || (verify_is_call_of_function(i) && v->model.functions_under_lock))
		return true;
	if (verify_is_call_of_helper(i) && i->imm == HELPER_UNLOCK)
		return true;
	const struct kfunc *k =
		verify_is_call_of_kernel(i) ? verify_find_kfunc(v, (uint32_t)i->imm) : NULL;
	if (k && (k->special == SPECIAL_REFCOUNT_ACQUIRE ||
		  (k->special >= SPECIAL_LIST_PUSH_FRONT && k->special <= SPECIAL_LIST_BACK) ||
		  (k->special >= SPECIAL_TREE_REMOVE && k->special <= SPECIAL_TREE_RIGHT)))
		return true;
	if (k && v->model.calls_under_lock &&
	    (k->flags & (KFUNC_ITER_NEW | KFUNC_ITER_NEXT | KFUNC_ITER_DESTROY)) &&
	    !strncmp(k->name, "bpf_iter_num_", 13))
		return true;
	return verify_refuse(v, VERIFY_LOCK, -1, "nothing can be called here while a lock is held");
}

bool verify_step_call(struct verifier *v, const struct bpf_record *i)
{
	if (!check_locked(v, i))
		return false;
	if (verify_is_call_of_function(i))
		return verify_call_function(v, i);
	if (verify_is_call_of_kernel(i))
		return verify_step_kernel_call(v, i);
	return call_helper(v, i);
}
