/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How hard LLVM should work on a module. Most userspace halves glue runtime calls together: load,
 * attach, sleep, read maps, print. Each such call takes far longer than the code around it, and the
 * IR is optimised already, so code generation at level 0 loses nothing there and takes half the
 * time. A module that computes, in a loop that can go round without a runtime call or by recursion,
 * gets the wanted level.
 */
#include <string.h>

#include "host-backend/llvm_gen.h"

/* Optimising code generation takes a time that grows with the square of a function's blocks
 * (register allocation: 1.4 s for 2000) and of a block's length (selection: 2 s for 2500
 * instructions). Beyond these the module is generated at level 0, which stays linear. */
enum { OPTIMISED_BLOCKS_MAX = 600, OPTIMISED_BLOCK_LENGTH_MAX = 500 };

static bool is_host(const struct gen *g, uint32_t index)
{
	return g->m->fns.data[index]->target == IR_TARGET_HOST;
}

static bool is_huge(struct gen *g, const struct ir_fn *fn)
{
	if (fn->blocks.len > OPTIMISED_BLOCKS_MAX)
		return true;
	uint32_t *length = ARENA_ARRAY(g->arena, uint32_t, fn->blocks.len);
	for (uint32_t i = 1; i < fn->insns.len; i++) {
		uint32_t block = fn->block_of.data[i];
		if (fn->insns.data[i].op != IR_NONE && block < fn->blocks.len &&
		    ++length[block] > OPTIMISED_BLOCK_LENGTH_MAX)
			return true;
	}
	return false;
}

/* ---- loops ---- */

static bool is_runtime_call(const struct gen *g, const struct ir_insn *in)
{
	if (in->op == IR_MAP_LOOKUP || in->op == IR_MAP_UPDATE || in->op == IR_MAP_DELETE)
		return true;
	if (in->op != IR_CALL_EXTERN)
		return false;
	symbol name = g->m->externs.data[in->index].name;
	return strncmp(intern_text(&g->m->compile->names, name), "ks_", 3) == 0; // not memcpy etc.
}

static bool *find_calling_blocks(struct gen *g, const struct ir_fn *fn)
{
	bool *calls = ARENA_ARRAY(g->arena, bool, fn->blocks.len);
	for (uint32_t i = 1; i < fn->insns.len; i++)
		if (is_runtime_call(g, &fn->insns.data[i]) && fn->block_of.data[i] < fn->blocks.len)
			calls[fn->block_of.data[i]] = true;
	return calls;
}

/* Whether every way from the loop header to the edge back makes a runtime call. */
static bool is_slow_round(const struct ir_doms *doms, const bool *calls, uint32_t header,
			  uint32_t from)
{
	uint32_t b = from;
	while (!calls[b] && b != header)
		b = doms->idom[b];
	return calls[b];
}

static bool has_computing_loop(struct gen *g, const struct ir_fn *fn)
{
	struct ir_doms doms = ir_find_doms(fn, g->arena);
	bool *calls = find_calling_blocks(g, fn);
	for (uint32_t i = 0; i < doms.rpo_count; i++) {
		uint32_t b = doms.rpo[i];
		const struct ir_block *block = &fn->blocks.data[b];
		for (uint32_t k = 0; k < block->succ_count; k++) {
			uint32_t to = block->succs[k];
			if (doms.rpo_index[to] > i)
				continue;
			if (!ir_dominates(&doms, to, b) || !is_slow_round(&doms, calls, to, b))
				return true;
		}
	}
	return false;
}

/* ---- recursion ---- */

struct call_graph {
	uint32_t *callers; // places that name each host function and are still there
	uint32_t *ready;   // functions without any
	uint32_t ready_count;
};

static void add_callers(struct call_graph *graph, const struct ir_fn *fn)
{
	for (uint32_t i = 1; i < fn->insns.len; i++)
		if (ir_ops[fn->insns.data[i].op].extra == IR_EXTRA_FUNC)
			graph->callers[fn->insns.data[i].index]++;
}

static void remove_callers(const struct gen *g, struct call_graph *graph, const struct ir_fn *fn)
{
	for (uint32_t i = 1; i < fn->insns.len; i++) {
		uint32_t callee = fn->insns.data[i].index;
		if (ir_ops[fn->insns.data[i].op].extra == IR_EXTRA_FUNC &&
		    --graph->callers[callee] == 0 && is_host(g, callee))
			graph->ready[graph->ready_count++] = callee;
	}
}

/* Takes away functions that nobody calls any more until there are none; a cycle stays. */
static bool has_recursion(struct gen *g)
{
	uint32_t count = g->m->fns.len, left = 0;
	struct call_graph graph = {
		.callers = ARENA_ARRAY(g->arena, uint32_t, count),
		.ready = ARENA_ARRAY(g->arena, uint32_t, count),
	};
	for (uint32_t i = 0; i < count; i++)
		if (is_host(g, i))
			add_callers(&graph, g->m->fns.data[i]);
	for (uint32_t i = 0; i < count; i++) {
		left += is_host(g, i);
		if (is_host(g, i) && !graph.callers[i])
			graph.ready[graph.ready_count++] = i;
	}
	for (; graph.ready_count; left--)
		remove_callers(g, &graph, g->m->fns.data[graph.ready[--graph.ready_count]]);
	return left > 0;
}

static bool calls_by_address(const struct ir_fn *fn)
{
	for (uint32_t i = 1; i < fn->insns.len; i++)
		if (fn->insns.data[i].op == IR_CALL_PTR)
			return true;
	return false;
}

/* ---- level ---- */

int gen_choose_level(struct gen *g, int wanted)
{
	bool computes = wanted > 1; // or is treated as if it did
	if (wanted <= 0)
		return 0;
	for (uint32_t i = 0; i < g->m->fns.len; i++) {
		const struct ir_fn *fn = g->m->fns.data[i];
		if (!is_host(g, i))
			continue;
		if (is_huge(g, fn))
			return 0;
		computes = computes || calls_by_address(fn) || has_computing_loop(g, fn);
	}
	return computes || has_recursion(g) ? (wanted > 2 ? 2 : wanted) : 0;
}
