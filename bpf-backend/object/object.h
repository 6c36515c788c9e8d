/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object files: writes the output of code generation as an ELF relocatable that libbpf and bpftool
 * read, and reads any BPF object for `ks dump`.
 */
#ifndef KS_OBJECT_OBJECT_H
#define KS_OBJECT_OBJECT_H

#include "bpf-backend/codegen/bpf_gen.h"

/* Appends the ELF file to `out`. */
void object_write(const struct compile *compile, const struct bpf_object *object, struct buf *out);
/* Disassembly of every program section with symbols, relocations and source lines. `helper_name`
 * gives the name of a BPF helper by number, or NULL; the object writer knows no kernel table.
 * 0, or a negative errno and *why (static text) when the file is no BPF object. */
int object_dump(const uint8_t *data, size_t len, const char *(*helper_name)(uint32_t id),
		struct buf *out, const char **why);

#endif
