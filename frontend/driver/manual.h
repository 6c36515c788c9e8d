/* SPDX-License-Identifier: Apache-2.0 */
/* Texts made from options.def: the manual page and scripts for shells. */
#ifndef KS_DRIVER_MANUAL_H
#define KS_DRIVER_MANUAL_H

#include "frontend/driver/options.h"

/* Prints the manual page in the form that man(1) reads. */
void manual_print(void);
/* Prints the completion script of the shell that the options name; the exit status. */
int completion_run(const struct options *options);

#endif
