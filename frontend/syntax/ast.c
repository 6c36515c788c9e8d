/* SPDX-License-Identifier: Apache-2.0 */
/* Names of node kinds and operators, from ast.def. */
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
