/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a verification looked at, for people to walk through: each processed instruction with
 * what changed in registers and stack since the one before it on its path. `ks verify --html` and
 * `ks debug` both show this.
 *
 * Steps form a tree, as struct verify_step: a path is a chain of `previous`. The state of a step is what
 * is known before its instruction; its changes are the differences from the state of `previous`, so what
 * that instruction did. A place is a register or an 8-byte slot of one call frame; places of frames
 * deeper than a step's own are gone. Values are numbered texts, 0 for "nothing known".
 */
#ifndef KS_VERIFY_TRACE_H
#define KS_VERIFY_TRACE_H

#include "bpf-backend/program/program.h"

enum {
	TRACE_FRAME_PLACES = 128, // place of frame f: f * TRACE_FRAME_PLACES + one of these
	TRACE_SLOT = 16,          // slot n, which ends at fp - 8 * n; registers are 0 to 10
	TRACE_HELD = 127,         // references and locks, of frame 0
	TRACE_PLACES = 8 * TRACE_FRAME_PLACES,
	TRACE_NO_PLACE = UINT16_MAX,
	TRACE_NONE = UINT32_MAX,
};

/* How a path ends behind a step. */
enum trace_end {
	TRACE_GOES_ON,
	TRACE_EXIT,    // the program or a function that is verified alone is left
	TRACE_PRUNED,  // a state that covers this one was seen: `other`
	TRACE_REFUSED, // here the program is refused
};

struct trace_step {
	uint32_t insn;
	uint32_t previous;     // TRACE_NONE: the path begins here
	uint32_t first_change; // up to that of the next step
	uint32_t other;        // step whose state covers a pruned one
	uint16_t memory;       // place in the stack that a load or store touches, or TRACE_NO_PLACE
	uint8_t depth;         // of calls: number of the frame
	uint8_t end;           // enum trace_end
	bool forks;            // more than one outcome: the others follow later, or never
};

struct trace_change {
	uint16_t place;
	uint32_t value;
};

struct trace_value {
	const char *text;  // in the log's way: "pkt(off=14,r=34)"
	const char *words; // "packet pointer at offset 14; 34 bytes checked"
};

struct verify_trace {
	struct arena arena;
	VEC(struct trace_step) steps;
	VEC(struct trace_change) changes;
	VEC(struct trace_value) values; // [0] is nothing
};

/* To be set as struct verify_options.trace; zeroed memory will not do. */
void trace_init(struct verify_trace *trace);
void trace_fini(struct verify_trace *trace);

static inline uint32_t trace_change_end(const struct verify_trace *t, uint32_t step)
{
	return step + 1 < t->steps.len ? t->steps.data[step + 1].first_change : t->changes.len;
}

/* ---- questions about it ---- */

/* The call that made frame `number` on the path to a step; TRACE_NONE for frame 0. */
uint32_t trace_find_call(const struct verify_trace *t, uint32_t step, uint32_t number);

/* Where a value came from: the steps that made it, newest first, at most `max`. */
struct trace_origin {
	uint32_t step;
	uint16_t place;    // that it made, or that it compared
	bool is_narrowing; // it did not make the value but learned something of it
};
uint32_t trace_find_origins(const struct verify_trace *t, const struct program_code *code,
			    uint32_t step, uint16_t place, struct trace_origin *out, uint32_t max);
/* Places that an instruction's new value of `place` is made of; how many, at most 6. */
uint32_t trace_find_sources(const struct verify_trace *t, const struct program_code *code,
			    uint32_t step, uint16_t place, uint16_t out[6]);
/* The instruction of a step writes the place, rather than only learning of it. */
bool trace_writes(const struct verify_trace *t, const struct program_code *code, uint32_t step,
		  uint16_t place);

/* Where code generation put a variable of the source (struct bpf_name, in records of the program). */
struct trace_name {
	const char *name;
	uint32_t function; // number of the function in the program
	uint32_t insn;     // behind it `reg` has the variable's value
	bool is_param;     // `reg` has it where the function begins, rather
	uint8_t reg;
	int32_t offset; // an object in the stack: from r10, negative; else 0
	uint32_t size;
};
/* A place on a path, with the state there. */
struct trace_cursor {
	const struct verify_trace *trace;
	const struct program_code *code;
	const struct trace_name *names;
	uint32_t name_count;
	uint32_t step; // TRACE_NONE: nowhere yet
	uint32_t values[TRACE_PLACES];
	const char *named[TRACE_PLACES]; // variable that a place holds, NULL: not known
	uint32_t defined[TRACE_PLACES];  // step that gave the variable that value
};
void trace_cursor_init(struct trace_cursor *c, const struct verify_trace *t,
		       const struct program_code *code, const struct trace_name *names,
		       uint32_t name_count);
/* Moves to a step; quick from the step before it. */
void trace_cursor_seek(struct trace_cursor *c, uint32_t step);
/* Variable in a place: one whose value is there, or an object of the stack; NULL when none is known. */
const char *trace_cursor_name(const struct trace_cursor *c, uint16_t place);
/* Number of the function that an instruction belongs to. */
uint32_t trace_function_at(const struct program_code *code, uint32_t insn);

/* Steps and changes as bytes, for the page (the format is told in trace_pack.c). */
void trace_pack(const struct verify_trace *t, struct buf *out);

#endif
