/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics as text for people, with the source line and a caret range, or as JSON for programs:
 * one object per line with file, line, column, end_line, end_column (from 1, columns in bytes, ends
 * exclusive), severity, name, message, hint, notes and fixes; members that are unknown are left out.
 * Output never holds control characters from the source, and only a window of a very long line.
 */
#ifndef KS_BASE_DIAG_RENDER_H
#define KS_BASE_DIAG_RENDER_H

#include <stdbool.h>

#include "frontend/base/buf.h"
#include "frontend/base/diag.h"

struct diag_style {
	bool json;
	bool colour; // text only
};

/* One diagnostic with its notes, hint and fixes. */
void diag_render(const struct source_map *sources, const struct diag *diag,
		 const struct diag_style *style, struct buf *out);
/* All of them in source order and, as text, a closing line with their number. */
void diag_render_all(const struct source_map *sources, const struct diags *diags,
		     const struct diag_style *style, struct buf *out);

#endif
