/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions a call through a function value can reach. Every variable, parameter, field and
 * result that holds functions has a set, whichever object or call it belongs to; assignments,
 * initialisers, arguments and returned values let functions flow from set to set until nothing
 * changes. A variable whose address is taken, and whatever is not a plain value, may hold any function
 * of its type of which there is a value. After a cast between pointers to functions that is so
 * everywhere.
 */
#include "frontend/sema/check.h"
#include "frontend/syntax/ast_walk.h"

struct value_set {
	struct function_set functions;
	VEC(uint32_t) into; // sets that hold whatever this one holds
	bool is_queued;
};

struct value_call {
	struct expr *call;
	uint32_t set;  // of what is called
	uint32_t done; // functions of the set whose parameters are connected
	bool is_any;
};

struct value_sets {
	struct checker *c;
	VEC(struct value_set) sets;
	VEC(struct value_call) calls;
	VEC(uint32_t) queue;
	struct map places; // declaration to index into sets + 1; a function stands for its result
	struct map at;     // call to index into calls + 1
	const struct decl *function; // being walked
	bool is_any;                 // nothing can be said
};

/* A function or an array of functions. */
static bool holds_functions(const struct type *t)
{
	while (t && t->kind == TYPE_ARRAY)
		t = t->element;
	return t && t->kind == TYPE_FUNC;
}

static uint32_t new_set(struct value_sets *v)
{
	struct value_set set = {0};

	vec_push(v->c->arena, &v->sets, set);
	return v->sets.len - 1;
}

static uint32_t set_of(struct value_sets *v, const struct decl *d)
{
	uint64_t *place = map_insert(&v->places, MAP_PTR(d));

	if (!*place)
		*place = new_set(v) + 1;
	return (uint32_t)*place - 1;
}

static void enqueue(struct value_sets *v, uint32_t set)
{
	if (v->sets.data[set].is_queued)
		return;
	v->sets.data[set].is_queued = true;
	vec_push(v->c->arena, &v->queue, set);
}

static void add_function(struct value_sets *v, uint32_t set, uint32_t number)
{
	struct function_set *f = &v->sets.data[set].functions;

	for (uint32_t i = 0; i < f->numbers.len; i++)
		if (f->numbers.data[i] == number)
			return;
	vec_push(v->c->arena, &f->numbers, number);
	enqueue(v, set);
}

static void add_any(struct value_sets *v, uint32_t set)
{
	if (v->sets.data[set].functions.is_any)
		return;
	v->sets.data[set].functions.is_any = true;
	enqueue(v, set);
}

static void connect(struct value_sets *v, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < v->sets.data[from].into.len; i++)
		if (v->sets.data[from].into.data[i] == to)
			return;
	vec_push(v->c->arena, &v->sets.data[from].into, to);
	enqueue(v, from);
}

/* The set of a place; false when it is none that is followed. */
static bool find_set(struct value_sets *v, const struct expr *e, uint32_t *set)
{
	while (e->kind == EXPR_INDEX && e->index.base->type &&
	       e->index.base->type->kind == TYPE_ARRAY)
		e = e->index.base;
	const struct decl *d = e->kind == EXPR_NAME    ? e->name.decl
			       : e->kind == EXPR_FIELD ? e->field.decl
						       : NULL;
	if (!d || (d->kind != DECL_LOCAL && d->kind != DECL_PARAM && d->kind != DECL_FIELD))
		return false;
	*set = set_of(v, d);
	if (d->kind != DECL_FIELD && d->variable.is_address_taken)
		add_any(v, *set);
	return true;
}

static void flow(struct value_sets *v, struct expr *e, uint32_t into);

static void flow_of_block(struct value_sets *v, const struct block *b, uint32_t into)
{
	struct stmt *last = b && b->stmts.len ? vec_last(&b->stmts) : NULL;

	if (last && last->kind == STMT_EXPR)
		flow(v, last->expr, into);
}

/* What the value of an expression may be goes into a set. */
static void flow(struct value_sets *v, struct expr *e, uint32_t into)
{
	uint32_t set;

	if (!e || e->is_const || !holds_functions(e->type))
		return;
	if (find_set(v, e, &set)) {
		connect(v, set, into);
		return;
	}
	switch ((int)e->kind) {
	case EXPR_CONVERT:
		if (e->convert.conversion == CONV_FUNC) {
			const uint64_t *number =
				map_find(&v->c->func_index, MAP_PTR(e->convert.operand->name.decl));
			if (number && *number)
				add_function(v, into, (uint32_t)*number - 1);
			return;
		}
		flow(v, e->convert.operand, into);
		return;
	case EXPR_ARRAY:
		for (uint32_t i = 0; i < e->array.items.len; i++)
			flow(v, e->array.items.data[i], into);
		return;
	case EXPR_MATCH:
		for (uint32_t i = 0; i < e->match.arms.len; i++) {
			flow(v, e->match.arms.data[i].value, into);
			flow_of_block(v, e->match.arms.data[i].body, into);
		}
		return;
	case EXPR_IF:
		flow_of_block(v, e->conditional.then, into);
		flow_of_block(v, e->conditional.otherwise, into);
		return;
	case EXPR_CALL:
		if (e->call.target && e->call.target->kind == DECL_FUNC)
			connect(v, set_of(v, e->call.target), into);
		else
			add_any(v, into);
		return;
	default:
		add_any(v, into);
	}
}

/* ---- what a program says ---- */

enum { DEPTH_MAX = 16 };

/* Whether an object of the type has functions in it. */
static bool has_functions(struct value_sets *v, const struct type *t, uint32_t depth)
{
	while (t && t->kind == TYPE_ARRAY)
		t = t->element;
	if (!t || t->kind != TYPE_STRUCT)
		return t && t->kind == TYPE_FUNC;
	if (depth > DEPTH_MAX || kernel_declares(v->c, t->decl))
		return depth > DEPTH_MAX;
	for (uint32_t i = 0; i < t->record.fields.len; i++)
		if (has_functions(v, t->record.fields.data[i]->type, depth + 1))
			return true;
	return false;
}

static void visit_call(struct value_sets *v, struct expr *e)
{
	const struct decl *d = e->call.target;

	if (d && d->kind == DECL_FUNC)
		for (uint32_t i = 0; i < e->call.args.len && i < d->func.params.len; i++)
			if (holds_functions(d->func.params.data[i]->type))
				flow(v, e->call.args.data[i], set_of(v, d->func.params.data[i]));
	if (d || !e->call.callee->type || e->call.callee->type->kind != TYPE_FUNC)
		return;
	struct value_call call = {.call = e, .set = new_set(v)};
	vec_push(v->c->arena, &v->calls, call);
	*map_insert(&v->at, MAP_PTR(e)) = v->calls.len;
	flow(v, e->call.callee, call.set);
}

static void visit_expr(void *data, struct expr *e)
{
	struct value_sets *v = data;
	uint32_t set;

	switch ((int)e->kind) {
	case EXPR_CALL:
		visit_call(v, e);
		return;
	case EXPR_STRUCT:
		for (uint32_t i = 0; i < e->literal.fields.len; i++) {
			const struct field_init *f = &e->literal.fields.data[i];
			if (f->field && f->value && holds_functions(f->value->type))
				flow(v, f->value, set_of(v, f->field));
		}
		return;
	case EXPR_CAST:
		if (e->type && e->type->kind == TYPE_POINTER &&
		    has_functions(v, e->type->element, 0))
			v->is_any = true;
		return;
	case EXPR_UNARY:
		if (e->unary.op == UNARY_ADDR && holds_functions(e->unary.operand->type) &&
		    find_set(v, e->unary.operand, &set))
			add_any(v, set);
		return;
	default:
		return;
	}
}

static void visit_stmt(void *data, struct stmt *s)
{
	struct value_sets *v = data;
	const struct decl *d;
	uint32_t set;

	if (s->kind == STMT_VAR) {
		d = s->var.decl;
		if (holds_functions(d->type))
			flow(v, d->variable.init, set_of(v, d));
	} else if (s->kind == STMT_ASSIGN) {
		if (holds_functions(s->assign.target->type) && find_set(v, s->assign.target, &set))
			flow(v, s->assign.value, set);
	} else if (s->kind == STMT_RETURN) {
		if (s->expr && holds_functions(s->expr->type))
			flow(v, s->expr, set_of(v, v->function));
	} else if (s->kind == STMT_DEFER) {
		for (uint32_t i = 0; i < s->deferral.captures.len; i++) {
			d = s->deferral.captures.data[i];
			if (holds_functions(d->type))
				flow(v, d->variable.init, set_of(v, d));
		}
	}
}

static void visit_function(struct value_sets *v, const struct decl *d)
{
	struct ast_walk walk = {.expr = visit_expr, .stmt = visit_stmt, .data = v};

	v->function = d;
	for (uint32_t i = 0; i < d->func.result_var.len; i++)
		if (holds_functions(d->func.result_var.data[i]->type))
			connect(v, set_of(v, d->func.result_var.data[i]), set_of(v, d));
	ast_walk_block(&walk, d->func.body);
}

/* ---- solving ---- */

static void spread(struct value_sets *v)
{
	while (v->queue.len) {
		uint32_t from = v->queue.data[--v->queue.len];
		v->sets.data[from].is_queued = false;
		for (uint32_t i = 0; i < v->sets.data[from].into.len; i++) {
			uint32_t to = v->sets.data[from].into.data[i];
			if (v->sets.data[from].functions.is_any)
				add_any(v, to);
			for (uint32_t j = 0; j < v->sets.data[from].functions.numbers.len; j++)
				add_function(v, to, v->sets.data[from].functions.numbers.data[j]);
		}
	}
}

/* Arguments flow into the parameters of a function that a call can reach. */
static void connect_call(struct value_sets *v, const struct expr *call, uint32_t number)
{
	const struct decl *d = v->c->funcs.data[number].decl;

	for (uint32_t i = 0; i < call->call.args.len && i < d->func.params.len; i++)
		if (holds_functions(d->func.params.data[i]->type))
			flow(v, call->call.args.data[i], set_of(v, d->func.params.data[i]));
}

static void connect_calls(struct value_sets *v)
{
	for (uint32_t i = 0; i < v->calls.len; i++) {
		struct value_call *call = &v->calls.data[i];
		const struct function_set *f = &v->sets.data[call->set].functions;
		if (f->is_any && !call->is_any) {
			call->is_any = true;
			for (uint32_t j = 0; j < v->c->function_values.len; j++) {
				uint32_t number = v->c->function_values.data[j].callee;
				if (v->c->funcs.data[number].decl->type ==
				    call->call->call.callee->type)
					add_function(v, call->set, number);
			}
			f = &v->sets.data[call->set].functions;
		}
		while (call->done < f->numbers.len) {
			connect_call(v, call->call, f->numbers.data[call->done++]);
			f = &v->sets.data[call->set].functions;
		}
	}
}

void find_function_values(struct checker *c)
{
	struct value_sets *v = ARENA_NEW(c->arena, struct value_sets);

	v->c = c;
	map_init(&v->places, c->arena);
	map_init(&v->at, c->arena);
	c->value_sets = v;
	for (uint32_t i = 0; i < c->funcs.len; i++)
		if (!c->funcs.data[i].is_skipped)
			visit_function(v, c->funcs.data[i].decl);
	while (v->queue.len) {
		spread(v);
		connect_calls(v);
	}
}

static const struct function_set *function_set_of(const struct checker *c, const struct expr *call)
{
	const struct value_sets *v = c->value_sets;
	const uint64_t *at = v && !v->is_any ? map_find(&v->at, MAP_PTR(call)) : NULL;
	const struct function_set *f =
		at ? &v->sets.data[v->calls.data[*at - 1].set].functions : NULL;

	return f && !f->is_any ? f : NULL;
}

void for_each_called(const struct checker *c, const struct expr *call, called_function *f,
		     void *data)
{
	const struct function_set *set = function_set_of(c, call);

	for (uint32_t i = 0; set && i < set->numbers.len; i++)
		f(data, set->numbers.data[i]);
	for (uint32_t i = 0; !set && i < c->function_values.len; i++) {
		uint32_t number = c->function_values.data[i].callee;
		if (c->funcs.data[number].decl->type == call->call.callee->type)
			f(data, number);
	}
}
