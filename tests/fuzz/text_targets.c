/* SPDX-License-Identifier: Apache-2.0 */
/* Source text to the parser, to the checker, and to eBPF code. */
#include "bpf-backend/kernel/kernel.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/compilation.h"
#include "tests/lib/small_btf.h"

void fuzz_syntax(const uint8_t *data, size_t len)
{
	const char *wrong = compilation_check_layout((const char *)data, len);

	if (wrong)
		fuzz_fail(wrong);
}

/* Diagnostics are rendered too: their spans must lie in the text. */
static void compile_to(enum compilation_depth depth, uint32_t kernel, int level,
		       const uint8_t *data, size_t len)
{
	struct compilation c;
	struct arena arena;
	struct buf printed;

	arena_init(&arena);
	buf_init(&printed);
	struct compilation_options o = {.depth = depth,
					.path = "fuzz.ks",
					.kernel = kernel,
					.level = level,
					.with_userspace = true,
					.btf = small_btf_make(&arena)};
	compilation_run(&c, &o, (const char *)data, len);
	compilation_print(&c, &printed);
	if (!c.is_complete && !c.compile.diags.errors)
		fuzz_fail("refused without an error");
	compilation_fini(&c);
	buf_fini(&printed);
	arena_fini(&arena);
}

void fuzz_sema(const uint8_t *data, size_t len)
{
	compile_to(COMPILE_CHECK, 6 << 16 | 18 << 8, 1, data, len);
}

/* The length chooses the kernel and the level, so that a corpus of plain programs serves. */
void fuzz_compile(const uint8_t *data, size_t len)
{
	static const uint32_t kernels[] = {6 << 16 | 18 << 8, 5 << 16 | 10 << 8, 6 << 16 | 1 << 8};

	compile_to(COMPILE_CODE, kernels[len % 3], len % 4 != 3, data, len);
}
