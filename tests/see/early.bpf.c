// SPDX-License-Identifier: Apache-2.0
// A program that is refused before its instructions are looked at, and one that is fine.
#define SEC(name) __attribute__((section(name), used))

SEC("xdp") __attribute__((naked)) int unreachable(void)
{
	asm volatile("r0 = 0; exit; r0 = 1; exit;");
}

SEC("xdp") __attribute__((naked)) int fine(void)
{
	asm volatile("r0 = 2; exit;");
}

char terms[] SEC("license") = "GPL";
