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
	s64 index = (s32)bpf_get_prandom_u32();
	if (!e || index > 15)
		return 2;
	return e->counts[index] ? 1 : 2;
}

LICENSE("GPL");
