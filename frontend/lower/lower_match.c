/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match and if as expressions. The subject is evaluated once. Single numbers become one IR_SWITCH;
 * ranges and strings, or a mixture, become comparisons in the order of the arms, the default last.
 */
#include "frontend/lower/lower_internal.h"

/* The number that an IR_SWITCH compares with: as wide as the operand's register. */
static uint64_t case_value(const struct expr *pattern)
{
	return value_type(pattern->type) == IR_I32 ? (uint32_t)pattern->value : pattern->value;
}

static bool is_switch(const struct expr *match)
{
	for (uint32_t i = 0; i < match->match.arms.len; i++) {
		const struct match_arm *arm = &match->match.arms.data[i];
		for (uint32_t j = 0; j < arm->patterns.len; j++) {
			const struct match_pattern *pattern = &arm->patterns.data[j];
			if (pattern->high || (pattern->low && !pattern->low->is_const))
				return false;
		}
	}
	return true;
}

static uint32_t count_patterns(const struct expr *match)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < match->match.arms.len; i++)
		count += match->match.arms.data[i].patterns.len;
	return count;
}

/* A number that stands twice belongs to its first arm. */
static void dispatch_switch(struct body *f, struct expr *match, ir_ref subject,
			    const uint32_t *targets, uint32_t otherwise)
{
	uint32_t capacity = count_patterns(match), count = 0;
	uint64_t *values = ARENA_ARRAY(f->m->arena, uint64_t, capacity);
	uint32_t *blocks = ARENA_ARRAY(f->m->arena, uint32_t, capacity);
	bool seen_max = false; // the one number that a map cannot hold
	struct map seen;
	map_init(&seen, f->m->arena);
	for (uint32_t i = 0; i < match->match.arms.len; i++) {
		const struct match_arm *arm = &match->match.arms.data[i];
		for (uint32_t j = 0; j < arm->patterns.len; j++) {
			const struct expr *low = arm->patterns.data[j].low;
			if (!low)
				continue;
			uint64_t number = case_value(low);
			if (number == UINT64_MAX ? seen_max : map_find(&seen, number) != NULL)
				continue;
			if (number == UINT64_MAX)
				seen_max = true;
			else
				*map_insert(&seen, number) = 1;
			values[count] = number;
			blocks[count++] = targets[i];
		}
	}
	if (count)
		ir_emit_switch(&f->b, subject, values, blocks, count, otherwise);
	else
		jump_to(f, otherwise);
}

/* Goes to `yes` when the subject matches the pattern, else on in a new block. */
static void test_pattern(struct body *f, const struct text *text, ir_ref value,
			 const struct match_pattern *pattern, uint32_t yes)
{
	uint32_t no = new_block(f);
	struct expr *low = pattern->low, *high = pattern->high;
	bool is_signed = value_is_signed(low->type);
	f->b.where = low->where;
	if (text) {
		struct text other = lower_text(f, low);
		branch(f, texts_equal(f, text, &other), yes, no, IR_LIKELY_UNKNOWN);
	} else if (!high) {
		ir_ref equal = ir_emit(&f->b, IR_EQ, IR_I32, value, lower_value(f, low));
		branch(f, equal, yes, no, IR_LIKELY_UNKNOWN);
	} else {
		uint32_t second = new_block(f);
		ir_ref from = ir_emit(&f->b, is_signed ? IR_SLE : IR_ULE, IR_I32,
				      lower_value(f, low), value);
		branch(f, from, second, no, IR_LIKELY_UNKNOWN);
		start_block(f, second);
		ir_ref below = ir_emit(&f->b, is_signed ? IR_SLT : IR_ULT, IR_I32, value,
				       lower_value(f, high));
		branch(f, below, yes, no, IR_LIKELY_UNKNOWN);
	}
	start_block(f, no);
}

/* The subject is `text`, or `value` when that is NULL. */
static void dispatch_chain(struct body *f, struct expr *match, const struct text *text,
			   ir_ref value, const uint32_t *targets, uint32_t otherwise)
{
	for (uint32_t i = 0; i < match->match.arms.len; i++) {
		const struct match_arm *arm = &match->match.arms.data[i];
		for (uint32_t j = 0; j < arm->patterns.len; j++)
			if (arm->patterns.data[j].low)
				test_pattern(f, text, value, &arm->patterns.data[j], targets[i]);
	}
	jump_to(f, otherwise);
}

static uint32_t default_target(const struct expr *match, const uint32_t *targets, uint32_t none)
{
	for (uint32_t i = 0; i < match->match.arms.len; i++) {
		const struct match_arm *arm = &match->match.arms.data[i];
		for (uint32_t j = 0; j < arm->patterns.len; j++)
			if (!arm->patterns.data[j].low)
				return targets[i];
	}
	return none;
}

static void dispatch(struct body *f, struct expr *expr, const uint32_t *targets, uint32_t otherwise)
{
	struct expr *subject = expr->match.subject;
	if (subject->type->kind == TYPE_STR) {
		struct text text = lower_text(f, subject);
		dispatch_chain(f, expr, &text, IR_REF_NONE, targets, otherwise);
		return;
	}
	ir_ref value = lower_value(f, subject);
	f->b.where = expr->where;
	if (!is_live(f))
		return;
	if (is_switch(expr))
		dispatch_switch(f, expr, value, targets, otherwise);
	else
		dispatch_chain(f, expr, NULL, value, targets, otherwise);
}

void lower_match(struct body *f, struct expr *expr, const struct sink *sink)
{
	uint32_t count = expr->match.arms.len;
	uint32_t *targets = ARENA_ARRAY(f->m->arena, uint32_t, count);
	for (uint32_t i = 0; i < count; i++)
		targets[i] = new_block(f);
	uint32_t none = new_block(f), done = new_block(f);
	dispatch(f, expr, targets, default_target(expr, targets, none));
	for (uint32_t i = 0; i < count; i++) {
		const struct match_arm *arm = &expr->match.arms.data[i];
		start_block(f, targets[i]);
		f->b.where = arm->where;
		if (arm->value)
			sink_value(f, sink, arm->value);
		else
			sink_block(f, sink, arm->body);
		jump_to(f, done);
	}
	start_block(f, none);
	f->b.where = expr->where;
	sink_zero(f, sink);
	jump_to(f, done);
	start_block(f, done);
}

void lower_if_value(struct body *f, struct expr *expr, const struct sink *sink)
{
	const struct expr *condition = expr->conditional.condition;
	uint32_t yes = new_block(f), no = new_block(f), done = new_block(f), known = f->facts.len;
	lower_condition(f, expr->conditional.condition, yes, no);
	start_block(f, yes);
	assume(f, condition, true);
	sink_block(f, sink, expr->conditional.then);
	f->facts.len = known;
	jump_to(f, done);
	start_block(f, no);
	assume(f, condition, false);
	if (expr->conditional.otherwise)
		sink_block(f, sink, expr->conditional.otherwise);
	f->facts.len = known;
	jump_to(f, done);
	start_block(f, done);
}
