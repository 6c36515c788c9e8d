/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering: checked trees to IR. The only code that sees both. A function is lowered once for each
 * target that uses it (a plain fn called from eBPF becomes two IR functions), with the same
 * semantics.
 */
#ifndef KS_LOWER_LOWER_H
#define KS_LOWER_LOWER_H

#include "frontend/ir/ir.h"
#include "frontend/sema/sema.h"

/* Fills `out` (already initialised). `info` is the same as the checker's. False after a diagnostic.
 */
bool lower_program(struct compile *compile, const struct checked_program *program,
		   const struct target_info *info, struct ir_module *out);

#endif
