/* SPDX-License-Identifier: Apache-2.0 */
/* Places in the programs and libraries of this machine, for uprobes. */
#ifndef KS_LOADER_SYMBOL_H
#define KS_LOADER_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

struct elf_file;

enum { SYMBOL_PATH_SIZE = 512 };

struct symbol_place {
	char path[SYMBOL_PATH_SIZE]; // of the file
	uint64_t offset;             // in it
};

/* The place that "program:symbol" or "program:symbol+offset" names; a program without a slash is looked
 * for where programs and libraries are. 0, or a negative errno and a reason in `why`. */
int symbol_find(const char *target, struct symbol_place *out, char *why, size_t why_size);

/* Opens a program or library that is named like that, and tells where it is. */
int symbol_open_file(struct elf_file *f, const char *name, char path[SYMBOL_PATH_SIZE], char *why,
		     size_t why_size);

#endif
