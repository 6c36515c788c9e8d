/* SPDX-License-Identifier: Apache-2.0 */
// reason: lock
#include "bpf.h"

struct counter {
	struct bpf_spin_lock lock;
	u32 count;
};
MAP(counters, ARRAY, 4, u32, struct counter);

SEC("tc") int count(struct __sk_buff *skb)
{
	u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);
	if (!c)
		return 0;
	bpf_spin_lock(&c->lock);
	c->count += bpf_get_prandom_u32();
	bpf_spin_unlock(&c->lock);
	return 0;
}

LICENSE("GPL");
