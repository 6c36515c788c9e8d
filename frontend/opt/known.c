/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known bits, one rule per operation. Values of I32 are looked at as zero-extended, so their upper
 * half is known. BPF's division, remainder and byte swap are left out when only the verifier's own
 * knowledge counts: it forgets the range of their results (adjust_scalar_min_max_vals and check_alu_op mark them
 * unknown up to 6.18).
 */
#include "frontend/opt/known.h"

static uint64_t mask_of(enum ir_type type)
{
	return type == IR_I32 ? UINT32_MAX : UINT64_MAX;
}

/* Everything above the highest bit of `max` is zero. */
static struct known below(uint64_t max)
{
	return (struct known){max ? ~(UINT64_MAX >> __builtin_clzll(max)) : UINT64_MAX, 0};
}

struct known known_get(const struct known_bits *k, ir_ref r)
{
	struct known nothing = {~mask_of(ir_type_of(k->fn, r)), 0};

	if (ir_is_const(r)) {
		uint64_t bits = ir_get_const(k->fn, r)->bits;
		return (struct known){~bits, bits};
	}
	if (!r || r >= k->of.len)
		return nothing;
	struct known known = k->of.data[r];
	known.zero |= nothing.zero;
	return known;
}

static struct known join(struct known a, struct known b)
{
	return (struct known){a.zero & b.zero, a.one & b.one};
}

static struct known shift(const struct known_bits *k, const struct ir_insn *in, struct known a)
{
	uint64_t mask = mask_of((enum ir_type)in->type);
	struct known out = {~mask, 0};

	if (!ir_is_const(in->b))
		return out;
	uint32_t n = (uint32_t)ir_get_const(k->fn, in->b)->bits & (in->type == IR_I32 ? 31 : 63);
	if (in->op == IR_SHL) {
		out.zero |= a.zero << n | (((uint64_t)1 << n) - 1);
		out.one = (a.one << n) & mask;
	} else {
		bool is_positive = a.zero >> (in->type == IR_I32 ? 31 : 63) & 1;
		if (in->op == IR_ASHR && !is_positive)
			return out;
		out.zero |= (a.zero & mask) >> n | (n ? ~(mask >> n) : 0);
		out.one = a.one >> n;
	}
	return out;
}

static struct known sum(const struct ir_insn *in, struct known a, struct known b)
{
	uint64_t mask = mask_of((enum ir_type)in->type), max;
	uint64_t low_a = a.zero + 1 ? (uint64_t)1 << __builtin_ctzll(~a.zero) : 0;
	uint64_t low_b = b.zero + 1 ? (uint64_t)1 << __builtin_ctzll(~b.zero) : 0;
	struct known out = {~mask, 0};

	if (!__builtin_add_overflow(known_max(a), known_max(b), &max) && max <= mask)
		out = below(max);
	if (low_a && low_b) // zeros at the end stay
		out.zero |= (low_a < low_b ? low_a : low_b) - 1;
	return out;
}

static struct known product(const struct ir_insn *in, struct known a, struct known b)
{
	uint64_t mask = mask_of((enum ir_type)in->type), max;

	if (!__builtin_mul_overflow(known_max(a), known_max(b), &max) && max <= mask)
		return below(max);
	return (struct known){~mask, 0};
}

static struct known loaded(const struct ir_insn *in)
{
	uint32_t width = IR_MEM_WIDTH(in->aux);

	if (IR_MEM_SIGNED(in->aux) || width >= 8)
		return (struct known){~mask_of((enum ir_type)in->type), 0};
	return below(((uint64_t)1 << (width * 8)) - 1);
}

static struct known extended(const struct ir_insn *in, struct known a)
{
	uint32_t width = in->op == IR_EXT8S ? 8 : in->op == IR_EXT16S ? 16 : 32;
	uint64_t low = ((uint64_t)1 << width) - 1;

	if (!(a.zero >> (width - 1) & 1))
		return (struct known){~mask_of((enum ir_type)in->type), 0};
	return (struct known){a.zero | ~low, a.one & low};
}

static struct known merged(const struct known_bits *k, ir_ref r)
{
	const ir_ref *args = ir_args(k->fn, r);
	uint32_t count = ir_arg_count(k->fn, r);
	struct known out = {UINT64_MAX, UINT64_MAX};

	for (uint32_t i = 0; i < count; i++)
		out = join(out, known_get(k, args[i]));
	return count ? out : (struct known){0};
}

/* What the verifier does not know, but this compiler does. */
static struct known unverified(const struct ir_insn *in, struct known a, struct known b)
{
	struct known out = {~mask_of((enum ir_type)in->type), 0};

	switch ((int)in->op) {
	case IR_UDIV:
		return below(known_max(a));
	case IR_UREM:
		return known_min(b) ? below(known_max(b) - 1) : out;
	case IR_BE16:
		return below(UINT16_MAX);
	case IR_BE32:
		return below(UINT32_MAX);
	default:
		return out;
	}
}

struct known known_compute(const struct known_bits *k, ir_ref r)
{
	const struct ir_insn *in = ir_get(k->fn, r);
	const struct ir_op_info *op = &ir_ops[in->op];
	uint64_t mask = mask_of((enum ir_type)in->type);
	struct known nothing = {~mask, 0}, a = nothing, b = nothing;

	if (in->type != IR_I32 && in->type != IR_I64)
		return (struct known){0};
	if (op->a != IR_OPERAND_NONE)
		a = known_get(k, in->a);
	if (op->b != IR_OPERAND_NONE)
		b = known_get(k, in->b);
	switch ((int)in->op) {
	case IR_AND:
		return (struct known){a.zero | b.zero, a.one & b.one};
	case IR_OR:
		return (struct known){a.zero & b.zero, a.one | b.one};
	case IR_XOR:
		return (struct known){(a.zero & b.zero) | (a.one & b.one),
				      (a.zero & b.one) | (a.one & b.zero)};
	case IR_SHL:
	case IR_LSHR:
	case IR_ASHR:
		return shift(k, in, a);
	case IR_ADD:
		return sum(in, a, b);
	case IR_MUL:
		return product(in, a, b);
	case IR_EXT8U:
		return (struct known){a.zero | ~UINT64_C(0xff), a.one & 0xff};
	case IR_EXT16U:
		return (struct known){a.zero | ~UINT64_C(0xffff), a.one & 0xffff};
	case IR_EXT8S:
	case IR_EXT16S:
	case IR_SEXT32:
		return extended(in, a);
	case IR_ZEXT32:
		return a;
	case IR_TRUNC:
		return (struct known){a.zero | ~mask, a.one & mask};
	case IR_EQ:
	case IR_NE:
	case IR_ULT:
	case IR_ULE:
	case IR_SLT:
	case IR_SLE:
		return below(1);
	case IR_SELECT:
		return join(b, known_get(k, in->c));
	case IR_PHI:
		return merged(k, r);
	case IR_LOAD:
	case IR_CTX_LOAD:
		return loaded(in);
	default:
		return k->is_verified ? nothing : unverified(in, a, b);
	}
}
