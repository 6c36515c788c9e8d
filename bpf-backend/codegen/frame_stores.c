/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drops stores to the frame whose every byte is stored again before anything may read it. Clearing an
 * object and then filling its fields leaves such stores behind. One backward walk over each block with a
 * bit per byte of the frame; calls and accesses through other pointers may read everything.
 */
#include "bpf-backend/codegen/mir.h"

struct frame_bits {
	uint64_t words[MIR_STACK_BYTES / 64]; // byte -1 of the frame is bit 0
};

static bool all_set(const struct frame_bits *f, int32_t offset, unsigned width)
{
	for (int32_t i = -offset - 1; width--; i--)
		if (!(f->words[i / 64] >> (i % 64) & 1))
			return false;
	return true;
}

static void set(struct frame_bits *f, int32_t offset, unsigned width, bool value)
{
	for (int32_t i = -offset - 1; width--; i--) {
		f->words[i / 64] &= ~(1ull << (i % 64));
		f->words[i / 64] |= (uint64_t)value << (i % 64);
	}
}

/* True when the instruction is a store that is not needed; `over` are the bytes stored again later. */
static bool is_overwritten(const struct mir_fn *fn, const struct mir_insn *in,
			   struct frame_bits *over)
{
	uint32_t roles = mir_roles(in->op);
	if (roles & MIR_CALL)
		*over = (struct frame_bits){0};
	if (in->op >= BPF_OP_COUNT || !insn_width((enum bpf_op)in->op))
		return false;
	bool is_store = insn_is_store((enum bpf_op)in->op),
	     is_load = insn_is_load((enum bpf_op)in->op);
	unsigned width = insn_width((enum bpf_op)in->op);
	bool is_frame = (is_store ? in->dst : in->src) == MIR_FRAME;
	if (!is_frame) {
		if (is_load || !is_store)
			*over = (struct frame_bits){0};
		return false;
	}
	int32_t offset = fn->slots.data[in->index].offset + in->off;
	if (offset < -MIR_STACK_BYTES || offset + (int32_t)width > 0)
		return false;
	bool is_plain = is_store && !is_load && insn_reg_form((enum bpf_op)in->op) != BPF_OP_COUNT;
	is_plain |= is_store && !is_load && insn_imm_form((enum bpf_op)in->op) != BPF_OP_COUNT;
	if (!is_plain) {
		set(over, offset, width, false);
		return false;
	}
	if (all_set(over, offset, width))
		return true;
	set(over, offset, width, true);
	return false;
}

void mir_drop_frame_stores(struct mir_fn *fn)
{
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct mir_block *block = &fn->blocks.data[b];
		struct frame_bits over = {0};
		uint32_t kept = block->insns.len;
		for (uint32_t i = block->insns.len; i-- > 0;) {
			struct mir_insn in = block->insns.data[i];
			if (!is_overwritten(fn, &in, &over))
				block->insns.data[--kept] = in;
		}
		mir_drop_first(block, kept);
	}
}
