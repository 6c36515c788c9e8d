/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a compiled program from its three payloads: used by ks-rt, which finds them in its own
 * file, and by `ks run`, which has them in memory.
 */
#ifndef KS_LOADER_H
#define KS_LOADER_H

#include <stddef.h>
#include <stdint.h>

struct ks_payload {
	const void *data;
	size_t len;
};

struct ks_program_options {
	size_t size;      // of this struct, for later additions
	const char *name; // project name: base name of the binary; names pins
	struct ks_payload bpf, image, meta;
	int image_fd;                   // file to map the image from, or -1 to copy it from memory
	size_t image_offset;            // where it lies in that file
	const struct ks_test_run *test; // NULL: the program itself is run
};

/* What a program cost in a test: the sums of all runs. */
struct ks_test_cost {
	uint32_t runs;        // in the kernel
	uint32_t interpreted; // runs in the interpreter
	uint32_t verified;    // instructions that the kernel's verifier went through; 0: not known
	uint32_t reserved;
	uint64_t instructions; // executed, in the interpreter
	uint64_t ns;           // in the kernel
};

enum { KS_TEST_REASON = 160 };

/* What a test tells the process that started it, in memory that both see. */
struct ks_test_report {
	char needs_interpreter[KS_TEST_REASON]; // why the kernel cannot run it; "" when it can
	struct ks_test_cost costs[];            // of the programs, in the order of the metadata
};

struct ks_machine;

struct ks_test_run {
	uint32_t number; // of the test
	struct ks_test_report *report;
	const struct ks_machine *machine; // that takes the kernel's place; NULL: the kernel
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
