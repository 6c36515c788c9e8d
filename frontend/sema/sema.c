/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of checks: names, declarations, function bodies, call graph. Every stage goes on after
 * errors, so that one run reports all of them.
 */
#include "frontend/sema/check.h"

/* Puts a checked declaration into the list that lowering reads. */
static void list_decl(struct checker *c, struct decl *d)
{
	struct checked_program *out = c->out;

	if (d->kind == DECL_GLOBAL)
		vec_push(c->arena, &out->globals, d);
	else if (d->kind == DECL_CONFIG)
		vec_push(c->arena, &out->configs, d);
	else if (d->kind == DECL_MAP)
		vec_push(c->arena, &out->maps, d);
	else if (d->kind == DECL_FUNC && d->func.body && d->type->kind == TYPE_FUNC)
		vec_push(c->arena, &out->functions, d);
	if (d->kind != DECL_IMPL)
		return;
	vec_push(c->arena, &out->impls, d);
	for (uint32_t i = 0; i < d->impl.functions.len; i++)
		list_decl(c, d->impl.functions.data[i]);
}

/* True when the parser found a mistake in the body, which has not been checked yet. */
static bool is_damaged(const struct checker *c, const struct block *body)
{
	for (uint32_t i = 0; i < c->diags->list.len; i++) {
		const struct diag *d = c->diags->list.data[i];
		if (d->severity == DIAG_ERROR && d->where.begin >= body->where.begin &&
		    d->where.begin <= body->where.end)
			return true;
	}
	return false;
}

static void number_function(struct checker *c, struct decl *d)
{
	if (d->kind != DECL_FUNC || !d->func.body)
		return;
	struct func_info f = {.decl = d,
			      .is_skipped = d->type->kind != TYPE_FUNC,
			      .is_damaged = c->has_syntax_errors && is_damaged(c, d->func.body)};
	vec_push(c->arena, &c->funcs, f);
	*map_insert(&c->func_index, MAP_PTR(d)) = c->funcs.len;
}

/* Functions get their numbers before any body is checked. */
static void number_functions(struct checker *c)
{
	symbol main_name = intern_string(&c->compile->names, "main");

	for (uint32_t i = 0; i < c->all.len; i++) {
		struct decl *d = c->all.data[i];
		number_function(c, d);
		for (uint32_t j = 0; d->kind == DECL_IMPL && j < d->impl.functions.len; j++)
			number_function(c, d->impl.functions.data[j]);
	}
	struct decl *main = scope_find_here(c->top, main_name);
	if (main && main->kind == DECL_FUNC && main->func.body &&
	    main->func.target == TARGET_USER && main->func.role == ROLE_PLAIN &&
	    main->type->kind == TYPE_FUNC)
		c->out->main = main;
}

bool sema_check_program(struct compile *compile, const struct program *program,
			const struct target_info *info, struct checked_program *out)
{
	struct checker c = {
		.compile = compile,
		.diags = &compile->diags,
		.arena = &compile->module,
		.types = &out->types,
		.info = info,
		.out = out,
		.has_syntax_errors = compile->diags.errors > 0,
	};
	*out = (struct checked_program){0};
	types_init(&out->types, compile);
	map_init(&c.func_index, c.arena);
	locals_init(&c.fn.locals, c.arena);
	map_init(&c.fn.unknown, c.arena);
	resolve_program(&c, program);
	for (uint32_t i = 0; i < c.all.len; i++)
		check_decl(&c, c.all.data[i]);
	resolve_check_redeclarations(&c);
	number_functions(&c);
	for (uint32_t i = 0; i < c.funcs.len; i++)
		if (!c.funcs.data[i].is_skipped)
			check_function_body(&c, i);
	find_callbacks(&c);
	check_call_graph(&c);
	check_unused(&c);
	check_program_kinds(&c);
	check_runs(&c);
	check_throws(&c);
	check_nulls(&c);
	spread_unavailable(&c);
	for (uint32_t i = 0; i < c.all.len; i++)
		list_decl(&c, c.all.data[i]);
	return compile->diags.errors == 0;
}
