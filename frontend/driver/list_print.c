/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel types in the words of the language: integers by their size, members of anonymous structs and
 * unions as members of what is around them, big-endian typedefs as beNN, pointers to functions as
 * function types. Recursion is bounded, and so is the work for one declaration, because a damaged section may
 * refer to itself, many times.
 */
#include "frontend/driver/list_print.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_DEPTH = 32, MAX_INLINE_DEPTH = 3, MAX_STEPS = 1 << 20 };

static void print_ref(struct list_printer *p, uint32_t id, uint32_t depth);
static void print_signature(struct list_printer *p, uint32_t proto, uint32_t skip, uint32_t depth);

bool list_get(struct list_printer *p, uint32_t id, struct btf_type *type)
{
	if (p->why || btf_check_type(p->btf, id, &p->why))
		return false;
	*type = btf_get_type(p->btf, id);
	return true;
}

/* list_get() as a step of the present declaration; no declaration of a kernel has so many. */
static bool visit(struct list_printer *p, uint32_t id, struct btf_type *type)
{
	if (!list_get(p, id, type))
		return false;
	p->steps += 1 + type->count;
	if (p->steps <= MAX_STEPS)
		return true;
	p->why = "a type refers to too many others";
	return false;
}

static void print_int(struct list_printer *p, const struct btf_type *t)
{
	uint32_t encoding = btf_int_encoding(t);

	if (encoding & BTF_INT_IS_BOOL)
		buf_add_text(p->out, "bool");
	else if (!strcmp(t->name, "char"))
		buf_add_text(p->out, "char");
	else if (t->size > 8)
		buf_printf(p->out, "u64[%u]", t->size / 8);
	else
		buf_printf(p->out, "%c%u", encoding & BTF_INT_IS_SIGNED ? 'i' : 'u', t->size * 8);
}

/* True when a pointer to this, through qualifiers, is one to a function; *proto is its prototype. */
static bool find_proto(struct list_printer *p, uint32_t id, uint32_t *proto)
{
	struct btf_type t;

	for (uint32_t depth = 0; id && depth < MAX_DEPTH && visit(p, id, &t); depth++) {
		*proto = id;
		if (t.kind == BTF_KIND_FUNC_PROTO)
			return true;
		if (t.kind != BTF_KIND_CONST && t.kind != BTF_KIND_VOLATILE &&
		    t.kind != BTF_KIND_TYPEDEF)
			return false;
		id = t.type;
	}
	return false;
}

static void print_pointer(struct list_printer *p, const struct btf_type *t, uint32_t depth)
{
	uint32_t proto;

	if (find_proto(p, t->type, &proto)) {
		buf_add_text(p->out, "fn");
		if (depth < MAX_INLINE_DEPTH)
			print_signature(p, proto, 0, MAX_INLINE_DEPTH);
		else
			buf_add_text(p->out, "(…)");
		return;
	}
	buf_add_char(p->out, '*');
	print_ref(p, t->type, depth + 1);
}

static void print_array(struct list_printer *p, const struct btf_type *t, uint32_t depth)
{
	uint32_t element, index, count;
	struct btf_type e;

	btf_get_array(t, &element, &index, &count);
	bool is_pointer = element && visit(p, element, &e) && e.kind == BTF_KIND_PTR;
	if (is_pointer)
		buf_add_char(p->out, '[');
	print_ref(p, element, depth + 1);
	buf_printf(p->out, is_pointer ? "; %u]" : "[%u]", count);
}

/* True for a struct, union or enum without a name, so that a typedef is the only one. */
static bool is_nameless(struct list_printer *p, uint32_t id)
{
	struct btf_type t;

	for (uint32_t depth = 0; id && depth < MAX_DEPTH && list_get(p, id, &t); depth++) {
		if (t.kind == BTF_KIND_STRUCT || t.kind == BTF_KIND_UNION ||
		    t.kind == BTF_KIND_ENUM || t.kind == BTF_KIND_ENUM64)
			return !*t.name;
		if (t.kind != BTF_KIND_CONST && t.kind != BTF_KIND_VOLATILE)
			return false;
		id = t.type;
	}
	return false;
}

/* A struct or union without a name, where it stands. */
static void print_inline(struct list_printer *p, const struct btf_type *t, uint32_t depth)
{
	buf_add_text(p->out, btf_kind_name(t->kind));
	buf_add_text(p->out, " { ");
	if (depth > MAX_INLINE_DEPTH)
		buf_add_text(p->out, "… ");
	else
		for (uint32_t i = 0; i < t->count && !p->why; i++) {
			struct btf_item item = btf_get_item(p->btf, t, i);
			if (*item.name)
				buf_printf(p->out, "%s: ", item.name);
			print_ref(p, item.type, depth + 1);
			buf_add_text(p->out, ", ");
		}
	buf_add_char(p->out, '}');
}

/* A type where it is used: its name, or what it is made of. */
static void print_ref(struct list_printer *p, uint32_t id, uint32_t depth)
{
	struct btf_type t;

	if (!id || depth > MAX_DEPTH) {
		buf_add_text(p->out, id ? "…" : "void");
		return;
	}
	if (!visit(p, id, &t))
		return;
	switch (t.kind) {
	case BTF_KIND_INT:
		print_int(p, &t);
		return;
	case BTF_KIND_PTR:
		print_pointer(p, &t, depth);
		return;
	case BTF_KIND_ARRAY:
		print_array(p, &t, depth);
		return;
	case BTF_KIND_TYPEDEF:
		if (!strncmp(t.name, "__be", 4))
			buf_add_text(p->out, t.name + 2);
		else if (is_nameless(p, t.type))
			buf_add_text(p->out, t.name);
		else
			print_ref(p, t.type, depth + 1);
		return;
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		print_ref(p, t.type, depth + 1);
		return;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		if (*t.name)
			buf_add_text(p->out, t.name);
		else
			print_inline(p, &t, depth);
		return;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		if (*t.name)
			buf_add_text(p->out, t.name);
		else
			buf_printf(p->out, "%c%u", t.flag ? 'i' : 'u', t.size * 8);
		return;
	case BTF_KIND_FWD:
	case BTF_KIND_FLOAT:
		buf_add_text(p->out, t.name);
		return;
	case BTF_KIND_FUNC_PROTO:
		buf_add_text(p->out, "fn");
		print_signature(p, id, 0, depth < MAX_INLINE_DEPTH ? MAX_INLINE_DEPTH : depth + 1);
		return;
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
	case BTF_KIND_DATASEC:
	case BTF_KIND_DECL_TAG:
		break;
	}
	buf_add_text(p->out, "void");
}

/* `depth` is that of the types in it. */
static void print_signature(struct list_printer *p, uint32_t proto, uint32_t skip, uint32_t depth)
{
	struct btf_type t;

	if (!visit(p, proto, &t))
		return;
	if (t.kind != BTF_KIND_FUNC_PROTO) {
		buf_add_text(p->out, "()");
		return;
	}
	buf_add_char(p->out, '(');
	for (uint32_t i = skip; i < t.count && !p->why; i++) {
		struct btf_item item = btf_get_item(p->btf, &t, i);
		if (i > skip)
			buf_add_text(p->out, ", ");
		if (!item.type && !*item.name) { // C's `...`
			buf_add_text(p->out, "…");
			continue;
		}
		if (*item.name)
			buf_printf(p->out, "%s: ", item.name);
		print_ref(p, item.type, depth);
	}
	buf_add_char(p->out, ')');
	if (t.type) {
		buf_add_text(p->out, " -> ");
		print_ref(p, t.type, depth);
	}
}

void list_print_signature(struct list_printer *p, uint32_t proto, uint32_t skip)
{
	p->steps = 0;
	print_signature(p, proto, skip, MAX_INLINE_DEPTH);
}

/* ---- declarations ---- */

static void print_members(struct list_printer *p, const struct btf_type *t, uint64_t base,
			  uint32_t depth)
{
	struct btf_type inner;

	for (uint32_t i = 0; i < t->count && depth < MAX_DEPTH && !p->why; i++) {
		struct btf_item item = btf_get_item(p->btf, t, i);
		uint64_t bits = base + item.bit_offset;
		if (!*item.name) {
			if (item.type && visit(p, item.type, &inner) &&
			    (inner.kind == BTF_KIND_STRUCT || inner.kind == BTF_KIND_UNION))
				print_members(p, &inner, bits, depth + 1);
			continue;
		}
		buf_printf(p->out, "\t%s: ", item.name);
		print_ref(p, item.type, 0);
		if (item.bit_size)
			buf_printf(p->out, " : %u, // offset %" PRIu64 ", bit %" PRIu64 "\n",
				   item.bit_size, bits / 8, bits % 8);
		else
			buf_printf(p->out, ", // offset %" PRIu64 "\n", bits / 8);
	}
}

static void print_enum(struct list_printer *p, const struct btf_type *t)
{
	buf_printf(p->out, "enum %s { // %c%u\n", t->name, t->flag ? 'i' : 'u', t->size * 8);
	for (uint32_t i = 0; i < t->count; i++) {
		struct btf_item item = btf_get_item(p->btf, t, i);
		buf_printf(p->out, t->flag ? "\t%s = %" PRId64 ",\n" : "\t%s = %" PRIu64 ",\n",
			   item.name, item.value);
	}
	buf_add_text(p->out, "}\n");
}

void list_print_type(struct list_printer *p, uint32_t id)
{
	struct btf_type t;

	p->steps = 0;
	if (!visit(p, id, &t))
		return;
	if (t.kind == BTF_KIND_ENUM || t.kind == BTF_KIND_ENUM64) {
		print_enum(p, &t);
	} else if (t.kind == BTF_KIND_TYPEDEF) {
		buf_printf(p->out, "type %s = ", t.name);
		print_ref(p, t.type, 0);
		buf_add_char(p->out, '\n');
	} else {
		buf_printf(p->out, "%s %s { // %u bytes\n", btf_kind_name(t.kind), t.name, t.size);
		print_members(p, &t, 0, 0);
		buf_add_text(p->out, "}\n");
	}
}
