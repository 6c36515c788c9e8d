/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: parses a program's main file and, depth first, what it includes and imports. A file is
 * known by device and inode, so it is parsed once whatever paths lead to it; a shipped header is
 * known by its name. The files in progress form a stack of their own rather than recursing here, and
 * an include of a file on that stack is a cycle.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "frontend/base/buf.h"
#include "frontend/syntax/parser.h"

struct file_entry {
	struct module *module;
	bool has_identity; // dev and ino are set: a file on disk
	dev_t dev;
	ino_t ino;
	bool in_progress;
};

struct open_file { // a file whose declarations are being walked
	struct file_entry *entry;
	uint32_t next; // index of the next declaration
	span via;      // the include that led here
};

struct loader {
	struct compile *compile;
	const struct parse_options *options;
	struct program *program;
	VEC(struct file_entry *) files;
	VEC(struct open_file) stack;
};

struct module *parse_file(struct compile *compile, struct source_file *file)
{
	struct module *m = ARENA_NEW(&compile->module, struct module);
	struct parser p = {.compile = compile, .arena = &compile->module, .module = m};
	size_t len = strlen(file->path);

	m->file = file;
	m->is_header = len > 3 && !strcmp(file->path + len - 3, ".kh");
	lexer_init(&p.lexer, compile, file);
	parse_module_decls(&p);
	return m;
}

/* The module whose declarations an include makes visible, or an import names. */
static struct module **target_of(struct decl *d)
{
	return d->kind == DECL_INCLUDE ? &d->include.module : &d->import.module;
}

static span path_where(const struct decl *d)
{
	return d->kind == DECL_INCLUDE ? d->include.path_where : d->import.path_where;
}

/* Reading a device could take for ever, and no program lies in one. Pipes are sources. */
static bool is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

static void report_device(struct loader *l, span where, const char *path)
{
	diag_report(&l->compile->diags, D_FILE_NOT_READABLE, where, path, "it is a device");
}

static void report_unreadable(struct loader *l, span where, const char *path, enum source_error e)
{
	if (e == SOURCE_TOO_LARGE)
		diag_report(&l->compile->diags, D_FILE_TOO_LARGE, where, path);
	else
		diag_report(&l->compile->diags, D_FILE_NOT_READABLE, where, path,
			    e == SOURCE_IS_DIRECTORY ? "it is a folder" : strerror(errno));
}

/* Parses a file of the source map and pushes it on the stack. */
static struct file_entry *open_module(struct loader *l, struct source_file *file,
				      const struct stat *st, span via)
{
	struct arena *a = &l->compile->module;
	struct file_entry *entry = ARENA_NEW(a, struct file_entry);

	entry->module = parse_file(l->compile, file);
	entry->in_progress = true;
	if (st) {
		entry->has_identity = true;
		entry->dev = st->st_dev;
		entry->ino = st->st_ino;
	}
	vec_push(a, &l->files, entry);
	vec_push(a, &l->program->modules, entry->module);
	l->program->is_damaged |= entry->module->is_damaged;
	struct open_file open = {entry, 0, via};
	vec_push(a, &l->stack, open);
	return entry;
}

static struct file_entry *find_by_identity(const struct loader *l, const struct stat *st)
{
	for (uint32_t i = 0; i < l->files.len; i++) {
		struct file_entry *e = l->files.data[i];
		if (e->has_identity && e->dev == st->st_dev && e->ino == st->st_ino)
			return e;
	}
	return NULL;
}

static struct file_entry *find_by_path(const struct loader *l, const char *path)
{
	for (uint32_t i = 0; i < l->files.len; i++)
		if (!strcmp(l->files.data[i]->module->file->path, path))
			return l->files.data[i];
	return NULL;
}

/* Path of `name` beside the file `from`; `name` itself when it is absolute. */
static const char *path_beside(struct loader *l, const char *from, const char *name)
{
	const char *slash = strrchr(from, '/');

	if (*name == '/' || !slash)
		return name;
	return arena_printf(&l->compile->module, "%.*s%s", (int)(slash + 1 - from), from, name);
}

/* First existing candidate for the file: beside the including one, then the -I folders. A folder of
 * that name does not count unless nothing else is found. NULL when there is none. */
static const char *find_on_disk(struct loader *l, const char *from, const char *name,
				struct stat *st)
{
	const struct include_paths *dirs = &l->options->includes;
	const char *path = path_beside(l, from, name), *folder = NULL;

	for (uint32_t i = 0;; i++) {
		if (!stat(path, st) && !S_ISDIR(st->st_mode))
			return path;
		if (!folder && !stat(path, st))
			folder = path;
		if (*name == '/' || i == dirs->folder_count)
			break;
		path = arena_printf(&l->compile->module, "%s/%s", dirs->folders[i], name);
	}
	return folder && !stat(folder, st) ? folder : NULL;
}

static const struct shipped_header *find_shipped(const struct loader *l, const char *name)
{
	for (uint32_t i = 0; i < l->options->shipped_count; i++)
		if (!strcmp(l->options->shipped[i].name, name))
			return &l->options->shipped[i];
	return NULL;
}

static void report_cycle(struct loader *l, const struct file_entry *again, span where)
{
	struct buf chain;
	uint32_t first = 0;

	while (l->stack.data[first].entry != again)
		first++;
	buf_init(&chain);
	for (uint32_t i = first; i < l->stack.len; i++)
		buf_printf(&chain, "%s -> ", l->stack.data[i].entry->module->file->path);
	buf_add_text(&chain, again->module->file->path);
	struct diag *d = diag_report(&l->compile->diags, D_INCLUDE_CYCLE, where, chain.data);
	buf_fini(&chain);
	for (uint32_t i = l->stack.len; i-- > first + 1;)
		diag_note(&l->compile->diags, d, l->stack.data[i].via, "`%s` is included here",
			  l->stack.data[i].entry->module->file->path);
}

/* Adds a shipped header to the source map under a name that no file can have. */
static struct file_entry *open_shipped(struct loader *l, const struct shipped_header *h, span where)
{
	const char *path = arena_printf(&l->compile->module, "<ks>/%s", h->name);
	struct file_entry *entry = find_by_path(l, path);

	if (entry)
		return entry;
	struct source_file *file = source_add(&l->compile->sources, path, h->text, h->len);
	if (file)
		return open_module(l, file, NULL, where);
	diag_report(&l->compile->diags, D_FILE_TOO_LARGE, where, path);
	return NULL;
}

static struct file_entry *open_on_disk(struct loader *l, const char *path, const struct stat *st,
				       span where)
{
	struct file_entry *entry = find_by_identity(l, st);
	struct source_file *file = NULL;

	if (entry)
		return entry;
	if (is_device(st)) {
		report_device(l, where, path);
		return NULL;
	}
	enum source_error e = source_read(&l->compile->sources, path, &file);
	if (e == SOURCE_OK)
		return open_module(l, file, st, where);
	report_unreadable(l, where, path, e);
	return NULL;
}

/* Finds, and if it is new parses, the file that an include or import names. */
static void follow(struct loader *l, struct decl *d, const char *from)
{
	const char *name = d->kind == DECL_INCLUDE ? d->include.path : d->import.path;
	span where = path_where(d);
	struct file_entry *entry;
	struct stat st;

	if (l->stack.len >= PARSE_MAX_INCLUDE_DEPTH) {
		diag_report(&l->compile->diags, D_INCLUDE_TOO_DEEP, where,
			    arena_printf(&l->compile->module, "%d", PARSE_MAX_INCLUDE_DEPTH));
		l->program->is_damaged = true;
		return;
	}
	uint32_t depth = l->stack.len;
	const char *path = find_on_disk(l, from, name, &st);
	const struct shipped_header *shipped = find_shipped(l, name);
	if (path && !(S_ISDIR(st.st_mode) && shipped)) {
		entry = open_on_disk(l, path, &st, where);
	} else if (shipped) {
		entry = open_shipped(l, shipped, where);
	} else {
		diag_report(&l->compile->diags, D_INCLUDE_NOT_FOUND, where, name);
		l->program->is_damaged = true;
		return;
	}
	if (!entry) {
		l->program->is_damaged = true;
		return;
	}
	bool was_known = l->stack.len == depth;
	if (was_known && entry->in_progress && d->kind == DECL_INCLUDE) {
		report_cycle(l, entry, where);
		l->program->is_damaged = true;
	} else {
		*target_of(d) = entry->module;
	}
}

static void walk(struct loader *l)
{
	while (l->stack.len && !l->compile->diags.too_many) {
		struct open_file *top = &vec_last(&l->stack);
		struct module *m = top->entry->module;
		if (top->next == m->decls.len) {
			top->entry->in_progress = false;
			l->stack.len--;
			continue;
		}
		struct decl *d = m->decls.data[top->next++];
		if (d->kind == DECL_INCLUDE || (d->kind == DECL_IMPORT && !d->import.is_python))
			follow(l, d, m->file->path);
	}
}

bool parse_program_file(struct compile *compile, const struct parse_options *options,
			struct source_file *file, struct program *out)
{
	struct loader l = {.compile = compile, .options = options, .program = out};
	struct stat st;
	bool on_disk = !stat(file->path, &st);

	open_module(&l, file, on_disk ? &st : NULL, (span){0, 0});
	walk(&l);
	return true;
}

bool parse_program(struct compile *compile, const struct parse_options *options, const char *path,
		   struct program *out)
{
	struct loader l = {.compile = compile, .options = options, .program = out};
	struct source_file *file = NULL;
	struct stat st;

	if (strcmp(path, "-") && !stat(path, &st) && is_device(&st)) {
		report_device(&l, (span){0, 0}, path);
		return false;
	}
	enum source_error e = source_read(&compile->sources, path, &file);
	if (e == SOURCE_OK)
		return parse_program_file(compile, options, file, out);
	report_unreadable(&l, (span){0, 0}, path, e);
	return false;
}
