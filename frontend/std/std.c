/* SPDX-License-Identifier: Apache-2.0 */
/* Look-up of shipped headers by name. */
#include "frontend/std/std.h"

#include <string.h>

const char *ks_find_shipped_text(const char *name)
{
	for (uint32_t i = 0; i < ks_shipped_header_count; i++)
		if (!strcmp(ks_shipped_headers[i].name, name))
			return ks_shipped_headers[i].text;
	return NULL;
}
