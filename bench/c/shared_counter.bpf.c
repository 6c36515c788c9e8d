/* SPDX-License-Identifier: Apache-2.0 */
#include "common.bpf.h"

MAP(shared_counter, BPF_MAP_TYPE_HASH, __u32, __u32, 1024);

SEC("xdp")
int packet_counter(struct xdp_md *ctx)
{
	__u32 key = 1, value = 100;
	bpf_map_update_elem(&shared_counter, &key, &value, BPF_ANY);
	return XDP_PASS;
}

SEC("tc")
int packet_filter(struct __sk_buff *ctx)
{
	__u32 key = 2, value = 200;
	bpf_map_update_elem(&shared_counter, &key, &value, BPF_ANY);
	return TC_ACT_OK;
}
