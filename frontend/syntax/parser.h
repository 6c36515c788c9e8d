/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the parser share: the token window, reporting and recovery (parser.c) and the
 * entry of each grammar area. Used inside this folder only.
 *
 * Recovery: the first mistake of a statement or declaration is reported and sets `panic`; nothing
 * more is reported until parser_sync_statement() or parser_sync_declaration() has skipped to a good
 * place. Every function returns a node, an error node if need be, never NULL.
 *
 * Stack safety: what the parser recurses into (brackets, blocks, unary operators, pointers) counts
 * into `depth` and is limited by PARSE_MAX_DEPTH; left-associative chains do not recurse here but
 * make tall trees, which later stages walk recursively, so the height of an expression is limited
 * by PARSE_MAX_HEIGHT. Past a limit the parser reports once and skips the declaration (`bailed`).
 */
#ifndef KS_SYNTAX_PARSER_H
#define KS_SYNTAX_PARSER_H

#include "frontend/syntax/lexer.h"
#include "frontend/syntax/parse.h"

enum {
	PARSER_WINDOW = 4,     // tokens looked at without being consumed; a power of two
	PARSER_LEVEL = 4,      // what a nesting level adds to depth
	PARSER_CHAIN_LINK = 1, // what an `else if` adds: its tree nests, but less stack is used
};

struct parser {
	struct compile *compile;
	struct arena *arena;
	struct module *module;
	struct lexer lexer;
	struct token window[PARSER_WINDOW]; // ring; [first] is the current token
	unsigned first, count;
	struct token end;     // given for every token while `bailed`
	span last;            // last token consumed
	uint32_t item;        // where the statement, member, arm or declaration in progress begins
	uint32_t depth;       // in units of PARSER_LEVEL
	uint32_t tallest;     // greatest height of an expression made since it was last reset
	int brackets;         // ( and [ open, as consumed
	int braces;           // { open, as consumed
	bool ignore_newlines; // inside ( ) [ ] and struct literals
	bool panic, bailed;
	bool poisoned; // a part of the statement in progress was skipped
};

/* ---- parser.c: tokens, reporting, recovery ---- */

const struct token *parser_peek(struct parser *p, unsigned ahead); // ahead < PARSER_WINDOW
struct token parser_advance(struct parser *p);
bool parser_at(struct parser *p, enum token_kind kind);
/* The current token is this contextual word (`step`, `pub`). */
bool parser_at_word(struct parser *p, const char *word);
/* Consumes the current token if it is of that kind. */
bool parser_accept(struct parser *p, enum token_kind kind);
/* The same, and reports otherwise. */
bool parser_expect(struct parser *p, enum token_kind kind);
/* Closing bracket of the one at `open`; reports an unclosed bracket at its opening. */
/* The parenthesis after `if`, `while`, `for`, `match`. */
bool parser_expect_head(struct parser *p, const char *keyword);
bool parser_expect_close(struct parser *p, enum token_kind kind, span open);
/* `>` that closes type arguments; of a `>>` the first half is taken and `>` remains. */
bool parser_expect_greater(struct parser *p);
/* Name; with `keywords`, reserved words too. 0 after a report. */
symbol parser_expect_name(struct parser *p, bool keywords, span *where);
bool parser_at_name(struct parser *p, unsigned ahead, bool keywords);

/* Reports the current token as unexpected; `what` names what should stand there. NULL when quiet. */
struct diag *parser_expected(struct parser *p, const char *what);
/* Adds the fix of inserting `text` after the last token, when a line ends there. */
void parser_suggest(struct parser *p, struct diag *d, const char *text);
struct diag *parser_report_found(struct parser *p,
				 enum diag_id id); // ids with the found token as argument
/* What the current token is called, and where to point for it. */
const char *parser_found(struct parser *p, span *where);
/* Report with up to one argument; quiet in panic. NULL when quiet. */
struct diag *parser_report(struct parser *p, enum diag_id id, span where, const char *arg);

/* Enters a nesting level; false (and bails out) at the limit. Pair with parser_leave. */
bool parser_enter(struct parser *p, uint32_t amount);
void parser_leave(struct parser *p, uint32_t amount);
void parser_bail(struct parser *p);

struct parser_mark { // brackets open at the start of a statement or declaration
	int brackets, braces;
};
struct parser_mark parser_mark(const struct parser *p);
void parser_sync_statement(struct parser *p, struct parser_mark mark);
/* After a mistake in the item at p->item: skips to the next one, past at least one token unless the
 * list of items ends here. */
void parser_sync_item(struct parser *p, struct parser_mark mark);
void parser_sync_declaration(struct parser *p);
/* The token can only begin a declaration. */
bool parser_at_declaration(struct parser *p);

static inline span parser_from(const struct parser *p, span begin)
{
	return span_join(begin, p->last);
}

/* ---- grammar ---- */

struct expr *parse_expr(struct parser *p);
/* `match` without what may follow an expression. */
struct expr *parse_match(struct parser *p);
struct expr *parse_string(struct parser *p);   // STRING token
struct expr *parse_constant(struct parser *p); // literal or name of `catch` and patterns
struct expr *parser_new_expr(struct parser *p, enum expr_kind kind, span where);

enum type_place {
	TYPE_PLACE_GLOBAL,   // maps are welcome
	TYPE_PLACE_DECLARED, // a map is an error with a message of its own
	TYPE_PLACE_EXPR,     // after `as`, in sizeof(): `<` is an operator
};
struct type_node *parse_type(struct parser *p, enum type_place place);
struct type_node *parser_error_type(struct parser *p, span where);

struct block *parse_block(struct parser *p);
/* Block, or one statement on the same line. */
struct block *parse_body(struct parser *p);
struct stmt *parse_stmt(struct parser *p);
/* A block around one statement. */
struct block *parser_wrap(struct parser *p, struct stmt *stmt);
struct stmt *parser_new_stmt(struct parser *p, enum stmt_kind kind, span where);
/* [":" type] ["=" expr]; afterwards the declaration has a type, an initialiser or an error type. */
void parse_variable_rest(struct parser *p, struct decl *decl, enum type_place place);

struct decl *parser_new_decl(struct parser *p, enum decl_kind kind, span where);
/* Parameters with their parentheses; names are optional in function types. */
void parse_params(struct parser *p, decl_list *out, bool names_optional);
void parse_module_decls(struct parser *p);

#endif
