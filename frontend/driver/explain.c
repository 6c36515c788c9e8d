/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ks explain`. The text is docs/diagnostics.md: an entry begins at a line `## NAME` and ends at the
 * next heading; paragraphs are wrapped anew, examples in fences are indented.
 */
#include "frontend/driver/explain.h"

#include <string.h>

#include "frontend/base/diag.h"

extern const char explain_text[]; // made by embed.cmake

/* The message of a diagnostic with `…` for what differs from case to case. */
static void print_message(const struct diag_info *info)
{
	for (const char *p = info->text; *p; p++) {
		if (p[0] == '%' && p[1] == 's') {
			fputs("…", stdout);
			p++;
		} else {
			putchar(*p);
			p += p[0] == '%' && p[1] == '%';
		}
	}
	putchar('\n');
}

static void print_list(void)
{
	for (int i = 0; i < DIAG_COUNT; i++) {
		const struct diag_info *info = diag_info((enum diag_id)i);
		printf("%-28s ", info->name);
		print_message(info);
	}
}

/* What stands behind the heading of an entry; NULL when there is none. */
static const char *find_entry(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = explain_text; (p = strstr(p, "\n## ")); p++)
		if (!strncmp(p + 4, name, len) && p[4 + len] == '\n')
			return p + 4 + len + 1;
	return NULL;
}

/* Length of the line at p, with its end. */
static size_t line_length(const char *p)
{
	size_t len = strcspn(p, "\n");

	return len + (p[len] == '\n');
}

/* "```ks wrong build --emit=bpf" as a title; the fence is not printed. */
static void print_fence(const char *line, size_t len)
{
	const char *kind = strchr(line, ' ');

	if (!kind || kind > line + len)
		return;
	bool wrong = !strncmp(kind, " wrong", 6);
	const char *command = kind + 6;
	printf("%s", wrong ? "Wrong" : "Right");
	if (*command == ' ')
		printf(", with `ks%.*s`", (int)strcspn(command, "\n"), command);
	fputs(":\n\n", stdout);
}

static const char *print_example(const char *p)
{
	print_fence(p, line_length(p));
	p += line_length(p);
	for (; *p && strncmp(p, "```", 3); p += line_length(p))
		printf("%s%.*s", *p == '\n' ? "" : "    ", (int)line_length(p), p);
	return p + line_length(p);
}

static const char *print_paragraph(struct arena *arena, const char *p)
{
	const char *end = strstr(p, "\n\n");
	size_t len = end ? (size_t)(end - p) : strlen(p);

	options_print_wrapped(arena_copy_string(arena, p, len), 0);
	return p + len + (p[len] == '\n');
}

static void print_entry(const struct options *o, enum diag_id id, const char *p)
{
	const struct diag_info *info = diag_info(id);

	printf("%s: %s: ", info->name, info->severity == DIAG_ERROR ? "error" : "warning");
	print_message(info);
	while (*p && *p != '#') {
		if (*p != '\n')
			p = strncmp(p, "```", 3) ? print_paragraph(o->arena, p) : print_example(p);
		else if (*++p && *p != '#') // the empty line between two parts
			putchar('\n');
	}
}

static int unknown_name(const struct options *o)
{
	const char *names[DIAG_COUNT];

	for (int i = 0; i < DIAG_COUNT; i++)
		names[i] = diag_info((enum diag_id)i)->name;
	const char *nearest = options_nearest(o->input, names, DIAG_COUNT);
	return options_wrong(o, "there is no diagnostic `%s`%s%s%s", o->input,
			     nearest ? "; did you mean `" : "", nearest ? nearest : "",
			     nearest ? "`?" : "; `ks explain` lists them");
}

int explain_run(const struct options *options)
{
	if (!options->input) {
		print_list();
		return STATUS_OK;
	}
	enum diag_id id = diag_find(options->input);
	if (id == DIAG_COUNT)
		return unknown_name(options);
	const char *entry = find_entry(options->input);
	print_entry(options, id, entry ? entry : "");
	return STATUS_OK;
}
