/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places where the kernel runs a program: an interface and, by program kind, a mode (xdp) or a
 * filter handle (tc). A place outlives the process that filled it, so it is described by numbers
 * that can be written down; what is there now is asked from the kernel.
 *
 * Functions give 0 or a negative errno and print nothing.
 */
#ifndef KS_LOADER_PLACE_H
#define KS_LOADER_PLACE_H

#include <stddef.h>
#include <stdint.h>

struct program;
struct place_kind;

struct place {
	const struct place_kind *kind;
	unsigned ifindex;
	char ifname[16];
	uint32_t detail; // xdp: attach flags, with the mode once attached; tc: handle of the filter
};

/* By name of the program kind; NULL when programs of that kind have no place of this sort. */
const struct place_kind *place_find_kind(const char *name);
const char *place_kind_name(const struct place *place);

/* The place for `program` of `project` at `interface`; -ENODEV when there is no such interface. */
int place_make(struct place *place, const struct place_kind *kind, const char *interface,
	       uint64_t flags, const char *project, const char *program);
int place_attach(struct program *p, struct place *place, int program_fd);
/* Removes the program of program_fd; -ENOENT when it is not (or no longer) the one there. */
int place_clear(const struct place *place, int program_fd);
/* Id of the program there, 0 for none. */
uint32_t place_program_id(const struct place *place);
/* The command of iproute2 that clears the place. */
void place_command(const struct place *place, char *out, size_t size);

/* Id of an open program, 0 when the kernel does not tell. */
uint32_t program_id_of(int program_fd);

#endif
