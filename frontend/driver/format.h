/* SPDX-License-Identifier: Apache-2.0 */
/* `ks fmt`: source text laid out in the usual way. */
#ifndef KS_DRIVER_FORMAT_H
#define KS_DRIVER_FORMAT_H

#include "frontend/driver/options.h"

/* Formats every input as the options say; the exit status. */
int format_run(const struct options *options);

#endif
