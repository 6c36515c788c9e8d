/* SPDX-License-Identifier: Apache-2.0 */
/* Releases: reading, writing, the tested ones, and which instruction set each one takes. */
#include "bpf-backend/kernel/kernel.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static const char *parse_number(const char *text, uint32_t *number)
{
	const char *p = text;
	*number = 0;
	for (; *p >= '0' && *p <= '9' && *number <= 255; p++)
		*number = *number * 10 + (uint32_t)(*p - '0');
	return p == text || *number > 255 ? NULL : p;
}

bool kernel_parse_version(const char *text, uint32_t *version)
{
	struct utsname running;
	if (!strcmp(text, "running")) {
		if (uname(&running) < 0)
			return false;
		text = running.release;
	}
	uint32_t major, minor;
	const char *p = parse_number(text, &major);
	if (!p || *p != '.')
		return false;
	p = parse_number(p + 1, &minor);
	if (!p || (*p && *p != '.' && *p != '-' && *p != '+'))
		return false;
	*version = KERNEL_AT(major, minor);
	return true;
}

void kernel_format_version(uint32_t version, char out[16])
{
	snprintf(out, 16, "%u.%u", version >> 16, version >> 8 & 255);
}

uint32_t kernel_tested_at(uint32_t index)
{
	static const uint32_t tested[] = {KERNEL_AT(5, 10), KERNEL_AT(6, 1), KERNEL_AT(6, 12),
					  KERNEL_AT(6, 18), KERNEL_AT(7, 3)};
	return index < sizeof tested / sizeof tested[0] ? tested[index] : 0;
}

uint32_t kernel_isa_since(int isa)
{
	static const uint32_t since[] = {0, KERNEL_AT(4, 14), KERNEL_AT(5, 1), KERNEL_AT(6, 6)};
	return since[isa - 1];
}

int kernel_isa(uint32_t version)
{
	int isa = 1;
	while (isa < 4 && version >= kernel_isa_since(isa + 1))
		isa++;
	return isa;
}
