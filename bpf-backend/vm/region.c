/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions of memory and what happens off the fast path: accesses to the context, and the wording of
 * accesses that are none of the program's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

uint32_t vm_add_regions(struct vm *vm, uint32_t count)
{
	uint32_t first = vm->region_count;
	while (vm->region_cap - first < count) {
		uint32_t cap = vm->region_cap ? vm->region_cap * 2 : 64;
		struct vm_region *grown = realloc(vm->regions, cap * sizeof *grown);
		if (!grown)
			die_out_of_memory();
		vm->regions = grown;
		vm->region_cap = cap;
	}
	memset(vm->regions + first, 0, count * sizeof *vm->regions);
	vm->region_count += count;
	return first;
}

void vm_set_region(struct vm *vm, uint32_t region, enum vm_region_kind kind, uint8_t *base,
		   uint32_t size, bool is_writable, struct vm_map *map)
{
	vm->regions[region] = (struct vm_region){
		.base = base,
		.size = size,
		.writable = is_writable ? size : 0,
		.kind = kind,
		.name_bytes = size,
		.map = map,
	};
}

void vm_set_packet_region(struct vm *vm)
{
	vm_set_region(vm, VM_REGION_PACKET, REGION_PACKET, vm->packet + vm->meta,
		      vm->end - vm->meta, true, NULL);
	vm->regions[VM_REGION_PACKET].low = vm->meta;
}

uint8_t *vm_memory(struct vm *vm, uint64_t address, uint64_t size, bool is_write)
{
	uint64_t id = address >> 32;
	if (id >= vm->region_count)
		return NULL;
	const struct vm_region *region = &vm->regions[id];
	uint32_t at = (uint32_t)address - region->low;
	uint64_t extent = is_write ? region->writable : region->size;
	if (!region->base || at > extent || size > extent - at)
		return NULL;
	return region->base + at;
}

bool vm_slow_load(struct vm *vm, uint64_t address, uint32_t width, uint64_t *value)
{
	if (address >> 32 == VM_REGION_CONTEXT)
		return vm_load_context(vm, (uint32_t)address, width, value);
	if (address >> 32 == VM_REGION_TASK)
		return vm_load_task(vm, (uint32_t)address, width, value);
	char where[160];
	vm_describe_address(vm, address, where, sizeof where);
	vm_raise(vm, VM_FAULT_ACCESS, "reads %u byte%s at %s", width, width == 1 ? "" : "s", where);
	return false;
}

bool vm_slow_store(struct vm *vm, uint64_t address, uint32_t width, uint64_t value)
{
	if (address >> 32 == VM_REGION_CONTEXT)
		return vm_store_context(vm, (uint32_t)address, width, value);
	char where[160];
	vm_describe_address(vm, address, where, sizeof where);
	vm_raise(vm, VM_FAULT_ACCESS, "writes %u byte%s at %s", width, width == 1 ? "" : "s",
		 where);
	return false;
}

/* "offset 8 of a value of `counts`, which has 8 bytes" */
void vm_describe_address(struct vm *vm, uint64_t address, char *out, size_t size)
{
	uint64_t id = address >> 32;
	int64_t offset = (uint32_t)address;
	if (offset >= INT64_C(0x80000000)) { // below the next region's beginning
		id++;
		offset -= INT64_C(0x100000000);
	}
	enum vm_region_kind kind = REGION_NONE;
	const struct vm_region *region = NULL;
	if (id < vm->region_count) {
		region = &vm->regions[id];
		kind = (enum vm_region_kind)region->kind;
	}
	switch (kind) {
	case REGION_STACK:
		snprintf(out, size, "r10%+lld of the stack frame, which has r10-%d to r10-1",
			 (long long)offset - VM_STACK_BYTES, VM_STACK_BYTES);
		return;
	case REGION_CONTEXT:
		snprintf(out, size, "offset %lld of the context", (long long)offset);
		return;
	case REGION_PACKET:
		snprintf(out, size, "offset %lld of the packet, which has %u bytes",
			 (long long)offset - vm->data, vm->end - vm->data);
		return;
	case REGION_VALUE:
		snprintf(out, size, "offset %lld of %s `%s`, which has %u bytes%s",
			 (long long)offset, region->map->info.is_data ? "section" : "a value of",
			 region->map->info.name, region->name_bytes,
			 region->writable ? "" : " and is read only");
		return;
	case REGION_KEY:
		snprintf(out, size, "offset %lld of a key, which has %u bytes and is read only",
			 (long long)offset, region->name_bytes);
		return;
	case REGION_RECORD:
		snprintf(out, size, "offset %lld of a record of `%s`, which has %u bytes",
			 (long long)offset, region->map->info.name, region->name_bytes);
		return;
	case REGION_OBJECT:
		snprintf(out, size, "offset %lld of an allocated object, which has %u bytes",
			 (long long)offset, region->name_bytes);
		return;
	case REGION_LENT:
		snprintf(out, size,
			 "offset %lld of memory outside of the program, which has %u bytes",
			 (long long)offset, region->name_bytes);
		return;
	case REGION_TASK:
		snprintf(out, size, "the current task");
		return;
	case REGION_MAP:
		snprintf(out, size, "the map `%s` itself", region->map->info.name);
		return;
	case REGION_CODE:
		snprintf(out, size, "the program's code");
		return;
	case REGION_NONE:
		break;
	}
	if (address < 4096)
		snprintf(out, size, "the null pointer plus %llu", (unsigned long long)address);
	else
		snprintf(out, size, "%#llx, which is no address", (unsigned long long)address);
}

uint64_t vm_lend(struct vm *vm, const void *bytes, uint32_t size)
{
	uint8_t *copy = arena_alloc(&vm->object.arena, size + 1u);
	uint32_t region = vm_add_regions(vm, 1);
	if (size)
		memcpy(copy, bytes, size);
	vm_set_region(vm, region, REGION_LENT, copy, size, false, NULL);
	return vm_address(region, 0);
}
