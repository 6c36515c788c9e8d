/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan that selection makes of a function, backwards from what has effects: which values must be in
 * a register (constants, addresses that fold into accesses and comparisons that only steer branches
 * need none), and which 32-bit values must have a zero upper half because somebody reads them as 64
 * bits. What is asked here of an operation must agree with what the other files do with it.
 */
#include "bpf-backend/codegen/select.h"

/* What arithmetic on 64 bits makes of I32 operands. */
static bool is_wide_on_64_bits(const struct select *s, const struct ir_insn *in)
{
	switch (in->op) {
	case IR_UDIV:
	case IR_UREM:
	case IR_LSHR:
	case IR_EXT8U:
	case IR_EXT16U:
		return true;
	case IR_AND:
		return (ir_is_const(in->a) && ir_get_const(s->ir, in->a)->bits <= INT32_MAX) ||
		       (ir_is_const(in->b) && ir_get_const(s->ir, in->b)->bits <= INT32_MAX) ||
		       (!ir_is_const(in->a) && s->is_wide[in->a]) ||
		       (!ir_is_const(in->b) && s->is_wide[in->b]);
	default:
		return false;
	}
}

bool select_is_wide_by_nature(const struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	if (!select_has_alu32(s) && in->op >= IR_ADD && in->op <= IR_EXT16S)
		return is_wide_on_64_bits(s, in);
	if (in->op >= IR_ADD && in->op <= IR_EXT16S)
		return true;
	if (in->op == IR_BE16 || in->op == IR_BE32 || in->op == IR_ATOMIC)
		return true;
	if (in->op >= IR_EQ && in->op <= IR_SLE)
		return true;
	return (in->op == IR_LOAD || in->op == IR_CTX_LOAD) && !IR_MEM_SIGNED(in->aux);
}

bool select_is_wide(const struct select *s, ir_ref r)
{
	return ir_is_const(r) || s->is_wide[r] || select_is_wide_by_nature(s, r);
}

bool select_has_effect(const struct ir_insn *in)
{
	switch (ir_ops[in->op].effect) {
	case IR_EFF_STORE:
	case IR_EFF_MAP_WRITE:
	case IR_EFF_CALL:
	case IR_EFF_CONTROL:
		return true;
	default:
		return false;
	}
}

struct plan {
	struct select *s;
	VEC(ir_ref) work;
};

static void want_wide(struct plan *p, ir_ref r)
{
	if (!r || ir_is_const(r) || p->s->is_wide[r] || ir_type_of(p->s->ir, r) != IR_I32)
		return;
	p->s->is_wide[r] = true;
	vec_push(p->s->arena, &p->work, r);
}

/* Operands of which the upper half counts where all arithmetic and all jumps are on 64 bits. */
static void want_wide_operands(struct plan *p, const struct ir_insn *in)
{
	switch (in->op) {
	case IR_UDIV:
	case IR_UREM:
	case IR_EQ:
	case IR_NE:
	case IR_ULT:
	case IR_ULE:
		want_wide(p, in->a);
		want_wide(p, in->b);
		break;
	case IR_LSHR:
	case IR_BRANCH:
	case IR_SWITCH:
	case IR_SELECT:
		want_wide(p, in->a);
		break;
	default:
		break;
	}
}

/* Marks the I32 values that are read as 64 bits. */
static void plan_width(struct plan *p)
{
	struct ir_fn *fn = p->s->ir;
	for (uint32_t i = 0; i < p->s->doms.rpo_count; i++) {
		uint32_t b = p->s->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			if (!select_has_alu32(p->s))
				want_wide_operands(p, in);
			if (in->op == IR_ZEXT32 || (in->op == IR_RETURN && fn->program))
				want_wide(p, in->a);
			if (in->op == IR_CALL_EXTERN)
				for (uint32_t k = 0; k < ir_arg_count(fn, r); k++)
					want_wide(p, ir_args(fn, r)[k]);
		}
	}
	while (p->work.len) {
		ir_ref r = vec_pop(&p->work);
		const struct ir_insn *in = ir_get(fn, r);
		if (in->op == IR_SELECT) {
			want_wide(p, in->b);
			want_wide(p, in->c);
		} else if (in->op == IR_PHI) {
			for (uint32_t k = 0; k < ir_arg_count(fn, r); k++)
				want_wide(p, ir_args(fn, r)[k]);
		} else if (in->op == IR_AND && !select_has_alu32(p->s)) {
			// A branch may test the operands instead (jset).
			want_wide(p, in->a);
			want_wide(p, in->b);
		}
	}
}

static void want(struct plan *p, ir_ref r)
{
	r = select_resolve(p->s, r);
	if (!r || ir_is_const(r) || p->s->is_needed[r])
		return;
	p->s->is_needed[r] = true;
	vec_push(p->s->arena, &p->work, r);
}

bool select_is_compare(enum ir_op op)
{
	return op >= IR_EQ && op <= IR_SLE;
}

ir_ref select_find_tested_and(const struct select *s, ir_ref r)
{
	if (ir_is_const(r))
		return IR_REF_NONE;
	bool is_free = ir_get(s->ir, r)->op == IR_AND && s->uses[r] == 1 && !s->is_needed[r];
	return is_free ? r : IR_REF_NONE;
}

bool select_is_zero(const struct select *s, ir_ref r)
{
	return ir_is_const(r) && !ir_get_const(s->ir, r)->bits;
}

/* What a branch on r reads. */
static void want_condition(struct plan *p, ir_ref r)
{
	const struct ir_fn *fn = p->s->ir;
	ir_ref tested = select_find_tested_and(p->s, r);
	if (!tested && !ir_is_const(r)) {
		const struct ir_insn *in = ir_get(fn, r);
		if (!select_is_compare((enum ir_op)in->op)) {
			want(p, r);
			return;
		}
		if ((in->op == IR_EQ || in->op == IR_NE) && select_is_zero(p->s, in->b))
			tested = select_find_tested_and(p->s, in->a);
		if (!tested) {
			want(p, in->a);
			want(p, in->b);
		}
	}
	if (tested) {
		want(p, ir_get(fn, tested)->a);
		want(p, ir_get(fn, tested)->b);
	}
}

static void want_address(struct plan *p, ir_ref r, int32_t off)
{
	want(p, select_address_base(p->s, r, &off));
}

static void want_access(struct plan *p, ir_ref r, int32_t off)
{
	struct core_address core;
	if (select_core_address(p->s, r, off, &core))
		want(p, core.base);
	else
		want_address(p, r, off);
}

static void want_operands(struct plan *p, ir_ref r)
{
	const struct ir_fn *fn = p->s->ir;
	const struct ir_insn *in = ir_get(fn, r);
	const struct ir_map *map;
	switch (in->op) {
	case IR_LOAD:
	case IR_CTX_LOAD:
		want_access(p, in->a, in->imm);
		break;
	case IR_MEMZERO:
		want_address(p, in->a, 0);
		break;
	case IR_STORE:
	case IR_CTX_STORE:
		want_access(p, in->a, in->imm);
		want(p, select_stored_value(p->s, in->b, IR_MEM_WIDTH(in->aux)));
		break;
	case IR_ATOMIC:
		want_address(p, in->a, in->imm);
		want(p, in->b);
		break;
	case IR_MEMCPY:
		want_address(p, in->a, 0);
		want_address(p, in->b, 0);
		break;
	case IR_MAP_LOOKUP:
	case IR_MAP_UPDATE:
	case IR_MAP_DELETE:
		map = &p->s->module->maps.data[in->index];
		want(p,
		     map->key_is_scalar ? select_stored_value(p->s, in->a, map->key_size) : in->a);
		if (in->op == IR_MAP_UPDATE)
			want(p, map->value_is_scalar
					? select_stored_value(p->s, in->b, map->value_size)
					: in->b);
		break;
	case IR_BRANCH:
		want_condition(p, in->a);
		break;
	case IR_SELECT:
		want_condition(p, in->a);
		want(p, in->b);
		want(p, in->c);
		break;
	case IR_CALL:
	case IR_CALL_EXTERN:
	case IR_CALL_PTR:
	case IR_PHI:
		for (uint32_t k = 0; k < ir_arg_count(fn, r); k++)
			want(p, ir_args(fn, r)[k]);
		break;
	default:
		if (select_is_compare((enum ir_op)in->op)) {
			want_condition(p, r);
			break;
		}
		if (ir_ops[in->op].a != IR_OPERAND_NONE)
			want(p, in->a);
		if (ir_ops[in->op].b != IR_OPERAND_NONE)
			want(p, in->b);
	}
}

static void plan_values(struct plan *p)
{
	struct ir_fn *fn = p->s->ir;
	for (uint32_t i = 0; i < p->s->doms.rpo_count; i++) {
		uint32_t b = p->s->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (select_has_effect(ir_get(fn, r)))
				want_operands(p, r);
	}
	while (p->work.len)
		want_operands(p, vec_pop(&p->work));
}

void select_make_plan(struct select *s)
{
	struct plan plan = {.s = s};
	plan_width(&plan);
	plan_values(&plan);
}
