/* SPDX-License-Identifier: Apache-2.0 */
// reason: context-access
#include "bpf.h"

SEC("tc") int each(struct __sk_buff *skb)
{
	u32 *word = (u32 *)skb->cb, sum = 0;
	u32 index = bpf_get_prandom_u32() & 3;
	sum += word[index];
	return sum & 1;
}

LICENSE("GPL");
