/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of the helpers for dynptrs, and of those that hand them out: records of ring buffers in both
 * directions. A dynptr is 16 bytes of the program's stack: the address of what it stands for, its size
 * and what may be done with it. Results as in kernel/bpf/helpers.c and ringbuf.c, Linux 6.12.
 */
#include <errno.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

#define ERROR(number) ((uint64_t)(int64_t) - (number))

enum dynptr_kind { DYNPTR_NONE, DYNPTR_MEMORY, DYNPTR_RECORD };

struct dynptr {
	uint64_t address;
	uint32_t size;
	uint32_t kind;
};

static bool load_dynptr(struct vm_call *call, unsigned index, struct dynptr *d)
{
	const uint8_t *memory = vm_argument(call, index, sizeof *d, false);
	if (memory)
		memcpy(d, memory, sizeof *d);
	return memory;
}

static bool store_dynptr(struct vm_call *call, unsigned index, const struct dynptr *d)
{
	uint8_t *memory = vm_argument(call, index, sizeof *d, true);
	if (memory)
		memcpy(memory, d, sizeof *d);
	return memory;
}

/* Memory behind a dynptr; NULL when not all of it is there. */
static uint8_t *inside(struct vm *vm, const struct dynptr *d, uint64_t offset, uint64_t size,
		       bool is_write)
{
	if (d->kind == DYNPTR_NONE || offset > d->size || size > d->size - offset)
		return NULL;
	return vm_memory(vm, d->address + offset, size, is_write);
}

uint64_t vm_helper_dynptr_from_mem(struct vm_call *call)
{
	struct dynptr d = {call->arg[0], (uint32_t)call->arg[1], DYNPTR_MEMORY};
	bool is_wrong = call->arg[2] || call->arg[1] >= 1 << 24;
	if (is_wrong)
		d = (struct dynptr){0};
	else if (!vm_argument(call, 0, call->arg[1], true))
		return 0;
	store_dynptr(call, 3, &d);
	return is_wrong ? ERROR(call->arg[2] ? EINVAL : E2BIG) : 0;
}

uint64_t vm_helper_dynptr_read(struct vm_call *call)
{
	struct dynptr d;
	if (!load_dynptr(call, 2, &d))
		return 0;
	if (call->arg[4] || d.kind == DYNPTR_NONE)
		return ERROR(EINVAL);
	const uint8_t *from = inside(call->vm, &d, call->arg[3], call->arg[1], false);
	uint8_t *to = vm_argument(call, 0, call->arg[1], true);
	if (!from || !to)
		return ERROR(E2BIG);
	memmove(to, from, call->arg[1]);
	return 0;
}

uint64_t vm_helper_dynptr_write(struct vm_call *call)
{
	struct dynptr d;
	if (!load_dynptr(call, 0, &d))
		return 0;
	if (call->arg[4] || d.kind == DYNPTR_NONE)
		return ERROR(EINVAL);
	uint8_t *to = inside(call->vm, &d, call->arg[1], call->arg[3], true);
	const uint8_t *from = vm_argument(call, 2, call->arg[3], false);
	if (!from || !to)
		return ERROR(E2BIG);
	memmove(to, from, call->arg[3]);
	return 0;
}

uint64_t vm_helper_dynptr_data(struct vm_call *call)
{
	struct dynptr d;
	if (!load_dynptr(call, 0, &d))
		return 0;
	return inside(call->vm, &d, call->arg[1], call->arg[2], false) ? d.address + call->arg[1]
								       : 0;
}

/* ---- functions of the kernel ---- */

static uint64_t packet_dynptr(struct vm *vm, const uint64_t *a, bool is_skb)
{
	struct dynptr d = {0};
	bool is_right = *vm->program->context && vm_is_skb(vm) == is_skb;
	uint8_t *to = vm_memory(vm, a[2], sizeof d, true);
	if (!to || !is_right || a[0] != vm_address(VM_REGION_CONTEXT, 0)) {
		vm_raise(vm, VM_FAULT_HELPER, "the packet of this context is not to be had");
		return 0;
	}
	if (!a[1])
		d = (struct dynptr){vm_address(VM_REGION_PACKET, vm->data), vm->end - vm->data,
				    DYNPTR_MEMORY};
	memcpy(to, &d, sizeof d);
	return a[1] ? ERROR(EINVAL) : 0;
}

uint64_t vm_kfunc_bpf_dynptr_from_skb(struct vm *vm, const uint64_t *a)
{
	return packet_dynptr(vm, a, true);
}

uint64_t vm_kfunc_bpf_dynptr_from_xdp(struct vm *vm, const uint64_t *a)
{
	return packet_dynptr(vm, a, false);
}

/* Packets are in one piece, so the buffer that the program offers is not needed. */
uint64_t vm_kfunc_bpf_dynptr_slice(struct vm *vm, const uint64_t *a)
{
	struct dynptr d;
	const uint8_t *from = vm_memory(vm, a[0], sizeof d, false);
	if (!from) {
		vm_raise(vm, VM_FAULT_ACCESS, "what is to be a dynptr is no memory of the program");
		return 0;
	}
	memcpy(&d, from, sizeof d);
	return inside(vm, &d, a[1], a[3], false) ? d.address + a[1] : 0;
}

uint64_t vm_kfunc_bpf_dynptr_slice_rdwr(struct vm *vm, const uint64_t *a)
{
	return vm_kfunc_bpf_dynptr_slice(vm, a);
}

uint64_t vm_kfunc_bpf_dynptr_size(struct vm *vm, const uint64_t *a)
{
	struct dynptr d;
	const uint8_t *from = vm_memory(vm, a[0], sizeof d, false);
	if (!from)
		return ERROR(EINVAL);
	memcpy(&d, from, sizeof d);
	return d.kind == DYNPTR_NONE ? ERROR(EINVAL) : d.size;
}

/* ---- records ---- */

uint64_t vm_helper_ringbuf_reserve_dynptr(struct vm_call *call)
{
	struct dynptr d = {0};
	bool is_wrong = call->arg[2] || call->arg[1] >= 1 << 24;
	if (!is_wrong)
		d.address = vm_reserve_record(call->vm, call->map, (uint32_t)call->arg[1]);
	if (d.address) {
		d.size = (uint32_t)call->arg[1];
		d.kind = DYNPTR_RECORD;
	}
	// It must be given back even when there was no room.
	vm_hold(call->vm, "a dynptr of a ring buffer", (uint32_t)(call->arg[3] >> 32));
	store_dynptr(call, 3, &d);
	return is_wrong ? ERROR(call->arg[2] ? EINVAL : E2BIG) : d.address ? 0 : ERROR(EINVAL);
}

static uint64_t end_dynptr(struct vm_call *call, bool is_kept)
{
	const struct dynptr none = {0};
	struct dynptr d;
	if (!load_dynptr(call, 0, &d))
		return 0;
	if (!vm_let_go(call->vm, "a dynptr of a ring buffer", (uint32_t)(call->arg[0] >> 32)))
		vm_raise(call->vm, VM_FAULT_HELPER, "argument 1 of %s is no reserved record",
			 call->row->info.name);
	else if (d.address)
		vm_end_record_at(call->vm, d.address, is_kept);
	store_dynptr(call, 0, &none);
	return 0;
}

uint64_t vm_helper_ringbuf_submit_dynptr(struct vm_call *call)
{
	return end_dynptr(call, true);
}

uint64_t vm_helper_ringbuf_discard_dynptr(struct vm_call *call)
{
	return end_dynptr(call, false);
}

/* Records from the host: each is given to the callback, until that gives 1. */
uint64_t vm_helper_user_ringbuf_drain(struct vm_call *call)
{
	struct vm *vm = call->vm;
	struct vm_map *map = call->map;
	uint64_t count = 0;
	if (call->arg[3] & ~UINT64_C(3))
		return ERROR(EINVAL);
	if (vm->is_draining)
		return ERROR(EBUSY);
	vm->is_draining = true;
	for (bool goes_on = true; goes_on && vm_map_oldest_record(map);) {
		struct vm_record record = *vm_map_oldest_record(map);
		uint32_t data = vm_add_regions(vm, 1);
		struct dynptr d = {vm_address(data, 0), record.size, DYNPTR_MEMORY};
		memcpy(vm->scratch_dynptr, &d, sizeof d);
		vm_set_region(vm, data, REGION_RECORD, record.data, record.size, false, map);
		vm_set_region(vm, VM_REGION_DYNPTR, REGION_KEY, vm->scratch_dynptr, sizeof d, false,
			      map);
		const uint64_t args[5] = {vm_address(VM_REGION_DYNPTR, 0), call->arg[2]};
		uint64_t result = vm_execute(vm, (uint32_t)call->arg[1], args);
		vm_set_region(vm, data, REGION_NONE, NULL, 0, false, NULL);
		vec_push(&vm->object.arena, &vm->free_regions, data);
		vm_map_drop_first_record(map);
		count++;
		goes_on = !result && !vm->fault.kind;
	}
	vm->is_draining = false;
	return count;
}
