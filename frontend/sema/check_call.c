/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: of functions, BPF helpers, built-in functions and methods. Which target may call what is
 * decided in check_program.c.
 */
#include "frontend/sema/check.h"

static const struct builtin_row {
	const char *name, *where, *params, *result;
} builtin_rows[BUILTIN_COUNT] = {
#define BUILTIN(id, name, where, params, result) [id] = {name, where, params, result},
#include "frontend/sema/builtins.def"
#undef BUILTIN
};

/* Checks arguments of a call that is wrong anyway. */
static struct expr *fail_call(struct checker *c, struct expr *e)
{
	for (uint32_t i = 0; i < e->call.args.len; i++)
		e->call.args.data[i] = check_expr(c, e->call.args.data[i], NULL);
	return fail(c, e);
}

static bool check_count(struct checker *c, const struct expr *e, const char *name, uint32_t want,
			const struct decl *target)
{
	uint32_t got = e->call.args.len;

	if (got == want)
		return true;
	const char *takes = want == 0   ? "no arguments"
			    : want == 1 ? "1 argument"
					: arena_printf(c->arena, "%u arguments", want);
	struct diag *d = diag_report(c->diags, D_ARGUMENT_COUNT, e->where, name, takes,
				     arena_printf(c->arena, "%u", got));
	report_declared(c, d, target);
	return false;
}

/* ---- functions ---- */

static struct expr *check_function_call(struct checker *c, struct expr *e, struct decl *d)
{
	check_decl(c, d);
	e->call.target = d;
	e->call.callee->type = d->type;
	if (d->type->kind != TYPE_FUNC)
		return fail_call(c, e);
	e->type = d->type->func.result;
	if (!check_call_edge(c, e, d))
		return fail_call(c, e);
	if (!check_count(c, e, NAME(c, d->name), d->type->func.param_count, d))
		return fail_call(c, e);
	for (uint32_t i = 0; i < e->call.args.len; i++) {
		struct expr **arg = &e->call.args.data[i];
		*arg = i < d->func.params.len ? check_as_declared(c, *arg, d->type->func.params[i],
								  d->func.params.data[i])
					      : check_as(c, *arg, d->type->func.params[i]);
	}
	return e;
}

/* ---- BPF helpers ---- */

/* A text, array or struct stands for its address, as in C; also a text that is written out. */
static struct expr *address_of_object(struct checker *c, struct expr *arg)
{
	bool is_text = arg->kind == EXPR_STRING;

	if (!type_is_aggregate(arg->type) || (!is_text && !is_place(arg)) || place_entry(arg))
		return arg;
	struct decl *root = is_text ? NULL : place_root(arg);
	if (root)
		root->variable.is_address_taken = true;
	struct expr *e = ARENA_NEW(c->arena, struct expr);
	e->kind = EXPR_UNARY;
	e->where = arg->where;
	e->unary.op = UNARY_ADDR;
	e->unary.operand = arg;
	e->type = type_make_pointer(c->types, arg->type);
	return e;
}

/* The context of the program, or of one that calls this function. */
bool is_context_pointer(const struct checker *c, const struct expr *arg)
{
	const struct decl *d = arg->kind == EXPR_NAME ? arg->name.decl : NULL;
	const struct type *t = arg->type;

	if (type_has_rows(t))
		return true;
	bool is_param = d && d->kind == DECL_PARAM && t->kind == TYPE_POINTER &&
			type_is_kernel(t->element) && c->fn.decl;
	return is_param && (!c->fn.decl->func.program || (d->variable.source == SOURCE_CONTEXT &&
							  c->fn.decl->func.params.len == 1));
}

static struct expr *check_helper_arg(struct checker *c, struct expr *arg, char letter,
				     const char *name)
{
	const char *want = NULL;

	if (letter == 'i')
		return check_as(c, arg, c->types->u64);
	arg = check_expr(c, arg, NULL);
	if (letter == 'm') {
		want = arg->type->kind == TYPE_MAP ? NULL : "a map";
	} else if (letter == 'f') {
		return arg; // judged with the arguments before it
	} else if (letter == 'l' || letter == 't') {
		want = special_pointer(c, arg, letter == 'l' ? "bpf_spin_lock" : "bpf_timer");
	} else {
		arg = to_value(c, arg);
		if (letter == 'c')
			want = is_context_pointer(c, arg) ? NULL : "the program's context";
		else if ((arg = address_of_object(c, arg))->type->kind != TYPE_ERROR)
			want = arg->type->kind == TYPE_POINTER ? NULL : "a pointer";
	}
	if (!want || arg->type->kind == TYPE_ERROR)
		return arg;
	diag_report(c->diags, D_HELPER_ARGUMENT, arg->where, name, want, TEXT(c, arg->type));
	return fail(c, arg);
}

static struct expr *check_helper_call(struct checker *c, struct expr *e, struct decl *d)
{
	const char *name = NAME(c, d->name);
	const struct helper_info *h = c->info->find_helper(name, c->info->kernel);

	e->call.target = d;
	e->call.callee->type = d->type;
	note_effect(c);
	if (!h)
		return check_kfunc_call(c, e, d);
	if (!use_bpf_only(c, e->where, arena_printf(c->arena, "the BPF helper `%s`", name)) ||
	    !check_count(c, e, name, (uint32_t)strlen(h->args), d))
		return fail_call(c, e);
	e->type = d->type->func.result;
	note_helper_call(c, h, e->where);
	for (uint32_t i = 0; i < e->call.args.len; i++)
		e->call.args.data[i] = check_helper_arg(c, e->call.args.data[i], h->args[i], name);
	if (strchr(h->args, 'f'))
		return check_callback(c, e);
	if (!strcmp(name, "bpf_kptr_xchg"))
		return check_exchange(c, e);
	return e;
}

/* ---- built-in functions and methods ---- */

/* A name given where a type is wanted was parsed as an expression. */
static struct expr *check_type_arg(struct checker *c, struct expr *arg)
{
	struct type_node *node = ast_type_of_expr(c->arena, arg);

	if (node) {
		arg->kind = EXPR_TYPE;
		arg->type_arg.node = node;
	}
	if (arg->kind != EXPR_TYPE) {
		diag_report(c->diags, D_EXPECTED_TYPE, arg->where, expr_kind_name(arg->kind));
		return fail(c, arg);
	}
	arg->type = check_value_type(c, arg->type_arg.node);
	return arg;
}

static struct expr *check_program_arg(struct checker *c, struct expr *arg)
{
	take_imported(c, arg);
	struct decl *d = arg->kind != EXPR_NAME  ? NULL
			 : arg->name.is_imported ? arg->name.decl
						 : find_name(c, arg->name.name);

	if (d && d->kind == DECL_FUNC) {
		check_decl(c, d);
		if (!d->func.program && d->func.role != ROLE_PROGRAM &&
		    d->type->kind == TYPE_FUNC) {
			d->use_count++;
			struct diag *diag = diag_report(c->diags, D_NOT_A_PROGRAM, arg->where,
							NAME(c, d->name));
			report_declared(c, diag, d);
			return fail(c, arg);
		}
	}
	return check_as(c, arg, c->types->program_ref);
}

/* An argument of ntoh*: be or unsigned of that size. hton*: unsigned. */
static struct expr *check_order_arg(struct checker *c, struct expr *arg, uint32_t size,
				    bool takes_be)
{
	struct type *number = integer_type(c->types, size, false);

	arg = check_value(c, arg, number);
	if (takes_be && arg->type->kind == TYPE_BE && arg->type->size == size)
		return arg;
	return convert_to(c, arg, number);
}

/* The impl block that an argument names. */
static struct expr *check_impl_arg(struct checker *c, struct expr *arg)
{
	struct decl *d = arg->kind == EXPR_NAME ? find_name(c, arg->name.name) : NULL;

	if (d && d->kind == DECL_IMPL) {
		check_decl(c, d);
		d->use_count++;
		arg->name.decl = d;
		arg->type = c->types->void_;
		return d->type->kind == TYPE_ERROR ? fail(c, arg) : arg;
	}
	arg = check_expr(c, arg, NULL);
	if (arg->type->kind != TYPE_ERROR)
		diag_report(c->diags, D_NOT_AN_IMPL, arg->where);
	return fail(c, arg);
}

/* Name of a field, which the type need not have, or names with dots between them. */
static struct expr *check_field_name_arg(struct checker *c, struct expr *arg)
{
	const struct expr *e = arg;

	arg->type = c->types->void_;
	while (e->kind == EXPR_FIELD && !e->field.arrow)
		e = e->field.base;
	if (e->kind == EXPR_NAME)
		return arg;
	diag_report(c->diags, D_EXPECTED, arg->where, "the name of a field",
		    expr_kind_name(arg->kind));
	return fail(c, arg);
}

static bool has_path(struct checker *c, struct type *of, const struct expr *e, struct type **type)
{
	struct type *record = of;
	if (e->kind == EXPR_FIELD && !has_path(c, of, e->field.base, &record))
		return false;
	symbol name = e->kind == EXPR_FIELD ? e->field.name : e->name.name;
	bool is_record = record->kind == TYPE_STRUCT || record->kind == TYPE_UNION;
	if (is_record && !complete_type(c, record, e->where))
		return false;
	const struct decl *field = is_record ? type_find_field(record, name) : NULL;
	if (!field) {
		diag_report(c->diags, D_UNKNOWN_FIELD, e->where, TEXT(c, record),
			    intern_text(&c->compile->names, name));
		return false;
	}
	*type = field->type;
	return true;
}

/* The same of a field that the type has. */
static struct expr *check_own_field_arg(struct checker *c, const struct expr *of, struct expr *arg)
{
	struct type *type;
	arg = check_field_name_arg(c, arg);
	if (arg->type->kind == TYPE_ERROR || of->type->kind == TYPE_ERROR ||
	    has_path(c, of->type, arg, &type))
		return arg;
	return fail(c, arg);
}

/* A type that the kernel may lack: unknown names are fine. */
static struct expr *check_maybe_type(struct checker *c, struct expr *arg)
{
	if (arg->kind == EXPR_NAME && !type_find_named(c->types, arg->name.name) &&
	    !scope_find(c->top, arg->name.name) && !kernel_find_type(c, arg->name.name)) {
		arg->type = c->types->void_;
		return arg;
	}
	return check_type_arg(c, arg);
}

/* A constant of an enum of the kernel. */
static struct expr *check_kernel_constant_arg(struct checker *c, struct expr *arg)
{
	arg = check_expr(c, arg, NULL);
	const struct decl *d = arg->kind == EXPR_NAME    ? arg->name.decl
			       : arg->kind == EXPR_FIELD ? arg->field.decl
							 : NULL;
	if (arg->type->kind == TYPE_ERROR)
		return arg;
	if (d && d->kind == DECL_ENUM_CONST && kernel_declares(c, d->constant.parent))
		return arg;
	diag_report(c->diags, D_EXPECTED, arg->where, "a constant of an enum of the kernel",
		    expr_kind_name(arg->kind));
	return fail(c, arg);
}

static struct type *counter_options(struct checker *c)
{
	struct decl *d = scope_find(&c->prelude, intern_string(&c->compile->names, "perf_options"));

	return d && d->kind == DECL_STRUCT ? d->type : NULL;
}

/* A literal must say what is counted, and where. */
static struct expr *check_counter_options(struct checker *c, struct expr *arg)
{
	static const char *const needed[] = {"perf_type", "perf_config"};
	struct type *t = counter_options(c);
	int64_t pid = -1, cpu = 0;

	arg = check_as(c, arg, t ? t : c->types->error);
	if (arg->kind != EXPR_STRUCT || arg->type->kind == TYPE_ERROR)
		return arg;
	bool is_given[2] = {false, false};
	for (uint32_t i = 0; i < arg->literal.fields.len; i++) {
		const struct field_init *init = &arg->literal.fields.data[i];
		const char *name = NAME(c, init->field->name);
		for (int k = 0; k < 2; k++)
			is_given[k] = is_given[k] || !strcmp(name, needed[k]);
		if (!strcmp(name, "pid"))
			pid = init->value->is_const ? (int64_t)init->value->value : 0;
		if (!strcmp(name, "cpu"))
			cpu = init->value->is_const ? (int64_t)init->value->value : 0;
	}
	for (int k = 0; k < 2; k++)
		if (!is_given[k])
			diag_report(c->diags, D_COUNTER_OPTION, arg->where,
				    arena_printf(c->arena, "`%s` must be given", needed[k]));
	if (pid == -1 && cpu == -1)
		diag_report(c->diags, D_COUNTER_OPTION, arg->where,
			    "every process on every processor cannot be counted at once: `pid` or "
			    "`cpu` must be another number than -1");
	return arg;
}

/* Type of a variable, or of a literal, that is not checked yet. */
static const struct type *type_ahead(struct checker *c, const struct expr *e)
{
	bool is_named = e->kind == EXPR_STRUCT && e->literal.node &&
			e->literal.node->kind == TYPE_NODE_NAME;
	symbol name = is_named               ? e->literal.node->named.name
		      : e->kind == EXPR_NAME ? e->name.name
					     : 0;
	const struct decl *d = name ? find_name(c, name) : NULL;

	if (d && (d->kind == DECL_STRUCT || d->kind == DECL_GLOBAL))
		check_decl(c, (struct decl *)d);
	return d && d->check_state == 2 ? d->type : NULL;
}

/* attach() and detach() of performance counters, and run() without a context, are functions of their own. */
static struct decl *choose_overload(struct checker *c, const struct expr *e, struct decl *d)
{
	int id = d->builtin.id;
	if (id == BUILTIN_RUN && e->call.args.len == 1)
		return scope_find(&c->prelude, intern_string(&c->compile->names, "run alone"));
	uint32_t at = id == BUILTIN_ATTACH;
	const struct type *t =
		(id == BUILTIN_ATTACH || id == BUILTIN_DETACH) && at < e->call.args.len
			? type_ahead(c, e->call.args.data[at])
			: NULL;

	if (!t || t != (at ? counter_options(c) : c->types->perf_attachment))
		return d;
	const char *name = at ? "attach counter" : "detach counter";
	return scope_find(&c->prelude, intern_string(&c->compile->names, name));
}

static struct expr *check_pointer_arg(struct checker *c, struct expr *arg)
{
	arg = check_value(c, arg, NULL);
	if (arg->type->kind == TYPE_POINTER || arg->type->kind == TYPE_ERROR)
		return arg;
	/* An address out of a register or a context is a number. */
	return convert_to(c, arg, c->types->u64);
}

/* Programs are attached to maps by name. */
static struct expr *name_of_map(struct checker *c, struct expr *arg)
{
	struct decl *d = arg->kind == EXPR_NAME ? find_name(c, arg->name.name) : NULL;

	if (!d || d->kind != DECL_MAP)
		return arg;
	check_decl(c, d);
	d->use_count++;
	arg->kind = EXPR_STRING;
	arg->string.data = NAME(c, d->link_name);
	arg->string.len = (uint32_t)strlen(arg->string.data);
	return arg;
}

static struct expr *check_builtin_arg(struct checker *c, struct expr *call, struct expr *arg,
				      char letter)
{
	switch (letter) {
	case 'v':
	case 'k':
	case 'R':
	case 'B':
	case 'e':
	case 'C':
		return check_map_arg(c, call->call.callee->field.base, arg, letter);
	case 'p':
		return check_program_arg(c, arg);
	case 'h':
		return check_as(c, arg, c->types->program_handle);
	case 'T':
		return check_type_arg(c, arg);
	case 'K':
		return check_maybe_type(c, arg);
	case 'F':
		return check_field_name_arg(c, arg);
	case 'G':
		return check_own_field_arg(c, call->call.args.data[0], arg);
	case 'I':
		return check_impl_arg(c, arg);
	case 'O':
		return check_counter_options(c, arg);
	case 'A':
		return check_as(c, arg, c->types->perf_attachment);
	case 'E':
		return check_kernel_constant_arg(c, arg);
	case 'P':
		return check_pointer_arg(c, arg);
	case 'X':
		return check_test_context(c, call->call.args.data[0], arg);
	case 'c':
		return check_condition(c, arg);
	case 'i':
		return check_as(c, arg, c->types->i32);
	case 'w':
		return check_as(c, arg, c->types->u32);
	case 'l':
		return check_as(c, arg, c->types->u64);
	case 'n':
		arg = check_value(c, arg, c->types->u64);
		if (arg->is_const && arg->type->is_signed && (int64_t)arg->value < 0)
			set_const(arg, c->types->u64, arg->value);
		return convert_to(c, arg, c->types->u64);
	case '2':
		return check_order_arg(c, arg, 2, true);
	case '4':
		return check_order_arg(c, arg, 4, true);
	case '8':
		return check_order_arg(c, arg, 8, true);
	case 'H':
		return check_order_arg(c, arg, 2, false);
	case 'W':
		return check_order_arg(c, arg, 4, false);
	case 'L':
		return check_order_arg(c, arg, 8, false);
	case 's':
		arg = check_value(c, name_of_map(c, arg), NULL);
		if (arg->type->kind == TYPE_STR || arg->type->kind == TYPE_ERROR)
			return arg;
		diag_report(c->diags, D_NOT_A_STRING, arg->where, TEXT(c, arg->type));
		return fail(c, arg);
	default:
		unreachable("a letter of builtins.def");
	}
}

/* Between the order of the machine that the code is for and network order. */
static uint64_t swap_bytes(const struct checker *c, uint64_t value, uint32_t size)
{
	if (c->info->arch && c->info->arch->is_big_endian)
		return value;
	return __builtin_bswap64(value) >> (64 - size * 8);
}

static bool is_byte_order(int id)
{
	return id == BUILTIN_NTOHS || id == BUILTIN_NTOHL || id == BUILTIN_NTOHLL ||
	       id == BUILTIN_HTONS || id == BUILTIN_HTONL || id == BUILTIN_HTONLL;
}

/* False after a diagnostic when the row's letters forbid the function being checked. */
static bool check_builtin_target(struct checker *c, const struct expr *e,
				 const struct builtin_row *row)
{
	const char *what = arena_printf(c->arena, "`%s`", row->name);

	if (!strchr(row->where, 'b'))
		return use_user_only(c, e->where, what);
	if (!strchr(row->where, 'u') || (is_module_code(c) && !strchr(row->where, 'm')))
		return use_bpf_only(c, e->where, what);
	return true;
}

/* Fields of one packet context are rows with a packet pointer. */
static bool has_packet(const struct type *ctx)
{
	for (uint32_t i = 0; i < ctx->record.fields.len; i++)
		if (ctx->record.fields.data[i]->field.ctx->value == CTX_PACKET)
			return true;
	return false;
}

/* The type of a call; false after a diagnostic. */
static bool set_builtin_type(struct checker *c, struct expr *e, const struct builtin_row *row,
			     struct type *hint)
{
	switch (*row->result) {
	case 'T':
		e->type = type_make_pointer(c->types, e->call.args.data[0]->type);
		return true;
	case 'V':
		e->type = e->call.args.data[e->call.args.len - 1]->type;
		return true;
	case 'S':
		if (!hint || hint->kind != TYPE_STR) {
			diag_report(c->diags, D_NEEDS_TYPE, e->where, row->name);
			return false;
		}
		e->type = hint;
		return true;
	default:
		e->type = resolve_type_text(c, row->result);
		return true;
	}
}

static struct expr *check_builtin_call(struct checker *c, struct expr *e, struct decl *d,
				       struct type *hint)
{
	d = choose_overload(c, e, d);
	const struct builtin_row *row = &builtin_rows[d->builtin.id];
	const char *params = *row->params == 'x' ? row->params + 1 : row->params;

	e->call.target = d;
	e->call.callee->type = c->types->void_;
	if (!is_pure_builtin(d))
		note_effect(c);
	if (!check_builtin_target(c, e, row) ||
	    (d->builtin.id == BUILTIN_TEST && !check_test_place(c, e)))
		return fail_call(c, e);
	if (*params == 'r')
		return check_dispatch(c, e);
	if (*params == 'm')
		return check_redirect(c, e);
	const char *what = find_unavailable(FUNCTION, row->name);
	if (what)
		note_unavailable(c, e->where, what);
	uint32_t fixed = (uint32_t)strcspn(params, "*");
	bool is_open = params[fixed] == '*' && e->call.args.len >= fixed;
	if (!is_open && !check_count(c, e, row->name, fixed, d))
		return fail_call(c, e);
	for (uint32_t i = 0; i < fixed; i++)
		e->call.args.data[i] = check_builtin_arg(c, e, e->call.args.data[i], params[i]);
	if (is_open)
		check_print(c, e, fixed);
	for (uint32_t i = 0; i < fixed; i++)
		if (e->call.args.data[i]->type->kind == TYPE_ERROR)
			return fail(c, e);
	bool is_map = params != row->params && e->call.callee->field.base->type->kind == TYPE_MAP;
	if (is_map)
		e->type = map_result(c, e, row->result);
	else if (!set_builtin_type(c, e, row, hint))
		return fail(c, e);
	if (d->builtin.id == BUILTIN_RUN || d->builtin.id == BUILTIN_RUN_ALONE)
		vec_push(c->arena, &c->runs, e);
	if (is_byte_order(d->builtin.id) && e->call.args.data[0]->is_const)
		set_const(e, e->type, swap_bytes(c, e->call.args.data[0]->value, e->type->size));
	return e;
}

/* First part of the names in builtins.def of the methods that a type has: the next family from *at on,
 * which is NULL at first. */
static bool method_family(const struct type *t, const char **at, char out[32])
{
	bool is_first = !*at;

	if (t->kind == TYPE_MAP)
		return map_method_family(t->map.kind, at, out);
	*at = "";
	strcpy(out, type_is_ctx_pointer(t) ? "ctx" : "str");
	return is_first && (type_is_ctx_pointer(t) || t->kind == TYPE_STR);
}

static struct decl *find_method(struct checker *c, const struct type *t, const char *method)
{
	struct decl *d = NULL;
	char family[32];

	for (const char *at = NULL; !d && method_family(t, &at, family);) {
		const char *full = arena_printf(c->arena, "%s.%s", family, method);
		d = map_find_ptr(&c->methods, intern_string(&c->compile->names, full));
	}
	return d;
}

/* Offers the methods of a type; gives all of them as text, NULL when it has none. */
static const char *offer_methods(struct checker *c, struct suggestion *s, const struct type *t)
{
	const char *all = NULL;
	char family[32];

	for (const char *at = NULL; method_family(t, &at, family);) {
		size_t len = strlen(family);
		for (int i = 0; i < BUILTIN_COUNT; i++) {
			const char *name = builtin_rows[i].name;
			if (strncmp(name, family, len) != 0 || name[len] != '.')
				continue;
			suggestion_offer(s, name + len + 1);
			all = arena_printf(c->arena, "%s%s`%s`", all ? all : "", all ? ", " : "",
					   name + len + 1);
		}
	}
	return all;
}

/* A call through a function value; call.target stays NULL. */
static struct expr *check_value_call(struct checker *c, struct expr *e)
{
	struct expr *callee = e->call.callee = check_value(c, e->call.callee, NULL);
	const struct type *t = callee->type;

	note_effect(c);
	if (t->kind != TYPE_FUNC) {
		if (t->kind != TYPE_ERROR)
			diag_report(c->diags, D_NOT_CALLABLE, callee->where, TEXT(c, t), "value");
		return fail_call(c, e);
	}
	if (e->call.args.len != t->func.param_count) {
		diag_report(c->diags, D_ARGUMENT_COUNT, e->where, "this function",
			    arena_printf(c->arena, "%u arguments", t->func.param_count),
			    arena_printf(c->arena, "%u", e->call.args.len));
		return fail_call(c, e);
	}
	for (uint32_t i = 0; i < e->call.args.len; i++)
		e->call.args.data[i] = check_as(c, e->call.args.data[i], t->func.params[i]);
	e->type = t->func.result;
	note_value_call(c, e);
	return e;
}

/* Whether the value or what it points to has a field of that name with a function. */
static bool holds_function(struct checker *c, const struct type *t, symbol name)
{
	if (t->kind == TYPE_ENTRY)
		t = type_entry_value(t);
	else if (t->kind == TYPE_POINTER)
		t = t->element;
	if (t->kind != TYPE_STRUCT || t->record.is_ctx)
		return false;
	if (t->decl)
		check_decl(c, t->decl);
	const struct decl *f = type_find_field(t, name);
	return f && f->type->kind == TYPE_FUNC;
}

static struct expr *check_method_call(struct checker *c, struct expr *e, struct type *hint)
{
	struct expr *callee = e->call.callee;
	struct expr *base = check_expr(c, callee->field.base, NULL);
	const char *method = NAME(c, callee->field.name);

	if (holds_function(c, base->type, callee->field.name))
		return check_value_call(c, e);
	if (base->type->kind == TYPE_ENTRY)
		base = to_value(c, base);
	callee->field.base = base;
	if (base->type->kind == TYPE_ERROR) {
		callee->type = base->type;
		return fail_call(c, e);
	}
	struct decl *d = find_method(c, base->type, method);
	if (d && type_is_ctx_pointer(base->type) && !has_packet(base->type->element))
		d = NULL;
	if (d && d->builtin.id == BUILTIN_CTX_AT)
		note_packet_use(c, base->type->element, callee->field.name_where);
	/* A handler that is not right is still meant as one. */
	if (d && d->builtin.id == BUILTIN_EVENTS_ON_EVENT && base->kind == EXPR_NAME &&
	    base->name.decl && base->name.decl->kind == DECL_MAP)
		base->name.decl->map.is_handled = true;
	if (d)
		return check_builtin_call(c, e, d, hint);

	callee->type = c->types->error;
	struct diag *diag = diag_report(c->diags, D_UNKNOWN_METHOD, callee->field.name_where,
					TEXT(c, base->type), method);
	struct suggestion s = suggestion_begin(method);
	const char *all = offer_methods(c, &s, base->type);
	report_suggestion(c, diag, callee->field.name_where, &s);
	const char *ours = foreign_method(base->type, method);
	if (ours)
		diag_hint(c->diags, diag, "here it is written %s", ours);
	else if (!s.best && all)
		diag_hint(c->diags, diag, "it has %s", all);
	return fail_call(c, e);
}

/* A function of a Python file: takes and gives numbers, bools and strings. Its result is what the place of
 * the call wants, else i64. */
static struct expr *check_python_call(struct checker *c, struct expr *e, struct type *hint)
{
	struct decl *import = find_python(c, e->call.callee);

	import->use_count++;
	e->call.callee->type = c->types->void_;
	if (!use_user_only(c, e->where, "Python"))
		return fail_call(c, e);
	for (uint32_t i = 0; i < e->call.args.len; i++) {
		struct expr *arg = e->call.args.data[i] =
			check_value(c, e->call.args.data[i], NULL);
		const struct type *t = arg->type;
		if (!type_is_integer(t) && t->kind != TYPE_BOOL && t->kind != TYPE_STR &&
		    t->kind != TYPE_ERROR)
			diag_report(c->diags, D_PYTHON_VALUE, arg->where, TEXT(c, t));
	}
	note_unavailable(c, e->where, "a call of Python");
	bool is_wanted = hint && (type_is_integer(hint) || hint->kind == TYPE_BOOL ||
				  hint->kind == TYPE_STR);
	e->type = is_wanted ? hint : c->types->i64;
	return e;
}

/* ---- all of them ---- */

static struct expr *check_named_call(struct checker *c, struct expr *e, struct decl *d,
				     struct type *hint)
{
	e->call.callee->name.decl = d;
	if (d->kind == DECL_BUILTIN)
		return check_builtin_call(c, e, d, hint);
	if (d->kind == DECL_FUNC)
		return check_function_call(c, e, d);
	if (d->kind == DECL_EXTERN) {
		check_decl(c, d);
		if (is_module_code(c) && d->type->kind == TYPE_FUNC)
			return check_kernel_call(c, e, d);
		return check_helper_call(c, e, d);
	}
	e->call.callee->type = c->types->error;
	bool is_known_wrong =
		d->kind == DECL_IMPORT ||
		((d->kind == DECL_LOCAL || d->kind == DECL_PARAM) && d->type->kind == TYPE_ERROR);
	if (!is_known_wrong) {
		struct diag *diag = diag_report(c->diags, D_NOT_CALLABLE, e->call.callee->where,
						NAME(c, d->name), decl_kind_name(d->kind));
		if (d->kind == DECL_STRUCT)
			diag_hint(c->diags, diag, "a value is written `%s { field: value, … }`",
				  NAME(c, d->name));
		else if (d->kind == DECL_ENUM || d->kind == DECL_ALIAS)
			diag_hint(c->diags, diag, "to convert a value write `value as %s`",
				  NAME(c, d->name));
		report_declared(c, diag, d);
	}
	return fail_call(c, e);
}

bool never_returns(struct checker *c, const struct expr *e)
{
	const struct expr *callee = e->kind == EXPR_CALL ? e->call.callee : NULL;
	const struct decl *d =
		callee && callee->kind == EXPR_NAME ? find_name(c, callee->name.name) : NULL;

	return d && d->kind == DECL_BUILTIN &&
	       (d->builtin.id == BUILTIN_EXIT || d->builtin.id == BUILTIN_PANIC);
}

struct expr *check_call(struct checker *c, struct expr *e, struct type *hint)
{
	struct expr *callee = e->call.callee;

	bool is_dispatch =
		callee->kind == EXPR_NAME && !strcmp(NAME(c, callee->name.name), "dispatch");
	if (e->call.arg_names.len && !is_dispatch) {
		struct decl *d = callee->kind == EXPR_NAME ? find_name(c, callee->name.name) : NULL;
		diag_report(c->diags, D_NAMED_ARGUMENT, e->where);
		if (d)
			d->use_count++;
		return fail_call(c, e);
	}
	if (callee->kind == EXPR_FIELD && find_python(c, callee))
		return check_python_call(c, e, hint);
	if (take_imported(c, callee)) {
		if (callee->name.decl)
			return check_named_call(c, e, callee->name.decl, hint);
		callee->type = c->types->error;
		return fail_call(c, e);
	}
	if (callee->kind == EXPR_FIELD)
		return check_method_call(c, e, hint);
	struct decl *local = callee->kind == EXPR_NAME ? find_name(c, callee->name.name) : NULL;
	bool is_function_value = local &&
				 (local->kind == DECL_LOCAL || local->kind == DECL_PARAM) &&
				 local->type->kind == TYPE_FUNC;
	if (callee->kind != EXPR_NAME || is_function_value)
		return check_value_call(c, e);
	if (!local && callee->name.name && is_module_code(c)) {
		struct decl *kernel = find_module_function(c, callee->name.name);
		if (kernel)
			return check_named_call(c, e, kernel, hint);
	}
	if (!local && callee->name.name && !resolve_helper(c, callee->name.name) &&
	    !find_unavailable(FUNCTION, NAME(c, callee->name.name)) &&
	    !c->info->find_helper(NAME(c, callee->name.name), UINT32_MAX))
		kernel_find_function(c, callee->name.name);
	struct decl *d = resolve_name(c, callee->name.name, callee->where);
	if (!d) {
		callee->type = c->types->error;
		return fail_call(c, e);
	}
	/* `bpf_spin_lock` is both, as in C. */
	struct decl *helper = d->kind == DECL_STRUCT ? resolve_helper(c, callee->name.name) : NULL;
	return check_named_call(c, e, helper ? helper : d, hint);
}
