/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine form's own operations: roles of operands, taken from the form column of the
 * instruction table; construction; orders; text.
 */
#include "bpf-backend/codegen/mir.h"

enum form_roles {
	ROLES_ALU_REG = MIR_DEF_DST | MIR_USE_DST | MIR_USE_SRC | MIR_PURE,
	ROLES_ALU_IMM = MIR_DEF_DST | MIR_USE_DST | MIR_PURE,
	ROLES_MOV_REG = MIR_DEF_DST | MIR_USE_SRC | MIR_PURE,
	ROLES_MOV_IMM = MIR_DEF_DST | MIR_PURE,
	ROLES_MOVSX = ROLES_MOV_REG,
	ROLES_SPACE_CAST = ROLES_MOV_REG,
	ROLES_UNARY = ROLES_ALU_IMM,
	ROLES_BRANCH_REG = MIR_USE_DST | MIR_USE_SRC | MIR_END,
	ROLES_BRANCH_IMM = MIR_USE_DST | MIR_END,
	ROLES_JUMP = MIR_END,
	ROLES_JUMP_LONG = MIR_END,
	ROLES_JUMP_REG = MIR_USE_DST | MIR_END,
	ROLES_MAY_GOTO = MIR_END,
	ROLES_CALL = MIR_CALL,
	ROLES_CALL_REG = MIR_CALL | MIR_USE_DST,
	ROLES_EXIT = MIR_END,
	ROLES_LD64 = ROLES_MOV_IMM,
	ROLES_LOAD = MIR_DEF_DST | MIR_USE_SRC | MIR_PURE,
	ROLES_STORE_REG = MIR_USE_DST | MIR_USE_SRC,
	ROLES_STORE_IMM = MIR_USE_DST,
	ROLES_LOAD_ACQ = MIR_DEF_DST | MIR_USE_SRC,
	ROLES_STORE_REL = ROLES_STORE_REG,
	ROLES_ATOMIC = ROLES_STORE_REG,
	ROLES_FETCH = ROLES_STORE_REG | MIR_DEF_SRC,
	ROLES_CMPXCHG = ROLES_STORE_REG | MIR_CALL,
	ROLES_ABS = MIR_CALL,
	ROLES_IND = MIR_CALL | MIR_USE_SRC,
};

uint32_t mir_roles(uint32_t op)
{
	static const uint8_t roles[] = {
#define INSN(id, text, opcode, src, off, imm, form, isa, kernel) [id] = ROLES_##form,
#include "bpf-backend/isa/insns.def"
#undef INSN
		[MIR_COPY] = ROLES_MOV_REG,
		[MIR_FRAME_ADDR] = ROLES_MOV_IMM,
	};
	return roles[op];
}

mir_reg mir_new_reg(struct mir_fn *fn)
{
	return fn->reg_count++;
}

uint32_t mir_add_block(struct mir_fn *fn, uint32_t like)
{
	struct mir_block b = {.loop = UINT32_MAX};
	if (like != UINT32_MAX) {
		b.depth = fn->blocks.data[like].depth;
		b.loop = fn->blocks.data[like].loop;
	}
	vec_push(fn->arena, &fn->blocks, b);
	return fn->blocks.len - 1;
}

uint32_t mir_add_slot(struct mir_fn *fn, symbol name, uint32_t size, uint32_t align, span where)
{
	struct mir_slot slot = {
		.name = name, .size = size, .align = align ? align : 1, .where = where};
	vec_push(fn->arena, &fn->slots, slot);
	return fn->slots.len - 1;
}

uint32_t mir_add_spill_slot(struct mir_fn *fn)
{
	uint32_t slot = mir_add_slot(fn, 0, 8, 8, fn->where);
	fn->slots.data[slot].is_spill = true;
	return slot;
}

void mir_find_preds(struct mir_fn *fn)
{
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		fn->blocks.data[b].preds.len = 0;
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (uint32_t s = 0; s < fn->blocks.data[b].succ_count; s++)
			vec_push(fn->arena, &fn->blocks.data[fn->blocks.data[b].succs[s]].preds, b);
}

uint32_t *mir_reverse_postorder(const struct mir_fn *fn, struct arena *arena, uint32_t *count)
{
	uint32_t n = fn->blocks.len, depth = 0, done = n;
	uint32_t *order = ARENA_ARRAY(arena, uint32_t, n);
	uint32_t *stack = ARENA_ARRAY(arena, uint32_t, n);
	uint8_t *next = ARENA_ARRAY(arena, uint8_t, n); // 0 not seen, else next successor + 1
	stack[depth++] = 0;
	next[0] = 1;
	while (depth) {
		uint32_t b = stack[depth - 1];
		const struct mir_block *block = &fn->blocks.data[b];
		uint32_t i = next[b]++ - 1u;
		if (i >= block->succ_count) {
			order[--done] = b;
			depth--;
			continue;
		}
		// The likely successor is visited last, so that it follows at once in the order.
		uint32_t s = block->succs[i];
		if (!next[s]) {
			next[s] = 1;
			stack[depth++] = s;
		}
	}
	*count = n - done;
	return order + done;
}

static void print_reg(mir_reg r, struct buf *out)
{
	if (r == MIR_NO_REG)
		buf_add_text(out, "-");
	else
		buf_printf(out, "%c%u", r < MIR_FIRST_VREG ? 'r' : 'v',
			   r < MIR_FIRST_VREG ? r : r - MIR_FIRST_VREG);
}

static void print_insn(const struct mir_insn *in, struct buf *out)
{
	static const char *const names[] = {
#define INSN(id, ...) [id] = #id,
#include "bpf-backend/isa/insns.def"
#undef INSN
		[MIR_COPY] = "BPF_OP_COPY",
		[MIR_FRAME_ADDR] = "BPF_OP_FRAME_ADDR",
	};
	buf_printf(out, "\t%s", names[in->op] + 7);
	uint32_t roles = mir_roles(in->op);
	if (roles & (MIR_DEF_DST | MIR_USE_DST)) {
		buf_add_char(out, ' ');
		print_reg(in->dst, out);
	}
	if (roles & MIR_USE_SRC) {
		buf_add_char(out, ' ');
		print_reg(in->src, out);
	}
	if (in->dst == MIR_FRAME || in->src == MIR_FRAME || in->op == MIR_FRAME_ADDR)
		buf_printf(out, " slot%u", in->index);
	if (in->off)
		buf_printf(out, " off %d", in->off);
	if (in->relo)
		buf_printf(out, " relo%u %u", in->relo - 1u, in->index);
	if (in->imm || roles == (uint32_t)ROLES_MOV_IMM)
		buf_printf(out, " imm %lld", (long long)in->imm);
	buf_add_char(out, '\n');
}

void mir_print(const struct mir_fn *fn, struct buf *out)
{
	buf_printf(out, "%s:\n", intern_text(&fn->compile->names, fn->name));
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		const struct mir_block *block = &fn->blocks.data[b];
		if (!block->insns.len)
			continue;
		buf_printf(out, "b%u:\n", b);
		for (uint32_t i = 0; i < block->insns.len; i++)
			print_insn(&block->insns.data[i], out);
		for (uint32_t s = 0; s < block->succ_count; s++)
			buf_printf(out, "%s b%u", s ? "" : "\t->", block->succs[s]);
		if (block->succ_count)
			buf_add_char(out, '\n');
	}
}
