/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of tests for people, in the Test Anything Protocol (version 14) and in the XML that JUnit made
 * usual. Names of tests are words of the language; everything else is quoted as the format wants.
 */
#include <string.h>
#include <unistd.h>

#include "bpf-backend/verify/verify.h"
#include "frontend/driver/test_inside.h"
#include "ks/rt.h"

/* The last line of the output that begins with the test's name, behind that: what the runtime says of an
 * end. NULL when there is none. */
static const char *find_message(const struct test_result *r)
{
	const char *text = r->output, *found = NULL;
	size_t name = strlen(r->test->name);
	while (*text) {
		if (!strncmp(text, r->test->name, name) && !strncmp(text + name, ": ", 2))
			found = text + name + 2;
		text += strcspn(text, "\n");
		text += *text != 0;
	}
	return found;
}

const char *test_say_why(const struct test_result *r, struct arena *arena)
{
	const struct product_test *t = r->test;
	const char *message = find_message(r);
	switch (r->outcome) {
	case TEST_PASSED:
		return "";
	case TEST_TOO_SLOW:
		return arena_printf(arena, "%s:%u: it took too long", t->file, t->line);
	case TEST_CRASHED:
		return arena_printf(arena, "%s:%u: it was ended by signal %d (%s)", t->file,
				    t->line, r->number, strsignal(r->number));
	case TEST_FAILED:
		break;
	}
	if (message)
		return arena_printf(arena, "%.*s", (int)strcspn(message, "\n"), message);
	return arena_printf(arena, "%s:%u: it gave %d", t->file, t->line, r->number);
}

/* ---- for people ---- */

static bool has_colour(const struct options *o, int fd)
{
	return o->colour == COLOUR_ALWAYS || (o->colour == COLOUR_AUTO && isatty(fd));
}

/* The output but for the line of `message`, which may be NULL. */
static void print_output(const struct test_result *r, const char *message)
{
	for (const char *text = r->output; *text;) {
		size_t len = strcspn(text, "\n");
		bool is_message = message && text < message && message <= text + len;
		if (!is_message)
			printf("         | %.*s\n", (int)len, text);
		text += len + (text[len] != 0);
	}
}

void test_print_result(const struct test_session *s, const struct test_file *f,
		       const struct test_result *r)
{
	bool is_coloured = has_colour(s->options, STDOUT_FILENO);
	bool ok = r->outcome == TEST_PASSED;
	struct arena arena;
	arena_init(&arena);
	if (f->results.len == 1)
		printf("%s\n", f->path);
	printf("  %s%s%s %-32s %8.1f ms", is_coloured ? (ok ? "\033[32m" : "\033[31m") : "",
	       ok ? "ok  " : "FAIL", is_coloured ? "\033[0m" : "", r->test->name, r->seconds * 1e3);
	if (*r->why)
		printf("  (%s%s)", r->in_interpreter ? "in the interpreter: " : "", r->why);
	putchar('\n');
	if (!ok) {
		printf("       %s\n", test_say_why(r, &arena));
		print_output(r, find_message(r));
	}
	fflush(stdout);
	arena_fini(&arena);
}

static const char *program_name(const struct test_file *f, uint32_t index)
{
	const char *meta = f->product.meta.data;
	struct ks_meta_header header;
	struct ks_meta_program row;
	memcpy(&header, meta, sizeof header);
	memcpy(&row, meta + header.programs + index * sizeof row, sizeof row);
	return meta + row.name;
}

/* What the simulated verifier goes through, 0 when it refuses. */
static uint32_t verified_instructions(const struct program_object *object, const char *name,
				      const struct test_file *f)
{
	for (uint32_t i = 0; i < object->programs.len; i++) {
		const struct program_code *code = &object->programs.data[i];
		struct verify_options options = {
			.kernel = f->product.kernel, .types = f->types, .cpus = 1};
		struct verify_result result;
		if (strcmp(code->name, name))
			continue;
		verify_program(object, code, &options, &result);
		uint32_t count = result.is_accepted ? result.processed : 0;
		verify_result_free(&result);
		return count;
	}
	return 0;
}

static void print_cost(const struct test_file *f, uint32_t index,
		       const struct program_object *object)
{
	const struct ks_test_cost *c = &f->costs[index];
	const char *name = program_name(f, index);
	uint32_t verified = c->verified;
	printf("  %-32s", name);
	if (c->runs)
		printf(" %u run%s", c->runs, c->runs == 1 ? "" : "s");
	if (c->ns)
		printf(", %.0f ns each", (double)c->ns / c->runs);
	if (c->interpreted)
		printf("%s %u run%s%s, %.1f instructions each", c->runs ? ";" : "", c->interpreted,
		       c->interpreted == 1 ? "" : "s", c->runs ? " in the interpreter" : "",
		       (double)c->instructions / c->interpreted);
	if (!verified && object)
		verified = verified_instructions(object, name, f);
	if (verified)
		printf("; the verifier goes through %u", verified);
	putchar('\n');
}

void test_print_costs(const struct test_session *s, const struct test_file *f)
{
	struct program_options how = {.kernel = f->types, .release = f->product.kernel};
	struct program_object object;
	struct buf why;
	bool is_headed = false;
	(void)s;
	buf_init(&why);
	bool is_open = program_open(&object, (const uint8_t *)f->product.bpf.data,
				    f->product.bpf.len, &how, &why);
	for (uint32_t i = 0; i < f->program_count; i++) {
		if (!f->costs[i].runs && !f->costs[i].interpreted)
			continue;
		if (!is_headed)
			puts("  programs that ran:");
		is_headed = true;
		print_cost(f, i, is_open ? &object : NULL);
	}
	if (is_open)
		program_close(&object);
	buf_fini(&why);
}

void test_print_summary(const struct test_session *s)
{
	printf("%u passed, %u failed", s->passed, s->failed);
	if (s->broken)
		printf(", %u file%s did not compile", s->broken, s->broken == 1 ? "" : "s");
	printf(" in %.2f s, %s\n", s->seconds,
	       s->in_interpreter ? "in the interpreter" : "in the kernel");
	if (s->options->coverage || s->options->lcov)
		puts("lines were counted in the interpreter");
	if (!s->passed && !s->failed && !s->broken)
		puts("there was no test to run");
}

/* ---- TAP ---- */

/* A YAML string in double quotes. */
static void print_yaml(const char *name, const char *text)
{
	printf("  %s: \"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if (*text == '\n')
			fputs("\\n", stdout);
		else if ((unsigned char)*text < 32 || *text == 127)
			printf("\\x%02x", (unsigned char)*text);
		else
			putchar(*text);
	}
	puts("\"");
}

static void print_tap_result(uint32_t number, const struct test_file *f,
			     const struct test_result *r)
{
	bool ok = r->outcome == TEST_PASSED;
	struct arena arena;
	arena_init(&arena);
	printf("%s %u - %s: %s\n  ---\n", ok ? "ok" : "not ok", number, f->path, r->test->name);
	printf("  duration_ms: %.3f\n", r->seconds * 1e3);
	printf("  runs_in: %s\n", r->in_interpreter ? "interpreter" : "kernel");
	if (!ok) {
		print_yaml("message", test_say_why(r, &arena));
		print_yaml("at", arena_printf(&arena, "%s:%u", r->test->file, r->test->line));
	}
	if (*r->output)
		print_yaml("output", r->output);
	puts("  ...");
	arena_fini(&arena);
}

void test_print_tap(const struct test_session *s)
{
	uint32_t number = 0;
	printf("TAP version 14\n1..%u\n", s->passed + s->failed + s->broken);
	for (uint32_t i = 0; i < s->files.len; i++) {
		const struct test_file *f = s->files.data[i];
		if (!f->is_compiled)
			printf("not ok %u - %s: does not compile\n", ++number, f->path);
		for (uint32_t k = 0; k < f->results.len; k++)
			print_tap_result(++number, f, &f->results.data[k]);
	}
	fflush(stdout);
}

/* ---- JUnit ---- */

static void add_xml(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '<')
			buf_add_text(out, "&lt;");
		else if (c == '>')
			buf_add_text(out, "&gt;");
		else if (c == '&')
			buf_add_text(out, "&amp;");
		else if (c == '"')
			buf_add_text(out, "&quot;");
		else if (c >= 127 || (c < 32 && c != '\n' && c != '\t'))
			buf_printf(out, "\\x%02x",
				   c); // XML has no place for it, or no such encoding
		else
			buf_add_char(out, *text);
	}
}

static void add_attribute(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, " %s=\"", name);
	add_xml(out, text);
	buf_add_char(out, '"');
}

static void add_case(struct buf *out, const struct test_file *f, const struct test_result *r)
{
	struct arena arena;
	arena_init(&arena);
	buf_add_text(out, "    <testcase");
	add_attribute(out, "classname", f->path);
	add_attribute(out, "name", r->test->name);
	add_attribute(out, "file", r->test->file);
	buf_printf(out, " line=\"%u\" time=\"%.6f\">\n", r->test->line, r->seconds);
	if (r->outcome != TEST_PASSED) {
		const char *what = r->outcome == TEST_FAILED ? "failure" : "error";
		buf_printf(out, "      <%s", what);
		add_attribute(out, "message", test_say_why(r, &arena));
		buf_add_char(out, '>');
		add_xml(out, r->output);
		buf_printf(out, "</%s>\n", what);
	} else if (*r->output) {
		buf_add_text(out, "      <system-out>");
		add_xml(out, r->output);
		buf_add_text(out, "</system-out>\n");
	}
	buf_add_text(out, "    </testcase>\n");
	arena_fini(&arena);
}

static void add_suite(struct buf *out, const struct test_file *f)
{
	uint32_t failures = 0, errors = !f->is_compiled;
	double seconds = 0;
	for (uint32_t i = 0; i < f->results.len; i++) {
		enum test_outcome outcome = f->results.data[i].outcome;
		failures += outcome == TEST_FAILED;
		errors += outcome == TEST_TOO_SLOW || outcome == TEST_CRASHED;
		seconds += f->results.data[i].seconds;
	}
	buf_add_text(out, "  <testsuite");
	add_attribute(out, "name", f->path);
	buf_printf(out,
		   " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"0\" time=\"%.6f\">\n",
		   f->results.len + !f->is_compiled, failures, errors, seconds);
	if (!f->is_compiled) {
		buf_add_text(out, "    <testcase");
		add_attribute(out, "classname", f->path);
		buf_add_text(out, " name=\"compile\"><error message=\"it does not compile\"/>"
				  "</testcase>\n");
	}
	for (uint32_t i = 0; i < f->results.len; i++)
		add_case(out, f, &f->results.data[i]);
	buf_add_text(out, "  </testsuite>\n");
}

void test_write_junit(const struct test_session *s, struct buf *out)
{
	uint32_t failures = 0, errors = s->broken;
	for (uint32_t i = 0; i < s->files.len; i++) {
		const struct test_file *f = s->files.data[i];
		for (uint32_t k = 0; k < f->results.len; k++) {
			failures += f->results.data[k].outcome == TEST_FAILED;
			errors += f->results.data[k].outcome > TEST_FAILED;
		}
	}
	buf_printf(out,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<testsuites tests=\"%u\" failures=\"%u\" errors=\"%u\" time=\"%.6f\">\n",
		   s->passed + s->failed + s->broken, failures, errors, s->seconds);
	for (uint32_t i = 0; i < s->files.len; i++)
		add_suite(out, s->files.data[i]);
	buf_add_text(out, "</testsuites>\n");
}
