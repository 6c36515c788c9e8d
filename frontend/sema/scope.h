/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in view. A struct scope holds the top-level names of a program (or of the prelude, its
 * parent); struct locals the names of the function being checked, with blocks that open and close.
 */
#ifndef KS_SEMA_SCOPE_H
#define KS_SEMA_SCOPE_H

#include "frontend/base/compile.h"
#include "frontend/base/map.h"
#include "frontend/syntax/ast.h"

struct scope {
	struct scope *parent; // NULL for the outermost
	struct map names;     // symbol to declaration
	decl_list decls;      // in order of declaration, for suggestions
	struct arena *arena;
};

void scope_init(struct scope *scope, struct scope *parent, struct arena *arena);
/* Declaration of `name` here or in a parent, NULL when there is none. */
struct decl *scope_find(const struct scope *scope, symbol name);
struct decl *scope_find_here(const struct scope *scope, symbol name);
/* Puts a name in; an older declaration of it in this scope is replaced. */
void scope_add(struct scope *scope, symbol name, struct decl *decl);

struct local_name {
	struct decl *decl;
	uint32_t hidden; // stack index + 1 of the local of the same name further out, 0 when none
};

struct locals {
	struct map names;             // symbol to stack index + 1 of the innermost one, 0 when gone
	VEC(struct local_name) stack; // in order of declaration
	uint32_t block_begin;         // stack index at which the innermost block begins
	struct arena *arena;
};

void locals_init(struct locals *locals, struct arena *arena);
/* Opens a block; the result is to be handed to locals_close(). */
uint32_t locals_open(struct locals *locals);
/* Closes the innermost block and forgets its names. */
void locals_close(struct locals *locals, uint32_t mark);
struct decl *locals_find(const struct locals *locals, symbol name);
/* True when the innermost block declares `name` itself. */
bool locals_has_here(const struct locals *locals, symbol name);
void locals_add(struct locals *locals, struct decl *decl);

/* Number of edits (insert, delete, change, swap of neighbours) between two names, or UINT32_MAX when
 * there are more than `limit`. */
uint32_t edit_distance(const char *a, const char *b, uint32_t limit);

/* Collects the name nearest to one that was not found. */
struct suggestion {
	const char *wanted;
	const char *best; // NULL when nothing is near
	uint32_t distance;
};
struct suggestion suggestion_begin(const char *wanted);
void suggestion_offer(struct suggestion *s, const char *name);

#endif
