/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes functions that nobody can call: neither main, nor a program, nor exported, nor reached
 * from one of those. The others keep their order, since a program is known by its place among the
 * programs; references to them are renumbered. Globals stay: their places in the sections were
 * given out by lowering.
 */
#include "frontend/opt/passes.h"

struct reach {
	struct ir_module *m;
	bool *is_kept;
	uint32_t *work;
	uint32_t depth;
};

static void keep(struct reach *k, uint32_t index)
{
	if (k->is_kept[index])
		return;
	k->is_kept[index] = true;
	k->work[k->depth++] = index;
}

static void keep_callees(struct reach *k, const struct ir_fn *fn)
{
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (ir_ops[ir_get(fn, r)->op].extra == IR_EXTRA_FUNC)
				keep(k, ir_get(fn, r)->index);
}

static void renumber(struct ir_fn *fn, const uint32_t *number)
{
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (ir_ops[ir_get(fn, r)->op].extra == IR_EXTRA_FUNC)
				ir_get(fn, r)->index = number[ir_get(fn, r)->index];
}

bool opt_strip(struct opt_context *ctx)
{
	struct ir_module *m = ctx->module;
	struct reach k = {
		.m = m,
		.is_kept = ARENA_ARRAY(ctx->scratch, bool, m->fns.len + 1),
		.work = ARENA_ARRAY(ctx->scratch, uint32_t, m->fns.len + 1),
	};
	uint32_t *number = ARENA_ARRAY(ctx->scratch, uint32_t, m->fns.len + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->fns.len; i++)
		if (i == m->main_fn || m->fns.data[i]->program || m->fns.data[i]->is_exported)
			keep(&k, i);
	while (k.depth)
		keep_callees(&k, m->fns.data[k.work[--k.depth]]);
	for (uint32_t i = 0; i < m->fns.len; i++) {
		if (!k.is_kept[i])
			continue;
		number[i] = count;
		m->fns.data[count++] = m->fns.data[i];
	}
	m->fns.len = count;
	if (m->main_fn != UINT32_MAX)
		m->main_fn = number[m->main_fn];
	for (uint32_t i = 0; i < count; i++)
		renumber(m->fns.data[i], number);
	return true;
}
