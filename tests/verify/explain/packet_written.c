/* SPDX-License-Identifier: Apache-2.0 */
// reason: read-only-memory
#include "bpf.h"

SEC("cgroup_skb/egress") int clear(struct __sk_buff *skb)
{
	u8 *data = (u8 *)(long)skb->data;
	u8 *end = (u8 *)(long)skb->data_end;
	if (data + 20 > end)
		return 1;
	data[8] = 64;
	return 1;
}

LICENSE("GPL");
