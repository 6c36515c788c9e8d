/* SPDX-License-Identifier: Apache-2.0 */
// reason: argument-type
#include "bpf.h"

SEC("tc") int load(struct __sk_buff *skb)
{
	u8 bytes[4] = {0}, copy[4];
	bpf_skb_load_bytes(bytes, 0, copy, 4);
	return copy[0];
}

LICENSE("GPL");
