/* SPDX-License-Identifier: Apache-2.0 */
// reason: not-a-pointer
#include "bpf.h"

SEC("tc") int mark(struct __sk_buff *skb)
{
	u8 *data = (u8 *)(long)skb->data;
	u8 *end = (u8 *)(long)skb->data_end;
	if (data + 34 > end)
		return 0;
	bpf_skb_pull_data(skb, 54);
	return data[23] == 6 ? 2 : 0;
}

LICENSE("GPL");
