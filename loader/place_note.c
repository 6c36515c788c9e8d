/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes that programs declare: one attachment for each of the places that the compiler of that program made of the
 * probe. Places where the arguments are passed alike share a row of the program's table (struct
 * ks_note_value), whose number is the cookie of their attachments.
 */
#include "loader/place_note.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/note.h"
#include "loader/perf.h"
#include "loader/program.h"

/* Number of the row with these values, which is filled when there is none; negative when all are taken. */
static int find_row(struct program *p, const struct place *place,
		    const struct ks_note_value *values)
{
	uint32_t count = place->row->note_params;
	char *section = p->sections[SECTION_BSS];
	if (!count)
		return 0;
	if (!section)
		return -ENOENT;
	struct ks_note_value *row = (struct ks_note_value *)(section + place->row->notes);
	for (int i = 0; i < KS_NOTE_ROWS; i++, row += count) {
		if (!(row->cut & KS_NOTE_USED))
			memcpy(row, values, count * sizeof *row);
		if (!memcmp(row, values, count * sizeof *row))
			return i;
	}
	snprintf(p->warning, sizeof p->warning, "its arguments are passed in more than %d ways",
		 KS_NOTE_ROWS);
	return -E2BIG;
}

static int attach_at(struct program *p, struct place *place, int program_fd, long type,
		     const struct note_places *all, const struct note_place *at)
{
	const int counter_shift =
		32; // of the counter of watchers, in the configuration of an event
	int row = find_row(p, place, at->values);
	if (row < 0)
		return row;
	struct perf_event_attr attr = {
		.type = (uint32_t)type,
		.config = at->semaphore << counter_shift,
		.uprobe_path = (uint64_t)(uintptr_t)all->path,
		.probe_offset = at->offset,
	};
	int event = perf_open(&attr, -1, 0);
	if (event < 0)
		return event;
	return perf_attach_program(event, program_fd, (uint64_t)row);
}

int place_attach_note(struct program *p, struct place *place, int program_fd)
{
	struct note_places all;
	long type = perf_unit_type("uprobe", p->warning, sizeof p->warning);
	if (type < 0)
		return (int)type;
	int err = note_find(place->target, place->row->note_params, &all, p->warning,
			    sizeof p->warning);
	if (err)
		return err;
	place->more = calloc(all.count, sizeof *place->more);
	err = place->more ? 0 : -ENOMEM;
	for (uint32_t i = 0; !err && i < all.count; i++) {
		int link = attach_at(p, place, program_fd, type, &all, &all.list[i]);
		err = link < 0 ? link : 0;
		if (!err)
			place->more[place->more_count++] = link;
	}
	free(all.list);
	if (err) {
		place_clear_note(place);
		place->more = NULL;
		place->more_count = 0;
		return err;
	}
	place->link = place->more[0];
	return 0;
}

int place_clear_note(const struct place *place)
{
	int err = 0;
	for (uint32_t i = 0; i < place->more_count; i++)
		if (close(place->more[i]) < 0)
			err = -errno;
	free(place->more);
	return err;
}
