/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block order. Jumps are led past empty blocks and short exits copied in place of a jump to them; then
 * blocks stand in reverse post-order, the preferred successor of a conditional jump directly behind it:
 * the likely one, or the one that stays in the loop, so that the loop is contiguous and what leaves it
 * comes after. A loop whose header only tests is tested at its end instead.
 */
#include "bpf-backend/codegen/mir.h"

enum { COPIED_EXIT = 2, COPIED_TEST = 2, KNOWN_EXITS = 16, CHAIN_LIMIT = 64 };

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

/* The first block that ends the program in the same way as b, noted in exits. */
static uint32_t same_exit(struct mir_fn *fn, uint32_t b, uint32_t *exits, uint32_t *count)
{
	const struct mir_block *block = &fn->blocks.data[b];
	if (!is_short_exit(fn, b))
		return b;
	for (uint32_t i = 0; i < *count; i++) {
		const struct mir_block *other = &fn->blocks.data[exits[i]];
		const struct mir_insn *x = other->insns.data, *y = block->insns.data;
		if (other->insns.len == block->insns.len &&
		    (block->insns.len == 1 ||
		     (mir_is_remade(x) && x->op == y->op && x->dst == y->dst && x->imm == y->imm &&
		      x->relo == y->relo && x->index == y->index && x->off == y->off)))
			return exits[i];
	}
	if (*count < KNOWN_EXITS)
		exits[(*count)++] = b;
	return b;
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
	if (block->succ_count == 1 && block->succs[0] != b && is_short_exit(fn, block->succs[0])) {
		const struct mir_block *exit = &fn->blocks.data[block->succs[0]];
		block->insns.len--;
		for (uint32_t i = 0; i < exit->insns.len; i++)
			vec_push(fn->arena, &block->insns, exit->insns.data[i]);
		block->succ_count = 0;
	}
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
	uint32_t exits[KNOWN_EXITS], exit_count = 0;
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		if (fn->blocks.data[b].insns.len)
			lead_past_empty(fn, b);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (uint32_t i = 0; i < fn->blocks.data[b].succ_count; i++)
			fn->blocks.data[b].succs[i] =
				same_exit(fn, fn->blocks.data[b].succs[i], exits, &exit_count);
	order_blocks(fn, arena);
	uint32_t *position = ARENA_ARRAY(arena, uint32_t, fn->blocks.len);
	for (uint32_t i = 0; i < fn->order_count; i++)
		position[fn->order[i]] = i;
	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t b = fn->order[i];
		if (fn->blocks.data[b].succ_count == 1 && position[fn->blocks.data[b].succs[0]] < i)
			invert_loop(fn, b);
	}
}
