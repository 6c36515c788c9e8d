/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places as the protocol writes them, lines from 0 and columns in UTF-16 units, and as the compiler
 * does, offsets in bytes; file URIs.
 */
#ifndef KS_LSP_TEXT_H
#define KS_LSP_TEXT_H

#include "frontend/base/source.h"
#include "frontend/lsp/json.h"

struct text_pos {
	uint32_t line, character;
};

/* Byte offset of a position, moved to the nearest place that exists. */
size_t text_offset(const char *text, size_t len, struct text_pos pos);
/* Position of an offset of the session's offset space. */
struct text_pos text_position(const struct source_map *sources, uint32_t offset);
/* Reads {"line": …, "character": …}. */
struct text_pos text_read_position(const struct json *position);
/* Writes a range. */
void text_put_range(struct buf *out, const struct source_map *sources, span where);

/* Path of a file: URI, anything else as it is. */
char *text_path_of_uri(struct arena *arena, const char *uri);
void text_put_uri(struct buf *out, const char *path);

#endif
