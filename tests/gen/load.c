/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generated eBPF programs in the running kernel and in the interpreter: the kernel takes every one, and on the
 * same packets both give the same results, packets and contents of maps.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/isa/insn.h"
#include "bpf-backend/object/object.h"
#include "tests/gen/gen.h"
#include "tests/gen/gentest.h"
#include "tests/vm/vmtest.h"

enum { PACKETS = 6, LOG_TAIL = 1500 };

struct tally {
	unsigned refused, not_interpreted, differ, runs, maps;
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

static void load(uint64_t seed, const struct compilation *c, const struct buf *text,
		 struct tally *tally)
{
	static const char *const none[] = {NULL};
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
	buf_fini(&object);
	buf_fini(&log);
}

void gentest_load(uint64_t first, unsigned count, uint32_t kernel, int isa)
{
	struct gen_options gen = {.only_bpf = true, .is_repeatable = true, .kernel = kernel};
	if (isa == 1 || isa == 2) // their atomic operations
		gen.kernel = KERNEL_AT(5, 10);
	struct tally tally = {0};

	for (uint64_t seed = first; seed < first + count; seed++) {
		struct compilation_options o = {.depth = COMPILE_CODE,
						.path = "generated.ks",
						.kernel = kernel,
						.isa = isa,
						.level = seed % 4 != 0};
		struct compilation c;
		struct buf text;
		buf_init(&text);
		gen_program(seed, &gen, &text);
		if (gentest_compile(&c, seed, &o, &text))
			load(seed, &c, &text, &tally);
		compilation_fini(&c);
		buf_fini(&text);
	}
	printf("%u programs: %u refused by the kernel, %u not interpreted, %u differ in %u runs "
	       "and %u "
	       "maps, %.1f s\n",
	       count, tally.refused, tally.not_interpreted, tally.differ, tally.runs, tally.maps,
	       gentest_seconds());
}
