/* SPDX-License-Identifier: Apache-2.0 */
// reason: packet-bounds
#include "bpf.h"

struct ethernet {
	u8 to[6], from[6];
	u16 protocol;
};
struct ip {
	u8 version, tos;
	u16 length, id, fragment;
	u8 ttl, protocol;
	u16 sum;
	u32 from, to;
};

SEC("tc") int block(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct ethernet *eth = data;
	if (data + sizeof(*eth) > end)
		return 0;
	if (eth->protocol != 8)
		return 0;
	struct ip *ip = (void *)(eth + 1);
	return ip->protocol == 17 ? 2 : 0;
}

LICENSE("GPL");
