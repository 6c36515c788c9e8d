/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults: the words, and where in the source they came from. Places are looked up only when a fault
 * has happened, so a walk over the function and line tables is cheap enough.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

void vm_raise(struct vm *vm, enum vm_fault_kind kind, const char *format, ...)
{
	if (vm->fault.kind) // the first one counts; it may come from a callback
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(vm->fault.text, sizeof vm->fault.text, format, args);
	va_end(args);
	vm->fault.kind = kind;
	vm_locate_fault(vm);
}

static uint32_t read_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const struct vm_section *section_of(const struct vm *vm, uint32_t pc)
{
	for (uint32_t i = 0; i < vm->sections.len; i++) {
		const struct vm_section *s = &vm->sections.data[i];
		if (pc >= s->first && pc - s->first < s->count)
			return s;
	}
	return NULL;
}

/* Last line record at or before a record, of a block for the section. */
static void search_block(struct vm *vm, const uint8_t *records, uint32_t count, uint32_t stride,
			 uint32_t record, int64_t *best)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *p = records + (size_t)i * stride;
		uint32_t at = read_u32(p) / VM_INSN_BYTES;
		const char *file = btf_find_string(&vm->btf, read_u32(p + 4));
		if (at > record || (int64_t)at < *best || !file)
			continue;
		*best = at;
		vm->fault.file = file;
		vm->fault.line_text = btf_find_string(&vm->btf, read_u32(p + 8));
		vm->fault.line = read_u32(p + 12) >> 10;
		vm->fault.column = read_u32(p + 12) & 1023;
	}
}

/* The line table of .BTF.ext: blocks of { section name, count, records }. */
static void find_line(struct vm *vm, const char *section, uint32_t record)
{
	const struct elf_section *ext = NULL;
	for (uint32_t i = 0; i < vm->elf.section_count; i++) {
		if (vm->elf.sections[i].data && !strcmp(vm->elf.sections[i].name, ".BTF.ext"))
			ext = &vm->elf.sections[i];
	}
	if (!ext || !vm->has_btf || ext->size < 24)
		return;
	uint64_t at = (uint64_t)read_u32(ext->data + 4) + read_u32(ext->data + 16);
	uint64_t end = at + read_u32(ext->data + 20);
	if (end > ext->size || end - at < 4)
		return;
	uint32_t stride = read_u32(ext->data + at);
	int64_t best = -1;
	for (at += 4; stride >= 16 && end - at >= 8;) {
		const char *name = btf_find_string(&vm->btf, read_u32(ext->data + at));
		uint32_t count = read_u32(ext->data + at + 4);
		at += 8;
		if (count > (end - at) / stride)
			return;
		if (name && !strcmp(name, section))
			search_block(vm, ext->data + at, count, stride, record, &best);
		at += (uint64_t)count * stride;
	}
}

static const struct vm_function *function_at(const struct vm *vm, uint32_t pc)
{
	const struct vm_function *best = NULL;
	const struct vm_section *section = section_of(vm, pc);
	for (uint32_t i = 0; section && i < vm->functions.len; i++) {
		const struct vm_function *f = &vm->functions.data[i];
		if (f->entry >= section->first && f->entry <= pc &&
		    (!best || f->entry > best->entry))
			best = f;
	}
	return best;
}

void vm_locate_fault(struct vm *vm)
{
	struct vm_fault *fault = &vm->fault;
	const struct vm_section *section = section_of(vm, vm->pc);
	uint32_t record = vm->record_of[vm->pc];
	fault->function = "";
	fault->record = record;
	if (!section)
		return;
	const struct vm_function *function = function_at(vm, vm->pc);
	if (function) {
		fault->function = function->name;
		fault->record = record - function->record;
	}
	uint64_t records = section->elf->size / VM_INSN_BYTES;
	if (record < records) {
		struct bpf_record r[2] = {{0}};
		uint32_t count = record + 1 < records ? 2 : 1;
		struct buf text;
		for (uint32_t i = 0; i < count; i++)
			r[i] = insn_decode(
				section->elf->data + (size_t)(record + i) * VM_INSN_BYTES, false);
		buf_init(&text);
		insn_print(&text, r, count, &(struct insn_names){kernel_helper_name, NULL});
		snprintf(fault->instruction, sizeof fault->instruction, "%s", text.data);
		buf_fini(&text);
	}
	find_line(vm, section->elf->name, record);
}

void vm_print_fault(struct buf *out, const struct vm_fault *fault)
{
	if (fault->file && fault->line)
		buf_printf(out, "%s:%u:%u: ", fault->file, fault->line, fault->column);
	buf_add_text(out, fault->text);
	buf_printf(out, "\n  at instruction %u of %s: %s\n", fault->record,
		   *fault->function ? fault->function : "the program", fault->instruction);
}
