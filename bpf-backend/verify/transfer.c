/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic: how an instruction changes what is known of registers. Numbers go to range_alu.c; a
 * pointer takes a number with known bounds. After check_alu_op(), adjust_reg_min_max_vals() and
 * adjust_ptr_min_max_vals() of kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include "bpf-backend/verify/inside.h"

void verify_unlink_scalar(struct reg *r)
{
	r->id = 0;
	r->off = 0;
}

/* Copies of an unknown scalar share an id, so that what is learnt of one is learnt of all. */
void verify_link_before_copy(struct verifier *v, struct reg *r)
{
	if (r->kind != REG_SCALAR)
		return;
	if (r->id & ID_PLUS_CONSTANT)
		verify_unlink_scalar(r);
	if (!r->id && !scalar_is_const(&r->v, 64))
		r->id = ++v->ids;
}

/* ---- moves ---- */

static void move_whole(struct verifier *v, struct reg *dst, struct reg *src)
{
	verify_link_before_copy(v, src);
	*dst = *src;
}

static void move_extended(struct verifier *v, struct reg *dst, struct reg *src, unsigned bits,
			  unsigned width)
{
	bool fits = src->v.wide.umax < UINT64_C(1) << (bits - 1);
	if (fits)
		verify_link_before_copy(v, src);
	*dst = *src;
	if (!fits)
		verify_unlink_scalar(dst);
	if (width == 64)
		scalar_sign_extend(&dst->v, bits / 8);
	else
		scalar_sign_extend_low(&dst->v, bits / 8);
}

static void move_low(struct verifier *v, struct reg *dst, struct reg *src)
{
	bool fits = scalar_width(&src->v) <= 32;
	if (fits)
		verify_link_before_copy(v, src);
	*dst = *src;
	if (!fits)
		verify_unlink_scalar(dst);
}

static bool step_move(struct verifier *v, const struct bpf_record *i, unsigned width)
{
	struct reg *dst = reg_at(v, i->dst), *src = reg_at(v, i->src);
	if (!(i->opcode & 8)) {
		reg_set_const(dst, width == 64 ? (uint64_t)(int64_t)i->imm : (uint32_t)i->imm);
		return true;
	}
	if (width == 64 && i->imm) { // between address spaces
		if (!v->has_arena)
			return verify_refuse(v, VERIFY_MAP, -1, "the program uses no arena");
		reg_set_unknown(dst);
		if (i->imm == 1)
			dst->kind = REG_ARENA;
		return true;
	}
	if (width == 64 && !i->off) {
		move_whole(v, dst, src);
		return true;
	}
	if (src->kind != REG_SCALAR)
		reg_set_unknown(dst);
	else if (i->off)
		move_extended(v, dst, src, (unsigned)i->off, width);
	else
		move_low(v, dst, src);
	if (width == 32) {
		scalar_extend_low(&dst->v);
		scalar_settle(&dst->v);
	}
	return true;
}

/* ---- pointers ---- */

static bool check_offset(struct verifier *v, const struct reg *r, const struct reg *pointer,
			 unsigned number)
{
	char kind[96];
	int64_t value = (int64_t)r->v.bits.value;
	bool is_known = scalar_is_const(&r->v, 64);
	verify_describe_kind(v, pointer, kind);
	if (is_known && (value >= MAX_VAR_OFF || value <= -MAX_VAR_OFF))
		return verify_refuse(v, VERIFY_UNBOUNDED_OFFSET, (int)number,
				     "%lld is too far from a pointer (%s)", (long long)value, kind);
	if (r->off >= MAX_VAR_OFF || r->off <= -MAX_VAR_OFF)
		return verify_refuse(v, VERIFY_UNBOUNDED_OFFSET, (int)number,
				     "offset %d is too far from a pointer (%s)", r->off, kind);
	if (r->v.wide.smin == INT64_MIN)
		return verify_refuse(v, VERIFY_UNBOUNDED_OFFSET, (int)number,
				     "a number without a lower bound is added to a pointer (%s)",
				     kind);
	if (r->v.wide.smin >= MAX_VAR_OFF || r->v.wide.smin <= -MAX_VAR_OFF)
		return verify_refuse(v, VERIFY_UNBOUNDED_OFFSET, (int)number,
				     "a number from %lld on is too far from a pointer (%s)",
				     (long long)r->v.wide.smin, kind);
	return true;
}

/* Kinds of pointers that take any number with bounds; others a constant or none. */
static bool check_pointer_kind(struct verifier *v, const struct reg *p, const struct scalar *by,
			       enum alu op, unsigned number)
{
	char kind[96];
	bool is_known = scalar_is_const(by, 64);
	if (p->flags & REG_NULLABLE)
		return verify_refuse(v, VERIFY_NULLABLE, (int)number,
				     "arithmetic on a pointer that may be null (%s)",
				     verify_describe_kind(v, p, kind));
	switch ((enum reg_kind)p->kind) {
	case REG_CTX:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
	case REG_STACK:
	case REG_PACKET_META:
	case REG_PACKET:
	case REG_TP_BUFFER:
	case REG_OBJECT:
	case REG_MEM:
	case REG_BUF:
	case REG_FUNC:
	case REG_DYNPTR:
		return true;
	case REG_FLOW_KEYS:
		if (is_known)
			return true;
		break;
	case REG_MAP:
		if (is_known && !by->wide.smin && op == ALU_ADD)
			return true;
		break;
	case REG_NONE:
	case REG_SCALAR:
	case REG_PACKET_END:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_ARENA:
	case REG_KIND_COUNT:
		break;
	}
	if (p->kind == REG_FLOW_KEYS && is_known && !by->wide.smin && op == ALU_ADD)
		return true;
	return verify_refuse(v, VERIFY_POINTER_MATH, (int)number,
			     "no arithmetic is possible on this pointer (%s)",
			     verify_describe_kind(v, p, kind));
}

static void add_bounds(struct bounds *d, const struct bounds *p, const struct bounds *n)
{
	bool is_low = __builtin_add_overflow(p->smin, n->smin, &d->smin);
	bool is_high = __builtin_add_overflow(p->smax, n->smax, &d->smax);
	if (is_low || is_high) {
		d->smin = INT64_MIN;
		d->smax = INT64_MAX;
	}
	is_low = __builtin_add_overflow(p->umin, n->umin, &d->umin);
	is_high = __builtin_add_overflow(p->umax, n->umax, &d->umax);
	if (is_low || is_high) {
		d->umin = 0;
		d->umax = UINT64_MAX;
	}
}

static void subtract_bounds(struct bounds *d, const struct bounds *p, const struct bounds *n)
{
	int64_t smin, smax;
	bool is_low = __builtin_sub_overflow(p->smin, n->smax, &smin);
	bool is_high = __builtin_sub_overflow(p->smax, n->smin, &smax);
	bool is_over = is_low || is_high;
	bool is_under = p->umin < n->umax;
	uint64_t umin = p->umin - n->umax, umax = p->umax - n->umin;
	d->smin = is_over ? INT64_MIN : smin;
	d->smax = is_over ? INT64_MAX : smax;
	d->umin = is_under ? 0 : umin;
	d->umax = is_under ? UINT64_MAX : umax;
}

/* dst = pointer + number, or pointer - number. */
static void move_pointer(struct verifier *v, struct reg *dst, struct reg pointer, struct scalar by,
			 bool is_minus)
{
	bool is_known = scalar_is_const(&by, 64);
	int64_t step = is_minus ? (int64_t)(0 - (uint64_t)by.wide.smin) : by.wide.smin;
	int64_t off = pointer.off + step;
	uint32_t cause = dst->cause;
	*dst = pointer;
	dst->cause = cause;
	dst->v.low = scalar_unknown.low;
	if (is_known && off == (int32_t)off && !(is_minus && by.wide.smin == INT64_MIN)) {
		dst->off = (int32_t)off;
		return;
	}
	if (is_minus) {
		subtract_bounds(&dst->v.wide, &pointer.v.wide, &by.wide);
		dst->v.bits = tnum_sub(pointer.v.bits, by.bits);
	} else {
		add_bounds(&dst->v.wide, &pointer.v.wide, &by.wide);
		dst->v.bits = tnum_add(pointer.v.bits, by.bits);
	}
	if (pointer.kind == REG_PACKET || pointer.kind == REG_PACKET_META) {
		dst->id = ++v->ids;
		if (!is_minus || by.wide.smin < 0)
			dst->raw[0] = dst->raw[1] = 0; // the range that was checked
	}
}

static bool is_contradiction(const struct scalar *s)
{
	bool is_known = scalar_is_const(s, 64);
	return (is_known && (s->wide.smin != s->wide.smax || s->wide.umin != s->wide.umax)) ||
	       s->wide.smin > s->wide.smax || s->wide.umin > s->wide.umax;
}

/* Arithmetic with one pointer among the operands. */
static bool step_pointer(struct verifier *v, const struct bpf_record *i, const struct reg *pointer,
			 const struct scalar *by, bool pointer_is_src)
{
	struct reg *dst = reg_at(v, i->dst);
	enum alu op = i->opcode >> 4;
	struct reg offset = {.kind = REG_SCALAR, .v = *by};
	struct reg p = *pointer;
	unsigned number = pointer_is_src ? i->src : i->dst;
	unsigned other = pointer_is_src ? i->dst : i->opcode & 8 ? i->src : i->dst;
	if (is_contradiction(by)) {
		reg_set_unknown(dst);
		return true;
	}
	if ((i->opcode & 7) != 7) {
		if (op == ALU_SUB) {
			reg_set_unknown(dst);
			return true;
		}
		return verify_refuse(v, VERIFY_POINTER_MATH, (int)number,
				     "32-bit arithmetic on a pointer");
	}
	if (!check_pointer_kind(v, &p, by, op, number) || !check_offset(v, &offset, &p, other) ||
	    !check_offset(v, &p, &p, number))
		return false;
	if (op != ALU_ADD && op != ALU_SUB)
		return verify_refuse(
			v, VERIFY_POINTER_MATH, (int)number,
			"only addition and subtraction are possible on pointers, not `%s`",
			insn_table[note_at(v)->op].text);
	if (op == ALU_SUB && pointer_is_src)
		return verify_refuse(v, VERIFY_POINTER_MATH, (int)number,
				     "a pointer is subtracted from a number");
	if (op == ALU_SUB && p.kind == REG_STACK)
		return verify_refuse(v, VERIFY_POINTER_MATH, (int)number,
				     "nothing can be subtracted from a pointer to the stack");
	move_pointer(v, dst, p, *by, op == ALU_SUB);
	if (!check_offset(v, dst, &p, i->dst))
		return false;
	scalar_settle(&dst->v);
	return true;
}

/* ---- numbers ---- */

/* After `x & constant` or `x | constant` on an x that is -1 or 0 the two are followed apart. */
static bool split_mask(struct verifier *v, struct reg *dst, unsigned number)
{
	bool is_wide = dst->v.wide.smin == -1 && dst->v.wide.smax == 0;
	bool is_low = dst->v.low.smin == -1 && dst->v.low.smax == 0;
	if (!v->model.splits_masks || (!is_wide && !is_low))
		return true;
	struct state *other = verify_push_state(v, v->at, (int32_t)v->at);
	if (!other)
		return false;
	struct reg *r = &state_frame(other)->r[number];
	if (is_wide) {
		r->v = scalar_const(0);
		dst->v = scalar_const(UINT64_MAX);
	} else {
		scalar_set_low(&r->v, 0);
		scalar_set_low(&dst->v, UINT32_MAX);
	}
	return true;
}

static bool step_numbers(struct verifier *v, const struct bpf_record *i, struct reg *dst,
			 const struct scalar *by)
{
	enum alu op = i->opcode >> 4;
	unsigned width = (i->opcode & 7) == 7 ? 64 : 32;
	struct scalar operand = *by;
	if ((op == ALU_AND || op == ALU_OR) && scalar_is_const(&operand, 64) &&
	    !split_mask(v, dst, i->dst))
		return false;
	bool is_self = i->opcode & 8 && i->src == i->dst;
	scalar_apply(&dst->v, &operand, op, width, &v->model.range);
	if (op == ALU_ADD && width == 64 && dst->id && scalar_is_const(&operand, 64) && !is_self &&
	    v->model.linked_offsets) {
		uint64_t value = operand.bits.value;
		if (dst->id & ID_PLUS_CONSTANT || value > INT32_MAX) {
			verify_unlink_scalar(dst);
		} else {
			dst->id |= ID_PLUS_CONSTANT;
			dst->off = (int32_t)value;
		}
	} else {
		verify_unlink_scalar(dst);
	}
	return true;
}

static bool step_unary(struct verifier *v, const struct bpf_record *i)
{
	struct reg *dst = reg_at(v, i->dst);
	unsigned width = (i->opcode & 7) == 7 ? 64 : 32;
	if (i->opcode >> 4 == ALU_NEG && v->model.range.exact_negation && dst->kind == REG_SCALAR) {
		scalar_apply(&dst->v, &dst->v, ALU_NEG, width, &v->model.range);
		verify_unlink_scalar(dst);
	} else if (i->opcode >> 4 == ALU_END && v->model.tracks_byte_order &&
		   dst->kind == REG_SCALAR) {
		// A little-endian machine: only the other order takes a swap.
		bool is_swapped = width == 64 || i->opcode & 8;
		if (i->imm != 64 || is_swapped)
			scalar_swap_bytes(&dst->v, (unsigned)i->imm / 8, is_swapped);
		verify_unlink_scalar(dst);
	} else {
		reg_set_unknown(dst);
	}
	return true;
}

static bool step_arena(struct verifier *v, const struct bpf_record *i, struct reg *dst)
{
	if (dst->kind != REG_ARENA)
		*dst = *reg_at(v, i->src);
	return true;
}

static bool step_binary(struct verifier *v, const struct bpf_record *i)
{
	struct reg *dst = reg_at(v, i->dst), *src = i->opcode & 8 ? reg_at(v, i->src) : NULL;
	struct scalar immediate = scalar_const((uint64_t)(int64_t)i->imm);
	if (dst->kind == REG_ARENA || (src && src->kind == REG_ARENA))
		return step_arena(v, i, dst);
	if (src && src->kind != REG_SCALAR) {
		if (dst->kind != REG_SCALAR) {
			if (i->opcode >> 4 == ALU_SUB) {
				reg_set_unknown(dst);
				return true;
			}
			return verify_refuse(
				v, VERIFY_POINTER_MATH, i->dst,
				"arithmetic on two pointers, other than their difference");
		}
		struct scalar by = dst->v;
		return verify_need_value(v, i->dst) && step_pointer(v, i, src, &by, true);
	}
	if (dst->kind != REG_SCALAR) {
		struct scalar by = src ? src->v : immediate;
		return (!src || verify_need_value(v, i->src)) &&
		       step_pointer(v, i, dst, &by, false);
	}
	if (src && dst->precise && !verify_need_value(v, i->src))
		return false;
	return step_numbers(v, i, dst, src ? &src->v : &immediate);
}

bool verify_step_alu(struct verifier *v, const struct bpf_record *i)
{
	enum alu op = i->opcode >> 4;
	unsigned width = (i->opcode & 7) == 7 ? 64 : 32;
	bool ok;
	if (op == ALU_MOV)
		ok = step_move(v, i, width);
	else if (op == ALU_NEG || op == ALU_END)
		ok = step_unary(v, i);
	else
		ok = step_binary(v, i);
	if (ok)
		scalar_check(&reg_at(v, i->dst)->v);
	return ok;
}
