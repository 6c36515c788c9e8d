/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes the kernel's place under a program when its tests run in the interpreter: maps, global
 * variables, programs and time. Maps are numbers from 1 on; in a map of maps the values are such numbers. Values of
 * per-CPU maps are those of all `cpus`, each rounded up to 8 bytes. Functions give 0 or a negative
 * errno unless they say otherwise.
 */
#ifndef KS_MACHINE_H
#define KS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KS_MACHINE_WHY = 768 };

struct ks_machine_run {
	const char *program; // name in the eBPF object
	const void *packet;
	uint32_t packet_len;
	const void *context; // struct of the program's context as far as it was given
	uint32_t context_len;
	void *context_out; // where it goes as the program left it; NULL: nowhere
	uint32_t cpu, pid; // pid 0: as it is
	/* what comes out */
	int32_t value;
	uint64_t instructions;
	char why[KS_MACHINE_WHY]; // of a failure: what happened, in a line or more
};

struct ks_machine {
	void *owner;
	int cpus;
	/* Number of a map by name, 0 for none. */
	int (*find_map)(void *owner, const char *name, uint32_t *type, uint32_t *max_entries);
	/* Memory of a section of global variables, NULL when there is none. */
	void *(*section)(void *owner, const char *name);
	int (*lookup)(void *owner, int map, const void *key, void *value);
	int (*take)(void *owner, int map, void *value);
	int (*update)(void *owner, int map, const void *key, const void *value, uint64_t flags);
	int (*remove)(void *owner, int map, const void *key);
	int (*next_key)(void *owner, int map, const void *before, void *key);
	int (*create_inner)(void *owner, int outer, const void *key);
	int (*set_program)(void *owner, int map, uint32_t index, const char *program);
	/* The oldest record that programs put out, which goes; NULL when there is none. It stays until the next call. */
	const void *(*take_record)(void *owner, int map, uint32_t *size);
	int (*send)(void *owner, int map, const void *record, uint32_t size);
	/* Address that programs see of a copy of some bytes. */
	uint64_t (*lend)(void *owner, const void *bytes, uint32_t size);
	/* Runs a program; a failure is explained in run->why. */
	int (*run)(void *owner, struct ks_machine_run *run);
	uint64_t (*now_ns)(void *owner);
	/* Lets time pass, and runs the timers that become due; `why` says what went wrong in one. */
	int (*pass_time)(void *owner, uint64_t ns, char why[KS_MACHINE_WHY]);
};

#endif
