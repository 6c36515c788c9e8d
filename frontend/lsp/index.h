/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands where in a checked tree: every name with the declaration that it means, and every local
 * name with the text in which it can be seen. Made by one walk over all files of a program.
 */
#ifndef KS_LSP_INDEX_H
#define KS_LSP_INDEX_H

#include "frontend/base/map.h"
#include "frontend/sema/sema.h"

struct index_ref {
	span where;         // of the name
	struct decl *decl;  // NULL when it is not known
	struct type *type;  // of the value there; NULL when it has none
	bool is_definition; // the name in its declaration
};

struct index_local {
	struct decl *decl;
	span scope;
};

struct index {
	struct arena *arena;
	struct compile *compile;
	VEC(struct index_ref) refs;
	VEC(struct index_local) locals;
	expr_list accesses; // every EXPR_FIELD
	decl_list tops;     // named top-level declarations of all files
	struct map top;     // symbol to the first of them, enum constants included
	struct map parent;  // field or constant to the struct, config or enum that holds it
	span scope;         // of the block being walked
};

void index_build(struct index *index, struct compile *compile, const struct program *program);
/* The name at an offset or ending there; NULL when there is none. */
const struct index_ref *index_at(const struct index *index, uint32_t offset);
/* A declaration of the same thing that stands in a file: of what the checker made itself, what a header
 * says about it. NULL when there is none. */
struct decl *index_written(const struct index *index, struct decl *decl);

#endif
