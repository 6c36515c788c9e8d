/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack. A slot of eight bytes remembers what was stored there: a register with all that is known
 * of it, zeros, something, nothing; or it belongs to a dynptr or an iterator. After
 * check_stack_write_fixed_off(), check_stack_read_fixed_off(), check_stack_range_initialized() and
 * their variants for variable offsets, kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"

static uint8_t *byte_at(struct frame *f, int64_t off)
{
	uint64_t place = (uint64_t)(-off - 1);
	return &f->slots[place / 8].bytes[place % 8];
}

bool verify_check_stack_bounds(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			       enum access access, bool is_helper)
{
	const struct reg *r = reg_at(v, reg);
	const char *what = is_helper ? "passed" : access == ACCESS_READ ? "read" : "written";
	struct frame *f = frame_of(v, r);
	int64_t first = (int64_t)r->v.bits.value + off, last = first + size;
	if (!scalar_is_const(&r->v, 64)) {
		if (r->v.wide.smax >= MAX_VAR_OFF || r->v.wide.smin <= -MAX_VAR_OFF)
			return verify_refuse(v, VERIFY_STACK_BOUNDS, (int)reg,
					     "stack is %s at an offset without bounds", what);
		first = r->v.wide.smin + off;
		last = r->v.wide.smax + off + size;
	}
	int64_t lowest = access == ACCESS_WRITE || v->model.uninit_stack_ok
				 ? -MAX_STACK
				 : -(int64_t)f->slot_count * 8;
	if (first < lowest || first > -1 || last > 0 || size < 0)
		return verify_refuse(
			v, VERIFY_STACK_BOUNDS, (int)reg,
			"offsets %lld to %lld of the stack are %s, but it has -512 to -1",
			(long long)first, (long long)last - 1, what);
	frame_grow(f, (uint32_t)-first);
	if (v->functions[f->function].stack < (uint32_t)-first)
		v->functions[f->function].stack = (uint32_t)-first;
	return true;
}

/* ---- dynptrs in the way ---- */

bool verify_drop_dynptr_at(struct verifier *v, struct frame *f, uint32_t slot)
{
	if (f->slots[slot].bytes[0] != SLOT_DYNPTR)
		return true;
	if (!f->slots[slot].reg.is_first)
		slot++;
	if (verify_is_counted_dynptr(f->slots[slot].reg.dynptr))
		return verify_refuse(v, VERIFY_DYNPTR, -1,
				     "a dynptr that holds a reference is overwritten");
	uint32_t id = f->slots[slot].reg.id;
	for (uint32_t k = slot - 1; k <= slot; k++)
		memset(f->slots[k].bytes, SLOT_INVALID, 8);
	struct reg_walk walk = {0};
	for (struct reg *r; (r = state_next_reg(v->current, &walk));) {
		if (r->kind == REG_MEM && !(r->flags & ~(unsigned)REG_NULLABLE) &&
		    r->dynptr_id == id)
			reg_set_unknown(r);
	}
	for (uint32_t k = slot - 1; k <= slot; k++) {
		reg_set_none(&f->slots[k].reg);
		verify_stack_write(v, f->number, k);
	}
	return true;
}

/* ---- writing ---- */

static bool is_special(const struct slot *s)
{
	return s->bytes[7] == SLOT_SPILL || s->bytes[7] == SLOT_DYNPTR ||
	       s->bytes[7] == SLOT_ITER || s->bytes[7] == SLOT_IRQ;
}

static void scrub(struct slot *s)
{
	reg_set_none(&s->reg);
	if (!is_special(s))
		return;
	for (int i = 0; i < 8; i++) {
		if (s->bytes[i] != SLOT_INVALID)
			s->bytes[i] = SLOT_MISC;
	}
}

static void keep(struct slot *s, const struct reg *r, unsigned size)
{
	s->reg = *r;
	for (unsigned i = 0; i < 8; i++) {
		if (i >= 8 - size)
			s->bytes[i] = SLOT_SPILL;
		else if (s->bytes[i] != SLOT_ZERO && s->bytes[i] != SLOT_INVALID)
			s->bytes[i] = SLOT_MISC;
	}
}

static bool stores_zero(struct verifier *v, int value)
{
	const struct bpf_record *i = &v->insns[v->at];
	if (value >= 0)
		return reg_is_null(reg_at(v, (unsigned)value));
	return (i->opcode & 0xe7) == 0x62 && !i->imm;
}

static void note_access(struct verifier *v, const struct frame *f, uint32_t slot)
{
	struct history *h = verify_note_history(v);
	h->flags |= HISTORY_STACK;
	h->frame = (uint8_t)f->number;
	h->slot = (uint8_t)slot;
}

/* The register holding part of a stored word no longer equals it. */
static bool spill_number(struct verifier *v, struct frame *f, uint32_t slot, struct reg *r,
			 unsigned size)
{
	bool fits = scalar_width(&r->v) <= 8 * size;
	if (fits)
		verify_link_before_copy(v, r);
	keep(&f->slots[slot], r, size);
	if (!fits)
		f->slots[slot].reg.id = 0;
	note_access(v, f, slot);
	return true;
}

static bool write_bytes(struct verifier *v, struct frame *f, int64_t off, unsigned size, int value)
{
	uint8_t byte = SLOT_MISC;
	scrub(&f->slots[(-off - 1) / 8]);
	if (stores_zero(v, value)) {
		if (value >= 0 && !verify_need_value(v, (unsigned)value))
			return false;
		byte = SLOT_ZERO;
	}
	for (unsigned i = 0; i < size; i++)
		*byte_at(f, off + (int64_t)i) = byte;
	return true;
}

static bool may_be_spilled(const struct reg *r)
{
	return r->kind != REG_NONE && r->kind != REG_SCALAR && r->kind != REG_TP_BUFFER &&
	       r->kind != REG_DYNPTR;
}

/* The slot takes all that is known of the number. */
static bool keeps_number(const struct verifier *v, const struct reg *r, unsigned size)
{
	if (v->model.precise_spills)
		return true;
	return (size == 8 || v->model.small_spills) && !scalar_equal(&r->v, &scalar_unknown);
}

static bool keeps_immediate(const struct verifier *v, const struct bpf_record *i)
{
	return v->model.precise_spills || (v->model.immediate_spills && i->imm);
}

static bool write_fixed(struct verifier *v, struct frame *f, int64_t off, unsigned size, int value)
{
	const struct bpf_record *i = &v->insns[v->at];
	uint32_t slot = (uint32_t)((-off - 1) / 8);
	struct reg *r = value >= 0 ? reg_at(v, (unsigned)value) : NULL;
	bool is_aligned = off % 8 == 0, is_immediate = !r && (i->opcode & 0xe7) == 0x62;
	if (!verify_drop_dynptr_at(v, f, slot))
		return false;
	if (size == 8)
		verify_stack_write(v, f->number, slot);
	if (r && is_aligned && r->kind == REG_SCALAR && keeps_number(v, r, size))
		return spill_number(v, f, slot, r, size);
	if (is_immediate && is_aligned && keeps_immediate(v, i)) {
		struct reg constant;
		reg_set_const(&constant, (uint64_t)(int64_t)i->imm);
		constant.cause = v->current->step;
		keep(&f->slots[slot], &constant, size);
		note_access(v, f, slot);
		return true;
	}
	if (!r || !may_be_spilled(r))
		return write_bytes(v, f, off, size, value);
	if (size != 8)
		return verify_refuse(v, VERIFY_NOT_POINTER, value,
				     "only a part of a pointer is stored");
	if (f != state_frame(v->current) && r->kind == REG_STACK)
		return verify_refuse(v, VERIFY_STACK_BOUNDS, value,
				     "a pointer to the stack is stored in a caller's frame");
	keep(&f->slots[slot], r, size);
	note_access(v, f, slot);
	return true;
}

static bool write_variable(struct verifier *v, struct frame *f, int64_t first, int64_t last,
			   int value)
{
	bool is_zero = stores_zero(v, value), relies_on_zero = false;
	for (int64_t off = first; off < last; off++) {
		if (!verify_drop_dynptr_at(v, f, (uint32_t)((-off - 1) / 8)))
			return false;
	}
	for (int64_t off = first; off < last; off++) {
		struct slot *s = &f->slots[(-off - 1) / 8];
		uint8_t *byte = byte_at(f, off);
		if (is_zero && *byte == SLOT_SPILL && slot_is_scalar(s) &&
		    tnum_equals(s->reg.v.bits, 0)) {
			relies_on_zero = true;
			continue;
		}
		bool stays_zero = is_zero && *byte == SLOT_ZERO;
		if (v->model.variable_writes_scrub)
			scrub(s);
		else
			reg_set_none(&s->reg);
		relies_on_zero |= stays_zero;
		if (*byte == SLOT_INVALID && !v->model.uninit_stack_ok)
			return verify_refuse(
				v, VERIFY_UNINIT_STACK, -1,
				"a variable offset may lead to stack that was never set");
		*byte = stays_zero ? SLOT_ZERO : SLOT_MISC;
	}
	return !relies_on_zero || value < 0 || verify_need_value(v, (unsigned)value);
}

bool verify_write_stack(struct verifier *v, unsigned reg, int64_t off, unsigned size, int value)
{
	const struct reg *r = reg_at(v, reg);
	struct frame *f = frame_of(v, r);
	if (scalar_is_const(&r->v, 64))
		return write_fixed(v, f, off + (int64_t)r->v.bits.value, size, value);
	return write_variable(v, f, r->v.wide.smin + off, r->v.wide.smax + off + size, value);
}

/* ---- reading ---- */

static void read_zeros(struct verifier *v, struct frame *f, int64_t first, int64_t last, int value)
{
	bool is_zero = true;
	for (int64_t off = first; off < last; off++)
		is_zero &= *byte_at(f, off) == SLOT_ZERO;
	if (is_zero)
		reg_set_const(reg_at(v, (unsigned)value), 0);
	else
		reg_set_unknown(reg_at(v, (unsigned)value));
}

static bool check_bytes(struct verifier *v, struct frame *f, int64_t off, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = *byte_at(f, off + (int64_t)i);
		if (byte == SLOT_MISC || byte == SLOT_ZERO || byte == SLOT_SPILL ||
		    (byte == SLOT_INVALID && v->model.uninit_stack_ok))
			continue;
		return verify_refuse(v, VERIFY_UNINIT_STACK, -1,
				     "byte %u of %u read from the stack at offset %lld holds "
				     "nothing that may be read",
				     i, size, (long long)off);
	}
	return true;
}

/* Part of a spilled number, or one that was stored in part. */
static bool fill_part(struct verifier *v, struct frame *f, int64_t off, unsigned size,
		      unsigned spilled, int value)
{
	uint32_t slot = (uint32_t)((-off - 1) / 8);
	struct slot *s = &f->slots[slot];
	if (s->reg.kind == REG_NONE)
		return verify_refuse(v, VERIFY_UNINIT_STACK, -1,
				     "a write at a variable offset left this word on the stack in "
				     "two parts, of which neither may be read");
	if (s->reg.kind != REG_SCALAR)
		return verify_refuse(v, VERIFY_NOT_POINTER, -1,
				     "a pointer on the stack is read in part");
	if (value < 0)
		return true;
	struct reg *r = reg_at(v, (unsigned)value);
	// A little-endian machine: the low bytes are the first ones.
	bool is_whole = v->model.narrow_fills ? size <= spilled : size == spilled;
	if (is_whole && off % 8 == 0) {
		*r = s->reg;
		if (scalar_width(&r->v) > size * 8)
			verify_unlink_scalar(r);
		note_access(v, f, slot);
		return true;
	}
	unsigned spills = 0, zeros = 0;
	for (unsigned i = 0; i < size; i++) {
		spills += *byte_at(f, off + (int64_t)i) == SLOT_SPILL;
		zeros += *byte_at(f, off + (int64_t)i) == SLOT_ZERO;
	}
	if (!check_bytes(v, f, off, size))
		return false;
	if (v->model.precise_spills && spills == size && tnum_equals(s->reg.v.bits, 0)) {
		reg_set_const(r, 0);
		note_access(v, f, slot);
	} else if (zeros == size) {
		reg_set_const(r, 0);
	} else {
		reg_set_unknown(r);
	}
	return true;
}

static bool read_fixed(struct verifier *v, struct frame *f, int64_t off, unsigned size, int value)
{
	uint32_t slot = (uint32_t)((-off - 1) / 8);
	struct slot *s = &f->slots[slot];
	verify_stack_read(v, f->number, slot);
	if (!slot_is_spill(s)) {
		if (!check_bytes(v, f, off, size))
			return false;
		if (value >= 0)
			read_zeros(v, f, off, off + size, value);
		return true;
	}
	unsigned spilled = 1;
	while (spilled < 8 && s->bytes[7 - spilled] == SLOT_SPILL)
		spilled++;
	if (size != 8 || spilled != 8)
		return fill_part(v, f, off, size, spilled, value);
	if (value >= 0)
		*reg_at(v, (unsigned)value) = s->reg;
	note_access(v, f, slot);
	return true;
}

bool verify_read_stack(struct verifier *v, unsigned reg, int64_t off, unsigned size, int value)
{
	const struct reg *r = reg_at(v, reg);
	struct frame *f = frame_of(v, r);
	if (scalar_is_const(&r->v, 64))
		return read_fixed(v, f, off + (int64_t)r->v.bits.value, size, value);
	if (value < 0)
		return verify_refuse(v, VERIFY_STACK_BOUNDS, (int)reg,
				     "stack at a variable offset cannot be used here");
	int64_t first = r->v.wide.smin + off, last = r->v.wide.smax + off + size;
	if (!verify_check_stack_range(v, reg, off, size, false, false, ACCESS_READ, NULL))
		return false;
	read_zeros(v, f, first, last, value);
	return true;
}

/* ---- memory passed on ---- */

static bool check_no_dynptr(struct verifier *v, struct frame *f, unsigned reg, int64_t first,
			    int64_t last)
{
	for (int64_t off = first; off < last; off++) {
		if (*byte_at(f, off) == SLOT_DYNPTR)
			return verify_refuse(v, VERIFY_DYNPTR, (int)reg,
					     "memory that will be written holds a dynptr");
	}
	return true;
}

bool verify_check_stack_range(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			      bool zero_ok, bool is_helper, enum access access,
			      struct raw_memory *raw)
{
	const struct reg *r = reg_at(v, reg);
	struct frame *f = frame_of(v, r);
	bool is_fixed = scalar_is_const(&r->v, 64);
	if (!size && !zero_ok)
		return verify_refuse(v, VERIFY_SIZE, (int)reg, "memory of size zero is passed");
	// Older kernels take every helper to write what it is passed.
	bool is_clobbered = is_helper && (access == ACCESS_WRITE || !v->model.helper_reads_keep);
	if (!verify_check_stack_bounds(v, reg, off, size, is_clobbered ? ACCESS_WRITE : ACCESS_READ,
				       is_helper))
		return false;
	int64_t first = (is_fixed ? (int64_t)r->v.bits.value : r->v.wide.smin) + off;
	int64_t last = (is_fixed ? (int64_t)r->v.bits.value : r->v.wide.smax) + off + size;
	if (raw && raw->is_raw && is_fixed) {
		raw->reg = reg;
		raw->size = size;
		return check_no_dynptr(v, f, reg, first, last);
	}
	for (int64_t o = first; o < last; o++) {
		uint32_t slot = (uint32_t)((-o - 1) / 8);
		struct slot *s = &f->slots[slot];
		uint8_t *byte = byte_at(f, o);
		if (*byte == SLOT_ZERO || (*byte == SLOT_INVALID && v->model.uninit_stack_ok)) {
			if (is_clobbered)
				*byte = SLOT_MISC;
		} else if (*byte != SLOT_MISC && slot_is_spill(s)) {
			if (is_clobbered) {
				reg_set_unknown(&s->reg);
				for (int k = 0; k < 8; k++) {
					if (s->bytes[k] != SLOT_INVALID)
						s->bytes[k] = SLOT_MISC;
				}
			}
		} else if (*byte != SLOT_MISC) {
			return verify_refuse(
				v, *byte == SLOT_INVALID ? VERIFY_UNINIT_STACK : VERIFY_DYNPTR,
				(int)reg,
				"byte %lld of %lld passed from the stack holds nothing that may be "
				"read",
				(long long)(o - first), (long long)size);
		}
		verify_stack_read(v, f->number, slot);
	}
	return true;
}
