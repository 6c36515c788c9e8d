/* SPDX-License-Identifier: Apache-2.0 */
/* Files beside the compiler and files that it writes. */
#ifndef KS_DRIVER_OUTPUT_H
#define KS_DRIVER_OUTPUT_H

#include "frontend/base/buf.h"
#include "frontend/base/compile.h"
#include "frontend/driver/options.h"
#include "frontend/driver/pipeline.h"

/* Path of a file in the library folder beside the running `ks` (../lib/ks), in the session arena. */
const char *output_library_path(struct compile *compile, const char *name);
/* Whole file; a diagnostic and false when that fails. */
bool output_read_file(struct compile *compile, const char *path, struct buf *out);
/* A file opened and mapped for reading until the process ends; the same for failures. */
struct mapped_file {
	const uint8_t *data;
	size_t len;
	int fd;
};
bool output_map_file(struct compile *compile, const char *path, struct mapped_file *file);
/* Name of the program that a source is for: its file name without folders and suffix. */
const char *output_stem(struct compile *compile, const char *input);
/* Writes the product of a build where the options say. False after a diagnostic. */
bool output_write(struct compile *compile, const struct options *options,
		  const struct product *product);
/* Writes to standard output. False after a diagnostic. */
bool output_print(struct compile *compile, const struct buf *out);
/* Writes the messages of a compile to standard error. */
void output_print_diagnostics(const struct compile *compile, const struct options *options);
/* From now on an interrupt removes a half-written file before it ends the process. */
void output_catch_signals(void);
void output_release_signals(void);

#endif
