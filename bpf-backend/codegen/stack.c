/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the frame: offsets below r10 for every slot that is used. Large alignments come first, so
 * that no padding lies between slots. The kernel gives a function 512 bytes (MAX_BPF_STACK), of
 * which a may_goto takes 16 (check_max_stack_depth_subprog and do_misc_fixups, Linux 6.15).
 */
#include <stdio.h>
#include <stdlib.h>

#include "bpf-backend/codegen/mir.h"

enum { MAY_GOTO_BYTES = 16, NOTED_LOCALS = 4 };

static void mark_used(struct mir_fn *fn)
{
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		const struct mir_block *block = &fn->blocks.data[b];
		for (uint32_t i = 0; i < block->insns.len; i++) {
			const struct mir_insn *in = &block->insns.data[i];
			if (in->op == MIR_FRAME_ADDR || in->dst == MIR_FRAME ||
			    in->src == MIR_FRAME)
				fn->slots.data[in->index].is_used = true;
		}
	}
}

struct placed {
	const struct mir_slot *slot;
	uint32_t index;
};

static int compare_align(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	if (x->slot->align != y->slot->align)
		return x->slot->align > y->slot->align ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static int compare_size(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	if (x->slot->size != y->slot->size)
		return x->slot->size > y->slot->size ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static void report_too_large(struct mir_fn *fn, uint32_t size, struct placed *placed,
			     uint32_t count)
{
	struct diags *diags = &fn->compile->diags;
	char text[16];
	snprintf(text, sizeof text, "%u", size);
	struct diag *d = diag_report(diags, D_STACK_TOO_LARGE, fn->where,
				     intern_text(&fn->compile->names, fn->name), text);
	qsort(placed, count, sizeof *placed, compare_size);
	for (uint32_t i = 0, noted = 0; i < count && noted < NOTED_LOCALS; i++) {
		const struct mir_slot *s = placed[i].slot;
		if (!s->name)
			continue;
		diag_note(diags, d, s->where, "`%s` takes %u bytes",
			  intern_text(&fn->compile->names, s->name), s->size);
		noted++;
	}
}

static bool may_overlap(const struct mir_fn *fn, uint32_t a, uint32_t b)
{
	return a < fn->conflict_count && b < fn->conflict_count && !bits_has(&fn->conflicts[a], b);
}

/* The place nearest to the top of the frame, not above `offset`, that no slot placed before takes away;
 * `sure` is one that is free. */
static int64_t find_place(const struct mir_fn *fn, const struct placed *placed, uint32_t done,
			  uint32_t align, int64_t sure)
{
	const struct mir_slot *slot = placed[done].slot;
	int64_t size = slot->size ? slot->size : 1, offset = -size & -(int64_t)align;
	for (bool moved = true; moved && offset > sure;) {
		moved = false;
		for (uint32_t i = 0; i < done; i++) {
			const struct mir_slot *other = placed[i].slot;
			int64_t end = other->offset + (int64_t)(other->size ? other->size : 1);
			if (may_overlap(fn, placed[done].index, placed[i].index) ||
			    other->offset >= offset + size || offset >= end)
				continue;
			offset = (other->offset - size) & -(int64_t)align;
			moved = true;
		}
	}
	return offset > sure ? offset : sure;
}

/* Places the slots and gives the size. When `spread`, small objects begin at multiples of 8, where the
 * verifier remembers the value of a scalar that is stored (check_stack_write_fixed_off, Linux 6.12). */
static uint32_t place(struct mir_fn *fn, const struct placed *placed, uint32_t count, bool spread)
{
	int64_t offset = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct mir_slot *slot = &fn->slots.data[placed[i].index];
		uint32_t align = slot->align < 8 && !spread ? slot->align : 8;
		int64_t next = (offset - (slot->size ? slot->size : 1)) & -(int64_t)align;
		if (placed[i].index < fn->conflict_count)
			next = find_place(fn, placed, i, align, next);
		if (next < INT32_MIN / 2)
			break;
		slot->offset = (int32_t)next;
		offset = next < offset ? next : offset;
	}
	uint32_t size = ((uint32_t)-offset + 7) & ~7u;
	return fn->uses_may_goto ? size + MAY_GOTO_BYTES : size;
}

bool mir_layout_stack(struct mir_fn *fn)
{
	struct placed *placed = ARENA_ARRAY(fn->arena, struct placed, fn->slots.len + 1);
	uint32_t count = 0;
	mark_used(fn);
	for (uint32_t i = 0; i < fn->slots.len; i++)
		if (fn->slots.data[i].is_used)
			placed[count++] = (struct placed){&fn->slots.data[i], i};
	qsort(placed, count, sizeof *placed, compare_align);
	uint32_t size = place(fn, placed, count, true);
	if (size > MIR_STACK_BYTES)
		size = place(fn, placed, count, false);
	fn->stack_size = size;
	if (size <= MIR_STACK_BYTES)
		return true;
	report_too_large(fn, size, placed, count);
	return false;
}
