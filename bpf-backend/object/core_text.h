/* SPDX-License-Identifier: Apache-2.0 */
/* CO-RE records as text. */
#ifndef KS_OBJECT_CORE_TEXT_H
#define KS_OBJECT_CORE_TEXT_H

#include "btf/btf.h"

/* "field_offset"; never NULL. */
const char *object_core_kind_name(uint32_t kind);
/* Appends "task_struct.comm[3]", NUL-terminated, for the access "0:5:3" from the type; as far as the type
 * has such members. */
void object_core_path(const struct btf *btf, uint32_t type, const char *access, struct buf *out);

#endif
