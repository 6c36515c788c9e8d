/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block order. Jumps are led past empty blocks, blocks that do the same merged, and short exits copied in place of a jump to
 * them; then
 * blocks stand in reverse post-order, the preferred successor of a conditional jump directly behind it:
 * the likely one, or the one that stays in the loop, so that the loop is contiguous and what leaves it
 * comes after. A loop whose header only tests is tested at its end instead.
 */
#include "bpf-backend/codegen/mir.h"

enum { COPIED_EXIT = 1, COPIED_TEST = 2, CHAIN_LIMIT = 64 };

static struct mir_insn *block_end(struct mir_fn *fn, uint32_t b)
{
	return &vec_last(&fn->blocks.data[b].insns);
}

/* Where a jump to b comes out after blocks that only jump. */
static uint32_t final_target(struct mir_fn *fn, uint32_t b)
{
	for (int i = 0; i < CHAIN_LIMIT; i++) {
		const struct mir_block *block = &fn->blocks.data[b];
		if (block->insns.len != 1 || block->insns.data[0].op != BPF_OP_GOTO)
			break;
		b = block->succs[0];
	}
	return b;
}

static bool is_short_exit(struct mir_fn *fn, uint32_t b)
{
	struct mir_block *block = &fn->blocks.data[b];
	return block->insns.len <= COPIED_EXIT && vec_last(&block->insns).op == BPF_OP_EXIT;
}

static bool is_same_insn(const struct mir_insn *a, const struct mir_insn *b)
{
	return a->op == b->op && a->dst == b->dst && a->src == b->src && a->imm == b->imm &&
	       a->off == b->off && a->relo == b->relo && a->index == b->index;
}

static bool is_same_block(const struct mir_block *a, const struct mir_block *b)
{
	if (a->insns.len != b->insns.len || a->succ_count != b->succ_count)
		return false;
	for (uint32_t s = 0; s < a->succ_count; s++)
		if (a->succs[s] != b->succs[s])
			return false;
	for (uint32_t i = 0; i < a->insns.len; i++)
		if (!is_same_insn(&a->insns.data[i], &b->insns.data[i]))
			return false;
	return true;
}

static uint64_t hash_block(const struct mir_block *block)
{
	uint64_t hash = block->insns.len;
	for (uint32_t i = 0; i < block->insns.len; i++) {
		const struct mir_insn *in = &block->insns.data[i];
		hash = hash_u64(hash ^ in->op ^ (uint64_t)in->dst << 16 ^ (uint64_t)in->src << 24);
		hash = hash_u64(hash ^ (uint64_t)in->imm ^ (uint64_t)in->off << 32 ^ in->index);
	}
	for (uint32_t s = 0; s < block->succ_count; s++)
		hash = hash_u64(hash ^ block->succs[s]);
	return hash >> 1;
}

/* Leads jumps to blocks that do the same as an earlier one to that one. */
static void merge_same(struct mir_fn *fn, struct arena *arena)
{
	struct map first;
	uint32_t *same = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	map_init(&first, arena);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		const struct mir_block *block = &fn->blocks.data[b];
		same[b] = b;
		if (!b || !block->insns.len)
			continue;
		uint64_t *place = map_insert(&first, hash_block(block));
		if (!*place)
			*place = b;
		else if (is_same_block(&fn->blocks.data[*place], block))
			same[b] = (uint32_t)*place;
	}
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (uint32_t s = 0; s < fn->blocks.data[b].succ_count; s++)
			fn->blocks.data[b].succs[s] = same[fn->blocks.data[b].succs[s]];
}

static void lead_past_empty(struct mir_fn *fn, uint32_t b)
{
	struct mir_block *block = &fn->blocks.data[b];
	for (uint32_t s = 0; s < block->succ_count; s++)
		block->succs[s] = final_target(fn, block->succs[s]);
	if (block->succ_count == 2 && block->succs[0] == block->succs[1]) {
		struct mir_insn *end = block_end(fn, b);
		*end = (struct mir_insn){.op = BPF_OP_GOTO,
					 .dst = MIR_NO_REG,
					 .src = MIR_NO_REG,
					 .where = end->where};
		block->succ_count = 1;
	}
}

/* A jump to a short exit that does not follow at once becomes that exit; exits that only such jumps led
 * to go. */
static void copy_exits(struct mir_fn *fn, struct arena *arena)
{
	struct bits reached = bits_make(arena, fn->blocks.len);
	bits_add(&reached, 0);
	for (uint32_t i = 0; i < fn->order_count; i++) {
		struct mir_block *block = &fn->blocks.data[fn->order[i]];
		bool follows = i + 1 < fn->order_count && fn->order[i + 1] == block->succs[0];
		if (block->succ_count == 1 && !follows && is_short_exit(fn, block->succs[0])) {
			const struct mir_block *exit = &fn->blocks.data[block->succs[0]];
			block->insns.len--;
			for (uint32_t k = 0; k < exit->insns.len; k++)
				vec_push(fn->arena, &block->insns, exit->insns.data[k]);
			block->succ_count = 0;
		}
		for (uint32_t s = 0; s < block->succ_count; s++)
			bits_add(&reached, block->succs[s]);
	}
	uint32_t kept = 0;
	for (uint32_t i = 0; i < fn->order_count; i++)
		if (bits_has(&reached, fn->order[i]))
			fn->order[kept++] = fn->order[i];
	fn->order_count = kept;
}

/* A jump back to a loop header that is little more than a test becomes that test: the loop is left at
 * its end, without a jump to its beginning first. */
static void invert_loop(struct mir_fn *fn, uint32_t b)
{
	struct mir_block *block = &fn->blocks.data[b];
	if (block->succ_count != 1)
		return;
	const struct mir_block *header = &fn->blocks.data[block->succs[0]];
	if (header == block || header->succ_count != 2 || header->insns.len > COPIED_TEST ||
	    vec_last(&header->insns).op == BPF_OP_MAY_GOTO || !header->depth)
		return;
	block->insns.len--;
	for (uint32_t i = 0; i < header->insns.len; i++)
		vec_push(fn->arena, &block->insns, header->insns.data[i]);
	block->succ_count = 2;
	memcpy(block->succs, header->succs, sizeof block->succs);
	block->likely = header->likely;
}

/* The successor that should follow: index into succs. */
static uint32_t preferred(const struct mir_fn *fn, const struct mir_block *block)
{
	if (block->likely == IR_LIKELY_TRUE)
		return 0;
	if (block->likely == IR_LIKELY_FALSE)
		return 1;
	uint8_t taken = fn->blocks.data[block->succs[0]].depth;
	uint8_t other = fn->blocks.data[block->succs[1]].depth;
	return taken > other ? 0 : 1;
}

static void order_blocks(struct mir_fn *fn, struct arena *arena)
{
	uint32_t n = fn->blocks.len, depth = 0, done = n;
	uint32_t *order = ARENA_ARRAY(fn->arena, uint32_t, n);
	uint32_t *stack = ARENA_ARRAY(arena, uint32_t, n);
	uint8_t *visits = ARENA_ARRAY(arena, uint8_t, n);
	stack[depth++] = 0;
	visits[0] = 1;
	while (depth) {
		uint32_t b = stack[depth - 1];
		const struct mir_block *block = &fn->blocks.data[b];
		uint32_t i = visits[b]++ - 1u;
		if (i >= block->succ_count) {
			order[--done] = b;
			depth--;
			continue;
		}
		// What is visited last follows at once.
		if (block->succ_count == 2 && !preferred(fn, block))
			i = 1 - i;
		uint32_t s = block->succs[i];
		if (!visits[s]) {
			visits[s] = 1;
			stack[depth++] = s;
		}
	}
	fn->order = order + done;
	fn->order_count = n - done;
}

void mir_layout(struct mir_fn *fn, struct arena *arena)
{
	for (int pass = 0; pass < 3; pass++) {
		if (pass == 1)
			mir_merge_tails(fn, arena);
		for (uint32_t b = 0; b < fn->blocks.len; b++)
			if (fn->blocks.data[b].insns.len)
				lead_past_empty(fn, b);
		merge_same(fn, arena);
	}
	order_blocks(fn, arena);
	copy_exits(fn, arena);
	uint32_t *position = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	for (uint32_t i = 0; i < fn->order_count; i++)
		position[fn->order[i]] = i;
	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t b = fn->order[i];
		if (fn->blocks.data[b].succ_count == 1 && position[fn->blocks.data[b].succs[0]] < i)
			invert_loop(fn, b);
	}
}
