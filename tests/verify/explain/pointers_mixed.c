/* SPDX-License-Identifier: Apache-2.0 */
// reason: mixed-pointers
#include "bpf.h"

SEC("tc") int pick(struct __sk_buff *skb)
{
	u32 own[2] = {bpf_get_prandom_u32(), 2};
	u32 *from = own;
	HIDE(from);
	if (skb->mark)
		from = (u32 *)skb;
	HIDE(from);
	return *from & 1;
}

LICENSE("GPL");
