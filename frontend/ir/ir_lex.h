/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of the text form and the state both halves of the parser share: ir_parse.c reads the
 * module level, ir_parse_fn.c the bodies of functions.
 *
 * One token is looked at in advance. Lines matter: an instruction or a declaration ends with its
 * line, so `token.at_line_start` ends every list of optional words. After an error the rest of the
 * line is skipped and reading goes on.
 */
#ifndef KS_IR_IR_LEX_H
#define KS_IR_IR_LEX_H

#include "frontend/ir/ir.h"

enum ir_token_kind {
	IR_TOK_END,
	IR_TOK_WORD,   // letters, digits, `_` and `.`, not starting with a digit
	IR_TOK_NUMBER, // value
	IR_TOK_STRING, // bytes, len
	IR_TOK_PUNCT,  // the character
};

struct ir_token {
	enum ir_token_kind kind;
	char punct;
	bool at_line_start;
	bool has_sign;
	uint32_t begin, end; // in the text
	uint64_t value;      // negative numbers in two's complement
	const char *bytes;   // of a string, or the text of a word
	uint32_t len;
};

struct ir_parser {
	struct ir_module *m;
	const struct source_file *file;
	struct ir_token token; // the one to be read next
	uint32_t pos;          // behind it
	bool failed;
	struct map ops;                         // hash of the name to enum ir_op
	struct map fns, globals, maps, externs; // as in the printer: name to first index + 1
};

void ir_lex_next(struct ir_parser *p);
span ir_lex_span(const struct ir_parser *p); // of the token
/* Reports and skips to the next line. */
void ir_lex_expected(struct ir_parser *p, const char *what);
void ir_lex_error(struct ir_parser *p, span where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void ir_lex_skip_line(struct ir_parser *p);
/* Each takes the token when it fits. */
bool ir_lex_take_punct(struct ir_parser *p, char c);
bool ir_lex_take_word(struct ir_parser *p, const char *word); // on the same line only
/* Index in `words` (NULL at the end) of the word, or -1; on the same line only. */
int ir_lex_take_one_of(struct ir_parser *p, const char *const *words);
/* As above, with an error when it is not there. */
bool ir_lex_need_punct(struct ir_parser *p, char c);
bool ir_lex_need_number(struct ir_parser *p, uint32_t *value);
bool ir_lex_need_one_of(struct ir_parser *p, const char *const *words, const char *what,
			int *index);
symbol ir_lex_need_name(struct ir_parser *p); // word or string; 0 after an error or for ""
/* A reference such as `@name` or `@3`; an error when it names nothing. */
bool ir_lex_need_ref(struct ir_parser *p, char sigil, const struct map *names, uint64_t key_bits,
		     uint32_t limit, uint32_t *index);

/* Reads from behind the `{` to the `}`. */
void ir_parse_body(struct ir_parser *p, struct ir_fn *fn);

#endif
