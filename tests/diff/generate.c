/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random functions. Every expression is generated for a type that is wanted and has exactly that type by
 * the rules of the language, so the model and the compiler have nothing to guess. Sizes are bounded:
 * the kernel has to verify the result.
 */
#include "diff.h"

#include <stdlib.h>

const struct type_info type_infos[] = {
#define INFO(name, bits, is_signed) {#name, bits, is_signed},
	DIFF_TYPES(INFO)
#undef INFO
		{"bool", 1, false},
};

const char *const op_texts[] = {"+",  "-",  "*",  "/", "%",  "&", "|",  "^",  "<<",
				">>", "==", "!=", "<", "<=", ">", ">=", "&&", "||"};

enum { MAX_DEPTH = 4 };

struct generator {
	uint64_t state;
	struct suite *suite;
	struct function *f;
	unsigned vars; // usable ones: parameters and the locals declared so far
	bool in_loop;
	unsigned calls; // left in this function
};

static uint64_t next_random(struct generator *g)
{
	// xorshift64*: any seed but 0
	g->state ^= g->state >> 12;
	g->state ^= g->state << 25;
	g->state ^= g->state >> 27;
	return g->state * 0x2545f4914f6cdd1dull;
}

static unsigned below(struct generator *g, unsigned limit)
{
	return (unsigned)((next_random(g) >> 33) % limit);
}

static enum type random_type(struct generator *g)
{
	return (enum type)below(g, TYPE_COUNT);
}

uint64_t extend(enum type type, uint64_t value)
{
	unsigned unused = 64 - type_infos[type].bits;
	if (type_infos[type].is_signed)
		return (uint64_t)((int64_t)(value << unused) >> unused);
	return value << unused >> unused;
}

enum type common_type(enum type a, enum type b)
{
	if (type_infos[a].bits != type_infos[b].bits)
		return type_infos[a].bits > type_infos[b].bits ? a : b;
	return type_infos[a].is_signed ? b : a;
}

uint64_t edge(enum type type, unsigned i)
{
	unsigned bits = type_infos[type].bits;
	uint64_t half = 1ull << (bits - 1), mask = half | (half - 1);
	const uint64_t values[EDGES] = {
		0, 1, mask, half, half - 1, 7, half + 1, mask - 1, 0x5aa5c33c0ff0965aull & mask};
	return values[i];
}

static struct expr *new_expr(enum expr_kind kind, enum type type)
{
	struct expr *e = calloc(1, sizeof(*e));
	e->kind = kind;
	e->type = type;
	return e;
}

static struct expr *expression(struct generator *g, enum type type, unsigned depth);

static struct expr *literal(struct generator *g, enum type type)
{
	static const uint64_t small[] = {0, 1, 2, 3, 5, 7, 8, 10, 15, 16, 31, 32, 33, 63, 64, 100};
	struct expr *e = new_expr(E_LITERAL, type);
	e->value = below(g, 2) ? small[below(g, sizeof(small) / sizeof(small[0]))]
			       : edge(type, below(g, EDGES));
	e->value = extend(type, e->value);
	return e;
}

static struct expr *leaf(struct generator *g, enum type type)
{
	unsigned candidates[VARS], count = 0;
	for (unsigned i = 0; i < g->vars; i++)
		if (g->f->vars[i] == type)
			candidates[count++] = i;
	if (g->in_loop && type == T_u32)
		candidates[count++] = LOOP_VAR;
	if (count && below(g, 4)) {
		struct expr *e = new_expr(E_VAR, type);
		e->index = candidates[below(g, count)];
		return e;
	}
	if (below(g, 3)) { // a variable of another type
		struct expr *e = new_expr(E_CAST, type);
		unsigned index = below(g, g->vars);
		e->args[0] = new_expr(E_VAR, g->f->vars[index]);
		e->args[0]->index = index;
		return e;
	}
	return literal(g, type);
}

/* Some type whose values meet those of `type` in `type`. */
static enum type partner(struct generator *g, enum type type)
{
	for (;;) {
		enum type t = random_type(g);
		if (common_type(type, t) == type)
			return t;
	}
}

/* Literals beside an operand of their own type need no type. */
static void make_bare(struct expr *literal_side, const struct expr *other)
{
	literal_side->is_bare = literal_side->kind == E_LITERAL && other->kind != E_LITERAL &&
				literal_side->type == other->type &&
				(int64_t)literal_side->value >= 0;
}

static bool has_variable(const struct expr *e)
{
	bool found = e->kind == E_VAR;
	for (unsigned i = 0; i < 4; i++)
		found |= e->args[i] && has_variable(e->args[i]);
	return found;
}

/* An expression that the compiler cannot compute: where a constant could be refused, because it is a
 * zero divisor or does not fit the type it would be converted to. */
static struct expr *varying(struct generator *g, enum type type, unsigned depth)
{
	struct expr *e = expression(g, type, depth);
	if (has_variable(e))
		return e;
	e = new_expr(E_CAST, type);
	e->args[0] = new_expr(E_VAR, g->f->vars[0]);
	return e;
}

static struct expr *binary(struct generator *g, enum type type, enum op op, unsigned depth)
{
	struct expr *e = new_expr(E_BINARY, type);
	enum type left = type, right = type;
	e->op = op;
	if (op >= OP_EQ && op <= OP_GE) {
		left = random_type(g);
		right = below(g, 2) ? left : random_type(g);
	} else if (op < OP_SHL && below(g, 3) == 0) {
		right = partner(g, type);
		if (below(g, 2)) {
			left = right;
			right = type;
		}
	}
	bool must_vary = left != right || op == OP_DIV || op == OP_MOD;
	e->args[0] = (left != right ? varying : expression)(g, left, depth + 1);
	e->args[1] = (must_vary ? varying : expression)(g, right, depth + 1);
	if (op != OP_SHL && op != OP_SHR) // there the left operand decides the type by itself
		make_bare(e->args[0], e->args[1]);
	make_bare(e->args[1], e->args[0]);
	return e;
}

static struct expr *condition(struct generator *g, unsigned depth)
{
	unsigned choice = depth >= MAX_DEPTH ? 4 : below(g, 10);
	if (choice < 2)
		return binary(g, T_bool, choice ? OP_LAND : OP_LOR, depth);
	if (choice == 2) {
		struct expr *e = new_expr(E_LNOT, T_bool);
		e->args[0] = condition(g, depth + 1);
		return e;
	}
	return binary(g, T_bool, (enum op)(OP_EQ + below(g, OP_LAND - OP_EQ)), depth);
}

static struct expr *match(struct generator *g, enum type type, unsigned depth)
{
	struct expr *e = new_expr(E_MATCH, type);
	uint64_t pattern = below(g, 3);
	for (unsigned i = 0; i < 3; i++, pattern += 1 + below(g, 30))
		e->pattern[i] = pattern;
	e->args[0] = expression(g, random_type(g), depth + 1);
	for (unsigned i = 1; i < 4; i++)
		e->args[i] = expression(g, type, depth + 2);
	return e;
}

static struct expr *call(struct generator *g, enum type type, unsigned depth)
{
	unsigned current = g->suite->count;
	for (unsigned i = 0; i < 20 && current; i++) {
		unsigned index = below(g, current);
		const struct function *callee = &g->suite->functions[index];
		if (!callee->is_leaf || callee->result != type)
			continue;
		struct expr *e = new_expr(E_CALL, type);
		e->index = index;
		for (unsigned p = 0; p < PARAMS; p++)
			e->args[p] = expression(g, callee->vars[p], depth + 2);
		g->f->is_leaf = false;
		g->calls--;
		return e;
	}
	return leaf(g, type);
}

static struct expr *expression(struct generator *g, enum type type, unsigned depth)
{
	if (type == T_bool)
		return condition(g, depth);
	if (depth >= MAX_DEPTH)
		return leaf(g, type);
	struct expr *e;
	switch (below(g, 20)) {
	case 0:
	case 1:
		e = new_expr(below(g, 2) ? E_NEG : E_NOT, type);
		e->args[0] = expression(g, type, depth + 1);
		return e;
	case 2:
	case 3:
		e = new_expr(E_CAST, type);
		e->args[0] = expression(g, below(g, 4) ? random_type(g) : T_bool, depth + 1);
		return e;
	case 4:
		e = new_expr(E_IF, type);
		e->args[0] = condition(g, depth + 1);
		e->args[1] = expression(g, type, depth + 2);
		e->args[2] = expression(g, type, depth + 2);
		return e;
	case 5:
		return match(g, type, depth);
	case 6:
		return g->calls ? call(g, type, depth) : leaf(g, type);
	case 7:
		if (type != T_u16 && type != T_u32 && type != T_u64)
			return leaf(g, type);
		e = new_expr(E_SWAP, type);
		e->args[0] = expression(g, type, depth + 1);
		return e;
	case 8:
	case 9:
	case 10:
		return leaf(g, type);
	default:
		return binary(g, type, (enum op)below(g, OP_EQ), depth);
	}
}

static struct stmt *assignment(struct generator *g)
{
	struct stmt *s = calloc(1, sizeof(*s));
	unsigned locals = g->vars - PARAMS;
	s->local = PARAMS + below(g, locals);
	enum type type = g->f->vars[s->local];
	s->kind = below(g, 3) ? S_COMPOUND : S_ASSIGN;
	s->op = (enum op)below(g, OP_EQ);
	bool same = s->kind == S_ASSIGN || s->op >= OP_SHL || below(g, 2);
	bool must_vary = !same || s->op == OP_DIV || s->op == OP_MOD;
	s->value = (must_vary ? varying : expression)(g, same ? type : random_type(g), 2);
	return s;
}

static struct stmt *statement(struct generator *g)
{
	unsigned choice = below(g, 8);
	if (choice > 3 || g->in_loop)
		return assignment(g);
	struct stmt *s = calloc(1, sizeof(*s));
	if (choice < 2) {
		s->kind = S_IF;
		s->value = condition(g, 2);
		s->body = assignment(g);
		s->other = choice ? assignment(g) : NULL;
		return s;
	}
	s->kind = choice == 2 ? S_FOR : S_WHILE;
	s->from = below(g, 3);
	s->to = s->from + below(g, 6);
	g->in_loop = true;
	s->value = condition(g, 3);
	s->has_break = below(g, 3) == 0;
	s->has_continue = !s->has_break && s->kind == S_FOR && below(g, 3) == 0;
	s->body = assignment(g);
	s->body->next = below(g, 2) ? assignment(g) : NULL;
	g->in_loop = false;
	return s;
}

static void generate_function(struct generator *g, struct function *f)
{
	g->f = f;
	g->vars = PARAMS;
	g->calls = 2;
	f->is_leaf = true;
	f->result = random_type(g);
	for (unsigned i = 0; i < LOOP_VAR; i++)
		f->vars[i] = random_type(g);
	f->vars[LOOP_VAR] = T_u32;
	for (unsigned i = 0; i < MAX_LOCALS; i++, g->vars++)
		f->init[i] = expression(g, f->vars[PARAMS + i], 1);
	struct stmt **end = &f->body;
	for (unsigned i = below(g, 4); i > 0; i--, end = &(*end)->next)
		*end = statement(g);
	f->value = expression(g, f->result, 0);
}

struct suite generate(uint32_t seed, unsigned count)
{
	struct suite suite = {calloc(count, sizeof(struct function)), 0};
	struct generator g = {.state = seed * 0x9e3779b97f4a7c15ull + 1, .suite = &suite};
	for (; suite.count < count; suite.count++)
		generate_function(&g, &suite.functions[suite.count]);
	return suite;
}
