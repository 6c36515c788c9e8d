/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Big-endian BTF and .BTF.ext as little-endian ones. Both are words of 32 bits behind a short head, but for
 * the strings at the end of the former. In: bytes of any kind; what is no big-endian section comes out as it is.
 */
#include <string.h>

#include "btf/btf.h"

enum { HEAD_BYTES = 4, HEADER_BYTES = 24 };

static uint32_t read_word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool btf_is_big_endian(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	return len >= HEADER_BYTES && bytes[0] == 0xeb && bytes[1] == 0x9f;
}

static void turn(uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		uint8_t byte = bytes[i];
		bytes[i] = bytes[count - 1 - i];
		bytes[count - 1 - i] = byte;
	}
}

static void turn_words(uint8_t *bytes, size_t from, size_t to)
{
	for (size_t at = from; at + 4 <= to; at += 4)
		turn(bytes + at, 4);
}

const void *btf_turn_section(const void *data, size_t len, struct arena *arena)
{
	if (!btf_is_big_endian(data, len))
		return data;
	uint8_t *copy = arena_copy(arena, data, len);
	uint64_t header = read_word(copy + 4);
	uint64_t types = header + read_word(copy + 8), end = types + read_word(copy + 12);
	turn(copy, 2);
	turn_words(copy, HEAD_BYTES, HEADER_BYTES);
	if (header >= HEADER_BYTES && end <= len)
		turn_words(copy, types, end);
	return copy;
}

const void *btf_turn_ext(const void *data, size_t len, struct arena *arena)
{
	if (!btf_is_big_endian(data, len))
		return data;
	uint8_t *copy = arena_copy(arena, data, len);
	turn(copy, 2);
	turn_words(copy, HEAD_BYTES, len);
	return copy;
}
