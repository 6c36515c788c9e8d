/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kind of program may do that others may not: read and write fields of its context, call
 * helpers, return values. Uses are noted while bodies are checked and judged when the call graph is
 * known, because a `@helper` has the kinds of all programs that reach it.
 */
#include "frontend/sema/check.h"

const char *release_text(struct checker *c, uint32_t release)
{
	return arena_printf(c->arena, "%u.%u", release >> 16, release >> 8 & 255);
}

const char *kind_text(struct checker *c, const struct program_kind *kind)
{
	if (!strcmp(kind->attribute,
		    "struct_ops")) // whose argument is a struct, not a word of the table
		return "@struct_ops";
	return *kind->arg ? arena_printf(c->arena, "@%s(\"%s\")", kind->attribute, kind->arg)
			  : arena_printf(c->arena, "@%s", kind->attribute);
}

/* ---- noting ---- */

static void note(struct checker *c, struct kind_use use)
{
	if (c->fn.decl && c->fn.number < c->funcs.len)
		vec_push(c->arena, &c->funcs.data[c->fn.number].kind_uses, use);
}

void note_ctx_access(struct checker *c, const struct ctx_field *field, span where, bool is_write)
{
	if (field->kernel > c->info->kernel) {
		if (!is_write) // every access counts as a read, too
			diag_report(c->diags, D_KERNEL_LACKS_FIELD, where, field->name,
				    release_text(c, field->kernel));
		return;
	}
	note(c, (struct kind_use){.field = field, .where = where, .is_write = is_write});
}

void note_ctx_write(struct checker *c, const struct expr *target)
{
	if (target->kind == EXPR_INDEX)
		target = target->index.base;
	if (target->kind != EXPR_FIELD || !target->field.decl ||
	    target->field.decl->kind != DECL_FIELD || !target->field.decl->field.ctx)
		return;
	note_ctx_access(c, target->field.decl->field.ctx, target->field.name_where, true);
}

void note_packet_use(struct checker *c, const struct type *ctx, span where)
{
	for (uint32_t i = 0; i < ctx->record.fields.len; i++) {
		const struct ctx_field *row = ctx->record.fields.data[i]->field.ctx;
		if (row->value == CTX_PACKET)
			note_ctx_access(c, row, where, false);
	}
}

void note_helper_call(struct checker *c, const struct helper_info *helper, span where)
{
	note(c, (struct kind_use){.helper = helper, .where = where});
}

void note_kfunc_call(struct checker *c, const struct kfunc_info *kfunc, span where)
{
	note(c, (struct kind_use){.kfunc = kfunc, .where = where});
}

void note_map_use(struct checker *c, const struct decl *map, span where)
{
	note(c, (struct kind_use){.map = map, .where = where});
}

void note_tail_call(struct checker *c, span where)
{
	note(c, (struct kind_use){.is_tail_call = true, .where = where});
}

/* ---- judging ---- */

/* What a program that may sleep cannot use; NULL when there is nothing. */
static const char *find_sleepless(struct checker *c, const struct kind_use *use)
{
	const struct type *t = use->map ? use->map->type : NULL;
	const uint32_t any_hash = 6 << 16 | 1 << 8; // also one without memory of its own

	if (use->is_tail_call)
		return "tail calls";
	if (!t || t->kind != TYPE_MAP)
		return NULL;
	const struct map_kind *kind = t->map.kind;
	const char *what = arena_printf(c->arena, "a map of kind `%s`", kind->name);
	if (kind->sleeping == UINT32_MAX)
		return what;
	if (kind->sleeping > c->info->kernel)
		return arena_printf(c->arena, "%s before Linux %s", what,
				    release_text(c, kind->sleeping));
	bool is_lazy = kind->shape == MAP_SHAPE_HASH && use->map->map.flag_bits & 1;
	if (is_lazy && any_hash > c->info->kernel)
		return arena_printf(c->arena, "maps with the flag `no_prealloc` before Linux %s",
				    release_text(c, any_hash));
	return NULL;
}

/* Fields of another struct than the kind's own context belong to an object it has a pointer to. */
static bool may_access(struct checker *c, const struct program_kind *kind,
		       const struct ctx_field *field, bool is_write)
{
	uint32_t set = is_write ? field->writers : field->readers;

	(void)c;
	if (!strcmp(kind->context, field->context))
		return set & kind->access;
	return set && !is_write;
}

/* A field of the same context that the kind may use and whose name is close. */
static void suggest_field(struct checker *c, struct diag *d, const struct program_kind *kind,
			  const struct kind_use *use)
{
	struct suggestion s = suggestion_begin(use->field->name);
	const struct ctx_field *row;

	for (uint32_t i = 0; (row = c->info->ctx_field_at(use->field->context, i)); i++)
		if (may_access(c, kind, row, use->is_write))
			suggestion_offer(&s, row->name);
	report_suggestion(c, d, use->where, &s);
}

/* Functions of an impl are programs of the kind struct_ops, or of one for the impl's struct. */
static const struct program_kind *kind_of(struct checker *c, const struct decl *d)
{
	const struct program_kind *k, *any = NULL;
	const struct type *ops = d->func.impl ? d->func.impl->type : NULL;

	if (d->func.role != ROLE_OPERATION)
		return d->func.program;
	const char *name = ops && ops->kind == TYPE_STRUCT && ops->name ? NAME(c, ops->name) : "";
	for (uint32_t i = 0; (k = c->info->program_kind_at(i)); i++) {
		if (strncmp(k->name, "struct_ops", 10) != 0)
			continue;
		if (k->name[10] == '/' && !strcmp(k->name + 11, name))
			return k;
		any = k->name[10] ? any : k;
	}
	return any;
}

static void judge(struct checker *c, struct decl *program, const struct decl *function,
		  struct kind_use *use)
{
	const struct program_kind *kind = kind_of(c, program);
	struct diag *d;

	if (use->kfunc && use->kfunc->flags & KFUNC_SLEEPABLE)
		program->func.is_sleepable = true;

	if (use->is_reported)
		return;
	if (use->map || use->is_tail_call) {
		const char *what = kind->may_sleep ? find_sleepless(c, use) : NULL;
		if (!what)
			return;
		d = diag_report(c->diags, D_SLEEPING_PROGRAM, use->where, kind_text(c, kind), what);
	} else if (use->kfunc) {
		if (use->kfunc->callers & kind->helpers)
			return;
		d = diag_report(c->diags, D_HELPER_KIND, use->where, kind_text(c, kind),
				use->kfunc->name);
	} else if (use->helper) {
		if (use->helper->callers & kind->helpers)
			return;
		d = diag_report(c->diags, D_HELPER_KIND, use->where, kind_text(c, kind),
				use->helper->name);
	} else {
		if (may_access(c, kind, use->field, use->is_write) ||
		    (use->is_write && !may_access(c, kind, use->field, false)))
			return;
		d = diag_report(c->diags, D_CONTEXT_FIELD, use->where, kind_text(c, kind),
				use->is_write ? "write" : "read", use->field->name);
		suggest_field(c, d, kind, use);
	}
	use->is_reported = true;
	if (program != function)
		diag_note(c->diags, d, program->name_where, "`%s` is such a program and gets here",
			  NAME(c, program->name));
}

static void reach(uint32_t callee, uint32_t root, uint32_t *seen, uint32_t *work, uint32_t *count)
{
	if (seen[callee] == root + 1)
		return;
	seen[callee] = root + 1;
	work[(*count)++] = callee;
}

/* Every function that a program reaches, once. `seen` holds the number of the last program. */
static void judge_program(struct checker *c, uint32_t root, uint32_t *seen, uint32_t *work)
{
	uint32_t count = 0;

	reach(root, root, seen, work, &count);
	while (count) {
		struct func_info *f = &c->funcs.data[work[--count]];
		f->decl->func.reached_by |= kind_of(c, c->funcs.data[root].decl)->helpers;
		for (uint32_t i = 0; i < f->kind_uses.len; i++)
			judge(c, c->funcs.data[root].decl, f->decl, &f->kind_uses.data[i]);
		for (uint32_t i = 0; i < f->calls.len; i++)
			reach(f->calls.data[i].callee, root, seen, work, &count);
		for (uint32_t i = 0; i < f->handed_over.len; i++)
			reach(f->handed_over.data[i], root, seen, work, &count);
	}
}

void check_program_kinds(struct checker *c)
{
	uint32_t *seen = ARENA_ARRAY(c->arena, uint32_t, c->funcs.len + 1);
	uint32_t *work = ARENA_ARRAY(c->arena, uint32_t, c->funcs.len + 1);

	for (uint32_t i = 0; i < c->funcs.len; i++)
		if (kind_of(c, c->funcs.data[i].decl))
			judge_program(c, i, seen, work);
}

/* ---- results ---- */

static void check_result(struct checker *c, const struct program_kind *kind, const struct expr *e)
{
	int64_t value = e->type->is_signed ? (int64_t)e->value : (int64_t)(uint32_t)e->value;

	if (value >= kind->result_min && value <= kind->result_max)
		return;
	const char *range =
		kind->result_min == kind->result_max
			? arena_printf(c->arena, "%d", kind->result_min)
			: arena_printf(c->arena, "%d %s %d", kind->result_min,
				       kind->result_max == kind->result_min + 1 ? "or" : "to",
				       kind->result_max);
	diag_report(c->diags, D_PROGRAM_RESULT, e->where, kind_text(c, kind), range,
		    arena_printf(c->arena, "%lld", (long long)value));
}

static void check_result_range(struct checker *c, const struct expr *e)
{
	const struct program_kind *kind = c->fn.decl ? c->fn.decl->func.program : NULL;

	if (!kind || !kind->checks_result || e->type->kind == TYPE_ERROR)
		return;
	if (e->is_const) {
		check_result(c, kind, e);
		return;
	}
	if (e->kind == EXPR_CONVERT)
		check_result_range(c, e->convert.operand);
	else if (e->kind == EXPR_MATCH)
		for (uint32_t i = 0; i < e->match.arms.len; i++)
			if (e->match.arms.data[i].value)
				check_result_range(c, e->match.arms.data[i].value);
}

/* tcx knows TC_ACT_UNSPEC, OK, SHOT and REDIRECT; the others mean more to a filter of clsact
 * (tcx_action_code(), include/net/tcx.h, Linux 6.12). */
static bool is_tcx_verdict(const struct expr *e)
{
	int32_t value = (int32_t)e->value;

	if (e->kind == EXPR_CONVERT && !e->is_const)
		return is_tcx_verdict(e->convert.operand);
	return e->is_const && (value == -1 || value == 0 || value == 2 || value == 7);
}

void check_program_result(struct checker *c, const struct expr *e)
{
	if (c->fn.decl && !is_tcx_verdict(e))
		c->fn.decl->func.has_other_results = true;
	check_result_range(c, e);
}
