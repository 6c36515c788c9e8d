/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done with whole maps: methods, whose arguments and results depend on the map's types
 * (letters of builtins.def); dispatch(); functions that handle records because of their names. Also
 * which maps have entries.
 */
#include "frontend/sema/check.h"

/* ---- entries ---- */

/* What a kind without entries offers instead; NULL when it has them. */
static const char *other_access(const struct checker *c, enum map_shape shape)
{
	bool in_bpf = c->fn.decl && c->fn.decl->func.target == TARGET_BPF;

	switch ((int)shape) {
	case MAP_SHAPE_QUEUE:
		return "has no keys: use `push`, `pop` and `peek`";
	case MAP_SHAPE_SET:
		return "has no entries: use `add` and `in`";
	case MAP_SHAPE_RING:
	case MAP_SHAPE_PERF:
	case MAP_SHAPE_USER_RING:
		return "has no entries: records pass through it";
	case MAP_SHAPE_REDIRECT:
		return in_bpf ? "is filled in userspace: use `redirect`" : NULL;
	case MAP_SHAPE_STACKS:
		return in_bpf ? "is read in userspace only" : NULL;
	default:
		return NULL;
	}
}

bool check_map_keys(struct checker *c, const struct type *map, span where)
{
	const char *what = other_access(c, map->map.kind->shape);

	if (what)
		diag_report(c->diags, D_MAP_NO_KEYS, where, map->map.kind->name, what);
	return !what;
}

bool check_map_walk(struct checker *c, const struct type *map, span where)
{
	enum map_shape shape = map->map.kind->shape;
	bool in_bpf = c->fn.decl && c->fn.decl->func.target == TARGET_BPF;

	if (!check_map_keys(c, map, where))
		return false;
	bool is_outer = shape == MAP_SHAPE_OUTER_ARRAY || shape == MAP_SHAPE_OUTER_HASH;
	if ((!in_bpf && !is_outer) || shape == MAP_SHAPE_HASH || shape == MAP_SHAPE_ARRAY)
		return true;
	diag_report(c->diags, D_MAP_NO_KEYS, where, map->map.kind->name,
		    is_outer ? "cannot be walked through"
			     : "cannot be walked through in eBPF code");
	return false;
}

void check_map_put(struct checker *c, struct stmt *s, struct type *inner)
{
	struct expr *e = s->assign.value = check_expr(c, s->assign.value, NULL);
	const struct type *t = e->type;

	if (t->kind == TYPE_ERROR || !use_user_only(c, s->where, "a change of a map of maps"))
		return;
	bool is_place = s->assign.target->kind == EXPR_INDEX;
	if (!is_place || t->kind != TYPE_MAP || e->kind != EXPR_NAME ||
	    t->map.kind != inner->map.kind || t->map.key != inner->map.key ||
	    t->map.value != inner->map.value || t->map.max_entries != inner->map.max_entries)
		report_mismatch(c, e->where, inner, t);
}

/* ---- keys ---- */

static const struct {
	const char *map, *object; // kind of map, name of a struct that its values belong to
} storage_keys[] = {
	{"task_storage", "task_struct"}, {"inode_storage", "inode"},
	{"cgrp_storage", "cgroup"},      {"sk_storage", "sock"},
	{"sk_storage", "bpf_sock"},      {"sk_storage", "bpf_sock_common"},
	{"sk_storage", "sock_common"},   {"sk_storage", "bpf_tcp_sock"},
	{"sk_storage", "tcp_sock"},
};

static bool is_storage_key(struct checker *c, const struct map_kind *kind, const struct type *t)
{
	if (t->kind != TYPE_POINTER || t->element->kind != TYPE_STRUCT)
		return false;
	const char *name = NAME(c, t->element->name);
	for (size_t i = 0; i < sizeof storage_keys / sizeof *storage_keys; i++)
		if (!strcmp(storage_keys[i].map, kind->name) &&
		    !strcmp(storage_keys[i].object, name))
			return true;
	return false;
}

struct expr *check_map_key(struct checker *c, struct expr *key, const struct type *map)
{
	const struct map_kind *kind = map->map.kind;
	bool in_bpf = c->fn.decl && c->fn.decl->func.target == TARGET_BPF;
	const char *object = NULL;

	if (kind->shape != MAP_SHAPE_STORAGE || !in_bpf)
		return check_as(c, key, map->map.key);
	const char *helper = arena_printf(c->arena, "bpf_%s_get", kind->name);
	note_helper_call(c, c->info->find_helper(helper, c->info->kernel), key->where);
	key = check_value(c, key, NULL);
	if (key->type->kind == TYPE_ERROR || is_storage_key(c, kind, key->type))
		return key;
	for (size_t i = 0; !object; i++)
		if (!strcmp(storage_keys[i].map, kind->name))
			object = storage_keys[i].object;
	diag_report(c->diags, D_MAP_INDEX, key->where, kind->name,
		    arena_printf(c->arena, "pointers to `%s` in eBPF code", object),
		    TEXT(c, key->type));
	return fail(c, key);
}

/* ---- functions that the kernel calls ---- */

const char *special_pointer(struct checker *c, const struct expr *arg, const char *name)
{
	const struct type *t = arg->type;

	if (t->kind == TYPE_POINTER && t->element->kind == TYPE_STRUCT &&
	    t->element->record.is_special && !strcmp(NAME(c, t->element->name), name))
		return NULL;
	return arena_printf(c->arena, "the address of a `%s`", name);
}

/* ---- methods ---- */

bool map_method_family(const struct map_kind *kind, const char **at, char out[32])
{
	size_t len = strcspn(*at ? *at : kind->methods, " ");

	if (!*at)
		*at = kind->methods;
	if (!len || len > 31)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len + ((*at)[len] == ' ');
	return true;
}

/* A function that takes a pointer to a record and gives 0 to go on. */
static struct type *handler_type(struct checker *c, const struct type *map)
{
	struct type **params = ARENA_ARRAY(c->arena, struct type *, 1);

	params[0] = type_make_pointer(c->types, map->map.value);
	return type_make_func(c->types, params, 1, c->types->i32);
}

/* In eBPF, where the kernel gives the record. */
static struct expr *check_drain_handler(struct checker *c, const struct type *map, struct expr *arg)
{
	arg = check_expr(c, arg, NULL);
	return check_handed_over(c, arg, sema_find_callback(".drain"), map, NULL);
}

struct expr *check_map_arg(struct checker *c, struct expr *base, struct expr *arg, char letter)
{
	const struct type *map = base->type;

	switch (letter) {
	case 'v':
		return check_as(c, arg, map->map.value);
	case 'k':
		return check_as(c, arg, map->map.key);
	case 'R':
		return check_as(c, arg, type_make_pointer(c->types, map->map.value));
	case 'B':
		return check_drain_handler(c, map, arg);
	case 'e':
		note_handler_type(c, handler_type(c, map));
		return check_as(c, arg, handler_type(c, map));
	default:
		break;
	}
	arg = check_value(c, arg, NULL); // C
	if (arg->type->kind == TYPE_ERROR || is_context_pointer(c, arg))
		return arg;
	diag_report(c->diags, D_HELPER_ARGUMENT, arg->where, map->map.kind->name,
		    "the program's context", TEXT(c, arg->type));
	return fail(c, arg);
}

/* What follows from the call of a method that was found correct. */
static void note_map_call(struct checker *c, const struct expr *call)
{
	struct decl *map = call->call.callee->field.base->name.decl;

	if (call->call.target->builtin.id == BUILTIN_EVENTS_ON_EVENT)
		map->map.is_handled = true;
	if (call->call.target->builtin.id == BUILTIN_EVENTS_DROPPED)
		map->map.counts_dropped = true;
	const char *helper = NULL; // that not every kind of program may call
	if (call->call.target->builtin.id == BUILTIN_PERF_OUTPUT)
		helper = "bpf_perf_event_output";
	if (call->call.target->builtin.id == BUILTIN_STACKS_CAPTURE ||
	    call->call.target->builtin.id == BUILTIN_STACKS_CAPTURE_USER)
		helper = "bpf_get_stackid";
	if (helper)
		note_helper_call(c, c->info->find_helper(helper, c->info->kernel), call->where);
}

struct type *map_result(struct checker *c, struct expr *call, const char *result)
{
	const struct expr *base = call->call.callee->field.base;
	const struct type *map = base->type;

	note_map_call(c, call);
	if (!strcmp(result, "v"))
		return map->map.value;
	if (!strcmp(result, "*v"))
		return type_make_pointer(c->types, map->map.value);
	if (!strcmp(result, "?v"))
		return type_make_entry(c->types, base->name.decl);
	return resolve_type_text(c, result);
}

const char *map_null_text(int builtin)
{
	switch (builtin) {
	case BUILTIN_RINGBUF_RESERVE:
		return "`reserve` gives null when the buffer is full";
	case BUILTIN_PERCPU_PERCPU:
		return "`percpu` gives null when there is no such entry";
	default:
		return NULL;
	}
}

/* ---- dispatch ---- */

static bool has_records(const struct type *t)
{
	return t->kind == TYPE_MAP &&
	       (t->map.kind->shape == MAP_SHAPE_RING || t->map.kind->shape == MAP_SHAPE_PERF);
}

static struct expr *check_dispatched(struct checker *c, struct expr *arg)
{
	arg = check_expr(c, arg, NULL);
	if (arg->type->kind == TYPE_ERROR)
		return arg;
	if (!has_records(arg->type) || arg->kind != EXPR_NAME) {
		struct diag *d = diag_report(c->diags, D_HELPER_ARGUMENT, arg->where, "dispatch",
					     "a ring buffer", TEXT(c, arg->type));
		if (type_is_integer(arg->type))
			diag_hint(c->diags, d,
				  "a time in milliseconds is given as `timeout_ms: n`");
		return fail(c, arg);
	}
	struct dispatched d = {arg->name.decl, arg->where};
	vec_push(c->arena, &c->dispatched, d);
	return arg;
}

/* Puts the argument `timeout_ms: n` last; only it has a name then. */
static void move_timeout(struct expr *e, uint32_t at)
{
	uint32_t last = e->call.args.len - 1;
	struct expr *timeout = e->call.args.data[at];

	memmove(&e->call.args.data[at], &e->call.args.data[at + 1],
		(last - at) * sizeof e->call.args.data[0]);
	memmove(&e->call.arg_names.data[at], &e->call.arg_names.data[at + 1],
		(last - at) * sizeof e->call.arg_names.data[0]);
	e->call.args.data[last] = timeout;
}

struct expr *check_dispatch(struct checker *c, struct expr *e)
{
	uint32_t rings = e->call.args.len, timeout = UINT32_MAX;
	bool ok = true;

	e->type = c->types->i32;
	for (uint32_t i = 0; i < e->call.args.len; i++) {
		symbol name = e->call.arg_names.len ? e->call.arg_names.data[i] : 0;
		struct expr **arg = &e->call.args.data[i];
		if (!name) {
			*arg = check_dispatched(c, *arg);
		} else if (!strcmp(NAME(c, name), "timeout_ms") && timeout == UINT32_MAX) {
			*arg = check_as(c, *arg, c->types->u64);
			timeout = i;
			rings--;
		} else {
			diag_report(c->diags, D_ARGUMENT_COUNT, (*arg)->where, "dispatch",
				    "no other argument by name than one `timeout_ms`",
				    arena_printf(c->arena, "`%s`", NAME(c, name)));
			ok = false;
		}
		ok = ok && (*arg)->type->kind != TYPE_ERROR;
	}
	if (ok && !rings) {
		diag_report(c->diags, D_ARGUMENT_COUNT, e->where, "dispatch",
			    "at least one ring buffer", "none");
		ok = false;
	}
	if (timeout != UINT32_MAX)
		move_timeout(e, timeout);
	return ok ? e : fail(c, e);
}

/* ---- handlers by name ---- */

static void find_callback(struct checker *c, struct decl *map)
{
	const char *name = arena_printf(c->arena, "%s_callback", NAME(c, map->name));
	struct decl *f = scope_find_here(map->scope, intern_string(&c->compile->names, name));

	if (!f || f->kind != DECL_FUNC || !f->func.body || f->type->kind != TYPE_FUNC)
		return;
	const struct type *want = handler_type(c, map->type);
	if (f->func.target != TARGET_USER || f->type != want) {
		struct diag *d = report_mismatch(c, f->name_where, want, f->type);
		diag_note(c->diags, d, map->name_where,
			  "its name says that it handles the records of `%s`", NAME(c, map->name));
		return;
	}
	const uint64_t *place = map_find(&c->func_index, MAP_PTR(f));
	if (place && *place) {
		struct call_edge edge = {(uint32_t)*place - 1, f->name_where};
		vec_push(c->arena, &c->function_values, edge);
	}
	f->use_count++;
	note_handler_type(c, f->type);
	map->map.callback = f;
	map->map.is_handled = true;
}

void find_callbacks(struct checker *c)
{
	for (uint32_t i = 0; i < c->all.len; i++) {
		struct decl *d = c->all.data[i];
		if (d->kind == DECL_MAP && has_records(d->type))
			find_callback(c, d);
	}
	for (uint32_t i = 0; i < c->dispatched.len; i++) {
		const struct dispatched *use = &c->dispatched.data[i];
		const char *name = NAME(c, use->map->name);
		if (!use->map->map.is_handled)
			diag_hint(c->diags,
				  diag_report(c->diags, D_NO_EVENT_HANDLER, use->where, name),
				  "call `%s.on_event(handler)`, or name a function `%s_callback`",
				  name, name);
	}
}
