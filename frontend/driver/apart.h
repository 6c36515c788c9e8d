/* SPDX-License-Identifier: Apache-2.0 */
/* Subprograms that the verifier judges by themselves, where a program would be too much for it otherwise. */
#ifndef KS_DRIVER_APART_H
#define KS_DRIVER_APART_H

#include "bpf-backend/codegen/bpf_gen.h"
#include "frontend/driver/refusal.h"

/* Makes subprograms of the object global if that lets the kernel of `check` take more of the programs, and
 * none less. `out` holds the object and is written again then. */
void apart_split(struct compile *compile, struct bpf_object *object, const struct precheck *check,
		 struct buf *out);

#endif
