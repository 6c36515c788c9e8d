/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From options to outputs: which stages run, in which order, for each kind of output.
 */
#ifndef KS_DRIVER_PIPELINE_H
#define KS_DRIVER_PIPELINE_H

#include "frontend/base/buf.h"
#include "frontend/base/compile.h"
#include "frontend/driver/options.h"

/* A test; the strings are in the session arena. */
struct product_test {
	const char *name, *file;
	uint32_t line;
};

/* Where a variable is in eBPF code (struct bpf_name), for `ks debug`. */
struct product_name {
	const char *function, *name;
	uint32_t insn; // in the function
	bool is_param;
	uint8_t reg;
	int32_t offset;
	uint32_t size;
};

/* What comes out of a compile. */
struct product {
	struct buf out;                 // the file to write, for build
	struct buf_insert runtime;      // and what belongs into it
	struct buf bpf, image, meta;    // the payloads, for run and test
	VEC(struct product_test) tests; // for test, in the order of their numbers
	uint32_t kernel;                // release that the eBPF code is for
	VEC(struct product_name) names; // with EMIT_BPF; in the session's arena
	VEC(const char *) sleepers;     // eBPF programs that the loader makes sleepable; as above
};

struct program_object; // bpf-backend/program/program.h

/* Tells an object that was read back what its sections do not say: which programs may sleep. Without a
 * product it says nothing. refusal.c */
void product_mark_sleepers(const struct product *product, struct program_object *object);

/* Runs the stages that the options ask for. Problems are diagnostics in `compile`, except mistakes
 * of the command line, which are printed. Gives an exit status. */
int pipeline_run(struct compile *compile, const struct options *options, struct product *product);
struct arch_info; // frontend/base/kernel_facts.h

/* The machine that --target names, NULL when it is not known. */
const struct arch_info *pipeline_arch(const struct options *options);
/* Release of the kernel that --kernel names; an exit status after a mistake. */
int pipeline_read_kernel(const struct options *options, uint32_t *kernel);

#endif
