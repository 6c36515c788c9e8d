/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intermediate representation: one SSA form for eBPF, userspace and kernel-module code.
 *
 * A module holds functions, globals, maps and a table of debug types. A function is a list of
 * blocks, a block a list of 16-byte instructions linked through side arrays, so that an instruction
 * keeps its number (its ir_ref) for life. An operand is an ir_ref: an instruction, a constant of
 * the function's pool, or none. Analyses are arrays indexed by ref or block, never fields in here.
 *
 * Names used for locals everywhere: fn function, b block index, i or r instruction reference, in
 * pointer to an instruction, m module.
 */
#ifndef KS_IR_IR_H
#define KS_IR_IR_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/buf.h"
#include "frontend/base/compile.h"
#include "frontend/base/map.h"

enum ir_op {
	IR_NONE, // a removed instruction
#define OP(op, name, result, a, b, extra, effect, flags) op,
#include "frontend/ir/ops.def"
#undef OP
	IR_OP_COUNT
};

enum ir_type {
	IR_VOID,
	IR_I32,
	IR_I64,
	IR_PTR, // 64 bits; stays a pointer: the verifier forbids most arithmetic on it
};

/* 0: none. Bit 31 set: index into fn->consts. Else: index into fn->insns. */
typedef uint32_t ir_ref;
#define IR_REF_NONE 0u
#define IR_CONST_BIT 0x80000000u

static inline bool ir_is_const(ir_ref r)
{
	return r & IR_CONST_BIT;
}

/*
 *    0        1        2            4            8            12           16
 *   +--------+--------+------------+------------+------------+------------+
 *   |   op   |  type  |    aux     |     a      |     b      |  c / imm   |
 *   +--------+--------+------------+------------+------------+------------+
 */
struct ir_insn {
	uint8_t op;   // enum ir_op
	uint8_t type; // enum ir_type of the result
	uint16_t aux;
	ir_ref a, b;
	union {
		ir_ref c;
		int32_t imm;
		uint32_t index; // of slot, global, map, function, extern, parameter, switch table;
				// or a size
	};
};
_Static_assert(sizeof(struct ir_insn) == 16, "four of them fill a cache line");

/* What memory an access touches, as far as lowering knows; IR_SPACE_ANY may be anything. */
enum ir_space {
	IR_SPACE_ANY,
	IR_SPACE_SLOT,   // a local object of this function
	IR_SPACE_GLOBAL, // shared or constant global
	IR_SPACE_MAP,    // map value
	IR_SPACE_PACKET, // packet bytes
	IR_SPACE_KERNEL, // object of the kernel, by a pointer whose type the verifier knows
	IR_SPACE_PROBE,  // kernel memory that only bpf_probe_read_kernel() can read
	IR_SPACE_COUNT
};

/* aux of LOAD, STORE, CTX_*: bits 0-3 width in bytes (1, 2, 4, 8), bit 4 sign-extending load, bits
 * 5-7 enum ir_space or, for CTX_*, the value kind (enum ir_ctx_kind), bit 8 guarded: the load was
 * proved in bounds or is guarded already (packet accesses, by access_check), bit 9 kept: a store that
 * eBPF does from a register even when it is of a constant, because only so every verifier remembers
 * the number. */
#define IR_MEM_WIDTH(aux) ((aux)&15u)
#define IR_MEM_SIGNED(aux) ((aux) >> 4 & 1u)
#define IR_MEM_SPACE(aux) ((enum ir_space)((aux) >> 5 & 7u))
#define IR_MEM_CHECKED 0x100u
#define IR_MEM_KEPT 0x200u
static inline uint16_t ir_mem_aux(uint32_t width, bool is_signed, enum ir_space space)
{
	return (uint16_t)(width | (is_signed ? 16u : 0u) | (uint32_t)space << 5);
}

/* Values of the kind field of a CTX_LOAD. */
enum ir_ctx_kind {
	IR_CTX_SCALAR,
	IR_CTX_PACKET,
	IR_CTX_PACKET_END,
	IR_CTX_PACKET_META,
	IR_CTX_KERNEL, // pointer to an object of the kernel, whose type the verifier knows
	IR_CTX_MEMORY, // pointer to something else that plain loads may read
	IR_CTX_KIND_COUNT
};

enum ir_atomic {
	IR_ATOMIC_ADD,
	IR_ATOMIC_AND,
	IR_ATOMIC_OR,
	IR_ATOMIC_XOR,
	IR_ATOMIC_XCHG,
};

enum ir_map_flag { // as the kernel's BPF_ANY, BPF_NOEXIST, BPF_EXIST
	IR_MAP_ANY,
	IR_MAP_NOEXIST,
	IR_MAP_EXIST,
};

enum ir_likely {
	IR_LIKELY_UNKNOWN,
	IR_LIKELY_TRUE,
	IR_LIKELY_FALSE,
};

/* The same of the opposite condition. */
static inline enum ir_likely ir_unlikely(enum ir_likely likely)
{
	return likely == IR_LIKELY_TRUE    ? IR_LIKELY_FALSE
	       : likely == IR_LIKELY_FALSE ? IR_LIKELY_TRUE
					   : IR_LIKELY_UNKNOWN;
}

/* ---- debug types: what BTF and DWARF are made from; lowering translates the checker's types ----
 */

enum ir_dtype_kind {
	IR_DTYPE_VOID,
	IR_DTYPE_INT,    // size, encoding
	IR_DTYPE_STRUCT, // name, size, members
	IR_DTYPE_UNION,
	IR_DTYPE_ENUM,    // name, size, encoding, members: name and value
	IR_DTYPE_ARRAY,   // target, count
	IR_DTYPE_POINTER, // target; name: the tag that the kernel wants on it, mostly 0
	IR_DTYPE_FUNC,    // target: result; members: parameters
};

enum ir_dtype_encoding { // bits, as in BTF_INT_ENCODING
	IR_DTYPE_SIGNED = 1,
	IR_DTYPE_CHAR = 2,
	IR_DTYPE_BOOL = 4,
};

struct ir_dmember {
	symbol name;
	uint32_t type; // index into module->dtypes
	uint32_t bit_offset;
	uint32_t bit_size; // 0 unless a bit-field
	uint64_t value;    // enum constants
};

struct ir_dtype {
	enum ir_dtype_kind kind;
	symbol name;       // 0 when anonymous
	uint32_t size;     // bytes
	uint32_t encoding; // enum ir_dtype_encoding
	uint32_t target;   // index: element, pointee, result
	uint32_t count;    // array elements
	struct ir_dmember *members;
	uint32_t member_count;
};

/* ---- module level ---- */

enum ir_section {
	IR_SECTION_DATA,   // shared, with an initial value
	IR_SECTION_BSS,    // shared, zero
	IR_SECTION_RODATA, // constants: string literals, tables
	IR_SECTION_PINNED, // shared, keeps its values beyond the process
	IR_SECTION_COUNT
};

struct ir_global {
	symbol name; // 0 for literals
	enum ir_section section;
	uint32_t offset; // within the section; the same in every back end
	uint32_t size, align;
	const uint8_t *init; // size bytes; NULL for zero
	uint32_t dtype;
	span where;
};

struct ir_map {
	symbol name;
	uint32_t type; // enum bpf_map_type
	uint32_t key_size, value_size, max_entries,
		flags;        // sizes are 0 where the kernel wants none
	uint32_t numa_node;   // with flag BPF_F_NUMA_NODE
	uint32_t buffer_size; // perf_event_array: bytes for each CPU
	/* Of a map of maps: what these are like; inner.type is 0 elsewhere. */
	struct {
		uint32_t type, key_size, value_size, max_entries, flags;
		bool value_is_scalar;
	} inner;
	uint32_t key_dtype, value_dtype;
	bool key_is_scalar,
		value_is_scalar; // MAP_* ops take the value itself (I32 up to 4 bytes, I64 for 8)
	bool key_is_signed,
		value_is_signed; // scalar is sign-extended when narrower than its register
	bool is_percpu, is_array, is_pinned;
	bool has_kptr; // values hold pointers that the kernel keeps for programs
	span where;
};

/* A fact about the running kernel's types that libbpf fills in at load (CO-RE). */
enum ir_core_kind {
#define CORE_KIND(id, name) IR_CORE_##id,
#include "frontend/base/core_kinds.def"
#undef CORE_KIND
	IR_CORE_KIND_COUNT
};

extern const char *const ir_core_words[]; // by kind: "field_offset"

struct ir_core_step {
	symbol name;    // member or enum constant; 0: an element
	uint32_t index; // of the element
};

struct ir_core {
	enum ir_core_kind kind;
	uint32_t dtype; // struct, union or enum with a name; members are found by name
	struct ir_core_step *steps;
	uint32_t step_count;
	uint64_t local; // the value with the types that the program was compiled against
	bool is_object; // the field is a pointer whose target the verifier knows when it knows the base
};

/* A function outside the module: a BPF helper, a kfunc or a call of the userspace runtime, by name.
 */
enum ir_extern_kind {
	IR_EXTERN_HELPER,
	IR_EXTERN_KFUNC,
	IR_EXTERN_RUNTIME, // row of loader/include/ks/rt_calls.def
};

enum ir_effects { // what a call may do, for the optimiser
	IR_EFFECT_PURE = 0,
	IR_EFFECT_READS = 1,  // reads memory reachable from its arguments
	IR_EFFECT_WRITES = 2, // writes it
	IR_EFFECT_PACKET = 4, // may move the packet: packet pointers become invalid
	IR_EFFECT_OTHER = 8,  // anything else visible: must stay, in order
};

struct ir_extern {
	symbol name;
	enum ir_extern_kind kind;
	uint8_t result; // enum ir_type
	uint8_t effects;
	uint32_t dtype; // of a kfunc: IR_DTYPE_FUNC, its signature in the kernel; 0 when not known
	bool gives_object; // the pointer it gives is to an object of the kernel and known to the verifier
};

/* In eBPF a walk through a map is a loop until loop_outline makes a callback of it: its header ends in a
 * branch on a call of NEXT with the map, and calls of KEY and VALUE give the addresses of the entry that
 * the round is about. */
#define IR_EACH_NEXT "ks_each_next"
#define IR_EACH_KEY "ks_each_key"
#define IR_EACH_VALUE "ks_each_value"

enum ir_target {
	IR_TARGET_BPF,
	IR_TARGET_HOST,
	IR_TARGET_MODULE,
};

struct ir_slot {
	symbol name; // of the variable, 0 for temporaries
	uint32_t size, align;
	uint32_t dtype;
	span where;
};

struct ir_const {
	uint8_t type;  // enum ir_type; a PTR constant is null or a number
	uint64_t bits; // I32: zero-extended
};

struct ir_block {
	ir_ref first, last;  // instructions in order; phis first, one CONTROL last
	VEC(uint32_t) preds; // order of phi operands; an edge taken twice stands twice
	uint32_t *succs;
	uint32_t succ_count;
	uint32_t loop_bound; // loop header: most iterations as far as known, 0 unknown
};

struct ir_switch {
	uint64_t *values; // one per case, extended as the operand; successor i belongs to values[i]
	uint32_t count;
};

/* A variable that is an address: that of `base`, plus `offset`. */
struct ir_part {
	ir_ref base;
	symbol name;
	int64_t offset;
};

struct ir_fn {
	symbol name;
	enum ir_target target;
	span where;      // of its name
	uint8_t result;  // enum ir_type
	uint8_t *params; // enum ir_type each
	uint32_t param_count;
	uint32_t dtype;      // IR_DTYPE_FUNC
	const char *program; // program_kind name ("xdp", "tc/ingress"); NULL for other functions
	const char *watched; // of a program that watches something: what its attribute names
	symbol stands_in_for; // the program whose place it takes where the kernel cannot attach that; 0
	bool has_kernel_context; // its context is a struct of the kernel
	uint32_t kernel_params;  // bits of parameters that are so, too, and known to the verifier
	bool is_inline;    // must be inlined (pointer parameters the verifier could not follow)
	symbol ops;        // of a member of a struct_ops: name of the impl
	bool is_sleepable; // a program that may sleep
	/* Of a program that is run by probes that programs declare: where in .bss its table of
	 * struct ks_note_value (ks/rt.h) is, and how many values a row has; 0: it has no table. */
	uint32_t notes, note_params;
	uint32_t context_size;   // of a program whose context is a struct of the module
	bool is_packet_constant; // a program that must not write to the packet
	bool is_tcx;             // a classifier whose results mean the same at a tcx hook
	bool is_exported;        // main, programs: kept although nobody calls them

	struct arena *arena;
	VEC(struct ir_insn) insns; // [0] unused
	VEC(ir_ref) next;          // side arrays, as long as insns
	VEC(ir_ref) prev;
	VEC(uint32_t) block_of;
	VEC(span) spans;
	VEC(symbol) names;           // of the variable that a value is of, as far as known; 0: none
	VEC(struct ir_part) parts;   // variables of which only the base has a value
	VEC(struct ir_block) blocks; // [0] is the entry; removed ones have first == 0
	VEC(struct ir_slot) slots;
	VEC(struct ir_const) consts;
	VEC(ir_ref) pool; // operands of calls and phis
	VEC(struct ir_switch) switches;
	struct map const_index; // hash of (type, bits) to constant
};

/* Option of main(args: S). */
struct ir_option {
	symbol name;
	uint32_t dtype;
	uint32_t offset, size; // in S
};

/* A struct of the kernel with functions of the module, which userspace registers. */
struct ir_ops_function {
	uint32_t offset; // of the pointer
	uint32_t fn;     // index of the program
};

struct ir_ops {
	symbol name;
	uint32_t dtype; // struct with the members that are given, in a layout of our own
	uint32_t size;
	const uint8_t *init; // size bytes; pointers are zero
	VEC(struct ir_ops_function) functions;
	span where;
};

struct ir_module {
	struct compile *compile;
	struct arena *arena;
	VEC(struct ir_fn *) fns;
	VEC(struct ir_global) globals;
	VEC(struct ir_map) maps;
	VEC(struct ir_extern) externs;
	VEC(struct ir_dtype) dtypes; // [0] is void
	VEC(struct ir_core) cores;
	struct map core_index; // hash to index of the last one with it + 1
	VEC(struct ir_ops) ops;
	VEC(struct ir_option) options;
	uint32_t options_size; // bytes of S; 0 when main takes nothing
	uint32_t section_size[IR_SECTION_COUNT];
	uint32_t main_fn; // index of main, UINT32_MAX when there is none
	/* Byte order of the machine that the eBPF code is for. No IR_BE16 to IR_BE64 is left when it is
	 * big-endian. A pass that makes narrower or wider accesses of others has to ask. */
	bool is_big_endian;
};

/* ---- construction (ir_build.c) ---- */

void ir_module_init(struct ir_module *m, struct compile *compile, struct arena *arena);
/* Makes the module one for a big-endian machine: changes between host order and big-endian change nothing
 * there. Lowering does not make any; this is for modules that were read. */
void ir_set_big_endian(struct ir_module *m);
uint32_t ir_add_fn(struct ir_module *m, symbol name, enum ir_target target); // index into m->fns
uint32_t ir_add_extern(struct ir_module *m, enum ir_extern_kind kind, const char *name,
		       enum ir_type result,
		       uint32_t effects); // finds an equal one first
uint32_t ir_add_dtype(struct ir_module *m, struct ir_dtype dtype);
/* Finds an equal one first. */
uint32_t ir_add_core(struct ir_module *m, struct ir_core core);
/* Places a global in its section at its alignment; fills offset. */
uint32_t ir_add_global(struct ir_module *m, struct ir_global global);

struct ir_builder {
	struct ir_fn *fn;
	uint32_t block; // where instructions are appended; UINT32_MAX after a block end
	span where;     // given to the instructions made
};

uint32_t ir_add_block(struct ir_fn *fn);
uint32_t ir_add_slot(struct ir_fn *fn, struct ir_slot slot);
ir_ref ir_const(struct ir_fn *fn, enum ir_type type, uint64_t bits); // cuts bits to 32 for I32
/* Appends an instruction to the builder's block; after a block end, to a new block that nothing
 * reaches (it is removed by the first pass). */
ir_ref ir_emit(struct ir_builder *b, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b_operand);
ir_ref ir_emit_full(struct ir_builder *b, struct ir_insn insn);
ir_ref ir_emit_select(struct ir_builder *b, enum ir_type type, ir_ref cond, ir_ref yes, ir_ref no);
ir_ref ir_emit_index(struct ir_builder *b, enum ir_op op, enum ir_type type,
		     uint32_t index); // PARAM, SLOT, GLOBAL, MAP, FUNC
ir_ref ir_emit_load(struct ir_builder *b, enum ir_type type, ir_ref addr, int32_t offset,
		    uint16_t aux);
void ir_emit_store(struct ir_builder *b, ir_ref addr, int32_t offset, ir_ref value, uint16_t aux);
ir_ref ir_emit_call(struct ir_builder *b, enum ir_op op, enum ir_type type, uint32_t index,
		    const ir_ref *args,
		    uint32_t count); // CALL, CALL_EXTERN; CALL_PTR through ir_emit_full
/* Block ends: add the edge(s) and leave the builder without a block. */
void ir_emit_jump(struct ir_builder *b, uint32_t to);
void ir_emit_branch(struct ir_builder *b, ir_ref cond, uint32_t yes, uint32_t no);
void ir_emit_switch(struct ir_builder *b, ir_ref value, const uint64_t *values,
		    const uint32_t *targets, uint32_t count, uint32_t otherwise);
void ir_emit_loop_guard(struct ir_builder *b, uint32_t go_on, uint32_t spent);
void ir_emit_return(struct ir_builder *b, ir_ref value); // IR_REF_NONE: nothing
void ir_emit_unreachable(struct ir_builder *b);
/* A phi at the head of `block`, one operand for each present predecessor, all IR_REF_NONE; set them
 * with ir_phi_args(). An edge added later appends an operand IR_REF_NONE. Operands of two edges
 * from the same predecessor must be equal. */
ir_ref ir_add_phi(struct ir_fn *fn, uint32_t block, enum ir_type type, span where);
void ir_phi_args(struct ir_fn *fn, ir_ref phi, const ir_ref *args); // as many as predecessors

/* Moves what the function has in its arena to `home`, which becomes its arena, without the room that
 * growing left. For when a function that was made or changed in an arena of its own is finished. */
void ir_settle(struct ir_fn *fn, struct arena *home);

/* The pieces that the calls above are made of. */
ir_ref ir_new_insn(struct ir_fn *fn, struct ir_insn insn, span where);      // in no block yet
void ir_append(struct ir_fn *fn, uint32_t block, ir_ref r);                 // links it at the end
uint32_t ir_add_pool(struct ir_fn *fn, const ir_ref *refs, uint32_t count); // NULL: all none
uint32_t ir_add_switch(struct ir_fn *fn, const uint64_t *values, uint32_t count);
void ir_add_pred(struct ir_fn *fn, uint32_t to, uint32_t from);
/* Sets the successors of a block that has none and adds it to their predecessors. */
void ir_set_succs(struct ir_fn *fn, uint32_t block, const uint32_t *succs, uint32_t count);

/* ---- access and editing (ir_edit.c) ---- */

static inline struct ir_insn *ir_get(const struct ir_fn *fn, ir_ref r)
{
	assert(r && !ir_is_const(r) && "an instruction");
	return &fn->insns.data[r];
}

static inline const struct ir_const *ir_get_const(const struct ir_fn *fn, ir_ref r)
{
	assert(ir_is_const(r) && "a constant");
	return &fn->consts.data[r & ~IR_CONST_BIT];
}

static inline enum ir_type ir_type_of(const struct ir_fn *fn, ir_ref r)
{
	if (!r)
		return IR_VOID;
	return (enum ir_type)(ir_is_const(r) ? ir_get_const(fn, r)->type : ir_get(fn, r)->type);
}

/* A pointer into the packet, or to one of its ends. */
static inline bool ir_is_packet_load(const struct ir_insn *in)
{
	return in->op == IR_CTX_LOAD && (uint32_t)IR_MEM_SPACE(in->aux) >= IR_CTX_PACKET &&
	       (uint32_t)IR_MEM_SPACE(in->aux) <= IR_CTX_PACKET_META;
}

/* Operands in the pool of a call or phi. */
static inline bool ir_has_pool(const struct ir_insn *in);
static inline ir_ref *ir_args(const struct ir_fn *fn, ir_ref r);
static inline uint32_t ir_arg_count(const struct ir_fn *fn, ir_ref r);
/* Places of the operands, in the order a, b, c, pool as far as the op table gives them; a place may
 * hold IR_REF_NONE (return). Valid until the pool or the instructions grow. */
static inline uint32_t ir_operand_count(const struct ir_fn *fn, ir_ref r);
static inline ir_ref *ir_operand(const struct ir_fn *fn, ir_ref r, uint32_t k);
/* Calls visit for each of them. */
void ir_each_operand(const struct ir_fn *fn, ir_ref r, void (*visit)(ir_ref *operand, void *data),
		     void *data);
/* For when the address `r`, which a variable holds, becomes a part of the addresses of accesses only: notes
 * which base it is relative to. */
void ir_note_part(struct ir_fn *fn, ir_ref r);
/* New instruction before/after `at`; span copied from it. */
ir_ref ir_insert_before(struct ir_fn *fn, ir_ref at, struct ir_insn insn);
ir_ref ir_insert_after(struct ir_fn *fn, ir_ref at, struct ir_insn insn);
/* Unlinks an instruction; its number is not used again. */
void ir_remove(struct ir_fn *fn, ir_ref r);
/* Unlinks and puts elsewhere, before `at`. */
void ir_move_before(struct ir_fn *fn, ir_ref r, ir_ref at);
/* Rewrites every operand through `replacement` (indexed by instruction ref, as long as fn->insns;
 * IR_REF_NONE keeps). One walk for any number of replacements; chains are followed. */
ir_ref ir_follow_replacements(ir_ref *replacement, ir_ref r); // of which there is one at least
static inline ir_ref ir_replacement_of(ir_ref *replacement, ir_ref r) // the end of one chain
{
	return r && !ir_is_const(r) && replacement[r] ? ir_follow_replacements(replacement, r) : r;
}
void ir_replace_all(struct ir_fn *fn, ir_ref *replacement);
/* Cuts block `b` after instruction `at`; the rest, with the block end, moves to a new block, whose
 * index is returned. b is left without an end and without successors; no phi may follow `at`. */
uint32_t ir_split_block(struct ir_fn *fn, uint32_t b, ir_ref at);
/* Removes one edge from -> to (the succ_index-th successor): preds and phis of `to` are kept right.
 * The caller then changes the end of `from`. */
void ir_remove_pred(struct ir_fn *fn, uint32_t to, uint32_t pred_index);
/* Ends block b in a jump instead of its present end, dropping the other edges. */
void ir_set_jump(struct ir_fn *fn, uint32_t b, uint32_t kept_succ_index);
/* Index of `pred` in preds of `block`; must be there. */
uint32_t ir_pred_index(const struct ir_fn *fn, uint32_t block, uint32_t pred);
/* True when `r` calls the extern of that name. */
bool ir_calls(const struct ir_module *m, const struct ir_fn *fn, ir_ref r, const char *name);
/* The call of IR_EACH_NEXT that decides at the end of a block; IR_REF_NONE when there is none. */
ir_ref ir_find_each(const struct ir_module *m, const struct ir_fn *fn, uint32_t b);
/* Uses of every instruction, indexed by ref. */
uint32_t *ir_count_uses(const struct ir_fn *fn, struct arena *arena);

/* ---- the op table ---- */

enum ir_result {
	IR_RESULT_INT,
	IR_RESULT_I32,
	IR_RESULT_I64,
	IR_RESULT_PTR,
	IR_RESULT_VALUE,
	IR_RESULT_VOID
};
enum ir_operand {
	IR_OPERAND_NONE,
	IR_OPERAND_INT,
	IR_OPERAND_ANYINT,
	IR_OPERAND_I32,
	IR_OPERAND_I64,
	IR_OPERAND_PTR,
	IR_OPERAND_VALUE,
	IR_OPERAND_ANY,
	IR_OPERAND_SAME,
	IR_OPERAND_OPT
};
enum ir_extra {
	IR_EXTRA_NONE,
	IR_EXTRA_REF,
	IR_EXTRA_IMM,
	IR_EXTRA_SIZE,
	IR_EXTRA_SLOT,
	IR_EXTRA_GLOBAL,
	IR_EXTRA_MAP,
	IR_EXTRA_FUNC,
	IR_EXTRA_EXTERN,
	IR_EXTRA_PARAM,
	IR_EXTRA_ARGS,
	IR_EXTRA_CASES,
	IR_EXTRA_CORE
};
enum ir_effect {
	IR_EFF_PURE,
	IR_EFF_LOAD,
	IR_EFF_STORE,
	IR_EFF_CTX_LOAD,
	IR_EFF_MAP_READ,
	IR_EFF_MAP_WRITE,
	IR_EFF_CALL,
	IR_EFF_CONTROL
};
enum { IR_FLAG_COMMUTES = 1, IR_FLAG_CAN_FOLD = 2 };

struct ir_op_info {
	const char *name;
	uint8_t result, a, b, extra, effect, flags;
};
extern const struct ir_op_info ir_ops[IR_OP_COUNT];

static inline bool ir_has_pool(const struct ir_insn *in)
{
	return ir_ops[in->op].extra == IR_EXTRA_ARGS || ir_ops[in->op].effect == IR_EFF_CALL;
}

static inline ir_ref *ir_args(const struct ir_fn *fn, ir_ref r)
{
	assert(ir_has_pool(ir_get(fn, r)) && "a call or a phi");
	return fn->pool.data ? fn->pool.data + ir_get(fn, r)->a : NULL;
}

static inline uint32_t ir_arg_count(const struct ir_fn *fn, ir_ref r)
{
	const struct ir_insn *in = ir_get(fn, r);

	assert(ir_has_pool(in) && "a call or a phi");
	return in->op == IR_PHI ? in->index : in->aux;
}

static inline uint32_t ir_operand_count(const struct ir_fn *fn, ir_ref r)
{
	const struct ir_insn *in = ir_get(fn, r);
	const struct ir_op_info *op = &ir_ops[in->op];

	if (ir_has_pool(in))
		return ir_arg_count(fn, r) + (op->b != IR_OPERAND_NONE);
	return (uint32_t)(op->a != IR_OPERAND_NONE) + (op->b != IR_OPERAND_NONE) +
	       (op->extra == IR_EXTRA_REF);
}

static inline ir_ref *ir_operand(const struct ir_fn *fn, ir_ref r, uint32_t k)
{
	struct ir_insn *in = ir_get(fn, r);

	assert(k < ir_operand_count(fn, r) && "an operand that the operation has");
	if (ir_has_pool(in)) {
		if (ir_ops[in->op].b == IR_OPERAND_NONE)
			return fn->pool.data + in->a + k;
		return k ? fn->pool.data + in->a + (k - 1) : &in->b;
	}
	return k == 0 ? &in->a : k == 1 ? &in->b : &in->c;
}

/* Value of a CAN_FOLD operation over constants; the one definition of integer semantics, shared by
 * the optimiser and the tests. `type` is the instruction's type, operand_type that of its operands.
 */
uint64_t ir_fold(enum ir_op op, enum ir_type type, enum ir_type operand_type, uint64_t a,
		 uint64_t b);

/* ---- checking and text (ir_check.c, ir_print.c, ir_parse.c) ---- */

/* True when the function is well formed: links, types, operand classes, phis, dominance. Otherwise
 * *why (in the scratch arena of the compile) says what is wrong and where. */
bool ir_check_fn(const struct ir_module *m, const struct ir_fn *fn, const char **why);
void ir_print_fn(const struct ir_module *m, const struct ir_fn *fn, struct buf *out);
void ir_print_module(const struct ir_module *m, struct buf *out);
/* Reads what ir_print_module writes. Problems are diagnostics in the file's spans. */
bool ir_parse_module(struct ir_module *m, const struct source_file *file);

/* ---- analyses (cfg.c, dom.c, loops.c, liveness.c); results in side arrays from `arena` ---- */

/* Blocks reachable from the entry in reverse post-order; *count of them. */
uint32_t *ir_reverse_postorder(const struct ir_fn *fn, struct arena *arena, uint32_t *count);
/* Removes blocks that the entry does not reach. True when there were any. */
bool ir_remove_unreachable(struct ir_fn *fn, struct arena *arena);

struct ir_doms {
	uint32_t *idom;      // of each block; UINT32_MAX for the entry and unreachable blocks
	uint32_t *rpo;       // order
	uint32_t *rpo_index; // position of a block in it; UINT32_MAX when unreachable
	uint32_t rpo_count;
	uint32_t *enter, *leave; // numbering of the dominator tree, for ir_dominates()
};
struct ir_doms ir_find_doms(const struct ir_fn *fn, struct arena *arena);
/* A block dominates itself. */
static inline bool ir_dominates(const struct ir_doms *doms, uint32_t a, uint32_t b)
{
	return doms->rpo_index[a] != UINT32_MAX && doms->rpo_index[b] != UINT32_MAX &&
	       doms->enter[a] <= doms->enter[b] && doms->enter[b] < doms->leave[a];
}

struct ir_loop {
	uint32_t header;
	uint32_t parent; // index of the enclosing loop, UINT32_MAX when outermost
	uint32_t depth;  // 1 for outermost
};
struct ir_loops {
	struct ir_loop *loops; // inner loops after outer ones
	uint32_t count;
	uint32_t *loop_of; // innermost loop of each block, UINT32_MAX when none
	bool irreducible;  // a cycle with two entries was found
};
struct ir_loops ir_find_loops(const struct ir_fn *fn, const struct ir_doms *doms,
			      struct arena *arena);

#endif
