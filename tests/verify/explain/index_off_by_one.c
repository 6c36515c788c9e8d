/* SPDX-License-Identifier: Apache-2.0 */
// reason: map-value-bounds
#include "bpf.h"

struct entry {
	u32 counts[16];
};
MAP(table, ARRAY, 1, u32, struct entry);

SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 key = 0, queue = ctx->rx_queue_index;
	struct entry *e = bpf_map_lookup_elem(&table, &key);
	if (!e || queue > 16)
		return 2;
	e->counts[queue]++;
	return 2;
}

LICENSE("GPL");
