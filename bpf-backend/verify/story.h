/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an explanation is made of: the path of the refusal with what was known along it, whoever found
 * that out (the simulation, or a log of the kernel), and the notes that are made of it.
 *
 *	path (path.c, kernel_log.c) -> slice of what matters (explain.c) -> notes in words (words.c)
 */
#ifndef KS_VERIFY_STORY_H
#define KS_VERIFY_STORY_H

#include "bpf-backend/verify/state.h"
#include "bpf-backend/verify/verify.h"

/* What is known of a value, as far as it can be told. */
struct told {
	uint8_t kind;       // enum reg_kind
	bool is_stack_data; // of a stack slot: bytes that are no whole register
	uint16_t flags;     // enum reg_flag
	int32_t off;        // known part of a pointer's offset
	int64_t smin, smax; // number, or variable part of a pointer's offset
	uint64_t umin, umax;
	int32_t range; // of packet pointers: bytes that may be accessed; of stack pointers: frame
	uint32_t size; // of map values and memory, 0: not known
	uint32_t id, ref;
	const char *name; // of the map or the struct; NULL
};

/* Where a value is: registers, then slots of the stack. */
enum { PLACE_SLOT = 16, PLACE_COUNT = PLACE_SLOT + MAX_SLOTS, PLACE_NONE = 255 };

struct path_change {
	uint8_t frame, place;
	struct told value;
};

/* One instruction of the path. The changes up to `changes` hold before it. */
struct path_step {
	uint32_t insn, frame, changes;
};

struct place_changes {
	VEC(uint32_t) list; // of changes, ascending
};

struct verify_path {
	struct arena arena;
	VEC(struct path_step) steps; // oldest first; the last is the refused one
	VEC(struct path_change) changes;
	struct place_changes *by_place; // made by path_finish()
};

void path_init(struct verify_path *path);
void path_fini(struct verify_path *path);
/* Appends a step, and what is known before it. */
void path_add_change(struct verify_path *path, unsigned frame, unsigned place,
		     const struct told *value);
void path_add_step(struct verify_path *path, uint32_t insn, uint32_t frame);
/* After the last step. */
void path_finish(struct verify_path *path);
/* What is known before that step; NULL: nothing. */
const struct told *path_find_value(const struct verify_path *path, uint32_t step, unsigned frame,
				   unsigned place);
struct verifier;
/* What is known of a register of the simulation. */
void told_reg(const struct reg *r, struct told *t);
/* Called by the walk before each instruction, when the path is wanted. */
struct path_capture {
	struct verify_path *path;
	const uint32_t *wanted; // numbers of the steps, ascending
	uint32_t wanted_count, next;
	struct told *last; // by frame and place
	uint32_t depth;
};
void verify_capture(struct verifier *v, struct path_capture *c);
/* verify_program() that keeps values; the same for the whole of it: the path of a refusal (keep_steps). */
void verify_program_capturing(const struct program_object *object, const struct program_code *code,
			      const struct verify_options *options, struct verify_result *result,
			      struct path_capture *capture);
void verify_find_path(const struct program_object *object, const struct program_code *code,
		      const struct verify_options *options, const struct verify_result *result,
		      struct verify_path *path);

/* tell.c: the story of a path, whoever found it. */
void verify_tell_path(const struct program_code *code, const struct btf *types,
		      const struct verify_result *result, const struct verify_path *path,
		      struct verify_story *story);

/* words.c: a value in words, "a number from 0 to 255"; without what it is exactly, "a number". */
void words_add_kind(struct buf *out, const struct told *value);
void words_add_value(struct buf *out, const struct told *value);
bool words_is_globals(const char *map); // it is a section of global variables
/* Kind of pointer or number, "a pointer into the packet". */
const char *words_of_kind(unsigned kind);

/* names.c: what the source calls the value that an instruction makes; NULL. In the arena. */
const char *names_find_target(struct arena *arena, const struct program_line *line);
/* The text of an argument, where the call of that function begins at the column. */
const char *names_find_argument(struct arena *arena, const struct program_line *line,
				const char *function, unsigned number);
const char *names_find_expression(struct arena *arena, const struct program_line *line);

#endif
