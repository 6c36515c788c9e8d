/* SPDX-License-Identifier: Apache-2.0 */
// reason: size-argument
#include "bpf.h"

struct packet {
	s32 len;
	u8 bytes[64];
};
MAP(packets, ARRAY, 1, u32, struct packet);

SEC("tp_btf/task_newtask") int copy(u64 *ctx)
{
	u32 key = 0;
	struct packet *p = bpf_map_lookup_elem(&packets, &key);
	s64 len;
	if (!p)
		return 0;
	len = p->len;
	if (len > 64)
		return 0;
	bpf_probe_read_kernel(p->bytes, len, (void *)ctx[0]);
	return 0;
}

LICENSE("GPL");
