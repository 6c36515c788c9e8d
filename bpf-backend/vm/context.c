/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts. The fields of xdp_md and __sk_buff come from the kernel tables: a load of a packet field
 * gives an address of the packet's region, everything else is kept as it stands in the UAPI struct.
 * A program of another kind sees the bytes that the caller gave as plain memory.
 *
 * What fields of a fresh packet hold follows bpf_prog_test_run_skb() and _xdp() (net/bpf/test_run.c)
 * and eth_type_trans() (net/ethernet/eth.c), Linux 6.12: it looks as if the loopback device, number
 * 1, had received it.
 */
#include <string.h>

#include "bpf-backend/vm/machine.h"

/* Beginnings of section names of kinds that prog_types.def does not have, as libbpf 1.1 knows them. */
static const struct {
	const char *section, *context;
	bool is_classifier;
} more_sections[] = {
	{"classifier", "__sk_buff", true},
	{"action", "__sk_buff", true},
	{"tcx/", "__sk_buff", true},
	{"socket", "__sk_buff", false},
	{"cgroup_skb/", "__sk_buff", false},
	{"cgroup/skb", "__sk_buff", false},
	{"lwt_", "__sk_buff", false},
	{"sk_skb", "__sk_buff", false},
	{"flow_dissector", "__sk_buff", false},
};

static bool begins_with(const char *section, const char *kind)
{
	size_t len = strlen(kind);
	return !strncmp(section, kind, len) &&
	       (!section[len] || kind[len - 1] == '/' || kind[len - 1] == '_' ||
		section[len] == '/' || section[len] == '.');
}

static bool is_modelled(const char *context)
{
	return !strcmp(context, "xdp_md") || !strcmp(context, "__sk_buff");
}

void vm_classify_program(struct vm_program *program)
{
	const struct kernel_program *kind;
	program->context = "";
	program->access = UINT32_MAX;
	for (uint32_t i = 0; (kind = kernel_program_at(i)); i++) {
		if (begins_with(program->section, kind->kind.section)) {
			if (!is_modelled(kind->kind.context))
				return;
			program->context = kind->kind.context;
			program->access = kind->kind.access;
			program->is_classifier = kind->helpers == KERNEL_SET_TC;
			return;
		}
	}
	for (size_t i = 0; i < sizeof more_sections / sizeof more_sections[0]; i++) {
		if (begins_with(program->section, more_sections[i].section)) {
			program->context = more_sections[i].context;
			program->is_classifier = more_sections[i].is_classifier;
			return;
		}
	}
}

bool vm_is_skb(const struct vm *vm)
{
	return !strcmp(vm->program->context, "__sk_buff");
}

uint32_t vm_context_size(const struct vm *vm)
{
	uint32_t size = VM_CONTEXT_BYTES;
	while (size && !vm->fields[size - 1])
		size--;
	return (size + 7) & ~7u;
}

static const struct ctx_field *field_named(const struct vm *vm, const char *name)
{
	for (uint32_t i = 0; i < VM_CONTEXT_BYTES;) {
		const struct ctx_field *field = vm->fields[i];
		if (field && !strcmp(field->name, name))
			return field;
		i += field ? (uint32_t)field->width * field->count : 1;
	}
	return NULL;
}

static void set_field(struct vm *vm, const char *name, uint64_t value)
{
	const struct ctx_field *field = field_named(vm, name);
	if (field)
		memcpy(vm->context + field->offset, &value, field->width);
}

static void index_fields(struct vm *vm)
{
	const char *context = vm->program->context;
	const struct ctx_field *field;
	if (vm->fields_context && !strcmp(vm->fields_context, context))
		return;
	vm->fields_context = context;
	memset(vm->fields, 0, sizeof vm->fields);
	for (uint32_t i = 0; (field = kernel_ctx_field_at(context, i)); i++) {
		uint32_t end = field->offset + (uint32_t)field->width * field->count;
		for (uint32_t at = field->offset; at < end && at < VM_CONTEXT_BYTES; at++)
			vm->fields[at] = field;
	}
}

/* Fields that follow from the packet, unless the caller's context sets them. */
static void describe_packet(struct vm *vm, const uint8_t *packet)
{
	// Both addresses of the loopback device are zero: even ff:ff:… is a multicast to it.
	static const uint8_t loopback[6] = {0};
	enum { HOST, MULTICAST = 2, OTHER_HOST };
	uint16_t protocol;
	uint32_t type = OTHER_HOST;
	if (packet[0] & 1)
		type = MULTICAST;
	else if (!memcmp(packet, loopback, 6))
		type = HOST;
	memcpy(&protocol, packet + 12, 2);
	// A length instead of a type: 802.2 frames, of which those without SNAP are marked so.
	if (__builtin_bswap16(protocol) < 0x600)
		protocol = __builtin_bswap16(packet[14] == 255 && packet[15] == 255 ? 1 : 4);
	set_field(vm, "pkt_type", type);
	set_field(vm, "protocol", protocol);
	set_field(vm, "ifindex", 1);
}

static bool enter_packet(struct vm *vm, const struct vm_input *input)
{
	bool is_skb = vm_is_skb(vm);
	uint32_t most = is_skb ? VM_PACKET_MAX : VM_XDP_FRAME - VM_HEADROOM - VM_XDP_SHARED_INFO;
	if (input->packet_len < VM_ETHERNET || input->packet_len > most)
		return false;
	if (!vm->packet)
		vm->packet = arena_alloc(&vm->object.arena, VM_PACKET_BUFFER);
	memset(vm->packet, 0, VM_HEADROOM + 2 * (size_t)input->packet_len + 64);
	memcpy(vm->packet + VM_HEADROOM, input->packet, input->packet_len);
	memset(vm->context, 0, sizeof vm->context);
	if (is_skb)
		describe_packet(vm, vm->packet + VM_HEADROOM);
	else
		set_field(vm, "ingress_ifindex", 1);
	for (uint32_t at = 0; at < input->context_len && at < VM_CONTEXT_BYTES; at++) {
		const struct ctx_field *field = vm->fields[at];
		if (field && field->value == CTX_SCALAR && ((const uint8_t *)input->context)[at])
			vm->context[at] = ((const uint8_t *)input->context)[at];
	}
	// Only classifiers and XDP programs see the link layer's header.
	vm->link = VM_HEADROOM;
	vm->network = VM_HEADROOM + VM_ETHERNET;
	uint32_t data = is_skb && !vm->program->is_classifier ? vm->network : VM_HEADROOM;
	vm_move_packet(vm, data, data, VM_HEADROOM + input->packet_len);
	set_field(vm, "wire_len", input->packet_len);
	return true;
}

void vm_move_packet(struct vm *vm, uint32_t meta, uint32_t data, uint32_t end)
{
	vm->meta = meta;
	vm->data = data;
	vm->end = end;
	set_field(vm, "len", end - data);
	vm_set_packet_region(vm);
}

bool vm_enter_context(struct vm *vm, const struct vm_input *input)
{
	index_fields(vm);
	vm_set_region(vm, VM_REGION_PACKET, REGION_NONE, NULL, 0, false, NULL);
	if (*vm->program->context) {
		vm_set_region(vm, VM_REGION_CONTEXT, REGION_CONTEXT, NULL, 0, false, NULL);
		return enter_packet(vm, input);
	}
	if (input->context_len > VM_CONTEXT_BYTES)
		return false;
	memset(vm->context, 0, sizeof vm->context);
	if (input->context_len)
		memcpy(vm->context, input->context, input->context_len);
	vm_set_region(vm, VM_REGION_CONTEXT, REGION_CONTEXT, vm->context, input->context_len, true,
		      NULL);
	return true;
}

/* Field that an access lies in; NULL after a fault. */
static const struct ctx_field *access_field(struct vm *vm, uint32_t offset, uint32_t width,
					    bool is_write)
{
	const char *verb = is_write ? "writes" : "reads", *ending = width == 1 ? "" : "s";
	const struct ctx_field *field = offset < VM_CONTEXT_BYTES ? vm->fields[offset] : NULL;
	if (!field || offset + width > VM_CONTEXT_BYTES || offset % width ||
	    vm->fields[offset + width - 1] != field) {
		vm_raise(vm, VM_FAULT_ACCESS, "%s %u byte%s at offset %d of the context%s%s", verb,
			 width, ending, (int32_t)offset, field ? ", not within the field " : "",
			 field ? field->name : "");
		return NULL;
	}
	bool can_read = field->readers & vm->program->access;
	bool can_write = field->writers & vm->program->access;
	if (!can_read || (is_write && !can_write) ||
	    (field->value != CTX_SCALAR && width != field->width)) {
		vm_raise(vm, VM_FAULT_ACCESS, "%s %u byte%s of the context's field `%s`, which %s",
			 verb, width, ending, field->name,
			 !can_read                ? "this kind of program has no access to"
			 : is_write && !can_write ? "is read only"
						  : "is read as a whole");
		return NULL;
	}
	return field;
}

bool vm_load_context(struct vm *vm, uint32_t offset, uint32_t width, uint64_t *value)
{
	if (!*vm->program->context) {
		vm_raise(vm, VM_FAULT_ACCESS,
			 "reads %u bytes at offset %d of the context, which has %u", width,
			 (int32_t)offset, vm->regions[VM_REGION_CONTEXT].name_bytes);
		return false;
	}
	const struct ctx_field *field = access_field(vm, offset, width, false);
	if (!field)
		return false;
	*value = 0;
	switch ((enum ctx_value)field->value) {
	case CTX_SCALAR:
		memcpy(value, vm->context + offset, width);
		break;
	case CTX_PACKET:
		*value = vm_address(VM_REGION_PACKET, vm->data);
		break;
	case CTX_PACKET_END:
		*value = vm_address(VM_REGION_PACKET, vm->end);
		break;
	case CTX_PACKET_META:
		*value = vm_address(VM_REGION_PACKET, vm->meta);
		break;
	}
	return true;
}

bool vm_store_context(struct vm *vm, uint32_t offset, uint32_t width, uint64_t value)
{
	if (!*vm->program->context) {
		vm_raise(vm, VM_FAULT_ACCESS,
			 "writes %u bytes at offset %d of the context, which has %u", width,
			 (int32_t)offset, vm->regions[VM_REGION_CONTEXT].name_bytes);
		return false;
	}
	if (!access_field(vm, offset, width, true))
		return false;
	memcpy(vm->context + offset, &value, width);
	return true;
}
