/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ks fmt`: each file is parsed, laid out, and the result parsed again. Nothing is written unless both
 * trees and all comments are equal; a file with mistakes is reported and left alone.
 */
#include "frontend/syntax/format.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "frontend/driver/format.h"
#include "frontend/driver/output.h"
#include "frontend/syntax/parse.h"

static bool is_standard_input(const char *path)
{
	return !strcmp(path, "-");
}

static struct source_file *read_source(struct compile *compile, const char *path)
{
	struct source_file *file = NULL;
	struct buf text;

	buf_init(&text);
	if (output_read_file(compile, path, &text)) {
		file = source_add(&compile->sources, path, text.data ? text.data : "",
				  (uint32_t)text.len);
		if (!file)
			diag_report(&compile->diags, D_FILE_TOO_LARGE, (span){0, 0}, path);
	}
	buf_fini(&text);
	return file;
}

/* Puts the canonical text of a file into `out`; false after a diagnostic. */
static bool format_file(struct compile *compile, const struct source_file *file, struct buf *out)
{
	struct module *module = parse_file(compile, (struct source_file *)file);

	if (compile->diags.errors)
		return false;
	format_module(compile, module, out);
	if (format_keeps_program(compile, module, out))
		return true;
	/* What the second parse had to say is about text that the author never sees. */
	compile->diags.list.len = 0;
	diag_report(&compile->diags, D_FORMAT_CHANGED, (span){file->base, file->base}, file->path);
	return false;
}

static bool write_back(struct compile *compile, const char *path, const struct buf *text)
{
	struct stat st;
	int err = stat(path, &st) ? -errno : buf_write_file(text, path, st.st_mode & 07777);

	if (err)
		diag_report(&compile->diags, D_FILE_NOT_WRITABLE, (span){0, 0}, path,
			    strerror(-err));
	return !err;
}

static bool deliver(struct compile *compile, const struct options *o,
		    const struct source_file *file, const struct buf *text)
{
	bool differs =
		text->len != file->len || (file->len && memcmp(text->data, file->text, file->len));

	if (o->check) {
		if (differs)
			printf("%s\n", file->path);
		return !differs;
	}
	if (o->write && !is_standard_input(file->path))
		return !differs || write_back(compile, file->path, text);
	return output_print(compile, text);
}

static bool format_input(const struct options *o, const char *path)
{
	struct compile compile;
	struct buf text;

	compile_init(&compile);
	buf_init(&text);
	const struct source_file *file = read_source(&compile, path);
	bool ok = file && format_file(&compile, file, &text) && deliver(&compile, o, file, &text);
	output_print_diagnostics(&compile, o);
	buf_fini(&text);
	compile_fini(&compile);
	return ok;
}

int format_run(const struct options *options)
{
	bool ok = true;

	if (options->write && options->check)
		return options_wrong(options, "`-w` and `--check` exclude each other");
	for (uint32_t i = 0; i < options->inputs.len; i++)
		ok &= format_input(options, options->inputs.data[i]);
	return ok ? STATUS_OK : STATUS_WRONG_PROGRAM;
}
