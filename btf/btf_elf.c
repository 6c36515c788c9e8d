/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the BTF in a file that is either a bare section, as the kernel shows it in /sys/kernel/btf, or
 * an ELF file with a section .BTF. Nothing in the file is trusted. Facts: the ELF-64 object file format.
 */
#include <string.h>

#include "btf/btf.h"

enum { ELF_HEADER_BYTES = 64, SECTION_BYTES = 64 };

static uint64_t read_number(bool is_big, const uint8_t *p, uint32_t bytes)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < bytes; i++)
		value = value << 8 | p[is_big ? i : bytes - 1 - i];
	return value;
}

static bool is_inside(uint64_t offset, uint64_t size, size_t len)
{
	return offset <= len && size <= len - offset;
}

bool btf_find_section(const void *file, size_t len, const void **data, size_t *data_len)
{
	const uint8_t *bytes = file;

	if (btf_is_big_endian(file, len) || (len >= 2 && read_number(false, bytes, 2) == 0xeb9f)) {
		*data = file;
		*data_len = len;
		return true;
	}
	if (len < ELF_HEADER_BYTES || memcmp(bytes, "\177ELF\2", 5) != 0 || !bytes[5] ||
	    bytes[5] > 2)
		return false;
	bool is_big = bytes[5] == 2;
	uint64_t table = read_number(is_big, bytes + 40, 8),
		 count = read_number(is_big, bytes + 60, 2);
	uint64_t names = read_number(is_big, bytes + 62, 2);
	if (read_number(is_big, bytes + 58, 2) != SECTION_BYTES || names >= count ||
	    !is_inside(table, count * SECTION_BYTES, len))
		return false;
	const uint8_t *strings = bytes + table + names * SECTION_BYTES;
	uint64_t text = read_number(is_big, strings + 24, 8),
		 text_len = read_number(is_big, strings + 32, 8);
	if (!is_inside(text, text_len, len))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *s = bytes + table + i * SECTION_BYTES;
		uint64_t name = read_number(is_big, s, 4), offset = read_number(is_big, s + 24, 8);
		uint64_t size = read_number(is_big, s + 32, 8);
		if (!is_inside(name, sizeof ".BTF", text_len) ||
		    memcmp(bytes + text + name, ".BTF", sizeof ".BTF") != 0)
			continue;
		*data = bytes + offset;
		*data_len = size;
		return is_inside(offset, size, len);
	}
	return false;
}
