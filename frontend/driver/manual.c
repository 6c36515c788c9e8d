/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page, docs/ks.1, from the same rows as the help texts. */
#include "frontend/driver/manual.h"

#include <string.h>

#include "frontend/driver/options_table.h"

/* Prints text in which roff reads nothing but text. */
static void print_text(const char *text)
{
	bool begins_line = true;

	for (const char *p = text; *p; p++) {
		if (begins_line && (*p == '.' || *p == '\''))
			fputs("\\&", stdout);
		if (*p == '\\')
			fputs("\\e", stdout);
		else if (*p == '-')
			fputs("\\-", stdout);
		else
			putchar(*p);
		begins_line = *p == '\n';
	}
}

static void print_line(const char *before, const char *text, const char *after)
{
	fputs(before, stdout);
	print_text(text);
	fputs(after, stdout);
}

static void print_option(const struct option_row *row)
{
	print_line(".TP\n\\fB", row->spelling, "\\fR");
	fputs(option_between(row), stdout);
	print_line("\\fI", row->value, "\\fR\n");
	print_line("", row->help, "\n");
}

static void print_command(int c)
{
	const struct command_row *row = &option_commands[c];

	print_line(".SS \"ks ", row->name, " ");
	print_line("", row->operands, "\"\n");
	print_line("", row->text, "\n");
	for (int i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << c)
			print_option(&option_rows[i]);
}

void manual_print(void)
{
	fputs(".\\\" Made by `ks help --man`.\n"
	      ".TH KS 1 \"\" \"ks " KS_VERSION "\" \"User Commands\"\n"
	      ".SH NAME\n"
	      "ks \\- compile one source file to an eBPF program and the userspace program that "
	      "drives it\n"
	      ".SH SYNOPSIS\n",
	      stdout);
	for (int c = 0; c < COMMAND_COUNT; c++) {
		print_line(".B ks ", option_commands[c].name, "\n");
		print_line(".RI \"", option_commands[c].operands, "\"\n.br\n");
	}
	fputs(".B ks\n.RB [ \\-\\-help | \\-\\-version ]\n"
	      ".SH DESCRIPTION\n"
	      "One file of the KernelScript language holds programs that run in the Linux kernel "
	      "and the\nprogram that loads them. No C compiler, assembler or linker takes part.\n"
	      ".SH COMMANDS\n",
	      stdout);
	for (int c = 0; c < COMMAND_COUNT; c++)
		print_command(c);
	fputs(".SH EXIT STATUS\n"
	      "0 success, 1 the program is wrong, 2 the command line is wrong.\n"
	      ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nWhen set, messages are not coloured.\n"
	      ".SH EXAMPLES\n.nf\n",
	      stdout);
	for (int i = 0; option_examples[i]; i++)
		print_line("", option_examples[i], "\n");
	fputs(".fi\n.SH SEE ALSO\n.BR bpf (2),\n.BR bpftool (8)\n", stdout);
}
