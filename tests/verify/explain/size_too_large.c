/* SPDX-License-Identifier: Apache-2.0 */
// reason: stack-bounds
#include "bpf.h"

SEC("tc") int copy(struct __sk_buff *skb)
{
	u8 bytes[32] = {0};
	u32 len = skb->len;
	if (len == 0 || len > 64)
		return 0;
	bpf_skb_load_bytes(skb, 0, bytes, len);
	return bytes[0];
}

LICENSE("GPL");
