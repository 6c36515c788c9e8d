/* SPDX-License-Identifier: Apache-2.0 */
// reason: uninitialised-stack
// kernel: 6.1
#include "bpf.h"

struct key {
	u8 protocol;
	u32 port;
};
MAP(flows, HASH, 64, struct key, u64);

SEC("xdp") int count(struct xdp_md *ctx)
{
	struct key key;
	key.protocol = 6;
	key.port = ctx->rx_queue_index;
	return bpf_map_lookup_elem(&flows, &key) ? 1 : 2;
}

LICENSE("GPL");
