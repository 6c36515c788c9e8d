/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test(program, context): one run of a program, in @test functions only. The context is a struct whose
 * fields are understood by name (test_fields.def). A literal of a type that nobody declares makes one:
 * its fields have the types of that table.
 *
 * run(handle, context): one run of a `@syscall` program.
 */
#include "frontend/sema/check.h"

static const struct test_field {
	const char *name, *type;
} test_fields[] = {
#define TEST_FIELD(name, type, what) {name, type},
#include "frontend/sema/test_fields.def"
#undef TEST_FIELD
};

static const struct test_field *find_test_field(struct checker *c, symbol name, span where)
{
	const char *text = NAME(c, name);
	struct suggestion s = suggestion_begin(text);

	for (size_t i = 0; i < sizeof test_fields / sizeof *test_fields; i++) {
		if (!strcmp(test_fields[i].name, text))
			return &test_fields[i];
		suggestion_offer(&s, test_fields[i].name);
	}
	report_suggestion(c, diag_report(c->diags, D_TEST_FIELD, where, text), where, &s);
	return NULL;
}

static bool is_bytes(const struct test_field *f)
{
	return !strcmp(f->type, "bytes");
}

static bool is_byte_array(const struct types *types, const struct type *t)
{
	return t->kind == TYPE_STR ||
	       (t->kind == TYPE_ARRAY && (t->element == types->u8 || t->element == types->char_));
}

/* The struct that a literal with an unknown type name stands for. */
static struct type *make_context(struct checker *c, struct expr *e)
{
	struct decl *d = make_decl(c, DECL_STRUCT, e->literal.node->named.name);
	struct type *t = d->type = type_make_new(c->types, TYPE_STRUCT);

	t->name = d->name;
	t->decl = d;
	for (uint32_t i = 0; i < e->literal.fields.len; i++) {
		struct field_init *init = &e->literal.fields.data[i];
		const struct test_field *row = find_test_field(c, init->name, init->where);
		if (type_find_field(t, init->name))
			continue; // a second one is reported with the literal
		struct decl *f = make_decl(c, DECL_FIELD, init->name);
		if (!row) {
			f->type = c->types->error;
		} else if (is_bytes(row)) {
			init->value = check_value(c, init->value, NULL);
			f->type = init->value->type;
		} else {
			f->type = resolve_type_text(c, row->type);
		}
		vec_push(c->arena, &t->record.fields, f);
	}
	d->record.fields = t->record.fields;
	type_lay_out(t, false, 0);
	scope_add(&c->prelude, d->name, d);
	return t;
}

static void check_fields(struct checker *c, const struct expr *e)
{
	const decl_list *fields = &e->type->record.fields;

	for (uint32_t i = 0; i < fields->len; i++) {
		const struct decl *f = fields->data[i];
		span where = f->name_where.end ? f->name_where : e->where;
		if (f->type->kind == TYPE_ERROR) // reported
			continue;
		const struct test_field *row = find_test_field(c, f->name, where);
		if (!row)
			continue;
		bool ok =
			is_bytes(row) ? is_byte_array(c->types, f->type) : type_is_integer(f->type);
		if (!ok)
			diag_report(c->diags, D_TEST_FIELD_TYPE, where, NAME(c, f->name),
				    is_bytes(row) ? "an array of bytes" : "an integer",
				    TEXT(c, f->type));
	}
}

struct expr *check_test_context(struct checker *c, struct expr *e)
{
	struct type_node *node = e->kind == EXPR_STRUCT ? e->literal.node : NULL;

	if (node && node->kind == TYPE_NODE_NAME && !node->named.prefix &&
	    !scope_find(c->top, node->named.name) && !kernel_find_type(c, node->named.name))
		node->type = make_context(c, e);
	e = check_value(c, e, NULL);
	if (e->type->kind == TYPE_ERROR)
		return e;
	if (e->type->kind != TYPE_STRUCT) {
		diag_report(c->diags, D_NOT_A_STRUCT, e->where, TEXT(c, e->type));
		return fail(c, e);
	}
	check_fields(c, e);
	return e;
}

bool check_test_place(struct checker *c, const struct expr *e)
{
	if (!c->fn.decl || c->fn.decl->func.role == ROLE_TEST)
		return true;
	struct diag *d = diag_report(c->diags, D_TEST_PLACE, e->where);
	report_declared(c, d, c->fn.decl);
	return false;
}

/* ---- run() ---- */

/* The program that a handle is of: given by load(), perhaps through a variable that nothing else is assigned to.
 * NULL when that is not known. */
static const struct decl *find_loaded(const struct expr *e)
{
	const struct decl *d = e->kind == EXPR_NAME ? e->name.decl : NULL;

	if (d && d->kind == DECL_LOCAL && !d->variable.is_assigned &&
	    !d->variable.is_address_taken && d->variable.init)
		e = d->variable.init;
	if (e->kind != EXPR_CALL || !e->call.target || e->call.target->kind != DECL_BUILTIN ||
	    e->call.target->builtin.id != BUILTIN_LOAD || !e->call.args.len)
		return NULL;
	const struct expr *program = e->call.args.data[0];
	while (program->kind == EXPR_CONVERT)
		program = program->convert.operand;
	d = program->kind == EXPR_NAME ? program->name.decl : NULL;
	return d && d->kind == DECL_FUNC && d->func.program && d->type->kind == TYPE_FUNC ? d
											  : NULL;
}

static void check_run(struct checker *c, const struct expr *call)
{
	const struct decl *program = find_loaded(call->call.args.data[0]);
	const struct expr *arg = call->call.args.len > 1 ? call->call.args.data[1] : NULL;
	const struct type *given = arg ? arg->type : NULL;

	if (!program || (given && given->kind == TYPE_ERROR))
		return;
	const struct type *wants =
		program->func.params.len ? program->func.params.data[0]->type : NULL;
	const char *why = NULL;
	if (*program->func.program->context || program->func.program->names != NAMES_NOTHING)
		why = "only `@syscall` programs are";
	else if (wants && wants->kind != TYPE_ERROR && wants != given)
		why = arena_printf(c->arena, "it takes `%s`, not %s", TEXT(c, wants),
				   given ? arena_printf(c->arena, "`%s`", TEXT(c, given))
					 : "nothing");
	else if (!wants && given)
		why = "it takes no context";
	if (!why)
		return;
	struct diag *d =
		diag_report(c->diags, D_RUN_CONTEXT, call->where, NAME(c, program->name), why);
	report_declared(c, d, program);
}

void check_runs(struct checker *c)
{
	for (uint32_t i = 0; i < c->runs.len; i++)
		check_run(c, c->runs.data[i]);
}
