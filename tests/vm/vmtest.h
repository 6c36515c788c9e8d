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

enum { MAX_PACKET = 3520, MAX_SHOWN = 8 };

struct random {
	uint64_t state;
};

static inline uint32_t pick(struct random *random, uint32_t below)
{
	random->state = random->state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random->state >> 33) % below;
}

/* An Ethernet frame with the headers that programs look at, whole or cut off; gives its length. */
uint32_t make_packet(struct random *random, uint8_t *packet);

/* Each prints differences and gives their number; negative when nothing could be compared. */
int check_instructions(void);
int check_object(const char *path, unsigned packets, const char *const *skipped_maps);
/* Instructions per second; negative on failure. */
double measure(void);

#endif
