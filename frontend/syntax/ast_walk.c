/* SPDX-License-Identifier: Apache-2.0 */
/* Visits the statements and expressions of a function body in source order, operands before the whole. */
#include "frontend/syntax/ast_walk.h"

static void walk_list(const struct ast_walk *w, const expr_list *list);

static void walk_match(const struct ast_walk *w, const struct expr *expr);

static void walk_expr(const struct ast_walk *w, struct expr *expr)
{
	if (!expr)
		return;
	switch ((int)expr->kind) {
	case EXPR_UNARY:
		walk_expr(w, expr->unary.operand);
		break;
	case EXPR_BINARY:
	case EXPR_IN:
		walk_expr(w, expr->binary.left);
		walk_expr(w, expr->binary.right);
		break;
	case EXPR_CALL:
		if (!expr->call.target)
			walk_expr(w, expr->call.callee);
		else if (expr->call.callee->kind == EXPR_FIELD)
			walk_expr(w, expr->call.callee->field.base);
		walk_list(w, &expr->call.args);
		break;
	case EXPR_INDEX:
		walk_expr(w, expr->index.base);
		walk_expr(w, expr->index.index);
		break;
	case EXPR_FIELD:
		walk_expr(w, expr->field.base);
		break;
	case EXPR_CAST:
		walk_expr(w, expr->cast.operand);
		break;
	case EXPR_CONVERT:
		walk_expr(w, expr->convert.operand);
		break;
	case EXPR_STRUCT:
		for (uint32_t i = 0; i < expr->literal.fields.len; i++)
			walk_expr(w, expr->literal.fields.data[i].value);
		break;
	case EXPR_ARRAY:
		walk_list(w, &expr->array.items);
		break;
	case EXPR_MATCH:
		walk_match(w, expr);
		break;
	case EXPR_IF:
		walk_expr(w, expr->conditional.condition);
		ast_walk_block(w, expr->conditional.then);
		ast_walk_block(w, expr->conditional.otherwise);
		break;
	default:
		break;
	}
	if (w->expr)
		w->expr(w->data, expr);
}

static void walk_list(const struct ast_walk *w, const expr_list *list)
{
	for (uint32_t i = 0; i < list->len; i++)
		walk_expr(w, list->data[i]);
}

static void walk_match(const struct ast_walk *w, const struct expr *expr)
{
	walk_expr(w, expr->match.subject);
	for (uint32_t i = 0; i < expr->match.arms.len; i++) {
		walk_expr(w, expr->match.arms.data[i].value);
		ast_walk_block(w, expr->match.arms.data[i].body);
	}
}

static bool catches_all(const struct stmt *stmt)
{
	for (uint32_t i = 0; i < stmt->attempt.catches.len; i++)
		if (!stmt->attempt.catches.data[i].code)
			return true;
	return false;
}

static void walk_stmt(const struct ast_walk *w, struct stmt *stmt)
{
	struct decl *binding;
	if (w->stmt)
		w->stmt(w->data, stmt);
	switch (stmt->kind) {
	case STMT_VAR:
		walk_expr(w, stmt->var.decl->variable.init);
		break;
	case STMT_ASSIGN:
		walk_expr(w, stmt->assign.target);
		walk_expr(w, stmt->assign.value);
		break;
	case STMT_EXPR:
	case STMT_RETURN:
	case STMT_DELETE:
	case STMT_THROW:
		walk_expr(w, stmt->expr);
		break;
	case STMT_IF:
		binding = stmt->conditional.binding;
		walk_expr(w, binding ? binding->variable.init : stmt->conditional.condition);
		ast_walk_block(w, stmt->conditional.then);
		if (stmt->conditional.otherwise)
			walk_stmt(w, stmt->conditional.otherwise);
		break;
	case STMT_WHILE:
		walk_expr(w, stmt->loop.condition);
		ast_walk_block(w, stmt->loop.body);
		break;
	case STMT_FOR_RANGE:
		walk_expr(w, stmt->range.begin);
		walk_expr(w, stmt->range.end);
		walk_expr(w, stmt->range.step);
		ast_walk_block(w, stmt->range.body);
		break;
	case STMT_FOR_MAP:
		ast_walk_block(w, stmt->each.body);
		break;
	case STMT_TRY:
		if (!w->skip_caught || !catches_all(stmt))
			ast_walk_block(w, stmt->attempt.body);
		for (uint32_t i = 0; i < stmt->attempt.catches.len; i++)
			ast_walk_block(w, stmt->attempt.catches.data[i].body);
		break;
	case STMT_DEFER:
		for (uint32_t i = 0; i < stmt->deferral.captures.len; i++)
			walk_expr(w, stmt->deferral.captures.data[i]->variable.init);
		ast_walk_block(w, stmt->deferral.block);
		break;
	case STMT_BLOCK:
		ast_walk_block(w, stmt->block);
		break;
	case STMT_ERROR:
	case STMT_BREAK:
	case STMT_CONTINUE:
	case STMT_KIND_COUNT:
		break;
	}
}

void ast_walk_block(const struct ast_walk *w, const struct block *block)
{
	for (uint32_t i = 0; block && i < block->stmts.len; i++)
		walk_stmt(w, block->stmts.data[i]);
}
