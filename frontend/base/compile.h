/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one compile, made by the driver (or the language server, one per buffer) and passed
 * down to every stage. There is no file-scope state anywhere: two compiles in one process do not
 * meet.
 */
#ifndef KS_BASE_COMPILE_H
#define KS_BASE_COMPILE_H

#include "frontend/base/arena.h"
#include "frontend/base/diag.h"
#include "frontend/base/intern.h"
#include "frontend/base/source.h"

struct compile {
	struct arena session; // names, source text, types, diagnostics
	struct arena module;  // AST and IR
	struct arena scratch; // reset by whoever is using it; never holds a result
	struct intern names;
	struct source_map sources;
	struct diags diags;
};

/* Folders and headers in which an include is searched, in order: folder of the including file,
 * `folders`, then the headers that are built into `ks`. */
struct include_paths {
	const char *const *folders;
	uint32_t folder_count;
};

void compile_init(struct compile *compile);
void compile_fini(struct compile *compile);

#endif
