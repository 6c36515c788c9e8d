/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an object file to a machine: sections and their relocations, functions, programs, globals,
 * then maps (maps_open.c) and code (decode.c). The file is anybody's; nothing of it is believed.
 * Which symbols are programs follows libbpf 1.1: global functions outside of .text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

static struct vm *new_machine(const struct vm_options *options)
{
	struct vm *vm = calloc(1, sizeof *vm);
	if (!vm)
		die_out_of_memory();
	arena_init(&vm->arena);
	buf_init(&vm->printed);
	if (options)
		vm->options = *options;
	struct vm_options *o = &vm->options;
	if (!o->cpus)
		o->cpus = 1;
	if (!o->budget)
		o->budget = 100000000;
	if (!o->time_ns)
		o->time_ns = 1000000000;
	if (!o->seed)
		o->seed = 1;
	o->comm = arena_printf(&vm->arena, "%s", o->comm ? o->comm : "vm");
	vm->time_ns = o->time_ns;
	vm->random = o->seed;
	vm_add_regions(vm, VM_REGION_FIRST_FREE);
	for (uint32_t i = 0; i < VM_FRAMES; i++)
		vm_set_region(vm, VM_REGION_STACK + i, REGION_STACK, vm->stack[i], VM_STACK_BYTES,
			      true, NULL);
	vm_set_region(vm, VM_REGION_CODE, REGION_CODE, NULL, 0, false, NULL);
	return vm;
}

void vm_close(struct vm *vm)
{
	if (!vm)
		return;
	for (uint32_t i = 0; i < vm->maps.len; i++)
		vm_map_drop_records(vm->maps.data[i]);
	buf_fini(&vm->printed);
	arena_fini(&vm->arena);
	free(vm->regions);
	free(vm);
}

static bool is_code(const struct elf_section *s)
{
	return s->type == ELF_PROGBITS && (s->flags & ELF_EXEC) && s->data;
}

static void add_section(struct vm *vm, uint32_t index)
{
	const struct elf_section *elf = &vm->elf.sections[index];
	struct vm_section section = {.elf = elf, .index = index};
	section.symbol = ARENA_ARRAY(&vm->arena, uint32_t, elf->size / VM_INSN_BYTES + 1);
	vec_push(&vm->arena, &vm->sections, section);
	if (!vm->section_numbers)
		vm->section_numbers = ARENA_ARRAY(&vm->arena, uint32_t, vm->elf.section_count);
	vm->section_numbers[index] = vm->sections.len;
}

struct vm_section *vm_section_at(const struct vm *vm, uint32_t elf_index)
{
	uint32_t number = elf_index < vm->elf.section_count ? vm->section_numbers[elf_index] : 0;
	return number ? &vm->sections.data[number - 1] : NULL;
}

static void collect_relocations(struct vm *vm)
{
	for (uint32_t s = 0; s < vm->elf.section_count; s++) {
		const struct elf_section *table = &vm->elf.sections[s];
		struct vm_section *section = vm_section_at(vm, table->info);
		struct elf_relocation r;
		if (!section || (table->type != ELF_REL && table->type != ELF_RELA))
			continue;
		for (uint32_t i = 0; elf_get_relocation(table, i, &r); i++) {
			uint64_t record = r.offset / VM_INSN_BYTES;
			if (record < section->elf->size / VM_INSN_BYTES &&
			    r.symbol < vm->elf.symbol_count)
				section->symbol[record] = r.symbol + 1;
		}
	}
}

/* Functions and programs, once the code is placed. */
static void collect_functions(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->elf.symbol_count; i++) {
		const struct elf_symbol *symbol = &vm->elf.symbols[i];
		struct vm_section *section = vm_section_at(vm, symbol->section);
		uint64_t record = symbol->value / VM_INSN_BYTES;
		if (symbol->type != ELF_FUNC || !section ||
		    record >= section->elf->size / VM_INSN_BYTES ||
		    section->decoded[record] == UINT32_MAX)
			continue;
		struct vm_function function = {
			.name = symbol->name,
			.entry = section->decoded[record],
			.section = (uint32_t)(section - vm->sections.data),
			.record = (uint32_t)record,
		};
		vec_push(&vm->arena, &vm->functions, function);
		if (symbol->binding == ELF_LOCAL || !strcmp(section->elf->name, ".text"))
			continue;
		struct vm_program program = {.name = symbol->name,
					     .section = section->elf->name,
					     .entry = function.entry};
		vm_classify_program(&program);
		vec_push(&vm->arena, &vm->programs, program);
	}
}

/* prog_array entries that the object initialises: pointers in the maps' definitions. */
static void fill_program_arrays(struct vm *vm)
{
	for (uint32_t s = 0; s < vm->elf.section_count; s++) {
		const struct elf_section *table = &vm->elf.sections[s];
		struct elf_relocation r;
		if (table->info >= vm->elf.section_count ||
		    strcmp(vm->elf.sections[table->info].name, ".maps"))
			continue;
		for (uint32_t i = 0; elf_get_relocation(table, i, &r); i++) {
			for (uint32_t m = 0; m < vm->maps.len; m++) {
				struct vm_map *map = vm->maps.data[m];
				uint64_t first = map->section_offset + (uint64_t)map->values_offset;
				if (!map->values_offset || map->section != table->info ||
				    r.offset < first || r.symbol >= vm->elf.symbol_count ||
				    (r.offset - first) / 8 >= map->info.max_entries)
					continue;
				vm_map_set_program(
					map, (uint32_t)((r.offset - first) / 8),
					vm_find_program(vm, vm->elf.symbols[r.symbol].name));
			}
		}
	}
}

/* Memory is this machine's, which is little-endian. */
static bool is_for_another_machine(const struct vm *vm, const char **why)
{
	*why = "it is for a big-endian machine";
	return vm->elf.is_big_endian;
}

static bool load(struct vm *vm, const uint8_t *data, size_t len, struct buf *why)
{
	const char *reason = "";
	const uint8_t *copy = arena_copy(&vm->arena, data, len);
	if (elf_open(&vm->elf, copy, len, &vm->arena, &reason) ||
	    is_for_another_machine(vm, &reason)) {
		buf_add_text(why, reason);
		return false;
	}
	for (uint32_t i = 0; i < vm->elf.section_count; i++) {
		const struct elf_section *s = &vm->elf.sections[i];
		if (is_code(s))
			add_section(vm, i);
		else if (s->data && !strcmp(s->name, ".BTF") && !vm->has_btf)
			vm->has_btf = !btf_open(&vm->btf, s->data, s->size, &vm->arena, &reason);
	}
	if (!vm->sections.len) {
		buf_add_text(why, "it holds no BPF code");
		return false;
	}
	collect_relocations(vm);
	if (!vm_open_maps(vm, why))
		return false;
	vm_decode_sections(vm);
	collect_functions(vm);
	fill_program_arrays(vm);
	return true;
}

int vm_open(struct vm **out, const uint8_t *data, size_t len, const struct vm_options *options,
	    struct buf *why)
{
	struct vm *vm = new_machine(options);
	*out = NULL;
	if (!load(vm, data, len, why)) {
		vm_close(vm);
		return -EINVAL;
	}
	*out = vm;
	return 0;
}

struct vm *vm_open_code(const struct bpf_record *code, uint32_t count, const char *section_name,
			const struct vm_options *options)
{
	struct vm *vm = new_machine(options);
	uint8_t *bytes = arena_alloc(&vm->arena, (size_t)count * VM_INSN_BYTES + 1);
	for (uint32_t i = 0; i < count; i++)
		insn_encode(&code[i], false, bytes + (size_t)i * VM_INSN_BYTES);
	vm->elf.sections = ARENA_NEW(&vm->arena, struct elf_section);
	vm->elf.section_count = 1;
	vm->elf.sections[0] = (struct elf_section){
		.name = arena_printf(&vm->arena, "%s", section_name),
		.type = ELF_PROGBITS,
		.flags = ELF_EXEC,
		.data = bytes,
		.size = (uint64_t)count * VM_INSN_BYTES,
	};
	add_section(vm, 0);
	vm_decode_sections(vm);
	struct vm_program program = {.name = "main",
				     .section = vm->elf.sections[0].name,
				     .entry = vm->sections.data[0].first};
	vm_classify_program(&program);
	vec_push(&vm->arena, &vm->programs, program);
	return vm;
}

const struct vm_program *vm_program_at(const struct vm *vm, uint32_t index)
{
	return index < vm->programs.len ? &vm->programs.data[index] : NULL;
}

const struct vm_program *vm_find_program(const struct vm *vm, const char *name)
{
	for (uint32_t i = 0; i < vm->programs.len; i++) {
		if (!strcmp(vm->programs.data[i].name, name))
			return &vm->programs.data[i];
	}
	return NULL;
}

struct buf *vm_printed(struct vm *vm)
{
	return &vm->printed;
}

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

int vm_run(struct vm *vm, const struct vm_program *program, const struct vm_input *input,
	   struct vm_result *result)
{
	*result = (struct vm_result){0};
	vm->program = program;
	vm->cpu = input->cpu;
	vm->fault = (struct vm_fault){0};
	vm->pc = program->entry;
	vm->left = vm->options.budget;
	vm->depth = vm->tail_calls = vm->redirect = 0;
	vm->tail = NULL;
	for (uint32_t i = 0; i < vm->maps.len; i++)
		vm_map_recycle(vm->maps.data[i]);
	if (input->cpu >= vm->options.cpus || !vm_enter_context(vm, input))
		return -EINVAL;
	const uint64_t args[5] = {vm_address(VM_REGION_CONTEXT, 0)};
	result->value = vm_execute(vm, program->entry, args);
	end_reservations(vm);
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

struct vm_place vm_where(const struct vm *vm)
{
	struct vm_place place = {.record = vm->record_of[vm->pc], .depth = vm->depth - 1};
	for (uint32_t i = 0; i < vm->sections.len; i++) {
		const struct vm_section *s = &vm->sections.data[i];
		if (vm->pc >= s->first && vm->pc - s->first < s->count)
			place.section = s->index;
	}
	return place;
}
