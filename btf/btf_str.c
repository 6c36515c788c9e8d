/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The string table. Texts are found by hash; two texts with one hash (never seen) cost a second copy
 * of a string, not a wrong one.
 */
#include "btf/btf_str.h"

#include <string.h>

static uint32_t append(struct btf_strings *strings, const char *text, size_t len)
{
	uint32_t offset = strings->bytes.len;
	vec_reserve(strings->arena, &strings->bytes, offset + (uint32_t)len + 1);
	memcpy(strings->bytes.data + offset, text, len + 1);
	strings->bytes.len += (uint32_t)len + 1;
	return offset;
}

void btf_strings_init(struct btf_strings *strings, struct arena *arena)
{
	*strings = (struct btf_strings){.arena = arena};
	map_init(&strings->index, arena);
	append(strings, "", 0);
}

uint32_t btf_strings_add(struct btf_strings *strings, const char *text)
{
	if (!*text)
		return 0;
	size_t len = strlen(text);
	uint64_t hash = hash_bytes(text, len);
	if (hash == UINT64_MAX)
		hash = 0;
	uint64_t *slot = map_insert(&strings->index, hash);
	if (*slot && !strcmp(strings->bytes.data + *slot - 1, text))
		return (uint32_t)(*slot - 1);
	uint32_t offset = append(strings, text, len);
	*slot = offset + 1;
	return offset;
}
