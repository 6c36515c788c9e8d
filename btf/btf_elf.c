/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the BTF in a file that is either a bare section, as the kernel shows it in /sys/kernel/btf, or
 * an ELF file with a section .BTF. Nothing in the file is trusted. Facts: the ELF-64 object file format.
 */
#include <string.h>

#include "btf/btf.h"

enum { ELF_HEADER_BYTES = 64, SECTION_BYTES = 64 };

static uint64_t read_le(const uint8_t *p, uint32_t bytes)
{
	uint64_t value = 0;

	for (uint32_t i = bytes; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}

static bool is_inside(uint64_t offset, uint64_t size, size_t len)
{
	return offset <= len && size <= len - offset;
}

bool btf_find_section(const void *file, size_t len, const void **data, size_t *data_len)
{
	const uint8_t *bytes = file;

	if (len >= 2 && read_le(bytes, 2) == 0xeb9f) {
		*data = file;
		*data_len = len;
		return true;
	}
	if (len < ELF_HEADER_BYTES || memcmp(bytes, "\177ELF\2\1", 6) != 0)
		return false;
	uint64_t table = read_le(bytes + 40, 8), count = read_le(bytes + 60, 2);
	uint64_t names = read_le(bytes + 62, 2);
	if (read_le(bytes + 58, 2) != SECTION_BYTES || names >= count ||
	    !is_inside(table, count * SECTION_BYTES, len))
		return false;
	const uint8_t *strings = bytes + table + names * SECTION_BYTES;
	uint64_t text = read_le(strings + 24, 8), text_len = read_le(strings + 32, 8);
	if (!is_inside(text, text_len, len))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *s = bytes + table + i * SECTION_BYTES;
		uint64_t name = read_le(s, 4), offset = read_le(s + 24, 8);
		uint64_t size = read_le(s + 32, 8);
		if (!is_inside(name, sizeof ".BTF", text_len) ||
		    memcmp(bytes + text + name, ".BTF", sizeof ".BTF") != 0)
			continue;
		*data = bytes + offset;
		*data_len = size;
		return is_inside(offset, size, len);
	}
	return false;
}
