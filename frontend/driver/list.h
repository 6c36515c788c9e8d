/* SPDX-License-Identifier: Apache-2.0 */
/* `ks list`: what the target kernel offers, as source text. */
#ifndef KS_DRIVER_LIST_H
#define KS_DRIVER_LIST_H

#include "frontend/base/compile.h"
#include "frontend/driver/options.h"

/* Prints to standard output; the exit status of ks. */
int list_run(struct compile *compile, const struct options *options);

#endif
