/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace as bytes. Numbers are little-endian in groups of 7 bits, the top bit meaning that more follow
 * ("uint"); "int" has the sign in bit 0. For each step:
 *
 *	flags   bit 0 `previous` follows (else it is the step before), bit 1 a change of depth follows,
 *	        bit 2 memory follows, bits 3-4 enum trace_end, bit 5 the instruction follows (else it is
 *	        the next one), bit 6 it forks
 *	[uint]  this step - previous; 0: none
 *	[int]   depth - depth of the step before
 *	[uint]  memory
 *	[uint]  this step - other, when pruned
 *	[int]   insn - (insn of the step before + 1)
 *	uint    number of changes, and for each: uint place, uint value
 */
#include "bpf-backend/verify/trace.h"

static void add_uint(struct buf *out, uint32_t n)
{
	for (; n >= 128; n >>= 7)
		buf_add_char(out, (char)(n | 128));
	buf_add_char(out, (char)n);
}

static void add_int(struct buf *out, int64_t n)
{
	add_uint(out, (uint32_t)(n < 0 ? -n * 2 + 1 : n * 2));
}

enum { HAS_PREVIOUS = 1, HAS_DEPTH = 2, HAS_MEMORY = 4, END_SHIFT = 3, HAS_INSN = 32, FORKS = 64 };

static void add_step(const struct verify_trace *t, uint32_t n, struct buf *out)
{
	const struct trace_step *s = &t->steps.data[n];
	const struct trace_step *last = n ? &t->steps.data[n - 1] : NULL;
	int64_t depth = last ? last->depth : 0, insn = last ? (int64_t)last->insn + 1 : 0;
	unsigned flags = (unsigned)s->end << END_SHIFT;
	flags |= s->previous + 1 != n ? HAS_PREVIOUS : 0;
	flags |= s->depth != depth ? HAS_DEPTH : 0;
	flags |= s->memory != TRACE_NO_PLACE ? HAS_MEMORY : 0;
	flags |= s->insn != insn ? HAS_INSN : 0;
	flags |= s->forks ? FORKS : 0;
	buf_add_char(out, (char)flags);
	if (flags & HAS_PREVIOUS)
		add_uint(out, s->previous == TRACE_NONE ? 0 : n - s->previous);
	if (flags & HAS_DEPTH)
		add_int(out, s->depth - depth);
	if (flags & HAS_MEMORY)
		add_uint(out, s->memory);
	if (s->end == TRACE_PRUNED)
		add_uint(out, s->other < n ? n - s->other : 0);
	if (flags & HAS_INSN)
		add_int(out, s->insn - insn);
	uint32_t end = trace_change_end(t, n);
	add_uint(out, end - s->first_change);
	for (uint32_t c = s->first_change; c < end; c++) {
		add_uint(out, t->changes.data[c].place);
		add_uint(out, t->changes.data[c].value);
	}
}

void trace_pack(const struct verify_trace *t, struct buf *out)
{
	for (uint32_t n = 0; n < t->steps.len; n++)
		add_step(t, n, out);
}
