/* SPDX-License-Identifier: Apache-2.0 */
/* `ks verify --html`: what the verifier looked at, as one page for a browser. */
#ifndef KS_DRIVER_PAGE_H
#define KS_DRIVER_PAGE_H

#include "frontend/base/compile.h"
#include "frontend/driver/options.h"

/* Writes the page for the options' input and programs. An exit status. */
int page_run(struct compile *compile, const struct options *options);

#endif
