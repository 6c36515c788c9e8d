/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the checker: its state and what its files offer each other. Nothing outside
 * frontend/sema includes this.
 *
 * An expression is checked by one of the check_ functions, which return the node to put in its
 * place: the same one, or an EXPR_CONVERT around it. `hint` is the type that the context wants, or
 * NULL; it only steers literals and never makes an error.
 */
#ifndef KS_SEMA_CHECK_H
#define KS_SEMA_CHECK_H

#include <string.h>

#include "frontend/sema/scope.h"
#include "frontend/sema/sema.h"

/* Why a plain fn can run in userspace only. */
struct user_reason {
	span where;       // end == 0: there is none
	const char *what; // "`sleep`"
};

struct call_edge {
	uint32_t callee; // index into checker.funcs
	span where;
};

/* A try around a statement, or the border of a defer. */
struct handler {
	struct handler *outer;
	bool is_defer, catches_all;
	VEC(uint64_t) codes;
};

/* A throw, or a call of a function that may throw. */
struct throw_event {
	const struct handler *handlers; // innermost first
	span where;
	bool is_call, is_known;        // is_known: the code is constant
	uint32_t callee;               // index into checker.funcs
	const struct expr *value_call; // call through a function value
	uint64_t code;
};

/* A code that can leave a function. */
struct escape {
	bool is_known;
	uint64_t code;
	uint32_t event; // the first one found that lets it pass; index into throws
};

/* Something that only some kinds of program may do: use a field of the context, call a helper. */
struct kind_use {
	const struct ctx_field *field;    // or
	const struct helper_info *helper; // or
	const struct kfunc_info *kfunc;   // or
	const struct decl *map;           // or
	bool is_tail_call;
	span where;
	bool is_write, is_reported;
};

/* Functions that a value may be. */
struct function_set {
	VEC(uint32_t) numbers; // indices into checker.funcs
	bool is_any;           // others of its type as well
};
struct value_sets;

/* What the checker keeps about a function with a body. */
struct func_info {
	struct decl *decl;
	VEC(struct kind_use) kind_uses;
	VEC(struct call_edge) calls;
	struct user_reason user_only;
	VEC(struct throw_event) throws;
	VEC(struct escape) escapes;
	VEC(uint32_t) handed_over;      // numbers of functions that the kernel calls for it
	VEC(const struct decl *) named; // functions that it calls or whose value it takes
	bool is_damaged;                // parts of the body did not parse
	bool has_effect;                // it does something besides giving a result
	bool is_skipped; // attribute that this version cannot compile: body not checked
};

struct loop {
	struct loop *outer;
	bool has_break;
};

/* The function, or top-level initialiser, being checked. */
struct fn_state {
	struct decl *decl; // NULL outside functions
	uint32_t number;   // index into funcs
	struct type *result;
	struct decl *result_var; // named result, or NULL
	struct loop *loop;       // innermost
	struct locals locals;
	struct map unknown;       // symbols already reported as unknown
	struct handler *handlers; // innermost
	bool in_defer;
	bool is_damaged;  // as of the func_info
	span first_defer; // empty when there is none so far
};

/* Two declarations of one name that must mean the same. */
struct redeclaration {
	struct decl *first, *second;
};

/* A map given to dispatch(). */
struct dispatched {
	const struct decl *map;
	span where;
};

/* The names of a file and of those that it includes. */
struct space {
	struct scope scope;
	struct module *root;
	struct map seen; // modules whose names are in
};

/* What has been taken from the kernel's BTF so far. */
struct kernel_names {
	const struct btf *btf; // NULL when there is none
	bool is_opened;
	bool has_modules;   // those of modules were asked for
	bool is_broken;     // what was to be opened could not; that was reported
	struct map types;   // BTF id to type
	struct map ids;     // DECL_STRUCT or DECL_ENUM to BTF id
	struct map missing; // names that the kernel does not have
};

struct checker {
	struct compile *compile;
	struct diags *diags;
	struct arena *arena; // module arena
	struct types *types;
	const struct target_info *info;
	struct checked_program *out;
	VEC(const struct expr *) runs; // calls of run(), judged when all is known of variables
	struct scope prelude;          // built-in functions, contexts, prelude.kh
	struct scope *top;             // the file being checked, with what it includes
	VEC(struct space *) spaces;    // the program first, then imported files
	decl_list all;                 // every top-level declaration, in order
	VEC(struct redeclaration) redeclarations;
	struct kernel_names kernel;
	struct map helpers;          // symbol to DECL_EXTERN made for a BPF helper
	struct map methods;          // symbol of "ctx.at" to DECL_BUILTIN
	struct map handler_types;    // function types of handlers
	struct map module_functions; // symbol to DECL_EXTERN that module code calls
	struct map func_index;       // DECL_FUNC to index + 1 into funcs
	VEC(struct func_info) funcs;
	VEC(struct call_edge)
	function_values;                   // functions whose value is taken
	VEC(struct call_edge) handed_over; // those of them that the kernel calls
	struct value_sets *value_sets;     // what variables and fields may hold of them
	expr_list dropped;                 // calls whose result is not used
	VEC(struct dispatched) dispatched;
	bool has_syntax_errors; // parts are missing: what is unused is not judged
	uint32_t depth;         // nesting of whatever is being checked

	struct fn_state fn; // what is being checked now
};

/* ---- reporting (report.c) ---- */

#define NAME(c, sym) intern_text(&(c)->compile->names, (sym))
#define TEXT(c, type) type_text((c)->types, (type))

/* Adds "did you mean" with a fix when the search found a name. */
void report_suggestion(struct checker *c, struct diag *d, span where, const struct suggestion *s);
/* Note at the declaration, when it has a place. */
void report_declared(struct checker *c, struct diag *d, const struct decl *decl);
/* A form that cannot be compiled, and not even checked. */
void report_unavailable(struct checker *c, span where, const char *what);
/* A form that is checked in full but cannot be compiled: nothing is said before an output needs it. Marks the
 * function being checked. */
void note_unavailable(struct checker *c, span where, const char *what);
/* "expected `want`, found `got`". */
struct diag *report_mismatch(struct checker *c, span where, const struct type *want,
			     const struct type *got);
/* Value of a constant as the author would write it. */
const char *value_text(struct checker *c, const struct type *type, uint64_t value);

/* Tells how a word of another language is written here. False when it is none such. */
bool report_foreign(struct checker *c, struct diag *d, span where, const char *word);
/* How the language writes a method that other languages have; NULL when it is none of those. */
const char *foreign_method(const struct type *receiver, const char *word);
const char *foreign_attribute(const char *word); // NULL when it is not one

enum unavailable_space { ATTRIBUTE, FUNCTION, MAP_KIND, TYPE_NAME };
/* What the table says about a name, or NULL. */
const char *find_unavailable(enum unavailable_space space, const char *name);

/* One level deeper; false after a diagnostic at SEMA_MAX_DEPTH. */
bool enter(struct checker *c, span where);
static inline void leave(struct checker *c)
{
	c->depth--;
}

/* Marks an expression as wrong; the reason was reported. */
static inline struct expr *fail(struct checker *c, struct expr *e)
{
	e->type = c->types->error;
	e->is_const = e->is_literal = false;
	return e;
}

/* The function being checked does something besides giving a result. */
static inline void note_effect(struct checker *c)
{
	if (c->fn.decl)
		c->funcs.data[c->fn.number].has_effect = true;
}

/* ---- names (resolve.c) ---- */

/* Puts the top-level declarations of all included files into the scopes and lists. */
void resolve_program(struct checker *c, const struct program *program);
/* Declaration meant by a name used at `where`; counts the use. NULL after a diagnostic. */
struct decl *resolve_name(struct checker *c, symbol name, span where);
/* The same without a diagnostic and without counting: NULL when there is none. */
struct decl *find_name(struct checker *c, symbol name);
/* The BPF helper of that name as a DECL_EXTERN, or NULL. */
struct decl *resolve_helper(struct checker *c, symbol name);
/* Type from text such as "u32", "*u8", "xdp_action", as tables write it. */
struct type *resolve_type_text(struct checker *c, const char *text);
/* What `name` of an imported file means; counts the use. NULL after a diagnostic. */
struct decl *resolve_imported(struct checker *c, struct decl *import, symbol name, span where);
/* Makes `import.name` an EXPR_NAME with its declaration, NULL after a diagnostic. False when e is
 * something else. */
bool take_imported(struct checker *c, struct expr *e);
/* The import of a Python file whose member e names, or NULL. */
struct decl *find_python(struct checker *c, const struct expr *e);
/* Compares the declarations that were given twice. */
void resolve_check_redeclarations(struct checker *c);
/* Makes a declaration without source text. */
struct decl *make_decl(struct checker *c, enum decl_kind kind, symbol name);

/* ---- names from the kernel's BTF (kernel_types.c); NULL when it has none such ---- */

struct decl *kernel_find_type(struct checker *c, symbol name);
/* Enum constants in capitals. */
struct decl *kernel_find_constant(struct checker *c, symbol name);
struct decl *kernel_find_function(struct checker *c, symbol name);
/* Names of the kernel that are near to one that was not found. */
void kernel_offer_types(struct checker *c, struct suggestion *s);
void kernel_offer_constants(struct checker *c, struct suggestion *s);
/* Type of the functions that a member of a struct of the kernel points at; NULL when it is something else. */
struct type *kernel_member_function(struct checker *c, const struct type *record, symbol member);
/* Gives a struct of the kernel its fields; false for other structs. */
bool kernel_complete(struct checker *c, struct decl *d);
/* Parameters and result of a function of the kernel. */
struct kernel_param {
	symbol name; // 0: not told
	struct type *type;
	uint16_t slot; // of 64 bits, among those of all parameters
};
struct kernel_proto {
	struct kernel_param *params;
	uint32_t count;
	uint16_t slots; // of all of them
	struct type *result;
};
/* False when the kernel has none of that name. */
bool kernel_find_proto(struct checker *c, const char *function, struct kernel_proto *out);
/* The same of what a typedef of a pointer to a function names. */
bool kernel_find_typedef_proto(struct checker *c, const char *name, struct kernel_proto *out);
/* True when the kernel's types are known. */
bool kernel_has_types(struct checker *c);
bool kernel_has_struct(struct checker *c, const char *name);
/* Offers the functions (typedefs) whose names begin with `prefix`, without it. */
void kernel_offer(struct checker *c, struct suggestion *s, const char *prefix, bool typedefs);
/* True for a struct that the kernel only declares. */
bool kernel_is_opaque(struct checker *c, const struct decl *d);
/* True for a struct or enum that comes from the kernel. */
bool kernel_declares(const struct checker *c, const struct decl *d);

/* ---- types (check_type.c) ---- */

/* Meaning of a type node; TYPE_ERROR after a diagnostic. */
struct type *check_type(struct checker *c, struct type_node *node);
/* The same for a type of which there is to be a value. */
struct type *check_value_type(struct checker *c, struct type_node *node);
/* Makes size and layout known. False (with a diagnostic) when there cannot be a value of the type. */
bool complete_type(struct checker *c, struct type *type, span where);

/* ---- maps (check_map.c, check_map_call.c) ---- */

struct type *check_map_type(struct checker *c, struct type_node *node);
void check_map(struct checker *c, struct decl *d);
/* Whether a struct is kept by the kernel or holds such structs. */
void note_special(struct checker *c, struct decl *record);
/* False after a diagnostic when the map has no entries `m[k]` for the code being checked. */
bool check_map_keys(struct checker *c, const struct type *map, span where);
/* A key of the map. */
struct expr *check_map_key(struct checker *c, struct expr *key, const struct type *map);
/* The same for a loop over the map. */
bool check_map_walk(struct checker *c, const struct type *map, span where);
/* Why the built-in function may give null; NULL when it is no method of a map or never does. */
const char *map_null_text(int builtin);
/* An argument of a method of map `base` by its letter in builtins.def. */
struct expr *check_map_arg(struct checker *c, struct expr *base, struct expr *arg, char letter);
/* The type of the result of a method by its text there; notes what follows from the call. */
struct type *map_result(struct checker *c, struct expr *call, const char *result);
/* True for the context of the program that is being checked. */
bool is_context_pointer(const struct checker *c, const struct expr *e);
struct expr *check_dispatch(struct checker *c, struct expr *e);
/* A call of a function of the kernel that stands for another form; the arguments were checked. */
struct expr *make_kfunc_call(struct checker *c, span where, const char *name, struct expr **args,
			     uint32_t count);
/* `bpf_kptr_xchg(&e.p, object)`, whose arguments are pointers. */
struct expr *check_exchange(struct checker *c, struct expr *call);
/* `outer[k] = m`: the map `m` into a map of maps like `inner`. */
void check_map_put(struct checker *c, struct stmt *s, struct type *inner);
/* NULL when the argument is the address of such a struct, else what is wanted. */
const char *special_pointer(struct checker *c, const struct expr *arg, const char *name);

/* ---- functions that the kernel calls (check_callback.c) ---- */

/* The call of a helper or function of the kernel that takes a function; its other arguments were checked. */
struct expr *check_callback(struct checker *c, struct expr *call);
/* The function itself, `map` that what it gets belongs to, `context` the argument that it gets back; both may be NULL. */
struct expr *check_handed_over(struct checker *c, struct expr *arg, const struct callback *row,
			       const struct type *map, const struct expr *context);
/* After all bodies: functions that handle the records of a map because of their names. */
void find_callbacks(struct checker *c);

/* ---- declarations (check_decl.c) ---- */

/* Gives a top-level declaration its type and value; does nothing the second time. */
void check_decl(struct checker *c, struct decl *decl);
/* The initialiser of a global, a const or a config field: of the type, and constant. */
void check_constant_init(struct checker *c, struct expr **init, struct type *type,
			 const char *what);
/* Evaluates an expression that must be an integer constant. False after a diagnostic. */
bool check_integer_constant(struct checker *c, struct expr **e, struct type *hint,
			    const char *what);

/* ---- constants (const_eval.c) ---- */

/* `value` cut to the width of the type and extended according to its sign. */
uint64_t const_normalize(const struct type *type, uint64_t value);
/* True when a value of type `from` is the same number in `to`. */
bool const_fits(const struct type *from, uint64_t value, const struct type *to);
/* op on two values of one integer type, with the semantics of the IR. */
uint64_t const_binary(enum binary_op op, const struct type *type, uint64_t a, uint64_t b);
bool const_compare(enum binary_op op, const struct type *type, uint64_t a, uint64_t b);
/* op on two integer literals, exactly; gives the type that the result needs. False when 64 bits do
 * not hold it. */
bool const_literal_binary(const struct types *types, enum binary_op op, const struct expr *a,
			  const struct expr *b, struct type **type, uint64_t *value);
/* Type of an integer literal with that value. */
struct type *const_literal_type(const struct types *types, bool is_negative, uint64_t value);
/* Type of the two integer literals together; NULL when no type holds both. */
struct type *const_literals_type(const struct types *types, const struct expr *a,
				 const struct expr *b);
bool const_literal_less(const struct expr *a, const struct expr *b);
void set_const(struct expr *e, struct type *type, uint64_t value);

/* ---- conversions (convert.c) ---- */

struct expr *make_convert(struct checker *c, struct expr *e, struct type *to,
			  enum conversion conversion);
/* Entry to value; everything else stays. Reports what is no value at all (map, type, void). */
struct expr *to_value(struct checker *c, struct expr *e);
/* Implicit conversion to exactly `to`, with the warnings that belong to it. After a mismatch the
 * result has TYPE_ERROR. */
struct expr *convert_to(struct checker *c, struct expr *e, struct type *to);
/* Gives an integer literal another integer type without a node. False when it does not fit. */
bool retype_literal(struct expr *e, struct type *to);
/* Gives a literal beside an operand of type `other` the type that it has there: that one when it fits, else
 * i32 beside a signed one when that fits, as in C; else it stays. Anything else stays. */
struct expr *fit_literal(struct checker *c, struct expr *e, struct type *other);
/* Reports a constant that a bit-field cannot hold, and warns about a value that may lose bits there. */
void check_bit_value(struct checker *c, const struct expr *e, const struct decl *field);
/* A condition: bool. */
struct expr *to_condition(struct checker *c, struct expr *e);
/* Brings two values to one type by the rules for operands; NULL when they have none in common (no
 * diagnostic). Integers come out as TYPE_INT unless keep_kind and both are the same char or enum. */
struct type *unify(struct checker *c, struct expr **a, struct expr **b, bool keep_kind);
/* The type to which all of these values can be brought; NULL when values[*odd] does not agree with those
 * before it. Literals go by the others, or by the hint when there are no others. */
struct type *join_types(struct checker *c, struct expr **const *values, uint32_t count,
			struct type *hint, uint32_t *odd);
struct type *integer_type(const struct types *types, uint32_t size, bool is_signed);
/* The integer type in which arithmetic on `t` is done. */
struct type *arithmetic_type(const struct types *types, struct type *t);

/* ---- expressions ---- */

/* Any expression: may come out as an entry, a map, a function (check_expr.c). */
struct expr *check_expr(struct checker *c, struct expr *e, struct type *hint);
/* An expression that is to be a value (entries are read). */
struct expr *check_value(struct checker *c, struct expr *e, struct type *hint);
/* A value of exactly this type. */
struct expr *check_as(struct checker *c, struct expr *e, struct type *type);
/* The same for what d is to hold (a function: to return); a report points at d. */
struct expr *check_as_declared(struct checker *c, struct expr *e, struct type *type,
			       const struct decl *d);
struct expr *check_condition(struct checker *c, struct expr *e);
/* Operators (check_operator.c). */
struct expr *check_unary(struct checker *c, struct expr *e, struct type *hint);
struct expr *check_binary(struct checker *c, struct expr *e, struct type *hint);
/* Reports what makes `op` on a value of this type impossible. */
void report_operand(struct checker *c, span where, const char *op, const struct type *t);
/* Warns about a constant divisor 0 and a constant count that is not below the width. */
void check_right_operand(struct checker *c, enum binary_op op, const struct type *t,
			 const struct expr *right);
/* Warns about a checked comparison whose outcome the types and constants in it decide (check_range.c). */
void check_comparison_range(struct checker *c, const struct expr *e);
/* Places (check_access.c). */
struct expr *check_field(struct checker *c, struct expr *e);
struct expr *check_index(struct checker *c, struct expr *e);
/* An integer used as an index or added to a pointer: u64, or i64 when it is signed. */
struct expr *to_index(struct checker *c, struct expr *e);
/* True when e is a place in memory whose address can be taken. */
bool is_place(const struct expr *e);
/* Local or parameter that holds the object a place is part of; NULL for other objects. */
struct decl *place_root(const struct expr *e);
/* The bit-field that a place is, or NULL. */
const struct decl *place_bit_field(const struct expr *e);
/* The entry that a place is part of, or NULL. */
struct expr *place_entry(struct expr *e);
/* Field by name; NULL after a diagnostic. `record` is a complete struct or a context. */
struct decl *find_field(struct checker *c, const struct type *record, symbol name, span where);
/* A built-in function that does nothing but give a result (check_unused.c). */
bool is_pure_builtin(const struct decl *d);
/* Calls (check_call.c, check_print.c). */
/* `first`: the argument where the format or the values begin. */
struct expr *check_call(struct checker *c, struct expr *e, struct type *hint);
void check_print(struct checker *c, struct expr *e, uint32_t first);
/* A call of exit or panic, checked or not. */
bool never_returns(struct checker *c, const struct expr *e);
/* match and if (check_match.c). is_value: the context wants a value. *falls: control can go on after it. */
struct expr *check_match(struct checker *c, struct expr *e, struct type *hint, bool is_value,
			 bool *falls);
struct expr *check_if_expr(struct checker *c, struct expr *e, struct type *hint, bool is_value,
			   bool *falls);

/* ---- statements and functions (check_stmt.c) ---- */

/* Statements in a scope of their own; true when control can reach the end. With `value` the last
 * statement, if it is an expression, is stored there checked as a value and not as a statement. */
bool check_block(struct checker *c, struct block *b, struct type *hint, struct expr ***value);
bool check_stmt(struct checker *c, struct stmt *s);
/* An expression whose value is dropped; true when control can go on after it. */
bool check_discarded(struct checker *c, struct expr **e);
void check_function_body(struct checker *c, uint32_t number);
/* Declares a local; warns when it hides another. */
void declare_local(struct checker *c, struct decl *d);

/* ---- try, throw, defer (check_throw.c) ---- */

bool check_try(struct checker *c, struct stmt *s);
bool check_throw(struct checker *c, struct stmt *s);
bool check_defer(struct checker *c, struct stmt *s);
void note_throwing_call(struct checker *c, uint32_t callee, span where);
/* Values of that function type are called by the runtime, which catches nothing. */
void note_handler_type(struct checker *c, struct type *type);
/* A call through a function value of that type. */
void note_value_call(struct checker *c, const struct expr *call);
/* After all bodies: what leaves programs, main and deferred blocks. */
void check_throws(struct checker *c);

/* ---- function_values.c ---- */

/* After all bodies. */
void find_function_values(struct checker *c);
/* Calls a function for the number of each function that such a call may reach. */
typedef void called_function(void *data, uint32_t number);
void for_each_called(const struct checker *c, const struct expr *call, called_function *f,
		     void *data);

/* ---- null pointers (null_check.c) ---- */

/* After all bodies: proves that what is read or written through is not null, or reports the way. */
void check_nulls(struct checker *c);

/* ---- whole program (check_program.c) ---- */

/* An attribute that cannot stand before `what` (check_program.c). */
void report_attribute(struct checker *c, const struct attribute *a, const char *what);
/* Hook, context and parameters of a program that watches something (check_trace.c). */
void check_tracer(struct checker *c, struct decl *d);
/* Target, program kind and signature of a function from its attributes. */
void check_function_signature(struct checker *c, struct decl *d);
/* Remembers that the function being checked needs another one. */
void note_named(struct checker *c, const struct decl *d);
/* Whether the function being checked may call a function, or hold it as a value. False after a diagnostic. */
bool check_value_target(struct checker *c, span where, const struct decl *callee);
/* Records a call for the graph, with the rules for calls across targets. False after a diagnostic. */
bool check_call_edge(struct checker *c, const struct expr *call, struct decl *callee);

/* ---- what kinds of program may do (check_kinds.c) ---- */

/* An access to a field of a program context; of helpers it counts where programs call them. */
void note_ctx_access(struct checker *c, const struct ctx_field *field, span where, bool is_write);
/* The same when the place that is assigned is one. */
void note_ctx_write(struct checker *c, const struct expr *target);
/* A method that reads the packet of a context. */
void note_packet_use(struct checker *c, const struct type *ctx, span where);
void note_helper_call(struct checker *c, const struct helper_info *helper, span where);
void note_map_use(struct checker *c, const struct decl *map, span where);
void note_tail_call(struct checker *c, span where);
void note_kfunc_call(struct checker *c, const struct kfunc_info *kfunc, span where);
/* A result of the function being checked that the kernel refuses for its kind, when it is constant. */
void check_program_result(struct checker *c, const struct expr *e);
/* After all bodies: judges what was noted, for each kind of program that does it. */
void check_program_kinds(struct checker *c);
/* "@cgroup("bind4")" */
const char *kind_text(struct checker *c, const struct program_kind *kind);
/* "6.12" */
const char *release_text(struct checker *c, uint32_t release);

/* ---- helpers, kernel-module functions, tests (check_role.c) ---- */

bool is_role_attribute(const char *name);
void offer_roles(struct suggestion *s);
/* Gives the function the role and target that a role attribute names. */
void apply_role(struct checker *c, struct decl *d, const struct attribute *a);
void check_role_signature(struct checker *c, const struct decl *d);
/* Whether a function may call another one that is no program. */
bool may_call(const struct decl *from, const struct decl *to);
bool is_module_code(const struct checker *c);
/* False after a diagnostic where kernel-module code uses a variable, config or map. */
bool check_shared_use(struct checker *c, span where, const struct decl *d);
/* The function of the kernel that module code means by a name, or NULL. */
struct decl *find_module_function(struct checker *c, symbol name);
/* A call of it. */
struct expr *check_kernel_call(struct checker *c, struct expr *e, struct decl *d);

/* ---- impl (check_impl.c) ---- */

/* Gives the functions of an impl their scope; when names are collected. */
void add_operations(struct checker *c, struct decl *d);
void check_impl(struct checker *c, struct decl *d);

/* ---- life of objects (check_alloc.c) ---- */

struct expr *check_new(struct checker *c, struct expr *e);
/* `delete` of what a pointer points at; false when it cannot be deleted. */
bool check_delete_object(struct checker *c, struct stmt *s);
/* Reports a returned value that holds the address of a local. */
void check_returned_address(struct checker *c, const struct expr *e);

/* ---- test() (check_test.c) ---- */

/* Its second argument. */
struct expr *check_test_context(struct checker *c, const struct expr *tested, struct expr *e);
/* False after a diagnostic outside of @test functions. */
bool check_test_place(struct checker *c, const struct expr *e);
/* Calls of run(): the program that is run takes what is given. */
void check_runs(struct checker *c);

/* ---- redirect() (check_redirect.c) ---- */

struct expr *check_redirect(struct checker *c, struct expr *e);

/* ---- functions of the kernel that eBPF calls (check_kfunc.c) ---- */

/* A call of an extern that is no BPF helper. */
struct expr *check_kfunc_call(struct checker *c, struct expr *e, struct decl *d);
/* The parameter may be null. */
bool kfunc_param_takes_null(struct checker *c, const struct decl *kfunc, uint32_t index);

/* ---- tail calls (check_tail.c) ---- */

/* Marks the calls whose value is the value of e, which a program returns. */
void mark_returned(struct expr *e);
/* A call of a program. False after a diagnostic. */
bool check_tail_call(struct checker *c, const struct expr *call, const struct decl *callee);
/* Notes a use of something that exists in userspace only / in eBPF only; false after a diagnostic. */
bool use_user_only(struct checker *c, span where, const char *what);
bool use_bpf_only(struct checker *c, span where, const char *what);
/* After all bodies: reach of eBPF, recursion. */
void check_call_graph(struct checker *c);
/* Last of all: marks the functions that need one that cannot be compiled. */
void spread_unavailable(struct checker *c);

/* ---- what is not used (check_unused.c) ---- */

/* After all bodies: functions, parameters and results. */
void check_unused(struct checker *c);

#endif
