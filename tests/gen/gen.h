/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs that are valid by construction: whole files over the whole language, directed by grammar and
 * by types. The same seed and options give the same text.
 *
 * A value is generated for a type that is wanted and has exactly that type by the rules of the language, so
 * that nothing depends on an implicit conversion unless one is meant to be there. Names are never used twice in a
 * program, but for the shadowing that is generated on purpose.
 */
#ifndef KS_TESTS_GEN_H
#define KS_TESTS_GEN_H

#include <stdbool.h>

#include "frontend/base/buf.h"
#include "tests/lib/random.h"

enum { GEN_SAME_ROUNDS = 4 }; // how often main() of `is_same` does what a run of the program does

struct gen_options {
	bool only_types;    // declarations of types
	bool only_bpf;      // programs, and what they need; no userspace
	bool is_repeatable; // what programs compute depends on the packet and the maps only
	bool is_same;       // an @xdp program and main() do the same by functions of both sides
	uint32_t kernel;    // only what this release has: major << 16 | minor << 8
};

/* Appends the program of that seed. */
void gen_program(uint64_t seed, const struct gen_options *options, struct buf *out);
/* Appends the same program with other white space and with comments: another way of writing the same tree. */
void gen_roughen(uint64_t seed, const char *text, size_t len, struct buf *out);

#endif
