/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's inside. Memory is a table of regions: an address of the program is the region's
 * number in its upper half and an offset in its lower, so that leaving a region downwards or upwards
 * never meets another one, and every access is checked by one table look-up. Each map value, packet,
 * stack frame and section of globals is a region of its own.
 *
 * Code of all programs is decoded once into one array; a jump target, a callee and a callback are
 * indices into it. What cannot be executed is decoded to VM_OP_BAD, which faults when it is reached.
 */
#ifndef KS_VM_MACHINE_H
#define KS_VM_MACHINE_H

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/program/program.h"
#include "bpf-backend/vm/vm.h"
#include "btf/btf.h"
#include "frontend/base/arena.h"
#include "frontend/base/vec.h"

enum {
	VM_OP_BAD = BPF_OP_COUNT, // imm: address of a text that says why
	VM_OP_COUNT,

	VM_FRAMES = 8,
	VM_STACK_BYTES = 512,
	VM_TAIL_CALLS = 33,       // MAX_TAIL_CALL_CNT, include/linux/bpf.h, Linux 6.12
	VM_LOOP_BUDGET = 1 << 23, // BPF_MAX_LOOPS, the same
	VM_INSN_BYTES = 8,
	VM_MAPS = 1024, // of an object; the kernel takes 64 in a program

	/* Buffer of a packet, as BPF_PROG_TEST_RUN has it: net/bpf/test_run.c, Linux 6.12. */
	VM_HEADROOM = 256,
	VM_XDP_FRAME = 4096,
	VM_XDP_SHARED_INFO = 320,
	VM_XDP_FRAME_HEADER = 40, // sizeof(struct xdp_frame)
	VM_PACKET_MAX = 1 << 16,
	VM_PACKET_BUFFER = VM_HEADROOM + 2 * VM_PACKET_MAX,
	VM_ETHERNET = 14,
	VM_CONTEXT_BYTES = 512,
};

/* What r1 to r5 hold after a call: nothing that a program may rely on. */
#define VM_SCRATCHED UINT64_C(0xbad0bad0bad0bad0)

/* One decoded instruction. */
struct vm_insn {
	uint16_t op; // enum bpf_op or VM_OP_BAD
	uint8_t dst, src;
	int32_t off; // of memory; of jumps and local calls: distance in decoded instructions
	int64_t imm;
};

enum vm_region_kind {
	REGION_NONE,
	REGION_STACK,
	REGION_CONTEXT,
	REGION_PACKET,
	REGION_VALUE,  // map value or section of globals
	REGION_KEY,    // of a callback
	REGION_RECORD, // of a ring buffer
	REGION_OBJECT, // that the program allocated; base is malloc'ed
	REGION_LENT,   // bytes of the caller
	REGION_TASK,   // the current task; no memory
	REGION_MAP,    // stands for a map; no memory
	REGION_CODE,   // the lower half is an index into code; no memory
};

/* Addresses low to low + size of the region's lower half are memory. */
struct vm_region {
	uint8_t *base;
	uint32_t low;
	uint32_t size;     // 0 when every access is for the slow path
	uint32_t writable; // size, or 0
	uint16_t kind;
	uint32_t name_bytes; // extent to tell of in faults
	struct vm_map *map;  // of REGION_VALUE, REGION_RECORD, REGION_MAP
};

/* Regions with fixed numbers. 0 stays empty: the null pointer. */
enum {
	VM_REGION_STACK = 1, // one for each frame
	VM_REGION_CONTEXT = VM_REGION_STACK + VM_FRAMES,
	VM_REGION_PACKET,
	VM_REGION_CODE,
	VM_REGION_SCRATCH, // key for a callback on an array
	VM_REGION_DYNPTR,  // for a callback on a record
	VM_REGION_TASK,    // the current one
	VM_REGION_FIRST_FREE,
};

static inline uint64_t vm_address(uint32_t region, uint32_t offset)
{
	return (uint64_t)region << 32 | offset;
}

struct vm_element {
	struct vm_element *next; // in the bucket, or in the list of free ones
	struct vm_element *older, *newer;
	uint64_t hash;
	uint32_t region; // of the first copy; the others and, for hash shapes, the key follow
	uint8_t *key, *value;
};

struct vm_record {
	uint8_t *data; // malloc'ed
	uint32_t size;
	bool is_discarded; // it takes room in a ring buffer until a reader passes over it
};

enum vm_map_model {
	MODEL_NONE,
	MODEL_HASH,
	MODEL_LRU,
	MODEL_ARRAY,
	MODEL_STORAGE, // by the address of an object
	MODEL_PREFIX,  // longest prefix match
	MODEL_QUEUE,
	MODEL_STACK,
	MODEL_SET, // values without keys, of which the presence is known
	MODEL_RECORDS,
	MODEL_USER_RECORDS, // from the host to programs
	MODEL_PROGRAMS,
};

struct vm_map {
	struct vm *vm;
	struct vm_map_info info;
	enum vm_map_model model;
	uint32_t stride; // bytes of one copy
	uint32_t number; // of the map in its machine, from 1
	uint32_t handle; // its REGION_MAP
	bool is_read_only;
	bool is_outer;                   // values are numbers of maps + 1
	const struct program_map *inner; // what those maps are like
	/* arrays */
	uint8_t *values;
	uint32_t first_region;
	/* hash shapes; queues and stacks use the list alone */
	struct vm_element **buckets;
	uint32_t bucket_mask, count;
	struct vm_element *oldest, *newest;
	struct vm_element *free, *dropped; // dropped ones may still be pointed to in this run
	/* the rest */
	const struct vm_program **programs;
	VEC(struct vm_record) records;
	uint32_t dropped_records; // at the beginning of the list
	uint64_t record_bytes;    // in use of a ring buffer
};

struct vm_timer {
	uint64_t address; // in a value
	struct vm_map *map;
	const struct vm_program *program; // that set the callback
	uint32_t callback;                // 0: none yet
	bool is_armed;
	uint64_t due;
};

/* Something that a program holds and must let go. */
struct vm_held {
	const char *what; // "an object from bpf_obj_new"
	uint32_t region;  // 0: none
	uint32_t pc;      // where it was taken
};

/* A record of a ring buffer that is neither submitted nor discarded yet. */
struct vm_reserved {
	uint32_t region;
	uint32_t pc; // of the reservation
};

/* The code of one program, linked. */
struct vm_unit {
	const struct program_code *program;
	uint32_t first, count; // decoded
	uint32_t *decoded;     // by record: index in code, UINT32_MAX in the middle of one
};

struct vm_frame {
	uint32_t return_to;
	uint32_t loops_left; // of may_goto
	uint64_t saved[4];   // r6 to r9 of the caller
};

struct vm {
	struct program_object object; // its arena is that of the machine
	struct vm_options options;
	struct vm_insn *code;
	uint32_t *record_of; // by decoded instruction: record in its program
	uint32_t code_count;
	VEC(struct vm_unit) units;
	VEC(struct vm_program) programs; // in the order of the units
	VEC(struct vm_map *) maps;
	uint64_t map_bytes;
	struct vm_region *regions;
	uint32_t region_count, region_cap;
	VEC(uint32_t) free_regions; // of ring buffer records
	VEC(struct vm_reserved) reserved;
	VEC(struct vm_held) held;
	VEC(struct vm_timer) timers;
	bool is_draining; // records of the host are being handed out
	uint64_t time_ns, random;
	uint64_t *counts;  // by decoded instruction; NULL: not wanted
	uint64_t pid_tgid; // of this run
	struct buf printed;
	/* the current run */
	const struct vm_program *program;
	const struct ctx_field *fields[VM_CONTEXT_BYTES]; // by offset, of the program's context
	const char *fields_context;
	uint8_t context[VM_CONTEXT_BYTES];
	uint8_t scratch_key[8], scratch_dynptr[16];
	uint8_t *packet;          // buffer
	uint32_t meta, data, end; // offsets in it
	uint32_t link, network;   // of the headers of the two layers; sk_buffs only
	struct vm_frame frames[VM_FRAMES];
	uint8_t stack[VM_FRAMES][VM_STACK_BYTES];
	uint32_t depth; // frames in use
	uint32_t cpu;
	uint64_t left; // of the budget
	uint32_t tail_calls;
	const struct vm_program *tail; // set by bpf_tail_call for the loop
	uint32_t redirect;
	uint32_t pc; // of the instruction that left the fast path
	struct vm_fault fault;
};

/* region.c */
uint32_t vm_add_regions(struct vm *vm, uint32_t count);
void vm_set_region(struct vm *vm, uint32_t region, enum vm_region_kind kind, uint8_t *base,
		   uint32_t size, bool is_writable, struct vm_map *map);
void vm_set_packet_region(struct vm *vm);
/* Memory at an address, NULL when not all of it is the program's. */
uint8_t *vm_memory(struct vm *vm, uint64_t address, uint64_t size, bool is_write);
/* Loads and stores that the fast path did not do: the context, or a fault (false). */
bool vm_slow_load(struct vm *vm, uint64_t address, uint32_t width, uint64_t *value);
bool vm_slow_store(struct vm *vm, uint64_t address, uint32_t width, uint64_t value);
void vm_describe_address(struct vm *vm, uint64_t address, char *out, size_t size);

/* context.c */
bool vm_enter_context(struct vm *vm, const struct vm_input *input);
bool vm_load_context(struct vm *vm, uint32_t offset, uint32_t width, uint64_t *value);
bool vm_store_context(struct vm *vm, uint32_t offset, uint32_t width, uint64_t value);
void vm_classify_program(struct vm_program *program);
uint32_t vm_context_size(const struct vm *vm);
/* Lays the packet's bounds anew, after a helper changed them. */
void vm_move_packet(struct vm *vm, uint32_t meta, uint32_t data, uint32_t end);
bool vm_is_skb(const struct vm *vm);

/* fault.c */
/* Where the source of a record is; NULL when nothing says so. */
const struct program_line *vm_find_line(const struct program_code *program, uint32_t record);
void vm_raise(struct vm *vm, enum vm_fault_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void vm_locate_fault(struct vm *vm);

/* decode.c */
void vm_decode(struct vm *vm);
/* The program that a decoded instruction belongs to; NULL for none. */
const struct vm_unit *vm_unit_at(const struct vm *vm, uint32_t pc);

/* maps.c */
bool vm_map_create(struct vm_map *map, struct buf *why);
uint64_t vm_map_element_address(struct vm_map *map, const uint8_t *key);
int vm_map_put(struct vm_map *map, const uint8_t *key, const uint8_t *value, uint64_t flags);
int vm_map_remove(struct vm_map *map, const uint8_t *key);
/* A new element, zero, of a map of storage or a hash. */
uint8_t *vm_map_add(struct vm_map *map, const uint8_t *key);
int vm_map_push(struct vm_map *map, const uint8_t *value, uint64_t flags);
int vm_map_pop(struct vm_map *map, uint8_t *value, bool is_removed);
/* Room for one more record, malloc'ed; NULL when the map's readers are too slow. */
uint8_t *vm_map_new_record(struct vm_map *map, uint32_t size);
/* The first one that is still there, NULL for none. */
const struct vm_record *vm_map_oldest_record(const struct vm_map *map);
/* Puts a finished record into the queue, or gives it back. */
void vm_map_end_record(struct vm_map *map, uint8_t *data, uint32_t size, bool is_kept);
void vm_map_recycle(struct vm_map *map);
/* Ends a reservation, number `index` of vm->reserved. */
void vm_end_reserved(struct vm *vm, uint32_t index, bool is_kept);
/* All maps of the object, under their numbers there. */
bool vm_open_maps(struct vm *vm, struct buf *why);

/* execute.c: runs from an entry with arguments in a new frame; the value of r0, 0 after a fault. */
uint64_t vm_execute(struct vm *vm, uint32_t entry, const uint64_t args[5]);

/* call.c: a helper; false after a fault. r: all registers. */
bool vm_call_helper(struct vm *vm, uint32_t id, uint64_t *r);

/* run.c: around what runs by itself */
void vm_begin(struct vm *vm, const struct vm_program *program, const struct vm_input *input);
void vm_end(struct vm *vm, struct vm_result *result);

/* timers.c: those in a value that goes */
void vm_forget_timers(struct vm *vm, uint32_t region);

/* helpers_map.c: records of ring buffers; address of a new one or 0; end of the one at an address, false when there
 * is none. */
uint64_t vm_reserve_record(struct vm *vm, struct vm_map *map, uint32_t size);
bool vm_end_record_at(struct vm *vm, uint64_t address, bool is_kept);

/* helpers_object.c */
bool vm_load_task(struct vm *vm, uint32_t offset, uint32_t width, uint64_t *value);

extern const char vm_object_name[]; // what vm_hold() is told of allocated objects

/* kfuncs.c: a function of the kernel, by the number that vm_find_kfunc() gave; false after a fault. */
bool vm_call_kfunc(struct vm *vm, uint32_t number, uint64_t *r);
int32_t vm_find_kfunc(const char *name); // -1 when it has no model
/* Arguments in registers. */
#define KFUNC(name) uint64_t vm_kfunc_##name(struct vm *vm, const uint64_t *a);
#include "bpf-backend/vm/kfuncs.def"
#undef KFUNC
/* What a program must let go before it ends; `what` is a constant, region 0 when there is none. */
void vm_hold(struct vm *vm, const char *what, uint32_t region);
bool vm_let_go(struct vm *vm, const char *what, uint32_t region); // false: it is not held
/* What a program holds when it ends but may not: a fault that names it. */
void vm_check_held(struct vm *vm);

/* What a model gets: arguments checked after the kernel's prototype. */
struct vm_call {
	struct vm *vm;
	const struct kernel_helper *row;
	uint64_t arg[5]; // callbacks: index in code
	uint8_t *mem[5]; // of pointers to memory; NULL where null is allowed and given
	struct vm_map *map;
};
/* Memory of an argument without an extent in the prototype; NULL after a fault. */
uint8_t *vm_argument(struct vm_call *call, unsigned index, uint64_t size, bool is_write);
#define MODEL(name) uint64_t vm_helper_##name(struct vm_call *call);
#include "bpf-backend/vm/helpers.def"
#undef MODEL

/* format.c */
struct vm_format_args {
	const uint64_t *values;
	uint32_t count;
};
/* Text of a format as the kernel's bpf_trace_printk and bpf_snprintf take it; negative errno when it
 * is none. */
int vm_format(struct vm *vm, struct buf *out, const char *format, uint32_t len,
	      const struct vm_format_args *args);

#endif
