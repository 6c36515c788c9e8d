/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of the kernel that an eBPF function takes and must let go (pairs.def). In: the final form of the
 * function, in which helpers with pointer parameters are part of their callers. Reported are a lock that
 * is held where the function ends or where ways meet on which it is not, one that is let go without being
 * held, a second one, and a call while a lock is held that forbids calls (check_helper_call and do_check,
 * Linux 6.12; functions of the program that call nothing themselves may be called from 6.9 on).
 * Nothing is changed.
 *
 * Each block is looked at once, in reverse post-order: what holds at its beginning is what holds at the
 * end of the first predecessor, and all edges are compared afterwards.
 */
#include "frontend/opt/passes.h"

#include <string.h>

enum { CALLS_KERNEL = 6 << 16 | 9 << 8, CALL_DEPTH_MAX = 8 };

static const struct pair {
	const char *take, *release, *noun;
	bool forbids_calls;
} pairs[] = {
#define PAIR(take, release, noun, forbids_calls) {take, release, noun, forbids_calls},
#include "frontend/opt/pairs.def"
};

struct locks {
	struct opt_context *ctx;
	struct ir_fn *fn;
	const struct pair *pair;
	uint32_t take, release; // externs; UINT32_MAX: not there
	ir_ref *entry, *exit;   // of each block: the call that took the lock, 0 for none
	bool good;
};

static uint32_t find_extern(const struct ir_module *m, const char *name)
{
	for (uint32_t i = 0; i < m->externs.len; i++)
		if (!strcmp(intern_text(&m->compile->names, m->externs.data[i].name), name))
			return i;
	return UINT32_MAX;
}

static span span_at(const struct locks *l, ir_ref r)
{
	return l->fn->spans.data[r];
}

static void report_held(struct locks *l, ir_ref taken, span where, const char *text)
{
	struct diags *diags = &l->ctx->compile->diags;
	const char *name = intern_text(&l->ctx->compile->names, l->fn->name);

	l->good = false;
	struct diag *d = diag_report(diags, D_NOT_GIVEN_BACK, span_at(l, taken), l->pair->noun,
				     "unlocked", name);
	diag_note(diags, d, where, "%s", text);
}

static void report_call(struct locks *l, ir_ref call, ir_ref taken, const char *what)
{
	struct diags *diags = &l->ctx->compile->diags;

	l->good = false;
	struct diag *d = diag_report(diags, D_CALL_UNDER_LOCK, span_at(l, call), what);
	diag_note(diags, d, span_at(l, taken), "the lock is taken here");
}

static void report_not_held(struct locks *l, ir_ref call)
{
	struct diags *diags = &l->ctx->compile->diags;

	l->good = false;
	diag_report(diags, D_NOT_LOCKED, span_at(l, call), l->pair->release, l->pair->take);
}

/* The pointer and the constant that was added to it. */
static ir_ref strip_offset(const struct ir_fn *fn, ir_ref r, uint64_t *offset)
{
	for (*offset = 0; !ir_is_const(r); r = ir_get(fn, r)->a) {
		const struct ir_insn *in = ir_get(fn, r);
		if (in->op != IR_PTRADD || !ir_is_const(in->b))
			break;
		*offset += ir_get_const(fn, in->b)->bits;
	}
	return r;
}

/* Whether both calls are surely given different locks. */
static bool is_other_lock(const struct locks *l, ir_ref a, ir_ref b)
{
	const struct ir_fn *fn = l->fn;
	uint64_t x, y;

	if (!ir_get(fn, a)->aux || !ir_get(fn, b)->aux)
		return false;
	ir_ref from = strip_offset(fn, fn->pool.data[ir_get(fn, a)->a], &x);
	ir_ref to = strip_offset(fn, fn->pool.data[ir_get(fn, b)->a], &y);
	if (from == to)
		return x != y;
	return !ir_is_const(from) && !ir_is_const(to) && ir_get(fn, from)->op == IR_MAP_LOOKUP &&
	       ir_get(fn, to)->op == IR_MAP_LOOKUP;
}

/* True when a function of the program calls nothing that the kernel knows of. */
static bool is_leaf(const struct locks *l, uint32_t index, uint32_t depth)
{
	const struct ir_fn *fn = l->ctx->module->fns.data[index];

	if (depth > CALL_DEPTH_MAX)
		return false;
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			uint8_t effect = ir_ops[in->op].effect;
			if (in->op == IR_CALL
				    ? !is_leaf(l, in->index, depth + 1)
				    : effect == IR_EFF_CALL || effect == IR_EFF_MAP_READ ||
					      effect == IR_EFF_MAP_WRITE)
				return false;
		}
	}
	return true;
}

/* What an instruction does that no lock allows, for a message; NULL: nothing. */
static const char *forbidden_call(const struct locks *l, const struct ir_insn *in)
{
	struct compile *compile = l->ctx->compile;
	const struct ir_module *m = l->ctx->module;
	symbol name;

	switch ((int)in->op) {
	case IR_MAP_LOOKUP:
	case IR_MAP_UPDATE:
	case IR_MAP_DELETE:
		return "an access to a map";
	case IR_CALL_EXTERN:
		name = m->externs.data[in->index].name;
		break;
	case IR_CALL:
		if (l->ctx->options->kernel >= CALLS_KERNEL && is_leaf(l, in->index, 0))
			return NULL;
		name = m->fns.data[in->index]->name;
		break;
	default:
		return NULL;
	}
	return arena_printf(&compile->module, "the call of `%s`",
			    intern_text(&compile->names, name));
}

static ir_ref walk_insn(struct locks *l, ir_ref r, ir_ref held)
{
	const struct ir_insn *in = ir_get(l->fn, r);
	bool is_extern = in->op == IR_CALL_EXTERN;

	if (is_extern && in->index == l->take) {
		if (held)
			report_call(l, r, held, "another lock");
		return r;
	}
	if (is_extern && in->index == l->release) {
		if (!held || is_other_lock(l, held, r))
			report_not_held(l, r);
		return 0;
	}
	if (!held)
		return 0;
	if (in->op == IR_RETURN)
		report_held(l, held, span_at(l, r), "the function ends here");
	const char *call = l->pair->forbids_calls ? forbidden_call(l, in) : NULL;
	if (call)
		report_call(l, r, held, call);
	return held;
}

static void walk_block(struct locks *l, uint32_t index)
{
	ir_ref held = l->entry[index];

	for (ir_ref r = l->fn->blocks.data[index].first; r; r = l->fn->next.data[r])
		held = walk_insn(l, r, held);
	l->exit[index] = held;
}

static void compare_edges(struct locks *l, uint32_t from)
{
	const struct ir_block *b = &l->fn->blocks.data[from];

	for (uint32_t i = 0; i < b->succ_count; i++) {
		ir_ref there = l->entry[b->succs[i]], here = l->exit[from];
		if (!there == !here)
			continue;
		report_held(l, here ? here : there, span_at(l, b->last),
			    here ? "it is still held on the way through here"
				 : "it is not held on the way through here");
	}
}

static bool uses_pair(const struct locks *l)
{
	const struct ir_fn *fn = l->fn;

	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			if (in->op == IR_CALL_EXTERN &&
			    (in->index == l->take || in->index == l->release))
				return true;
		}
	return false;
}

static void check_pair(struct locks *l)
{
	const struct ir_doms *doms = &l->ctx->doms;
	uint32_t count = l->fn->blocks.len;

	l->entry = ARENA_ARRAY(l->ctx->scratch, ir_ref, count);
	l->exit = ARENA_ARRAY(l->ctx->scratch, ir_ref, count);
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		uint32_t b = doms->rpo[i];
		const struct ir_block *block = &l->fn->blocks.data[b];
		for (uint32_t j = 0; j < block->preds.len; j++) {
			uint32_t p = block->preds.data[j];
			if (doms->rpo_index[p] >= i)
				continue;
			l->entry[b] = l->exit[p];
			break;
		}
		walk_block(l, b);
	}
	for (uint32_t i = 0; l->good && i < doms->rpo_count; i++)
		compare_edges(l, doms->rpo[i]);
}

bool opt_lock_check(struct opt_context *ctx, struct ir_fn *fn)
{
	struct locks l = {.ctx = ctx, .fn = fn, .good = true};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		l.pair = &pairs[i];
		l.take = find_extern(ctx->module, l.pair->take);
		l.release = find_extern(ctx->module, l.pair->release);
		if ((l.take != UINT32_MAX || l.release != UINT32_MAX) && uses_pair(&l))
			check_pair(&l);
	}
	return l.good;
}
