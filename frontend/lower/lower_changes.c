/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry variable shows its entry as it is when it is read. Userspace looks it up each time. In eBPF it
 * holds the address of the value, which shows what is written there; but a hash puts a new value beside
 * the old one, so after the function itself has inserted, replaced or deleted entries of the map, alone or
 * through a function that it calls, the variables in view are looked up again. Which maps a function
 * changes is found by a walk over its body.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

struct change_set {
	VEC(struct decl *) maps;
};

struct change_search {
	struct lower *lw;
	struct change_set *set;
};

static bool is_changing_helper(const char *name)
{
	return !strcmp(name, "bpf_map_update_elem") || !strcmp(name, "bpf_map_delete_elem");
}

static bool has_map(const struct change_set *set, const struct decl *map)
{
	for (uint32_t i = 0; i < set->maps.len; i++)
		if (set->maps.data[i] == map)
			return true;
	return false;
}

static void add_map(struct change_search *search, struct decl *map)
{
	if (map->kind == DECL_MAP && !has_map(search->set, map))
		vec_push(search->lw->m->arena, &search->set->maps, map);
}

static struct change_set *changes_of(struct lower *lw, const struct decl *decl);

static void add_callee(struct change_search *search, const struct decl *callee)
{
	const struct change_set *set = changes_of(search->lw, callee);
	for (uint32_t i = 0; i < set->maps.len; i++)
		add_map(search, set->maps.data[i]);
}

bool helper_changes_map(const struct body *f, const struct decl *helper)
{
	const char *name = intern_text(&f->lw->compile->names, helper->name);
	return is_changing_helper(name);
}

/* The map that a helper is to change. */
static void add_map_arguments(struct change_search *search, const struct expr *call)
{
	const struct intern *names = &search->lw->compile->names;
	if (!is_changing_helper(intern_text(names, call->call.target->name)))
		return;
	for (uint32_t i = 0; i < call->call.args.len; i++) {
		const struct expr *arg = call->call.args.data[i];
		if (arg->type->kind == TYPE_MAP && arg->kind == EXPR_NAME)
			add_map(search, arg->name.decl);
	}
}

static void find_in_expr(void *data, struct expr *expr)
{
	struct change_search *search = data;
	if (expr->kind != EXPR_CALL)
		return;
	const struct decl *target = expr->call.target;
	const decl_list *values = &search->lw->program->function_values;
	if (target && target->kind == DECL_FUNC && target->func.body)
		add_callee(search, target);
	else if (target && target->kind == DECL_EXTERN)
		add_map_arguments(search, expr);
	for (uint32_t i = 0; !target && i < values->len; i++)
		if (values->data[i]->type == expr->call.callee->type)
			add_callee(search, values->data[i]);
}

static void find_in_stmt(void *data, struct stmt *stmt)
{
	const struct expr *e = stmt->kind == STMT_ASSIGN   ? stmt->assign.target
			       : stmt->kind == STMT_DELETE ? stmt->expr
							   : NULL;
	if (e && e->kind == EXPR_INDEX && e->type->kind == TYPE_ENTRY)
		add_map(data, e->type->entry_of);
}

static void search_block(struct lower *lw, const struct block *block, struct change_set *set)
{
	struct change_search search = {lw, set};
	struct ast_walk walk = {.expr = find_in_expr, .stmt = find_in_stmt, .data = &search};
	ast_walk_block(&walk, block);
}

/* eBPF functions do not call themselves, so the search ends. */
static struct change_set *changes_of(struct lower *lw, const struct decl *decl)
{
	struct change_set *set = map_find_ptr(&lw->changes, MAP_PTR(decl));
	if (set)
		return set;
	set = ARENA_NEW(lw->m->arena, struct change_set);
	map_set_ptr(&lw->changes, MAP_PTR(decl), set);
	search_block(lw, decl->func.body, set);
	return set;
}

/* Entries of these kinds are replaced, not written in place. */
static bool replaces_values(const struct decl *map)
{
	enum map_shape shape = map->type->map.kind->shape;
	return shape == MAP_SHAPE_HASH || shape == MAP_SHAPE_PREFIX;
}

bool may_go_stale(struct body *f, const struct decl *map, const struct block *scope)
{
	if (f->target != IR_TARGET_BPF || !replaces_values(map))
		return false;
	if (!scope)
		return has_map(changes_of(f->lw, f->decl), map);
	struct change_set *set = ARENA_NEW(f->m->arena, struct change_set);
	search_block(f->lw, scope, set);
	return has_map(set, map);
}

void refresh_entries(struct body *f, const struct decl *map)
{
	if (f->target != IR_TARGET_BPF || !is_live(f) || !replaces_values(map))
		return;
	for (uint32_t i = 0; i < f->entries.len; i++)
		if (f->entries.data[i]->type->entry_of == map)
			refresh_entry(f, f->entries.data[i]);
}

void refresh_after_call(struct body *f, const struct decl *callee)
{
	if (!f->entries.len)
		return;
	const struct change_set *set = changes_of(f->lw, callee);
	for (uint32_t i = 0; i < set->maps.len; i++)
		refresh_entries(f, set->maps.data[i]);
}
