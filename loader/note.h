/* SPDX-License-Identifier: Apache-2.0 */
/* Probes that programs and libraries declare (USDT): where they are, and where their arguments are. */
#ifndef KS_LOADER_NOTE_H
#define KS_LOADER_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "ks/rt.h"
#include "loader/symbol.h"

/* One of the places of a probe. */
struct note_place {
	uint64_t offset; // in the file
	uint64_t
		semaphore; // the same, of the counter of those that watch the probe; 0: it has none
	struct ks_note_value values[KS_NOTE_PARAMS];
};

struct note_places {
	char path[SYMBOL_PATH_SIZE]; // of the file
	struct note_place *list;     // the caller frees it
	uint32_t count;
};

/* All places of "program:provider:name" and the first `wanted` arguments there. 0, or a negative errno and a reason in
 * `why`. */
int note_find(const char *target, uint32_t wanted, struct note_places *out, char *why,
	      size_t why_size);

/* What is known where the words of an argument are read. */
struct note_symbols {
	uint16_t machine; // ELF e_machine
	uint64_t place;   // address of the probe
	const void *file; // struct elf_file with the symbols; NULL: there are none
};

/* Reads the argument at *at, as in "-4@%edi 8@16(%rbp)", and goes past it. NULL when it is good, else what it wants. */
const char *note_read_argument(const char **at, const struct note_symbols *symbols,
			       struct ks_note_value *out);

#endif
