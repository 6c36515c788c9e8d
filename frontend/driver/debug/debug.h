/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ks debug`: walks through what the verifier looked at, in a terminal or from a script. The session
 * (session.c) is a place on a path; commands (commands.c) move it and tell of it as text; screen.c shows
 * it in a terminal, where the same commands are typed.
 */
#ifndef KS_DRIVER_DEBUG_H
#define KS_DRIVER_DEBUG_H

#include "frontend/driver/subject.h"

struct stop { // a break point, or with `watched` a watch
	uint32_t number;
	const char *watched;           // variable, register or slot
	uint32_t value, watched_frame; // what was known of it last
	uint32_t insn;                 // a function's first, or UINT32_MAX
	uint32_t file, line;
};

struct session {
	struct subject *subject;
	const struct program_code *code;
	struct verify_trace trace;
	struct verify_result result;
	struct trace_cursor cursor;
	const struct trace_name *names;
	uint32_t name_count;
	uint32_t *sibling; // of each step: next one with the same step before, TRACE_NONE
	uint32_t *child;   // first step that follows
	uint32_t *choice;  // of a step with several: which way the present path goes
	uint32_t *path;    // number of the path that a step belongs to
	uint32_t *line_of; // of each instruction: index into code->lines, UINT32_MAX: none
	uint32_t path_count, step, failing;
	VEC(struct stop) stops;
	uint32_t stop_number;
	struct arena arena; // of stops
	bool has_moved;     // by the last command: where it is now is to be shown
	bool is_over;
};

/* ---- session.c ---- */

/* Judges a program and stands at its first step, or where it is refused. */
void session_open(struct session *s, struct subject *subject, const struct program_code *code);
void session_close(struct session *s);
static inline bool session_is_empty(const struct session *s) // refused before the first instruction
{
	return !s->trace.steps.len;
}
/* Step that follows on the present path, TRACE_NONE at its end. */
uint32_t session_following(const struct session *s, uint32_t step);
uint32_t session_previous(const struct session *s, uint32_t step);
/* Goes to a step; the present path is then one that leads through it. */
void session_go(struct session *s, uint32_t step);
/* First step of the other way at the last branch up to here, TRACE_NONE when there is none. */
uint32_t session_other_way(const struct session *s);
/* Source line of an instruction, NULL: unknown; and the number of its file in the subject. */
const struct program_line *session_line(const struct session *s, uint32_t insn);
uint32_t session_file(struct session *s, const struct program_line *line);
static inline uint32_t session_insn(const struct session *s)
{
	return s->trace.steps.data[s->step].insn;
}
/* `name` is one of those in a list such as `eth, ip - 14`. */
bool session_is_named(const char *list, const char *name);
/* The place that a name stands for now ("r3", "fp-16", a variable); false when there is none. */
bool session_find_place(const struct session *s, const char *name, uint16_t *place);

/* ---- commands.c ---- */

/* Does what a line says and tells of it, but for the new place when the session has moved. False when there
 * is no such command. */
bool debug_command(struct session *s, const char *line, struct buf *out);

/* ---- tell.c: text without escape sequences ---- */

void debug_tell_place(struct session *s, struct buf *out); // step, path, line, instruction, changes
/* How it came here, what changed, whether the path ends: what a screen does not show elsewhere. */
void debug_tell_move(struct session *s, struct buf *out);
void debug_tell_verdict(struct session *s, struct buf *out);
void debug_tell_value(const struct session *s, uint16_t place, struct buf *out);
void debug_tell_origins(struct session *s, uint16_t place, struct buf *out);
void debug_tell_frames(struct session *s, struct buf *out);
void debug_tell_path(struct session *s, struct buf *out);
void debug_tell_lines(struct session *s, uint32_t file, uint32_t first, uint32_t last,
		      struct buf *out);
void debug_tell_code(struct session *s, uint32_t count, struct buf *out);
void debug_place_name(uint16_t place, char out[16]);
/* How the path came to a step: "branch taken at 12"; "" when it just went on. */
void debug_way(const struct session *s, uint32_t step, char out[96]);
/* How it ends there, or "". */
void debug_end(const struct session *s, uint32_t step, char out[96]);

/* ---- screen.c ---- */

/* Standard input and output are a terminal that can be painted. */
bool screen_is_possible(void);
void screen_run(struct session *s, const struct options *options);

/* ---- debug.c ---- */

/* An exit status. */
int debug_run(struct compile *compile, const struct options *options);

#endif
