/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a built program: check the metadata, parse the arguments, map the code, create maps
 * and globals, run main, leave. Input: the three payloads; output: the exit status.
 */
#include "loader/program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Compiled code has no argument that says which program calls, so a process runs one at a time. It
 * lives as long as the process because the signal thread may still look at it at exit. */
static struct program current;

struct program *program_current(void)
{
	return &current;
}

void report(const struct program *p, const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	int n = snprintf(line, sizeof line, "%s: ", p->options->name);
	if (n < 0 || (size_t)n >= sizeof line)
		n = 0;
	vsnprintf(line + n, sizeof line - (size_t)n, format, args);
	va_end(args);
	fprintf(stderr, "%s\n", line);
}

/* ---- metadata ---- */

static bool has_table(const struct ks_payload *payload, uint32_t offset, uint32_t count, size_t row)
{
	return offset <= payload->len && offset % 4 == 0 && count <= (payload->len - offset) / row;
}

static bool has_text(const struct ks_payload *payload, uint32_t offset)
{
	return offset < payload->len;
}

/* Everything that rows refer to is there. Strings are NUL-terminated when they start inside a
 * payload whose last byte is NUL. */
static bool has_references(const struct program *p)
{
	const struct meta *m = &p->meta;
	const struct ks_payload *payload = &p->options->meta;
	bool ok = has_text(payload, m->header->source_name);
	for (uint32_t i = 0; i < m->header->program_count; i++)
		ok = ok && has_text(payload, m->programs[i].name) &&
		     has_text(payload, m->programs[i].kind) &&
		     has_text(payload, m->programs[i].watched);
	for (uint32_t i = 0; i < m->header->map_count; i++)
		ok = ok && has_text(payload, m->maps[i].name);
	for (uint32_t i = 0; i < m->header->option_count; i++)
		ok = ok && has_text(payload, m->options[i].name) &&
		     m->options[i].offset <= m->header->options_size &&
		     m->options[i].size <= m->header->options_size - m->options[i].offset;
	for (uint32_t i = 0; i < m->header->tail_call_count; i++)
		ok = ok && m->tail_calls[i].caller < m->header->program_count &&
		     m->tail_calls[i].callee < m->header->program_count &&
		     m->tail_calls[i].map < m->header->map_count;
	return ok;
}

static int read_meta(struct program *p)
{
	const struct ks_payload *payload = &p->options->meta;
	const struct ks_meta_header *h = payload->data;
	if (payload->len < sizeof *h || h->magic != KS_META_MAGIC) {
		report(p, "the metadata of the program is damaged");
		return -EINVAL;
	}
	if (h->version != KS_RT_VERSION) {
		report(p, "compiled for runtime version %u, but this is version %u; build it again",
		       h->version, KS_RT_VERSION);
		return -EINVAL;
	}
	const char *bytes = payload->data;
	p->meta = (struct meta){
		.header = h,
		.programs = (const void *)(bytes + h->programs),
		.maps = (const void *)(bytes + h->maps),
		.options = (const void *)(bytes + h->options),
		.tail_calls = (const void *)(bytes + h->tail_calls),
		.strings = bytes,
	};
	if (bytes[payload->len - 1] != '\0' ||
	    !has_table(payload, h->programs, h->program_count, sizeof *p->meta.programs) ||
	    !has_table(payload, h->maps, h->map_count, sizeof *p->meta.maps) ||
	    !has_table(payload, h->options, h->option_count, sizeof *p->meta.options) ||
	    !has_table(payload, h->tail_calls, h->tail_call_count, sizeof *p->meta.tail_calls) ||
	    !has_references(p)) {
		report(p, "the metadata of the program is damaged");
		return -EINVAL;
	}
	return 0;
}

/* ---- life ---- */

static int prepare(struct program *p)
{
	const struct ks_meta_header *h = p->meta.header;
	p->handles = calloc(h->program_count + 1, sizeof *p->handles);
	p->maps = calloc(h->map_count + 1, sizeof *p->maps);
	if (!p->handles || !p->maps)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->program_count; i++)
		p->handles[i].index = i;
	int err = image_map(p);
	if (err)
		return err;
	if (!p->image.main) {
		report(p, "the program has no main function");
		return -EINVAL;
	}
	err = object_open(p);
	for (int i = 0; i < SECTION_COUNT && !err; i++)
		p->image.bases[i] = p->sections[i];
	return err;
}

static void clean_up(struct program *p)
{
	ops_close(p);
	events_close(p);
	inner_close(p);
	object_close(p);
	image_unmap(&p->image);
	free(p->attachments);
	free(p->handles);
	free(p->maps);
	free(p->percpu);
	free(p->record);
	free(p->line.data);
}

static int run(struct program *p, int argc, char **argv)
{
	if (read_meta(p) < 0)
		return EXIT_REFUSED;
	void *options = calloc(1, p->meta.header->options_size + 1);
	if (!options)
		return EXIT_REFUSED;
	int status = EXIT_REFUSED;
	int parsed = args_parse(p, argc, argv, options);
	if (parsed) {
		status = parsed < 0 ? EXIT_USAGE : 0;
	} else if (prepare(p) == 0) {
		process_watch(p);
		status = p->image.main(options) & 0xff;
		print_flush(p);
		status = process_settle(p, status);
	}
	free(options);
	return status;
}

int ks_run_program(const struct ks_program_options *options, int argc, char **argv)
{
	current = (struct program){.options = options, .waker = -1, .pin_lock = -1};
	pthread_mutex_init(&current.lock, NULL);
	int status = run(&current, argc, argv);
	clean_up(&current);
	return status;
}
