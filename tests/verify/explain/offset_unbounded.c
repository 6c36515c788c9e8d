/* SPDX-License-Identifier: Apache-2.0 */
// reason: unbounded-offset
#include "bpf.h"

struct entry {
	u32 counts[16];
};
MAP(table, ARRAY, 1, u32, struct entry);

SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 key = 0;
	struct entry *e = bpf_map_lookup_elem(&table, &key);
	u64 offset = bpf_ktime_get_ns();
	if (!e)
		return 2;
	return *((u8 *)e + offset) ? 1 : 2;
}

LICENSE("GPL");
