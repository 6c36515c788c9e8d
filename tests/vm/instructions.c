/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every instruction of insns.def that works on values, with pairs of edge values: the same program
 * runs in the kernel (BPF_PROG_TEST_RUN) and in the interpreter, reads two numbers from the packet
 * and writes what each instruction makes of them back into it. Immediate forms are tried with each
 * edge value that fits; an instruction that the kernel lacks is left out.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf-backend/kernel/kernel.h"
#include "vmtest.h"

enum {
	FIRST_RESULT = 16, // behind the two operands
	RESULT_BYTES = 16, // two registers
	MAX_RESULTS = (MAX_PACKET - FIRST_RESULT) / RESULT_BYTES - 1,
	MAX_RECORDS = 24 * MAX_RESULTS,
	DATA = BPF_R8, // packet
	SLOT = -16,    // on the stack
};

static const uint64_t edges[] = {
	0,
	1,
	2,
	7,
	31,
	32,
	33,
	63,
	64,
	127,
	128,
	255,
	256,
	0x7fff,
	0x8000,
	0xffff,
	0x12345678,
	0x7fffffff,
	0x80000000,
	0xfffffffe,
	0xffffffff,
	0x100000000,
	0x123456789abcdef0,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffffffff80000000,
	0xfffffffffffffffe,
	0xffffffffffffffff,
};
enum { EDGES = sizeof edges / sizeof edges[0] };

struct program {
	struct bpf_record code[MAX_RECORDS];
	uint32_t count;
	struct {
		enum bpf_op op;
		int32_t imm;
	} results[MAX_RESULTS];
	uint32_t result_count;
};

static void add(struct program *p, enum bpf_op op, unsigned dst, unsigned src, int off, int32_t imm)
{
	p->code[p->count++] = insn_make(op, dst, src, (int16_t)off, imm);
}

static void begin(struct program *p)
{
	p->count = p->result_count = 0;
	add(p, BPF_OP_LOAD32, DATA, BPF_R1, 0, 0);
	add(p, BPF_OP_LOAD32, BPF_R2, BPF_R1, 4, 0);
	add(p, BPF_OP_MOV64_REG, BPF_R3, DATA, 0, 0);
	add(p, BPF_OP_ADD64_IMM, BPF_R3, 0, 0, MAX_PACKET - 4);
	add(p, BPF_OP_MOV64_IMM, BPF_R0, 0, 0, 0);
	add(p, BPF_OP_JGT64_REG, BPF_R3, BPF_R2, 0, 0);
}

static void end(struct program *p)
{
	uint32_t branch = 5; // the check of the packet's end, whose target is the exit
	if (p->count - branch - 1 <= INT16_MAX)
		insn_set_jump_offset(&p->code[branch], (int64_t)p->count - branch);
	add(p, BPF_OP_MOV64_IMM, BPF_R0, 0, 0, 2);
	add(p, BPF_OP_EXIT, 0, 0, 0, 0);
}

/* The instruction between its operands and its results in r1 and r2. False: not one to try. */
static bool add_operation(struct program *p, enum bpf_op op, int32_t imm)
{
	unsigned form = insn_table[op].form;
	int32_t fixed_off = insn_table[op].off == INSN_ANY ? 0 : insn_table[op].off;
	int32_t fixed_imm = insn_table[op].imm == INSN_ANY ? 0 : insn_table[op].imm;
	struct bpf_record r = {.opcode = insn_table[op].opcode,
			       .dst = BPF_R1,
			       .src = BPF_R2,
			       .off = (int16_t)fixed_off,
			       .imm = fixed_imm};
	if (insn_table[op].src != INSN_ANY_SRC)
		r.src = (uint8_t)insn_table[op].src & 15;
	switch (form) {
	case INSN_FORM_ALU_IMM:
	case INSN_FORM_MOV_IMM:
		r.imm = imm;
		p->code[p->count++] = r;
		return true;
	case INSN_FORM_ALU_REG:
	case INSN_FORM_MOV_REG:
	case INSN_FORM_MOVSX:
	case INSN_FORM_UNARY:
		p->code[p->count++] = r;
		return true;
	case INSN_FORM_BRANCH_IMM:
	case INSN_FORM_BRANCH_REG:
		if (form == INSN_FORM_BRANCH_IMM)
			r.imm = imm;
		r.off = 1;
		add(p, BPF_OP_MOV64_IMM, BPF_R0, 0, 0, 1);
		p->code[p->count++] = r;
		add(p, BPF_OP_MOV64_IMM, BPF_R0, 0, 0, 0);
		add(p, BPF_OP_MOV64_REG, BPF_R1, BPF_R0, 0, 0);
		return true;
	case INSN_FORM_STORE_IMM:
		r.imm = imm;
		// fall through
	case INSN_FORM_STORE_REG:
	case INSN_FORM_STORE_REL:
	case INSN_FORM_ATOMIC:
	case INSN_FORM_FETCH:
	case INSN_FORM_CMPXCHG:
		add(p, BPF_OP_STORE64_REG, BPF_R10, BPF_R1, SLOT, 0);
		add(p, BPF_OP_MOV64_REG, BPF_R0, BPF_R1, 0, 0);
		r.dst = BPF_R10;
		r.off = SLOT;
		p->code[p->count++] = r;
		add(p, BPF_OP_LOAD64, BPF_R1, BPF_R10, SLOT, 0);
		if (form == INSN_FORM_CMPXCHG)
			add(p, BPF_OP_MOV64_REG, BPF_R2, BPF_R0, 0, 0);
		return true;
	case INSN_FORM_LOAD:
	case INSN_FORM_LOAD_ACQ:
		add(p, BPF_OP_STORE64_REG, BPF_R10, BPF_R1, SLOT, 0);
		r.src = BPF_R10;
		r.off = SLOT;
		p->code[p->count++] = r;
		return true;
	default:
		return false;
	}
}

static bool takes_immediate(enum bpf_op op)
{
	unsigned form = insn_table[op].form;
	return form == INSN_FORM_ALU_IMM || form == INSN_FORM_MOV_IMM ||
	       form == INSN_FORM_BRANCH_IMM || form == INSN_FORM_STORE_IMM;
}

/* Constants that the verifier refuses: shifts by too much, division by zero. */
static bool is_valid_immediate(enum bpf_op op, int32_t imm)
{
	const char *text = insn_table[op].text;
	if (strstr(text, "<<") || strstr(text, ">>"))
		return imm >= 0 && imm < (insn_is_32bit(op) ? 32 : 64);
	if (strchr(text, '/') || strchr(text, '%'))
		return imm != 0;
	return true;
}

static bool add_case(struct program *p, enum bpf_op op, int32_t imm)
{
	uint32_t before = p->count;
	int at = FIRST_RESULT + (int)p->result_count * RESULT_BYTES;
	add(p, BPF_OP_LOAD64, BPF_R1, DATA, 0, 0);
	add(p, BPF_OP_LOAD64, BPF_R2, DATA, 8, 0);
	if (!add_operation(p, op, imm)) {
		p->count = before;
		return false;
	}
	add(p, BPF_OP_STORE64_REG, DATA, BPF_R1, at, 0);
	add(p, BPF_OP_STORE64_REG, DATA, BPF_R2, at + 8, 0);
	p->results[p->result_count].op = op;
	p->results[p->result_count++].imm = imm;
	return true;
}

static void report(const struct program *p, uint32_t i, uint64_t a, uint64_t b, const uint8_t *vm,
		   const uint8_t *kernel)
{
	uint64_t values[4];
	memcpy(values, vm, 16);
	memcpy(values + 2, kernel, 16);
	printf("%s imm %d on %#llx, %#llx: vm %#llx %#llx, kernel %#llx %#llx\n",
	       insn_table[p->results[i].op].name, p->results[i].imm, (unsigned long long)a,
	       (unsigned long long)b, (unsigned long long)values[0], (unsigned long long)values[1],
	       (unsigned long long)values[2], (unsigned long long)values[3]);
}

static int run_pair(const struct program *p, struct vm *vm, int fd, uint64_t a, uint64_t b)
{
	uint8_t packet[MAX_PACKET - 4] = {0}, out[MAX_PACKET];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof packet,
		    .data_out = out, .data_size_out = sizeof out, .repeat = 1);
	struct vm_input input = {.packet = packet, .packet_len = sizeof packet};
	struct vm_result result;
	int differences = 0;
	memcpy(packet, &a, 8);
	memcpy(packet + 8, &b, 8);
	if (bpf_prog_test_run_opts(fd, &opts) ||
	    vm_run(vm, vm_program_at(vm, 0), &input, &result)) {
		printf("cannot run: %s\n", result.fault.text);
		return 1;
	}
	for (uint32_t i = 0; i < p->result_count; i++) {
		size_t at = FIRST_RESULT + (size_t)i * RESULT_BYTES;
		if (memcmp(result.packet + at, out + at, RESULT_BYTES) && differences++ < MAX_SHOWN)
			report(p, i, a, b, result.packet + at, out + at);
	}
	return differences + (result.value != 2 || opts.retval != 2);
}

static int run_program(struct program *p, unsigned long *compared)
{
	static char log[1 << 16];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof log);
	int differences = 0;
	end(p);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "insns", "GPL", (const struct bpf_insn *)p->code,
			       p->count, &opts);
	if (fd < 0) {
		printf("the kernel refuses the program with %s: %s\n%s\n",
		       insn_table[p->results[0].op].name, strerror(errno), log);
		return 1;
	}
	struct vm *vm = vm_open_code(p->code, p->count, "xdp", NULL);
	for (unsigned i = 0; i < EDGES; i++) {
		for (unsigned j = 0; j < EDGES; j++)
			differences += run_pair(p, vm, fd, edges[i], edges[j]);
	}
	*compared += (unsigned long)EDGES * EDGES * p->result_count;
	vm_close(vm);
	close(fd);
	begin(p);
	return differences;
}

int check_instructions(void)
{
	static struct program program;
	struct program *p = &program;
	unsigned long compared = 0;
	unsigned tried = 0;
	uint32_t kernel = 0;
	int differences = 0;
	kernel_parse_version("running", &kernel);
	begin(p);
	for (unsigned op = 0; op < BPF_OP_COUNT; op++) {
		bool takes = takes_immediate((enum bpf_op)op), was_tried = false;
		if (!insn_is_available((enum bpf_op)op, 4, kernel))
			continue;
		for (unsigned e = 0; e < (takes ? EDGES : 1); e++) {
			int32_t imm = (int32_t)edges[e];
			if (edges[e] != (uint64_t)(int64_t)imm ||
			    (takes && !is_valid_immediate((enum bpf_op)op, imm)))
				continue;
			was_tried |= add_case(p, (enum bpf_op)op, imm);
			if (p->result_count == MAX_RESULTS)
				differences += run_program(p, &compared);
		}
		tried += was_tried;
	}
	if (p->result_count)
		differences += run_program(p, &compared);
	printf("%u instructions, %lu results compared, %d differ\n", tried, compared, differences);
	return differences;
}
