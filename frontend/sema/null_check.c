/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The null proof: a pointer that may be null is tested on every way on which it is read or written
 * through. It walks checked bodies in the order in which they run and knows, of every pointer in a
 * local or a parameter, whether it may be null there; conditions narrow that. Loops are walked until
 * nothing changes.
 *
 * Null comes from `null`, variables without a value, ctx.at(), BPF helpers that may find nothing,
 * functions that return one of these, and parameters to which some call passes one. All other pointers
 * are trusted: fields, elements, and variables whose address is taken. What parameters and results may
 * be only ever gets worse, so functions are walked again when what they depend on changed, and a report
 * once made stays right.
 */
#include "frontend/sema/null_flow.h"

enum { NOTES_MAX = 4 };

/* What is known of a function from outside. */
struct summary {
	struct fact result;
	struct fact *params; // what the calls seen so far pass
	bool is_queued;
	VEC(uint32_t) callers;
};

struct flow_loop {
	struct flow_loop *outer;
	struct flow *breaks, *continues;
};

/* A `try` around a statement: what holds at its catch arms. */
struct flow_try {
	struct flow_try *outer;
	struct flow *caught;
};

struct nulls {
	struct checker *c;
	struct flow_pool pool;
	struct summary *summaries; // by number of the function
	VEC(uint32_t) queue;
	struct map places; // decl to place among the facts + 1
	struct map heads;  // loop statement to the flow at its head
	uint32_t number;   // function being walked
	struct flow_loop *loop;
	struct flow_try *attempt;
};

static const struct null_path no_path;

static struct fact walk_expr(struct nulls *n, struct expr *e, struct flow *flow);
static void walk_condition(struct nulls *n, struct expr *e, struct flow *yes, struct flow **no);
static struct fact walk_block(struct nulls *n, struct block *b, struct flow *flow, bool is_value);
static void walk_stmt(struct nulls *n, struct stmt *s, struct flow *flow);

/* ---- facts ---- */

static struct fact make_fact(struct nulls *n, enum null_state state, span where, const char *text,
			     const struct null_origin *cause)
{
	struct null_origin *o = ARENA_NEW(n->c->arena, struct null_origin);

	*o = (struct null_origin){where, text, cause};
	return (struct fact){.state = state, .origin = o};
}

static bool is_tracked(const struct decl *d)
{
	return (d->kind == DECL_LOCAL || d->kind == DECL_PARAM) && d->type &&
	       d->type->kind == TYPE_POINTER && !type_is_ctx_pointer(d->type) &&
	       !d->variable.is_address_taken;
}

/* The variable behind conversions of an expression, or NULL. */
static const struct decl *variable_of(const struct expr *e)
{
	while (e->type && e->type->kind == TYPE_POINTER) {
		if (e->kind == EXPR_CONVERT)
			e = e->convert.operand;
		else if (e->kind == EXPR_CAST)
			e = e->cast.operand;
		else
			break;
	}
	return e->kind == EXPR_NAME && e->name.decl && is_tracked(e->name.decl) ? e->name.decl
										: NULL;
}

static struct fact *find_fact(struct nulls *n, const struct decl *d, struct flow *flow)
{
	const uint64_t *place = d ? map_find(&n->places, MAP_PTR(d)) : NULL;

	return place && *place <= flow->count ? &flow->facts[*place - 1] : NULL;
}

static void declare(struct nulls *n, const struct decl *d, struct fact fact, struct flow *flow)
{
	if (!is_tracked(d))
		return;
	flow_push(&n->pool, flow, fact);
	*map_insert(&n->places, MAP_PTR(d)) = flow->count;
}

/* Gives a variable what is assigned to it; a throw may show it to a catch arm any time later. */
static void assign(struct nulls *n, const struct decl *d, struct fact fact, struct flow *flow)
{
	struct fact *place = find_fact(n, d, flow);

	if (!place || !flow->is_live)
		return;
	*place = fact;
	for (struct flow_try *t = n->attempt; t; t = t->outer) {
		struct fact *caught = find_fact(n, d, t->caught);
		if (caught)
			*caught = fact_join(*caught, no_path, fact, no_path);
	}
}

/* ---- reports ---- */

static void report_null(struct nulls *n, const struct expr *e, struct fact fact, struct flow *flow)
{
	struct checker *c = n->c;
	const struct decl *d = variable_of(e);
	const char *name = d ? NAME(c, d->name) : NULL;
	bool is_null = fact.state == IS_NULL;
	const char *what = name      ? arena_printf(c->arena, "`%s`, which %s", name,
                                               is_null ? "is null here" : "may be null here")
			   : is_null ? "`null`"
				     : "a pointer that may be null";
	struct diag *diag = diag_report(c->diags, D_NULL_DEREFERENCE, e->where, what);

	for (uint32_t i = 0; fact.origin && i < NOTES_MAX; i++, fact.origin = fact.origin->cause)
		if (fact.origin->text)
			diag_note(c->diags, diag, fact.origin->where, "%s", fact.origin->text);
	if (fact.path.text && name)
		diag_note(c->diags, diag, fact.path.where, "`%s` %s %s", name,
			  fact.path_state == IS_NULL ? "is null" : "is not tested", fact.path.text);
	if (name && !is_null)
		diag_hint(c->diags, diag, "test it first: `if (%s) { … }`", name);
	else if (!is_null)
		diag_hint(c->diags, diag, "bind and test it first: `if (var p = …) { … }`");
	assign(n, d, (struct fact){.is_object = fact.is_object}, flow); // said once
}

static bool runs_in_bpf(const struct nulls *n)
{
	const struct decl *d = n->c->funcs.data[n->number].decl;

	return d->func.target == TARGET_BPF || d->func.used_from[TARGET_BPF];
}

/* A read or write through `pointer`. */
static void walk_access(struct nulls *n, struct expr *pointer, struct flow *flow)
{
	struct fact fact = walk_expr(n, pointer, flow);

	if (fact.state != NOT_NULL && flow->is_live)
		report_null(n, pointer, fact, flow);
	if (fact.is_object && flow->is_live && runs_in_bpf(n))
		report_unavailable(n->c, pointer->where,
				   arena_printf(n->c->arena, "an access to a kernel object (`%s`)",
						TEXT(n->c, pointer->type->element)));
}

/* ---- calls ---- */

static void enqueue(struct nulls *n, uint32_t number)
{
	struct summary *s = &n->summaries[number];

	if (s->is_queued)
		return;
	s->is_queued = true;
	vec_push(n->c->arena, &n->queue, number);
}

static void pass_argument(struct nulls *n, uint32_t callee, uint32_t index, const struct expr *arg,
			  struct fact fact)
{
	struct fact *known = &n->summaries[callee].params[index];

	bool is_new_object = fact.is_object && !known->is_object;
	bool is_new_null = fact.state != NOT_NULL && known->state == NOT_NULL;
	if (!is_new_object && !is_new_null)
		return;
	bool is_object = fact.is_object || known->is_object;
	if (is_new_null)
		*known = make_fact(n, MAY_BE_NULL, arg->where,
				   "this call passes a pointer that may be null", fact.origin);
	known->is_object = is_object;
	enqueue(n, callee);
}

/* What the call of something that is no function of the program gives. */
static struct fact outside_result(struct nulls *n, const struct expr *e)
{
	struct checker *c = n->c;
	const struct decl *d = e->call.target;
	const char *name = d ? NAME(c, d->name) : "";

	if (d && d->kind == DECL_BUILTIN && d->builtin.id == BUILTIN_CTX_AT)
		return make_fact(n, MAY_BE_NULL, e->where,
				 "`ctx.at` gives null when the packet is too short", NULL);
	if (d && d->kind == DECL_BUILTIN && map_null_text(d->builtin.id))
		return make_fact(n, MAY_BE_NULL, e->where, map_null_text(d->builtin.id), NULL);
	const struct helper_info *h =
		d && d->kind == DECL_EXTERN ? c->info->find_helper(name, c->info->kernel) : NULL;
	struct fact fact = {NOT_NULL};
	if (h && h->may_give_null)
		fact = make_fact(n, MAY_BE_NULL, e->where,
				 arena_printf(c->arena, "`%s` may give null", name), NULL);
	fact.is_object = h && h->gives_object;
	return fact;
}

/* A socket that a helper takes must be there, like one that is read. */
static bool wants_object(struct nulls *n, const struct decl *d, uint32_t index)
{
	const struct helper_info *h =
		d && d->kind == DECL_EXTERN
			? n->c->info->find_helper(NAME(n->c, d->name), n->c->info->kernel)
			: NULL;

	return h && index < strlen(h->args) && h->args[index] == 's';
}

static struct fact walk_call(struct nulls *n, struct expr *e, struct flow *flow)
{
	struct expr *callee = e->call.callee;
	const struct decl *d = e->call.target;
	const uint64_t *place = d ? map_find(&n->c->func_index, MAP_PTR(d)) : NULL;

	if (callee->kind == EXPR_FIELD)
		walk_expr(n, callee->field.base, flow);
	else if (!d)
		walk_expr(n, callee, flow);
	for (uint32_t i = 0; i < e->call.args.len; i++) {
		struct expr *arg = e->call.args.data[i];
		struct fact fact = walk_expr(n, arg, flow);
		if (fact.state != NOT_NULL && flow->is_live && wants_object(n, d, i))
			report_null(n, arg, fact, flow);
		if (place && flow->is_live && i < d->func.params.len)
			pass_argument(n, (uint32_t)*place - 1, i, arg, fact);
	}
	if (!place)
		return outside_result(n, e);
	struct fact result = n->summaries[*place - 1].result;
	if (result.state == NOT_NULL)
		return result;
	struct fact fact =
		make_fact(n, MAY_BE_NULL, e->where,
			  arena_printf(n->c->arena, "`%s` may return null", NAME(n->c, d->name)),
			  result.origin);
	fact.is_object = result.is_object;
	return fact;
}

/* ---- expressions ---- */

static struct fact walk_arm_value(struct nulls *n, struct match_arm *arm, struct flow *flow,
				  bool is_value)
{
	if (arm->value)
		return walk_expr(n, arm->value, flow);
	return arm->body ? walk_block(n, arm->body, flow, is_value) : (struct fact){NOT_NULL};
}

static struct fact walk_match(struct nulls *n, struct expr *e, struct flow *flow)
{
	bool is_value = e->type->kind != TYPE_VOID, has_default = false;
	struct fact result = {NOT_NULL};

	walk_expr(n, e->match.subject, flow);
	struct flow *after = flow_copy(&n->pool, flow), *entry = flow_copy(&n->pool, flow);
	after->is_live = false;
	for (uint32_t i = 0; i < e->match.arms.len; i++) {
		struct match_arm *arm = &e->match.arms.data[i];
		struct flow *way = flow_copy(&n->pool, entry);
		struct null_path path = {arm->where, "on the way through this arm"};
		struct fact value = walk_arm_value(n, arm, way, is_value);
		if (way->is_live)
			result = after->is_live ? fact_join(result, no_path, value, path) : value;
		flow_join(after, no_path, way, path);
		flow_give_back(&n->pool, way);
		for (uint32_t j = 0; j < arm->patterns.len; j++)
			has_default = has_default || !arm->patterns.data[j].low;
	}
	if (!has_default && !is_value)
		flow_join(after, no_path, entry,
			  (struct null_path){e->match.subject->where, "when no arm matches"});
	flow->is_live = false;
	flow_join(flow, no_path, after, no_path);
	flow_give_back(&n->pool, after);
	flow_give_back(&n->pool, entry);
	return result;
}

static struct null_path when(const struct expr *condition, bool is_true)
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

	walk_condition(n, condition, flow, &no);
	struct fact a = walk_block(n, e->conditional.then, flow, is_value);
	if (e->conditional.otherwise)
		b = walk_block(n, e->conditional.otherwise, no, is_value);
	if (!flow->is_live)
		a = b;
	else if (no->is_live)
		a = fact_join(a, when(condition, true), b, when(condition, false));
	flow_join(flow, when(condition, true), no, when(condition, false));
	flow_give_back(&n->pool, no);
	return a;
}

static struct fact walk_binary(struct nulls *n, struct expr *e, struct flow *flow)
{
	struct flow *no;

	if (e->binary.op == BINARY_LOGAND || e->binary.op == BINARY_LOGOR) {
		walk_condition(n, e, flow, &no);
		flow_join(flow, when(e, true), no, when(e, false));
		flow_give_back(&n->pool, no);
		return (struct fact){NOT_NULL};
	}
	struct fact left = walk_expr(n, e->binary.left, flow);
	struct fact right = walk_expr(n, e->binary.right, flow);
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
		walk_expr(n, base, flow);
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
			walk_expr(n, e->literal.fields.data[i].value, flow);
	else
		for (uint32_t i = 0; i < e->array.items.len; i++)
			walk_expr(n, e->array.items.data[i], flow);
}

static struct fact walk_expr(struct nulls *n, struct expr *e, struct flow *flow)
{
	struct fact fine = {NOT_NULL}, fact;
	const struct fact *known;

	if (!e->type || e->type->kind == TYPE_ERROR)
		return fine;
	if (e->is_const) {
		bool is_null = e->type->kind == TYPE_POINTER && !e->value;
		return is_null ? make_fact(n, IS_NULL, e->where, "null comes from here", NULL)
			       : fine;
	}
	switch (e->kind) {
	case EXPR_NAME:
		known = find_fact(n, variable_of(e), flow);
		return known ? *known : fine;
	case EXPR_UNARY:
		if (e->unary.op == UNARY_DEREF) {
			walk_access(n, e->unary.operand, flow);
			return fine;
		}
		walk_expr(n, e->unary.operand, flow);
		return fine;
	case EXPR_BINARY:
		return walk_binary(n, e, flow);
	case EXPR_IN:
		walk_expr(n, e->binary.left, flow);
		return fine;
	case EXPR_CALL:
		return walk_call(n, e, flow);
	case EXPR_INDEX:
		walk_base(n, e->index.base, flow);
		walk_expr(n, e->index.index, flow);
		return fine;
	case EXPR_FIELD:
		walk_base(n, e->field.base, flow);
		if (may_be_null_row(e))
			return make_fact(n, MAY_BE_NULL, e->where,
					 "this field of the context may be null", NULL);
		fine.is_object = e->type->kind == TYPE_POINTER && is_kernel_field(n, e);
		return fine;
	case EXPR_CAST:
		fact = walk_expr(n, e->cast.operand, flow);
		return e->type->kind == TYPE_POINTER ? fact : fine;
	case EXPR_CONVERT:
		fact = walk_expr(n, e->convert.operand, flow);
		return e->type->kind == TYPE_POINTER ? fact : fine;
	case EXPR_STRUCT:
	case EXPR_ARRAY:
		walk_parts(n, e, flow);
		return fine;
	case EXPR_MATCH:
		return walk_match(n, e, flow);
	case EXPR_IF:
		return walk_if_expr(n, e, flow);
	case EXPR_INT:
	case EXPR_CHAR:
	case EXPR_BOOL:
	case EXPR_NULL:
	case EXPR_STRING:
	case EXPR_NEW:
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

/* After a test of `e`: not null in one flow, null in the other. */
static void narrow(struct nulls *n, const struct expr *e, struct flow *not_null, struct flow *null)
{
	const struct decl *d = variable_of(e);
	struct fact *fact = find_fact(n, d, not_null);

	if (!fact)
		return;
	if (fact->state == IS_NULL)
		not_null->is_live = false;
	fact->state = NOT_NULL;
	fact = find_fact(n, d, null);
	fact->state = IS_NULL;
	fact->path = no_path;
	if (!fact->origin)
		fact->origin = make_fact(n, IS_NULL, e->where, NULL, NULL).origin;
}

static void walk_comparison(struct nulls *n, struct expr *e, struct flow *yes, struct flow **no)
{
	struct fact left = walk_expr(n, e->binary.left, yes);
	struct fact right = walk_expr(n, e->binary.right, yes);

	*no = flow_copy(&n->pool, yes);
	struct flow *equal = e->binary.op == BINARY_EQ ? yes : *no;
	struct flow *unequal = e->binary.op == BINARY_EQ ? *no : yes;
	if (right.state == IS_NULL)
		narrow(n, e->binary.left, unequal, equal);
	else if (left.state == IS_NULL)
		narrow(n, e->binary.right, unequal, equal);
}

static void walk_connective(struct nulls *n, struct expr *e, struct flow *yes, struct flow **no)
{
	bool is_and = e->binary.op == BINARY_LOGAND;
	struct expr *left = e->binary.left, *right = e->binary.right;
	struct flow *second;

	walk_condition(n, left, yes, no);
	struct flow *decided = is_and ? *no : yes, *open = is_and ? yes : *no;
	walk_condition(n, right, open, &second);
	if (is_and) { // open: both hold; second: the right side does not
		flow_join(decided, when(left, false), second, when(right, false));
		flow_give_back(&n->pool, second);
	} else { // open: the right side holds; second: neither does
		flow_join(decided, when(left, true), open, when(right, true));
		flow_give_back(&n->pool, open);
		*no = second;
	}
}

/* Walks a condition. `yes` becomes what holds when it is true, *no what holds when it is not. */
static void walk_condition(struct nulls *n, struct expr *e, struct flow *yes, struct flow **no)
{
	bool is_test = e->kind == EXPR_CONVERT && e->convert.conversion == CONV_TRUTH &&
		       e->convert.operand->type->kind == TYPE_POINTER;

	if (e->is_const || !e->type) {
		*no = flow_copy(&n->pool, yes);
		if (e->is_const)
			(e->value ? *no : yes)->is_live = false;
	} else if (is_test) {
		walk_expr(n, e->convert.operand, yes);
		*no = flow_copy(&n->pool, yes);
		narrow(n, e->convert.operand, yes, *no);
	} else if (e->kind == EXPR_UNARY && e->unary.op == UNARY_NOT) {
		walk_condition(n, e->unary.operand, yes, no);
		struct flow swapped = *yes;
		*yes = **no;
		**no = swapped;
	} else if (e->kind == EXPR_BINARY &&
		   (e->binary.op == BINARY_LOGAND || e->binary.op == BINARY_LOGOR)) {
		walk_connective(n, e, yes, no);
	} else if (e->kind == EXPR_BINARY &&
		   (e->binary.op == BINARY_EQ || e->binary.op == BINARY_NE)) {
		walk_comparison(n, e, yes, no);
	} else {
		walk_expr(n, e, yes);
		*no = flow_copy(&n->pool, yes);
	}
}

/* ---- statements ---- */

static void walk_local(struct nulls *n, struct decl *d, struct flow *flow)
{
	struct fact fact = {NOT_NULL};

	if (d->variable.init)
		fact = walk_expr(n, d->variable.init, flow);
	else if (is_tracked(d))
		fact = make_fact(n, IS_NULL, d->name_where, "it is null until a value is assigned",
				 NULL);
	declare(n, d, fact, flow);
}

static void walk_assign(struct nulls *n, struct stmt *s, struct flow *flow)
{
	struct expr *target = s->assign.target;
	struct fact fact;

	if (target->kind != EXPR_NAME)
		walk_expr(n, target, flow);
	fact = walk_expr(n, s->assign.value, flow);
	if (s->assign.op == ASSIGN_PLAIN && target->kind == EXPR_NAME)
		assign(n, target->name.decl, fact, flow);
}

/* A branch, chosen by a test that binds a variable or by a condition. */
static void walk_if(struct nulls *n, struct stmt *s, struct flow *flow)
{
	struct decl *d = s->conditional.binding;
	struct expr *tested = d ? d->variable.init : s->conditional.condition;
	uint32_t count = flow->count;
	struct flow *no;

	if (d) {
		struct fact bound = walk_expr(n, tested, flow);
		no = flow_copy(&n->pool, flow);
		narrow(n, tested, flow, no);
		declare(n, d, (struct fact){.is_object = bound.is_object}, flow);
	} else {
		walk_condition(n, tested, flow, &no);
	}
	walk_block(n, s->conditional.then, flow, false);
	flow_close(flow, count);
	if (s->conditional.otherwise)
		walk_stmt(n, s->conditional.otherwise, no);
	flow_join(flow, when(tested, true), no, when(tested, false));
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
	bool changed = flow_join(head, no_path, way, round);
	changed = flow_join(head, no_path, continues, round) || changed;
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
		flow_join(head, no_path, flow, no_path);
	}
	do {
		way = flow_copy(&n->pool, head);
		if (condition)
			walk_condition(n, condition, way, &no);
		else
			no = flow_copy(&n->pool, way);
		changed = walk_round(n, body, way, head, breaks, s->where);
		flow_give_back(&n->pool, way);
		if (changed)
			flow_give_back(&n->pool, no);
	} while (changed);
	flow->is_live = false;
	flow_join(flow, no_path, no, no_path);
	flow_join(flow, no_path, breaks,
		  (struct null_path){s->where, "when a `break` ends this loop"});
	flow_give_back(&n->pool, no);
	flow_give_back(&n->pool, breaks);
}

static void walk_jump(struct nulls *n, struct stmt *s, struct flow *flow)
{
	if (n->loop)
		flow_join(s->kind == STMT_BREAK ? n->loop->breaks : n->loop->continues, no_path,
			  flow, no_path);
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
		enqueue(n, s->callers.data[i]);
}

static void walk_return(struct nulls *n, struct expr *e, struct flow *flow)
{
	const struct decl *f = n->c->funcs.data[n->number].decl;
	const struct decl *named = f->func.result_var.len ? f->func.result_var.data[0] : NULL;
	const struct fact *known = find_fact(n, named, flow);
	struct fact fact = known ? *known : (struct fact){NOT_NULL};

	if (e)
		fact = walk_expr(n, e, flow);
	if (flow->is_live)
		note_result(n, fact);
	flow->is_live = false;
}

static void walk_try(struct nulls *n, struct stmt *s, struct flow *flow)
{
	struct flow_try attempt = {n->attempt, flow_copy(&n->pool, flow)};

	n->attempt = &attempt;
	walk_block(n, s->attempt.body, flow, false);
	n->attempt = attempt.outer;
	for (uint32_t i = 0; i < s->attempt.catches.len; i++) {
		struct catch_arm *arm = &s->attempt.catches.data[i];
		struct flow *way = flow_copy(&n->pool, attempt.caught);
		walk_block(n, arm->body, way, false);
		flow_join(flow, no_path, way,
			  (struct null_path){arm->where, "on the way through this `catch`"});
		flow_give_back(&n->pool, way);
	}
	flow_give_back(&n->pool, attempt.caught);
}

static void walk_defer(struct nulls *n, struct stmt *s, struct flow *flow)
{
	struct flow *way = flow_copy(&n->pool, flow);

	walk_block(n, s->block, way, false);
	flow_give_back(&n->pool, way);
}

static void walk_stmt(struct nulls *n, struct stmt *s, struct flow *flow)
{
	switch (s->kind) {
	case STMT_VAR:
		walk_local(n, s->var.decl, flow);
		break;
	case STMT_ASSIGN:
		walk_assign(n, s, flow);
		break;
	case STMT_EXPR:
	case STMT_DELETE:
		walk_expr(n, s->expr, flow);
		break;
	case STMT_IF:
		walk_if(n, s, flow);
		break;
	case STMT_WHILE:
		walk_loop(n, s, s->loop.condition, s->loop.body, flow);
		break;
	case STMT_FOR_RANGE:
		walk_expr(n, s->range.begin, flow);
		walk_expr(n, s->range.end, flow);
		if (s->range.step)
			walk_expr(n, s->range.step, flow);
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
		walk_return(n, s->expr, flow);
		break;
	case STMT_THROW:
		walk_expr(n, s->expr, flow);
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
			value = walk_expr(n, s->expr, flow);
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

	n->number = number;
	map_clear(&n->heads);
	map_clear(&n->places);
	for (uint32_t i = 0; i < d->func.params.len; i++)
		declare(n, d->func.params.data[i], n->summaries[number].params[i], flow);
	if (d->func.result_var.len)
		walk_local(n, d->func.result_var.data[0], flow);
	uint32_t count = flow->count;
	walk_block(n, d->func.body, flow, false);
	flow_close(flow, count);
	if (flow->is_live)
		walk_return(n, NULL, flow);
	flow_give_back(&n->pool, flow);
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
	for (uint32_t i = 0; i < count; i++) {
		const struct func_info *f = &c->funcs.data[i];
		n.summaries[i].params =
			ARENA_ARRAY(c->arena, struct fact, f->decl->func.params.len + 1);
		for (uint32_t j = 0; j < f->calls.len; j++)
			vec_push(c->arena, &n.summaries[f->calls.data[j].callee].callers, i);
		enqueue(&n, i);
	}
	for (uint32_t at = 0; at < n.queue.len; at++) {
		uint32_t number = n.queue.data[at];
		n.summaries[number].is_queued = false;
		if (!c->funcs.data[number].is_skipped)
			walk_function(&n, number);
	}
}
