/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a program: what is set up before, and what must be in order after. */
#include <errno.h>

#include "bpf-backend/vm/machine.h"

/* Every record must have been submitted or discarded. */
static void end_reservations(struct vm *vm)
{
	while (vm->reserved.len) {
		const struct vm_reserved *last = &vec_last(&vm->reserved);
		vm->pc = last->pc;
		vm_raise(
			vm, VM_FAULT_HELPER,
			"a record of `%s` is neither submitted nor discarded when the program ends",
			vm->regions[last->region].map->info.name);
		vm_end_reserved(vm, vm->reserved.len - 1, false);
	}
}

static void begin(struct vm *vm, const struct vm_program *program, uint32_t cpu)
{
	vm->program = program;
	vm->cpu = cpu;
	vm->fault = (struct vm_fault){0};
	vm->pc = program->entry;
	vm->left = vm->options.budget;
	vm->depth = vm->tail_calls = vm->redirect = 0;
	vm->tail = NULL;
	for (uint32_t i = 0; i < vm->maps.len; i++)
		vm_map_recycle(vm->maps.data[i]);
}

int vm_run(struct vm *vm, const struct vm_program *program, const struct vm_input *input,
	   struct vm_result *result)
{
	*result = (struct vm_result){0};
	begin(vm, program, input->cpu);
	if (input->cpu >= vm->options.cpus || !vm_enter_context(vm, input))
		return -EINVAL;
	const uint64_t args[5] = {vm_address(VM_REGION_CONTEXT, 0)};
	result->value = vm_execute(vm, program->entry, args);
	end_reservations(vm);
	vm_check_held(vm);
	if (!*program->context) {
		result->context_len = input->context_len;
	} else {
		result->context_len = vm_context_size(vm);
		result->packet = vm->packet + vm->meta;
		result->packet_len = vm->end - vm->meta;
		result->meta_len = vm->data - vm->meta;
	}
	result->context = vm->context;
	result->redirect_ifindex = vm->redirect;
	result->instructions = vm->options.budget - vm->left;
	result->fault = vm->fault;
	return vm->fault.kind ? -EFAULT : 0;
}
