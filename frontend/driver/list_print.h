/* SPDX-License-Identifier: Apache-2.0 */
/* Types and functions of a BTF section as source text. */
#ifndef KS_DRIVER_LIST_PRINT_H
#define KS_DRIVER_LIST_PRINT_H

#include "btf/btf.h"

struct list_printer {
	const struct btf *btf;
	struct buf *out;
	const char *why; // what is wrong with the section, NULL as long as it is sound
	uint32_t steps;  // spent on the present declaration
};

/* The type with that id. False, and `why` set, when it is damaged. */
bool list_get(struct list_printer *p, uint32_t id, struct btf_type *type);
/* Declaration of a struct, union, enum or typedef, with sizes and offsets. */
void list_print_type(struct list_printer *p, uint32_t id);
/* "(a: u32, b: *sock) -> i32" of a prototype, without its first `skip` parameters. */
void list_print_signature(struct list_printer *p, uint32_t proto, uint32_t skip);

#endif
