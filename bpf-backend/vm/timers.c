/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers in map values: their state, the helpers, and the time that passes. Nothing runs by itself: the caller lets
 * time pass, and what becomes due runs then, earliest first. Results as in kernel/bpf/helpers.c, Linux 6.12.
 */
#include <errno.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

#define ERROR(number) ((uint64_t)(int64_t) - (number))

enum { TIMER_BYTES = 16, FLAG_ABSOLUTE = 1, FLAG_PINNED = 2 };

static struct vm_timer *find_timer(const struct vm *vm, uint64_t address)
{
	for (uint32_t i = 0; i < vm->timers.len; i++) {
		if (vm->timers.data[i].address == address)
			return &vm->timers.data[i];
	}
	return NULL;
}

void vm_forget_timers(struct vm *vm, uint32_t region)
{
	for (uint32_t i = vm->timers.len; i-- > 0;) {
		if (vm->timers.data[i].address >> 32 == region)
			vm->timers.data[i] = vec_pop(&vm->timers);
	}
}

/* ---- helpers ---- */

static bool is_in_value(struct vm_call *call)
{
	if (!vm_argument(call, 0, TIMER_BYTES, true))
		return false;
	if (call->vm->regions[call->arg[0] >> 32].kind == REGION_VALUE)
		return true;
	vm_raise(call->vm, VM_FAULT_HELPER, "argument 1 of %s is no timer in a map",
		 call->row->info.name);
	return false;
}

uint64_t vm_helper_timer_init(struct vm_call *call)
{
	struct vm *vm = call->vm;
	if (!is_in_value(call))
		return 0;
	if (call->arg[2] & ~UINT64_C(15))
		return ERROR(EINVAL);
	if (find_timer(vm, call->arg[0]))
		return ERROR(EBUSY);
	struct vm_timer timer = {.address = call->arg[0],
				 .map = vm->regions[call->arg[0] >> 32].map};
	vec_push(&vm->object.arena, &vm->timers, timer);
	return 0;
}

uint64_t vm_helper_timer_set_callback(struct vm_call *call)
{
	struct vm_timer *timer = is_in_value(call) ? find_timer(call->vm, call->arg[0]) : NULL;
	if (!timer)
		return ERROR(EINVAL);
	timer->callback = (uint32_t)call->arg[1];
	timer->program = call->vm->program;
	return 0;
}

uint64_t vm_helper_timer_start(struct vm_call *call)
{
	struct vm_timer *timer = is_in_value(call) ? find_timer(call->vm, call->arg[0]) : NULL;
	if (!timer || !timer->callback || call->arg[2] & ~(uint64_t)(FLAG_ABSOLUTE | FLAG_PINNED))
		return ERROR(EINVAL);
	timer->is_armed = true;
	timer->due = call->arg[1] + (call->arg[2] & FLAG_ABSOLUTE ? 0 : call->vm->time_ns);
	return 0;
}

uint64_t vm_helper_timer_cancel(struct vm_call *call)
{
	struct vm_timer *timer = is_in_value(call) ? find_timer(call->vm, call->arg[0]) : NULL;
	if (!timer)
		return ERROR(EINVAL);
	bool was_armed = timer->is_armed;
	timer->is_armed = false;
	return was_armed;
}

/* ---- time ---- */

uint64_t vm_now(const struct vm *vm)
{
	return vm->time_ns;
}

static struct vm_timer *next_due(const struct vm *vm, uint64_t until)
{
	struct vm_timer *best = NULL;
	for (uint32_t i = 0; i < vm->timers.len; i++) {
		struct vm_timer *t = &vm->timers.data[i];
		if (t->is_armed && t->due <= until && (!best || t->due < best->due))
			best = t;
	}
	return best;
}

/* What the callback gets: map, key, value. */
static void call_back(struct vm *vm, const struct vm_timer *timer, struct vm_result *result)
{
	uint32_t region = (uint32_t)(timer->address >> 32);
	const struct vm_input input = {0};
	uint64_t key = vm_address(region + 1, 0); // of hash shapes
	vm_begin(vm, timer->program, &input);
	if (timer->map->model == MODEL_ARRAY) {
		uint32_t index = region - timer->map->first_region;
		memcpy(vm->scratch_key, &index, sizeof index);
		vm_set_region(vm, VM_REGION_SCRATCH, REGION_KEY, vm->scratch_key, sizeof index,
			      false, timer->map);
		key = vm_address(VM_REGION_SCRATCH, 0);
	}
	const uint64_t args[5] = {vm_address(timer->map->handle, 0), key, vm_address(region, 0)};
	vm_execute(vm, timer->callback, args);
	vm_end(vm, result);
}

int vm_pass_time(struct vm *vm, uint64_t ns, struct vm_result *result)
{
	uint64_t until;
	struct vm_timer *timer;
	*result = (struct vm_result){0};
	if (__builtin_add_overflow(vm->time_ns, ns, &until))
		until = UINT64_MAX;
	uint64_t left = vm->options.budget;
	while ((timer = next_due(vm, until))) {
		struct vm_timer due = *timer; // the callback may change the list
		timer->is_armed = false;
		if (vm->time_ns < due.due)
			vm->time_ns = due.due;
		uint64_t before = result->instructions;
		call_back(vm, &due, result);
		uint64_t used = result->instructions - before;
		if (result->fault.kind)
			return -EFAULT;
		if (used >= left || due.due == UINT64_MAX)
			break;
		left -= used;
	}
	if (vm->time_ns < until)
		vm->time_ns = until;
	return 0;
}
