/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions of positions and URIs. Bytes that are not UTF-8 count one unit each. */
#include "frontend/lsp/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the character at `text`, and the UTF-16 units that it takes. */
static unsigned step(const char *text, size_t left, uint32_t *units)
{
	unsigned n = utf8_length(text, left);

	*units = n == 4 ? 2 : 1;
	return n ? n : 1;
}

size_t text_offset(const char *text, size_t len, struct text_pos pos)
{
	size_t at = 0;
	uint32_t units, column = 0;

	for (uint32_t line = 0; line < pos.line; line++) {
		const char *newline = len > at ? memchr(text + at, '\n', len - at) : NULL;
		if (!newline)
			return len;
		at = (size_t)(newline - text) + 1;
	}
	while (at < len && text[at] != '\n' && text[at] != '\r' && column < pos.character) {
		unsigned n = step(text + at, len - at, &units);
		at += n;
		column += units;
	}
	return at;
}

struct text_pos text_position(const struct source_map *sources, uint32_t offset)
{
	struct source_pos p = source_locate(sources, offset);
	uint32_t len, units, character = 0;

	if (!p.file)
		return (struct text_pos){0, 0};
	const char *line = source_line(p.file, p.line, &len);
	for (uint32_t at = 0; at < p.column - 1 && at < len; character += units)
		at += step(line + at, len - at, &units);
	return (struct text_pos){p.line - 1, character};
}

struct text_pos text_read_position(const struct json *position)
{
	return (struct text_pos){json_u32(json_get(position, "line")),
				 json_u32(json_get(position, "character"))};
}

void text_put_range(struct buf *out, const struct source_map *sources, span where)
{
	struct text_pos a = text_position(sources, where.begin);
	struct text_pos b = text_position(sources, where.end);

	buf_printf(out,
		   "{\"start\":{\"line\":%u,\"character\":%u},\"end\":{\"line\":%u,"
		   "\"character\":%u}}",
		   a.line, a.character, b.line, b.character);
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

char *text_path_of_uri(struct arena *arena, const char *uri)
{
	static const char scheme[] = "file://";
	size_t len = strlen(uri);
	char *path = arena_alloc(arena, len + 1), *out = path;

	if (!strncmp(uri, scheme, sizeof scheme - 1))
		uri += sizeof scheme - 1;
	for (; *uri; uri++) {
		int high = *uri == '%' ? hex_digit(uri[1]) : -1;
		int low = high >= 0 ? hex_digit(uri[2]) : -1;
		if (low >= 0 && (high || low)) {
			*out++ = (char)(high << 4 | low);
			uri += 2;
		} else {
			*out++ = *uri;
		}
	}
	*out = 0;
	return path;
}

void text_put_uri(struct buf *out, const char *path)
{
	buf_add_text(out, "\"file://");
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		if (isalnum(c) || strchr("/-_.~", c))
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
	buf_add_char(out, '"');
}
