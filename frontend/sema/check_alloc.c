/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long objects live: `new` and `delete` of objects on the heap, and addresses of locals, which must not
 * outlive the function. A `@helper` is inlined, so that there an address may be returned: the object lies
 * in the frame of the caller.
 */
#include "frontend/sema/check.h"

struct expr *check_new(struct checker *c, struct expr *e)
{
	struct type *t = check_value_type(c, e->alloc.node);
	bool is_bpf = c->fn.decl && c->fn.decl->func.target == TARGET_BPF;

	if (e->alloc.flag)
		e->alloc.flag = check_value(c, e->alloc.flag, c->types->u32);
	if (t->kind == TYPE_ERROR)
		return fail(c, e);
	if (e->alloc.flag && !type_is_integer(e->alloc.flag->type)) {
		if (e->alloc.flag->type->kind != TYPE_ERROR)
			report_mismatch(c, e->alloc.flag->where, c->types->u32,
					e->alloc.flag->type);
		return fail(c, e);
	}
	if (!c->fn.decl) {
		diag_report(c->diags, D_NOT_CONSTANT, e->where, "an initial value");
		return fail(c, e);
	}
	if (is_bpf)
		note_unavailable(c, e->where, "`new` in eBPF code");
	else if (!is_module_code(c))
		use_user_only(c, e->where, "`new`");
	e->type = type_make_pointer(c->types, t);
	return e;
}

bool check_delete_object(struct checker *c, const struct stmt *s)
{
	const struct type *t = s->expr->type;
	bool is_bpf = c->fn.decl && c->fn.decl->func.target == TARGET_BPF;

	if (type_is_ctx_pointer(t) || s->expr->kind == EXPR_NULL)
		return false;
	if (is_bpf)
		note_unavailable(c, s->where, "`delete` of an object in eBPF code");
	else if (!is_module_code(c))
		use_user_only(c, s->where, "`delete` of an object");
	return true;
}

/* ---- addresses of locals ---- */

static const struct decl *block_local(const struct block *b, uint32_t depth);

enum { MAX_DEPTH = 16 }; // how far an expression is followed

/* The local or parameter whose address e gives, or NULL. */
static const struct decl *local_in(const struct expr *e, uint32_t depth)
{
	const struct decl *d = NULL;

	if (!e || depth > MAX_DEPTH || !e->type)
		return NULL;
	switch ((int)e->kind) {
	case EXPR_UNARY:
		return e->unary.op == UNARY_ADDR ? place_root(e->unary.operand) : NULL;
	case EXPR_CONVERT:
		return local_in(e->convert.operand, depth + 1);
	case EXPR_CAST:
		return local_in(e->cast.operand, depth + 1);
	case EXPR_BINARY:
		if (e->type->kind != TYPE_POINTER)
			return NULL;
		d = local_in(e->binary.left, depth + 1);
		return d ? d : local_in(e->binary.right, depth + 1);
	case EXPR_NAME:
		d = e->name.decl;
		if (d && d->kind == DECL_LOCAL && d->type->kind == TYPE_POINTER &&
		    !d->variable.is_assigned)
			return local_in(d->variable.init, depth + 1);
		return NULL;
	case EXPR_STRUCT:
		for (uint32_t i = 0; !d && i < e->literal.fields.len; i++)
			d = local_in(e->literal.fields.data[i].value, depth + 1);
		return d;
	case EXPR_MATCH:
		for (uint32_t i = 0; !d && i < e->match.arms.len; i++) {
			d = local_in(e->match.arms.data[i].value, depth + 1);
			d = d ? d : block_local(e->match.arms.data[i].body, depth + 1);
		}
		return d;
	case EXPR_IF:
		d = block_local(e->conditional.then, depth + 1);
		return d ? d : block_local(e->conditional.otherwise, depth + 1);
	default:
		return NULL;
	}
}

static const struct decl *block_local(const struct block *b, uint32_t depth)
{
	const struct stmt *last = b && b->stmts.len ? b->stmts.data[b->stmts.len - 1] : NULL;

	return last && last->kind == STMT_EXPR ? local_in(last->expr, depth) : NULL;
}

void check_returned_address(struct checker *c, const struct expr *e)
{
	const struct decl *f = c->fn.decl;

	if (f->func.role == ROLE_HELPER || e->type->kind == TYPE_ERROR)
		return;
	const struct decl *local = local_in(e, 0);
	if (!local)
		return;
	struct diag *d = diag_report(c->diags, D_RETURNED_ADDRESS, e->where, NAME(c, local->name),
				     NAME(c, f->name));
	report_declared(c, d, local);
}
