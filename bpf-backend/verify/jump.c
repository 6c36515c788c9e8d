/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Branches: which ways are possible, and what each teaches about the operands: numbers, pointers
 * compared with null, packet pointers compared with the packet's end. After check_cond_jmp_op() and
 * what it calls, kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include "bpf-backend/verify/inside.h"

static bool is_packet_kind(const struct reg *r)
{
	return r->kind == REG_PACKET || r->kind == REG_PACKET_META || r->kind == REG_PACKET_END;
}

/* ---- which way ---- */

static int packet_branch(const struct reg *a, const struct reg *b, enum jump op)
{
	const struct reg *p = a;
	if (a->kind == REG_PACKET_END && b->kind != REG_PACKET_END) {
		p = b;
		op = jump_swap(op);
	} else if (b->kind != REG_PACKET_END) {
		return -1;
	}
	if (p->range >= 0)
		return -1;
	if ((op == JUMP_LE || op == JUMP_GT) && p->range == PACKET_BEYOND_END)
		return op == JUMP_GT;
	if (op == JUMP_LT || op == JUMP_GE)
		return op == JUMP_GE;
	return -1;
}

static bool is_seen_not_null(const struct verifier *v, const struct reg *r)
{
	return verify_is_known_not_null(r) && (r->kind != REG_MEM || v->model.memory_not_null);
}

/* A pointer against zero. */
static int null_branch(const struct verifier *v, const struct reg *a, const struct reg *b,
		       enum jump op, unsigned width)
{
	if (width == 32)
		return -1;
	if (!reg_is_const(b, 64)) {
		const struct reg *swap = a;
		a = b;
		b = swap;
		op = jump_swap(op);
	}
	if (!reg_is_null(b) || !is_seen_not_null(v, a))
		return -1;
	return op == JUMP_EQ ? 0 : op == JUMP_NE ? 1 : -1;
}

/* Older kernels ask only about a number that they know exactly, as the second operand (is_branch_taken(),
 * kernel/bpf/verifier.c, Linux 6.1), and whether it is the one other value. */
static int scalar_branch(const struct verifier *v, const struct scalar *a, const struct scalar *b,
			 enum jump op, unsigned width)
{
	bool is_first = !scalar_is_const(b, width);
	bool is_equality = op == JUMP_EQ || op == JUMP_NE;
	if (is_first && !scalar_is_const(a, width) && !v->model.compares_ranges)
		return -1;
	if (is_first && !v->model.decides_constant_first)
		return -1;
	if (is_equality && !scalar_is_const(a, width) && !v->model.decides_constant_first)
		return -1;
	return scalar_compare(a, b, op, width);
}

static int decide(const struct verifier *v, const struct reg *a, const struct reg *b, enum jump op,
		  unsigned width)
{
	if (is_packet_kind(a) && is_packet_kind(b) && width == 64)
		return packet_branch(a, b, op);
	if (a->kind != REG_SCALAR || b->kind != REG_SCALAR)
		return null_branch(v, a, b, op, width);
	return scalar_branch(v, &a->v, &b->v, op, width);
}

/* ---- scalars that are linked by an id ---- */

struct links {
	uint32_t count;
	struct linked list[6];
};

static void add_link(struct links *links, struct reg *r, uint32_t id, uint32_t frame,
		     uint32_t number, bool is_reg)
{
	if (r->kind != REG_SCALAR || (r->id & ~ID_PLUS_CONSTANT) != id)
		return;
	if (links->count == sizeof links->list / sizeof links->list[0]) {
		verify_unlink_scalar(r);
		return;
	}
	links->list[links->count++] = (struct linked){(uint8_t)frame, (uint8_t)number, is_reg};
}

static void collect_links(struct state *s, uint32_t id, struct links *links)
{
	id &= ~ID_PLUS_CONSTANT;
	for (uint32_t f = s->depth + 1; f-- > 0;) {
		struct frame *frame = s->frames[f];
		for (unsigned i = 0; i < BPF_R10; i++)
			add_link(links, &frame->r[i], id, f, i, true);
		for (uint32_t i = 0; i < frame->slot_count; i++) {
			if (slot_is_spill(&frame->slots[i]))
				add_link(links, &frame->slots[i].reg, id, f, i, false);
		}
	}
}

/* Gives the others what was learnt of one. */
static void share(struct verifier *v, struct state *s, const struct reg *known,
		  const struct links *links)
{
	for (uint32_t i = 0; i < links->count; i++) {
		const struct linked *l = &links->list[i];
		struct frame *f = s->frames[l->frame];
		struct reg *r = l->is_reg ? &f->r[l->number] : &f->slots[l->number].reg;
		if (r->kind != REG_SCALAR || r == known ||
		    (r->id & ~ID_PLUS_CONSTANT) != (known->id & ~ID_PLUS_CONSTANT))
			continue;
		uint32_t cause = r->cause, id = r->id;
		int32_t off = r->off;
		bool is_same = !((r->id | known->id) & ID_PLUS_CONSTANT) || off == known->off;
		*r = *known;
		r->cause = cause;
		if (is_same)
			continue;
		struct scalar step = scalar_const((uint64_t)(int64_t)(off - known->off));
		r->off = off;
		r->id = id;
		scalar_add_plain(&r->v, &step, &v->model.range);
		if (v->model.settles_links)
			scalar_settle(&r->v);
	}
}

/* ---- packet ranges ---- */

static void widen_range(struct state *s, const struct reg *checked, bool is_open)
{
	struct reg_walk walk = {0};
	uint8_t kind = checked->kind;
	uint32_t id = checked->id;
	if (checked->off < 0 || (!checked->off && is_open) || checked->v.wide.umax > MAX_PACKET ||
	    checked->v.wide.umax + (uint64_t)checked->off > MAX_PACKET)
		return;
	int32_t range = checked->off + is_open;
	for (struct reg *r; (r = state_next_reg(s, &walk));) {
		if (r->kind == kind && r->id == id && r->range < range)
			r->range = range;
	}
}

static void mark_end(struct state *s, unsigned reg, bool is_open)
{
	struct reg *r = &state_frame(s)->r[reg];
	if (r->kind == REG_PACKET)
		r->range = is_open ? PACKET_BEYOND_END : PACKET_AT_END;
}

static bool is_packet_start(const struct reg *r)
{
	return r->kind == REG_PACKET && !r->id && !r->off && tnum_equals(r->v.bits, 0);
}

/* The pointer is compared with the end of what it points into. */
static bool faces_end(const struct reg *p, const struct reg *end)
{
	return (p->kind == REG_PACKET && end->kind == REG_PACKET_END) ||
	       (p->kind == REG_PACKET_META && is_packet_start(end));
}

/*
 * `p > end` taken: p is beyond; not taken: p may be followed up to its offset. With `>=` the byte at p
 * itself is there too, where it is not taken. A comparison written the other way round is the same.
 */
static bool learn_packet(struct verifier *v, const struct bpf_record *i, struct state *taken)
{
	struct reg *a = reg_at(v, i->dst), *b = reg_at(v, i->src);
	enum jump op = i->opcode >> 4;
	unsigned number = i->dst;
	if ((i->opcode & 0xf) != 0xd) // 64-bit, register operand
		return false;
	if (op != JUMP_GT && op != JUMP_LT && op != JUMP_GE && op != JUMP_LE)
		return false;
	struct reg *p = a;
	if (faces_end(b, a) && !faces_end(a, b)) {
		p = b;
		number = i->src;
		op = jump_swap(op);
	} else if (!faces_end(a, b)) {
		return false;
	}
	struct state *inside = op == JUMP_GT || op == JUMP_GE ? v->current : taken;
	struct state *outside = inside == taken ? v->current : taken;
	bool is_open = op == JUMP_GE || op == JUMP_LT;
	struct reg checked = *p;
	widen_range(inside, &checked, is_open);
	mark_end(outside, number, !is_open);
	return true;
}

/* ---- null tests ---- */

static void settle_null(struct verifier *v, struct state *s, unsigned reg, bool is_null)
{
	struct reg tested = state_frame(s)->r[reg];
	struct reg_walk walk = {0};
	if (tested.ref && tested.ref == tested.id && is_null)
		state_drop_ref(s, REF_POINTER, tested.id);
	for (struct reg *r; (r = state_next_reg(s, &walk));) {
		if (!(r->flags & REG_NULLABLE) || r->id != tested.id ||
		    (!r->id && !(r->flags & REG_RCU)))
			continue;
		if (is_null) {
			uint32_t cause = r->cause;
			reg_set_const(r, 0);
			r->cause = cause;
			continue;
		}
		verify_set_not_null(v, r);
		if (!verify_has_field(verify_fields_of_reg(v, r),
				      FIELD_BIT(FIELD_SPIN_LOCK) | FIELD_BIT(FIELD_RES_SPIN_LOCK)))
			r->id = 0;
	}
}

/* Two pointers that are equal, one of them not null. */
static void learn_equal_pointers(struct verifier *v, const struct bpf_record *i,
				 struct state *taken)
{
	struct reg *a = reg_at(v, i->dst), *b = reg_at(v, i->src);
	enum jump op = i->opcode >> 4;
	if (!v->model.equal_pointers || a->kind == REG_SCALAR || b->kind == REG_SCALAR ||
	    a->kind == REG_OBJECT || b->kind == REG_OBJECT || (op != JUMP_EQ && op != JUMP_NE))
		return;
	struct frame *equal = state_frame(op == JUMP_EQ ? taken : v->current);
	bool marks_b = verify_is_known_not_null(a) && b->flags & REG_NULLABLE;
	bool marks_a = verify_is_known_not_null(b) && a->flags & REG_NULLABLE;
	if (marks_b)
		verify_set_not_null(v, &equal->r[i->src]);
	if (marks_a)
		verify_set_not_null(v, &equal->r[i->dst]);
}

/* ---- the branch ---- */

static void learn_numbers(const struct verifier *v, struct reg *a, struct reg *b, enum jump op,
			  unsigned width)
{
	bool is_equality = width == 64 && (op == JUMP_EQ || op == JUMP_NE);
	if (!v->model.compares_ranges && !is_equality && !scalar_is_const(&a->v, width) &&
	    !scalar_is_const(&b->v, width))
		return;
	scalar_assume(&a->v, &b->v, op, width);
	scalar_settle(&a->v);
	scalar_settle(&b->v);
	scalar_check(&a->v);
	scalar_check(&b->v);
}

static bool step_may_goto(struct verifier *v, const struct bpf_record *i)
{
	struct state *s = v->current;
	if (i->dst || i->src || i->imm)
		return verify_refuse(v, VERIFY_BAD_CODE, -1,
				     "may_goto takes no register and no number");
	struct state *entry = s->parent ? verify_find_entry(v, s->parent, v->at) : NULL;
	struct state *queued = verify_push_state(v, v->at + 1, (int32_t)v->at);
	if (!queued)
		return false;
	queued->may_goto_depth++;
	if (entry)
		verify_widen(v, entry, queued);
	v->at += (uint32_t)(int32_t)i->off;
	return true;
}

static void note_stack_operands(struct verifier *v, const struct reg *a, const struct reg *b)
{
	unsigned flags = (b->kind == REG_STACK ? HISTORY_SRC_IS_STACK : 0u) |
			 (a->kind == REG_STACK ? HISTORY_DST_IS_STACK : 0u);
	if (flags)
		verify_note_history(v)->flags |= (uint8_t)flags;
}

/* Follows both ways. */
static bool fork_branch(struct verifier *v, const struct bpf_record *i, struct reg *immediate)
{
	enum jump op = i->opcode >> 4;
	unsigned width = (i->opcode & 7) == 5 ? 64 : 32;
	bool has_src = i->opcode & 8;
	struct reg *a = reg_at(v, i->dst), *b = has_src ? reg_at(v, i->src) : immediate;
	struct links links = {0};
	if (has_src && b->kind == REG_SCALAR && b->id)
		collect_links(v->current, b->id, &links);
	if (a->kind == REG_SCALAR && a->id)
		collect_links(v->current, a->id, &links);
	if (links.count > 1) {
		struct history *h = verify_note_history(v);
		h->linked_count = (uint8_t)links.count;
		for (uint32_t k = 0; k < links.count; k++)
			h->linked[k] = links.list[k];
	}
	struct state *taken =
		verify_push_state(v, v->at + 1 + (uint32_t)(int32_t)i->off, (int32_t)v->at);
	if (!taken)
		return false;
	struct reg copy = *immediate;
	struct reg *x = &state_frame(taken)->r[i->dst];
	struct reg *y = has_src ? &state_frame(taken)->r[i->src] : &copy;
	if (a->kind == REG_SCALAR && b->kind == REG_SCALAR) {
		learn_numbers(v, a, b, jump_negate(op), width);
		learn_numbers(v, x, y, op, width);
	}
	if (has_src && b->kind == REG_SCALAR && b->id) {
		share(v, v->current, b, &links);
		share(v, taken, y, &links);
	}
	if (a->kind == REG_SCALAR && a->id) {
		share(v, v->current, a, &links);
		share(v, taken, x, &links);
	}
	if (width == 64 && has_src)
		learn_equal_pointers(v, i, taken);
	if (width == 64 && !has_src && !i->imm && (op == JUMP_EQ || op == JUMP_NE) &&
	    a->flags & REG_NULLABLE) {
		settle_null(v, v->current, i->dst, op == JUMP_NE);
		settle_null(v, taken, i->dst, op == JUMP_EQ);
	} else if (has_src) {
		learn_packet(v, i, taken);
	}
	return true;
}

bool verify_step_branch(struct verifier *v, const struct bpf_record *i)
{
	enum jump op = i->opcode >> 4;
	unsigned width = (i->opcode & 7) == 5 ? 64 : 32;
	bool has_src = i->opcode & 8;
	struct reg immediate;
	if (op == JUMP_COND)
		return step_may_goto(v, i);
	reg_set_const(&immediate, (uint64_t)(int64_t)i->imm);
	struct reg *a = reg_at(v, i->dst), *b = has_src ? reg_at(v, i->src) : &immediate;
	note_stack_operands(v, a, b);
	int taken = decide(v, a, b, op, width);
	if (taken < 0)
		return fork_branch(v, i, &immediate);
	if (!verify_need_value(v, i->dst) || (has_src && !verify_need_value(v, i->src)))
		return false;
	if (taken)
		v->at += (uint32_t)(int32_t)i->off;
	return true;
}
