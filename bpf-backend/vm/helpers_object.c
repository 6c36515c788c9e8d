/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of the helpers for objects of the kernel: the current task, values that belong to objects, and
 * pointers that maps keep. An object is an address that a program may hand on; of the current task the
 * number, group and name can be read, at the places that the kernel's types give.
 */
#include <errno.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

#define ERROR(number) ((uint64_t)(int64_t) - (number))

enum { CREATE = 1, COMM_BYTES = 16 };

/* ---- the current task ---- */

uint64_t vm_helper_get_current_task(struct vm_call *call)
{
	(void)call;
	return vm_address(VM_REGION_TASK, 0);
}

uint64_t vm_helper_get_current_task_btf(struct vm_call *call)
{
	return vm_helper_get_current_task(call);
}

/* A member of the kernel's task_struct lies there, `within` bytes before. */
static bool lies_in(const struct vm *vm, const char *name, uint32_t offset, uint32_t size,
		    uint32_t *within)
{
	const struct btf *kernel = vm->options.kernel;
	uint32_t id = kernel ? btf_find(kernel, BTF_KIND_STRUCT, "task_struct") : 0;
	struct btf_type task = id ? btf_get_type(kernel, id) : (struct btf_type){0};
	for (uint32_t i = 0; i < task.count; i++) {
		struct btf_item member = btf_get_item(kernel, &task, i);
		if (strcmp(member.name, name))
			continue;
		*within = offset - member.bit_offset / 8;
		return offset >= member.bit_offset / 8 && *within < size;
	}
	return false;
}

bool vm_load_task(struct vm *vm, uint32_t offset, uint32_t width, uint64_t *value)
{
	uint8_t comm[COMM_BYTES + 8] = {0};
	uint32_t within;
	*value = 0;
	if (lies_in(vm, "pid", offset, 1, &within)) {
		*value = (uint32_t)vm->pid_tgid;
		return true;
	}
	if (lies_in(vm, "tgid", offset, 1, &within)) {
		*value = vm->pid_tgid >> 32;
		return true;
	}
	if (lies_in(vm, "comm", offset, COMM_BYTES, &within)) {
		strncpy((char *)comm, vm->options.comm, COMM_BYTES - 1);
		memcpy(value, comm + within, width);
		return true;
	}
	vm_raise(vm, VM_FAULT_ACCESS,
		 "reads offset %u of the current task, of which only pid, tgid and comm have a "
		 "model",
		 offset);
	return false;
}

/* ---- values of objects ---- */

static uint64_t storage_get(struct vm_call *call)
{
	struct vm_map *map = call->map;
	const uint8_t *key = (const uint8_t *)&call->arg[1];
	if (map->model != MODEL_STORAGE || call->arg[3] & ~(uint64_t)CREATE || !call->arg[1])
		return 0;
	uint64_t found = vm_map_element_address(map, key);
	if (found || !(call->arg[3] & CREATE))
		return found;
	uint8_t *value = vm_map_add(map, key);
	if (value && call->mem[2])
		memcpy(value, call->mem[2], map->info.value_size);
	return vm_map_element_address(map, key);
}

static uint64_t storage_delete(struct vm_call *call)
{
	if (call->map->model != MODEL_STORAGE || !call->arg[1])
		return ERROR(EINVAL);
	return (uint64_t)(int64_t)vm_map_remove(call->map, (const uint8_t *)&call->arg[1]);
}

#define STORAGE(kind)                                                                              \
	uint64_t vm_helper_##kind##_storage_get(struct vm_call *call)                              \
	{                                                                                          \
		return storage_get(call);                                                          \
	}                                                                                          \
	uint64_t vm_helper_##kind##_storage_delete(struct vm_call *call)                           \
	{                                                                                          \
		return storage_delete(call);                                                       \
	}
STORAGE(sk)
STORAGE(task)
STORAGE(inode)
STORAGE(cgrp)

/* ---- pointers in maps ---- */

/* What is put in is no longer the program's to give back, what comes out is. */
uint64_t vm_helper_kptr_xchg(struct vm_call *call)
{
	struct vm *vm = call->vm;
	uint64_t old, new = call->arg[1];
	uint8_t *at = vm_argument(call, 0, sizeof old, true);
	if (!at)
		return 0;
	memcpy(&old, at, sizeof old);
	memcpy(at, &new, sizeof new);
	if (new && !vm_let_go(vm, vm_object_name, (uint32_t)(new >> 32)))
		vm_raise(vm, VM_FAULT_HELPER, "what bpf_kptr_xchg is given is not the program's");
	if (old)
		vm_hold(vm, vm_object_name, (uint32_t)(old >> 32));
	return old;
}
