/* SPDX-License-Identifier: Apache-2.0 */
// reason: return-value
#include "bpf.h"

SEC("sk_lookup") int choose(void *ctx)
{
	return -1;
}

LICENSE("GPL");
