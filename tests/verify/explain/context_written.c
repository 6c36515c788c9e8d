/* SPDX-License-Identifier: Apache-2.0 */
// reason: context-access
#include "bpf.h"

SEC("xdp") int move(struct xdp_md *ctx)
{
	ctx->rx_queue_index = 3;
	return 2;
}

LICENSE("GPL");
