/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an object file to a machine: bpf-backend/program reads and links it; its maps and programs become those
 * of the machine.
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
	if (!o->comm)
		o->comm = "vm";
	vm->time_ns = o->time_ns;
	vm->random = o->seed;
	vm_add_regions(vm, VM_REGION_FIRST_FREE);
	for (uint32_t i = 0; i < VM_FRAMES; i++)
		vm_set_region(vm, VM_REGION_STACK + i, REGION_STACK, vm->stack[i], VM_STACK_BYTES,
			      true, NULL);
	vm_set_region(vm, VM_REGION_CODE, REGION_CODE, NULL, 0, false, NULL);
	vm_set_region(vm, VM_REGION_TASK, REGION_TASK, NULL, 0, false, NULL);
	return vm;
}

void vm_close(struct vm *vm)
{
	if (!vm)
		return;
	for (uint32_t i = 0; i < vm->maps.len; i++)
		vm_map_drop_records(vm->maps.data[i]);
	for (uint32_t i = 0; i < vm->region_count; i++)
		if (vm->regions[i].kind == REGION_OBJECT)
			free(vm->regions[i].base);
	buf_fini(&vm->printed);
	program_close(&vm->object);
	free(vm->regions);
	free(vm);
}

static void add_program(struct vm *vm, const struct program_code *code)
{
	struct vm_unit unit = {.program = code};
	struct vm_program program = {.name = code->name, .section = code->section};
	vm_classify_program(&program);
	vec_push(&vm->object.arena, &vm->units, unit);
	vec_push(&vm->object.arena, &vm->programs, program);
}

static void finish_programs(struct vm *vm)
{
	vm_decode(vm);
	for (uint32_t i = 0; i < vm->units.len; i++)
		vm->programs.data[i].entry = vm->units.data[i].first;
}

/* ---- values that the object gives maps of maps and of programs ---- */

/* Number of the map whose definition holds a place of a section, among its values. */
static uint32_t map_with_values_at(const struct vm *vm, uint32_t section, uint64_t offset,
				   uint32_t *index)
{
	for (uint32_t m = 0; m < vm->object.maps.len; m++) {
		const struct program_map *map = vm->object.maps.data[m];
		uint64_t first = map->offset + (uint64_t)map->values_offset;
		if (!map->values_offset || map->section != section || offset < first ||
		    (offset - first) / 8 >= map->max_entries)
			continue;
		*index = (uint32_t)((offset - first) / 8);
		return m;
	}
	return UINT32_MAX;
}

static void fill_values(struct vm *vm)
{
	const struct elf_file *elf = &vm->object.elf;
	for (uint32_t s = 0; s < elf->section_count; s++) {
		const struct elf_section *table = &elf->sections[s];
		struct elf_relocation r;
		if (table->info >= elf->section_count ||
		    strcmp(elf->sections[table->info].name, ".maps"))
			continue;
		for (uint32_t i = 0; elf_get_relocation(table, i, &r); i++) {
			uint32_t index, map = map_with_values_at(vm, table->info, r.offset, &index);
			if (map == UINT32_MAX || r.symbol >= elf->symbol_count)
				continue;
			const struct elf_symbol *symbol = &elf->symbols[r.symbol];
			uint32_t inner = program_find_map(&vm->object, symbol);
			struct vm_map *to = vm->maps.data[map];
			uint32_t number = inner + 1;
			if (inner < vm->maps.len && to->is_outer)
				vm_map_update(to, &index, &number, 0);
			else
				vm_map_set_program(to, index, vm_find_program(vm, symbol->name));
		}
	}
}

/* ---- opening ---- */

int vm_open(struct vm **out, const uint8_t *data, size_t len, const struct vm_options *options,
	    struct buf *why)
{
	struct vm *vm = new_machine(options);
	struct program_options how = {
		.kernel = vm->options.kernel, .release = vm->options.release, .is_lenient = true};
	*out = NULL;
	bool ok = program_open(&vm->object, data, len, &how, why);
	if (ok) {
		for (uint32_t i = 0; i < vm->object.programs.len; i++)
			add_program(vm, &vm->object.programs.data[i]);
		ok = vm_open_maps(vm, why);
	}
	if (!ok) {
		vm_close(vm);
		return -EINVAL;
	}
	finish_programs(vm);
	fill_values(vm);
	*out = vm;
	return 0;
}

struct vm *vm_open_code(const struct bpf_record *code, uint32_t count, const char *section,
			const struct vm_options *options)
{
	struct vm *vm = new_machine(options);
	struct arena *arena = &vm->object.arena;
	arena_init(arena);
	struct program_code *program = ARENA_NEW(arena, struct program_code);
	*program = (struct program_code){
		.name = "main", .section = arena_printf(arena, "%s", section), .count = count};
	program->records = ARENA_ARRAY(arena, struct bpf_record, count + 1);
	memcpy(program->records, code, count * sizeof *code);
	add_program(vm, program);
	finish_programs(vm);
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

struct vm_place vm_where(const struct vm *vm)
{
	struct vm_place place = {.record = vm->record_of[vm->pc], .depth = vm->depth - 1};
	const struct vm_unit *unit = vm_unit_at(vm, vm->pc);
	if (unit)
		place.program = &vm->programs.data[unit - vm->units.data];
	return place;
}
