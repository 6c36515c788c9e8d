/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files about places share: the operations of a kind of place, the table of kinds that are
 * links, and the kinds that are not.
 */
#ifndef KS_LOADER_PLACE_KIND_H
#define KS_LOADER_PLACE_KIND_H

#include "loader/place.h"

enum target_sort {
	TARGET_INTERFACE,
	TARGET_CGROUP,
	TARGET_NETWORK,
	TARGET_FAMILY,
	TARGET_MAP,
	TARGET_OPS,
	TARGET_FIXED, // decided when the program was compiled
	TARGET_FUNCTION,
	TARGET_EVENT,
	TARGET_SYMBOL,
	TARGET_NOTE,
	TARGET_ITERATOR,
};

struct place_kind {
	const char *name; // of the program kind, or one of its own
	int (*attach)(struct program *p, struct place *place, int program_fd);
	int (*clear)(const struct place *place, int program_fd);
	uint32_t (*program_id)(const struct place *place);
	void (*command)(const struct place *place, char *out, size_t size);
	int (*keep)(struct program *p, struct place *place,
		    int program_fd); // NULL: it stays by itself
	enum target_sort target;
	bool has_handle; // detail is made from the names
	bool ends;       // what is attached ends with the process
	uint32_t
		point; // enum bpf_tc_attach_point, or enum bpf_attach_type, or the hook of netfilter
};

/* place_link.c */
extern const struct place_kind place_link_kinds[];
extern const size_t place_link_kind_count;

/* place_map.c: what is attached to a map, and filters of sockets */
extern const struct place_kind place_map_kinds[];
extern const size_t place_map_kind_count;

/* place_trace.c: of programs that watch */
extern const struct place_kind place_trace_kinds[];
extern const size_t place_trace_kind_count;

#endif
