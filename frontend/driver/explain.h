/* SPDX-License-Identifier: Apache-2.0 */
/* `ks explain`: the entries of docs/diagnostics.md, which is part of the executable. */
#ifndef KS_DRIVER_EXPLAIN_H
#define KS_DRIVER_EXPLAIN_H

#include "frontend/driver/options.h"

/* Prints the entry of the diagnostic that the options name, or the list; the exit status. */
int explain_run(const struct options *options);

#endif
