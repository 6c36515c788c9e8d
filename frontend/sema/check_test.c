/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test(program, context): one run of a program, in @test functions only. The context is a struct whose
 * fields are understood by name: those of ks/test_fields.def, and the members of the program's own
 * context or its parameters. A literal of a type that nobody declares makes one: its fields have the
 * types that those have.
 *
 * run(handle, context): one run of a `@syscall` program.
 */
#include "frontend/sema/check.h"
#include "ks/rt.h"

static const struct test_field {
	const char *name, *type;
} test_fields[] = {
#define TEST_FIELD(name, type, what) {#name, type},
#include "ks/test_fields.def"
#undef TEST_FIELD
};

enum { TEST_FIELDS = sizeof test_fields / sizeof *test_fields };

/* ---- what a name means ---- */

/* A member of the struct that the program gets. */
static bool find_member(const struct decl *program, symbol name, struct test_field_use *use)
{
	const struct decl *p = program->func.params.len ? program->func.params.data[0] : NULL;

	if (!p || p->variable.source != SOURCE_CONTEXT || p->type->kind != TYPE_POINTER ||
	    !p->type->element || p->type->element->kind != TYPE_STRUCT)
		return false;
	const struct decl *f = type_find_field(p->type->element, name);
	if (!f || f->field.bit_width)
		return false;
	const struct ctx_field *row = f->field.ctx;
	if (row && (row->value != CTX_SCALAR || row->count != 1))
		return false;
	use->type = f->type;
	use->offset = row ? row->offset : f->field.offset;
	use->width = row ? row->width : (uint32_t)f->type->size;
	use->is_bytes = f->type->kind == TYPE_ARRAY || f->type->kind == TYPE_STR;
	use->is_pointer = f->type->kind == TYPE_POINTER;
	return use->width != 0;
}

/* A parameter of a program that watches a function. */
static bool find_parameter(const struct target_info *info, const struct decl *program, symbol name,
			   struct test_field_use *use)
{
	const struct program_kind *kind = program->func.program;
	const struct arch_info *arch = info->arch;
	bool has_slots = kind->params == PARAMS_SLOTS;

	if (kind->names == NAMES_NOTHING || (!has_slots && !arch))
		return false;
	for (uint32_t i = 0; i < program->func.params.len; i++) {
		const struct decl *p = program->func.params.data[i];
		uint32_t index = p->variable.source_index;
		if (p->name != name || p->variable.source == SOURCE_CONTEXT)
			continue;
		bool is_result = p->variable.source == SOURCE_RESULT;
		use->type = p->type;
		use->width = 8;
		use->is_pointer = p->type->kind == TYPE_POINTER;
		if (!is_result && program->func.is_syscall) {
			use->id = KS_TEST_REGISTERS;
			use->offset = arch->syscall_args[index];
			use->outer = has_slots ? 0 : arch->args[0];
		} else if (has_slots) {
			use->offset = 8 * (is_result ? program->func.result_slot : index);
		} else {
			use->offset = is_result ? arch->result : arch->args[index];
		}
		return true;
	}
	return false;
}

bool sema_find_test_field(struct compile *compile, const struct target_info *info,
			  const struct decl *program, symbol name, struct test_field_use *use)
{
	const char *text = intern_text(&compile->names, name);

	*use = (struct test_field_use){.id = KS_TEST_CONTEXT};
	if (program &&
	    (find_member(program, name, use) || find_parameter(info, program, name, use)))
		return true;
	for (uint32_t i = 0; i < TEST_FIELDS; i++) {
		if (strcmp(test_fields[i].name, text) != 0)
			continue;
		use->id = i;
		use->is_bytes = !strcmp(test_fields[i].type, "bytes");
		return true;
	}
	return false;
}

/* ---- the literal ---- */

static bool find_test_field(struct checker *c, const struct decl *program, symbol name, span where,
			    struct test_field_use *use)
{
	const char *text = NAME(c, name);
	struct suggestion s = suggestion_begin(text);

	if (sema_find_test_field(c->compile, c->info, program, name, use))
		return true;
	for (uint32_t i = 0; i < TEST_FIELDS; i++)
		suggestion_offer(&s, test_fields[i].name);
	for (uint32_t i = 0; program && i < program->func.params.len; i++)
		suggestion_offer(&s, NAME(c, program->func.params.data[i]->name));
	report_suggestion(c, diag_report(c->diags, D_TEST_FIELD, where, text), where, &s);
	return false;
}

static bool is_number(const struct type *t)
{
	return type_is_integer(t) || t->kind == TYPE_BE || t->kind == TYPE_BOOL ||
	       t->kind == TYPE_ENUM;
}

static bool is_byte_array(const struct types *types, const struct type *t)
{
	return t->kind == TYPE_STR ||
	       (t->kind == TYPE_ARRAY && (t->element == types->u8 || t->element == types->char_));
}

/* The type of a field of a literal without a declared type; its value may be checked on the way. */
static struct type *field_type(struct checker *c, struct field_init *init,
			       const struct test_field_use *use)
{
	const char *row = use->id < TEST_FIELDS ? test_fields[use->id].type : "";

	if (use->type && is_number(use->type))
		return use->type;
	if (*row && !use->is_bytes && strcmp(row, "number") != 0)
		return resolve_type_text(c, row);
	struct type *hint = use->is_pointer ? c->types->u64 : NULL;
	if (init->value->kind == EXPR_ARRAY && (use->is_bytes || use->is_pointer))
		hint = type_make_array(c->types, c->types->u8, init->value->array.items.len);
	init->value = check_value(c, init->value, hint);
	return init->value->type;
}

/* The struct that a literal with an unknown type name stands for. */
static struct type *make_context(struct checker *c, const struct decl *program, struct expr *e)
{
	struct decl *d = make_decl(c, DECL_STRUCT, e->literal.node->named.name);
	struct type *t = d->type = type_make_new(c->types, TYPE_STRUCT);

	t->name = d->name;
	t->decl = d;
	for (uint32_t i = 0; i < e->literal.fields.len; i++) {
		struct field_init *init = &e->literal.fields.data[i];
		struct test_field_use use;
		bool is_known = find_test_field(c, program, init->name, init->where, &use);
		if (type_find_field(t, init->name))
			continue; // a second one is reported with the literal
		struct decl *f = make_decl(c, DECL_FIELD, init->name);
		f->type = is_known ? field_type(c, init, &use) : c->types->error;
		vec_push(c->arena, &t->record.fields, f);
	}
	d->record.fields = t->record.fields;
	type_lay_out(t, false, 0);
	return t;
}

static void check_fields(struct checker *c, const struct decl *program, const struct expr *e)
{
	const decl_list *fields = &e->type->record.fields;

	for (uint32_t i = 0; i < fields->len; i++) {
		const struct decl *f = fields->data[i];
		span where = f->name_where.end ? f->name_where : e->where;
		struct test_field_use use;
		if (f->type->kind == TYPE_ERROR) // reported
			continue;
		if (!find_test_field(c, program, f->name, where, &use))
			continue;
		bool is_right = use.is_bytes ? is_byte_array(c->types, f->type)
				: use.is_pointer
					? is_number(f->type) || is_byte_array(c->types, f->type)
					: is_number(f->type);
		if (!is_right)
			diag_report(c->diags, D_TEST_FIELD_TYPE, where, NAME(c, f->name),
				    use.is_bytes     ? "an array of bytes"
				    : use.is_pointer ? "an integer or an array of bytes"
						     : "an integer",
				    TEXT(c, f->type));
	}
}

const struct decl *test_program(const struct expr *program)
{
	while (program->kind == EXPR_CONVERT)
		program = program->convert.operand;
	const struct decl *d = program->kind == EXPR_NAME ? program->name.decl : NULL;

	return d && d->kind == DECL_FUNC && d->func.program ? d : NULL;
}

struct expr *check_test_context(struct checker *c, const struct expr *tested, struct expr *e)
{
	struct type_node *node = e->kind == EXPR_STRUCT ? e->literal.node : NULL;
	const struct decl *program = test_program(tested);

	if (node && node->kind == TYPE_NODE_NAME && !node->named.prefix &&
	    !scope_find(c->top, node->named.name) && !kernel_find_type(c, node->named.name))
		node->type = make_context(c, program, e);
	e = check_value(c, e, NULL);
	if (e->type->kind == TYPE_ERROR)
		return e;
	if (e->type->kind != TYPE_STRUCT) {
		diag_report(c->diags, D_NOT_A_STRUCT, e->where, TEXT(c, e->type));
		return fail(c, e);
	}
	check_fields(c, program, e);
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
