/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ks debug`: opens the input, chooses the program, and lets commands come from the terminal or, where
 * there is none, from lines of standard input.
 */
#include "frontend/driver/debug/debug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Without --program: the first that is refused, else the first. */
static const struct program_code *choose_program(struct subject *subject)
{
	const char *name = subject->options->program;
	const struct program_code *first = NULL;
	for (uint32_t i = 0; i < subject->object.programs.len; i++) {
		const struct program_code *code = &subject->object.programs.data[i];
		struct verify_options options = {.kernel = subject->kernel,
						 .types = subject->types};
		struct verify_result result;
		if (name && !strcmp(name, code->name))
			return code;
		if (name)
			continue;
		verify_program(&subject->object, code, &options, &result);
		bool is_accepted = result.is_accepted;
		verify_result_free(&result);
		if (!is_accepted)
			return code;
		first = first ? first : code;
	}
	return first;
}

static void run_script(struct session *s)
{
	struct buf out;
	char *line = NULL, *last = NULL;
	size_t room = 0;
	buf_init(&out);
	debug_tell_verdict(s, &out);
	debug_tell_place(s, &out);
	do {
		fwrite(out.data, 1, out.len, stdout);
		out.len = 0;
		fflush(stdout);
		if (getline(&line, &room, stdin) < 0)
			break;
		line[strcspn(line, "\r\n")] = 0;
		printf("(ks) %s\n", line);
		const char *command = line[strspn(line, " \t")] || !last ? line : last;
		debug_command(s, command, &out);
		if (s->has_moved)
			debug_tell_place(s, &out);
		if (command == line) {
			free(last);
			last = strdup(line);
		}
	} while (!s->is_over);
	free(line);
	free(last);
	buf_fini(&out);
}

static int debug_subject(struct subject *subject)
{
	const struct program_code *code = choose_program(subject);
	struct session session;
	if (!code && subject->object.programs.len)
		return options_wrong(subject->options, "there is no program `%s` in `%s`",
				     subject->options->program, subject->path);
	if (!code) {
		diag_report(&subject->compile->diags, D_NOT_AN_OBJECT, (span){0, 0}, subject->path,
			    "there is no program in it");
		return STATUS_WRONG_PROGRAM;
	}
	session_open(&session, subject, code);
	if (screen_is_possible())
		screen_run(&session, subject->options);
	else
		run_script(&session);
	session_close(&session);
	return STATUS_OK;
}

int debug_run(struct compile *compile, const struct options *options)
{
	struct subject subject;
	uint32_t kernel;
	int status = subject_read_kernel(options, &kernel);
	if (status)
		return status;
	if (!subject_open(&subject, compile, options, options->input, kernel))
		return STATUS_WRONG_PROGRAM;
	status = debug_subject(&subject);
	subject_close(&subject);
	return status;
}
