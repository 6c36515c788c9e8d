/* SPDX-License-Identifier: Apache-2.0 */
// reason: return-value
#include "bpf.h"

SEC("cgroup/sock_create") int allow(void *ctx)
{
	return bpf_get_prandom_u32() & 3;
}

LICENSE("GPL");
