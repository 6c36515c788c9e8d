/* SPDX-License-Identifier: Apache-2.0 */
/* Pins of program arrays (tail_pins.h): named by the id of the program that reads them. */
#include "loader/tail_pins.h"

#include <stdio.h>

#include "loader/bpffs.h"

enum { NAME_SIZE = 16 };

int tail_pins_add(const char *project, uint32_t program_id, int map_fd)
{
	char name[NAME_SIZE];
	snprintf(name, sizeof name, "%u", program_id);
	return bpffs_pin(project, "tail_calls", name, map_fd);
}

void tail_pins_drop(const char *project, uint32_t program_id)
{
	char name[NAME_SIZE];
	snprintf(name, sizeof name, "%u", program_id);
	bpffs_unpin(project, "tail_calls", name);
}
