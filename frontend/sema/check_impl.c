/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct_ops: an impl fills a struct of the kernel with functions and values. Its members are those of the
 * struct in the BTF of the kernel that the program is built for; a function must have the member's
 * signature, in which `*u8` stands for any pointer.
 */
#include "frontend/sema/check.h"

/* The struct that the attribute names; NULL after a diagnostic. */
static struct decl *find_record(struct checker *c, const struct decl *d, span *where)
{
	const char *name = NULL;

	*where = d->name_where;
	for (uint32_t i = 0; i < d->attrs.len; i++) {
		const struct attribute *a = &d->attrs.data[i];
		if (strcmp(NAME(c, a->name), "struct_ops") != 0) {
			report_attribute(c, a, "an impl");
		} else if (!a->arg || a->arg->kind != EXPR_STRING) {
			diag_report(c->diags, D_ATTRIBUTE_ARGUMENT, a->where, "struct_ops",
				    "the name of a struct of the kernel, such as "
				    "`\"tcp_congestion_ops\"`");
			return NULL;
		} else {
			name = a->arg->string.data;
			*where = a->where;
		}
	}
	if (!name) {
		diag_report(c->diags, D_IMPL_WITHOUT_STRUCT, d->name_where, NAME(c, d->name));
		return NULL;
	}
	const char *wrapper = arena_printf(c->arena, "bpf_struct_ops_%s", name);
	struct decl *record = kernel_find_type(c, intern_string(&c->compile->names, name));
	if (!record || record->kind != DECL_STRUCT ||
	    !kernel_find_type(c, intern_string(&c->compile->names, wrapper))) {
		if (!c->kernel.is_broken)
			diag_report(c->diags, D_NOT_STRUCT_OPS, *where, name);
		return NULL;
	}
	return record;
}

/* ---- functions ---- */

static bool is_same_value(const struct type *own, const struct type *kernel)
{
	if (own->kind == TYPE_POINTER && kernel->kind == TYPE_POINTER) {
		const struct type *a = own->element, *b = kernel->element;
		bool is_any = a->kind == TYPE_VOID || (a->kind == TYPE_INT && a->size == 1);
		return is_any || a == b || (a->name && a->name == b->name);
	}
	if (own->kind == TYPE_VOID || kernel->kind == TYPE_VOID)
		return own->kind == kernel->kind;
	return type_is_scalar(own) && type_is_scalar(kernel) && own->kind != TYPE_POINTER &&
	       kernel->kind != TYPE_POINTER && own->size == kernel->size;
}

static bool is_same_signature(const struct type *own, const struct type *kernel)
{
	if (own->func.param_count != kernel->func.param_count ||
	    !is_same_value(own->func.result, kernel->func.result))
		return false;
	for (uint32_t i = 0; i < own->func.param_count; i++)
		if (!is_same_value(own->func.params[i], kernel->func.params[i]))
			return false;
	return true;
}

static void check_member_function(struct checker *c, const struct decl *d, struct decl *f)
{
	const struct decl *record = d->impl.record;

	check_decl(c, f);
	if (f->type->kind != TYPE_FUNC || !find_field(c, record->type, f->name, f->name_where))
		return;
	for (uint32_t i = 0; i < f->type->func.param_count; i++)
		if (f->type->func.params[i]->kind == TYPE_ERROR)
			return;
	struct type *wanted = kernel_member_function(c, record, f->name);
	if (!wanted)
		diag_report(c->diags, D_IMPL_MEMBER, f->name_where, NAME(c, f->name),
			    NAME(c, record->name), "not a function");
	else if (!is_same_signature(f->type, wanted))
		diag_report(c->diags, D_IMPL_SIGNATURE, f->name_where, NAME(c, f->name),
			    NAME(c, record->name), TEXT(c, wanted), TEXT(c, f->type));
}

/* ---- values ---- */

static void check_member_value(struct checker *c, const struct decl *d, struct field_init *f)
{
	const struct decl *record = d->impl.record;

	for (const struct field_init *o = d->impl.fields.data; o < f; o++)
		if (o->name == f->name)
			diag_report(c->diags, D_DUPLICATE_FIELD, f->where, NAME(c, f->name));
	f->field = find_field(c, record->type, f->name, f->where);
	if (!f->field)
		return;
	if (kernel_member_function(c, record, f->name) || f->field->type->kind == TYPE_POINTER) {
		diag_report(c->diags, D_IMPL_MEMBER, f->where, NAME(c, f->name),
			    NAME(c, record->name),
			    kernel_member_function(c, record, f->name)
				    ? "a function: write `fn`"
				    : "a pointer, which only the kernel fills");
		return;
	}
	check_constant_init(c, &f->value, f->field->type, "the value of a member");
}

/* A member `name` that is not given is the name of the impl. */
static void add_name(struct checker *c, struct decl *d)
{
	symbol name = intern_string(&c->compile->names, "name");
	const struct decl *member = type_find_field(d->impl.record->type, name);

	for (uint32_t i = 0; i < d->impl.fields.len; i++)
		if (d->impl.fields.data[i].name == name)
			return;
	if (!member || member->type->kind != TYPE_ARRAY || member->type->element->size != 1)
		return;
	struct expr *text = ARENA_NEW(c->arena, struct expr);
	text->kind = EXPR_STRING;
	text->where = d->name_where;
	text->string.data = NAME(c, d->name);
	text->string.len = (uint32_t)strlen(text->string.data);
	struct field_init f = {.name = name, .where = d->name_where, .value = text};
	vec_push(c->arena, &d->impl.fields, f);
}

void check_impl(struct checker *c, struct decl *d)
{
	span where;

	d->type = c->types->error;
	struct decl *record = find_record(c, d, &where);
	if (!record || !complete_type(c, record->type, where))
		return;
	d->type = c->types->void_;
	d->impl.record = record;
	add_name(c, d);
	for (uint32_t i = 0; i < d->impl.functions.len; i++)
		check_member_function(c, d, d->impl.functions.data[i]);
	for (uint32_t i = 0; i < d->impl.fields.len; i++)
		check_member_value(c, d, &d->impl.fields.data[i]);
}
