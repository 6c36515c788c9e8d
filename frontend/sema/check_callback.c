/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that hand a function of the program to the kernel, which calls it back: what is handed over is an `@helper`
 * whose parameters are what the kernel passes (callbacks.def).
 */
#include "frontend/sema/check.h"

enum { NONE = -1 };
enum { NUMBER, ZERO };

static const struct callback callbacks[] = {
#define CALLBACK(name, function, context, params, result)                                          \
	{name, function, context, params, result == NUMBER},
#include "frontend/sema/callbacks.def"
#undef CALLBACK
};

const struct callback *sema_find_callback(const char *name)
{
	for (size_t i = 0; i < sizeof callbacks / sizeof *callbacks; i++)
		if (!strcmp(callbacks[i].name, name))
			return &callbacks[i];
	return NULL;
}

static bool is_null(const struct expr *e)
{
	return e->kind == EXPR_CONVERT ? is_null(e->convert.operand) : e->kind == EXPR_NULL;
}

/* The map in whose entry the object lies whose address is taken, or the map itself. */
static struct decl *find_map(struct expr *e)
{
	while (e->kind == EXPR_CONVERT)
		e = e->convert.operand;
	if (e->kind == EXPR_NAME && e->type->kind == TYPE_MAP)
		return e->name.decl;
	struct expr *entry = e->kind == EXPR_UNARY && e->unary.op == UNARY_ADDR
				     ? place_entry(e->unary.operand)
				     : NULL;
	return entry ? entry->type->entry_of : NULL;
}

/* What a parameter must be; NULL when any type of the right sort will do. */
static struct type *param_type(struct checker *c, char letter, const struct type *map,
			       const struct expr *context)
{
	switch (letter) {
	case 'k':
		return type_make_pointer(c->types, map->map.key);
	case 'v':
	case 'r':
		return type_make_pointer(c->types, map->map.value);
	case 'T':
		return resolve_type_text(c, "*task_struct");
	case 'V':
		return resolve_type_text(c, "*vm_area_struct");
	case 'c':
		return context && !is_null(context) ? context->type : NULL;
	default:
		return NULL;
	}
}

static bool takes(char letter, const struct type *want, const struct type *own)
{
	if (letter == 'i')
		return own->kind == TYPE_INT && own->size >= 4;
	return want ? own == want : own->kind == TYPE_POINTER;
}

/* `fn(u32, *State) -> i32`, the type that the function should have. */
static const char *wanted_text(struct checker *c, const struct callback *row,
			       const struct type *map, const struct expr *context)
{
	const char *text = "fn(", *between = "";

	for (const char *p = row->params; *p; p++) {
		if (*p == '-')
			continue;
		struct type *t = param_type(c, *p, map, context);
		text = arena_printf(c->arena, "%s%s%s", text, between,
				    t           ? TEXT(c, t)
				    : *p == 'i' ? "u32"
						: "*u8");
		between = ", ";
	}
	return arena_printf(c->arena, "%s)%s", text, row->gives_number ? " -> i32" : "");
}

static bool is_callee(struct checker *c, const struct decl *d, const struct callback *row,
		      const struct type *map, const struct expr *context)
{
	const struct type *t = d->type, *result = t->func.result;
	uint32_t at = 0;

	for (const char *p = row->params; *p; p++) {
		if (*p == '-')
			continue;
		if (*p == 'c' && at == t->func.param_count && context && is_null(context))
			continue; // there is nothing to get
		if (at == t->func.param_count ||
		    !takes(*p, param_type(c, *p, map, context), t->func.params[at]))
			return false;
		at++;
	}
	bool is_result = row->gives_number ? type_is_integer(result) || result->kind == TYPE_BOOL
					   : result->kind == TYPE_VOID;
	return at == t->func.param_count && is_result;
}

/* A context that is null may be so in the function, too. */
static void note_null_context(const struct decl *d, const struct callback *row)
{
	uint32_t at = 0;

	for (const char *p = row->params; *p && *p != 'c'; p++)
		at += *p != '-';
	if (at < d->func.params.len)
		d->func.params.data[at]->variable.may_be_null = true;
}

static void note_handed_over(struct checker *c, const struct decl *d, span where)
{
	const uint64_t *place = map_find(&c->func_index, MAP_PTR(d));

	if (!place || !*place)
		return;
	struct call_edge edge = {(uint32_t)*place - 1, where};
	vec_push(c->arena, &c->function_values, edge);
	vec_push(c->arena, &c->handed_over, edge);
	if (c->fn.decl && c->fn.number < c->funcs.len)
		vec_push(c->arena, &c->funcs.data[c->fn.number].handed_over, edge.callee);
}

struct expr *check_handed_over(struct checker *c, struct expr *arg, const struct callback *row,
			       const struct type *map, const struct expr *context)
{
	struct decl *d = arg->kind == EXPR_NAME ? arg->name.decl : NULL;

	if (arg->type->kind == TYPE_ERROR)
		return arg;
	bool is_helper = d && d->kind == DECL_FUNC && !d->func.program &&
			 d->func.target == TARGET_BPF && d->type->kind == TYPE_FUNC;
	if (!is_helper || !is_callee(c, d, row, map, context)) {
		const char *name = *row->name == '.' ? row->name + 1 : row->name;
		diag_report(c->diags, D_HELPER_ARGUMENT, arg->where, name,
			    arena_printf(c->arena, "an `@helper` of type `%s`",
					 wanted_text(c, row, map, context)),
			    TEXT(c, arg->type));
		return fail(c, arg);
	}
	if (context && is_null(context))
		note_null_context(d, row);
	note_handed_over(c, d, arg->where);
	return arg;
}

/* The kernel lets only memory on the stack through: an own variable, or null. */
static bool check_context_arg(struct checker *c, struct expr *call, const struct callback *row)
{
	const struct expr *arg = call->call.args.data[row->context];
	const struct expr *place =
		arg->kind == EXPR_UNARY && arg->unary.op == UNARY_ADDR ? arg->unary.operand : NULL;

	if (arg->type->kind == TYPE_ERROR)
		return false;
	if (is_null(arg) || (place && place_root(place)))
		return true;
	diag_report(c->diags, D_HELPER_ARGUMENT, arg->where, row->name,
		    "the address of a local variable, or `null`", TEXT(c, arg->type));
	return false;
}

/* The first argument of those that pass parts of a map. */
static bool check_map_of(struct checker *c, struct expr *call, const struct callback *row,
			 const struct decl *map)
{
	struct expr *arg = call->call.args.data[0];
	const char *want = NULL;
	bool walks = strchr(row->params, 'c') != NULL;

	if (arg->type->kind == TYPE_ERROR)
		return false;
	if (!map)
		want = "the address of a field of an entry: `&e.timer`";
	else if (strchr(row->params, 'r') && map->type->map.kind->shape != MAP_SHAPE_USER_RING)
		want = "a `user_ringbuf`";
	else if (strchr(row->params, 'k') && walks &&
		 map->type->map.kind->shape != MAP_SHAPE_HASH &&
		 map->type->map.kind->shape != MAP_SHAPE_ARRAY)
		want = "a hash or an array";
	if (want)
		diag_report(c->diags, D_HELPER_ARGUMENT, arg->where, row->name, want,
			    TEXT(c, arg->type));
	return !want;
}

struct expr *check_callback(struct checker *c, struct expr *call)
{
	const struct callback *row = sema_find_callback(NAME(c, call->call.target->name));

	if (!row) {
		report_unavailable(
			c, call->where,
			arena_printf(c->arena, "a call of `%s`", NAME(c, call->call.target->name)));
		return fail(c, call);
	}
	bool wants_map = strpbrk(row->params, "kvr") != NULL;
	struct decl *map = wants_map ? find_map(call->call.args.data[0]) : NULL;
	if ((wants_map && !check_map_of(c, call, row, map)) ||
	    (row->context >= 0 && !check_context_arg(c, call, row)))
		return fail(c, call);
	struct expr **arg = &call->call.args.data[row->function];
	const struct expr *context = row->context >= 0 ? call->call.args.data[row->context] : NULL;
	*arg = check_handed_over(c, *arg, row, map ? map->type : NULL, context);
	return (*arg)->type->kind == TYPE_ERROR ? fail(c, call) : call;
}
