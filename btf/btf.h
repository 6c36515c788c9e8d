/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTF, the kernel's type format. Writing: a builder collects types and strings, equal types are
 * shared, and btf_write() gives the section. Reading: btf_open() checks a section's bounds once and
 * answers queries without copying. Format: Documentation/bpf/btf.rst and include/uapi/linux/btf.h,
 * Linux 6.12.
 */
#ifndef KS_BTF_BTF_H
#define KS_BTF_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/base/arena.h"
#include "frontend/base/buf.h"
#include "frontend/base/map.h"
#include "frontend/base/vec.h"

enum btf_kind {
#define BTF_KIND(id, number, name, ...) id = number,
#include "btf/kinds.def"
#undef BTF_KIND
};

enum btf_int_encoding {
	BTF_INT_IS_SIGNED = 1,
	BTF_INT_IS_CHAR = 2,
	BTF_INT_IS_BOOL = 4,
};

enum btf_linkage { // of functions and variables
	BTF_LINKAGE_STATIC,
	BTF_LINKAGE_GLOBAL,
	BTF_LINKAGE_EXTERN,
};

/* ---- writing ---- */

struct btf_builder;

struct btf_builder *btf_builder_new(struct arena *arena);
/* Offset of a string; equal strings share one. */
uint32_t btf_add_string(struct btf_builder *b, const char *text);
/* Each gives a type id; 0 is void. Names may be "" where BTF allows it. Integers, arrays and pointers
 * (but those to void, which may get another target later) that are equal share one id. */
uint32_t btf_add_int(struct btf_builder *b, const char *name, uint32_t size, uint32_t encoding);
uint32_t btf_add_pointer(struct btf_builder *b, uint32_t target);
/* `tag` on a type, as the kernel wants it behind a pointer. */
uint32_t btf_add_type_tag(struct btf_builder *b, const char *tag, uint32_t target);
uint32_t btf_add_array(struct btf_builder *b, uint32_t element, uint32_t index_type,
		       uint32_t count);
uint32_t btf_add_struct(struct btf_builder *b, const char *name, uint32_t size, bool is_union);
void btf_add_member(struct btf_builder *b, const char *name, uint32_t type, uint32_t bit_offset,
		    uint32_t bit_size); // of the struct added last
uint32_t btf_add_enum(struct btf_builder *b, const char *name, uint32_t size,
		      bool is_signed); // enum64 when size is 8
void btf_add_enumerator(struct btf_builder *b, const char *name,
			uint64_t value); // of the enum added last
uint32_t btf_add_func_proto(struct btf_builder *b, uint32_t result);
void btf_add_param(struct btf_builder *b, const char *name,
		   uint32_t type); // of the prototype added last
uint32_t btf_add_func(struct btf_builder *b, const char *name, uint32_t proto, uint32_t linkage);
void btf_set_linkage(struct btf_builder *b, uint32_t func, uint32_t linkage);
uint32_t btf_add_var(struct btf_builder *b, const char *name, uint32_t type, uint32_t linkage);
uint32_t btf_add_datasec(struct btf_builder *b, const char *name, uint32_t size);
void btf_add_secinfo(struct btf_builder *b, uint32_t var, uint32_t offset,
		     uint32_t size); // of the datasec added last
/* A type whose target is not known yet, for recursive structs: set it later. */
void btf_set_target(struct btf_builder *b, uint32_t pointer, uint32_t target);
/* Appends the .BTF section. */
void btf_write(const struct btf_builder *b, struct buf *out);

/* Definition of a map as libbpf reads it from the section .maps: a variable of a struct whose
 * pointer members carry numbers as array lengths. */
struct btf_map {
	const char *name;
	uint32_t type;       // enum bpf_map_type
	uint32_t key, value; // type ids
	uint32_t max_entries, flags, numa_node;
	bool is_pinned; // libbpf's pinning by name
	/* Of a map of maps; type 0 elsewhere. */
	struct {
		uint32_t type, key_size, value_size, max_entries, flags;
	} inner;
};
/* Every map takes this many bytes of .maps, in order of addition; also the rule of the object
 * writer. */
enum { BTF_MAP_STRIDE = 64 };
/* Id of the map's variable. */
uint32_t btf_add_map(struct btf_builder *b, const struct btf_map *map);
/* Adds the DATASEC ".maps" over the maps added so far; nothing when there are none. */
void btf_add_map_section(struct btf_builder *b);

/* ---- reading ---- */

/* The types of one section: the kernel's own, or those that a module adds to them. In a module's section
 * the ids and string offsets go on where the kernel's end. */
struct btf_segment {
	const uint8_t *types;
	const uint32_t *offsets; // in types, by id - first
	const char *strings;     // its last byte is NUL
	uint32_t string_bytes;
	uint32_t first, count;          // ids of its types
	uint32_t base_count, shift;     // an id above base_count in it stands for that id + shift
	const struct btf_segment *base; // NULL: the kernel's own
};

/* A checked section, perhaps with sections of modules. Types refer to it; the caller keeps the bytes. */
struct btf {
	struct btf_segment kernel;
	struct btf_segment *modules; // in order of first
	uint32_t module_count;
	uint32_t type_count; // of all, without void
};

/* One type, header decoded. */
struct btf_type {
	enum btf_kind kind;
	const char *name;    // never NULL
	uint32_t size;       // bytes; 0 for kinds without
	uint32_t type;       // id of the type it refers to; 0 for kinds without
	uint32_t count;      // items
	bool flag;           // kind_flag: struct with bit-fields, signed enum, forward of a union
	uint32_t linkage;    // functions and variables
	const uint8_t *data; // what follows the header
	const struct btf_segment *in;
};

/* Member, enumerator, parameter or section entry; fields that the kind lacks are 0. */
struct btf_item {
	const char *name;
	uint32_t type;
	uint32_t bit_offset, bit_size; // of members; bit_size 0 unless a bit-field
	uint32_t offset, size;         // section entries, bytes
	uint64_t value;                // enumerators, sign-extended when the enum is signed
};

/* Checks a .BTF section: header, every type's extent, every type id and string offset. 0, or
 * -EINVAL and *why (static text). The index comes from `arena`. */
int btf_open(struct btf *btf, const void *data, size_t len, struct arena *arena, const char **why);
/* The same without looking at each type: extents only. A type is to be checked with btf_check_type()
 * before the functions below see it; what it refers to, and so on, likewise. btf_find*() need no check. */
int btf_open_lazily(struct btf *btf, const void *data, size_t len, struct arena *arena,
		    const char **why);
/* Adds the section of a module, which goes on from the kernel's. 0, or -EINVAL and *why. */
int btf_add_module(struct btf *btf, const void *data, size_t len, struct arena *arena,
		   const char **why);
/* True for a section that is one of a module: its strings do not begin with the empty one. */
bool btf_is_module(const void *data, size_t len);
/* 0 when the type exists and its names and the ids in it do. */
int btf_check_type(const struct btf *btf, uint32_t id, const char **why);
/* True for what begins as a big-endian section of BTF or .BTF.ext does. */
bool btf_is_big_endian(const void *data, size_t len);
/* The section .BTF, or .BTF.ext, in little-endian order, which is what the functions here read: a copy from
 * `arena` of one that is big-endian, else the bytes themselves. */
const void *btf_turn_section(const void *data, size_t len, struct arena *arena);
const void *btf_turn_ext(const void *data, size_t len, struct arena *arena);
/* The BTF in a file: all of it, or the section .BTF of a 64-bit ELF file, in the file's byte order. False when there
 * is none. */
bool btf_find_section(const void *file, size_t len, const void **data, size_t *data_len);
/* id from 1 to type_count. */
struct btf_type btf_get_type(const struct btf *btf, uint32_t id);
/* Item `index` below type->count of a struct, union, enum, prototype or section. */
struct btf_item btf_get_item(const struct btf *btf, const struct btf_type *type, uint32_t index);
/* Bits of enum btf_int_encoding of an integer. */
uint32_t btf_int_encoding(const struct btf_type *type);
/* Element type, index type and count of an array. */
void btf_get_array(const struct btf_type *type, uint32_t *element, uint32_t *index_type,
		   uint32_t *count);
/* Kind of the type with that id, from 1 to type_count. */
uint32_t btf_kind_of(const struct btf *btf, uint32_t id);
/* Name of the type with that id, "" when it has none; needs no check. */
const char *btf_name_of(const struct btf *btf, uint32_t id);
/* Calls `take` with the name of every constant of every enum; needs no check. */
void btf_each_enumerator(const struct btf *btf, void (*take)(void *data, const char *name),
			 void *data);
/* First type of that kind and name; 0 when there is none. */
uint32_t btf_find(const struct btf *btf, enum btf_kind kind, const char *name);
/* First type after id `after` with that name and a kind in the set (bit 1 << kind); 0: none. */
uint32_t btf_find_next(const struct btf *btf, uint32_t kinds_wanted, const char *name,
		       uint32_t after);
/* First enum that has a constant of that name; 0 when there is none. */
uint32_t btf_find_enumerator(const struct btf *btf, const char *name);
/* Text at an offset of the string table; NULL when out of bounds. */
const char *btf_find_string(const struct btf *btf, uint32_t offset);
/* "struct", "int" …; NULL for a number that is no kind. */
const char *btf_kind_name(uint32_t kind);
/* How many bytes a kind's record has after its header: *fixed + count * *each. False for a number
 * that is no kind. */
bool btf_kind_extent(uint32_t kind, uint32_t *fixed, uint32_t *each);

#endif
