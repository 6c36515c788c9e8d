/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of functions of the kernel that programs call by name, and the list of what a program holds:
 * sections, locks and objects that must be let go before it ends. Results as in kernel/bpf/helpers.c and
 * bpf_iter.c, Linux 6.12.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

enum { MAX_OBJECT = 1 << 20, SECTION_NONE = 0, UNSET = 0xa7 };

#define ERROR(number) ((uint64_t)(int64_t) - (number))

/* ---- what is held ---- */

void vm_hold(struct vm *vm, const char *what, uint32_t region)
{
	struct vm_held held = {what, region, vm->pc};
	vec_push(&vm->object.arena, &vm->held, held);
}

/* Lets go of the last such thing; false when it is not held. */
bool vm_let_go(struct vm *vm, const char *what, uint32_t region)
{
	for (uint32_t i = vm->held.len; i-- > 0;) {
		const struct vm_held *held = &vm->held.data[i];
		if (strcmp(held->what, what) || held->region != region)
			continue;
		memmove(vm->held.data + i, vm->held.data + i + 1,
			(vm->held.len - i - 1) * sizeof *held);
		vm->held.len--;
		return true;
	}
	return false;
}

static void free_object(struct vm *vm, uint32_t region)
{
	free(vm->regions[region].base);
	vm_set_region(vm, region, REGION_NONE, NULL, 0, false, NULL);
	vec_push(&vm->object.arena, &vm->free_regions, region);
}

void vm_check_held(struct vm *vm)
{
	while (vm->held.len) {
		struct vm_held held = vec_pop(&vm->held);
		vm->pc = held.pc;
		vm_raise(vm, VM_FAULT_HELPER, "%s is still held when the program ends", held.what);
		if (held.region && vm->regions[held.region].kind == REGION_OBJECT)
			free_object(vm, held.region);
	}
}

static uint64_t enter(struct vm *vm, const char *what)
{
	vm_hold(vm, what, SECTION_NONE);
	return 0;
}

static uint64_t leave(struct vm *vm, const char *what)
{
	if (!vm_let_go(vm, what, SECTION_NONE))
		vm_raise(vm, VM_FAULT_HELPER, "%s is left but was not entered", what);
	return 0;
}

/* ---- models ---- */

uint64_t vm_kfunc_bpf_rcu_read_lock(struct vm *vm, const uint64_t *a)
{
	(void)a;
	return enter(vm, "an RCU section");
}

uint64_t vm_kfunc_bpf_rcu_read_unlock(struct vm *vm, const uint64_t *a)
{
	(void)a;
	return leave(vm, "an RCU section");
}

uint64_t vm_kfunc_bpf_preempt_disable(struct vm *vm, const uint64_t *a)
{
	(void)a;
	return enter(vm, "a section without preemption");
}

uint64_t vm_kfunc_bpf_preempt_enable(struct vm *vm, const uint64_t *a)
{
	(void)a;
	return leave(vm, "a section without preemption");
}

const char vm_object_name[] = "an object from bpf_obj_new";

/* The type is one of the program's own BTF. */
uint64_t vm_kfunc_bpf_obj_new_impl(struct vm *vm, const uint64_t *a)
{
	const struct btf *btf = &vm->object.btf;
	bool is_type = vm->object.has_btf && a[0] && a[0] <= btf->type_count;
	uint32_t size = is_type ? program_type_size(btf, (uint32_t)a[0]) : 0;
	if (!size || size > MAX_OBJECT) {
		vm_raise(vm, VM_FAULT_HELPER, "%llu is no type of an object",
			 (unsigned long long)a[0]);
		return 0;
	}
	uint8_t *base = malloc(size);
	if (!base)
		return 0;
	memset(base, UNSET, size); // the kernel gives whatever was there
	uint32_t region = vm->free_regions.len ? vec_pop(&vm->free_regions) : vm_add_regions(vm, 1);
	vm_set_region(vm, region, REGION_OBJECT, base, size, true, NULL);
	vm_hold(vm, vm_object_name, region);
	return vm_address(region, 0);
}

uint64_t vm_kfunc_bpf_obj_drop_impl(struct vm *vm, const uint64_t *a)
{
	uint32_t region = (uint32_t)(a[0] >> 32);
	if ((uint32_t)a[0] || !vm_let_go(vm, vm_object_name, region))
		vm_raise(vm, VM_FAULT_HELPER,
			 "what bpf_obj_drop is given is no object that the "
			 "program holds");
	else
		free_object(vm, region);
	return 0;
}

/* ---- for (i in a..b) of other compilers: struct bpf_iter_num is 8 bytes ---- */

static int32_t *iterator(struct vm *vm, uint64_t address)
{
	int32_t *words = (int32_t *)(void *)vm_memory(vm, address, 8, true);
	if (!words)
		vm_raise(vm, VM_FAULT_ACCESS, "the iterator is no memory of the program");
	return words;
}

uint64_t vm_kfunc_bpf_iter_num_new(struct vm *vm, const uint64_t *a)
{
	int32_t words[2] = {0}, start = (int32_t)a[1], end = (int32_t)a[2];
	int32_t *to = iterator(vm, a[0]);
	if (!to)
		return 0;
	int err = start > end                                      ? -EINVAL
		  : (int64_t)end - (int64_t)start > VM_LOOP_BUDGET ? -E2BIG
								   : 0;
	if (!err) {
		words[0] = start - 1;
		words[1] = end;
	}
	memcpy(to, words, sizeof words);
	return (uint64_t)(int64_t)err;
}

uint64_t vm_kfunc_bpf_iter_num_next(struct vm *vm, const uint64_t *a)
{
	int32_t words[2], *to = iterator(vm, a[0]);
	if (!to)
		return 0;
	memcpy(words, to, sizeof words);
	if ((int64_t)words[0] + 1 >= words[1]) {
		memset(to, 0, sizeof words);
		return 0;
	}
	words[0]++;
	memcpy(to, words, sizeof words);
	return a[0];
}

uint64_t vm_kfunc_bpf_iter_num_destroy(struct vm *vm, const uint64_t *a)
{
	int32_t *to = iterator(vm, a[0]);
	if (to)
		memset(to, 0, 8);
	return 0;
}

uint64_t vm_kfunc_bpf_cast_to_kern_ctx(struct vm *vm, const uint64_t *a)
{
	(void)vm;
	return a[0];
}

uint64_t vm_kfunc_bpf_rdonly_cast(struct vm *vm, const uint64_t *a)
{
	(void)vm;
	return a[0];
}

/* ---- tasks: there is only the current one ---- */

static const char task_name[] = "a task";

uint64_t vm_kfunc_bpf_task_from_pid(struct vm *vm, const uint64_t *a)
{
	if ((uint32_t)a[0] != (uint32_t)vm->pid_tgid)
		return 0;
	vm_hold(vm, task_name, VM_REGION_TASK);
	return vm_address(VM_REGION_TASK, 0);
}

uint64_t vm_kfunc_bpf_task_acquire(struct vm *vm, const uint64_t *a)
{
	if (a[0] != vm_address(VM_REGION_TASK, 0))
		return 0;
	vm_hold(vm, task_name, VM_REGION_TASK);
	return a[0];
}

uint64_t vm_kfunc_bpf_task_release(struct vm *vm, const uint64_t *a)
{
	if (!vm_let_go(vm, task_name, (uint32_t)(a[0] >> 32)))
		vm_raise(vm, VM_FAULT_HELPER, "a task is released that is not held");
	return 0;
}

/* ---- the table ---- */

static const struct {
	const char *name;
	uint64_t (*call)(struct vm *vm, const uint64_t *a);
} models[] = {
#define KFUNC(name) {#name, vm_kfunc_##name},
#include "bpf-backend/vm/kfuncs.def"
#undef KFUNC
};

/* A program may name a variant of a declaration behind "___". */
int32_t vm_find_kfunc(const char *name)
{
	const char *mark = strstr(name, "___");
	size_t len = mark && mark > name ? (size_t)(mark - name) : strlen(name);
	for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
		if (!strncmp(models[i].name, name, len) && !models[i].name[len])
			return (int32_t)i;
	}
	return -1;
}

bool vm_call_kfunc(struct vm *vm, uint32_t number, uint64_t *r)
{
	uint32_t pc = vm->pc;
	r[0] = models[number].call(vm, &r[1]);
	vm->pc = pc;
	for (unsigned i = 1; i <= 5; i++)
		r[i] = VM_SCRATCHED;
	return !vm->fault.kind;
}
