/* SPDX-License-Identifier: Apache-2.0 */
/* A refusal by a kernel, simulated or real, as a diagnostic. */
#ifndef KS_DRIVER_REFUSAL_H
#define KS_DRIVER_REFUSAL_H

#include "bpf-backend/verify/verify.h"
#include "frontend/base/compile.h"
#include "frontend/driver/pipeline.h"

struct refusal {
	const struct program_code *code;
	const struct verify_result *result;
	const struct verify_story *story;
	const char *kernels; // "6.1", "6.1 and 6.12"; NULL: the one whose log it is
};

/* Reports it at the lines of the source. Where the source is not among the files of the compile, its
 * lines are taken from the object. */
void refusal_report(struct compile *compile, const struct refusal *refusal);

/*
 * Judges every program of an object that was just made, as `kernel` would, and reports refusals. `types`
 * are of that kernel when `types_fit`; otherwise what depends on them is passed over. Time is linear in
 * what the kernel would take.
 */
struct precheck {
	const struct product *product;
	const struct buf *object;
	uint32_t kernel;
	const struct btf *types;
	bool types_fit;
};
bool refusal_precheck(struct compile *compile, const struct precheck *check);

#endif
