/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source files and positions. All files of a session share one 32-bit offset space, so a position
 * is one integer and a span two; source_locate() turns an offset into file, line and column. Offset
 * 0 belongs to no file and means "no position".
 */
#ifndef KS_BASE_SOURCE_H
#define KS_BASE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/arena.h"
#include "frontend/base/vec.h"

/* Half-open range of byte offsets in the session's offset space. {0, 0} is "nowhere". */
typedef struct {
	uint32_t begin, end;
} span;

struct source_file {
	const char *path; // as the user wrote it or as it was found
	const char *text; // len bytes and a NUL
	uint32_t len;
	uint32_t base;   // offset of its first byte in the offset space
	uint32_t *lines; // offsets within the file at which lines begin; made on first use
	uint32_t line_count;
};

struct source_map {
	struct arena *arena;
	VEC(struct source_file *) files; // in order of base
	uint32_t end;                    // first unused offset
};

struct source_pos {
	const struct source_file *file; // NULL for "nowhere"
	uint32_t line, column;          // from 1; the column counts bytes
};

enum source_error {
	SOURCE_OK,
	SOURCE_NOT_READABLE, // errno says why
	SOURCE_IS_DIRECTORY,
	SOURCE_TOO_LARGE, // would not fit the offset space (SOURCE_MAX_BYTES)
};

/* Limit of one file and of all files of a session together. */
#define SOURCE_MAX_BYTES (1u << 30)

void source_init(struct source_map *map, struct arena *arena);
/* Reads a file ("-" is standard input). On success *out is owned by the map. */
enum source_error source_read(struct source_map *map, const char *path, struct source_file **out);
/* Adds a buffer as a file; copies the text. NULL when the session is full. */
struct source_file *source_add(struct source_map *map, const char *path, const char *text,
			       uint32_t len);
/* Where an offset lies. An offset one past a file's end belongs to that file. */
struct source_pos source_locate(const struct source_map *map, uint32_t offset);
/* Text of line `line` (from 1), without its newline; *len receives its length. */
const char *source_line(const struct source_file *file, uint32_t line, uint32_t *len);

static inline span span_join(span a, span b)
{
	if (!a.end)
		return b;
	if (!b.end)
		return a;
	return (span){a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

#endif
