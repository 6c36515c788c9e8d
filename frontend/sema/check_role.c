/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attribute other than that of a program makes of a function: a helper, a kernel function of
 * the program's module, a private function of it, a test. And what code of the kernel module may use:
 * its own functions and those of the kernel, not what eBPF and userspace share.
 */
#include "frontend/sema/check.h"

static const struct role_row {
	const char *attribute;
	enum func_role role;
	enum func_target target;
} roles[] = {
	{"helper", ROLE_HELPER, TARGET_BPF},
	{"kfunc", ROLE_KFUNC, TARGET_MODULE},
	{"private", ROLE_PRIVATE, TARGET_MODULE},
	{"test", ROLE_TEST, TARGET_USER},
};

static const struct role_row *find_role(const char *attribute)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (!strcmp(roles[i].attribute, attribute))
			return &roles[i];
	return NULL;
}

bool is_role_attribute(const char *name)
{
	return find_role(name) != NULL;
}

void offer_roles(struct suggestion *s)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		suggestion_offer(s, roles[i].attribute);
}

void apply_role(struct checker *c, struct decl *d, const struct attribute *a)
{
	const char *name = NAME(c, a->name);
	const struct role_row *row = find_role(name);
	const char *what = find_unavailable(ATTRIBUTE, name);

	if (a->arg)
		diag_report(c->diags, D_ATTRIBUTE_ARGUMENT, a->where, name, "no argument");
	d->func.role = row->role;
	d->func.target = row->target;
	if (!what)
		return;
	note_unavailable(c, a->where, what);
	d->func.is_unavailable = true;
}

/* ---- signatures ---- */

enum { KFUNC_MAX_PARAMS = 5 };

/* What the kernel takes and returns in registers when eBPF calls: btf_prepare_func_args() and
 * btf_check_kfunc_arg_match(), Linux 6.12. */
static bool is_kfunc_type(const struct type *t)
{
	return type_is_integer(t) || t->kind == TYPE_BOOL || t->kind == TYPE_BE ||
	       t->kind == TYPE_POINTER || t->kind == TYPE_ERROR;
}

static void check_kfunc_signature(struct checker *c, const struct decl *d)
{
	const struct type *t = d->type;

	if (t->func.param_count > KFUNC_MAX_PARAMS) {
		const struct decl *p = d->func.params.data[KFUNC_MAX_PARAMS];
		diag_report(c->diags, D_KFUNC_SIGNATURE, p->where, NAME(c, d->name),
			    "takes at most 5 parameters");
		return;
	}
	for (uint32_t i = 0; i < t->func.param_count; i++)
		if (!is_kfunc_type(t->func.params[i]))
			diag_report(c->diags, D_KFUNC_SIGNATURE, d->func.params.data[i]->where,
				    NAME(c, d->name), "takes integers and pointers only");
	if (t->func.result->kind != TYPE_VOID && !is_kfunc_type(t->func.result))
		diag_report(c->diags, D_KFUNC_SIGNATURE, d->func.result->where, NAME(c, d->name),
			    "returns an integer, a pointer or nothing");
}

void check_role_signature(struct checker *c, const struct decl *d)
{
	const struct type *t = d->type;

	if (d->func.role == ROLE_KFUNC)
		check_kfunc_signature(c, d);
	bool is_test = !t->func.param_count && t->func.result == c->types->i32;
	if (d->func.role == ROLE_TEST && !is_test && t->func.result->kind != TYPE_ERROR)
		diag_report(c->diags, D_TEST_SIGNATURE, d->name_where, NAME(c, d->name));
}

/* ---- who may call whom ---- */

bool may_call(const struct decl *from, const struct decl *to)
{
	switch (to->func.target) {
	case TARGET_USER:
		if (to->func.role == ROLE_TEST && from->func.role != ROLE_TEST)
			return false;
		return from->func.target != TARGET_MODULE;
	case TARGET_BPF:
		return from->func.target == TARGET_BPF && to->func.role != ROLE_PROGRAM;
	case TARGET_MODULE:
		return from->func.target == TARGET_MODULE ||
		       (from->func.target == TARGET_BPF && to->func.role == ROLE_KFUNC);
	}
	return false;
}

bool is_module_code(const struct checker *c)
{
	return c->fn.decl && c->fn.decl->func.target == TARGET_MODULE;
}

bool check_shared_use(struct checker *c, span where, const struct decl *d)
{
	if (!is_module_code(c))
		return true;
	struct diag *diag = diag_report(c->diags, D_MODULE_SHARED, where, NAME(c, d->name),
					decl_kind_name(d->kind));
	report_declared(c, diag, d);
	return false;
}

/* ---- functions of the kernel ---- */

static const struct module_function {
	const char *name, *params, *result;
} module_functions[] = {
#define MODULE_FUNCTION(name, params, result) {name, params, result},
#include "frontend/sema/module_functions.def"
#undef MODULE_FUNCTION
};

static struct decl *make_module_function(struct checker *c, symbol name,
					 const struct module_function *row)
{
	enum { MAX_PARAMS = 8 };
	struct type *params[MAX_PARAMS];
	uint32_t count = 0;

	for (const char *text = row->params; *text && count < MAX_PARAMS; count++) {
		size_t len = strcspn(text, ",");
		params[count] =
			resolve_type_text(c, arena_printf(c->arena, "%.*s", (int)len, text));
		text += len + (text[len] == ',');
	}
	struct decl *d = make_decl(c, DECL_EXTERN, name);
	d->type = type_make_func(c->types, params, count, resolve_type_text(c, row->result));
	d->func.target = TARGET_MODULE;
	return d;
}

struct decl *find_module_function(struct checker *c, symbol name)
{
	struct decl *d = map_find_ptr(&c->module_functions, name);
	const char *text = NAME(c, name);

	if (d)
		return d;
	for (size_t i = 0; !d && i < sizeof module_functions / sizeof *module_functions; i++)
		if (!strcmp(module_functions[i].name, text))
			d = make_module_function(c, name, &module_functions[i]);
	if (!d)
		d = kernel_find_function(c, name);
	if (d)
		map_set_ptr(&c->module_functions, name, d);
	return d;
}

/* An argument of a kernel function: a string may stand for a pointer to bytes. */
static struct expr *check_kernel_arg(struct checker *c, struct expr *arg, struct type *to)
{
	const struct types *t = c->types;

	arg = check_value(c, arg, to);
	bool takes_text =
		to->kind == TYPE_POINTER && (to->element == t->char_ || to->element == t->u8 ||
					     to->element == t->i8 || to->element == t->void_);
	if (takes_text && arg->type->kind == TYPE_STR)
		return make_convert(c, arg, to, CONV_POINTER);
	return convert_to(c, arg, to);
}

struct expr *check_kernel_call(struct checker *c, struct expr *e, struct decl *d)
{
	const struct type *t = d->type;

	e->call.target = d;
	e->call.callee->type = d->type;
	e->type = t->func.result;
	if (e->call.args.len != t->func.param_count) {
		diag_report(c->diags, D_ARGUMENT_COUNT, e->where, NAME(c, d->name),
			    arena_printf(c->arena, "%u argument%s", t->func.param_count,
					 t->func.param_count == 1 ? "" : "s"),
			    arena_printf(c->arena, "%u", e->call.args.len));
		for (uint32_t i = 0; i < e->call.args.len; i++)
			e->call.args.data[i] = check_value(c, e->call.args.data[i], NULL);
		return fail(c, e);
	}
	for (uint32_t i = 0; i < e->call.args.len; i++) {
		struct expr **arg = &e->call.args.data[i];
		*arg = check_kernel_arg(c, *arg, t->func.params[i]);
	}
	return e;
}
