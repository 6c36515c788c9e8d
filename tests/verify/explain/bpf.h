/* SPDX-License-Identifier: Apache-2.0 */
/* What the wrong programs of this folder need of the kernel's interface; no header of the system is read. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define NOINLINE static __attribute__((noinline))
#define INT(name, value) int(*name)[value]
#define LICENSE(text) char licensed[] SEC("license") = text
/* Keeps the compiler from seeing where a value comes from. */
#define HIDE(x) __asm__ volatile("" : "+r"(x))

enum { HASH = 1, ARRAY = 2, PROG_ARRAY = 3, PERCPU_ARRAY = 6, RINGBUF = 27 };
#define MAP(name, kind, entries, key_type, value_type)                                             \
	struct {                                                                                   \
		INT(type, kind);                                                                   \
		INT(max_entries, entries);                                                         \
		key_type *key;                                                                     \
		value_type *value;                                                                 \
	} name SEC(".maps")
#define RING(name)                                                                                 \
	struct {                                                                                   \
		INT(type, RINGBUF);                                                                \
		INT(max_entries, 4096);                                                            \
	} name SEC(".maps")

struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto,
		priority, ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data,
		data_end;
};

struct bpf_spin_lock {
	u32 val;
};
struct bpf_dynptr {
	u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_iter_num {
	u64 opaque[1];
} __attribute__((aligned(8)));

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value,
				   u64 flags) = (void *)2;
static long (*bpf_probe_read)(void *to, u32 size, const void *from) = (void *)4;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*bpf_get_prandom_u32)(void) = (void *)7;
static long (*bpf_tail_call)(void *ctx, void *map, u32 index) = (void *)12;
static u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*bpf_get_current_comm)(void *buf, u32 size) = (void *)16;
static long (*bpf_perf_event_output)(void *ctx, void *map, u64 flags, void *data,
				     u64 size) = (void *)25;
static long (*bpf_skb_load_bytes)(void *skb, u32 off, void *to, u32 len) = (void *)26;
static long (*bpf_skb_pull_data)(void *skb, u32 len) = (void *)39;
static long (*bpf_skb_change_head)(void *skb, u32 len, u64 flags) = (void *)43;
static long (*bpf_xdp_adjust_head)(void *xdp, int delta) = (void *)44;
static void *(*bpf_sk_lookup_tcp)(void *ctx, void *tuple, u32 size, u64 netns,
				  u64 flags) = (void *)84;
static long (*bpf_sk_release)(void *sock) = (void *)86;
static long (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
static long (*bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static void *(*bpf_ringbuf_reserve)(void *map, u64 size, u64 flags) = (void *)131;
static void (*bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void (*bpf_ringbuf_discard)(void *data, u64 flags) = (void *)133;
static long (*bpf_copy_from_user)(void *to, u32 size, const void *from) = (void *)148;
static long (*bpf_loop)(u32 rounds, void *callback, void *data, u64 flags) = (void *)181;
static void *(*bpf_kptr_xchg)(void *field, void *object) = (void *)194;
static long (*bpf_ringbuf_reserve_dynptr)(void *map, u32 size, u64 flags,
					  struct bpf_dynptr *to) = (void *)198;
static void (*bpf_ringbuf_submit_dynptr)(struct bpf_dynptr *data, u64 flags) = (void *)199;
static long (*bpf_dynptr_read)(void *to, u32 len, const struct bpf_dynptr *from, u32 off,
			       u64 flags) = (void *)201;

#define KFUNC extern __attribute__((section(".ksyms")))
