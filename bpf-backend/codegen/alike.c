/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that do the same become one, before registers are given: the same instructions, where a register
 * that is written and used in the block only may have another number, and the same successors. Error
 * paths that count and return are the usual case.
 */
#include "bpf-backend/codegen/mir.h"

enum { MOST_INSNS = 40, MOST_NAMES = 40 };

struct alike {
	struct mir_fn *fn;
	struct mir_reg_list *live_in;
};

struct names { // registers of one block that stand for those of another
	mir_reg a[MOST_NAMES], b[MOST_NAMES];
	uint32_t count;
};

static bool is_live_out(const struct alike *s, uint32_t block, mir_reg r)
{
	const struct mir_block *b = &s->fn->blocks.data[block];
	for (uint32_t k = 0; k < b->succ_count; k++) {
		const struct mir_reg_list *live = &s->live_in[b->succs[k]];
		for (uint32_t i = 0; i < live->regs.len; i++)
			if (live->regs.data[i] == r)
				return true;
	}
	return false;
}

static bool is_same_reg(const struct names *n, mir_reg a, mir_reg b)
{
	for (uint32_t i = n->count; i-- > 0;)
		if (n->a[i] == a || n->b[i] == b)
			return n->a[i] == a && n->b[i] == b;
	return a == b;
}

static bool is_same_def(const struct alike *s, struct names *n, uint32_t x, mir_reg a, uint32_t y,
			mir_reg b)
{
	if (!mir_is_vreg(a) || !mir_is_vreg(b))
		return a == b;
	if (a == b)
		return is_same_reg(n, a, b);
	if (n->count == MOST_NAMES || is_live_out(s, x, a) || is_live_out(s, y, b))
		return false;
	n->a[n->count] = a;
	n->b[n->count++] = b;
	return true;
}

static bool is_same_insn(const struct alike *s, struct names *n, uint32_t x, uint32_t y, uint32_t i)
{
	const struct mir_insn *a = &s->fn->blocks.data[x].insns.data[i],
			      *b = &s->fn->blocks.data[y].insns.data[i];
	if (a->op != b->op || a->imm != b->imm || a->off != b->off || a->relo != b->relo ||
	    a->index != b->index || a->arg_count != b->arg_count)
		return false;
	uint32_t roles = mir_roles(a->op);
	bool src_read = !(roles & MIR_DEF_SRC) || roles & MIR_USE_SRC;
	if (src_read && !is_same_reg(n, a->src, b->src))
		return false;
	if (roles & MIR_DEF_SRC && !is_same_def(s, n, x, a->src, y, b->src))
		return false;
	if (roles & MIR_USE_DST || !(roles & MIR_DEF_DST))
		if (!is_same_reg(n, a->dst, b->dst))
			return false;
	bool is_new = roles & MIR_DEF_DST && !(roles & MIR_USE_DST);
	return !is_new || is_same_def(s, n, x, a->dst, y, b->dst);
}

static bool are_alike(const struct alike *s, uint32_t x, uint32_t y)
{
	const struct mir_block *a = &s->fn->blocks.data[x], *b = &s->fn->blocks.data[y];
	struct names names = {.count = 0};
	if (a->insns.len != b->insns.len || a->succ_count != b->succ_count || a->depth != b->depth)
		return false;
	for (uint32_t k = 0; k < a->succ_count; k++)
		if (a->succs[k] != b->succs[k])
			return false;
	for (uint32_t i = 0; i < a->insns.len; i++)
		if (!is_same_insn(s, &names, x, y, i))
			return false;
	return true;
}

static uint64_t hash_block(const struct mir_block *block)
{
	uint64_t hash = block->insns.len;
	for (uint32_t i = 0; i < block->insns.len; i++) {
		const struct mir_insn *in = &block->insns.data[i];
		hash = hash_u64(hash ^ in->op ^ (uint64_t)in->relo << 16);
		hash = hash_u64(hash ^ (uint64_t)in->imm ^ (uint64_t)in->off << 32 ^ in->index);
	}
	for (uint32_t s = 0; s < block->succ_count; s++)
		hash = hash_u64(hash ^ block->succs[s]);
	return hash >> 1;
}

static bool merge_round(struct alike *s, struct arena *arena)
{
	struct mir_fn *fn = s->fn;
	struct map first;
	uint32_t *same = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	bool changed = false;
	map_init(&first, arena);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		const struct mir_block *block = &fn->blocks.data[b];
		same[b] = b;
		if (!b || block->insns.len < 2 || block->insns.len > MOST_INSNS)
			continue;
		uint64_t *place = map_insert(&first, hash_block(block));
		if (!*place) {
			*place = b;
		} else if (are_alike(s, (uint32_t)*place, b)) {
			same[b] = (uint32_t)*place;
			changed = true;
		}
	}
	for (uint32_t b = 0; b < fn->blocks.len && changed; b++) {
		struct mir_block *block = &fn->blocks.data[b];
		if (same[b] != b) {
			block->insns.len = 0;
			block->succ_count = 0;
		}
		for (uint32_t k = 0; k < block->succ_count; k++)
			block->succs[k] = same[block->succs[k]];
	}
	return changed;
}

void mir_merge_alike(struct mir_fn *fn, struct arena *arena)
{
	enum { ROUNDS = 3 };
	struct alike s = {.fn = fn, .live_in = mir_find_live_in(fn, arena)};
	bool changed = false;
	for (int i = 0; i < ROUNDS && merge_round(&s, arena); i++)
		changed = true;
	if (changed)
		mir_find_preds(fn);
}
