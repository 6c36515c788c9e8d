/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The syntax tree: kind + tagged union, every node with the span of its source text. The parser
 * makes it; the checker (frontend/sema) fills the fields marked "sema", puts EXPR_CONVERT nodes
 * where a conversion happens, and changes nothing else; lowering reads it. Nodes live in the module
 * arena.
 */
#ifndef KS_SYNTAX_AST_H
#define KS_SYNTAX_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/intern.h"
#include "frontend/base/source.h"
#include "frontend/base/vec.h"

struct type; // frontend/sema/type.h
struct expr;
struct stmt;
struct decl;
struct type_node;
struct scope;
struct module;

enum expr_kind {
#define EXPR(kind, member, name) kind,
#include "frontend/syntax/ast.def"
	EXPR_KIND_COUNT
};

enum stmt_kind {
#define STMT(kind, member, name) kind,
#include "frontend/syntax/ast.def"
	STMT_KIND_COUNT
};

enum decl_kind {
#define DECL(kind, member, name) kind,
#include "frontend/syntax/ast.def"
	DECL_KIND_COUNT
};

enum type_node_kind {
#define TYPE_NODE(kind, member, name) kind,
#include "frontend/syntax/ast.def"
	TYPE_NODE_KIND_COUNT
};

enum unary_op {
#define UNARY(kind, spelling) kind,
#include "frontend/syntax/ast.def"
	UNARY_COUNT
};

enum binary_op {
#define BINARY(kind, spelling, precedence) kind,
#include "frontend/syntax/ast.def"
	BINARY_COUNT
};
/* Marks a plain `=` in struct stmt.assign. */
#define ASSIGN_PLAIN BINARY_COUNT

typedef VEC(struct expr *) expr_list;
typedef VEC(struct stmt *) stmt_list;
typedef VEC(struct decl *) decl_list;

struct block {
	span where; // with the braces
	stmt_list stmts;
};

struct type_node {
	enum type_node_kind kind;
	span where;
	struct type *type; // sema: what it means
	union {
		struct {
			symbol prefix; // import name before the dot, 0 when absent
			symbol name;
		} named;
		struct type_node *element; // pointer
		struct {
			struct type_node *element; // NULL for str
			struct expr *count;
		} array;
		struct {
			decl_list params;         // DECL_PARAM; name 0 where none was written
			struct type_node *result; // NULL for void
		} func;
		struct {
			symbol kind;           // "hash"
			struct type_node *key; // first type argument
			struct type_node *
				value; // second, NULL when there is one only (ringbuf<T>, queue<T>)
			struct expr *size; // NULL when left out
		} map;
	};
};

/* Why an EXPR_CONVERT stands where it stands. */
enum conversion {
	CONV_INT,   // integer, char, enum or bool to an integer type: extend, truncate, reinterpret
	CONV_TRUTH, // integer, char, enum, string, pointer or handle to bool: non-zero, non-empty,
		    // non-null
	CONV_ENTRY_VALUE,   // map entry to its value, zero when absent
	CONV_ENTRY_PRESENT, // map entry to bool
	CONV_STR, // string to a string of another capacity, or a string literal to a char/u8 array
	CONV_POINTER,     // pointer to pointer, null to pointer or handle
	CONV_POINTER_INT, // pointer to u64
	CONV_FUNC,        // function name to function value or program reference
};

struct match_pattern {
	struct expr *low;  // NULL for `default`
	struct expr *high; // `low..high` with high excluded, as in `for`; NULL for a single value
};

struct match_arm {
	span where;
	VEC(struct match_pattern) patterns; // alternatives; one with low == NULL is the default arm
	struct expr *value;                 // `PAT: expr`; NULL when the arm is a block
	struct block *body; // `PAT: { … }`; its last statement, if STMT_EXPR, is the value
};

struct field_init {
	span where; // of the name
	symbol name;
	struct expr *value;
	struct decl *field; // sema
};

struct expr {
	enum expr_kind kind;
	bool is_const;  // sema: `value` is known at compile time
	bool is_lvalue; // sema: names a place that can be assigned to or have its address taken
	uint16_t
		height; // nodes on the longest way down, at most PARSE_MAX_HEIGHT: the stack that a
			// recursive walk needs
	bool is_literal; // sema: a constant made of integer literals only; takes the other operand's type
	span where;
	struct type *type; // sema; never NULL afterwards
	uint64_t value; // sema, if is_const: sign- or zero-extended according to type; bool is 0 or
			// 1
	union {
		struct {
			uint64_t value;
			bool is_hex; // written with a base prefix, for printing
		} integer;
		struct {
			const char *data; // escapes resolved; NUL-terminated, may contain NULs
			uint32_t len;
		} string;
		struct {
			symbol name;
			struct decl *decl; // sema
			bool is_imported;  // sema: was written `import.name`
		} name;
		struct {
			enum unary_op op;
			struct expr *operand;
		} unary;
		struct {
			enum binary_op op; // unused by EXPR_IN
			struct expr *left, *right;
			span op_where;
		} binary;
		struct {
			struct expr *callee;
			expr_list args;
			VEC(symbol)
			arg_names; // parallel to args when any was written `name: e`; else empty
			struct decl *target; // sema: what is called; NULL for a function value
			bool is_returned;    // sema: its value is what a program returns, as is
		} call;
		struct {
			struct expr *base, *index;
		} index; // sema: base of map type makes the expression an entry (type kind
			 // TYPE_ENTRY)
		struct {
			struct expr *base;
			symbol name;
			bool arrow; // written `->`
			span name_where;
			struct decl *decl; // sema: DECL_FIELD, or the declaration that a qualified
					   // name means
		} field;
		struct {
			struct expr *operand;
			struct type_node *node;
			enum conversion conversion; // sema
		} cast;
		struct {
			struct type_node *node; // named type
			VEC(struct field_init) fields;
		} literal;
		struct {
			expr_list items;
		} array;
		struct {
			struct expr *subject;
			VEC(struct match_arm) arms;
		} match;
		struct {
			struct expr *condition;
			struct block *then, *otherwise; // the last STMT_EXPR of each is its value
		} conditional;
		struct {
			struct type_node *node;
			struct expr *flag; // NULL when absent
		} alloc;
		struct {
			struct type_node *node;
			symbol field; // offsetof
		} type_arg;
		struct {
			struct expr *operand;
			enum conversion conversion;
		} convert;
	};
};

struct catch_arm {
	span where;
	struct expr *code; // NULL for `catch _`
	struct block *body;
};

struct stmt {
	enum stmt_kind kind;
	span where;
	union {
		struct {
			struct decl *decl; // DECL_LOCAL
		} var;
		struct {
			enum binary_op op; // ASSIGN_PLAIN or the operator of `op=`
			span op_where;
			struct expr *target, *value;
		} assign;
		struct expr *expr; // return: NULL when bare
		struct {
			struct decl *binding;   // DECL_LOCAL of `if (var x = e)`, else NULL
			struct expr *condition; // NULL when there is a binding
			struct block *then;
			struct stmt *otherwise; // STMT_IF or STMT_BLOCK, NULL when absent
		} conditional;
		struct {
			struct expr *condition;
			struct block *body;
		} loop;
		struct {
			struct decl *var; // DECL_LOCAL
			struct expr *begin, *end;
			struct expr *step; // NULL when absent
			struct block *body;
		} range;
		struct {
			struct decl *key, *value; // DECL_LOCAL
			struct expr *map;
			struct block *body;
		} each;
		struct {
			struct block *body;
			VEC(struct catch_arm) catches;
		} attempt;
		struct {
			struct block *block;
			bool is_call;       // `defer f(x)`
			decl_list captures; // sema: locals that hold what the call is given
		} deferral;
		struct block *block;
	};
};

struct attribute {
	span where;
	symbol name;
	struct expr *arg; // EXPR_STRING, EXPR_NAME or EXPR_INT; NULL when absent
};

/* What an attribute that names no program kind makes of a function. */
enum func_role {
	ROLE_PLAIN, // none, or a program
	ROLE_HELPER,
	ROLE_KFUNC,   // exported by the program's kernel module
	ROLE_PRIVATE, // of that module
	ROLE_TEST,
	ROLE_OPERATION, // function of an impl
	ROLE_PROGRAM,   // program of a kind that cannot be compiled; func.program is NULL
};

/* Where a function runs; decided by its attributes. */
enum param_source {     // where a program's parameter comes from
	SOURCE_CONTEXT, // it is the context
	SOURCE_ARGUMENT,
	SOURCE_RESULT,
};

enum func_target {
	TARGET_USER,   // plain fn, @test
	TARGET_BPF,    // program or @helper
	TARGET_MODULE, // @kfunc, @private
};

struct decl {
	enum decl_kind kind;
	span where;      // whole declaration
	span name_where; // its name
	symbol name;
	struct type
		*type; // sema: type of the value, or the declared type of struct, enum and alias
	struct module *owner; // file it stands in; NULL for locals and built-ins
	struct scope *scope;  // sema: where a top-level declaration looks names up
	symbol link_name;     // sema: of a function, variable or map in the output; unique
	uint32_t use_count;   // sema: references found
	uint8_t check_state;  // sema: 0 not begun, 1 being checked, 2 done
	void *lowered;        // lower: what the declaration became
	VEC(struct attribute) attrs;
	union {
		struct {
			const char *path; // as written
			span path_where;
			struct module *module; // the parsed file; NULL when it could not be read
		} include;
		struct {
			const char *path;
			span path_where;
			struct module *module; // NULL for Python
			bool is_python;
		} import;
		struct {
			decl_list fields; // DECL_FIELD with init
		} config;
		struct {
			decl_list fields;
			bool is_packed; // sema, from @packed
		} record;
		struct {
			decl_list constants; // DECL_ENUM_CONST
		} enumeration;
		struct type_node *alias;
		struct {                          // const, global, local, parameter
			struct type_node *node;   // NULL when the type is inferred
			struct expr *init;        // NULL when absent
			bool is_const;            // local `const`
			bool is_pinned, is_local; // `pin`, `local`
			bool is_present;       // sema: entry or pointer bound by `if (var x = e)`
			bool is_assigned;      // sema: assigned after its declaration
			bool is_address_taken; // sema
			uint32_t index;        // parameter number
			uint8_t source;        // sema: of a program's parameter, enum param_source
			uint16_t source_index; // sema: number of the slot or argument
			bool may_be_null;      // sema: of a program: the kernel may give null
		} variable;
		struct {
			struct type_node *node; // TYPE_NODE_MAP
			bool is_pinned;
			VEC(struct expr *) flags; // EXPR_NAME or EXPR_CALL (numa_node(n))
			uint32_t flag_bits;       // sema: BPF_F_* bits of the flags
			uint32_t numa_node;       // sema, of the flag numa_node(n)
			struct decl *
				inner; // sema: what the maps in a map of maps are like; nowhere else
			struct decl *callback; // sema: function that handles the records, or NULL
			bool is_handled;       // sema: on_event() is called for it somewhere
			bool counts_dropped;   // sema: dropped() is called for it somewhere
		} map;
		struct {
			decl_list params;         // DECL_PARAM
			struct type_node *result; // NULL for void
			decl_list result_var;     // one DECL_LOCAL for `-> name: T`; else empty
			struct block *body;       // NULL for extern
			bool is_public, is_private;
			enum func_target target; // sema
			enum func_role role;     // sema
			const struct program_kind
				*program; // sema: row of the program table; NULL if no program
			const char *program_arg; // sema: argument of the program attribute, NULL
						 // when absent
			struct decl *context;    // sema: the context when no parameter is; or NULL
			uint16_t result_slot;    // sema: behind the function's own parameters
			bool is_syscall;         // sema: it watches a system call's function
			bool can_fall_back;      // sema: its kind's fallback can do the same
			bool is_unavailable;     // sema: needs something that cannot be compiled
			uint32_t reached_by;     // sema: families (program_kind.helpers) of the
						 // programs that call it, or of its own
			bool has_other_results; // sema: of a classifier: not only verdicts that tcx has
			struct decl *impl;      // of a member of an impl; set by sema
			bool is_sleepable; // sema: of a member of an impl: calls what may sleep
			/* sema: an extern that is a kfunc: its row, or NULL, and that it is one */
			const struct kfunc_info *kfunc;
			bool is_kfunc, has_callback; // has_callback: it takes a function
			bool used_from[3]; // sema: called from a function of that enum func_target
		} func;
		struct {
			decl_list functions;
			VEC(struct field_init) fields;
			struct scope *names; // sema: of the functions
		} impl;
		struct {
			struct type_node *node;
			struct expr
				*init; // default of a config field or, in a literal, of a struct's
			uint32_t bit_width;  // 0 when not a bit-field
			uint32_t offset;     // sema: bytes; for a bit-field, of its storage unit
			uint32_t bit_offset; // sema: within the storage unit
			bool is_kptr; // sema: a pointer in a map that only bpf_kptr_xchg() changes
			bool is_foreign; // sema: a kernel's pointer that may not be followed directly
			const struct ctx_field
				*ctx; // sema: row of the context table; NULL for ordinary fields
		} field;
		struct {
			struct expr *init; // NULL when counted up
			uint64_t value;    // sema, extended according to the enum's type
			struct decl *parent;
		} constant;
		struct {
			int id; // row of builtins.def
		} builtin;
	};
};

/* One parsed file. */
struct module {
	struct source_file *file;
	bool is_header;      // .kh
	bool is_damaged;     // after mistakes, declarations or parts of them are missing
	decl_list decls;     // in source order
	struct scope *scope; // sema
};

/* Spelling of an operator, name of a kind, as in ast.def. */
const char *unary_spelling(enum unary_op op);
const char *binary_spelling(enum binary_op op);
const char *decl_kind_name(enum decl_kind kind);
const char *expr_kind_name(enum expr_kind kind);

/* What an expression means where a type is wanted: `T`, `m.T`, `T[9]` and `*T` of a T that is no keyword
 * are parsed as expressions. NULL when it can be no type. */
struct type_node *ast_type_of_expr(struct arena *a, struct expr *e);

#endif
