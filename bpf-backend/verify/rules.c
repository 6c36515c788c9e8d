/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel tables as the verifier asks them: kinds of programs, prototypes of helpers for a program,
 * functions of the kernel.
 */
#include "bpf-backend/verify/rules.h"

#include <string.h>

#define READS PROGRAM_READS_PACKET
#define WRITES PROGRAM_WRITES_PACKET
#define LEGACY PROGRAM_LOADS_LEGACY
#define TRACES PROGRAM_TRACES
#define SLEEPABLE PROGRAM_SLEEPABLE
#define MEMORY PROGRAM_CONTEXT_IS_MEMORY

static const struct program_rules programs[] = {
#define PROGRAM(type, helpers, context, user, kernel, flags)                                       \
	{PROG_##type, OFFER_##helpers, user, kernel, flags},
#include "bpf-backend/verify/programs.def"
#undef PROGRAM
};

#undef READS
#undef WRITES
#undef LEGACY
#undef TRACES
#undef SLEEPABLE
#undef MEMORY

const struct program_rules *verify_find_program_rules(uint32_t type)
{
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		if (programs[i].type == type)
			return &programs[i];
	}
	return NULL;
}

/* ---- helpers ---- */

enum proto_id {
#define PROTO(name, ...) PROTO_ID_##name,
#include "bpf-backend/kernel/protos.def"
#undef PROTO
	PROTO_COUNT
};

#define ANY PROTO_ANY
#define NUMBER PROTO_NUMBER
#define CTX PROTO_CTX
#define MAP PROTO_MAP
#define KEY PROTO_KEY
#define VALUE PROTO_VALUE
#define MEM PROTO_MEM
#define SIZE PROTO_SIZE
#define SIZE0 PROTO_SIZE0
#define ALLOC_SIZE PROTO_ALLOC_SIZE
#define OBJECT PROTO_OBJECT
#define SOCK PROTO_SOCK
#define SOCK_COMMON PROTO_SOCK_COMMON
#define SOCKET PROTO_SOCKET
#define FUNC PROTO_FUNC
#define STACK PROTO_STACK
#define TIMER PROTO_TIMER
#define LOCK PROTO_LOCK
#define STRING PROTO_STRING
#define RECORD PROTO_RECORD
#define PERCPU PROTO_PERCPU
#define KPTR PROTO_KPTR
#define DYNPTR PROTO_DYNPTR
#define INTEGER PROTO_INTEGER
#define NOTHING PROTO_NOTHING
#define MAP_VALUE PROTO_MAP_VALUE
#define TCP_SOCK PROTO_TCP_SOCK
#define MEM_OR_OBJECT PROTO_MEM_OR_OBJECT
#define NULLABLE PROTO_NULLABLE
#define RDONLY PROTO_RDONLY
#define WRITE PROTO_WRITE
#define UNINIT PROTO_UNINIT
#define ALIGNED PROTO_ALIGNED
#define RELEASE PROTO_RELEASE
#define DYN_LOCAL PROTO_DYN_LOCAL
#define DYN_RINGBUF PROTO_DYN_RINGBUF
#define RINGBUF PROTO_RINGBUF
#define TRUSTED PROTO_TRUSTED
#define FIXED(bytes) (PROTO_IS_FIXED | (bytes) << PROTO_SIZE_SHIFT)
#define GPL PROTO_GPL
#define PACKET PROTO_PACKET
#define SLEEPS PROTO_SLEEPS
#define FAST PROTO_FAST

static const struct proto protos[PROTO_COUNT] = {
#define PROTO(name, result, a, b, c, d, e, object, result_object, flags)                           \
	{#name, result, {a, b, c, d, e}, object, result_object, flags},
#include "bpf-backend/kernel/protos.def"
#undef PROTO
};

#undef MAP
#undef SIZE
#undef SOCKET
#undef PACKET

enum helper_id {
#define HELPER(number, name, ...) HELPER_##name = number,
#include "bpf-backend/kernel/helpers.def"
#undef HELPER
};

enum when {
	ALWAYS,
	CONNECT,
	ITERATOR,
	TRAMPOLINE,
	LSM_CGROUP,
	SETSOCKOPT,
	VERDICT,
	COOKIE,
	SOCKET_ITERATOR,
	TCP_OPERATION,
	SCHED_OPERATION
};
enum { IS_INCLUDE = 0xffff };

static const struct offer {
	uint16_t helper; // IS_INCLUDE: `proto` is a set
	uint16_t proto;
	uint8_t set, when;
} offers[] = {
#define OFFER(set, helper, proto, when) {HELPER_##helper, PROTO_ID_##proto, OFFER_##set, when},
#define INCLUDE(set, other) {IS_INCLUDE, OFFER_##other, OFFER_##set, ALWAYS},
#include "bpf-backend/kernel/offers.def"
#undef OFFER
#undef INCLUDE
};

static bool is_operation_of(const struct verifier *v, const char *ops)
{
	return v->code->attach_type_id && v->types &&
	       !strcmp(btf_get_type(v->types, v->code->attach_type_id).name, ops);
}

static bool is_offered(const struct verifier *v, enum when when)
{
	uint32_t attach = v->code->attach;
	switch (when) {
	case ALWAYS:
		return true;
	case CONNECT:
		return attach == 10 || attach == 11;
	case ITERATOR:
		return attach == 28;
	case SOCKET_ITERATOR:
		return attach == 28 &&
		       (!strcmp(v->code->target, "tcp") || !strcmp(v->code->target, "unix"));
	case TCP_OPERATION:
		return is_operation_of(v, "tcp_congestion_ops");
	case SCHED_OPERATION:
		return is_operation_of(v, "sched_ext_ops");
	case COOKIE:
		return v->model.cookies_of_raw || is_offered(v, TRAMPOLINE);
	case TRAMPOLINE:
		return (v->code->type == PROG_TRACING && attach >= 24 && attach <= 26) ||
		       (v->code->type == PROG_LSM && attach == 27);
	case LSM_CGROUP:
		return attach == 43;
	case SETSOCKOPT:
		return attach == 22;
	case VERDICT:
		return attach != 0 && attach != 1 && attach != 3 && attach != 19 && attach != 20 &&
		       attach != 51 && (attach < 29 || attach > 32) && attach != 52 && attach != 53;
	}
	return false;
}

static const struct proto *find_in_set(const struct verifier *v, enum offer_set set,
				       uint32_t helper)
{
	for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
		const struct offer *o = &offers[i];
		if (o->set == set && o->helper == helper)
			return is_offered(v, o->when) ? &protos[o->proto] : NULL;
	}
	for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
		const struct offer *o = &offers[i];
		if (o->set != set || o->helper != IS_INCLUDE)
			continue;
		if (o->proto == OFFER_CG_COMMON && set == OFFER_LSM && v->code->attach != 43)
			continue;
		const struct proto *p = find_in_set(v, o->proto, helper);
		if (p)
			return p;
	}
	return NULL;
}

const struct proto *verify_find_proto(const struct verifier *v, uint32_t helper)
{
	const struct kernel_helper *row = kernel_helper_at(helper);
	if (!row || row->kernel > v->options->kernel)
		return NULL;
	return find_in_set(v, v->rules->helpers, helper);
}

/* ---- functions of the kernel ---- */

static const char *const specials[] = {
	[SPECIAL_NONE] = "",
#define SPECIAL(id, name) [SPECIAL_##id] = name,
#include "bpf-backend/verify/specials.def"
#undef SPECIAL
};

/* Families of programs as the table of functions has them. After bpf_prog_type_to_kfunc_hook(),
 * kernel/bpf/btf.c, Linux 6.12. */
static const struct {
	uint8_t type, set;
} families[] = {
	{PROG_XDP, KERNEL_SET_XDP},
	{PROG_SCHED_CLS, KERNEL_SET_TC},
	{PROG_SCHED_ACT, KERNEL_SET_TC},
	{PROG_STRUCT_OPS, KERNEL_SET_STRUCT_OPS},
	{PROG_LSM, KERNEL_SET_LSM},
	{PROG_TRACING, KERNEL_SET_TRACING},
	{PROG_TRACEPOINT, KERNEL_SET_TRACEPOINT},
	{PROG_PERF_EVENT, KERNEL_SET_PERF},
	{PROG_SYSCALL, KERNEL_SET_SYSCALL},
	{PROG_CGROUP_SKB, KERNEL_SET_CG_SKB},
	{PROG_CGROUP_SOCK, KERNEL_SET_CG_SOCK},
	{PROG_CGROUP_DEVICE, KERNEL_SET_CG_DEV},
	{PROG_CGROUP_SOCK_ADDR, KERNEL_SET_CG_ADDR},
	{PROG_CGROUP_SOCKOPT, KERNEL_SET_CG_SOCKOPT},
	{PROG_CGROUP_SYSCTL, KERNEL_SET_CG_SYSCTL},
	{PROG_SK_SKB, KERNEL_SET_SK_SKB},
	{PROG_SOCKET_FILTER, KERNEL_SET_SOCKET},
	{PROG_LWT_IN, KERNEL_SET_LWT},
	{PROG_LWT_OUT, KERNEL_SET_LWT},
	{PROG_LWT_XMIT, KERNEL_SET_LWT},
	{PROG_LWT_SEG6LOCAL, KERNEL_SET_LWT},
	{PROG_NETFILTER, KERNEL_SET_NETFILTER},
	{PROG_KPROBE, KERNEL_SET_KPROBE},
};

static bool may_call(const struct verifier *v, const struct kfunc_info *f)
{
	const uint32_t everybody = (UINT32_C(1) << KERNEL_SET_COUNT) - 1;
	if (f->callers == everybody)
		return true;
	if (v->code->type == PROG_SCHED_ACT && !(f->flags & KFUNC_ACTION))
		return false;
	for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
		if (families[i].type == v->code->type)
			return f->callers >> families[i].set & 1;
	return false;
}

static enum kfunc_special find_special(const char *name)
{
	for (size_t i = 1; i < sizeof specials / sizeof specials[0]; i++) {
		if (!strcmp(specials[i], name))
			return (enum kfunc_special)i;
	}
	return SPECIAL_NONE;
}

const struct kfunc *verify_find_kfunc(const struct verifier *v, uint32_t id)
{
	struct verifier *owner = (struct verifier *)(uintptr_t)v;
	if (!v->types || !id || id > v->types->type_count)
		return NULL;
	struct kfunc *k = map_find_ptr(&v->kfuncs, id);
	if (k)
		return k->name ? k : NULL;
	k = ARENA_NEW(&owner->arena, struct kfunc);
	map_set_ptr(&owner->kfuncs, id, k);
	struct btf_type type = btf_get_type(v->types, id);
	if (type.kind != BTF_KIND_FUNC)
		return NULL;
	const struct kfunc_info *row = kernel_find_kfunc(type.name);
	if (!row || !may_call(v, row))
		return NULL;
	k->id = id;
	k->proto = type.type;
	k->flags = row->flags;
	k->special = (uint8_t)find_special(type.name);
	k->name = type.name;
	return k;
}
