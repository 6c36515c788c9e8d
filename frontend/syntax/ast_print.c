/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical text of a tree: one statement per line, tabs, parentheses only where precedence needs
 * them. Parsing the result gives the same tree again; tests rely on that.
 */
#include <inttypes.h>
#include <string.h>

#include "frontend/syntax/parse.h"

struct printer {
	const struct intern *names;
	struct buf *out;
	unsigned indent;
};

/* Binding strength of printed expressions, tightest last; binary operators lie in between. */
enum { STRENGTH_ANY = 0, STRENGTH_IN = 4, STRENGTH_CAST = 20, STRENGTH_UNARY, STRENGTH_POSTFIX };

static const uint8_t precedences[BINARY_COUNT] = {
#define BINARY(kind, spelling, precedence) [kind] = precedence,
#include "frontend/syntax/ast.def"
};

static void print_expr(struct printer *p, const struct expr *e, unsigned strength);
static void print_type(struct printer *p, const struct type_node *t);
static void print_block(struct printer *p, const struct block *b);
static void print_stmt(struct printer *p, const struct stmt *s);

static void text(struct printer *p, const char *s)
{
	buf_add_text(p->out, s);
}

static void name(struct printer *p, symbol s)
{
	buf_add_text(p->out, intern_text(p->names, s));
}

static void line(struct printer *p)
{
	buf_add_char(p->out, '\n');
	for (unsigned i = 0; i < p->indent; i++)
		buf_add_char(p->out, '\t');
}

/* ---- types ---- */

static void print_params(struct printer *p, const decl_list *params)
{
	text(p, "(");
	for (uint32_t i = 0; i < params->len; i++) {
		const struct decl *d = params->data[i];
		text(p, i ? ", " : "");
		if (d->name) {
			name(p, d->name);
			text(p, ": ");
		}
		print_type(p, d->variable.node);
	}
	text(p, ")");
}

static void print_array_type(struct printer *p, const struct type_node *t)
{
	const struct type_node *base = t;

	while (base->kind == TYPE_NODE_ARRAY)
		base = base->array.element;
	/* A suffix would bind to what the pointer or function type ends in. */
	bool prefix = base->kind == TYPE_NODE_POINTER || base->kind == TYPE_NODE_FUNC;
	if (prefix) {
		text(p, "[");
		print_type(p, t->array.element);
		text(p, "; ");
		print_expr(p, t->array.count, STRENGTH_ANY);
		text(p, "]");
		return;
	}
	print_type(p, base);
	for (; t->kind == TYPE_NODE_ARRAY; t = t->array.element) {
		text(p, "[");
		print_expr(p, t->array.count, STRENGTH_ANY);
		text(p, "]");
	}
}

static void print_map_type(struct printer *p, const struct type_node *t)
{
	name(p, t->map.kind);
	text(p, "<");
	print_type(p, t->map.key);
	if (t->map.value) {
		text(p, ", ");
		print_type(p, t->map.value);
	}
	text(p, ">");
	if (t->map.size) {
		text(p, "(");
		print_expr(p, t->map.size, STRENGTH_ANY);
		text(p, ")");
	}
}

static void print_type(struct printer *p, const struct type_node *t)
{
	switch (t->kind) {
	case TYPE_NODE_NAME:
		if (t->named.prefix) {
			name(p, t->named.prefix);
			text(p, ".");
		}
		name(p, t->named.name);
		break;
	case TYPE_NODE_POINTER:
		text(p, "*");
		print_type(p, t->element);
		break;
	case TYPE_NODE_ARRAY:
		print_array_type(p, t);
		break;
	case TYPE_NODE_STR:
		text(p, "str(");
		print_expr(p, t->array.count, STRENGTH_ANY);
		text(p, ")");
		break;
	case TYPE_NODE_FUNC:
		text(p, "fn");
		print_params(p, &t->func.params);
		if (t->func.result) {
			text(p, " -> ");
			print_type(p, t->func.result);
		}
		break;
	case TYPE_NODE_MAP:
		print_map_type(p, t);
		break;
	case TYPE_NODE_ERROR:
	case TYPE_NODE_KIND_COUNT:
		text(p, "<error>");
		break;
	}
}

/* ---- expressions ---- */

static void print_quoted(struct printer *p, const char *data, size_t len, char quote)
{
	static const char letters[][2] = {{'\n', 'n'}, {'\t', 't'}, {'\r', 'r'}, {'\\', '\\'}};

	buf_add_char(p->out, quote);
	for (size_t i = 0; i < len; i++) {
		char c = data[i], letter = c == quote ? quote : 0;
		for (size_t k = 0; k < sizeof letters / sizeof *letters; k++)
			if (letters[k][0] == c)
				letter = letters[k][1];
		if (letter)
			buf_printf(p->out, "\\%c", letter);
		else if ((unsigned char)c < ' ' || c == 127 || (quote == '\'' && c < 0))
			buf_printf(p->out, "\\x%02x", (unsigned char)c);
		else
			buf_add_char(p->out, c);
	}
	buf_add_char(p->out, quote);
}

static void print_args(struct printer *p, const struct expr *e)
{
	text(p, "(");
	for (uint32_t i = 0; i < e->call.args.len; i++) {
		text(p, i ? ", " : "");
		if (e->call.arg_names.len && e->call.arg_names.data[i]) {
			name(p, e->call.arg_names.data[i]);
			text(p, ": ");
		}
		print_expr(p, e->call.args.data[i], STRENGTH_ANY);
	}
	text(p, ")");
}

static void print_struct_literal(struct printer *p, const struct expr *e)
{
	print_type(p, e->literal.node);
	text(p, e->literal.fields.len ? " { " : " {");
	for (uint32_t i = 0; i < e->literal.fields.len; i++) {
		text(p, i ? ", " : "");
		name(p, e->literal.fields.data[i].name);
		text(p, ": ");
		print_expr(p, e->literal.fields.data[i].value, STRENGTH_ANY);
	}
	text(p, e->literal.fields.len ? " }" : "}");
}

static void print_pattern(struct printer *p, const struct match_pattern *pattern)
{
	if (!pattern->low) {
		text(p, "default");
		return;
	}
	print_expr(p, pattern->low, STRENGTH_POSTFIX - 1);
	if (pattern->high) {
		text(p, "..");
		print_expr(p, pattern->high, STRENGTH_POSTFIX - 1);
	}
}

static void print_match(struct printer *p, const struct expr *e)
{
	text(p, "match (");
	print_expr(p, e->match.subject, STRENGTH_ANY);
	text(p, ") {");
	p->indent++;
	for (uint32_t i = 0; i < e->match.arms.len; i++) {
		const struct match_arm *arm = &e->match.arms.data[i];
		line(p);
		for (uint32_t k = 0; k < arm->patterns.len; k++) {
			text(p, k ? " | " : "");
			print_pattern(p, &arm->patterns.data[k]);
		}
		text(p, ": ");
		if (arm->value)
			print_expr(p, arm->value, STRENGTH_ANY);
		else
			print_block(p, arm->body);
		text(p, ",");
	}
	p->indent--;
	line(p);
	text(p, "}");
}

static void print_if_expr(struct printer *p, const struct expr *e)
{
	for (;;) {
		text(p, "if (");
		print_expr(p, e->conditional.condition, STRENGTH_ANY);
		text(p, ") ");
		print_block(p, e->conditional.then);
		text(p, " else ");
		const struct block *b = e->conditional.otherwise;
		if (b->stmts.len != 1 || b->stmts.data[0]->kind != STMT_EXPR ||
		    b->stmts.data[0]->expr->kind != EXPR_IF) {
			print_block(p, b);
			return;
		}
		e = b->stmts.data[0]->expr;
	}
}

static unsigned strength_of(const struct expr *e)
{
	switch ((int)e->kind) {
	case EXPR_BINARY:
		return precedences[e->binary.op];
	case EXPR_IN:
		return STRENGTH_IN;
	case EXPR_CAST:
		return STRENGTH_CAST;
	case EXPR_UNARY:
		return STRENGTH_UNARY;
	case EXPR_IF: // as an operand they would end the expression
	case EXPR_MATCH:
		return STRENGTH_ANY;
	case EXPR_CONVERT:
		return strength_of(e->convert.operand);
	default:
		return STRENGTH_POSTFIX;
	}
}

static void print_binary(struct printer *p, const struct expr *e)
{
	unsigned strength = strength_of(e);

	print_expr(p, e->binary.left, strength);
	text(p, " ");
	text(p, e->kind == EXPR_IN ? "in" : binary_spelling(e->binary.op));
	text(p, " ");
	print_expr(p, e->binary.right, strength + 1);
}

static void print_type_query(struct printer *p, const struct expr *e)
{
	text(p, e->kind == EXPR_SIZEOF ? "sizeof(" : "offsetof(");
	print_type(p, e->type_arg.node);
	if (e->kind == EXPR_OFFSETOF) {
		text(p, ", ");
		name(p, e->type_arg.field);
	}
	text(p, ")");
}

static void print_unary(struct printer *p, const struct expr *e)
{
	const struct expr *operand = e->unary.operand;

	text(p, unary_spelling(e->unary.op));
	/* `&&` would be another operator, and `--` looks like one. */
	if (operand->kind == EXPR_UNARY && operand->unary.op == e->unary.op &&
	    (e->unary.op == UNARY_ADDR || e->unary.op == UNARY_NEG))
		text(p, " ");
	print_expr(p, operand, STRENGTH_UNARY);
}

static void print_array(struct printer *p, const struct expr *e)
{
	text(p, "[");
	for (uint32_t i = 0; i < e->array.items.len; i++) {
		text(p, i ? ", " : "");
		print_expr(p, e->array.items.data[i], STRENGTH_ANY);
	}
	text(p, "]");
}

static void print_bare(struct printer *p, const struct expr *e)
{
	char c;

	switch (e->kind) {
	case EXPR_INT:
		buf_printf(p->out, e->integer.is_hex ? "0x%" PRIx64 : "%" PRIu64, e->integer.value);
		break;
	case EXPR_CHAR:
		c = (char)e->integer.value;
		print_quoted(p, &c, 1, '\'');
		break;
	case EXPR_BOOL:
		text(p, e->integer.value ? "true" : "false");
		break;
	case EXPR_NULL:
		text(p, "null");
		break;
	case EXPR_STRING:
		print_quoted(p, e->string.data, e->string.len, '"');
		break;
	case EXPR_NAME:
		name(p, e->name.name);
		break;
	case EXPR_UNARY:
		print_unary(p, e);
		break;
	case EXPR_BINARY:
	case EXPR_IN:
		print_binary(p, e);
		break;
	case EXPR_CALL:
		print_expr(p, e->call.callee, STRENGTH_POSTFIX);
		print_args(p, e);
		break;
	case EXPR_INDEX:
		print_expr(p, e->index.base, STRENGTH_POSTFIX);
		text(p, "[");
		print_expr(p, e->index.index, STRENGTH_ANY);
		text(p, "]");
		break;
	case EXPR_FIELD:
		print_expr(p, e->field.base, STRENGTH_POSTFIX);
		text(p, e->field.arrow ? "->" : ".");
		name(p, e->field.name);
		break;
	case EXPR_CAST:
		print_expr(p, e->cast.operand, STRENGTH_CAST);
		text(p, " as ");
		print_type(p, e->cast.node);
		break;
	case EXPR_STRUCT:
		print_struct_literal(p, e);
		break;
	case EXPR_ARRAY:
		print_array(p, e);
		break;
	case EXPR_MATCH:
		print_match(p, e);
		break;
	case EXPR_IF:
		print_if_expr(p, e);
		break;
	case EXPR_NEW:
		text(p, "new ");
		print_type(p, e->alloc.node);
		text(p, "(");
		if (e->alloc.flag)
			print_expr(p, e->alloc.flag, STRENGTH_ANY);
		text(p, ")");
		break;
	case EXPR_SIZEOF:
	case EXPR_OFFSETOF:
		print_type_query(p, e);
		break;
	case EXPR_TYPE:
		print_type(p, e->type_arg.node);
		break;
	case EXPR_CONVERT: // put in by the checker; not in the source
		print_bare(p, e->convert.operand);
		break;
	case EXPR_ERROR:
	case EXPR_KIND_COUNT:
		text(p, "<error>");
		break;
	}
}

/* Prints `e` in a place that takes expressions at least as tight as `strength`. */
static void print_expr(struct printer *p, const struct expr *e, unsigned strength)
{
	bool parens = strength_of(e) < strength;

	text(p, parens ? "(" : "");
	print_bare(p, e);
	text(p, parens ? ")" : "");
}

/* ---- statements ---- */

static void print_block(struct printer *p, const struct block *b)
{
	if (!b->stmts.len) {
		text(p, "{}");
		return;
	}
	text(p, "{");
	p->indent++;
	for (uint32_t i = 0; i < b->stmts.len; i++) {
		line(p);
		print_stmt(p, b->stmts.data[i]);
	}
	p->indent--;
	line(p);
	text(p, "}");
}

static void print_variable(struct printer *p, const char *word, const struct decl *d)
{
	text(p, word);
	name(p, d->name);
	if (d->variable.node) {
		text(p, ": ");
		print_type(p, d->variable.node);
	}
	if (d->variable.init) {
		text(p, " = ");
		print_expr(p, d->variable.init, STRENGTH_ANY);
	}
}

static void print_if(struct printer *p, const struct stmt *s)
{
	for (;;) {
		text(p, "if (");
		if (s->conditional.binding)
			print_variable(p, "var ", s->conditional.binding);
		else
			print_expr(p, s->conditional.condition, STRENGTH_ANY);
		text(p, ") ");
		print_block(p, s->conditional.then);
		s = s->conditional.otherwise;
		if (!s)
			return;
		text(p, " else ");
		if (s->kind != STMT_IF) {
			print_block(p, s->block);
			return;
		}
	}
}

static void print_for(struct printer *p, const struct stmt *s)
{
	text(p, "for (");
	if (s->kind == STMT_FOR_MAP) {
		name(p, s->each.key->name);
		text(p, ", ");
		name(p, s->each.value->name);
		text(p, " in ");
		print_expr(p, s->each.map, STRENGTH_ANY);
		text(p, ") ");
		print_block(p, s->each.body);
		return;
	}
	name(p, s->range.var->name);
	text(p, " in ");
	print_expr(p, s->range.begin, STRENGTH_ANY);
	text(p, "..");
	print_expr(p, s->range.end, STRENGTH_ANY);
	if (s->range.step) {
		text(p, " step ");
		print_expr(p, s->range.step, STRENGTH_ANY);
	}
	text(p, ") ");
	print_block(p, s->range.body);
}

static void print_try(struct printer *p, const struct stmt *s)
{
	text(p, "try ");
	print_block(p, s->attempt.body);
	for (uint32_t i = 0; i < s->attempt.catches.len; i++) {
		const struct catch_arm *arm = &s->attempt.catches.data[i];
		text(p, " catch ");
		if (arm->code)
			print_expr(p, arm->code, STRENGTH_ANY);
		else
			text(p, "_");
		text(p, " ");
		print_block(p, arm->body);
	}
}

static void print_word(struct printer *p, const char *word, const struct expr *e)
{
	text(p, word);
	if (e) {
		text(p, " ");
		print_expr(p, e, STRENGTH_ANY);
	}
}

static void print_stmt(struct printer *p, const struct stmt *s)
{
	switch (s->kind) {
	case STMT_VAR:
		print_variable(p, s->var.decl->variable.is_const ? "const " : "var ", s->var.decl);
		break;
	case STMT_ASSIGN:
		print_expr(p, s->assign.target, STRENGTH_ANY);
		buf_printf(p->out, " %s= ",
			   s->assign.op == ASSIGN_PLAIN ? "" : binary_spelling(s->assign.op));
		print_expr(p, s->assign.value, STRENGTH_ANY);
		break;
	case STMT_EXPR:
		print_expr(p, s->expr, STRENGTH_ANY);
		break;
	case STMT_IF:
		print_if(p, s);
		break;
	case STMT_WHILE:
		text(p, "while (");
		print_expr(p, s->loop.condition, STRENGTH_ANY);
		text(p, ") ");
		print_block(p, s->loop.body);
		break;
	case STMT_FOR_RANGE:
	case STMT_FOR_MAP:
		print_for(p, s);
		break;
	case STMT_BREAK:
		text(p, "break");
		break;
	case STMT_CONTINUE:
		text(p, "continue");
		break;
	case STMT_RETURN:
		print_word(p, "return", s->expr);
		break;
	case STMT_DELETE:
		print_word(p, "delete", s->expr);
		break;
	case STMT_TRY:
		print_try(p, s);
		break;
	case STMT_THROW:
		print_word(p, "throw", s->expr);
		break;
	case STMT_DEFER:
		text(p, "defer ");
		print_block(p, s->deferral.block);
		break;
	case STMT_BLOCK:
		print_block(p, s->block);
		break;
	case STMT_ERROR:
	case STMT_KIND_COUNT:
		text(p, "<error>");
		break;
	}
}

/* ---- declarations ---- */

static void print_attributes(struct printer *p, const struct decl *d)
{
	for (uint32_t i = 0; i < d->attrs.len; i++) {
		text(p, "@");
		name(p, d->attrs.data[i].name);
		if (d->attrs.data[i].arg) {
			text(p, "(");
			print_expr(p, d->attrs.data[i].arg, STRENGTH_ANY);
			text(p, ")");
		}
		text(p, " ");
	}
}

static void print_func(struct printer *p, const struct decl *d)
{
	print_attributes(p, d);
	text(p, d->func.is_public ? "pub " : d->func.is_private ? "priv " : "");
	text(p, d->kind == DECL_EXTERN ? "extern " : "fn ");
	name(p, d->name);
	print_params(p, &d->func.params);
	if (d->func.result) {
		text(p, " -> ");
		if (d->func.result_var.len) {
			name(p, d->func.result_var.data[0]->name);
			text(p, ": ");
		}
		print_type(p, d->func.result);
	}
	if (d->kind == DECL_FUNC) {
		text(p, " ");
		print_block(p, d->func.body);
	}
}

static void print_member(struct printer *p, const struct decl *m)
{
	name(p, m->name);
	if (m->kind == DECL_ENUM_CONST) {
		text(p, m->constant.init ? " = " : "");
		if (m->constant.init)
			print_expr(p, m->constant.init, STRENGTH_ANY);
		return;
	}
	text(p, ": ");
	print_type(p, m->field.node);
	if (m->field.bit_width)
		buf_printf(p->out, " : %u", m->field.bit_width);
	if (m->field.init) {
		text(p, " = ");
		print_expr(p, m->field.init, STRENGTH_ANY);
	}
}

static void print_members(struct printer *p, const struct decl *d, const decl_list *members)
{
	print_attributes(p, d);
	text(p, decl_kind_name(d->kind));
	text(p, " ");
	name(p, d->name);
	text(p, " {");
	p->indent++;
	for (uint32_t i = 0; i < members->len; i++) {
		line(p);
		print_member(p, members->data[i]);
		text(p, ",");
	}
	p->indent--;
	line(p);
	text(p, "}");
}

static void print_map(struct printer *p, const struct decl *d)
{
	if (d->map.flags.len) {
		text(p, "@flags(");
		for (uint32_t i = 0; i < d->map.flags.len; i++) {
			text(p, i ? " | " : "");
			print_expr(p, d->map.flags.data[i], STRENGTH_ANY);
		}
		text(p, ") ");
	}
	text(p, d->map.is_pinned ? "pin var " : "var ");
	name(p, d->name);
	text(p, ": ");
	print_type(p, d->map.node);
}

static void print_impl(struct printer *p, const struct decl *d)
{
	print_attributes(p, d);
	text(p, "impl ");
	name(p, d->name);
	text(p, " {");
	p->indent++;
	for (uint32_t i = 0; i < d->impl.functions.len; i++) {
		line(p);
		print_func(p, d->impl.functions.data[i]);
	}
	for (uint32_t i = 0; i < d->impl.fields.len; i++) {
		line(p);
		name(p, d->impl.fields.data[i].name);
		text(p, ": ");
		print_expr(p, d->impl.fields.data[i].value, STRENGTH_ANY);
		text(p, ",");
	}
	p->indent--;
	line(p);
	text(p, "}");
}

static void print_decl(struct printer *p, const struct decl *d)
{
	switch ((int)d->kind) {
	case DECL_INCLUDE:
		text(p, "include ");
		print_quoted(p, d->include.path, strlen(d->include.path), '"');
		break;
	case DECL_IMPORT:
		text(p, "import ");
		name(p, d->name);
		text(p, " from ");
		print_quoted(p, d->import.path, strlen(d->import.path), '"');
		break;
	case DECL_CONFIG:
		print_members(p, d, &d->config.fields);
		break;
	case DECL_STRUCT:
		print_members(p, d, &d->record.fields);
		break;
	case DECL_ENUM:
		print_members(p, d, &d->enumeration.constants);
		break;
	case DECL_ALIAS:
		text(p, "type ");
		name(p, d->name);
		text(p, " = ");
		print_type(p, d->alias);
		break;
	case DECL_CONST:
		print_variable(p, "const ", d);
		break;
	case DECL_GLOBAL:
		text(p, d->variable.is_pinned ? "pin " : d->variable.is_local ? "local " : "");
		print_variable(p, "var ", d);
		break;
	case DECL_MAP:
		print_map(p, d);
		break;
	case DECL_FUNC:
	case DECL_EXTERN:
		print_func(p, d);
		break;
	case DECL_IMPL:
		print_impl(p, d);
		break;
	default:
		unreachable("a declaration that stands in no file");
	}
	text(p, "\n");
}

/* Declarations with a body or members get an empty line around them. */
static bool is_tall(const struct decl *d)
{
	return d->kind == DECL_FUNC || d->kind == DECL_STRUCT || d->kind == DECL_ENUM ||
	       d->kind == DECL_CONFIG || d->kind == DECL_IMPL;
}

void ast_print_module(const struct compile *compile, const struct module *module, struct buf *out)
{
	struct printer p = {.names = &compile->names, .out = out};

	for (uint32_t i = 0; i < module->decls.len; i++) {
		const struct decl *d = module->decls.data[i];
		if (i && (is_tall(d) || is_tall(module->decls.data[i - 1])))
			text(&p, "\n");
		print_decl(&p, d);
	}
}
