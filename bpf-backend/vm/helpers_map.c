/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of the helpers that work on maps. Results as in kernel/bpf/{helpers,ringbuf,arraymap,
 * hashtab}.c, kernel/trace/bpf_trace.c and net/core/filter.c, Linux 6.12.
 */
#include <errno.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

#define ERROR(number) ((uint64_t)(int64_t) - (number))

uint64_t vm_helper_map_lookup_elem(struct vm_call *call)
{
	return vm_map_element_address(call->map, call->mem[1]);
}

uint64_t vm_helper_map_update_elem(struct vm_call *call)
{
	return (uint64_t)(int64_t)vm_map_put(call->map, call->mem[1], call->mem[2], call->arg[3]);
}

uint64_t vm_helper_map_delete_elem(struct vm_call *call)
{
	return (uint64_t)(int64_t)vm_map_remove(call->map, call->mem[1]);
}

uint64_t vm_helper_map_push_elem(struct vm_call *call)
{
	return (uint64_t)(int64_t)vm_map_push(call->map, call->mem[1], call->arg[2]);
}

uint64_t vm_helper_map_pop_elem(struct vm_call *call)
{
	return (uint64_t)(int64_t)vm_map_pop(call->map, call->mem[1], true);
}

uint64_t vm_helper_map_peek_elem(struct vm_call *call)
{
	return (uint64_t)(int64_t)vm_map_pop(call->map, call->mem[1], false);
}

uint64_t vm_helper_map_lookup_percpu_elem(struct vm_call *call)
{
	uint32_t own = call->vm->cpu;
	if (call->arg[2] >= call->vm->options.cpus)
		return 0;
	call->vm->cpu = (uint32_t)call->arg[2];
	uint64_t address = vm_map_element_address(call->map, call->mem[1]);
	call->vm->cpu = own;
	return address;
}

/* One call of a callback on an element; false: stop. */
static bool visit(struct vm_call *call, uint64_t key, uint64_t value)
{
	const uint64_t args[5] = {vm_address(call->map->handle, 0), key, value, call->arg[2]};
	uint64_t result = vm_execute(call->vm, (uint32_t)call->arg[1], args);
	return !result && !call->vm->fault.kind;
}

static uint64_t visit_array(struct vm_call *call)
{
	struct vm *vm = call->vm;
	struct vm_map *map = call->map;
	uint32_t cpu = map->info.copies > 1 ? vm->cpu : 0;
	for (uint32_t i = 0; i < map->info.max_entries; i++) {
		memcpy(vm->scratch_key, &i, sizeof i);
		vm_set_region(vm, VM_REGION_SCRATCH, REGION_KEY, vm->scratch_key, sizeof i, false,
			      map);
		if (!visit(call, vm_address(VM_REGION_SCRATCH, 0),
			   vm_address(map->first_region + i * map->info.copies + cpu, 0)))
			return i + 1;
	}
	return map->info.max_entries;
}

uint64_t vm_helper_for_each_map_elem(struct vm_call *call)
{
	struct vm_map *map = call->map;
	uint32_t cpu = map->info.copies > 1 ? call->vm->cpu : 0;
	uint64_t count = 0;
	if (call->arg[3])
		return ERROR(EINVAL);
	if (map->model == MODEL_ARRAY)
		return visit_array(call);
	if (map->model != MODEL_HASH && map->model != MODEL_LRU)
		return ERROR(EINVAL);
	// The callback may delete what it is given; an element's link onward stays as it was.
	for (struct vm_element *e = map->oldest, *next; e; e = next) {
		next = e->newer;
		count++;
		if (!visit(call, vm_address(e->region + map->info.copies, 0),
			   vm_address(e->region + cpu, 0)))
			break;
	}
	return count;
}

uint64_t vm_helper_tail_call(struct vm_call *call)
{
	struct vm *vm = call->vm;
	uint32_t index = (uint32_t)call->arg[2];
	const struct vm_program *target = call->map->programs && index < call->map->info.max_entries
						  ? call->map->programs[index]
						  : NULL;
	if (target && strcmp(target->context, vm->program->context)) {
		vm_raise(vm, VM_FAULT_HELPER,
			 "the tail call leads to a program of another kind, `%s`", target->name);
	} else if (target && vm->tail_calls < VM_TAIL_CALLS) {
		vm->tail_calls++;
		vm->tail = target;
	}
	return ERROR(ENOENT);
}

uint64_t vm_helper_redirect_map(struct vm_call *call)
{
	enum { ABORTED = 0, REDIRECT = 4, ACTIONS = 3, BROADCAST = 8, EXCLUDE = 16 };
	uint64_t flags = call->arg[2];
	uint32_t key = (uint32_t)call->arg[1];
	if (flags & ~(uint64_t)(ACTIONS | BROADCAST | EXCLUDE) || call->map->info.key_size != 4)
		return ABORTED;
	uint64_t address = vm_map_element_address(call->map, (const uint8_t *)&key);
	const uint8_t *value = address ? vm_memory(call->vm, address, 4, false) : NULL;
	if (!value)
		return flags & ACTIONS;
	memcpy(&call->vm->redirect, value, 4);
	return REDIRECT;
}

static uint64_t output(struct vm_call *call, const uint8_t *data, uint64_t size, int error)
{
	uint8_t *record = vm_map_new_record(call->map, (uint32_t)size);
	if (!record)
		return ERROR(error);
	memcpy(record, data, size);
	vm_map_end_record(call->map, record, (uint32_t)size, true);
	return 0;
}

/* Flags: the CPU in the lower half, bytes of the packet to append above. */
uint64_t vm_helper_perf_event_output(struct vm_call *call)
{
	struct vm *vm = call->vm;
	uint64_t packet = call->arg[2] >> 32 & 0xfffff, size = call->arg[4];
	if (call->arg[2] >> 52)
		return ERROR(EINVAL);
	if (packet && (!*vm->program->context || packet > vm->end - vm->data))
		return ERROR(EFAULT);
	uint8_t *record = vm_map_new_record(call->map, (uint32_t)(size + packet));
	if (!record)
		return ERROR(ENOSPC);
	memcpy(record, call->mem[3], size);
	if (packet)
		memcpy(record + size, vm->packet + vm->data, packet);
	vm_map_end_record(call->map, record, (uint32_t)(size + packet), true);
	return 0;
}

uint64_t vm_helper_ringbuf_output(struct vm_call *call)
{
	if (call->arg[3] & ~UINT64_C(3))
		return ERROR(EINVAL);
	return output(call, call->mem[1], call->arg[2], EAGAIN);
}

uint64_t vm_reserve_record(struct vm *vm, struct vm_map *map, uint32_t size)
{
	uint32_t region;
	uint8_t *record = vm_map_new_record(map, size);
	if (!record)
		return 0;
	if (vm->free_regions.len)
		region = vec_pop(&vm->free_regions);
	else
		region = vm_add_regions(vm, 1);
	vm_set_region(vm, region, REGION_RECORD, record, size, true, map);
	struct vm_reserved reserved = {region, vm->pc};
	vec_push(&vm->object.arena, &vm->reserved, reserved);
	return vm_address(region, 0);
}

uint64_t vm_helper_ringbuf_reserve(struct vm_call *call)
{
	if (call->arg[2] || call->arg[1] > UINT32_MAX / 4)
		return 0;
	return vm_reserve_record(call->vm, call->map, (uint32_t)call->arg[1]);
}

void vm_end_reserved(struct vm *vm, uint32_t index, bool is_kept)
{
	uint32_t id = vm->reserved.data[index].region;
	const struct vm_region *region = &vm->regions[id];
	vm_map_end_record(region->map, region->base, region->name_bytes, is_kept);
	vm_set_region(vm, id, REGION_NONE, NULL, 0, false, NULL);
	vec_push(&vm->object.arena, &vm->free_regions, id);
	vm->reserved.data[index] = vm->reserved.data[--vm->reserved.len];
}

bool vm_end_record_at(struct vm *vm, uint64_t address, bool is_kept)
{
	for (uint32_t i = vm->reserved.len; i-- > 0;) {
		if (vm_address(vm->reserved.data[i].region, 0) == address) {
			vm_end_reserved(vm, i, is_kept);
			return true;
		}
	}
	return false;
}

static uint64_t end_record(struct vm_call *call, bool is_kept)
{
	if (!vm_end_record_at(call->vm, call->arg[0], is_kept))
		vm_raise(call->vm, VM_FAULT_HELPER, "argument 1 of %s is no reserved record",
			 call->row->info.name);
	return 0;
}

uint64_t vm_helper_ringbuf_submit(struct vm_call *call)
{
	return end_record(call, true);
}

uint64_t vm_helper_ringbuf_discard(struct vm_call *call)
{
	return end_record(call, false);
}

uint64_t vm_helper_ringbuf_query(struct vm_call *call)
{
	enum { AVAILABLE, SIZE, CONSUMER, PRODUCER };
	switch (call->arg[1]) {
	case AVAILABLE:
	case PRODUCER:
		return call->map->record_bytes;
	case SIZE:
		return call->map->info.max_entries;
	default:
		return 0;
	}
}
