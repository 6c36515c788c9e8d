/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter against the kernel: what the parts of vmtest share. Every random choice comes from
 * one generator, so that a seed gives the same test again.
 */
#ifndef KS_TESTS_VMTEST_H
#define KS_TESTS_VMTEST_H

#include <stdint.h>
#include <stdio.h>

#include "bpf-backend/vm/vm.h"
#include "tests/lib/random.h"

enum { MAX_PACKET = 3520, MAX_SHOWN = 8 };

/* An Ethernet frame with the headers that programs look at, whole or cut off; gives its length. */
uint32_t make_packet(struct random *random, uint8_t *packet);

/* Each prints differences and gives their number; negative when nothing could be compared. */
int check_instructions(void);
int check_object(const char *path, unsigned packets, const char *const *skipped_maps);

struct bpf_object;

struct object_test {
	const char *name; // in messages
	const uint8_t *bytes;
	size_t len;
	unsigned packets;
	const char *const *skipped_maps; // up to a NULL
	unsigned cpu;                    // both run there
	/* Called for every program that the kernel took: instructions that its verifier processed. NULL: nobody asks. */
	void (*on_load)(void *owner, const char *program, uint32_t processed);
	/* Called after the runs. NULL: nobody asks. */
	void (*on_done)(void *owner, struct bpf_object *kernel);
	void *owner;
	bool is_bare;        // no map gets entries before the runs
	unsigned runs, maps; // compared
	struct buf *refusal; // what the kernel says when it refuses the object
};

/* The same for an object in memory: -1 when the kernel does not take it, -2 when the interpreter does not. */
int check_object_bytes(struct object_test *test);
/* Instructions per second; negative on failure. */
double measure(void);
/* Runs the program over and over for a third of a second: prints a row of a Markdown table. */
void measure_program(struct vm *vm, const struct vm_program *program, const struct vm_input *input);

#endif
