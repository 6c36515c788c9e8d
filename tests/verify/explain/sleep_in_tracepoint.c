/* SPDX-License-Identifier: Apache-2.0 */
// reason: may-sleep
#include "bpf.h"

SEC("tp_btf/task_newtask") int peek(u64 *ctx)
{
	u64 value = 0;
	bpf_copy_from_user(&value, sizeof(value), (void *)0x1000);
	return value & 1;
}

LICENSE("GPL");
