/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ks test`: finds the files, compiles each, runs the tests that are wanted one after the other and hands the
 * results to the reports. Input: options; output: standard output, the files that options name, an
 * exit status.
 */
#define _GNU_SOURCE
#include "frontend/driver/test.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "frontend/driver/kernel_btf.h"
#include "frontend/driver/output.h"
#include "frontend/driver/test_inside.h"
#include "ks/rt.h"

enum { DEFAULT_TIMEOUT = 10, MAX_TIMEOUT = 86400, MAX_DEPTH = 32 };

/* ---- files ---- */

static bool has_suffix(const char *name)
{
	size_t len = strlen(name);
	return len > 3 && !strcmp(name + len - 3, ".ks");
}

/* A file without the word has no tests, whatever is in it. */
static bool mentions_tests(const char *path)
{
	struct compile reading;
	struct buf text;
	compile_init(&reading);
	buf_init(&text);
	bool found = output_read_file(&reading, path, &text) && text.len &&
		     memmem(text.data, text.len, "@test", 5);
	buf_fini(&text);
	compile_fini(&reading);
	return found;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_folder(struct test_session *s, const char *path, int depth)
{
	VEC(const char *) names = {0};
	DIR *folder = depth < MAX_DEPTH ? opendir(path) : NULL;
	struct dirent *entry;
	while (folder && (entry = readdir(folder)))
		if (*entry->d_name != '.')
			vec_push(&s->arena, &names,
				 arena_printf(&s->arena, "%s/%s", path, entry->d_name));
	if (folder)
		closedir(folder);
	if (names.len)
		qsort(names.data, names.len, sizeof *names.data, by_name);
	for (uint32_t i = 0; i < names.len; i++) {
		struct stat st;
		if (lstat(names.data[i], &st))
			continue;
		if (S_ISDIR(st.st_mode))
			add_folder(s, names.data[i], depth + 1);
		else if (S_ISREG(st.st_mode) && has_suffix(names.data[i]) &&
			 mentions_tests(names.data[i]))
			vec_push(&s->arena, &s->paths, names.data[i]);
	}
}

static void find_files(struct test_session *s)
{
	for (uint32_t i = 0; i < s->options->inputs.len; i++) {
		const char *path = s->options->inputs.data[i];
		struct stat st;
		if (!stat(path, &st) && S_ISDIR(st.st_mode))
			add_folder(s, path, 0);
		else
			vec_push(&s->arena, &s->paths, path);
	}
}

/* ---- one file ---- */

static void *share(size_t size)
{
	void *memory = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die_out_of_memory();
	return memory;
}

static size_t report_size(const struct test_file *f)
{
	return sizeof(struct ks_test_report) + f->program_count * sizeof(struct ks_test_cost);
}

static void open_programs(struct test_file *f)
{
	struct vm_options options = {.kernel = f->types, .release = f->product.kernel};
	struct buf why;
	buf_init(&why);
	vm_open(&f->vm, (const uint8_t *)f->product.bpf.data, f->product.bpf.len, &options, &why);
	buf_fini(&why);
	if (f->vm && (f->options->coverage || f->options->lcov))
		f->counts = share(vm_code_count(f->vm) * sizeof *f->counts);
}

static struct test_file *compile_file(struct test_session *s, const char *path)
{
	struct test_file *f = ARENA_NEW(&s->arena, struct test_file);
	struct options *o = ARENA_NEW(&s->arena, struct options);
	*o = *s->options;
	o->input = path;
	f->path = path;
	f->options = o;
	compile_init(&f->compile);
	f->is_compiled = pipeline_run(&f->compile, o, &f->product) == STATUS_OK;
	fflush(stdout);
	output_print_diagnostics(&f->compile, o);
	vec_push(&s->arena, &s->files, f);
	if (!f->is_compiled)
		return f;
	struct ks_meta_header header;
	memcpy(&header, f->product.meta.data, sizeof header);
	f->program_count = header.program_count;
	f->types = kernel_btf_open(&f->compile, o);
	f->report = share(report_size(f));
	f->costs = ARENA_ARRAY(&s->arena, struct ks_test_cost, f->program_count + 1);
	open_programs(f);
	return f;
}

static void close_file(struct test_file *f)
{
	vm_close(f->vm);
	buf_fini(&f->product.out);
	buf_fini(&f->product.bpf);
	buf_fini(&f->product.image);
	buf_fini(&f->product.meta);
	compile_fini(&f->compile);
}

/* ---- one test ---- */

static void add_costs(struct test_file *f)
{
	for (uint32_t i = 0; i < f->program_count; i++) {
		const struct ks_test_cost *one = &f->report->costs[i];
		f->costs[i].runs += one->runs;
		f->costs[i].interpreted += one->interpreted;
		f->costs[i].instructions += one->instructions;
		f->costs[i].ns += one->ns;
		if (one->verified)
			f->costs[i].verified = one->verified;
	}
}

static struct test_result run_anew(struct test_session *s, struct test_file *f, uint32_t number,
				   bool in_interpreter)
{
	memset(f->report, 0, report_size(f));
	return test_run_one(s, f, &f->product.tests.data[number], number, in_interpreter);
}

/* In the kernel when that can do it; once more in the interpreter when lines are counted, which only happens
 * there. */
static struct test_result run_test(struct test_session *s, struct test_file *f, uint32_t number)
{
	struct test_result r = run_anew(s, f, number, s->in_interpreter);
	const char *why = arena_printf(&s->arena, "%s", f->report->needs_interpreter);
	if (*why && s->options->in_kernel) {
		r.output = arena_printf(&s->arena, "%s%s\n", r.output, why);
	} else if (*why) {
		double seconds = r.seconds;
		r = run_anew(s, f, number, true);
		r.seconds += seconds;
		r.why = why;
	}
	add_costs(f);
	if (f->counts && !r.in_interpreter) {
		struct test_result counted = run_anew(s, f, number, true);
		if (r.outcome == TEST_PASSED && counted.outcome != TEST_PASSED)
			r.why = "it does not pass in the interpreter, which counts lines";
	}
	return r;
}

static void run_file(struct test_session *s, struct test_file *f)
{
	for (uint32_t i = 0; i < f->product.tests.len; i++) {
		const char *name = f->product.tests.data[i].name;
		if (s->options->filter && fnmatch(s->options->filter, name, 0))
			continue;
		struct test_result r = run_test(s, f, i);
		vec_push(&s->arena, &f->results, r);
		s->passed += r.outcome == TEST_PASSED;
		s->failed += r.outcome != TEST_PASSED;
		s->seconds += r.seconds;
		if (!s->options->tap)
			test_print_result(s, f, &vec_last(&f->results));
	}
}

/* ---- all of it ---- */

static bool write_file(const struct options *o, const struct buf *text, const char *path)
{
	int err = buf_write_file(text, path, 0666);
	if (err)
		fprintf(stderr, "ks: cannot write %s: %s\n", path, strerror(-err));
	(void)o;
	return !err;
}

static bool write_reports(struct test_session *s)
{
	const struct options *o = s->options;
	bool ok = true;
	struct buf text;
	buf_init(&text);
	if (o->junit) {
		test_write_junit(s, &text);
		ok = write_file(o, &text, o->junit);
	}
	text.len = 0;
	for (uint32_t i = 0; o->lcov && i < s->files.len; i++)
		test_add_lcov(s->files.data[i], &text);
	if (o->lcov)
		ok &= write_file(o, &text, o->lcov);
	text.len = 0;
	for (uint32_t i = 0; o->coverage && i < s->files.len; i++)
		test_print_coverage(s->files.data[i], &text);
	if (text.len)
		fwrite(text.data, 1, text.len, o->tap ? stderr : stdout);
	buf_fini(&text);
	return ok;
}

static int read_options(struct test_session *s)
{
	const struct options *o = s->options;
	char *end = NULL;
	unsigned long seconds = o->timeout ? strtoul(o->timeout, &end, 10) : DEFAULT_TIMEOUT;
	if (o->timeout && (*end || !*o->timeout || !seconds || seconds > MAX_TIMEOUT))
		return options_wrong(o, "`--timeout` takes seconds, not `%s`", o->timeout);
	if (o->interp && o->in_kernel)
		return options_wrong(o, "`--interp` and `--in-kernel` exclude each other");
	s->timeout = (uint32_t)seconds;
	s->in_interpreter = o->interp || (!o->in_kernel && !test_has_privilege());
	return STATUS_OK;
}

static bool has_passed(const struct test_session *s)
{
	return !s->failed && !s->broken && s->passed;
}

int test_run(const struct options *options)
{
	struct test_session s = {.options = options};
	int status = read_options(&s);
	if (status)
		return status;
	arena_init(&s.arena);
	find_files(&s);
	for (uint32_t i = 0; i < s.paths.len; i++) {
		struct test_file *f = compile_file(&s, s.paths.data[i]);
		s.broken += !f->is_compiled;
		if (!f->is_compiled)
			continue;
		run_file(&s, f);
		if (!options->tap)
			test_print_costs(&s, f);
	}
	if (options->tap)
		test_print_tap(&s);
	bool ok = write_reports(&s);
	if (!options->tap)
		test_print_summary(&s);
	status = ok && has_passed(&s) ? STATUS_OK : STATUS_WRONG_PROGRAM;
	for (uint32_t i = 0; i < s.files.len; i++)
		close_file(s.files.data[i]);
	arena_fini(&s.arena);
	return status;
}
