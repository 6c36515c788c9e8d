/* SPDX-License-Identifier: Apache-2.0 */
// reason: argument-type
#include "bpf.h"

static long (*bpf_snprintf)(char *to, u32 size, const char *format, u64 *data,
			    u32 data_len) = (void *)165;

SEC("xdp") int print(struct xdp_md *ctx)
{
	char to[32] = {0}, format[] = "%d";
	u64 value = ctx->rx_queue_index;
	bpf_snprintf(to, sizeof(to), format, &value, sizeof(value));
	return to[0] ? 1 : 2;
}

LICENSE("GPL");
