/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparisons with the end of the packet, brought into the one form that the verifier understands,
 * a pointer into the packet against data_end:
 *
 *	data_end - data < 14        ->  data_end < data + 14
 *	data <= data_end - 14       ->  data + 14 <= data_end
 *
 * The first only for the beginning of the packet, which is never behind the end, so that the
 * difference cannot wrap; widened and narrowed differences count too. Works on what is loaded from
 * the context directly; whether it is still valid is for the epochs to say.
 */
#include "frontend/opt/packet.h"

static bool is_load_of(const struct ir_fn *fn, ir_ref r, enum packet_kind kind)
{
	if (!r || ir_is_const(r))
		return false;
	const struct ir_insn *in = ir_get(fn, r);
	return in->op == IR_CTX_LOAD && in->type == IR_PTR &&
	       (uint32_t)IR_MEM_SPACE(in->aux) == (uint32_t)kind;
}

static ir_ref strip_width(const struct ir_fn *fn, ir_ref r)
{
	while (!ir_is_const(r) && (ir_get(fn, r)->op == IR_TRUNC || ir_get(fn, r)->op == IR_ZEXT32))
		r = ir_get(fn, r)->a;
	return r;
}

/* The difference data_end - data. */
static bool is_length(const struct ir_fn *fn, ir_ref r)
{
	if (ir_is_const(r))
		return false;
	const struct ir_insn *in = ir_get(fn, r);
	return in->op == IR_PTRDIFF && is_load_of(fn, in->a, PACKET_END) &&
	       is_load_of(fn, in->b, PACKET_DATA);
}

static bool is_offset(const struct ir_fn *fn, ir_ref r)
{
	return ir_is_const(r) && ir_get_const(fn, r)->bits <= PACKET_MAX_OFFSET;
}

static ir_ref add_offset(struct ir_fn *fn, ir_ref before, ir_ref pointer, uint64_t offset)
{
	return ir_insert_before(fn, before,
				(struct ir_insn){.op = IR_PTRADD,
						 .type = IR_PTR,
						 .a = pointer,
						 .b = ir_const(fn, IR_I64, offset)});
}

static void rewrite_length(struct ir_fn *fn, ir_ref r)
{
	ir_ref a = strip_width(fn, ir_get(fn, r)->a), b = strip_width(fn, ir_get(fn, r)->b);
	bool length_first = is_length(fn, a) && is_offset(fn, b);
	if (!length_first && !(is_length(fn, b) && is_offset(fn, a)))
		return;
	const struct ir_insn length = *ir_get(fn, length_first ? a : b);
	ir_ref reach = add_offset(fn, r, length.b, ir_get_const(fn, length_first ? b : a)->bits);
	struct ir_insn *in = ir_get(fn, r);
	in->a = length_first ? length.a : reach;
	in->b = length_first ? reach : length.a;
	if (in->op == IR_SLT || in->op == IR_SLE) // both sides are small
		in->op = in->op == IR_SLT ? IR_ULT : IR_ULE;
}

/* Bytes that an operand lies before the end, *end the load; 0 when it is nothing of the kind. */
static uint64_t before_end(const struct ir_fn *fn, ir_ref r, ir_ref *end)
{
	if (ir_is_const(r))
		return 0;
	const struct ir_insn *in = ir_get(fn, r);
	if (in->op != IR_PTRADD || !is_load_of(fn, in->a, PACKET_END) || !ir_is_const(in->b))
		return 0;
	uint64_t back = -ir_get_const(fn, in->b)->bits;
	*end = in->a;
	return back <= PACKET_MAX_OFFSET ? back : 0;
}

static void rewrite_end(struct ir_fn *fn, ir_ref r)
{
	ir_ref end, a = ir_get(fn, r)->a, b = ir_get(fn, r)->b;
	uint64_t back = before_end(fn, b, &end);
	if (back && !ir_is_const(a)) {
		ir_ref moved = add_offset(fn, r, a, back);
		ir_get(fn, r)->a = moved;
		ir_get(fn, r)->b = end;
		return;
	}
	back = before_end(fn, a, &end);
	if (back && !ir_is_const(b)) {
		ir_ref moved = add_offset(fn, r, b, back);
		ir_get(fn, r)->a = end;
		ir_get(fn, r)->b = moved;
	}
}

void packet_normalise(struct ir_fn *fn)
{
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			bool is_order = in->op == IR_ULT || in->op == IR_ULE || in->op == IR_SLT ||
					in->op == IR_SLE;
			if (!is_order)
				continue;
			if (ir_type_of(fn, in->a) == IR_PTR)
				rewrite_end(fn, r);
			else
				rewrite_length(fn, r);
		}
	}
}
