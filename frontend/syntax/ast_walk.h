/* SPDX-License-Identifier: Apache-2.0 */
/* Visits the statements and expressions of a checked function body in source order: statements before their
 * parts, operands before the whole. */
#ifndef KS_SYNTAX_AST_WALK_H
#define KS_SYNTAX_AST_WALK_H

#include "frontend/syntax/ast.h"

typedef void expr_visitor(void *data, struct expr *expr);
typedef void stmt_visitor(void *data, struct stmt *stmt);

struct ast_walk {
	expr_visitor *expr; // NULL: not wanted
	stmt_visitor *stmt;
	void *data;
	bool skip_caught; // leave out what a `catch _` stands guard over
};

void ast_walk_block(const struct ast_walk *walk, const struct block *block);

#endif
