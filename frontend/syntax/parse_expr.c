/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions: precedence climbing over the binary operators, then casts, unary operators, postfix
 * forms and primaries.
 *
 * Lines: outside ( ) [ ] and struct literals (`ignore_newlines`) an operator that could as well
 * begin a statement (`* & - ( [`) does not go on with the expression of the line before.
 *
 * A name followed by `{` is a struct literal when what follows the brace is `}` or `name :`; no
 * statement begins so, and conditions are in parentheses, hence `if (c) {` is never misread.
 */
#include "frontend/syntax/parser.h"

#include <string.h>

#include "frontend/base/buf.h"

/* Precedence of `in` and of the loosest and tightest operator. */
enum { PREC_IN = 4, PREC_LOOSEST = 1 };

static const uint8_t precedences[BINARY_COUNT] = {
#define BINARY(kind, spelling, precedence) [kind] = precedence,
#include "frontend/syntax/ast.def"
};

struct expr *parser_new_expr(struct parser *p, enum expr_kind kind, span where)
{
	struct expr *e = ARENA_NEW(p->arena, struct expr);

	e->kind = kind;
	e->where = where;
	e->height = 1;
	if (!p->tallest)
		p->tallest = 1;
	return e;
}

static void set_height(struct parser *p, struct expr *e, uint32_t height)
{
	if (height > PARSE_MAX_HEIGHT) {
		parser_report(p, D_EXPRESSION_TOO_LONG, e->where,
			      arena_printf(p->arena, "%d", PARSE_MAX_HEIGHT));
		parser_bail(p);
		height = PARSE_MAX_HEIGHT;
	}
	e->height = (uint16_t)height;
	if (p->tallest < height)
		p->tallest = height;
}

static void stand_on(struct parser *p, struct expr *e, const struct expr *child)
{
	if (child->height >= e->height)
		set_height(p, e, child->height + 1u);
}

/* Around the parsing of parts that are not expressions alone (blocks, types, lists): measures the
 * tallest expression made in between. */
static uint32_t begin_parts(struct parser *p)
{
	uint32_t saved = p->tallest;

	p->tallest = 0;
	return saved;
}

static void end_parts(struct parser *p, struct expr *e, uint32_t saved)
{
	uint32_t inner = p->tallest;

	p->tallest = saved;
	if (inner >= e->height)
		set_height(p, e, inner + 1);
	e->where = parser_from(p, e->where);
}

static bool ends_line(struct parser *p)
{
	return parser_peek(p, 0)->newline && !p->ignore_newlines;
}

/* ---- primaries ---- */

struct expr *parse_string(struct parser *p)
{
	struct token t = parser_advance(p);
	struct expr *e = parser_new_expr(p, EXPR_STRING, t.where);

	e->string.data = t.string.data;
	e->string.len = t.string.len;
	return e;
}

static struct expr *parse_integer(struct parser *p, enum expr_kind kind)
{
	struct token t = parser_advance(p);
	struct expr *e = parser_new_expr(p, kind, t.where);

	if (kind == EXPR_BOOL) {
		e->integer.value = t.kind == KW_TRUE;
	} else {
		e->integer.value = t.integer.value;
		e->integer.is_hex = t.integer.is_hex;
	}
	return e;
}

static struct expr *parse_name(struct parser *p)
{
	struct token t = parser_advance(p);
	struct expr *e = parser_new_expr(p, EXPR_NAME, t.where);

	e->name.name = t.name;
	return e;
}

/* Literal or name as it may stand in a pattern or after `catch`:
 * constant = ["-"] INT | CHAR | STRING | "true" | "false" | ID ["." ID ["." ID]] */
struct expr *parse_constant(struct parser *p)
{
	const struct token *t = parser_peek(p, 0);
	span begin = t->where;
	struct expr *e;

	switch ((int)t->kind) {
	case TOK_INT:
		return parse_integer(p, EXPR_INT);
	case TOK_CHAR:
		return parse_integer(p, EXPR_CHAR);
	case KW_TRUE:
	case KW_FALSE:
		return parse_integer(p, EXPR_BOOL);
	case TOK_STRING:
		return parse_string(p);
	case TOK_MINUS:
		parser_advance(p);
		e = parser_new_expr(p, EXPR_UNARY, begin);
		e->unary.op = UNARY_NEG;
		if (parser_at(p, TOK_INT)) {
			e->unary.operand = parse_integer(p, EXPR_INT);
			stand_on(p, e, e->unary.operand);
			e->where = parser_from(p, begin);
			return e;
		}
		parser_expected(p, "a number");
		return parser_new_expr(p, EXPR_ERROR, begin);
	case TOK_ID:
		e = parse_name(p);
		for (int i = 0; i < 2 && !p->panic && parser_at(p, TOK_DOT); i++) {
			struct expr *f = parser_new_expr(p, EXPR_FIELD, begin);
			parser_advance(p);
			f->field.base = e;
			f->field.name = parser_expect_name(p, false, &f->field.name_where);
			stand_on(p, f, e);
			f->where = parser_from(p, begin);
			e = f;
		}
		return e;
	default:
		parser_expected(p, "a constant");
		return parser_new_expr(p, EXPR_ERROR, begin);
	}
}

/* "(" expr ")" */
static struct expr *parse_paren(struct parser *p)
{
	span open = parser_advance(p).where;
	bool saved = p->ignore_newlines;

	p->ignore_newlines = true;
	struct expr *e = parse_expr(p);
	p->ignore_newlines = saved;
	parser_expect_close(p, TOK_RPAREN, open);
	return e;
}

/* Items with commas between them, and perhaps one at the end, from the opening token to the closing
 * one; parse_item adds each to e and says whether the list can go on. */
static void parse_list(struct parser *p, struct expr *e, enum token_kind close,
		       bool (*parse_item)(struct parser *p, struct expr *e))
{
	bool saved = p->ignore_newlines;
	uint32_t tall = begin_parts(p);
	span open = parser_advance(p).where;

	p->ignore_newlines = true;
	while (!parser_at(p, close) && !p->panic)
		if (!parse_item(p, e) || !parser_accept(p, TOK_COMMA))
			break;
	p->ignore_newlines = saved;
	parser_expect_close(p, close, open);
	end_parts(p, e, tall);
}

/* The number of elements, when what seemed to be the first one of an array is the element type of
 * `[T; N]` or `[T N]`. */
static bool parse_prefix_count(struct parser *p, struct expr *e)
{
	struct expr *first = e->array.items.data[0];
	bool is_type = first->kind == EXPR_TYPE && parser_at(p, TOK_ID);

	if (e->array.items.len > 1 ||
	    (!is_type && !parser_at(p, TOK_SEMICOLON) && !parser_at(p, TOK_INT)))
		return false;
	struct type_node *element = ast_type_of_expr(p->arena, first);
	if (!element)
		return false;
	struct type_node *t = ARENA_NEW(p->arena, struct type_node);
	t->kind = TYPE_NODE_ARRAY;
	t->array.element = element;
	parser_accept(p, TOK_SEMICOLON);
	t->array.count = parse_expr(p);
	e->kind = EXPR_TYPE;
	e->type_arg.node = t;
	return true;
}

static bool parse_element(struct parser *p, struct expr *e)
{
	vec_push(p->arena, &e->array.items, parse_expr(p));
	return p->panic || !parse_prefix_count(p, e);
}

/* array = "[" [ expr { "," expr } [","] ] "]"; perhaps it turns out to be a type with the length behind it */
static struct expr *parse_array(struct parser *p)
{
	struct expr *e = parser_new_expr(p, EXPR_ARRAY, parser_peek(p, 0)->where);

	parse_list(p, e, TOK_RBRACKET, parse_element);
	if (e->kind == EXPR_TYPE)
		e->type_arg.node->where = e->where;
	return e;
}

static bool parse_field_value(struct parser *p, struct expr *e)
{
	struct field_init f = {0};

	f.name = parser_expect_name(p, true, &f.where);
	if (!parser_expect(p, TOK_COLON))
		return false;
	f.value = parse_expr(p);
	vec_push(p->arena, &e->literal.fields, f);
	return true;
}

/* literal = [ ID "." ] ID "{" [ name ":" expr { "," name ":" expr } [","] ] "}"; at the brace */
static struct expr *parse_struct_literal(struct parser *p, struct type_node *node)
{
	struct expr *e = parser_new_expr(p, EXPR_STRUCT, node->where);

	e->literal.node = node;
	parse_list(p, e, TOK_RBRACE, parse_field_value);
	return e;
}

/* The name just parsed is followed by the brace of a struct literal. */
static bool at_struct_literal(struct parser *p)
{
	if (!parser_at(p, TOK_LBRACE) || ends_line(p))
		return false;
	if (parser_peek(p, 1)->kind == TOK_RBRACE)
		return true;
	return parser_at_name(p, 1, true) && parser_peek(p, 2)->kind == TOK_COLON;
}

/* Type node for the name or qualified name that stands before a struct literal; NULL if `e` is
 * neither. */
static struct type_node *type_of_name(struct parser *p, const struct expr *e)
{
	struct type_node node = {.kind = TYPE_NODE_NAME, .where = e->where};

	if (e->kind == EXPR_NAME) {
		node.named.name = e->name.name;
	} else if (e->kind == EXPR_FIELD && !e->field.arrow && e->field.base->kind == EXPR_NAME) {
		node.named.prefix = e->field.base->name.name;
		node.named.name = e->field.name;
	} else {
		return NULL;
	}
	return arena_copy(p->arena, &node, sizeof node);
}

/* sizeof = "sizeof" "(" type ")"     offsetof = "offsetof" "(" type "," name ")"; at the parenthesis */
static struct expr *parse_type_query(struct parser *p, enum expr_kind kind, span begin)
{
	struct expr *e = parser_new_expr(p, kind, begin);
	bool saved = p->ignore_newlines;
	uint32_t tall = begin_parts(p);
	span where;

	span open = parser_advance(p).where;
	p->ignore_newlines = true;
	e->type_arg.node = parse_type(p, TYPE_PLACE_EXPR);
	if (kind == EXPR_OFFSETOF && parser_expect(p, TOK_COMMA))
		e->type_arg.field = parser_expect_name(p, true, &where);
	p->ignore_newlines = saved;
	if (parser_at(p, TOK_ARROW)) {
		struct diag *d = parser_expected(p, "`)`");
		if (d)
			diag_hint(&p->compile->diags, d, "it takes a type: `sizeof(u64)`");
	}
	parser_expect_close(p, TOK_RPAREN, open);
	end_parts(p, e, tall);
	return e;
}

/* new = "new" type "(" [ expr ] ")" */
static struct expr *parse_new(struct parser *p)
{
	struct expr *e = parser_new_expr(p, EXPR_NEW, parser_advance(p).where);
	uint32_t tall = begin_parts(p);

	e->alloc.node = parse_type(p, TYPE_PLACE_EXPR);
	span open = parser_peek(p, 0)->where;
	if (parser_expect(p, TOK_LPAREN)) {
		bool saved = p->ignore_newlines;
		p->ignore_newlines = true;
		if (!parser_at(p, TOK_RPAREN))
			e->alloc.flag = parse_expr(p);
		p->ignore_newlines = saved;
		parser_expect_close(p, TOK_RPAREN, open);
	}
	end_parts(p, e, tall);
	return e;
}

/* A type where an argument is expected: sizeof-like built-ins take one. */
static struct expr *parse_type_argument(struct parser *p)
{
	struct expr *e = parser_new_expr(p, EXPR_TYPE, parser_peek(p, 0)->where);
	uint32_t tall = begin_parts(p);

	e->type_arg.node = parse_type(p, TYPE_PLACE_EXPR);
	end_parts(p, e, tall);
	return e;
}

/* ---- match and if ---- */

/* pattern = constant [ ".." constant ] { "|" pattern } | "default" */
static void parse_patterns(struct parser *p, struct match_arm *arm)
{
	do {
		struct match_pattern pattern = {0};
		if (!parser_accept(p, KW_DEFAULT)) {
			pattern.low = parse_constant(p);
			if (parser_accept(p, TOK_DOTDOT))
				pattern.high = parse_constant(p);
		}
		vec_push(p->arena, &arm->patterns, pattern);
	} while (!p->panic && parser_accept(p, TOK_OR));
}

static struct expr *if_as_value(struct parser *p, struct stmt *s);

/* True when a block ends in a value. An `if` statement at its end becomes an expression if it can. */
static bool has_value(struct parser *p, struct block *b)
{
	if (!b->stmts.len)
		return false;
	struct stmt *last = vec_last(&b->stmts);
	struct expr *e = last->kind == STMT_IF ? if_as_value(p, last) : NULL;
	if (e) {
		last->kind = STMT_EXPR;
		last->expr = e;
	}
	return last->kind == STMT_EXPR;
}

/* An `if` statement of which every branch ends in a value, as an if-expression; NULL for others. */
static struct expr *if_as_value(struct parser *p, struct stmt *s)
{
	struct block *otherwise = NULL;

	if (s->kind != STMT_IF || s->conditional.binding || !s->conditional.otherwise ||
	    !has_value(p, s->conditional.then))
		return NULL;
	if (s->conditional.otherwise->kind == STMT_BLOCK)
		otherwise = s->conditional.otherwise->block;
	else
		otherwise = parser_wrap(p, s->conditional.otherwise);
	if (!has_value(p, otherwise))
		return NULL;
	struct expr *e = parser_new_expr(p, EXPR_IF, s->where);
	e->conditional.condition = s->conditional.condition;
	e->conditional.then = s->conditional.then;
	e->conditional.otherwise = otherwise;
	return e;
}

/* `PAT: value`, and what leaves or changes something: `PAT: return x`, `PAT: n = 1`. */
static void parse_arm_statement(struct parser *p, struct match_arm *arm)
{
	uint32_t saved = begin_parts(p);
	struct stmt *s = parse_stmt(p);

	arm->value = s->kind == STMT_EXPR ? s->expr : if_as_value(p, s);
	if (!arm->value)
		arm->body = parser_wrap(p, s);
	else
		set_height(p, arm->value, p->tallest);
	if (p->tallest < saved)
		p->tallest = saved;
}

/* arm = pattern ":" ( expr | block | stmt ) */
static struct match_arm parse_arm(struct parser *p)
{
	struct match_arm arm = {.where = parser_peek(p, 0)->where};

	parse_patterns(p, &arm);
	if (!p->panic && parser_at(p, TOK_ASSIGN) && parser_peek(p, 1)->kind == TOK_GT) {
		struct diag *d = parser_expected(p, "`:`");
		if (d)
			diag_hint(&p->compile->diags, d, "an arm is written `PATTERN: value`");
	}
	if (!p->panic && parser_expect(p, TOK_COLON)) {
		if (parser_at(p, TOK_LBRACE))
			arm.body = parse_block(p);
		else
			parse_arm_statement(p, &arm);
	}
	if (!arm.value && !arm.body)
		arm.value = parser_new_expr(p, EXPR_ERROR, arm.where);
	arm.where = parser_from(p, arm.where);
	return arm;
}

/* The arms, at the opening brace. A mistake in one arm leaves the others alone. */
static void parse_arms(struct parser *p, struct expr *e)
{
	span open = parser_peek(p, 0)->where;

	if (!parser_expect(p, TOK_LBRACE))
		return;
	while (!parser_at(p, TOK_RBRACE) && !parser_at(p, TOK_EOF) && !parser_at_declaration(p)) {
		struct parser_mark mark = parser_mark(p);
		uint32_t item = p->item = parser_peek(p, 0)->where.begin;
		vec_push(p->arena, &e->match.arms, parse_arm(p));
		if (!parser_accept(p, TOK_COMMA) && !parser_accept(p, TOK_SEMICOLON) &&
		    !parser_at(p, TOK_RBRACE) && !parser_peek(p, 0)->newline &&
		    !vec_last(&e->match.arms).body)
			parser_expected(p, "`,` or a new line between the arms of a match");
		p->item = item;
		if (p->panic) {
			parser_sync_item(p, mark);
			p->poisoned = true;
		}
	}
	parser_expect_close(p, TOK_RBRACE, open);
}

/* match = "match" "(" expr ")" "{" [ arm { [","] arm } [","] ] "}" */
struct expr *parse_match(struct parser *p)
{
	struct expr *e = parser_new_expr(p, EXPR_MATCH, parser_advance(p).where);
	uint32_t tall = begin_parts(p);
	bool saved = p->ignore_newlines;

	span open = parser_peek(p, 0)->where;
	e->match.subject = parser_new_expr(p, EXPR_ERROR, open);
	if (parser_enter(p, PARSER_LEVEL) && parser_expect_head(p, "match")) {
		p->ignore_newlines = true;
		e->match.subject = parse_expr(p);
		p->ignore_newlines = false;
		if (parser_expect_close(p, TOK_RPAREN, open))
			parse_arms(p, e);
	}
	parser_leave(p, PARSER_LEVEL);
	p->ignore_newlines = saved;
	end_parts(p, e, tall);
	return e;
}

/* if-expression = "if" "(" expr ")" block "else" ( block | if-expression ) */
static struct expr *parse_if(struct parser *p)
{
	struct expr *e = parser_new_expr(p, EXPR_IF, parser_advance(p).where);
	uint32_t tall = begin_parts(p);
	span open = parser_peek(p, 0)->where;

	if (!parser_at(p, TOK_LPAREN)) {
		parser_expect_head(p, "if");
		e->conditional.condition = parser_new_expr(p, EXPR_ERROR, open);
	} else {
		e->conditional.condition = parse_paren(p);
	}
	e->conditional.then = parse_block(p);
	if (parser_expect(p, KW_ELSE) && parser_at(p, KW_IF)) {
		struct stmt *s = parser_new_stmt(p, STMT_EXPR, parser_peek(p, 0)->where);
		bool room = parser_enter(p, PARSER_CHAIN_LINK);
		s->expr = room ? parse_if(p) : parser_new_expr(p, EXPR_ERROR, s->where);
		parser_leave(p, PARSER_CHAIN_LINK);
		s->where = s->expr->where;
		e->conditional.otherwise = parser_wrap(p, s);
	} else {
		e->conditional.otherwise = parse_block(p);
	}
	has_value(p, e->conditional.then);
	has_value(p, e->conditional.otherwise);
	end_parts(p, e, tall);
	return e;
}

static struct expr *parse_name_or_literal(struct parser *p)
{
	bool call = parser_peek(p, 1)->kind == TOK_LPAREN;
	span where = parser_peek(p, 0)->where;

	if (call && (parser_at_word(p, "sizeof") || parser_at_word(p, "offsetof"))) {
		enum expr_kind kind = parser_at_word(p, "sizeof") ? EXPR_SIZEOF : EXPR_OFFSETOF;
		parser_advance(p);
		return parse_type_query(p, kind, where);
	}
	struct expr *e = parse_name(p);
	return at_struct_literal(p) ? parse_struct_literal(p, type_of_name(p, e)) : e;
}

/* The tokens before are `--`, which was read as two signs. */
static bool is_decrement(const struct parser *p)
{
	const struct source_file *f = p->lexer.file;
	uint32_t end = p->last.end > f->base ? p->last.end - f->base : 0;

	return end >= 2 && f->text[end - 1] == '-' && f->text[end - 2] == '-';
}

/* primary = INT | CHAR | STRING | "true" | "false" | "null" | ID | literal | array | "(" expr ")"
 *         | match | if-expression | new | sizeof | offsetof | type */
static struct expr *parse_primary(struct parser *p)
{
	const struct token *t = parser_peek(p, 0);

	switch ((int)t->kind) {
	case TOK_INT:
		return parse_integer(p, EXPR_INT);
	case TOK_CHAR:
		return parse_integer(p, EXPR_CHAR);
	case KW_TRUE:
	case KW_FALSE:
		return parse_integer(p, EXPR_BOOL);
	case KW_NULL:
		return parser_new_expr(p, EXPR_NULL, parser_advance(p).where);
	case TOK_STRING:
		return parse_string(p);
	case TOK_ID:
		return parse_name_or_literal(p);
	case TOK_LPAREN:
		return parse_paren(p);
	case TOK_LBRACKET:
		return parse_array(p);
	case KW_MATCH:
		return parse_match(p);
	case KW_IF:
		return parse_if(p);
	case KW_NEW:
		return parse_new(p);
	default:
		break;
	}
	if (token_info(t->kind)->role == WORD_TYPE)
		return parse_type_argument(p);
	struct expr *e = parser_new_expr(p, EXPR_ERROR, t->where);
	struct diag *d = parser_report_found(p, D_EXPECTED_EXPRESSION);
	const struct source_file *f = p->lexer.file;
	bool is_doubled = t->where.begin == p->last.end && t->where.begin > f->base &&
			  f->text[t->where.begin - f->base] == f->text[p->last.begin - f->base];
	bool is_increment = is_doubled && t->kind == TOK_PLUS;
	if (d && (is_increment || is_decrement(p)))
		diag_hint(&p->compile->diags, d, "there is no `%s`: write `x %s= 1`",
			  is_increment ? "++" : "--", is_increment ? "+" : "-");
	else if (d && t->kind == TOK_DOT && t->where.begin == p->last.end &&
		 f->text[p->last.begin - f->base] == '.')
		diag_hint(&p->compile->diags, d, "a range is written `a..b`, and ends before b");
	else if (d && t->kind == KW_CONFIG && parser_peek(p, 1)->kind == TOK_DOT)
		diag_hint(&p->compile->diags, d,
			  "a field is named with the name of its group: `config net { port: u16 }` "
			  "has `net.port`");
	return e;
}

/* ---- postfix, unary, cast, binary ---- */

static bool parse_argument(struct parser *p, struct expr *e)
{
	symbol name = 0;

	if (parser_at_name(p, 0, true) && parser_peek(p, 1)->kind == TOK_COLON) {
		name = parser_advance(p).name;
		parser_advance(p);
	}
	vec_push(p->arena, &e->call.args, parse_expr(p));
	vec_push(p->arena, &e->call.arg_names, name);
	return true;
}

/* args = "(" [ [ name ":" ] expr { "," [ name ":" ] expr } [","] ] ")" */
static struct expr *parse_call(struct parser *p, struct expr *callee)
{
	struct expr *e = parser_new_expr(p, EXPR_CALL, callee->where);
	bool named = false;

	e->call.callee = callee;
	parse_list(p, e, TOK_RPAREN, parse_argument);
	for (uint32_t i = 0; i < e->call.arg_names.len; i++)
		named = named || e->call.arg_names.data[i];
	if (!named)
		e->call.arg_names.len = 0;
	stand_on(p, e, callee);
	return e;
}

static struct expr *parse_index(struct parser *p, struct expr *base)
{
	struct expr *e = parser_new_expr(p, EXPR_INDEX, base->where);
	bool saved = p->ignore_newlines;

	e->index.base = base;
	span open = parser_advance(p).where;
	p->ignore_newlines = true;
	e->index.index = parse_expr(p);
	p->ignore_newlines = saved;
	parser_expect_close(p, TOK_RBRACKET, open);
	e->where = parser_from(p, e->where);
	stand_on(p, e, base);
	stand_on(p, e, e->index.index);
	return e;
}

static struct expr *parse_field(struct parser *p, struct expr *base)
{
	struct expr *e = parser_new_expr(p, EXPR_FIELD, base->where);

	e->field.base = base;
	e->field.arrow = parser_advance(p).kind == TOK_ARROW;
	e->field.name = parser_expect_name(p, true, &e->field.name_where);
	e->where = parser_from(p, e->where);
	stand_on(p, e, base);
	struct type_node *node = at_struct_literal(p) ? type_of_name(p, e) : NULL;
	return node ? parse_struct_literal(p, node) : e;
}

/* postfix = primary { "(" args ")" | "[" expr "]" | ( "." | "->" ) name } */
static struct expr *parse_postfix(struct parser *p)
{
	struct expr *e = parse_primary(p);

	while (!p->panic) {
		if (parser_at(p, TOK_LPAREN) && !ends_line(p))
			e = parse_call(p, e);
		else if (parser_at(p, TOK_LBRACKET) && !ends_line(p))
			e = parse_index(p, e);
		else if (parser_at(p, TOK_DOT) || parser_at(p, TOK_ARROW))
			e = parse_field(p, e);
		else
			break;
	}
	return e;
}

static bool find_unary(enum token_kind kind, enum unary_op *op)
{
	static const struct {
		enum token_kind kind;
		enum unary_op op;
	} rows[] = {{TOK_NOT, UNARY_NOT},
		    {TOK_MINUS, UNARY_NEG},
		    {TOK_TILDE, UNARY_BITNOT},
		    {TOK_STAR, UNARY_DEREF},
		    {TOK_AND, UNARY_ADDR}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].kind == kind) {
			*op = rows[i].op;
			return true;
		}
	}
	return false;
}

/* unary = ( "!" | "-" | "~" | "*" | "&" ) unary | postfix */
static struct expr *parse_unary(struct parser *p)
{
	enum unary_op op;

	if (!find_unary(parser_peek(p, 0)->kind, &op))
		return parse_postfix(p);
	struct expr *e = parser_new_expr(p, EXPR_UNARY, parser_peek(p, 0)->where);
	parser_advance(p);
	e->unary.op = op;
	if (parser_enter(p, PARSER_LEVEL))
		e->unary.operand = parse_unary(p);
	else
		e->unary.operand = parser_new_expr(p, EXPR_ERROR, e->where);
	parser_leave(p, PARSER_LEVEL);
	e->where = parser_from(p, e->where);
	stand_on(p, e, e->unary.operand);
	return e;
}

/* `as` is no reserved word: it is the operator only where a type follows. */
static bool at_cast(struct parser *p)
{
	if (!parser_at_word(p, "as"))
		return false;
	enum token_kind next = parser_peek(p, 1)->kind;
	return next == TOK_ID || next == TOK_STAR || next == KW_FN ||
	       token_info(next)->role == WORD_TYPE;
}

/* cast = unary { "as" type } */
static struct expr *parse_cast(struct parser *p)
{
	struct expr *e = parse_unary(p);

	while (!p->panic && at_cast(p)) {
		struct expr *cast = parser_new_expr(p, EXPR_CAST, e->where);
		uint32_t tall = begin_parts(p);
		parser_advance(p);
		cast->cast.operand = e;
		cast->cast.node = parse_type(p, TYPE_PLACE_EXPR);
		end_parts(p, cast, tall);
		stand_on(p, cast, e);
		e = cast;
	}
	return e;
}

/* Precedence of the binary operator at the current token; 0 when the expression ends here.
 * operator = "*" | "/" | "%" | "+" | "-" | "<<" | ">>" | "&" | "^" | "|" | "<" | "<=" | ">" | ">="
 *          | "in" | "==" | "!=" | "&&" | "||" */
static unsigned binary_precedence(struct parser *p)
{
	const struct token *t = parser_peek(p, 0);
	const struct token_info *info = token_info(t->kind);

	if (t->kind == KW_IN)
		return PREC_IN;
	if (!info->is_binary || (ends_line(p) && !info->continues))
		return 0;
	return precedences[info->op];
}

/* binary = cast { operator binary }, operators at least as tight as `loosest` */
static struct expr *parse_binary(struct parser *p, unsigned loosest)
{
	struct expr *left = parse_cast(p);
	unsigned precedence;

	while (!p->panic && (precedence = binary_precedence(p)) >= loosest && precedence) {
		struct token op = parser_advance(p);
		struct expr *e =
			parser_new_expr(p, op.kind == KW_IN ? EXPR_IN : EXPR_BINARY, left->where);
		e->binary.op = (enum binary_op)token_info(op.kind)->op;
		e->binary.op_where = op.where;
		e->binary.left = left;
		e->binary.right = parse_binary(p, precedence + 1);
		e->where = parser_from(p, e->where);
		stand_on(p, e, left);
		stand_on(p, e, e->binary.right);
		left = e;
	}
	return left;
}

/* expr = binary */
struct expr *parse_expr(struct parser *p)
{
	struct expr *e;

	if (parser_enter(p, PARSER_LEVEL))
		e = parse_binary(p, PREC_LOOSEST);
	else
		e = parser_new_expr(p, EXPR_ERROR, parser_peek(p, 0)->where);
	parser_leave(p, PARSER_LEVEL);
	return e;
}
