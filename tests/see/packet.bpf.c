// SPDX-License-Identifier: Apache-2.0
// Programs whose instructions are fixed, so that what is known at each of them can be written down.
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))

struct {
	int (*type)[BPF_MAP_TYPE_HASH];
	int (*max_entries)[16];
	unsigned int *key;
	unsigned long long *value;
} sizes SEC(".maps");

static __attribute__((naked, noinline, used)) int half(void)
{
	asm volatile("r0 = r1; r0 >>= 1; *(u64 *)(r10 - 8) = r0;"
		     "if r0 > 7 goto +1; r0 += 1;"
		     "exit;");
}

/* Accepted: counts packets by half of their first byte. */
SEC("xdp") __attribute__((naked)) int halves(void)
{
	asm volatile("r6 = *(u32 *)(r1 + 0);"
		     "r7 = *(u32 *)(r1 + 4);"
		     "r2 = r6; r2 += 1;"
		     "if r2 > r7 goto 1f;"
		     "r1 = *(u8 *)(r6 + 0);"
		     "call half;"
		     "*(u32 *)(r10 - 4) = r0;"
		     "r2 = r10; r2 += -4;"
		     "r1 = sizes ll;"
		     "call 1;"
		     "if r0 == 0 goto 1f;"
		     "r1 = *(u64 *)(r0 + 0); r1 += 1; *(u64 *)(r0 + 0) = r1;"
		     "1: r0 = 2; exit;");
}

/* Refused: the pointer is compared before it gets its offset. */
SEC("xdp") __attribute__((naked)) int shifted(void)
{
	asm volatile("r6 = *(u32 *)(r1 + 0);"
		     "r7 = *(u32 *)(r1 + 4);"
		     "r2 = r6; r2 += 2;"
		     "if r2 > r7 goto 1f;"
		     "r3 = *(u8 *)(r6 + 0);"
		     "r3 &= 15;"
		     "*(u64 *)(r10 - 8) = r3;"
		     "r4 = *(u64 *)(r10 - 8);"
		     "r6 += r4;"
		     "r0 = *(u8 *)(r6 + 1);"
		     "1: r0 = 2; exit;");
}

char terms[] SEC("license") = "GPL";
