/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that BTF describes, of the kernel or allocated by the program: which member an access meets
 * and how far a pointer found there can be trusted. After btf_struct_walk() (kernel/bpf/btf.c) and
 * check_ptr_to_btf_access() (kernel/bpf/verifier.c), Linux 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"

enum { MAX_WALK = 32 };

enum found { FOUND_NOTHING, FOUND_NUMBER, FOUND_POINTER, FOUND_STRUCT };

struct member {
	enum found found;
	uint32_t type; // target of a pointer, or the struct
	unsigned flags;
	const char *name, *why;
};

static bool is_aggregate(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

static void miss(struct member *m, const char *why)
{
	m->found = FOUND_NOTHING;
	m->why = why;
}

/* The element type of nested arrays. */
static uint32_t innermost(const struct btf *btf, uint32_t id)
{
	uint32_t element, index, count;
	id = program_strip(btf, id);
	for (int i = 0; id && i < MAX_WALK && btf_kind_of(btf, id) == BTF_KIND_ARRAY; i++) {
		struct btf_type array = btf_get_type(btf, id);
		btf_get_array(&array, &element, &index, &count);
		id = program_strip(btf, element);
	}
	return id;
}

static unsigned tag_of(const struct btf *btf, uint32_t id)
{
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	if (type.kind != BTF_KIND_TYPE_TAG)
		return 0;
	return !strcmp(type.name, "user")     ? REG_USER
	       : !strcmp(type.name, "percpu") ? REG_PERCPU
	       : !strcmp(type.name, "rcu")    ? REG_RCU
					      : 0u;
}

/* The flexible array at the end of a struct; false when it has none there. */
static bool enter_flexible(const struct btf *btf, uint32_t *id, int64_t *off, struct member *m)
{
	struct btf_type type = btf_get_type(btf, *id);
	if (!type.count)
		return false;
	struct btf_item last = btf_get_item(btf, &type, type.count - 1);
	uint32_t array = program_strip(btf, last.type), element, index, count;
	if (!array || btf_kind_of(btf, array) != BTF_KIND_ARRAY)
		return false;
	struct btf_type a = btf_get_type(btf, array);
	btf_get_array(&a, &element, &index, &count);
	if (count || *off < last.bit_offset / 8)
		return false;
	element = program_strip(btf, element);
	if (element && btf_kind_of(btf, element) == BTF_KIND_INT) {
		m->found = FOUND_NUMBER;
		return true;
	}
	uint32_t size = element ? btf_get_type(btf, element).size : 0;
	if (!is_aggregate(btf, element) || !size)
		return false;
	*off = (*off - last.bit_offset / 8) % size;
	*id = element;
	return true;
}

static void meet_pointer(const struct btf *btf, uint32_t id, const struct btf_item *item,
			 bool is_whole, struct member *m)
{
	uint32_t target = btf_get_type(btf, id).type, plain = program_strip(btf, target);
	if (!is_whole) {
		miss(m, "a pointer is read in part");
		return;
	}
	if (!is_aggregate(btf, plain)) {
		m->found = FOUND_NUMBER;
		return;
	}
	m->found = FOUND_POINTER;
	m->type = plain;
	m->flags |= tag_of(btf, target);
	m->name = item->name;
}

/* What `size` bytes at `off` of a struct are. Stops at a nested struct that begins there. */
static void walk_struct(const struct btf *btf, uint32_t id, int64_t off, int64_t size,
			bool flexible, struct member *m)
{
	for (int round = 0; round < MAX_WALK; round++) {
		id = program_strip(btf, id);
		if (!is_aggregate(btf, id)) {
			miss(m, "it is no struct");
			return;
		}
		struct btf_type type = btf_get_type(btf, id);
		if (type.kind == BTF_KIND_UNION && type.count != 1)
			m->flags |= REG_UNTRUSTED;
		if (off + size > type.size) {
			m->found = FOUND_NOTHING;
			if (!flexible || !enter_flexible(btf, &id, &off, m)) {
				miss(m, "it is beyond the end of the struct");
				return;
			}
			if (m->found == FOUND_NUMBER)
				return;
			continue;
		}
		bool is_deeper = false;
		for (uint32_t i = 0; i < type.count && !is_deeper; i++) {
			struct btf_item item = btf_get_item(btf, &type, i);
			int64_t start = item.bit_offset / 8;
			if (off + size <= start)
				break;
			if (item.bit_size) {
				int64_t end = (item.bit_offset + item.bit_size + 7) / 8;
				if (off <= start && end <= off + size) {
					m->found = FOUND_NUMBER;
					return;
				}
				continue;
			}
			if (off < start)
				break;
			int64_t whole = program_type_size(btf, item.type), end = start + whole;
			if (off >= end)
				continue;
			uint32_t inner = innermost(btf, item.type);
			int64_t each = inner ? program_type_size(btf, inner) : 0;
			if (each && each < whole)
				start += (off - start) / each * each;
			else
				each = whole;
			if (is_aggregate(btf, inner)) {
				if (off == start) {
					m->found = FOUND_STRUCT;
					m->type = inner;
					return;
				}
				off -= start;
				id = inner;
				is_deeper = true;
				continue;
			}
			if (inner && btf_kind_of(btf, inner) == BTF_KIND_PTR) {
				meet_pointer(btf, inner, &item, each == size && off == start, m);
				if (m->found != FOUND_NUMBER)
					return;
			}
			if (off + size > end && !(m->flags & REG_UNTRUSTED)) {
				miss(m, "it is beyond the end of the member");
				return;
			}
			m->found = FOUND_NUMBER;
			return;
		}
		if (!is_deeper) {
			miss(m, "the struct has no member there");
			return;
		}
	}
	miss(m, "the types are nested too deeply");
}

static struct member find_member(const struct btf *btf, uint32_t id, int64_t off, int64_t size,
				 bool flexible)
{
	struct member m = {.name = "", .why = ""};
	for (int i = 0; i < MAX_WALK; i++) {
		walk_struct(btf, id, off, size, flexible, &m);
		if (m.found != FOUND_STRUCT)
			return m;
		id = m.type;
		off = 0;
	}
	miss(&m, "the types are nested too deeply");
	return m;
}

static bool same_type(const struct btf *a, uint32_t x, const struct btf *b, uint32_t y)
{
	return a == b && x == y;
}

bool verify_struct_contains(const struct btf *btf, uint32_t type, int32_t off,
			    const struct btf *need, uint32_t need_type, bool is_strict)
{
	int64_t at = off;
	if (!at && same_type(btf, type, need, need_type))
		return true;
	for (int i = 0; !is_strict && i < MAX_WALK; i++) {
		struct member m = {0};
		walk_struct(btf, type, at, 1, true, &m);
		if (m.found != FOUND_STRUCT)
			return false;
		type = m.type;
		if (same_type(btf, type, need, need_type))
			return true;
		at = 0;
	}
	return false;
}

void verify_set_object(struct verifier *v, unsigned reg, enum reg_kind kind, const struct btf *btf,
		       uint32_t type, unsigned flags)
{
	struct reg *r = reg_at(v, reg);
	if (kind == REG_SCALAR) {
		reg_set_unknown(r);
		return;
	}
	reg_set_pointer(r, kind, flags);
	r->btf = btf;
	r->type = type;
	if (flags & REG_NULLABLE)
		r->id = ++v->ids;
}

/* ---- members that are trusted by name ---- */

enum safety { SAFE_RCU, SAFE_RCU_OR_NULL, SAFE_TRUSTED, SAFE_TRUSTED_OR_NULL };

static const struct {
	const char *type, *member;
	enum safety safety;
} safe_members[] = {
#define SAFE(type, member, safety) {type, member, safety},
#include "bpf-backend/verify/safe_members.def"
#undef SAFE
};

static bool is_safe(const char *type, const char *member, enum safety safety)
{
	for (size_t i = 0; i < sizeof safe_members / sizeof safe_members[0]; i++) {
		if (safe_members[i].safety == safety && !strcmp(safe_members[i].type, type) &&
		    !strcmp(safe_members[i].member, member))
			return true;
	}
	return false;
}

static unsigned trust_of_member(struct verifier *v, const struct reg *r, const struct member *m)
{
	const char *type = btf_get_type(r->btf, r->type).name;
	unsigned flags = m->flags;
	const unsigned trust = REG_ALLOC | REG_TRUSTED | REG_NON_OWNING | REG_RCU;
	if (r->flags & REG_UNTRUSTED)
		return REG_UNTRUSTED;
	if (!verify_is_trusted(r) && !(r->flags & REG_RCU))
		return flags & ~trust;
	if (is_safe(type, m->name, SAFE_TRUSTED))
		return flags | REG_TRUSTED;
	if (is_safe(type, m->name, SAFE_TRUSTED_OR_NULL))
		return flags | REG_TRUSTED | REG_NULLABLE;
	if (!verify_in_rcu_section(v) || r->flags & REG_NULLABLE)
		return REG_UNTRUSTED;
	bool is_or_null = is_safe(type, m->name, SAFE_RCU_OR_NULL);
	if (is_safe(type, m->name, SAFE_RCU))
		return flags | REG_RCU;
	if (flags & REG_RCU || is_or_null) {
		flags |= REG_RCU | REG_NULLABLE;
		return is_or_null ? flags & ~(unsigned)REG_UNTRUSTED : flags;
	}
	if (flags & (REG_PERCPU | REG_USER))
		return flags;
	return flags & ~trust;
}

static bool check_fields_untouched(struct verifier *v, const struct reg *r, unsigned reg,
				   int64_t off, int64_t size)
{
	const struct fields *fields = verify_fields_of_type(v, r->btf, r->type);
	for (uint32_t i = 0; fields && i < fields->count; i++) {
		const struct field *f = &fields->list[i];
		if (off < (int64_t)f->offset + f->size && f->offset < off + size)
			return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
					     "it touches the %s at offset %u of the object",
					     verify_field_name(f->kind), f->offset);
	}
	return true;
}

static const struct {
	const char *type, *within, *member;
} writable_members[] = {
#define WRITABLE(type, within, member) {type, within, member},
#include "bpf-backend/verify/writable_members.def"
#undef WRITABLE
};

/* Interfaces of the kernel let their programs write single members. */
static bool is_writable_member(const struct reg *r, int64_t off, unsigned size)
{
	const char *type = btf_get_type(r->btf, r->type).name;
	for (size_t i = 0; i < sizeof writable_members / sizeof writable_members[0]; i++) {
		if (strcmp(writable_members[i].type, type))
			continue;
		uint32_t id = btf_find(r->btf, BTF_KIND_STRUCT, writable_members[i].within);
		struct btf_type within = id ? btf_get_type(r->btf, id) : (struct btf_type){0};
		for (uint32_t k = 0; k < within.count; k++) {
			struct btf_item item = btf_get_item(r->btf, &within, k);
			int64_t start = item.bit_offset / 8;
			uint32_t bytes = item.bit_size ? 1 : program_type_size(r->btf, item.type);
			if (!strcmp(item.name, writable_members[i].member) && off >= start &&
			    off + size <= start + bytes)
				return true;
		}
	}
	return false;
}

static bool check_object_pointer(struct verifier *v, const struct reg *r, unsigned reg, int64_t off,
				 unsigned size, enum access access)
{
	if (!v->is_gpl && r->btf == v->types)
		return verify_refuse(v, VERIFY_LICENSE, (int)reg,
				     "objects of the kernel can only be read with a license "
				     "compatible with the GPL");
	if (off < 0)
		return verify_refuse(v, VERIFY_OBJECT_ACCESS, (int)reg,
				     "negative offset %lld of an object", (long long)off);
	if (!tnum_equals(r->v.bits, 0))
		return verify_refuse(v, VERIFY_OBJECT_ACCESS, (int)reg,
				     "an object is reached at a variable offset");
	if (r->flags & (REG_USER | REG_PERCPU))
		return verify_refuse(v, VERIFY_OBJECT_ACCESS, (int)reg,
				     r->flags & REG_USER
					     ? "memory of a user process is followed directly"
					     : "per-CPU memory is followed directly");
	bool is_lent = access == ACCESS_WRITE && v->code->type == PROG_STRUCT_OPS &&
		       r->btf == v->types && !(r->flags & REG_UNTRUSTED) &&
		       is_writable_member(r, off, size);
	if (access == ACCESS_WRITE && !is_lent &&
	    (r->flags & REG_UNTRUSTED || !(r->flags & REG_ALLOC)))
		return verify_refuse(v, VERIFY_READ_ONLY, (int)reg,
				     "objects of the kernel can only be read");
	return true;
}

bool verify_access_object(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			  enum access access, int value)
{
	const struct reg *r = reg_at(v, reg);
	bool is_alloc = r->flags & REG_ALLOC;
	if (!check_object_pointer(v, r, reg, off, size, access))
		return false;
	if (is_alloc && !check_fields_untouched(v, r, reg, off, size))
		return false;
	struct member m = find_member(r->btf, r->type, off, size, !is_alloc);
	if (m.found == FOUND_NOTHING)
		return verify_refuse(
			v, VERIFY_OBJECT_ACCESS, (int)reg,
			"%u bytes at offset %lld of `struct %s` cannot be accessed: %s", size,
			(long long)off, btf_get_type(r->btf, r->type).name, m.why);
	bool is_pointer = m.found == FOUND_POINTER && !is_alloc;
	if (access == ACCESS_READ && value >= 0) {
		unsigned flags = is_pointer ? trust_of_member(v, r, &m) : 0;
		verify_set_object(v, (unsigned)value, is_pointer ? REG_OBJECT : REG_SCALAR, r->btf,
				  m.type, flags);
	}
	return true;
}

bool verify_access_map_object(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			      enum access access, int value)
{
	const struct reg *r = reg_at(v, reg);
	static const struct {
		uint32_t type;
		const char *name;
	} structs[] = {{1, "bpf_htab"},  {2, "bpf_array"},       {5, "bpf_htab"},
		       {6, "bpf_array"}, {9, "bpf_htab"},        {10, "bpf_htab"},
		       {11, "lpm_trie"}, {27, "bpf_ringbuf_map"}};
	const char *name = "bpf_map";
	for (size_t i = 0; i < sizeof structs / sizeof structs[0]; i++) {
		if (structs[i].type == r->map->type)
			name = structs[i].name;
	}
	uint32_t type = v->types ? btf_find(v->types, BTF_KIND_STRUCT, name) : 0;
	if (!type)
		return verify_refuse(v, VERIFY_TYPES, (int)reg,
				     "a map can only be read with the kernel's types");
	if (off < 0)
		return verify_refuse(v, VERIFY_OBJECT_ACCESS, (int)reg,
				     "negative offset %lld of a map", (long long)off);
	if (access == ACCESS_WRITE)
		return verify_refuse(v, VERIFY_READ_ONLY, (int)reg,
				     "a map itself cannot be written");
	struct member m = find_member(v->types, type, off, size, true);
	if (m.found == FOUND_NOTHING)
		return verify_refuse(v, VERIFY_OBJECT_ACCESS, (int)reg,
				     "%u bytes at offset %lld of `struct %s` cannot be read: %s",
				     size, (long long)off, name, m.why);
	if (value >= 0)
		verify_set_object(v, (unsigned)value,
				  m.found == FOUND_POINTER ? REG_OBJECT : REG_SCALAR, v->types,
				  m.type, m.flags);
	return true;
}

/* ---- pointers of the kernel in map values ---- */

static bool is_rcu_protected(const struct field *f, const struct btf *kernel)
{
	static const char *const names[] = {"prog_test_ref_kfunc", "cgroup", "bpf_cpumask",
					    "task_struct", "bpf_crypto_ctx"};
	if (f->btf != kernel)
		return true;
	const char *name = btf_get_type(f->btf, f->type).name;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static unsigned loaded_kptr_flags(struct verifier *v, const struct field *f)
{
	bool is_safe_field = f->kind == FIELD_KPTR_PERCPU ||
			     (f->kind == FIELD_KPTR_REF && is_rcu_protected(f, v->types));
	if (!is_safe_field || !verify_in_rcu_section(v))
		return REG_NULLABLE | REG_UNTRUSTED;
	unsigned flags = REG_NULLABLE | REG_RCU;
	if (f->kind == FIELD_KPTR_PERCPU)
		flags |= REG_PERCPU;
	else if (f->btf != v->types)
		flags |= REG_ALLOC;
	if (f->btf != v->types &&
	    verify_has_field(verify_fields_of_type(v, f->btf, f->type),
			     FIELD_BIT(FIELD_LIST_NODE) | FIELD_BIT(FIELD_RB_NODE)))
		flags |= REG_NON_OWNING;
	return flags;
}

bool verify_match_kptr(struct verifier *v, const struct field *f, const struct reg *r, unsigned reg)
{
	unsigned allowed = REG_NULLABLE | REG_ALLOC;
	if (r->kind == REG_OBJECT && r->btf == v->types) {
		allowed = REG_NULLABLE | REG_TRUSTED | REG_RCU;
		if (f->kind == FIELD_KPTR)
			allowed |= REG_UNTRUSTED;
	} else if (f->kind == FIELD_KPTR_PERCPU) {
		allowed |= REG_PERCPU;
	}
	bool fits = r->kind == REG_OBJECT && !(r->flags & ~allowed) &&
		    (f->kind == FIELD_KPTR_PERCPU) == !!(r->flags & REG_PERCPU);
	if (fits && !verify_check_no_offset(v, r, reg, true))
		return false;
	if (fits &&
	    verify_struct_contains(r->btf, r->type, r->off, f->btf, f->type, f->kind != FIELD_KPTR))
		return true;
	char kind[96];
	return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
			     "this (%s) cannot be stored as a pointer to `struct %s`",
			     verify_describe_kind(v, r, kind), btf_get_type(f->btf, f->type).name);
}

bool verify_access_kptr(struct verifier *v, unsigned reg, const struct field *f, enum access access,
			int value, bool is_immediate)
{
	const struct bpf_record *i = &v->insns[v->at];
	if ((i->opcode & 0xe0) != 0x60)
		return verify_refuse(
			v, VERIFY_SPECIAL_FIELD, (int)reg,
			"a pointer of the kernel in a map takes plain loads and stores only");
	if (access == ACCESS_READ) {
		if (value >= 0)
			verify_set_object(v, (unsigned)value, REG_OBJECT, f->btf, f->type,
					  loaded_kptr_flags(v, f));
		return true;
	}
	if (f->kind != FIELD_KPTR)
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "a pointer that is counted is exchanged, not stored");
	if (is_immediate) {
		if (i->imm)
			return verify_refuse(
				v, VERIFY_SPECIAL_FIELD, (int)reg,
				"a number other than 0 is stored as a pointer of the kernel");
		return true;
	}
	const struct reg *stored = reg_at(v, (unsigned)value);
	if (reg_is_null(stored))
		return verify_need_value(v, (unsigned)value);
	return verify_match_kptr(v, f, stored, (unsigned)value);
}
