/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions as a whole: what their attributes make of them, which target may call which, and the
 * call graph: what runs in eBPF, and that nothing there calls itself.
 */
#include "frontend/sema/check.h"

/* ---- attributes ---- */

static const char *target_name(enum func_target target)
{
	return target == TARGET_BPF    ? "eBPF"
	       : target == TARGET_USER ? "userspace"
				       : "kernel-module";
}

static bool is_program_attribute(struct checker *c, const char *name)
{
	const struct program_kind *k;

	for (uint32_t i = 0; (k = c->info->program_kind_at(i)); i++)
		if (!strcmp(k->attribute, name))
			return true;
	return false;
}

void report_attribute(struct checker *c, const struct attribute *a, const char *what)
{
	static const char *const others[] = {"packed", "align", "flags"};
	const char *name = NAME(c, a->name);
	struct suggestion s = suggestion_begin(name);
	const struct program_kind *k;
	bool is_known = is_program_attribute(c, name) || is_role_attribute(name) ||
			find_unavailable(ATTRIBUTE, name);

	offer_roles(&s);
	for (uint32_t i = 0; i < sizeof others / sizeof *others; i++) {
		is_known = is_known || !strcmp(others[i], name);
		suggestion_offer(&s, others[i]);
	}
	if (is_known) {
		diag_report(c->diags, D_ATTRIBUTE_MISPLACED, a->where, name, what);
		return;
	}
	for (uint32_t i = 0; (k = c->info->program_kind_at(i)); i++)
		suggestion_offer(&s, k->attribute);
	struct diag *d = diag_report(c->diags, D_UNKNOWN_ATTRIBUTE, a->where, name);
	const char *ours = foreign_attribute(name);
	if (ours)
		diag_hint(c->diags, d, "here it is written `@%s`", ours);
	else if (s.best)
		diag_hint(c->diags, d, "did you mean `@%s`?", s.best);
	else
		return;
	span word = {a->where.begin + 1, a->where.begin + 1 + (uint32_t)strlen(name)};
	diag_fix(c->diags, d, word, ours ? ours : s.best);
}

/* The program kind that an attribute with its argument names; NULL after a diagnostic. */
static const struct program_kind *find_program_kind(struct checker *c, const struct attribute *a)
{
	const char *name = NAME(c, a->name);
	const char *arg = a->arg && a->arg->kind == EXPR_STRING ? a->arg->string.data : "";
	const char *choices = NULL;
	struct suggestion s = suggestion_begin(arg);
	bool may_lack = false;
	const struct program_kind *k;

	for (uint32_t i = 0; (k = c->info->program_kind_at(i)); i++) {
		if (strcmp(k->attribute, name) != 0)
			continue;
		if (k->names != NAMES_NOTHING) {
			if (*arg)
				return k;
			diag_report(c->diags, D_ATTRIBUTE_ARGUMENT, a->where, name,
				    "the name of what it watches, as a string");
			return NULL;
		}
		bool has_right_form = *k->arg ? a->arg != NULL : a->arg == NULL;
		if (has_right_form && !strcmp(k->arg, arg))
			return k;
		may_lack = may_lack || !*k->arg;
		if (!*k->arg)
			continue;
		suggestion_offer(&s, k->arg);
		choices = arena_printf(c->arena, "%s%s`\"%s\"`", choices ? choices : "",
				       choices ? " or " : "", k->arg);
	}
	if (choices && may_lack)
		choices = arena_printf(c->arena, "no argument or %s", choices);
	struct diag *d = diag_report(c->diags, D_ATTRIBUTE_ARGUMENT, a->where, name,
				     choices ? choices : "no argument");
	if (*arg && s.best)
		diag_hint(c->diags, d, "did you mean `@%s(\"%s\")`?", name, s.best);
	return NULL;
}

/* The kind that watches a place inside of a function, for one that watches functions. */
static const struct program_kind *kind_of_place(struct checker *c, const struct decl *d)
{
	const struct program_kind *k = d->func.program, *other;

	if (k->names != NAMES_FUNCTION || !k->fallback || !strchr(d->func.program_arg, '+'))
		return k;
	for (uint32_t i = 0; (other = c->info->program_kind_at(i)); i++)
		if (!strcmp(other->name, k->fallback) && other->names == NAMES_PLACE)
			return other;
	return k;
}

/* Reads the attributes of a function. False when its body is not to be checked. */
static bool check_attributes(struct checker *c, struct decl *d)
{
	const struct attribute *first = NULL;

	d->func.target = TARGET_USER;
	for (uint32_t i = 0; i < d->attrs.len; i++) {
		const struct attribute *a = &d->attrs.data[i];
		const char *name = NAME(c, a->name);
		const char *what = find_unavailable(ATTRIBUTE, name);
		bool is_program = is_program_attribute(c, name), is_role = is_role_attribute(name);
		bool is_wrong = !strcmp(name, "struct_ops");
		if (is_wrong || (!is_program && !is_role && !what)) {
			report_attribute(c, a, "a function");
			continue;
		}
		if (first) {
			diag_report(c->diags, D_ATTRIBUTE_CONFLICT, a->where, NAME(c, first->name),
				    name);
			continue;
		}
		first = a;
		if (is_role) {
			apply_role(c, d, a);
			continue;
		}
		if (!is_program) {
			note_unavailable(c, a->where, what);
			d->func.target = TARGET_BPF;
			d->func.role = ROLE_PROGRAM;
			d->func.is_unavailable = true;
			continue;
		}
		d->func.target = TARGET_BPF;
		d->func.program = find_program_kind(c, a);
		if (!d->func.program)
			return false;
		if (d->func.program->kernel > c->info->kernel)
			diag_report(c->diags, D_KERNEL_LACKS_PROGRAM, a->where,
				    kind_text(c, d->func.program),
				    release_text(c, d->func.program->kernel));
		if (a->arg && a->arg->kind == EXPR_STRING)
			d->func.program_arg = a->arg->string.data;
		if (d->func.program_arg)
			d->func.program = kind_of_place(c, d);
	}
	return true;
}

/* ---- signatures ---- */

/* The context of some programs is a struct of the author's, or there is none. */
static void check_own_context(struct checker *c, const struct decl *d)
{
	const struct type *t = d->type;
	uint32_t count = t->func.param_count;
	const struct type *ctx = count ? t->func.params[0] : NULL;
	struct type *record = ctx && ctx->kind == TYPE_POINTER ? ctx->element : NULL;

	if ((ctx && ctx->kind == TYPE_ERROR) || t->func.result->kind == TYPE_ERROR)
		return;
	bool is_good = record && record->kind == TYPE_STRUCT && !record->record.is_ctx &&
		       !type_is_kernel(record) &&
		       complete_type(c, record, d->func.params.data[0]->where) && record->size;
	if (count > 1 || (count && !is_good) || t->func.result != c->types->i32)
		diag_report(c->diags, D_PROGRAM_SIGNATURE, d->name_where,
			    d->func.program->attribute, NAME(c, d->name), "*S",
			    "i32`, S a struct of your own, or without a parameter, as `-> i32");
}

static void check_program_signature(struct checker *c, struct decl *d)
{
	const struct program_kind *k = d->func.program;
	struct type *ctx = resolve_type_text(c, arena_printf(c->arena, "*%s", k->context));
	struct type *result = resolve_type_text(c, k->result);
	const struct type *t = d->type;

	for (uint32_t i = 0; i < t->func.param_count; i++)
		if (t->func.params[i]->kind == TYPE_ERROR)
			return;
	if (t->func.result->kind == TYPE_ERROR)
		return;
	if (t->func.param_count == 1 && t->func.params[0] == ctx && t->func.result == result)
		return;
	diag_report(c->diags, D_PROGRAM_SIGNATURE, d->name_where, k->attribute, NAME(c, d->name),
		    TEXT(c, ctx), TEXT(c, result));
}

static bool is_option_type(const struct type *t)
{
	return t->kind == TYPE_BOOL || t->kind == TYPE_INT || t->kind == TYPE_STR ||
	       t->kind == TYPE_ERROR;
}

static void check_main_signature(struct checker *c, struct decl *d)
{
	const struct type *t = d->type;
	bool ok = t->func.result == c->types->i32 || t->func.result->kind == TYPE_ERROR;

	ok = ok && t->func.param_count <= 1;
	const struct type *s = ok && t->func.param_count == 1 ? t->func.params[0] : NULL;
	if (!ok || (s && s->kind != TYPE_STRUCT && s->kind != TYPE_ERROR)) {
		diag_report(c->diags, D_MAIN_SIGNATURE, d->name_where);
		return;
	}
	for (uint32_t i = 0; s && s->kind == TYPE_STRUCT && i < s->record.fields.len; i++) {
		const struct decl *f = s->record.fields.data[i];
		if (!is_option_type(f->type))
			diag_report(c->diags, D_OPTION_TYPE, f->where, NAME(c, f->name),
				    TEXT(c, f->type));
	}
}

void check_function_signature(struct checker *c, struct decl *d)
{
	uint32_t count = d->func.params.len;
	struct type **params = ARENA_ARRAY(c->arena, struct type *, count);

	if (d->kind == DECL_EXTERN || d->func.role == ROLE_OPERATION)
		d->func.target = TARGET_BPF;
	else if (!check_attributes(c, d)) {
		d->type = c->types->error;
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct decl *p = d->func.params.data[i];
		params[i] = p->type = check_value_type(c, p->variable.node);
		p->variable.index = i;
	}
	struct type *result = d->func.result ? check_type(c, d->func.result) : c->types->void_;
	if (result->kind != TYPE_VOID && !complete_type(c, result, d->func.result->where))
		result = c->types->error;
	d->type = type_make_func(c->types, params, count, result);
	if (d->kind == DECL_EXTERN)
		return;
	check_role_signature(c, d);
	if (d->func.program && d->func.program->names != NAMES_NOTHING)
		check_tracer(c, d);
	else if (d->func.program && !*d->func.program->context)
		check_own_context(c, d);
	else if (d->func.program)
		check_program_signature(c, d);
	else if (d->func.role == ROLE_PLAIN && !strcmp(NAME(c, d->name), "main"))
		check_main_signature(c, d);
}

/* ---- who may use what ---- */

static bool report_target(struct checker *c, span where, const char *what, enum func_target only)
{
	const struct decl *f = c->fn.decl;
	struct diag *d = diag_report(c->diags, D_TARGET_ONLY, where, what, target_name(only));

	diag_note(c->diags, d, f->name_where, "`%s` is %s code", NAME(c, f->name),
		  target_name(f->func.target));
	if (only == TARGET_BPF && f->func.target == TARGET_USER)
		diag_hint(c->diags, d, "a function for eBPF programs only is marked `@helper`");
	return false;
}

bool use_user_only(struct checker *c, span where, const char *what)
{
	if (!c->fn.decl)
		return true; // reported as not constant
	if (c->fn.decl->func.target != TARGET_USER)
		return report_target(c, where, what, TARGET_USER);
	struct user_reason *reason = &c->funcs.data[c->fn.number].user_only;
	if (!reason->what)
		*reason = (struct user_reason){where, what};
	return true;
}

bool use_bpf_only(struct checker *c, span where, const char *what)
{
	if (!c->fn.decl || c->fn.decl->func.target == TARGET_BPF)
		return true;
	return report_target(c, where, what, TARGET_BPF);
}

void note_named(struct checker *c, const struct decl *d)
{
	if (c->fn.decl)
		vec_push(c->arena, &c->funcs.data[c->fn.number].named, d);
}

bool check_value_target(struct checker *c, span where, const struct decl *callee)
{
	const struct decl *f = c->fn.decl;

	if (may_call(f, callee))
		return true;
	struct diag *d = diag_report(
		c->diags, D_CROSS_TARGET, where, target_name(f->func.target), NAME(c, callee->name),
		callee->func.role == ROLE_TEST ? "test"
		: callee->func.role == ROLE_PRIVATE && f->func.target == TARGET_BPF
			? "private kernel-module"
			: target_name(callee->func.target));
	report_declared(c, d, callee);
	return false;
}

bool check_call_edge(struct checker *c, const struct expr *call, struct decl *callee)
{
	const struct decl *f = c->fn.decl;

	note_named(c, callee);
	if (callee->func.program)
		return check_tail_call(c, call, callee);
	if (!f)
		return true; // reported as not constant
	if (!check_value_target(c, call->where, callee))
		return false;
	const uint64_t *place = map_find(&c->func_index, MAP_PTR(callee));
	if (place && *place) {
		struct call_edge edge = {(uint32_t)*place - 1, call->where};
		vec_push(c->arena, &c->funcs.data[c->fn.number].calls, edge);
		note_throwing_call(c, edge.callee, call->where);
	}
	return true;
}

/* ---- the call graph ---- */

/* Marks everything called from the functions on `work` as used from the target. */
static void spread_use(struct checker *c, uint32_t *work, uint32_t count, enum func_target target)
{
	while (count) {
		const struct func_info *f = &c->funcs.data[work[--count]];
		for (uint32_t i = 0; i < f->calls.len; i++) {
			uint32_t number = f->calls.data[i].callee;
			struct func_info *callee = &c->funcs.data[number];
			if (callee->decl->func.used_from[target])
				continue;
			callee->decl->func.used_from[target] = true;
			if (callee->decl->func.target == TARGET_USER)
				work[count++] = number;
			if (target == TARGET_BPF && callee->decl->func.target == TARGET_USER &&
			    callee->user_only.what) {
				struct diag *d = diag_report(
					c->diags, D_CROSS_TARGET, f->calls.data[i].where, "eBPF",
					NAME(c, callee->decl->name), "userspace");
				diag_note(c->diags, d, callee->user_only.where,
					  "it uses %s, which exists in userspace only",
					  callee->user_only.what);
			}
		}
	}
}

static void find_uses(struct checker *c)
{
	uint32_t n = c->funcs.len, count = 0;
	uint32_t *work = ARENA_ARRAY(c->arena, uint32_t, 2 * n + 1);

	/* A function enters the work list once as a root and once when it is marked. */
	for (uint32_t i = 0; i < n; i++)
		if (c->funcs.data[i].decl->func.target == TARGET_BPF)
			work[count++] = i;
	spread_use(c, work, count, TARGET_BPF);
	count = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct decl *d = c->funcs.data[i].decl;
		if (d->func.target == TARGET_USER && !d->func.used_from[TARGET_BPF])
			work[count++] = i;
	}
	spread_use(c, work, count, TARGET_USER);
}

static bool runs_in_bpf(const struct func_info *f)
{
	return f->decl->func.target == TARGET_BPF || f->decl->func.used_from[TARGET_BPF];
}

/* One function on the path of the search for cycles. */
struct path_step {
	uint32_t number;
	uint32_t next; // call to follow next
};

static void report_recursion(struct checker *c, const struct path_step *path, uint32_t from,
			     uint32_t count, span where)
{
	const char *text = "";

	for (uint32_t i = from; i < count; i++)
		text = arena_printf(c->arena, "%s%s → ", text,
				    NAME(c, c->funcs.data[path[i].number].decl->name));
	const struct decl *first = c->funcs.data[path[from].number].decl;
	struct diag *d = diag_report(c->diags, D_RECURSION, where, NAME(c, first->name),
				     arena_printf(c->arena, "%s%s", text, NAME(c, first->name)));
	report_declared(c, d, first);
}

/* Depth-first search with its own stack; `position` is the place on the path + 1. */
static void find_recursion(struct checker *c)
{
	uint32_t n = c->funcs.len;
	struct path_step *path = ARENA_ARRAY(c->arena, struct path_step, n + 1);
	uint32_t *position = ARENA_ARRAY(c->arena, uint32_t, n);
	bool *is_done = ARENA_ARRAY(c->arena, bool, n);

	for (uint32_t root = 0; root < n; root++) {
		uint32_t depth = 0;
		if (is_done[root] || !runs_in_bpf(&c->funcs.data[root]))
			continue;
		path[depth++] = (struct path_step){root, 0};
		position[root] = depth;
		while (depth) {
			struct path_step *top = &path[depth - 1];
			const struct func_info *f = &c->funcs.data[top->number];
			if (top->next == f->calls.len) {
				position[top->number] = 0;
				is_done[top->number] = true;
				depth--;
				continue;
			}
			struct call_edge edge = f->calls.data[top->next++];
			if (position[edge.callee]) {
				report_recursion(c, path, position[edge.callee] - 1, depth,
						 edge.where);
			} else if (!is_done[edge.callee]) {
				path[depth++] = (struct path_step){edge.callee, 0};
				position[edge.callee] = depth;
			}
		}
	}
}

static bool names_unavailable(const struct func_info *f)
{
	for (uint32_t i = 0; i < f->named.len; i++)
		if (f->named.data[i]->func.is_unavailable)
			return true;
	return false;
}

/* A function that needs one that cannot be compiled cannot be compiled. */
void spread_unavailable(struct checker *c)
{
	uint32_t n = c->funcs.len;
	bool changed = c->out->unavailable.len > 0;

	while (changed) { // both directions, so that chains of calls settle in a few rounds
		changed = false;
		for (uint32_t i = 0; i < 2 * n; i++) {
			struct func_info *f = &c->funcs.data[i < n ? i : 2 * n - 1 - i];
			if (f->decl->func.is_unavailable || !names_unavailable(f))
				continue;
			f->decl->func.is_unavailable = changed = true;
		}
	}
}

void check_call_graph(struct checker *c)
{
	find_uses(c);
	find_recursion(c);
}
