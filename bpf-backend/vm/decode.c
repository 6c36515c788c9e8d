/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the records of all programs to one array of decoded instructions: distances counted in decoded
 * instructions, immediates of references turned into addresses. Whatever cannot be executed becomes
 * VM_OP_BAD with its reason; the loop relies on what is checked here (see execute.c). A VM_OP_BAD
 * stands behind each program for code that runs past its end.
 */
#include <string.h>

#include "bpf-backend/vm/machine.h"

#define NOWHERE UINT32_MAX

struct decoding {
	struct vm *vm;
	const struct vm_unit *unit;
	uint32_t record; // that is being decoded
	uint32_t at;     // index in code
};

static struct vm_insn bad(struct decoding *d, const char *format, const char *name)
{
	const char *text = arena_printf(&d->vm->object.arena, format, name);
	return (struct vm_insn){.op = VM_OP_BAD, .imm = (int64_t)(uintptr_t)text};
}

/* Index in code of a record of the program. */
static uint32_t target_of(const struct vm_unit *unit, int64_t record)
{
	return record < 0 || record >= unit->program->count ? NOWHERE : unit->decoded[record];
}

static struct vm_insn with_target(struct decoding *d, struct vm_insn insn, int64_t distance)
{
	uint32_t target = target_of(d->unit, (int64_t)d->record + 1 + distance);
	if (target == NOWHERE)
		return bad(d, "%s leads to a place that is no instruction",
			   insn_table[insn.op].text);
	insn.off = (int32_t)((int64_t)target - d->at - 1);
	return insn;
}

static struct vm_insn decode_kernel_call(struct decoding *d, struct vm_insn insn)
{
	const struct program_code *program = d->unit->program;
	for (uint32_t i = 0; i < program->reference_count; i++) {
		if (program->references[i].record != d->record)
			continue;
		const char *name = program->references[i].name;
		int32_t number = vm_find_kfunc(name);
		if (number < 0)
			return bad(d, "the kernel function `%s` has no model", name);
		insn.imm = number;
		return insn;
	}
	return bad(d, "%s", "the kernel function has no model");
}

static struct vm_insn decode_ld64(struct decoding *d, struct vm_insn insn)
{
	const struct program_code *program = d->unit->program;
	if (d->record + 1 >= program->count)
		return bad(d, "%s", "half of a 64-bit immediate");
	const struct bpf_record *low = &program->records[d->record], *high = low + 1;
	if (high->opcode || high->dst || high->src || high->off)
		return bad(d, "%s", "a 64-bit immediate without its second half");
	const struct vm_map *map =
		(uint32_t)low->imm < d->vm->maps.len ? d->vm->maps.data[low->imm] : NULL;
	uint32_t target;
	switch (insn.op) {
	case BPF_OP_LD_IMM64:
		insn.imm = (int64_t)((uint64_t)(uint32_t)high->imm << 32 | (uint32_t)low->imm);
		return insn;
	case BPF_OP_LD_MAP_FD:
		if (!map)
			break;
		insn.imm = (int64_t)vm_address(map->handle, 0);
		return insn;
	case BPF_OP_LD_MAP_VALUE:
		if (!map || map->model != MODEL_ARRAY)
			break;
		insn.imm = (int64_t)vm_address(map->first_region, (uint32_t)high->imm);
		return insn;
	case BPF_OP_LD_FUNC:
		target = target_of(d->unit, (int64_t)d->record + 1 + low->imm);
		if (target == NOWHERE)
			break;
		insn.imm = (int64_t)vm_address(VM_REGION_CODE, target);
		return insn;
	case BPF_OP_LD_BTF_ID:
		return bad(d, "%s", "variables of the kernel have no model");
	default:
		break;
	}
	return bad(d, "a reference (%s) without a relocation", insn_table[insn.op].text);
}

/* Registers are there, and the frame pointer keeps its value. */
static bool has_valid_registers(const struct bpf_record *r)
{
	return r->dst < BPF_REG_COUNT && (r->src < BPF_REG_COUNT) &&
	       !(insn_writes(r) & 1u << BPF_R10);
}

static struct vm_insn decode(struct decoding *d)
{
	const struct bpf_record *r = &d->unit->program->records[d->record];
	enum bpf_op op = insn_find(r);
	if (op == BPF_OP_COUNT)
		return bad(d, "%s", "this is no instruction");
	struct vm_insn insn = {
		.op = (uint16_t)op, .dst = r->dst, .src = r->src, .off = r->off, .imm = r->imm};
	if (!has_valid_registers(r))
		return bad(d, "%s", "a register that does not exist or must not be written");
	switch (insn_table[op].form) {
	case INSN_FORM_LD64:
		return decode_ld64(d, insn);
	case INSN_FORM_BRANCH_REG:
	case INSN_FORM_BRANCH_IMM:
	case INSN_FORM_JUMP:
	case INSN_FORM_JUMP_LONG:
	case INSN_FORM_MAY_GOTO:
		return with_target(d, insn, insn_jump_offset(r));
	case INSN_FORM_CALL:
		if (op == BPF_OP_CALL_LOCAL)
			return with_target(d, insn, insn.imm);
		return op == BPF_OP_CALL_HELPER ? insn : decode_kernel_call(d, insn);
	case INSN_FORM_SPACE_CAST:
	case INSN_FORM_JUMP_REG:
	case INSN_FORM_CALL_REG:
		return bad(d, "the instruction `%s` has no model", insn_table[op].text);
	default:
		return insn;
	}
}

/* Places of the decoded instructions; gives the index after them. */
static uint32_t place(struct vm *vm, struct vm_unit *unit, uint32_t first)
{
	const struct program_code *program = unit->program;
	uint32_t at = first;
	unit->decoded = ARENA_ARRAY(&vm->object.arena, uint32_t, program->count + 1);
	unit->first = first;
	for (uint32_t i = 0; i < program->count; i++) {
		unit->decoded[i] = at++;
		if (insn_records(&program->records[i]) == 2 && i + 1 < program->count)
			unit->decoded[++i] = NOWHERE;
	}
	unit->count = at - first + 1;
	return at + 1;
}

static void fill(struct vm *vm, const struct vm_unit *unit)
{
	struct decoding d = {.vm = vm, .unit = unit, .at = unit->first};
	const struct program_code *program = unit->program;
	for (; d.record < program->count; d.record++) {
		if (unit->decoded[d.record] == NOWHERE)
			continue;
		d.at = unit->decoded[d.record];
		vm->record_of[d.at] = d.record;
		vm->code[d.at] = program->problem ? bad(&d, "%s", program->problem) : decode(&d);
	}
	d.at = unit->first + unit->count - 1;
	vm->record_of[d.at] = program->count;
	vm->code[d.at] = bad(&d, "%s", "the code ends without an exit");
}

void vm_decode(struct vm *vm)
{
	struct arena *arena = &vm->object.arena;
	uint32_t at = 1; // entry - 1 is an index too
	for (uint32_t i = 0; i < vm->units.len; i++)
		at = place(vm, &vm->units.data[i], at);
	vm->code = ARENA_ARRAY(arena, struct vm_insn, at);
	vm->record_of = ARENA_ARRAY(arena, uint32_t, at);
	vm->code_count = at;
	for (uint32_t i = 0; i < vm->units.len; i++)
		fill(vm, &vm->units.data[i]);
}

const struct vm_unit *vm_unit_at(const struct vm *vm, uint32_t pc)
{
	for (uint32_t i = 0; i < vm->units.len; i++) {
		const struct vm_unit *u = &vm->units.data[i];
		if (pc >= u->first && pc - u->first < u->count)
			return u;
	}
	return NULL;
}
