/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive descent with a depth limit; strings are decoded to UTF-8. */
#include "frontend/lsp/json.h"

#include <stdlib.h>
#include <string.h>

struct reader {
	struct arena *arena;
	const char *at, *end;
	int depth;
};

static struct json *read_value(struct reader *r);

static void skip_space(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
		r->at++;
}

static bool accept(struct reader *r, char c)
{
	skip_space(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool accept_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return false;
	r->at += len;
	return true;
}

/* Four hex digits; UINT32_MAX when they are none. */
static uint32_t read_hex4(struct reader *r)
{
	uint32_t value = 0;

	if (r->end - r->at < 4)
		return UINT32_MAX;
	for (int i = 0; i < 4; i++) {
		char c = *r->at++;
		uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
							: 16;
		if (digit == 16)
			return UINT32_MAX;
		value = value << 4 | digit;
	}
	return value;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 63));
		*out++ = (char)(0x80 | (c & 63));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 63));
		*out++ = (char)(0x80 | (c >> 6 & 63));
		*out++ = (char)(0x80 | (c & 63));
	}
	return out;
}

/* What follows `\u`: one unit, or a pair of surrogates; a lone surrogate becomes U+FFFD. */
static bool read_unicode(struct reader *r, uint32_t *c)
{
	uint32_t low;

	*c = read_hex4(r);
	if (*c == UINT32_MAX)
		return false;
	if (*c < 0xd800 || *c > 0xdfff)
		return true;
	const char *after = r->at;
	if (*c < 0xdc00 && accept_word(r, "\\u") && (low = read_hex4(r)) >= 0xdc00 &&
	    low <= 0xdfff) {
		*c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
		return true;
	}
	r->at = after;
	*c = 0xfffd;
	return true;
}

static bool read_escape(struct reader *r, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t c;

	if (r->at == r->end)
		return false;
	char letter = *r->at++;
	if (letter == 'u') {
		if (!read_unicode(r, &c))
			return false;
		*out = put_utf8(*out, c);
		return true;
	}
	const char *place = letter ? strchr(from, letter) : NULL;
	if (place)
		*(*out)++ = to[place - from];
	return place != NULL;
}

/* A string after its opening quote. Decoding never makes it longer. */
static bool read_string(struct reader *r, const char **text, size_t *len)
{
	const char *close = r->at;

	while (close < r->end && *close != '"')
		close += *close == '\\' ? 2 : 1;
	if (close >= r->end)
		return false;
	char *begin = arena_alloc(r->arena, (size_t)(close - r->at) + 1), *out = begin;
	while (r->at < close) {
		char c = *r->at++;
		if (c != '\\')
			*out++ = c;
		else if (!read_escape(r, &out))
			return false;
	}
	if (r->at != close)
		return false;
	r->at++;
	*out = 0;
	*text = begin;
	*len = (size_t)(out - begin);
	return true;
}

static bool read_number(struct reader *r, struct json *v)
{
	char digits[64], *end;
	size_t len = 0;

	while (r->at < r->end && len < sizeof digits - 1 && *r->at &&
	       strchr("+-.0123456789eE", *r->at))
		digits[len++] = *r->at++;
	digits[len] = 0;
	v->kind = JSON_NUMBER;
	v->number = strtod(digits, &end);
	return len && !*end;
}

static bool read_members(struct reader *r, struct json *v, char close)
{
	struct json **last = &v->items;

	if (accept(r, close))
		return true;
	do {
		const char *key = NULL;
		size_t len;
		if (v->kind == JSON_OBJECT &&
		    (!accept(r, '"') || !read_string(r, &key, &len) || !accept(r, ':')))
			return false;
		struct json *item = read_value(r);
		if (!item)
			return false;
		item->key = key;
		*last = item;
		last = &item->next;
	} while (accept(r, ','));
	return accept(r, close);
}

static struct json *read_value(struct reader *r)
{
	struct json *v = ARENA_NEW(r->arena, struct json);
	bool ok;

	if (++r->depth > JSON_MAX_DEPTH)
		return NULL;
	if (accept(r, '{')) {
		v->kind = JSON_OBJECT;
		ok = read_members(r, v, '}');
	} else if (accept(r, '[')) {
		v->kind = JSON_ARRAY;
		ok = read_members(r, v, ']');
	} else if (accept(r, '"')) {
		v->kind = JSON_STRING;
		ok = read_string(r, &v->text, &v->len);
	} else if (accept_word(r, "null")) {
		ok = true;
	} else if (accept_word(r, "true")) {
		v->kind = JSON_BOOL;
		v->number = 1;
		ok = true;
	} else if (accept_word(r, "false")) {
		v->kind = JSON_BOOL;
		ok = true;
	} else {
		ok = read_number(r, v);
	}
	r->depth--;
	return ok ? v : NULL;
}

struct json *json_parse(struct arena *arena, const char *text, size_t len)
{
	struct reader r = {arena, text, text + len, 0};
	struct json *v = read_value(&r);

	skip_space(&r);
	return r.at == r.end ? v : NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
	if (!object || object->kind != JSON_OBJECT)
		return NULL;
	for (const struct json *m = object->items; m; m = m->next)
		if (!strcmp(m->key, key))
			return m;
	return NULL;
}

const char *json_text(const struct json *value)
{
	return value && value->kind == JSON_STRING ? value->text : NULL;
}

uint32_t json_u32(const struct json *value)
{
	if (!value || value->kind != JSON_NUMBER || !(value->number > 0))
		return 0;
	return value->number >= (double)UINT32_MAX ? UINT32_MAX : (uint32_t)value->number;
}

unsigned utf8_length(const char *text, size_t left)
{
	unsigned char first = (unsigned char)*text;
	unsigned len = first < 0x80   ? 1
		       : first < 0xc2 ? 0
		       : first < 0xe0 ? 2
		       : first < 0xf0 ? 3
		       : first < 0xf5 ? 4
				      : 0;

	if (len > left)
		return 0;
	for (unsigned i = 1; i < len; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

void json_put_text(struct buf *out, const char *text, size_t len)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		unsigned n = utf8_length(text + i, len - i);
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n')
			buf_add_text(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else if (!n)
			buf_add_text(out, "\xef\xbf\xbd");
		else
			buf_add(out, text + i, n);
		i += n ? n : 1;
	}
	buf_add_char(out, '"');
}

void json_put_string(struct buf *out, const char *text)
{
	json_put_text(out, text, strlen(text));
}

void json_put_id(struct buf *out, const struct json *value)
{
	if (value && value->kind == JSON_STRING)
		json_put_text(out, value->text, value->len);
	else if (value && value->kind == JSON_NUMBER)
		buf_printf(out, "%.17g", value->number);
	else
		buf_add_text(out, "null");
}
