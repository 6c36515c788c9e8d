/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of the helpers for packets. Results as in net/core/filter.c and net/core/utils.c, Linux
 * 6.12 (bpf_csum_diff gives 16 bits since 6.13), for a packet in one piece that came in through the
 * loopback device.
 */
#include <errno.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

#define ERROR(number) ((uint64_t)(int64_t) - (number))

enum {
	MAX_META = 255,
	LOOPBACK_MAX = 65536 + VM_ETHERNET, // MTU and header
};

static uint32_t packet_len(const struct vm_call *call)
{
	return call->vm->end - call->vm->data;
}

/* Bytes of the packet; NULL when not all of them are there. */
static uint8_t *packet_at(struct vm_call *call, uint64_t offset, uint64_t size)
{
	uint32_t len = packet_len(call);
	return offset <= len && size <= len - offset ? call->vm->packet + call->vm->data + offset
						     : NULL;
}

static bool needs_skb(struct vm_call *call, bool wants_skb)
{
	if (*call->vm->program->context && vm_is_skb(call->vm) == wants_skb)
		return true;
	vm_raise(call->vm, VM_FAULT_HELPER, "%s is not for this kind of program",
		 call->row->info.name);
	return false;
}

uint64_t vm_helper_redirect(struct vm_call *call)
{
	enum { XDP_ABORTED = 0, XDP_REDIRECT = 4, TC_SHOT = 2, TC_REDIRECT = 7, INGRESS = 1 };
	bool is_xdp = !vm_is_skb(call->vm);
	if (call->arg[1] & ~(uint64_t)(is_xdp ? 0 : INGRESS))
		return is_xdp ? XDP_ABORTED : TC_SHOT;
	call->vm->redirect = (uint32_t)call->arg[0];
	return is_xdp ? XDP_REDIRECT : TC_REDIRECT;
}

static uint64_t redirect_skb(struct vm_call *call, uint64_t flags)
{
	enum { TC_SHOT = 2, TC_REDIRECT = 7 };
	if (!needs_skb(call, true))
		return 0;
	if (flags)
		return TC_SHOT;
	call->vm->redirect = (uint32_t)call->arg[0];
	return TC_REDIRECT;
}

uint64_t vm_helper_redirect_peer(struct vm_call *call)
{
	return redirect_skb(call, call->arg[1]);
}

uint64_t vm_helper_redirect_neigh(struct vm_call *call)
{
	return redirect_skb(call, call->arg[3]);
}

/* ---- sockets: there are none ---- */

uint64_t vm_helper_sk_lookup_tcp(struct vm_call *call)
{
	(void)call;
	return 0;
}

uint64_t vm_helper_sk_lookup_udp(struct vm_call *call)
{
	(void)call;
	return 0;
}

uint64_t vm_helper_skc_lookup_tcp(struct vm_call *call)
{
	(void)call;
	return 0;
}

/* ---- XDP ---- */

uint64_t vm_helper_xdp_adjust_head(struct vm_call *call)
{
	struct vm *vm = call->vm;
	int64_t offset = (int32_t)call->arg[1];
	uint32_t meta = vm->data - vm->meta;
	if (!needs_skb(call, false))
		return 0;
	if (vm->data + offset < (int64_t)VM_XDP_FRAME_HEADER + meta ||
	    vm->data + offset > (int64_t)vm->end - VM_ETHERNET)
		return ERROR(EINVAL);
	uint32_t data = (uint32_t)(vm->data + offset);
	memmove(vm->packet + data - meta, vm->packet + vm->meta, meta);
	vm_move_packet(vm, data - meta, data, vm->end);
	return 0;
}

uint64_t vm_helper_xdp_adjust_meta(struct vm_call *call)
{
	struct vm *vm = call->vm;
	int64_t meta = (int64_t)vm->meta + (int32_t)call->arg[1];
	if (!needs_skb(call, false))
		return 0;
	if (meta < VM_XDP_FRAME_HEADER || meta > vm->data)
		return ERROR(EINVAL);
	if ((vm->data - meta) % 4 || vm->data - meta > MAX_META)
		return ERROR(EACCES);
	vm_move_packet(vm, (uint32_t)meta, vm->data, vm->end);
	return 0;
}

uint64_t vm_helper_xdp_adjust_tail(struct vm_call *call)
{
	struct vm *vm = call->vm;
	int64_t end = (int64_t)vm->end + (int32_t)call->arg[1];
	if (!needs_skb(call, false))
		return 0;
	if (end > VM_XDP_FRAME - VM_XDP_SHARED_INFO || end < (int64_t)vm->data + VM_ETHERNET)
		return ERROR(EINVAL);
	if (end > vm->end)
		memset(vm->packet + vm->end, 0, (size_t)(end - vm->end));
	vm_move_packet(vm, vm->meta, vm->data, (uint32_t)end);
	return 0;
}

uint64_t vm_helper_xdp_get_buff_len(struct vm_call *call)
{
	return needs_skb(call, false) ? packet_len(call) : 0;
}

uint64_t vm_helper_xdp_load_bytes(struct vm_call *call)
{
	if (!needs_skb(call, false))
		return 0;
	const uint8_t *p = packet_at(call, (uint32_t)call->arg[1], call->arg[3]);
	if (!p)
		return ERROR(EINVAL);
	memcpy(call->mem[2], p, call->arg[3]);
	return 0;
}

uint64_t vm_helper_xdp_store_bytes(struct vm_call *call)
{
	if (!needs_skb(call, false))
		return 0;
	uint8_t *p = packet_at(call, (uint32_t)call->arg[1], call->arg[3]);
	if (!p)
		return ERROR(EINVAL);
	memmove(p, call->mem[2], call->arg[3]);
	return 0;
}

/* ---- sk_buff ---- */

/* `start` is a place in the buffer. */
static uint64_t load_bytes(struct vm_call *call, uint64_t start, uint64_t offset)
{
	uint64_t size = call->arg[3], at = start + offset;
	if (at > call->vm->end || size > call->vm->end - at) {
		memset(call->mem[2], 0, size);
		return ERROR(EFAULT);
	}
	memcpy(call->mem[2], call->vm->packet + at, size);
	return 0;
}

uint64_t vm_helper_skb_load_bytes(struct vm_call *call)
{
	return needs_skb(call, true) ? load_bytes(call, call->vm->data, (uint32_t)call->arg[1]) : 0;
}

uint64_t vm_helper_skb_load_bytes_relative(struct vm_call *call)
{
	enum { FROM_LINK, FROM_NETWORK };
	const struct vm *vm = call->vm;
	if (!needs_skb(call, true))
		return 0;
	uint64_t offset = (uint32_t)call->arg[1];
	if (offset > 0xffff || call->arg[4] > FROM_NETWORK) {
		memset(call->mem[2], 0, call->arg[3]);
		return ERROR(EFAULT);
	}
	return load_bytes(call, call->arg[4] == FROM_LINK ? vm->link : vm->network, offset);
}

uint64_t vm_helper_skb_store_bytes(struct vm_call *call)
{
	enum { FLAGS = 3 };
	if (!needs_skb(call, true))
		return 0;
	if (call->arg[4] & ~(uint64_t)FLAGS)
		return ERROR(EINVAL);
	uint8_t *p = packet_at(call, (uint32_t)call->arg[1], call->arg[3]);
	if (!p)
		return ERROR(EFAULT);
	memmove(p, call->mem[2], call->arg[3]);
	return 0;
}

uint64_t vm_helper_skb_pull_data(struct vm_call *call)
{
	if (!needs_skb(call, true))
		return 0;
	return (uint32_t)call->arg[1] <= packet_len(call) ? 0 : ERROR(ENOMEM);
}

uint64_t vm_helper_skb_change_tail(struct vm_call *call)
{
	struct vm *vm = call->vm;
	uint32_t len = (uint32_t)call->arg[1];
	if (!needs_skb(call, true))
		return 0;
	if (call->arg[2] || len > LOOPBACK_MAX || len < VM_ETHERNET)
		return ERROR(EINVAL);
	if (len > packet_len(call))
		memset(vm->packet + vm->end, 0, len - packet_len(call));
	vm_move_packet(vm, vm->meta, vm->data, vm->data + len);
	return 0;
}

uint64_t vm_helper_skb_change_head(struct vm_call *call)
{
	struct vm *vm = call->vm;
	uint32_t len = packet_len(call), more = (uint32_t)call->arg[1];
	if (!needs_skb(call, true))
		return 0;
	if (call->arg[2] || more > LOOPBACK_MAX || len + more > LOOPBACK_MAX)
		return ERROR(EINVAL);
	memmove(vm->packet + VM_HEADROOM + more, vm->packet + vm->data, len);
	memset(vm->packet + VM_HEADROOM, 0, more);
	vm->network += VM_HEADROOM + more - vm->data;
	vm->link = VM_HEADROOM;
	vm_move_packet(vm, VM_HEADROOM, VM_HEADROOM, VM_HEADROOM + more + len);
	return 0;
}

/* Only among the types of packets that stay on this machine. */
uint64_t vm_helper_skb_change_type(struct vm_call *call)
{
	enum { TYPE_OFFSET = 4, OTHER_HOST = 3 };
	uint32_t type, wanted = (uint32_t)call->arg[1];
	if (!needs_skb(call, true))
		return 0;
	memcpy(&type, call->vm->context + TYPE_OFFSET, sizeof type);
	if (type > OTHER_HOST || wanted > OTHER_HOST)
		return ERROR(EINVAL);
	memcpy(call->vm->context + TYPE_OFFSET, &wanted, sizeof wanted);
	return 0;
}

uint64_t vm_helper_set_hash_invalid(struct vm_call *call)
{
	enum { HASH_OFFSET = 68 };
	memset(call->vm->context + HASH_OFFSET, 0, 4);
	return 0;
}

/* ---- checksums: RFC 1071 sums in 32 bits with the carry added at the bottom ---- */

static uint32_t add_carry(uint32_t a, uint32_t b)
{
	uint64_t sum = (uint64_t)a + b;
	return (uint32_t)(sum + (sum >> 32));
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t sum_bytes(const uint8_t *bytes, uint64_t size, uint32_t sum)
{
	for (uint64_t i = 0; i + 4 <= size; i += 4) {
		uint32_t word;
		memcpy(&word, bytes + i, 4);
		sum = add_carry(sum, word);
	}
	return sum;
}

uint64_t vm_helper_csum_diff(struct vm_call *call)
{
	uint64_t from_size = call->arg[1], to_size = call->arg[3];
	uint32_t seed = (uint32_t)call->arg[4];
	if ((from_size | to_size) & 3)
		return ERROR(EINVAL);
	uint32_t from = from_size && call->mem[0] ? sum_bytes(call->mem[0], from_size, 0) : 0;
	if (from_size && to_size)
		return fold(add_carry(call->mem[2] ? sum_bytes(call->mem[2], to_size, seed) : seed,
				      ~from));
	if (to_size)
		return fold(call->mem[2] ? sum_bytes(call->mem[2], to_size, seed) : seed);
	if (from_size)
		return fold(~(call->mem[0] ? sum_bytes(call->mem[0], from_size, ~seed) : ~seed));
	return fold(seed);
}

/* Replaces `from` by `to` in a checksum of the packet. */
static int replace(uint16_t *sum, uint64_t size, uint32_t from, uint32_t to)
{
	uint32_t old = (uint16_t) ~*sum;
	switch (size) {
	case 0:
		if (from)
			return -EINVAL;
		*sum = (uint16_t)~fold(add_carry(to, ~(uint32_t)*sum));
		return 0;
	case 2:
		*sum = (uint16_t)~fold(add_carry(add_carry(old, (uint16_t)~from), (uint16_t)to));
		return 0;
	case 4:
		*sum = (uint16_t)~fold(add_carry(add_carry(~(uint32_t)*sum, ~from), to));
		return 0;
	default:
		return -EINVAL;
	}
}

static uint64_t replace_at(struct vm_call *call, uint64_t flags_known, bool keeps_zero)
{
	enum { SIZE_MASK = 15, MANGLED_ZERO = 0x20, FORCE = 0x40 };
	uint64_t offset = (uint32_t)call->arg[1], flags = call->arg[4];
	uint16_t sum;
	if (!needs_skb(call, true))
		return 0;
	if (flags & ~flags_known)
		return ERROR(EINVAL);
	uint8_t *p = offset > 0xffff || offset & 1 ? NULL : packet_at(call, offset, 2);
	if (!p)
		return ERROR(EFAULT);
	memcpy(&sum, p, 2);
	bool is_mangled = keeps_zero && flags & MANGLED_ZERO;
	if (is_mangled && !(flags & FORCE) && !sum)
		return 0;
	int err = replace(&sum, flags & SIZE_MASK, (uint32_t)call->arg[2], (uint32_t)call->arg[3]);
	if (err)
		return (uint64_t)(int64_t)err;
	if (is_mangled && !sum)
		sum = 0xffff;
	memcpy(p, &sum, 2);
	return 0;
}

uint64_t vm_helper_l3_csum_replace(struct vm_call *call)
{
	enum { FLAGS = 0x0f };
	return replace_at(call, FLAGS, false);
}

uint64_t vm_helper_l4_csum_replace(struct vm_call *call)
{
	enum { FLAGS = 0xff };
	return replace_at(call, FLAGS, true);
}
