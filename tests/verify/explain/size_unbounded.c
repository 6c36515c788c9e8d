/* SPDX-License-Identifier: Apache-2.0 */
// reason: size-argument
#include "bpf.h"

SEC("tp_btf/task_newtask") int copy(u64 *ctx)
{
	u8 bytes[64] = {0};
	u64 len = ctx[1];
	bpf_probe_read_kernel(bytes, len & 0xffffffffff, (void *)ctx[0]);
	return bytes[0];
}

LICENSE("GPL");
