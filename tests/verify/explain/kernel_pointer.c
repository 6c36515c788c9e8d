/* SPDX-License-Identifier: Apache-2.0 */
// reason: not-a-pointer
#include "bpf.h"

SEC("kprobe/do_nanosleep") int peek(u64 *regs)
{
	u64 *request = (u64 *)regs[14];
	return *request > 1000;
}

LICENSE("GPL");
