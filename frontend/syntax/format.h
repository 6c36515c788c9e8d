/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical layout of source text. Only white space changes, commas at the ends of lists, and
 * semicolons that a line end replaces; every comment stays. Laying out the result again gives the
 * same text.
 */
#ifndef KS_SYNTAX_FORMAT_H
#define KS_SYNTAX_FORMAT_H

#include "frontend/base/buf.h"
#include "frontend/base/compile.h"
#include "frontend/syntax/ast.h"

/* Longest line, in characters, that the layout aims at, and one step of indentation. */
enum { FORMAT_WIDTH = 100, FORMAT_INDENT = 4 };

/* Lays out a file that was parsed without a mistake. */
void format_module(struct compile *compile, const struct module *module, struct buf *out);
/* Whether a layout of a module parses to the same tree and has the same comments. Mistakes in it are
 * reported as in any text. */
bool format_keeps_program(struct compile *compile, const struct module *module,
			  const struct buf *layout);
/* Whether two texts hold the same comments in the same order, white space aside. */
bool format_same_comments(const char *a, const char *b);

#endif
