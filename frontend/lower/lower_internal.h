/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the lowering share. Not included from outside.
 *
 * Every variable is a slot, and a value that several paths give goes through a slot too: SSA form is
 * made afterwards by mem2reg, so no phi is built here. Aggregates are handled by address, as places.
 *
 * A place is where an object lies, together with the conditions under which it may be touched: an
 * index in range, a map entry present. The conditions are branches in front of the access, in order;
 * when one fails a read gives zero and a write is dropped. Variable parts of the address are added
 * only behind those branches, because the verifier forbids arithmetic on an unchecked map value.
 */
#ifndef KS_LOWER_INTERNAL_H
#define KS_LOWER_INTERNAL_H

#include "frontend/lower/lower.h"
#include "frontend/syntax/ast_walk.h"

struct pending_fn { // a function asked for and not lowered yet
	struct decl *decl;
	struct decl **bound; // eBPF: for each parameter the function that it is, or NULL
	const struct program_kind *kind; // that it is lowered as
	uint32_t index;
	uint32_t next_alike; // with `bound`: index into the queue + 1 of one with the same hash
	const struct callback *callback; // how the kernel calls it; NULL: the function itself
};

struct lower {
	struct compile *compile;
	const struct checked_program *program;
	const struct target_info *info;
	struct ir_module *m;
	struct arena making;   // holds the function that is being lowered
	struct map dtypes;     // type id -> index of the dtype + 1
	struct map literals;   // hash of size, alignment and bytes -> index of the global + 1
	struct map fns;        // declaration and target -> index of the function + 1
	struct map throws;     // declaration -> 1 when a throw or a panic can leave the function
	struct map changes;    // declaration -> maps that the function changes (lower_changes.c)
	struct map panics;     // declaration -> 1 when a panic can
	struct map core_types; // type id -> index of the dtype with the members that are read + 1
	struct map drops;      // DECL_MAP -> global that counts its lost records + 1
	struct map bound; // hash of a function and what it is bound to -> the last in the queue + 1
	struct map bindings; // declaration -> how many functions were made of it by binding
	struct map names; // of functions of the program and of the first `named` of the module -> 1
	uint32_t named;
	struct map tails;             // attribute of programs -> index of their program array + 1
	VEC(struct pending_fn) queue; // every function, in the order of the requests
	VEC(struct pending_fn) callbacks; // those of them that the kernel calls
	uint32_t error_count;             // of the diagnostics at the beginning
};

/* An evaluated map entry. */
struct entry {
	uint32_t map;       // index into m->maps
	struct decl *decl;  // DECL_MAP
	struct type *value; // V
	ir_ref outer;       // PTR of the map, itself an entry; IR_REF_NONE for a map of the program
	ir_ref key;         // the scalar, or the address of the object
	ir_ref ptr;         // address of the value or null
	bool is_present;    // ptr is known not to be null
	bool has_copy;      // a variable that may have become a local value
	ir_ref is_copy;     // userspace, I32: it has; IR_REF_NONE: it never does
};

enum { PLACE_MAX_GUARDS = 8, PLACE_MAX_TERMS = 4 };

struct place_term {
	ir_ref value; // I64
	uint32_t scale;
};

/* One step of an access to a struct whose layout the running kernel decides (lower_core.c). */
struct core_step {
	const struct core_step *up; // NULL: the struct itself
	const struct type *type;    // of what is reached
	const struct decl *field;   // NULL: an element
	uint32_t index;             // of the element
	uint32_t offset;            // bytes from the struct, in the build's own layout
};

struct place {
	bool is_ctx;         // a context field: base is the context
	bool is_percpu;      // inside the value of a per-CPU map
	uint8_t ctx_kind;    // enum ir_ctx_kind
	uint8_t guard_count; // conditions, I32; all must hold
	uint8_t term_count;
	uint8_t bit_width, bit_offset; // of a bit-field in the unit at the address; 0 wide: none
	enum ir_space space;
	uint32_t align; // of base + offset, as far as known
	ir_ref base;    // PTR
	int32_t offset; // bytes
	/* Variable parts: value * scale bytes each. They are computed behind the guards, since the
	 * verifier carries what a comparison told it about a number to what is computed afterwards. */
	struct place_term terms[PLACE_MAX_TERMS];
	ir_ref guards[PLACE_MAX_GUARDS];
	const struct decl *root;      // local variable that it is a part of; NULL when unknown
	const struct core_step *core; // way from base + terms into a struct of the kernel, or NULL
	const struct decl *bits;      // a bit-field of such a struct
	const struct entry *entry;    // userspace: entry to write back after a store; NULL for none
};

/* What a local declaration became (decl->lowered while its function is lowered). */
struct local {
	uint64_t max;  // largest value of an unsigned variable that is never assigned
	uint32_t slot; // value or object; for an entry, the address of the value
	ir_ref value;  // parameter that is used as it came in, IR_REF_NONE otherwise
	/* An entry variable: */
	uint32_t key_slot;   // copy of the key: in userspace, and in eBPF if it is looked up again
	uint32_t copy_slot;  // local value, when a whole V is assigned somewhere
	uint32_t flag_slot;  // with key_slot: whether copy_slot is in use
	uint32_t bound_slot; // eBPF: with may_go_stale, the address of the value that was bound
	uint32_t outer_slot; // userspace: the map, when that is itself an entry
	bool has_copy;
	bool may_go_stale; // eBPF: is looked up again, and may then be absent
};

struct loop {
	struct loop *outer;
	uint32_t next, end; // targets of continue and break
};

struct try_scope {
	struct try_scope *outer;
	uint32_t handler; // block that compares the code in body.code_slot with the catches
};

struct deferred {
	uint32_t count_slot; // how often control has passed the defer statement; not with a log
	struct stmt *stmt;
	const struct block *outer; // of the defer that it stands in, NULL for none
	const struct stmt *loop;   // outermost loop around it within `outer`, NULL for none
	uint64_t rounds;           // of the loops around it, together; 0: not known
	uint32_t log;              // index into the logs + 1; 0: a count is enough
	bool is_reached;           // control can come there
};

/* What was deferred in the rounds of a loop, one record each time: which defer it was, and what it
 * captured. In userspace they are on the heap, chained, in eBPF in an array on the stack. */
struct defer_log {
	const struct stmt *loop;
	uint32_t slot;   // userspace: address of the last record; eBPF: number of records
	uint32_t array;  // eBPF: slot of the records
	uint32_t most;   // eBPF: of them
	uint32_t size;   // of a record
	uint32_t header; // bytes in front of what was captured
};

/* Known of a variable while a part of the program is lowered. */
struct fact {
	const struct decl *decl;
	uint64_t max; // UINT64_MAX: no longer known
};

/* The function being lowered. */
struct body {
	struct lower *lw;
	struct ir_module *m;
	struct ir_fn *fn;
	struct ir_builder b;
	enum ir_target target;
	struct decl *decl;
	struct decl **bound; // functions that the parameters stand for, NULL where there are none
	const struct program_kind *kind; // of a program; NULL for other functions
	ir_ref context;                  // of a program that has other parameters
	uint32_t own_context;            // slot with a copy of a context of the program's own
	bool has_own_context;
	ir_ref note_row;    // of a program of PARAMS_NOTE: PTR to its struct ks_note_value
	uint32_t note_slot; // what helpers read goes through it
	struct type *result;
	ir_ref result_addr; // hidden parameter of a function that returns an aggregate
	struct loop *loop;
	VEC(struct fact) facts;     // in order of assumption
	VEC(struct decl *) entries; // variables in view that are looked up again after changes
	const struct block *scope;  // of the binding that is being lowered
	bool wants_bound; // the address of an entry is taken: it stays that of the value that was bound
	/* Leaving through defers and throws; see lower_unwind.c. */
	struct try_scope *tries;
	VEC(struct deferred) defers; // in source order
	VEC(struct defer_log) logs;
	bool has_defer;       // returns go through exit_block
	bool may_throw;       // has the hidden error parameter
	bool has_code_slot;   // code_slot was made
	ir_ref error_param;   // address of the caller's error word
	uint32_t exit_block;  // runs the defers and returns
	uint32_t result_slot; // value on its way to exit_block
	uint32_t code_slot;   // I64: 0, or the error word of a throw on its way
};

/* ---- lower_type.c ---- */

enum ir_type value_type(const struct type *type); // of a scalar; VOID for anything else
uint32_t value_width(const struct type *type);    // bytes in memory of a scalar
bool value_is_signed(const struct type *type);    // compares, divides and widens as signed
uint32_t lower_dtype(struct lower *lw, const struct type *type);
uint32_t char_array_dtype(struct lower *lw, uint32_t count);
uint32_t lower_func_dtype(struct lower *lw, const struct decl *decl);

/* ---- lower_module.c ---- */

uint32_t request_fn(struct lower *lw, struct decl *decl, enum ir_target target);
/* An eBPF function that is called with these functions as arguments. */
uint32_t request_bound(struct lower *lw, struct decl *decl, struct decl **bound);
uint32_t global_of(struct lower *lw, struct decl *decl); // global, config or aggregate constant
uint32_t map_of(struct decl *decl);
/* The function to hand to the kernel for a handler of the program. */
uint32_t request_callback(struct lower *lw, struct decl *handler, const struct callback *row);
/* Read-only bytes without a name; equal ones are shared. Texts are of type char[size]. */
uint32_t literal_global(struct lower *lw, const void *bytes, uint32_t size, uint32_t align,
			uint32_t dtype);
uint32_t literal_text(struct lower *lw, const void *bytes, uint32_t size);
/* Serialises a constant initialiser; false when it is none. `out` has the size of the type, zero. */
bool constant_bytes(struct lower *lw, const struct expr *expr, const struct type *type,
		    uint8_t *out);

/* ---- lower_func.c ---- */

void lower_function(struct lower *lw, const struct pending_fn *pending);
struct local *local_of(struct decl *decl);
struct local *new_local(struct body *f, struct decl *decl);
uint32_t new_block(struct body *f);
bool is_live(const struct body *f);           // the builder has a block
void jump_to(struct body *f, uint32_t block); // nothing when not live
void start_block(struct body *f, uint32_t block);
void branch(struct body *f, ir_ref cond, uint32_t yes, uint32_t no, enum ir_likely likely);
uint32_t slot_align(const struct type *type); // of the slot of an object
uint32_t new_slot(struct body *f, const struct type *type, symbol name, span where);
uint32_t raw_slot(struct body *f, uint32_t size, uint32_t align);
ir_ref slot_addr(struct body *f, uint32_t slot);
ir_ref load_slot(struct body *f, uint32_t slot, const struct type *type);
void store_slot(struct body *f, uint32_t slot, const struct type *type, ir_ref value);
ir_ref load_word(struct body *f, uint32_t slot, enum ir_type type); // I32, I64 or PTR as a whole
void store_word(struct body *f, uint32_t slot, enum ir_type type, ir_ref value);
ir_ref const32(struct body *f, uint32_t value);
ir_ref const64(struct body *f, uint64_t value);
ir_ref null_ptr(struct body *f);
ir_ref zero_of(struct body *f, enum ir_type type);
/* ir_emit() of a CAN_FOLD operation. */
ir_ref emit_folded(struct body *f, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b);
/* Widens or cuts a value to another register type, reading it as signed or not. */
ir_ref to_register(struct body *f, ir_ref value, enum ir_type type, bool is_signed);
ir_ref call_runtime(struct body *f, const char *name, enum ir_type result, uint32_t effects,
		    const ir_ref *args, uint32_t count);

/* Out of the function; what has to be done at its very end is done. */
void emit_return(struct body *f, ir_ref value);
/* Returns the value of `expr`, or the named result when it is NULL. */
void return_result(struct body *f, struct expr *expr);
/* The named result, at the end of the function. */
ir_ref take_named_result(struct body *f);

/* ---- lower_stmt.c ---- */

bool atomic_op(const struct body *f, enum binary_op op, const struct type *type,
	       enum ir_atomic *out);
void emit_atomic(struct body *f, const struct place *place, enum binary_op op,
		 enum ir_atomic atomic, ir_ref value);

void lower_block(struct body *f, const struct block *block);
void lower_stmts(struct body *f, const stmt_list *stmts, uint32_t from, uint32_t to);
void lower_local(struct body *f, struct decl *decl);

/* ---- lower_expr.c ---- */

ir_ref lower_value(struct body *f, struct expr *expr); // scalar; cannot be an entry
void lower_effect(struct body *f, struct expr *expr);  // value not wanted
void lower_condition(struct body *f, struct expr *expr, uint32_t yes, uint32_t no);
ir_ref convert_value(struct body *f, ir_ref value, const struct type *from, const struct type *to);
ir_ref narrow(struct body *f, ir_ref value, const struct type *type);
ir_ref lower_arith(struct body *f, enum binary_op op, ir_ref left, ir_ref right,
		   const struct type *type);

/* Right side of `op=` and the type in which the operation is done. */
struct op_operand {
	ir_ref value;
	const struct type *type;
};
struct op_operand lower_op_operand(struct body *f, enum binary_op op, struct expr *expr,
				   const struct type *type);
/* What `old op= operand` stores into a variable of `type`. */
ir_ref lower_op(struct body *f, enum binary_op op, ir_ref old, const struct op_operand *operand,
		const struct type *type);
ir_ref lower_pointer_step(struct body *f, enum binary_op op, ir_ref pointer, ir_ref count,
			  const struct type *type);

/* Where the value of a match, if or other expression goes. */
struct sink {
	const struct place *into; // aggregates
	uint32_t slot;            // scalars
	const struct type *type;  // NULL: not wanted
};
void sink_value(struct body *f, const struct sink *sink, struct expr *expr);
void sink_zero(struct body *f, const struct sink *sink);
void sink_block(struct body *f, const struct sink *sink, const struct block *block);

/* ---- lower_match.c ---- */

void lower_match(struct body *f, struct expr *expr, const struct sink *sink);
void lower_if_value(struct body *f, struct expr *expr, const struct sink *sink);

/* ---- lower_access.c ---- */

struct place lower_place(struct body *f, struct expr *expr);
struct place slot_place(struct body *f, uint32_t slot);
struct place pointer_place(ir_ref base, uint32_t align);
struct place global_place(struct body *f, uint32_t global);
struct place place_at(struct place place, uint32_t offset); // `offset` bytes further
struct place place_of_field(struct place record, const struct decl *field);
void place_add_term(struct body *f, struct place *place, ir_ref value, uint32_t scale);
/* base and terms, without the offset. */
ir_ref place_base(struct body *f, const struct place *place);
void place_guard(struct body *f, struct place *place, ir_ref cond);
ir_ref place_address(struct body *f, const struct place *place); // guards must have been passed
/* Branches to `skip` unless every guard holds; goes on in a block where they all do. */
void place_enter(struct body *f, const struct place *place, uint32_t skip);
uint32_t place_align(const struct place *place);
ir_ref load_place(struct body *f, const struct place *place, const struct type *type);
void store_place(struct body *f, const struct place *place, const struct type *type, ir_ref value);
/* The same without looking at the guards. */
ir_ref load_unguarded(struct body *f, const struct place *place, const struct type *type);
void store_unguarded(struct body *f, const struct place *place, const struct type *type,
		     ir_ref value);
void copy_object(struct body *f, const struct place *to, const struct place *from, uint32_t size);
/* The same for a value, without what the kernel keeps in it. */
void copy_value(struct body *f, const struct place *to, const struct place *from,
		const struct type *type);
void zero_value(struct body *f, const struct place *to, const struct type *type);
void zero_object(struct body *f, const struct place *to, uint32_t size);
/* Address as a value; null when a guard fails. */
ir_ref lower_guarded_address(struct body *f, const struct place *place);
/* Adds a variable index to a place; `limit` elements, 0 for no check. */
void place_index(struct body *f, struct place *place, struct expr *index,
		 const struct type *element, uint32_t limit);

/* ---- lower_core.c ---- */

/* A place behind a pointer to `type`: what follows goes by the running kernel's layout when it is a struct of
 * the kernel and the function is eBPF. */
void core_begin(struct body *f, struct place *place, const struct type *type);
/* One step further; only when place->core. */
void core_enter_field(struct body *f, struct place *place, const struct decl *field);
void core_enter_element(struct body *f, struct place *place, const struct type *element,
			uint32_t index);
/* Debug type of a struct of the kernel with the members that the program reads. */
uint32_t core_record(struct lower *lw, const struct type *type);
/* True when the place is inside of a struct of the kernel, not the struct itself. */
bool core_is_inside(const struct place *place);
/* `base` moved to where place->core leads. */
ir_ref core_address(struct body *f, const struct place *place, ir_ref base);
/* A number that the running kernel decides: I64. `step` NULL: of the type itself. */
ir_ref core_number(struct body *f, enum ir_core_kind kind, const struct type *type,
		   const struct core_step *step, uint64_t local);
/* Bytes from one object of the type to the next. */
ir_ref core_stride(struct body *f, const struct type *type);
ir_ref core_load_bits(struct body *f, const struct place *place, const struct type *type);
/* A fresh str of the type with the characters at a place in a struct of the kernel. */
/* The same at a place. */
void core_text_into(struct body *f, const struct place *to, const struct place *from,
		    const struct type *type);
/* True when the place is all or part of a local object, there without a condition. */
bool is_own_object(const struct place *place);
struct place core_text(struct body *f, const struct place *from, const struct type *type);

/* read_user(), read_user_str(), read_kernel_str(); `to` is where an aggregate goes. */
ir_ref lower_memory_read(struct body *f, struct expr *call, const struct place *to);
/* has_field(), has_type() and the like. lower_question.c */
ir_ref lower_kernel_question(struct body *f, struct expr *call);

/* ---- lower_bits.c ---- */

/* A bit-field; `type` is its type. */
ir_ref load_bits(struct body *f, const struct place *place, const struct type *type);
void store_bits(struct body *f, const struct place *place, const struct type *type, ir_ref value);
/* Puts a constant into the bytes of the storage unit of a bit-field. */
void put_bits(const struct lower *lw, uint8_t *out, const struct decl *field, uint64_t value);

/* ---- lower_trace.c ---- */

/* True for a program whose parameters are not its context as it comes. */
bool is_tracer(const struct program_kind *kind);
/* True when the context is a struct of the kernel. */
bool has_kernel_context(const struct program_kind *kind);
/* Parameters of such a program. */
void enter_tracer_params(struct body *f);
/* Bytes that an access to a field of the context really has; 0: as its type says. */
uint32_t context_field_width(const struct body *f, const struct place *place);

/* ---- lower_note.c ---- */

/* Parameters of a program that is run by the probes that another program declares. */
void enter_note_params(struct body *f);
/* The value of such a parameter: I64. */
ir_ref note_value(struct body *f, uint32_t param);

/* ---- lower_aggregate.c ---- */

/* Puts the value of an aggregate expression at a place that nothing in `expr` reads. */
void lower_into(struct body *f, const struct place *to, struct expr *expr, const struct type *type);
/* The same into an object that exists; takes care of expressions that read it. */
void assign_aggregate(struct body *f, const struct place *to, struct expr *expr,
		      const struct type *type);
/* A fresh object that holds the value. */
struct place lower_temporary(struct body *f, struct expr *expr, const struct type *type);

/* A loop over 0 .. count - 1 around what is emitted between the two calls. */
struct counter {
	uint32_t slot, head, end;
	ir_ref value; // I64, the current number
};
struct counter begin_count(struct body *f, uint32_t count);
void end_count(struct body *f, const struct counter *counter);
/* Copies an element, scalar or aggregate. */
void copy_member(struct body *f, const struct place *to, const struct place *from,
		 const struct type *type);

/* ---- lower_map.c ---- */

struct entry lower_entry(struct body *f, struct expr *expr); // looks it up
void look_up(struct body *f, struct entry *entry);           // fills ptr from map and key
struct place entry_place(struct body *f, const struct entry *entry);
ir_ref entry_present(struct body *f, const struct entry *entry); // I32
void write_back(struct body *f, const struct entry *entry);
void bind_entry(struct body *f, struct decl *decl, struct expr *init);
void assign_entry(struct body *f, struct expr *target, struct expr *value);
void assign_entry_op(struct body *f, struct expr *target, enum binary_op op, struct expr *value);
void delete_entry(struct body *f, struct expr *target);
/* Declares a loop variable with the value at a place. */
void bind_each(struct body *f, struct decl *decl, const struct type *type,
	       const struct place *from);
ir_ref lower_in(struct body *f, struct expr *expr);
/* Address of an object: the variable itself where it is one, else a temporary. */
ir_ref object_address(struct body *f, struct expr *expr, const struct type *type);

/* ---- lower_inner.c: entries of maps that are themselves entries ---- */

/* The map that an entry of a map of maps is: PTR, or null. */
ir_ref find_inner(struct body *f, const struct entry *entry);
ir_ref look_up_inner(struct body *f, const struct entry *entry); // PTR to the value, or null
/* 0 or negative errno, which is what an absent map gives. */
ir_ref update_inner(struct body *f, const struct entry *entry, ir_ref value, uint32_t flag);
void delete_inner(struct body *f, const struct entry *entry);
/* `outer[k] = m` */
void put_inner(struct body *f, const struct entry *entry, struct decl *map);
/* Address of the key for the kernel; in arrays 32 bits. */
ir_ref key_address(struct body *f, const struct entry *entry);

/* ---- lower_callback.c ---- */

void lower_callback(struct lower *lw, const struct pending_fn *pending);

/* ---- lower_map_call.c ---- */

/* A call of a BPF helper that may do anything. */
ir_ref emit_helper(struct body *f, const char *name, enum ir_type result, const ir_ref *args,
		   uint32_t count);
ir_ref map_ref(struct body *f, struct decl *map); // as an argument of a helper
ir_ref value_address(struct body *f, struct expr *expr, const struct type *type);
ir_ref lower_map_call(struct body *f, struct expr *call); // a method
/* What pop() or peek() finds. */
struct entry lower_taken(struct body *f, struct expr *call);
ir_ref lower_in_set(struct body *f, struct decl *set, struct expr *value);
ir_ref lower_dispatch(struct body *f, struct expr *call);
/* At the start of main: the functions that handle records because of their names. */
void register_callbacks(struct body *f);

void refresh_entry(struct body *f, struct decl *decl);

/* ---- lower_changes.c ---- */

/* Whether entries of the map may be replaced within the scope of an entry variable of eBPF code; NULL: the
 * whole function. */
bool may_go_stale(struct body *f, const struct decl *map, const struct block *scope);
/* After a change of the map: looks the variables in view up again. */
void refresh_entries(struct body *f, const struct decl *map);
void refresh_after_call(struct body *f, const struct decl *callee);
bool helper_changes_map(const struct body *f, const struct decl *helper);

/* ---- lower_packet.c ---- */

ir_ref lower_redirect(struct body *f, struct expr *call); // lower_redirect.c
/* Tests. lower_test.c */
ir_ref lower_test(struct body *f, struct expr *call);
void lower_tests(struct lower *lw); // asks for them, and makes the function that runs one
/* struct_ops (lower_ops.c): after the programs, whose numbers come first. */
void lower_impls(struct lower *lw);
ir_ref lower_register(struct body *f, struct expr *call, const char *runtime);
bool is_ctx_at(const struct expr *expr);
ir_ref lower_ctx_at(struct body *f, struct expr *call);
/* The same as a condition: stores the pointer in `slot` and goes to `yes`, or goes to `no`. */
void lower_ctx_at_test(struct body *f, struct expr *call, uint32_t slot, uint32_t yes, uint32_t no);
ir_ref lower_ctx_len(struct body *f, struct expr *call);
/* At the start of a classifier: makes the part of the packet linear that ctx.at() will ask for. */
void pull_headers(struct body *f);

/* ---- lower_string.c ---- */

/* An evaluated string operand; its place has no guards. */
struct text {
	struct place place;
	uint32_t capacity;          // bytes of storage
	const struct expr *literal; // EXPR_STRING, else NULL
};
struct text lower_text(struct body *f, struct expr *expr);
ir_ref texts_equal(struct body *f, const struct text *a, const struct text *b); // I32
ir_ref text_length(struct body *f, const struct text *text);                    // I32
/* A string into an object of `type`: cut to it, the rest zero, NUL-terminated if that is a str. */
void lower_string_into(struct body *f, const struct place *to, struct expr *expr,
		       const struct type *type);
/* to += expr */
void append_to_string(struct body *f, const struct place *to, struct expr *expr,
		      const struct type *type);
struct place literal_place(struct body *f, const struct expr *string);

/* ---- lower_print.c ---- */

ir_ref lower_print(struct body *f, struct expr *call);
/* The same after a text; in userspace the line is not ended, for ks_panic. */
void lower_message(struct body *f, const char *prefix, const expr_list *args, span where);

/* ---- lower_panic.c ---- */

void lower_panic(struct body *f, struct expr *call);
void lower_assert(struct body *f, struct expr *call);
/* Userspace: ends the process when the function value is null. */
void guard_function(struct body *f, ir_ref callee, span where);
/* Ends the process when there was no memory for a record of a log of defers. */
void guard_memory(struct body *f, ir_ref object, span where);
bool is_panic(const struct expr *expr);

/* ---- lower_call.c ---- */

/* `to` is where an aggregate result goes, NULL for others. */
ir_ref lower_call(struct body *f, struct expr *call, const struct place *to);

/* ---- lower_value_call.c ---- */

ir_ref lower_function_value(struct body *f, struct decl *decl, const struct type *type);
/* eBPF: the one function that an expression gives; NULL when it may be several. */
struct decl *find_function(const struct body *f, struct expr *expr);
/* The same; reports when there is none. */
struct decl *get_function(struct body *f, struct expr *expr);
bool takes_functions(const struct decl *decl);

/* ---- lower_tail.c ---- */

ir_ref lower_tail_call(struct body *f, struct expr *call);

/* ---- lower_bounds.c ---- */

/* Largest value that an unsigned reading of the expression can have; UINT64_MAX when unknown. */
uint64_t upper_bound(const struct body *f, const struct expr *expr);
/* The same from the text alone: it does not depend on what has been lowered so far. */
uint64_t static_upper_bound(const struct expr *expr);
void assume(struct body *f, const struct expr *condition, bool holds);
void forget_facts(struct body *f, const struct decl *decl); // NULL: of every assigned variable

/* ---- lower_defer.c ---- */

/* Finds the defers of the function and makes room for what is to be known of them at its end. */
void find_defers(struct body *f);
/* Runs those that stand in one block of a defer, or in none (NULL); the last one first. */
void run_defers(struct body *f, const struct block *outer);
void lower_defer(struct body *f, struct stmt *stmt);

/* ---- lower_unwind.c ---- */

/* Finds the functions that can let a throw pass to their caller. */
void find_throws(struct lower *lw);
bool fn_may_throw(const struct lower *lw, const struct decl *decl);
/* A call through a value of that function type. */
bool type_may_throw(const struct lower *lw, const struct type *type);
void leave_in_panic(struct body *f); // eBPF: out of the program, past every catch
void lower_throw(struct body *f, struct stmt *stmt);
void lower_try(struct body *f, struct stmt *stmt);
void leave_with(struct body *f, ir_ref value); // return, through the defers if there are any
void begin_unwind(struct body *f);
void finish_exit(struct body *f);
void check_thrown(struct body *f, uint32_t slot); // after a call that may throw
uint32_t error_word(struct body *f);              // slot handed to such a call, cleared

#endif
