/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations. A header (`.kh`) takes types, constants and externs only; what else stands in one is
 * parsed, reported, and left out of the tree.
 */
#include "frontend/syntax/parser.h"

#include <string.h>

/* What stands before a declaration: attributes, `pin`, `local`, `pub`, `priv`, in any order. */
struct prefix {
	span where;
	VEC(struct attribute) attrs;
	VEC(struct expr *) flags;
	bool has_flags, is_pinned, is_local, is_public, is_private;
};

struct decl *parser_new_decl(struct parser *p, enum decl_kind kind, span where)
{
	struct decl *d = ARENA_NEW(p->arena, struct decl);

	d->kind = kind;
	d->where = where;
	d->owner = p->module;
	return d;
}

/* "@flags" "(" flag { "|" flag } ")"; flag = ID [ "(" expr ")" ] */
static void parse_flags(struct parser *p, struct prefix *prefix)
{
	span open = parser_peek(p, 0)->where;
	bool saved = p->ignore_newlines;

	prefix->has_flags = true;
	if (!parser_expect(p, TOK_LPAREN))
		return;
	p->ignore_newlines = true;
	do {
		struct expr *flag = parse_constant(p);
		if (flag->kind == EXPR_NAME && parser_accept(p, TOK_LPAREN)) {
			struct expr *call = parser_new_expr(p, EXPR_CALL, flag->where);
			call->height = 2;
			call->call.callee = flag;
			vec_push(p->arena, &call->call.args, parse_constant(p));
			parser_expect(p, TOK_RPAREN);
			call->where = parser_from(p, flag->where);
			flag = call;
		}
		vec_push(p->arena, &prefix->flags, flag);
	} while (!p->panic && parser_accept(p, TOK_OR));
	p->ignore_newlines = saved;
	parser_expect_close(p, TOK_RPAREN, open);
}

/* attr = "@" ID [ "(" ( STRING | ID | INT ) ")" ] */
static void parse_attribute(struct parser *p, struct prefix *prefix)
{
	struct attribute a = {.where = parser_advance(p).where};
	span name_where;

	a.name = parser_expect_name(p, true, &name_where);
	if (!p->panic && !strcmp(intern_text(&p->compile->names, a.name), "flags")) {
		parse_flags(p, prefix);
		return;
	}
	if (!p->panic && parser_at(p, TOK_LPAREN)) {
		span open = parser_advance(p).where;
		a.arg = parse_constant(p);
		parser_expect_close(p, TOK_RPAREN, open);
	}
	a.where = parser_from(p, a.where);
	vec_push(p->arena, &prefix->attrs, a);
}

static void parse_prefix(struct parser *p, struct prefix *prefix)
{
	prefix->where = parser_peek(p, 0)->where;
	while (!p->panic) {
		if (parser_at(p, TOK_AT))
			parse_attribute(p, prefix);
		else if (parser_accept(p, KW_PIN))
			prefix->is_pinned = true;
		else if (parser_accept(p, KW_LOCAL))
			prefix->is_local = true;
		else if (parser_at_word(p, "pub") && parser_peek(p, 1)->kind == KW_FN)
			prefix->is_public = parser_advance(p).kind == TOK_ID;
		else if (parser_at_word(p, "priv") && parser_peek(p, 1)->kind == KW_FN)
			prefix->is_private = parser_advance(p).kind == TOK_ID;
		else
			return;
	}
}

static const char *parse_path(struct parser *p, span *where)
{
	*where = parser_peek(p, 0)->where;
	if (!parser_at(p, TOK_STRING)) {
		parser_expected(p, "a file name in quotes");
		return NULL;
	}
	return parser_advance(p).string.data;
}

/* include = "include" STRING */
static void parse_include(struct parser *p, struct decl *d)
{
	parser_advance(p);
	d->include.path = parse_path(p, &d->include.path_where);
}

/* import = "import" ID "from" STRING */
static void parse_import(struct parser *p, struct decl *d)
{
	parser_advance(p);
	if (parser_at(p, TOK_STRING)) {
		struct diag *diag = parser_expected(p, "a name");
		if (diag)
			diag_hint(&p->compile->diags, diag,
				  "write `import name from \"file.ks\"`, or `include \"file.kh\"`");
		return;
	}
	d->name = parser_expect_name(p, false, &d->name_where);
	if (!p->panic && parser_expect(p, KW_FROM))
		d->import.path = parse_path(p, &d->import.path_where);
	const char *dot = d->import.path ? strrchr(d->import.path, '.') : NULL;
	d->import.is_python = dot && !strcmp(dot, ".py");
}

/* One member: name ":" type, then a bit width or an initialiser.
 * field = name ":" type [ ":" INT ] [ "=" expr ]      cfield = ID ":" type [ "=" expr ] */
static struct decl *parse_field_decl(struct parser *p, bool is_config)
{
	struct decl *d = parser_new_decl(p, DECL_FIELD, parser_peek(p, 0)->where);

	d->owner = NULL;
	d->name = parser_expect_name(p, true, &d->name_where);
	if (!p->panic && !parser_accept(p, TOK_COLON)) {
		struct diag *diag = parser_expected(p, "`:`");
		if (diag)
			diag_hint(&p->compile->diags, diag, "a field is written `name: type`");
	}
	if (!p->panic)
		d->field.node = parse_type(p, TYPE_PLACE_DECLARED);
	if (!p->panic && !is_config && parser_accept(p, TOK_COLON)) {
		struct token width = *parser_peek(p, 0);
		if (!parser_accept(p, TOK_INT))
			parser_expected(p, "a number of bits");
		else if (width.integer.value < 1 || width.integer.value > 64)
			parser_report(p, D_BIT_WIDTH, width.where, "");
		else
			d->field.bit_width = (uint32_t)width.integer.value;
	}
	if (!p->panic && parser_accept(p, TOK_ASSIGN))
		d->field.init = parse_expr(p);
	d->where = parser_from(p, d->where);
	return d;
}

/* enumerator = ID [ "=" expr ] */
static struct decl *parse_enum_constant(struct parser *p, struct decl *parent)
{
	struct decl *d = parser_new_decl(p, DECL_ENUM_CONST, parser_peek(p, 0)->where);

	d->constant.parent = parent;
	d->name = parser_expect_name(p, false, &d->name_where);
	if (!p->panic && parser_accept(p, TOK_ASSIGN))
		d->constant.init = parse_expr(p);
	d->where = parser_from(p, d->where);
	return d;
}

/* Members of a struct, config or enum; a broken member is left out, and the next line goes on.
 * members = "{" [ member { "," member } [","] ] "}"      member = field | cfield | enumerator */
static void parse_members(struct parser *p, struct decl *d, decl_list *out)
{
	span open = parser_peek(p, 0)->where;

	if (!parser_expect(p, TOK_LBRACE))
		return;
	while (!parser_at(p, TOK_RBRACE) && !parser_at(p, TOK_EOF) && !parser_at_declaration(p)) {
		struct parser_mark mark = parser_mark(p);
		p->item = parser_peek(p, 0)->where.begin;
		struct decl *m = d->kind == DECL_ENUM ? parse_enum_constant(p, d)
						      : parse_field_decl(p, d->kind == DECL_CONFIG);
		if (!p->panic)
			vec_push(p->arena, out, m);
		if (!p->panic && (parser_accept(p, TOK_COMMA) || parser_at(p, TOK_RBRACE)))
			continue;
		if (!parser_at(p, TOK_EOF) && !parser_at_declaration(p))
			parser_suggest(p, parser_expected(p, "`,` or `}`"), ",");
		parser_sync_item(p, mark);
		p->module->is_damaged = true;
	}
	parser_expect_close(p, TOK_RBRACE, open);
}

/* struct = { attr } "struct" ID members     enum = "enum" ID members     config = "config" ID members */
static void parse_braced(struct parser *p, struct decl *d, decl_list *members)
{
	parser_advance(p);
	d->name = parser_expect_name(p, false, &d->name_where);
	if (!p->panic)
		parse_members(p, d, members);
}

/* alias = "type" ID "=" type */
static void parse_alias(struct parser *p, struct decl *d)
{
	parser_advance(p);
	d->name = parser_expect_name(p, false, &d->name_where);
	if (!p->panic && parser_expect(p, TOK_ASSIGN))
		d->alias = parse_type(p, TYPE_PLACE_DECLARED);
	else
		d->alias = parser_error_type(p, d->name_where);
}

/* const = "const" ID [ ":" type ] "=" expr */
static void parse_const(struct parser *p, struct decl *d)
{
	parser_advance(p);
	d->name = parser_expect_name(p, false, &d->name_where);
	if (!p->panic && parser_accept(p, TOK_COLON))
		d->variable.node = parse_type(p, TYPE_PLACE_DECLARED);
	if (!p->panic && parser_expect(p, TOK_ASSIGN))
		d->variable.init = parse_expr(p);
	else
		d->variable.node = parser_error_type(p, d->name_where);
}

/* A global that turned out to be a map. */
static void become_map(struct parser *p, struct decl *d, const struct prefix *prefix)
{
	struct type_node *node = d->variable.node;

	d->kind = DECL_MAP;
	memset(&d->variable, 0, sizeof d->variable);
	d->map.node = node;
	d->map.is_pinned = prefix->is_pinned;
	for (uint32_t i = 0; i < prefix->flags.len; i++)
		vec_push(p->arena, &d->map.flags, prefix->flags.data[i]);
	if (parser_at(p, TOK_ASSIGN))
		parser_expected(p, "the end of the map declaration");
}

/* global = [ "pin" ] [ "local" ] "var" ID ( ":" type [ "=" expr ] | "=" expr )
 * map    = [ "@flags" "(" flag { "|" flag } ")" ] [ "pin" ] "var" ID ":" maptype */
static void parse_global(struct parser *p, struct decl *d, const struct prefix *prefix)
{
	parser_advance(p);
	d->name = parser_expect_name(p, false, &d->name_where);
	if (!p->panic && parser_accept(p, TOK_COLON))
		d->variable.node = parse_type(p, TYPE_PLACE_GLOBAL);
	if (prefix->is_pinned && prefix->is_local)
		parser_report(p, D_PIN_LOCAL, prefix->where, "");
	if (d->variable.node && d->variable.node->kind == TYPE_NODE_MAP) {
		become_map(p, d, prefix);
		return;
	}
	d->variable.is_pinned = prefix->is_pinned && !prefix->is_local;
	d->variable.is_local = prefix->is_local;
	parse_variable_rest(p, d, TYPE_PLACE_GLOBAL);
}

/* param = [ name ":" ] type, the name optional in function types only */
static struct decl *parse_param(struct parser *p, bool names_optional, uint32_t index)
{
	struct decl *d = parser_new_decl(p, DECL_PARAM, parser_peek(p, 0)->where);

	d->owner = NULL;
	d->variable.index = index;
	const struct token *second = parser_peek(p, 1);
	bool is_type_first = token_info(parser_peek(p, 0)->kind)->role == WORD_TYPE;
	if (!names_optional && is_type_first &&
	    (second->kind == TOK_ID || second->kind == TOK_STAR)) {
		struct diag *diag = parser_expected(p, "a name");
		if (diag)
			diag_hint(&p->compile->diags, diag, "the name comes first: `name: type`");
	} else if (!names_optional || second->kind == TOK_COLON) {
		d->name =
			parser_expect_name(p, parser_peek(p, 1)->kind == TOK_COLON, &d->name_where);
		if (!p->panic)
			parser_expect(p, TOK_COLON);
	}
	d->variable.node = parse_type(p, TYPE_PLACE_DECLARED);
	d->where = parser_from(p, d->where);
	return d;
}

/* params = "(" [ param { "," param } [","] ] ")" */
void parse_params(struct parser *p, decl_list *out, bool names_optional)
{
	span open = parser_peek(p, 0)->where;
	bool saved = p->ignore_newlines;

	if (!parser_expect(p, TOK_LPAREN))
		return;
	p->ignore_newlines = true;
	while (!parser_at(p, TOK_RPAREN) && !p->panic) {
		struct decl *param = parse_param(p, names_optional, out->len);
		vec_push(p->arena, out, param);
		if (parser_at(p, TOK_STAR)) {
			struct diag *d = parser_expected(p, "`,` or `)`");
			if (d)
				diag_hint(&p->compile->diags, d,
					  "the type of a pointer is written `*T`");
		}
		if (!parser_accept(p, TOK_COMMA))
			break;
	}
	p->ignore_newlines = saved;
	parser_expect_close(p, TOK_RPAREN, open);
}

/* [ "->" [ ID ":" ] type ] */
static void parse_result(struct parser *p, struct decl *d)
{
	if (parser_at(p, TOK_COLON)) {
		struct diag *diag = parser_expected(p, "`{`");
		if (diag)
			diag_hint(&p->compile->diags, diag, "a result is written `-> type`");
		return;
	}
	if (!parser_accept(p, TOK_ARROW))
		return;
	if (parser_at(p, TOK_ID) && parser_peek(p, 1)->kind == TOK_COLON) {
		struct decl *v = parser_new_decl(p, DECL_LOCAL, parser_peek(p, 0)->where);
		v->owner = NULL;
		v->name = parser_expect_name(p, false, &v->name_where);
		parser_advance(p);
		v->variable.node = d->func.result = parse_type(p, TYPE_PLACE_DECLARED);
		v->where = parser_from(p, v->where);
		vec_push(p->arena, &d->func.result_var, v);
		return;
	}
	d->func.result = parse_type(p, TYPE_PLACE_DECLARED);
}

/* function = { attr } [ "pub" | "priv" ] "fn" ID params [ "->" [ ID ":" ] type ] block */
static void parse_function(struct parser *p, struct decl *d, const struct prefix *prefix)
{
	parser_advance(p);
	d->func.is_public = prefix->is_public;
	d->func.is_private = prefix->is_private;
	d->name = parser_expect_name(p, false, &d->name_where);
	if (!p->panic && parser_at(p, TOK_LT)) {
		struct diag *diag = parser_expected(p, "`(`");
		if (diag)
			diag_hint(&p->compile->diags, diag, "functions have no type parameters");
	}
	if (!p->panic)
		parse_params(p, &d->func.params, false);
	if (!p->panic)
		parse_result(p, d);
	if (p->panic) {
		p->module->is_damaged = true;
		/* The head is broken; its body may still be sound. Without a brace on this line
		 * there is none to find. */
		while (!parser_at(p, TOK_LBRACE) && !parser_peek(p, 0)->newline &&
		       !parser_at(p, TOK_EOF))
			parser_advance(p);
		if (parser_at(p, TOK_LBRACE) && !p->bailed)
			p->panic = false;
	}
	if (!p->panic)
		d->func.body = parse_block(p);
	else
		d->func.body = ARENA_NEW(p->arena, struct block);
}

/* extern = "extern" ID params [ "->" type ] */
static void parse_extern(struct parser *p, struct decl *d)
{
	parser_advance(p);
	d->name = parser_expect_name(p, false, &d->name_where);
	if (!p->panic)
		parse_params(p, &d->func.params, false);
	if (!p->panic && parser_accept(p, TOK_ARROW))
		d->func.result = parse_type(p, TYPE_PLACE_DECLARED);
}

static void copy_attributes(struct parser *p, struct decl *d, const struct prefix *prefix)
{
	for (uint32_t i = 0; i < prefix->attrs.len; i++)
		vec_push(p->arena, &d->attrs, prefix->attrs.data[i]);
}

/* One member of an impl: function | name ":" expr */
static void parse_impl_member(struct parser *p, struct decl *d)
{
	struct prefix prefix = {0};

	if (parser_at(p, TOK_AT) || (parser_at(p, KW_FN) && parser_peek(p, 1)->kind != TOK_COLON)) {
		parse_prefix(p, &prefix);
		if (!parser_at(p, KW_FN)) {
			parser_expect(p, KW_FN);
			return;
		}
		struct decl *fn = parser_new_decl(p, DECL_FUNC, prefix.where);
		copy_attributes(p, fn, &prefix);
		parse_function(p, fn, &prefix);
		fn->where = parser_from(p, prefix.where);
		vec_push(p->arena, &d->impl.functions, fn);
		return;
	}
	struct field_init f = {0};
	f.name = parser_expect_name(p, true, &f.where);
	if (p->panic || !parser_expect(p, TOK_COLON))
		return;
	f.value = parse_expr(p);
	vec_push(p->arena, &d->impl.fields, f);
}

/* impl = attr { attr } "impl" ID "{" { function | name ":" expr [","] } "}" */
static void parse_impl(struct parser *p, struct decl *d)
{
	parser_advance(p);
	d->name = parser_expect_name(p, false, &d->name_where);
	span open = parser_peek(p, 0)->where;
	if (p->panic || !parser_expect(p, TOK_LBRACE))
		return;
	while (!parser_at(p, TOK_RBRACE) && !parser_at(p, TOK_EOF)) {
		struct parser_mark mark = parser_mark(p);
		const struct token *t = parser_peek(p, 0);
		uint32_t item = p->item = t->where.begin;
		if (t->kind != KW_FN && t->kind != TOK_AT && parser_at_declaration(p))
			break;
		parse_impl_member(p, d);
		if (!p->panic)
			parser_accept(p, TOK_COMMA);
		p->item = item;
		if (p->panic) {
			parser_sync_item(p, mark);
			p->module->is_damaged = true;
		}
	}
	parser_expect_close(p, TOK_RBRACE, open);
}

/* Reports what a header must not hold, and attributes that belong to nothing. */
static bool check_place(struct parser *p, struct decl *d, const struct prefix *prefix)
{
	const char *name = decl_kind_name(d->kind);
	bool defines = d->kind == DECL_FUNC || d->kind == DECL_MAP || d->kind == DECL_GLOBAL ||
		       d->kind == DECL_IMPL || d->kind == DECL_CONFIG || d->kind == DECL_IMPORT;
	bool takes_attrs = d->kind == DECL_FUNC || d->kind == DECL_STRUCT || d->kind == DECL_IMPL ||
			   d->kind == DECL_EXTERN;
	if ((prefix->attrs.len && !takes_attrs) || (prefix->has_flags && d->kind != DECL_MAP)) {
		parser_report(p, D_ATTRIBUTE_PLACE, prefix->where,
			      arena_printf(p->arena, "attributes cannot stand before %s `%s`",
					   decl_kind_name(d->kind),
					   intern_text(&p->compile->names, d->name)));
		d->attrs.len = 0;
	}
	if ((prefix->is_pinned || prefix->is_local) && d->kind != DECL_MAP &&
	    d->kind != DECL_GLOBAL)
		parser_report(p, D_ATTRIBUTE_PLACE, prefix->where,
			      arena_printf(p->arena, "`%s` cannot stand before a %s",
					   prefix->is_pinned ? "pin" : "local",
					   decl_kind_name(d->kind)));
	if (!p->module->is_header || !defines)
		return true;
	span where = d->name_where.end ? d->name_where : d->where;
	p->module->is_damaged = true;
	diag_report(&p->compile->diags, D_HEADER_DEFINITION, where,
		    arena_printf(p->arena, "%s %s%s", *name == 'i' ? "an" : "a", name,
				 d->kind == DECL_FUNC ? " with a body" : ""));
	return false;
}

static void parse_import_or_include(struct parser *p, struct decl *d)
{
	if (d->kind == DECL_INCLUDE)
		parse_include(p, d);
	else
		parse_import(p, d);
}

/* The declaration after its prefix, as the keyword says. */
static void parse_decl_rest(struct parser *p, struct decl *d, const struct prefix *prefix)
{
	switch ((int)d->kind) {
	case DECL_INCLUDE:
	case DECL_IMPORT:
		parse_import_or_include(p, d);
		break;
	case DECL_CONFIG:
		parse_braced(p, d, &d->config.fields);
		break;
	case DECL_STRUCT:
		parse_braced(p, d, &d->record.fields);
		break;
	case DECL_ENUM:
		parse_braced(p, d, &d->enumeration.constants);
		break;
	case DECL_ALIAS:
		parse_alias(p, d);
		break;
	case DECL_CONST:
		parse_const(p, d);
		break;
	case DECL_GLOBAL:
		parse_global(p, d, prefix);
		break;
	case DECL_FUNC:
		parse_function(p, d, prefix);
		break;
	case DECL_EXTERN:
		parse_extern(p, d);
		break;
	default:
		parse_impl(p, d);
		break;
	}
}

static bool find_decl_kind(enum token_kind word, enum decl_kind *kind)
{
	static const struct {
		enum token_kind word;
		enum decl_kind kind;
	} rows[] = {{KW_INCLUDE, DECL_INCLUDE}, {KW_IMPORT, DECL_IMPORT}, {KW_CONFIG, DECL_CONFIG},
		    {KW_STRUCT, DECL_STRUCT},   {KW_ENUM, DECL_ENUM},     {KW_TYPE, DECL_ALIAS},
		    {KW_CONST, DECL_CONST},     {KW_VAR, DECL_GLOBAL},    {KW_FN, DECL_FUNC},
		    {KW_EXTERN, DECL_EXTERN},   {KW_IMPL, DECL_IMPL}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].word == word) {
			*kind = rows[i].kind;
			return true;
		}
	}
	return false;
}

static void hint_foreign_decl(struct parser *p, struct diag *d, const char *word)
{
	static const struct {
		const char *word, *hint;
	} rows[] = {
#define FOREIGN_DECL(word, hint) {word, hint},
#include "frontend/syntax/foreign_decl.def"
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].word, word))
			diag_hint(&p->compile->diags, d, "%s", rows[i].hint);
}

/* decl = include | import | config | struct | enum | alias | const | global | map | function
 *      | extern | impl; a broken one is kept if it has a name, so that its uses are no mistakes */
static void parse_decl(struct parser *p)
{
	struct prefix prefix = {0};
	enum decl_kind kind;

	parse_prefix(p, &prefix);
	if (p->panic)
		return;
	if (!find_decl_kind(parser_peek(p, 0)->kind, &kind)) {
		if (parser_at(p, TOK_RBRACE) && !prefix.attrs.len) {
			parser_report(p, D_UNMATCHED_BRACE, parser_peek(p, 0)->where, "");
			parser_advance(p);
			p->panic = true;
			return;
		}
		const struct token *t = parser_peek(p, 0);
		const char *word =
			t->kind == TOK_ID ? intern_text(&p->compile->names, t->name) : "";
		bool is_map = parser_at(p, TOK_ID) && parser_peek(p, 1)->kind == TOK_LT;
		struct diag *diag = parser_report_found(p, D_EXPECTED_DECLARATION);
		if (diag && is_map)
			diag_hint(&p->compile->diags, diag,
				  "a map is a variable: `var name : hash<u32, u64>(1024)`");
		else if (diag)
			hint_foreign_decl(p, diag, word);
		return;
	}
	struct decl *d = parser_new_decl(p, kind, prefix.where);
	copy_attributes(p, d, &prefix);
	parse_decl_rest(p, d, &prefix);
	d->where = parser_from(p, prefix.where);
	bool is_file = kind == DECL_INCLUDE || kind == DECL_IMPORT;
	if (check_place(p, d, &prefix) && (is_file ? !p->panic : d->name != 0))
		vec_push(p->arena, &p->module->decls, d);
}

/* file = { decl [";"] } */
void parse_module_decls(struct parser *p)
{
	while (!parser_at(p, TOK_EOF) || p->bailed) {
		uint32_t begin = p->item = parser_peek(p, 0)->where.begin;
		p->braces = p->brackets = 0;
		parse_decl(p);
		while (!p->panic && parser_accept(p, TOK_SEMICOLON))
			;
		if (!p->panic && !p->bailed)
			continue;
		p->module->is_damaged = true;
		p->bailed = false;
		if (parser_peek(p, 0)->where.begin == begin)
			parser_advance(p);
		parser_sync_declaration(p);
	}
}
