/* SPDX-License-Identifier: Apache-2.0 */
// reason: missing-null-check
#include "bpf.h"

struct tuple {
	u32 saddr, daddr;
	u16 sport, dport;
};

SEC("tc") int find(struct __sk_buff *skb)
{
	struct tuple tuple = {.daddr = 0x0100007f, .dport = 0x5000};
	u32 *sock = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple), -1, 0);
	u32 family = sock[1];
	bpf_sk_release(sock);
	return family == 2;
}

LICENSE("GPL");
