/* SPDX-License-Identifier: Apache-2.0 */
// reason: infinite-loop
#include "bpf.h"

MAP(flag, ARRAY, 1, u32, u32);

SEC("xdp") int wait(struct xdp_md *ctx)
{
	u32 key = 0;
	u32 *value = bpf_map_lookup_elem(&flag, &key);
	if (!value)
		return 1;
	while (!*(volatile u32 *)value)
		;
	return 2;
}

LICENSE("GPL");
