/* SPDX-License-Identifier: Apache-2.0 */
// reason: bad-map
#include "bpf.h"

struct counter {
	struct bpf_spin_lock lock;
	u32 count;
};
MAP(counters, ARRAY, 4, u32, struct counter);

SEC("kprobe/do_nanosleep") int count(void *ctx)
{
	u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);
	if (c)
		c->count++;
	return 0;
}

LICENSE("GPL");
