/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `gentest` share. */
#ifndef KS_TESTS_GENTEST_H
#define KS_TESTS_GENTEST_H

#include "tests/lib/compilation.h"

/* Counts a failure; the first few are shown. */
void gentest_fail(uint64_t seed, const char *what, const char *text);
/* So far, of this process. */
unsigned gentest_failures(void);
/* Processor time of this process. */
double gentest_seconds(void);
/* Compiles a generated program; compilation_fini() in any case. A refusal is a failure. */
bool gentest_compile(struct compilation *c, uint64_t seed, const struct compilation_options *o,
		     const struct buf *text);

/* Writes a C file that asserts the layouts of generated structs, and the bytes of its section `probe`. */
bool gentest_structs(uint64_t first, unsigned count, const char *c_path, const char *bytes_path,
		     bool is_big_endian);
/* Loads and runs generated eBPF programs; prints totals and gives the number of failures. With types of the
 * running kernel the simulated verifier judges them as well. `isa`: 1 to 4, 0 for what the kernel has. */
unsigned gentest_load(uint64_t first, unsigned count, uint32_t kernel, int isa,
		      const struct btf *types);

/* Objects for the kernel `release`, to be loaded there, in `folder`: the exit status. With `types`, those of a
 * running kernel. */
int gentest_objects(uint64_t first, unsigned count, const char *release, const char *folder,
		    const struct btf *types);

/* Generated programs that do the same in kernel, interpreter and userspace; `self` is this program's path. */
void gentest_same(uint64_t first, unsigned count, uint32_t kernel, const char *self);

#endif
