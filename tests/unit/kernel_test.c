/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel tables against the installed UAPI header, and releases read from text. */
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"

Test(kernel, helper_numbers_and_names_are_those_of_the_header)
{
	static const char *const names[] = {
#define NAME(name) [BPF_FUNC_##name] = "bpf_" #name
		__BPF_FUNC_MAPPER(NAME)
#undef NAME
	};
	for (uint32_t id = 1; id < sizeof names / sizeof names[0]; id++) {
		cr_assert_not_null(kernel_helper_name(id), "%u", id);
		cr_assert_str_eq(kernel_helper_name(id), names[id]);
		cr_assert_eq(kernel_find_helper_row(names[id])->info.id, id);
	}
}

Test(kernel, program_and_map_numbers_are_those_of_the_header)
{
	cr_assert_eq(kernel_find_program("xdp")->type, BPF_PROG_TYPE_XDP);
	cr_assert_eq(kernel_find_program("xdp")->attach, BPF_XDP);
	cr_assert_eq(kernel_find_program("cgroup/getsockname6")->attach,
		     BPF_CGROUP_INET6_GETSOCKNAME);
	cr_assert_eq(kernel_find_program("cgroup/sock_release")->attach,
		     BPF_CGROUP_INET_SOCK_RELEASE);
	cr_assert_eq(kernel_find_program("sk_lookup")->attach, BPF_SK_LOOKUP);
	cr_assert_eq(kernel_find_program("xdp/cpumap")->attach, BPF_XDP_CPUMAP);
	cr_assert_eq(kernel_find_program("tc/egress")->type, BPF_PROG_TYPE_SCHED_CLS);
	cr_assert_str_eq(kernel_find_map_type(BPF_MAP_TYPE_LRU_HASH)->name, "lru_hash");
	cr_assert_str_eq(kernel_find_map_type(BPF_MAP_TYPE_USER_RINGBUF)->name, "user_ringbuf");
	cr_assert_str_eq(kernel_map_kind_at(0)->name, "hash");
	cr_assert_eq(kernel_map_kind_at(0)->shape, MAP_SHAPE_HASH);
	uint32_t count = 0;
	for (const struct map_kind *kind; (kind = kernel_map_kind_at(count)); count++)
		cr_assert(*kind->name && *kind->types && *kind->methods);
	cr_assert_gt(count, 5);
}

static const struct ctx_field *find(const char *context, const char *name)
{
	const struct ctx_field *field;
	for (uint32_t i = 0; (field = kernel_ctx_field_at(context, i)); i++) {
		if (!strcmp(field->name, name))
			return field;
	}
	return NULL;
}

Test(kernel, context_offsets_are_those_of_the_header)
{
	cr_assert_eq(find("xdp_md", "rx_queue_index")->offset,
		     offsetof(struct xdp_md, rx_queue_index));
	cr_assert_eq(find("xdp_md", "data_end")->value, CTX_PACKET_END);
	cr_assert_eq(find("__sk_buff", "cb")->count, 5);
	cr_assert_eq(find("__sk_buff", "hwtstamp")->offset, offsetof(struct __sk_buff, hwtstamp));
	cr_assert(find("__sk_buff", "mark")->writers && !find("__sk_buff", "len")->writers);
	cr_assert_null(find("xdp_md", "len"));
	cr_assert_eq(find("bpf_sock", "rx_queue_mapping")->offset,
		     offsetof(struct bpf_sock, rx_queue_mapping));
	cr_assert_eq(find("bpf_tcp_sock", "icsk_retransmits")->offset,
		     offsetof(struct bpf_tcp_sock, icsk_retransmits));
	cr_assert_eq(find("bpf_sock_addr", "msg_src_ip6")->offset,
		     offsetof(struct bpf_sock_addr, msg_src_ip6));
	cr_assert_eq(find("bpf_sock_ops", "skb_tcp_flags")->offset,
		     offsetof(struct bpf_sock_ops, skb_tcp_flags));
	cr_assert_eq(find("sk_msg_md", "sk")->offset, offsetof(struct sk_msg_md, sk));
	cr_assert_eq(find("bpf_sk_lookup", "local_port")->offset,
		     offsetof(struct bpf_sk_lookup, local_port));
	cr_assert_eq(find("bpf_sockopt", "retval")->offset, offsetof(struct bpf_sockopt, retval));
}

Test(kernel, helpers_have_versions_and_callers)
{
	cr_assert_null(kernel_find_helper("bpf_loop", KERNEL_AT(5, 10)));
	const struct helper_info *loop = kernel_find_helper("bpf_loop", KERNEL_AT(5, 17));
	cr_assert_str_eq(loop->args, "ifpi");
	cr_assert(kernel_find_helper("bpf_xdp_adjust_head", KERNEL_AT(5, 10))->moves_packet);
	cr_assert(!kernel_may_call(kernel_find_program("xdp"),
				   kernel_find_helper_row("bpf_skb_load_bytes")));
	cr_assert(kernel_may_call(kernel_find_program("tc/ingress"),
				  kernel_find_helper_row("bpf_skb_load_bytes")));
}

Test(kernel, versions)
{
	uint32_t v;
	cr_assert(kernel_parse_version("6.12.3-amd64", &v) && v == KERNEL_AT(6, 12));
	cr_assert(kernel_parse_version("running", &v) && v >= KERNEL_OLDEST);
	cr_assert(!kernel_parse_version("6", &v) && !kernel_parse_version("6.x", &v) &&
		  !kernel_parse_version("", &v) && !kernel_parse_version("99999.1", &v));
	cr_assert_eq(kernel_isa(KERNEL_AT(5, 10)), 3);
	cr_assert_eq(kernel_isa(KERNEL_AT(6, 6)), 4);
	cr_assert(kernel_has(KERNEL_AT(6, 12), KERNEL_HAS_MAY_GOTO));
}
