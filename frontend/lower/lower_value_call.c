/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function values. Userspace code has addresses and calls through them. eBPF code has neither: every value
 * that is called must be one known function, found here by following variables that keep their first
 * value, parts of literals, and parameters. A function with function parameters is lowered once for each
 * choice of functions that it is called with; those parameters are not passed.
 */
#include "frontend/lower/lower_internal.h"

static struct expr *find_value(const struct body *f, struct expr *expr);

static bool keeps_its_value(const struct decl *decl)
{
	return !decl->variable.is_assigned && !decl->variable.is_address_taken;
}

/* The element of a literal; one item alone stands for all. */
static struct expr *find_item(const struct expr *literal, uint64_t index)
{
	const expr_list *items = &literal->array.items;
	if (items->len == 1)
		index = 0;
	return index < items->len ? items->data[index] : NULL;
}

static struct expr *find_part(const struct body *f, struct expr *expr)
{
	bool is_field = expr->kind == EXPR_FIELD;
	struct expr *base = is_field ? expr->field.base : expr->index.base;
	if (base->type->kind == TYPE_POINTER || base->type->kind == TYPE_ENTRY)
		return NULL;
	base = find_value(f, base);
	if (!base)
		return NULL;
	if (!is_field)
		return base->kind == EXPR_ARRAY && expr->index.index->is_const
			       ? find_item(base, expr->index.index->value)
			       : NULL;
	for (uint32_t i = 0; base->kind == EXPR_STRUCT && i < base->literal.fields.len; i++)
		if (base->literal.fields.data[i].field == expr->field.decl)
			return base->literal.fields.data[i].value;
	return NULL;
}

/* The expression that gives `expr` its value, or NULL when it may have several. */
static struct expr *find_value(const struct body *f, struct expr *expr)
{
	const struct decl *decl;
	switch ((int)expr->kind) {
	case EXPR_NAME:
		decl = expr->name.decl;
		if (decl->kind != DECL_LOCAL || !keeps_its_value(decl) || !decl->variable.init)
			return expr;
		return find_value(f, decl->variable.init);
	case EXPR_FIELD:
	case EXPR_INDEX:
		expr = find_part(f, expr);
		return expr ? find_value(f, expr) : NULL;
	default:
		return expr;
	}
}

struct decl *find_function(const struct body *f, struct expr *expr)
{
	expr = find_value(f, expr);
	if (!expr)
		return NULL;
	if (expr->kind == EXPR_CONVERT && expr->convert.conversion == CONV_FUNC)
		return expr->convert.operand->name.decl;
	const struct decl *decl = expr->kind == EXPR_NAME ? expr->name.decl : NULL;
	if (!decl || decl->kind != DECL_PARAM || !keeps_its_value(decl) || !f->bound)
		return NULL;
	return f->bound[decl->variable.index];
}

struct decl *get_function(struct body *f, struct expr *expr)
{
	struct decl *decl = find_function(f, expr);
	if (!decl)
		diag_report(&f->lw->compile->diags, D_BPF_NO_INDIRECT_CALL, expr->where);
	return decl;
}

bool takes_functions(const struct decl *decl)
{
	for (uint32_t i = 0; i < decl->type->func.param_count; i++)
		if (decl->type->func.params[i]->kind == TYPE_FUNC)
			return true;
	return false;
}

/* In eBPF a function value is a number that tells functions apart. */
ir_ref lower_function_value(struct body *f, struct decl *decl, const struct type *type)
{
	if (type->kind == TYPE_PROGRAM_REF) // programs come first, so the index counts them
		return const32(f, request_fn(f->lw, decl, IR_TARGET_BPF));
	if (f->target == IR_TARGET_BPF)
		return ir_emit(&f->b, IR_INTPTR, IR_PTR, const64(f, decl->name_where.begin),
			       IR_REF_NONE);
	return ir_emit_index(&f->b, IR_FUNC, IR_PTR, request_fn(f->lw, decl, f->target));
}
