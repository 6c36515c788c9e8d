#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64[64]); } m SEC(".maps");
SEC("socket")
int big(struct __sk_buff *ctx)
{
	__u32 key = 0;
	__u64 *v = bpf_map_lookup_elem(&m, &key);
	__u64 sum = ctx->len;
	if (!v)
		return 0;
	for (int i = 0; i < 9000; i++) {
		asm volatile ("" : "+r"(sum));
		sum += v[i & 63];
		if (sum > 77)
			v[(i + 1) & 63] = sum;
	}
	return sum & 1;
}
char _license[] SEC("license") = "GPL";
