/* SPDX-License-Identifier: Apache-2.0 */
/* String table of a BTF section under construction. Offset 0 is "". */
#ifndef KS_BTF_BTF_STR_H
#define KS_BTF_BTF_STR_H

#include "frontend/base/arena.h"
#include "frontend/base/buf.h"
#include "frontend/base/map.h"
#include "frontend/base/vec.h"

struct btf_strings {
	struct arena *arena;
	VEC(char) bytes;
	struct map index; // hash of a text to its offset + 1
};

void btf_strings_init(struct btf_strings *strings, struct arena *arena);
/* Offset of `text`, the same one for equal texts. */
uint32_t btf_strings_add(struct btf_strings *strings, const char *text);

#endif
