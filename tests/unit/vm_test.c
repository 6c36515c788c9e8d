/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter without a kernel: what is a fault and what it says, source lines, maps, records,
 * printing, callbacks, tail calls. That results are the kernel's is tests/vm's subject.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/object/object.h"
#include "bpf-backend/vm/vm.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define I(op, dst, src, off, imm) insn_make(BPF_OP_##op, dst, src, off, imm)
enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

static uint8_t packet[64];

static struct vm_result run_program(struct vm *vm, const char *name)
{
	struct vm_input input = {.packet = packet, .packet_len = sizeof packet};
	struct vm_result result;
	const struct vm_program *program = vm_find_program(vm, name);
	cr_assert_not_null(program);
	int err = vm_run(vm, program, &input, &result);
	cr_assert_eq(err, result.fault.kind ? -EFAULT : 0);
	return result;
}

static struct vm_result run_code(const struct bpf_record *code, uint32_t count, const char *section)
{
	struct vm *vm = vm_open_code(code, count, section, NULL);
	struct vm_result result = run_program(vm, "main");
	vm_close(vm);
	return result;
}

/* ---- faults of bare instructions ---- */

struct faulty {
	enum vm_fault_kind kind;
	const char *text;
	struct bpf_record code[6];
};

#define EXIT I(EXIT, 0, 0, 0, 0)

static const char *const xdp = "xdp", *const tc = "tc";

static void check_fault(const struct faulty *f, const char *section)
{
	struct vm_result result = run_code(f->code, COUNT(f->code), section);
	cr_expect_eq(result.fault.kind, f->kind, "%s: kind %d, %s", f->text, result.fault.kind,
		     result.fault.text);
	cr_expect_not_null(strstr(result.fault.text, f->text), "wanted \"%s\", got \"%s\"", f->text,
			   result.fault.text);
}

Test(vm, faults_say_what_happened)
{
	const struct faulty faults[] = {
		{VM_FAULT_ACCESS,
		 "reads 8 bytes at r10-520 of the stack frame",
		 {I(LOAD64, R0, R10, -520, 0), EXIT}},
		{VM_FAULT_ACCESS,
		 "writes 4 bytes at r10-2 of the stack",
		 {I(STORE32_IMM, R10, 0, -2, 0), EXIT}},
		{VM_FAULT_ACCESS,
		 "reads 1 byte at the null pointer plus 3",
		 {I(MOV64_IMM, R1, 0, 0, 0), I(LOAD8, R0, R1, 3, 0), EXIT}},
		{VM_FAULT_ACCESS,
		 "which is no address",
		 {I(MOV64_IMM, R1, 0, 0, -1), I(LOAD8, R0, R1, 0, 0), EXIT}},
		{VM_FAULT_ACCESS,
		 "reads 4 bytes at offset 62 of the packet, which has 64 bytes",
		 {I(LOAD32, R1, R1, 0, 0), I(LOAD32, R0, R1, 62, 0), EXIT}},
		{VM_FAULT_ACCESS,
		 "reads 1 byte at offset -1 of the packet",
		 {I(LOAD32, R1, R1, 0, 0), I(LOAD8, R0, R1, -1, 0), EXIT}},
		{VM_FAULT_ACCESS,
		 "writes 4 bytes of the context's field `ingress_ifindex`, which is read only",
		 {I(STORE32_IMM, R1, 0, 12, 1), EXIT}},
		{VM_FAULT_ACCESS,
		 "reads 2 bytes of the context's field `data`, which is read as a whole",
		 {I(LOAD16, R0, R1, 0, 0), EXIT}},
		{VM_FAULT_ACCESS,
		 "reads 8 bytes at offset 48 of the context",
		 {I(LOAD64, R0, R1, 48, 0), EXIT}},
		{VM_FAULT_ACCESS,
		 "field `ingress_ifindex`, which is read only",
		 {I(ATOMIC_ADD32, R1, R0, 12, 0), EXIT}},
		{VM_FAULT_BUDGET,
		 "does not end within 100000000 instructions",
		 {I(GOTO, 0, 0, -1, 0), EXIT}},
		{VM_FAULT_DEPTH, "more than 8 functions deep", {I(CALL_LOCAL, 0, 0, 0, -1), EXIT}},
		{VM_FAULT_HELPER,
		 "there is no helper with number 9999",
		 {I(CALL_HELPER, 0, 0, 0, 9999), EXIT}},
		{VM_FAULT_HELPER,
		 "the helper bpf_fib_lookup has no model",
		 {I(CALL_HELPER, 0, 0, 0, 69), EXIT}},
		{VM_FAULT_HELPER,
		 "argument 1 of bpf_map_lookup_elem must be a map, but is offset 0 of the context",
		 {I(CALL_HELPER, 0, 0, 0, 1), EXIT}},
		{VM_FAULT_HELPER,
		 "bpf_skb_pull_data is not for this kind of program",
		 {I(MOV64_IMM, R2, 0, 0, 0), I(CALL_HELPER, 0, 0, 0, 39), EXIT}},
		{VM_FAULT_INSTRUCTION,
		 "the code ends without an exit",
		 {I(GOTO, 0, 0, 4, 0), [5] = I(MOV64_IMM, R0, 0, 0, 0)}},
		{VM_FAULT_INSTRUCTION,
		 "goto leads to a place that is no instruction",
		 {I(GOTO, 0, 0, 100, 0), EXIT}},
		{VM_FAULT_INSTRUCTION, "this is no instruction", {{.opcode = 0xff}, EXIT}},
		{VM_FAULT_INSTRUCTION, "must not be written", {I(MOV64_IMM, R10, 0, 0, 1), EXIT}},
		{VM_FAULT_INSTRUCTION,
		 "the kernel function has no model",
		 {I(CALL_KFUNC, 0, 0, 0, 1), EXIT}},
	};
	for (size_t i = 0; i < COUNT(faults); i++)
		check_fault(&faults[i], xdp);
}

Test(vm, a_fault_names_its_instruction)
{
	const struct bpf_record code[] = {I(MOV64_IMM, R0, 0, 0, 0), I(LOAD64, R3, R10, -600, 0),
					  EXIT};
	struct vm_result result = run_code(code, COUNT(code), xdp);
	struct buf text;
	cr_expect_eq(result.fault.record, 1);
	buf_init(&text);
	vm_print_fault(&text, &result.fault);
	cr_expect_str_eq(text.data,
			 "reads 8 bytes at r10-600 of the stack frame, which has r10-512 to r10-1\n"
			 "  at instruction 1 of the program: r3 = *(u64 *)(r10 - 600)\n");
	buf_fini(&text);
}

Test(vm, loops_end_and_time_goes_on)
{
	// may_goto ends a loop after 2^23 rounds; each question for the time adds 1 us.
	const struct bpf_record rounds[] = {
		I(MOV64_IMM, R0, 0, 0, 0),
		I(MAY_GOTO, 0, 0, 2, 0),
		I(ADD64_IMM, R0, 0, 0, 1),
		I(GOTO, 0, 0, -3, 0),
		EXIT,
	};
	cr_expect_eq(run_code(rounds, COUNT(rounds), tc).value, 1 << 23);
	const struct bpf_record times[] = {
		I(CALL_HELPER, 0, 0, 0, 5),
		I(MOV64_REG, R6, R0, 0, 0),
		I(CALL_HELPER, 0, 0, 0, 5),
		I(SUB64_REG, R0, R6, 0, 0),
		EXIT,
	};
	cr_expect_eq(run_code(times, COUNT(times), xdp).value, 1000);
	const struct bpf_record far[] = {I(GOTOL, 0, 0, 0, 1), EXIT, I(MOV64_IMM, R0, 0, 0, 5),
					 EXIT};
	cr_expect_eq(run_code(far, COUNT(far), xdp).value, 5);
	// Legacy loads: 2 bytes in network order; beyond the packet the program ends with 0.
	packet[12] = 8;
	const struct bpf_record legacy[] = {I(MOV64_REG, R6, R1, 0, 0), I(ABS16, 0, 0, 0, 12),
					    EXIT};
	cr_expect_eq(run_code(legacy, COUNT(legacy), tc).value, 0x800);
	const struct bpf_record beyond[] = {I(MOV64_REG, R6, R1, 0, 0), I(MOV64_IMM, R0, 0, 0, 7),
					    I(ABS16, 0, 0, 0, 63), EXIT};
	cr_expect_eq(run_code(beyond, COUNT(beyond), tc).value, 0);
}

/* ---- objects ---- */

struct made {
	struct compile compile;
	struct bpf_object object;
	struct source_file *source;
	struct buf file;
	uint32_t program_btf, helper_btf;
};

enum { MAP_HASH, MAP_LRU, MAP_PERCPU, MAP_RING, MAP_PROGS };
static const struct {
	const char *name;
	uint32_t type, max_entries;
	bool has_entries;
} map_rows[] = {
	{"counts", 1, 2, true},    {"recent", 9, 2, true}, {"percpu", 6, 4, true},
	{"ring", 27, 4096, false}, {"progs", 3, 4, true},
};
static const char text[] = "counts[1]\nbeyond\nprogs\n";

static struct bpf_func *add_func(struct made *m, const char *name, const char *section)
{
	struct bpf_func *f = ARENA_NEW(&m->compile.module, struct bpf_func);
	f->name = intern_string(&m->compile.names, name);
	f->section = section;
	f->btf_id = strcmp(section, ".text") ? m->program_btf : m->helper_btf;
	vec_push(&m->compile.module, &m->object.funcs, f);
	return f;
}

static void emit(struct made *m, struct bpf_func *f, const struct bpf_record *code, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		vec_push(&m->compile.module, &f->code, code[i]);
}
#define EMIT(m, f, ...)                                                                            \
	emit(m, f, (const struct bpf_record[]){__VA_ARGS__},                                       \
	     COUNT(((const struct bpf_record[]){__VA_ARGS__})))

static void emit_reference(struct made *m, struct bpf_func *f, unsigned dst,
			   enum bpf_relo_kind kind, uint32_t index)
{
	struct bpf_record pair[2];
	struct bpf_relo relo = {f->code.len, kind, index, 0};
	vec_push(&m->compile.module, &f->relos, relo);
	insn_make64(BPF_OP_LD_IMM64, dst, 0, pair);
	emit(m, f, pair, 2);
}

static void line(struct made *m, struct bpf_func *f, const char *word)
{
	uint32_t begin = m->source->base + (uint32_t)(strstr(text, word) - text);
	struct bpf_line record = {f->code.len, {begin, begin + 1}};
	vec_push(&m->compile.module, &f->lines, record);
}

static void begin_object(struct made *m)
{
	static const uint8_t data[8] = {9, 0, 0, 0, 1, 0, 0, 0};
	memset(m, 0, sizeof *m);
	compile_init(&m->compile);
	buf_init(&m->file);
	m->source = source_add(&m->compile.sources, "hand.ks", text, sizeof text - 1);
	m->object.arena = &m->compile.module;
	m->object.license = "GPL";
	m->object.sections[0] = (struct bpf_object_section){".data", 8, 4, data};
	struct btf_builder *b = m->object.btf = btf_builder_new(&m->compile.module);
	uint32_t u32 = btf_add_int(b, "u32", 4, 0);
	for (unsigned i = 0; i < COUNT(map_rows); i++) {
		struct bpf_object_map map = {intern_string(&m->compile.names, map_rows[i].name), 0};
		map.btf_id =
			btf_add_map(b, &(struct btf_map){.name = map_rows[i].name,
							 .type = map_rows[i].type,
							 .key = map_rows[i].has_entries ? u32 : 0,
							 .value = map_rows[i].has_entries ? u32 : 0,
							 .max_entries = map_rows[i].max_entries});
		vec_push(&m->compile.module, &m->object.maps, map);
	}
	btf_add_map_section(b);
	uint32_t var = btf_add_var(b, "start", u32, BTF_LINKAGE_GLOBAL);
	btf_add_datasec(b, ".data", 8);
	btf_add_secinfo(b, var, 0, 4);
	uint32_t proto = btf_add_func_proto(b, u32);
	btf_add_param(b, "ctx", btf_add_pointer(b, btf_add_struct(b, "xdp_md", 24, false)));
	m->program_btf = btf_add_func(b, "program", proto, BTF_LINKAGE_GLOBAL);
	m->helper_btf = btf_add_func(b, "callback", proto, BTF_LINKAGE_STATIC);
}

/* value = counts[1]; then 8 bytes of the 4. */
static void add_value_program(struct made *m)
{
	struct bpf_func *f = add_func(m, "value", "xdp");
	line(m, f, "counts");
	EMIT(m, f, I(STORE32_IMM, R10, 0, -4, 1), I(MOV64_REG, R2, R10, 0, 0),
	     I(ADD64_IMM, R2, 0, 0, -4));
	emit_reference(m, f, R1, BPF_RELO_MAP, MAP_HASH);
	EMIT(m, f, I(CALL_HELPER, 0, 0, 0, 1), I(JEQ64_IMM, R0, 0, 1, 0));
	line(m, f, "beyond");
	EMIT(m, f, I(LOAD64, R0, R0, 0, 0), EXIT);
}

/* Reserves a record, writes 5, submits; reserves another, discards. */
static void add_ring_program(struct made *m)
{
	struct bpf_func *f = add_func(m, "records", "xdp");
	for (unsigned last = 0; last < 2; last++) {
		emit_reference(m, f, R1, BPF_RELO_MAP, MAP_RING);
		EMIT(m, f, I(MOV64_IMM, R2, 0, 0, 16), I(MOV64_IMM, R3, 0, 0, 0),
		     I(CALL_HELPER, 0, 0, 0, 131), I(JEQ64_IMM, R0, 0, 4, 0),
		     I(STORE64_IMM, R0, 0, 8, 5), I(MOV64_REG, R1, R0, 0, 0),
		     I(MOV64_IMM, R2, 0, 0, 0), I(CALL_HELPER, 0, 0, 0, last ? 133 : 132));
	}
	EMIT(m, f, I(MOV64_IMM, R0, 0, 0, 0), EXIT);
}

/* Reserves and forgets. */
static void add_forgetful_program(struct made *m)
{
	struct bpf_func *f = add_func(m, "forgets", "xdp");
	emit_reference(m, f, R1, BPF_RELO_MAP, MAP_RING);
	EMIT(m, f, I(MOV64_IMM, R2, 0, 0, 16), I(MOV64_IMM, R3, 0, 0, 0),
	     I(CALL_HELPER, 0, 0, 0, 131), I(MOV64_IMM, R0, 0, 0, 0), EXIT);
}

/* Counts its tail calls to itself in the global. */
static void add_tail_program(struct made *m)
{
	struct bpf_func *f = add_func(m, "again", "xdp");
	EMIT(m, f, I(MOV64_REG, R6, R1, 0, 0));
	emit_reference(m, f, R2, BPF_RELO_SECTION, 0);
	EMIT(m, f, I(LOAD32, R3, R2, 0, 0), I(ADD64_IMM, R3, 0, 0, 1),
	     I(STORE32_REG, R2, R3, 0, 0));
	line(m, f, "progs");
	emit_reference(m, f, R2, BPF_RELO_MAP, MAP_PROGS);
	EMIT(m, f, I(MOV64_REG, R1, R6, 0, 0), I(MOV64_IMM, R3, 0, 0, 2),
	     I(CALL_HELPER, 0, 0, 0, 12), I(MOV64_IMM, R0, 0, 0, 77), EXIT);
}

/* printk("n=%d %s\n", -3, …) with the format and "abc" on the stack. */
static void add_print_program(struct made *m)
{
	struct bpf_func *f = add_func(m, "print", "xdp");
	struct bpf_record pair[2];
	uint64_t format, word = 0x636261;
	memcpy(&format, "n=%d %s", 8);
	insn_make64(BPF_OP_LD_IMM64, R1, format, pair);
	emit(m, f, pair, 2);
	EMIT(m, f, I(STORE64_REG, R10, R1, -8, 0), I(STORE64_IMM, R10, 0, -16, (int32_t)word),
	     I(MOV64_REG, R1, R10, 0, 0), I(ADD64_IMM, R1, 0, 0, -8), I(MOV64_IMM, R2, 0, 0, 8),
	     I(MOV64_IMM, R3, 0, 0, -3), I(MOV64_REG, R4, R10, 0, 0), I(ADD64_IMM, R4, 0, 0, -16),
	     I(CALL_HELPER, 0, 0, 0, 6), EXIT);
}

static struct vm *open_object(struct made *m, const struct vm_options *options)
{
	struct vm *vm;
	struct buf why;
	begin_object(m);
	add_value_program(m);
	add_ring_program(m);
	add_forgetful_program(m);
	add_tail_program(m);
	add_print_program(m);
	object_write(&m->compile, &m->object, &m->file);
	buf_init(&why);
	int err = vm_open(&vm, (const uint8_t *)m->file.data, m->file.len, options, &why);
	cr_assert_eq(err, 0, "%s", why.data);
	buf_fini(&why);
	return vm;
}

static void close_object(struct made *m, struct vm *vm)
{
	vm_close(vm);
	buf_fini(&m->file);
	compile_fini(&m->compile);
}

Test(vm, a_fault_names_its_source_line)
{
	struct made m;
	struct vm *vm = open_object(&m, NULL);
	uint32_t key = 1, value = 4;
	cr_expect_eq(run_program(vm, "value").value, 0); // no entry yet
	cr_expect_eq(vm_map_update(vm_find_map(vm, "counts"), &key, &value, 0), 0);
	struct vm_result result = run_program(vm, "value");
	cr_expect_eq(result.fault.kind, VM_FAULT_ACCESS);
	cr_expect_str_eq(result.fault.text,
			 "reads 8 bytes at offset 0 of a value of `counts`, which has 4 bytes");
	cr_assert_not_null(result.fault.file);
	cr_expect_str_eq(result.fault.file, "hand.ks");
	cr_expect_str_eq(result.fault.line_text, "beyond");
	cr_expect_eq(result.fault.line, 2);
	cr_expect_str_eq(result.fault.function, "value");
	cr_expect_eq(result.fault.record, 7);
	close_object(&m, vm);
}

Test(vm, maps_from_the_host)
{
	struct made m;
	struct vm *vm = open_object(&m, &(struct vm_options){.cpus = 3});
	struct vm_map *counts = vm_find_map(vm, "counts"), *recent = vm_find_map(vm, "recent");
	struct vm_map *percpu = vm_find_map(vm, "percpu");
	uint32_t keys[] = {10, 20, 30}, value = 1, next;
	uint64_t copies[3] = {1, 2, 3}, back[3] = {0};
	cr_expect_eq(vm_map_update(counts, &keys[0], &value, 2), -ENOENT);
	cr_expect_eq(vm_map_update(counts, &keys[0], &value, 1), 0);
	cr_expect_eq(vm_map_update(counts, &keys[0], &value, 1), -EEXIST);
	cr_expect_eq(vm_map_update(counts, &keys[1], &value, 0), 0);
	cr_expect_eq(vm_map_update(counts, &keys[2], &value, 0), -E2BIG);
	cr_expect_eq(vm_map_delete(counts, &keys[0]), 0);
	cr_expect_eq(vm_map_delete(counts, &keys[0]), -ENOENT);
	cr_expect(vm_map_next_key(counts, NULL, &next) == 0 && next == 20);
	cr_expect_eq(vm_map_next_key(counts, &next, &next), -ENOENT);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(vm_map_update(recent, &keys[i], &value, 0), 0);
	cr_expect_eq(vm_map_lookup(recent, &keys[0], &value), -ENOENT); // made room
	cr_expect_eq(vm_map_lookup(recent, &keys[2], &value), 0);
	cr_expect_eq(vm_map_get_info(percpu)->copies, 3);
	cr_expect_eq(vm_map_update(percpu, &(uint32_t){3}, copies, 0), 0);
	cr_expect_eq(vm_map_lookup(percpu, &(uint32_t){3}, back), 0);
	cr_expect_arr_eq(back, copies, sizeof back);
	cr_expect_eq(vm_map_update(percpu, &(uint32_t){4}, copies, 0), -E2BIG);
	cr_expect_eq(vm_map_delete(percpu, &(uint32_t){3}), -EINVAL);
	close_object(&m, vm);
}

Test(vm, records_prints_and_tail_calls)
{
	struct made m;
	struct vm *vm = open_object(&m, NULL);
	struct vm_map *ring = vm_find_map(vm, "ring"), *progs = vm_find_map(vm, "progs");
	uint32_t size = 0, *started = vm_map_data(vm_find_map(vm, ".data"));
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(run_program(vm, "records").fault.kind, VM_FAULT_NONE);
	const uint8_t *record = vm_map_record(ring, 2, &size);
	cr_assert(record && size == 16);
	cr_expect_eq(record[8], 5);
	cr_expect_null(vm_map_record(ring, 3, &size));
	struct vm_result result = run_program(vm, "forgets");
	cr_expect_str_eq(
		result.fault.text,
		"a record of `ring` is neither submitted nor discarded when the program ends");
	cr_expect_eq(result.fault.record, 4);
	vm_map_drop_records(ring);
	cr_expect_null(vm_map_record(ring, 0, &size));
	for (unsigned i = 0; i < 300;
	     i++) // 4096 bytes are room for 170 records, every other one is discarded
		run_program(vm, "records");
	cr_expect(vm_map_record(ring, 84, &size) && !vm_map_record(ring, 85, &size));

	cr_expect_eq(run_program(vm, "print").value, 8);
	buf_add_char(vm_printed(vm), 0);
	cr_expect_str_eq(vm_printed(vm)->data, "n=-3 abc\n");

	cr_expect_eq(*started, 9);
	cr_expect_eq(run_program(vm, "again").value, 77);
	cr_expect_eq(*started, 10);
	cr_expect_eq(vm_map_set_program(progs, 2, vm_find_program(vm, "again")), 0);
	cr_expect_eq(run_program(vm, "again").value, 77);
	cr_expect_eq(*started, 10 + 34); // the first and 33 tail calls
	close_object(&m, vm);
}

Test(vm, results_are_repeatable_and_input_is_checked)
{
	struct made m;
	struct vm *vm = open_object(&m, NULL);
	struct vm_result result;
	const struct vm_program *program = vm_find_program(vm, "print");
	cr_expect_eq(vm_run(vm, program, &(struct vm_input){.packet = packet, .packet_len = 13},
			    &result),
		     -EINVAL);
	cr_expect_eq(vm_run(vm, program,
			    &(struct vm_input){.packet = packet, .packet_len = 64, .cpu = 1},
			    &result),
		     -EINVAL);
	cr_expect_str_eq(program->context, "xdp_md");
	uint64_t first = run_program(vm, "records").instructions;
	cr_expect_eq(run_program(vm, "records").instructions, first);
	close_object(&m, vm);
}

/* Whatever the file says: an error, a fault or a result, and no harm. */
Test(vm, damaged_objects_do_no_harm)
{
	struct made m;
	struct vm *vm = open_object(&m, NULL);
	uint64_t state = 1;
	for (unsigned round = 0; round < 4000; round++) {
		uint8_t *bytes = malloc(m.file.len);
		struct vm *damaged = NULL;
		struct buf why;
		size_t len = round % 5 ? m.file.len : state % m.file.len;
		memcpy(bytes, m.file.data, m.file.len);
		for (unsigned i = 0; i <= round % 7; i++) {
			state = hash_u64(state + 1);
			bytes[state % m.file.len] = (uint8_t)(state >> 40);
		}
		buf_init(&why);
		vm_open(&damaged, bytes, len, &(struct vm_options){.budget = 1000}, &why);
		const struct vm_program *program;
		for (uint32_t p = 0; damaged && (program = vm_program_at(damaged, p)); p++) {
			struct vm_input input = {.packet = packet, .packet_len = sizeof packet};
			struct vm_result result;
			vm_run(damaged, program, &input, &result);
		}
		vm_close(damaged);
		buf_fini(&why);
		free(bytes);
	}
	close_object(&m, vm);
}
