/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned strings. Equal texts have equal symbols, so names compare as integers. Symbol 0 stands
 * for "no name"; its text is "".
 */
#ifndef KS_BASE_INTERN_H
#define KS_BASE_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "frontend/base/arena.h"
#include "frontend/base/vec.h"

typedef uint32_t symbol;

struct intern_text {
	const char *text; // NUL-terminated
	uint32_t len;
};

struct intern {
	struct arena *arena;
	VEC(struct intern_text) texts; // indexed by symbol
	symbol *slots;                 // power of two of them, 0 when empty
	uint32_t mask;
};

void intern_init(struct intern *intern, struct arena *arena);
symbol intern_make(struct intern *intern, const char *text, size_t len);
symbol intern_string(struct intern *intern, const char *text);
/* Text of a symbol; lives as long as the arena. */
const char *intern_text(const struct intern *intern, symbol name);
size_t intern_len(const struct intern *intern, symbol name);

#endif
