/* SPDX-License-Identifier: Apache-2.0 */
/*
 * try, throw, defer, and where a throw can go. While bodies are checked, every throw and every call is
 * noted with the handlers around it. Afterwards the codes that can leave each function are found by
 * going over all functions until nothing changes; what leaves an eBPF program or a `defer` is an
 * error, what leaves main a warning. A code that is not constant may be any: only `catch _` stops it.
 */
#include "frontend/sema/check.h"

enum {
	ESCAPES_MAX = 32, // codes told apart per function; further ones count as unknown
	PATH_MAX_NOTES = 8,
};

/* ---- statements ---- */

static void note_event(struct checker *c, struct throw_event event)
{
	if (!c->fn.decl)
		return;
	event.handlers = c->fn.handlers;
	vec_push(c->arena, &c->funcs.data[c->fn.number].throws, event);
}

void note_throwing_call(struct checker *c, uint32_t callee, span where)
{
	note_event(c, (struct throw_event){.is_call = true, .callee = callee, .where = where});
}

void note_handler_type(struct checker *c, struct type *type)
{
	map_set_ptr(&c->handler_types, MAP_PTR(type), type);
}

void note_value_call(struct checker *c, const struct expr *call)
{
	note_event(c, (struct throw_event){.value_call = call, .where = call->where});
}

bool check_throw(struct checker *c, struct stmt *s)
{
	struct expr *e = s->expr = check_as(c, s->expr, c->types->i32);

	note_effect(c);
	if (e->type->kind != TYPE_ERROR)
		note_event(c, (struct throw_event){.where = s->where,
						   .is_known = e->is_const,
						   .code = e->value});
	return false;
}

/* Codes of the arms; an arm that can never be reached is an error. */
static void check_catch_codes(struct checker *c, struct stmt *s, struct handler *h)
{
	struct map seen;

	map_init(&seen, c->arena);
	for (uint32_t i = 0; i < s->attempt.catches.len; i++) {
		struct catch_arm *arm = &s->attempt.catches.data[i];
		if (h->catches_all)
			diag_report(c->diags, D_DUPLICATE_PATTERN, arm->where);
		if (!arm->code) {
			h->catches_all = true;
			continue;
		}
		if (!check_integer_constant(c, &arm->code, c->types->i32, "the code of a `catch`"))
			continue;
		arm->code = convert_to(c, arm->code, c->types->i32);
		if (arm->code->type->kind == TYPE_ERROR)
			continue;
		uint64_t *place = map_insert(&seen, (uint32_t)arm->code->value);
		if (*place)
			diag_report(c->diags, D_DUPLICATE_PATTERN, arm->where);
		*place = 1;
		vec_push(c->arena, &h->codes, arm->code->value);
	}
}

bool check_try(struct checker *c, struct stmt *s)
{
	struct handler *h = ARENA_NEW(c->arena, struct handler);

	check_catch_codes(c, s, h);
	h->outer = c->fn.handlers;
	c->fn.handlers = h;
	bool falls = check_block(c, s->attempt.body, NULL, NULL);
	c->fn.handlers = h->outer;
	for (uint32_t i = 0; i < s->attempt.catches.len; i++)
		falls = check_block(c, s->attempt.catches.data[i].body, NULL, NULL) || falls;
	return falls;
}

/* An argument, or a function value that is called, whose value is taken when the `defer` runs. */
static bool is_captured(const struct expr *e)
{
	const struct decl *d = e->kind == EXPR_NAME ? e->name.decl : NULL;

	if (e->is_const || e->type->kind == TYPE_ERROR || e->type->kind == TYPE_VOID ||
	    e->type->kind == TYPE_MAP || e->type->kind == TYPE_ENTRY ||
	    e->type->kind == TYPE_PROGRAM_REF)
		return false;
	for (const struct expr *x = e; x; x = x->kind == EXPR_CONVERT ? x->convert.operand : NULL)
		if (type_is_ctx_pointer(x->type) ||
		    (x->kind == EXPR_CONVERT && x->convert.conversion == CONV_FUNC))
			return false;
	if (d && d->kind != DECL_LOCAL && d->kind != DECL_PARAM && d->kind != DECL_GLOBAL)
		return false;
	return e->kind != EXPR_STRING && e->kind != EXPR_TYPE;
}

/* The name of a hidden local that holds the value. */
static struct expr *capture(struct checker *c, struct stmt *s, struct expr *e)
{
	struct decl *d = ARENA_NEW(c->arena, struct decl);
	struct expr *name = ARENA_NEW(c->arena, struct expr);

	d->kind = DECL_LOCAL;
	d->where = d->name_where = e->where;
	d->name = intern_string(&c->compile->names, "deferred");
	d->type = e->type;
	d->use_count = 1;
	d->check_state = 2;
	d->variable.init = e;
	vec_push(c->arena, &s->deferral.captures, d);
	*name = (struct expr){.kind = EXPR_NAME, .where = e->where, .height = 1};
	name->type = e->type;
	name->is_lvalue = true;
	name->name.name = d->name;
	name->name.decl = d;
	return name;
}

/* `defer f(x)`: x has the value that it has now. What is thrown meanwhile is thrown here. */
static void capture_arguments(struct checker *c, struct stmt *s, uint32_t first_event)
{
	const struct block *b = s->deferral.block;
	const struct stmt *only = s->deferral.is_call && b->stmts.len ? b->stmts.data[0] : NULL;
	struct expr *e = only && only->kind == STMT_EXPR ? only->expr : NULL;

	if (!e || e->kind != EXPR_CALL || e->type->kind == TYPE_ERROR)
		return;
	if (!e->call.target && is_captured(e->call.callee))
		e->call.callee = capture(c, s, e->call.callee);
	for (uint32_t i = 0; i < e->call.args.len; i++)
		if (is_captured(e->call.args.data[i]))
			e->call.args.data[i] = capture(c, s, e->call.args.data[i]);
	for (uint32_t i = 0; i < s->deferral.captures.len && c->fn.decl; i++) {
		span where = s->deferral.captures.data[i]->where;
		struct func_info *f = &c->funcs.data[c->fn.number];
		for (uint32_t j = first_event; j < f->throws.len; j++)
			if (f->throws.data[j].where.begin >= where.begin &&
			    f->throws.data[j].where.end <= where.end)
				f->throws.data[j].handlers = c->fn.handlers;
	}
}

bool check_defer(struct checker *c, struct stmt *s)
{
	struct loop *loop = c->fn.loop;
	struct handler *outer = c->fn.handlers;

	if (!c->fn.first_defer.end)
		c->fn.first_defer = s->where;
	struct handler *h = ARENA_NEW(c->arena, struct handler);
	h->outer = outer;
	h->is_defer = true;
	bool was_in_defer = c->fn.in_defer;
	c->fn.handlers = h;
	c->fn.loop = NULL;
	c->fn.in_defer = true;
	uint32_t events = c->fn.decl ? c->funcs.data[c->fn.number].throws.len : 0;
	check_block(c, s->deferral.block, NULL, NULL);
	c->fn.in_defer = was_in_defer;
	c->fn.loop = loop;
	c->fn.handlers = outer;
	capture_arguments(c, s, events);
	return true;
}

/* ---- where throws go ---- */

static bool handler_has(const struct handler *h, const struct escape *e)
{
	if (h->catches_all)
		return true;
	for (uint32_t i = 0; e->is_known && i < h->codes.len; i++)
		if (h->codes.data[i] == e->code)
			return true;
	return false;
}

static bool has_escape(const struct func_info *f, const struct escape *e)
{
	for (uint32_t i = 0; i < f->escapes.len; i++) {
		const struct escape *x = &f->escapes.data[i];
		if (!x->is_known ? !e->is_known : e->is_known && x->code == e->code)
			return true;
	}
	return false;
}

/* Lets a throw rise from its event; true when a new code leaves the function. */
static bool raise_event(struct checker *c, struct func_info *f, uint32_t event, struct escape e)
{
	for (const struct handler *h = f->throws.data[event].handlers; h; h = h->outer) {
		if (h->is_defer) {
			diag_report(c->diags, D_THROW_IN_DEFER, f->throws.data[event].where);
			return false;
		}
		if (handler_has(h, &e))
			return false;
	}
	if (f->escapes.len >= ESCAPES_MAX)
		e.is_known = false;
	e.event = event;
	if (has_escape(f, &e))
		return false;
	vec_push(c->arena, &f->escapes, e);
	return true;
}

static bool raise_from(struct checker *c, struct func_info *f, uint32_t event, uint32_t callee)
{
	const struct func_info *from = &c->funcs.data[callee];
	bool changed = false;

	for (uint32_t i = 0; i < from->escapes.len; i++)
		changed = raise_event(c, f, event, from->escapes.data[i]) || changed;
	return changed;
}

struct raising {
	struct checker *c;
	struct func_info *f;
	uint32_t event;
	bool changed;
};

static void raise_called(void *data, uint32_t number)
{
	struct raising *r = data;

	r->changed = raise_from(r->c, r->f, r->event, number) || r->changed;
}

static bool raise_all(struct checker *c, struct func_info *f)
{
	bool changed = false;

	for (uint32_t i = 0; i < f->throws.len; i++) {
		const struct throw_event *t = &f->throws.data[i];
		if (t->is_call) {
			changed = raise_from(c, f, i, t->callee) || changed;
		} else if (t->value_call) {
			struct raising r = {c, f, i, changed};
			for_each_called(c, t->value_call, raise_called, &r);
			changed = r.changed;
		} else {
			struct escape e = {t->is_known, t->code, i};
			changed = raise_event(c, f, i, e) || changed;
		}
	}
	return changed;
}

/* ---- what must not leave ---- */

/* Notes along the calls from the function down to the throw. */
static void show_path(struct checker *c, struct diag *d, const struct func_info *f,
		      const struct escape *e)
{
	for (uint32_t n = 0; e && n < PATH_MAX_NOTES; n++) {
		const struct throw_event *t = &f->throws.data[e->event];
		if (t->value_call) {
			diag_note(c->diags, d, t->where, "by way of this call of a function value");
			return;
		}
		if (!t->is_call) {
			if (n || t->where.begin != d->where.begin)
				diag_note(c->diags, d, t->where, "thrown here");
			return;
		}
		const struct func_info *callee = &c->funcs.data[t->callee];
		diag_note(c->diags, d, t->where, "by way of this call of `%s`",
			  NAME(c, callee->decl->name));
		const struct escape *next = NULL;
		for (uint32_t i = 0; i < callee->escapes.len; i++)
			if (callee->escapes.data[i].is_known == e->is_known &&
			    callee->escapes.data[i].code == e->code)
				next = &callee->escapes.data[i];
		f = callee;
		e = next;
	}
}

static void check_escapes(struct checker *c, const struct func_info *f)
{
	bool is_kfunc = f->decl->func.role == ROLE_KFUNC;
	bool is_main = f->decl == c->out->main || f->decl->func.role == ROLE_TEST;

	bool is_program = f->decl->func.program || f->decl->func.role == ROLE_OPERATION;
	if (!is_program && !is_main && !is_kfunc)
		return;
	for (uint32_t i = 0; i < f->escapes.len; i++) {
		const struct escape *e = &f->escapes.data[i];
		const char *code = e->is_known ? value_text(c, c->types->i32, e->code)
					       : "a code that is not constant";
		struct diag *d =
			diag_report(c->diags,
				    is_main    ? D_UNCAUGHT_IN_MAIN
				    : is_kfunc ? D_UNCAUGHT_IN_KFUNC
					       : D_UNCAUGHT_THROW,
				    f->throws.data[e->event].where, code, NAME(c, f->decl->name));
		show_path(c, d, f, e);
	}
}

static void check_handler(struct checker *c, const struct call_edge *value, bool is_called_back)
{
	const struct func_info *f = &c->funcs.data[value->callee];

	is_called_back = is_called_back || map_find(&c->handler_types, MAP_PTR(f->decl->type));
	if (!f->escapes.len || !is_called_back)
		return;
	const struct escape *e = &f->escapes.data[0];
	struct diag *d = diag_report(c->diags, D_UNCAUGHT_IN_HANDLER, value->where,
				     e->is_known ? value_text(c, c->types->i32, e->code)
						 : "a code that is not constant",
				     NAME(c, f->decl->name));
	show_path(c, d, f, e);
}

void check_throws(struct checker *c)
{
	bool changed = true;

	if (c->function_values.len)
		find_function_values(c);
	while (changed) { // both directions, so that chains of calls settle in a few rounds
		changed = false;
		for (uint32_t i = 0; i < c->funcs.len; i++)
			changed = raise_all(c, &c->funcs.data[i]) || changed;
		for (uint32_t i = c->funcs.len; i-- > 0;)
			changed = raise_all(c, &c->funcs.data[i]) || changed;
	}
	for (uint32_t i = 0; i < c->funcs.len; i++)
		check_escapes(c, &c->funcs.data[i]);
	for (uint32_t i = 0; i < c->function_values.len; i++)
		check_handler(c, &c->function_values.data[i], false);
	for (uint32_t i = 0; i < c->handed_over.len; i++)
		check_handler(c, &c->handed_over.data[i], true);
	for (uint32_t i = 0; i < c->function_values.len; i++)
		vec_push(c->arena, &c->out->function_values,
			 c->funcs.data[c->function_values.data[i].callee].decl);
}
