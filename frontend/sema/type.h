/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types. Each distinct type exists once per compile, so equality is pointer equality; structs and
 * enums are distinct per declaration. An alias is its target.
 */
#ifndef KS_SEMA_TYPE_H
#define KS_SEMA_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/compile.h"
#include "frontend/base/map.h"
#include "frontend/syntax/ast.h"

enum type_kind {
	TYPE_ERROR, // after a diagnostic; compatible with everything
	TYPE_VOID,
	TYPE_BOOL,
	TYPE_CHAR, // unsigned 8-bit code unit
	TYPE_INT,
	TYPE_BE, // be16, be32, be64
	TYPE_ENUM,
	TYPE_STRUCT,
	TYPE_UNION, // only from kernel BTF
	TYPE_ARRAY,
	TYPE_STR,
	TYPE_POINTER,
	TYPE_FUNC,
	TYPE_MAP,
	TYPE_ENTRY, // m[k]: an entry of the map `map`
	TYPE_PROGRAM_REF,
	TYPE_PROGRAM_HANDLE,
	TYPE_PERF_ATTACHMENT,
};

struct map_kind; // a row of the map table, frontend/sema/target_info.h

struct type {
	enum type_kind kind;
	uint32_t size, align; // bytes; 0 for void, functions, maps and incomplete types
	bool is_signed;       // integers and enums
	symbol name;          // of struct, enum; 0 for anonymous and derived types
	struct decl *decl;    // DECL_STRUCT, DECL_ENUM; NULL for derived types
	uint32_t id;          // small dense number, for keys and side arrays
	union {
		struct type *element; // pointer, array; BTF pointers included
		struct type *base;    // enum: its integer type
		struct {
			decl_list fields; // DECL_FIELD, in order of offset
			bool is_ctx;      // program context: fields are rows of the context table
			bool is_special;  // kept by the kernel (special.def)
			bool has_special; // some field is, at any depth
			bool is_kernel; // the layout is the running kernel's: reads relocate (CO-RE)
			bool is_object; // besides: an object that other contexts have a pointer to
		} record;
		struct {
			struct type **params;
			uint32_t param_count;
			struct type *result;
		} func;
		struct {
			const struct map_kind *kind;
			struct type *key, *value;
			uint32_t max_entries;
		} map;
		struct decl *entry_of; // DECL_MAP
	};
	uint32_t count; // array elements; str: bytes of storage
};

struct types {
	struct compile *compile;
	struct type *error, *void_, *bool_, *char_, *null; // null: `*u8` given to the literal
	struct type *u8, *u16, *u32, *u64, *i8, *i16, *i32, *i64, *be16, *be32, *be64;
	struct type *program_ref, *program_handle, *perf_attachment;
	struct map named;   // symbol to type: rows of types.def and `size_t`
	struct map derived; // (kind, element, count) to type
	uint32_t next_id;
};

/* Largest object, in bytes, that a program may declare. */
#define TYPE_MAX_SIZE (1u << 28)

void types_init(struct types *types, struct compile *compile);
struct type *type_make_pointer(struct types *types, struct type *element);
/* `element` must be complete and count * size at most TYPE_MAX_SIZE. */
struct type *type_make_array(struct types *types, struct type *element, uint32_t count);
struct type *type_make_str(struct types *types, uint32_t size);
struct type *type_make_func(struct types *types, struct type **params, uint32_t count,
			    struct type *result);
struct type *type_make_entry(struct types *types, struct decl *map);
/* A new struct, enum or map type; the caller fills it. */
struct type *type_make_new(struct types *types, enum type_kind kind);
/* Type with a name of its own (u32, ProgramHandle, …), or NULL. */
struct type *type_find_named(const struct types *types, symbol name);

/* Gives the fields of a struct their offsets and the struct its size and alignment, as the C ABI
 * does. Field types must be complete. `min_align` is 0 or a power of two (@align). False when the
 * struct would be larger than TYPE_MAX_SIZE. */
bool type_lay_out(struct type *record, bool is_packed, uint32_t min_align);

/* As the author writes it, in the session arena. */
const char *type_text(struct types *types, const struct type *type);
/* Field by name; NULL when there is none. */
struct decl *type_find_field(const struct type *type, symbol name);
/* Whether an object of the type holds a function value. */
bool type_has_function(const struct type *type);
/* Value type of an entry. */
struct type *type_entry_value(const struct type *entry);

/* Holds something that the kernel keeps: no bytes of that are read or written. */
static inline bool type_has_special(const struct type *t)
{
	return t->kind == TYPE_STRUCT && (t->record.is_special || t->record.has_special);
}

static inline bool type_is_integer(const struct type *t) // arithmetic is defined on it
{
	return t->kind == TYPE_INT || t->kind == TYPE_CHAR || t->kind == TYPE_ENUM;
}

static inline bool type_is_scalar(const struct type *t) // fits a register
{
	return type_is_integer(t) || t->kind == TYPE_BOOL || t->kind == TYPE_BE ||
	       t->kind == TYPE_POINTER || t->kind == TYPE_PROGRAM_HANDLE ||
	       t->kind == TYPE_PERF_ATTACHMENT || t->kind == TYPE_PROGRAM_REF ||
	       t->kind == TYPE_FUNC;
}

static inline bool type_holds_null(const struct type *t) // null is one of its values
{
	return t->kind == TYPE_POINTER || t->kind == TYPE_PROGRAM_HANDLE ||
	       t->kind == TYPE_PERF_ATTACHMENT;
}

/* To a struct whose fields are rows of the context table: a program context or an object like bpf_sock. */
static inline bool type_has_rows(const struct type *t)
{
	return t->kind == TYPE_POINTER && t->element->kind == TYPE_STRUCT &&
	       t->element->record.is_ctx;
}

static inline bool type_is_ctx_pointer(const struct type *t) // to a program context; never null
{
	return type_has_rows(t) && !t->element->record.is_object;
}

static inline bool type_is_kernel(const struct type *t) // its layout is the running kernel's
{
	return (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION) && t->record.is_kernel;
}

static inline bool type_is_aggregate(const struct type *t)
{
	return t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_ARRAY ||
	       t->kind == TYPE_STR;
}

#endif
