/* SPDX-License-Identifier: Apache-2.0 */
// reason: missing-null-check
#include "bpf.h"

__attribute__((noinline)) int sum(u64 *a, u64 *b)
{
	if (!a)
		return 0;
	return *a + *b;
}

SEC("xdp") int run(struct xdp_md *ctx)
{
	u64 a = ctx->rx_queue_index, b = 2;
	return sum(&a, &b) > 3;
}

LICENSE("GPL");
