/* SPDX-License-Identifier: Apache-2.0 */
// reason: uninitialised-register
#include "bpf.h"

SEC("xdp") int keep(struct xdp_md *ctx)
{
	u64 queue = ctx->rx_queue_index, result;
	__asm__ volatile("r2 = %[q]; call %[f]; %[r] = r2;"
			 : [r] "=r"(result)
			 : [q] "r"(queue), [f] "i"(7)
			 : "r0", "r1", "r2", "r3", "r4", "r5");
	return result;
}

LICENSE("GPL");
