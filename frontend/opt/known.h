/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the bits of a value, whatever the run. Where the kernel's verifier counts, only
 * what it also knows may be used: a range check that only this compiler sees to be redundant must
 * stay.
 */
#ifndef KS_OPT_KNOWN_H
#define KS_OPT_KNOWN_H

#include "frontend/ir/ir.h"

struct known {
	uint64_t zero, one; // bits known to be 0, to be 1
};

/* Facts of all instructions, indexed by ref; refs past the end are unknown. */
struct known_bits {
	const struct ir_fn *fn;
	bool is_verified; // leave out what the verifier does not know
	VEC(struct known) of;
};

struct known known_get(const struct known_bits *k, ir_ref r);
/* From the operands' facts; an operand not looked at yet is unknown. */
struct known known_compute(const struct known_bits *k, ir_ref r);

static inline uint64_t known_max(struct known k)
{
	return ~k.zero;
}

static inline uint64_t known_min(struct known k)
{
	return k.one;
}

#endif
