/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code generation hands to the object writer: encoded instructions with relocations and source
 * positions, maps, global sections, and the BTF that describes them. No decision is left to the
 * writer.
 */
#ifndef KS_CODEGEN_BPF_GEN_H
#define KS_CODEGEN_BPF_GEN_H

#include "bpf-backend/isa/insn.h"
#include "btf/btf.h"
#include "frontend/base/compile.h"
#include "frontend/base/vec.h"

struct ir_module;

enum bpf_relo_kind {
	BPF_RELO_MAP,     // ld_imm64: reference to maps[index]
	BPF_RELO_SECTION, // ld_imm64: address `addend` bytes into global section `index` (enum
			  // ir_section)
	BPF_RELO_CALL,    // call: function `index`
	BPF_RELO_KFUNC,   // call: function `index` of the kernel
	BPF_RELO_FUNC,    // ld_imm64: address of function `index` (callbacks)
	BPF_RELO_CORE, // cores[index]: the offset of a load or store, the immediate of anything else
};

struct bpf_relo {
	uint32_t insn; // record index in the function
	enum bpf_relo_kind kind;
	uint32_t index;
	uint32_t addend;
};

/* A fact that libbpf looks up in the types of the running kernel. */
struct bpf_core {
	uint32_t kind;      // enum bpf_core_relo_kind
	uint32_t type;      // BTF id of the struct, union or enum
	const char *access; // "0:3:1": members and elements from it on
};

struct bpf_line { // source position of the records from `insn` on
	uint32_t insn;
	span where;
};

/* Where a variable is, for people who look at the code. */
struct bpf_name {
	symbol name;
	uint32_t insn; // a register: record behind which it has the variable's value
	bool is_param; // … where the function begins, rather
	uint8_t reg;
	int32_t offset; // an object in the stack: from r10, negative; else 0
	uint32_t size;
};

struct bpf_func {
	symbol name;
	const char *section; // "xdp", "tc", ".text" for subprograms
	uint32_t btf_id;     // BTF_KIND_FUNC
	uint32_t stack_size; // bytes
	bool may_be_global;  // a subprogram that takes and gives numbers only
	bool is_global;      // … that the verifier judges by itself
	VEC(struct bpf_record) code;
	VEC(struct bpf_relo) relos;
	VEC(struct bpf_line) lines;
	VEC(struct bpf_name) names; // not part of the object file
};

struct bpf_object_map {
	symbol name;
	uint32_t btf_id; // BTF_KIND_VAR in .maps
};

struct bpf_object_kfunc { // a function of the kernel
	symbol name;
	uint32_t btf_id; // BTF_KIND_FUNC, extern
};

struct bpf_object_ops_function {
	uint32_t offset; // of the pointer in the struct
	uint32_t func;   // index into funcs
};

struct bpf_object_ops { // a struct_ops
	symbol name;
	uint32_t offset, size; // in its section
	const uint8_t *data;
	VEC(struct bpf_object_ops_function) functions;
};

enum { BPF_OBJECT_SECTIONS = 4 }; // IR_SECTION_COUNT

struct bpf_object_section { // .data, .bss, .rodata, .data.pinned
	const char *name;
	uint32_t size, align;
	const uint8_t *data; // NULL for .bss
};

struct bpf_object {
	struct arena *arena;
	VEC(struct bpf_func *) funcs; // programs first, then subprograms
	VEC(struct bpf_object_map) maps;
	VEC(struct bpf_object_kfunc) kfuncs;
	VEC(struct bpf_object_ops) ops;
	VEC(struct bpf_core) cores;
	struct bpf_object_section
		sections[BPF_OBJECT_SECTIONS]; // by enum ir_section; size 0 when absent
	struct btf_builder
		*btf; // complete but for section offsets, which the writer needs not touch
	const char *license;
	bool is_big_endian; // byte order of the machine; data are in it already
};

struct bpf_gen_options {
	uint32_t kernel; // major << 16 | minor << 8
	int isa;         // 1 to 4; 0: the best that `kernel` has
};

/* Generates every eBPF function of an optimised module. False after a diagnostic (stack over 512
 * bytes, too many arguments, an operation that the kernel lacks). */
bool bpf_generate(struct ir_module *m, const struct bpf_gen_options *options,
		  struct bpf_object *out);
/* Text of the machine form after a stage ("select", "regalloc", "final"), for --emit=asm and golden
 * tests. */
void bpf_print_object(const struct compile *compile, const struct bpf_object *object,
		      struct buf *out);

#endif
