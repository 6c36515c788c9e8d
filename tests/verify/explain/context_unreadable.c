/* SPDX-License-Identifier: Apache-2.0 */
// reason: context-access
#include "bpf.h"

SEC("socket") int first(struct __sk_buff *skb)
{
	u8 *data = (u8 *)(long)skb->data;
	u8 *end = (u8 *)(long)skb->data_end;
	if (data + 1 > end)
		return 0;
	return data[0];
}

LICENSE("GPL");
