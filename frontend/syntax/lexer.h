/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lexer: the bytes of one file to tokens, one at a time. Malformed text is reported here; the lexer
 * then gives the nearest good token (a cut string, a number of some value) or TOK_ERROR, which
 * stands for characters that belong to no token. It reaches TOK_EOF on any input, in linear time,
 * and early once so many errors were reported that further ones are not kept.
 */
#ifndef KS_SYNTAX_LEXER_H
#define KS_SYNTAX_LEXER_H

#include "frontend/base/compile.h"
#include "frontend/syntax/token.h"

struct lexer {
	struct compile *compile;
	const struct source_file *file;
	const char *at, *end;
	bool newline; // a line break lies between the last token and `at`
};

/* Starts at the beginning of `file` and reports bytes in it that are not UTF-8. */
void lexer_init(struct lexer *lexer, struct compile *compile, const struct source_file *file);
/* The next token; TOK_EOF again and again at the end. */
struct token lexer_next(struct lexer *lexer);

#endif
