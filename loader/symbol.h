/* SPDX-License-Identifier: Apache-2.0 */
/* Places in the programs and libraries of this machine, for uprobes. */
#ifndef KS_LOADER_SYMBOL_H
#define KS_LOADER_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

struct symbol_place {
	char path[512];  // of the file
	uint64_t offset; // in it
};

/* The place that "program:symbol" or "program:symbol+offset" names; a program without a slash is looked
 * for where programs and libraries are. 0, or a negative errno and a reason in `why`. */
int symbol_find(const char *target, struct symbol_place *out, char *why, size_t why_size);

#endif
