/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redirect(map, key[, flags]): which BPF helper it is depends on the map and, for sockets, on the context of
 * the function that calls it.
 */
#include "frontend/sema/check.h"

/* "bpf_redirect_map", … ; NULL when there is no context for it. */
static const char *find_helper(struct checker *c, const char *kind)
{
	const struct decl *f = c->fn.decl;
	bool is_hash = !strcmp(kind, "sockhash");

	if (strncmp(kind, "sock", 4) != 0)
		return "bpf_redirect_map";
	for (uint32_t i = 0; f && i < f->func.params.len; i++) {
		const struct type *t = f->func.params.data[i]->type;
		const char *context = type_is_ctx_pointer(t) ? NAME(c, t->element->name) : "";
		if (!strcmp(context, "sk_msg_md"))
			return is_hash ? "bpf_msg_redirect_hash" : "bpf_msg_redirect_map";
		if (!strcmp(context, "__sk_buff"))
			return is_hash ? "bpf_sk_redirect_hash" : "bpf_sk_redirect_map";
	}
	return NULL;
}

static struct expr *check_target(struct checker *c, struct expr *arg)
{
	arg = check_expr(c, arg, NULL);
	if (arg->type->kind == TYPE_ERROR)
		return arg;
	if (arg->type->kind == TYPE_MAP && arg->kind == EXPR_NAME &&
	    arg->type->map.kind->shape == MAP_SHAPE_REDIRECT)
		return arg;
	diag_report(c->diags, D_HELPER_ARGUMENT, arg->where, "redirect",
		    "a map of interfaces, CPUs or sockets", TEXT(c, arg->type));
	return fail(c, arg);
}

struct expr *check_redirect(struct checker *c, struct expr *e)
{
	uint32_t count = e->call.args.len;

	if (count != 2 && count != 3) {
		diag_report(c->diags, D_ARGUMENT_COUNT, e->where, "redirect",
			    "a map, a key and perhaps flags", arena_printf(c->arena, "%u", count));
		for (uint32_t i = 0; i < count; i++)
			e->call.args.data[i] = check_expr(c, e->call.args.data[i], NULL);
		return fail(c, e);
	}
	struct expr *map = e->call.args.data[0] = check_target(c, e->call.args.data[0]);
	bool is_map = map->type->kind == TYPE_MAP;
	e->call.args.data[1] = is_map ? check_as(c, e->call.args.data[1], map->type->map.key)
				      : check_expr(c, e->call.args.data[1], NULL);
	if (count == 3)
		e->call.args.data[2] = check_as(c, e->call.args.data[2], c->types->u64);
	if (!is_map)
		return fail(c, e);
	const char *kind = map->type->map.kind->name, *name = find_helper(c, kind);
	const struct helper_info *helper =
		name ? c->info->find_helper(name, c->info->kernel) : NULL;
	if (!helper) {
		diag_report(c->diags, D_REDIRECT_CONTEXT, e->where, kind);
		return fail(c, e);
	}
	note_helper_call(c, helper, e->where);
	e->type = strncmp(kind, "sock", 4) ? resolve_type_text(c, "xdp_action") : c->types->i32;
	return e;
}
