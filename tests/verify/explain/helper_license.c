/* SPDX-License-Identifier: Apache-2.0 */
// reason: license
#include "bpf.h"

LICENSE("Proprietary");

SEC("kprobe/do_nanosleep") int peek(void **ctx)
{
	u64 value = 0;
	bpf_probe_read_kernel(&value, sizeof(value), ctx[0]);
	return value & 1;
}
