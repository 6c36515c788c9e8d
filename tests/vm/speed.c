/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the interpreter is: a loop over arithmetic, stack accesses and branches as programs have. */
#include <time.h>

#include "vmtest.h"

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double measure(void)
{
	enum { ROUNDS = 10000000 };
	const struct bpf_record code[] = {
		insn_make(BPF_OP_MOV64_IMM, BPF_R0, 0, 0, 0),
		insn_make(BPF_OP_MOV64_IMM, BPF_R6, 0, 0, ROUNDS),
		insn_make(BPF_OP_STORE64_REG, BPF_R10, BPF_R0, -8, 0),
		insn_make(BPF_OP_MOV64_REG, BPF_R2, BPF_R6, 0, 0), // the loop
		insn_make(BPF_OP_LSH64_IMM, BPF_R2, 0, 0, 3),
		insn_make(BPF_OP_XOR32_IMM, BPF_R2, 0, 0, 0x5a5a),
		insn_make(BPF_OP_LOAD64, BPF_R3, BPF_R10, -8, 0),
		insn_make(BPF_OP_ADD64_REG, BPF_R3, BPF_R2, 0, 0),
		insn_make(BPF_OP_STORE64_REG, BPF_R10, BPF_R3, -8, 0),
		insn_make(BPF_OP_JGT64_IMM, BPF_R2, 0, 1, 0x1000),
		insn_make(BPF_OP_ADD64_IMM, BPF_R0, 0, 0, 1),
		insn_make(BPF_OP_SUB64_IMM, BPF_R6, 0, 0, 1),
		insn_make(BPF_OP_JNE64_IMM, BPF_R6, 0, -10, 0),
		insn_make(BPF_OP_EXIT, 0, 0, 0, 0),
	};
	struct vm *vm = vm_open_code(code, sizeof code / sizeof code[0], "syscall",
				     &(struct vm_options){.budget = UINT64_MAX});
	struct vm_input input = {0};
	struct vm_result result;
	double before = seconds();
	int err = vm_run(vm, vm_program_at(vm, 0), &input, &result);
	double speed = (double)result.instructions / (seconds() - before);
	vm_close(vm);
	return err ? -1 : speed;
}

void measure_program(struct vm *vm, const struct vm_program *program, const struct vm_input *input)
{
	struct vm_result result = {0};
	uint64_t runs = 0, instructions = 0;
	double begin = seconds(), used = 0;
	for (; used < 0.3 && !result.fault.kind; runs++) {
		if (vm_run(vm, program, input, &result))
			break;
		instructions += result.instructions;
		vm_printed(vm)->len = 0;
		if (runs % 64 == 63)
			used = seconds() - begin;
	}
	if (result.fault.kind || !runs || used <= 0)
		return; // not on this packet
	printf("| %s | %.0f | %.0f | %.0f |\n", program->name, (double)instructions / (double)runs,
	       used / (double)runs * 1e9, (double)instructions / used / 1e6);
}
