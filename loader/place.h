/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places where the kernel runs a program: an interface and, by program kind, a mode (xdp) or a
 * filter handle (tc); or what a link of the kernel stands for: a cgroup, a network namespace, a
 * hook of netfilter, an interface (tcx). A place outlives the process that filled it, so it is described by
 * words and numbers that can be written down; what is there now is asked from the kernel. A link
 * lives as long as a descriptor or a pin of it: place_keep() pins it.
 *
 * Functions give 0 or a negative errno and print nothing.
 */
#ifndef KS_LOADER_PLACE_H
#define KS_LOADER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program;
struct place_kind;
struct ks_meta_program;

enum { PLACE_TARGET_SIZE = 256 };

struct place {
	const struct place_kind *kind;
	const char *project;            // whose place it is; not owned
	unsigned ifindex;               // of interfaces, else 0
	char target[PLACE_TARGET_SIZE]; // as given to attach(): interface, path, family, map
	/* xdp: attach flags, with the mode once attached; tc: handle of the filter; links: number of the pin */
	uint32_t detail;
	int32_t order;                     // netfilter: priority; maps of programs: key
	bool is_tcx;                       // a classifier that may go to tcx
	const struct ks_meta_program *row; // of the program, where that is known
	int *more; // all descriptors of a place that has several; link is one of them
	uint32_t more_count;
	int link; // descriptor of the link or socket while this process has it; 0: none
};

/* What a program wants to be attached to. */
struct place_wish {
	const char *kind;   // of the program
	const char *target; // what attach() names
	uint64_t flags;
	const char *project, *program; // names
	bool is_tcx;                   // a classifier with verdicts that tcx knows
	bool is_trial;                 // a failure is not said: there is another way
	const struct ks_meta_program *row;
	const char *watched; // what the program was compiled to watch, or ""
};

/* By name of the program kind, or of a place kind in a record; NULL when programs of that kind have no place of
 * this sort. */
const struct place_kind *place_find_kind(const char *name);
const char *place_kind_name(const struct place *place);
/* "interface", "cgroup" …: what targets of the kind are. */
const char *place_target_word(const struct place_kind *kind);
/* True when the target was decided when the program was compiled. */
bool place_is_fixed(const struct place_kind *kind);
/* True when a place of the kind is an interface, which another network namespace may not have. */
bool place_is_local(const struct place *place);
/* True when what is attached may outlive the process. */
bool place_may_stay(const struct place *place);

/* The place that is wished for. -ENODEV, -ENOENT or what opening says when there is no such target. */
int place_make(struct program *p, struct place *place, const struct place_wish *wish);
int place_attach(struct program *p, struct place *place, int program_fd);
/* Makes a place that is filled independent of this process. */
int place_keep(struct program *p, struct place *place, int program_fd);
/* Removes the program of program_fd; -ENOENT when it is not (or no longer) the one there. */
int place_clear(const struct place *place, int program_fd);
/* Id of the program there, 0 for none. */
uint32_t place_program_id(const struct place *place);
/* The command that clears the place. */
void place_command(const struct place *place, char *out, size_t size);

/* Descriptor of what has the id at such a place: a program or, of a struct_ops, a map; or a negative errno. */
int place_open(const struct place *place, uint32_t id);

/* Id of an open program or map, 0 when the kernel does not tell. */
uint32_t program_id_of(int program_fd);

#endif
