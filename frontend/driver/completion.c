/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts for bash and zsh, from the rows of options.def. A script knows the commands, the
 * options of each, the words of choices and the names of diagnostics; files it leaves to the shell.
 */
#include <string.h>

#include "frontend/base/diag.h"
#include "frontend/driver/manual.h"
#include "frontend/driver/options_table.h"

/* What may stand as an operand, or as the value of an option. */
enum completes { COMPLETES_FILE, COMPLETES_FOLDER, COMPLETES_WORDS, COMPLETES_NOTHING };

static enum completes operand_of(const struct command_row *c)
{
	if (c->inputs == INPUT_NONE)
		return COMPLETES_NOTHING;
	if (!strcmp(c->noun, "file"))
		return COMPLETES_FILE;
	return strcmp(c->noun, "project") ? COMPLETES_WORDS : COMPLETES_NOTHING;
}

static enum completes value_of(const struct option_row *row)
{
	if (row->form == OPT_CHOICE || !strcmp(row->spelling, "-W"))
		return COMPLETES_WORDS;
	if (!strcmp(row->value, "FILE"))
		return COMPLETES_FILE;
	return strcmp(row->value, "DIR") ? COMPLETES_NOTHING : COMPLETES_FOLDER;
}

static void print_words(const char *choices)
{
	for (const char *p = choices; *p; p++)
		putchar(*p == '|' ? ' ' : *p);
}

static void print_diagnostics(bool warnings_only)
{
	const char *before = "";

	for (int i = 0; i < DIAG_COUNT; i++) {
		if (warnings_only && diag_info((enum diag_id)i)->severity == DIAG_ERROR)
			continue;
		printf("%s%s", before, diag_info((enum diag_id)i)->name);
		before = " ";
	}
}

static void print_operand_words(const struct command_row *c)
{
	if (!strcmp(c->noun, "name"))
		print_diagnostics(false);
	else
		print_words(c->operands);
}

static void print_value_words(const struct option_row *row)
{
	if (row->form == OPT_CHOICE) {
		print_words(row->value);
		return;
	}
	fputs("error ", stdout);
	print_diagnostics(true);
}

static void print_commands(void)
{
	for (int c = 0; c < COMMAND_COUNT; c++)
		printf("%s ", option_commands[c].name);
	fputs("help", stdout);
}

/* ---- bash ---- */

static void print_bash_values(int c)
{
	for (int i = 0; i < option_row_count; i++) {
		const struct option_row *row = &option_rows[i];
		if (!(row->commands & 1u << c) || !*row->value)
			continue;
		printf("\t%s:%s) ", option_commands[c].name, row->spelling);
		switch (value_of(row)) {
		case COMPLETES_FILE:
			fputs("files=-f", stdout);
			break;
		case COMPLETES_FOLDER:
			fputs("files=-d", stdout);
			break;
		case COMPLETES_WORDS:
			fputs("words='", stdout);
			print_value_words(row);
			putchar('\'');
			break;
		case COMPLETES_NOTHING:
			putchar(':');
			break;
		}
		puts(" ;;");
	}
}

static void print_bash_options(int c)
{
	printf("\t%s:-*) words='", option_commands[c].name);
	for (int i = 0; i < option_row_count; i++) {
		const struct option_row *row = &option_rows[i];
		if (row->commands & 1u << c)
			printf("%s%s ", row->spelling, *option_between(row) == '=' ? "=" : "");
	}
	puts("' ;;");
}

static void print_bash_operands(int c)
{
	const struct command_row *row = &option_commands[c];

	printf("\t%s:*) ", row->name);
	if (operand_of(row) == COMPLETES_WORDS) {
		fputs("words='", stdout);
		print_operand_words(row);
		fputs("' ;;\n", stdout);
	} else {
		puts(operand_of(row) == COMPLETES_FILE ? "files=-f ;;" : ": ;;");
	}
}

static void print_bash(void)
{
	puts("# Completion of ks for bash, made by `ks completion bash`.\n"
	     "_ks() {\n"
	     "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
	     "\tlocal command=${COMP_WORDS[1]} words= files=\n"
	     "\tCOMPREPLY=()\n"
	     "\tif [ \"$word\" = = ]; then\n"
	     "\t\tword=\n"
	     "\telif [ \"$before\" = = ]; then\n"
	     "\t\tbefore=${COMP_WORDS[COMP_CWORD - 2]}\n"
	     "\tfi\n"
	     "\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
	     "\t\tcommand= before=");
	fputs("\t\twords='", stdout);
	print_commands();
	fputs(" --help --version'\n\telif [ \"$command\" = help ]; then\n\t\twords='", stdout);
	print_commands();
	puts("'\n\tfi\n\tcase $command:$before in");
	for (int c = 0; c < COMMAND_COUNT; c++)
		print_bash_values(c);
	puts("\t*) case $command:$word in");
	for (int c = 0; c < COMMAND_COUNT; c++) {
		print_bash_options(c);
		print_bash_operands(c);
	}
	puts("\tesac ;;\n"
	     "\tesac\n"
	     "\tif [ -n \"$files\" ]; then\n"
	     "\t\tcompopt -o filenames 2>/dev/null\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen $files -- \"$word\")\n"
	     "\telif [ -n \"$words\" ]; then\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	     "\t\t[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null\n"
	     "\tfi\n"
	     "}\n"
	     "complete -F _ks ks");
}

/* ---- zsh ---- */

/* Text inside '…' and [ ]. */
static void print_zsh_text(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:\\", *p))
			printf("\\%c", *p);
		else if (*p != '`')
			putchar(*p);
	}
}

static void print_zsh_action(enum completes what)
{
	switch (what) {
	case COMPLETES_FILE:
		fputs("_files", stdout);
		break;
	case COMPLETES_FOLDER:
		fputs("_files -/", stdout);
		break;
	case COMPLETES_WORDS:
	case COMPLETES_NOTHING:
		putchar(' ');
		break;
	}
}

static void print_zsh_option(const struct option_row *row)
{
	const char *between = option_between(row);
	bool repeats = row->form == OPT_JOINED;

	printf("\t\t\t'%s%s%s[", repeats ? "*" : "", row->spelling,
	       *between == '=' ? "="
	       : repeats       ? "+"
			       : "");
	print_zsh_text(row->help);
	putchar(']');
	if (*row->value) {
		fputs(":value:", stdout);
		if (value_of(row) == COMPLETES_WORDS) {
			putchar('(');
			print_value_words(row);
			putchar(')');
		} else {
			print_zsh_action(value_of(row));
		}
	}
	fputs("' \\\n", stdout);
}

static void print_zsh_command(int c)
{
	const struct command_row *row = &option_commands[c];

	printf("\t%s)\n\t\t_arguments \\\n", row->name);
	for (int i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << c)
			print_zsh_option(&option_rows[i]);
	if (row->inputs == INPUT_NONE) {
		puts("\t\t\t&& return\n\t\t;;");
		return;
	}
	printf("\t\t\t'%s:%s:", row->inputs == INPUT_SOME ? "*" : "1", row->noun);
	if (operand_of(row) == COMPLETES_WORDS) {
		putchar('(');
		print_operand_words(row);
		putchar(')');
	} else {
		print_zsh_action(operand_of(row));
	}
	puts("'\n\t\t;;");
}

static void print_zsh(void)
{
	puts("#compdef ks\n"
	     "# Completion of ks for zsh, made by `ks completion zsh`.\n"
	     "_ks() {\n"
	     "\tlocal -a commands=(");
	for (int c = 0; c < COMMAND_COUNT; c++) {
		printf("\t\t'%s:", option_commands[c].name);
		print_zsh_text(option_commands[c].summary);
		puts("'");
	}
	puts("\t\t'help:tell about a command'\n"
	     "\t)\n"
	     "\tif (( CURRENT == 2 )); then\n"
	     "\t\t_describe command commands\n"
	     "\t\treturn\n"
	     "\tfi\n"
	     "\tshift words\n"
	     "\t(( CURRENT-- ))\n"
	     "\tcase $words[1] in\n"
	     "\thelp) _describe command commands ;;");
	for (int c = 0; c < COMMAND_COUNT; c++)
		print_zsh_command(c);
	puts("\tesac\n"
	     "}\n"
	     "_ks \"$@\"");
}

int completion_run(const struct options *options)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}};

	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
		if (!strcmp(options->input, shells[i].name)) {
			shells[i].print();
			return STATUS_OK;
		}
	}
	return options_wrong(options, "`ks completion` knows bash and zsh, not `%s`",
			     options->input);
}
