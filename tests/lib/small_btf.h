/* SPDX-License-Identifier: Apache-2.0 */
/* A little kernel BTF that is the same on every machine: each kind of type, and the names of a few kernel types. */
#ifndef KS_TESTS_SMALL_BTF_H
#define KS_TESTS_SMALL_BTF_H

#include "btf/btf.h"

/* Makes it in `arena`; never NULL. */
const struct btf *small_btf_make(struct arena *arena);
/* Appends the bytes of the section. */
void small_btf_write(struct arena *arena, struct buf *out);

#endif
