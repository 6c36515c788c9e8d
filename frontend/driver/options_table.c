/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that options.def makes. */
#include "frontend/driver/options_table.h"

enum { // command bits used in the table
#define COMMAND(id, name, operands, inputs, noun, summary, text) id = 1 << COMMAND_##id,
#include "frontend/driver/options.def"
};

const struct command_row option_commands[COMMAND_COUNT] = {
#define COMMAND(id, name, operands, inputs, noun, summary, text)                                   \
	[COMMAND_##id] = {name, operands, inputs, noun, summary, text},
#include "frontend/driver/options.def"
};

const struct option_row option_rows[] = {
#define OPTION(field, form, spelling, value, commands, help)                                       \
	{offsetof(struct options, field), form, spelling, value, commands, help},
#include "frontend/driver/options.def"
};

const int option_row_count = sizeof option_rows / sizeof *option_rows;

const char *const option_examples[] = {
	"ks build quota.ks && sudo ./quota --limit 1000",
	"sudo ks run quota.ks -- --limit 1000",
	"ks test --coverage quota_test.ks",
	"ks build --emit=bpf --kernel 6.1 quota.ks && ks dump quota.o",
	NULL,
};

const char *option_between(const struct option_row *row)
{
	if (!*row->value)
		return "";
	if (row->spelling[1] == '-')
		return "=";
	return row->form == OPT_JOINED ? "" : " ";
}
