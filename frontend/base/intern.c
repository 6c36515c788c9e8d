/* SPDX-License-Identifier: Apache-2.0 */
/* Open-addressed table of symbols over an array of texts. */
#include "frontend/base/intern.h"

#include <string.h>

#include "frontend/base/map.h"

void intern_init(struct intern *intern, struct arena *arena)
{
	*intern = (struct intern){.arena = arena, .mask = 255};
	intern->slots = ARENA_ARRAY(arena, symbol, intern->mask + 1);
	vec_push(arena, &intern->texts, ((struct intern_text){"", 0}));
}

static symbol *find_slot(const struct intern *intern, const char *text, size_t len)
{
	uint32_t i = (uint32_t)hash_bytes(text, len) & intern->mask;

	for (;; i = (i + 1) & intern->mask) {
		symbol s = intern->slots[i];
		if (!s)
			return &intern->slots[i];
		const struct intern_text *t = &intern->texts.data[s];
		if (t->len == len && !memcmp(t->text, text, len))
			return &intern->slots[i];
	}
}

static void grow(struct intern *intern)
{
	intern->mask = intern->mask * 2 + 1;
	intern->slots = ARENA_ARRAY(intern->arena, symbol, intern->mask + 1);
	for (symbol s = 1; s < intern->texts.len; s++) {
		const struct intern_text *t = &intern->texts.data[s];
		*find_slot(intern, t->text, t->len) = s;
	}
}

symbol intern_make(struct intern *intern, const char *text, size_t len)
{
	if (!len)
		return 0;
	if (intern->texts.len * 2 > intern->mask)
		grow(intern);
	symbol *slot = find_slot(intern, text, len);
	if (!*slot) {
		struct intern_text t = {arena_copy_string(intern->arena, text, len), (uint32_t)len};
		*slot = intern->texts.len;
		vec_push(intern->arena, &intern->texts, t);
	}
	return *slot;
}

symbol intern_string(struct intern *intern, const char *text)
{
	return intern_make(intern, text, strlen(text));
}

const char *intern_text(const struct intern *intern, symbol name)
{
	return intern->texts.data[name].text;
}

size_t intern_len(const struct intern *intern, symbol name)
{
	return intern->texts.data[name].len;
}
