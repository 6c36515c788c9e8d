/* SPDX-License-Identifier: Apache-2.0 */
/* The target kernel's types: the file of --btf, or what the running kernel shows. */
#ifndef KS_DRIVER_KERNEL_BTF_H
#define KS_DRIVER_KERNEL_BTF_H

#include "btf/btf.h"
#include "frontend/base/compile.h"
#include "frontend/driver/options.h"

/* Opened lazily, for the rest of the process. NULL when there is none: with a diagnostic if a file was
 * named, without one if the running kernel has no BTF. */
const struct btf *kernel_btf_open(struct compile *compile, const struct options *options);
/* Adds the types of the running kernel's modules; true when there are any. A file that is damaged is passed
 * over. */
bool kernel_btf_add_modules(struct compile *compile, struct btf *btf);

#endif
