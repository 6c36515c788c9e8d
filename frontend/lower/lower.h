/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering: checked trees to IR. The only code that sees both. A function is lowered once for each
 * target that uses it (a plain fn called from eBPF becomes two IR functions), with the same
 * semantics.
 *
 * What the passes and back ends may rely on, besides ir.h:
 *   - Functions: programs first in source order (their position is the program's number), then main,
 *     then whatever these reach, in order of first use. Without a main every plain function is kept.
 *   - Locals and every value chosen by control flow are slots; no phi is made. A scalar slot is always
 *     read and written with its full width, so mem2reg can take every one whose address is not used
 *     otherwise.
 *   - A struct object is cleared by one IR_MEMZERO of its size unless the stores that follow cover it.
 *     aux of IR_MEMZERO and IR_MEMCPY is the alignment known of both addresses.
 *   - A read that may be out of range or absent is a slot holding zero, a branch, and a load behind it. A
 *     variable index is extended to 64 bits, compared with the number of elements as an unsigned number,
 *     and the same value, scaled, is added to the address.
 *   - A pointer that comes from `*T` is in IR_SPACE_ANY; nothing has been proved about it here.
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
