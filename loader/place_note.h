/* SPDX-License-Identifier: Apache-2.0 */
/* Places of programs that are run by the probes that other programs declare. 0 or a negative errno. */
#ifndef KS_LOADER_PLACE_NOTE_H
#define KS_LOADER_PLACE_NOTE_H

#include "loader/place.h"

/* Attaches to all places of the probe place->target; place->more gets their descriptors. */
int place_attach_note(struct program *p, struct place *place, int program_fd);
/* Closes and frees them. */
int place_clear_note(const struct place *place);

#endif
