/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which facts belong to what: a local has one for each pointer, handle and bool in it, those of
 * structs and small arrays in order of their layout. Places whose address is taken have none and are
 * trusted, as is what is reached through a pointer. Equal numbers mark copies of one value: a test of
 * one is a test of all, also a test of a bool that a condition over them was stored in.
 */
#include "frontend/sema/null_check.h"

enum { LEAVES_MAX = 64, DEPTH_MAX = 8 }; // of one local

static const struct place nowhere;

/* ---- layout ---- */

static bool is_leaf(const struct type *t)
{
	return (type_holds_null(t) && !type_is_ctx_pointer(t)) || t->kind == TYPE_BOOL;
}

static bool has_null(const struct type *t)
{
	return is_leaf(t) && t->kind != TYPE_BOOL;
}

static uint32_t count_leaves(struct nulls *n, const struct type *t, uint32_t depth);

static uint32_t sum_leaves(struct nulls *n, const struct type *t, uint32_t depth)
{
	uint64_t sum = 0;

	if (depth > DEPTH_MAX)
		return LEAVES_MAX + 1;
	if (t->kind == TYPE_ARRAY)
		sum = (uint64_t)count_leaves(n, t->element, depth + 1) * t->count;
	else if (!t->record.is_ctx && !kernel_declares(n->c, t->decl))
		for (uint32_t i = 0; i < t->record.fields.len && sum <= LEAVES_MAX; i++)
			sum += count_leaves(n, t->record.fields.data[i]->type, depth + 1);
	return sum > LEAVES_MAX ? LEAVES_MAX + 1 : (uint32_t)sum;
}

/* LEAVES_MAX + 1 when there are more. */
static uint32_t count_leaves(struct nulls *n, const struct type *t, uint32_t depth)
{
	if (!t || is_leaf(t))
		return t ? 1 : 0;
	if (t->kind != TYPE_STRUCT && t->kind != TYPE_ARRAY)
		return 0;
	uint64_t *known = map_find(&n->leaf_counts, MAP_PTR(t));
	if (known)
		return (uint32_t)*known - 1;
	uint32_t count = sum_leaves(n, t, depth);
	*map_insert(&n->leaf_counts, MAP_PTR(t)) = count + 1;
	return count;
}

/* Facts of a value of the type; 0 also when there are too many. */
static uint32_t leaves_of(struct nulls *n, const struct type *t)
{
	uint32_t count = count_leaves(n, t, 0);

	return count > LEAVES_MAX ? 0 : count;
}

static uint32_t leaves_before(struct nulls *n, const struct type *record, const struct decl *field)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < record->record.fields.len; i++) {
		if (record->record.fields.data[i] == field)
			break;
		count += leaves_of(n, record->record.fields.data[i]->type);
	}
	return count;
}

static bool is_tracked(const struct decl *d)
{
	return (d->kind == DECL_LOCAL || d->kind == DECL_PARAM) && d->type &&
	       !d->variable.is_address_taken;
}

/* ---- places ---- */

static const struct expr *strip(const struct expr *e)
{
	while (e->type && has_null(e->type)) {
		if (e->kind == EXPR_CONVERT)
			e = e->convert.operand;
		else if (e->kind == EXPR_CAST)
			e = e->cast.operand;
		else
			break;
	}
	return e;
}

static struct place part_of_array(struct nulls *n, const struct expr *e, struct place base)
{
	const struct expr *index = e->index.index;
	uint32_t each = leaves_of(n, e->type);

	if (!each)
		return nowhere;
	if (!index->is_const) {
		base.is_exact = false;
		return base;
	}
	base.first += (uint32_t)index->value * each;
	base.count = each;
	return base;
}

struct place null_find_place(struct nulls *n, const struct expr *e, const struct flow *flow)
{
	struct place base;

	e = strip(e);
	if (!e->type || !leaves_of(n, e->type))
		return nowhere;
	if (e->kind == EXPR_NAME) {
		const struct decl *d = e->name.decl;
		const uint64_t *place =
			d && is_tracked(d) ? map_find(&n->places, MAP_PTR(d)) : NULL;
		uint32_t count = leaves_of(n, e->type);
		if (!place || *place - 1 + count > flow->count)
			return nowhere;
		return (struct place){d, (uint32_t)*place - 1, count, true};
	}
	if (e->kind == EXPR_FIELD && e->field.base->type &&
	    e->field.base->type->kind == TYPE_STRUCT) {
		base = null_find_place(n, e->field.base, flow);
		if (!base.decl || !base.is_exact)
			return base;
		base.first += leaves_before(n, e->field.base->type, e->field.decl);
		base.count = leaves_of(n, e->type);
		return base;
	}
	if (e->kind != EXPR_INDEX || !e->index.base->type ||
	    e->index.base->type->kind != TYPE_ARRAY)
		return nowhere;
	base = null_find_place(n, e->index.base, flow);
	return base.decl && base.is_exact ? part_of_array(n, e, base) : base;
}

const struct fact *null_find_fact(struct nulls *n, const struct expr *e, const struct flow *flow)
{
	struct place p = null_find_place(n, e, flow);

	return p.decl && p.is_exact && p.count == 1 ? flow_fact(flow, p.first) : NULL;
}

struct fact *null_edit_fact(struct nulls *n, const struct expr *e, struct flow *flow)
{
	return flow_edit(&n->pool, flow, null_find_place(n, e, flow).first);
}

/* ---- values ---- */

static struct fact null_at(struct nulls *n, const struct type *leaf, span where, const char *text)
{
	return has_null(leaf) ? make_fact(n, IS_NULL, where, text, NULL) : (struct fact){NOT_NULL};
}

/* Facts of a zeroed value of the type. */
static void fill_zero(struct nulls *n, const struct type *t, span where, const char *text,
		      struct fact *out)
{
	uint32_t each;

	if (!leaves_of(n, t))
		return;
	if (is_leaf(t)) {
		*out = null_at(n, t, where, text);
	} else if (t->kind == TYPE_ARRAY) {
		each = leaves_of(n, t->element);
		for (uint32_t i = 0; i < t->count; i++)
			fill_zero(n, t->element, where, text, out + i * each);
	} else {
		for (uint32_t i = 0; i < t->record.fields.len; i++) {
			fill_zero(n, t->record.fields.data[i]->type, where, text, out);
			out += leaves_of(n, t->record.fields.data[i]->type);
		}
	}
}

/* Whether a bool can say something of a pointer or a handle. */
static bool is_telling(const struct expr *e)
{
	if (!e || e->is_const || !e->type || e->type->kind != TYPE_BOOL)
		return false;
	if (e->kind == EXPR_NAME || e->kind == EXPR_FIELD)
		return true;
	if (e->kind == EXPR_UNARY)
		return e->unary.op == UNARY_NOT && is_telling(e->unary.operand);
	if (e->kind == EXPR_CONVERT)
		return type_holds_null(e->convert.operand->type);
	if (e->kind != EXPR_BINARY)
		return e->kind == EXPR_IF || e->kind == EXPR_MATCH;
	return type_holds_null(e->binary.left->type) || is_telling(e->binary.left) ||
	       is_telling(e->binary.right);
}

/* Gives numbers to the values that a condition may test. */
static void number_leaves(struct nulls *n, const struct expr *e, struct flow *flow)
{
	struct place p = null_find_place(n, e, flow);

	for (uint32_t i = 0; p.decl && i < p.count; i++)
		flow_number(&n->pool, flow, p.first + i);
	if (p.decl)
		return;
	switch ((int)e->kind) {
	case EXPR_UNARY:
		number_leaves(n, e->unary.operand, flow);
		return;
	case EXPR_BINARY:
		number_leaves(n, e->binary.left, flow);
		number_leaves(n, e->binary.right, flow);
		return;
	case EXPR_CONVERT:
		number_leaves(n, e->convert.operand, flow);
		return;
	case EXPR_CAST:
		number_leaves(n, e->cast.operand, flow);
		return;
	case EXPR_IF:
	case EXPR_MATCH: // blocks
		for (uint32_t i = 0; i < flow->count; i++)
			flow_number(&n->pool, flow, i);
		return;
	default:
		return;
	}
}

/* The first place from `i` on, the first one of a page, in a page that differs. */
static uint32_t skip_equal_pages(const struct flow *a, const struct flow *b, uint32_t i)
{
	while (i < a->count && i < b->count && a->pages[i / PAGE_FACTS] == b->pages[i / PAGE_FACTS])
		i += PAGE_FACTS;
	return i;
}

/* A bool: what its truth says of the values in the flow. */
static struct fact walk_bool(struct nulls *n, struct expr *e, struct flow *flow)
{
	struct fact fact = {NOT_NULL};
	struct implications *list;
	struct flow *no;
	const struct fact *copied = null_find_fact(n, e, flow);

	if (copied)
		return (struct fact){NOT_NULL, .implies = copied->implies};
	number_leaves(n, e, flow);
	null_walk_condition(n, e, flow, &no);
	list = ARENA_NEW(n->c->arena, struct implications);
	for (int pass = 0; pass < 2; pass++) {
		list->count = 0;
		for (uint32_t i = 0; i < flow->count && i < no->count; i++) {
			if (i % PAGE_FACTS == 0)
				i = skip_equal_pages(flow, no, i);
			if (i >= flow->count || i >= no->count)
				break;
			const struct fact *a = flow_fact(flow, i), *b = flow_fact(no, i);
			if (a->state == b->state || a->number != b->number || !a->number)
				continue;
			if (pass)
				list->items[list->count] =
					(struct implied){a->number, {b->state, a->state}};
			list->count++;
		}
		if (!pass && list->count)
			list->items = ARENA_ARRAY(n->c->arena, struct implied, list->count);
	}
	if (list->count && flow->is_live && no->is_live)
		fact.implies = list;
	flow_join(&n->pool, flow, null_when(e, true), no, null_when(e, false));
	flow_give_back(&n->pool, no);
	return fact;
}

/* Walks an expression and gives the facts of its value. */
static void walk_into(struct nulls *n, struct expr *e, struct flow *flow, struct fact *out)
{
	uint32_t count = leaves_of(n, e->type), each;
	struct place p = null_find_place(n, e, flow);

	for (uint32_t i = 0; i < count; i++)
		out[i] = (struct fact){NOT_NULL};
	if (!count || (is_leaf(e->type) && e->type->kind != TYPE_BOOL)) {
		struct fact fact = null_walk_expr(n, e, flow);
		const struct fact *known = null_find_fact(n, e, flow);
		if (known && !known->number)
			fact.number = flow_number(&n->pool, flow, p.first);
		if (count)
			*out = fact;
	} else if (e->type->kind == TYPE_BOOL && is_telling(e)) {
		*out = walk_bool(n, e, flow);
	} else if (p.decl && p.is_exact) {
		null_walk_expr(n, e, flow);
		for (uint32_t i = 0; i < count; i++)
			out[i] = *flow_fact(flow, p.first + i);
	} else if (e->kind == EXPR_STRUCT) {
		fill_zero(n, e->type, e->where, "fields that are left out here are null", out);
		for (uint32_t i = 0; i < e->literal.fields.len; i++) {
			const struct field_init *f = &e->literal.fields.data[i];
			walk_into(n, f->value, flow, out + leaves_before(n, e->type, f->field));
		}
	} else if (e->kind == EXPR_ARRAY) {
		each = leaves_of(n, e->type->element);
		if (e->array.items.len != 1)
			fill_zero(n, e->type, e->where, "elements that are left out here are null",
				  out);
		for (uint32_t i = 0; i < e->array.items.len; i++)
			walk_into(n, e->array.items.data[i], flow, out + i * each);
		for (uint32_t i = each; e->array.items.len == 1 && i < count; i++)
			out[i] = out[i - each];
	} else {
		null_walk_expr(n, e, flow);
	}
}

/* ---- declarations and assignments ---- */

static void push(struct nulls *n, const struct decl *d, const struct fact *facts, uint32_t count,
		 struct flow *flow)
{
	if (!count || !is_tracked(d))
		return;
	*map_insert(&n->places, MAP_PTR(d)) = flow->count + 1;
	for (uint32_t i = 0; i < count; i++)
		flow_push(&n->pool, flow, facts[i]);
}

void null_declare(struct nulls *n, const struct decl *d, struct expr *init, struct flow *flow)
{
	uint32_t count = leaves_of(n, init ? init->type : d->type);
	struct fact *facts = ARENA_ARRAY(n->c->arena, struct fact, count);

	if (init)
		walk_into(n, init, flow, facts);
	else
		fill_zero(n, d->type, d->name_where, "it is null until a value is assigned", facts);
	bool is_dumb = count == 1 && d->type->kind == TYPE_BOOL && !facts->implies;
	if (!is_dumb || d->variable.is_assigned)
		push(n, d, facts, count, flow);
}

void null_declare_fact(struct nulls *n, const struct decl *d, struct fact fact, struct flow *flow)
{
	uint32_t count = leaves_of(n, d->type);
	struct fact *facts = ARENA_ARRAY(n->c->arena, struct fact, count);

	if (count == 1 && is_leaf(d->type))
		facts[0] = fact;
	push(n, d, facts, count, flow);
}

/* A throw may show what is assigned to a catch arm any time later. */
static void store(struct nulls *n, uint32_t place, struct fact fact, struct flow *flow)
{
	if (fact.number)
		flow_note_number(&n->pool, fact.number, place);
	*flow_edit(&n->pool, flow, place) = fact;
	for (struct flow_try *t = n->attempt; t; t = t->outer)
		if (place < t->caught->count)
			*flow_edit(&n->pool, t->caught, place) =
				fact_join(*flow_fact(t->caught, place), no_path, fact, no_path);
}

void null_assign(struct nulls *n, struct expr *target, struct expr *value, struct flow *flow)
{
	uint32_t count = leaves_of(n, value->type);
	struct fact *facts = ARENA_ARRAY(n->c->arena, struct fact, count);

	walk_into(n, value, flow, facts);
	struct place p = null_find_place(n, target, flow);
	if (!p.decl || !flow->is_live || !count)
		return;
	/* When it is not known which element is written, all of them are trusted from here on. */
	for (uint32_t i = 0; i < p.count; i++)
		store(n, p.first + i, p.is_exact ? facts[i] : (struct fact){NOT_NULL}, flow);
}

/* ---- tests ---- */

static void set_state(struct nulls *n, struct flow *flow, uint32_t place, enum null_state state,
		      const struct expr *e)
{
	struct fact *fact;

	if (state == MAY_BE_NULL)
		return;
	fact = flow_edit(&n->pool, flow, place);
	if (fact->state == IS_NULL && state == NOT_NULL)
		flow->is_live = false;
	if (fact->sites)
		owned_narrow(n, fact->sites, state == IS_NULL, flow);
	fact->state = state;
	if (state == NOT_NULL)
		return;
	fact->path = no_path;
	if (!fact->origin)
		fact->origin =
			make_fact(n, state, e->where, "this test tells that it is null", NULL)
				.origin;
}

/* Every place but one that holds the value with that number. */
static void set_numbered(struct nulls *n, struct flow *flow, uint32_t number, uint32_t but,
			 enum null_state state, const struct expr *e)
{
	for (uint32_t i = 0; i < n->pool.numbers.data[number].places.len; i++) {
		uint32_t place = n->pool.numbers.data[number].places.data[i];
		if (place != but && place < flow->count && flow_fact(flow, place)->number == number)
			set_state(n, flow, place, state, e);
	}
}

/* Every place that holds the value with that number, and this one. */
static void set_states(struct nulls *n, struct flow *flow, uint32_t place, enum null_state state,
		       const struct expr *e)
{
	uint32_t number = flow_fact(flow, place)->number;

	set_state(n, flow, place, state, e);
	if (number)
		set_numbered(n, flow, number, place, state, e);
}

void null_narrow(struct nulls *n, const struct expr *e, struct flow *not_null, struct flow *null)
{
	struct place p = null_find_place(n, e, not_null);

	if (!p.decl || !p.is_exact || p.count != 1)
		return;
	set_states(n, not_null, p.first, NOT_NULL, e);
	set_states(n, null, p.first, IS_NULL, e);
}

static void apply(struct nulls *n, const struct implications *list, bool is_true,
		  const struct expr *e, struct flow *flow)
{
	for (uint32_t j = 0; j < list->count; j++)
		set_numbered(n, flow, list->items[j].number, UINT32_MAX,
			     list->items[j].states[is_true], e);
}

void null_narrow_bool(struct nulls *n, const struct expr *e, struct flow *yes, struct flow *no)
{
	const struct fact *fact = null_find_fact(n, e, yes);

	if (!fact || !fact->implies)
		return;
	const struct implications *list = fact->implies;
	apply(n, list, true, e, yes);
	apply(n, list, false, e, no);
}
