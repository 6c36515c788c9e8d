/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the records of all code sections to one array of decoded instructions: relocations resolved,
 * distances counted in decoded instructions, immediates of references turned into addresses.
 * Whatever cannot be executed becomes VM_OP_BAD with its reason; the loop relies on what is checked
 * here (see execute.c). A VM_OP_BAD stands behind each section for code that runs past its end.
 */
#include <string.h>

#include "bpf-backend/vm/machine.h"

#define NOWHERE UINT32_MAX
#define WEAK 2 // STB_WEAK of elf(5)

struct decoding {
	struct vm *vm;
	const struct vm_section *section;
	uint32_t record, records; // that is being decoded
	uint32_t at;              // index in code
};

static struct bpf_record record_at(const struct vm_section *section, uint32_t record)
{
	return insn_decode(section->elf->data + (size_t)record * VM_INSN_BYTES, false);
}

static struct vm_insn bad(struct decoding *d, const char *format, const char *name)
{
	const char *text = arena_printf(&d->vm->arena, format, name);
	return (struct vm_insn){.op = VM_OP_BAD, .imm = (int64_t)(uintptr_t)text};
}

/* Index in code of a record of a section. */
static uint32_t target_of(const struct vm_section *section, int64_t record)
{
	if (!section || record < 0 || (uint64_t)record >= section->elf->size / VM_INSN_BYTES)
		return NOWHERE;
	return section->decoded[record];
}

static struct vm_insn with_target(struct decoding *d, struct vm_insn insn, uint32_t target)
{
	if (target == NOWHERE)
		return bad(d, "%s leads to a place that is no instruction",
			   insn_table[insn.op].text);
	insn.off = (int32_t)((int64_t)target - d->at - 1);
	return insn;
}

static const struct elf_symbol *symbol_at(const struct decoding *d)
{
	uint32_t symbol = d->section->symbol[d->record];
	return symbol ? &d->vm->elf.symbols[symbol - 1] : NULL;
}

static struct vm_insn decode_local_call(struct decoding *d, struct vm_insn insn)
{
	const struct elf_symbol *symbol = symbol_at(d);
	if (!symbol)
		return with_target(d, insn, target_of(d->section, d->record + 1 + insn.imm));
	const struct vm_section *section = vm_section_at(d->vm, symbol->section);
	if (!section)
		return bad(d, "the kernel function `%s` has no model", symbol->name);
	return with_target(
		d, insn,
		target_of(section, (int64_t)(symbol->value / VM_INSN_BYTES) + 1 + insn.imm));
}

/* The immediate of a reference, which its relocation gives. */
static struct vm_insn decode_reference(struct decoding *d, struct vm_insn insn)
{
	struct vm *vm = d->vm;
	const struct elf_symbol *symbol = symbol_at(d);
	struct bpf_record r = record_at(d->section, d->record);
	const struct vm_section *section = vm_section_at(vm, symbol->section);
	struct vm_map *map = vm_map_at_symbol(vm, symbol);
	insn.op = BPF_OP_LD_IMM64;
	if (map && map->info.is_data) {
		insn.imm = (int64_t)vm_address(map->first_region,
					       (uint32_t)symbol->value + (uint32_t)r.imm);
		return insn;
	}
	if (map) {
		insn.imm = (int64_t)vm_address(map->handle, 0);
		return insn;
	}
	uint32_t target = target_of(
		section, (int64_t)((symbol->value + (uint64_t)(int64_t)r.imm) / VM_INSN_BYTES));
	if (target != NOWHERE) {
		insn.imm = (int64_t)vm_address(VM_REGION_CODE, target);
		return insn;
	}
	bool is_defined = symbol->section && symbol->section < vm->elf.section_count;
	if (!is_defined && symbol->binding == WEAK) { // not there in this kernel
		insn.imm = 0;
		return insn;
	}
	return bad(d,
		   is_defined ? "`%s` lies in a section that is not loaded"
			      : "the kernel's `%s` has no model",
		   symbol->name);
}

static struct vm_insn decode_ld64(struct decoding *d, struct vm_insn insn)
{
	if (d->record + 1 >= d->records)
		return bad(d, "%s", "half of a 64-bit immediate");
	struct bpf_record low = record_at(d->section, d->record);
	struct bpf_record high = record_at(d->section, d->record + 1);
	if (high.opcode || high.dst || high.src || high.off)
		return bad(d, "%s", "a 64-bit immediate without its second half");
	if (symbol_at(d))
		return decode_reference(d, insn);
	if (insn.op == BPF_OP_LD_IMM64) {
		insn.imm = (int64_t)((uint64_t)(uint32_t)high.imm << 32 | (uint32_t)low.imm);
		return insn;
	}
	uint32_t target = NOWHERE;
	if (insn.op == BPF_OP_LD_FUNC)
		target = target_of(d->section, (int64_t)d->record + 1 + low.imm);
	if (target == NOWHERE)
		return bad(d, "a reference (%s) without a relocation", insn_table[insn.op].text);
	insn.imm = (int64_t)vm_address(VM_REGION_CODE, target);
	return insn;
}

/* Registers are there, and the frame pointer keeps its value. */
static bool has_valid_registers(const struct bpf_record *r)
{
	return r->dst < BPF_REG_COUNT && (r->src < BPF_REG_COUNT) &&
	       !(insn_writes(r) & 1u << BPF_R10);
}

static struct vm_insn decode(struct decoding *d)
{
	struct bpf_record r = record_at(d->section, d->record);
	enum bpf_op op = insn_find(&r);
	if (op == BPF_OP_COUNT)
		return bad(d, "%s", "this is no instruction");
	struct vm_insn insn = {
		.op = (uint16_t)op, .dst = r.dst, .src = r.src, .off = r.off, .imm = r.imm};
	if (!has_valid_registers(&r))
		return bad(d, "%s", "a register that does not exist or must not be written");
	switch (insn_table[op].form) {
	case INSN_FORM_LD64:
		return decode_ld64(d, insn);
	case INSN_FORM_BRANCH_REG:
	case INSN_FORM_BRANCH_IMM:
	case INSN_FORM_JUMP:
	case INSN_FORM_JUMP_LONG:
	case INSN_FORM_MAY_GOTO:
		return with_target(
			d, insn,
			target_of(d->section, (int64_t)d->record + 1 + insn_jump_offset(&r)));
	case INSN_FORM_CALL:
		if (op == BPF_OP_CALL_LOCAL)
			return decode_local_call(d, insn);
		if (op == BPF_OP_CALL_HELPER)
			return insn;
		return bad(d, "%s", "kernel functions have no model");
	case INSN_FORM_SPACE_CAST:
	case INSN_FORM_JUMP_REG:
	case INSN_FORM_CALL_REG:
		return bad(d, "the instruction `%s` has no model", insn_table[op].text);
	default:
		return insn;
	}
}

/* Places of the decoded instructions; gives the index after them. */
static uint32_t place(struct vm *vm, struct vm_section *section, uint32_t first)
{
	uint32_t records = (uint32_t)(section->elf->size / VM_INSN_BYTES), at = first;
	section->decoded = ARENA_ARRAY(&vm->arena, uint32_t, records + 1);
	section->first = first;
	for (uint32_t i = 0; i < records; i++) {
		struct bpf_record r = record_at(section, i);
		section->decoded[i] = at++;
		if (insn_records(&r) == 2 && i + 1 < records)
			section->decoded[++i] = NOWHERE;
	}
	section->count = at - first + 1;
	return at + 1;
}

static void fill(struct vm *vm, const struct vm_section *section)
{
	struct decoding d = {.vm = vm, .section = section, .at = section->first};
	d.records = (uint32_t)(section->elf->size / VM_INSN_BYTES);
	for (; d.record < d.records; d.record++) {
		if (section->decoded[d.record] == NOWHERE)
			continue;
		d.at = section->decoded[d.record];
		vm->record_of[d.at] = d.record;
		vm->code[d.at] = decode(&d);
	}
	d.at = section->first + section->count - 1;
	vm->record_of[d.at] = d.records;
	vm->code[d.at] = bad(&d, "%s", "the code ends without an exit");
}

void vm_decode_sections(struct vm *vm)
{
	uint32_t at = 1; // entry - 1 is an index too
	for (uint32_t i = 0; i < vm->sections.len; i++)
		at = place(vm, &vm->sections.data[i], at);
	vm->code = ARENA_ARRAY(&vm->arena, struct vm_insn, at);
	vm->record_of = ARENA_ARRAY(&vm->arena, uint32_t, at);
	vm->code_count = at;
	for (uint32_t i = 0; i < vm->sections.len; i++)
		fill(vm, &vm->sections.data[i]);
}
