/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of kernel facts that two folders share which may not include each other: the tables of
 * bpf-backend/kernel give them out, the checker takes them through struct target_info. Plain data;
 * the pointers are to constants that live forever.
 */
#ifndef KS_BASE_KERNEL_FACTS_H
#define KS_BASE_KERNEL_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* What a load of a context field gives; also kept in the IR (ir.h, IR_CTX_LOAD). */
enum ctx_value {
	CTX_SCALAR,
	CTX_PACKET,
	CTX_PACKET_END,
	CTX_PACKET_META,
};

struct ctx_field {
	const char *context; // "xdp_md"
	const char *name;    // "data_end"
	uint16_t offset;     // bytes in the UAPI struct
	uint8_t width;       // bytes of one element
	uint8_t count;       // elements of an array field (`cb`), else 1
	uint8_t value;       // enum ctx_value
	/* Of one element as an author writes it; "": unsigned, of that width. "?" in front of a
	 * pointer: it may be null. */
	const char *type;
	uint32_t readers, writers; // sets of families of program kinds (program_kind.access)
	uint32_t kernel;           // first release that has it
};

/* What the argument of a program's attribute names in the kernel or in another program. */
enum attribute_names {
	NAMES_NOTHING,     // it is one of the words of the table, or absent
	NAMES_FUNCTION,    // of the kernel; also a system call: sys_openat
	NAMES_PLACE,       // the same, or a place in it: vfs_read+0x10
	NAMES_EVENT,       // a tracepoint: sched/sched_switch
	NAMES_TYPED_EVENT, // a tracepoint without its category
	NAMES_HOOK,        // of Linux security modules
	NAMES_ITERATOR,
	NAMES_SYMBOL, // of a program or library: /bin/bash:readline
	NAMES_NOTE,   // a probe that a program declares: /bin/x:provider:name
};

/* Where a program finds its parameters. */
enum program_params {
	PARAMS_CONTEXT,   // the only one is the context
	PARAMS_SLOTS,     // 64 bits each in the context, as the kernel function has them
	PARAMS_REGISTERS, // of a call of a kernel function; the context is a pt_regs
	PARAMS_USER,      // of a call in userspace
	PARAMS_NOTE,      // where the note of the probe says
};

/* What tracing has to know of a processor. Offsets are bytes in struct pt_regs. */
struct arch_info {
	const char *name; // "x86_64"
	uint8_t arg_count;
	uint16_t args[8]; // of function calls
	uint16_t result;
	uint16_t syscall_args[6]; // as the entry of a system call finds them
	bool is_big_endian;
	const char *syscalls; // what stands before the name of the function of one: "__x64_sys_"
	bool wants_aligned;   // a kernel for it may refuse accesses that are not aligned
};

/* A kind of eBPF program, chosen by an attribute. */
struct program_kind {
	const char *name;      // key shared by all stages: "xdp", "tc/ingress"
	const char *attribute; // "xdp", "tc"
	const char *arg;       // required argument, "" when it takes none
	const char *context; // struct of the single parameter: "xdp_md"; "" when the author chooses
	const char *result; // type of the return value as the author writes it: "xdp_action", "i32"
	const char *section; // ELF section that libbpf understands
	int32_t on_failure;  // result of a program that cannot go on (XDP_ABORTED, TC_ACT_SHOT)
	int32_t result_min, result_max; // results with a meaning
	bool checks_result;             // the kernel refuses a program that could give another one
	bool writes_packet;             // it may write behind the packet pointers of its context
	uint32_t access;  // its family, one bit: which fields of its context it may use
	uint32_t helpers; // its family, one bit: which helpers it may call
	uint32_t kernel;  // first release that has it
	uint8_t names;    // enum attribute_names
	uint8_t params;   // enum program_params
	bool has_result;  // it runs when a function returns: a further last parameter is the result
	bool may_sleep;   // always
	/* Name of the kind that is taken where the kernel cannot attach this one; NULL: none. */
	const char *fallback;
};

enum map_shape {
	MAP_SHAPE_HASH,  // entries come and go
	MAP_SHAPE_ARRAY, // all entries exist, zero at first; integer keys
	MAP_SHAPE_PREFIX, // as HASH; the key is a number of bits and the bits, the longest match is found
	MAP_SHAPE_QUEUE,       // values that are put in and taken out, without keys
	MAP_SHAPE_SET,         // values of which only the presence is known
	MAP_SHAPE_STACKS,      // call stacks, by the number that capturing one gave
	MAP_SHAPE_RING,        // records from eBPF to userspace
	MAP_SHAPE_PERF,        // the same through a buffer for each CPU
	MAP_SHAPE_USER_RING,   // records from userspace to eBPF
	MAP_SHAPE_STORAGE,     // values that belong to objects of the kernel
	MAP_SHAPE_OUTER_ARRAY, // maps by index
	MAP_SHAPE_OUTER_HASH,  // maps by key
	MAP_SHAPE_REDIRECT,    // interfaces, CPUs or sockets that packets and messages are sent to
	MAP_SHAPE_OTHER,
};

struct map_kind {
	const char *name; // "percpu_array"
	uint32_t type;    // enum bpf_map_type
	enum map_shape shape;
	bool is_percpu;
	uint32_t kernel;     // first release that has it, as major << 16 | minor << 8
	const char *types;   // type arguments: K key, V value, k key that may be left out
	const char *methods; // families of methods, separated by spaces: "percpu map"
	uint32_t flags;      // BPF_F_* bits that every map of the kind has
	uint32_t
		sleeping; // first release whose programs that may sleep can use it; UINT32_MAX: none
};

/* A BPF helper callable by name. Argument letters: i integer, p pointer to memory, l to a lock, t to a timer, f function, s pointer to a
 * socket (not null), c context, m map. */
struct helper_info {
	const char *name; // "bpf_ktime_get_ns"
	uint32_t id;
	const char *args;   // one letter per argument
	const char *result; // type as the author writes it
	bool moves_packet;  // packet pointers are invalid after the call (IR_EFFECT_PACKET)
	bool may_give_null; // the pointer that it gives must be tested
	bool gives_object;  // it gives a pointer to an object of the kernel, whose layout varies
	uint32_t callers;   // set of families of program kinds (program_kind.helpers)
	uint32_t kernel;    // first release that has it
};

enum kfunc_flag {
	KFUNC_ACQUIRE = 1, // what it gives must be given back
	KFUNC_RELEASE = 2, // it takes back what another one gave
	KFUNC_RET_NULL = 4,
	KFUNC_SLEEPABLE = 8, // sleepable programs only
	KFUNC_MOVES_PACKET = 16,
	/* for the verifier alone */
	KFUNC_TRUSTED_ARGS = 32,   // arguments are pointers that are valid for sure
	KFUNC_RCU = 64,            // or valid in this RCU section
	KFUNC_RCU_PROTECTED = 128, // in RCU sections only
	KFUNC_DESTRUCTIVE = 256,
	KFUNC_ITER_NEW = 512,
	KFUNC_ITER_NEXT = 1024,
	KFUNC_ITER_DESTROY = 2048,
	KFUNC_ACTION = 4096, // programs of the family TC: also those of the kind action
};

/* A function of the kernel that eBPF may call, beside the helpers; its signature is in the kernel's
 * BTF. */
struct kfunc_info {
	const char *name;
	uint32_t callers; // set of families of program kinds (program_kind.helpers)
	uint32_t flags;   // enum kfunc_flag
	uint32_t kernel;  // first tested release that has it
};

#endif
