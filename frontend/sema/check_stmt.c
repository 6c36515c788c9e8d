/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements and function bodies. Every check of a statement answers whether control can reach what
 * follows it, from which missing returns and unreachable code are found.
 */
#include "frontend/sema/check.h"

/* ---- locals ---- */

static bool is_variable(const struct decl *d)
{
	return d->kind == DECL_LOCAL || d->kind == DECL_PARAM || d->kind == DECL_GLOBAL ||
	       d->kind == DECL_MAP || d->kind == DECL_CONFIG || d->kind == DECL_CONST;
}

void declare_local(struct checker *c, struct decl *d)
{
	const char *name = NAME(c, d->name);

	d->check_state = 2;
	if (!d->name || !strcmp(name, "_"))
		return;
	struct decl *other = find_name(c, d->name);
	if (other && locals_has_here(&c->fn.locals, d->name)) {
		report_declared(c, diag_report(c->diags, D_DUPLICATE, d->name_where, name), other);
	} else if (other && is_variable(other) && other->name_where.end) {
		report_declared(c, diag_report(c->diags, D_SHADOW, d->name_where, name), other);
	}
	locals_add(&c->fn.locals, d);
}

/* Closes a block and warns about variables that nothing reads. */
static void close_block(struct checker *c, uint32_t mark)
{
	struct locals *l = &c->fn.locals;

	for (uint32_t i = l->block_begin; i < l->stack.len; i++) {
		const struct decl *d = l->stack.data[i].decl;
		const char *name = NAME(c, d->name);
		if (d->kind == DECL_LOCAL && !d->use_count && *name != '_' &&
		    (d->variable.init || d->variable.node) && !d->variable.is_present &&
		    d != c->fn.result_var && d->type->kind != TYPE_ERROR && !c->fn.is_damaged)
			diag_report(c->diags, D_UNUSED_VARIABLE, d->name_where, name);
	}
	locals_close(l, mark);
}

/* Type and initialiser of a local that is declared with `var` or `const`. */
static void check_local(struct checker *c, struct decl *d)
{
	struct type *t = d->variable.node ? check_value_type(c, d->variable.node) : NULL;
	struct expr *init = d->variable.init;

	if (t && t->kind == TYPE_FUNC && !init)
		diag_report(c->diags, D_FUNCTION_WITHOUT_VALUE, d->name_where, NAME(c, d->name));
	if (init && t)
		init = check_as(c, init, t);
	else if (init) {
		init = check_expr(c, init, NULL);
		if (init->type->kind != TYPE_ENTRY || d->variable.is_const)
			init = to_value(c, init);
		t = init->type;
	}
	d->variable.init = init;
	d->type = t ? t : c->types->error;
}

static bool check_var(struct checker *c, struct stmt *s)
{
	check_local(c, s->var.decl);
	declare_local(c, s->var.decl);
	return true;
}

/* ---- assignment ---- */

static void report_not_assignable(struct checker *c, const struct expr *e)
{
	const struct expr *root = e;

	if (e->type->kind == TYPE_ERROR)
		return;
	if (e->kind == EXPR_INDEX && e->is_const) { // behind the end of a text
		const struct expr *index = e->index.index;
		diag_report(c->diags, D_INDEX_RANGE, index->where,
			    value_text(c, index->type, index->value), TEXT(c, e->index.base->type));
		return;
	}
	if (e->kind == EXPR_FIELD && e->field.decl && e->field.decl->kind == DECL_FIELD &&
	    e->field.decl->field.ctx) {
		diag_report(c->diags, D_READ_ONLY_FIELD, e->where, NAME(c, e->field.name));
		return;
	}
	while (root->kind == EXPR_FIELD || root->kind == EXPR_INDEX)
		root = root->kind == EXPR_FIELD ? root->field.base : root->index.base;
	const struct decl *d = root->kind == EXPR_NAME ? root->name.decl : NULL;
	if (!d || d->kind == DECL_MAP) {
		diag_report(c->diags, D_NOT_ASSIGNABLE, e->where);
		return;
	}
	bool is_loop_var = d->kind == DECL_LOCAL && d->variable.is_const && !d->variable.init;
	struct diag *diag =
		diag_report(c->diags, D_ASSIGN_CONSTANT, e->where, NAME(c, d->name),
			    is_loop_var ? "the variable of a `for` loop"
			    : d->kind == DECL_LOCAL || d->kind == DECL_PARAM
				    ? "a constant"
				    : arena_printf(c->arena, "a %s", decl_kind_name(d->kind)));
	report_declared(c, diag, d);
}

/* Type that an assignment to this target stores; marks the local that is written. */
static struct type *check_target(struct checker *c, struct stmt *s)
{
	struct expr *target = s->assign.target = check_expr(c, s->assign.target, NULL);

	if (target->type->kind == TYPE_ERROR)
		return target->type;
	if (!target->is_lvalue) {
		report_not_assignable(c, target);
		return c->types->error;
	}
	note_ctx_write(c, target);
	struct decl *root = place_root(target);
	if (!root)
		note_effect(c);
	if (root) {
		root->variable.is_assigned = true;
		/* A variable that is only written counts as unused. */
		if (target->kind == EXPR_NAME && s->assign.op == ASSIGN_PLAIN &&
		    target->type->kind != TYPE_ENTRY)
			root->use_count--;
	}
	return target->type->kind == TYPE_ENTRY ? type_entry_value(target->type) : target->type;
}

static void check_compound(struct checker *c, struct stmt *s, struct type *t)
{
	enum binary_op op = s->assign.op;
	struct expr *value = check_value(c, s->assign.value, t);
	bool is_sum = op == BINARY_ADD || op == BINARY_SUB;
	bool is_shift = op == BINARY_SHL || op == BINARY_SHR;
	const char *spelling = arena_printf(c->arena, "%s=", binary_spelling(op));

	s->assign.value = value;
	if (t->kind == TYPE_ERROR || value->type->kind == TYPE_ERROR)
		return;
	if (t->kind == TYPE_POINTER && is_sum && type_is_integer(value->type)) {
		if (complete_type(c, t->element, s->assign.target->where))
			s->assign.value = to_index(c, value);
		return;
	}
	if (t->kind == TYPE_STR && op == BINARY_ADD) {
		if (value->type->kind != TYPE_STR)
			report_operand(c, value->where, spelling, value->type);
		return;
	}
	bool is_logic = op == BINARY_AND || op == BINARY_OR || op == BINARY_XOR;
	if (t->kind == TYPE_BOOL && is_logic) {
		s->assign.value = convert_to(c, value, t);
		return;
	}
	if (!type_is_integer(t)) {
		report_operand(c, s->assign.target->where, spelling, t);
		return;
	}
	if (!type_is_integer(value->type)) {
		report_operand(c, value->where, spelling, value->type);
		return;
	}
	check_right_operand(c, op, t, value);
	/* A quotient is taken in the common type, so its right side may be larger than the target. */
	bool is_quotient = (op == BINARY_DIV || op == BINARY_REM) && value->is_const;
	if (!is_shift && !is_quotient)
		s->assign.value = convert_to(c, value, t);
	else if (value->type != t && !(value->is_literal && retype_literal(value, t)))
		s->assign.value = make_convert(c, fit_literal(c, value, t), t, CONV_INT);
}

static bool check_assign(struct checker *c, struct stmt *s)
{
	struct type *t = check_target(c, s);

	if (s->assign.op != ASSIGN_PLAIN)
		check_compound(c, s, t);
	else if (t->kind == TYPE_ERROR)
		s->assign.value = check_value(c, s->assign.value, NULL);
	else if (t->kind == TYPE_MAP)
		check_map_put(c, s, t);
	else if (s->assign.target->kind == EXPR_NAME)
		s->assign.value =
			check_as_declared(c, s->assign.value, t, s->assign.target->name.decl);
	else
		s->assign.value = check_as(c, s->assign.value, t);
	const struct decl *bits = place_bit_field(s->assign.target);
	if (bits && s->assign.op == ASSIGN_PLAIN)
		check_bit_value(c, s->assign.value, bits);
	return true;
}

/* ---- expressions as statements ---- */

bool check_discarded(struct checker *c, struct expr **place)
{
	struct expr *e = *place;
	bool falls = true;

	if (e->kind == EXPR_MATCH || e->kind == EXPR_IF) {
		if (!enter(c, e->where))
			return true;
		*place = e->kind == EXPR_MATCH ? check_match(c, e, NULL, false, &falls)
					       : check_if_expr(c, e, NULL, false, &falls);
		leave(c);
		return falls;
	}
	bool returns = !never_returns(c, e);
	e = *place = check_expr(c, e, NULL);
	if (e->kind == EXPR_CALL && e->type->kind != TYPE_VOID && e->type->kind != TYPE_ERROR)
		vec_push(c->arena, &c->dropped, e);
	if (e->type->kind == TYPE_ERROR || e->kind == EXPR_CALL)
		return returns;
	diag_report(c->diags, D_UNUSED_VALUE, e->where);
	*place = to_value(c, e);
	return true;
}

/* ---- control flow ---- */

/* `if (var x = e)`: the binding, in a scope around the then-branch. */
static void check_binding(struct checker *c, struct decl *d)
{
	struct expr *init = check_expr(c, d->variable.init, NULL);

	if (init->type->kind != TYPE_ENTRY)
		init = to_value(c, init);
	struct type *t = init->type;
	bool ok = t->kind == TYPE_ENTRY || t->kind == TYPE_POINTER || t->kind == TYPE_ERROR ||
		  t->kind == TYPE_PROGRAM_HANDLE || t->kind == TYPE_PERF_ATTACHMENT;
	if (!ok) {
		diag_report(c->diags, D_BINDING_TYPE, init->where, TEXT(c, t));
		t = c->types->error;
	}
	if (d->variable.node && t->kind != TYPE_ERROR) {
		const struct type *want = check_value_type(c, d->variable.node);
		const struct type *got = t->kind == TYPE_ENTRY ? type_entry_value(t) : t;
		if (want != got && want->kind != TYPE_ERROR)
			report_mismatch(c, init->where, want, got);
	}
	d->variable.init = init;
	d->variable.is_present = true;
	d->type = t;
	declare_local(c, d);
}

static bool check_if(struct checker *c, struct stmt *s)
{
	uint32_t mark = locals_open(&c->fn.locals);

	if (s->conditional.binding)
		check_binding(c, s->conditional.binding);
	else
		s->conditional.condition = check_condition(c, s->conditional.condition);
	bool falls = check_block(c, s->conditional.then, NULL, NULL);
	close_block(c, mark);
	if (!s->conditional.otherwise)
		return true;
	return check_stmt(c, s->conditional.otherwise) || falls;
}

static void check_loop_body(struct checker *c, struct block *body, struct loop *loop)
{
	loop->outer = c->fn.loop;
	c->fn.loop = loop;
	check_block(c, body, NULL, NULL);
	c->fn.loop = loop->outer;
}

static bool check_while(struct checker *c, struct stmt *s)
{
	struct loop loop = {0};
	struct expr *condition = s->loop.condition = check_condition(c, s->loop.condition);

	check_loop_body(c, s->loop.body, &loop);
	return loop.has_break || !condition->is_const || !condition->value;
}

/* A literal bound beside one of a type: it must keep its value in the type that both get. */
static struct expr *fit_range_bound(struct checker *c, struct expr *bound, const struct expr *other)
{
	struct type *t = arithmetic_type(c->types, other->type);
	bool is_below_zero = bound->type->is_signed && (int64_t)bound->value < 0;

	if (!bound->is_literal || other->is_literal || t->is_signed || !is_below_zero)
		return bound;
	uint32_t size = bound->type->size > t->size ? bound->type->size : t->size;
	if (size > t->size)
		return bound;
	diag_report(c->diags, D_CONSTANT_RANGE, bound->where,
		    value_text(c, bound->type, bound->value), TEXT(c, t));
	return fail(c, bound);
}

/* The one integer type of the bounds of a range loop. */
static struct type *range_type(struct checker *c, struct stmt *s)
{
	struct decl *d = s->range.var;
	struct expr **begin = &s->range.begin, **end = &s->range.end;
	struct type *t = d->variable.node ? check_value_type(c, d->variable.node) : NULL;

	*begin = check_value(c, *begin, t);
	*end = check_value(c, *end, t);
	if ((*begin)->type->kind == TYPE_ERROR || (*end)->type->kind == TYPE_ERROR)
		return c->types->error;
	const struct expr *wrong = !type_is_integer((*begin)->type) ? *begin
				   : !type_is_integer((*end)->type) ? *end
								    : NULL;
	if (wrong) {
		report_operand(c, wrong->where, "..", wrong->type);
		return c->types->error;
	}
	if (t && t->kind != TYPE_INT) {
		if (t->kind != TYPE_ERROR)
			report_operand(c, d->variable.node->where, "..", t);
		return c->types->error;
	}
	if (!t) {
		*begin = fit_range_bound(c, *begin, *end);
		*end = fit_range_bound(c, *end, *begin);
		bool ok = (*begin)->type->kind != TYPE_ERROR && (*end)->type->kind != TYPE_ERROR;
		return ok ? unify(c, begin, end, false) : c->types->error;
	}
	*begin = convert_to(c, *begin, t);
	*end = convert_to(c, *end, t);
	bool ok = (*begin)->type->kind != TYPE_ERROR && (*end)->type->kind != TYPE_ERROR;
	return ok ? t : c->types->error;
}

static void check_step(struct checker *c, struct stmt *s, struct type *t)
{
	struct expr *step = s->range.step;

	if (!step)
		return;
	if (t->kind == TYPE_ERROR) {
		s->range.step = check_value(c, step, NULL);
		return;
	}
	step = s->range.step = check_as(c, step, t);
	if (step->is_const && (step->value == 0 || (t->is_signed && (int64_t)step->value < 0)))
		diag_report(c->diags, D_STEP, step->where);
}

static bool check_for_range(struct checker *c, struct stmt *s)
{
	struct loop loop = {0};
	struct decl *d = s->range.var;
	struct type *t = range_type(c, s);

	check_step(c, s, t);
	d->type = t;
	d->variable.is_const = true;
	uint32_t mark = locals_open(&c->fn.locals);
	declare_local(c, d);
	d->use_count++; // a loop that only counts is fine
	check_loop_body(c, s->range.body, &loop);
	close_block(c, mark);
	return true;
}

static bool check_for_map(struct checker *c, struct stmt *s)
{
	struct loop loop = {0};
	struct expr *map = s->each.map = check_expr(c, s->each.map, NULL);
	const struct type *t = map->type;
	struct decl *names[] = {s->each.key, s->each.value};

	if (t->kind != TYPE_MAP && t->kind != TYPE_ERROR)
		diag_report(c->diags, D_NOT_A_MAP, map->where, TEXT(c, t));
	if (t->kind == TYPE_MAP && !check_map_walk(c, t, map->where))
		t = c->types->error;
	if (!c->fn.decl || c->fn.decl->func.target != TARGET_BPF)
		use_user_only(c, s->where, "a loop over a map");
	uint32_t mark = locals_open(&c->fn.locals);
	for (int i = 0; i < 2; i++) {
		if (!names[i])
			continue;
		names[i]->type = t->kind != TYPE_MAP ? c->types->error
				 : i == 0            ? t->map.key
						     : t->map.value;
		names[i]->use_count++;
		declare_local(c, names[i]);
	}
	check_loop_body(c, s->each.body, &loop);
	close_block(c, mark);
	return true;
}

static bool check_jump(struct checker *c, struct stmt *s)
{
	bool is_break = s->kind == STMT_BREAK;

	if (!c->fn.loop)
		diag_report(c->diags, D_OUTSIDE_LOOP, s->where, is_break ? "break" : "continue");
	else if (is_break)
		c->fn.loop->has_break = true;
	return false;
}

static bool check_return(struct checker *c, struct stmt *s)
{
	struct type *t = c->fn.result;

	if (c->fn.in_defer)
		diag_report(c->diags, D_RETURN_IN_DEFER, s->where);
	if (!c->fn.decl) {
		diag_report(c->diags, D_NOT_CONSTANT, s->where, "an initial value");
		return false;
	}
	if (!s->expr) {
		c->fn.decl->func.has_other_results = true; // what a named result holds
		if (t->kind != TYPE_VOID && t->kind != TYPE_ERROR && !c->fn.result_var)
			diag_report(c->diags, D_RETURN_MISSING, s->where, TEXT(c, t));
		return false;
	}
	if (t->kind != TYPE_VOID) {
		if (c->fn.decl->func.program)
			mark_returned(s->expr);
		s->expr = check_as_declared(c, s->expr, t, c->fn.decl);
		check_returned_address(c, s->expr);
		check_program_result(c, s->expr);
		return false;
	}
	s->expr = check_expr(c, s->expr, NULL);
	if (s->expr->type->kind != TYPE_ERROR)
		report_declared(c,
				diag_report(c->diags, D_RETURN_VALUE, s->expr->where,
					    NAME(c, c->fn.decl->name)),
				c->fn.decl);
	return false;
}

static bool check_delete(struct checker *c, struct stmt *s)
{
	struct expr *e = s->expr = check_expr(c, s->expr, NULL);

	note_effect(c);
	if (e->type->kind == TYPE_POINTER && check_delete_object(c, s))
		return true;
	if (e->type->kind != TYPE_ERROR && (e->type->kind != TYPE_ENTRY || e->kind != EXPR_INDEX))
		diag_report(c->diags, D_DELETE, e->where, TEXT(c, e->type));
	else if (e->type->kind == TYPE_ENTRY && type_entry_value(e->type)->kind == TYPE_MAP)
		use_user_only(c, s->where, "a change of a map of maps");
	return true;
}

/* ---- blocks ---- */

static bool check_stmt_kind(struct checker *c, struct stmt *s)
{
	switch (s->kind) {
	case STMT_VAR:
		return check_var(c, s);
	case STMT_ASSIGN:
		return check_assign(c, s);
	case STMT_EXPR:
		return check_discarded(c, &s->expr);
	case STMT_IF:
		return check_if(c, s);
	case STMT_WHILE:
		return check_while(c, s);
	case STMT_FOR_RANGE:
		return check_for_range(c, s);
	case STMT_FOR_MAP:
		return check_for_map(c, s);
	case STMT_BREAK:
	case STMT_CONTINUE:
		return check_jump(c, s);
	case STMT_RETURN:
		return check_return(c, s);
	case STMT_DELETE:
		return check_delete(c, s);
	case STMT_TRY:
		return check_try(c, s);
	case STMT_THROW:
		return check_throw(c, s);
	case STMT_DEFER:
		return check_defer(c, s);
	case STMT_BLOCK:
		return check_block(c, s->block, NULL, NULL);
	case STMT_ERROR:
	case STMT_KIND_COUNT:
		break;
	}
	return false; // silences what a broken statement could lead to
}

bool check_stmt(struct checker *c, struct stmt *s)
{
	if (!enter(c, s->where))
		return true;
	bool falls = check_stmt_kind(c, s);
	leave(c);
	return falls;
}

/* Statements in the scope that is open. */
static bool check_stmts(struct checker *c, struct block *b, struct type *hint, struct expr ***value)
{
	bool falls = true, has_warned = false;

	for (uint32_t i = 0; i < b->stmts.len; i++) {
		struct stmt *s = b->stmts.data[i];
		if (!falls && !has_warned && s->kind != STMT_ERROR &&
		    b->stmts.data[i - 1]->kind != STMT_ERROR) {
			diag_report(c->diags, D_UNREACHABLE_CODE, s->where);
			has_warned = true;
		}
		bool is_last = i + 1 == b->stmts.len && s->kind == STMT_EXPR;
		if (value && is_last && !never_returns(c, s->expr)) {
			s->expr = check_value(c, s->expr, hint);
			*value = &s->expr;
		} else {
			falls = check_stmt(c, s) && falls;
		}
	}
	return falls;
}

bool check_block(struct checker *c, struct block *b, struct type *hint, struct expr ***value)
{
	uint32_t mark = locals_open(&c->fn.locals);
	bool falls = check_stmts(c, b, hint, value);

	close_block(c, mark);
	return falls;
}

/* ---- functions ---- */

void check_function_body(struct checker *c, uint32_t number)
{
	struct decl *d = c->funcs.data[number].decl;
	struct decl *result_var = d->func.result_var.len ? d->func.result_var.data[0] : NULL;

	struct scope *top = c->top;
	c->fn = (struct fn_state){.decl = d, .number = number, .result_var = result_var};
	c->fn.is_damaged = c->funcs.data[number].is_damaged;
	c->top = d->scope;
	locals_init(&c->fn.locals, c->arena);
	map_init(&c->fn.unknown, c->arena);
	c->fn.result = d->type->kind == TYPE_FUNC ? d->type->func.result : c->types->error;
	uint32_t mark = locals_open(&c->fn.locals);
	for (uint32_t i = 0; i < d->func.params.len; i++)
		declare_local(c, d->func.params.data[i]);
	if (d->func.context)
		declare_local(c, d->func.context);
	if (result_var) {
		result_var->type = c->fn.result;
		declare_local(c, result_var);
	}
	bool falls = check_stmts(c, d->func.body, NULL, NULL);
	close_block(c, mark);
	if (falls && !result_var && !c->fn.is_damaged && c->fn.result->kind != TYPE_VOID &&
	    c->fn.result->kind != TYPE_ERROR) {
		span close = {d->func.body->where.end - 1, d->func.body->where.end};
		diag_report(c->diags, D_MISSING_RETURN, close, NAME(c, d->name),
			    TEXT(c, c->fn.result));
	}
	c->fn = (struct fn_state){0};
	c->top = top;
}
