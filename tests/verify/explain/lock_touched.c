/* SPDX-License-Identifier: Apache-2.0 */
// reason: special-field
#include "bpf.h"

struct counter {
	struct bpf_spin_lock lock;
	u32 count;
};
MAP(counters, ARRAY, 4, u32, struct counter);

SEC("tc") int reset(struct __sk_buff *skb)
{
	u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);
	if (!c)
		return 0;
	c->lock.val = 0;
	return 0;
}

LICENSE("GPL");
