/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of an allocated, laid out function. A first walk decides how each block ends (fall through,
 * inverted jump, jump and goto) and where it stands, a second one writes. A function of which a jump
 * could miss the 16-bit offset is written with gotol for every jump, where the target has it; elsewhere
 * such a jump goes over a block that jumps on, for which long blocks are cut.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/codegen/mir.h"

enum block_end {
	END_NONE,     // falls through
	END_PLAIN,    // the instruction as it is; falls through when not taken
	END_INVERTED, // the negated jump to successor 1
	END_BOTH,     // the jump and a goto to successor 1
	END_GOTO,
	END_LAST, // exit
};

struct encoder {
	struct mir_fn *fn;
	struct bpf_func *out;
	struct arena *arena;
	uint32_t *start; // record at which each block begins
	uint8_t *ends;   // enum block_end of each block
	bool is_long;
	bool failed;
};

static unsigned insn_size(const struct mir_insn *in)
{
	return in->op == MIR_FRAME_ADDR || in->op == BPF_OP_LD_IMM64 ? 2 : 1;
}

/* The jump with the opposite condition, if the instruction set has it. */
static enum bpf_op opposite(const struct mir_fn *fn, const struct mir_insn *end)
{
	enum bpf_op op =
		end->op == BPF_OP_MAY_GOTO ? BPF_OP_COUNT : insn_negate((enum bpf_op)end->op);
	return op != BPF_OP_COUNT && insn_table[op].isa <= fn->isa ? op : BPF_OP_COUNT;
}

static enum block_end choose_end(const struct mir_fn *fn, const struct mir_block *block,
				 uint32_t next)
{
	const struct mir_insn *end = &vec_last(&block->insns);
	if (end->op == BPF_OP_EXIT)
		return END_LAST;
	if (end->op == BPF_OP_GOTO)
		return block->succs[0] == next ? END_NONE : END_GOTO;
	if (block->succs[1] == next)
		return END_PLAIN;
	if (block->succs[0] == next && opposite(fn, end) != BPF_OP_COUNT)
		return END_INVERTED;
	return END_BOTH;
}

/* Records of a block end. A conditional jump in long form is `if c goto +1; goto +1; gotol target`. */
static unsigned end_size(const struct encoder *e, enum block_end end)
{
	switch (end) {
	case END_NONE:
		return 0;
	case END_PLAIN:
	case END_INVERTED:
		return e->is_long ? 3 : 1;
	case END_BOTH:
		return e->is_long ? 3 : 2;
	case END_GOTO:
	case END_LAST:
		return 1;
	}
	unreachable("a kind of block end");
}

static uint32_t place_blocks(struct encoder *e)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < e->fn->order_count; i++) {
		uint32_t b = e->fn->order[i];
		uint32_t next = i + 1 < e->fn->order_count ? e->fn->order[i + 1] : UINT32_MAX;
		const struct mir_block *block = &e->fn->blocks.data[b];
		e->start[b] = at;
		e->ends[b] = (uint8_t)choose_end(e->fn, block, next);
		for (uint32_t k = 0; k + 1 < block->insns.len; k++)
			at += insn_size(&block->insns.data[k]);
		at += end_size(e, (enum block_end)e->ends[b]);
	}
	return at;
}

/* ---- jumps that do not reach ---- */

enum { REACH = 27000, BRIDGE_ROUNDS = 64, LONG_BLOCK = 2000 };

struct bridge {
	uint32_t after; // position in the order
	uint32_t block;
};

/* The last position of which the block begins at `at` or before. */
static uint32_t position_at(const struct encoder *e, int64_t at)
{
	uint32_t lo = 0, hi = e->fn->order_count;
	while (lo + 1 < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if ((int64_t)e->start[e->fn->order[mid]] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int compare_bridges(const void *a, const void *b)
{
	const struct bridge *x = a, *y = b;
	if (x->after != y->after)
		return x->after < y->after ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

/* Blocks that only jump on go into the order behind the positions where they are wanted. */
static void add_to_order(struct encoder *e, struct bridge *bridges, uint32_t count)
{
	struct mir_fn *fn = e->fn;
	uint32_t *order = ARENA_ARRAY(fn->arena, uint32_t, fn->order_count + count);
	uint32_t next = 0, n = 0;
	qsort(bridges, count, sizeof *bridges, compare_bridges);
	for (uint32_t i = 0; i < fn->order_count; i++) {
		order[n++] = fn->order[i];
		while (next < count && bridges[next].after == i)
			order[n++] = bridges[next++].block;
	}
	fn->order = order;
	fn->order_count = n;
}

static uint32_t make_bridge(struct encoder *e, uint32_t to)
{
	uint32_t b = mir_add_block(e->fn, to);
	struct mir_insn jump = {.op = BPF_OP_GOTO, .dst = MIR_NO_REG, .src = MIR_NO_REG};
	vec_push(e->fn->arena, &e->fn->blocks.data[b].insns, jump);
	e->fn->blocks.data[b].succs[0] = to;
	e->fn->blocks.data[b].succ_count = 1;
	return b;
}

/* One jump on the way for every edge that is too long; false when there is none. */
static bool bridge_round(struct encoder *e)
{
	struct mir_fn *fn = e->fn;
	struct map made;
	VEC(struct bridge) bridges = {0};
	map_init(&made, fn->arena);
	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t b = fn->order[i];
		for (uint32_t k = 0; k < fn->blocks.data[b].succ_count; k++) {
			uint32_t to = fn->blocks.data[b].succs[k];
			int64_t from = e->start[b], way = (int64_t)e->start[to] - from;
			if (way <= REACH && way >= -REACH)
				continue;
			uint32_t after = position_at(e, from + (way > 0 ? REACH : -REACH));
			uint64_t *block = map_insert(&made, ((uint64_t)after << 32 | to) + 1);
			if (!*block) {
				*block = make_bridge(e, to);
				struct bridge bridge = {after, (uint32_t)*block};
				vec_push(fn->arena, &bridges, bridge);
			}
			fn->blocks.data[b].succs[k] = (uint32_t)*block;
		}
	}
	if (!bridges.len)
		return false;
	add_to_order(e, bridges.data, bridges.len);
	return true;
}

static void make_room(struct encoder *e)
{
	e->start = ARENA_ARRAY(e->fn->arena, uint32_t, e->fn->blocks.len);
	e->ends = ARENA_ARRAY(e->fn->arena, uint8_t, e->fn->blocks.len);
}

/* The instructions of b from `at` on as a block of their own behind it. */
static uint32_t cut_block(struct mir_fn *fn, uint32_t b, uint32_t at)
{
	uint32_t rest = mir_add_block(fn, b);
	struct mir_block *from = &fn->blocks.data[b], *to = &fn->blocks.data[rest];
	struct mir_insn jump = {.op = BPF_OP_GOTO, .dst = MIR_NO_REG, .src = MIR_NO_REG};
	for (uint32_t i = at; i < from->insns.len; i++)
		vec_push(fn->arena, &to->insns, from->insns.data[i]);
	memcpy(to->succs, from->succs, sizeof to->succs);
	to->succ_count = from->succ_count;
	to->likely = from->likely;
	from->insns.len = at;
	vec_push(fn->arena, &from->insns, jump);
	from->succs[0] = rest;
	from->succ_count = 1;
	return rest;
}

/* Makes places for bridges within long blocks. */
static void cut_long_blocks(struct encoder *e)
{
	struct mir_fn *fn = e->fn;
	VEC(uint32_t) order = {0};
	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t b = fn->order[i], len = fn->blocks.data[b].insns.len;
		uint32_t parts = len / LONG_BLOCK;
		VEC(uint32_t) tails = {0};
		for (uint32_t k = parts; k > 0; k--) // from the end, so that each is moved once
			if (k * LONG_BLOCK + 1 < len)
				vec_push(fn->arena, &tails, cut_block(fn, b, k * LONG_BLOCK));
		vec_push(fn->arena, &order, b);
		while (tails.len)
			vec_push(fn->arena, &order, vec_pop(&tails));
	}
	fn->order = order.data;
	fn->order_count = order.len;
	make_room(e);
	place_blocks(e);
}

/* Leads jumps that do not reach over blocks that lie between. */
static void bridge_far_jumps(struct encoder *e)
{
	cut_long_blocks(e);
	for (int i = 0; i < BRIDGE_ROUNDS && bridge_round(e); i++) {
		make_room(e);
		place_blocks(e);
	}
}

static void put(struct encoder *e, struct bpf_record record)
{
	vec_push(e->arena, &e->out->code, record);
}

static void note_line(struct encoder *e, span where)
{
	uint32_t n = e->out->lines.len;
	if (!where.end || (n && e->out->lines.data[n - 1].where.begin == where.begin &&
			   e->out->lines.data[n - 1].where.end == where.end))
		return;
	struct bpf_line line = {e->out->code.len, where};
	if (n && e->out->lines.data[n - 1].insn == line.insn)
		e->out->lines.data[n - 1] = line;
	else
		vec_push(e->arena, &e->out->lines, line);
}

static void note_relo(struct encoder *e, const struct mir_insn *in)
{
	if (!in->relo)
		return;
	uint32_t kind = in->relo - 1u;
	uint32_t addend = kind == BPF_RELO_CORE ? 0 : (uint32_t)in->imm;
	struct bpf_relo relo = {e->out->code.len, (enum bpf_relo_kind)kind, in->index, addend};
	vec_push(e->arena, &e->out->relos, relo);
}

static void note_name(struct encoder *e, const struct mir_insn *in)
{
	uint32_t roles = mir_roles(in->op);
	bool is_call = roles & MIR_CALL;
	if (!in->name || (!is_call && (!(roles & MIR_DEF_DST) || in->dst >= MIR_COLOURS)))
		return;
	struct bpf_name name = {.name = in->name,
				.insn = e->out->code.len + (in->op == MIR_FRAME_ADDR),
				.reg = is_call ? MIR_R0 : (uint8_t)in->dst};
	vec_push(e->arena, &e->out->names, name);
}

/* What has a place from the beginning: parameters, objects in the frame. */
static void note_fixed_names(struct encoder *e)
{
	const struct mir_fn *fn = e->fn;
	for (uint8_t i = 0; i < 5; i++) {
		struct bpf_name name = {
			.name = fn->param_names[i], .is_param = true, .reg = (uint8_t)(i + 1)};
		if (name.name)
			vec_push(e->arena, &e->out->names, name);
	}
	for (uint32_t i = 0; i < fn->slots.len; i++) {
		const struct mir_slot *slot = &fn->slots.data[i];
		struct bpf_name name = {
			.name = slot->name, .offset = slot->offset, .size = slot->size};
		if (slot->name && slot->is_used && slot->offset < 0)
			vec_push(e->arena, &e->out->names, name);
	}
}

static unsigned field(mir_reg r)
{
	return r == MIR_NO_REG ? 0 : r;
}

static void encode_frame_addr(struct encoder *e, const struct mir_insn *in)
{
	int32_t offset = e->fn->slots.data[in->index].offset + in->off;
	put(e, insn_make(BPF_OP_MOV64_REG, in->dst, MIR_FRAME, 0, 0));
	put(e, insn_make(BPF_OP_ADD64_IMM, in->dst, 0, 0, offset));
}

static void encode_insn(struct encoder *e, const struct mir_insn *in)
{
	note_line(e, in->where);
	note_relo(e, in);
	note_name(e, in);
	if (in->op == MIR_COPY) {
		put(e, insn_make(BPF_OP_MOV64_REG, in->dst, in->src, 0, 0));
		return;
	}
	if (in->op == MIR_FRAME_ADDR) {
		encode_frame_addr(e, in);
		return;
	}
	if (in->op == BPF_OP_LD_IMM64) {
		struct bpf_record pair[2];
		bool is_value = !in->relo || in->relo == BPF_RELO_CORE + 1;
		insn_make64(BPF_OP_LD_IMM64, in->dst, is_value ? (uint64_t)in->imm : 0, pair);
		put(e, pair[0]);
		put(e, pair[1]);
		return;
	}
	int32_t off = in->off;
	if (in->dst == MIR_FRAME || in->src == MIR_FRAME)
		off += e->fn->slots.data[in->index].offset;
	put(e, insn_make((enum bpf_op)in->op, field(in->dst), field(in->src), (int16_t)off,
			 (int32_t)in->imm));
}

static void put_jump(struct encoder *e, struct bpf_record record, uint32_t to)
{
	int64_t distance = (int64_t)e->start[to] - (int64_t)e->out->code.len - 1;
	if (!insn_set_jump_offset(&record, distance))
		e->failed = true;
	put(e, record);
}

static void put_goto(struct encoder *e, uint32_t to)
{
	put_jump(e, insn_make(e->is_long ? BPF_OP_GOTOL : BPF_OP_GOTO, 0, 0, 0, 0), to);
}

static void put_condition(struct encoder *e, const struct mir_insn *end, enum bpf_op op,
			  const uint32_t *succs, bool both)
{
	struct bpf_record record =
		insn_make(op, field(end->dst), field(end->src), 0, (int32_t)end->imm);
	if (!e->is_long) {
		put_jump(e, record, succs[0]);
		if (both)
			put_goto(e, succs[1]);
		return;
	}
	insn_set_jump_offset(&record, 1);
	put(e, record);
	if (both)
		put_goto(e, succs[1]);
	else
		put(e, insn_make(BPF_OP_GOTO, 0, 0, 1, 0));
	put_goto(e, succs[0]);
}

static void encode_end(struct encoder *e, const struct mir_block *block, enum block_end kind)
{
	const struct mir_insn *end = &vec_last(&block->insns);
	uint32_t flipped[2] = {block->succs[1], block->succs[0]};
	if (kind != END_NONE)
		note_line(e, end->where);
	switch (kind) {
	case END_NONE:
		break;
	case END_GOTO:
		put_goto(e, block->succs[0]);
		break;
	case END_LAST:
		put(e, insn_make(BPF_OP_EXIT, 0, 0, 0, 0));
		break;
	case END_INVERTED:
		put_condition(e, end, opposite(e->fn, end), flipped, false);
		break;
	case END_PLAIN:
	case END_BOTH:
		put_condition(e, end, (enum bpf_op)end->op, block->succs, kind == END_BOTH);
		break;
	}
}

bool mir_encode(struct mir_fn *fn, struct bpf_func *out, struct arena *object_arena)
{
	struct encoder e = {.fn = fn, .out = out, .arena = object_arena};
	make_room(&e);
	bool is_far = place_blocks(&e) > INT16_MAX;
	if (is_far && fn->isa >= 4) {
		e.is_long = true;
		place_blocks(&e);
	} else if (is_far) {
		bridge_far_jumps(&e);
	}
	for (uint32_t i = 0; i < fn->order_count; i++) {
		const struct mir_block *block = &fn->blocks.data[fn->order[i]];
		for (uint32_t k = 0; k + 1 < block->insns.len; k++)
			encode_insn(&e, &block->insns.data[k]);
		encode_end(&e, block, (enum block_end)e.ends[fn->order[i]]);
	}
	note_fixed_names(&e);
	out->stack_size = fn->stack_size;
	if (e.failed)
		diag_report(&fn->compile->diags, D_BPF_FUNCTION_TOO_LARGE, fn->where,
			    intern_text(&fn->compile->names, fn->name), NULL);
	return !e.failed;
}
