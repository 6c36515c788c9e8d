/* SPDX-License-Identifier: Apache-2.0 */
// reason: lock
#include "bpf.h"

struct counter {
	struct bpf_spin_lock lock;
	u32 count;
};
MAP(counters, ARRAY, 4, u32, struct counter);

SEC("tc") int move(struct __sk_buff *skb)
{
	u32 from = 0, to = 1;
	struct counter *a = bpf_map_lookup_elem(&counters, &from);
	struct counter *b = bpf_map_lookup_elem(&counters, &to);
	if (!a || !b)
		return 0;
	bpf_spin_lock(&a->lock);
	bpf_spin_lock(&b->lock);
	b->count += a->count;
	bpf_spin_unlock(&b->lock);
	bpf_spin_unlock(&a->lock);
	return 0;
}

LICENSE("GPL");
