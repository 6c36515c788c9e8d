/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relocations against types of the kernel (CO-RE): a record says that an instruction depends on a
 * member's offset or size, on whether a type or member exists, on an enumerator's value; the answer
 * is looked up in the kernel that the program is for. Members are found by name along the path that
 * the record gives, through anonymous structs too. Where the kernel has no such thing the instruction
 * becomes a call of a helper that no kernel has, as libbpf does it, so that code that never gets there
 * is fine. After relo_core.c, tools/lib/bpf, Linux 6.12.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/program/inside.h"

enum relocation_kind {
	FIELD_OFFSET,
	FIELD_SIZE,
	FIELD_EXISTS,
	FIELD_SIGNED,
	FIELD_LSHIFT,
	FIELD_RSHIFT,
	TYPE_ID_LOCAL,
	TYPE_ID_TARGET,
	TYPE_EXISTS,
	TYPE_SIZE,
	ENUM_EXISTS,
	ENUM_VALUE,
	TYPE_MATCHES,
};

enum { MAX_PATH = 64, MAX_DEPTH = 32 };

/* A place inside of a type. */
struct place {
	uint32_t type;   // of the value there
	uint64_t offset; // bits from the root
	uint32_t bits;   // of a bit-field, else 0
};

/* A step by name, or by number into an array. */
struct step {
	const char *name; // NULL: an index
	uint32_t index, type;
};

struct path {
	struct step steps[MAX_PATH];
	uint32_t count;
	uint32_t first; // index of the root's array
	struct place end;
};

static bool is_aggregate(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

static bool is_enum(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	return kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64;
}

/* Length of a name without the flavour behind "___". */
static size_t essential(const char *name)
{
	const char *mark = strstr(name, "___");
	return mark && mark > name ? (size_t)(mark - name) : strlen(name);
}

static bool same_name(const char *a, const char *b)
{
	size_t len = essential(a);
	return len == essential(b) && !strncmp(a, b, len);
}

/* ---- the path in the program's own types ---- */

static bool step_into(const struct btf *btf, struct path *p, uint32_t index)
{
	struct place *at = &p->end;
	uint32_t id = program_strip(btf, at->type), element, index_type, count;
	if (!id || p->count == MAX_PATH)
		return false;
	struct btf_type type = btf_get_type(btf, id);
	if (type.kind == BTF_KIND_ARRAY) {
		btf_get_array(&type, &element, &index_type, &count);
		p->steps[p->count++] = (struct step){.index = index, .type = id};
		at->offset += (uint64_t)index * program_type_size(btf, element) * 8;
		at->type = element;
		at->bits = 0;
		return true;
	}
	if (!is_aggregate(btf, id) || index >= type.count)
		return false;
	struct btf_item member = btf_get_item(btf, &type, index);
	if (*member.name)
		p->steps[p->count++] = (struct step){.name = member.name, .type = id};
	at->offset += member.bit_offset;
	at->type = member.type;
	at->bits = member.bit_size;
	return true;
}

/* Reads "0:1:2". */
static bool read_path(const struct btf *btf, uint32_t root, const char *text, struct path *p)
{
	char *end;
	memset(p, 0, sizeof *p);
	p->end.type = root;
	p->first = (uint32_t)strtoul(text, &end, 10);
	if (end == text)
		return false;
	p->end.offset = (uint64_t)p->first * program_type_size(btf, root) * 8;
	while (*end == ':') {
		text = end + 1;
		uint32_t index = (uint32_t)strtoul(text, &end, 10);
		if (end == text || !step_into(btf, p, index))
			return false;
	}
	return !*end;
}

/* ---- the same path in the kernel's ---- */

/* A member by name, also of anonymous structs inside. */
static bool find_member(const struct btf *btf, uint32_t id, const char *name, struct place *at,
			int depth)
{
	id = program_strip(btf, id);
	if (!is_aggregate(btf, id) || depth > MAX_DEPTH)
		return false;
	struct btf_type type = btf_get_type(btf, id);
	for (uint32_t i = 0; i < type.count; i++) {
		struct btf_item member = btf_get_item(btf, &type, i);
		if (!*member.name) {
			struct place inner = {.offset = at->offset + member.bit_offset};
			if (find_member(btf, member.type, name, &inner, depth + 1)) {
				*at = inner;
				return true;
			}
			continue;
		}
		if (!same_name(member.name, name))
			continue;
		at->offset += member.bit_offset;
		at->type = member.type;
		at->bits = member.bit_size;
		return true;
	}
	return false;
}

static bool is_compatible(const struct btf *a, uint32_t x, const struct btf *b, uint32_t y,
			  int depth)
{
	x = program_strip(a, x);
	y = program_strip(b, y);
	if (!x || !y || depth > MAX_DEPTH)
		return x == y;
	if (is_aggregate(a, x) && is_aggregate(b, y))
		return true;
	if (is_enum(a, x) && is_enum(b, y))
		return true;
	struct btf_type one = btf_get_type(a, x), other = btf_get_type(b, y);
	if (one.kind != other.kind)
		return false;
	if (one.kind == BTF_KIND_ARRAY) {
		uint32_t p, q, index, count;
		btf_get_array(&one, &p, &index, &count);
		btf_get_array(&other, &q, &index, &count);
		return is_compatible(a, p, b, q, depth + 1);
	}
	return one.kind == BTF_KIND_PTR || one.kind == BTF_KIND_INT || one.kind == BTF_KIND_FLOAT ||
	       one.kind == BTF_KIND_FWD;
}

static bool follow_path(const struct btf *own, const struct path *p, const struct btf *kernel,
			uint32_t root, struct place *at)
{
	*at = (struct place){.type = root,
			     .offset = (uint64_t)p->first * program_type_size(kernel, root) * 8};
	for (uint32_t i = 0; i < p->count; i++) {
		const struct step *s = &p->steps[i];
		if (s->name) {
			if (!find_member(kernel, at->type, s->name, at, 0))
				return false;
			continue;
		}
		uint32_t id = program_strip(kernel, at->type), element, index, count;
		if (!id || btf_kind_of(kernel, id) != BTF_KIND_ARRAY)
			return false;
		struct btf_type array = btf_get_type(kernel, id);
		btf_get_array(&array, &element, &index, &count);
		if (count && s->index >= count)
			return false;
		at->offset += (uint64_t)s->index * program_type_size(kernel, element) * 8;
		at->type = element;
		at->bits = 0;
	}
	return is_compatible(own, p->end.type, kernel, at->type, 0);
}

/* ---- values ---- */

/* The load that a member takes: first byte and size. */
static bool find_unit(const struct btf *btf, const struct place *at, uint64_t *byte, uint32_t *size)
{
	*size = program_type_size(btf, at->type);
	if (!at->bits) {
		*byte = at->offset / 8;
		return true;
	}
	if (!*size)
		return false;
	*byte = at->offset / 8 / *size * *size;
	while (at->offset + at->bits - *byte * 8 > (uint64_t)*size * 8) {
		if (*size >= 8)
			return false;
		*size *= 2;
		*byte = at->offset / 8 / *size * *size;
	}
	return true;
}

static bool is_signed(const struct btf *btf, uint32_t id)
{
	id = program_strip(btf, id);
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	if (type.kind == BTF_KIND_INT)
		return btf_int_encoding(&type) & BTF_INT_IS_SIGNED;
	return is_enum(btf, id) && type.flag;
}

static bool field_value(const struct btf *btf, bool is_big, const struct place *at,
			enum relocation_kind kind, uint64_t *value)
{
	uint64_t byte;
	uint32_t size, bits;
	if (!find_unit(btf, at, &byte, &size))
		return false;
	bits = at->bits ? at->bits : size * 8;
	if (kind == FIELD_OFFSET)
		*value = byte;
	else if (kind == FIELD_SIZE)
		*value = size;
	else if (kind == FIELD_SIGNED)
		*value = is_signed(btf, at->type);
	else if (kind == FIELD_LSHIFT)
		*value = is_big ? 64 - size * 8 + (at->offset - byte * 8)
				: 64 - (at->offset + bits - byte * 8);
	else if (kind == FIELD_RSHIFT)
		*value = 64 - bits;
	else
		*value = 1;
	return true;
}

static bool enum_value(const struct btf *own, const struct btf_type *local, uint32_t index,
		       const struct btf *kernel, uint32_t target, uint64_t *value)
{
	struct btf_type type = target ? btf_get_type(kernel, target) : (struct btf_type){0};
	if (index >= local->count || !is_enum(kernel, target))
		return false;
	const char *name = btf_get_item(own, local, index).name;
	for (uint32_t i = 0; i < type.count; i++) {
		struct btf_item item = btf_get_item(kernel, &type, i);
		if (same_name(item.name, name)) {
			*value = item.value;
			return true;
		}
	}
	return false;
}

/* ---- candidates ---- */

/* Next type of the kernel after `after` that may be meant by a type of the program. */
static uint32_t next_candidate(const struct btf *own, uint32_t local, const struct btf *kernel,
			       uint32_t after)
{
	struct btf_type type = btf_get_type(own, local);
	char name[256];
	size_t len = essential(type.name);
	uint32_t kinds = 1u << type.kind;
	if (!len || len >= sizeof name)
		return 0;
	memcpy(name, type.name, len);
	name[len] = 0;
	if (is_enum(own, local))
		kinds = 1u << BTF_KIND_ENUM | 1u << BTF_KIND_ENUM64;
	return btf_find_next(kernel, kinds, name, after);
}

/* Every member of the program's type has its match. */
static bool type_matches(const struct btf *own, uint32_t local, const struct btf *kernel,
			 uint32_t target)
{
	struct btf_type type = btf_get_type(own, local);
	if (!is_aggregate(own, local))
		return true;
	for (uint32_t i = 0; i < type.count; i++) {
		struct btf_item member = btf_get_item(own, &type, i);
		struct place at = {0};
		if (*member.name && (!find_member(kernel, target, member.name, &at, 0) ||
				     !is_compatible(own, member.type, kernel, at.type, 0)))
			return false;
	}
	return true;
}

struct answer {
	bool is_found;
	uint64_t value;
	struct place local, target;
	uint32_t type;
};

static bool try_candidate(const struct program_object *object, enum relocation_kind kind,
			  uint32_t local, const struct path *p, uint32_t target, struct answer *a)
{
	const struct btf *own = &object->btf, *kernel = object->options.kernel;
	struct btf_type type = btf_get_type(own, program_strip(own, local));
	switch (kind) {
	case TYPE_ID_TARGET:
		a->value = target;
		return true;
	case TYPE_SIZE:
		a->value = program_type_size(kernel, target);
		return true;
	case TYPE_EXISTS:
		a->value = 1;
		return true;
	case TYPE_MATCHES:
		a->value = 1;
		return type_matches(own, local, kernel, target);
	case ENUM_EXISTS:
	case ENUM_VALUE:
		if (!enum_value(own, &type, p->first, kernel, target, &a->value))
			return false;
		if (kind == ENUM_EXISTS)
			a->value = 1;
		return true;
	case FIELD_OFFSET:
	case FIELD_SIZE:
	case FIELD_EXISTS:
	case FIELD_SIGNED:
	case FIELD_LSHIFT:
	case FIELD_RSHIFT:
		return follow_path(own, p, kernel, target, &a->target) &&
		       field_value(kernel, object->elf.is_big_endian, &a->target, kind, &a->value);
	case TYPE_ID_LOCAL:
		break;
	}
	return false;
}

/* What the kernel says. Where it has no such thing: found only when that is an answer too. */
static struct answer resolve(const struct program_object *object, enum relocation_kind kind,
			     uint32_t local, const char *text)
{
	const struct btf *own = &object->btf;
	struct answer a = {0};
	struct path p = {0};
	bool is_type = kind >= TYPE_ID_LOCAL && kind <= TYPE_SIZE;
	uint32_t plain = is_type || kind == TYPE_MATCHES ? local : program_strip(own, local);
	if (kind == TYPE_ID_LOCAL)
		return (struct answer){.is_found = true, .value = local};
	bool is_enumerator = kind == ENUM_EXISTS || kind == ENUM_VALUE;
	if (is_enumerator)
		p.first = (uint32_t)strtoul(text, NULL, 10);
	else if (!is_type && kind != TYPE_MATCHES && !read_path(own, plain, text, &p))
		return a;
	a.local = p.end;
	for (uint32_t c = 0;
	     plain && (c = next_candidate(own, plain, object->options.kernel, c));) {
		if (try_candidate(object, kind, plain, &p, c, &a)) {
			a.is_found = true;
			a.type = c;
			return a;
		}
	}
	a.value = 0;
	a.is_found = kind == FIELD_EXISTS || kind == TYPE_EXISTS || kind == ENUM_EXISTS ||
		     kind == TYPE_MATCHES;
	return a;
}

/* ---- patching ---- */

static void poison(struct bpf_record *r, uint32_t left)
{
	bool is_wide = r->opcode == 0x18 && left > 1;
	*r = (struct bpf_record){.opcode = 0x85, .imm = PROGRAM_BAD_RELOCATION};
	if (is_wide)
		r[1] = *r;
}

/* A load or store takes the size that the member has in the kernel. */
static bool adjust_width(const struct program_object *object, struct bpf_record *r,
			 const struct answer *a)
{
	static const uint8_t sizes[] = {[1] = 0x10, [2] = 0x08, [4] = 0x00, [8] = 0x18};
	uint32_t was = program_type_size(&object->btf, a->local.type);
	uint32_t is = program_type_size(object->options.kernel, a->target.type);
	if (was == is || a->local.bits || a->target.bits)
		return true;
	if (is != 1 && is != 2 && is != 4 && is != 8)
		return false;
	if (is_signed(&object->btf, a->local.type) ||
	    is_signed(object->options.kernel, a->target.type))
		return false;
	r->opcode = (uint8_t)((r->opcode & ~0x18) | sizes[is]);
	return true;
}

static void patch(const struct program_object *object, struct bpf_record *r, uint32_t left,
		  enum relocation_kind kind, const struct answer *a)
{
	unsigned class = r->opcode & 7;
	if (!a->is_found) {
		poison(r, left);
	} else if (class == 4 || class == 7) {
		r->imm = (int32_t)a->value;
	} else if (class == 1 || class == 2 || class == 3) {
		if (a->value > INT16_MAX || (kind == FIELD_OFFSET && !adjust_width(object, r, a)))
			poison(r, left);
		else
			r->off = (int16_t)a->value;
	} else if (r->opcode == 0x18 && left > 1) {
		r->imm = (int32_t)a->value;
		r[1].imm = kind == TYPE_ID_TARGET || kind == TYPE_ID_LOCAL
				   ? 0
				   : (int32_t)(a->value >> 32);
	}
}

const char *program_relocate_types(struct program_object *object,
				   const struct source_function *function,
				   struct bpf_record *records)
{
	struct program_sources *all = object->sources;
	for (uint32_t i = 0; i < all->relocations.len; i++) {
		const struct source_relocation *s = &all->relocations.data[i];
		if (s->section != function->section || s->record < function->first ||
		    s->record >= function->first + function->count)
			continue;
		const char *text = btf_find_string(&object->btf, s->access);
		if (!text || !s->type || s->type > object->btf.type_count || s->kind > TYPE_MATCHES)
			return "a relocation against the kernel's types is broken";
		if (!object->options.kernel && s->kind != TYPE_ID_LOCAL &&
		    object->options.is_lenient)
			continue;
		if (!object->options.kernel && s->kind != TYPE_ID_LOCAL)
			return "the types of the kernel are needed to relocate it";
		uint32_t at = s->record - function->first;
		struct answer a = resolve(object, (enum relocation_kind)s->kind, s->type, text);
		patch(object, &records[at], function->count - at, (enum relocation_kind)s->kind,
		      &a);
	}
	return NULL;
}
