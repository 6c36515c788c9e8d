// SPDX-License-Identifier: Apache-2.0
// A loop with a branch whose states never meet: more than 100,000 steps, then refused as too complex.
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))

struct {
	int (*type)[BPF_MAP_TYPE_ARRAY];
	int (*max_entries)[1];
	unsigned int *key;
	unsigned long long (*value)[64];
} table SEC(".maps");

static void *(*const lookup)(void *map, const void *key) = (void *)1;

SEC("socket") int big(struct __sk_buff *ctx)
{
	unsigned int key = 0;
	unsigned long long *v = lookup(&table, &key), sum = ctx->len;
	if (!v)
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 9000; i++) {
		asm volatile("" : "+r"(sum));
		sum += v[i & 63];
		if (sum > 77)
			v[(i + 1) & 63] = sum;
	}
	return sum & 1;
}

char terms[] SEC("license") = "GPL";
