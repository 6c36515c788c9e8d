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

struct btf_builder;

struct btf_builder *btf_builder_new(struct arena *arena);
/* Offset of a string; equal strings share one. */
uint32_t btf_add_string(struct btf_builder *b, const char *text);
/* Each gives a type id; 0 is void. Names may be "" where BTF allows it. */
uint32_t btf_add_int(struct btf_builder *b, const char *name, uint32_t size, uint32_t encoding);
uint32_t btf_add_pointer(struct btf_builder *b, uint32_t target);
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
uint32_t btf_add_var(struct btf_builder *b, const char *name, uint32_t type, uint32_t linkage);
uint32_t btf_add_datasec(struct btf_builder *b, const char *name, uint32_t size);
void btf_add_secinfo(struct btf_builder *b, uint32_t var, uint32_t offset,
		     uint32_t size); // of the datasec added last
/* A type whose target is not known yet, for recursive structs: set it later. */
void btf_set_target(struct btf_builder *b, uint32_t pointer, uint32_t target);
/* Appends the .BTF section. */
void btf_write(const struct btf_builder *b, struct buf *out);

#endif
