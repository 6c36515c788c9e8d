/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dynptrs, maps in maps, objects that programs allocate, functions of the kernel: what they give ends up
 * in the map `results`, which vmtest compares with the kernel's.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {.values = {[0] = &first, [2] = &second}};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct own_node {
	__u64 value, other;
};

struct slot {
	struct own_node __attribute__((btf_type_tag("kptr"))) * kept;
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

extern int bpf_dynptr_from_xdp(struct xdp_md *ctx, __u64 flags, struct bpf_dynptr *out) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *out) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *d, __u32 offset, void *buffer,
			      __u32 size) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *d) __ksym;
struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

__u64 memory[4];

static __always_inline void note(__u32 index, __u64 value)
{
	__u64 *entry = bpf_map_lookup_elem(&results, &index);
	if (entry)
		*entry = *entry * 31 + value;
}

SEC("xdp")
int pieces(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	struct bpf_dynptr d;
	__u8 buffer[8] = {}, *p;
	note(0, bpf_dynptr_from_xdp(ctx, 0, &d));
	note(1, bpf_dynptr_size(&d));
	p = bpf_dynptr_slice(&d, size % 90, buffer, sizeof buffer);
	note(2, p ? p[0] * 256 + p[7] : 77777);
	note(3, bpf_dynptr_read(buffer, 8, &d, size % 70, 0));
	note(4, *(__u64 *)buffer);
	note(5, bpf_dynptr_write(&d, size % 80, "abcdef", 6, 0));
	note(6, bpf_dynptr_read(buffer, 8, &d, 0, 1));
	return XDP_PASS;
}

SEC("tc")
int pieces_of_skb(struct __sk_buff *skb)
{
	struct bpf_dynptr d;
	__u8 buffer[8] = {}, *p;
	note(10, bpf_dynptr_from_skb(skb, 0, &d));
	note(11, bpf_dynptr_size(&d));
	p = bpf_dynptr_slice(&d, skb->len % 90, buffer, sizeof buffer);
	note(12, p ? p[1] * 256 + p[6] : 77777);
	note(13, bpf_dynptr_from_skb(skb, 1, &d));
	note(14, bpf_dynptr_size(&d));
	return 0;
}

SEC("xdp")
int own_memory(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	struct bpf_dynptr d;
	__u64 word = size, *p;
	note(20, bpf_dynptr_from_mem(memory, sizeof memory, 0, &d));
	note(21, bpf_dynptr_write(&d, size % 40, &word, 8, 0));
	note(22, bpf_dynptr_read(&word, 8, &d, size % 31, 0));
	note(23, word);
	p = bpf_dynptr_data(&d, 16, 8);
	note(24, p ? *p : 4711);
	p = bpf_dynptr_data(&d, 30, 8);
	note(25, p ? *p : 4711);
	return XDP_PASS;
}

SEC("xdp")
int records(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	struct bpf_dynptr d;
	__u64 word = 5;
	int err = bpf_ringbuf_reserve_dynptr(&ring, 16 + size % 8, 0, &d);
	note(30, err);
	note(31, bpf_dynptr_write(&d, 0, &word, 8, 0));
	bpf_ringbuf_discard_dynptr(&d, 0);
	return XDP_PASS;
}

SEC("xdp")
int maps(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data, at = size % 4, key = size % 5;
	void *inner = bpf_map_lookup_elem(&outer, &at);
	note(40, inner != 0);
	if (!inner)
		return XDP_PASS;
	__u64 *value = bpf_map_lookup_elem(inner, &key), mine = size;
	note(41, value ? *value : 12345);
	note(42, bpf_map_update_elem(inner, &key, &mine, 0));
	return XDP_PASS;
}

SEC("xdp")
int numbers(struct xdp_md *ctx)
{
	int size = (int)(ctx->data_end - ctx->data) & 31, *p;
	struct bpf_iter_num it;
	__u64 sum = 0;
	note(50, bpf_iter_num_new(&it, size - 10, 9));
	while ((p = bpf_iter_num_next(&it)))
		sum = sum * 3 + *p;
	bpf_iter_num_destroy(&it);
	note(51, sum);
	return XDP_PASS;
}

SEC("tc")
int objects(struct __sk_buff *skb)
{
	__u32 key = skb->len & 1;
	struct slot *slot = bpf_map_lookup_elem(&slots, &key);
	struct own_node *node, *old;
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	if (!slot)
		return 0;
	node = bpf_obj_new_impl(bpf_core_type_id_local(struct own_node), 0);
	if (!node)
		return 0;
	note(60, 1);
	node->value = skb->len;
	old = bpf_kptr_xchg(&slot->kept, node);
	note(61, old ? old->value : 99);
	if (old)
		bpf_obj_drop_impl(old, 0);
	slot->count++;
	return 0;
}

char _license[] SEC("license") = "GPL";
