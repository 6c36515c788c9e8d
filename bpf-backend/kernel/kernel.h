/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel promises: helpers, program types, contexts, map types, features, each with the
 * release that brought it. Tables and queries; nothing here decides what to do with the answer.
 * Releases are numbers as KERNEL_AT(major, minor) makes them.
 *
 * kernel_program_kind_at(), kernel_map_kind_at(), kernel_ctx_field_at() and kernel_find_helper()
 * are the functions that struct target_info (frontend/sema) wants.
 */
#ifndef KS_KERNEL_KERNEL_H
#define KS_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-backend/isa/insn.h"
#include "frontend/base/kernel_facts.h"

/* ---- releases ---- */

/* Oldest release that code can be made for. */
#define KERNEL_OLDEST KERNEL_AT(5, 10)

/* Reads "6.12", "6.12.3-foo" or "running" (of this machine). False when it is neither. Patch levels
 * are dropped. */
bool kernel_parse_version(const char *text, uint32_t *version);
/* "6.12" into `out`. */
void kernel_format_version(uint32_t version, char out[16]);
/* Releases that are tested, oldest first; 0 past the end. */
uint32_t kernel_tested_at(uint32_t index);
/* Best instruction set version (1 to 4) whose every instruction but acquire and release, which are
 * younger, the release takes. Single instructions: insn_is_available(). */
int kernel_isa(uint32_t version);
/* First release that takes instruction set `isa`, 1 to 4. */
uint32_t kernel_isa_since(int isa);

enum kernel_feature {
#define FEATURE(id, kernel) id,
#include "bpf-backend/kernel/features.def"
#undef FEATURE
	KERNEL_FEATURE_COUNT
};
bool kernel_has(uint32_t version, enum kernel_feature feature);

/* ---- programs, contexts, maps ---- */

/* Families of program types with the same set of helpers. TCP_OPS and SCHED_OPS are STRUCT_OPS with more. */
#define HELPER_SETS(X)                                                                             \
	X(XDP)                                                                                     \
	X(TC)                                                                                      \
	X(SOCKET)                                                                                  \
	X(CG_SKB)                                                                                  \
	X(CG_SOCK)                                                                                 \
	X(CG_ADDR)                                                                                 \
	X(CG_DEV)                                                                                  \
	X(CG_SYSCTL)                                                                               \
	X(CG_SOCKOPT)                                                                              \
	X(SOCKOPS)                                                                                 \
	X(SK_MSG)                                                                                  \
	X(SK_SKB)                                                                                  \
	X(SK_LOOKUP)                                                                               \
	X(REUSEPORT)                                                                               \
	X(FLOW)                                                                                    \
	X(LWT)                                                                                     \
	X(KPROBE)                                                                                  \
	X(TRACEPOINT)                                                                              \
	X(PERF)                                                                                    \
	X(RAW_TP)                                                                                  \
	X(TRACING)                                                                                 \
	X(LSM)                                                                                     \
	X(SYSCALL)                                                                                 \
	X(NETFILTER)                                                                               \
	X(STRUCT_OPS)                                                                              \
	X(TCP_OPS)                                                                                 \
	X(SCHED_OPS)

enum kernel_helper_set {
#define HELPER_SET(name) KERNEL_SET_##name,
	HELPER_SETS(HELPER_SET)
#undef HELPER_SET
		KERNEL_SET_COUNT
};

/* Families of program types that may use the same fields of their context; SOCK: of an object that a
 * program has a pointer to. */
#define CTX_FAMILIES(X)                                                                            \
	X(XDP)                                                                                     \
	X(XDP_DEVMAP)                                                                              \
	X(TC)                                                                                      \
	X(SOCKET)                                                                                  \
	X(CG_SKB)                                                                                  \
	X(SK_SKB)                                                                                  \
	X(ADDR4)                                                                                   \
	X(ADDR6)                                                                                   \
	X(SENDMSG4)                                                                                \
	X(SENDMSG6)                                                                                \
	X(SOCK_CREATE)                                                                             \
	X(POST_BIND4)                                                                              \
	X(POST_BIND6)                                                                              \
	X(SOCK)                                                                                    \
	X(DEVICE)                                                                                  \
	X(SYSCTL)                                                                                  \
	X(GETSOCKOPT)                                                                              \
	X(SETSOCKOPT)                                                                              \
	X(SOCKOPS)                                                                                 \
	X(SK_MSG)                                                                                  \
	X(SK_LOOKUP)                                                                               \
	X(TRACE)                                                                                   \
	X(NETFILTER)                                                                               \
	X(STRUCT_OPS)

enum kernel_ctx_family {
#define FAMILY(name) KERNEL_FAMILY_##name,
	CTX_FAMILIES(FAMILY)
#undef FAMILY
		KERNEL_FAMILY_COUNT
};

struct kernel_program {
	struct program_kind kind; // what the checker sees
	uint32_t type;            // enum bpf_prog_type
	uint32_t attach;          // enum bpf_attach_type
	enum kernel_helper_set helpers;
};

/* Processors whose calling convention is known. NULL past the end, or when there is none. */
const struct arch_info *kernel_find_arch(const char *name);
const struct arch_info *kernel_arch_at(uint32_t index);

/* NULL past the end, or when there is none. */
const struct kernel_program *kernel_program_at(uint32_t index);
const struct kernel_program *kernel_find_program(const char *name);
const struct program_kind *kernel_program_kind_at(uint32_t index);

/* Field `index` of a context, in order of offset. NULL past the end. */
const struct ctx_field *kernel_ctx_field_at(const char *context, uint32_t index);
/* Release that brought the field; `field` comes from kernel_ctx_field_at(). */
uint32_t kernel_ctx_field_version(const struct ctx_field *field);

/* Map types with entry semantics, for the checker. */
const struct map_kind *kernel_map_kind_at(uint32_t index);

struct kernel_map_type {
	const char *name;
	uint32_t type; // enum bpf_map_type
	bool is_percpu;
	uint32_t kernel;
};
const struct kernel_map_type *kernel_find_map_type(uint32_t type);

/* ---- helpers ---- */

enum kernel_arg {
	KERNEL_ARG_NONE,
	KERNEL_ARG_ANY,
	KERNEL_ARG_CTX,
	KERNEL_ARG_CTX_OR_NULL,
	KERNEL_ARG_MAP,
	KERNEL_ARG_KEY,
	KERNEL_ARG_VALUE,
	KERNEL_ARG_VALUE_OR_NULL,
	KERNEL_ARG_VALUE_OUT,
	KERNEL_ARG_MEM,
	KERNEL_ARG_MEM_OR_NULL,
	KERNEL_ARG_MEM_OUT,
	KERNEL_ARG_SIZE,
	KERNEL_ARG_SIZE0,
	KERNEL_ARG_ALLOC_SIZE,
	KERNEL_ARG_FIXED,
	KERNEL_ARG_FIXED_OUT,
	KERNEL_ARG_LOCK,
	KERNEL_ARG_SOCK,
	KERNEL_ARG_OBJECT,
	KERNEL_ARG_OBJECT_OR_NULL,
	KERNEL_ARG_RECORD,
	KERNEL_ARG_PERCPU,
	KERNEL_ARG_FUNC,
	KERNEL_ARG_STACK_OR_NULL,
	KERNEL_ARG_STRING,
	KERNEL_ARG_TIMER,
	KERNEL_ARG_KPTR,
	KERNEL_ARG_DYNPTR,
	KERNEL_ARG_DYNPTR_OUT,
};

enum kernel_result {
	KERNEL_RESULT_NOTHING,
	KERNEL_RESULT_INT,
	KERNEL_RESULT_VALUE,
	KERNEL_RESULT_VALUE_OR_NULL,
	KERNEL_RESULT_SOCKET_OR_NULL,
	KERNEL_RESULT_TCP_SOCK_OR_NULL,
	KERNEL_RESULT_SOCK_OR_NULL,
	KERNEL_RESULT_RECORD_OR_NULL,
	KERNEL_RESULT_MEM_OR_NULL,
	KERNEL_RESULT_OBJECT,
	KERNEL_RESULT_OBJECT_OR_NULL,
};

enum kernel_helper_flag {
	KERNEL_HELPER_GPL = 1,
	KERNEL_HELPER_PACKET_ARGS = 2,
	KERNEL_HELPER_SLEEPS = 4,
	KERNEL_HELPER_MOVES_PACKET = 8,
};

struct kernel_helper {
	struct helper_info info; // what the checker sees: name, number, argument letters, type
	uint8_t args[5];         // enum kernel_arg
	uint8_t result;          // enum kernel_result
	uint8_t flags;           // enum kernel_helper_flag
	uint32_t kernel;
	uint32_t programs; // bits 1 << enum kernel_helper_set
};

/* Row of kfuncs.def; NULL when there is none, which does not mean that no kernel has it. */
const struct kfunc_info *kernel_find_kfunc(const char *name);

/* By number or by full name ("bpf_ktime_get_ns"); NULL when there is none in any release. */
const struct kernel_helper *kernel_helper_at(uint32_t id);
const struct kernel_helper *kernel_find_helper_row(const char *name);
/* Helper that `kernel` has; NULL for an unknown or younger one. */
const struct helper_info *kernel_find_helper(const char *name, uint32_t kernel);
/* "bpf_map_lookup_elem", NULL when there is none. */
const char *kernel_helper_name(uint32_t id);
/* A program of the kind may call the helper. */
bool kernel_may_call(const struct kernel_program *program, const struct kernel_helper *helper);

#endif
