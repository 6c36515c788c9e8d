/* SPDX-License-Identifier: Apache-2.0 */
// reason: not-a-pointer
#include "bpf.h"

NOINLINE int grow(struct __sk_buff *skb)
{
	return bpf_skb_change_head(skb, 14, 0);
}

SEC("tc") int mark(struct __sk_buff *skb)
{
	u8 *data = (u8 *)(long)skb->data;
	u8 *end = (u8 *)(long)skb->data_end;
	if (data + 14 > end)
		return 0;
	if (grow(skb))
		return 2;
	return data[12] == 8 ? 2 : 0;
}

LICENSE("GPL");
