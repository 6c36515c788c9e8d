/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between compiled userspace code (host-backend) and the runtime (loader): the call
 * table, the layout of an image and of the container that holds it. Both sides include this file
 * and nothing of each other. All integers are in the byte order of the target; offsets are in bytes
 * from the start of the payload.
 *
 * A built program is the static runtime executable with three ELF sections added:
 *   .ks.bpf    the BPF object
 *   .ks.image  native code: struct ks_image_header, then the parts it names; aligned in the file to
 *              the largest page of the machine (4096 for x86-64, 65536 for aarch64)
 *   .ks.meta   struct ks_meta_header, then its tables and strings
 */
#ifndef KS_RT_H
#define KS_RT_H

#include <stdint.h>

#define KS_RT_VERSION 8u
#define KS_SECTION_BPF ".ks.bpf"
#define KS_SECTION_IMAGE ".ks.image"
#define KS_SECTION_META ".ks.meta"

enum ks_rt_call {
#define RT_CALL(name, result, args, effects) KS_CALL_##name,
#include "ks/rt_calls.def"
#undef RT_CALL
	KS_CALL_COUNT
};

/* Fields of the context of a test run. */
enum ks_test_id {
#define TEST_FIELD(name, type, what) KS_TEST_##name,
#include "ks/test_fields.def"
#undef TEST_FIELD
	KS_TEST_CONTEXT,   // a member of the program's context
	KS_TEST_REGISTERS, // a word of the registers that a member of the context points to
};

enum ks_test_form {
	KS_TEST_NUMBER,
	KS_TEST_BYTES,   // `value` is the address of `size` bytes
	KS_TEST_POINTER, // the same, of which the program is to see the address
};

struct ks_test_field {
	uint32_t id;            // enum ks_test_id
	uint32_t form;          // enum ks_test_form
	uint32_t offset, width; // of the member or word
	uint32_t outer;         // KS_TEST_REGISTERS: offset in the context of the pointer to them
	uint32_t size;
	uint64_t value;
};

/* How ks_print_int and ks_print_str show their value: bits of `spec`. */
enum ks_print_spec {
	KS_PRINT_SIGNED = 0,
	KS_PRINT_UNSIGNED = 1,
	KS_PRINT_HEX = 2,
	KS_PRINT_HEX_UPPER = 3,
	KS_PRINT_OCTAL = 4,
	KS_PRINT_CHAR = 5,
	KS_PRINT_BOOL = 6, // true or false
	KS_PRINT_POINTER = 7,
	KS_PRINT_BASE_MASK = 15,
	KS_PRINT_ZERO_PAD = 16,
	KS_PRINT_LEFT = 32,
	KS_PRINT_ALTERNATE = 64, // 0x in front
	KS_PRINT_PLUS = 128,
	KS_PRINT_WIDTH_SHIFT = 8,      // bits 8-15: least width
	KS_PRINT_PRECISION_SHIFT = 16, // bits 16-23: precision + 1, 0 when not given
};

/*
 * The image is position-independent. Text is mapped read-only and executable straight from the file
 * (it may start at the header, which then is its first bytes), data in fresh memory behind it;
 * text_size is a multiple of the page the image is aligned to, so addresses between the two are
 * fixed distances. At data start lie `call_count` pointers to fill with the call table and four
 * pointers to fill with the base addresses of the shared sections (data, bss, rodata and
 * data.pinned of the BPF object).
 */
#define KS_IMAGE_MAGIC 0x31676d69736bull // "ksimg1"
struct ks_image_header {
	uint64_t magic;
	uint32_t version;                // KS_RT_VERSION that it was compiled for
	uint32_t machine;                // ELF e_machine
	uint32_t text_offset, text_size; // from the start of the image; constants included
	uint32_t data_offset, data_size; // bytes in the file
	uint32_t data_memory;            // bytes in memory, the rest zero
	uint32_t call_count;
	uint32_t main_offset; // of int32 main(void *options) in text, or UINT32_MAX
	/* Table of uint32 places (from text start) of 64-bit words that hold an offset from text
	 * start and want its address. */
	uint32_t relative_offset, relative_count;
	uint32_t reserved;
};

/* Kinds of an option of main(args: S). */
enum ks_option_kind {
	KS_OPTION_BOOL,
	KS_OPTION_UNSIGNED,
	KS_OPTION_SIGNED,
	KS_OPTION_STR,
};

/* struct perf_options of the language (frontend/std/prelude.kh). */
struct ks_perf_options {
	uint32_t type;
	uint64_t config;
	int32_t pid, cpu;
	uint64_t period;
	uint32_t wakeup;
	uint8_t inherit, exclude_kernel, exclude_user;
};

#define KS_META_MAGIC 0x3161746d736bull // "ksmta1"
struct ks_meta_header {
	uint64_t magic;
	uint32_t version;
	uint32_t programs, program_count; // offset and count of struct ks_meta_program
	uint32_t maps, map_count;
	uint32_t options, option_count;
	uint32_t options_size;                // bytes of the struct that main takes
	uint32_t section_size[4];             // data, bss, rodata, pinned
	uint32_t source_name;                 // string: the .ks file, for messages
	uint32_t tail_calls, tail_call_count; // struct ks_meta_tail_call
	uint32_t reserved;
};

/*
 * Where a probe that a program declares (USDT) finds one of its arguments: a sum of two registers and a number,
 * which may be the address of the value in the memory of the program. A program that is run by such probes
 * has in .bss a table of KS_NOTE_ROWS rows with one of these for each parameter; the loader fills a row for each
 * way in which the arguments are passed, and gives its number to the places where they are so, as the cookie
 * that the program asks for.
 */
struct ks_note_value {
	uint64_t add;
	uint16_t base, index; // bytes in the registers of a program (struct pt_regs)
	uint8_t base_factor;  // 0: no register
	uint8_t index_factor; // 0, 1, 2, 4 or 8
	uint8_t load;         // bytes at that address, at most 8; 0: the sum is the value
	uint8_t cut;          // upper bits that are not the value's, and KS_NOTE_*
};
enum {
	KS_NOTE_ROWS = 256,
	KS_NOTE_PARAMS = 12,
	KS_NOTE_SIGNED = 64, // the upper bits repeat the sign
	KS_NOTE_USED = 128,  // the row was filled
};

/* Strings are offsets of NUL-terminated text within the payload. */
struct ks_meta_program {
	uint32_t name;
	uint32_t kind;    // program kind: "xdp", "tc/ingress"
	uint32_t flags;   // KS_PROGRAM_*
	uint32_t watched; // what it watches: "vfs_read"; "" when its kind watches nothing
	uint32_t
		fallback; // program to load where the kernel cannot attach this one; UINT32_MAX: none
	uint32_t ops;     // of a member of a struct_ops: its name; else 0
	/* Table of struct ks_note_value in .bss and values in a row; 0 values: it has none. */
	uint32_t notes, note_params;
	uint32_t context_size; // of a program that run() runs: bytes of its context
};

/* A classifier whose results mean the same at a tcx hook as in a filter. */
#define KS_PROGRAM_TCX 1u
/* It calls what may sleep. */
#define KS_PROGRAM_SLEEPABLE 2u

struct ks_meta_map {
	uint32_t name;
	uint32_t key_size, value_size;
	uint8_t is_percpu, is_pinned;
	uint8_t value_is_int; // a per-CPU value of it is read as the sum
	uint8_t has_kptr;     // values hold pointers that the kernel keeps for programs
	uint32_t buffer_size; // perf_event_array: bytes for each CPU
	/* What the maps in a map of maps are like; type 0 elsewhere. */
	uint32_t inner_type, inner_key_size, inner_value_size, inner_max_entries, inner_flags;
	uint32_t inner_value_is_int;
};

/* Program `caller` may pass control to `callee`, which lies at that index in the program array `map`. */
struct ks_meta_tail_call {
	uint32_t caller, callee; // programs
	uint32_t map;
};

struct ks_meta_option {
	uint32_t name;
	uint32_t kind;         // enum ks_option_kind
	uint32_t offset, size; // in the options struct; for str, size is the capacity
};

#endif
