/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions, parameters and results that nothing uses; variables are judged when their block closes
 * (check_stmt.c). Programs, main, public functions and functions whose value is taken have parameters
 * because somebody else calls them. A result may be dropped when the call did something besides.
 */
#include "frontend/sema/check.h"

bool is_pure_builtin(const struct decl *d)
{
	static const enum builtin pure[] = {
		BUILTIN_NOW_NS,   BUILTIN_NTOHS,   BUILTIN_NTOHL,   BUILTIN_NTOHLL,
		BUILTIN_HTONS,    BUILTIN_HTONL,   BUILTIN_HTONLL,  BUILTIN_CTX_AT,
		BUILTIN_CTX_LEN,  BUILTIN_MAP_LEN, BUILTIN_STR_LEN, BUILTIN_HAS_FIELD,
		BUILTIN_HAS_TYPE,
	};

	for (size_t i = 0; i < sizeof pure / sizeof *pure; i++)
		if (d->builtin.id == (int)pure[i])
			return true;
	return false;
}

/* ---- functions and parameters ---- */

static bool is_for_others(struct checker *c, const struct decl *d)
{
	return d->func.program || d == c->out->main || d->func.is_public ||
	       d->func.role == ROLE_KFUNC || d->func.role == ROLE_TEST ||
	       d->func.role == ROLE_OPERATION;
}

static void check_function(struct checker *c, const struct func_info *f)
{
	const struct decl *d = f->decl;

	bool is_own = d->scope == &c->spaces.data[0]->scope;

	if (is_own && !d->use_count && !is_for_others(c, d) && !f->is_skipped)
		diag_report(c->diags, D_UNUSED_FUNCTION, d->name_where, NAME(c, d->name));
}

/* A function that handles the events of a ring buffer is found by its name. */
static bool is_callback(const char *name)
{
	static const char suffix[] = "_callback";
	size_t len = strlen(name);

	return len > sizeof suffix && !strcmp(name + len - (sizeof suffix - 1), suffix);
}

static void check_params(struct checker *c, const struct func_info *f)
{
	const struct decl *d = f->decl;

	bool has_wrong_attribute = d->attrs.len && d->func.target == TARGET_USER;
	if (is_for_others(c, d) || f->is_skipped || has_wrong_attribute ||
	    is_callback(NAME(c, d->name)))
		return;
	for (uint32_t i = 0; i < d->func.params.len; i++) {
		const struct decl *p = d->func.params.data[i];
		const char *name = NAME(c, p->name);
		if (!p->use_count && p->name && *name != '_' && p->type->kind != TYPE_ERROR)
			diag_report(c->diags, D_UNUSED_PARAMETER, p->name_where, name);
	}
}

/* ---- results ---- */

/* What a function calls may have the effect; the callers of one that has are marked, and so on. */
static void spread_effects(struct checker *c)
{
	uint32_t n = c->funcs.len, count = 0;
	VEC(uint32_t) *callers = arena_alloc(c->arena, sizeof *callers * (n + 1));
	uint32_t *work = ARENA_ARRAY(c->arena, uint32_t, n + 1);

	for (uint32_t i = 0; i < n; i++) {
		const struct func_info *f = &c->funcs.data[i];
		for (uint32_t j = 0; j < f->calls.len; j++)
			vec_push(c->arena, &callers[f->calls.data[j].callee], i);
		if (f->has_effect)
			work[count++] = i;
	}
	while (count) {
		uint32_t number = work[--count];
		for (uint32_t i = 0; i < callers[number].len; i++) {
			struct func_info *f = &c->funcs.data[callers[number].data[i]];
			if (f->has_effect)
				continue;
			f->has_effect = true;
			work[count++] = callers[number].data[i];
		}
	}
}

static bool does_nothing_else(struct checker *c, const struct decl *target)
{
	if (!target)
		return false;
	if (target->kind == DECL_BUILTIN)
		return is_pure_builtin(target);
	const uint64_t *place = map_find(&c->func_index, MAP_PTR(target));
	if (!place)
		return false;
	const struct func_info *f = &c->funcs.data[*place - 1];
	return !f->has_effect && !f->is_skipped && !target->func.program;
}

static void check_results(struct checker *c)
{
	if (!c->dropped.len)
		return;
	spread_effects(c);
	for (uint32_t i = 0; i < c->dropped.len; i++) {
		const struct expr *e = c->dropped.data[i];
		if (does_nothing_else(c, e->call.target))
			diag_report(c->diags, D_UNUSED_RESULT, e->where,
				    NAME(c, e->call.target->name));
	}
}

void check_unused(struct checker *c)
{
	bool has_root = c->out->main != NULL;

	if (c->has_syntax_errors)
		return;
	for (uint32_t i = 0; i < c->funcs.len; i++)
		has_root = has_root || c->funcs.data[i].decl->func.program ||
			   c->funcs.data[i].decl->func.role == ROLE_OPERATION ||
			   c->funcs.data[i].decl->func.role == ROLE_KFUNC;
	for (uint32_t i = 0; i < c->function_values.len; i++) {
		const struct call_edge *v = &c->function_values.data[i];
		struct decl *d = c->funcs.data[v->callee].decl;
		for (uint32_t j = 0; j < d->func.params.len; j++)
			d->func.params.data[j]->use_count++;
	}
	for (uint32_t i = 0; i < c->funcs.len; i++) {
		if (has_root) // a module's functions are for others
			check_function(c, &c->funcs.data[i]);
		check_params(c, &c->funcs.data[i]);
	}
	check_results(c);
}
