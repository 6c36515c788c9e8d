/* SPDX-License-Identifier: Apache-2.0 */
// reason: object-access
#include "bpf.h"

SEC("tp_btf/task_newtask") int peek(u64 *ctx)
{
	u64 *task = (void *)ctx[0];
	return task[1 << 14] & 1;
}

LICENSE("GPL");
