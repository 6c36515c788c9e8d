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

void vm_begin(struct vm *vm, const struct vm_program *program, const struct vm_input *input)
{
	vm->program = program;
	vm->cpu = input->cpu;
	vm->pid_tgid = input->pid_tgid ? input->pid_tgid : vm->options.pid_tgid;
	vm->fault = (struct vm_fault){0};
	vm->pc = program->entry;
	vm->left = vm->options.budget;
	vm->depth = vm->tail_calls = vm->redirect = 0;
	vm->tail = NULL;
	for (uint32_t i = 0; i < vm->maps.len; i++)
		vm_map_recycle(vm->maps.data[i]);
}

void vm_end(struct vm *vm, struct vm_result *result)
{
	end_reservations(vm);
	vm_check_held(vm);
	result->instructions += vm->options.budget - vm->left;
	result->fault = vm->fault;
}

int vm_run(struct vm *vm, const struct vm_program *program, const struct vm_input *input,
	   struct vm_result *result)
{
	*result = (struct vm_result){0};
	if (input->cpu >= vm->options.cpus)
		return -EINVAL;
	vm_begin(vm, program, input);
	if (!vm_enter_context(vm, input))
		return -EINVAL;
	const uint64_t args[5] = {vm_address(VM_REGION_CONTEXT, 0)};
	result->value = vm_execute(vm, program->entry, args);
	vm_end(vm, result);
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
	return vm->fault.kind ? -EFAULT : 0;
}

/* ---- counting ---- */

uint32_t vm_code_count(const struct vm *vm)
{
	return vm->code_count;
}

void vm_count_into(struct vm *vm, uint64_t *counts)
{
	vm->counts = counts;
}

bool vm_find_line_of(const struct vm *vm, uint32_t number, struct vm_line *line)
{
	const struct vm_unit *unit = vm_unit_at(vm, number);
	if (!unit || vm->record_of[number] >= unit->program->count)
		return false;
	const struct program_line *found = vm_find_line(unit->program, vm->record_of[number]);
	if (!found || !found->line)
		return false;
	*line = (struct vm_line){.file = found->file,
				 .text = found->text,
				 .line = found->line,
				 .program = &vm->programs.data[unit - vm->units.data]};
	return true;
}
