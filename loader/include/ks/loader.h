/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a compiled program from its three payloads: used by ks-rt, which finds them in its own
 * file, and by `ks run`, which has them in memory.
 */
#ifndef KS_LOADER_H
#define KS_LOADER_H

#include <stddef.h>

struct ks_payload {
	const void *data;
	size_t len;
};

struct ks_program_options {
	size_t size;      // of this struct, for later additions
	const char *name; // project name: base name of the binary; names pins
	struct ks_payload bpf, image, meta;
	int image_fd;        // file to map the image from, or -1 to copy it from memory
	size_t image_offset; // where it lies in that file
};

/* Parses argv (argv[0] is skipped), creates maps and globals, runs main(). Gives the exit status:
 * main's result, 2 for wrong arguments, 1 when the kernel refuses (a line on standard error says
 * why). */
int ks_run_program(const struct ks_program_options *options, int argc, char **argv);

/* Removes the attachments that outlived program `name` (a path counts by its last part), those that
 * are still its own, and says on standard output what it removed. Gives the exit status: 1 when
 * nothing is recorded or something could not be removed. */
int ks_detach_project(const char *name);
/* Prints what ks_detach_project() would find, for all projects; exit status 0. */
int ks_list_projects(void);

#endif
