/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements. Each form is a function that writes one statement, or gives false with nothing written when
 * it cannot stand here. Blocks restore what is visible.
 */
#include <string.h>

#include "tests/gen/internal.h"

enum { MAX_LOOPS = 2, MAX_INDENT = 5 };

typedef bool form(struct gen *g);

static unsigned aggregate_limit(const struct gen *g)
{
	int left = g->body.where == IN_USER ? 200 : g->body.stack;

	return left < 8 ? 8 : (unsigned)left;
}

/* Room in the frame for a variable; userspace has enough. */
static bool take_stack(struct gen *g, const struct gen_type *t)
{
	int size = (int)(t->size + 7) / 8 * 8;

	if (g->body.where == IN_USER)
		return true;
	if (g->body.stack < size)
		return false;
	g->body.stack -= size;
	return true;
}

static void declare_local(struct gen *g, const char *name, struct gen_type *t)
{
	declare_var(g, name, t, IN_BOTH, false);
	vec_last(&g->vars).is_local = true;
}

/* Statements in braces, which see what is around them. */
static void put_block(struct gen *g, unsigned count)
{
	uint32_t visible = g->vars.len;

	put(g, "{");
	g->indent++;
	put_statements(g, count);
	g->indent--;
	line(g);
	put(g, "}");
	g->vars.len = visible;
}

/* ---- variables ---- */

static bool form_var(struct gen *g)
{
	struct gen_type *t = random_type(g, aggregate_limit(g));

	if (!take_stack(g, t))
		return false;
	const char *name = new_name(g, "v");
	line(g);
	put(g, "var %s: %s", name, name_of(g, t));
	if (chance(g, 85)) {
		put(g, " = ");
		put_expr(g, t, 0);
	}
	declare_local(g, name, t);
	return true;
}

/* The type comes from the value. */
static bool form_inferred(struct gen *g)
{
	struct gen_type *t = random_type(g, aggregate_limit(g));

	// A bare entry would make the variable an entry.
	if (t->kind != G_INT || !take_stack(g, t))
		return false;
	const char *name = new_name(g, "v");
	line(g);
	put(g, "var %s = (", name);
	put_varying(g, t, 0);
	put(g, " as %s)", t->text);
	declare_local(g, name, t);
	return true;
}

static bool form_const(struct gen *g)
{
	struct gen_type *t = random_int(g);
	const char *name = new_name(g, "c");

	line(g);
	put(g, "const %s: %s = ", name, t->text);
	put_literal(g, t, true);
	declare_var(g, name, t, IN_BOTH, true);
	vec_last(&g->vars).is_const = true;
	return true;
}

static bool form_shadow(struct gen *g)
{
	if (!g->vars.len || g->indent < 2)
		return false;
	struct gen_var v = vec_last(&g->vars);
	if (!v.is_local || v.type->kind != G_INT)
		return false;
	struct gen_type *t = random_int(g);
	line(g);
	put(g, "if (");
	put_condition(g, 1);
	put(g, ") {");
	g->indent++;
	uint32_t visible = g->vars.len;
	line(g);
	put(g, "var %s: %s = ", v.name, t->text);
	put_expr(g, t, 1);
	vec_last(&g->vars).type = t;
	put_statements(g, 2);
	g->vars.len = visible;
	vec_last(&g->vars).type = v.type;
	g->indent--;
	line(g);
	put(g, "}");
	return true;
}

static bool form_pointer(struct gen *g)
{
	struct gen_type *t = NULL;
	const char *of = NULL;

	for (uint32_t i = 0; i < 6 && g->vars.len; i++) {
		struct gen_var *v = &g->vars.data[below(g, g->vars.len)];
		if (v->is_local && !v->is_readonly && !v->is_entry &&
		    (v->type->kind == G_INT || v->type->kind == G_STRUCT)) {
			t = v->type;
			of = v->name;
		}
	}
	if (!t || t->is_packet || !take_stack(g, g->ints[U64]))
		return false;
	const char *name = new_name(g, "p");
	line(g);
	put(g, "var %s = &%s", name, of);
	declare_var(g, name, pointer_to(g, t), IN_BOTH, true);
	// Itself it stays, so that it is known not to be null; what is behind it may be written.
	vec_last(&g->vars).is_readonly = false;
	return true;
}

/* ---- assignments ---- */

static struct gen_type *assignable(struct gen *g, struct gen_type *wanted, struct buf *place)
{
	struct buf *out = g->out;

	buf_init(place);
	g->out = place;
	struct gen_type *t = put_place(g, wanted, true, 1);
	g->out = out;
	if (t)
		return t;
	buf_fini(place);
	return NULL;
}

static bool form_assign(struct gen *g)
{
	struct gen_type *t = random_type(g, 64);
	struct buf place;

	t = assignable(g, chance(g, 50) ? t : NULL, &place);
	if (!t)
		return false;
	line(g);
	put(g, "%s = ", place.data);
	buf_fini(&place);
	put_expr(g, t, 0);
	return true;
}

/* Shared variables and entries change by atomic operations, of which Linux before 5.12 has `+=` alone. */
static const char *changed_by(const struct gen *g, const char *op)
{
	bool is_young = !strcmp(op, "&") || !strcmp(op, "|") || !strcmp(op, "^");
	bool is_old = g->options.kernel < (5 << 16 | 12 << 8) && g->body.where != IN_USER;
	return is_young && is_old ? "+" : op;
}

static bool form_compound(struct gen *g)
{
	static const char *const ops[] = {"+", "-", "*", "&", "|", "^", "/", "%", "<<", ">>"};
	struct buf place;
	struct gen_type *t = assignable(g, random_int(g), &place);

	if (!t)
		return false;
	line(g);
	put(g, "%s %s= ", place.data, changed_by(g, ops[below(g, 10)]));
	buf_fini(&place);
	if (chance(g, 40))
		put(g, "%u", 1 + below(g, 7));
	else
		put_varying(g, t, 1);
	return true;
}

/* Strings are joined where the destination says how much room there is. */
static bool form_join(struct gen *g)
{
	unsigned size = 4 + below(g, g->body.where == IN_USER ? 60 : 20);

	if (g->body.where != IN_USER && g->body.stack < 64)
		return false;
	struct gen_type *t = str_of(g, size);
	take_stack(g, t);
	take_stack(g, t);
	const char *name = new_name(g, "s");
	line(g);
	put(g, "var %s: %s = ", name, t->text);
	for (unsigned i = 1 + below(g, 3); i; i--) {
		if (!chance(g, 60) || !put_place(g, str_of(g, 8), false, 2))
			put_literal(g, str_of(g, 8), true);
		put(g, i > 1 ? " + " : "");
	}
	declare_local(g, name, t);
	return true;
}

static bool form_discard(struct gen *g)
{
	line(g);
	put(g, "var _ = ");
	put_varying(g, random_int(g), 0);
	return true;
}

/* ---- branches ---- */

static void put_else(struct gen *g)
{
	while (chance(g, 25)) {
		put(g, " else if (");
		put_condition(g, 1);
		put(g, ") ");
		put_block(g, 1);
	}
	if (chance(g, 40)) {
		put(g, " else ");
		put_block(g, 1 + below(g, 2));
	}
}

static bool form_if(struct gen *g)
{
	line(g);
	put(g, "if (");
	put_condition(g, 0);
	put(g, ") ");
	put_block(g, 1 + below(g, 3));
	put_else(g);
	return true;
}

static bool form_match(struct gen *g)
{
	struct gen_type *t = random_int(g);
	unsigned value = below(g, 3);

	line(g);
	put(g, "match (");
	put_varying(g, t, 1);
	put(g, ") {");
	g->indent++;
	for (unsigned arms = 1 + below(g, 3); arms; arms--, value += 1 + below(g, 8)) {
		line(g);
		put(g, chance(g, 30) ? "%u..%u: " : "%u: ", value, value + 3);
		value += 3;
		put_block(g, 1);
		put(g, chance(g, 50) ? "," : "");
	}
	if (chance(g, 60)) {
		line(g);
		put(g, "default: ");
		put_block(g, 1);
	}
	g->indent--;
	line(g);
	put(g, "}");
	return true;
}

static bool form_block(struct gen *g)
{
	line(g);
	put_block(g, 2);
	return true;
}

/* ---- loops ---- */

static void put_loop_body(struct gen *g)
{
	bool was = g->body.in_loop;

	g->body.in_loop = true;
	g->body.loops++;
	put_block(g, 1 + below(g, 2));
	g->body.loops--;
	g->body.in_loop = was;
}

static bool may_loop(const struct gen *g)
{
	return g->body.loops < MAX_LOOPS &&
	       !(g->body.loops && g->body.where != IN_USER && g->indent > 3);
}

static bool form_for(struct gen *g)
{
	if (!may_loop(g))
		return false;
	struct gen_type *t = g->ints[chance(g, 60) ? U32 : below(g, 8)];
	const char *name = new_name(g, "at");
	unsigned from = below(g, 3);
	uint32_t visible = g->vars.len;

	line(g);
	put(g, "for (%s in ", name);
	if (chance(g, 70)) {
		put(g, "%u..%u", from, from + below(g, 12));
		t = g->ints[U32];
	} else {
		put_literal(g, g->ints[U8], false);
		put(g, " %% 3..");
		put_varying(g, g->ints[U8], 3);
		put(g, " %% 9");
		t = g->ints[U8];
	}
	if (chance(g, 25))
		put(g, " step %u", 1 + below(g, 4));
	put(g, ") ");
	declare_var(g, name, t, IN_BOTH, true);
	put_loop_body(g);
	g->vars.len = visible;
	return true;
}

static bool form_while(struct gen *g)
{
	if (!may_loop(g) || !take_stack(g, g->ints[U32]))
		return false;
	const char *name = new_name(g, "n");
	uint32_t visible = g->vars.len;

	line(g);
	put(g, "var %s: u32 = %u", name, below(g, 3));
	line(g);
	put(g, "while (%s < %u", name, 1 + below(g, 9));
	if (chance(g, 40)) {
		put(g, " && ");
		put_condition(g, 2);
	}
	put(g, ") {");
	g->indent++;
	line(g);
	put(g, "%s += 1", name);
	declare_var(g, name, g->ints[U32], IN_BOTH, true);
	bool was = g->body.in_loop;
	g->body.in_loop = true;
	g->body.loops++;
	put_statements(g, 1 + below(g, 2));
	g->body.loops--;
	g->body.in_loop = was;
	g->indent--;
	line(g);
	put(g, "}");
	g->vars.len = visible;
	return true;
}

static bool form_for_map(struct gen *g)
{
	struct gen_map *m = g->body.where == IN_USER && may_loop(g) ? random_map(g, NULL) : NULL;

	if (!m)
		return false;
	const char *key = new_name(g, "k"), *value = chance(g, 80) ? new_name(g, "e") : "_";
	uint32_t visible = g->vars.len;
	line(g);
	put(g, "for (%s, %s in %s) ", key, value, m->name);
	declare_var(g, key, m->key, IN_USER, true);
	if (*value != '_')
		declare_var(g, value, m->value, IN_USER, true);
	put_loop_body(g);
	g->vars.len = visible;
	return true;
}

static bool form_leave_loop(struct gen *g)
{
	if (!g->body.in_loop)
		return false;
	line(g);
	put(g, "if (");
	put_condition(g, 1);
	put(g, chance(g, 50) ? ") { break }" : ") { continue }");
	return true;
}

/* ---- maps ---- */

/* A map that may be written here; what userspace writes into a per-CPU map is not the same on both sides. */
static struct gen_map *written_map(struct gen *g, struct gen_type *value)
{
	struct gen_map *m = random_map(g, value);

	return m && !(m->is_percpu && g->body.where != IN_BPF) ? m : NULL;
}

static bool form_map_set(struct gen *g)
{
	struct gen_map *m = written_map(g, NULL);

	if (!m)
		return false;
	line(g);
	put(g, "%s[", m->name);
	put_key(g, m, 1);
	put(g, "] = ");
	put_expr(g, m->value, 1);
	return true;
}

static bool form_map_count(struct gen *g)
{
	static const char *const ops[] = {"+", "-", "|", "&", "^", "*", "<<", "%"};
	struct gen_map *m = written_map(g, g->ints[below(g, 8)]);

	if (!m)
		return false;
	line(g);
	put(g, "%s[", m->name);
	put_key(g, m, 1);
	put(g, "] %s= ", changed_by(g, ops[chance(g, 50) ? 0 : below(g, 8)]));
	if (chance(g, 60))
		put(g, "%u", 1 + below(g, 5));
	else
		put_varying(g, m->value, 1);
	return true;
}

static bool form_map_field(struct gen *g)
{
	struct gen_map *m = written_map(g, NULL);

	if (!m || m->value->kind != G_STRUCT)
		return false;
	struct gen_field *f = &m->value->fields.data[below(g, m->value->fields.len)];
	line(g);
	put(g, "%s[", m->name);
	put_key(g, m, 1);
	put(g, "].%s ", f->name);
	if (f->type->kind == G_INT && chance(g, 50)) {
		put(g, "+= 1");
		return true;
	}
	put(g, "= ");
	put_expr(g, f->type, 1);
	return true;
}

static bool form_delete(struct gen *g)
{
	struct gen_map *m = random_map(g, NULL);

	if (!m || m->is_array)
		return false;
	line(g);
	put(g, "delete %s[", m->name);
	put_key(g, m, 1);
	put(g, "]");
	return true;
}

static bool form_if_entry(struct gen *g)
{
	struct gen_map *m = random_map(g, NULL);

	if (!m)
		return false;
	const char *name = new_name(g, "e");
	uint32_t visible = g->vars.len;
	line(g);
	put(g, "if (var %s = %s[", name, m->name);
	put_key(g, m, 1);
	put(g, "]) ");
	declare_var(g, name, m->value, IN_BOTH, m->is_percpu && g->body.where != IN_BPF);
	vec_last(&g->vars).is_entry = true;
	put_block(g, 1 + below(g, 3));
	g->vars.len = visible;
	put_else(g);
	return true;
}

static bool form_entry(struct gen *g)
{
	struct gen_map *m = random_map(g, NULL);

	if (!m)
		return false;
	const char *name = new_name(g, "e");
	line(g);
	put(g, "var %s = %s[", name, m->name);
	put_key(g, m, 1);
	put(g, "]");
	declare_var(g, name, m->value, IN_BOTH, m->is_percpu && g->body.where != IN_BPF);
	vec_last(&g->vars).is_entry = true;
	return true;
}

/* ---- packets ---- */

/* What `ctx.at` takes by a name alone. */
static struct gen_type *random_seen(struct gen *g)
{
	for (;;) {
		struct gen_type *t = random_type(g, 64);
		if (t->kind != G_ARRAY && t->kind != G_STR)
			return t;
	}
}

static bool form_at(struct gen *g)
{
	if (!g->body.ctx || !g->headers.len)
		return false;
	bool own = chance(g, 30);
	struct gen_type *t = own ? random_seen(g) : g->headers.data[below(g, g->headers.len)];
	const char *name = new_name(g, "h");
	uint32_t visible = g->vars.len;

	line(g);
	put(g, "if (var %s = %s.at(%s, ", name, g->body.ctx, t->text);
	if (chance(g, 70)) {
		put(g, "%u", below(g, 60));
	} else {
		put_varying(g, g->ints[U32], 2);
		put(g, " %% %u", 1 + below(g, 100));
	}
	put(g, ")) ");
	declare_var(g, name, pointer_to(g, t), IN_BPF, false);
	vec_last(&g->vars).is_packet = true;
	put_block(g, 1 + below(g, 3));
	g->vars.len = visible;
	return true;
}

/* The way of C: a pointer and a comparison that leaves. */
static bool form_packet(struct gen *g)
{
	if (!g->body.ctx || !g->headers.len || g->body.in_defer)
		return false;
	struct gen_type *t = g->headers.data[below(g, g->headers.len)];
	const char *name = new_name(g, "h");
	unsigned offset = below(g, 40);
	uint32_t visible = g->vars.len;

	line(g);
	put(g, "var %s = (%s->data + %u) as *%s", name, g->body.ctx, offset, t->text);
	line(g);
	put(g, "if (%s->data + %u %s %s->data_end) ", g->body.ctx, offset + 60,
	    chance(g, 50) ? "<=" : "<", g->body.ctx);
	declare_var(g, name, pointer_to(g, t), IN_BPF, false);
	vec_last(&g->vars).is_packet = true;
	put_block(g, 1 + below(g, 3));
	g->vars.len = visible;
	return true;
}

static bool form_ctx_field(struct gen *g)
{
	static const char *const fields[] = {"mark", "priority", "tc_index", "cb[1]", "cb[4]"};

	if (!g->body.ctx || !g->body.is_tc)
		return false;
	line(g);
	put(g, "%s->%s = ", g->body.ctx, fields[below(g, 5)]);
	put_expr(g, g->ints[U32], 1);
	return true;
}

/* ---- throw, defer, calls ---- */

static bool form_throw(struct gen *g)
{
	if (!g->body.can_throw || g->body.in_defer)
		return false;
	line(g);
	put(g, "if (");
	put_condition(g, 1);
	put(g, ") { throw ");
	if (chance(g, 70))
		put(g, "%u", below(g, 6));
	else
		put_expr(g, g->ints[I32], 2);
	put(g, " }");
	return true;
}

static bool form_try(struct gen *g)
{
	bool was = g->body.can_throw, catches_all = !was || chance(g, 50);
	unsigned code = below(g, 3);

	if (g->body.in_defer)
		return false;
	line(g);
	put(g, "try ");
	g->body.can_throw = true;
	put_block(g, 1 + below(g, 3));
	g->body.can_throw = was;
	for (unsigned i = below(g, 3) + !catches_all; i; i--, code += 1 + below(g, 3)) {
		put(g, " catch %u ", code);
		put_block(g, 1);
	}
	if (catches_all) {
		put(g, " catch _ ");
		put_block(g, 1);
	}
	return true;
}

/* What was tested where a block is deferred is not known any more where it runs: no packets. */
static void hide_packets(struct gen *g, bool is_hidden)
{
	for (uint32_t i = 0; i < g->vars.len; i++)
		if (g->vars.data[i].is_packet)
			g->vars.data[i].where = is_hidden ? 0 : IN_BPF;
}

static bool form_defer(struct gen *g)
{
	if ((g->body.in_loop && g->body.where != IN_USER) || g->body.in_defer ||
	    g->body.has_tail_call)
		return false;
	struct gen_body was = g->body;
	line(g);
	put(g, "defer ");
	if (g->body.where == IN_USER && chance(g, 40)) { // its arguments are taken now
		put(g, "print(\"later\", ");
		put_varying(g, random_int(g), 2);
		put(g, ")");
		return true;
	}
	g->body.in_defer = true;
	g->body.in_loop = false;
	g->body.can_throw = false;
	hide_packets(g, true);
	put_block(g, 1);
	hide_packets(g, false);
	g->body.in_defer = was.in_defer;
	g->body.in_loop = was.in_loop;
	g->body.can_throw = was.can_throw;
	g->body.has_defer = true;
	return true;
}

static bool form_call(struct gen *g)
{
	struct buf call, *out = g->out;

	buf_init(&call);
	g->out = &call;
	bool ok = put_call(g, chance(g, 50) ? NULL : random_type(g, 64), 1);
	g->out = out;
	if (ok) {
		line(g);
		put(g, "%s", call.data);
	}
	buf_fini(&call);
	return ok;
}

static bool form_print(struct gen *g)
{
	if (g->body.where != IN_USER && (g->options.is_repeatable || g->body.loops))
		return false;
	line(g);
	if (chance(g, 50)) {
		put(g, "print(\"%s\"", chance(g, 50) ? "%d and %lu" : "a %5d, %#lx%%");
		put(g, ", ");
		put_varying(g, g->ints[I32], 2);
		put(g, ", ");
		put_varying(g, g->ints[U64], 2);
	} else {
		put(g, "print(\"values\"");
		for (unsigned i = below(g, 3); i; i--) {
			put(g, ", ");
			put_varying(g, random_int(g), 2);
		}
	}
	put(g, ")");
	return true;
}

static bool form_leave(struct gen *g)
{
	if (g->body.in_defer)
		return false;
	line(g);
	put(g, "if (");
	put_condition(g, 1);
	put(g, ") { ");
	put_return(g);
	put(g, " }");
	return true;
}

void put_return(struct gen *g)
{
	struct gen_body *b = &g->body;

	if (!b->result || (b->result_name && chance(g, 40))) {
		put(g, "return");
		return;
	}
	if (b->is_program && !b->has_defer && g->programs.len && chance(g, 20)) {
		const struct gen_program_fn *p = &g->programs.data[below(g, g->programs.len)];
		if (p->is_tc == b->is_tc) {
			b->has_tail_call = true;
			put(g, "return %s(%s)", p->name, b->ctx);
			return;
		}
	}
	put(g, "return ");
	put_expr(g, b->result, 0);
}

static form *const forms[] = {
	form_var,       form_var,       form_var,        form_inferred,   form_const,
	form_shadow,    form_pointer,   form_assign,     form_assign,     form_assign,
	form_compound,  form_compound,  form_join,       form_discard,    form_if,
	form_if,        form_match,     form_block,      form_for,        form_for,
	form_while,     form_for_map,   form_leave_loop, form_leave_loop, form_map_set,
	form_map_count, form_map_count, form_map_field,  form_delete,     form_if_entry,
	form_if_entry,  form_entry,     form_at,         form_at,         form_packet,
	form_ctx_field, form_throw,     form_throw,      form_try,        form_defer,
	form_call,      form_call,      form_print,      form_leave,      form_channel,
	form_new,
};

enum { FORMS = sizeof forms / sizeof *forms };

void put_statements(struct gen *g, unsigned count)
{
	for (unsigned tries = 8 * count; tries && count && g->body.statements > 0; tries--) {
		form *f = forms[below(g, FORMS)];
		bool opens = f == form_if || f == form_match || f == form_block || f == form_for ||
			     f == form_while || f == form_for_map || f == form_if_entry ||
			     f == form_at || f == form_packet || f == form_try || f == form_defer ||
			     f == form_shadow || f == form_new;
		if (opens && g->indent > MAX_INDENT)
			continue;
		g->body.statements--;
		if (f(g))
			count--;
		else
			g->body.statements++;
	}
}
