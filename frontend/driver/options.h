/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsed command line. The tables are in options.def; a wrong command line is reported on
 * standard error by options_parse(), with the nearest right spelling where there is one.
 */
#ifndef KS_DRIVER_OPTIONS_H
#define KS_DRIVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "frontend/base/arena.h"
#include "frontend/base/vec.h"

enum command {
#define COMMAND(id, name, operands, inputs, noun, summary, text) COMMAND_##id,
#include "frontend/driver/options.def"
	COMMAND_COUNT
};

/* Words of --emit, in the order of its row. */
enum emit {
	EMIT_PROGRAM,
	EMIT_BPF,
	EMIT_IR,
	EMIT_AST,
	EMIT_ASM,
	EMIT_OBJ,
	EMIT_NATIVE_ASM,
	EMIT_LLVM,
};

enum error_format { ERROR_FORMAT_TEXT, ERROR_FORMAT_JSON };
enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

struct options {
	struct arena *arena;
	enum command command;
	const char *input;        // the first one; file, or project of detach
	VEC(const char *) inputs; // all
	const char *output;       // NULL: the default
	int emit;                 // enum emit
	VEC(const char *) folders;
	VEC(const char *) level; // the last one counts
	VEC(const char *) warnings;
	const char *kernel;            // NULL: running
	const char *target;            // NULL: this machine
	int mcpu;                      // 1 to 4; 0: what the kernel has
	VEC(const char *) btf;         // empty: of the running kernel
	const char *kernels, *program; // verify
	bool log, json;                // verify
	const char *explain_log;       // verify
	bool no_verify;                // build, run
	const char *html;              // verify: file for the page; NULL: none
	const char *start_at, *stop_after;
	int error_format, colour;              // enums
	bool write, check;                     // fmt
	bool interp, in_kernel, tap, coverage; // test
	const char *filter, *timeout, *junit, *lcov;
	bool list;  // detach
	bool stdio; // lsp
	bool help;
	char **program_args; // after `--`; NULL-terminated
	int program_arg_count;
};

/* Exit statuses of ks. */
enum { STATUS_OK, STATUS_WRONG_PROGRAM, STATUS_WRONG_COMMAND };

/* Reads argv[1...]; false when the process should end with *status at once. */
bool options_parse(struct options *options, struct arena *arena, int argc, char **argv,
		   int *status);
/* Reports a mistake of the command line, "ks: ..." and where help is, and gives
 * STATUS_WRONG_COMMAND. */
int options_wrong(const struct options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The nearest of `count` names, NULL when none is near. */
const char *options_nearest(const char *word, const char *const *names, uint32_t count);
/* Prints words from column `indent` on, which the cursor has reached, in lines of 80 characters. */
void options_print_wrapped(const char *text, int indent);

#endif
