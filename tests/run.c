/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden runner: one test is one .ks or .ir file in a stage's folder, with its expectations in
 * comments (docs/testing.md). For each file it runs ks once, in a scratch folder of its own, and
 * compares exit status, diagnostics and output; --accept writes the output files instead.
 *
 *	golden [--ks PATH] [--tests DIR] [--accept] [-v] [-j N] [FILTER...]
 *
 * A filter is a part of the file's path. Prints failures and totals; exit status 1 when one failed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const stages[] = {"syntax", "sema",   "lower", "opt",  "select",
				     "object", "limits", "diag",  "exec", "kernel"};

enum { TIME_LIMIT = 60, MAX_EXPECTED = 256, MAX_ARGS = 64, SKIPPED = 77 };

struct expected {
	unsigned line;    // 0: anywhere
	const char *name; // diagnostic name
	const char *text; // part of the message
	bool seen;
};

struct test {
	const char *path; // from the scratch folder: tests/sema/x.ks
	char stem[NAME_MAX];
	char *run, *then, *needs;
	int exit_status; // -1: 1 when an error was expected, else 0
	struct expected expected[MAX_EXPECTED];
	unsigned expected_count;
	FILE *report; // why it failed
	bool failed, has_error;
};

struct options {
	char ks[PATH_MAX], tests[PATH_MAX];
	bool accept, verbose;
	int jobs;
	char **filters;
};

#define FAIL(t, ...) ((t)->failed = true, fprintf((t)->report, "    " __VA_ARGS__))

static char *read_all(int fd, size_t *len)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st))
		return NULL;
	char *text = calloc(1, (size_t)st.st_size + 1);
	ssize_t n = pread(fd, text, (size_t)st.st_size, 0);
	*len = n < 0 ? 0 : (size_t)n;
	return text;
}

static char *value_of(char *line, const char *directive)
{
	size_t len = strlen(directive);
	return strncmp(line, directive, len) ? NULL : line + len + strspn(line + len, " ");
}

/* "//~ name: text", "//~^ name: text" (line above), "//~* name: text" (anywhere). */
static void parse_expectation(struct test *t, char *at, unsigned line)
{
	if (t->expected_count == MAX_EXPECTED)
		return;
	for (; *at == '^'; at++)
		line--;
	if (*at == '*')
		at++, line = 0;
	char *next = strstr(at, "//~");
	if (next) {
		*next = '\0';
		parse_expectation(t, next + 3, line);
	}
	at += strspn(at, " ");
	char *end = at + strlen(at);
	while (end > at && end[-1] == ' ')
		*--end = '\0';
	char *colon = strchr(at, ':');
	const char *text = "";
	if (colon) {
		*colon = '\0';
		text = colon + 1 + strspn(colon + 1, " ");
	}
	t->expected[t->expected_count++] = (struct expected){line, at, text, false};
}

static void parse_test(struct test *t, char *source)
{
	t->exit_status = -1;
	unsigned number = 1;
	char *save = source;
	for (char *line; (line = strsep(&save, "\n")); number++) {
		char *value;
		if ((value = value_of(line, "// run:")) || (value = value_of(line, "; run:")))
			t->run = value;
		else if ((value = value_of(line, "// then:")))
			t->then = value;
		else if ((value = value_of(line, "// needs:")))
			t->needs = value;
		else if ((value = value_of(line, "// exit:")) ||
			 (value = value_of(line, "; exit:")))
			t->exit_status = atoi(value);
		else if ((value = strstr(line, "//~")))
			parse_expectation(t, value + 3, number);
	}
}

/* Runs a command line, `first` before its words; "%" stands for the file. Output goes to out, err. */
static int run_command(const struct test *t, const char *first, char *words, int out, int err)
{
	const char *argv[MAX_ARGS] = {first};
	unsigned argc = first != NULL;
	bool named = false, is_program = first == NULL;
	for (char *word; (word = strsep(&words, " ")) && argc < MAX_ARGS - 3;) {
		if (!*word)
			continue;
		bool is_file = !strcmp(word, "%");
		named |= is_file;
		if (!is_program && !strcmp(word, "--") && !named) {
			argv[argc++] = t->path;
			named = true;
		}
		argv[argc++] = is_file ? t->path : word;
	}
	if (!is_program && !named)
		argv[argc++] = t->path;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(open("/dev/null", 0), 0);
		dup2(out, 1);
		dup2(err, 2);
		alarm(TIME_LIMIT);
		execv(argv[0], (char **)argv);
		dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	int status;
	waitpid(pid, &status, 0);
	return status;
}

/* One line of standard error, "FILE:LINE:COLUMN: error: message [name]", against what is expected. */
static void check_diagnostic(struct test *t, char *line)
{
	char *kind = strstr(line, ": error: ");
	t->has_error |= kind != NULL;
	if (!kind)
		kind = strstr(line, ": warning: ");
	char *name = strrchr(line, '[');
	char *end = name ? strchr(name, ']') : NULL;
	if (!kind)
		return;
	unsigned number = 0;
	size_t path_len = strlen(t->path);
	if (!strncmp(line, t->path, path_len) && line[path_len] == ':')
		number = (unsigned)strtoul(line + path_len + 1, NULL, 10);
	for (unsigned i = 0; name && end && i < t->expected_count; i++) {
		struct expected *e = &t->expected[i];
		if (e->seen || (e->line && e->line != number) ||
		    strlen(e->name) != (size_t)(end - name - 1) ||
		    strncmp(e->name, name + 1, strlen(e->name)) || !strstr(kind, e->text))
			continue;
		e->seen = true;
		return;
	}
	FAIL(t, "unexpected: %s\n", line);
}

static void check_status(struct test *t, int status, const char *err)
{
	int want = t->exit_status >= 0 ? t->exit_status : t->has_error;
	if (WIFSIGNALED(status))
		FAIL(t, "%s\n%s\n",
		     WTERMSIG(status) == SIGALRM ? "time limit" : strsignal(WTERMSIG(status)), err);
	else if (strstr(err, "Sanitizer") || strstr(err, "runtime error:"))
		FAIL(t, "sanitizer report:\n%s\n", err);
	else if (WEXITSTATUS(status) != want)
		FAIL(t, "exit status %d, not %d\n%s\n", WEXITSTATUS(status), want, err);
}

/* Compares with, or writes, the file beside the test that has its stem and this suffix. */
static void check_file(struct test *t, const struct options *o, const char *suffix, const char *got,
		       size_t got_len)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%.*s%s", (int)(strrchr(t->path, '.') - t->path), t->path,
		 suffix);
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	char *want = read_all(fd, &len);
	bool wanted = want || (o->accept && !strcmp(suffix, ".out") && got_len);
	if (fd >= 0)
		close(fd);
	if (!wanted || (want && len == got_len && !memcmp(want, got, len)))
		return;
	if (o->accept) {
		FILE *f = fopen(path, "w");
		if (f && fwrite(got, 1, got_len, f) == got_len && !fclose(f))
			return;
	}
	FILE *f = fopen("got", "w");
	fwrite(got, 1, got_len, f);
	fclose(f);
	FAIL(t, "output differs from %s:\n", path);
	fflush(t->report);
	char command[PATH_MAX + 64];
	snprintf(command, sizeof(command), "diff -u %s got | sed 1,2d | head -40", path);
	FILE *diff = popen(command, "r");
	for (int c; diff && (c = getc(diff)) != EOF;)
		putc(c, t->report);
	if (diff)
		pclose(diff);
}

/* In a process of its own, inside the scratch folder. */
static int run_test(const struct options *o, const char *path)
{
	char *text = NULL;
	size_t text_len = 0, len, out_len = 0, err_len = 0;
	struct test *t = calloc(1, sizeof(*t));
	t->path = path;
	t->report = open_memstream(&text, &text_len);
	char *source = read_all(open(path, O_RDONLY), &len);
	parse_test(t, source);
	const char *why = NULL;
	if (t->needs && strstr(t->needs, "root") && geteuid())
		why = "needs root";
	int out = memfd_create("out", 0), err = memfd_create("err", 0);
	if (!why) {
		char *run = strdup(t->run ? t->run : "check");
		int status = run_command(t, o->ks, run, out, err);
		if (status == 0 && t->then)
			status = run_command(t, NULL, strdup(t->then), out, err);
		char *out_text = read_all(out, &out_len), *err_text = read_all(err, &err_len);
		char *lines = strdup(err_text);
		for (char *line; (line = strsep(&lines, "\n"));)
			check_diagnostic(t, line);
		for (unsigned i = 0; i < t->expected_count; i++)
			if (!t->expected[i].seen)
				FAIL(t, "line %u: [%s] \"%s\" was not reported\n",
				     t->expected[i].line, t->expected[i].name, t->expected[i].text);
		check_status(t, status, err_text);
		check_file(t, o, ".out", out_text, out_len);
		check_file(t, o, ".err", err_text, err_len);
	}
	fclose(t->report);
	if (why)
		dprintf(1, "SKIP %s: %s\n", path, why);
	else if (t->failed)
		dprintf(1, "FAIL %s\n%s", path, text);
	else if (o->verbose)
		dprintf(1, "PASS %s\n", path);
	return why ? SKIPPED : t->failed;
}

static bool is_wanted(const struct options *o, const char *path)
{
	const char *dot = strrchr(path, '.');
	if (!dot || (strcmp(dot, ".ks") && strcmp(dot, ".ir")))
		return false;
	for (char **f = o->filters; *f; f++)
		if (strstr(path, *f))
			return true;
	return !*o->filters;
}

struct totals {
	unsigned passed, failed, skipped;
	int running;
};

static void reap(struct totals *totals)
{
	int status;
	if (wait(&status) < 0)
		return;
	totals->running--;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	*(code == 0 ? &totals->passed : code == SKIPPED ? &totals->skipped : &totals->failed) += 1;
}

static void start_test(const struct options *o, const char *scratch, const char *path,
		       unsigned number, struct totals *totals)
{
	while (totals->running >= o->jobs)
		reap(totals);
	totals->running++;
	fflush(stdout);
	if (fork())
		return;
	char dir[PATH_MAX];
	snprintf(dir, sizeof(dir), "%s/%u", scratch, number);
	if (mkdir(dir, 0777) || chdir(dir) || symlink(o->tests, "tests"))
		_exit(1);
	_exit(run_test(o, path));
}

static bool parse_options(struct options *o, char **argv)
{
	for (; *argv && argv[0][0] == '-'; argv++) {
		if (!strcmp(*argv, "--accept"))
			o->accept = true;
		else if (!strcmp(*argv, "-v"))
			o->verbose = true;
		else if (!strcmp(*argv, "-j") && argv[1])
			o->jobs = atoi(*++argv);
		else if (!strcmp(*argv, "--ks") && argv[1] && realpath(argv[1], o->ks))
			argv++;
		else if (!strcmp(*argv, "--tests") && argv[1] && realpath(argv[1], o->tests))
			argv++;
		else
			return false;
	}
	o->filters = argv;
	return (*o->ks || realpath("build/debug/bin/ks", o->ks)) &&
	       (*o->tests || realpath("tests", o->tests)) && o->jobs > 0;
}

int main(int argc, char **argv)
{
	static struct options o = {.jobs = 2};
	char scratch[] = "/tmp/ks-golden-XXXXXX", path[PATH_MAX + 64];
	if (!parse_options(&o, argv + (argc > 0)) || !mkdtemp(scratch)) {
		fprintf(stderr, "usage: golden [--ks PATH] [--tests DIR] [--accept] [-v] [-j N] "
				"[FILTER...]\n");
		return 2;
	}
	setenv("ASAN_OPTIONS", "exitcode=99:detect_leaks=0:allocator_may_return_null=1", 0);
	setenv("UBSAN_OPTIONS", "print_stacktrace=1", 0);
	struct totals totals = {0};
	unsigned number = 0;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		struct dirent **entries;
		snprintf(path, sizeof(path), "%s/%s", o.tests, stages[i]);
		int count = scandir(path, &entries, NULL, alphasort);
		for (int j = 0; j < count; j++) {
			snprintf(path, sizeof(path), "tests/%s/%s", stages[i], entries[j]->d_name);
			free(entries[j]);
			if (is_wanted(&o, path))
				start_test(&o, scratch, path, number++, &totals);
		}
		if (count >= 0)
			free(entries);
	}
	while (totals.running)
		reap(&totals);
	snprintf(path, sizeof(path), "rm -rf %s", scratch);
	if (system(path))
		perror("rm");
	printf("golden: %u passed, %u failed, %u skipped\n", totals.passed, totals.failed,
	       totals.skipped);
	return totals.failed != 0;
}
