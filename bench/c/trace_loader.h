/* SPDX-License-Identifier: Apache-2.0 */
/* What the userspace halves of the programs that watch share. */
#ifndef BENCH_TRACE_LOADER_H
#define BENCH_TRACE_LOADER_H

#include "loader.h"

/* Calls `show` for every entry of a map. */
static inline void for_each_entry(const struct bpf_map *map,
				  void (*show)(const void *key, const void *value))
{
	char key[512], value[512];
	void *before = NULL;
	int fd = bpf_map__fd(map);
	while (bpf_map_get_next_key(fd, before, key) == 0) {
		before = key;
		if (bpf_map_lookup_elem(fd, key, value) == 0)
			show(key, value);
	}
}

#endif
