/* SPDX-License-Identifier: Apache-2.0 */
/* Calls in the walk that null_check.c describes: what they pass, what they give, whom that concerns. */
#include "frontend/sema/null_check.h"

void null_enqueue(struct nulls *n, uint32_t number)
{
	struct summary *s = &n->summaries[number];

	if (s->is_queued)
		return;
	s->is_queued = true;
	vec_push(n->c->arena, &n->queue, number);
}

static void pass_argument(struct nulls *n, uint32_t callee, uint32_t index, const struct expr *arg,
			  struct fact fact)
{
	struct fact *known = &n->summaries[callee].params[index];

	bool is_new_object = fact.is_object && !known->is_object;
	bool is_new_null = fact.state != NOT_NULL && known->state == NOT_NULL &&
			   arg->type->kind == TYPE_POINTER;
	if (!is_new_object && !is_new_null)
		return;
	bool is_object = fact.is_object || known->is_object;
	if (is_new_null)
		*known = make_fact(n, MAY_BE_NULL, arg->where,
				   "this call passes a pointer that may be null", fact.origin);
	known->is_object = is_object;
	null_enqueue(n, callee);
}

/* What the call of something that is no function of the program gives. */
static struct fact outside_result(struct nulls *n, const struct expr *e)
{
	struct checker *c = n->c;
	const struct decl *d = e->call.target;
	const char *name = d ? NAME(c, d->name) : "";

	if (d && d->kind == DECL_BUILTIN && d->builtin.id == BUILTIN_CTX_AT)
		return make_fact(n, MAY_BE_NULL, e->where,
				 "`ctx.at` gives null when the packet is too short", NULL);
	if (d && d->kind == DECL_BUILTIN && map_null_text(d->builtin.id))
		return make_fact(n, MAY_BE_NULL, e->where, map_null_text(d->builtin.id), NULL);
	const struct helper_info *h =
		d && d->kind == DECL_EXTERN ? c->info->find_helper(name, c->info->kernel) : NULL;
	struct fact fact = {NOT_NULL};
	bool is_kfunc = d && d->kind == DECL_EXTERN && d->func.is_kfunc;
	if (is_kfunc && e->type->kind == TYPE_POINTER &&
	    (!d->func.kfunc || d->func.kfunc->flags & KFUNC_RET_NULL))
		fact = make_fact(n, MAY_BE_NULL, e->where,
				 arena_printf(c->arena, "`%s` may give null", name), NULL);
	if (h && h->may_give_null)
		fact = make_fact(n, MAY_BE_NULL, e->where,
				 arena_printf(c->arena, "`%s` may give null", name), NULL);
	fact.is_object = is_kfunc ? e->type->kind == TYPE_POINTER : h && h->gives_object;
	return fact;
}

/* A socket that a helper takes must be there, like one that is read. */
static bool wants_object(struct nulls *n, const struct decl *d, uint32_t index)
{
	if (d && d->kind == DECL_EXTERN && d->func.is_kfunc)
		return d->type->func.params[index]->kind == TYPE_POINTER &&
		       !kfunc_param_takes_null(n->c, d, index);
	const struct helper_info *h =
		d && d->kind == DECL_EXTERN
			? n->c->info->find_helper(NAME(n->c, d->name), n->c->info->kernel)
			: NULL;

	return h && index < strlen(h->args) && h->args[index] == 's';
}

static struct fact function_result(struct nulls *n, const struct expr *e, uint32_t callee)
{
	struct fact result = n->summaries[callee].result;

	if (result.state != NOT_NULL) {
		const char *text = arena_printf(n->c->arena, "`%s` may return null",
						NAME(n->c, e->call.target->name));
		bool is_object = result.is_object;
		result = make_fact(n, MAY_BE_NULL, e->where, text, result.origin);
		result.is_object = is_object;
	}
	result.number = 0;
	result.sites = 0;
	result.implies = NULL;
	return result;
}

/* panic, exit and assert with a false condition do not come back. */
static void walk_end(struct nulls *n, const struct expr *e, struct flow *flow)
{
	struct fact nothing = {NOT_NULL};
	struct flow *no = NULL;

	if (e->call.target->builtin.id == BUILTIN_ASSERT)
		null_walk_condition(n, e->call.args.data[0], flow, &no);
	owned_exit(n, e->where, nothing, no ? no : flow);
	if (no)
		flow_give_back(&n->pool, no);
	else
		flow->is_live = false;
}

static bool ends(const struct decl *d)
{
	return d && d->kind == DECL_BUILTIN &&
	       (d->builtin.id == BUILTIN_PANIC || d->builtin.id == BUILTIN_ASSERT ||
		d->builtin.id == BUILTIN_EXIT);
}

struct fact null_walk_call(struct nulls *n, struct expr *e, struct flow *flow)
{
	struct expr *callee = e->call.callee;
	const struct decl *d = e->call.target;
	const uint64_t *place = d ? map_find(&n->c->func_index, MAP_PTR(d)) : NULL;
	struct fact args[CALL_ARGS_MAX] = {{NOT_NULL}};

	if (callee->kind == EXPR_FIELD)
		null_walk_expr(n, callee->field.base, flow);
	else if (!d)
		null_walk_expr(n, callee, flow);
	for (uint32_t i = 0; i < e->call.args.len; i++) {
		struct expr *arg = e->call.args.data[i];
		struct fact fact = null_walk_expr(n, arg, flow);
		if (fact.state != NOT_NULL && flow->is_live && wants_object(n, d, i)) {
			const char *name = NAME(n->c, d->name);
			null_report(n, arg, fact, arena_printf(n->c->arena, "`%s` is given", name),
				    flow);
			fact.state = NOT_NULL;
		}
		if (place && flow->is_live && i < d->func.params.len)
			pass_argument(n, (uint32_t)*place - 1, i, arg, fact);
		if (i < CALL_ARGS_MAX)
			args[i] = fact;
	}
	if (!flow->is_live)
		return (struct fact){NOT_NULL};
	if (ends(d))
		walk_end(n, e, flow);
	null_check_handles(n, e, args);
	owned_call(n, e, args, flow);
	owned_throwing_call(n, e, flow);
	struct fact result =
		place ? function_result(n, e, (uint32_t)*place - 1) : outside_result(n, e);
	return owned_take(n, e, result, flow);
}
