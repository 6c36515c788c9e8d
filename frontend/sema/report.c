/* SPDX-License-Identifier: Apache-2.0 */
/* What several checks say in the same way: suggestions, mismatches, missing features, depth. */
#include "frontend/sema/check.h"

#include <inttypes.h>

void report_suggestion(struct checker *c, struct diag *d, span where, const struct suggestion *s)
{
	if (!s->best)
		return;
	diag_hint(c->diags, d, "did you mean `%s`?", s->best);
	diag_fix(c->diags, d, where, s->best);
}

void report_declared(struct checker *c, struct diag *d, const struct decl *decl)
{
	if (decl->name_where.end)
		diag_note(c->diags, d, decl->name_where, "`%s` is declared here",
			  NAME(c, decl->name));
}

void report_unavailable(struct checker *c, span where, const char *what)
{
	diag_report(c->diags, D_FEATURE_UNAVAILABLE, where, what);
}

void note_unavailable(struct checker *c, span where, const char *what)
{
	struct unavailable_use use = {where, what};

	vec_push(c->arena, &c->out->unavailable, use);
	if (c->fn.decl)
		c->fn.decl->func.is_unavailable = true;
}

void sema_report_unavailable(struct compile *compile, const struct checked_program *checked)
{
	for (uint32_t i = 0; i < checked->unavailable.len; i++)
		diag_report(&compile->diags, D_FEATURE_UNAVAILABLE,
			    checked->unavailable.data[i].where, checked->unavailable.data[i].what);
}

struct diag *report_mismatch(struct checker *c, span where, const struct type *want,
			     const struct type *got)
{
	struct diag *d = diag_report(c->diags, D_TYPE_MISMATCH, where, TEXT(c, want), TEXT(c, got));

	if (got->kind == TYPE_BOOL && type_is_integer(want))
		diag_hint(c->diags, d, "write `as %s` to make a number of it", TEXT(c, want));
	else if (want->kind == TYPE_BOOL && type_is_integer(got))
		diag_hint(c->diags, d, "compare it: `!= 0`");
	else if (want->kind == TYPE_BE && type_is_integer(got))
		diag_hint(c->diags, d, "convert it with `%s`",
			  want->size == 2   ? "htons"
			  : want->size == 4 ? "htonl"
					    : "htonll");
	else if (got->kind == TYPE_BE && type_is_integer(want))
		diag_hint(c->diags, d, "convert it with `%s`",
			  got->size == 2   ? "ntohs"
			  : got->size == 4 ? "ntohl"
					   : "ntohll");
	else if (want->kind == TYPE_PROGRAM_REF && got->kind == TYPE_STR)
		diag_hint(c->diags, d, "name the program's function, without quotes");
	else if (want->kind == TYPE_PROGRAM_HANDLE && got->kind == TYPE_PROGRAM_REF)
		diag_hint(c->diags, d, "load the program first: `load(…)` gives its handle");
	else if (got->kind == TYPE_POINTER && want->kind == TYPE_POINTER)
		diag_hint(c->diags, d, "write `as %s` if that is meant", TEXT(c, want));
	else if (want->kind == TYPE_POINTER && want->element == got)
		diag_hint(c->diags, d, "give its address: `&…`");
	else if (got->kind == TYPE_POINTER && got->element == want)
		diag_hint(c->diags, d, "take what it points to: `*…`");
	return d;
}

const char *value_text(struct checker *c, const struct type *type, uint64_t value)
{
	if (type->kind == TYPE_BOOL)
		return value ? "true" : "false";
	if (type->kind == TYPE_ENUM && type->decl)
		for (uint32_t i = 0; i < type->decl->enumeration.constants.len; i++) {
			const struct decl *k = type->decl->enumeration.constants.data[i];
			if (k->constant.value == value)
				return NAME(c, k->name);
		}
	if (type->kind == TYPE_CHAR && value >= ' ' && value < 127)
		return arena_printf(c->arena, "'%c'", (char)value);
	if ((type->kind == TYPE_INT || type->kind == TYPE_ENUM) && type->is_signed)
		return arena_printf(c->arena, "%" PRId64, (int64_t)value);
	return arena_printf(c->arena, "%" PRIu64, value);
}

static const struct {
	enum unavailable_space space;
	const char *name, *what;
} unavailable[] = {
#define UNAVAILABLE(space, name, what) {space, name, what},
#include "frontend/sema/unavailable.def"
#undef UNAVAILABLE
};

const char *find_unavailable(enum unavailable_space space, const char *name)
{
	for (size_t i = 0; i < sizeof unavailable / sizeof *unavailable; i++)
		if (unavailable[i].space == space && !strcmp(unavailable[i].name, name))
			return unavailable[i].what;
	return NULL;
}

static const struct {
	const char *word, *ours;
	bool is_same; // can be put in its place
} foreign[] = {
#define FOREIGN(word, ours, is_same) {word, ours, is_same},
#include "frontend/sema/foreign.def"
};

static const struct {
	const char *word, *ours;
	enum type_kind receiver;
} foreign_methods[] = {
#define FOREIGN_METHOD(receiver, word, ours) {word, ours, TYPE_##receiver},
#include "frontend/sema/foreign.def"
};

static const struct {
	const char *word, *ours;
} foreign_attributes[] = {
#define FOREIGN_ATTRIBUTE(word, ours) {word, ours},
#include "frontend/sema/foreign.def"
};

const char *foreign_attribute(const char *word)
{
	for (size_t i = 0; i < sizeof foreign_attributes / sizeof *foreign_attributes; i++)
		if (!strcmp(foreign_attributes[i].word, word))
			return foreign_attributes[i].ours;
	return NULL;
}

const char *foreign_method(const struct type *receiver, const char *word)
{
	for (size_t i = 0; i < sizeof foreign_methods / sizeof *foreign_methods; i++)
		if (foreign_methods[i].receiver == receiver->kind &&
		    !strcmp(foreign_methods[i].word, word))
			return foreign_methods[i].ours;
	return NULL;
}

bool report_foreign(struct checker *c, struct diag *d, span where, const char *word)
{
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		if (strcmp(foreign[i].word, word) != 0)
			continue;
		diag_hint(c->diags, d, "here it is written `%s`", foreign[i].ours);
		if (foreign[i].is_same)
			diag_fix(c->diags, d, where, foreign[i].ours);
		return true;
	}
	return false;
}

bool enter(struct checker *c, span where)
{
	if (c->depth < SEMA_MAX_DEPTH) {
		c->depth++;
		return true;
	}
	diag_report(c->diags, D_TOO_DEEP, where);
	return false;
}
