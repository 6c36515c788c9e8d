/* SPDX-License-Identifier: Apache-2.0 */
/* What the C programs of the comparison share, as in a project of their author's. */
#ifndef BENCH_COMMON_BPF_H
#define BENCH_COMMON_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#define MAP(name, kind, key_type, value_type, entries)                                             \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

/* Adds 1 to the entry, which is made when it is not there, and gives the count. No count is lost
 * when two CPUs make the entry at once. */
static __always_inline __u64 count_key(void *map, const void *key)
{
	__u64 *value = bpf_map_lookup_elem(map, key), one = 1;
	if (!value) {
		if (bpf_map_update_elem(map, key, &one, BPF_NOEXIST) == 0)
			return 1;
		value = bpf_map_lookup_elem(map, key);
		if (!value)
			return 0;
	}
	__sync_fetch_and_add(value, 1);
	return *value;
}

char _license[] SEC("license") = "GPL";

#endif
