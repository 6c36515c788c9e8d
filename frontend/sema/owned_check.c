/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be given back (owned.def): ring-buffer reservations, sockets. The walk of null_check.c
 * carries, for every place in a function where such a thing is taken, the set of states that it may be
 * in. Giving it back twice, using it afterwards and leaving the function while it is held are errors,
 * with the way. A function may give back what a caller passes, and may return what it took; summaries
 * of that settle first, then everything is walked once more for the reports.
 */
#include "frontend/sema/null_check.h"

enum {
	ROUNDS_MAX = 8,
	SITES_MAX = 64, // followed in one function
};

#define SITE(number) (1ull << (number))

struct ownership {
	const char *noun, *given_back, *takers;
};

enum ownership_id {
#define OWNERSHIP(id, noun, given_back, takers) id,
#include "frontend/sema/owned.def"
};

static const struct ownership kinds[] = {
#define OWNERSHIP(id, noun, given_back, takers) [id] = {noun, given_back, takers},
#include "frontend/sema/owned.def"
};

static const struct {
	enum ownership_id kind;
	const char *name;
	bool takes;
} calls[] = {
#define TAKES(id, name) {id, name, true},
#define GIVES_BACK(id, name) {id, name, false},
#include "frontend/sema/owned.def"
};

/* The function as the author calls it: "reserve". */
static const char *call_name(struct nulls *n, const struct expr *call)
{
	const struct expr *callee = call->call.callee;

	if (callee->kind == EXPR_FIELD)
		return NAME(n->c, callee->field.name);
	const char *name = callee->kind == EXPR_NAME ? NAME(n->c, callee->name.name) : "";
	if (!strcmp(name, "bpf_obj_new_impl"))
		return "new";
	return strcmp(name, "bpf_obj_drop_impl") ? name : "delete";
}

/* What it gives and takes is an object of the program or of the kernel. */
static bool is_exchange(const char *name)
{
	return !strcmp(name, "bpf_kptr_xchg");
}

/* The kind of thing that a call takes or gives back; NULL for other calls. */
static const struct ownership *find_call(struct nulls *n, const struct expr *call, bool takes)
{
	const struct expr *callee = call->call.callee;
	const struct decl *d = call->call.target;
	const char *name =
		callee->kind == EXPR_NAME ? NAME(n->c, callee->name.name) : call_name(n, call);
	bool is_method = callee->kind == EXPR_FIELD && callee->field.base->type &&
			 callee->field.base->type->kind == TYPE_MAP;

	if (!d || (d->kind != DECL_EXTERN && !is_method))
		return NULL;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		bool names_method = *calls[i].name == '.';
		if (calls[i].takes == takes && names_method == is_method &&
		    !strcmp(calls[i].name + names_method, name))
			return is_exchange(name) && type_is_kernel(call->type->element)
				       ? &kinds[OWNS_OBJECT]
				       : &kinds[calls[i].kind];
	}
	if (d->kind == DECL_EXTERN && d->func.kfunc)
		return d->func.kfunc->flags & (takes ? KFUNC_ACQUIRE : KFUNC_RELEASE)
			       ? &kinds[OWNS_OBJECT]
			       : NULL;
	return NULL;
}

static uint32_t add_site(struct nulls *n, const void *key, struct site site)
{
	uint64_t *place = map_insert(&n->site_at, MAP_PTR(key));

	if (!*place) {
		vec_push(n->c->arena, &n->sites, site);
		*place = n->sites.len;
	}
	n->has_owned = true;
	return (uint32_t)*place - 1;
}

/* ---- reports ---- */

static void note_way(struct nulls *n, struct diag *d, struct null_path path, const char *what)
{
	if (path.text)
		diag_note(n->c->diags, d, path.where, "%s %s", what, path.text);
}

static void report_held(struct nulls *n, uint32_t site, const struct owned *o, span exit,
			const char *how)
{
	const struct site *s = &n->sites.data[site];
	struct diags *diags = n->c->diags;

	/* Objects may live on: something else can point at them. */
	if (!n->judges_owned || s->param || s->kind == &kinds[OWNS_MEMORY])
		return;
	const char *function = NAME(n->c, n->c->funcs.data[n->number].decl->name);
	struct diag *d = diag_report(diags, D_NOT_GIVEN_BACK, s->where, s->kind->noun,
				     s->kind->given_back, function);
	note_way(n, d, o->held, "it is still held");
	diag_note(diags, d, exit, "%s", how);
}

static void report_gone(struct nulls *n, const struct expr *e, uint32_t site, const struct owned *o)
{
	const struct ownership *kind = n->sites.data[site].kind;
	if (!kind) // a parameter that is given back by a call
		kind = &kinds[OWNS_MEMORY];
	bool is_certain = !(o->states & (OWNED_HELD | OWNED_NONE));

	/* The kernel judges every way by itself; a program may know which way it went. */
	bool is_memory = kind == &kinds[OWNS_MEMORY];
	if (!n->judges_owned || (is_memory && !is_certain))
		return;
	const char *when = o->states & OWNED_GONE ? is_certain ? "was already" : "may be already"
						  : "a `defer` has";
	const char *article = strchr("aeiou", *kind->noun) ? "an" : "a";
	struct diag *d = diag_report(n->c->diags, D_GIVEN_BACK, e->where, article, kind->noun, when,
				     kind->given_back);
	if (o->gone_where.end)
		diag_note(n->c->diags, d, o->gone_where, "it is %s here", kind->given_back);
	note_way(n, d, o->gone, "this happens");
}

/* ---- taking ---- */

struct fact owned_take(struct nulls *n, const struct expr *call, struct fact fact,
		       struct flow *flow)
{
	const struct decl *target = call->call.target;
	const uint64_t *place = target ? map_find(&n->c->func_index, MAP_PTR(target)) : NULL;
	const struct ownership *kind =
		place ? n->summaries[*place - 1].gives : find_call(n, call, true);

	if (!kind)
		return fact;
	const char *name = call_name(n, call);
	uint32_t site = add_site(n, call, (struct site){kind, call->where, name, NULL});
	if (site >= SITES_MAX)
		return fact;
	struct owned *o = flow_owned(&n->pool, flow, site);
	if (o->states & OWNED_HELD && !flow->has_no_owned)
		report_held(n, site, o, call->where, "here the next one is taken while it is held");
	*o = (struct owned){.states = OWNED_HELD};
	if (fact.state == NOT_NULL && !place)
		fact = make_fact(n, MAY_BE_NULL, call->where,
				 arena_printf(n->c->arena, "`%s` gives null when it fails", name),
				 NULL);
	fact.sites = SITE(site);
	return fact;
}

/* A pointer with several sites points into one of them, that which was taken on the way that was gone. */
static bool is_single(uint64_t sites)
{
	return !(sites & (sites - 1));
}

/* The next site of a set, which is taken out of it. */
static uint32_t next_site(uint64_t *sites)
{
	uint32_t site = (uint32_t)__builtin_ctzll(*sites);

	*sites &= *sites - 1;
	return site;
}

/* States of all of them together; *gone receives one that was given back. */
static uint8_t states_of(struct nulls *n, uint64_t sites, struct flow *flow, uint32_t *gone)
{
	uint8_t states = 0;

	while (sites) {
		uint32_t site = next_site(&sites);
		uint8_t one = flow_owned(&n->pool, flow, site)->states;
		if (one & (OWNED_GONE | OWNED_DEFERRED))
			*gone = site;
		states |= one;
	}
	return states;
}

void owned_narrow(struct nulls *n, uint64_t sites, bool is_null, struct flow *flow)
{
	bool single = is_single(sites);

	while (sites) {
		struct owned *o = flow_owned(&n->pool, flow, next_site(&sites));
		if (is_null)
			o->states = OWNED_NONE | (single ? 0 : o->states & OWNED_GONE);
		else if (single && o->states & ~OWNED_NONE)
			o->states &= (uint8_t)~OWNED_NONE;
	}
}

void owned_use(struct nulls *n, const struct expr *pointer, struct fact fact, struct flow *flow)
{
	uint32_t gone = 0;
	uint8_t states = states_of(n, fact.sites, flow, &gone);

	if (!(states & OWNED_GONE) || flow->has_no_owned)
		return;
	if (!is_single(fact.sites) && states & (OWNED_HELD | OWNED_DEFERRED))
		return;
	report_gone(n, pointer, gone, flow_owned(&n->pool, flow, gone));
	flow_owned(&n->pool, flow, gone)->states = OWNED_NONE; // said once
}

/* ---- giving back ---- */

static void give_back(struct nulls *n, const struct expr *arg, uint64_t sites, uint8_t after,
		      struct flow *flow)
{
	uint32_t gone = 0;
	uint8_t states = states_of(n, sites, flow, &gone);
	bool single = is_single(sites), again = states & (OWNED_GONE | OWNED_DEFERRED);

	if (again && (single || !(states & OWNED_HELD)) && !flow->has_no_owned)
		report_gone(n, arg, gone, flow_owned(&n->pool, flow, gone));
	while (sites) {
		struct owned *o = flow_owned(&n->pool, flow, next_site(&sites));
		if (!single && !(o->states & OWNED_HELD))
			continue;
		uint8_t rest = single ? 0 : o->states & OWNED_NONE;
		*o = (struct owned){.states = after | rest, .gone_where = arg->where};
		if (after & OWNED_HELD) // only on some ways of the callee
			o->gone = o->held =
				(struct null_path){arg->where, "on some ways of this call"};
	}
}

/* A parameter of this function that is given back: the callers must know. */
static bool expects_sites(struct nulls *n, const struct expr *arg, struct flow *flow)
{
	struct place p = null_find_place(n, arg, flow);
	struct summary *s = &n->summaries[n->number];

	if (!p.decl || p.decl->kind != DECL_PARAM || s->gives_back)
		return false;
	s->gives_back = n->has_owned = true;
	null_enqueue(n, n->number);
	return true;
}

/* The argument that is given back. */
static uint32_t given_index(struct nulls *n, const struct expr *call)
{
	return is_exchange(call_name(n, call));
}

static void release(struct nulls *n, const struct expr *call, const struct ownership *kind,
		    struct fact fact, struct flow *flow)
{
	const struct expr *arg = call->call.args.data[given_index(n, call)];
	const char *name = call_name(n, call);

	n->has_owned = true;
	if (fact.state != NOT_NULL)
		null_report(n, arg, fact, arena_printf(n->c->arena, "`%s` is given", name), flow);
	if (fact.sites) {
		for (uint64_t rest = fact.sites; rest;) {
			struct site *s = &n->sites.data[next_site(&rest)];
			s->kind = s->kind ? s->kind : kind;
		}
		give_back(n, arg, fact.sites, OWNED_GONE, flow);
	} else if (!expects_sites(n, arg, flow) && n->judges_owned && fact.state == NOT_NULL) {
		diag_report(n->c->diags, D_NOTHING_TO_GIVE_BACK, arg->where, name, kind->takers);
	}
}

void owned_call(struct nulls *n, const struct expr *call, const struct fact *args,
		struct flow *flow)
{
	const struct decl *target = call->call.target;
	const uint64_t *place = target ? map_find(&n->c->func_index, MAP_PTR(target)) : NULL;
	const struct ownership *kind = call->call.args.len ? find_call(n, call, false) : NULL;

	uint32_t given = kind ? given_index(n, call) : 0;
	if (kind && !(given && args[given].state == IS_NULL)) // nothing is stored
		release(n, call, kind, args[given], flow);
	if (!place || !n->summaries[*place - 1].gives_back)
		return;
	const struct summary *s = &n->summaries[*place - 1];
	for (uint32_t i = 0; i < call->call.args.len && i < CALL_ARGS_MAX; i++) {
		uint8_t after = s->uses[i];
		if (!(after & OWNED_GONE))
			continue;
		const struct expr *arg = call->call.args.data[i];
		if (args[i].sites)
			give_back(n, arg, args[i].sites, after & (OWNED_GONE | OWNED_HELD), flow);
		else
			expects_sites(n, arg, flow);
	}
}

struct fact owned_new(struct nulls *n, const struct expr *e, struct fact fact, struct flow *flow)
{
	uint32_t site = add_site(n, e, (struct site){&kinds[OWNS_MEMORY], e->where, "new", NULL});

	if (site < SITES_MAX) {
		*flow_owned(&n->pool, flow, site) = (struct owned){.states = OWNED_HELD};
		fact.sites = SITE(site);
	}
	return fact;
}

void owned_delete(struct nulls *n, const struct expr *e, struct fact fact, struct flow *flow)
{
	if (fact.sites)
		give_back(n, e, fact.sites, OWNED_GONE, flow);
	else
		expects_sites(n, e, flow);
}

void owned_defer(struct nulls *n, struct flow *flow, const struct flow *after)
{
	for (uint32_t i = 0; i < after->owned_count; i++) {
		struct owned *o = flow_owned(&n->pool, flow, i);
		if (!(o->states & OWNED_HELD) || after->owned[i].states & OWNED_HELD)
			continue;
		o->states = (uint8_t)((o->states & ~OWNED_HELD) | OWNED_DEFERRED);
		o->gone_where = after->owned[i].gone_where;
	}
}

/* ---- leaving ---- */

void owned_begin(struct nulls *n, struct flow *flow)
{
	const struct decl *d = n->c->funcs.data[n->number].decl;

	if (!n->summaries[n->number].gives_back)
		return;
	for (uint32_t i = 0; i < d->func.params.len; i++) {
		const struct decl *p = d->func.params.data[i];
		const uint64_t *place = map_find(&n->places, MAP_PTR(p));
		if (!place || p->type->kind != TYPE_POINTER)
			continue;
		uint32_t site = add_site(n, p, (struct site){NULL, p->name_where, "", p});
		if (site >= SITES_MAX)
			return;
		flow_owned(&n->pool, flow, site)->states = OWNED_HELD;
		flow_edit(&n->pool, flow, (uint32_t)*place - 1)->sites = SITE(site);
	}
	n->uses = ARENA_ARRAY(n->c->arena, uint8_t, d->func.params.len);
}

/* Callers are walked again when what the function does with its parameters changed. */
void owned_end(struct nulls *n)
{
	const struct decl *d = n->c->funcs.data[n->number].decl;
	struct summary *s = &n->summaries[n->number];
	bool changed = false;

	if (!s->gives_back || !n->uses || s->rounds > ROUNDS_MAX)
		return;
	for (uint32_t i = 0; i < d->func.params.len; i++) {
		changed = changed || s->uses[i] != n->uses[i];
		s->uses[i] = n->uses[i];
	}
	n->uses = NULL;
	s->rounds += changed;
	for (uint32_t i = 0; changed && i < s->callers.len; i++)
		null_enqueue(n, s->callers.data[i]);
}

static void note_use(struct nulls *n, const struct decl *param, uint8_t states)
{
	if (states & OWNED_DEFERRED)
		states |= OWNED_GONE;
	if (n->uses)
		n->uses[param->variable.index] |= states;
}

static void note_gift(struct nulls *n, const struct ownership *kind)
{
	struct summary *s = &n->summaries[n->number];

	if (s->gives || !kind)
		return;
	s->gives = kind;
	for (uint32_t i = 0; i < s->callers.len; i++)
		null_enqueue(n, s->callers.data[i]);
}

static void leave_function(struct nulls *n, span where, const char *how, uint64_t returned,
			   struct flow *flow)
{
	if (flow->has_no_owned)
		return;
	for (uint32_t i = 0; i < flow->owned_count && i < n->sites.len; i++) {
		const struct owned *o = &flow->owned[i];
		const struct site *s = &n->sites.data[i];
		if (s->param)
			note_use(n, s->param, o->states);
		else if (returned >> i & 1)
			note_gift(n, s->kind);
		else if (o->states & OWNED_HELD)
			report_held(n, i, o, where, how);
	}
}

void owned_exit(struct nulls *n, span where, struct fact result, struct flow *flow)
{
	leave_function(n, where, "the function ends here", result.sites, flow);
}

/* ---- throws ---- */

/* True when a catch arm takes every code, or this one. */
static bool is_caught(const struct stmt *s, bool is_known, uint64_t code)
{
	for (uint32_t i = 0; i < s->attempt.catches.len; i++) {
		const struct expr *arm = s->attempt.catches.data[i].code;
		if (!arm || (is_known && arm->is_const && (int32_t)arm->value == (int32_t)code))
			return true;
	}
	return false;
}

static void throw_code(struct nulls *n, span where, bool is_known, uint64_t code, struct flow *flow)
{
	struct null_path path = {where, "when this throws"};

	for (struct flow_try *t = n->attempt; t; t = t->outer) {
		flow_join_owned(&n->pool, t->caught, no_path, flow, path);
		if (is_caught(t->stmt, is_known, code))
			return;
	}
	if (!n->in_defer)
		leave_function(n, where, "a throw leaves the function here", 0, flow);
}

void owned_throw(struct nulls *n, const struct stmt *s, struct flow *flow)
{
	if (flow->owned_count || n->attempt)
		throw_code(n, s->where, s->expr->is_const, s->expr->value, flow);
}

/* What is thrown by a function that a call may reach. */
struct throwing {
	struct nulls *n;
	const struct expr *call;
	struct flow *flow;
};

static void throw_from(void *data, uint32_t number)
{
	struct throwing *t = data;
	const struct func_info *f = &t->n->c->funcs.data[number];

	for (uint32_t i = 0; i < f->escapes.len; i++)
		throw_code(t->n, t->call->where, f->escapes.data[i].is_known,
			   f->escapes.data[i].code, t->flow);
}

void owned_throwing_call(struct nulls *n, const struct expr *call, struct flow *flow)
{
	const struct decl *d = call->call.target;
	const uint64_t *place = d ? map_find(&n->c->func_index, MAP_PTR(d)) : NULL;
	struct throwing throwing = {n, call, flow};

	if (!(flow->owned_count || n->attempt))
		return;
	if (place)
		throw_from(&throwing, (uint32_t)*place - 1);
	else if (!d && call->call.callee->type && call->call.callee->type->kind == TYPE_FUNC)
		for_each_called(n->c, call, throw_from, &throwing);
}
