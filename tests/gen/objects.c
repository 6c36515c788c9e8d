/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generated eBPF programs as objects for another kernel: what `ks build --kernel` accepts. What that kernel cannot
 * have must be refused by naming one that can; what its verifier would not take is refused by the same check that
 * the command makes, and counted for itself.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/object/object.h"
#include "frontend/driver/apart.h"
#include "frontend/driver/refusal.h"
#include "tests/gen/gen.h"
#include "tests/gen/gentest.h"

struct making {
	uint32_t kernel;
	const struct btf *types;
	bool types_fit;
	const char *folder;
	unsigned made, lacking, refused;
};

/* The refusal is a plain one: it names a release of Linux, which has what the program wants, or a frame that is too
 * large in the forms that this kernel has. */
static bool is_plain_refusal(const struct compilation *c)
{
	struct buf said;

	buf_init(&said);
	compilation_print(c, &said);
	bool is_plain = said.len && (strstr(said.data, "Linux ") ||
				     strstr(said.data, diag_info(D_STACK_TOO_LARGE)->name) ||
				     strstr(said.data, diag_info(D_STACK_CHAIN_TOO_LARGE)->name));
	buf_fini(&said);
	return is_plain;
}

/* What the verifier would say is shown when GENTEST_REFUSALS is set. */
static void note_refusal(struct making *m, uint64_t seed, const struct compilation *c)
{
	struct buf said;

	m->refused++;
	if (!getenv("GENTEST_REFUSALS"))
		return;
	buf_init(&said);
	compilation_print(c, &said);
	printf("program %" PRIu64 ": refused\n%.*s\n", seed, (int)said.len, said.data);
	buf_fini(&said);
}

static void write_object(struct making *m, uint64_t seed, struct compilation *c)
{
	struct buf object;
	char path[4096];

	buf_init(&object);
	object_write(&c->compile, &c->object, &object);
	struct precheck check = {NULL, &object, m->kernel, m->types, m->types_fit};
	apart_split(&c->compile, &c->object, &check, &object);
	snprintf(path, sizeof path, "%s/generated%" PRIu64 ".o", m->folder, seed);
	if (!refusal_precheck(&c->compile, &check))
		note_refusal(m, seed, c);
	else if (buf_write_file(&object, path, 0644))
		gentest_fail(seed, "cannot be written", path);
	else
		m->made++;
	buf_fini(&object);
}

static void make_one(struct making *m, uint64_t seed)
{
	struct gen_options gen = {
		.only_bpf = true, .is_repeatable = true, .kernel = KERNEL_AT(6, 18)};
	struct compilation_options o = {.depth = COMPILE_CODE,
					.path = "generated.ks",
					.kernel = m->kernel,
					.level = seed % 4 != 0};
	struct compilation c;
	struct buf text;

	buf_init(&text);
	gen_program(seed, &gen, &text);
	compilation_run(&c, &o, text.data, text.len);
	if (c.is_complete) {
		write_object(m, seed, &c);
	} else if (is_plain_refusal(&c)) {
		m->lacking++;
	} else {
		compilation_fini(&c);
		gentest_compile(&c, seed, &o, &text);
	}
	compilation_fini(&c);
	buf_fini(&text);
}

int gentest_objects(uint64_t first, unsigned count, const char *release, const char *folder,
		    const struct btf *types)
{
	struct making m = {.types = types, .folder = folder};
	uint32_t running = 0;

	if (!kernel_parse_version(release, &m.kernel))
		return 2;
	m.types_fit = kernel_parse_version("running", &running) && running == m.kernel;
	for (uint64_t seed = first; seed < first + count; seed++)
		make_one(&m, seed);
	printf("%u programs for Linux %s: %u made, %u want a later one, %u too much for its "
	       "verifier, %u "
	       "failures\n",
	       count, release, m.made, m.lacking, m.refused, gentest_failures());
	return gentest_failures() != 0;
}
