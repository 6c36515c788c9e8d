/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The null proof: a pointer that may be null is tested on every way on which it is read or written
 * through. It walks checked bodies in the order in which they run and knows, of every pointer, handle
 * and bool in a local or a parameter, what it may be there; conditions narrow that, also when they were
 * stored in a bool first. Loops are walked until nothing changes. The same walk follows what must be
 * given back (owned_check.c).
 *
 * Null comes from `null`, variables and fields without a value, ctx.at(), BPF helpers that may find
 * nothing, functions that return one of these, and parameters to which some call passes one. All other
 * pointers are trusted: those in memory that is reached through a pointer, and variables whose address
 * is taken. What parameters and results may be only ever gets worse, so functions are walked again when
 * what they depend on changed, and a report once made stays right.
 */
#include "frontend/sema/null_check.h"

enum { NOTES_MAX = 4 };

const struct null_path no_path;

static struct fact walk_block(struct nulls *n, struct block *b, struct flow *flow, bool is_value);
static void walk_stmt(struct nulls *n, struct stmt *s, struct flow *flow);

/* ---- facts ---- */

struct fact make_fact(struct nulls *n, enum null_state state, span where, const char *text,
		      const struct null_origin *cause)
{
	struct null_origin *o = ARENA_NEW(n->c->arena, struct null_origin);

	*o = (struct null_origin){where, text, cause};
	return (struct fact){.state = state, .origin = o};
}

/* ---- reports ---- */

enum { TEXT_MAX = 40 };

const char *null_source_text(struct nulls *n, const struct expr *e)
{
	struct source_pos at = source_locate(&n->c->compile->sources, e->where.begin);
	uint32_t len = e->where.end - e->where.begin;

	if (!at.file || len > TEXT_MAX || !len)
		return NULL;
	const char *text = at.file->text + (e->where.begin - at.file->base);
	return memchr(text, '\n', len) ? NULL : arena_copy_string(n->c->arena, text, len);
}

/* Notes that tell where the null comes from and on which way. */
static void note_origin(struct nulls *n, struct diag *diag, struct fact fact, const char *name)
{
	struct diags *diags = n->c->diags;
	const struct null_origin *o = fact.origin;

	for (uint32_t i = 0; o && i < NOTES_MAX; i++, o = o->cause)
		if (o->text && (o->where.begin != diag->where.begin || o->cause))
			diag_note(diags, diag, o->where, "%s", o->text);
	if (fact.path.text && name)
		diag_note(diags, diag, fact.path.where, "`%s` %s %s", name,
			  fact.path_state == IS_NULL ? "is null" : "is not tested", fact.path.text);
}

void null_report(struct nulls *n, const struct expr *e, struct fact fact, const char *use,
		 struct flow *flow)
{
	struct checker *c = n->c;
	const struct fact *known = null_find_fact(n, e, flow);
	const char *name = known ? null_source_text(n, e) : NULL;
	bool is_null = fact.state == IS_NULL;
	const char *what = name      ? arena_printf(c->arena, "`%s`, which %s", name,
                                               is_null ? "is null here" : "may be null here")
			   : is_null ? "`null`"
				     : "a pointer that may be null";
	struct diag *diag = diag_report(c->diags, D_NULL_DEREFERENCE, e->where, use, what);

	note_origin(n, diag, fact, name);
	if (name && !is_null)
		diag_hint(c->diags, diag, "test it first: `if (%s != null) { … }`", name);
	else if (!is_null)
		diag_hint(c->diags, diag, "bind and test it first: `if (var p = …) { … }`");
	if (known)
		*null_edit_fact(n, e, flow) = (struct fact){.is_object = fact.is_object,
							    .sites = fact.sites}; // said once
}

/* attach or detach of a handle that is null on every way. */
static void check_handle(struct nulls *n, const struct expr *e, struct fact fact)
{
	const struct expr *source = e->kind == EXPR_CONVERT ? e->convert.operand : e;
	const char *name = source->kind == EXPR_NAME ? null_source_text(n, source) : NULL;

	if (fact.state != IS_NULL)
		return;
	note_origin(n, diag_report(n->c->diags, D_ATTACH_BEFORE_LOAD, e->where), fact, name);
}

void null_check_handles(struct nulls *n, const struct expr *call, const struct fact *args)
{
	const struct decl *d = call->call.target;
	const struct expr *first = call->call.args.len ? call->call.args.data[0] : NULL;

	if (d && d->kind == DECL_BUILTIN && first && type_holds_null(first->type) &&
	    first->type->kind != TYPE_POINTER)
		check_handle(n, first, args[0]);
}

/* A read or write through `pointer`. */
static void walk_access(struct nulls *n, struct expr *pointer, struct flow *flow)
{
	struct fact fact = null_walk_expr(n, pointer, flow);

	if (fact.state != NOT_NULL && flow->is_live)
		null_report(n, pointer, fact, "this reads or writes through", flow);
	if (fact.sites && flow->is_live)
		owned_use(n, pointer, fact, flow);
}

/* ---- expressions ---- */

static struct fact walk_arm_value(struct nulls *n, struct match_arm *arm, struct flow *flow,
				  bool is_value)
{
	if (arm->value)
		return null_walk_expr(n, arm->value, flow);
	return arm->body ? walk_block(n, arm->body, flow, is_value) : (struct fact){NOT_NULL};
}

static struct fact walk_match(struct nulls *n, struct expr *e, struct flow *flow)
{
	bool is_value = e->type->kind != TYPE_VOID, has_default = false;
	struct fact result = {NOT_NULL};

	null_walk_expr(n, e->match.subject, flow);
	struct flow *after = flow_copy(&n->pool, flow), *entry = flow_copy(&n->pool, flow);
	after->is_live = false;
	for (uint32_t i = 0; i < e->match.arms.len; i++) {
		struct match_arm *arm = &e->match.arms.data[i];
		struct flow *way = flow_copy(&n->pool, entry);
		struct null_path path = {arm->where, "on the way through this arm"};
		struct fact value = walk_arm_value(n, arm, way, is_value);
		if (way->is_live)
			result = after->is_live ? fact_join(result, no_path, value, path) : value;
		flow_join(&n->pool, after, no_path, way, path);
		flow_give_back(&n->pool, way);
		for (uint32_t j = 0; j < arm->patterns.len; j++)
			has_default = has_default || !arm->patterns.data[j].low;
	}
	if (!has_default && !is_value)
		flow_join(&n->pool, after, no_path, entry,
			  (struct null_path){e->match.subject->where, "when no arm matches"});
	flow->is_live = false;
	flow_join(&n->pool, flow, no_path, after, no_path);
	flow_give_back(&n->pool, after);
	flow_give_back(&n->pool, entry);
	return result;
}

struct null_path null_when(const struct expr *condition, bool is_true)
{
	return (struct null_path){condition->where, is_true ? "on the way where this is true"
							    : "on the way where this is false"};
}

static struct fact walk_if_expr(struct nulls *n, struct expr *e, struct flow *flow)
{
	struct expr *condition = e->conditional.condition;
	bool is_value = e->type->kind != TYPE_VOID;
	struct fact b = {NOT_NULL};
	struct flow *no;

	null_walk_condition(n, condition, flow, &no);
	struct fact a = walk_block(n, e->conditional.then, flow, is_value);
	if (e->conditional.otherwise)
		b = walk_block(n, e->conditional.otherwise, no, is_value);
	if (!flow->is_live)
		a = b;
	else if (no->is_live)
		a = fact_join(a, null_when(condition, true), b, null_when(condition, false));
	flow_join(&n->pool, flow, null_when(condition, true), no, null_when(condition, false));
	flow_give_back(&n->pool, no);
	return a;
}

static struct fact walk_binary(struct nulls *n, struct expr *e, struct flow *flow)
{
	struct flow *no;

	if (e->binary.op == BINARY_LOGAND || e->binary.op == BINARY_LOGOR) {
		null_walk_condition(n, e, flow, &no);
		flow_join(&n->pool, flow, null_when(e, true), no, null_when(e, false));
		flow_give_back(&n->pool, no);
		return (struct fact){NOT_NULL};
	}
	struct fact left = null_walk_expr(n, e->binary.left, flow);
	struct fact right = null_walk_expr(n, e->binary.right, flow);
	if (e->type->kind != TYPE_POINTER)
		return (struct fact){NOT_NULL};
	return e->binary.left->type->kind == TYPE_POINTER ? left : right;
}

/* A field or an element: through a pointer, or part of something else. */
static void walk_base(struct nulls *n, struct expr *base, struct flow *flow)
{
	if (base->type && base->type->kind == TYPE_POINTER && !type_is_ctx_pointer(base->type))
		walk_access(n, base, flow);
	else
		null_walk_expr(n, base, flow);
}

/* A pointer kept in a struct of the kernel leads to another object of the kernel. */
static bool is_kernel_field(struct nulls *n, const struct expr *e)
{
	const struct type *t = e->field.base->type;

	if (t->kind == TYPE_ENTRY)
		t = type_entry_value(t);
	else if (t->kind == TYPE_POINTER)
		t = t->element;
	return (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION) && kernel_declares(n->c, t->decl);
}

static bool may_be_null_row(const struct expr *e)
{
	const struct ctx_field *row = e->field.decl && e->field.decl->kind == DECL_FIELD
					      ? e->field.decl->field.ctx
					      : NULL;

	return row && *row->type == '?';
}

static void walk_parts(struct nulls *n, struct expr *e, struct flow *flow)
{
	if (e->kind == EXPR_STRUCT)
		for (uint32_t i = 0; i < e->literal.fields.len; i++)
			null_walk_expr(n, e->literal.fields.data[i].value, flow);
	else
		for (uint32_t i = 0; i < e->array.items.len; i++)
			null_walk_expr(n, e->array.items.data[i], flow);
}

struct fact null_walk_expr(struct nulls *n, struct expr *e, struct flow *flow)
{
	struct fact fine = {NOT_NULL}, fact;
	const struct fact *known;

	if (!e->type || e->type->kind == TYPE_ERROR)
		return fine;
	if (e->is_const) {
		bool is_null = type_holds_null(e->type) && !e->value;
		return is_null ? make_fact(n, IS_NULL, e->where, "null comes from here", NULL)
			       : fine;
	}
	switch (e->kind) {
	case EXPR_NAME:
		known = null_find_fact(n, e, flow);
		return known ? *known : fine;
	case EXPR_UNARY:
		if (e->unary.op == UNARY_DEREF) {
			walk_access(n, e->unary.operand, flow);
			return fine;
		}
		null_walk_expr(n, e->unary.operand, flow);
		return fine;
	case EXPR_BINARY:
		return walk_binary(n, e, flow);
	case EXPR_IN:
		null_walk_expr(n, e->binary.left, flow);
		return fine;
	case EXPR_CALL:
		return null_walk_call(n, e, flow);
	case EXPR_INDEX:
		walk_base(n, e->index.base, flow);
		fact = null_walk_expr(n, e->index.index, flow);
		if (e->index.index->type->kind == TYPE_POINTER && fact.state != NOT_NULL &&
		    flow->is_live)
			null_report(n, e->index.index, fact, "the key of this entry is", flow);
		known = null_find_fact(n, e, flow);
		return known ? *known : fine;
	case EXPR_FIELD:
		walk_base(n, e->field.base, flow);
		if (may_be_null_row(e))
			return make_fact(n, MAY_BE_NULL, e->where,
					 "this field of the context may be null", NULL);
		fine.is_object = e->type->kind == TYPE_POINTER && is_kernel_field(n, e);
		known = null_find_fact(n, e, flow);
		return known ? *known : fine;
	case EXPR_CAST:
		fact = null_walk_expr(n, e->cast.operand, flow);
		return type_holds_null(e->type) ? fact : fine;
	case EXPR_CONVERT:
		fact = null_walk_expr(n, e->convert.operand, flow);
		return type_holds_null(e->type) ? fact : fine;
	case EXPR_STRUCT:
	case EXPR_ARRAY:
		walk_parts(n, e, flow);
		return fine;
	case EXPR_MATCH:
		return walk_match(n, e, flow);
	case EXPR_IF:
		return walk_if_expr(n, e, flow);
	case EXPR_NEW:
		fact = make_fact(n, MAY_BE_NULL, e->where,
				 "`new` gives null when there is no memory", NULL);
		return owned_new(n, e, fact, flow);
	case EXPR_INT:
	case EXPR_CHAR:
	case EXPR_BOOL:
	case EXPR_NULL:
	case EXPR_STRING:
	case EXPR_SIZEOF:
	case EXPR_OFFSETOF:
	case EXPR_TYPE:
	case EXPR_ERROR:
	case EXPR_KIND_COUNT:
		break;
	}
	return fine;
}

/* ---- conditions ---- */

static void swap_flows(struct flow *a, struct flow *b)
{
	struct flow swapped = *a;

	*a = *b;
	*b = swapped;
}

/* `b == true` and the like: the condition b, perhaps negated. False when e is none such. */
static bool walk_bool_comparison(struct nulls *n, struct expr *e, struct flow *yes,
				 struct flow **no)
{
	struct expr *left = e->binary.left, *right = e->binary.right;
	struct expr *constant = right->is_const ? right : left;

	if (left->type->kind != TYPE_BOOL || !constant->is_const)
		return false;
	null_walk_condition(n, constant == right ? left : right, yes, no);
	if ((e->binary.op == BINARY_EQ) != (constant->value != 0))
		swap_flows(yes, *no);
	return true;
}

static void walk_comparison(struct nulls *n, struct expr *e, struct flow *yes, struct flow **no)
{
	if (walk_bool_comparison(n, e, yes, no))
		return;
	struct fact left = null_walk_expr(n, e->binary.left, yes);
	struct fact right = null_walk_expr(n, e->binary.right, yes);

	*no = flow_copy(&n->pool, yes);
	struct flow *equal = e->binary.op == BINARY_EQ ? yes : *no;
	struct flow *unequal = e->binary.op == BINARY_EQ ? *no : yes;
	if (right.state == IS_NULL)
		null_narrow(n, e->binary.left, unequal, equal);
	else if (left.state == IS_NULL)
		null_narrow(n, e->binary.right, unequal, equal);
}

static void walk_connective(struct nulls *n, struct expr *e, struct flow *yes, struct flow **no)
{
	bool is_and = e->binary.op == BINARY_LOGAND;
	struct expr *left = e->binary.left, *right = e->binary.right;
	struct flow *second;

	null_walk_condition(n, left, yes, no);
	struct flow *decided = is_and ? *no : yes, *open = is_and ? yes : *no;
	null_walk_condition(n, right, open, &second);
	if (is_and) { // open: both hold; second: the right side does not
		flow_join(&n->pool, decided, null_when(left, false), second,
			  null_when(right, false));
		flow_give_back(&n->pool, second);
	} else { // open: the right side holds; second: neither does
		flow_join(&n->pool, decided, null_when(left, true), open, null_when(right, true));
		flow_give_back(&n->pool, open);
		*no = second;
	}
}

/* Walks a condition. `yes` becomes what holds when it is true, *no what holds when it is not. */
void null_walk_condition(struct nulls *n, struct expr *e, struct flow *yes, struct flow **no)
{
	bool is_test = e->kind == EXPR_CONVERT && e->convert.conversion == CONV_TRUTH &&
		       type_holds_null(e->convert.operand->type);

	if (e->is_const || !e->type) {
		*no = flow_copy(&n->pool, yes);
		if (e->is_const)
			(e->value ? *no : yes)->is_live = false;
	} else if (is_test) {
		null_walk_expr(n, e->convert.operand, yes);
		*no = flow_copy(&n->pool, yes);
		null_narrow(n, e->convert.operand, yes, *no);
	} else if (e->kind == EXPR_UNARY && e->unary.op == UNARY_NOT) {
		null_walk_condition(n, e->unary.operand, yes, no);
		swap_flows(yes, *no);
	} else if (e->kind == EXPR_BINARY &&
		   (e->binary.op == BINARY_LOGAND || e->binary.op == BINARY_LOGOR)) {
		walk_connective(n, e, yes, no);
	} else if (e->kind == EXPR_BINARY &&
		   (e->binary.op == BINARY_EQ || e->binary.op == BINARY_NE)) {
		walk_comparison(n, e, yes, no);
	} else {
		null_walk_expr(n, e, yes);
		*no = flow_copy(&n->pool, yes);
		if (e->type->kind == TYPE_BOOL)
			null_narrow_bool(n, e, yes, *no);
	}
}

/* ---- statements ---- */

static void walk_assign(struct nulls *n, struct stmt *s, struct flow *flow)
{
	struct expr *target = s->assign.target;

	if (target->kind != EXPR_NAME)
		null_walk_expr(n, target, flow);
	if (s->assign.op == ASSIGN_PLAIN)
		null_assign(n, target, s->assign.value, flow);
	else
		null_walk_expr(n, s->assign.value, flow);
}

/* `if (var x = e)`: x is not null in the flow, e is in *no. */
static void walk_binding(struct nulls *n, const struct decl *d, struct flow *flow, struct flow **no)
{
	struct expr *e = d->variable.init;
	struct fact bound = null_walk_expr(n, e, flow);

	*no = flow_copy(&n->pool, flow);
	if (null_find_fact(n, e, flow)) {
		null_narrow(n, e, flow, *no);
	} else if (bound.sites) {
		owned_narrow(n, bound.sites, false, flow);
		owned_narrow(n, bound.sites, true, *no);
	}
	bound = (struct fact){.is_object = bound.is_object, .sites = bound.sites};
	null_declare_fact(n, d, bound, flow);
}

/* A branch, chosen by a test that binds a variable or by a condition. */
static void walk_if(struct nulls *n, struct stmt *s, struct flow *flow)
{
	struct decl *d = s->conditional.binding;
	struct expr *tested = d ? d->variable.init : s->conditional.condition;
	uint32_t count = flow->count;
	struct flow *no;

	if (d) {
		walk_binding(n, d, flow, &no);
	} else {
		null_walk_condition(n, tested, flow, &no);
	}
	walk_block(n, s->conditional.then, flow, false);
	flow_close(flow, count);
	if (s->conditional.otherwise)
		walk_stmt(n, s->conditional.otherwise, no);
	flow_join(&n->pool, flow, null_when(tested, true), no, null_when(tested, false));
	flow_give_back(&n->pool, no);
}

/* The body of a loop once; `head` gets what comes round. True when that changed it. */
static bool walk_round(struct nulls *n, struct block *body, struct flow *way, struct flow *head,
		       struct flow *breaks, span where)
{
	struct flow *continues = flow_copy(&n->pool, head);
	struct flow_loop loop = {n->loop, breaks, continues};

	continues->is_live = false;
	n->loop = &loop;
	walk_block(n, body, way, false);
	n->loop = loop.outer;
	struct null_path round = {where, "when it comes round this loop"};
	bool changed = flow_join(&n->pool, head, no_path, way, round);
	changed = flow_join(&n->pool, head, no_path, continues, round) || changed;
	flow_give_back(&n->pool, continues);
	return changed;
}

/* A loop with a condition, or one (NULL) that ends by itself any time. The flow at its head is kept, so
 * that walking an outer loop again does not begin from nothing. */
static void walk_loop(struct nulls *n, struct stmt *s, struct expr *condition, struct block *body,
		      struct flow *flow)
{
	struct flow *head = map_find_ptr(&n->heads, MAP_PTR(s)), *way, *no;
	struct flow *breaks = flow_copy(&n->pool, flow);
	bool changed;

	breaks->is_live = false;
	if (!head) {
		head = flow_copy(&n->pool, flow);
		map_set_ptr(&n->heads, MAP_PTR(s), head);
	} else {
		flow_join(&n->pool, head, no_path, flow, no_path);
	}
	do {
		way = flow_copy(&n->pool, head);
		if (condition)
			null_walk_condition(n, condition, way, &no);
		else
			no = flow_copy(&n->pool, way);
		changed = walk_round(n, body, way, head, breaks, s->where);
		flow_give_back(&n->pool, way);
		if (changed)
			flow_give_back(&n->pool, no);
	} while (changed);
	flow->is_live = false;
	flow_join(&n->pool, flow, no_path, no, no_path);
	flow_join(&n->pool, flow, no_path, breaks,
		  (struct null_path){s->where, "when a `break` ends this loop"});
	flow_give_back(&n->pool, no);
	flow_give_back(&n->pool, breaks);
}

static void walk_jump(struct nulls *n, struct stmt *s, struct flow *flow)
{
	if (n->loop)
		flow_join(&n->pool, s->kind == STMT_BREAK ? n->loop->breaks : n->loop->continues,
			  no_path, flow, no_path);
	flow->is_live = false;
}

static void note_result(struct nulls *n, struct fact fact)
{
	struct summary *s = &n->summaries[n->number];

	bool is_new_object = fact.is_object && !s->result.is_object;
	bool is_new_null = fact.state != NOT_NULL && s->result.state == NOT_NULL;
	if (!is_new_object && !is_new_null)
		return;
	bool is_object = fact.is_object || s->result.is_object;
	if (is_new_null)
		s->result = fact;
	s->result.is_object = is_object;
	for (uint32_t i = 0; i < s->callers.len; i++)
		null_enqueue(n, s->callers.data[i]);
}

static const struct fact *named_result(struct nulls *n, const struct flow *flow)
{
	const struct decl *f = n->c->funcs.data[n->number].decl;
	const struct decl *named = f->func.result_var.len ? f->func.result_var.data[0] : NULL;
	const uint64_t *place = named ? map_find(&n->places, MAP_PTR(named)) : NULL;

	return place && type_holds_null(named->type) ? flow_fact(flow, (uint32_t)*place - 1) : NULL;
}

static void walk_return(struct nulls *n, struct expr *e, span where, struct flow *flow)
{
	const struct decl *f = n->c->funcs.data[n->number].decl;
	const struct fact *named = named_result(n, flow);
	struct fact fact = named ? *named : (struct fact){NOT_NULL};

	if (e)
		fact = null_walk_expr(n, e, flow);
	if (n->deferred_result)
		fact = fact_join(fact, no_path, *n->deferred_result, no_path);
	if (!type_holds_null(f->type->func.result))
		fact = (struct fact){NOT_NULL};
	if (flow->is_live) {
		note_result(n, fact);
		owned_exit(n, where, fact, flow);
	}
	flow->is_live = false;
}

static void walk_try(struct nulls *n, struct stmt *s, struct flow *flow)
{
	struct flow_try attempt = {n->attempt, s, flow_copy(&n->pool, flow)};

	attempt.caught->has_no_owned = true;
	n->attempt = &attempt;
	walk_block(n, s->attempt.body, flow, false);
	n->attempt = attempt.outer;
	for (uint32_t i = 0; i < s->attempt.catches.len; i++) {
		struct catch_arm *arm = &s->attempt.catches.data[i];
		struct flow *way = flow_copy(&n->pool, attempt.caught);
		walk_block(n, arm->body, way, false);
		flow_join(&n->pool, flow, no_path, way,
			  (struct null_path){arm->where, "on the way through this `catch`"});
		flow_give_back(&n->pool, way);
	}
	flow_give_back(&n->pool, attempt.caught);
}

/* A deferred block may change the named result after it was returned. */
static void note_deferred_result(struct nulls *n, struct flow *flow, struct flow *after)
{
	const struct fact *was = named_result(n, flow), *is = named_result(n, after);

	if (!was || (was->state == is->state && was->origin == is->origin) ||
	    is->state == NOT_NULL || !after->is_live)
		return;
	n->deferred_result = arena_copy(n->c->arena, is, sizeof *is);
}

static void walk_defer(struct nulls *n, struct stmt *s, struct flow *flow)
{
	const decl_list *captures = &s->deferral.captures;

	for (uint32_t i = 0; i < captures->len; i++)
		null_declare(n, captures->data[i], captures->data[i]->variable.init, flow);
	struct flow *way = flow_copy(&n->pool, flow);
	bool was_in_defer = n->in_defer;
	n->in_defer = true;
	walk_block(n, s->deferral.block, way, false);
	n->in_defer = was_in_defer;
	note_deferred_result(n, flow, way);
	owned_defer(n, flow, way);
	flow_give_back(&n->pool, way);
}

static void walk_stmt(struct nulls *n, struct stmt *s, struct flow *flow)
{
	struct fact deleted;

	switch (s->kind) {
	case STMT_VAR:
		null_declare(n, s->var.decl, s->var.decl->variable.init, flow);
		break;
	case STMT_ASSIGN:
		walk_assign(n, s, flow);
		break;
	case STMT_EXPR:
		null_walk_expr(n, s->expr, flow);
		break;
	case STMT_DELETE:
		deleted = null_walk_expr(n, s->expr, flow);
		if (flow->is_live && s->expr->type->kind == TYPE_POINTER)
			owned_delete(n, s->expr, deleted, flow);
		break;
	case STMT_IF:
		walk_if(n, s, flow);
		break;
	case STMT_WHILE:
		walk_loop(n, s, s->loop.condition, s->loop.body, flow);
		break;
	case STMT_FOR_RANGE:
		null_walk_expr(n, s->range.begin, flow);
		null_walk_expr(n, s->range.end, flow);
		if (s->range.step)
			null_walk_expr(n, s->range.step, flow);
		walk_loop(n, s, NULL, s->range.body, flow);
		break;
	case STMT_FOR_MAP:
		walk_loop(n, s, NULL, s->each.body, flow);
		break;
	case STMT_BREAK:
	case STMT_CONTINUE:
		walk_jump(n, s, flow);
		break;
	case STMT_RETURN:
		walk_return(n, s->expr, s->where, flow);
		break;
	case STMT_THROW:
		null_walk_expr(n, s->expr, flow);
		if (flow->is_live)
			owned_throw(n, s, flow);
		flow->is_live = false;
		break;
	case STMT_TRY:
		walk_try(n, s, flow);
		break;
	case STMT_DEFER:
		walk_defer(n, s, flow);
		break;
	case STMT_BLOCK:
		walk_block(n, s->block, flow, false);
		break;
	case STMT_ERROR:
	case STMT_KIND_COUNT:
		break;
	}
}

/* Statements in a scope. With is_value: the fact of the last one, an expression. */
static struct fact walk_block(struct nulls *n, struct block *b, struct flow *flow, bool is_value)
{
	uint32_t count = flow->count;
	struct fact value = {NOT_NULL};

	for (uint32_t i = 0; i < b->stmts.len; i++) {
		struct stmt *s = b->stmts.data[i];
		if (is_value && i + 1 == b->stmts.len && s->kind == STMT_EXPR)
			value = null_walk_expr(n, s->expr, flow);
		else
			walk_stmt(n, s, flow);
	}
	flow_close(flow, count);
	return value;
}

/* ---- functions ---- */

static void walk_function(struct nulls *n, uint32_t number)
{
	struct decl *d = n->c->funcs.data[number].decl;
	struct flow none = {.is_live = true}, *flow = flow_copy(&n->pool, &none);
	const struct block *body = d->func.body;

	n->number = number;
	n->sites.len = 0;
	map_clear(&n->heads);
	map_clear(&n->places);
	map_clear(&n->site_at);
	n->deferred_result = NULL;
	for (uint32_t i = 0; i < d->func.params.len; i++)
		null_declare_fact(n, d->func.params.data[i], n->summaries[number].params[i], flow);
	owned_begin(n, flow);
	if (d->func.result_var.len)
		null_declare(n, d->func.result_var.data[0], NULL, flow);
	uint32_t count = flow->count;
	walk_block(n, d->func.body, flow, false);
	flow_close(flow, count);
	if (flow->is_live)
		walk_return(n, NULL, (span){body->where.end - 1, body->where.end}, flow);
	owned_end(n);
	flow_give_back(&n->pool, flow);
}

static void walk_queue(struct nulls *n)
{
	for (uint32_t at = 0; at < n->queue.len; at++) {
		uint32_t number = n->queue.data[at];
		n->summaries[number].is_queued = false;
		const struct func_info *f = &n->c->funcs.data[number];
		if (!f->is_skipped && !f->is_damaged)
			walk_function(n, number);
	}
	n->queue.len = 0;
}

void check_nulls(struct checker *c)
{
	uint32_t count = c->funcs.len;
	struct nulls n = {
		.c = c,
		.pool = {.arena = c->arena},
		.summaries = ARENA_ARRAY(c->arena, struct summary, count),
	};

	map_init(&n.places, c->arena);
	map_init(&n.heads, c->arena);
	map_init(&n.leaf_counts, c->arena);
	map_init(&n.site_at, c->arena);
	for (uint32_t i = 0; i < count; i++) {
		const struct func_info *f = &c->funcs.data[i];
		uint32_t params = f->decl->func.params.len + 1;
		n.summaries[i].params = ARENA_ARRAY(c->arena, struct fact, params);
		n.summaries[i].uses = ARENA_ARRAY(c->arena, uint8_t, params);
		for (uint32_t j = 0; j + 1 < params; j++)
			if (f->decl->func.params.data[j]->variable.may_be_null)
				n.summaries[i].params[j] = make_fact(
					&n, MAY_BE_NULL, f->decl->func.params.data[j]->where,
					"the kernel may give null here", NULL);
		for (uint32_t j = 0; j < f->calls.len; j++)
			vec_push(c->arena, &n.summaries[f->calls.data[j].callee].callers, i);
		null_enqueue(&n, i);
	}
	walk_queue(&n);
	if (!n.has_owned || c->has_syntax_errors)
		return;
	n.judges_owned = true;
	for (uint32_t i = 0; i < count; i++)
		null_enqueue(&n, i);
	walk_queue(&n);
}
