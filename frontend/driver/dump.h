/* SPDX-License-Identifier: Apache-2.0 */
/* `ks dump`: the text of a BPF object file. */
#ifndef KS_DRIVER_DUMP_H
#define KS_DRIVER_DUMP_H

#include "frontend/base/compile.h"
#include "frontend/driver/options.h"

/* Gives an exit status; problems are diagnostics. */
int dump_run(struct compile *compile, const struct options *options);

#endif
