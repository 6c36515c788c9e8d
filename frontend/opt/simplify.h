/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between simplify.c and the rules for integers (simplify_int.c). A rule returns IR_REF_NONE when it
 * does not apply, the instruction itself when it rewrote it in place, or the value to use instead.
 */
#ifndef KS_OPT_SIMPLIFY_H
#define KS_OPT_SIMPLIFY_H

#include "frontend/ir/ir.h"
#include "frontend/opt/known.h"

struct simplifier {
	struct ir_fn *fn;
	struct arena *scratch;
	struct known_bits known; // what the verifier knows too
	struct known_bits sure;  // what is so
	VEC(ir_ref) replacement; // of removed instructions
	uint32_t *uses;          // at the start of the round
	uint32_t use_count;      // length of uses
	bool changed;
	uint16_t first_rule[IR_OP_COUNT]; // in rules.def
};

/* The value that stands for `r` now. */
ir_ref simplify_resolve(struct simplifier *s, ir_ref r);
/* The instruction if it has that operation, else one with op 0. */
const struct ir_insn *simplify_insn_of(const struct simplifier *s, ir_ref r, enum ir_op op);
bool simplify_const(const struct simplifier *s, ir_ref r, uint64_t *bits);
bool simplify_is_single_use(const struct simplifier *s, ir_ref r);
/* A new instruction before `at`. */
ir_ref simplify_emit(struct simplifier *s, ir_ref at, enum ir_op op, enum ir_type type, ir_ref a,
		     ir_ref b);

/* The operand of a branch without a swap, or none; a new instruction goes before `at`. */
ir_ref simplify_masked_swap(struct simplifier *s, ir_ref at, ir_ref value);
ir_ref simplify_switch(struct simplifier *s, ir_ref r);
ir_ref simplify_integer(struct simplifier *s, ir_ref r);
/* A value that has the bits of `value` under `mask` (the low bits), perhaps with less work; new
 * instructions go before `at`. */
ir_ref simplify_strip(struct simplifier *s, ir_ref at, ir_ref value, uint64_t mask, uint32_t depth);

#endif
