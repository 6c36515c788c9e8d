/* SPDX-License-Identifier: Apache-2.0 */
// reason: missing-null-check
#include "bpf.h"

MAP(hits, HASH, 64, u32, u64);

SEC("tp_btf/sched_switch") int copy(u64 *ctx)
{
	u32 key = 0;
	u64 *value = bpf_map_lookup_elem(&hits, &key);
	bpf_probe_read_kernel(value, sizeof(*value), (void *)ctx[1]);
	return 0;
}

LICENSE("GPL");
