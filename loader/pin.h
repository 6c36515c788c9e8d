/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps that outlive the process, pinned below /sys/fs/bpf/<project>: `pin` maps as maps/<name>, the
 * section of the `pin` variables as globals/pinned_globals.
 */
#ifndef KS_LOADER_PIN_H
#define KS_LOADER_PIN_H

#define PINNED_SECTION ".data.pinned"

struct program;

/* Before p->object is loaded: lets it take over what is pinned already. An error, which prints both,
 * when that has another shape than the program wants. */
int pin_reuse(struct program *p);
/* After: pins what was new. */
int pin_create(struct program *p);

#endif
