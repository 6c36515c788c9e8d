/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random edits of source text, by tokens and lines: what a broken program of a person looks like more
 * often than a broken sequence of bytes.
 */
#ifndef KS_TESTS_TOKEN_EDIT_H
#define KS_TESTS_TOKEN_EDIT_H

#include "frontend/base/buf.h"
#include "tests/lib/random.h"

/* Appends `text` with `count` edits to `out`: tokens deleted, repeated, exchanged, replaced by other ones of the
 * text or of the language, lines moved, the rest cut off. `donor` is another text, or NULL, lines of which may be
 * put in. */
void token_edit(struct random *random, const char *text, size_t len, const char *donor,
		size_t donor_len, unsigned count, struct buf *out);

#endif
