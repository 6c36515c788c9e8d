/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator and what is done with its programs, all in this process:
 *	gentest print SEED            the program of a seed
 *	gentest rough SEED            the same, laid out in another way
 *	gentest check FIRST COUNT     compiles programs to eBPF code: no error, no crash, the IR valid after every pass;
 *	                              the layout of a rough text has the tree of the plain one, and laying out again
 *	                              changes nothing
 *	gentest edit FIRST COUNT      programs with random edits: a message or none, within a second
 *	gentest load FIRST COUNT      eBPF programs into the running kernel, which takes all of them, and run there and
 *	                              in the interpreter with the same result
 *	gentest verify FIRST COUNT    the same, and the simulated verifier takes all of them too
 *	gentest objects FIRST COUNT KERNEL FOLDER   such objects for another kernel
 *	gentest same FIRST COUNT      programs that do the same in the kernel, the interpreter and userspace
 *	gentest work SEED             prints such a program
 *	gentest structs FIRST COUNT C BYTES   layouts of structs for a C compiler to check, see structs.c
 *	gentest bpf SEED              prints such a program
 * The first few failures are shown (GENTEST_SHOWN: how many); the exit status is 1 when there are any.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/object/object.h"
#include "tests/gen/gen.h"
#include "tests/gen/gentest.h"
#include "tests/lib/small_btf.h"
#include "tests/lib/token_edit.h"

enum { MAX_SHOWN = 6 };

static unsigned failures;

void gentest_fail(uint64_t seed, const char *what, const char *text)
{
	const char *shown = getenv("GENTEST_SHOWN");

	if (++failures <= (shown ? (unsigned)atoi(shown) : MAX_SHOWN))
		printf("program %" PRIu64 ": %s\n%.2000s\n", seed, what, text);
}

unsigned gentest_failures(void)
{
	return failures;
}

double gentest_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Errors only; they are what makes a valid program refused. */
static void print_errors(const struct compilation *c, struct buf *out)
{
	for (uint32_t i = 0; i < c->compile.diags.list.len; i++) {
		const struct diag *d = c->compile.diags.list.data[i];
		if (d->severity != DIAG_ERROR)
			continue;
		struct source_pos p = source_locate(&c->compile.sources, d->where.begin);
		buf_printf(out, "%u:%u: %s [%s]\n", p.line, p.column, d->text,
			   diag_info(d->id)->name);
		uint32_t len = 0;
		const char *line = p.file ? source_line(p.file, p.line, &len) : "";
		buf_printf(out, "    %.*s\n", (int)len, line);
	}
}

bool gentest_compile(struct compilation *c, uint64_t seed, const struct compilation_options *o,
		     const struct buf *text)
{
	struct buf errors;

	compilation_run(c, o, text->data, text->len);
	if (c->is_complete)
		return true;
	buf_init(&errors);
	print_errors(c, &errors);
	gentest_fail(seed, "refused", errors.len ? errors.data : "without an error");
	buf_fini(&errors);
	return false;
}

/* ---- check ---- */

static void check_layout(uint64_t seed, const struct buf *text)
{
	struct buf rough;
	struct compile compile;
	struct buf trees[2];

	buf_init(&rough);
	gen_roughen(seed, text->data, text->len, &rough);
	const char *wrong = compilation_check_layout(rough.data, rough.len);
	if (wrong)
		gentest_fail(seed, wrong, "");
	compile_init(&compile);
	for (int i = 0; i < 2; i++) {
		const struct buf *b = i ? &rough : text;
		buf_init(&trees[i]);
		struct source_file *file =
			source_add(&compile.sources, "x.ks", b->data, (uint32_t)b->len);
		ast_print_module(&compile, parse_file(&compile, file), &trees[i]);
	}
	if (compile.diags.errors || trees[0].len != trees[1].len ||
	    memcmp(trees[0].data, trees[1].data, trees[0].len) != 0)
		gentest_fail(seed, "other white space gives another tree", "");
	buf_fini(&trees[0]);
	buf_fini(&trees[1]);
	compile_fini(&compile);
	buf_fini(&rough);
}

static int check(uint64_t first, unsigned count)
{
	struct gen_options gen = {.kernel = 6 << 16 | 18 << 8};
	struct compilation c;
	struct arena arena;
	size_t bytes = 0;

	arena_init(&arena);
	const struct btf *btf = small_btf_make(&arena);
	for (uint64_t seed = first; seed < first + count; seed++) {
		struct compilation_options o = {.depth = COMPILE_CODE,
						.path = "generated.ks",
						.kernel = gen.kernel,
						.level = seed % 4 != 0,
						.with_userspace = true,
						.btf = btf};
		struct buf text;
		buf_init(&text);
		gen_program(seed, &gen, &text);
		bytes += text.len;
		gentest_compile(&c, seed, &o, &text);
		compilation_fini(&c);
		check_layout(seed, &text);
		buf_fini(&text);
	}
	arena_fini(&arena);
	printf("%u programs, %zu KiB, %u failures, %.1f s\n", count, bytes >> 10, failures,
	       gentest_seconds());
	return failures != 0;
}

/* ---- edit ---- */

static int edit(uint64_t first, unsigned count)
{
	struct gen_options gen = {.kernel = 6 << 16 | 18 << 8};
	unsigned accepted = 0, unparsed = 0;
	struct buf texts[2], edited;
	struct compilation c;
	struct arena arena;
	double slowest = 0;

	arena_init(&arena);
	const struct btf *btf = small_btf_make(&arena);
	buf_init(&texts[0]);
	buf_init(&texts[1]);
	buf_init(&edited);
	for (uint64_t seed = first; seed < first + count; seed++) {
		struct compilation_options o = {.depth = COMPILE_CODE,
						.path = "generated.ks",
						.kernel = gen.kernel,
						.level = 1,
						.with_userspace = true,
						.btf = btf};
		struct random random = random_from(seed ^ 0x5eed);
		struct buf *text = &texts[seed & 1], *other = &texts[~seed & 1];
		text->len = edited.len = 0;
		gen_program(seed, &gen, text);
		token_edit(&random, text->data, text->len, other->data, other->len,
			   1 + random_below(&random, 6), &edited);
		alarm(20);
		double start = gentest_seconds();
		compilation_run(&c, &o, edited.data ? edited.data : "", edited.len);
		struct buf printed;
		buf_init(&printed);
		compilation_print(&c, &printed);
		buf_fini(&printed);
		if (!c.is_complete && !c.compile.diags.errors)
			gentest_fail(seed, "refused without an error", edited.data);
		accepted += c.is_complete;
		unparsed += c.program.is_damaged;
		compilation_fini(&c);
		const char *wrong =
			compilation_check_layout(edited.data ? edited.data : "", edited.len);
		if (wrong)
			gentest_fail(seed, wrong, edited.data);
		double spent = gentest_seconds() - start;
		slowest = spent > slowest ? spent : slowest;
		if (spent > 1)
			gentest_fail(seed, "more than a second", "");
	}
	buf_fini(&texts[0]);
	buf_fini(&texts[1]);
	buf_fini(&edited);
	arena_fini(&arena);
	printf("%u edited programs: %u accepted, %u refused (%u of them without a tree to check), "
	       "%u "
	       "failures; the slowest took %.2f s, all %.1f s\n",
	       count, accepted, count - accepted, unparsed, failures, slowest, gentest_seconds());
	return failures != 0;
}

static bool read_file(const char *path, struct buf *out)
{
	char some[1 << 16];
	size_t len;
	FILE *in = fopen(path, "rb");

	if (!in)
		return false;
	while ((len = fread(some, 1, sizeof some, in)) > 0)
		buf_add(out, some, len);
	fclose(in);
	return out->len > 0;
}

static uint32_t running_kernel(void)
{
	uint32_t kernel = 0;

	kernel_parse_version("running", &kernel);
	return kernel;
}

static int load(uint64_t first, unsigned count, int isa)
{
	return gentest_load(first, count, running_kernel(), isa, NULL) != 0;
}

/* The types of the running kernel. */
struct running_types {
	struct arena arena;
	struct buf file;
	struct btf btf;
};

static const struct btf *open_types(struct running_types *r)
{
	const char *reason = "not there";
	const void *section;
	size_t section_len;

	arena_init(&r->arena);
	buf_init(&r->file);
	if (read_file("/sys/kernel/btf/vmlinux", &r->file) &&
	    btf_find_section(r->file.data, r->file.len, &section, &section_len) &&
	    !btf_open(&r->btf, section, section_len, &r->arena, &reason))
		return &r->btf;
	fprintf(stderr, "types of the kernel: %s\n", reason);
	return NULL;
}

static void close_types(struct running_types *r)
{
	buf_fini(&r->file);
	arena_fini(&r->arena);
}

/* The same with the simulated verifier beside the kernel's. */
static int verify(uint64_t first, unsigned count)
{
	struct running_types r;
	const struct btf *types = open_types(&r);
	unsigned failed = types ? gentest_load(first, count, running_kernel(), 0, types) : 1;

	close_types(&r);
	return failed != 0;
}

static int objects(uint64_t first, unsigned count, const char *release, const char *folder)
{
	struct running_types r;
	int status = gentest_objects(first, count, release, folder, open_types(&r));

	close_types(&r);
	return status;
}

static int print(uint64_t seed, bool is_rough, bool only_bpf)
{
	struct gen_options gen = {.kernel = only_bpf ? running_kernel() : 6 << 16 | 18 << 8,
				  .only_bpf = only_bpf,
				  .is_repeatable = only_bpf};
	struct buf text, rough;

	buf_init(&text);
	buf_init(&rough);
	gen_program(seed, &gen, &text);
	gen_roughen(seed, text.data, text.len, &rough);
	fputs(is_rough ? rough.data : text.data, stdout);
	buf_fini(&text);
	buf_fini(&rough);
	return 0;
}

static int print_work(uint64_t seed)
{
	struct gen_options gen = {
		.kernel = running_kernel(), .is_same = true, .is_repeatable = true};
	struct buf text;

	buf_init(&text);
	gen_program(seed, &gen, &text);
	fputs(text.data, stdout);
	buf_fini(&text);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "";
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	unsigned count = argc > 3 ? (unsigned)atoi(argv[3]) : 1;

	setvbuf(stdout, NULL, _IOLBF, 0); // failures of a long run are seen while it goes on
	if (!strcmp(command, "print") || !strcmp(command, "rough"))
		return print(first, *command == 'r', false);
	if (!strcmp(command, "bpf"))
		return print(first, false, true);
	if (!strcmp(command, "structs") && (argc == 6 || argc == 7))
		return !gentest_structs(first, count, argv[4], argv[5],
					argc == 7 && !strcmp(argv[6], "big"));
	if (!strcmp(command, "load"))
		return load(first, count, argc > 4 ? atoi(argv[4]) : 0);
	if (!strcmp(command, "same")) {
		gentest_same(first, count, running_kernel(), argv[0]);
		return failures != 0;
	}
	if (!strcmp(command, "work"))
		return print_work(first);
	if (!strcmp(command, "verify"))
		return verify(first, count);
	if (!strcmp(command, "objects") && argc == 6)
		return objects(first, count, argv[4], argv[5]);
	if (!strcmp(command, "check"))
		return check(first, count);
	if (!strcmp(command, "edit"))
		return edit(first, count);
	fprintf(stderr, "usage: gentest print|rough|bpf SEED | gentest check|edit|load|verify "
			"FIRST COUNT |\n"
			"       gentest objects FIRST COUNT KERNEL FOLDER\n");
	return 2;
}
