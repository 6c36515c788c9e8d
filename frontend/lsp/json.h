/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: text to a tree in an arena, and strings out. The reader takes any bytes: it gives NULL for what
 * is not JSON and for nesting deeper than JSON_MAX_DEPTH. Queries take NULL and values of the wrong
 * kind, so that a message is read without a test at every step.
 */
#ifndef KS_LSP_JSON_H
#define KS_LSP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/base/arena.h"
#include "frontend/base/buf.h"

enum { JSON_MAX_DEPTH = 64 };

enum json_kind {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	enum json_kind kind;
	double number;    // bool: 0 or 1
	const char *text; // string: UTF-8, NUL-terminated, may contain NULs
	size_t len;
	struct json *items; // first member of an array or object
	struct json *next;  // next member of the same
	const char *key;    // of a member of an object
};

/* The value that `text` holds, or NULL. */
struct json *json_parse(struct arena *arena, const char *text, size_t len);
/* Member of an object; NULL when there is none. */
const struct json *json_get(const struct json *object, const char *key);
/* Text of a string, or NULL. */
const char *json_text(const struct json *value);
/* A number cut to 0..UINT32_MAX; 0 for anything else. */
uint32_t json_u32(const struct json *value);

/* Appends a string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void json_put_text(struct buf *out, const char *text, size_t len);
void json_put_string(struct buf *out, const char *text);
/* Appends a value that was read, for ids: a number, a string or null. */
void json_put_id(struct buf *out, const struct json *value);

/* Length of the UTF-8 sequence at `text`, of which `left` bytes exist; 0 when it is none. */
unsigned utf8_length(const char *text, size_t left);

#endif
