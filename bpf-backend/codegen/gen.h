/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of bpf_gen.c and btf_types.c: the BTF of an object. */
#ifndef KS_CODEGEN_GEN_H
#define KS_CODEGEN_GEN_H

#include "bpf-backend/codegen/bpf_gen.h"
#include "frontend/ir/ir.h"

struct btf_section_entry {
	uint32_t var, offset, size;
};

struct btf_types {
	struct ir_module *module;
	struct btf_builder *builder;
	struct arena *arena;
	uint32_t *id_of; // BTF id + 1 of each debug type, 0 not made yet
	VEC(struct btf_section_entry) ops;
	VEC(uint32_t) externs;  // FUNCs of the kernel
	VEC(uint32_t) pointers; // debug types whose pointer has no target yet
};

void btf_types_init(struct btf_types *types, struct ir_module *m, struct arena *arena);
/* BTF id of a debug type. */
uint32_t btf_types_get(struct btf_types *types, uint32_t dtype);
/* FUNC of a function. */
uint32_t btf_types_add_func(struct btf_types *types, const struct ir_fn *fn);
/* FUNC of a function of the kernel. */
uint32_t btf_types_add_extern(struct btf_types *types, const struct ir_extern *e);
/* The variable of a struct_ops at that place of its section. */
void btf_types_add_ops(struct btf_types *types, const struct ir_ops *ops, uint32_t offset);
uint32_t btf_types_add_map(struct btf_types *types, const struct ir_map *map);
/* A kernel fact with its names turned into places among the members. */
struct bpf_core btf_types_add_core(struct btf_types *types, const struct ir_core *core);
/* DATASECs of globals and maps. Last call. */
void btf_types_finish(struct btf_types *types, const struct bpf_object *object);

/* Reports programs whose calls need more stack than there is; `where` is by function. call_depth.c */
bool bpf_check_call_depth(struct compile *compile, const struct bpf_object *object,
			  const span *where, struct arena *arena);

#endif
