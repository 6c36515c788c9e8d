/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass runner: runs the rows of passes.def in order on every function, checks the IR after each
 * pass when asked, dumps, and stops where asked. A pass is one file with one public function.
 */
#ifndef KS_OPT_PASS_H
#define KS_OPT_PASS_H

#include "frontend/ir/ir.h"

struct opt_options {
	uint32_t kernel;   // version that eBPF code is made for: major << 16 | minor << 8
	int level;         // 0: only what is needed for correctness; 1: everything
	bool keeps_widths; // accesses to memory are made no wider: other byte order, or a kernel that
			   // wants them aligned
	bool only_bpf;     // the others are not needed, and the passes say nothing about them
	bool check_each;   // ir_check_fn after every pass; failing is an internal error naming the
			   // pass
	const char *stop_after; // pass name or NULL
	const char *start_at;   // pass name or NULL
};

enum opt_analysis { // bits: what a pass needs and what it leaves valid
	OPT_NONE = 0,
	OPT_DOMS = 1,
	OPT_LOOPS = 2,
};

/* Scratch and facts that passes share. */
struct opt_context {
	struct ir_module *module;
	struct compile *compile;
	const struct opt_options *options;
	struct arena *scratch; // reset after every pass
	struct arena *facts;   // holds the analyses of the present function
	struct ir_doms doms;   // valid in a pass that names them in its `needs` column
	struct ir_loops loops;
	uint32_t valid;  // enum opt_analysis bits
	uint32_t *calls; // of each function, how many places call it or take its address
	uint64_t copied; // instructions that inlining has copied
	bool is_full;    // more would be too many, which has been said
	bool *is_done;   // of each function, whether the function passes before `strip` saw it
};

/* Every pass has one of these forms and is declared in passes.h. True unless it reported an error.
 */
typedef bool opt_fn_pass(struct opt_context *ctx, struct ir_fn *fn);
typedef bool opt_module_pass(struct opt_context *ctx);

/* False when a pass reported an error (a loop that cannot be bounded, an unguarded packet write).
 */
bool opt_run(struct ir_module *m, const struct opt_options *options);
/* Rows of passes.def for --help; NULL past the end. */
const char *opt_pass_name(uint32_t index);

#endif
