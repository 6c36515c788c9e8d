/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that end alike share the end: the longest common tail becomes a block of its own (or one of the
 * blocks, when that is all of it), to which the others jump.
 *
 *	b1: A; C; D; goto b3                b1: A; goto b4
 *	b2: B; C; D; goto b3          ->    b2: B; goto b4
 *	                                    b4: C; D; goto b3
 *
 * The verifier wants an access to memory to be through one kind of pointer on all ways, and a call to be
 * with one map, so a tail begins where the addresses of its accesses and the arguments of its calls
 * are made.
 */
#include <stdlib.h>

#include "bpf-backend/codegen/mir.h"

enum { MOST_ROUNDS = 4, MOST_COMPARED = 64 };

static bool is_same_insn(const struct mir_insn *a, const struct mir_insn *b)
{
	return a->op == b->op && a->dst == b->dst && a->src == b->src && a->imm == b->imm &&
	       a->off == b->off && a->relo == b->relo && a->index == b->index &&
	       a->arg_count == b->arg_count;
}

static bool end_alike(const struct mir_block *a, const struct mir_block *b)
{
	if (a->succ_count != b->succ_count || a->depth != b->depth)
		return false;
	for (uint32_t s = 0; s < a->succ_count; s++)
		if (a->succs[s] != b->succs[s])
			return false;
	return is_same_insn(&vec_last(&a->insns), &vec_last(&b->insns));
}

static uint32_t common_tail(const struct mir_block *a, const struct mir_block *b)
{
	uint32_t n = 0;
	while (n < a->insns.len && n < b->insns.len &&
	       is_same_insn(&a->insns.data[a->insns.len - 1 - n],
			    &b->insns.data[b->insns.len - 1 - n]))
		n++;
	return n;
}

static mir_reg address_of(const struct mir_insn *in)
{
	if (in->op >= BPF_OP_COUNT || !insn_width((enum bpf_op)in->op))
		return MIR_NO_REG;
	return insn_is_store((enum bpf_op)in->op) ? in->dst : in->src;
}

/* What an instruction of the tail needs that the tail must have made; bits of registers. */
static uint32_t needs(const struct mir_insn *in)
{
	mir_reg address = address_of(in);
	uint32_t mask = 0;
	if (address < MIR_FRAME)
		mask |= 1u << address;
	for (uint32_t i = 0; mir_roles(in->op) & MIR_CALL && i < in->arg_count; i++)
		mask |= 1u << (MIR_R1 + i);
	return mask;
}

/* The longest part of the last n instructions that may be shared. */
static uint32_t allowed_tail(const struct mir_block *block, uint32_t n)
{
	while (n) {
		uint32_t made = 0, from = block->insns.len - n, i = from;
		for (; i < block->insns.len; i++) {
			const struct mir_insn *in = &block->insns.data[i];
			if (needs(in) & ~made)
				break;
			uint32_t roles = mir_roles(in->op);
			bool is_new = roles & MIR_DEF_DST && !(roles & MIR_USE_DST);
			bool is_copy = in->op == MIR_COPY && in->src != MIR_FRAME;
			if (is_new && is_copy && !(made >> in->src & 1))
				made &= ~(1u << in->dst);
			else if (is_new && in->dst < MIR_FRAME)
				made |= 1u << in->dst;
			if (roles & MIR_CALL)
				made = (made & ~(uint32_t)MIR_CLOBBER) | 1u;
		}
		if (i == block->insns.len)
			return n;
		n = block->insns.len - i - 1;
	}
	return 0;
}

static uint64_t end_hash(const struct mir_block *block)
{
	uint32_t n = block->insns.len;
	uint64_t hash = block->succ_count;
	for (uint32_t i = n < 2 ? 0 : n - 2; i < n; i++) {
		const struct mir_insn *in = &block->insns.data[i];
		hash = hash_u64(hash ^ in->op ^ (uint64_t)in->dst << 16 ^ (uint64_t)in->src << 24);
		hash = hash_u64(hash ^ (uint64_t)in->imm ^ (uint64_t)in->off << 32 ^ in->index);
	}
	for (uint32_t s = 0; s < block->succ_count; s++)
		hash = hash_u64(hash ^ block->succs[s]);
	return hash;
}

struct ending {
	uint64_t hash;
	uint32_t block;
};

static int compare_endings(const void *a, const void *b)
{
	const struct ending *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->block < y->block ? -1 : 1;
}

static void cut(struct mir_fn *fn, uint32_t b, uint32_t n, uint32_t tail)
{
	struct mir_block *block = &fn->blocks.data[b];
	span where = block->insns.data[block->insns.len - n].where;
	block->insns.len -= n;
	vec_push(fn->arena, &block->insns,
		 ((struct mir_insn){
			 .op = BPF_OP_GOTO, .dst = MIR_NO_REG, .src = MIR_NO_REG, .where = where}));
	block->succ_count = 1;
	block->succs[0] = tail;
}

/* Makes blocks a and b share a tail of n instructions. */
static void share(struct mir_fn *fn, uint32_t a, uint32_t b, uint32_t n)
{
	bool all_of_a = fn->blocks.data[a].insns.len == n && a,
	     all_of_b = fn->blocks.data[b].insns.len == n && b;
	uint32_t tail = all_of_a ? a : b;
	if (!all_of_a && !all_of_b) {
		tail = mir_add_block(fn, a);
		struct mir_block *block = &fn->blocks.data[a], *made = &fn->blocks.data[tail];
		for (uint32_t i = block->insns.len - n; i < block->insns.len; i++)
			vec_push(fn->arena, &made->insns, block->insns.data[i]);
		made->succ_count = block->succ_count;
		made->likely = block->likely;
		memcpy(made->succs, block->succs, sizeof made->succs);
	}
	if (tail != a)
		cut(fn, a, n, tail);
	if (tail != b)
		cut(fn, b, n, tail);
}

/* Is a tail of n instructions, one of them the end, worth a jump? */
static bool is_worth_it(const struct mir_block *block, uint32_t n)
{
	bool is_goto = vec_last(&block->insns).op == BPF_OP_GOTO;
	return n > 1 && (is_goto || n > 1);
}

static bool merge_run(struct mir_fn *fn, const struct ending *endings, uint32_t count)
{
	bool changed = false;
	for (uint32_t i = 0; i < count && i < MOST_COMPARED; i++) {
		uint32_t best = 0, with = 0;
		const struct mir_block *a = &fn->blocks.data[endings[i].block];
		for (uint32_t k = i + 1; k < count && k < MOST_COMPARED; k++) {
			const struct mir_block *b = &fn->blocks.data[endings[k].block];
			if (!a->insns.len || !b->insns.len || !end_alike(a, b))
				continue;
			uint32_t n = allowed_tail(a, common_tail(a, b));
			if (n > best) {
				best = n;
				with = k;
			}
		}
		if (!best || !is_worth_it(a, best))
			continue;
		share(fn, endings[i].block, endings[with].block, best);
		changed = true;
	}
	return changed;
}

static bool merge_round(struct mir_fn *fn, struct arena *arena)
{
	uint32_t count = 0;
	bool changed = false;
	struct ending *endings = ARENA_ARRAY(arena, struct ending, fn->blocks.len + 1);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		if (fn->blocks.data[b].insns.len > 1)
			endings[count++] = (struct ending){end_hash(&fn->blocks.data[b]), b};
	qsort(endings, count, sizeof *endings, compare_endings);
	for (uint32_t i = 0; i < count;) {
		uint32_t end = i + 1;
		while (end < count && endings[end].hash == endings[i].hash)
			end++;
		if (end > i + 1)
			changed |= merge_run(fn, endings + i, end - i);
		i = end;
	}
	return changed;
}

void mir_merge_tails(struct mir_fn *fn, struct arena *arena)
{
	for (int i = 0; i < MOST_ROUNDS && merge_round(fn, arena); i++)
		;
}
