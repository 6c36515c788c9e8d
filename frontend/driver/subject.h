/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that people look into: the object of a source or an object file, its instructions as text,
 * the files that its lines are of, and where code generation put its variables.
 */
#ifndef KS_DRIVER_SUBJECT_H
#define KS_DRIVER_SUBJECT_H

#include "bpf-backend/verify/verify.h"
#include "frontend/base/compile.h"
#include "frontend/driver/options.h"
#include "frontend/driver/pipeline.h"

struct subject_file {
	const char *name;
	const char **lines; // [0] is line 1
	uint32_t line_count;
	bool is_whole; // else only the lines that the object knows; the others are empty
};

struct subject {
	struct compile *compile;
	const struct options *options;
	const char *path;
	uint32_t kernel;
	const struct btf *types;
	struct program_object object;
	struct product product;
	VEC(struct subject_file *) files;
};

/* Compiles or reads the input. False after a diagnostic; then there is nothing to close. */
bool subject_open(struct subject *s, struct compile *compile, const struct options *options,
		  const char *path, uint32_t kernel);
void subject_close(struct subject *s);

/* Judges a program and keeps everything that was looked at. */
void subject_trace(const struct subject *s, const struct program_code *code,
		   struct verify_trace *trace, struct verify_result *result);
/* Why a program is refused; to be freed. */
void subject_tell(const struct subject *s, const struct program_code *code,
		  const struct verify_result *result, struct verify_story *story);
/* The refusal as `ks verify` words it; nothing when it is accepted. */
void subject_print_refusal(const struct subject *s, const struct program_code *code,
			   const struct verify_result *result, struct buf *out);
/* An instruction with the names of what it refers to. */
void subject_print_insn(const struct subject *s, const struct program_code *code, uint32_t insn,
			struct buf *out);
/* Number of a file of the subject, which is read on first use. */
uint32_t subject_find_file(struct subject *s, const struct program_code *code, const char *name);
/* Variables of a program; in the session's arena. */
const struct trace_name *subject_names(const struct subject *s, const struct program_code *code,
				       uint32_t *count);

/* The kernel that `--kernel` names when only one can be meant; an exit status. */
int subject_read_kernel(const struct options *options, uint32_t *kernel);

#endif
