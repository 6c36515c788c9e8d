/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects and code of any bytes: opened as a loader would, judged by the simulated verifier, run in the
 * interpreter. What begins like an ELF file is one; anything else is code: two bytes that choose kind
 * and packet, then records. What the verifier accepts must not leave its memory in the interpreter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/verify/verify.h"
#include "bpf-backend/vm/vm.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/small_btf.h"

enum {
	MAX_CODE = 256,
	MAX_PROGRAMS = 8,
	MAX_WALK = 20000,   // instructions that the verifier follows
	MAX_STEPS = 200000, // instructions of a run
	PACKET_BYTES = 200,
	RELEASE = 6 << 16 | 18 << 8,
};

static const struct {
	const char *section;
	uint32_t type; // enum bpf_prog_type
	uint32_t attach;
} kinds[] = {
	{"xdp", 6, 37},     {"tc", 3, 0},       {"socket", 1, 0}, {"cgroup_skb/ingress", 8, 0},
	{"kprobe/f", 2, 0}, {"syscall", 31, 0},
};

/* Types of a kernel, for objects that ask for them. */
static const struct btf *kernel_types(struct arena *arena, struct btf *btf)
{
	struct buf bytes;
	const char *why;
	buf_init(&bytes);
	small_btf_write(arena, &bytes);
	const uint8_t *copy = arena_copy(arena, bytes.data, bytes.len);
	int err = btf_open(btf, copy, bytes.len, arena, &why);
	buf_fini(&bytes);
	return err ? NULL : btf;
}

static bool is_object(const uint8_t *data, size_t len)
{
	return len >= 4 && !memcmp(data, "\177ELF", 4);
}

/* ---- the reader ---- */

static void check_code(const struct program_object *object, const struct program_code *code)
{
	if (code->problem)
		return;
	for (uint32_t i = 0; i < code->function_count; i++)
		if (code->functions[i].start >= code->count)
			fuzz_fail("a function begins behind the code");
	for (uint32_t i = 0; i < code->line_count; i++)
		if (code->lines[i].record >= code->count || !code->lines[i].file ||
		    !code->lines[i].text)
			fuzz_fail("a line belongs to no instruction");
	for (uint32_t i = 0; i < code->reference_count; i++)
		if (code->references[i].record >= code->count || !code->references[i].name)
			fuzz_fail("a reference belongs to no instruction");
	for (uint32_t i = 0; i + 1 < code->count; i++) {
		const struct bpf_record *r = &code->records[i];
		bool is_map = r->opcode == 0x18 && (r->src == 1 || r->src == 2);
		if (is_map && r->imm != -1 && (uint32_t)r->imm >= object->maps.len)
			fuzz_fail("a reference leads to no map");
		i += r->opcode == 0x18;
	}
}

void fuzz_object(const uint8_t *data, size_t len)
{
	struct arena arena;
	struct btf types;
	arena_init(&arena);
	const struct btf *kernel = kernel_types(&arena, &types);
	for (int lenient = 0; lenient < 2; lenient++) {
		struct program_options how = {.kernel = lenient ? NULL : kernel,
					      .release = RELEASE,
					      .is_lenient = lenient};
		struct program_object object;
		struct buf why;
		buf_init(&why);
		if (program_open(&object, data, len, &how, &why)) {
			for (uint32_t i = 0; i < object.programs.len; i++)
				check_code(&object, &object.programs.data[i]);
			program_close(&object);
		} else if (!why.len) {
			fuzz_fail("an object is refused without a reason");
		}
		buf_fini(&why);
	}
	arena_fini(&arena);
}

/* ---- code ---- */

struct code {
	struct bpf_record records[MAX_CODE];
	uint32_t count;
	unsigned kind;
	uint32_t packet_len;
};

static bool read_code(const uint8_t *data, size_t len, struct code *c)
{
	if (len < 10)
		return false;
	c->kind = data[0] % (sizeof kinds / sizeof kinds[0]);
	c->packet_len = 14 + data[1] % (PACKET_BYTES - 14);
	c->count = 0;
	for (size_t at = 2; at + 8 <= len && c->count < MAX_CODE; at += 8)
		c->records[c->count++] = insn_decode(data + at, false);
	return true;
}

static bool verify(const struct program_object *object, const struct program_code *program,
		   const struct btf *kernel)
{
	struct verify_options options = {
		.kernel = RELEASE, .types = kernel, .cpus = 2, .limit = MAX_WALK};
	struct verify_result result;
	verify_program(object, program, &options, &result);
	bool is_accepted = result.is_accepted;
	if (!is_accepted) {
		verify_result_free(&result);
		options.keep_steps = true;
		verify_program(object, program, &options, &result);
		if (result.is_accepted)
			fuzz_fail("the second verdict is another one");
	}
	verify_result_free(&result);
	return is_accepted;
}

static bool verify_code(const struct code *c, const struct btf *kernel)
{
	struct bpf_record copy[MAX_CODE];
	struct program_function function = {.name = "main", .is_global = true};
	struct program_code program = {.name = "main",
				       .section = kinds[c->kind].section,
				       .type = kinds[c->kind].type,
				       .attach = kinds[c->kind].attach,
				       .target = "",
				       .records = copy,
				       .count = c->count,
				       .functions = &function,
				       .function_count = 1};
	struct program_object object = {.license = "GPL"};
	object.options.release = RELEASE;
	object.options.kernel = kernel;
	memcpy(copy, c->records, sizeof copy);
	return verify(&object, &program, kernel);
}

void fuzz_verify(const uint8_t *data, size_t len)
{
	struct arena arena;
	struct btf types;
	struct code c;
	arena_init(&arena);
	const struct btf *kernel = kernel_types(&arena, &types);
	if (is_object(data, len)) {
		struct program_options how = {.kernel = kernel, .release = RELEASE};
		struct program_object object;
		struct buf why;
		buf_init(&why);
		if (program_open(&object, data, len, &how, &why)) {
			for (uint32_t i = 0; i < object.programs.len && i < MAX_PROGRAMS; i++)
				verify(&object, &object.programs.data[i], kernel);
			program_close(&object);
		}
		buf_fini(&why);
	} else if (read_code(data, len, &c)) {
		verify_code(&c, kernel);
	}
	arena_fini(&arena);
}

/* ---- runs ---- */

static enum vm_fault_kind run(struct vm *vm, const struct vm_program *program, uint32_t packet_len)
{
	static uint8_t packet[PACKET_BYTES], context[256];
	struct vm_result result, later;
	bool has_packet = *program->context;
	struct vm_input input = {.packet = has_packet ? packet : NULL,
				 .packet_len = has_packet ? packet_len : 0,
				 .context = context,
				 .context_len = sizeof context};
	vm_run(vm, program, &input, &result);
	vm_pass_time(vm, 1000000000, &later);
	vm_printed(vm)->len = 0;
	return result.fault.kind;
}

void fuzz_vm(const uint8_t *data, size_t len)
{
	struct vm_options options = {.cpus = 2, .budget = MAX_STEPS, .release = RELEASE};
	struct code c;
	struct vm *vm = NULL;
	if (is_object(data, len)) {
		struct buf why;
		buf_init(&why);
		vm_open(&vm, data, len, &options, &why);
		const struct vm_program *program;
		for (uint32_t i = 0; vm && i < MAX_PROGRAMS && (program = vm_program_at(vm, i));
		     i++)
			run(vm, program, 100);
		vm_close(vm);
		buf_fini(&why);
	} else if (read_code(data, len, &c)) {
		vm = vm_open_code(c.records, c.count, kinds[c.kind].section, &options);
		enum vm_fault_kind fault = run(vm, vm_program_at(vm, 0), c.packet_len);
		vm_close(vm);
		bool is_outside = fault == VM_FAULT_ACCESS || fault == VM_FAULT_DEPTH;
		if (is_outside && verify_code(&c, NULL))
			fuzz_fail("the verifier accepts a program that leaves its memory");
	}
}
