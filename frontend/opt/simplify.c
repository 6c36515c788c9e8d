/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local simplification: folding, the identities of rules.def, known bits, strength reduction,
 * constant offsets into addresses. Blocks are walked in reverse post-order, so operands are simple
 * when their users are looked at; one more round takes what came in over loops. Every rewrite keeps
 * the value of the instruction, and the flow graph stays.
 *
 * For the verifier's sake ordered comparisons are never rewritten into others, a variable offset
 * stays with the pointer it was added to, and a constant is moved through an addition only when the
 * inner sum has no other use (a check may have bounded it).
 */
#include "frontend/opt/simplify.h"

#include "frontend/opt/passes.h"

/* ---- access for the rules ---- */

ir_ref simplify_resolve(struct simplifier *s, ir_ref r)
{
	while (r && !ir_is_const(r) && r < s->replacement.len && s->replacement.data[r])
		r = s->replacement.data[r];
	return r;
}

const struct ir_insn *simplify_insn_of(const struct simplifier *s, ir_ref r, enum ir_op op)
{
	static const struct ir_insn none;

	if (!r || ir_is_const(r) || ir_get(s->fn, r)->op != op)
		return &none;
	return ir_get(s->fn, r);
}

bool simplify_const(const struct simplifier *s, ir_ref r, uint64_t *bits)
{
	if (!ir_is_const(r))
		return false;
	*bits = ir_get_const(s->fn, r)->bits;
	return true;
}

bool simplify_is_single_use(const struct simplifier *s, ir_ref r)
{
	return !ir_is_const(r) && r < s->use_count && s->uses[r] <= 1;
}

static void note_known(struct simplifier *s, ir_ref r)
{
	while (s->known.of.len <= r) {
		vec_push(s->scratch, &s->known.of, (struct known){0});
		vec_push(s->scratch, &s->sure.of, (struct known){0});
	}
	s->known.of.data[r] = known_compute(&s->known, r);
	s->sure.of.data[r] = known_compute(&s->sure, r);
}

ir_ref simplify_emit(struct simplifier *s, ir_ref at, enum ir_op op, enum ir_type type, ir_ref a,
		     ir_ref b)
{
	ir_ref r = ir_insert_before(
		s->fn, at,
		(struct ir_insn){.op = (uint8_t)op, .type = (uint8_t)type, .a = a, .b = b});

	note_known(s, r);
	return r;
}

/* ---- identities of rules.def ---- */

enum pattern { ANY, ZERO, ONE, ONES, SAME, A, B, NEG_A, NEG_B, NOT_A };

static const struct rule {
	uint8_t op, a, b, result;
} rules[] = {
#define RULE(r_op, r_a, r_b, r_result) {r_op, r_a, r_b, r_result},
#include "frontend/opt/rules.def"
#undef RULE
};

enum { RULE_COUNT = sizeof rules / sizeof *rules };

static uint64_t ones_of(enum ir_type type)
{
	return type == IR_I32 ? UINT32_MAX : UINT64_MAX;
}

static bool fits_pattern(const struct simplifier *s, ir_ref operand, ir_ref a, enum pattern pattern)
{
	uint64_t bits;

	if (pattern == ANY)
		return true;
	if (pattern == SAME)
		return operand == a;
	if (!simplify_const(s, operand, &bits))
		return false;
	return bits == (pattern == ZERO  ? 0
			: pattern == ONE ? 1
					 : ones_of(ir_type_of(s->fn, operand)));
}

static ir_ref make_unary(struct ir_insn *in, enum ir_op op, ir_ref a, ir_ref r)
{
	in->op = (uint8_t)op;
	in->a = a;
	in->b = IR_REF_NONE;
	return r;
}

static ir_ref apply_result(struct simplifier *s, ir_ref r, enum pattern result)
{
	struct ir_insn *in = ir_get(s->fn, r);
	enum ir_type type = (enum ir_type)in->type;

	switch (result) {
	case A:
		return in->a;
	case B:
		return in->b;
	case ZERO:
		return ir_const(s->fn, type, 0);
	case ONE:
		return ir_const(s->fn, type, 1);
	case ONES:
		return ir_const(s->fn, type, UINT64_MAX);
	case NEG_A:
		return make_unary(in, IR_NEG, in->a, r);
	case NEG_B:
		return make_unary(in, IR_NEG, in->b, r);
	case NOT_A:
		return make_unary(in, IR_NOT, in->a, r);
	case ANY:
	case SAME:
		break;
	}
	unreachable("a pattern that is no result");
}

static ir_ref apply_rules(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);

	for (uint32_t i = s->first_rule[in->op]; i < RULE_COUNT && rules[i].op == in->op; i++)
		if (fits_pattern(s, in->a, in->a, (enum pattern)rules[i].a) &&
		    fits_pattern(s, in->b, in->a, (enum pattern)rules[i].b))
			return apply_result(s, r, (enum pattern)rules[i].result);
	return IR_REF_NONE;
}

/* ---- rules for every foldable operation ---- */

static ir_ref fold(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	bool is_binary = ir_ops[in->op].b != IR_OPERAND_NONE;
	uint64_t a, b = 0;

	if (!(ir_ops[in->op].flags & IR_FLAG_CAN_FOLD) || !simplify_const(s, in->a, &a) ||
	    (is_binary && !simplify_const(s, in->b, &b)))
		return IR_REF_NONE;
	return ir_const(s->fn, (enum ir_type)in->type,
			ir_fold((enum ir_op)in->op, (enum ir_type)in->type,
				ir_type_of(s->fn, in->a), a, b));
}

/* A value whose every bit is known is a constant. */
static ir_ref fold_known(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);

	if ((in->type != IR_I32 && in->type != IR_I64) || ir_ops[in->op].effect != IR_EFF_PURE)
		return IR_REF_NONE;
	struct known k = known_compute(&s->known, r);
	if ((k.zero | k.one) != UINT64_MAX || (k.zero & k.one))
		return IR_REF_NONE;
	return ir_const(s->fn, (enum ir_type)in->type, k.one);
}

static ir_ref order_operands(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	ir_ref a = in->a;

	if (!(ir_ops[in->op].flags & IR_FLAG_COMMUTES) || !ir_is_const(a) || ir_is_const(in->b))
		return IR_REF_NONE;
	in->a = in->b;
	in->b = a;
	return r;
}

/* ---- memory, pointers, phis ---- */

/* BPF's instructions hold 16 bits of offset; more would have to be added before every access. */
static bool fits_offset(int64_t offset)
{
	return offset == (int16_t)offset;
}

static ir_ref fold_address(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *add = simplify_insn_of(s, in->a, IR_PTRADD);
	uint64_t c;

	if (!add->op || !simplify_const(s, add->b, &c) ||
	    !fits_offset((int64_t)((uint64_t)in->imm + c)))
		return IR_REF_NONE;
	in->imm = (int32_t)((uint64_t)in->imm + c);
	in->a = simplify_resolve(s, add->a);
	return r;
}

/* A narrow store takes the low bits, so nothing needs to cut the others. */
static ir_ref strip_stored(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	uint32_t width = IR_MEM_WIDTH(in->aux);

	if (width >= 4 || ir_type_of(s->fn, in->b) != IR_I32)
		return IR_REF_NONE;
	ir_ref value = simplify_strip(s, r, in->b, ((uint64_t)1 << (width * 8)) - 1, 0);
	in = ir_get(s->fn, r);
	if (value == in->b)
		return IR_REF_NONE;
	in->b = value;
	return r;
}

static ir_ref simplify_memory(struct simplifier *s, ir_ref r)
{
	ir_ref result = fold_address(s, r);

	if (!result && ir_get(s->fn, r)->op == IR_STORE)
		result = strip_stored(s, r);
	return result;
}

/* (p + c1) + c2; never through a variable offset. */
static ir_ref simplify_ptradd(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *inner = simplify_insn_of(s, in->a, IR_PTRADD);
	uint64_t c1, c2;

	if (!inner->op || !simplify_const(s, in->b, &c2) || !simplify_const(s, inner->b, &c1))
		return IR_REF_NONE;
	in->a = simplify_resolve(s, inner->a);
	in->b = ir_const(s->fn, IR_I64, c1 + c2);
	return r;
}

static ir_ref simplify_ptrdiff(struct simplifier *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *add = simplify_insn_of(s, in->a, IR_PTRADD);

	if (add->op && simplify_resolve(s, add->a) == in->b)
		return simplify_resolve(s, add->b);
	return IR_REF_NONE;
}

/* The byte swap that all operands of a phi but constants are, each for the phi alone; 0 when they are not. */
static enum ir_op swap_of_operands(struct simplifier *s, ir_ref r)
{
	const ir_ref *args = ir_args(s->fn, r);
	enum ir_op op = IR_NONE;
	for (uint32_t i = 0; i < ir_arg_count(s->fn, r); i++) {
		uint64_t c;
		if (simplify_const(s, args[i], &c))
			continue;
		const struct ir_insn *in = ir_get(s->fn, args[i]);
		enum ir_op is = (enum ir_op)in->op;
		if ((is != IR_BE16 && is != IR_BE32 && is != IR_BE64) || (op && is != op) ||
		    in->type != ir_get(s->fn, r)->type || !simplify_is_single_use(s, args[i]))
			return IR_NONE;
		op = is;
	}
	uint64_t most = op == IR_BE16 ? UINT16_MAX : op == IR_BE32 ? UINT32_MAX : UINT64_MAX, c;
	for (uint32_t i = 0; i < ir_arg_count(s->fn, r); i++)
		if (simplify_const(s, args[i], &c) && c > most)
			return IR_NONE;
	return op;
}

/* phi(swap x, swap y) is swap(phi(x, y)), which comparisons with constants do without. */
static ir_ref swap_behind_phi(struct simplifier *s, ir_ref r)
{
	struct ir_fn *fn = s->fn;
	enum ir_op op = swap_of_operands(s, r);
	enum ir_type type = (enum ir_type)ir_get(fn, r)->type;
	if (!op)
		return IR_REF_NONE;
	ir_ref phi = ir_add_phi(fn, fn->block_of.data[r], type, fn->spans.data[r]);
	for (uint32_t i = 0; i < ir_arg_count(fn, r); i++) {
		ir_ref arg = ir_args(fn, r)[i];
		uint64_t c;
		ir_ref plain = simplify_const(s, arg, &c)
				       ? ir_const(fn, type, ir_fold(op, type, type, c, 0))
				       : simplify_resolve(s, ir_get(fn, arg)->a);
		ir_args(fn, phi)[i] = plain;
	}
	note_known(s, phi);
	ir_ref at = fn->next.data[r];
	while (ir_get(fn, at)->op == IR_PHI)
		at = fn->next.data[at];
	return simplify_emit(s, at, op, type, phi, IR_REF_NONE);
}

static ir_ref simplify_phi(struct simplifier *s, ir_ref r)
{
	const ir_ref *args = ir_args(s->fn, r);
	uint32_t count = ir_arg_count(s->fn, r);
	ir_ref only = IR_REF_NONE;

	for (uint32_t i = 0; i < count; i++) {
		if (args[i] == r || args[i] == only)
			continue;
		if (only)
			return swap_behind_phi(s, r);
		only = args[i];
	}
	return only;
}

static bool is_bool(const struct simplifier *s, ir_ref r)
{
	return ir_type_of(s->fn, r) == IR_I32 && known_max(known_get(&s->known, r)) <= 1;
}

static ir_ref simplify_select(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *ne = simplify_insn_of(s, in->a, IR_NE);
	uint64_t c, no;

	if (simplify_const(s, in->a, &c))
		return c ? in->b : in->c;
	if (in->b == in->c)
		return in->b;
	if (ne->op && ir_type_of(s->fn, ne->a) == IR_I32 && simplify_const(s, ne->b, &c) && !c) {
		in->a = simplify_resolve(s, ne->a);
		return r;
	}
	if (in->type != IR_I32 || !is_bool(s, in->a) || !simplify_const(s, in->b, &c) ||
	    !simplify_const(s, in->c, &no) || c + no != 1 || c > 1)
		return IR_REF_NONE;
	if (c)
		return in->a;
	*in = (struct ir_insn){
		.op = IR_XOR, .type = IR_I32, .a = in->a, .b = ir_const(s->fn, IR_I32, 1)};
	return r;
}

/* branch x != 0 is branch x. */
static ir_ref simplify_branch(struct simplifier *s, ir_ref r)
{
	struct ir_insn *in = ir_get(s->fn, r);
	const struct ir_insn *ne = simplify_insn_of(s, in->a, IR_NE);
	uint64_t c;

	if (!ne->op || ir_type_of(s->fn, ne->a) != IR_I32 || !simplify_const(s, ne->b, &c) || c) {
		ir_ref plain = simplify_masked_swap(s, r, in->a);
		if (!plain)
			return IR_REF_NONE;
		ir_get(s->fn, r)->a = plain;
		return r;
	}
	in->a = simplify_resolve(s, ne->a);
	return r;
}

static ir_ref simplify_op(struct simplifier *s, ir_ref r)
{
	switch ((int)ir_get(s->fn, r)->op) {
	case IR_LOAD:
	case IR_STORE:
	case IR_ATOMIC:
		return simplify_memory(s, r);
	case IR_PTRADD:
		return simplify_ptradd(s, r);
	case IR_PTRDIFF:
		return simplify_ptrdiff(s, r);
	case IR_PHI:
		return simplify_phi(s, r);
	case IR_SELECT:
		return simplify_select(s, r);
	case IR_BRANCH:
		return simplify_branch(s, r);
	case IR_SWITCH:
		return simplify_switch(s, r);
	default:
		return simplify_integer(s, r);
	}
}

/* One step: IR_REF_NONE nothing, r itself rewritten in place, or what to use instead of it. */
static ir_ref simplify_once(struct simplifier *s, ir_ref r)
{
	ir_ref result = fold(s, r);

	if (!result)
		result = order_operands(s, r);
	if (!result)
		result = apply_rules(s, r);
	if (!result)
		result = simplify_op(s, r);
	if (!result)
		result = fold_known(s, r);
	return result;
}

enum { MAX_STEPS = 8 }; // rewrites of one instruction in a round

static void simplify_insn(struct simplifier *s, ir_ref r)
{
	uint32_t n = ir_operand_count(s->fn, r);

	for (uint32_t o = 0; o < n; o++) {
		ir_ref *operand = ir_operand(s->fn, r, o);
		*operand = simplify_resolve(s, *operand);
	}
	for (uint32_t step = 0; step < MAX_STEPS; step++) {
		ir_ref result = simplify_once(s, r);
		if (!result)
			break;
		s->changed = true;
		if (result == r)
			continue;
		while (s->replacement.len <= r)
			vec_push(s->scratch, &s->replacement, IR_REF_NONE);
		s->replacement.data[r] = result;
		ir_remove(s->fn, r);
		return;
	}
	note_known(s, r);
}

static void simplify_round(struct simplifier *s, const struct ir_doms *doms)
{
	s->changed = false;
	s->replacement.len = 0;
	s->uses = ir_count_uses(s->fn, s->scratch);
	s->use_count = s->fn->insns.len;
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		ir_ref r = s->fn->blocks.data[doms->rpo[i]].first, next;
		for (; r; r = next) {
			next = s->fn->next.data[r];
			simplify_insn(s, r);
		}
	}
	while (s->replacement.len < s->fn->insns.len)
		vec_push(s->scratch, &s->replacement, IR_REF_NONE);
	ir_replace_all(s->fn, s->replacement.data);
}

bool opt_simplify(struct opt_context *ctx, struct ir_fn *fn)
{
	struct simplifier s = {.fn = fn,
			       .scratch = ctx->scratch,
			       .known = {.fn = fn, .is_verified = fn->target == IR_TARGET_BPF},
			       .sure = {.fn = fn}};

	for (uint32_t i = RULE_COUNT; i-- > 0;)
		s.first_rule[rules[i].op] = (uint16_t)i;
	for (uint32_t op = 0, i; op < IR_OP_COUNT; op++)
		if ((i = s.first_rule[op]) == 0 && rules[0].op != op)
			s.first_rule[op] = RULE_COUNT;
	simplify_round(&s, &ctx->doms);
	if (s.changed)
		simplify_round(&s, &ctx->doms);
	return true;
}
