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

const struct program_line *vm_find_line(const struct program_code *program, uint32_t record)
{
	const struct program_line *best = NULL;
	for (uint32_t i = 0; i < program->line_count; i++) {
		const struct program_line *line = &program->lines[i];
		if (line->record <= record && (!best || line->record >= best->record))
			best = line;
	}
	return best;
}

static const struct program_function *find_function(const struct program_code *program,
						    uint32_t record)
{
	const struct program_function *best = NULL;
	for (uint32_t i = 0; i < program->function_count; i++) {
		if (program->functions[i].start <= record)
			best = &program->functions[i];
	}
	return best;
}

void vm_locate_fault(struct vm *vm)
{
	struct vm_fault *fault = &vm->fault;
	const struct vm_unit *unit = vm_unit_at(vm, vm->pc);
	uint32_t record = vm->record_of[vm->pc];
	fault->function = "";
	fault->record = record;
	if (!unit)
		return;
	const struct program_code *program = unit->program;
	const struct program_function *function = find_function(program, record);
	if (function) {
		fault->function = function->name;
		fault->record = record - function->start;
	}
	if (record < program->count) {
		uint32_t count = record + 1 < program->count ? 2 : 1;
		struct buf text;
		buf_init(&text);
		insn_print(&text, &program->records[record], count,
			   &(struct insn_names){kernel_helper_name, NULL});
		snprintf(fault->instruction, sizeof fault->instruction, "%s", text.data);
		buf_fini(&text);
	}
	const struct program_line *line = vm_find_line(program, record);
	if (line) {
		fault->file = line->file;
		fault->line_text = line->text;
		fault->line = line->line;
		fault->column = line->column;
	}
}

void vm_print_fault(struct buf *out, const struct vm_fault *fault)
{
	if (fault->file && fault->line)
		buf_printf(out, "%s:%u:%u: ", fault->file, fault->line, fault->column);
	buf_add_text(out, fault->text);
	buf_printf(out, "\n  at instruction %u of %s: %s\n", fault->record,
		   *fault->function ? fault->function : "the program", fault->instruction);
}
