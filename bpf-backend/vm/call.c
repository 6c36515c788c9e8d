/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of helpers. The kernel's prototype (bpf-backend/kernel/helpers.def) says what each argument
 * is; what a pointer leads to is checked here, once for all models, so that a model works on plain
 * memory of known size.
 */
#include "bpf-backend/vm/machine.h"

enum {
#define HELPER(number, name, ...) NUMBER_##name = number,
#include "bpf-backend/kernel/helpers.def"
#undef HELPER
};

enum { MAX_SIZE = 1 << 29, FIXED_BYTES = 8 };

typedef uint64_t model_fn(struct vm_call *call);

static model_fn *const models[] = {
#define MODEL(name) [NUMBER_##name] = vm_helper_##name,
#include "bpf-backend/vm/helpers.def"
#undef MODEL
};

static bool refuse(struct vm_call *call, unsigned index, const char *what)
{
	char where[160];
	vm_describe_address(call->vm, call->arg[index], where, sizeof where);
	vm_raise(call->vm, VM_FAULT_HELPER, "argument %u of %s must be %s, but is %s", index + 1,
		 call->row->info.name, what, where);
	return false;
}

uint8_t *vm_argument(struct vm_call *call, unsigned index, uint64_t size, bool is_write)
{
	static uint8_t nothing[8];
	if (!size)
		return nothing;
	uint8_t *memory = vm_memory(call->vm, call->arg[index], size, is_write);
	if (memory)
		return memory;
	char where[160];
	vm_describe_address(call->vm, call->arg[index], where, sizeof where);
	vm_raise(call->vm, VM_FAULT_ACCESS, "argument %u of %s %s %llu bytes at %s", index + 1,
		 call->row->info.name, is_write ? "writes" : "reads", (unsigned long long)size,
		 where);
	return NULL;
}

static bool take_memory(struct vm_call *call, unsigned index, uint64_t size, bool is_write,
			bool may_be_null)
{
	if (may_be_null && !call->arg[index])
		return true;
	call->mem[index] = vm_argument(call, index, size, is_write);
	return call->mem[index];
}

/* Memory whose size is the next argument, if that is one. */
static bool take_sized(struct vm_call *call, unsigned index, bool is_write, bool may_be_null)
{
	unsigned next = index + 1 < 5 ? call->row->args[index + 1] : KERNEL_ARG_NONE;
	if (next != KERNEL_ARG_SIZE && next != KERNEL_ARG_SIZE0)
		return true;
	uint64_t size = call->arg[index + 1];
	if (size > MAX_SIZE || (next == KERNEL_ARG_SIZE && !size)) {
		vm_raise(call->vm, VM_FAULT_HELPER, "argument %u of %s is no size: %lld", index + 2,
			 call->row->info.name, (long long)size);
		return false;
	}
	return take_memory(call, index, size, is_write, may_be_null);
}

static bool take_map(struct vm_call *call, unsigned index)
{
	uint64_t id = call->arg[index] >> 32;
	const struct vm_region *region =
		id < call->vm->region_count ? &call->vm->regions[id] : NULL;
	if (!region || region->kind != REGION_MAP || (uint32_t)call->arg[index])
		return refuse(call, index, "a map");
	call->map = region->map;
	if (call->map->model == MODEL_NONE) {
		vm_raise(call->vm, VM_FAULT_HELPER, "the type of map `%s` has no model",
			 call->map->info.name);
		return false;
	}
	return true;
}

static bool take_function(struct vm_call *call, unsigned index)
{
	uint32_t entry = (uint32_t)call->arg[index];
	if (call->arg[index] >> 32 != VM_REGION_CODE || !entry || entry >= call->vm->code_count)
		return refuse(call, index, "a function");
	call->arg[index] = entry;
	return true;
}

/* Text up to its NUL within one region. */
static bool take_string(struct vm_call *call, unsigned index)
{
	for (uint64_t size = 1;; size++) {
		uint8_t *text = vm_argument(call, index, size, false);
		if (!text)
			return false;
		if (!text[size - 1]) {
			call->mem[index] = text;
			return true;
		}
	}
}

static bool take_argument(struct vm_call *call, unsigned index)
{
	const struct vm_map_info *map = call->map ? &call->map->info : NULL;
	switch (call->row->args[index]) {
	case KERNEL_ARG_CTX_OR_NULL:
		if (!call->arg[index])
			return true;
		// fall through
	case KERNEL_ARG_CTX:
		return call->arg[index] == vm_address(VM_REGION_CONTEXT, 0) ||
		       refuse(call, index, "the context");
	case KERNEL_ARG_MAP:
		return take_map(call, index);
	case KERNEL_ARG_KEY:
		return take_memory(call, index, map ? map->key_size : 0, false, false);
	case KERNEL_ARG_VALUE:
		return take_memory(call, index, map ? map->value_size : 0, false, false);
	case KERNEL_ARG_VALUE_OR_NULL:
		return take_memory(call, index, map ? map->value_size : 0, false, true);
	case KERNEL_ARG_VALUE_OUT:
		return take_memory(call, index, map ? map->value_size : 0, true, false);
	case KERNEL_ARG_MEM:
		return take_sized(call, index, false, false);
	case KERNEL_ARG_MEM_OR_NULL:
		return take_sized(call, index, false, true);
	case KERNEL_ARG_MEM_OUT:
		return take_sized(call, index, true, false);
	case KERNEL_ARG_FIXED:
		return take_memory(call, index, FIXED_BYTES, false, false);
	case KERNEL_ARG_FIXED_OUT:
		return take_memory(call, index, FIXED_BYTES, true, false);
	case KERNEL_ARG_FUNC:
		return take_function(call, index);
	case KERNEL_ARG_STRING:
		return take_string(call, index);
	default:
		return true;
	}
}

bool vm_call_helper(struct vm *vm, uint32_t id, uint64_t *r)
{
	struct vm_call call = {.vm = vm, .row = kernel_helper_at(id)};
	model_fn *model = id < sizeof models / sizeof models[0] ? models[id] : NULL;
	if (!model || !call.row) {
		if (call.row)
			vm_raise(vm, VM_FAULT_HELPER, "the helper %s has no model",
				 call.row->info.name);
		else
			vm_raise(vm, VM_FAULT_HELPER, "there is no helper with number %u", id);
		return false;
	}
	for (unsigned i = 0; i < 5; i++)
		call.arg[i] = r[i + 1];
	for (unsigned i = 0; i < 5 && call.row->args[i] != KERNEL_ARG_NONE; i++) {
		if (!take_argument(&call, i))
			return false;
	}
	uint32_t pc = vm->pc;
	r[0] = model(&call);
	vm->pc = pc;
	for (unsigned i = 1; i <= 5; i++)
		r[i] = VM_SCRATCHED;
	return !vm->fault.kind;
}
