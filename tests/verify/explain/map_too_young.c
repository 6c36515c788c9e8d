/* SPDX-License-Identifier: Apache-2.0 */
// reason: kernel-too-old
// kernel: 5.10
#include "bpf.h"

struct {
	INT(type, 30);
	INT(value_size, 8);
	INT(max_entries, 64);
} seen SEC(".maps");
static long (*bpf_map_push_elem)(void *map, const void *value, u64 flags) = (void *)87;

SEC("xdp") int note(struct xdp_md *ctx)
{
	u64 queue = ctx->rx_queue_index;
	return bpf_map_push_elem(&seen, &queue, 0) ? 1 : 2;
}

LICENSE("GPL");
