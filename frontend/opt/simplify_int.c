/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for integer operations that are more than an identity: constants through two operations,
 * strength reduction, extensions and masks made superfluous by known bits, comparisons.
 */
#include "frontend/opt/simplify.h"

static ir_ref constant_like(struct simplifier *s, const struct ir_insn *in, uint64_t bits)
{
	return ir_const(s->fn, (enum ir_type)in->type, bits);
}

static uint32_t width_of(const struct ir_insn *in)
{
	return in->type == IR_I32 ? 32 : 64;
}

static ir_ref rewrite(struct simplifier *s, ir_ref r, enum ir_op op, ir_ref a, ir_ref b)
{
	struct ir_insn *in = ir_get(s->fn, r);

	in->op = (uint8_t)op;
	in->aux = 0;
	in->a = a;
	in->b = b;
	return r;
}

/* Exponent when v is a power of two, else -1. */
static int log2_of(uint64_t v)
{
	return v && !(v & (v - 1)) ? __builtin_ctzll(v) : -1;
}

/* (x op c1) op c2 for an associative operation: x op (c1 op c2). */
static ir_ref reassociate(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *inner = simplify_insn_of(s, in->a, (enum ir_op)in->op);
	uint64_t c1, c2;

	if (!inner->op || !simplify_const(s, in->b, &c2) || !simplify_const(s, inner->b, &c1))
		return IR_REF_NONE;
	if (in->op == IR_ADD && !simplify_is_single_use(s, in->a))
		return IR_REF_NONE;
	uint64_t c =
		ir_fold((enum ir_op)in->op, (enum ir_type)in->type, (enum ir_type)in->type, c1, c2);
	return rewrite(s, r, (enum ir_op)in->op, simplify_resolve(s, inner->a),
		       constant_like(s, in, c));
}

static ir_ref simplify_sub(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	uint64_t c;

	if (!simplify_const(s, in->b, &c))
		return IR_REF_NONE;
	return rewrite(s, r, IR_ADD, in->a, constant_like(s, in, 0 - c));
}

static ir_ref simplify_mul(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	uint64_t c;

	if (!simplify_const(s, in->b, &c) || log2_of(c) < 0)
		return reassociate(s, r);
	return rewrite(s, r, IR_SHL, in->a, constant_like(s, in, (uint64_t)log2_of(c)));
}

/* (x << a) << b and the like: one shift, or nothing left. */
static ir_ref join_shifts(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *inner = simplify_insn_of(s, in->a, (enum ir_op)in->op);
	uint32_t width = width_of(in);
	uint64_t c1, c2;

	if (!inner->op || !simplify_const(s, in->b, &c2) || !simplify_const(s, inner->b, &c1))
		return IR_REF_NONE;
	uint64_t c = (c1 & (width - 1)) + (c2 & (width - 1));
	if (c >= width && in->op != IR_ASHR)
		return constant_like(s, in, 0);
	return rewrite(s, r, (enum ir_op)in->op, simplify_resolve(s, inner->a),
		       constant_like(s, in, c < width ? c : width - 1));
}

/* x << c >> c keeps the low bits, extended by zeros or by the sign. */
static ir_ref shifts_to_extension(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *left = simplify_insn_of(s, in->a, IR_SHL);
	uint32_t width = width_of(in);
	uint64_t c1, c2;

	if (in->op == IR_SHL || !left->op || !simplify_const(s, in->b, &c2) ||
	    !simplify_const(s, left->b, &c1) || (c1 & (width - 1)) != (c2 & (width - 1)))
		return IR_REF_NONE;
	uint64_t kept = width - (c1 & (width - 1));
	ir_ref x = simplify_resolve(s, left->a);
	if (in->op == IR_LSHR && kept <= 16)
		return rewrite(s, r, IR_AND, x, constant_like(s, in, (UINT64_C(1) << kept) - 1));
	if (in->op == IR_ASHR && (kept == 8 || kept == 16))
		return rewrite(s, r, kept == 8 ? IR_EXT8S : IR_EXT16S, x, IR_REF_NONE);
	return IR_REF_NONE;
}

static ir_ref simplify_shift(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	uint32_t width = width_of(in);
	uint64_t c;

	if (simplify_const(s, in->b, &c) && c >= width) { // counts are taken modulo the width
		in->b = constant_like(s, in, c & (width - 1));
		return r;
	}
	ir_ref result = join_shifts(s, r);
	return result ? result : shifts_to_extension(s, r);
}

static bool is_not_negative(struct simplifier *s, const struct ir_insn *in, ir_ref r)
{
	return known_get(&s->known, r).zero >> (width_of(in) - 1) & 1;
}

/* x / 2^k rounds towards zero: 2^k - 1 is added to a negative x first. */
static ir_ref emit_signed_quotient(struct simplifier *s, ir_ref r, ir_ref x, uint32_t k)
{
	enum ir_type type = (enum ir_type)ir_get(s->fn, r)->type;
	uint32_t width = type == IR_I32 ? 32 : 64;
	ir_ref sign = simplify_emit(s, r, IR_ASHR, type, x, ir_const(s->fn, type, width - 1));
	ir_ref bias = simplify_emit(s, r, IR_LSHR, type, sign, ir_const(s->fn, type, width - k));

	return simplify_emit(s, r, IR_ADD, type, x, bias);
}

static ir_ref simplify_division(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	bool is_signed = in->op == IR_SDIV || in->op == IR_SREM;
	bool is_rest = in->op == IR_UREM || in->op == IR_SREM;
	ir_ref x = in->a;
	uint64_t c;

	if (!simplify_const(s, in->b, &c) || log2_of(c) < 1 ||
	    (is_signed && log2_of(c) == (int)width_of(in) - 1))
		return IR_REF_NONE;
	ir_ref count = constant_like(s, in, (uint64_t)log2_of(c));
	if (!is_signed || is_not_negative(s, in, x))
		return is_rest ? rewrite(s, r, IR_AND, x, constant_like(s, in, c - 1))
			       : rewrite(s, r, IR_LSHR, x, count);
	ir_ref sum = emit_signed_quotient(s, r, x, (uint32_t)log2_of(c));
	if (!is_rest)
		return rewrite(s, r, IR_ASHR, sum, count);
	ir_ref mask = constant_like(s, ir_get(s->fn, r), 0 - c);
	ir_ref multiple =
		simplify_emit(s, r, IR_AND, (enum ir_type)ir_get(s->fn, r)->type, sum, mask);
	return rewrite(s, r, IR_SUB, x, multiple);
}

/* Operation whose low result bits depend on the same low bits of its operands only. */
static bool is_low_bits_op(enum ir_op op)
{
	static const bool table[IR_OP_COUNT] = {
		[IR_ADD] = true, [IR_SUB] = true, [IR_MUL] = true, [IR_AND] = true,
		[IR_OR] = true,  [IR_XOR] = true, [IR_NEG] = true, [IR_NOT] = true,
	};
	return table[op];
}

enum { MAX_STRIP_DEPTH = 4 };

ir_ref simplify_strip(struct simplifier *s, ir_ref at, ir_ref value, uint64_t mask, uint32_t depth)
{
	if (ir_is_const(value))
		return value;
	struct ir_insn in = *ir_get(s->fn, value);
	uint64_t c;

	if ((in.op == IR_AND && simplify_const(s, in.b, &c) && (c & mask) == mask) ||
	    ((in.op == IR_EXT8S || in.op == IR_EXT8U) && mask <= 0xff) ||
	    ((in.op == IR_EXT16S || in.op == IR_EXT16U) && mask <= 0xffff))
		return simplify_strip(s, at, simplify_resolve(s, in.a), mask, depth);
	if (!is_low_bits_op((enum ir_op)in.op) || depth == MAX_STRIP_DEPTH ||
	    !simplify_is_single_use(s, value))
		return value;
	bool is_binary = ir_ops[in.op].b != IR_OPERAND_NONE;
	ir_ref a = simplify_strip(s, at, simplify_resolve(s, in.a), mask, depth + 1);
	ir_ref b = is_binary ? simplify_strip(s, at, simplify_resolve(s, in.b), mask, depth + 1)
			     : IR_REF_NONE;
	if (a == simplify_resolve(s, in.a) && (!is_binary || b == simplify_resolve(s, in.b)))
		return value;
	return simplify_emit(s, at, (enum ir_op)in.op, (enum ir_type)in.type, a, b);
}

static ir_ref simplify_and(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	uint64_t c;
	ir_ref result = reassociate(s, r);

	if (result || !simplify_const(s, in->b, &c))
		return result;
	if (!(~c & ~known_get(&s->known, in->a).zero)) // nothing is masked away
		return in->a;
	if (c & (c + 1)) // not a mask of low bits
		return IR_REF_NONE;
	ir_ref stripped = simplify_strip(s, r, in->a, c, 0);
	in = ir_get(s->fn, r);
	return stripped == in->a ? IR_REF_NONE : rewrite(s, r, IR_AND, stripped, in->b);
}

static const struct inverse {
	uint8_t op;
	bool is_swapped;
} inverses[IR_OP_COUNT] = {
	[IR_EQ] = {IR_NE, false},  [IR_NE] = {IR_EQ, false},  [IR_ULT] = {IR_ULE, true},
	[IR_ULE] = {IR_ULT, true}, [IR_SLT] = {IR_SLE, true}, [IR_SLE] = {IR_SLT, true},
};

/* r becomes the opposite of the comparison `compare`. */
static ir_ref invert_compare(struct simplifier *s, ir_ref r, ir_ref compare)
{
	const struct ir_insn *in = ir_get(s->fn, compare);
	struct inverse inverse = inverses[in->op];
	ir_ref a = simplify_resolve(s, in->a), b = simplify_resolve(s, in->b);

	return rewrite(s, r, (enum ir_op)inverse.op, inverse.is_swapped ? b : a,
		       inverse.is_swapped ? a : b);
}

static bool is_compare(const struct simplifier *s, ir_ref r)
{
	return !ir_is_const(r) && inverses[ir_get(s->fn, r)->op].op;
}

static ir_ref simplify_xor(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	uint64_t c;

	if (simplify_const(s, in->b, &c) && c == 1 && in->type == IR_I32 && is_compare(s, in->a))
		return invert_compare(s, r, in->a);
	return reassociate(s, r);
}

/* Unsigned extensions become masks, so that one set of rules serves both. */
static ir_ref simplify_zero_ext(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	uint64_t mask = in->op == IR_EXT8U ? 0xff : 0xffff;

	return rewrite(s, r, IR_AND, in->a, constant_like(s, in, mask));
}

static ir_ref simplify_sign_ext(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	uint32_t width = in->op == IR_EXT8S ? 8 : 16;
	uint64_t low = (UINT64_C(1) << width) - 1;
	const struct ir_insn *load = simplify_insn_of(s, in->a, IR_LOAD);

	if (!(~known_get(&s->known, in->a).zero & ~(low >> 1))) // the sign bit and all above are 0
		return in->a;
	if (simplify_insn_of(s, in->a, IR_EXT8S)->op ||
	    (simplify_insn_of(s, in->a, IR_EXT16S)->op && width == 16) ||
	    (load->op && IR_MEM_SIGNED(load->aux) && IR_MEM_WIDTH(load->aux) * 8 <= width))
		return in->a;
	ir_ref stripped = simplify_strip(s, r, in->a, low, 0);
	in = ir_get(s->fn, r);
	return stripped == in->a ? IR_REF_NONE
				 : rewrite(s, r, (enum ir_op)in->op, stripped, IR_REF_NONE);
}

static ir_ref simplify_width(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *trunc = simplify_insn_of(s, in->a, IR_TRUNC);

	if (in->op == IR_SEXT32 && known_get(&s->known, in->a).zero >> 31 & 1)
		return rewrite(s, r, IR_ZEXT32, in->a, IR_REF_NONE);
	if (in->op == IR_ZEXT32 && trunc->op &&
	    known_max(known_get(&s->known, simplify_resolve(s, trunc->a))) <= UINT32_MAX)
		return simplify_resolve(s, trunc->a);
	if (in->op == IR_TRUNC && (simplify_insn_of(s, in->a, IR_ZEXT32)->op ||
				   simplify_insn_of(s, in->a, IR_SEXT32)->op))
		return simplify_resolve(s, ir_get(s->fn, in->a)->a);
	return IR_REF_NONE;
}

/* Swapping twice cuts at most. */
static ir_ref simplify_swap(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *inner = simplify_insn_of(s, in->a, (enum ir_op)in->op);

	if (!inner->op)
		return IR_REF_NONE;
	ir_ref x = simplify_resolve(s, inner->a);
	if (in->op == IR_BE64 || (in->op == IR_BE32 && in->type == IR_I32))
		return x;
	uint64_t mask = in->op == IR_BE16 ? UINT16_MAX : UINT32_MAX;
	return rewrite(s, r, IR_AND, x, constant_like(s, in, mask));
}

/* Addresses in an object or the packet; arithmetic that leaves it gives no null either. */
static bool is_object_address(struct simplifier *s, ir_ref r)
{
	for (int i = 0; i < 4 && simplify_insn_of(s, r, IR_PTRADD)->op; i++)
		r = simplify_resolve(s, ir_get(s->fn, r)->a);
	const struct ir_insn *ctx_load = simplify_insn_of(s, r, IR_CTX_LOAD);
	return simplify_insn_of(s, r, IR_SLOT)->op || simplify_insn_of(s, r, IR_GLOBAL)->op ||
	       simplify_insn_of(s, r, IR_FUNC)->op ||
	       (ctx_load->op && ir_is_packet_load(ctx_load)); // packet pointers
}

/* A comparison of numbers that were 32 bits wide is done on these. */
static ir_ref compare_narrow(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	ir_ref value[2] = {in->a, in->b};
	bool is_narrow = false;
	if (in->op == IR_SLT || in->op == IR_SLE || ir_type_of(s->fn, in->a) != IR_I64)
		return IR_REF_NONE;
	for (int k = 0; k < 2; k++) {
		const struct ir_insn *wide = simplify_insn_of(s, value[k], IR_ZEXT32);
		uint64_t c;
		is_narrow |= wide->op != 0;
		if (wide->op)
			value[k] = simplify_resolve(s, wide->a);
		else if (simplify_const(s, value[k], &c) && c <= UINT32_MAX)
			value[k] = ir_const(s->fn, IR_I32, c);
		else
			return IR_REF_NONE;
	}
	return is_narrow ? rewrite(s, r, (enum ir_op)in->op, value[0], value[1]) : IR_REF_NONE;
}

/* be16(x) == c is x == be16(c), if x has no other bits. */
static ir_ref compare_swapped(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	uint64_t c;

	if (ir_is_const(in->a) || !simplify_const(s, in->b, &c))
		return compare_narrow(s, r);
	const struct ir_insn *swap = ir_get(s->fn, in->a);
	enum ir_op op = (enum ir_op)swap->op;
	if (op != IR_BE16 && op != IR_BE32 && op != IR_BE64)
		return compare_narrow(s, r);
	enum ir_type type = (enum ir_type)swap->type;
	uint64_t max = op == IR_BE16 ? UINT16_MAX : op == IR_BE32 ? UINT32_MAX : UINT64_MAX;
	ir_ref x = simplify_resolve(s, swap->a);
	if (c > max || known_max(known_get(&s->sure, x)) > max)
		return IR_REF_NONE;
	return rewrite(s, r, (enum ir_op)in->op, x,
		       ir_const(s->fn, type, ir_fold(op, type, type, c, 0)));
}

/* The operand of a mask that takes nothing away. Whether the verifier knows this does not matter to
 * a test for equality. */
static ir_ref without_mask(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = simplify_insn_of(s, r, IR_AND);
	uint64_t mask;

	if (!in->op || !simplify_const(s, in->b, &mask))
		return r;
	ir_ref x = simplify_resolve(s, in->a);
	return known_max(known_get(&s->sure, x)) & ~mask ? r : x;
}

/* A choice by a swapped number is one by the number itself, if that has no other bits. */
static bool switch_swapped(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *swap = simplify_insn_of(s, in->a, IR_BE16);
	const struct ir_switch *table = &s->fn->switches.data[in->index];

	if (!swap->op || swap->type != IR_I32)
		return false;
	ir_ref x = simplify_resolve(s, swap->a);
	if (known_max(known_get(&s->sure, x)) > UINT16_MAX)
		return false;
	uint64_t *values = ARENA_ARRAY(s->scratch, uint64_t, table->count + 1);
	for (uint32_t i = 0; i < table->count; i++) {
		if (table->values[i] > UINT16_MAX)
			return false;
		values[i] = ir_fold(IR_BE16, IR_I32, IR_I32, table->values[i], 0);
	}
	uint32_t index = ir_add_switch(s->fn, values, table->count);
	in = ir_get(s->fn, r);
	in->index = index;
	in->a = x;
	return true;
}

ir_ref simplify_switch(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	ir_ref x = without_mask(s, in->a);

	if (switch_swapped(s, r))
		return r;
	if (x == in->a)
		return IR_REF_NONE;
	in->a = x;
	return r;
}

/* Whether x >> n is zero asks whether x is below 1 << n: the value becomes that comparison, or its
 * opposite. The verifier learns as much, as long as nobody else wants the shifted number. */
static ir_ref compare_unshifted(struct simplifier *s, ir_ref r, ir_ref shifted, bool is_zero)
{
	const struct ir_insn *in = simplify_insn_of(s, shifted, IR_LSHR);
	uint64_t n;

	if (!in->op || !simplify_const(s, in->b, &n) || n > 30)
		return IR_REF_NONE;
	ir_ref x = simplify_resolve(s, in->a);
	ir_ref limit = ir_const(s->fn, (enum ir_type)in->type, UINT64_C(1) << n);
	return is_zero ? rewrite(s, r, IR_ULT, x, limit) : rewrite(s, r, IR_ULE, limit, x);
}

/* be16(x) & c is zero when x & be16(c) is. */
ir_ref simplify_masked_swap(struct simplifier *s, ir_ref at, ir_ref value)
{
	const struct ir_insn *mask = simplify_insn_of(s, value, IR_AND);
	uint64_t c;

	if (!mask->op || !simplify_is_single_use(s, value) || !simplify_const(s, mask->b, &c) ||
	    c > UINT16_MAX)
		return IR_REF_NONE;
	const struct ir_insn *swap = simplify_insn_of(s, mask->a, IR_BE16);
	if (!swap->op || swap->type != mask->type || !simplify_is_single_use(s, mask->a))
		return IR_REF_NONE;
	enum ir_type type = (enum ir_type)mask->type;
	return simplify_emit(s, at, IR_AND, type, simplify_resolve(s, swap->a),
			     ir_const(s->fn, type, ir_fold(IR_BE16, type, type, c, 0)));
}

static ir_ref compare_masked_swap(struct simplifier *s, ir_ref r)
{
	ir_ref x = simplify_masked_swap(s, r, ir_get(s->fn, r)->a);

	if (!x)
		return IR_REF_NONE;
	ir_get(s->fn, r)->a = x;
	return r;
}

static ir_ref simplify_equality(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);

	if (ir_is_const(in->b))
		in->a = without_mask(s, in->a);
	bool is_eq = in->op == IR_EQ;
	struct known a = known_get(&s->known, in->a), b = known_get(&s->known, in->b);
	uint64_t c;

	if (ir_type_of(s->fn, in->a) == IR_PTR) {
		if (simplify_const(s, in->b, &c) && !c && is_object_address(s, in->a))
			return ir_const(s->fn, IR_I32, !is_eq);
		return IR_REF_NONE;
	}
	if ((a.zero & b.one) || (a.one & b.zero))
		return ir_const(s->fn, IR_I32, !is_eq);
	if (simplify_const(s, in->b, &c) && c <= 1 && known_max(a) <= 1 &&
	    ir_type_of(s->fn, in->a) == IR_I32) {
		if (is_eq == (c == 1))
			return in->a;
		if (is_compare(s, in->a))
			return invert_compare(s, r, in->a);
	}
	if (simplify_const(s, in->b, &c) && !c) {
		ir_ref result = compare_unshifted(s, r, in->a, is_eq);
		return result ? result : compare_masked_swap(s, r);
	}
	return compare_swapped(s, r);
}

/* Decided by what the operands can be at least and at most. */
static ir_ref simplify_order(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	enum ir_type type = ir_type_of(s->fn, in->a);
	bool is_strict = in->op == IR_ULT || in->op == IR_SLT;
	struct known a = known_get(&s->known, in->a), b = known_get(&s->known, in->b);

	if (type == IR_PTR)
		return IR_REF_NONE;
	uint32_t sign = type == IR_I32 ? 31 : 63;
	bool is_signed = in->op == IR_SLT || in->op == IR_SLE;
	if (is_signed && !(a.zero >> sign & 1 && b.zero >> sign & 1))
		return IR_REF_NONE;
	uint64_t max_a = known_max(a), min_a = known_min(a);
	uint64_t max_b = known_max(b), min_b = known_min(b);
	if (is_strict ? max_a < min_b : max_a <= min_b)
		return ir_const(s->fn, IR_I32, 1);
	if (is_strict ? min_a >= max_b : min_a > max_b)
		return ir_const(s->fn, IR_I32, 0);
	ir_ref zero = ir_const(s->fn, type, 0);
	if (in->op == IR_ULE && in->b == zero && simplify_is_single_use(s, in->a))
		return compare_unshifted(s, r, in->a, true);
	if (in->op == IR_ULT && in->a == zero && simplify_is_single_use(s, in->b))
		return compare_unshifted(s, r, in->b, false);
	return compare_narrow(s, r);
}

ir_ref simplify_integer(struct simplifier *s, ir_ref r)
{
	switch ((int)ir_get(s->fn, r)->op) {
	case IR_ADD:
	case IR_OR:
		return reassociate(s, r);
	case IR_SUB:
		return simplify_sub(s, r);
	case IR_MUL:
		return simplify_mul(s, r);
	case IR_UDIV:
	case IR_UREM:
	case IR_SDIV:
	case IR_SREM:
		return simplify_division(s, r);
	case IR_SHL:
	case IR_LSHR:
	case IR_ASHR:
		return simplify_shift(s, r);
	case IR_AND:
		return simplify_and(s, r);
	case IR_XOR:
		return simplify_xor(s, r);
	case IR_EXT8U:
	case IR_EXT16U:
		return simplify_zero_ext(s, r);
	case IR_EXT8S:
	case IR_EXT16S:
		return simplify_sign_ext(s, r);
	case IR_ZEXT32:
	case IR_SEXT32:
	case IR_TRUNC:
		return simplify_width(s, r);
	case IR_BE16:
	case IR_BE32:
	case IR_BE64:
		return simplify_swap(s, r);
	case IR_EQ:
	case IR_NE:
		return simplify_equality(s, r);
	case IR_ULT:
	case IR_ULE:
	case IR_SLT:
	case IR_SLE:
		return simplify_order(s, r);
	default:
		return IR_REF_NONE;
	}
}
