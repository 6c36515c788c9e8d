/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes types, lays out structs and writes types as text. Derived types are found again through one
 * map whose key is exact: 5 bits kind, 27 bits id of the element, 32 bits count (or a second id).
 */
#include "frontend/sema/type.h"

#include "frontend/base/buf.h"
#include "frontend/sema/target_info.h"

enum {
	KEY_TUPLE = 31,      // kind of the key that chains the parameters of a function type
	TEXT_MAX_DEPTH = 40, // levels of a type that type_text() writes out
};

static uint64_t derived_key(uint32_t kind, uint32_t id, uint32_t count)
{
	return (uint64_t)kind << 59 | (uint64_t)(id & 0x7ffffff) << 32 | count;
}

struct type *type_make_new(struct types *types, enum type_kind kind)
{
	struct type *t = ARENA_NEW(&types->compile->session, struct type);

	t->kind = kind;
	t->id = ++types->next_id;
	return t;
}

static struct type *make_named(struct types *types, const char *name, enum type_kind kind,
			       uint32_t size, bool is_signed)
{
	struct type *t = type_make_new(types, kind);

	t->size = t->align = size;
	t->is_signed = is_signed;
	t->name = intern_string(&types->compile->names, name);
	if (kind != TYPE_ERROR)
		map_set_ptr(&types->named, t->name, t);
	return t;
}

void types_init(struct types *types, struct compile *compile)
{
	*types = (struct types){.compile = compile};
	map_init(&types->named, &compile->session);
	map_init(&types->derived, &compile->session);
#define NAMED_TYPE(member, name, kind, size, is_signed)                                            \
	types->member = make_named(types, name, kind, size, is_signed);
#include "frontend/sema/types.def"
#undef NAMED_TYPE
	map_set_ptr(&types->named, intern_string(&compile->names, "size_t"), types->u64);
	types->null = type_make_pointer(types, types->u8);
}

struct type *type_find_named(const struct types *types, symbol name)
{
	return map_find_ptr(&types->named, name);
}

/* The derived type under `key`; a new one is to be filled by the caller (size and align are 0). */
static struct type *find_or_make(struct types *types, uint64_t key, enum type_kind kind,
				 bool *is_new)
{
	struct type *t = map_find_ptr(&types->derived, key);

	*is_new = !t;
	if (!t) {
		t = type_make_new(types, kind);
		map_set_ptr(&types->derived, key, t);
	}
	return t;
}

struct type *type_make_pointer(struct types *types, struct type *element)
{
	bool is_new;
	struct type *t = find_or_make(types, derived_key(TYPE_POINTER, element->id, 0),
				      TYPE_POINTER, &is_new);

	if (is_new) {
		t->size = t->align = 8;
		t->element = element;
	}
	return t;
}

struct type *type_make_array(struct types *types, struct type *element, uint32_t count)
{
	bool is_new;
	struct type *t = find_or_make(types, derived_key(TYPE_ARRAY, element->id, count),
				      TYPE_ARRAY, &is_new);

	if (is_new) {
		t->size = element->size * count;
		t->align = element->align;
		t->element = element;
		t->count = count;
	}
	return t;
}

struct type *type_make_str(struct types *types, uint32_t size)
{
	bool is_new;
	struct type *t = find_or_make(types, derived_key(TYPE_STR, 0, size), TYPE_STR, &is_new);

	if (is_new) {
		t->size = t->count = size;
		t->align = 1;
	}
	return t;
}

struct type *type_make_func(struct types *types, struct type **params, uint32_t count,
			    struct type *result)
{
	uint32_t tuple = 0;
	bool is_new;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t *place =
			map_insert(&types->derived, derived_key(KEY_TUPLE, params[i]->id, tuple));
		if (!*place)
			*place = ++types->next_id;
		tuple = (uint32_t)*place;
	}
	struct type *t =
		find_or_make(types, derived_key(TYPE_FUNC, result->id, tuple), TYPE_FUNC, &is_new);
	if (is_new) {
		t->size = t->align = 8;
		t->func.params =
			arena_copy(&types->compile->session, params, count * sizeof *params);
		t->func.param_count = count;
		t->func.result = result;
	}
	return t;
}

struct type *type_make_entry(struct types *types, struct decl *map)
{
	bool is_new;
	struct type *t =
		find_or_make(types, derived_key(TYPE_ENTRY, map->type->id, 0), TYPE_ENTRY, &is_new);

	t->entry_of = map;
	return t;
}

struct type *type_entry_value(const struct type *entry)
{
	return entry->entry_of->type->map.value;
}

/* Puts a bit-field at bit `at` or behind it; gives the first bit after it. Its storage unit is that object of
 * its type, aligned as such, in which it lies; only in a packed struct it may lie in two. */
static uint64_t lay_out_bits(struct decl *f, uint64_t at, bool is_packed)
{
	uint64_t unit = (uint64_t)f->type->size * 8, width = f->field.bit_width;

	if (!is_packed && at / unit != (at + width - 1) / unit)
		at = (at + unit - 1) / unit * unit;
	f->field.offset = (uint32_t)(at / unit * f->type->size);
	f->field.bit_offset = (uint32_t)(at % unit);
	if (is_packed && f->field.bit_offset + width > unit) { // the bytes that it touches
		f->field.offset = (uint32_t)(at / 8);
		f->field.bit_offset = (uint32_t)(at % 8);
	}
	return at + width;
}

bool type_lay_out(struct type *record, bool is_packed, uint32_t min_align)
{
	uint64_t offset = 0, bits = 0; // bits: end of the bit-field before, 0 when there is none
	uint32_t align = min_align ? min_align : 1;

	for (uint32_t i = 0; i < record->record.fields.len; i++) {
		struct decl *f = record->record.fields.data[i];
		uint32_t field_align = is_packed || !f->type->align ? 1 : f->type->align;

		if (field_align > align)
			align = field_align;
		if (f->field.bit_width && f->type->size) {
			bits = lay_out_bits(f, bits ? bits : offset * 8, is_packed);
			offset = (bits + 7) / 8;
			continue;
		}
		bits = 0;
		offset = (offset + field_align - 1) & ~(uint64_t)(field_align - 1);
		f->field.offset = (uint32_t)offset;
		offset += f->type->size;
		if (offset > TYPE_MAX_SIZE)
			return false;
	}
	offset = (offset + align - 1) & ~(uint64_t)(align - 1);
	record->size = (uint32_t)offset;
	record->align = align;
	return offset <= TYPE_MAX_SIZE;
}

bool type_has_function(const struct type *t)
{
	while (t->kind == TYPE_ARRAY)
		t = t->element;
	if (t->kind == TYPE_FUNC)
		return true;
	if (t->kind == TYPE_STRUCT)
		for (uint32_t i = 0; i < t->record.fields.len; i++)
			if (type_has_function(t->record.fields.data[i]->type))
				return true;
	return false;
}

struct decl *type_find_field(const struct type *type, symbol name)
{
	for (uint32_t i = 0; i < type->record.fields.len; i++)
		if (type->record.fields.data[i]->name == name)
			return type->record.fields.data[i];
	return NULL;
}

static void write_type(struct types *types, const struct type *t, uint32_t depth, struct buf *out);

static void write_func(struct types *types, const struct type *t, uint32_t depth, struct buf *out)
{
	buf_add_text(out, "fn(");
	for (uint32_t i = 0; i < t->func.param_count; i++) {
		if (i)
			buf_add_text(out, ", ");
		write_type(types, t->func.params[i], depth + 1, out);
	}
	buf_add_text(out, ")");
	if (t->func.result->kind != TYPE_VOID) {
		buf_add_text(out, " -> ");
		write_type(types, t->func.result, depth + 1, out);
	}
}

static void write_map(struct types *types, const struct type *t, uint32_t depth, struct buf *out)
{
	buf_printf(out, "%s<", t->map.kind ? t->map.kind->name : "map");
	if (t->map.key) {
		write_type(types, t->map.key, depth + 1, out);
		buf_add_text(out, ", ");
	}
	write_type(types, t->map.value, depth + 1, out);
	buf_add_text(out, ">");
}

/* Innermost element first, then the counts from the outermost in: u8[2][3] is two u8[3]. */
static void write_array(struct types *types, const struct type *t, uint32_t depth, struct buf *out)
{
	const struct type *element = t;

	while (element->kind == TYPE_ARRAY)
		element = element->element;
	if (element->kind == TYPE_POINTER) { // `*T[n]` would be a pointer to an array
		buf_add_char(out, '[');
		write_type(types, t->element, depth + 1, out);
		buf_printf(out, "; %u]", t->count);
		return;
	}
	write_type(types, element, depth + 1, out);
	for (; t->kind == TYPE_ARRAY; t = t->element)
		buf_printf(out, "[%u]", t->count);
}

static void write_type(struct types *types, const struct type *t, uint32_t depth, struct buf *out)
{
	if (depth > TEXT_MAX_DEPTH) {
		buf_add_text(out, "…");
		return;
	}
	switch (t->kind) {
	case TYPE_POINTER:
		buf_add_char(out, '*');
		write_type(types, t->element, depth + 1, out);
		break;
	case TYPE_ARRAY:
		write_array(types, t, depth, out);
		break;
	case TYPE_STR:
		buf_printf(out, "str(%u)", t->count);
		break;
	case TYPE_FUNC:
		write_func(types, t, depth, out);
		break;
	case TYPE_MAP:
		write_map(types, t, depth, out);
		break;
	case TYPE_ENTRY:
		write_type(types, type_entry_value(t), depth + 1, out);
		break;
	case TYPE_ERROR:
	case TYPE_VOID:
	case TYPE_BOOL:
	case TYPE_CHAR:
	case TYPE_INT:
	case TYPE_BE:
	case TYPE_ENUM:
	case TYPE_STRUCT:
	case TYPE_UNION:
	case TYPE_PROGRAM_REF:
	case TYPE_PROGRAM_HANDLE:
	case TYPE_PERF_ATTACHMENT:
		buf_add_text(out, t->name ? intern_text(&types->compile->names, t->name)
					  : "anonymous type");
		break;
	}
}

const char *type_text(struct types *types, const struct type *type)
{
	struct buf out;

	buf_init(&out);
	write_type(types, type, 0, &out);
	const char *text =
		arena_copy_string(&types->compile->session, out.data ? out.data : "", out.len);
	buf_fini(&out);
	return text;
}
