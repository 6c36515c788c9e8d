/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of options.def, for the parser of the command line, the manual page and completion. */
#ifndef KS_DRIVER_OPTIONS_TABLE_H
#define KS_DRIVER_OPTIONS_TABLE_H

#include <stddef.h>

#include "frontend/driver/options.h"

enum form { OPT_FLAG, OPT_TEXT, OPT_JOINED, OPT_CHOICE };
enum inputs { INPUT_ONE, INPUT_SOME, INPUT_OPTIONAL, INPUT_NONE };

struct command_row {
	const char *name, *operands;
	enum inputs inputs;
	const char *noun, *summary, *text;
};

struct option_row {
	size_t field; // offset in struct options
	enum form form;
	const char *spelling, *value;
	unsigned commands; // bits: 1 << enum command
	const char *help;
};

extern const struct command_row option_commands[COMMAND_COUNT];
extern const struct option_row option_rows[];
extern const int option_row_count;
extern const char *const option_examples[]; // command lines; ends in NULL

/* What stands between an option and its value: "", " " or "=". */
const char *option_between(const struct option_row *row);

#endif
