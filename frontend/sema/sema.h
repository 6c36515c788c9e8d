/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker: names, types, constants, targets. In: parsed modules. Out: the same trees with the
 * fields marked "sema" filled and conversions made explicit, plus the lists below. After it returns
 * true, lowering cannot fail for a reason that the author could mend, apart from limits of the
 * target.
 *
 * What lowering may rely on when sema_check_program() returned true
 * -----------------------------------------------------------------
 *
 * General
 *   - Every expression has a type, never TYPE_ERROR; no *_ERROR node and no construct that this
 *     version cannot compile is left in a function body.
 *   - A conversion exists only as EXPR_CONVERT or EXPR_CAST. Wherever a value of type T is wanted the
 *     expression has exactly type T (pointer equality): initialisers, assigned values, arguments,
 *     returned values, map keys and values, elements, fields, arm values, both bounds of a range.
 *   - is_const: the value is in `value`, extended according to the type (pointers and handles: 0, that
 *     is null). Lowering emits that constant and need not look at the children. Only scalar
 *     expressions are is_const; string, struct and array literals are not.
 *   - Trees are never deeper than SEMA_MAX_DEPTH, so recursion over them is safe. A chain of `else if`
 *     counts one level per link.
 *   - A place is: EXPR_NAME of a variable, EXPR_FIELD, EXPR_INDEX, EXPR_UNARY deref. is_lvalue says that
 *     it may be assigned.
 *
 * Entries (TYPE_ENTRY; `entry_of` is the map, whose type gives key and value types)
 *   An expression of type TYPE_ENTRY is one of
 *   - EXPR_INDEX with a base of TYPE_MAP: base is EXPR_NAME of the DECL_MAP, index has the key type, in eBPF code
 *     a pointer to the object for maps of shape STORAGE;
 *   - EXPR_INDEX whose base is an entry with a value of TYPE_MAP (map of maps): entry_of is then decl->map.inner, which
 *     is no map of the program;
 *   - EXPR_CALL of a method of a map with result "?v" (pop, peek of a queue): what was found, a copy;
 *   - EXPR_NAME of a DECL_LOCAL whose type is TYPE_ENTRY (`var e = m[k]`, `if (var e = m[k])`): the
 *     entry found when the local was initialised. variable.is_present on the local: known to exist at the
 *     beginning of its scope, and to the end unless the map is changed meanwhile. variable.is_assigned: some STMT_ASSIGN gives the local a whole new value; from then on
 *     it is a local copy, which counts as present.
 *   It stands only where one of these consumes it:
 *   - CONV_ENTRY_VALUE: its value, zero when absent; type V, also when V is an aggregate;
 *   - CONV_ENTRY_PRESENT: bool;
 *   - EXPR_FIELD base (V a struct; `.` and `->` mean the same), EXPR_INDEX base (V an array or str): a
 *     place inside the entry, of the field's or element's type. Reading it gives zero when the entry is
 *     absent, writing does nothing then. Such places nest (`m[k].a.b[2]`) and need no EXPR_CONVERT;
 *   - target of STMT_ASSIGN: `m[k] = v` and `m[k] op= v` insert or replace; for a local see above (`e op= v`
 *     is `e = e op v`);
 *   - initialiser of a DECL_LOCAL of TYPE_ENTRY, also as the binding of an STMT_IF;
 *   - operand of STMT_DELETE (always the EXPR_INDEX form).
 *   `e == null` and `m[k] != null` are BINARY_EQ / BINARY_NE over two bools: CONV_ENTRY_PRESENT and the
 *   constant false. EXPR_IN is `left` of the key type, `right` EXPR_NAME of the map, result bool.
 *   &e, &e->f, &e.f is accepted only in eBPF functions, when e is a local with is_present. It is the address
 *   of the value that was bound, also after the map was changed.
 *
 * Expressions
 *   INT CHAR BOOL NULL  constants. NULL has type types.null (*u8) and is normally under CONV_POINTER.
 *   STRING   type str(len + 1).
 *   NAME     name.decl is DECL_LOCAL, DECL_PARAM, DECL_GLOBAL, DECL_CONST, DECL_ENUM_CONST; DECL_CONFIG only as
 *            base of a field; DECL_MAP only as base of EXPR_INDEX, right side of EXPR_IN, receiver, subject of
 *            STMT_FOR_MAP or argument of a helper; DECL_FUNC, DECL_EXTERN, DECL_BUILTIN as callee; DECL_FUNC also
 *            under CONV_FUNC; DECL_ENUM only as base of a qualified constant. Scalar consts are is_const. A const
 *            of aggregate type (string, array, struct) is not: decl->variable.init is its literal.
 *   UNARY    NOT: bool to bool. NEG, BITNOT: type of the operand, TYPE_INT. DEREF: pointer to its element (a place).
 *            ADDR: pointer to the type of the operand, which is a place in memory (never a ctx field).
 *   BINARY   MUL DIV REM ADD SUB AND XOR OR: both operands and result of the same TYPE_INT (enums and chars have been
 *            converted to their integer type; char is u8), or AND XOR OR of two bools. SHL SHR: likewise; the type is that of the left
 *            operand, the count was converted to it.
 *            ADD with a pointer: one operand is the pointer, the other i64 or u64, not scaled; result the pointer type.
 *            ADD of two TYPE_STR (or EXPR_STRING) joins them: the result type is the str of the destination, or one that
 *            holds both. The operands of such a chain have their own types.
 *            SUB: pointer - i64/u64 gives the pointer type; pointer - pointer (same type) gives u64, in elements.
 *            LT LE GT GE: both of one type: TYPE_INT, CHAR, ENUM, or pointer. Result bool.
 *            EQ NE: the same, or BOOL, TYPE_BE, handles; or both TYPE_STR of possibly different capacities, or
 *            a str and EXPR_STRING. Result bool.
 *            LOGAND LOGOR: bool, bool, gives bool; short-circuit.
 *   CALL     call.target says what is called.
 *            DECL_FUNC, DECL_EXTERN: args have the parameter types. callee is EXPR_NAME. The type of the target is
 *              TYPE_FUNC. A DECL_EXTERN is a BPF helper (owner NULL when it was not declared in source): its name is
 *              known to info->find_helper. Arguments by letter: i u64, p any pointer, c pointer to the context,
 *              m EXPR_NAME of a DECL_MAP.
 *            DECL_BUILTIN: builtin.id is an enum builtin; args as its row says. For a method callee is EXPR_FIELD whose
 *              base is the receiver (ctx: the pointer; map: EXPR_NAME; str: a value or a place of TYPE_STR); args leave
 *              the receiver out. A type argument is EXPR_TYPE; its type is the type meant, not a value.
 *            print: any values; every argument is a scalar or str (entries became values). The first one is a format
 *              when it is EXPR_STRING with a `%`; conversions and arguments then agree in number and kind: integers,
 *              bool, char, enums for d i u x X o c, str for s, pointers for p.
 *            load: args[0] has type types.program_ref; usually CONV_FUNC of the program's EXPR_NAME.
 *            dispatch: args are EXPR_NAMEs of maps with records, then perhaps the timeout, u64. A helper's
 *              function argument is EXPR_NAME of an `@helper`. `new` and `delete` in eBPF are calls of kfuncs.
 *            NULL: a call through a function value; callee is a value of TYPE_FUNC: one of function_values of that type,
 *              or null. What eBPF code calls must turn out to be one function (lower_value_call.c).
 *            A target with func.program is a tail call: it stands in a program of the same attribute, in `return e` or
 *            in an arm (of an arm) of e, perhaps under CONV_INT; no `defer` can be pending; the argument is the context
 *            parameter itself.
 *   INDEX    base TYPE_MAP or TYPE_ENTRY: see above. Else base is a pointer, an array or a str and the index is u64, or
 *            i64 when the source was signed. A constant index of an array or str is within it. base of an array type
 *            is a place, a field of one, a call or a literal. Field `cb` of a context: constant index only.
 *   FIELD    base is a struct (place or value), a pointer to one (arrow), an entry, EXPR_NAME of DECL_CONFIG, or
 *            EXPR_NAME of DECL_ENUM (then is_const and field.decl is the DECL_ENUM_CONST). field.decl is the DECL_FIELD; its
 *            field.ctx is set when base points to a program context: the access is then row field.ctx, type *u8 for
 *            packet pointers. A ctx field is assigned only when its row has can_write.
 *   CAST     cast.conversion as for EXPR_CONVERT (a cast to the type it has: CONV_INT or CONV_POINTER).
 *   STRUCT   type is the struct; fields in any order, none twice, values of the field's type; the rest is zero. Defaults
 *            of fields that were not written stand at the end, with an empty span.
 *   ARRAY    type is T[N], items of type T. No item: all zero. One item: every element. Else the first ones; the
 *            rest is zero. Array literals nest.
 *   MATCH    subject is an integer, char, enum, bool, be or str value. Patterns are is_const of the subject's type
 *            (EXPR_STRING for a str, compared by contents); a range's `high` is excluded. Arms are tried in order,
 *            at most one is `default` and it may stand anywhere (it is tried last). Without one, an integer
 *            match whose value is unused may match nothing; an enum match that covers every constant and is
 *            used as a value still needs a way out for other numbers: zero of the type.
 *            An arm or block that is a call of exit or panic has no value either.
 *            Type void: used as a statement, arm values are dropped (their types differ). Else every arm that can
 *            finish yields exactly the type: `value`, or the last statement of `body`, an STMT_EXPR.
 *   IF       the same for its two blocks (`otherwise` is then present).
 *   SIZEOF, OFFSETOF  is_const, u32.
 *   CONVERT  CONV_INT: INT, CHAR, ENUM, BOOL to INT, CHAR, ENUM (BOOL operands only below EXPR_CAST).
 *            CONV_TRUTH: to bool from INT, CHAR, ENUM, BE, STR, pointer, handle. CONV_ENTRY_*: above.
 *            CONV_STR: str (or EXPR_STRING) to str of another capacity, cut and NUL-terminated; EXPR_STRING to u8[N] or
 *            char[N], zero-padded. CONV_POINTER: between pointers, null to pointer or handle.
 *            CONV_POINTER_INT: pointer to u64. CONV_FUNC: a program's name to TYPE_PROGRAM_REF, a plain function's name
 *            to its TYPE_FUNC.
 *
 * Statements
 *   VAR      decl->type; init of that type or NULL (zeroed). A local that is `const` and whose init is is_const is never
 *            read by name in another way than as a constant. Name `_`: evaluate and drop.
 *   ASSIGN   plain: value has the type of the target (of V for an entry). `op=`: value has the target's type (V) and
 *            the operation is done in it (TYPE_INT, CHAR or ENUM; an enum or char works like its integer);
 *            pointer += and -= take i64/u64; bool &= |= ^= take bool; str += takes a str of any capacity, or a sum of
 *            such. The target is evaluated once.
 *   EXPR     any type; a value is dropped. A MATCH or IF here has type void.
 *   IF WHILE condition is bool. IF with a binding: the local is TYPE_ENTRY with is_present, or a pointer or handle with
 *            is_present; the branch is taken when the entry exists or the value is not null.
 *   FOR_RANGE  begin, end, step and var have one TYPE_INT; var is never assigned by the body. A constant step is
 *            not 0; a variable step of 0 ends the loop.
 *   FOR_MAP  in eBPF hashes and arrays only. key has type K, value V (a copy). Either may be named `_`.
 *   RETURN   value of the function's result type; NULL in a void function or for the named result (result_var).
 *   BREAK, CONTINUE  always inside a loop of the function, and of the same defer block.
 *   THROW    expr is i32. TRY: catch codes are i32 constants, each once, `_` last. No throw leaves an eBPF program; one that
 *            leaves main is allowed (a warning was given).
 *   DEFER    its block is not left by return, break, continue or throw. In a loop it runs as often as control passed it,
 *            one inside another at the end of that one's block.
 *   Statements after a return, break or continue may be present (a warning was given).
 *
 * Functions
 *   func.target; func.program and program_arg for programs: exactly one parameter of type pointer to a struct with
 *   record.is_ctx, result of the kind's type; for kinds that name something (program_kind.names), any number of
 *   parameters that say in variable.source where they come from (source_index: slot or argument), result i32,
 *   program_arg what is watched, func.context the declaration that `ctx` names when no parameter is the context, and
 *   can_fall_back when the kind's fallback can read the same parameters. type is TYPE_FUNC. A function with a result returns on every path, if every
 *   enum value is one of its constants: the end of the body can be reached by other numbers after a `match` over an
 *   enum; return zero there.
 *   is_unavailable: uses, perhaps through what it calls or names, a form that this version cannot compile; its
 *   body may hold such forms and is not lowered.
 *   used_from[t]: called, directly or through other functions, from code that runs on target t. Lower a plain fn
 *   for TARGET_BPF when used_from[TARGET_BPF]. eBPF functions never recurse. main has no parameter or one struct
 *   parameter by value whose fields are bool, integers or str; result i32.
 *   variable.is_address_taken on locals and parameters whose address is used (`&x`).
 *
 * Globals: DECL_GLOBAL init is a constant initialiser: is_const, EXPR_STRING, CONV_STR of one, or EXPR_STRUCT / EXPR_ARRAY
 * of such; so are fields of a DECL_CONFIG (DECL_FIELD init, may be NULL) and aggregate consts. variable.is_local:
 * only used in eBPF code. DECL_MAP: type->map, map.flag_bits. The key type of an array-shaped map may be narrower
 * than the 32 bits that the kernel stores.
 *
 * Layout: type->size and align, field.offset. Bit-fields are never accessed. What a program names and does
 * not declare comes from the kernel's BTF: TYPE_UNION, structs whose fields overlap (members of anonymous
 * unions) or are bit-fields, arrays of 0 elements at the end of a struct, structs that are only pointed at and
 * have a size but no fields yet; record.is_kernel says that the running kernel decides the layout. eBPF code may
 * read through any pointer to such a struct, also one that is null.
 *
 * Null: no pointer that may be null is read or written through (null_check.c); in eBPF code, what is taken
 * from the kernel is given back once on every way (owned_check.c).
 */
#ifndef KS_SEMA_SEMA_H
#define KS_SEMA_SEMA_H

#include "frontend/sema/target_info.h"
#include "frontend/sema/type.h"
#include "frontend/syntax/parse.h"

/* Deepest nesting of expressions and statements in a checked tree. */
enum { SEMA_MAX_DEPTH = 2000 };

/* A form that was checked in full and that this version cannot compile. */
struct unavailable_use {
	span where;
	const char *what; // subject of "… cannot be compiled by this version of ks"
};

/* What the rest of the compiler works from. All lists in source order of the flattened program. */
struct checked_program {
	struct types types;
	decl_list functions; // DECL_FUNC with a body, every target; unused ones included
	decl_list globals;   // DECL_GLOBAL
	decl_list configs;   // DECL_CONFIG; its type is a struct of its fields
	decl_list maps;      // DECL_MAP; its type is TYPE_MAP
	decl_list
		impls; // DECL_IMPL; its type is the kernel's struct, its functions are in `functions` too
	decl_list function_values; // DECL_FUNC whose value is taken, perhaps several times
	struct decl *main;         // userspace main(), NULL in a module without one
	bool wants_tests;          // set by the caller: @test functions are lowered, not main()
	/* In order of the checks. func.is_unavailable marks the functions that use such a form, also
	 * through another function: they are never lowered. */
	VEC(struct unavailable_use) unavailable;
};

/* True when neither parsing nor checking reported an error. `info` must outlive the result. */
bool sema_check_program(struct compile *compile, const struct program *program,
			const struct target_info *info, struct checked_program *out);

/* What a field of the second argument of test() means for a program. */
struct test_field_use {
	uint32_t id;            // enum ks_test_id
	uint32_t offset, width; // of the member of the context, or of a word of registers
	uint32_t outer;         // offset in the context of the pointer to those registers
	bool is_bytes;          // an array of bytes is wanted
	bool is_pointer;   // a number or an array of bytes, of which the program sees the address
	struct type *type; // that the member has; NULL for the rows of test_fields.def
};
/* `program` may be NULL: then only the rows of test_fields.def are known. False when it means nothing. */
bool sema_find_test_field(struct compile *compile, const struct target_info *info,
			  const struct decl *program, symbol name, struct test_field_use *use);

/* The program that the first argument of test() names; NULL when it is a variable. */
const struct decl *test_program(const struct expr *program);

/* Reports each of checked->unavailable as an error. Asked for by whoever builds an output; a check
 * alone accepts what is right in the language. */
void sema_report_unavailable(struct compile *compile, const struct checked_program *checked);

/* A helper, function of the kernel or method that calls a function of the program (row of callbacks.def). */
struct callback {
	const char *name;
	int8_t function, context; // numbers of arguments; context: -1 when it has none
	const char *params;       // letters, as the table has them
	bool gives_number;        // the function gives 0 to go on; else nothing
};
/* NULL when it is none such. */
const struct callback *sema_find_callback(const char *name);

/* Built-in functions and methods (rows of builtins.def): what an EXPR_CALL with a DECL_BUILTIN
 * target means. */
enum builtin {
#define BUILTIN(id, name, where, params, result) id,
#include "frontend/sema/builtins.def"
#undef BUILTIN
	BUILTIN_COUNT
};
/* The next family of methods that a map of the kind has (first part of names in builtins.def), from *at
 * on, which is NULL at first; false at the end. */
bool map_method_family(const struct map_kind *kind, const char **at, char out[32]);

#endif
