/* SPDX-License-Identifier: Apache-2.0 */
/* What explain.c (values walked back) and tell.c (what each reason for a refusal wants told) share. */
#ifndef KS_VERIFY_TELL_H
#define KS_VERIFY_TELL_H

#include <stdarg.h>

#include "bpf-backend/verify/story.h"

struct told_note {
	uint32_t step, insn;
	const char *text;
};

struct teller {
	const struct program_code *code;
	const struct btf *types;
	const struct verify_result *result;
	const struct verify_path *path;
	struct verify_story *story;
	bool wanted[MAX_FRAMES * PLACE_COUNT];
	uint32_t wanted_count;
	bool follows_numbers; // how a number got its bounds matters
	bool has_test;        // a test of the value was found
	bool lacks_test;      // a packet pointer was never compared with the end
	bool is_invalidated;  // a call that made it invalid was found
	struct told_note notes[64];
	uint32_t note_count;
};

void teller_note(struct teller *t, uint32_t step, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
const char *teller_name(struct teller *t, uint32_t step, const char *other);
const char *teller_words(struct teller *t, const struct told *value);
const struct program_line *teller_line(const struct teller *t, uint32_t step);
/* Notes on how the value in a place at the refusal came to be. */
void teller_follow(struct teller *t, unsigned frame, unsigned place);
void teller_finish(struct teller *t);

#endif
