/* SPDX-License-Identifier: Apache-2.0 */
/* Pins of program arrays (tail_pins.h): named by the id of the program that reads them. */
#include "loader/tail_pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loader/bpffs.h"

enum { NAME_SIZE = 16 };

/* Of a process that was killed, whose attachment somebody removed: the program is gone. */
static bool is_stale(const char *name)
{
	int fd = bpf_prog_get_fd_by_id((uint32_t)strtoul(name, NULL, 10));
	bool is_gone = fd < 0 && errno == ENOENT;
	if (fd >= 0)
		close(fd);
	return is_gone;
}

int tail_pins_add(const char *project, uint32_t program_id, int map_fd)
{
	char name[NAME_SIZE];
	snprintf(name, sizeof name, "%u", program_id);
	bpffs_sweep(project, "tail_calls", is_stale);
	return bpffs_pin(project, "tail_calls", name, map_fd);
}

void tail_pins_drop(const char *project, uint32_t program_id)
{
	char name[NAME_SIZE];
	snprintf(name, sizeof name, "%u", program_id);
	bpffs_unpin(project, "tail_calls", name);
}
