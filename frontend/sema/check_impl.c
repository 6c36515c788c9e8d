/* SPDX-License-Identifier: Apache-2.0 */
/*
 * impl: a kernel struct of operations, filled by the program. Its functions are eBPF code; each stands for
 * the member of its name, whose signature it has, where `*u8` does for any pointer and an integer of the same
 * size for another one. The functions see each other's names. Values of other members are constants.
 */
#include "frontend/sema/check.h"

/* The struct that the attribute names; NULL after a diagnostic. */
static struct type *find_operations(struct checker *c, struct decl *d)
{
	const struct attribute *attribute = NULL;

	for (uint32_t i = 0; i < d->attrs.len; i++) {
		const struct attribute *a = &d->attrs.data[i];
		if (strcmp(NAME(c, a->name), "struct_ops") != 0)
			report_attribute(c, a, "an `impl`");
		else if (attribute)
			diag_report(c->diags, D_ATTRIBUTE_CONFLICT, a->where, "struct_ops",
				    "struct_ops");
		else
			attribute = a;
	}
	if (!attribute) {
		diag_report(c->diags, D_IMPL_ATTRIBUTE, d->name_where, NAME(c, d->name));
		return NULL;
	}
	if (!attribute->arg || attribute->arg->kind != EXPR_STRING) {
		diag_report(
			c->diags, D_ATTRIBUTE_ARGUMENT, attribute->where, "struct_ops",
			"the name of a kernel struct, as in `@struct_ops(\"tcp_congestion_ops\")`");
		return NULL;
	}
	const char *text = attribute->arg->string.data;
	const char *what = find_unavailable(ATTRIBUTE, "struct_ops");
	struct decl *s = kernel_find_type(c, intern_string(&c->compile->names, text));
	if (what)
		note_unavailable(c, attribute->where, what);
	const char *wrapper = arena_printf(c->arena, "bpf_struct_ops_%s", text);
	if (s && s->type->kind == TYPE_STRUCT && c->kernel.btf &&
	    !kernel_find_type(c, intern_string(&c->compile->names, wrapper))) {
		diag_report(c->diags, D_NOT_STRUCT_OPS, attribute->arg->where, text);
		return NULL;
	}
	if (s && s->type->kind == TYPE_STRUCT && complete_type(c, s->type, attribute->where))
		return s->type;
	if (!c->kernel.is_broken && (!s || s->type->kind != TYPE_ERROR)) {
		struct diag *diag = diag_report(c->diags, s ? D_NOT_A_STRUCT : D_UNKNOWN_TYPE,
						attribute->arg->where, s ? TEXT(c, s->type) : text);
		if (!c->kernel.btf)
			diag_hint(c->diags, diag,
				  "the kernel's types were not looked at: there is no BTF (see "
				  "`--btf`)");
	}
	return NULL;
}

/* ---- functions ---- */

static bool is_same_value(const struct types *types, const struct type *want,
			  const struct type *got)
{
	if (want == got || got->kind == TYPE_ERROR || want->kind == TYPE_ERROR)
		return true;
	if (want->kind == TYPE_POINTER && got->kind == TYPE_POINTER)
		return got->element == types->u8 || got->element == types->void_ ||
		       got->element == want->element;
	bool is_number = type_is_integer(want) || want->kind == TYPE_BOOL;
	return is_number && (type_is_integer(got) || got->kind == TYPE_BOOL) &&
	       want->size == got->size;
}

static void check_operation_signature(struct checker *c, const struct decl *f,
				      const struct type *want)
{
	const struct type *got = f->type;
	bool same = got->func.param_count == want->func.param_count &&
		    is_same_value(c->types, want->func.result, got->func.result);

	for (uint32_t i = 0; same && i < want->func.param_count; i++)
		same = is_same_value(c->types, want->func.params[i], got->func.params[i]);
	if (!same)
		diag_hint(c->diags,
			  diag_report(c->diags, D_IMPL_SIGNATURE, f->name_where, NAME(c, f->name),
				      TEXT(c, want)),
			  "`*u8` does for any pointer");
}

/* The member that a name of the impl means; NULL after a diagnostic. */
static struct decl *find_member(struct checker *c, struct type *t, symbol name, span where)
{
	return find_field(c, t, name, where);
}

static void check_operation(struct checker *c, struct decl *impl, struct type *t, struct decl *f)
{
	for (uint32_t i = 0; i < f->attrs.len; i++)
		report_attribute(c, &f->attrs.data[i], "a function of an `impl`");
	f->attrs.len = 0;
	f->scope = impl->impl.names;
	f->func.role = ROLE_OPERATION;
	check_decl(c, f);
	if (!t || f->type->kind != TYPE_FUNC)
		return;
	const struct decl *member = find_member(c, t, f->name, f->name_where);
	if (!member)
		return;
	struct type *want = kernel_member_function(c, t, f->name);
	if (want)
		check_operation_signature(c, f, want);
	else
		diag_report(c->diags, D_IMPL_MEMBER, f->name_where, NAME(c, f->name), TEXT(c, t),
			    "a value");
}

/* ---- values ---- */

static struct decl *find_operation(const struct decl *impl, const struct expr *e)
{
	return e->kind == EXPR_NAME ? scope_find_here(impl->impl.names, e->name.name) : NULL;
}

static void check_value_member(struct checker *c, struct decl *impl, struct type *t,
			       struct field_init *init)
{
	init->field = t ? find_member(c, t, init->name, init->where) : NULL;
	if (!init->field) {
		init->value = check_value(c, init->value, NULL);
		return;
	}
	if (!kernel_member_function(c, t, init->name)) {
		check_constant_init(c, &init->value, init->field->type,
				    "the value of a member of an `impl`");
		return;
	}
	struct decl *f = find_operation(impl, init->value);
	if (f) {
		init->value->name.decl = f;
		init->value->type = f->type;
		f->use_count++;
	} else if (init->value->kind != EXPR_NULL) {
		diag_report(c->diags, D_IMPL_MEMBER, init->where, NAME(c, init->name), TEXT(c, t),
			    "a function");
	} else {
		init->value = check_as(c, init->value, init->field->type);
	}
}

/* One name is given one value. */
static void check_members_once(struct checker *c, struct decl *impl)
{
	struct map seen;

	map_init(&seen, c->arena);
	for (uint32_t i = 0; i < impl->impl.functions.len; i++)
		*map_insert(&seen, impl->impl.functions.data[i]->name) = 1;
	for (uint32_t i = 0; i < impl->impl.fields.len; i++) {
		const struct field_init *f = &impl->impl.fields.data[i];
		uint64_t *place = map_insert(&seen, f->name);
		if (*place)
			diag_report(c->diags, D_DUPLICATE_FIELD, f->where, NAME(c, f->name));
		*place = 1;
	}
}

void check_impl(struct checker *c, struct decl *d)
{
	struct type *t = find_operations(c, d);

	d->type = t ? t : c->types->error;
	for (uint32_t i = 0; i < d->impl.functions.len; i++)
		check_operation(c, d, t, d->impl.functions.data[i]);
	for (uint32_t i = 0; i < d->impl.fields.len; i++)
		check_value_member(c, d, t, &d->impl.fields.data[i]);
	check_members_once(c, d);
}

void add_operations(struct checker *c, struct decl *d)
{
	d->impl.names = ARENA_NEW(c->arena, struct scope);
	scope_init(d->impl.names, d->scope, c->arena);
	for (uint32_t i = 0; i < d->impl.functions.len; i++) {
		struct decl *f = d->impl.functions.data[i];
		const char *name =
			arena_printf(c->arena, "%s_%s", NAME(c, d->name), NAME(c, f->name));
		struct decl *other = scope_find_here(d->impl.names, f->name);
		f->owner = d->owner;
		f->func.impl = d;
		f->link_name = intern_string(&c->compile->names, name);
		if (other)
			report_declared(
				c,
				diag_report(c->diags, D_DUPLICATE, f->name_where, NAME(c, f->name)),
				other);
		else if (f->name)
			scope_add(d->impl.names, f->name, f);
	}
}
