/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler in the process of a test: source text in memory to as far as is wanted, with the tables and the
 * shipped headers that the command uses. One compilation leaves nothing behind for the next one.
 */
#ifndef KS_TESTS_COMPILATION_H
#define KS_TESTS_COMPILATION_H

#include "bpf-backend/codegen/bpf_gen.h"
#include "btf/btf.h"
#include "frontend/base/compile.h"
#include "frontend/ir/ir.h"
#include "frontend/sema/sema.h"

enum compilation_depth {
	COMPILE_PARSE,
	COMPILE_CHECK,
	COMPILE_LOWER,
	COMPILE_OPTIMISE, // the IR checked after every pass
	COMPILE_CODE,     // of the eBPF functions
};

struct compilation_options {
	enum compilation_depth depth;
	const char *path;      // what the text is called; includes are searched beside it
	uint32_t kernel;       // major << 16 | minor << 8
	int level;             // of optimisation, 0 or 1
	int isa;               // instruction set, 1 to 4; 0: what the kernel has
	bool with_userspace;   // the passes run over all functions
	const struct btf *btf; // types of the kernel, or NULL
};

struct compilation {
	struct compile compile;
	struct target_info target;
	struct program program;
	struct checked_program checked;
	struct ir_module module;
	struct bpf_object object;
	bool is_complete; // every stage up to the wanted one succeeded without an error
};

/* Runs the stages; compilation_fini() in any case. */
void compilation_run(struct compilation *c, const struct compilation_options *options,
		     const char *text, size_t len);
void compilation_fini(struct compilation *c);
/* Diagnostics as the command prints them, appended to `out`. */
void compilation_print(const struct compilation *c, struct buf *out);

/* Lays the text out and lays the result out again. NULL when the text has mistakes or all is well; else what is
 * wrong: the tree changed, comments were lost, a second layout differs. */
const char *compilation_check_layout(const char *text, size_t len);

#endif
