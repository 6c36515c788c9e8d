/* SPDX-License-Identifier: Apache-2.0 */
/* Names of node kinds and operators, from ast.def; expressions that turn out to be types. */
#include "frontend/syntax/ast.h"

const char *unary_spelling(enum unary_op op)
{
	static const char *const names[] = {
#define UNARY(kind, spelling) [kind] = spelling,
#include "frontend/syntax/ast.def"
	};
	return names[op];
}

const char *binary_spelling(enum binary_op op)
{
	static const char *const names[] = {
#define BINARY(kind, spelling, precedence) [kind] = spelling,
#include "frontend/syntax/ast.def"
	};
	return names[op];
}

const char *decl_kind_name(enum decl_kind kind)
{
	static const char *const names[] = {
#define DECL(kind, member, name) [kind] = name,
#include "frontend/syntax/ast.def"
	};
	return names[kind];
}

const char *expr_kind_name(enum expr_kind kind)
{
	static const char *const names[] = {
#define EXPR(kind, member, name) [kind] = name,
#include "frontend/syntax/ast.def"
	};
	return names[kind];
}

static struct type_node *new_type_node(struct arena *a, enum type_node_kind kind, span where)
{
	struct type_node *t = ARENA_NEW(a, struct type_node);

	t->kind = kind;
	t->where = where;
	return t;
}

/* The dimension written first is the outermost, and is the deepest index. */
static struct type_node *array_type_node(struct arena *a, struct expr *e)
{
	struct type_node *inner = NULL, **hole = NULL;
	span whole = e->where;

	for (; e->kind == EXPR_INDEX; e = e->index.base) {
		struct type_node *t = new_type_node(a, TYPE_NODE_ARRAY, whole);
		t->array.count = e->index.index;
		t->array.element = inner;
		if (!inner)
			hole = &t->array.element;
		inner = t;
	}
	*hole = ast_type_of_expr(a, e);
	return *hole ? inner : NULL;
}

struct type_node *ast_type_of_expr(struct arena *a, struct expr *e)
{
	struct type_node *t = NULL;

	switch ((int)e->kind) {
	case EXPR_TYPE:
		return e->type_arg.node;
	case EXPR_NAME:
		t = new_type_node(a, TYPE_NODE_NAME, e->where);
		t->named.name = e->name.name;
		return t;
	case EXPR_FIELD:
		if (e->field.arrow || e->field.base->kind != EXPR_NAME)
			return NULL;
		t = new_type_node(a, TYPE_NODE_NAME, e->where);
		t->named.prefix = e->field.base->name.name;
		t->named.name = e->field.name;
		return t;
	case EXPR_INDEX:
		return array_type_node(a, e);
	case EXPR_UNARY:
		if (e->unary.op != UNARY_DEREF)
			return NULL;
		t = new_type_node(a, TYPE_NODE_POINTER, e->where);
		t->element = ast_type_of_expr(a, e->unary.operand);
		return t->element ? t : NULL;
	default:
		return NULL;
	}
}
