/* SPDX-License-Identifier: Apache-2.0 */
// reason: context-access
#include "bpf.h"

SEC("xdp") int half(struct xdp_md *ctx)
{
	return *(volatile u16 *)&ctx->data_end & 1 ? 1 : 2;
}

LICENSE("GPL");
