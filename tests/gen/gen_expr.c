/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of a wanted type. Each way of making one is a function that gives false, with nothing
 * written, when it cannot; the first of a few random ones that can is taken, or a literal.
 */
#include "tests/gen/internal.h"

enum { MAX_DEPTH = 4, TRIES = 4 };

typedef bool form(struct gen *g, struct gen_type *t, unsigned depth);

static struct gen_type *common_type(struct gen_type *a, struct gen_type *b)
{
	if (a->bits != b->bits)
		return a->bits > b->bits ? a : b;
	return a->is_signed ? b : a;
}

/* ---- forms for any type ---- */

static bool form_place(struct gen *g, struct gen_type *t, unsigned depth)
{
	return put_place(g, t, false, depth);
}

static bool form_const(struct gen *g, struct gen_type *t, unsigned depth)
{
	(void)depth;
	for (uint32_t i = 0; i < g->vars.len; i++) {
		const struct gen_var *v = &g->vars.data[i];
		if (v->is_const && v->type == t && chance(g, 30)) {
			put(g, "%s", v->name);
			return true;
		}
	}
	return false;
}

static bool form_call(struct gen *g, struct gen_type *t, unsigned depth)
{
	return put_call(g, t, depth);
}

static bool form_map(struct gen *g, struct gen_type *t, unsigned depth)
{
	struct gen_map *m = random_map(g, t);

	if (!m)
		return false;
	put(g, "%s[", m->name);
	put_key(g, m, depth);
	put(g, "]");
	return true;
}

static bool form_if(struct gen *g, struct gen_type *t, unsigned depth)
{
	put(g, "(if (");
	put_condition(g, depth + 1);
	put(g, ") { ");
	put_expr(g, t, depth + 2);
	put(g, " } else { ");
	put_expr(g, t, depth + 2);
	put(g, " })");
	return true;
}

static void put_arm(struct gen *g, struct gen_type *t, unsigned depth)
{
	put(g, ": ");
	if (chance(g, 80)) {
		put_expr(g, t, depth);
		return;
	}
	const char *name = new_name(g, "v");
	put(g, "{ var %s: %s = ", name, name_of(g, t));
	put_expr(g, t, depth);
	put(g, "; %s }", name);
}

static void match_int(struct gen *g, struct gen_type *t, unsigned depth)
{
	unsigned value = below(g, 3);

	put(g, "(match (");
	put_varying(g, random_int(g), depth + 1);
	put(g, ") { ");
	for (unsigned arms = 1 + below(g, 4); arms; arms--) {
		put(g, "%u", value++);
		if (chance(g, 30)) {
			value += 1 + below(g, 10);
			put(g, "..%u", value);
		} else if (chance(g, 30)) {
			put(g, " | %u", value++);
		}
		if (value > 90)
			arms = 1;
		put_arm(g, t, depth + 2);
		put(g, ", ");
		value += below(g, 9);
	}
	put(g, "default");
	put_arm(g, t, depth + 2);
	put(g, " })");
}

static void match_enum(struct gen *g, struct gen_type *subject, struct gen_type *t, unsigned depth)
{
	bool has_default = chance(g, 50);

	put(g, "(match (");
	put_expr(g, subject, depth + 1);
	put(g, ") { ");
	for (uint32_t i = has_default; i < subject->constants.len; i++) {
		put(g, "%s", subject->constants.data[i]);
		if (i + 1 < subject->constants.len && chance(g, 20))
			put(g, " | %s", subject->constants.data[++i]);
		put_arm(g, t, depth + 2);
		put(g, ", ");
	}
	if (has_default) {
		put(g, "default");
		put_arm(g, t, depth + 2);
	}
	put(g, " })");
}

static void match_string(struct gen *g, struct gen_type *t, unsigned depth)
{
	put(g, "(match (");
	if (!put_place(g, str_of(g, 8), false, depth))
		put(g, "\"abc\"");
	put(g, ") { \"a\" | \"eth0\"");
	put_arm(g, t, depth + 2);
	put(g, ", \"\"");
	put_arm(g, t, depth + 2);
	put(g, ", default");
	put_arm(g, t, depth + 2);
	put(g, " })");
}

static bool form_match(struct gen *g, struct gen_type *t, unsigned depth)
{
	struct gen_type *subject = random_scalar(g);

	if (t->kind == G_POINTER || depth > 2)
		return false;
	if (subject->kind == G_ENUM)
		match_enum(g, subject, t, depth);
	else if (chance(g, 8))
		match_string(g, t, depth);
	else
		match_int(g, t, depth);
	return true;
}

/* ---- numbers ---- */

static bool form_cast(struct gen *g, struct gen_type *t, unsigned depth)
{
	struct gen_type *from = random_scalar(g);

	if (from->kind == G_BE || (t->kind != G_INT && from->kind != G_INT))
		from = random_int(g);
	put(g, "(");
	put_expr(g, from, depth + 1);
	put(g, " as %s)", t->text);
	return true;
}

static bool form_unary(struct gen *g, struct gen_type *t, unsigned depth)
{
	if (t->kind != G_INT)
		return false;
	put(g, "(%s", chance(g, 50) ? "-" : "~");
	put_varying(g, t, depth + 1);
	put(g, ")");
	return true;
}

static bool form_binary(struct gen *g, struct gen_type *t, unsigned depth)
{
	static const char *const ops[] = {"+", "-", "*", "&", "|", "^", "/", "%", "<<", ">>"};
	unsigned op = below(g, 10);
	struct gen_type *other = t;

	if (t->kind != G_INT)
		return false;
	if (chance(g, 30))
		other = random_int(g);
	bool is_shift = op >= 8, is_division = op == 6 || op == 7;
	if (!is_shift && common_type(t, other) != t)
		other = t;
	bool is_swapped = other != t && !is_shift && chance(g, 50);
	put(g, "(");
	put_varying(g, is_swapped ? other : t, depth + 1);
	put(g, " %s ", ops[op]);
	if (other == t && !is_swapped && !is_division && chance(g, 30))
		put(g, "%u", 1 + below(g, t->bits < 9 ? 7 : 60));
	else if (is_division && chance(g, 60))
		put(g, "%u", 1 + below(g, 100));
	else
		put_varying(g, is_swapped ? t : other, depth + 1);
	put(g, ")");
	return true;
}

static bool form_swap(struct gen *g, struct gen_type *t, unsigned depth)
{
	static const char *const names[] = {"ntohs", "ntohl", "ntohll"};

	if (t->kind != G_INT || t->is_signed || t->bits == 8)
		return false;
	unsigned width = t->bits == 16 ? 0 : t->bits == 32 ? 1 : 2;
	put(g, "%s(", names[width]);
	put_varying(g, g->be[width], depth + 1);
	put(g, ")");
	return true;
}

static bool form_u32(struct gen *g, struct gen_type *t, unsigned depth)
{
	static const char *const xdp_fields[] = {"ingress_ifindex", "rx_queue_index"};
	static const char *const tc_fields[] = {"len",     "mark",     "priority",
						"ifindex", "pkt_type", "cb[2]"};
	struct gen_type *of = g->types.data[below(g, g->types.len)];
	unsigned choice = below(g, 5);

	(void)depth;
	if (t != g->ints[U32])
		return false;
	if (choice == 0) {
		put(g, "sizeof(%s)", of->text);
	} else if (choice == 1 && of->kind == G_STRUCT) {
		const struct gen_field *f = &of->fields.data[below(g, of->fields.len)];
		if (f->bit_size)
			return false;
		put(g, "offsetof(%s, %s)", of->text, f->name);
	} else if (choice == 2) {
		if (!put_place(g, str_of(g, 8), false, depth))
			return false;
		put(g, ".len()");
	} else if (g->body.ctx && choice == 3) {
		put(g, "%s.len()", g->body.ctx);
	} else if (g->body.ctx) {
		bool is_tc = g->body.is_tc;
		put(g, "%s->%s", g->body.ctx,
		    is_tc ? tc_fields[below(g, 6)] : xdp_fields[below(g, 2)]);
	} else {
		return false;
	}
	return true;
}

static bool form_helper(struct gen *g, struct gen_type *t, unsigned depth)
{
	static const char *const helpers[] = {"bpf_ktime_get_ns", "bpf_get_prandom_u32",
					      "bpf_get_smp_processor_id"};

	(void)depth;
	if (t->kind != G_INT)
		return false;
	if (g->body.where == IN_BPF && !g->options.is_repeatable)
		put(g, "(%s() as %s)", helpers[below(g, 3)], t->text);
	else if (g->body.where == IN_USER)
		put(g, "(now_ns() as %s)", t->text);
	else
		return false;
	return true;
}

static bool form_packet_byte(struct gen *g, struct gen_type *t, unsigned depth)
{
	if (!g->body.ctx || t != g->ints[U8])
		return false;
	if (chance(g, 50)) {
		put(g, "*(%s->data + %u)", g->body.ctx, below(g, 60));
	} else {
		put(g, "%s->data[", g->body.ctx);
		put_varying(g, g->ints[below(g, 3)], depth + 1);
		put(g, " %% %u]", 1 + below(g, 100));
	}
	return true;
}

static bool form_pick(struct gen *g, struct gen_type *t, unsigned depth, form *const *forms,
		      unsigned count)
{
	for (unsigned i = 0; i < TRIES; i++)
		if (forms[below(g, count)](g, t, depth))
			return true;
	return false;
}

static form *const leaf_forms[] = {form_place, form_place, form_place, form_const};

static bool put_leaf(struct gen *g, struct gen_type *t)
{
	return form_pick(g, t, MAX_DEPTH, leaf_forms, 4);
}

static void put_int(struct gen *g, struct gen_type *t, unsigned depth)
{
	static form *const forms[] = {form_place,  form_place,  form_const,  form_binary,
				      form_binary, form_binary, form_unary,  form_cast,
				      form_if,     form_match,  form_call,   form_map,
				      form_swap,   form_u32,    form_helper, form_packet_byte};

	if (depth < MAX_DEPTH ? form_pick(g, t, depth, forms, 16) : put_leaf(g, t))
		return;
	if (chance(g, 50))
		put_varying(g, t, depth + 1);
	else
		put_literal(g, t, false);
}

/* A number of network byte order that the compiler cannot compute. */
static void put_varying_be(struct gen *g, struct gen_type *t, unsigned depth)
{
	unsigned width = t->size == 2 ? 0 : t->size == 4 ? 1 : 2;
	static const char *const names[] = {"htons", "htonl", "htonll"};
	static const unsigned numbers[] = {U16, U32, U64};

	if (put_place(g, t, false, depth))
		return;
	put(g, "%s(", names[width]);
	put_varying(g, g->ints[numbers[width]], depth + 1);
	put(g, ")");
}

void put_varying(struct gen *g, struct gen_type *t, unsigned depth)
{
	struct buf text, *out = g->out;

	if (t->kind == G_BE) {
		put_varying_be(g, t, depth);
		return;
	}
	if (depth < MAX_DEPTH && chance(g, 40)) {
		static form *const forms[] = {form_call, form_map, form_if, form_swap, form_binary};
		if (form_pick(g, t, depth, forms, 5))
			return;
	}
	if (put_place(g, t, false, depth))
		return;
	buf_init(&text);
	g->out = &text;
	struct gen_type *from = NULL;
	for (unsigned i = 0; i < TRIES && !from; i++)
		from = put_place(g, NULL, false, depth);
	g->out = out;
	if (!from)
		put_literal(g, t, false);
	else if (from->kind == G_BE)
		put(g, "(ntoh%s(%.*s) as %s)",
		    from->size == 2   ? "s"
		    : from->size == 4 ? "l"
				      : "ll",
		    (int)text.len, text.data, t->text);
	else
		put(g, "(%.*s as %s)", (int)text.len, text.data, t->text);
	buf_fini(&text);
}

/* ---- conditions ---- */

static bool form_compare(struct gen *g, struct gen_type *t, unsigned depth)
{
	static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
	struct gen_type *a = random_int(g), *b = chance(g, 60) ? a : random_int(g);

	(void)t;
	put(g, "(");
	put_varying(g, a, depth + 1);
	put(g, " %s ", ops[below(g, 6)]);
	if (chance(g, 40))
		put_literal(g, a, true);
	else
		put_varying(g, b, depth + 1);
	put(g, ")");
	return true;
}

static bool form_equal(struct gen *g, struct gen_type *t, unsigned depth)
{
	const char *op = chance(g, 50) ? "==" : "!=";

	(void)t;
	struct gen_type *of = g->types.data[below(g, g->types.len)];
	if (of->kind == G_STR) {
		put(g, "(");
		if (!put_place(g, of, false, depth)) {
			put(g, "true)");
			return true;
		}
		put(g, " %s ", op);
		if (!chance(g, 50) || !put_place(g, str_of(g, 8), false, depth))
			put_literal(g, str_of(g, 8), true);
		put(g, ")");
		return true;
	}
	if (!is_scalar(of) || of->kind == G_INT)
		return false;
	put(g, "(");
	put_expr(g, of, depth + 1);
	put(g, " %s ", op);
	put_expr(g, of, depth + 1);
	put(g, ")");
	return true;
}

static bool form_logic(struct gen *g, struct gen_type *t, unsigned depth)
{
	(void)t;
	if (chance(g, 30)) {
		put(g, "!");
		if (!chance(g, 50) || !put_place(g, NULL, false, depth)) {
			put(g, "(");
			put_condition(g, depth + 1);
			put(g, ")");
		}
		return true;
	}
	put(g, "(");
	put_condition(g, depth + 1);
	put(g, chance(g, 50) ? " && " : " || ");
	put_condition(g, depth + 1);
	put(g, ")");
	return true;
}

static bool form_present(struct gen *g, struct gen_type *t, unsigned depth)
{
	struct gen_map *m = random_map(g, NULL);

	(void)t;
	if (!m)
		return false;
	if (chance(g, 40)) {
		put(g, "(");
		put_key(g, m, depth);
		put(g, " in %s)", m->name);
		return true;
	}
	put(g, "(%s[", m->name);
	put_key(g, m, depth);
	put(g, "] %s null)", chance(g, 50) ? "==" : "!=");
	return true;
}

static void put_bool(struct gen *g, unsigned depth)
{
	static form *const forms[] = {form_compare, form_compare, form_compare, form_equal,
				      form_logic,   form_present, form_place,   form_call,
				      form_if,      form_match};

	if (depth >= MAX_DEPTH ? put_leaf(g, g->boolean)
			       : form_pick(g, g->boolean, depth, forms, 10))
		return;
	form_compare(g, NULL, MAX_DEPTH);
}

void put_condition(struct gen *g, unsigned depth)
{
	if (chance(g, 10) && put_place(g, NULL, false, depth))
		return;
	struct gen_map *m = chance(g, 5) ? random_map(g, NULL) : NULL;
	if (m) {
		put(g, "%s[", m->name);
		put_key(g, m, depth);
		put(g, "]");
		return;
	}
	put_bool(g, depth);
}

/* ---- aggregates and the rest ---- */

static bool form_struct(struct gen *g, struct gen_type *t, unsigned depth)
{
	const char *separator = " ";

	put(g, "%s {", t->text);
	for (uint32_t i = 0; i < t->fields.len; i++) {
		struct gen_field *f = &t->fields.data[i];
		if (f->type->kind == G_POINTER || chance(g, 25))
			continue;
		put(g, "%s%s: ", separator, f->name);
		put_expr(g, f->type, depth + 1);
		separator = ", ";
	}
	put(g, " }");
	return true;
}

static bool form_array(struct gen *g, struct gen_type *t, unsigned depth)
{
	unsigned count = chance(g, 30) ? t->count : below(g, t->count + 1);

	put(g, "[");
	for (unsigned i = 0; i < count; i++) {
		put(g, i ? ", " : "");
		put_expr(g, t->element, depth + 1);
	}
	put(g, "]");
	return true;
}

static void put_aggregate(struct gen *g, struct gen_type *t, unsigned depth)
{
	form *make = t->kind == G_STRUCT  ? form_struct
		     : t->kind == G_ARRAY ? form_array
					  : form_place;
	form *const forms[] = {form_place, form_place, form_const, form_call, form_map, make, make};

	if (form_pick(g, t, depth, forms, depth < MAX_DEPTH ? 7 : 3))
		return;
	put_literal(g, t, true);
}

static void put_pointer(struct gen *g, struct gen_type *t)
{
	for (uint32_t i = g->vars.len; i-- > 0;) {
		const struct gen_var *v = &g->vars.data[i];
		if (v->type == t->element && !v->is_readonly && !v->is_entry && v->is_local) {
			put(g, "&%s", v->name);
			return;
		}
	}
	put(g, "null");
}

void put_expr(struct gen *g, struct gen_type *t, unsigned depth)
{
	static form *const other_forms[] = {form_place, form_place, form_const,
					    form_call,  form_map,   form_if};

	switch (t->kind) {
	case G_INT:
		put_int(g, t, depth);
		return;
	case G_BOOL:
		put_bool(g, depth);
		return;
	case G_STRUCT:
	case G_ARRAY:
	case G_STR:
		put_aggregate(g, t, depth);
		return;
	case G_POINTER:
		put_pointer(g, t);
		return;
	case G_BE:
	case G_CHAR:
	case G_ENUM:
		if (!form_pick(g, t, depth, other_forms, depth < MAX_DEPTH ? 6 : 3))
			put_literal(g, t, false);
		return;
	}
}

/* ---- calls ---- */

static bool may_call(const struct gen *g, const struct gen_function *f)
{
	const struct gen_body *b = &g->body;

	if (f->ctx && (!b->ctx || f->ctx != b->ctx_type))
		return false;
	return (f->where & b->where) == b->where && f->level < b->level && b->calls > 0 &&
	       (!f->throws || (b->can_throw && !b->in_defer));
}

bool put_call(struct gen *g, struct gen_type *result, unsigned depth)
{
	const struct gen_function *f = NULL;

	for (unsigned i = 0; i < 6 && g->functions.len && !f; i++) {
		f = &g->functions.data[below(g, g->functions.len)];
		if (f->result != result || !may_call(g, f))
			f = NULL;
	}
	if (!f)
		return false;
	g->body.calls--;
	if (g->body.reach <= f->level)
		g->body.reach = f->level + 1;
	struct gen_function callee = *f; // the list may grow
	put(g, "%s(%s", callee.name, callee.ctx ? g->body.ctx : "");
	for (uint32_t i = 0; i < callee.params.len; i++) {
		put(g, i || callee.ctx ? ", " : "");
		put_expr(g, callee.params.data[i], depth + 1);
	}
	put(g, ")");
	return true;
}
