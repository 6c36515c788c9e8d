/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a checked program and verifies what frontend/sema/sema.h promises to lowering: every node has a
 * type, conversions are explicit, operands agree. contract_check() gives the first promise that is
 * broken, or NULL.
 */
#ifndef KS_TESTS_SEMA_CONTRACT_H
#define KS_TESTS_SEMA_CONTRACT_H

#include "frontend/sema/sema.h"

struct contract {
	const struct types *types;
	const char *broken; // NULL: nothing so far
	span where;
	const struct type *result; // of the function walked
};

static void contract_expr(struct contract *k, const struct expr *e);
static void contract_block(struct contract *k, const struct block *b, const struct type *value);

static void contract_demand(struct contract *k, bool ok, span where, const char *what)
{
	if (ok || k->broken)
		return;
	k->broken = what;
	k->where = where;
}

static void contract_value(struct contract *k, const struct expr *e, const struct type *want)
{
	contract_expr(k, e);
	contract_demand(k, e->type == want, e->where, "a value has the type of its destination");
}

static bool contract_is_index(const struct contract *k, const struct expr *e)
{
	return e->type == k->types->u64 || e->type == k->types->i64;
}

static void contract_binary(struct contract *k, const struct expr *e)
{
	const struct expr *l = e->binary.left, *r = e->binary.right;
	enum binary_op op = e->binary.op;
	bool is_equality = op == BINARY_EQ || op == BINARY_NE;

	if (e->is_const)
		return;
	contract_expr(k, l);
	contract_expr(k, r);
	bool same = l->type == r->type;
	if (op == BINARY_LOGAND || op == BINARY_LOGOR) {
		contract_demand(k, same && l->type == k->types->bool_, e->where, "&& takes bools");
	} else if (is_equality || op == BINARY_LT || op == BINARY_LE || op == BINARY_GT ||
		   op == BINARY_GE) {
		bool strs = is_equality && l->type->kind == TYPE_STR && r->type->kind == TYPE_STR;
		contract_demand(k, strs || (same && type_is_scalar(l->type)), e->where,
				"comparisons take one scalar type");
		contract_demand(k, e->type == k->types->bool_, e->where, "comparisons give bool");
	} else if (e->type->kind == TYPE_POINTER) {
		bool ok = l->type == e->type ? contract_is_index(k, r)
					     : r->type == e->type && contract_is_index(k, l);
		contract_demand(k, ok, e->where, "pointer arithmetic");
	} else if (l->type->kind == TYPE_POINTER) {
		contract_demand(k, same && op == BINARY_SUB && e->type == k->types->u64, e->where,
				"pointer difference");
	} else if (e->type->kind == TYPE_STR) {
		contract_demand(k, l->type->kind == TYPE_STR && r->type->kind == TYPE_STR, e->where,
				"joined strings");
	} else {
		contract_demand(k, same && e->type == l->type && e->type->kind == TYPE_INT,
				e->where, "arithmetic has one integer type");
	}
}

static void contract_conversion(struct contract *k, const struct expr *e, const struct expr *o,
				enum conversion conversion)
{
	const struct type *from = o->type, *to = e->type;
	bool ok = false;

	switch (conversion) {
	case CONV_INT:
		ok = (type_is_integer(from) || from->kind == TYPE_BOOL) &&
		     (type_is_integer(to) || to->kind == TYPE_BOOL);
		if (e->kind == EXPR_CAST)
			ok = ok || from == to;
		break;
	case CONV_TRUTH:
		ok = to->kind == TYPE_BOOL && (type_is_scalar(from) || from->kind == TYPE_STR);
		break;
	case CONV_ENTRY_VALUE:
		ok = from->kind == TYPE_ENTRY && type_entry_value(from) == to;
		break;
	case CONV_ENTRY_PRESENT:
		ok = from->kind == TYPE_ENTRY && to->kind == TYPE_BOOL;
		break;
	case CONV_STR:
		ok = from->kind == TYPE_STR &&
		     (to->kind == TYPE_STR || (to->kind == TYPE_ARRAY && o->kind == EXPR_STRING));
		break;
	case CONV_POINTER:
		ok = from->kind == TYPE_POINTER &&
		     (to->kind == TYPE_POINTER || o->kind == EXPR_NULL);
		break;
	case CONV_POINTER_INT:
		ok = from->kind == TYPE_POINTER && to == k->types->u64;
		break;
	case CONV_FUNC:
		ok = o->kind == EXPR_NAME && o->name.decl->kind == DECL_FUNC &&
		     (to->kind == TYPE_PROGRAM_REF || to == from);
		break;
	}
	contract_demand(k, ok, e->where, "a conversion that exists");
}

static void contract_call(struct contract *k, const struct expr *e)
{
	const struct decl *d = e->call.target;
	const struct type *t = d ? d->type : e->call.callee->type;

	for (uint32_t i = 0; i < e->call.args.len; i++) {
		const struct expr *arg = e->call.args.data[i];
		if (arg->kind == EXPR_TYPE || arg->type->kind == TYPE_MAP)
			continue;
		contract_expr(k, arg);
		contract_demand(k, arg->type->kind != TYPE_ENTRY, arg->where,
				"an argument is a value");
		if (t->kind == TYPE_FUNC && (!d || d->kind == DECL_FUNC))
			contract_demand(k, arg->type == t->func.params[i], arg->where,
					"an argument has the parameter's type");
	}
	if (d && d->kind == DECL_FUNC)
		contract_demand(k, !d->func.program, e->where, "programs are not called");
}

static void contract_match(struct contract *k, const struct expr *e)
{
	const struct type *value = e->type->kind == TYPE_VOID ? NULL : e->type;

	contract_expr(k, e->match.subject);
	for (uint32_t i = 0; i < e->match.arms.len; i++) {
		const struct match_arm *arm = &e->match.arms.data[i];
		for (uint32_t j = 0; j < arm->patterns.len; j++) {
			const struct match_pattern *p = &arm->patterns.data[j];
			bool ok = !p->low || p->low->kind == EXPR_STRING ||
				  (p->low->is_const && p->low->type == e->match.subject->type);
			ok = ok &&
			     (!p->high || (p->high->is_const && p->high->type == p->low->type));
			contract_demand(k, ok, e->where,
					"patterns are constants of the subject's type");
		}
		if (arm->value && value)
			contract_value(k, arm->value, value);
		else if (arm->value)
			contract_expr(k, arm->value);
		else
			contract_block(k, arm->body, value);
	}
}

static void contract_index(struct contract *k, const struct expr *e)
{
	const struct expr *base = e->index.base;
	const struct type *t = base->type;

	if (t->kind == TYPE_MAP) {
		contract_value(k, e->index.index, t->map.key);
		contract_demand(k,
				e->type->kind == TYPE_ENTRY && e->type->entry_of == base->name.decl,
				e->where, "m[k] is an entry of m");
		return;
	}
	contract_expr(k, base);
	contract_expr(k, e->index.index);
	contract_demand(k, contract_is_index(k, e->index.index), e->where, "an index is 64 bits");
}

static void contract_parts(struct contract *k, const struct expr *e)
{
	if (e->kind == EXPR_ARRAY)
		for (uint32_t i = 0; i < e->array.items.len; i++)
			contract_value(k, e->array.items.data[i], e->type->element);
	else
		for (uint32_t i = 0; i < e->literal.fields.len; i++)
			contract_value(k, e->literal.fields.data[i].value,
				       e->literal.fields.data[i].field->type);
}

static void contract_field(struct contract *k, const struct expr *e)
{
	if (e->is_const)
		return;
	contract_demand(k,
			e->field.decl && e->field.decl->kind == DECL_FIELD &&
				e->field.decl->type == e->type,
			e->where, "a field has its declaration and type");
	if (e->field.base->kind != EXPR_NAME || e->field.base->name.decl->kind != DECL_CONFIG)
		contract_expr(k, e->field.base);
}

static void contract_name(struct contract *k, const struct expr *e)
{
	const struct decl *d = e->name.decl;

	contract_demand(k, d != NULL, e->where, "a name has a declaration");
	if (d && (d->kind == DECL_LOCAL || d->kind == DECL_PARAM || d->kind == DECL_GLOBAL))
		contract_demand(k, e->is_const || d->type == e->type, e->where,
				"a variable has its declared type");
	else
		contract_demand(k,
				d && (e->is_const || d->kind == DECL_FUNC || d->kind == DECL_CONST),
				e->where, "a name that is a value");
}

static void contract_expr(struct contract *k, const struct expr *e)
{
	if (k->broken)
		return;
	contract_demand(k, e->type && e->type->kind != TYPE_ERROR, e->where,
			"every node has a type");
	contract_demand(k, !e->is_const || type_is_scalar(e->type), e->where,
			"constants are scalars");
	if (k->broken)
		return;
	if (e->kind == EXPR_NAME)
		contract_name(k, e);
	else if (e->kind == EXPR_BINARY)
		contract_binary(k, e);
	else if (e->kind == EXPR_UNARY && !e->is_const)
		contract_expr(k, e->unary.operand);
	else if (e->kind == EXPR_IN)
		contract_value(k, e->binary.left, e->binary.right->type->map.key);
	else if (e->kind == EXPR_CALL)
		contract_call(k, e);
	else if (e->kind == EXPR_INDEX)
		contract_index(k, e);
	else if (e->kind == EXPR_FIELD)
		contract_field(k, e);
	else if (e->kind == EXPR_STRUCT || e->kind == EXPR_ARRAY)
		contract_parts(k, e);
	else if (e->kind == EXPR_MATCH)
		contract_match(k, e);
	else if (e->kind == EXPR_CONVERT) {
		contract_expr(k, e->convert.operand);
		contract_conversion(k, e, e->convert.operand, e->convert.conversion);
	} else if (e->kind == EXPR_CAST) {
		contract_expr(k, e->cast.operand);
		if (e->cast.operand->type != e->type)
			contract_conversion(k, e, e->cast.operand, e->cast.conversion);
	} else if (e->kind == EXPR_IF) {
		const struct type *value = e->type->kind == TYPE_VOID ? NULL : e->type;
		contract_value(k, e->conditional.condition, k->types->bool_);
		contract_block(k, e->conditional.then, value);
		if (e->conditional.otherwise)
			contract_block(k, e->conditional.otherwise, value);
	}
}

static void contract_assign(struct contract *k, const struct stmt *s)
{
	const struct expr *target = s->assign.target;
	const struct type *t = target->type;

	contract_expr(k, target);
	contract_demand(k, target->is_lvalue, s->where, "what is assigned is a place");
	if (t->kind == TYPE_ENTRY)
		t = type_entry_value(t);
	if (t->kind == TYPE_POINTER && s->assign.op != ASSIGN_PLAIN)
		contract_demand(k, contract_is_index(k, s->assign.value), s->where, "pointer step");
	else
		contract_value(k, s->assign.value, t);
}

static void contract_local(struct contract *k, const struct decl *d)
{
	contract_demand(k, d->type && d->type->kind != TYPE_ERROR, d->where, "a local has a type");
	if (d->variable.init)
		contract_value(k, d->variable.init, d->type);
}

static void contract_if(struct contract *k, const struct stmt *s);

static void contract_stmt(struct contract *k, const struct stmt *s)
{
	if (s->kind == STMT_VAR)
		contract_local(k, s->var.decl);
	else if (s->kind == STMT_ASSIGN)
		contract_assign(k, s);
	else if (s->kind == STMT_EXPR || s->kind == STMT_DELETE)
		contract_expr(k, s->expr);
	else if (s->kind == STMT_THROW)
		contract_value(k, s->expr, k->types->i32);
	else if (s->kind == STMT_RETURN && s->expr)
		contract_value(k, s->expr, k->result);
	else if (s->kind == STMT_IF)
		contract_if(k, s);
	else if (s->kind == STMT_WHILE) {
		contract_value(k, s->loop.condition, k->types->bool_);
		contract_block(k, s->loop.body, NULL);
	} else if (s->kind == STMT_FOR_RANGE) {
		contract_value(k, s->range.begin, s->range.var->type);
		contract_value(k, s->range.end, s->range.var->type);
		if (s->range.step)
			contract_value(k, s->range.step, s->range.var->type);
		contract_block(k, s->range.body, NULL);
	} else if (s->kind == STMT_FOR_MAP)
		contract_block(k, s->each.body, NULL);
	else if (s->kind == STMT_BLOCK)
		contract_block(k, s->block, NULL);
	else if (s->kind == STMT_DEFER) {
		for (uint32_t i = 0; i < s->deferral.captures.len; i++) {
			const struct decl *d = s->deferral.captures.data[i];
			contract_value(k, d->variable.init, d->type);
		}
		contract_block(k, s->deferral.block, NULL);
	} else if (s->kind == STMT_TRY) {
		contract_block(k, s->attempt.body, NULL);
		for (uint32_t i = 0; i < s->attempt.catches.len; i++)
			contract_block(k, s->attempt.catches.data[i].body, NULL);
	}
}

static void contract_if(struct contract *k, const struct stmt *s)
{
	if (s->conditional.binding)
		contract_local(k, s->conditional.binding);
	else
		contract_value(k, s->conditional.condition, k->types->bool_);
	contract_block(k, s->conditional.then, NULL);
	if (s->conditional.otherwise)
		contract_stmt(k, s->conditional.otherwise);
}

/* `value`: type that the last statement yields, NULL when none is wanted. */
static void contract_block(struct contract *k, const struct block *b, const struct type *value)
{
	for (uint32_t i = 0; i < b->stmts.len; i++) {
		const struct stmt *s = b->stmts.data[i];
		if (value && i + 1 == b->stmts.len && s->kind == STMT_EXPR)
			contract_value(k, s->expr, value);
		else
			contract_stmt(k, s);
	}
}

static inline const char *contract_check(const struct checked_program *p, span *where)
{
	struct contract k = {.types = &p->types};

	for (uint32_t i = 0; i < p->functions.len; i++) {
		const struct decl *d = p->functions.data[i];
		k.result = d->type->func.result;
		contract_block(&k, d->func.body, NULL);
	}
	for (uint32_t i = 0; i < p->globals.len; i++)
		contract_local(&k, p->globals.data[i]);
	*where = k.where;
	return k.broken;
}

#endif
