/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type nodes to types. A struct or enum has its type from the start; its layout is made when a value
 * of it is first needed, which is where a struct that contains itself is found.
 */
#include "frontend/sema/check.h"

static void offer_type_names(struct checker *c, struct suggestion *s, const struct scope *scope)
{
	for (; scope; scope = scope->parent)
		for (uint32_t i = 0; i < scope->decls.len; i++) {
			const struct decl *d = scope->decls.data[i];
			if (d->kind == DECL_STRUCT || d->kind == DECL_ENUM || d->kind == DECL_ALIAS)
				suggestion_offer(s, NAME(c, d->name));
		}
#define NAMED_TYPE(member, name, kind, size, is_signed)                                            \
	if ((kind) != TYPE_ERROR)                                                                  \
		suggestion_offer(s, name);
#include "frontend/sema/types.def"
#undef NAMED_TYPE
}

static struct type *report_unknown_type(struct checker *c, symbol name, span where)
{
	const char *text = NAME(c, name);
	const char *what = find_unavailable(TYPE_NAME, text);

	if (what) {
		report_unavailable(c, where, what);
		return c->types->error;
	}
	if (c->kernel.is_broken)
		return c->types->error;
	struct diag *d = diag_report(c->diags, D_UNKNOWN_TYPE, where, text);
	if (!c->kernel.btf)
		diag_hint(c->diags, d,
			  "the kernel's types were not looked at: there is no BTF (see `--btf`)");
	if (!c->diags->too_many && !report_foreign(c, d, where, text)) {
		struct suggestion s = suggestion_begin(text);
		offer_type_names(c, &s, c->top);
		kernel_offer_types(c, &s);
		report_suggestion(c, d, where, &s);
		const struct decl *near =
			s.best ? find_name(c, intern_string(&c->compile->names, s.best)) : NULL;
		if (near)
			report_declared(c, d, near);
	}
	return c->types->error;
}

/* `import.T`; NULL after a diagnostic. */
static struct decl *find_prefixed(struct checker *c, const struct type_node *node)
{
	struct decl *import = find_name(c, node->named.prefix);

	if (import && import->kind == DECL_IMPORT && !import->import.is_python)
		return resolve_imported(c, import, node->named.name, node->where);
	struct diag *d =
		diag_report(c->diags, D_NOT_AN_IMPORT, node->where, NAME(c, node->named.prefix));
	if (import)
		report_declared(c, d, import);
	return NULL;
}

static struct type *check_named_type(struct checker *c, struct type_node *node)
{
	symbol name = node->named.name;

	if (!name) // the parser reported what stands here
		return c->types->error;
	struct type *t = node->named.prefix ? NULL : type_find_named(c->types, name);
	if (t)
		return t;
	struct decl *d = node->named.prefix ? find_prefixed(c, node) : scope_find(c->top, name);
	if (!d && node->named.prefix)
		return c->types->error;
	if (!d && !find_unavailable(TYPE_NAME, NAME(c, name)))
		d = kernel_find_type(c, name);
	if (!d)
		return report_unknown_type(c, name, node->where);
	d->use_count++;
	if (d->kind == DECL_ALIAS)
		check_decl(c, d);
	else if (d->kind != DECL_STRUCT && d->kind != DECL_ENUM) {
		struct diag *diag = diag_report(c->diags, D_NOT_A_TYPE, node->where, NAME(c, name),
						decl_kind_name(d->kind));
		report_declared(c, diag, d);
		return c->types->error;
	}
	return d->type;
}

/* Number of elements or bytes; 0 after a diagnostic. */
static uint32_t check_count(struct checker *c, struct expr **count, uint32_t unit, const char *what)
{
	if (!*count || !check_integer_constant(c, count, c->types->u32, what))
		return 0;
	const struct expr *e = *count;
	bool is_negative = e->type->is_signed && (int64_t)e->value < 0;
	if (is_negative || e->value == 0 || e->value > TYPE_MAX_SIZE ||
	    e->value * (unit ? unit : 1) > TYPE_MAX_SIZE) {
		diag_report(c->diags, D_ARRAY_SIZE, e->where, what,
			    value_text(c, e->type, e->value));
		return 0;
	}
	return (uint32_t)e->value;
}

static struct type *check_array_type(struct checker *c, struct type_node *node)
{
	struct type *element = check_value_type(c, node->array.element);
	uint32_t count = check_count(c, &node->array.count, element->size, "length of an array");

	if (!count || element->kind == TYPE_ERROR)
		return c->types->error;
	return type_make_array(c->types, element, count);
}

static struct type *check_func_type(struct checker *c, struct type_node *node)
{
	uint32_t count = node->func.params.len;
	struct type **params = ARENA_ARRAY(c->arena, struct type *, count);

	for (uint32_t i = 0; i < count; i++)
		params[i] = check_value_type(c, node->func.params.data[i]->variable.node);
	struct type *result =
		node->func.result ? check_type(c, node->func.result) : c->types->void_;
	if (result->kind != TYPE_VOID && !complete_type(c, result, node->where))
		result = c->types->error;
	return type_make_func(c->types, params, count, result);
}

static struct type *make_type(struct checker *c, struct type_node *node)
{
	struct type *t;
	uint32_t count;

	switch (node->kind) {
	case TYPE_NODE_NAME:
		return check_named_type(c, node);
	case TYPE_NODE_POINTER:
		t = check_type(c, node->element);
		return t->kind == TYPE_ERROR ? t : type_make_pointer(c->types, t);
	case TYPE_NODE_ARRAY:
		return check_array_type(c, node);
	case TYPE_NODE_STR:
		count = check_count(c, &node->array.count, 1, "capacity of a string");
		return count ? type_make_str(c->types, count) : c->types->error;
	case TYPE_NODE_FUNC:
		return check_func_type(c, node);
	case TYPE_NODE_MAP:
		diag_report(c->diags, D_MAP_PLACE, node->where);
		return c->types->error;
	case TYPE_NODE_ERROR:
	case TYPE_NODE_KIND_COUNT:
		break;
	}
	return c->types->error;
}

struct type *check_type(struct checker *c, struct type_node *node)
{
	if (!node)
		return c->types->error;
	if (node->type)
		return node->type;
	node->type = c->types->error;
	if (!enter(c, node->where))
		return node->type;
	node->type = make_type(c, node);
	leave(c);
	return node->type;
}

struct type *check_value_type(struct checker *c, struct type_node *node)
{
	struct type *t = check_type(c, node);

	return complete_type(c, t, node ? node->where : (span){0, 0}) ? t : c->types->error;
}

bool complete_type(struct checker *c, struct type *type, span where)
{
	struct diag *d;

	switch (type->kind) {
	case TYPE_STRUCT:
	case TYPE_UNION:
		if (type->record.is_ctx)
			break;
		if (!type->decl)
			return true;
		if (type->decl->check_state == 1) {
			d = diag_report(c->diags, D_RECURSIVE_TYPE, where, TEXT(c, type));
			report_declared(c, d, type->decl);
			return false;
		}
		if (kernel_is_opaque(c, type->decl))
			break;
		check_decl(c, type->decl);
		return true;
	case TYPE_ENUM:
		if (type->decl)
			check_decl(c, type->decl);
		return true;
	case TYPE_VOID:
	case TYPE_MAP:
	case TYPE_ENTRY:
		break;
	case TYPE_ERROR:
	case TYPE_BOOL:
	case TYPE_CHAR:
	case TYPE_INT:
	case TYPE_BE:
	case TYPE_ARRAY:
	case TYPE_STR:
	case TYPE_POINTER:
	case TYPE_FUNC:
	case TYPE_PROGRAM_REF:
	case TYPE_PROGRAM_HANDLE:
	case TYPE_PERF_ATTACHMENT:
		return true;
	}
	d = diag_report(c->diags, D_INCOMPLETE_TYPE, where, TEXT(c, type));
	if (type->kind == TYPE_STRUCT && type->record.is_ctx)
		diag_hint(c->diags, d, "a program context is used through a pointer: `*%s`",
			  TEXT(c, type));
	return false;
}
