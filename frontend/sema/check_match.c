/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match and if as expressions and, for match, as statements: patterns, coverage, and the one type
 * that all arms yield.
 */
#include "frontend/sema/check.h"

/* The values that the arms of one expression yield, to be brought to one type. */
struct arm_values {
	VEC(struct expr **) places;
	bool falls; // control can go on after some arm
};

struct pattern_range {
	uint64_t low, high; // high excluded
	span where;
};

/* Patterns seen so far. */
struct pattern_set {
	const struct type *type;
	struct map values;                 // value to index + 1 into singles
	uint64_t of_max;                   // the same for UINT64_MAX, which cannot be a key
	VEC(struct pattern_range) singles; // as ranges of one
	VEC(struct pattern_range) ranges;
	bool has_default;
	span default_where;
};

/* ---- patterns ---- */

static bool range_has(const struct type *t, const struct pattern_range *r, uint64_t value)
{
	return const_compare(BINARY_LE, t, r->low, value) &&
	       const_compare(BINARY_LT, t, value, r->high);
}

static bool ranges_meet(const struct type *t, const struct pattern_range *a,
			const struct pattern_range *b)
{
	return const_compare(BINARY_LT, t, a->low, b->high) &&
	       const_compare(BINARY_LT, t, b->low, a->high);
}

static void report_pattern(struct checker *c, span where, span before)
{
	struct diag *d = diag_report(c->diags, D_DUPLICATE_PATTERN, where);

	diag_note(c->diags, d, before, "it is matched here already");
}

static void add_single(struct checker *c, struct pattern_set *set, uint64_t value, span where)
{
	uint64_t *place = value == UINT64_MAX ? &set->of_max : map_insert(&set->values, value);

	if (*place) {
		report_pattern(c, where, set->singles.data[*place - 1].where);
		return;
	}
	for (uint32_t i = 0; i < set->ranges.len; i++)
		if (range_has(set->type, &set->ranges.data[i], value)) {
			report_pattern(c, where, set->ranges.data[i].where);
			return;
		}
	struct pattern_range r = {value, value, where};
	vec_push(c->arena, &set->singles, r);
	*place = set->singles.len;
}

static void add_range(struct checker *c, struct pattern_set *set, struct pattern_range r)
{
	if (!const_compare(BINARY_LT, set->type, r.low, r.high)) {
		diag_report(c->diags, D_EMPTY_RANGE, r.where);
		return;
	}
	for (uint32_t i = 0; i < set->singles.len; i++)
		if (range_has(set->type, &r, set->singles.data[i].low)) {
			report_pattern(c, r.where, set->singles.data[i].where);
			return;
		}
	for (uint32_t i = 0; i < set->ranges.len; i++)
		if (ranges_meet(set->type, &r, &set->ranges.data[i])) {
			report_pattern(c, r.where, set->ranges.data[i].where);
			return;
		}
	vec_push(c->arena, &set->ranges, r);
}

/* A string pattern: a literal, or the name of a constant string. */
static struct expr *check_string_pattern(struct checker *c, struct pattern_set *set, struct expr *e)
{
	const struct expr *init = NULL;

	if (e->kind == EXPR_NAME && e->name.decl && e->name.decl->kind == DECL_CONST)
		init = e->name.decl->variable.init;
	if (init && init->kind == EXPR_CONVERT)
		init = init->convert.operand;
	if (init && init->kind == EXPR_STRING) {
		struct expr *copy = arena_copy(c->arena, init, sizeof *init);
		copy->where = e->where;
		e = copy;
	}
	if (e->kind != EXPR_STRING) {
		diag_report(c->diags, D_NOT_CONSTANT, e->where, "a pattern");
		return fail(c, e);
	}
	symbol text = intern_make(&c->compile->names, e->string.data, e->string.len);
	add_single(c, set, text, e->where);
	return e;
}

static struct expr *check_pattern_value(struct checker *c, struct expr *e, struct type *subject)
{
	e = check_as(c, e, subject);
	if (e->type->kind == TYPE_ERROR || e->is_const)
		return e;
	diag_report(c->diags, D_NOT_CONSTANT, e->where, "a pattern");
	return fail(c, e);
}

static void check_pattern(struct checker *c, struct pattern_set *set, struct match_pattern *p,
			  struct type *subject)
{
	if (subject->kind == TYPE_ERROR) {
		p->low = check_value(c, p->low, NULL);
		p->high = p->high ? check_value(c, p->high, NULL) : NULL;
		return;
	}
	if (subject->kind == TYPE_STR && !p->high) {
		p->low = check_value(c, p->low, NULL);
		if (p->low->type->kind == TYPE_STR)
			p->low = check_string_pattern(c, set, p->low);
		else if (p->low->type->kind != TYPE_ERROR)
			report_mismatch(c, p->low->where, subject, p->low->type);
		return;
	}
	if (p->high && !type_is_integer(subject)) {
		report_operand(c, p->low->where, "..", subject);
		return;
	}
	p->low = check_pattern_value(c, p->low, subject);
	if (p->high)
		p->high = check_pattern_value(c, p->high, subject);
	if (!p->low->is_const || (p->high && !p->high->is_const))
		return;
	if (p->high)
		add_range(c, set,
			  (struct pattern_range){p->low->value, p->high->value,
						 span_join(p->low->where, p->high->where)});
	else
		add_single(c, set, p->low->value, p->low->where);
}

static void check_patterns(struct checker *c, struct pattern_set *set, struct match_arm *arm,
			   struct type *subject)
{
	for (uint32_t i = 0; i < arm->patterns.len; i++) {
		struct match_pattern *p = &arm->patterns.data[i];
		if (p->low) {
			check_pattern(c, set, p, subject);
		} else if (set->has_default) {
			report_pattern(c, arm->where, set->default_where);
		} else {
			set->has_default = true;
			set->default_where = arm->where;
		}
	}
}

static bool is_covered(const struct pattern_set *set, uint64_t value)
{
	const uint64_t *place = value == UINT64_MAX ? &set->of_max : map_find(&set->values, value);

	if (place && *place)
		return true;
	for (uint32_t i = 0; i < set->ranges.len; i++)
		if (range_has(set->type, &set->ranges.data[i], value))
			return true;
	return false;
}

/* Names of the constants of an enum that no pattern matches; NULL when there are none. */
static const char *missing_constants(struct checker *c, const struct pattern_set *set,
				     const struct decl *d)
{
	enum { SHOWN = 4 };
	const char *text = NULL;
	uint32_t count = 0;

	for (uint32_t i = 0; i < d->enumeration.constants.len; i++) {
		const struct decl *k = d->enumeration.constants.data[i];
		if (is_covered(set, k->constant.value))
			continue;
		if (count < SHOWN)
			text = arena_printf(c->arena, "%s%s`%s`", text ? text : "",
					    text ? ", " : "", NAME(c, k->name));
		count++;
	}
	return count > SHOWN ? arena_printf(c->arena, "%s and %u more", text, count - SHOWN) : text;
}

static void check_coverage(struct checker *c, const struct pattern_set *set, const struct expr *e,
			   bool is_value, bool *is_complete)
{
	const struct type *t = set->type;
	const char *missing = NULL;

	*is_complete = true;
	if (set->has_default || t->kind == TYPE_ERROR)
		return;
	if (t->kind == TYPE_BOOL && is_covered(set, 0) && is_covered(set, 1))
		return;
	if (t->kind == TYPE_ENUM) {
		missing = missing_constants(c, set, t->decl);
		if (!missing)
			return;
	}
	*is_complete = false;
	if (missing)
		diag_report(c->diags, D_MATCH_MISSING, e->match.subject->where, missing);
	else if (is_value)
		diag_report(c->diags, D_MATCH_DEFAULT, e->match.subject->where);
}

/* ---- arms ---- */

/* An arm or branch that is a block. */
static void check_block_arm(struct checker *c, struct block *b, struct type *hint, bool is_value,
			    struct arm_values *values)
{
	struct expr **place = NULL;
	bool falls = check_block(c, b, hint, is_value ? &place : NULL);

	if (place)
		vec_push(c->arena, &values->places, place);
	else if (is_value && falls)
		diag_report(c->diags, D_ARM_NO_VALUE, b->where);
	values->falls |= falls || place;
}

static void check_arm(struct checker *c, struct match_arm *arm, struct type *hint, bool is_value,
		      struct arm_values *values)
{
	if (!arm->value) {
		if (arm->body)
			check_block_arm(c, arm->body, hint, is_value, values);
		return;
	}
	if (is_value && never_returns(c, arm->value)) {
		check_discarded(c, &arm->value);
		return;
	}
	if (is_value) {
		arm->value = check_value(c, arm->value, hint);
		vec_push(c->arena, &values->places, &arm->value);
		values->falls = true;
		return;
	}
	bool falls = check_discarded(c, &arm->value);
	values->falls |= falls;
}

/* Gives the expression and all its values one type. */
static void join_arms(struct checker *c, struct expr *e, struct type *hint,
		      struct arm_values *values)
{
	uint32_t odd = 0;

	if (!values->places.len) { // no arm comes to an end
		e->type = hint ? hint : c->types->error;
		if (!hint)
			diag_report(c->diags, D_ARM_NO_VALUE, e->where);
		return;
	}
	struct type *t = join_types(c, values->places.data, values->places.len, hint, &odd);
	if (!t) {
		const struct expr *other = *values->places.data[odd ? 0 : 1];
		const struct expr *wrong = *values->places.data[odd];
		struct diag *d = diag_report(c->diags, D_ARM_TYPES, wrong->where,
					     TEXT(c, wrong->type), TEXT(c, other->type));
		diag_note(c->diags, d, other->where, "this one yields `%s`", TEXT(c, other->type));
		t = c->types->error;
	}
	e->type = t;
	for (uint32_t i = 0; t->kind != TYPE_ERROR && i < values->places.len; i++) {
		struct expr **place = values->places.data[i];
		*place = convert_to(c, *place, t);
		if ((*place)->type->kind == TYPE_ERROR)
			e->type = c->types->error;
	}
}

struct expr *check_match(struct checker *c, struct expr *e, struct type *hint, bool is_value,
			 bool *falls)
{
	struct expr *subject = e->match.subject = check_value(c, e->match.subject, NULL);
	struct type *t = subject->type;
	struct arm_values values = {0};
	bool is_complete;

	if (!type_is_integer(t) && t->kind != TYPE_BOOL && t->kind != TYPE_BE &&
	    t->kind != TYPE_STR && t->kind != TYPE_ERROR) {
		diag_report(c->diags, D_MATCH_SUBJECT, subject->where, TEXT(c, t));
		t = c->types->error;
	}
	struct pattern_set set = {.type = t};
	map_init(&set.values, c->arena);
	for (uint32_t i = 0; i < e->match.arms.len; i++) {
		struct match_arm *arm = &e->match.arms.data[i];
		check_patterns(c, &set, arm, t);
		check_arm(c, arm, hint, is_value, &values);
	}
	check_coverage(c, &set, e, is_value, &is_complete);
	*falls = values.falls || !is_complete;
	e->type = c->types->void_;
	if (is_value)
		join_arms(c, e, hint, &values);
	if (t->kind == TYPE_ERROR && is_value)
		e->type = c->types->error;
	return e;
}

struct expr *check_if_expr(struct checker *c, struct expr *e, struct type *hint, bool is_value,
			   bool *falls)
{
	struct arm_values values = {0};

	e->conditional.condition = check_condition(c, e->conditional.condition);
	check_block_arm(c, e->conditional.then, hint, is_value, &values);
	if (e->conditional.otherwise)
		check_block_arm(c, e->conditional.otherwise, hint, is_value, &values);
	else
		values.falls = true;
	*falls = values.falls;
	e->type = c->types->void_;
	if (is_value)
		join_arms(c, e, hint, &values);
	return e;
}
