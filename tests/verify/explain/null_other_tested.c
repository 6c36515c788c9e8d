/* SPDX-License-Identifier: Apache-2.0 */
// reason: missing-null-check
#include "bpf.h"

MAP(sent, HASH, 64, u32, u64);
MAP(received, HASH, 64, u32, u64);

SEC("xdp") int compare(struct xdp_md *ctx)
{
	u32 key = ctx->rx_queue_index;
	u64 *out = bpf_map_lookup_elem(&sent, &key);
	u64 *in = bpf_map_lookup_elem(&received, &key);
	if (!out)
		return 1;
	return *out > *in ? 2 : 1;
}

LICENSE("GPL");
