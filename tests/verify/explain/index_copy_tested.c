/* SPDX-License-Identifier: Apache-2.0 */
// reason: map-value-bounds
#include "bpf.h"

struct entry {
	u32 counts[16];
};
MAP(table, ARRAY, 1, u32, struct entry);

SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 key = 0;
	struct entry *e = bpf_map_lookup_elem(&table, &key);
	u32 index = bpf_get_prandom_u32();
	u8 low = index;
	HIDE(low);
	if (!e || low > 15)
		return 2;
	return e->counts[index] ? 1 : 2;
}

LICENSE("GPL");
