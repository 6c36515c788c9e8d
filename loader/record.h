/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of what outlives a program: one file for each project in /run/ks, one line for each
 * attachment, which is enough to find and remove it later. The kernel decides what is true: an entry
 * whose program is no longer at its place is stale and goes away with the next change.
 */
#ifndef KS_LOADER_RECORD_H
#define KS_LOADER_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "loader/place.h"

struct record_entry {
	struct place place;
	uint32_t program_id;
	uint64_t network;  // cookie of the network namespace; 0 when the kernel has none
	char program[128]; // its name
};

/* Adds entries (of this network namespace) to the record of `project`, or a negative errno: there
 * is no /run, or it is not ours to write. */
int record_add(const char *project, struct record_entry *entries, size_t count);

#endif
