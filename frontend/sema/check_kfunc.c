/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of functions of the kernel from eBPF. Their signatures come from the BTF of the kernel that the
 * program is built for, also when the program declares them; which of the kernel's functions may be called
 * is told by a table and by marks in BTF. Endings of parameter names say more than their types
 * (Documentation/bpf/kfuncs.rst, Linux 6.12).
 */
#include "frontend/sema/check.h"

enum { MAX_ARGUMENTS = 5 };

/* ---- arguments ---- */

static bool has_ending(const char *name, const char *ending)
{
	size_t len = strlen(name), end = strlen(ending);

	return len > end && !strcmp(name + len - end, ending);
}

static const char *param_name(struct checker *c, const struct decl *d, uint32_t index)
{
	return index < d->func.params.len ? NAME(c, d->func.params.data[index]->name) : "";
}

bool kfunc_param_takes_null(struct checker *c, const struct decl *kfunc, uint32_t index)
{
	static const char *const endings[] = {"__nullable", "__ign",  "__opt",
					      "_or_null",   "__prog", "__refcounted_kptr"};
	const char *name = param_name(c, kfunc, index);

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (has_ending(name, endings[i]))
			return true;
	return false;
}

/* Names that the kernel has for the struct behind a program's context. */
static bool is_kernel_context(const char *own, const char *theirs)
{
	static const char *const names[][2] = {
		{"xdp_md", "xdp_buff"},
		{"__sk_buff", "sk_buff"},
		{"bpf_sock_addr", "bpf_sock_addr_kern"},
		{"bpf_sock_ops", "bpf_sock_ops_kern"},
		{"bpf_sockopt", "bpf_sockopt_kern"},
		{"bpf_sk_lookup", "bpf_sk_lookup_kern"},
		{"sk_msg_md", "sk_msg"},
	};

	if (!strcmp(own, theirs))
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(own, names[i][0]) && !strcmp(theirs, names[i][1]))
			return true;
	return false;
}

static bool is_record(const struct type *t)
{
	return t->kind == TYPE_STRUCT || t->kind == TYPE_UNION;
}

/* A pointer that may be passed for another one: to the same struct, to integers of one size, and bytes or void for
 * anything. */
static bool takes_pointer(struct checker *c, const struct type *to, const struct type *from)
{
	const struct type *a = to->element, *b = from->element;

	if (a == b || a->kind == TYPE_VOID || b->kind == TYPE_VOID || b == c->types->u8)
		return true;
	if (is_record(a) && is_record(b) && a->name && b->name)
		return is_kernel_context(NAME(c, b->name), NAME(c, a->name));
	if (type_is_scalar(a) && type_is_scalar(b))
		return a->size == b->size;
	return a == c->types->char_ && (b->kind == TYPE_STR || b->kind == TYPE_ARRAY);
}

static struct expr *check_kfunc_arg(struct checker *c, struct expr *arg, const struct decl *d,
				    uint32_t index)
{
	struct type *to = d->type->func.params[index];

	if (to->kind == TYPE_FUNC)
		return check_expr(c, arg, NULL); // judged with the other arguments
	if (to->kind != TYPE_POINTER)
		return check_as(c, arg, to);
	if (has_ending(param_name(c, d, index), "__map")) {
		arg = check_expr(c, arg, NULL);
		if (arg->type->kind == TYPE_MAP || arg->type->kind == TYPE_ERROR)
			return arg;
		diag_report(c->diags, D_HELPER_ARGUMENT, arg->where, NAME(c, d->name), "a map",
			    TEXT(c, arg->type));
		return fail(c, arg);
	}
	arg = check_value(c, arg, to);
	if (arg->type->kind == TYPE_ERROR || arg->kind == EXPR_NULL)
		return arg->type->kind == TYPE_ERROR ? arg : convert_to(c, arg, to);
	if (arg->type->kind == TYPE_POINTER && takes_pointer(c, to, arg->type))
		return arg->type == to ? arg : make_convert(c, arg, to, CONV_POINTER);
	report_mismatch(c, arg->where, to, arg->type);
	return fail(c, arg);
}

/* ---- declarations in the program ---- */

static bool is_alike(const struct type *a, const struct type *b)
{
	if (a->kind == TYPE_VOID || b->kind == TYPE_VOID)
		return a->kind == b->kind;
	return (a->kind == TYPE_POINTER) == (b->kind == TYPE_POINTER);
}

/* What the program declares need not name the kernel's types, but must be of their shape. */
static bool agrees(const struct type *own, const struct type *kernel)
{
	if (own->func.param_count != kernel->func.param_count ||
	    !is_alike(own->func.result, kernel->func.result))
		return false;
	for (uint32_t i = 0; i < own->func.param_count; i++)
		if (!is_alike(own->func.params[i], kernel->func.params[i]))
			return false;
	return true;
}

/* ---- calls ---- */

static struct expr *fail_call(struct checker *c, struct expr *e)
{
	for (uint32_t i = 0; i < e->call.args.len; i++)
		e->call.args.data[i] = check_expr(c, e->call.args.data[i], NULL);
	return fail(c, e);
}

/* What a call cannot pass. */
static const char *find_obstacle(const struct decl *kfunc, const char *name)
{
	const struct type *t = kfunc->type;

	if (kfunc->func.has_callback && !sema_find_callback(name))
		return "a function";
	if (t->func.param_count > MAX_ARGUMENTS)
		return "too many arguments";
	for (uint32_t i = 0; i < t->func.param_count; i++)
		if (!type_is_scalar(t->func.params[i]))
			return "what does not fit a register";
	return NULL;
}

/* The kernel's declaration; NULL after a diagnostic. */
static struct decl *find_kfunc(struct checker *c, const struct expr *e, struct decl *d)
{
	const char *name = NAME(c, d->name);
	struct decl *kfunc = kernel_find_function(c, d->name);

	if (!kfunc) {
		diag_report(c->diags, D_NO_KERNEL_FUNCTION, e->call.callee->where, name);
		return NULL;
	}
	if (!kfunc->func.is_kfunc) {
		diag_report(c->diags, D_NOT_A_KFUNC, e->call.callee->where, name);
		return NULL;
	}
	if (kfunc->func.kfunc && kfunc->func.kfunc->kernel > c->info->kernel) {
		diag_report(c->diags, D_KERNEL_LACKS_KFUNC, e->call.callee->where, name,
			    release_text(c, kfunc->func.kfunc->kernel));
		return NULL;
	}
	const char *obstacle = find_obstacle(kfunc, name);
	if (obstacle) {
		report_unavailable(
			c, e->where,
			arena_printf(c->arena, "a call of `%s`, which takes %s", name, obstacle));
		return NULL;
	}
	if (d != kfunc && d->type->kind == TYPE_FUNC && !agrees(d->type, kfunc->type)) {
		struct diag *diag = diag_report(c->diags, D_EXTERN_DIFFERS, e->call.callee->where,
						name, TEXT(c, kfunc->type));
		report_declared(c, diag, d);
		return NULL;
	}
	return kfunc;
}

struct expr *check_kfunc_call(struct checker *c, struct expr *e, struct decl *d)
{
	const char *name = NAME(c, d->name);

	e->call.target = d;
	e->call.callee->type = d->type;
	if (!use_bpf_only(c, e->where, arena_printf(c->arena, "the kernel function `%s`", name)))
		return fail_call(c, e);
	struct decl *kfunc = find_kfunc(c, e, d);
	if (!kfunc)
		return fail_call(c, e);
	uint32_t count = kfunc->type->func.param_count;
	if (e->call.args.len != count) {
		diag_report(c->diags, D_ARGUMENT_COUNT, e->where, name,
			    arena_printf(c->arena, "%u argument%s", count, count == 1 ? "" : "s"),
			    arena_printf(c->arena, "%u", e->call.args.len));
		return fail_call(c, e);
	}
	e->call.target = kfunc;
	e->call.callee->type = kfunc->type;
	e->type = kfunc->type->func.result;
	if (kfunc->func.kfunc)
		note_kfunc_call(c, kfunc->func.kfunc, e->where);
	for (uint32_t i = 0; i < count; i++)
		e->call.args.data[i] = check_kfunc_arg(c, e->call.args.data[i], kfunc, i);
	return kfunc->func.has_callback ? check_callback(c, e) : e;
}

struct expr *make_kfunc_call(struct checker *c, span where, const char *name, struct expr **args,
			     uint32_t count)
{
	struct expr *e = ARENA_NEW(c->arena, struct expr),
		    *callee = ARENA_NEW(c->arena, struct expr);
	symbol symbol = intern_string(&c->compile->names, name);
	struct decl *d = kernel_find_function(c, symbol);

	*callee = (struct expr){.kind = EXPR_NAME, .where = where, .type = c->types->error};
	callee->name.name = symbol;
	*e = (struct expr){.kind = EXPR_CALL, .where = where};
	e->call.callee = callee;
	if (!d) {
		diag_report(c->diags, D_NO_KERNEL_FUNCTION, where, name);
		return fail(c, e);
	}
	callee->name.decl = d;
	struct decl *kfunc = find_kfunc(c, e, d);
	if (!kfunc)
		return fail(c, e);
	e->call.target = kfunc;
	callee->type = kfunc->type;
	e->type = kfunc->type->func.result;
	if (kfunc->func.kfunc)
		note_kfunc_call(c, kfunc->func.kfunc, where);
	for (uint32_t i = 0; i < count; i++) {
		struct type *want = kfunc->type->func.params[i];
		struct expr *arg = args[i];
		if (arg->type != want && want->kind == TYPE_POINTER)
			arg = make_convert(c, arg, want, CONV_POINTER);
		vec_push(c->arena, &e->call.args, arg);
	}
	return e;
}
