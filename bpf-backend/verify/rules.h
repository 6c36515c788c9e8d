/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kinds of programs may do, and prototypes of what they call: the verifier's view of the kernel
 * tables.
 */
#ifndef KS_VERIFY_RULES_H
#define KS_VERIFY_RULES_H

#include "bpf-backend/verify/inside.h"

/* ---- program types ---- */

enum offer_set {
#define PROGRAM_SET(id) OFFER_##id,
#include "bpf-backend/verify/program_sets.def"
#undef PROGRAM_SET
	OFFER_SET_COUNT
};

enum program_flag {
	PROGRAM_READS_PACKET = 1,
	PROGRAM_WRITES_PACKET = 2,
	PROGRAM_LOADS_LEGACY = 4,       // LD_ABS, LD_IND
	PROGRAM_TRACES = 8,             // is_tracing_prog_type()
	PROGRAM_SLEEPABLE = 16,         // may be sleepable
	PROGRAM_CONTEXT_IS_MEMORY = 32, // its context can be passed as memory
};

enum {
	PROG_SOCKET_FILTER = 1,
	PROG_KPROBE = 2,
	PROG_SCHED_CLS = 3,
	PROG_SCHED_ACT = 4,
	PROG_TRACEPOINT = 5,
	PROG_XDP = 6,
	PROG_PERF_EVENT = 7,
	PROG_CGROUP_SKB = 8,
	PROG_CGROUP_SOCK = 9,
	PROG_LWT_IN = 10,
	PROG_LWT_OUT = 11,
	PROG_LWT_XMIT = 12,
	PROG_SOCK_OPS = 13,
	PROG_SK_SKB = 14,
	PROG_CGROUP_DEVICE = 15,
	PROG_SK_MSG = 16,
	PROG_RAW_TRACEPOINT = 17,
	PROG_CGROUP_SOCK_ADDR = 18,
	PROG_LWT_SEG6LOCAL = 19,
	PROG_LIRC_MODE2 = 20,
	PROG_SK_REUSEPORT = 21,
	PROG_FLOW_DISSECTOR = 22,
	PROG_CGROUP_SYSCTL = 23,
	PROG_RAW_TRACEPOINT_WRITABLE = 24,
	PROG_CGROUP_SOCKOPT = 25,
	PROG_TRACING = 26,
	PROG_STRUCT_OPS = 27,
	PROG_EXT = 28,
	PROG_LSM = 29,
	PROG_SK_LOOKUP = 30,
	PROG_SYSCALL = 31,
	PROG_NETFILTER = 32,
};

struct program_rules {
	uint32_t type;
	enum offer_set helpers;
	const char *context;        // struct as programs see it; "" when none
	const char *kernel_context; // and as the kernel has it
	unsigned flags;
};

const struct program_rules *verify_find_program_rules(uint32_t type);
/* Of the hook that a security program is attached to: lsm_hooks.def. */
enum lsm_hook { LSM_HOOK_USUAL, LSM_HOOK_DISABLED, LSM_HOOK_BOOLEAN };
enum lsm_hook verify_lsm_hook(const struct verifier *v);
bool verify_check_attach(struct verifier *v);
bool verify_check_map_use(struct verifier *v, const struct program_map *map);

/* ---- helpers ---- */

/* Arguments and results: a base and flags, as in kernel/protos.def. */
enum proto_base {
	PROTO_NONE,
	PROTO_ANY,
	PROTO_NUMBER,
	PROTO_CTX,
	PROTO_MAP,
	PROTO_KEY,
	PROTO_VALUE,
	PROTO_MEM,
	PROTO_SIZE,
	PROTO_SIZE0,
	PROTO_ALLOC_SIZE,
	PROTO_OBJECT,
	PROTO_SOCK,
	PROTO_SOCK_COMMON,
	PROTO_SOCKET,
	PROTO_FUNC,
	PROTO_STACK,
	PROTO_TIMER,
	PROTO_LOCK,
	PROTO_STRING,
	PROTO_RECORD,
	PROTO_PERCPU,
	PROTO_KPTR,
	PROTO_DYNPTR,
	PROTO_ARENA,
	/* results */
	PROTO_INTEGER,
	PROTO_NOTHING,
	PROTO_MAP_VALUE,
	PROTO_TCP_SOCK,
	PROTO_MEM_OR_OBJECT,
	PROTO_BASE_MASK = 0x3f,
};
enum proto_flag {
	PROTO_NULLABLE = 1 << 6,
	PROTO_RDONLY = 1 << 7,
	PROTO_WRITE = 1 << 8,
	PROTO_UNINIT = 1 << 9,
	PROTO_ALIGNED = 1 << 10,
	PROTO_RELEASE = 1 << 11,
	PROTO_DYN_LOCAL = 1 << 12,
	PROTO_DYN_RINGBUF = 1 << 13,
	PROTO_RINGBUF = 1 << 14,
	PROTO_TRUSTED = 1 << 15,
	PROTO_IS_FIXED = 1 << 16,
	PROTO_DYN_SKB = 1 << 17,
	PROTO_DYN_XDP = 1 << 18,
	PROTO_DYN_SKB_META = 1 << 19,
	PROTO_UNTRUSTED = 1 << 20,
	PROTO_SIZE_SHIFT = 24,
};

enum proto_call_flag { PROTO_GPL = 1, PROTO_PACKET = 2, PROTO_SLEEPS = 4, PROTO_FAST = 8 };

struct proto {
	const char *name;
	uint32_t result, args[5];
	const char *object, *result_object;
	unsigned flags;
};

static inline unsigned proto_base(uint32_t arg)
{
	return arg & PROTO_BASE_MASK;
}

/* Prototype of a helper for this program; NULL when it may not be called. */
const struct proto *verify_find_proto(const struct verifier *v, uint32_t helper);

/* ---- functions of the kernel ---- */

enum kfunc_special {
	SPECIAL_NONE,
#define SPECIAL(id, name) SPECIAL_##id,
#include "bpf-backend/verify/specials.def"
#undef SPECIAL
};

struct kfunc {
	const char *name;
	uint32_t id, proto; // in the kernel's BTF
	unsigned flags;     // enum kfunc_flag
	uint8_t special;    // enum kfunc_special
};

/* Function with that id in the kernel's BTF, NULL when it is none that programs may call. */
const struct kfunc *verify_find_kfunc(const struct verifier *v, uint32_t id);
bool verify_step_kernel_call(struct verifier *v, const struct bpf_record *i);

/* ---- calls ---- */

/* What the checks of a call's arguments find. */
struct call {
	const struct proto *proto;
	uint32_t helper; // number; 0 for functions of the kernel
	const struct program_map *map;
	uint32_t map_uid;
	struct raw_memory raw;
	unsigned release_reg; // 0: none
	uint32_t ref;
	int64_t key;       // constant key, -1: not known
	uint64_t memory;   // size from ALLOC_SIZE
	uint64_t size_max; // largest size of SIZE
	uint32_t function; // of FUNC
	const struct btf *result_btf;
	uint32_t result_type;
	const struct field *kptr;
	uint32_t dynptr_id;
	bool is_packet_ok;
};

/* args.c */
bool verify_check_argument(struct verifier *v, struct call *call, unsigned number);
bool verify_check_argument_kind(struct verifier *v, struct call *call, unsigned reg, uint32_t arg,
				const struct btf *object_btf, uint32_t object);
bool verify_check_argument_offset(struct verifier *v, const struct reg *r, unsigned reg,
				  uint32_t arg);
bool verify_check_helper_memory(struct verifier *v, unsigned reg, int64_t size, enum access access,
				bool zero_ok, struct raw_memory *raw);
bool verify_check_size(struct verifier *v, unsigned reg, enum access access, bool zero_ok,
		       struct call *call);
bool verify_check_memory_argument(struct verifier *v, unsigned reg, uint32_t size);
bool verify_check_constant_string(struct verifier *v, unsigned reg);

/* dynptr.c */
bool verify_check_dynptr(struct verifier *v, unsigned reg, uint32_t arg, uint32_t clone_ref);
bool verify_end_dynptr(struct verifier *v, unsigned reg);
struct reg *verify_dynptr_state(struct verifier *v, struct reg *r); // NULL when it is none
int verify_special_slot(struct verifier *v, const struct reg *r, unsigned slots, bool *is_beyond);
bool verify_is_counted_dynptr(enum dynptr_type type);

/* iter.c */
bool verify_check_iterator(struct verifier *v, unsigned reg, const struct kfunc *k, uint32_t *slot,
			   uint32_t *frame, uint32_t *ref);
bool verify_next_of_iterator(struct verifier *v, uint32_t slot, uint32_t frame);

#endif
