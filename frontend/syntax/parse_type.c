/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types. Array dimensions read as in C: `u8[2][3]` is two arrays of three, indexed x[1][2]; a suffix
 * belongs to the innermost type, so `*u8[4]` points to an array.
 */
#include "frontend/syntax/parser.h"

static struct type_node *new_type(struct parser *p, enum type_node_kind kind, span where)
{
	struct type_node *t = ARENA_NEW(p->arena, struct type_node);

	t->kind = kind;
	t->where = where;
	return t;
}

struct type_node *parser_error_type(struct parser *p, span where)
{
	return new_type(p, TYPE_NODE_ERROR, where);
}

/* An array length or map size; newlines do not matter up to the closing bracket. */
static struct expr *parse_size(struct parser *p, enum token_kind close, span open)
{
	bool saved = p->ignore_newlines;

	p->ignore_newlines = true;
	if (parser_at(p, close)) {
		struct diag *d = parser_expected(p, "a number");
		if (d)
			diag_hint(&p->compile->diags, d,
				  "sizes are part of the type; pass `*T` and a length for others");
	}
	struct expr *e = parse_expr(p);
	p->ignore_newlines = saved;
	parser_expect_close(p, close, open);
	return e;
}

/* maptype = ID "<" type { "," type } ">" [ "(" expr ")" ] */
static struct type_node *parse_map_type(struct parser *p, enum type_place place)
{
	struct token kind = parser_advance(p);
	struct type_node *t = new_type(p, TYPE_NODE_MAP, kind.where);

	parser_advance(p); // <
	t->map.kind = kind.name;
	t->map.key = parse_type(p, TYPE_PLACE_GLOBAL);
	if (parser_accept(p, TOK_COMMA))
		t->map.value = parse_type(p, TYPE_PLACE_GLOBAL);
	if (!parser_expect_greater(p))
		return t;
	if (parser_at(p, TOK_LPAREN)) {
		span open = parser_advance(p).where;
		t->map.size = parse_size(p, TOK_RPAREN, open);
	}
	t->where = parser_from(p, kind.where);
	if (place == TYPE_PLACE_DECLARED) {
		parser_report(p, D_MAP_PLACE, t->where, "");
		t->kind = TYPE_NODE_ERROR;
	}
	return t;
}

/* "str" "(" constexpr ")" */
static struct type_node *parse_str_type(struct parser *p)
{
	struct type_node *t = new_type(p, TYPE_NODE_STR, parser_advance(p).where);

	span open = parser_peek(p, 0)->where;
	if (!parser_accept(p, TOK_LPAREN)) {
		struct diag *d = parser_expected(p, "`(`");
		if (d)
			diag_hint(&p->compile->diags, d,
				  "its size is part of the type: `str(16)` has room for 15 bytes");
		t->kind = TYPE_NODE_ERROR;
		return t;
	}
	t->array.count = parse_size(p, TOK_RPAREN, open);
	t->where = parser_from(p, t->where);
	return t;
}

/* "fn" "(" [ param { "," param } ] ")" [ "->" type ] */
static struct type_node *parse_func_type(struct parser *p, enum type_place place)
{
	struct type_node *t = new_type(p, TYPE_NODE_FUNC, parser_advance(p).where);

	parse_params(p, &t->func.params, true);
	if (parser_accept(p, TOK_ARROW))
		t->func.result = parse_type(p, place);
	t->where = parser_from(p, t->where);
	return t;
}

/* "[" type [ ";" ] constexpr "]", the prefix form of an array */
static struct type_node *parse_prefix_array(struct parser *p)
{
	span open = parser_advance(p).where;
	struct type_node *t = new_type(p, TYPE_NODE_ARRAY, open);
	bool saved = p->ignore_newlines;

	p->ignore_newlines = true;
	t->array.element = parse_type(p, TYPE_PLACE_EXPR);
	parser_accept(p, TOK_SEMICOLON);
	p->ignore_newlines = saved;
	t->array.count = parse_size(p, TOK_RBRACKET, open);
	t->where = parser_from(p, open);
	return t;
}

/* ID [ "." ID ], or a primitive type:
 * prim = "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "bool" | "char" | "void" */
static struct type_node *parse_named_type(struct parser *p)
{
	struct token name = parser_advance(p);
	struct type_node *t = new_type(p, TYPE_NODE_NAME, name.where);
	span where;

	t->named.name = name.name;
	if (name.kind == TOK_ID && parser_accept(p, TOK_DOT)) {
		t->named.prefix = name.name;
		t->named.name = parser_expect_name(p, false, &where);
		t->where = parser_from(p, name.where);
	}
	return t;
}

/* base = prim | "str" "(" expr ")" | ID [ "." ID ] | maptype | "fn" params [ "->" type ]
 *      | "[" type [ ";" ] expr "]" */
static struct type_node *parse_base_type(struct parser *p, enum type_place place)
{
	const struct token *t = parser_peek(p, 0);

	if (t->kind == KW_STR)
		return parse_str_type(p);
	if (t->kind == KW_FN)
		return parse_func_type(p, place);
	if (t->kind == TOK_LBRACKET)
		return parse_prefix_array(p);
	if (t->kind == TOK_ID && place != TYPE_PLACE_EXPR && parser_peek(p, 1)->kind == TOK_LT)
		return parse_map_type(p, place);
	if (t->kind == TOK_ID || token_info(t->kind)->role == WORD_TYPE)
		return parse_named_type(p);
	span where = t->where;
	struct diag *d = parser_report_found(p, D_EXPECTED_TYPE);
	if (d && t->kind == TOK_LPAREN)
		diag_hint(&p->compile->diags, d,
			  "there are no tuples: give several values as a `struct`");
	return new_type(p, TYPE_NODE_ERROR, where);
}

/* { "[" expr "]" } after a base type; the dimension written last is the innermost. */
static struct type_node *parse_dimensions(struct parser *p, struct type_node *base)
{
	struct type_node *outermost = base, **inner = &outermost;
	uint32_t count = 0;

	while (parser_at(p, TOK_LBRACKET) && (!parser_peek(p, 0)->newline || p->ignore_newlines)) {
		if (!parser_enter(p, PARSER_LEVEL))
			break;
		count++;
		span open = parser_advance(p).where;
		struct type_node *array = new_type(p, TYPE_NODE_ARRAY, base->where);
		array->array.count = parse_size(p, TOK_RBRACKET, open);
		array->where = parser_from(p, base->where);
		array->array.element = base;
		*inner = array;
		inner = &array->array.element;
	}
	parser_leave(p, count * PARSER_LEVEL);
	return outermost;
}

/* type = base { "[" expr "]" } | "*" type */
struct type_node *parse_type(struct parser *p, enum type_place place)
{
	span begin = parser_peek(p, 0)->where;

	if (!parser_enter(p, PARSER_LEVEL)) {
		parser_leave(p, PARSER_LEVEL);
		return new_type(p, TYPE_NODE_ERROR, begin);
	}
	struct type_node *t;
	if (parser_at(p, TOK_STAR)) {
		parser_advance(p);
		t = new_type(p, TYPE_NODE_POINTER, begin);
		t->element =
			parse_type(p, place == TYPE_PLACE_GLOBAL ? TYPE_PLACE_DECLARED : place);
		t->where = parser_from(p, begin);
	} else {
		t = parse_dimensions(p, parse_base_type(p, place));
	}
	parser_leave(p, PARSER_LEVEL);
	return t;
}
