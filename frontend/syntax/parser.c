/* SPDX-License-Identifier: Apache-2.0 */
/* The token window of the parser, its messages about tokens, and its ways back after a mistake. */
#include "frontend/syntax/parser.h"

#include <string.h>

const struct token *parser_peek(struct parser *p, unsigned ahead)
{
	if (p->bailed)
		return &p->end;
	while (p->count <= ahead) {
		p->window[(p->first + p->count) % PARSER_WINDOW] = lexer_next(&p->lexer);
		p->count++;
	}
	return &p->window[(p->first + ahead) % PARSER_WINDOW];
}

struct token parser_advance(struct parser *p)
{
	struct token t = *parser_peek(p, 0);

	if (p->bailed || t.kind == TOK_EOF)
		return t;
	p->first = (p->first + 1) % PARSER_WINDOW;
	p->count--;
	p->last = t.where;
	p->brackets += (t.kind == TOK_LPAREN || t.kind == TOK_LBRACKET) -
		       (t.kind == TOK_RPAREN || t.kind == TOK_RBRACKET);
	p->braces += (t.kind == TOK_LBRACE) - (t.kind == TOK_RBRACE);
	return t;
}

bool parser_at(struct parser *p, enum token_kind kind)
{
	return parser_peek(p, 0)->kind == kind;
}

bool parser_at_word(struct parser *p, const char *word)
{
	const struct token *t = parser_peek(p, 0);

	return t->kind == TOK_ID && !strcmp(intern_text(&p->compile->names, t->name), word);
}

bool parser_accept(struct parser *p, enum token_kind kind)
{
	if (!parser_at(p, kind))
		return false;
	parser_advance(p);
	return true;
}

const char *parser_found(struct parser *p, span *where)
{
	const struct token *t = parser_peek(p, 0);
	const struct source_file *f = p->lexer.file;

	*where = t->where;
	if (t->newline && t->kind != TOK_EOF && t->where.begin != p->item) {
		*where = (span){p->last.end, p->last.end};
		return "the end of the line";
	}
	const struct token_info *info = token_info(t->kind);
	if (info->has_spelling)
		return arena_printf(p->arena, "`%s`", info->text);
	if (t->kind != TOK_ID && t->kind != TOK_INT && t->kind != TOK_CHAR)
		return info->text;
	uint32_t len = t->where.end - t->where.begin;
	return arena_printf(p->arena, "`%.*s`", len > 60 ? 60 : (int)len,
			    f->text + (t->where.begin - f->base));
}

/* A TOK_ERROR was reported by the lexer already. */
static bool is_quiet(struct parser *p)
{
	bool quiet = p->panic || p->bailed || parser_at(p, TOK_ERROR);

	p->panic = true;
	return quiet;
}

struct diag *parser_expected(struct parser *p, const char *what)
{
	span where;

	if (is_quiet(p))
		return NULL;
	const char *found = parser_found(p, &where);
	return diag_report(&p->compile->diags, D_EXPECTED, where, what, found);
}

void parser_suggest(struct parser *p, struct diag *d, const char *text)
{
	if (d && parser_peek(p, 0)->newline)
		diag_fix(&p->compile->diags, d, (span){p->last.end, p->last.end}, text);
}

struct diag *parser_report_found(struct parser *p, enum diag_id id)
{
	span where;

	if (is_quiet(p))
		return NULL;
	const char *found = parser_found(p, &where);
	return diag_report(&p->compile->diags, id, where, found);
}

struct diag *parser_report(struct parser *p, enum diag_id id, span where, const char *arg)
{
	if (p->panic || p->bailed)
		return NULL;
	return diag_report(&p->compile->diags, id, where, arg);
}

bool parser_expect(struct parser *p, enum token_kind kind)
{
	if (parser_accept(p, kind))
		return true;
	const char *spelling = token_info(kind)->text;
	struct diag *d = parser_expected(p, arena_printf(p->arena, "`%s`", spelling));
	if (kind == TOK_RPAREN || kind == TOK_RBRACKET)
		parser_suggest(p, d, spelling);
	return false;
}

bool parser_expect_head(struct parser *p, const char *keyword)
{
	if (parser_accept(p, TOK_LPAREN))
		return true;
	struct diag *d = parser_expected(p, "`(`");
	if (d)
		diag_hint(&p->compile->diags, d, "write `%s (…) { … }`, with the parentheses",
			  keyword);
	return false;
}

bool parser_expect_close(struct parser *p, enum token_kind kind, span open)
{
	const struct source_file *f = p->lexer.file;

	if (parser_accept(p, kind))
		return true;
	if (parser_at(p, TOK_EOF) || parser_at_declaration(p)) {
		const char *text = arena_copy_string(p->arena, f->text + (open.begin - f->base), 1);
		parser_report(p, D_UNCLOSED, open, text);
		p->panic = true;
		return false;
	}
	if (kind != TOK_RPAREN || !parser_at(p, TOK_ASSIGN))
		return parser_expect(p, kind);
	struct diag *d = parser_expected(p, "`)`");
	if (d)
		diag_hint(&p->compile->diags, d, "`==` compares; an assignment is a statement");
	return false;
}

bool parser_expect_greater(struct parser *p)
{
	struct token *t = &p->window[p->first];

	if (parser_at(p, TOK_SHR) && !p->bailed) {
		t->kind = TOK_GT;
		t->where.begin++;
		return true;
	}
	return parser_expect(p, TOK_GT);
}

bool parser_at_name(struct parser *p, unsigned ahead, bool keywords)
{
	enum token_kind kind = parser_peek(p, ahead)->kind;

	return kind == TOK_ID || (keywords && token_info(kind)->role != WORD_NONE);
}

symbol parser_expect_name(struct parser *p, bool keywords, span *where)
{
	const struct token *t = parser_peek(p, 0);

	*where = t->where;
	if (parser_at_name(p, 0, keywords))
		return parser_advance(p).name;
	if (token_info(t->kind)->role == WORD_NONE || t->newline) {
		parser_expected(p, "a name");
		*where = p->last;
		return 0;
	}
	parser_report(p, D_KEYWORD_AS_NAME, t->where, token_info(t->kind)->text);
	return parser_advance(p).name;
}

void parser_bail(struct parser *p)
{
	p->end = (struct token){.kind = TOK_EOF, .newline = true, .where = p->last};
	p->bailed = true;
	p->panic = true;
}

bool parser_enter(struct parser *p, uint32_t amount)
{
	p->depth += amount;
	if (p->depth <= PARSE_MAX_DEPTH * PARSER_LEVEL)
		return true;
	parser_report(p, D_NESTED_TOO_DEEPLY, parser_peek(p, 0)->where,
		      arena_printf(p->arena, "%d", PARSE_MAX_DEPTH));
	parser_bail(p);
	return false;
}

void parser_leave(struct parser *p, uint32_t amount)
{
	p->depth -= amount;
}

bool parser_at_declaration(struct parser *p)
{
	const struct token *t = parser_peek(p, 0);

	if (t->kind == TOK_AT)
		return t->newline;
	if (token_info(t->kind)->role != WORD_DECL)
		return false;
	enum token_kind after = parser_peek(p, 1)->kind;
	return t->newline && after != TOK_COLON && after != TOK_ASSIGN && after != TOK_DOT;
}

struct parser_mark parser_mark(const struct parser *p)
{
	return (struct parser_mark){p->brackets, p->braces};
}

/* White space at the begin of the line on which `offset` lies. */
static uint32_t indentation_at(const struct parser *p, uint32_t offset)
{
	const char *text = p->lexer.file->text, *at = text + (offset - p->lexer.file->base);
	uint32_t column = 0;

	while (at > text && at[-1] != '\n')
		at--;
	for (; *at == ' ' || *at == '\t'; at++)
		column = *at == '\t' ? (column | 7) + 1 : column + 1;
	return column;
}

/* A line that surely begins a statement, although an open bracket might go on over it: by its first
 * words, or because it is not indented further than the statement with the bracket. */
static bool at_sure_statement(struct parser *p, uint32_t indentation)
{
	const struct token *t = parser_peek(p, 0);

	if (!t->newline)
		return false;
	if (token_info(t->kind)->role == WORD_STMT)
		return true;
	return t->kind == TOK_ID &&
	       (token_info(parser_peek(p, 1)->kind)->is_assign ||
		(t->where.begin > p->item && indentation_at(p, t->where.begin) <= indentation));
}

/*
 * Skips to where the next statement begins: past a `;`, to a new line outside the brackets that the
 * broken statement opened, to a line that surely is a statement although they look open, to the `}`
 * that closes the block, or to a declaration.
 */
void parser_sync_statement(struct parser *p, struct parser_mark mark)
{
	uint32_t indentation = indentation_at(p, p->item);

	while (!parser_at(p, TOK_EOF)) {
		if (p->braces <= mark.braces) {
			if (parser_at(p, TOK_RBRACE) || parser_at_declaration(p) ||
			    at_sure_statement(p, indentation))
				break;
			if (p->brackets <= mark.brackets &&
			    (parser_peek(p, 0)->newline || parser_accept(p, TOK_SEMICOLON)))
				break;
		} else if (parser_at_declaration(p) && parser_peek(p, 0)->unindented) {
			break;
		}
		parser_advance(p);
	}
	p->brackets = mark.brackets;
	p->braces = mark.braces;
	p->panic = p->bailed;
}

void parser_sync_item(struct parser *p, struct parser_mark mark)
{
	uint32_t item = p->item;

	parser_sync_statement(p, mark);
	if (parser_peek(p, 0)->where.begin == item && !parser_at(p, TOK_RBRACE) &&
	    !parser_at_declaration(p)) {
		parser_advance(p);
		parser_sync_statement(p, mark);
	}
}

/* Skips to a token that begins a declaration: at the start of a line, or anywhere outside braces. */
void parser_sync_declaration(struct parser *p)
{
	p->bailed = false;
	while (!parser_at(p, TOK_EOF)) {
		const struct token *t = parser_peek(p, 0);
		bool starts = parser_at_declaration(p) || t->kind == KW_VAR || t->kind == KW_CONST;
		if (starts && t->newline && (t->unindented || p->braces <= 0))
			break;
		parser_advance(p);
	}
	p->brackets = p->braces = 0;
	p->panic = false;
}
