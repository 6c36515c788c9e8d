/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model: what the language definition says a function computes, written down as directly as
 * possible. Values are kept extended to 64 bits by their type.
 */
#include "diff.h"

struct frame {
	const struct suite *suite;
	const struct function *f;
	uint64_t vars[VARS];
};

static uint64_t value_of(struct frame *frame, const struct expr *e);

/* Division by zero gives 0, remainder by zero the dividend, MIN / -1 wraps. */
static uint64_t divide(enum type type, enum op op, uint64_t a, uint64_t b)
{
	if (b == 0)
		return op == OP_DIV ? 0 : a;
	if (!type_infos[type].is_signed)
		return op == OP_DIV ? a / b : a % b;
	if ((int64_t)b == -1)
		return op == OP_DIV ? 0 - a : 0;
	int64_t x = (int64_t)a, y = (int64_t)b;
	return (uint64_t)(op == OP_DIV ? x / y : x % y);
}

static uint64_t shift(enum type type, enum op op, uint64_t a, uint64_t b)
{
	unsigned count = (unsigned)(b % type_infos[type].bits);
	if (op == OP_SHL)
		return a << count;
	return type_infos[type].is_signed ? (uint64_t)((int64_t)a >> count) : a >> count;
}

/* Operands already have `type`. */
static uint64_t compute(enum type type, enum op op, uint64_t a, uint64_t b)
{
	bool less = type_infos[type].is_signed ? (int64_t)a < (int64_t)b : a < b;
	switch (op) {
	case OP_ADD:
		return extend(type, a + b);
	case OP_SUB:
		return extend(type, a - b);
	case OP_MUL:
		return extend(type, a * b);
	case OP_DIV:
	case OP_MOD:
		return extend(type, divide(type, op, a, b));
	case OP_AND:
		return a & b;
	case OP_OR:
		return a | b;
	case OP_XOR:
		return extend(type, a ^ b);
	case OP_SHL:
	case OP_SHR:
		return extend(type, shift(type, op, a, b));
	case OP_EQ:
		return a == b;
	case OP_NE:
		return a != b;
	case OP_LT:
		return less;
	case OP_LE:
		return less || a == b;
	case OP_GT:
		return !less && a != b;
	case OP_GE:
		return !less;
	case OP_LAND:
	case OP_LOR:
	case OP_COUNT:
		break;
	}
	return 0;
}

static uint64_t binary_value(struct frame *frame, const struct expr *e)
{
	uint64_t a = value_of(frame, e->args[0]);
	if (e->op == OP_LAND)
		return a && value_of(frame, e->args[1]);
	if (e->op == OP_LOR)
		return a || value_of(frame, e->args[1]);
	uint64_t b = value_of(frame, e->args[1]);
	enum type type = common_type(e->args[0]->type, e->args[1]->type);
	return compute(type, e->op, extend(type, a), extend(type, b));
}

static uint64_t match_value(struct frame *frame, const struct expr *e)
{
	uint64_t v = value_of(frame, e->args[0]);
	if (v == e->pattern[0] || v == e->pattern[1])
		return value_of(frame, e->args[1]);
	return value_of(frame, e->args[v == e->pattern[2] ? 2 : 3]);
}

static uint64_t value_of(struct frame *frame, const struct expr *e)
{
	switch (e->kind) {
	case E_LITERAL:
		return e->value;
	case E_VAR:
		return frame->vars[e->index];
	case E_NEG:
		return extend(e->type, 0 - value_of(frame, e->args[0]));
	case E_NOT:
		return extend(e->type, ~value_of(frame, e->args[0]));
	case E_LNOT:
		return !value_of(frame, e->args[0]);
	case E_BINARY:
		return binary_value(frame, e);
	case E_CAST:
		return extend(e->type, value_of(frame, e->args[0]));
	case E_IF:
		return value_of(frame, e->args[value_of(frame, e->args[0]) ? 1 : 2]);
	case E_MATCH:
		return match_value(frame, e);
	case E_CALL:
		return evaluate(frame->suite, e->index, value_of(frame, e->args[0]),
				value_of(frame, e->args[1]));
	case E_SWAP:
		return value_of(frame, e->args[0]);
	}
	return 0;
}

static void run_list(struct frame *frame, const struct stmt *s);

static void assign(struct frame *frame, const struct stmt *s)
{
	enum type type = frame->f->vars[s->local];
	uint64_t value = value_of(frame, s->value), old = frame->vars[s->local];
	if (s->kind == S_COMPOUND) {
		enum type common = common_type(type, s->value->type);
		value = compute(common, s->op, extend(common, old), extend(common, value));
	}
	frame->vars[s->local] = extend(type, value);
}

/* A while loop stops when its condition fails; a for loop may break or continue on it. */
static void run_loop(struct frame *frame, const struct stmt *s)
{
	for (uint32_t i = s->from; i < s->to; i++) {
		frame->vars[LOOP_VAR] = i;
		bool tests = s->kind == S_WHILE || s->has_break || s->has_continue;
		bool holds = tests && value_of(frame, s->value);
		if (s->kind == S_WHILE ? !holds : holds && s->has_break)
			return;
		if (s->kind == S_FOR && holds)
			continue;
		run_list(frame, s->body);
	}
}

static void run_list(struct frame *frame, const struct stmt *s)
{
	for (; s; s = s->next) {
		if (s->kind == S_IF)
			run_list(frame, value_of(frame, s->value) ? s->body : s->other);
		else if (s->kind == S_FOR || s->kind == S_WHILE)
			run_loop(frame, s);
		else
			assign(frame, s);
	}
}

uint64_t evaluate(const struct suite *suite, unsigned index, uint64_t a, uint64_t b)
{
	const struct function *f = &suite->functions[index];
	struct frame frame = {suite, f, {extend(f->vars[0], a), extend(f->vars[1], b)}};
	for (unsigned i = 0; i < MAX_LOCALS; i++)
		frame.vars[PARAMS + i] = value_of(&frame, f->init[i]);
	run_list(&frame, f->body);
	return value_of(&frame, f->value);
}
