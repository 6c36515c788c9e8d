/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the rows of passes.def. Between two module passes every function goes through all rows before
 * the next function does, callees before callers, so that inlining copies finished bodies and the
 * analyses of one function are kept from row to row.
 */
#include "frontend/opt/pass.h"

#include <string.h>

#include "frontend/opt/passes.h"

enum scope { FN, MODULE };
enum targets { ANY, BPF };

struct pass {
	const char *name;
	opt_fn_pass *run_fn;
	opt_module_pass *run_module;
	enum scope scope;
	enum targets target;
	int level;
	uint32_t needs, keeps;
};

#define PASS_FN(function) .run_fn = function
#define PASS_MODULE(function) .run_module = function
static const struct pass passes[] = {
#define PASS(p_name, function, p_scope, p_target, p_level, p_needs, p_keeps)                       \
	{.name = p_name,                                                                           \
	 PASS_##p_scope(function),                                                                 \
	 .scope = p_scope,                                                                         \
	 .target = p_target,                                                                       \
	 .level = p_level,                                                                         \
	 .needs = OPT_##p_needs,                                                                   \
	 .keeps = OPT_##p_keeps},
#include "frontend/opt/passes.def"
#undef PASS
};

enum { PASS_COUNT = sizeof passes / sizeof *passes };

const char *opt_pass_name(uint32_t index)
{
	return index < PASS_COUNT ? passes[index].name : NULL;
}

static uint32_t find_pass(const char *name, uint32_t otherwise)
{
	for (uint32_t i = 0; name && i < PASS_COUNT; i++)
		if (!strcmp(passes[i].name, name))
			return i;
	return otherwise;
}

static void provide(struct opt_context *ctx, const struct ir_fn *fn, uint32_t needs)
{
	if (needs & OPT_LOOPS)
		needs |= OPT_DOMS;
	if ((needs & ~ctx->valid) & OPT_DOMS) {
		arena_reset(ctx->facts);
		ctx->doms = ir_find_doms(fn, ctx->facts);
		ctx->valid = OPT_DOMS;
	}
	if ((needs & ~ctx->valid) & OPT_LOOPS) {
		ctx->loops = ir_find_loops(fn, &ctx->doms, ctx->facts);
		ctx->valid |= OPT_LOOPS;
	}
}

static bool check_after(struct opt_context *ctx, const struct pass *pass, const struct ir_fn *fn)
{
	const char *why;

	if (!ctx->options->check_each || ir_check_fn(ctx->module, fn, &why))
		return true;
	diag_report(&ctx->compile->diags, D_PASS_BROKE_IR, fn->where, pass->name,
		    intern_text(&ctx->compile->names, fn->name), why);
	return false;
}

static bool run_on_fn(struct opt_context *ctx, const struct pass *pass, struct ir_fn *fn)
{
	if ((pass->target == BPF && fn->target != IR_TARGET_BPF) || !fn->blocks.len)
		return true;
	provide(ctx, fn, pass->needs);
	bool good = pass->run_fn(ctx, fn);
	ctx->valid &= pass->keeps;
	arena_reset(ctx->scratch);
	return check_after(ctx, pass, fn) && good;
}

/* Appends the functions called from `fn` (or whose address it takes), with repetitions. */
static void list_callees(const struct ir_fn *fn, uint32_t **end)
{
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (ir_ops[ir_get(fn, r)->op].extra == IR_EXTRA_FUNC)
				*(*end)++ = ir_get(fn, r)->index;
}

static uint32_t count_callees(const struct ir_fn *fn)
{
	uint32_t count = 0;

	for (ir_ref r = 1; r < fn->insns.len; r++)
		count += ir_ops[ir_get(fn, r)->op].extra == IR_EXTRA_FUNC;
	return count;
}

/* Callees before callers; a cycle is cut anywhere. Counts the calls of each function. */
static uint32_t *order_fns(struct opt_context *ctx, struct arena *arena)
{
	const struct ir_module *m = ctx->module;
	uint32_t n = m->fns.len, done = 0, depth = 0, edges = 0;
	uint32_t *order = ARENA_ARRAY(arena, uint32_t, n + 1);
	uint32_t *stack = ARENA_ARRAY(arena, uint32_t, n + 1);
	uint32_t **next = ARENA_ARRAY(arena, uint32_t *, n + 1);
	uint32_t **end = ARENA_ARRAY(arena, uint32_t *, n + 1);
	bool *seen = ARENA_ARRAY(arena, bool, n + 1);

	for (uint32_t i = 0; i < n; i++)
		edges += count_callees(m->fns.data[i]);
	uint32_t *callees = ARENA_ARRAY(arena, uint32_t, edges + 1);
	ctx->calls = ARENA_ARRAY(arena, uint32_t, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		next[i] = callees;
		list_callees(m->fns.data[i], &callees);
		end[i] = callees;
		for (uint32_t *c = next[i]; c < end[i]; c++)
			ctx->calls[*c]++;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!seen[i])
			stack[depth++] = i;
		seen[i] = true;
		while (depth) {
			uint32_t f = stack[depth - 1];
			if (next[f] == end[f]) {
				order[done++] = f;
				depth--;
			} else if (!seen[*next[f]++]) {
				stack[depth] = next[f][-1];
				seen[stack[depth++]] = true;
			}
		}
	}
	return order;
}

/* Rows from..to (exclusive), all of scope FN. */
static bool run_group(struct opt_context *ctx, uint32_t from, uint32_t to)
{
	struct arena arena, work;
	bool good = true;

	arena_init(&arena);
	arena_init(&work);
	uint32_t *order = order_fns(ctx, &arena);
	ctx->is_done = ARENA_ARRAY(&arena, bool, ctx->module->fns.len + 1);
	for (uint32_t i = 0; i < ctx->module->fns.len && !ctx->compile->diags.too_many; i++) {
		struct ir_fn *fn = ctx->module->fns.data[order[i]];
		if (ctx->options->only_bpf && fn->target != IR_TARGET_BPF)
			continue;
		ctx->valid = OPT_NONE;
		bool is_sound = true;
		fn->arena = fn->const_index.arena = &work;
		for (uint32_t p = from; p < to && is_sound; p++)
			if (passes[p].level <= ctx->options->level)
				is_sound = run_on_fn(ctx, &passes[p], fn);
		ir_settle(fn, ctx->module->arena);
		arena_reset(&work);
		good = good && is_sound;
		ctx->is_done[order[i]] = true;
	}
	ctx->is_done = NULL;
	ctx->calls = NULL;
	arena_fini(&work);
	arena_fini(&arena);
	return good;
}

static bool run_rows(struct opt_context *ctx, uint32_t first, uint32_t last)
{
	for (uint32_t p = first; p <= last;) {
		uint32_t end = p;
		while (end <= last && passes[end].scope == FN)
			end++;
		if (end > p && !run_group(ctx, p, end))
			return false;
		if (end <= last && passes[end].level <= ctx->options->level &&
		    !passes[end].run_module(ctx))
			return false;
		arena_reset(ctx->scratch);
		p = end + (end <= last);
	}
	return true;
}

bool opt_run(struct ir_module *m, const struct opt_options *options)
{
	struct arena scratch, facts;
	struct opt_context ctx = {
		.module = m,
		.compile = m->compile,
		.options = options,
		.scratch = &scratch,
		.facts = &facts,
	};

	arena_init(&scratch);
	arena_init(&facts);
	bool good = run_rows(&ctx, find_pass(options->start_at, 0),
			     find_pass(options->stop_after, PASS_COUNT - 1));
	arena_fini(&facts);
	arena_fini(&scratch);
	return good;
}
