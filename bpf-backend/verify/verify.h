/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's verifier, simulated: a program and an environment in; verdict, cost and the path that
 * led to a refusal out. It judges instructions, whoever made them, as a chosen release would with full
 * privileges (CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN; so without the rules for speculation).
 */
#ifndef KS_VERIFY_VERIFY_H
#define KS_VERIFY_VERIFY_H

#include "bpf-backend/program/program.h"
#include "bpf-backend/verify/range.h"
#include "bpf-backend/verify/trace.h"

/* Why a program is refused (reasons.def). */
enum verify_reason {
	VERIFY_OK,
#define REASON(id, name, words, hint) VERIFY_##id,
#include "ks/reasons.def"
#undef REASON
	VERIFY_REASON_COUNT
};

/* What is known of a register, for observers. */
struct verify_value {
	enum {
		VERIFY_VALUE_NONE,
		VERIFY_VALUE_NUMBER,
		VERIFY_VALUE_STACK,
		VERIFY_VALUE_POINTER
	} kind;
	bool may_be_null;
	struct scalar
		number; // of a number; of pointers into this frame's stack the offset from r10
};

/* Called before each instruction of each path; `depth`: frames below. */
typedef void (*verify_observer)(void *owner, uint32_t insn, uint32_t depth,
				const struct verify_value values[BPF_REG_COUNT]);

struct verify_options {
	uint32_t kernel;         // release, KERNEL_AT(major, minor)
	const struct btf *types; // of that kernel; NULL: programs that need them are refused
	uint32_t cpus;           // possible CPUs, 0: unknown
	int log_level;           // 0 none; 1 instructions and states of the path; 2 all paths
	bool keep_steps;         // verify_result.steps
	bool strict_alignment;
	uint32_t limit; // instructions to follow, fewer than the kernel does; 0: as many
	bool is_exhaustive; // paths end only where every value was seen: what an observer gets holds all
	verify_observer observe; // NULL: none
	void *observer;
	struct verify_trace *trace; // to be filled (trace.h); NULL: none
};

/* One processed instruction. Steps form a tree: each path is a chain of `previous`. */
struct verify_step {
	uint32_t insn;
	uint32_t previous; // step before it on its path; UINT32_MAX: none
};

struct verify_result {
	bool is_accepted;
	enum verify_reason reason;
	char text[512];   // what is wrong, in words; "" when accepted
	char detail[512]; // what is known of the values concerned, one per line
	uint32_t insn;    // at which instruction; UINT32_MAX: none
	int32_t reg;      // which register, -1: none
	uint32_t cause;   // step that gave it its value; UINT32_MAX: unknown
	uint32_t origin; // instruction that took what is held, opened a section …; UINT32_MAX: none
	uint32_t last_step; // step of the refusal
	struct verify_step *steps;
	uint32_t step_count;
	uint32_t processed; // instructions, as the kernel counts them
	uint32_t states, peak_states, stack_depth;
	struct buf log;
};

void verify_program(const struct program_object *object, const struct program_code *code,
		    const struct verify_options *options, struct verify_result *result);
void verify_result_free(struct verify_result *result);

/* Why a program was refused, told to its author; texts live as long as the story. */
struct verify_note {
	uint32_t insn;
	const char *text;
};
struct verify_story {
	struct arena arena;
	const char *text;          // what is wrong
	const char *said;          // the kernel's own words, of a log; ""
	const char *known;         // what is known of the value concerned, "" when there is none
	const char *hint;          // the usual remedy, "" when there is none
	struct verify_note *notes; // how it came to this, in order of the path
	uint32_t note_count;
};
/* Judges again along the path of a refusal; `result` was made with keep_steps. */
void verify_tell(const struct program_object *object, const struct program_code *code,
		 const struct verify_options *options, const struct verify_result *result,
		 struct verify_story *story);
void verify_story_free(struct verify_story *story);
/* Source line that an instruction belongs to; NULL: unknown. */
const struct program_line *verify_find_line(const struct program_code *code, uint32_t insn);
/* Bytes of the line's text that hold the expression at its column; false: there is none. */
bool verify_find_span(const struct program_line *line, uint32_t *begin, uint32_t *end);

/*
 * The same of a log that a real kernel gave for the program. False when the log holds no refusal.
 * `result` has reason (VERIFY_OK: of no known class), text, insn and reg of it.
 */
bool verify_tell_log(const struct program_code *code, const struct btf *types, const char *log,
		     size_t len, struct verify_result *result, struct verify_story *story);
/* Instructions of the log that are the program's. */
uint32_t verify_match_log(const struct program_code *code, const char *log, size_t len);

/* Short name of a reason, "missing-null-check"; what is wrong then; and its usual remedy. */
const char *verify_reason_name(enum verify_reason reason);
const char *verify_reason_words(enum verify_reason reason);
const char *verify_reason_hint(enum verify_reason reason);

#endif
