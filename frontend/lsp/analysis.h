/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text of one file, parsed and checked with all that it includes. When a file was opened or saved, and
 * has no mistakes, it also goes through the back end for eBPF, which gives the diagnostics of `ks check`
 * about packets, loops and the stack; that can take longer than a keystroke may.
 */
#ifndef KS_LSP_ANALYSIS_H
#define KS_LSP_ANALYSIS_H

#include "frontend/lsp/index.h"
#include "frontend/lsp/lsp.h"

struct analysis {
	struct compile compile;
	struct target_info target;
	struct program program;
	struct checked_program checked;
	struct source_file *file; // of the text; NULL when it is too large
	struct module *module;
	struct module *prelude; // parsed, not checked
	struct index index;
};

/* How far to go: to what the checker knows, or through the back end. */
enum analysis_depth { ANALYSIS_NAMES, ANALYSIS_ALL };

/* Heap memory, for analysis_free(). */
struct analysis *analysis_make(const struct lsp_options *options, const char *path,
			       const char *text, size_t len, enum analysis_depth depth);
void analysis_free(struct analysis *a);

/* File in which an offset lies; NULL for nowhere. */
const struct source_file *analysis_file_at(const struct analysis *a, uint32_t offset);
/* Whether the file is one of those that ship inside ks. */
bool analysis_is_shipped(const struct source_file *file);

#endif
