/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The differential test: small random integer functions as trees, printed as .ks source (print.c) and
 * evaluated by a model (evaluate.c) that follows the text of the language definition, section 4. The
 * same seed gives the same functions, so that the file to compile and the expected values need not be
 * stored.
 */
#ifndef KS_TESTS_DIFF_H
#define KS_TESTS_DIFF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define DIFF_TYPES(TYPE)                                                                           \
	TYPE(u8, 8, false)                                                                         \
	TYPE(i8, 8, true)                                                                          \
	TYPE(u16, 16, false)                                                                       \
	TYPE(i16, 16, true)                                                                        \
	TYPE(u32, 32, false)                                                                       \
	TYPE(i32, 32, true)                                                                        \
	TYPE(u64, 64, false)                                                                       \
	TYPE(i64, 64, true)

enum type {
#define ENUMERATOR(name, bits, is_signed) T_##name,
	DIFF_TYPES(ENUMERATOR)
#undef ENUMERATOR
		T_bool,
	TYPE_COUNT = T_bool
};

struct type_info {
	const char *name;
	unsigned bits;
	bool is_signed;
};

extern const struct type_info type_infos[]; // by enum type, bool included

enum op {
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_AND,
	OP_OR,
	OP_XOR,
	OP_SHL,
	OP_SHR,
	OP_EQ, // first comparison
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_LAND,
	OP_LOR,
	OP_COUNT,
};

extern const char *const op_texts[];

enum expr_kind {
	E_LITERAL,
	E_VAR, // index: parameters first, then locals, then the loop variable
	E_NEG,
	E_NOT,
	E_LNOT,
	E_BINARY,
	E_CAST,
	E_IF,    // args: condition, then, else
	E_MATCH, // args: value, arm for two patterns, arm for the third, default
	E_CALL,  // callee, args
	E_SWAP,  // ntohX(htonX(e))
};

struct expr {
	enum expr_kind kind;
	enum type type;
	enum op op;
	uint64_t value;      // of a literal, extended to 64 bits
	uint64_t pattern[3]; // of a match
	bool is_bare;        // a literal printed without its type
	unsigned index;      // variable or callee
	struct expr *args[4];
};

enum stmt_kind {
	S_ASSIGN,   // local = value
	S_COMPOUND, // local op= value
	S_IF,       // value is the condition
	S_FOR,      // from..to over one inner list
	S_WHILE,    // a counted while with a condition that may end it earlier
};

struct stmt {
	enum stmt_kind kind;
	unsigned local;
	enum op op;
	struct expr *value;
	uint32_t from, to;
	bool has_break, has_continue; // `if (value) { break }` ahead of the body
	struct stmt *body, *other, *next;
};

enum { MAX_LOCALS = 3, PARAMS = 2, LOOP_VAR = PARAMS + MAX_LOCALS, VARS = LOOP_VAR + 1, EDGES = 9 };

struct function {
	enum type result;
	enum type vars[VARS]; // the loop variable is u32
	struct expr *init[MAX_LOCALS];
	struct stmt *body;
	struct expr *value;
	bool is_leaf;
};

struct suite {
	struct function *functions;
	unsigned count;
};

/* Functions that eBPF runs in one program. */
enum { GROUP = 6 };

struct suite generate(uint32_t seed, unsigned count);
void print_suite(const struct suite *suite, FILE *out);
/* The value of functions[index] for these arguments, extended to 64 bits. */
uint64_t evaluate(const struct suite *suite, unsigned index, uint64_t a, uint64_t b);
/* The i-th value of a type that is likely to show a mistake, as bits of its width. */
uint64_t edge(enum type type, unsigned i);
/* The low bits of `value`, sign- or zero-extended as the type says. */
uint64_t extend(enum type type, uint64_t value);
/* The type in which two operands meet. */
enum type common_type(enum type a, enum type b);

#endif
