/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places: a variable and a way into it. A walk begins at some variable and goes down until the type is the
 * wanted one; when it gets stuck, what it wrote is dropped and another variable is tried.
 */
#include <string.h>

#include "tests/gen/internal.h"

enum { TRIES = 8, MAX_WALK = 5 };

struct walk {
	struct gen *g;
	struct gen_type *type, *wanted;
	bool is_written, is_entry;
	unsigned steps, depth;
};

static bool is_done(const struct walk *w)
{
	if (w->wanted ? w->type != w->wanted : !is_scalar(w->type))
		return false;
	// A whole new value would make the variable something else than the entry.
	return !(w->is_written && w->is_entry && !w->steps);
}

/* Out of range is allowed for what the compiler cannot compute. */
static void put_index(struct walk *w, unsigned count)
{
	struct gen *g = w->g;

	put(g, "[");
	switch (below(g, w->depth < 3 ? 4 : 2)) {
	case 0:
	case 1:
		put(g, "%u", below(g, count));
		break;
	case 2:
		put_varying(g, random_int(g), w->depth + 2);
		break;
	default:
		put_varying(g, g->ints[below(g, 4)], w->depth + 2);
		put(g, " %% %u", count < 100 ? count : 100);
	}
	put(g, "]");
}

static bool step(struct walk *w)
{
	struct gen *g = w->g;
	struct gen_type *t = w->type;

	if (t->kind == G_POINTER && t->element->kind != G_STRUCT) {
		struct buf inner = *g->out;
		buf_init(g->out);
		put(g, "(*%s)", inner.data);
		buf_fini(&inner);
		w->type = t->element;
		return true;
	}
	if (t->kind == G_POINTER || t->kind == G_STRUCT) {
		bool arrow = t->kind == G_POINTER || (w->is_entry && !w->steps && chance(g, 50));
		struct gen_type *s = t->kind == G_POINTER ? t->element : t;
		if (!s->fields.len)
			return false;
		struct gen_field *f = &s->fields.data[below(g, s->fields.len)];
		put(g, "%s%s", arrow ? "->" : ".", f->name);
		w->type = f->type;
		return true;
	}
	if (t->kind == G_ARRAY || (t->kind == G_STR && !w->is_written)) {
		put_index(w, t->count);
		w->type = t->kind == G_STR ? g->character : t->element;
		return true;
	}
	return false;
}

static bool walk(struct walk *w)
{
	for (; w->steps < MAX_WALK; w->steps++) {
		if (is_done(w))
			return true;
		if (!step(w))
			return false;
	}
	return is_done(w);
}

static const struct gen_var *random_var(struct gen *g, bool is_written)
{
	for (unsigned i = 0; i < TRIES && g->vars.len; i++) {
		// The last ones are the locals.
		uint32_t n = g->vars.len,
			 k = chance(g, 60) && n > 12 ? n - 1 - below(g, 12) : below(g, n);
		const struct gen_var *v = &g->vars.data[k];
		if (!v->is_const && (v->where & g->body.where) == g->body.where &&
		    !(is_written && v->is_readonly))
			return v;
	}
	return NULL;
}

struct gen_type *put_place(struct gen *g, struct gen_type *wanted, bool is_written, unsigned depth)
{
	struct buf text, *out = g->out;
	struct gen_type *found = NULL;

	buf_init(&text);
	for (unsigned i = 0; i < TRIES && !found; i++) {
		const struct gen_var *v = random_var(g, is_written);
		if (!v)
			continue;
		text.len = 0;
		g->out = &text;
		put(g, "%s", v->name);
		struct walk w = {.g = g,
				 .type = v->type,
				 .wanted = wanted,
				 .is_written = is_written,
				 .is_entry = v->is_entry,
				 .depth = depth};
		if (walk(&w))
			found = w.type;
		g->out = out;
	}
	if (found)
		buf_add(out, text.data, text.len);
	buf_fini(&text);
	return found;
}

struct gen_map *random_map(struct gen *g, struct gen_type *value)
{
	for (unsigned i = 0; i < TRIES && g->maps.len; i++) {
		struct gen_map *m = &g->maps.data[below(g, g->maps.len)];
		if (!value || m->value == value)
			return m;
	}
	return NULL;
}

/* Something here is not known to the compiler. */
static bool can_vary(struct gen *g)
{
	struct buf text, *out = g->out;

	buf_init(&text);
	g->out = &text;
	bool can = put_place(g, NULL, false, 9);
	g->out = out;
	buf_fini(&text);
	return can;
}

/* Index of an array: known ones lie within it. */
static void put_array_key(struct gen *g, const struct gen_map *m, unsigned depth)
{
	bool varies = can_vary(g);

	if (m->key->kind != G_INT) {
		if (varies)
			put_varying(g, m->key, depth + 1);
		else
			put(g, "(0 as %s)", m->key->text);
	} else if (!varies || chance(g, 50)) {
		put(g, "%u", below(g, m->entries));
	} else {
		put_varying(g, m->key, depth + 1);
		if (chance(g, 70) && m->key->bits > 7)
			put(g, " %% %u", m->entries < 100 ? m->entries : 100);
	}
}

void put_key(struct gen *g, const struct gen_map *m, unsigned depth)
{
	if (m->is_array)
		put_array_key(g, m, depth);
	else
		put_expr(g, m->key, depth + 1);
}
