/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splitting of slots (slots.h). A copy between two slots makes the parts of one parts of the other,
 * so parts spread along copies until nothing changes; a slot that turns out not to be splittable
 * stays memory, and copies from and to it become loads and stores of the other's parts.
 *
 *	memzero %point size 8           store %point, 0 w4 ; store %point, 0 +4 w4
 *	store %point, %x w4        ->   store %point, %x w4
 *	memcpy %entry, %point size 8    … and two loads with two stores to %entry
 */
#include "frontend/opt/slots.h"

#include "frontend/ir/ir.h"

enum { MAX_PARTS = 64 }; // of one slot: larger ones are better left in memory

typedef VEC(uint32_t) index_list;

struct range { // a clear or one side of a copy
	ir_ref insn;
	uint32_t slot; // UINT32_MAX: not a slot at a constant offset
	uint32_t offset;
};

struct splitting {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct slot_split *out;
	VEC(struct slot_part) parts;
	index_list *parts_of;  // of each slot
	index_list *copies_of; // of each slot: memcpys with that slot at an end
	VEC(ir_ref) copies;    // all memcpys
	VEC(ir_ref) clears;
	VEC(uint32_t) work; // slots whose copies must be looked at again
	bool *is_waiting;
};

static void give_up(struct splitting *s, uint32_t slot)
{
	if (!s->out->is_split[slot])
		return;
	s->out->is_split[slot] = false;
	if (!s->is_waiting[slot])
		vec_push(s->ctx->scratch, &s->work, slot);
	s->is_waiting[slot] = true;
}

static uint64_t part_key(uint32_t slot, uint32_t offset)
{
	return (uint64_t)slot << 32 | offset;
}

/* Adds the part or meets it; an overlap that is no identity makes the slot unsplittable. */
static void add_part(struct splitting *s, struct slot_part part)
{
	const struct ir_slot *slot = &s->fn->slots.data[part.slot];
	index_list *parts = &s->parts_of[part.slot];

	if (!s->out->is_split[part.slot])
		return;
	uint64_t *found = map_find(&s->out->index, part_key(part.slot, part.offset));
	if (found) {
		const struct slot_part *old = &s->parts.data[*found - 1];
		if (old->width != part.width || old->type != part.type)
			give_up(s, part.slot);
		return;
	}
	if (part.offset >= slot->size || part.width > slot->size - part.offset ||
	    parts->len >= MAX_PARTS) {
		give_up(s, part.slot);
		return;
	}
	for (uint32_t i = 0; i < parts->len; i++) {
		const struct slot_part *old = &s->parts.data[parts->data[i]];
		if (old->offset < part.offset + part.width &&
		    part.offset < old->offset + old->width) {
			give_up(s, part.slot);
			return;
		}
	}
	vec_push(s->ctx->scratch, &s->parts, part);
	vec_push(s->ctx->scratch, parts, s->parts.len - 1);
	*map_insert(&s->out->index, part_key(part.slot, part.offset)) = s->parts.len;
	if (!s->is_waiting[part.slot])
		vec_push(s->ctx->scratch, &s->work, part.slot);
	s->is_waiting[part.slot] = true;
}

static bool is_slot_address(const struct splitting *s, ir_ref r)
{
	return r && !ir_is_const(r) && s->out->base[r];
}

static void add_access(struct splitting *s, ir_ref address, int32_t imm, enum ir_type type,
		       uint32_t width)
{
	uint32_t slot = s->out->base[address] - 1;
	int64_t offset = s->out->offset[address] + imm;

	if (offset < 0 || offset > UINT32_MAX || (type != IR_I32 && width != 8)) {
		give_up(s, slot);
		return;
	}
	add_part(s, (struct slot_part){slot, (uint32_t)offset, (uint8_t)width, (uint8_t)type});
}

/* One end of a clear or copy. */
static struct range find_range(const struct splitting *s, ir_ref insn, ir_ref address)
{
	struct range range = {insn, UINT32_MAX, 0};

	if (is_slot_address(s, address)) {
		range.slot = s->out->base[address] - 1;
		range.offset = (uint32_t)s->out->offset[address];
	}
	return range;
}

static bool is_in_slot(const struct splitting *s, ir_ref address, uint32_t size)
{
	int64_t offset = s->out->offset[address];

	return offset >= 0 && offset + size <= s->fn->slots.data[s->out->base[address] - 1].size;
}

static void note_range(struct splitting *s, ir_ref r, ir_ref address, uint32_t size)
{
	uint32_t slot = s->out->base[address] - 1;

	if (!is_in_slot(s, address, size))
		give_up(s, slot);
	else if (ir_get(s->fn, r)->op == IR_MEMCPY)
		vec_push(s->ctx->scratch, &s->copies_of[slot], r);
}

/* Looks at one instruction: an address, an access, or an escape. */
static void scan_insn(struct splitting *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	uint32_t n = ir_operand_count(s->fn, r);

	if (in->op == IR_SLOT) {
		s->out->base[r] = in->index + 1;
		return;
	}
	if (in->op == IR_MEMCPY)
		vec_push(s->ctx->scratch, &s->copies, r);
	for (uint32_t o = 0; o < n; o++) {
		ir_ref operand = *ir_operand(s->fn, r, o);
		if (!is_slot_address(s, operand))
			continue;
		if (in->op == IR_PTRADD && o == 0 && ir_is_const(in->b)) {
			s->out->base[r] = s->out->base[operand];
			s->out->offset[r] =
				s->out->offset[operand] + (int64_t)ir_get_const(s->fn, in->b)->bits;
		} else if (in->op == IR_LOAD) {
			add_access(s, operand, in->imm, (enum ir_type)in->type,
				   IR_MEM_WIDTH(in->aux));
		} else if (in->op == IR_STORE && o == 0) {
			add_access(s, operand, in->imm, ir_type_of(s->fn, in->b),
				   IR_MEM_WIDTH(in->aux));
		} else if (in->op == IR_MEMZERO || in->op == IR_MEMCPY) {
			note_range(s, r, operand, in->index);
			if (in->op == IR_MEMZERO)
				vec_push(s->ctx->scratch, &s->clears, r);
		} else {
			give_up(s, s->out->base[operand] - 1);
		}
	}
}

static bool is_split_range(const struct splitting *s, const struct range *range)
{
	return range->slot != UINT32_MAX && s->out->is_split[range->slot];
}

/* Is every part of the range's slot wholly inside or wholly outside of it? *covered counts the bytes
 * of those inside. */
static bool has_whole_parts(const struct splitting *s, const struct range *range, uint32_t size,
			    uint32_t *covered)
{
	const index_list *parts = &s->parts_of[range->slot];

	*covered = 0;
	for (uint32_t i = 0; i < parts->len; i++) {
		const struct slot_part *p = &s->parts.data[parts->data[i]];
		if (p->offset >= range->offset + size || p->offset + p->width <= range->offset)
			continue;
		if (p->offset < range->offset || p->offset + p->width > range->offset + size)
			return false;
		*covered += p->width;
	}
	return true;
}

/* Makes the parts of `from` parts of `to`. */
static void spread(struct splitting *s, const struct range *from, const struct range *to,
		   uint32_t size)
{
	for (uint32_t i = 0; i < s->parts_of[from->slot].len; i++) {
		struct slot_part p = s->parts.data[s->parts_of[from->slot].data[i]];
		if (p.offset < from->offset || p.offset >= from->offset + size)
			continue;
		p.slot = to->slot;
		p.offset += to->offset - from->offset;
		add_part(s, p);
	}
}

/* A copy must move whole parts; one out of a split slot into memory must be covered by parts, since
 * bytes in no part are not kept anywhere. */
static void settle_copy(struct splitting *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	struct range to = find_range(s, r, in->a), from = find_range(s, r, in->b);
	uint32_t covered;

	if (is_split_range(s, &to) && is_split_range(s, &from)) {
		spread(s, &from, &to, in->index);
		if (is_split_range(s, &to) && is_split_range(s, &from))
			spread(s, &to, &from, in->index);
	}
	if (is_split_range(s, &to) && !has_whole_parts(s, &to, in->index, &covered))
		give_up(s, to.slot);
	if (!is_split_range(s, &from))
		return;
	if (!has_whole_parts(s, &from, in->index, &covered) ||
	    (!is_split_range(s, &to) && covered != in->index))
		give_up(s, from.slot);
}

static void settle_clears(struct splitting *s)
{
	for (uint32_t i = 0; i < s->clears.len; i++) {
		const struct ir_insn *in = ir_get(s->fn, s->clears.data[i]);
		struct range range = find_range(s, s->clears.data[i], in->a);
		uint32_t covered;
		if (is_split_range(s, &range) && !has_whole_parts(s, &range, in->index, &covered))
			give_up(s, range.slot);
	}
}

static void settle(struct splitting *s)
{
	bool is_first = true;

	do {
		for (uint32_t i = 0; is_first && i < s->copies.len; i++)
			settle_copy(s, s->copies.data[i]);
		is_first = false;
		while (s->work.len) {
			uint32_t slot = vec_pop(&s->work);
			s->is_waiting[slot] = false;
			for (uint32_t i = 0; i < s->copies_of[slot].len; i++)
				settle_copy(s, s->copies_of[slot].data[i]);
		}
		settle_clears(s);
	} while (s->work.len);
}

static uint16_t part_aux(const struct slot_part *part, enum ir_space space)
{
	return ir_mem_aux(part->width, false, space);
}

static ir_ref zero_of(struct ir_fn *fn, const struct slot_part *part)
{
	return ir_const(fn, (enum ir_type)part->type, 0);
}

/* The value of a part, as a load or zero, is put at the other end. */
static void move_part(struct splitting *s, ir_ref r, const struct slot_part *part,
		      uint32_t distance, bool is_copy)
{
	struct ir_insn in = *ir_get(s->fn, r);
	ir_ref value;

	if (is_copy)
		value = ir_insert_before(s->fn, r,
					 (struct ir_insn){.op = IR_LOAD,
							  .type = part->type,
							  .aux = part_aux(part, IR_SPACE_ANY),
							  .a = in.b,
							  .imm = (int32_t)distance});
	else
		value = zero_of(s->fn, part);
	ir_insert_before(s->fn, r,
			 (struct ir_insn){.op = IR_STORE,
					  .aux = part_aux(part, IR_SPACE_ANY),
					  .a = in.a,
					  .b = value,
					  .imm = (int32_t)distance});
}

/* Replaces a clear or copy by accesses to the parts of `range`, which is one of its ends. */
static void expand(struct splitting *s, const struct range *range, bool is_copy)
{
	const index_list *parts = &s->parts_of[range->slot];
	uint32_t size = ir_get(s->fn, range->insn)->index;

	for (uint32_t i = 0; i < parts->len; i++) {
		const struct slot_part *p = &s->parts.data[parts->data[i]];
		if (p->offset >= range->offset && p->offset < range->offset + size)
			move_part(s, range->insn, p, p->offset - range->offset, is_copy);
	}
	ir_remove(s->fn, range->insn);
}

static void expand_all(struct splitting *s)
{
	for (uint32_t i = 0; i < s->clears.len; i++) {
		ir_ref r = s->clears.data[i];
		struct range range = find_range(s, r, ir_get(s->fn, r)->a);
		if (is_split_range(s, &range))
			expand(s, &range, false);
	}
	for (uint32_t i = 0; i < s->copies.len; i++) {
		ir_ref r = s->copies.data[i];
		struct range to = find_range(s, r, ir_get(s->fn, r)->a);
		struct range from = find_range(s, r, ir_get(s->fn, r)->b);
		if (is_split_range(s, &from))
			expand(s, &from, true);
		else if (is_split_range(s, &to))
			expand(s, &to, true);
	}
}

uint32_t opt_part_of(const struct slot_split *split, const struct ir_insn *in)
{
	if ((in->op != IR_LOAD && in->op != IR_STORE) || ir_is_const(in->a) ||
	    in->a >= split->insns || !split->base[in->a] ||
	    !split->is_split[split->base[in->a] - 1])
		return 0;
	uint64_t *found =
		map_find(&split->index, part_key(split->base[in->a] - 1,
						 (uint32_t)(split->offset[in->a] + in->imm)));
	return found ? (uint32_t)*found : 0;
}

void opt_split_slots(struct opt_context *ctx, struct ir_fn *fn, struct slot_split *out)
{
	struct splitting s = {.ctx = ctx, .fn = fn, .out = out};

	*out = (struct slot_split){
		.base = ARENA_ARRAY(ctx->scratch, uint32_t, fn->insns.len),
		.offset = ARENA_ARRAY(ctx->scratch, int64_t, fn->insns.len),
		.is_split = ARENA_ARRAY(ctx->scratch, bool, fn->slots.len + 1),
		.insns = fn->insns.len,
	};
	map_init(&out->index, ctx->scratch);
	s.parts_of = ARENA_ARRAY(ctx->scratch, index_list, fn->slots.len + 1);
	s.copies_of = ARENA_ARRAY(ctx->scratch, index_list, fn->slots.len + 1);
	s.is_waiting = ARENA_ARRAY(ctx->scratch, bool, fn->slots.len + 1);
	for (uint32_t i = 0; i < fn->slots.len; i++)
		out->is_split[i] = true;
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++)
		for (ir_ref r = fn->blocks.data[ctx->doms.rpo[i]].first; r; r = fn->next.data[r])
			scan_insn(&s, r);
	settle(&s);
	expand_all(&s);
	out->parts = s.parts.data;
	out->count = s.parts.len;
}
