/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, stores and atomics: what may be touched through each kind of pointer, and what a load gives.
 * The stack, the context and objects of the kernel have files of their own. After check_mem_access()
 * and what it calls, kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"

/* ---- regions of known size ---- */

static enum verify_reason bounds_reason(const struct reg *r)
{
	if (r->kind == REG_PACKET || r->kind == REG_PACKET_META || r->kind == REG_PACKET_END)
		return VERIFY_PACKET_BOUNDS;
	return r->kind == REG_MAP_VALUE ? VERIFY_MAP_BOUNDS : VERIFY_MEM_BOUNDS;
}

static bool check_extent(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			 uint64_t limit, bool zero_ok, const char *end)
{
	const struct reg *r = reg_at(v, reg);
	if (off >= 0 && (size > 0 || (!size && zero_ok)) && (uint64_t)off + (uint64_t)size <= limit)
		return true;
	const char *more = scalar_is_const(&r->v, 64) ? "" : " or later";
	if (bounds_reason(r) == VERIFY_PACKET_BOUNDS && (int64_t)limit <= off)
		return verify_refuse(v, VERIFY_PACKET_BOUNDS, (int)reg,
				     "byte %lld of the packet%s may lie beyond its end",
				     (long long)off, more);
	if (bounds_reason(r) == VERIFY_PACKET_BOUNDS)
		return verify_refuse(v, VERIFY_PACKET_BOUNDS, (int)reg,
				     "%lld bytes from byte %lld of the packet%s may reach beyond "
				     "its end: %lld are known to exist",
				     (long long)size, (long long)off, more, (long long)limit);
	const char *what = r->kind != REG_MAP_VALUE    ? "the memory"
			   : r->map && r->map->is_data ? "the global variables"
						       : "the map value";
	if (off < 0)
		return verify_refuse(v, bounds_reason(r), (int)reg,
				     "the offset is negative: %lld byte%s before the start of %s",
				     (long long)-off, off == -1 ? "" : "s", what);
	return verify_refuse(v, bounds_reason(r), (int)reg,
			     "%lld byte%s at offset %lld%s reach%s beyond %s of %llu bytes",
			     (long long)size, size == 1 ? "" : "s", (long long)off, end,
			     size == 1 ? "es" : "", what, (unsigned long long)limit);
}

bool verify_check_region(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			 uint64_t limit, bool zero_ok)
{
	const struct bounds *b = &reg_at(v, reg)->v.wide;
	if (b->smin < 0 && (b->smin == INT64_MIN || off + b->smin != (int32_t)(off + b->smin) ||
			    b->smin + off < 0))
		return verify_refuse(v, VERIFY_SIGN, (int)reg,
				     "the offset may be negative, down to %lld",
				     (long long)b->smin);
	if (!check_extent(v, reg, b->smin + off, size, limit, zero_ok, ""))
		return false;
	if (b->umax >= MAX_VAR_OFF)
		return verify_refuse(v, bounds_reason(reg_at(v, reg)), (int)reg,
				     "the offset has no upper bound");
	return check_extent(v, reg, (int64_t)b->umax + off, size, limit, zero_ok,
			    scalar_is_const(&reg_at(v, reg)->v, 64) ? "" : ", which it may have,");
}

bool verify_check_map_access(struct verifier *v, const struct reg *r, unsigned reg,
			     enum access access)
{
	enum { RDONLY_PROG = 1 << 7, WRONLY_PROG = 1 << 8 };
	uint32_t flags = r->map->flags;
	if (access == ACCESS_WRITE && flags & RDONLY_PROG)
		return verify_refuse(v, VERIFY_READ_ONLY, (int)reg,
				     "map `%s` is read-only for programs", r->map->name);
	if (access == ACCESS_READ && flags & WRONLY_PROG)
		return verify_refuse(v, VERIFY_READ_ONLY, (int)reg,
				     "map `%s` is write-only for programs", r->map->name);
	return true;
}

static bool is_pointer_field(enum field_kind kind)
{
	return FIELD_BIT(kind) & FIELD_KPTRS;
}

static bool check_kptr_access(struct verifier *v, unsigned reg, const struct field *f, int64_t off,
			      int64_t size, bool is_indirect)
{
	const struct reg *r = reg_at(v, reg);
	if (is_indirect)
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "a pointer of the kernel in a map cannot be passed as memory");
	if (!scalar_is_const(&r->v, 64))
		return verify_refuse(
			v, VERIFY_SPECIAL_FIELD, (int)reg,
			"a pointer of the kernel in a map is reached at a variable offset");
	if (f->offset != off + (int64_t)r->v.bits.value || size != 8)
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "a pointer of the kernel in a map is reached in part");
	return true;
}

bool verify_check_map_region(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			     bool zero_ok, bool is_indirect)
{
	const struct reg *r = reg_at(v, reg);
	if (!verify_check_region(v, reg, off, size, r->map->value_size, zero_ok))
		return false;
	const struct fields *fields = verify_fields_of_map(v, r->map);
	for (uint32_t i = 0; fields && i < fields->count; i++) {
		const struct field *f = &fields->list[i];
		if (r->v.wide.smin + off >= (int64_t)f->offset + f->size ||
		    f->offset >= r->v.wide.umax + (uint64_t)off + (uint64_t)size)
			continue;
		if (is_pointer_field(f->kind)) {
			if (!check_kptr_access(v, reg, f, off, size, is_indirect))
				return false;
			continue;
		}
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "it touches the %s at offset %u of map `%s`",
				     verify_field_name(f->kind), f->offset, r->map->name);
	}
	return true;
}

bool verify_check_no_offset(struct verifier *v, const struct reg *r, unsigned reg, bool fixed_ok)
{
	char kind[96];
	verify_describe_kind(v, r, kind);
	enum verify_reason reason = r->kind == REG_CTX ? VERIFY_CTX_ACCESS : VERIFY_OBJECT_ACCESS;
	if (r->off < 0)
		return verify_refuse(v, reason, (int)reg, "negative offset %d from a pointer (%s)",
				     r->off, kind);
	if (!fixed_ok && r->off)
		return verify_refuse(v, reason, (int)reg, "the pointer (%s) was moved by %d", kind,
				     r->off);
	if (!tnum_equals(r->v.bits, 0))
		return verify_refuse(v, reason, (int)reg,
				     "the pointer was moved by a number that is not constant (%s)",
				     kind);
	return true;
}

/* ---- packets ---- */

bool verify_may_touch_packet(const struct verifier *v, enum access access)
{
	return v->rules->flags &
	       (access == ACCESS_WRITE ? PROGRAM_WRITES_PACKET : PROGRAM_READS_PACKET);
}

bool verify_check_packet_region(struct verifier *v, unsigned reg, int64_t off, int64_t size,
				bool zero_ok)
{
	const struct reg *r = reg_at(v, reg);
	if (r->v.wide.smin < 0)
		return verify_refuse(v, VERIFY_SIGN, (int)reg,
				     "the offset may be negative, down to %lld",
				     (long long)r->v.wide.smin);
	if (r->range < 0)
		return verify_refuse(
			v, VERIFY_PACKET_BOUNDS, (int)reg,
			"the pointer was found to be at or beyond the end of the packet");
	return check_extent(v, reg, off, size, (uint64_t)r->range, zero_ok, "");
}

/* ---- alignment ---- */

bool verify_check_alignment(struct verifier *v, const struct reg *r, int64_t off, unsigned size,
			    bool is_strict)
{
	char kind[96];
	int64_t extra = r->kind == REG_PACKET || r->kind == REG_PACKET_META ? 2 : 0;
	is_strict |= v->options->strict_alignment || r->kind == REG_STACK;
	if (!is_strict || size == 1 || r->kind == REG_ARENA)
		return true;
	struct tnum place = tnum_add(r->v.bits, tnum_const((uint64_t)(extra + r->off + off)));
	if (tnum_is_aligned(place, size))
		return true;
	return verify_refuse(
		v, VERIFY_ALIGNMENT, -1,
		"%u bytes at offset %lld are not aligned: the offset is no multiple of "
		"%u (%s)",
		size, (long long)(r->off + off), size, verify_describe_kind(v, r, kind));
}

/* ---- one access ---- */

bool verify_check_buffer(struct verifier *v, const struct reg *r, unsigned reg, int64_t off)
{
	if (off < 0)
		return verify_refuse(v, VERIFY_MEM_BOUNDS, (int)reg,
				     "negative offset %lld in a buffer", (long long)off);
	if (!tnum_equals(r->v.bits, 0))
		return verify_refuse(v, VERIFY_MEM_BOUNDS, (int)reg,
				     "a buffer can only be reached at constant offsets");
	return true;
}

static bool refuse_write(struct verifier *v, const struct reg *r, unsigned reg)
{
	char kind[96];
	return verify_refuse(v, VERIFY_READ_ONLY, (int)reg, "this memory (%s) cannot be written",
			     verify_describe_kind(v, r, kind));
}

/* Constants of a map that nobody can change are known. */
static bool read_constant(const struct reg *r, int64_t off, unsigned size, bool is_signed,
			  uint64_t *value)
{
	int64_t at = off + (int64_t)r->v.bits.value;
	if (!is_map_frozen(r->map) || !r->map->data || !scalar_is_const(&r->v, 64) || at < 0 ||
	    at + size > r->map->value_size)
		return false;
	*value = 0;
	for (unsigned i = 0; i < size; i++)
		*value |= (uint64_t)r->map->data[at + i]
			  << 8 * (r->map->is_big_endian ? size - 1 - i : i);
	if (is_signed && size < 8 && *value >> (size * 8 - 1))
		*value |= ~(uint64_t)0 << size * 8;
	return true;
}

static bool access_map_value(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			     enum access access, int value, bool is_signed)
{
	const struct reg *r = reg_at(v, reg);
	uint64_t constant;
	if (!verify_check_map_access(v, r, reg, access) ||
	    !verify_check_map_region(v, reg, off, size, false, false))
		return false;
	const struct field *kptr = NULL;
	if (scalar_is_const(&r->v, 64))
		kptr = verify_find_field(verify_fields_of_map(v, r->map), FIELD_KPTRS,
					 off + (int64_t)r->v.bits.value);
	if (kptr)
		return verify_access_kptr(v, reg, kptr, access, value,
					  (v->insns[v->at].opcode & 7) == 2);
	if (access == ACCESS_WRITE || value < 0)
		return true;
	if (read_constant(r, off, size, is_signed, &constant))
		reg_set_const(reg_at(v, (unsigned)value), constant);
	else
		reg_set_unknown(reg_at(v, (unsigned)value));
	return true;
}

static bool access_mem(struct verifier *v, unsigned reg, int64_t off, unsigned size,
		       enum access access)
{
	const struct reg *r = reg_at(v, reg);
	if (r->flags & REG_NULLABLE)
		return verify_refuse(v, VERIFY_NULLABLE, (int)reg, "the pointer may be null here");
	if (access == ACCESS_WRITE && r->flags & REG_RDONLY)
		return refuse_write(v, r, reg);
	if (r->flags & REG_UNTRUSTED)
		return true; // a read that faults gives 0
	return verify_check_region(v, reg, off, size, r->size, false);
}

static bool access_packet(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			  enum access access)
{
	if (access == ACCESS_WRITE && !verify_may_touch_packet(v, ACCESS_WRITE))
		return verify_refuse(v, VERIFY_READ_ONLY, (int)reg,
				     "this kind of program cannot write to the packet");
	return verify_check_packet_region(v, reg, off, size, false);
}

static bool access_flow_keys(struct verifier *v, unsigned reg, int64_t off, unsigned size)
{
	enum { FLOW_KEYS_BYTES = 56 }; // struct bpf_flow_keys
	if (off < 0 || off + size > FLOW_KEYS_BYTES)
		return verify_refuse(v, VERIFY_MEM_BOUNDS, (int)reg,
				     "offset %lld is outside of the flow keys", (long long)off);
	return true;
}

static bool refuse_pointer(struct verifier *v, const struct reg *r, unsigned reg)
{
	char kind[96];
	verify_describe_kind(v, r, kind);
	if (r->flags & REG_NULLABLE)
		return verify_refuse(v, VERIFY_NULLABLE, (int)reg,
				     "the pointer may be null here (%s)", kind);
	if (r->kind == REG_SCALAR)
		return verify_refuse(v, VERIFY_NOT_POINTER, (int)reg,
				     "r%u is followed like a pointer but holds a number", reg);
	return verify_refuse(v, VERIFY_NOT_POINTER, (int)reg,
			     "this pointer (%s) cannot be followed", kind);
}

/* Kinds whose loads give some number. */
static bool access_plain(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			 enum access access)
{
	const struct reg *r = reg_at(v, reg);
	bool is_write = access == ACCESS_WRITE, is_nullable = r->flags & REG_NULLABLE;
	switch ((enum reg_kind)r->kind) {
	case REG_MAP_KEY:
		if (is_write)
			return refuse_write(v, r, reg);
		return verify_check_region(v, reg, off, size, r->map->key_size, false);
	case REG_MEM:
		return access_mem(v, reg, off, size, access);
	case REG_PACKET:
	case REG_PACKET_META:
		return access_packet(v, reg, off, size, access);
	case REG_FLOW_KEYS:
		return access_flow_keys(v, reg, off, size);
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
		if (is_nullable)
			break;
		return is_write ? refuse_write(v, r, reg) : verify_access_socket(v, reg, off, size);
	case REG_TP_BUFFER:
		return verify_check_buffer(v, r, reg, off);
	case REG_BUF:
		if (is_nullable)
			break;
		if (is_write && r->flags & REG_RDONLY)
			return refuse_write(v, r, reg);
		return verify_check_buffer(v, r, reg, off);
	case REG_ARENA:
		return true;
	case REG_NONE:
	case REG_SCALAR:
	case REG_CTX:
	case REG_MAP:
	case REG_MAP_VALUE:
	case REG_STACK:
	case REG_PACKET_END:
	case REG_OBJECT:
	case REG_FUNC:
	case REG_DYNPTR:
	case REG_KIND_COUNT:
		break;
	}
	return refuse_pointer(v, r, reg);
}

bool verify_access_memory(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			  enum access access, int value, bool is_strict, bool is_signed)
{
	const struct reg *r = reg_at(v, reg);
	bool gives = access == ACCESS_READ && value >= 0, ok;
	if (!verify_check_alignment(v, r, off, size, is_strict))
		return false;
	off += r->off;
	if (r->kind == REG_STACK) {
		ok = verify_check_stack_bounds(v, reg, off, size, access, false) &&
		     (access == ACCESS_READ ? verify_read_stack(v, reg, off, size, value)
					    : verify_write_stack(v, reg, off, size, value));
	} else if (r->kind == REG_MAP_VALUE && !(r->flags & REG_NULLABLE)) {
		ok = access_map_value(v, reg, off, size, access, value, is_signed);
	} else if (r->kind == REG_CTX) {
		ok = verify_access_context(v, reg, off, size, access, value, is_signed);
	} else if (r->kind == REG_OBJECT && !(r->flags & REG_NULLABLE)) {
		ok = verify_access_object(v, reg, off, size, access, value);
	} else if (r->kind == REG_MAP) {
		ok = verify_access_map_object(v, reg, off, size, access, value);
	} else {
		ok = access_plain(v, reg, off, size, access);
		if (ok && gives)
			reg_set_unknown(reg_at(v, (unsigned)value));
	}
	if (ok && gives && size < 8 && reg_at(v, (unsigned)value)->kind == REG_SCALAR) {
		struct scalar *s = &reg_at(v, (unsigned)value)->v;
		if (is_signed)
			scalar_sign_extend(s, size);
		else
			scalar_truncate(s, size);
	}
	return ok;
}

/* ---- instructions ---- */

/* Kinds that the kernel rewrites accesses of: one instruction cannot serve two. */
static bool is_rewritten(unsigned kind)
{
	return kind == REG_CTX || kind == REG_SOCKET || kind == REG_SOCK_COMMON ||
	       kind == REG_TCP_SOCK || kind == REG_XDP_SOCK || kind == REG_OBJECT ||
	       kind == REG_ARENA;
}

static bool note_pointer(struct verifier *v, uint8_t kind, uint16_t flags, bool trust_may_differ)
{
	struct note *n = note_at(v);
	if (n->seen_kind == REG_NONE) {
		n->seen_kind = kind;
		n->seen_flags = flags;
		return true;
	}
	if (n->seen_kind == kind && n->seen_flags == flags)
		return true;
	if (!is_rewritten(kind) && !is_rewritten(n->seen_kind))
		return true;
	if (trust_may_differ && kind == REG_OBJECT && n->seen_kind == REG_OBJECT) {
		n->seen_flags = REG_UNTRUSTED;
		return true;
	}
	return verify_refuse(
		v, VERIFY_MIXED, -1,
		"this instruction follows different kinds of pointers on different paths");
}

bool verify_step_load(struct verifier *v, const struct bpf_record *i)
{
	const struct reg *r = reg_at(v, i->src);
	uint8_t kind = r->kind;
	uint16_t flags = r->flags;
	bool is_signed = (i->opcode & 0xe0) == 0x80;
	if (!verify_access_memory(v, i->src, i->off, insn_width(note_at(v)->op), ACCESS_READ,
				  i->dst, false, is_signed))
		return false;
	if (!note_pointer(v, kind, flags, true))
		return false;
	scalar_check(&reg_at(v, i->dst)->v);
	return true;
}

bool verify_step_store(struct verifier *v, const struct bpf_record *i)
{
	const struct reg *r = reg_at(v, i->dst);
	uint8_t kind = r->kind;
	uint16_t flags = r->flags;
	int value = (i->opcode & 7) == 3 ? i->src : -1;
	return verify_access_memory(v, i->dst, i->off, insn_width(note_at(v)->op), ACCESS_WRITE,
				    value, false, false) &&
	       note_pointer(v, kind, flags, false);
}

static bool check_atomic_target(struct verifier *v, unsigned reg)
{
	char kind[96];
	const struct reg *r = reg_at(v, reg);
	bool is_load = insn_table[note_at(v)->op].form == INSN_FORM_LOAD_ACQ;
	if (r->kind == REG_CTX || r->kind == REG_PACKET || r->kind == REG_PACKET_META ||
	    r->kind == REG_FLOW_KEYS || r->kind == REG_SOCKET || r->kind == REG_SOCK_COMMON ||
	    r->kind == REG_TCP_SOCK || r->kind == REG_XDP_SOCK)
		return verify_refuse(v, VERIFY_NOT_POINTER, (int)reg,
				     "%s through this pointer (%s) is not possible",
				     is_load ? "an acquiring load" : "an atomic operation",
				     verify_describe_kind(v, r, kind));
	return true;
}

static bool step_ordered(struct verifier *v, const struct bpf_record *i, bool is_load)
{
	unsigned reg = is_load ? i->src : i->dst;
	unsigned size = insn_width(note_at(v)->op);
	uint8_t kind = reg_at(v, reg)->kind;
	uint16_t flags = reg_at(v, reg)->flags;
	return check_atomic_target(v, reg) &&
	       verify_access_memory(v, reg, i->off, size, is_load ? ACCESS_READ : ACCESS_WRITE,
				    is_load ? i->dst : i->src, true, false) &&
	       note_pointer(v, kind, flags, is_load);
}

bool verify_step_atomic(struct verifier *v, const struct bpf_record *i)
{
	enum insn_form form = insn_table[note_at(v)->op].form;
	unsigned size = insn_width(note_at(v)->op);
	if (form == INSN_FORM_LOAD_ACQ || form == INSN_FORM_STORE_REL)
		return step_ordered(v, i, form == INSN_FORM_LOAD_ACQ);
	if (!check_atomic_target(v, i->dst))
		return false;
	int load = form == INSN_FORM_CMPXCHG ? 0 : form == INSN_FORM_FETCH ? i->src : -1;
	uint8_t kind = reg_at(v, i->dst)->kind;
	uint16_t flags = reg_at(v, i->dst)->flags;
	if (load >= 0) {
		// The register is written before the memory is looked at, as in the kernel.
		reg_set_unknown(reg_at(v, (unsigned)load));
	}
	if (!verify_access_memory(v, i->dst, i->off, size, ACCESS_READ, -1, true, false))
		return false;
	if (load >= 0 &&
	    !verify_access_memory(v, i->dst, i->off, size, ACCESS_READ, load, true, false))
		return false;
	return note_pointer(v, kind, flags, false) &&
	       verify_access_memory(v, i->dst, i->off, size, ACCESS_WRITE, -1, true, false);
}
