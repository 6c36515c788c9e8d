/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First half of mem2reg: which slots can be taken apart into scalars. A slot is splittable when its
 * address goes nowhere but into loads, stores, clears and copies at constant offsets, and any two
 * scalar accesses touch either the same bytes or none in common. Its parts become variables.
 */
#ifndef KS_OPT_SLOTS_H
#define KS_OPT_SLOTS_H

#include "frontend/opt/pass.h"

struct slot_part {
	uint32_t slot, offset;
	uint8_t width; // bytes
	uint8_t type;  // enum ir_type of the value
};

struct slot_split {
	struct slot_part *parts; // the variables
	uint32_t count;
	uint32_t *base;   // of each instruction: slot + 1 of the address that it gives, 0 when none
	int64_t *offset;  // and its distance from the slot's begin
	bool *is_split;   // of each slot
	struct map index; // slot << 32 | offset to part + 1
	uint32_t insns;   // length of base and offset
};

/* Decides, and rewrites every clear and copy of a splittable slot into loads and stores of its
 * parts. Afterwards the slots in is_split are only accessed by loads and stores of whole parts. */
void opt_split_slots(struct opt_context *ctx, struct ir_fn *fn, struct slot_split *out);
/* Part + 1 that a load or store accesses, or 0. */
uint32_t opt_part_of(const struct slot_split *split, const struct ir_insn *in);

#endif
