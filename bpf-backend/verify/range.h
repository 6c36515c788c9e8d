/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a number: its bits, and its bounds as signed and unsigned number, of all 64 bits
 * and of the low half. Every fact holds at once; scalar_settle() lets them inform each other.
 *
 * Bounds of the low half are kept in the same struct as those of the whole: signed ones
 * sign-extended, unsigned ones zero-extended. So one set of functions serves both, told by `width`
 * (64 or 32).
 */
#ifndef KS_VERIFY_RANGE_H
#define KS_VERIFY_RANGE_H

#include "bpf-backend/isa/insn.h"
#include "bpf-backend/verify/tnum.h"

struct bounds {
	int64_t smin, smax;
	uint64_t umin, umax;
};

struct scalar {
	struct tnum bits;
	struct bounds wide, low;
};

/* What differs between kernels in the arithmetic; from struct verify_model. */
struct range_rules {
	bool fine_multiply;  // 6.18: tnum_mul() by unions
	bool signed_product; // 6.14: bounds of products from all four corners
	bool wrapping_sums;  // 6.17: sums of which all overflow keep their bounds
	bool exact_negation; // 6.18: -x is 0 - x
};

extern const struct scalar scalar_unknown;

struct scalar scalar_const(uint64_t value);
void scalar_set_unbounded(struct scalar *s); // leaves the bits
/* Sets the low half; what is known of the upper bits stays. */
void scalar_set_low(struct scalar *s, uint32_t value);
/* Lets every fact tighten the others, as often as the kernel does. */
void scalar_settle(struct scalar *s);
/* Bounds that contradict each other or the bits (a path that cannot be): forgets them then. */
void scalar_check(struct scalar *s);
bool scalar_is_const(const struct scalar *s, unsigned width);
uint64_t scalar_value(const struct scalar *s, unsigned width); // of a constant
bool scalar_equal(const struct scalar *a, const struct scalar *b);
/* Every value of b is one of a. */
bool scalar_within(const struct scalar *a, const struct scalar *b);
/* Number of low bits that may be set. */
unsigned scalar_width(const struct scalar *s);

/* Zero-extends the low half; the bounds of it are taken over. */
void scalar_extend_low(struct scalar *s);
/* After a load of `size` bytes or a cast: zero- or sign-extended from there. */
void scalar_truncate(struct scalar *s, unsigned size);
void scalar_sign_extend(struct scalar *s, unsigned size);
/* Sign-extends the low bytes within the low half. */
void scalar_sign_extend_low(struct scalar *s, unsigned size);

/* The operations of arithmetic instructions, without their width suffix. */
enum alu {
	ALU_ADD,
	ALU_SUB,
	ALU_MUL,
	ALU_DIV,
	ALU_OR,
	ALU_AND,
	ALU_LSH,
	ALU_RSH,
	ALU_NEG,
	ALU_MOD,
	ALU_XOR,
	ALU_MOV,
	ALU_ARSH,
	ALU_END,
};

/* Reverses the order of the low `size` bytes, or not, and drops the others. Settled. */
void scalar_swap_bytes(struct scalar *s, unsigned size, bool is_swapped);

/* dst op= src, of the width. The result is settled. */
void scalar_apply(struct scalar *dst, const struct scalar *src, enum alu op, unsigned width,
		  const struct range_rules *rules);
/* dst += src for both widths, not settled. */
void scalar_add_plain(struct scalar *dst, const struct scalar *src,
		      const struct range_rules *rules);

enum jump {
	JUMP_JA,
	JUMP_EQ,
	JUMP_GT,
	JUMP_GE,
	JUMP_SET,
	JUMP_NE,
	JUMP_SGT,
	JUMP_SGE,
	JUMP_CALL,
	JUMP_EXIT,
	JUMP_LT,
	JUMP_LE,
	JUMP_SLT,
	JUMP_SLE,
	JUMP_COND,
	JUMP_NOT_SET, // the contrary of SET; no instruction
};

/* Condition with exchanged operands; JUMP_JA when that is no condition. */
enum jump jump_swap(enum jump op);
/* 1: taken for all values, 0: for none, -1: for some. */
int scalar_compare(const struct scalar *a, const struct scalar *b, enum jump op, unsigned width);
/* Narrows both to the values for which the condition holds; not settled. */
void scalar_assume(struct scalar *a, struct scalar *b, enum jump op, unsigned width);
enum jump jump_negate(enum jump op);

#endif
