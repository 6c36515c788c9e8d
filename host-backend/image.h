/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a relocatable object to the image of ks/rt.h, and from payloads to a runnable program. No
 * LLVM here.
 */
#ifndef KS_HOST_IMAGE_H
#define KS_HOST_IMAGE_H

#include <stdbool.h>

#include "frontend/base/buf.h"
#include "frontend/ir/ir.h"

/* Lays out the sections of an ELF relocatable, applies its relocations and adds one stub per
 * runtime function called. False and *why on anything it does not understand. */
bool image_link(const uint8_t *object, size_t len, struct arena *arena, struct buf *out,
		const char **why);
/* Metadata payload of a module. */
void image_write_meta(const struct ir_module *m, const char *source_name, struct buf *out);
/* The runtime executable with the three payloads added as sections. What differs from the runtime
 * goes to `out`, which is empty; `rest` says which bytes of the runtime's file belong into it (all but rest->fd). */
bool image_write_program(const uint8_t *runtime, size_t runtime_len, const struct buf *bpf,
			 const struct buf *image, const struct buf *meta, struct arena *arena,
			 struct buf *out, struct buf_insert *rest, const char **why);

#endif
