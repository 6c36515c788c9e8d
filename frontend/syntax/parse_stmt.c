/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements and blocks. Statements need no terminator: one ends where the next begins. On the same
 * line only a `;`, a keyword or the beginning of an assignment or call may follow, so that
 * `var x = 1 2` is a mistake and `a = 1 return a` is not.
 */
#include "frontend/syntax/parser.h"

#include <string.h>

struct stmt *parser_new_stmt(struct parser *p, enum stmt_kind kind, span where)
{
	struct stmt *s = ARENA_NEW(p->arena, struct stmt);

	s->kind = kind;
	s->where = where;
	return s;
}

static struct block *new_block(struct parser *p, span where)
{
	struct block *b = ARENA_NEW(p->arena, struct block);

	b->where = where;
	return b;
}

struct block *parser_wrap(struct parser *p, struct stmt *stmt)
{
	struct block *b = new_block(p, stmt->where);

	vec_push(p->arena, &b->stmts, stmt);
	return b;
}

static bool begins_statement(struct parser *p)
{
	const struct token *t = parser_peek(p, 0);

	if (t->newline || t->kind == TOK_RBRACE || t->kind == TOK_EOF || t->kind == KW_ELSE ||
	    token_info(t->kind)->role == WORD_STMT)
		return true;
	if (t->kind != TOK_ID)
		return false;
	enum token_kind next = parser_peek(p, 1)->kind;
	return token_info(next)->is_assign || next == TOK_LPAREN || next == TOK_LBRACKET ||
	       next == TOK_DOT || next == TOK_ARROW;
}

/* `x := e`, `A::B`, `elif (c) {`, `raise e` of other languages; false for others. */
static bool hint_foreign_end(struct parser *p, struct diag *d, const struct stmt *s)
{
	enum token_kind next = parser_peek(p, 1)->kind;
	const struct expr *e = s->kind == STMT_EXPR ? s->expr : NULL;
	const struct expr *word = e && e->kind == EXPR_CALL ? e->call.callee : e;
	const char *name = word && word->kind == EXPR_NAME
				   ? intern_text(&p->compile->names, word->name.name)
				   : "";

	if (s->kind == STMT_DEFER && parser_peek(p, 0)->kind != TOK_COLON)
		diag_hint(&p->compile->diags, d,
			  "`defer` takes a call or a block: `defer { x = 1 }`");
	else if (parser_at(p, TOK_COLON) && next == TOK_COLON)
		diag_hint(&p->compile->diags, d, "write `.` for `::`");
	else if (parser_at(p, TOK_COLON) && next == TOK_ASSIGN)
		diag_hint(&p->compile->diags, d, "a variable is declared as `var name = value`");
	else if (!strncmp(name, "els", 3) || !strcmp(name, "elif"))
		diag_hint(&p->compile->diags, d, "here it is written `else if (…) { … }`");
	else if (!strcmp(name, "raise"))
		diag_hint(&p->compile->diags, d, "here it is written `throw e`");
	else if (!strcmp(name, "finally"))
		diag_hint(&p->compile->diags, d,
			  "what is to be done in any case stands in a `defer` before it");
	else
		return false;
	return true;
}

/* What separates a statement from the next: nothing after a `}`. */
static void end_statement(struct parser *p, const struct stmt *s)
{
	bool braces = p->last.end > s->where.begin &&
		      p->lexer.file->text[p->last.begin - p->lexer.file->base] == '}';

	if (p->panic || parser_accept(p, TOK_SEMICOLON) || braces || begins_statement(p))
		return;
	struct diag *d = parser_report_found(p, D_EXPECTED_STATEMENT_END);
	const struct expr *callee =
		s->kind == STMT_EXPR && s->expr->kind == EXPR_CALL ? s->expr->call.callee : NULL;
	if (d && parser_at(p, TOK_LBRACE) && callee && callee->kind == EXPR_NAME &&
	    callee->name.name == intern_string(&p->compile->names, "switch"))
		diag_hint(&p->compile->diags, d,
			  "here it is written `match (x) { 1: …, 2 | 3: …, default: … }`");
	else if (d)
		p->poisoned = hint_foreign_end(p, d, s);
}

/* `let x = …` and `u32 x = …` of other languages: said once, and read as `var`. */
static bool at_foreign_variable(struct parser *p)
{
	static const char *const words[] = {"let", "auto"};
	bool is_type = token_info(parser_peek(p, 0)->kind)->role == WORD_TYPE;
	bool is_begun = is_type;

	for (uint32_t i = 0; i < sizeof words / sizeof *words; i++)
		is_begun |= parser_at_word(p, words[i]);
	if (!is_begun || parser_peek(p, 1)->kind != TOK_ID || parser_peek(p, 1)->newline)
		return false;
	struct diag *d = parser_expected(p, "`var`");
	if (d && is_type)
		diag_hint(&p->compile->diags, d, "a variable is declared as `var name: type = …`");
	p->panic = p->bailed;
	if (parser_peek(p, 2)->kind == TOK_ID && !parser_peek(p, 2)->newline)
		parser_advance(
			p); // `let mut x`: the word before the name is passed over like `let`
	return true;
}

/* A statement with a mistake in it stays in the tree as a gap, so that the checker does not judge
 * what is left of it. A variable stays declared. */
static void poison(struct parser *p, struct stmt *s)
{
	p->poisoned = false;
	if (s->kind != STMT_VAR) {
		s->kind = STMT_ERROR;
		return;
	}
	struct decl *d = s->var.decl;
	d->variable.init = NULL;
	if (!d->variable.node)
		d->variable.node = parser_error_type(p, d->where);
}

static void parse_block_stmts(struct parser *p, struct block *b)
{
	while (!parser_at(p, TOK_RBRACE) && !parser_at(p, TOK_EOF) && !parser_at_declaration(p)) {
		struct parser_mark mark = parser_mark(p);
		if (parser_accept(p, TOK_SEMICOLON))
			continue;
		uint32_t item = p->item = parser_peek(p, 0)->where.begin;
		struct stmt *s = parse_stmt(p);
		vec_push(p->arena, &b->stmts, s);
		if (p->panic || p->poisoned)
			poison(p, s);
		end_statement(p, s);
		if (p->poisoned)
			poison(p, s);
		p->item = item;
		if (p->panic)
			parser_sync_item(p, mark);
	}
}

/* block = "{" { stmt [";"] } "}" */
struct block *parse_block(struct parser *p)
{
	span open = parser_peek(p, 0)->where;
	struct block *b = new_block(p, open);
	bool saved = p->ignore_newlines;

	if (!parser_expect(p, TOK_LBRACE))
		return b;
	p->ignore_newlines = false;
	if (parser_enter(p, PARSER_LEVEL)) {
		parse_block_stmts(p, b);
		parser_expect_close(p, TOK_RBRACE, open);
	}
	parser_leave(p, PARSER_LEVEL);
	p->ignore_newlines = saved;
	b->where = parser_from(p, open);
	return b;
}

/* body = block | stmt; the statement on the same line */
struct block *parse_body(struct parser *p)
{
	if (parser_at(p, TOK_LBRACE) || parser_peek(p, 0)->newline || p->panic)
		return parse_block(p);
	struct block *b = new_block(p, parser_peek(p, 0)->where);
	if (parser_enter(p, PARSER_LEVEL))
		b = parser_wrap(p, parse_stmt(p));
	parser_leave(p, PARSER_LEVEL);
	return b;
}

void parse_variable_rest(struct parser *p, struct decl *decl, enum type_place place)
{
	if (!p->panic && parser_accept(p, TOK_COLON))
		decl->variable.node = parse_type(p, place);
	if (!p->panic && parser_accept(p, TOK_ASSIGN))
		decl->variable.init = parse_expr(p);
	if (!decl->variable.node && !decl->variable.init) {
		parser_report(p, D_VARIABLE_WITHOUT_TYPE, decl->name_where,
			      intern_text(&p->compile->names, decl->name));
		decl->variable.node = parser_error_type(p, decl->name_where);
	}
	decl->where = parser_from(p, decl->where);
}

/* variable = ( "var" | "const" ) ID [ ":" type ] [ "=" expr ] */
static struct decl *parse_local(struct parser *p)
{
	struct token word = parser_advance(p);
	struct decl *d = parser_new_decl(p, DECL_LOCAL, word.where);

	d->owner = NULL;
	d->variable.is_const = word.kind == KW_CONST;
	d->name = parser_expect_name(p, false, &d->name_where);
	parse_variable_rest(p, d, TYPE_PLACE_DECLARED);
	if (!p->panic && d->variable.is_const && !d->variable.init)
		parser_expect(p, TOK_ASSIGN);
	return d;
}

/* "(" expr ")" of a statement head */
static struct expr *parse_condition(struct parser *p, span open)
{
	bool saved = p->ignore_newlines;

	p->ignore_newlines = true;
	struct expr *e = parse_expr(p);
	p->ignore_newlines = saved;
	parser_expect_close(p, TOK_RPAREN, open);
	return e;
}

/* if = "if" "(" ( expr | "var" ID [ ":" type ] "=" expr ) ")" body [ "else" ( if | body ) ], without
 * its else; false when it is broken */
static bool parse_if_head(struct parser *p, struct stmt *s)
{
	parser_advance(p);
	span open = parser_peek(p, 0)->where;
	s->conditional.then = new_block(p, s->where);
	s->conditional.condition = parser_new_expr(p, EXPR_ERROR, open);
	if (!parser_expect_head(p, "if"))
		return false;
	if (parser_at(p, KW_VAR)) {
		bool saved = p->ignore_newlines;
		p->ignore_newlines = true;
		s->conditional.binding = parse_local(p);
		p->ignore_newlines = saved;
		s->conditional.condition = NULL;
		if (!p->panic && !s->conditional.binding->variable.init)
			parser_expect(p, TOK_ASSIGN);
		parser_expect_close(p, TOK_RPAREN, open);
	} else {
		s->conditional.condition = parse_condition(p, open);
	}
	if (!p->panic)
		s->conditional.then = parse_body(p);
	s->where = parser_from(p, s->where);
	return !p->panic;
}

/* A chain of `else if` is read in a loop; it counts into the depth because its tree nests. A `;`
 * may stand before `else`, since it may end the statement there. */
static struct stmt *parse_if_stmt(struct parser *p)
{
	struct stmt *first = parser_new_stmt(p, STMT_IF, parser_peek(p, 0)->where);
	struct stmt *s = first;
	uint32_t links = 0;

	while (parse_if_head(p, s)) {
		if (parser_at(p, TOK_SEMICOLON) && parser_peek(p, 1)->kind == KW_ELSE)
			parser_advance(p);
		if (!parser_accept(p, KW_ELSE))
			break;
		if (!parser_at(p, KW_IF)) {
			struct stmt *last =
				parser_new_stmt(p, STMT_BLOCK, parser_peek(p, 0)->where);
			last->block = parse_body(p);
			last->where = last->block->where;
			s->conditional.otherwise = last;
			break;
		}
		links++;
		if (!parser_enter(p, PARSER_CHAIN_LINK))
			break;
		s->conditional.otherwise = parser_new_stmt(p, STMT_IF, parser_peek(p, 0)->where);
		s = s->conditional.otherwise;
	}
	parser_leave(p, links * PARSER_CHAIN_LINK);
	for (s = first; s; s = s->kind == STMT_IF ? s->conditional.otherwise : NULL)
		s->where = parser_from(p, s->where);
	return first;
}

/* while = "while" "(" expr ")" body */
static void parse_while(struct parser *p, struct stmt *s)
{
	parser_advance(p);
	span open = parser_peek(p, 0)->where;
	s->kind = STMT_ERROR;
	if (!parser_expect_head(p, "while"))
		return;
	if (parser_at(p, KW_VAR)) {
		struct diag *d = parser_report_found(p, D_EXPECTED_EXPRESSION);
		if (d)
			diag_hint(
				&p->compile->diags, d,
				"only `if` declares a variable: `while (true) { if (var x = …) { … "
				"} else { break } }`");
		return;
	}
	struct expr *condition = parse_condition(p, open);
	if (p->panic)
		return;
	s->kind = STMT_WHILE;
	s->loop.condition = condition;
	s->loop.body = parse_body(p);
}

static struct decl *parse_loop_variable(struct parser *p)
{
	struct decl *d = parser_new_decl(p, DECL_LOCAL, parser_peek(p, 0)->where);

	d->owner = NULL;
	d->name = parser_expect_name(p, false, &d->name_where);
	d->where = d->name_where;
	return d;
}

/* What stands between the parentheses of `for`:
 * head = ID "in" expr ".." expr [ "step" expr ] | ID "," ID "in" expr */
static void parse_for_head(struct parser *p, struct stmt *s)
{
	struct decl *first, *second = NULL;

	bool is_typed = parser_at(p, TOK_ID) && parser_peek(p, 1)->kind == TOK_ID;
	if (parser_at(p, KW_VAR) || token_info(parser_peek(p, 0)->kind)->role == WORD_TYPE ||
	    (is_typed && parser_peek(p, 2)->kind == TOK_ASSIGN)) {
		struct diag *d = parser_expected(p, "a name");
		if (d)
			diag_hint(&p->compile->diags, d,
				  "loops that count are written `for (i in 0..n) { … }`, others "
				  "with `while`");
		return;
	}
	first = parse_loop_variable(p);
	if (parser_accept(p, TOK_COMMA))
		second = parse_loop_variable(p);
	parser_expect(p, KW_IN);
	if (p->panic)
		return;
	struct expr *e = parse_expr(p);
	if (second) {
		s->kind = STMT_FOR_MAP;
		s->each.key = first;
		s->each.value = second;
		s->each.map = e;
		return;
	}
	if (!parser_at(p, TOK_DOTDOT)) {
		struct diag *d = parser_expected(p, "`..`");
		if (d)
			diag_hint(
				&p->compile->diags, d,
				"numbers are counted with `for (i in 0..n)`, entries of a map with "
				"`for (k, v in m)`");
		return;
	}
	parser_advance(p);
	s->kind = STMT_FOR_RANGE;
	s->range.var = first;
	s->range.begin = e;
	s->range.end = parse_expr(p);
	if (parser_at_word(p, "step")) {
		parser_advance(p);
		s->range.step = parse_expr(p);
	}
}

/* for = "for" "(" head ")" body */
static void parse_for(struct parser *p, struct stmt *s)
{
	bool saved = p->ignore_newlines;

	parser_advance(p);
	span open = parser_peek(p, 0)->where;
	s->kind = STMT_ERROR;
	if (!parser_expect_head(p, "for"))
		return;
	p->ignore_newlines = true;
	parse_for_head(p, s);
	p->ignore_newlines = saved;
	parser_expect_close(p, TOK_RPAREN, open);
	struct block *body = p->panic ? new_block(p, s->where) : parse_body(p);
	if (s->kind == STMT_FOR_MAP)
		s->each.body = body;
	else if (s->kind == STMT_FOR_RANGE)
		s->range.body = body;
}

/* try = "try" block { "catch" ( constant | "_" ) block } */
static void parse_try(struct parser *p, struct stmt *s)
{
	span word = parser_advance(p).where;

	s->attempt.body = parse_block(p);
	while (!p->panic && parser_at(p, KW_CATCH)) {
		struct catch_arm arm = {.where = parser_advance(p).where};
		if (parser_at_word(p, "_"))
			parser_advance(p);
		else if (parser_at(p, TOK_LPAREN)) {
			struct diag *d = parser_expected(p, "a constant");
			if (d)
				diag_hint(
					&p->compile->diags, d,
					"errors are numbers: `catch 3 { … }`, `catch NAME { … }`, "
					"or `catch _ { … }` for all");
		} else
			arm.code = parse_constant(p);
		arm.body = parse_block(p);
		arm.where = parser_from(p, arm.where);
		vec_push(p->arena, &s->attempt.catches, arm);
	}
	if (!s->attempt.catches.len)
		parser_report(p, D_TRY_WITHOUT_CATCH, word, "");
}

/* defer = "defer" ( block | expr ); the expression is a call */
static void parse_defer(struct parser *p, struct stmt *s)
{
	parser_advance(p);
	if (parser_at(p, TOK_LBRACE)) {
		s->deferral.block = parse_block(p);
		return;
	}
	struct stmt *call = parser_new_stmt(p, STMT_EXPR, parser_peek(p, 0)->where);
	call->expr = parse_expr(p);
	call->where = call->expr->where;
	s->deferral.block = parser_wrap(p, call);
	s->deferral.is_call = true;
}

/* return = "return" [ expr ]; the end of the line ends it */
static void parse_return(struct parser *p, struct stmt *s)
{
	parser_advance(p);
	const struct token *t = parser_peek(p, 0);
	if (!t->newline && t->kind != TOK_RBRACE && t->kind != TOK_SEMICOLON &&
	    t->kind != TOK_EOF && t->kind != TOK_COMMA && t->kind != KW_ELSE)
		s->expr = parse_expr(p);
}

/* assignment = expr [ assign expr ]
 * assign = "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "&=" | "|=" | "^=" | "<<=" | ">>=" */
static void parse_simple(struct parser *p, struct stmt *s)
{
	struct expr *e = parse_expr(p);
	const struct token_info *info = token_info(parser_peek(p, 0)->kind);

	s->expr = e;
	if (e->kind == EXPR_ERROR && p->panic) {
		s->kind = STMT_ERROR;
	} else if (!p->panic && info->is_assign) {
		s->kind = STMT_ASSIGN;
		s->assign.target = e;
		s->assign.op = (enum binary_op)info->op;
		s->assign.op_where = parser_advance(p).where;
		s->assign.value = parse_expr(p);
	}
}

/* stmt = variable | if | while | for | "break" | "continue" | return | "delete" expr | try
 *      | "throw" expr | defer | match | block | assignment */
struct stmt *parse_stmt(struct parser *p)
{
	struct stmt *s = parser_new_stmt(p, STMT_EXPR, parser_peek(p, 0)->where);

	switch ((int)parser_peek(p, 0)->kind) {
	case KW_VAR:
	case KW_CONST:
		s->kind = STMT_VAR;
		s->var.decl = parse_local(p);
		break;
	case KW_IF:
		return parse_if_stmt(p);
	case KW_WHILE:
		parse_while(p, s);
		break;
	case KW_FOR:
		parse_for(p, s);
		break;
	case KW_BREAK:
	case KW_CONTINUE:
		s->kind = parser_advance(p).kind == KW_BREAK ? STMT_BREAK : STMT_CONTINUE;
		break;
	case KW_RETURN:
		s->kind = STMT_RETURN;
		parse_return(p, s);
		break;
	case KW_DELETE:
	case KW_THROW:
		s->kind = parser_advance(p).kind == KW_DELETE ? STMT_DELETE : STMT_THROW;
		s->expr = parse_expr(p);
		break;
	case KW_TRY:
		s->kind = STMT_TRY;
		parse_try(p, s);
		break;
	case KW_DEFER:
		s->kind = STMT_DEFER;
		parse_defer(p, s);
		break;
	case KW_MATCH:
		s->expr = parse_match(p);
		break;
	case TOK_LBRACE:
		s->kind = STMT_BLOCK;
		s->block = parse_block(p);
		break;
	default:
		if (at_foreign_variable(p)) {
			s->kind = STMT_VAR;
			s->var.decl = parse_local(p);
			break;
		}
		parse_simple(p, s);
		break;
	}
	s->where = parser_from(p, s->where);
	return s;
}
