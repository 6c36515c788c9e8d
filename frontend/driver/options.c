/* SPDX-License-Identifier: Apache-2.0 */
/* Command line parsing, help and suggestions, all from options.def. */
#include "frontend/driver/options.h"

#include <stdarg.h>
#include <string.h>

#include "frontend/driver/manual.h"
#include "frontend/driver/options_table.h"

enum { MAX_SUGGESTED = 24, HELP_WIDTH = 80 };

/* ---- suggestions ---- */

/* Edits (insert, delete, replace) between two words, both cut at MAX_SUGGESTED. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[MAX_SUGGESTED + 1], len_b = (unsigned)strnlen(b, MAX_SUGGESTED);

	for (unsigned j = 0; j <= len_b; j++)
		row[j] = j;
	for (unsigned i = 1; i <= MAX_SUGGESTED && a[i - 1]; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= len_b; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[len_b];
}

const char *options_nearest(const char *word, const char *const *names, uint32_t count)
{
	const char *nearest = NULL;
	unsigned best = (unsigned)strnlen(word, MAX_SUGGESTED) / 3 + 1;

	for (uint32_t i = 0; i < count; i++) {
		unsigned d = distance(word, names[i]);
		if (d <= best) {
			best = d - (d > 0);
			nearest = names[i];
		}
	}
	return nearest;
}

/* "; did you mean `x`?" or "" */
static const char *suggest(struct options *o, const char *word, const char *const *names,
			   uint32_t count)
{
	const char *nearest = options_nearest(word, names, count);

	return nearest ? arena_printf(o->arena, "; did you mean `%s`?", nearest) : "";
}

int options_wrong(const struct options *options, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ks: ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	if (options->command < COMMAND_COUNT)
		fprintf(stderr, "\nks: see `ks %s --help`\n",
			option_commands[options->command].name);
	else
		fputs("\nks: see `ks --help`\n", stderr);
	return STATUS_WRONG_COMMAND;
}

/* ---- help ---- */

void options_print_wrapped(const char *text, int indent)
{
	int column = indent;

	while (*text) {
		int len = (int)strcspn(text, " \n");
		if (column > indent && column + 1 + len > HELP_WIDTH) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", len, text);
		column += len;
		text += len;
		text += *text != 0;
	}
	putchar('\n');
}

static void print_option(const struct option_row *row)
{
	printf("  %s%s%s\n      ", row->spelling, option_between(row), row->value);
	options_print_wrapped(row->help, 6);
}

static void print_command_help(enum command c)
{
	printf("Usage: ks %s %s\n\n", option_commands[c].name, option_commands[c].operands);
	options_print_wrapped(option_commands[c].text, 0);
	printf("\nOptions:\n");
	for (int i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << c)
			print_option(&option_rows[i]);
	printf("\nExit status: 0 success, 1 the program is wrong or could not be written, 2 the "
	       "command line is wrong.\n");
}

static void print_help(void)
{
	printf("ks compiles one source file to an eBPF program and the userspace program that "
	       "drives it.\n\n"
	       "Usage: ks COMMAND [OPTION...] FILE\n\nCommands:\n");
	for (int c = 0; c < COMMAND_COUNT; c++)
		printf("  %-10s %s\n", option_commands[c].name, option_commands[c].summary);
	printf("\nOptions:\n"
	       "  --help     print this text; `ks help COMMAND` tells about a command,\n"
	       "             `ks help --man` prints the manual page\n"
	       "  --version  print the version\n");
	printf("\nExamples:\n");
	for (int i = 0; option_examples[i]; i++)
		printf("  %s\n", option_examples[i]);
	printf("\nExit status: 0 success, 1 the program is wrong, 2 the command line is wrong.\n");
}

/* ---- parsing ---- */

struct cursor {
	char **argv;
	int argc, at;
};

/* The row that `arg` spells, for a command; *value receives a value glued to it, or NULL. */
static const struct option_row *find_row(enum command c, const char *arg, const char **value)
{
	for (int i = 0; i < option_row_count; i++) {
		size_t len = strlen(option_rows[i].spelling);
		if (!(option_rows[i].commands & 1u << c) ||
		    strncmp(arg, option_rows[i].spelling, len))
			continue;
		*value = NULL;
		if (!arg[len])
			return &option_rows[i];
		bool is_long = len > 2; // than one letter
		if ((is_long && arg[len] == '=') || (!is_long && option_rows[i].form != OPT_FLAG)) {
			*value = arg + len + is_long;
			return &option_rows[i];
		}
	}
	return NULL;
}

static bool set_choice(struct options *o, const struct option_row *row, const char *value)
{
	const char *words[16];
	uint32_t count = 0;
	char *copy = arena_copy_string(o->arena, row->value, strlen(row->value));

	for (char *save, *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
		words[count++] = w;
	for (uint32_t i = 0; i < count; i++) {
		if (!strcmp(words[i], value)) {
			*(int *)((char *)o + row->field) = (int)i;
			return true;
		}
	}
	options_wrong(o, "`%s` takes %s, not `%s`%s", row->spelling, row->value, value,
		      suggest(o, value, words, count));
	return false;
}

typedef VEC(const char *) text_list;

static bool set_option(struct options *o, const struct option_row *row, const char *value,
		       struct cursor *in)
{
	void *field = (char *)o + row->field;

	if (row->form == OPT_FLAG) {
		if (value)
			options_wrong(o, "`%s` takes no value", row->spelling);
		*(bool *)field = true;
		return !value;
	}
	if (!value && in->at + 1 < in->argc)
		value = in->argv[++in->at];
	if (!value || !*value) {
		options_wrong(o, "`%s` needs a value: %s", row->spelling, row->value);
		return false;
	}
	if (row->form == OPT_CHOICE)
		return set_choice(o, row, value);
	if (row->form == OPT_TEXT)
		*(const char **)field = value;
	else
		vec_push(o->arena, (text_list *)field, value);
	return true;
}

static bool wrong_option(struct options *o, const char *arg)
{
	const char **names = ARENA_ARRAY(o->arena, const char *, option_row_count);
	uint32_t count = 0;
	size_t len = strcspn(arg, "=");
	char *word = arena_copy_string(o->arena, arg, len);

	for (int i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << o->command)
			names[count++] = option_rows[i].spelling;
	options_wrong(o, "unknown option `%s`%s", word, suggest(o, word, names, count));
	return false;
}

static bool parse_argument(struct options *o, struct cursor *in)
{
	const char *arg = in->argv[in->at], *value;

	if (arg[0] == '-' && arg[1]) {
		if (!strcmp(arg, "-h"))
			arg = "--help";
		const struct option_row *row = find_row(o->command, arg, &value);
		return row ? set_option(o, row, value, in) : wrong_option(o, arg);
	}
	if (option_commands[o->command].inputs == INPUT_NONE) {
		options_wrong(o, "`ks %s` takes no %s: `%s`", option_commands[o->command].name,
			      option_commands[o->command].noun, arg);
		return false;
	}
	if (o->input && option_commands[o->command].inputs != INPUT_SOME) {
		options_wrong(o, "one at a time: `%s` or `%s`%s", o->input, arg,
			      o->command == COMMAND_RUN
				      ? "; arguments of the program stand after `--`"
				      : "");
		return false;
	}
	vec_push(o->arena, &o->inputs, arg);
	o->input = o->inputs.data[0];
	return true;
}

static bool find_command(struct options *o, const char *word)
{
	const char *names[COMMAND_COUNT];

	for (int c = 0; c < COMMAND_COUNT; c++) {
		names[c] = option_commands[c].name;
		if (!strcmp(word, names[c])) {
			o->command = (enum command)c;
			return true;
		}
	}
	options_wrong(o, "unknown command `%s`%s", word, suggest(o, word, names, COMMAND_COUNT));
	return false;
}

bool options_parse(struct options *options, struct arena *arena, int argc, char **argv, int *status)
{
	struct cursor in = {argv, argc, 1};

	*options = (struct options){.arena = arena, .command = COMMAND_COUNT};
	*status = STATUS_WRONG_COMMAND;
	if (argc < 2) {
		options_wrong(options, "a command is missing");
		return false;
	}
	if (!strcmp(argv[1], "help") && argc > 2) { // `ks help build`, `ks help --man`
		if (!strcmp(argv[2], "--man")) {
			manual_print();
			*status = STATUS_OK;
		} else if (find_command(options, argv[2])) {
			print_command_help(options->command);
			*status = STATUS_OK;
		}
		return false;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help();
		*status = STATUS_OK;
		return false;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("ks %s\n", KS_VERSION);
		*status = STATUS_OK;
		return false;
	}
	if (!find_command(options, argv[1]))
		return false;
	for (in.at = 2; in.at < argc; in.at++) {
		if (!strcmp(argv[in.at], "--") && options->command == COMMAND_RUN) {
			options->program_args = argv + in.at + 1;
			options->program_arg_count = argc - in.at - 1;
			break;
		}
		if (!parse_argument(options, &in))
			return false;
	}
	if (options->help) {
		print_command_help(options->command);
		*status = STATUS_OK;
		return false;
	}
	if (options->input || options->list ||
	    option_commands[options->command].inputs >= INPUT_OPTIONAL)
		return true;
	options_wrong(options, "`ks %s` needs a %s", option_commands[options->command].name,
		      option_commands[options->command].noun);
	return false;
}
