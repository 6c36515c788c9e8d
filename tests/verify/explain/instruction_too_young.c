/* SPDX-License-Identifier: Apache-2.0 */
// reason: kernel-too-old
// kernel: 5.10
#include "bpf.h"

u64 total;

SEC("xdp") int count(struct xdp_md *ctx)
{
	u64 before = __sync_fetch_and_add(&total, 1);
	return before > 100 ? 1 : 2;
}

LICENSE("GPL");
