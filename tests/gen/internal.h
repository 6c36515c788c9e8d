/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the generator share. Types and declarations are made first (gen_decl.c, gen_type.c), then
 * bodies (gen_stmt.c), which ask for expressions of a type (gen_expr.c, gen_place.c). Text is appended to g->out
 * as it is decided, and nothing is taken back but whole places (see place()).
 */
#ifndef KS_TESTS_GEN_INTERNAL_H
#define KS_TESTS_GEN_INTERNAL_H

#include "frontend/base/arena.h"
#include "frontend/base/vec.h"
#include "tests/gen/gen.h"

enum gen_kind { G_INT, G_BOOL, G_CHAR, G_BE, G_ENUM, G_STR, G_ARRAY, G_STRUCT, G_POINTER };

struct gen_type {
	enum gen_kind kind;
	const char *text;  // as written
	const char *alias; // another name, or NULL
	unsigned bits;     // of integers, enums, beNN
	bool is_signed;
	unsigned size, align;
	bool is_packet;           // a header of net.kh
	struct gen_type *element; // of arrays and pointers
	unsigned count;           // elements; bytes of a str
	VEC(struct gen_field) fields;
	VEC(const char *) constants; // of an enum
};

struct gen_field {
	const char *name;
	struct gen_type *type;
	unsigned bit_size; // 0: no bit-field
};

enum { IN_BPF = 1, IN_USER = 2, IN_BOTH = 3 }; // where something may be used

struct gen_var {
	const char *name;
	struct gen_type *type;
	unsigned where;
	bool is_readonly;
	bool is_const;    // the compiler knows the value
	bool is_local;    // its address may be taken
	bool is_untested; // a pointer that may be null
	bool is_packet;   // a pointer into the packet
	bool is_entry;    // an entry of a map: `.` and `->` mean the same, no address
};

struct gen_map {
	const char *name;
	struct gen_type *key, *value;
	bool is_array, is_percpu;
	unsigned entries;
};

struct gen_function {
	const char *name;
	VEC(struct gen_type *) params;
	struct gen_type *result; // NULL: none
	unsigned where;
	bool throws;
	bool is_value;   // may be used as a function value
	const char *ctx; // type of the context that comes first, NULL when there is none
	unsigned level;  // calls below it
};

struct gen_program_fn {
	const char *name;
	bool is_tc;
};

enum gen_channel_kind { CHANNEL_QUEUE, CHANNEL_STACK, CHANNEL_SET, CHANNEL_RING };

struct gen_channel { // a map without keys
	enum gen_channel_kind kind;
	const char *name;
	struct gen_type *value;
};

struct gen_table { // a struct of functions like one of `functions`
	const char *name;
	uint32_t function;
};

/* What is known of the function whose body is being written. */
struct gen_body {
	unsigned where;
	struct gen_type *result;
	const char *ctx;      // name of the context parameter, NULL when there is none
	const char *ctx_type; // "xdp_md" or "__sk_buff"
	bool is_tc;           // else xdp
	bool is_program;
	bool can_throw; // out of here
	bool in_defer, in_loop, has_defer, has_tail_call;
	const char *result_name; // of a named result, or NULL
	unsigned loops;          // around, for the cost of verification
	unsigned level;          // functions below it may be called
	unsigned reach;          // deepest level called so far
	int statements;          // left
	int stack;               // bytes left
	int calls;               // left
};

struct gen {
	struct random random;
	struct gen_options options;
	struct arena arena;
	struct buf *out;
	unsigned indent;
	unsigned names;
	VEC(struct gen_type *) types; // all that a variable may have
	VEC(struct gen_var) vars;     // visible now; globals first
	VEC(struct gen_map) maps;
	VEC(struct gen_function) functions;
	VEC(struct gen_program_fn) programs;
	VEC(const char *) others; // programs of other kinds
	VEC(struct gen_channel) channels;
	VEC(struct gen_table) tables;
	struct gen_type *ints[8], *boolean, *character, *be[3], *action;
	VEC(struct gen_type *) headers; // of packets
	struct gen_body body;
};

enum { U8, U16, U32, U64, I8, I16, I32, I64 }; // index into ints

/* ---- text ---- */

void put(struct gen *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Begins a line at the present depth. */
void line(struct gen *g);
const char *new_name(struct gen *g, const char *prefix);
static inline unsigned below(struct gen *g, unsigned limit)
{
	return random_below(&g->random, limit);
}
static inline bool chance(struct gen *g, unsigned percent)
{
	return random_chance(&g->random, percent);
}

/* ---- types (gen_type.c) ---- */

void make_types(struct gen *g);
/* The name or the alias. */
const char *name_of(struct gen *g, const struct gen_type *t);
/* A constant expression of the type, as an initialiser needs it. */
void put_constant(struct gen *g, struct gen_type *t);
/* A literal of the type; bare: without a cast, which the place makes unnecessary. */
void put_literal(struct gen *g, struct gen_type *t, bool is_bare);
struct gen_type *random_int(struct gen *g);
/* A type for a local, a parameter, a field; aggregates up to `max_size` bytes. */
struct gen_type *random_type(struct gen *g, unsigned max_size);
struct gen_type *random_scalar(struct gen *g);
struct gen_type *pointer_to(struct gen *g, struct gen_type *element);
struct gen_type *str_of(struct gen *g, unsigned size);
bool is_number(const struct gen_type *t); // integer, char or enum
bool is_scalar(const struct gen_type *t);

/* ---- declarations (gen_decl.c) ---- */

void declare_var(struct gen *g, const char *name, struct gen_type *type, unsigned where,
		 bool is_readonly);
/* Statements, `return` and the closing brace. */
void put_body(struct gen *g, int statements);

/* ---- expressions (gen_expr.c, gen_place.c) ---- */

void put_expr(struct gen *g, struct gen_type *t, unsigned depth);
/* One that the compiler cannot compute. */
void put_varying(struct gen *g, struct gen_type *t, unsigned depth);
void put_condition(struct gen *g, unsigned depth);
/* A place of exactly that type; with NULL, of any scalar type. Gives its type, NULL when none was found, and then
 * nothing was written. */
struct gen_type *put_place(struct gen *g, struct gen_type *wanted, bool is_written, unsigned depth);
/* A call of some function with that result (NULL: none); false when there is none to call. */
bool put_call(struct gen *g, struct gen_type *result, unsigned depth);
struct gen_map *random_map(struct gen *g, struct gen_type *value);
void put_key(struct gen *g, const struct gen_map *m, unsigned depth);

/* ---- parts on their own (gen_more.c); only whole programs have them ---- */

void add_other_program(struct gen *g);
void add_import(struct gen *g);
void add_channel(struct gen *g);
void add_function_table(struct gen *g);
bool form_channel(struct gen *g); // statements
bool form_new(struct gen *g);
/* Values of the tables, and calls through them. */
void put_table_calls(struct gen *g);

/* ---- statements (gen_stmt.c) ---- */

/* Statements between braces that stand already. */
void put_statements(struct gen *g, unsigned count);
/* `return` with a value of the body's result. */
void put_return(struct gen *g);

#endif
