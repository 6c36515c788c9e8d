/* SPDX-License-Identifier: Apache-2.0 */
// reason: dynptr
#include "bpf.h"

SEC("xdp") int read(struct xdp_md *ctx)
{
	struct bpf_dynptr record;
	u32 value = 0;
	bpf_dynptr_read(&value, sizeof(value), &record, 0, 0);
	return value ? 1 : 2;
}

LICENSE("GPL");
