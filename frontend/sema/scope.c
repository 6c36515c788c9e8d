/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes, and the search for the name that the author may have meant. */
#include "frontend/sema/scope.h"

#include <string.h>

void scope_init(struct scope *scope, struct scope *parent, struct arena *arena)
{
	*scope = (struct scope){.parent = parent, .arena = arena};
	map_init(&scope->names, arena);
}

struct decl *scope_find_here(const struct scope *scope, symbol name)
{
	return map_find_ptr(&scope->names, name);
}

struct decl *scope_find(const struct scope *scope, symbol name)
{
	for (; scope; scope = scope->parent) {
		struct decl *d = scope_find_here(scope, name);
		if (d)
			return d;
	}
	return NULL;
}

void scope_add(struct scope *scope, symbol name, struct decl *decl)
{
	map_set_ptr(&scope->names, name, decl);
	vec_push(scope->arena, &scope->decls, decl);
}

void locals_init(struct locals *locals, struct arena *arena)
{
	*locals = (struct locals){.arena = arena};
	map_init(&locals->names, arena);
}

uint32_t locals_open(struct locals *locals)
{
	uint32_t mark = locals->block_begin;

	locals->block_begin = locals->stack.len;
	return mark;
}

void locals_close(struct locals *locals, uint32_t mark)
{
	while (locals->stack.len > locals->block_begin) {
		struct local_name n = vec_pop(&locals->stack);
		*map_insert(&locals->names, n.decl->name) = n.hidden;
	}
	locals->block_begin = mark;
}

static uint32_t find_index(const struct locals *locals, symbol name)
{
	const uint64_t *place = map_find(&locals->names, name);

	return place ? (uint32_t)*place : 0;
}

struct decl *locals_find(const struct locals *locals, symbol name)
{
	uint32_t index = find_index(locals, name);

	return index ? locals->stack.data[index - 1].decl : NULL;
}

bool locals_has_here(const struct locals *locals, symbol name)
{
	return find_index(locals, name) > locals->block_begin;
}

void locals_add(struct locals *locals, struct decl *decl)
{
	struct local_name n = {decl, find_index(locals, decl->name)};

	vec_push(locals->arena, &locals->stack, n);
	*map_insert(&locals->names, decl->name) = locals->stack.len;
}

enum { SUGGEST_MAX_LENGTH = 40 }; // longer names are not compared

uint32_t edit_distance(const char *a, const char *b, uint32_t limit)
{
	uint32_t rows[3][SUGGEST_MAX_LENGTH + 1];
	size_t a_len = strlen(a), b_len = strlen(b);
	size_t gap = a_len > b_len ? a_len - b_len : b_len - a_len;

	if (a_len > SUGGEST_MAX_LENGTH || b_len > SUGGEST_MAX_LENGTH || gap > limit)
		return UINT32_MAX;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (uint32_t)j;
	for (size_t i = 1; i <= a_len; i++) {
		uint32_t *now = rows[i % 3], *before = rows[(i + 2) % 3];
		const uint32_t *before2 = rows[(i + 1) % 3];
		now[0] = (uint32_t)i;
		for (size_t j = 1; j <= b_len; j++) {
			uint32_t d = before[j - 1] + (a[i - 1] != b[j - 1]);
			if (before[j] + 1 < d)
				d = before[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before2[j - 2] + 1 < d)
				d = before2[j - 2] + 1;
			now[j] = d;
		}
	}
	uint32_t result = rows[a_len % 3][b_len];
	return result <= limit ? result : UINT32_MAX;
}

struct suggestion suggestion_begin(const char *wanted)
{
	/* A third of the letters may differ; a name of one or two letters has no near neighbours. */
	return (struct suggestion){wanted, NULL, (uint32_t)(strlen(wanted) + 1) / 3 + 1};
}

void suggestion_offer(struct suggestion *s, const char *name)
{
	if (s->distance < 2)
		return;
	uint32_t d = edit_distance(s->wanted, name, s->distance - 1);
	if (d != UINT32_MAX && d > 0) {
		s->best = name;
		s->distance = d;
	}
}
