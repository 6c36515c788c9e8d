/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tail calls: `return g(ctx)` in a program, where g is a program for the same kind of event. The
 * kernel replaces the running program by the other one, so the call must be the last thing that
 * happens: its value is returned as it is, nothing is deferred, and the context is handed on.
 * Programs may call each other in circles; the kernel stops after 33 calls.
 */
#include "frontend/sema/check.h"

static void mark_last(const struct block *b)
{
	const struct stmt *last = b->stmts.len ? b->stmts.data[b->stmts.len - 1] : NULL;

	if (last && last->kind == STMT_EXPR)
		mark_returned(last->expr);
}

void mark_returned(struct expr *e)
{
	if (e->kind == EXPR_CALL) {
		e->call.is_returned = true;
	} else if (e->kind == EXPR_IF) {
		mark_last(e->conditional.then);
		if (e->conditional.otherwise)
			mark_last(e->conditional.otherwise);
	} else if (e->kind == EXPR_MATCH) {
		for (uint32_t i = 0; i < e->match.arms.len; i++) {
			const struct match_arm *arm = &e->match.arms.data[i];
			if (arm->value)
				mark_returned(arm->value);
			else if (arm->body)
				mark_last(arm->body);
		}
	}
}

/* Only a program can give its place to another one. */
static void report_caller(struct checker *c, const struct expr *call, const struct decl *callee)
{
	const struct decl *f = c->fn.decl;
	struct diag *d = diag_report(c->diags, D_PROGRAM_CALL, call->where, NAME(c, callee->name));

	report_declared(c, d, callee);
	if (!f)
		return;
	if (f->func.target == TARGET_USER) {
		diag_hint(c->diags, d, "start it with `attach(load(%s), …)`",
			  NAME(c, callee->name));
		return;
	}
	diag_note(c->diags, d, f->name_where,
		  "`%s` is no program itself; only a program can call another one",
		  NAME(c, f->name));
}

static bool is_own_context(struct checker *c, const struct expr *call, const struct decl *context)
{
	const struct expr *arg = call->call.args.len ? call->call.args.data[0] : NULL;

	if (call->call.args.len != 1)
		return true; // the number is wrong, which is reported
	return arg->kind == EXPR_NAME && find_name(c, arg->name.name) == context;
}

/* A program array takes programs of one type for one attachment; both directions of `@tc` are one. */
static bool may_hand_over(const struct program_kind *from, const struct program_kind *to)
{
	return from == to ||
	       (!strcmp(from->attribute, to->attribute) && !strcmp(from->section, to->section));
}

bool check_tail_call(struct checker *c, const struct expr *call, const struct decl *callee)
{
	const struct decl *f = c->fn.decl;
	const char *name = NAME(c, callee->name);
	struct diag *d;

	if (!f || !f->func.program) {
		report_caller(c, call, callee);
		return false;
	}
	const struct decl *context = f->func.params.len ? f->func.params.data[0] : NULL;
	if (!may_hand_over(f->func.program, callee->func.program)) {
		d = diag_report(c->diags, D_TAIL_CALL_KIND, call->where, name,
				kind_text(c, callee->func.program), kind_text(c, f->func.program));
	} else if (!call->call.is_returned) {
		d = diag_report(c->diags, D_TAIL_CALL_PLACE, call->where, name);
		diag_hint(c->diags, d, "write `return %s(%s)`, or make `%s` a `@helper`", name,
			  context ? NAME(c, context->name) : "ctx", name);
	} else if (c->fn.first_defer.end) {
		d = diag_report(c->diags, D_TAIL_CALL_DEFER, call->where, name);
		diag_note(c->diags, d, c->fn.first_defer, "deferred here");
	} else if (context && !is_own_context(c, call, context)) {
		d = diag_report(c->diags, D_TAIL_CALL_CONTEXT, call->where, name,
				NAME(c, context->name));
	} else {
		note_tail_call(c, call->where);
		return true;
	}
	report_declared(c, d, callee);
	return false;
}
