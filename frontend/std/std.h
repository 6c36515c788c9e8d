/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers that ship inside `ks`, embedded by embed.cmake from the .kh files of this folder. The
 * driver hands them to the parser, and the text of "prelude.kh" to the checker.
 */
#ifndef KS_STD_STD_H
#define KS_STD_STD_H

#include "frontend/syntax/parse.h"

/* Sorted by name. */
extern const struct shipped_header ks_shipped_headers[];
extern const uint32_t ks_shipped_header_count;

/* Text of a shipped header by file name, NULL when there is none of that name. */
const char *ks_find_shipped_text(const char *name);

#endif
