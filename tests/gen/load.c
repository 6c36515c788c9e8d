/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generated eBPF programs in the running kernel: it takes every one. Beside it
 *	the interpreter            gives the same results, packets and contents of maps for the same packets
 *	the simulated verifier     takes every one too, and says how many instructions the kernel processes
 * Two processes share the seeds, each on a CPU of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf-backend/isa/insn.h"
#include "bpf-backend/object/object.h"
#include "bpf-backend/verify/verify.h"
#include "tests/gen/gen.h"
#include "tests/gen/gentest.h"
#include "tests/vm/vmtest.h"

enum { PACKETS = 6, LOG_TAIL = 1500, MAX_JOBS = 2, MAX_PROGRAMS = 64 };

/* Shared by the processes that do the work; each has one of its own. */
struct tally {
	unsigned refused, not_interpreted, differ, runs, maps, failures;
	unsigned too_large; // without optimisation: more stack than there is
	unsigned judged, other_verdict, other_count;
};

/* What the kernel took of one object. */
struct taken {
	struct {
		const char *name;
		uint32_t processed;
	} programs[MAX_PROGRAMS];
	unsigned count;
};

struct loading {
	uint32_t kernel;
	int isa;                 // 1 to 4, 0 for what the kernel has
	const struct btf *types; // of the kernel, for the simulated verifier; NULL: it is not asked
	unsigned cpu;
	struct tally *tally;
};

/* The end of a verifier's log, which says why, and the source. */
static void report(uint64_t seed, const char *what, const struct buf *log, const struct buf *text)
{
	const char *folder = getenv("GENTEST_KEEP");
	size_t len = log->len < LOG_TAIL ? log->len : LOG_TAIL;
	char path[4096];

	gentest_fail(seed, what, log->len ? log->data + log->len - len : "");
	if (!folder)
		return;
	snprintf(path, sizeof path, "%s/%" PRIu64 ".ks", folder, seed);
	buf_write_file(text, path, 0644);
}

static void note_taken(void *owner, const char *program, uint32_t processed)
{
	struct taken *taken = owner;

	if (taken->count == MAX_PROGRAMS)
		return;
	taken->programs[taken->count].name = strdup(program);
	taken->programs[taken->count++].processed = processed;
}

static bool is_near(uint32_t a, uint32_t b)
{
	return a >= b ? a - b <= b / 10 : b - a <= a / 10;
}

/* A program of which the kernel processed that many instructions; nothing is known of one that it did not take. */
static bool judge_one(const struct loading *l, const struct program_object *object,
		      const struct program_code *code, const struct taken *taken, bool is_taken,
		      struct buf *said)
{
	struct verify_options options = {.kernel = l->kernel,
					 .types = l->types,
					 .cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF)};
	struct verify_result result;

	verify_program(object, code, &options, &result);
	bool is_accepted = result.is_accepted;
	if (is_taken && !is_accepted)
		buf_printf(said, "%s, instruction %u: %s\n", code->name, result.insn, result.text);
	for (unsigned i = 0; is_taken && is_accepted && i < taken->count; i++) {
		if (strcmp(taken->programs[i].name, code->name) != 0 ||
		    is_near(result.processed, taken->programs[i].processed))
			continue;
		buf_printf(said, "%s: %u processed, the kernel processed %u\n", code->name,
			   result.processed, taken->programs[i].processed);
		l->tally->other_count++;
	}
	l->tally->judged++;
	verify_result_free(&result);
	return is_accepted;
}

/* The simulated verifier on an object that the kernel took or refused. */
static void judge(const struct loading *l, uint64_t seed, const struct object_test *test,
		  const struct taken *taken, bool is_taken, const struct buf *text)
{
	struct program_options how = {.kernel = l->types, .release = l->kernel};
	struct program_object object;
	unsigned accepted = 0;
	struct buf said;

	buf_init(&said);
	if (program_open(&object, test->bytes, test->len, &how, &said)) {
		for (uint32_t i = 0; i < object.programs.len; i++)
			accepted += judge_one(l, &object, &object.programs.data[i], taken, is_taken,
					      &said);
		is_taken = is_taken == (accepted == object.programs.len);
		program_close(&object);
	} else {
		is_taken = false;
	}
	l->tally->other_verdict += !is_taken;
	if (!is_taken)
		report(seed, "the simulated verifier judges otherwise", &said, text);
	else if (said.len)
		printf("program %" PRIu64 ": %s", seed, said.data);
	buf_fini(&said);
}

static void load(const struct loading *l, uint64_t seed, const struct compilation *c,
		 const struct buf *text)
{
	static const char *const none[] = {NULL};
	struct tally *tally = l->tally;
	struct taken taken = {.count = 0};
	struct buf object, log;
	char name[32];

	buf_init(&object);
	buf_init(&log);
	object_write(&c->compile, &c->object, &object);
	snprintf(name, sizeof name, "program %" PRIu64, seed);
	struct object_test test = {.name = name,
				   .bytes = (const uint8_t *)object.data,
				   .len = object.len,
				   .packets = PACKETS,
				   .skipped_maps = none,
				   .cpu = l->cpu,
				   .on_load = note_taken,
				   .owner = &taken,
				   .refusal = &log};
	int result = check_object_bytes(&test);
	tally->runs += test.runs;
	tally->maps += test.maps;
	tally->refused += result == -1;
	tally->not_interpreted += result == -2;
	tally->differ += result > 0;
	if (result)
		report(seed,
		       result == -1   ? "the kernel refuses it"
		       : result == -2 ? "the interpreter does not open it"
				      : "the kernel and the interpreter differ",
		       &log, text);
	if (l->types)
		judge(l, seed, &test, &taken, result != -1, text);
	for (unsigned i = 0; i < taken.count; i++)
		free((char *)taken.programs[i].name);
	buf_fini(&object);
	buf_fini(&log);
}

/* Nothing but the frames is wrong. */
static bool wants_stack(const struct compilation *c)
{
	const struct diags *diags = &c->compile.diags;
	uint32_t count = 0;

	for (uint32_t i = 0; i < diags->list.len; i++)
		count += diags->list.data[i]->id == D_STACK_TOO_LARGE ||
			 diags->list.data[i]->id == D_STACK_CHAIN_TOO_LARGE;
	return count && count == diags->errors;
}

static void load_one(const struct loading *l, uint64_t seed)
{
	struct gen_options gen = {.only_bpf = true, .is_repeatable = true, .kernel = l->kernel};
	struct compilation_options o = {.depth = COMPILE_CODE,
					.path = "generated.ks",
					.kernel = l->kernel,
					.isa = l->isa,
					.level = seed % 4 != 0};
	struct compilation c;
	struct buf text;

	if (l->isa == 1 || l->isa == 2) // their atomic operations
		gen.kernel = KERNEL_AT(5, 10);
	buf_init(&text);
	gen_program(seed, &gen, &text);
	compilation_run(&c, &o, text.data, text.len);
	if (c.is_complete) {
		load(l, seed, &c, &text);
	} else if (!o.level && wants_stack(&c)) {
		l->tally->too_large++; // its locals have no registers
	} else {
		compilation_fini(&c);
		gentest_compile(&c, seed, &o, &text);
	}
	compilation_fini(&c);
	buf_fini(&text);
}

static void add_tally(struct tally *to, const struct tally *from)
{
	to->refused += from->refused;
	to->too_large += from->too_large;
	to->not_interpreted += from->not_interpreted;
	to->differ += from->differ;
	to->runs += from->runs;
	to->maps += from->maps;
	to->failures += from->failures;
	to->judged += from->judged;
	to->other_verdict += from->other_verdict;
	to->other_count += from->other_count;
}

unsigned gentest_load(uint64_t first, unsigned count, uint32_t kernel, int isa,
		      const struct btf *types)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned jobs = online > MAX_JOBS ? MAX_JOBS : (unsigned)online;
	struct tally *tallies = mmap(NULL, sizeof(struct tally[MAX_JOBS]), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tally all = {0};
	time_t start = time(NULL);

	if (tallies == MAP_FAILED)
		return 1;
	for (unsigned job = 0; job < jobs; job++) {
		if (fork())
			continue;
		struct loading l = {.kernel = kernel,
				    .isa = isa,
				    .types = types,
				    .cpu = job,
				    .tally = &tallies[job]};
		for (uint64_t seed = first + job; seed < first + count; seed += jobs)
			load_one(&l, seed);
		tallies[job].failures = gentest_failures();
		fflush(stdout);
		_exit(0);
	}
	for (int status; wait(&status) > 0;)
		all.failures += status != 0; // it died
	for (unsigned job = 0; job < jobs; job++)
		add_tally(&all, &tallies[job]);
	printf("%u programs: %u too large for the stack at -O0, %u refused by the kernel, %u not "
	       "interpreted, %u differ in %u runs and %u maps, %lld s\n",
	       count, all.too_large, all.refused, all.not_interpreted, all.differ, all.runs,
	       all.maps, (long long)(time(NULL) - start));
	if (types)
		printf("%u judged by the simulated verifier: %u objects with another verdict, %u "
		       "with another count of instructions\n",
		       all.judged, all.other_verdict, all.other_count);
	munmap(tallies, sizeof(struct tally[MAX_JOBS]));
	return all.failures;
}
