/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers and forms of control that have a model, called so that what they give ends up in the map
 * `results`, the packet or the return value. vmtest compares all three with the kernel's. What a
 * helper gives for the machine's own state (time, chance, task) is not asked for.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAP(name, kind, key_type, value_type, entries)                                             \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

struct prefix {
	__u32 bits;
	__u8 address[4];
};

MAP(results, BPF_MAP_TYPE_ARRAY, __u32, __u64, 128);
MAP(small, BPF_MAP_TYPE_HASH, __u32, __u64, 8);
MAP(counters, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 4);
MAP(percpu, BPF_MAP_TYPE_PERCPU_HASH, __u32, __u64, 8);
MAP(programs, BPF_MAP_TYPE_PROG_ARRAY, __u32, __u32, 16);
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 8);
	__type(key, struct prefix);
	__type(value, __u64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} routes SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, __u64);
} queue SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__type(value, __u64);
} stack SEC(".maps");

__u64 runs;
__u64 table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
const volatile __u32 step = 7;
static const char digits[] = "0123456789abcdef";

static __always_inline void note(__u32 index, __u64 value)
{
	__u64 *entry = bpf_map_lookup_elem(&results, &index);
	if (entry)
		*entry = *entry * 31 + value;
}

static __noinline __u64 fold(__u64 a, __u64 b, __u32 c)
{
	return (a ^ (b << (c & 63))) + step;
}

static __noinline __u64 nested(__u64 a, __u32 n)
{
	__u64 local[4] = {a, a + 1, a + 2, a + 3};
	return fold(local[n & 3], local[(n + 1) & 3], n) + table[n & 7];
}

static long add_one(__u32 index, void *context)
{
	__u64 *sum = context;
	*sum += index * table[index & 7];
	return index == 50;
}

static long add_element(void *map, const void *key, void *value, void *context)
{
	__u64 *sum = context;
	*sum = *sum * 3 + *(const __u32 *)key + *(__u64 *)value;
	return *sum % 7 == 0;
}

SEC("xdp")
int maps(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data, key = size % 11, other = size % 5;
	__u64 value = size, got = 0, sum = 0;
	__sync_fetch_and_add(&runs, 1);
	note(0, bpf_map_update_elem(&small, &key, &value, size % 4));
	note(1, bpf_map_delete_elem(&small, &other));
	note(2, bpf_map_update_elem(&results, &key, &value, BPF_EXIST));
	note(3, bpf_map_update_elem(&results, &key, &value, BPF_NOEXIST));
	note(4, bpf_map_delete_elem(&results, &key));
	note(5, bpf_map_push_elem(&queue, &value, size & 2));
	note(6, size % 3 ? 0 : bpf_map_pop_elem(&queue, &got));
	note(7, got);
	note(8, bpf_map_push_elem(&stack, &value, 0));
	note(9, bpf_map_peek_elem(&stack, &got));
	note(10, got);
	note(11, size % 3 ? 0 : bpf_map_pop_elem(&stack, &got));
	__u64 *counter = bpf_map_lookup_elem(&counters, &other);
	if (counter)
		*counter += size;
	note(12, bpf_map_update_elem(&percpu, &key, &value, size % 3));
	counter = bpf_map_lookup_percpu_elem(&percpu, &other, 1);
	note(13, counter ? *counter : 77);
	note(14, bpf_for_each_map_elem(&counters, add_element, &sum, 0));
	note(15, sum);
	note(16, bpf_for_each_map_elem(&results, add_element, &sum, 1));
	return XDP_PASS;
}

SEC("xdp")
int prefixes(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	struct prefix prefix = {size % 35, {10, size & 3, size & 7, size}};
	__u64 value = size;
	note(20, bpf_map_update_elem(&routes, &prefix, &value, size % 3));
	prefix.bits = 32;
	prefix.address[3] ^= 1;
	__u64 *found = bpf_map_lookup_elem(&routes, &prefix);
	note(21, found ? *found : 99);
	prefix.bits = size % 33;
	note(22, size % 5 ? 0 : bpf_map_delete_elem(&routes, &prefix));
	return XDP_PASS;
}

SEC("xdp")
int control(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	__u64 sum = 0, a = size * 0x9e3779b97f4a7c15ull;
	note(30, bpf_loop(size % 80, add_one, &sum, 0));
	note(31, sum);
	note(32, bpf_loop(1, add_one, &sum, 1));
	note(33, bpf_loop(1 << 24, add_one, &sum, 0));
	note(34, nested(a, size));
	note(35, fold(a, sum, size));
	for (__u32 i = 0; i < size % 64; i++)
		sum = sum * 5 + table[(i + size) & 7] / (i % 3 + 1) + digits[i & 15];
	note(36, sum);
#ifndef NO_FETCH // instruction set v3
	note(37, __sync_val_compare_and_swap(&table[0], size & 3, size & 7));
	note(38, __sync_lock_test_and_set(&table[1], size & 15));
	note(39, __sync_fetch_and_xor(&table[2], size));
	note(40, __sync_fetch_and_or(&table[3], size & 255));
	note(41, __sync_fetch_and_and(&table[4], size));
#endif
	return size & 3;
}

SEC("xdp")
int tails(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	note(50, 1);
	bpf_tail_call(ctx, &programs, size % 20);
	note(51, 2);
	return XDP_TX;
}

SEC("xdp")
int text(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	char number[] = " -0x1fz", plain[] = "1234567", out[32] = {};
	long signed_value = 0;
	unsigned long value = 0;
	__u64 args[] = {size, (__u64)plain, (__u64)-5ll};
	number[6] = "f9- "[size & 3];
	note(60, bpf_strtol(number, sizeof number - 1, 0, &signed_value));
	note(61, signed_value);
	note(62, bpf_strtoul(plain, (size & 3) + 1, size & 1 ? 8 : 16, &value));
	note(63, value);
	note(64, bpf_strncmp(plain, sizeof plain, "1234567"));
	note(65, bpf_strncmp(plain, (size & 7) + 1, "1239"));
	note(66, bpf_snprintf(out, sizeof out, "<%05d|%s|%lld>", args, sizeof args));
	for (__u32 i = 0; i < sizeof out; i += 8)
		note(67 + i / 8, *(__u64 *)(out + i));
	note(71, bpf_snprintf(out, 5, "%-6x%%", args, 8));
	note(72, *(__u64 *)out);
	note(73, bpf_probe_read_kernel(&value, 8, table));
	note(74, value);
	return XDP_PASS;
}

SEC("xdp")
int adjust(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	int head = (int)(size % 700) - 350, tail = (int)(size % 97) * 70 - 3000;
	__u8 bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	note(80, bpf_xdp_get_buff_len(ctx));
	note(81, bpf_xdp_store_bytes(ctx, size % 100, bytes, sizeof bytes));
	note(82, bpf_xdp_load_bytes(ctx, size % 77, bytes, sizeof bytes));
	note(83, *(__u64 *)bytes);
	note(84, bpf_xdp_adjust_meta(ctx, -(int)(size % 41)));
	note(85, bpf_xdp_adjust_head(ctx, head));
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	if (data + 14 <= end)
		__builtin_memset(data, 0x5a, 14);
	note(86, bpf_xdp_adjust_tail(ctx, tail));
	note(87, ctx->data - ctx->data_meta);
	note(88, ctx->data_end - ctx->data);
	note(89, bpf_redirect(3, size & 1));
	return XDP_PASS;
}

SEC("tc")
int bytes(struct __sk_buff *skb)
{
	__u32 size = skb->len;
	__u8 some[16] = {};
	note(90, bpf_skb_load_bytes(skb, size % 90, some, 12));
	note(91, *(__u64 *)some + some[11]);
	note(92, bpf_skb_store_bytes(skb, size % 70, some + 4, 8, size % 5));
	note(93, bpf_skb_load_bytes_relative(skb, size % 60, some, 8, size & 1));
	note(94, *(__u64 *)some);
	note(95, bpf_skb_pull_data(skb, size % 200));
	note(96, skb->protocol);
	note(97, skb->pkt_type);
	skb->mark = size;
	skb->cb[1] = size * 3;
	note(98, skb->mark + skb->cb[1] + skb->ifindex + skb->ingress_ifindex);
	note(99, skb->vlan_present);
	return TC_ACT_OK;
}

SEC("tc")
int sizes(struct __sk_buff *skb)
{
	__u32 size = skb->len;
	note(100, bpf_skb_change_tail(skb, size * 7 % 2100, 0));
	note(101, skb->len);
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	if (data + 20 <= end)
		note(102, data[18] * 256 + data[19]);
	return size & 3;
}

SEC("tc")
int head(struct __sk_buff *skb)
{
	note(103, bpf_skb_change_head(skb, skb->len % 50, 0));
	note(104, skb->len);
	__u8 some[8] = {};
	note(105, bpf_skb_load_bytes_relative(skb, 12, some, 8, 0));
	note(106, *(__u64 *)some);
	note(107, bpf_skb_load_bytes_relative(skb, 0, some, 8, 1));
	note(108, *(__u64 *)some);
	return TC_ACT_OK;
}

SEC("tc")
int sums(struct __sk_buff *skb)
{
	__u32 size = skb->len;
	__be32 from[2] = {size, 0x01020304}, to[2] = {size * 7, 0xfffefdfc};
	note(110, bpf_csum_diff(from, 8, to, 8, size));
	note(111, bpf_csum_diff(0, 0, to, 4, size));
	note(112, bpf_csum_diff(from, 8, 0, 0, size));
	note(113, bpf_l3_csum_replace(skb, 24, size * 3 & 0xffff, size * 5 & 0xffff, 2));
	note(114, bpf_l3_csum_replace(skb, 26, from[0], to[0], 4));
	note(115, bpf_l4_csum_replace(skb, 40, from[1], to[1],
				      4 | (size & 1 ? BPF_F_MARK_MANGLED_0 : 0)));
	note(116, bpf_l4_csum_replace(skb, 30, 0, to[1], size & 1 ? BPF_F_PSEUDO_HDR : 0));
	note(117, bpf_l4_csum_replace(skb, 41, 0, to[1], 0));
	note(118, bpf_l3_csum_replace(skb, 24, 1, to[1], 0x10));
	note(119, bpf_redirect(2, size & 1));
	return TC_ACT_OK;
}

SEC("cgroup_skb/egress")
int group(struct __sk_buff *skb)
{
	__u32 size = skb->len;
	__u8 some[8] = {};
	note(120, bpf_skb_load_bytes(skb, size % 90, some, 8));
	note(121, *(__u64 *)some);
	note(122, bpf_skb_load_bytes_relative(skb, size % 60, some, 8, size & 1));
	note(123, *(__u64 *)some);
	note(124, size);
	return 1;
}

SEC("socket")
int filter(struct __sk_buff *skb)
{
	return bpf_skb_load_bytes(skb, 0, &(__u32){0}, 4) + skb->len;
}

char _license[] SEC("license") = "GPL";
