/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interpreter for BPF objects, of whichever compiler, that needs no privilege and no kernel. It
 * runs programs with maps, globals, helpers, subprograms, callbacks and tail calls on input that the
 * caller gives, and never lets a program touch memory that is not its own: an access outside of
 * stack, context, packet, map value, global or what a helper returned ends the run with a fault that
 * names instruction, access and source line.
 *
 * Everything is deterministic: time, random numbers, the current task and the CPU come from struct
 * vm_options and struct vm_input. A helper, map type or instruction without a model is a fault that
 * names it when the program gets there, never a guess. Relocations against kernel types (CO-RE) are
 * left as the object has them unless the types are given.
 *
 * A machine belongs to one thread. Errors are negative errno values as the kernel gives them.
 */
#ifndef KS_VM_VM_H
#define KS_VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-backend/isa/insn.h"
#include "frontend/base/buf.h"

struct vm;
struct vm_map;

/* Fields that are 0 get the value in brackets. */
struct vm_options {
	uint32_t cpus;    // copies of per-CPU values [1]
	uint64_t budget;  // instructions of one run [100 million]
	uint64_t time_ns; // first answer of bpf_ktime_get_ns [1 s]; every question adds 1 us
	uint64_t seed;    // of bpf_get_prandom_u32 [1]
	uint64_t pid_tgid, uid_gid;
	const char *comm; // name of the current task ["vm"]
	/* Types of the kernel that the programs are for, kept by the caller [none], and its release. */
	const struct btf *kernel;
	uint32_t release;
	/* Called before each instruction with all registers; vm_where() tells which it is. NULL: none. */
	void (*watch)(void *watcher, struct vm *vm, const uint64_t *registers);
	void *watcher;
};

struct vm_program {
	const char *name, *section;
	const char *context; // "xdp_md", "__sk_buff"; "" when it is plain memory
	uint32_t entry;      // index of its first decoded instruction
	bool is_classifier;  // results are TC_ACT_*
	uint32_t access;     // family of its kind: fields of the context that it may use
};

/* ---- opening ---- */

/* Loads an object; `data` need not stay. 0, or a negative errno and the reason in `why`. */
int vm_open(struct vm **vm, const uint8_t *data, size_t len, const struct vm_options *options,
	    struct buf *why);
/* Machine with the one program "main", without maps, made of bare instructions. `section` says its
 * kind as an ELF section would. */
struct vm *vm_open_code(const struct bpf_record *code, uint32_t count, const char *section,
			const struct vm_options *options);
void vm_close(struct vm *vm);

const struct vm_program *vm_program_at(const struct vm *vm, uint32_t index); // NULL past the end
const struct vm_program *vm_find_program(const struct vm *vm, const char *name);

/* ---- running ---- */

struct vm_input {
	/* Of xdp_md and __sk_buff programs: from the Ethernet header on, which only XDP programs and
	 * classifiers get to see. */
	const void *packet;
	uint32_t packet_len;
	const void *context; // UAPI struct whose scalar fields are taken over; or the plain memory
	uint32_t context_len;
	uint32_t cpu;
	uint64_t pid_tgid; // 0: that of the options
};

enum vm_fault_kind {
	VM_FAULT_NONE,
	VM_FAULT_ACCESS,      // memory that is not the program's
	VM_FAULT_INSTRUCTION, // no instruction, or one without a model
	VM_FAULT_HELPER,      // no model, or an argument it cannot take
	VM_FAULT_BUDGET,
	VM_FAULT_DEPTH, // more than 8 frames
};

struct vm_fault {
	enum vm_fault_kind kind;
	char text[256];        // what happened, in words
	char instruction[96];  // disassembled
	const char *function;  // "" when unknown
	uint32_t record;       // of the function: number of the instruction as `ks dump` shows it
	const char *file;      // NULL when the object has no line for it
	const char *line_text; // NULL likewise
	uint32_t line, column;
};

struct vm_result {
	uint64_t value;        // r0
	const uint8_t *packet; // as the program left it, metadata included; until the next run
	uint32_t packet_len, meta_len;
	const uint8_t *context; // UAPI struct; stores of the program are in it
	uint32_t context_len;
	uint32_t redirect_ifindex; // of bpf_redirect and bpf_redirect_map, 0: none
	uint64_t instructions;
	struct vm_fault fault;
};

/* Runs a program. 0; -EFAULT with result->fault; -EINVAL when the input does not fit the program. */
int vm_run(struct vm *vm, const struct vm_program *program, const struct vm_input *input,
	   struct vm_result *result);
/* One or two lines: "file:3:7: reads 4 bytes …" and the instruction. */
void vm_print_fault(struct buf *out, const struct vm_fault *fault);
/* What the programs printed since the machine was opened; the caller may empty it. */
struct buf *vm_printed(struct vm *vm);

/* Bytes that programs may read at the address that this gives; they are copied. 0 without memory. */
uint64_t vm_lend(struct vm *vm, const void *bytes, uint32_t size);

/* ---- time ---- */

/* The clock that programs see. */
uint64_t vm_now(const struct vm *vm);
/* Moves it on and runs the timers that become due, in order. What they did is added to `result`: instructions and
 * the first fault. */
int vm_pass_time(struct vm *vm, uint64_t ns, struct vm_result *result);

/* ---- counting ---- */

/* All programs' instructions are numbered from 0 to vm_code_count() - 1. From now on the number of times that
 * each runs is added up in `counts`, which the caller keeps; NULL: no longer. */
uint32_t vm_code_count(const struct vm *vm);
void vm_count_into(struct vm *vm, uint64_t *counts);
/* Source of a numbered instruction; false when it is none or the object has no line for it. */
struct vm_line {
	const char *file, *text;
	uint32_t line;
	const struct vm_program *program;
};
bool vm_find_line_of(const struct vm *vm, uint32_t number, struct vm_line *line);

/* Where a watched instruction stands. */
struct vm_place {
	const struct vm_program *program;
	uint32_t
		record; // of the program with the functions it calls behind it, as program.h has it
	uint32_t depth; // frames below this one
};
struct vm_place vm_where(const struct vm *vm);

/* ---- maps, from the host side ---- */

struct vm_map_info {
	const char *name; // global variables are in the maps ".data", ".bss", ".rodata" …
	uint32_t type, key_size, value_size, max_entries, flags;
	uint32_t copies; // of a value: CPUs for per-CPU maps, else 1
	bool is_data;    // section of global variables
};

struct vm_map *vm_map_at(const struct vm *vm, uint32_t index); // NULL past the end
struct vm_map *vm_find_map(const struct vm *vm, const char *name);
const struct vm_map_info *vm_map_get_info(const struct vm_map *map);
/* As bpf(2): the value of a per-CPU map is all copies, each rounded up to 8 bytes; an entry of a
 * prog_array is set with vm_map_set_program(). key NULL asks for the first key. Queues, stacks and sets are
 * updated with a value and looked up without a key; vm_map_take() gives and removes. */
int vm_map_take(struct vm_map *map, void *value);
int vm_map_lookup(struct vm_map *map, const void *key, void *value);
int vm_map_update(struct vm_map *map, const void *key, const void *value, uint64_t flags);
int vm_map_delete(struct vm_map *map, const void *key);
int vm_map_next_key(struct vm_map *map, const void *key, void *next);
/* Address of global data of a map with is_data, value_size bytes. */
void *vm_map_data(struct vm_map *map);
/* Maps in a map of maps have numbers, which are the values that the calls above take and give. */
struct vm_map *vm_map_by_number(const struct vm *vm, uint32_t number); // NULL: none
uint32_t vm_map_number(const struct vm_map *map);
/* A new map like those in `outer`; NULL without memory for it. */
struct vm_map *vm_map_create_inner(struct vm_map *outer);
int vm_map_set_program(struct vm_map *map, uint32_t index, const struct vm_program *program);
/* Records of a ringbuf or perf_event_array in order; NULL past the end. */
/* Puts a record into a user_ringbuf, from where programs take it. */
int vm_map_send(struct vm_map *map, const void *record, uint32_t size);
const uint8_t *vm_map_record(const struct vm_map *map, uint32_t index, uint32_t *size);
void vm_map_drop_first_record(struct vm_map *map);
void vm_map_drop_records(struct vm_map *map);

#endif
