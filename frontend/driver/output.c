/* SPDX-License-Identifier: Apache-2.0 */
/* Names of inputs and outputs, reading and writing, and what an interrupt leaves behind: nothing. */
#define _GNU_SOURCE
#include "frontend/driver/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/base/diag_render.h"

/* What the default name of each output is: stem and suffix; and whether it can be run. */
static const struct {
	const char *suffix;
	unsigned mode;
} kinds[] = {
	[EMIT_PROGRAM] = {"", 0777}, [EMIT_BPF] = {".o", 0666},
	[EMIT_IR] = {".ir", 0666},   [EMIT_AST] = {".ast.ks", 0666},
	[EMIT_ASM] = {".s", 0666},   [EMIT_OBJ] = {".native.o", 0666},
	[EMIT_LLVM] = {".ll", 0666}, [EMIT_NATIVE_ASM] = {".native.s", 0666},
};

/* Folder of the running executable. Without /proc, in a bare chroot, the path given to exec serves. */
static const char *executable_folder(struct compile *compile)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	if (len > 0) {
		path[len] = 0;
	} else {
		const char *given = (const char *)getauxval(AT_EXECFN);
		if (!given || !realpath(given, path))
			return ".";
	}
	char *slash = strrchr(path, '/');
	if (slash == path)
		slash++;
	return arena_copy_string(&compile->session, path, slash ? (size_t)(slash - path) : 0);
}

const char *output_library_path(struct compile *compile, const char *name)
{
	return arena_printf(&compile->session, "%s/../lib/ks/%s", executable_folder(compile), name);
}

bool output_read_file(struct compile *compile, const char *path, struct buf *out)
{
	struct source_file *file;
	struct source_map map;

	/* The map of a compile is for sources; a library does not count against its size. */
	source_init(&map, &compile->module);
	enum source_error e = source_read(&map, path, &file);
	if (e == SOURCE_OK) {
		buf_add(out, file->text, file->len);
		return true;
	}
	if (e == SOURCE_TOO_LARGE)
		diag_report(&compile->diags, D_FILE_TOO_LARGE, (span){0, 0}, path);
	else
		diag_report(&compile->diags, D_FILE_NOT_READABLE, (span){0, 0}, path,
			    e == SOURCE_IS_DIRECTORY ? "it is a folder" : strerror(errno));
	return false;
}

bool output_map_file(struct compile *compile, const char *path, struct mapped_file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = MAP_FAILED;
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st))
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		diag_report(&compile->diags, D_FILE_NOT_READABLE, (span){0, 0}, path,
			    strerror(errno));
		return false;
	}
	*file = (struct mapped_file){map, (size_t)st.st_size, fd};
	return true;
}

const char *output_stem(struct compile *compile, const char *input)
{
	const char *slash = strrchr(input, '/');
	const char *name = slash ? slash + 1 : input;
	const char *dot = strrchr(name, '.');

	if (!strcmp(input, "-") || !*name)
		return "program";
	return arena_copy_string(&compile->session, name,
				 dot && dot != name ? (size_t)(dot - name) : strlen(name));
}

static bool report_unwritable(struct compile *compile, const char *path, const char *why)
{
	diag_report(&compile->diags, D_FILE_NOT_WRITABLE, (span){0, 0}, path, why);
	return false;
}

static bool print_parts(struct compile *compile, const struct buf *out,
			const struct buf_insert *insert)
{
	int err = buf_write_to(STDOUT_FILENO, out, insert);

	return !err || report_unwritable(compile, "standard output", strerror(-err));
}

bool output_print(struct compile *compile, const struct buf *out)
{
	return print_parts(compile, out, &(struct buf_insert){0});
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

bool output_write(struct compile *compile, const struct options *options,
		  const struct product *product)
{
	const char *path = options->output;

	if (path && !strcmp(path, "-"))
		return print_parts(compile, &product->out, &product->runtime);
	if (!path)
		path = arena_printf(&compile->session, "%s%s", output_stem(compile, options->input),
				    kinds[options->emit].suffix);
	if (is_same_file(path, options->input))
		return report_unwritable(compile, path, "it is the input; name another with -o");
	int err = buf_write_file_with(&product->out, &product->runtime, path,
				      kinds[options->emit].mode);
	return !err || report_unwritable(compile, path, strerror(-err));
}

static bool wants_colour(const struct options *o)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (o->colour != COLOUR_AUTO)
		return o->colour == COLOUR_ALWAYS;
	return isatty(STDERR_FILENO) && !(no_color && *no_color) &&
	       !(term && !strcmp(term, "dumb"));
}

void output_print_diagnostics(const struct compile *compile, const struct options *o)
{
	struct diag_style style = {.json = o->error_format == ERROR_FORMAT_JSON,
				   .colour = wants_colour(o)};
	struct buf text;

	buf_init(&text);
	diag_render_all(&compile->sources, &compile->diags, &style, &text);
	if (text.len)
		fwrite(text.data, 1, text.len, stderr);
	buf_fini(&text);
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number)
{
	buf_remove_temporary();
	raise(number); // SA_RESETHAND has put the default back
}

static void set_signals(const struct sigaction *action)
{
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction old;
		/* A signal that the parent told us to ignore stays ignored. */
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], action, NULL);
	}
}

void output_catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	set_signals(&action);
}

void output_release_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	set_signals(&action);
}
