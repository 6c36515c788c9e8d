/* SPDX-License-Identifier: Apache-2.0 */
/* `ks verify`: programs of objects and sources judged as kernels would. */
#ifndef KS_DRIVER_VERIFY_H
#define KS_DRIVER_VERIFY_H

#include "bpf-backend/verify/verify.h"
#include "frontend/base/compile.h"
#include "frontend/driver/options.h"

/* An exit status. */
int verify_run(struct compile *compile, const struct options *options);

/* verify_print.c: a verdict for machines. */
struct verify_view {
	const struct program_code *code;
	const struct verify_result *result;
	const struct verify_story *story; // of a refusal
	uint32_t kernel;
	const char *file; // the input
};
void verify_print_json(struct buf *out, const struct verify_view *view);

#endif
