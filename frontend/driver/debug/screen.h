/* SPDX-License-Identifier: Apache-2.0 */
/* The screen of `ks debug`: what stands where (paint.c), keys and the terminal (screen.c). */
#ifndef KS_DRIVER_DEBUG_SCREEN_H
#define KS_DRIVER_DEBUG_SCREEN_H

#include "frontend/driver/debug/debug.h"

enum { LINE_MAX_BYTES = 200 };

struct screen {
	struct session *session;
	uint32_t rows, columns;
	bool is_coloured, is_utf8;
	struct buf said;           // what the last command said
	struct buf wrapped;        // ... in lines that fit
	uint32_t scrolled;         // lines of it that are above the screen, when it is read
	bool is_reading;           // it fills the screen because it is long
	char line[LINE_MAX_BYTES]; // being typed
	uint32_t length, cursor;
	char last[LINE_MAX_BYTES];
	VEC(const char *) history;
	uint32_t in_history; // entry that is shown, history.len: none
};

/* Escape sequences and text that show all of it; the cursor stands where something is typed. */
void screen_paint(struct screen *s, struct buf *out);
/* Lines that the last command's words may have before they fill the screen. */
uint32_t screen_said_rows(const struct screen *s);
/* Breaks what was said into lines that fit; gives their number. */
uint32_t screen_wrap(struct screen *s);

#endif
