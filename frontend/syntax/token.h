/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: kinds and facts from tokens.def, and the value that the lexer hands to the parser. */
#ifndef KS_SYNTAX_TOKEN_H
#define KS_SYNTAX_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/intern.h"
#include "frontend/base/source.h"
#include "frontend/syntax/ast.h"

enum token_kind {
#define TOKEN(kind, text) kind,
#define PUNCT(kind, spelling) kind,
#define KEYWORD(kind, spelling, role) kind,
#include "frontend/syntax/tokens.def"
	TOKEN_COUNT
};

enum word_role {
	WORD_NONE,  // not a reserved word
	WORD_OTHER, // reserved, begins neither of the below
	WORD_DECL,  // begins a declaration and never a statement
	WORD_STMT,  // begins a statement
	WORD_TYPE,  // names a primitive type
};

struct token_info {
	const char *text;  // spelling, or what messages call it
	bool has_spelling; // `text` is the spelling
	bool is_binary;    // binary operator `op`
	bool is_assign;    // `=` or `op=`
	bool continues;    // binary operator that at a line start goes on with an expression
	uint8_t op;        // enum binary_op or ASSIGN_PLAIN
	enum word_role role;
};

struct token {
	enum token_kind kind;
	bool newline;    // first token on its line
	bool unindented; // first character of its line
	span where;
	union {
		symbol name; // names and keywords
		struct {
			uint64_t value; // numbers and characters
			bool is_hex;    // written with a base prefix
		} integer;
		struct {
			const char *data; // escapes resolved
			uint32_t len;
		} string;
	};
};

const struct token_info *token_info(enum token_kind kind);

#endif
