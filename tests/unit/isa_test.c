/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction table round trips: operation to record to bytes and back, and to text. */
#include <criterion/criterion.h>
#include <string.h>

#include "bpf-backend/isa/insn.h"

static struct bpf_record sample(enum bpf_op op)
{
	const struct insn_info *info = &insn_table[op];
	return insn_make(op, 3, info->src == INSN_ANY_SRC ? 7 : 0, info->off == INSN_ANY ? -5 : 0,
			 info->imm == INSN_ANY ? -70000 : 0);
}

Test(isa, every_row_survives_encoding_and_decoding)
{
	for (unsigned op = 0; op < BPF_OP_COUNT; op++) {
		struct bpf_record r = sample(op);
		cr_assert_eq(insn_find(&r), op, "%s", insn_table[op].name);
		for (int big = 0; big < 2; big++) {
			uint8_t bytes[8];
			insn_encode(&r, big, bytes);
			struct bpf_record back = insn_decode(bytes, big);
			cr_assert_eq(memcmp(&r, &back, sizeof r), 0, "%s", insn_table[op].name);
			if (!big)
				cr_assert_eq(memcmp(&r, bytes, sizeof r), 0);
		}
	}
}

Test(isa, no_two_rows_print_the_same)
{
	struct buf texts[BPF_OP_COUNT];
	for (unsigned op = 0; op < BPF_OP_COUNT; op++) {
		struct bpf_record r[2] = {sample(op)};
		buf_init(&texts[op]);
		insn_print(&texts[op], r, 2, NULL);
		cr_assert(texts[op].len && !strstr(texts[op].data, "bad") &&
				  !strstr(texts[op].data, "null"),
			  "%s: %s", insn_table[op].name, texts[op].data);
		for (unsigned other = 0; other < op; other++)
			cr_assert_neq(strcmp(texts[op].data, texts[other].data), 0, "%s and %s: %s",
				      insn_table[op].name, insn_table[other].name, texts[op].data);
	}
	for (unsigned op = 0; op < BPF_OP_COUNT; op++)
		buf_fini(&texts[op]);
}

static void expect(struct bpf_record r, const char *text)
{
	struct buf out;
	buf_init(&out);
	insn_print(&out, &r, 1, NULL);
	cr_assert_str_eq(out.data, text);
	buf_fini(&out);
}

Test(isa, notation_is_the_kernels)
{
	expect(insn_make(BPF_OP_LOAD32, 1, 1, 4, 0), "r1 = *(u32 *)(r1 + 4)");
	expect(insn_make(BPF_OP_STORE64_REG, 10, 2, -8, 0), "*(u64 *)(r10 - 8) = r2");
	expect(insn_make(BPF_OP_STORE8_IMM, 10, 0, -1, 7), "*(u8 *)(r10 - 1) = 7");
	expect(insn_make(BPF_OP_JGT64_REG, 1, 2, 3, 0), "if r1 > r2 goto +3");
	expect(insn_make(BPF_OP_JSLE32_IMM, 1, 0, -2, -1), "if w1 s<= -1 goto -2");
	expect(insn_make(BPF_OP_MOV32_IMM, 0, 0, 0, 2), "w0 = 2");
	expect(insn_make(BPF_OP_MOVSX8_64, 0, 3, 0, 0), "r0 = (s8)r3");
	expect(insn_make(BPF_OP_NEG32, 4, 0, 0, 0), "w4 = -w4");
	expect(insn_make(BPF_OP_BE16, 4, 0, 0, 0), "r4 = be16 r4");
	expect(insn_make(BPF_OP_SDIV64_IMM, 4, 0, 0, 3), "r4 s/= 3");
	expect(insn_make(BPF_OP_ATOMIC_ADD64, 0, 1, 0, 0), "lock *(u64 *)(r0 + 0) += r1");
	expect(insn_make(BPF_OP_FETCH_ADD32, 0, 1, 8, 0),
	       "r1 = atomic_fetch_add((u32 *)(r0 + 8), r1)");
	expect(insn_make(BPF_OP_CMPXCHG64, 2, 1, 0, 0),
	       "r0 = atomic64_cmpxchg((u64 *)(r2 + 0), r0, r1)");
	expect(insn_make(BPF_OP_GOTO, 0, 0, -3, 0), "goto -3");
	expect(insn_make(BPF_OP_GOTOL, 0, 0, 0, 70000), "gotol +70000");
	expect(insn_make(BPF_OP_MAY_GOTO, 0, 0, 4, 0), "may_goto +4");
	expect(insn_make(BPF_OP_EXIT, 0, 0, 0, 0), "exit");
	expect(insn_make(BPF_OP_CALL_LOCAL, 0, 0, 0, 5), "call pc+5");
}

Test(isa, forms_and_conditions_pair_up)
{
	for (unsigned op = 0; op < BPF_OP_COUNT; op++) {
		enum bpf_op other = insn_imm_form(op);
		if (other != BPF_OP_COUNT)
			cr_assert_eq(insn_reg_form(other), op, "%s", insn_table[op].name);
		other = insn_other_width(op);
		if (other != BPF_OP_COUNT)
			cr_assert_eq(insn_other_width(other), op, "%s", insn_table[op].name);
		other = insn_negate(op);
		if (other != BPF_OP_COUNT)
			cr_assert_eq(insn_negate(other), op, "%s", insn_table[op].name);
		other = insn_swap(op);
		if (other != BPF_OP_COUNT)
			cr_assert_eq(insn_swap(other), op, "%s", insn_table[op].name);
	}
	cr_assert_eq(insn_negate(BPF_OP_JGT64_REG), BPF_OP_JLE64_REG);
	cr_assert_eq(insn_negate(BPF_OP_JSET64_REG), BPF_OP_COUNT);
	cr_assert_eq(insn_swap(BPF_OP_JSGT32_REG), BPF_OP_JSLT32_REG);
	cr_assert_eq(insn_imm_form(BPF_OP_SMOD64_REG), BPF_OP_SMOD64_IMM);
	cr_assert_eq(insn_imm_form(BPF_OP_STORE16_REG), BPF_OP_STORE16_IMM);
	cr_assert_eq(insn_other_width(BPF_OP_BE32), BPF_OP_COUNT);
}

Test(isa, register_sets_follow_the_form)
{
	struct bpf_record r = insn_make(BPF_OP_STORE64_REG, 10, 2, -8, 0);
	cr_assert_eq(insn_reads(&r), 1u << 10 | 1u << 2);
	cr_assert_eq(insn_writes(&r), 0);
	r = insn_make(BPF_OP_MOV64_REG, 6, 1, 0, 0);
	cr_assert_eq(insn_reads(&r), 1u << 1);
	cr_assert_eq(insn_writes(&r), 1u << 6);
	r = insn_make(BPF_OP_CALL_HELPER, 0, 0, 0, 1);
	cr_assert_eq(insn_reads(&r), 0x3e);
	cr_assert_eq(insn_writes(&r), 0x3f);
	r = insn_make(BPF_OP_CMPXCHG64, 2, 3, 0, 0);
	cr_assert_eq(insn_reads(&r), 0xd);
	cr_assert_eq(insn_writes(&r), 1);
	cr_assert(insn_is_32bit(BPF_OP_JEQ32_IMM) && !insn_is_32bit(BPF_OP_BE16) &&
		  insn_is_32bit(BPF_OP_NEG32) && !insn_is_32bit(BPF_OP_GOTOL));
	cr_assert_eq(insn_width(BPF_OP_FETCH_OR32), 4);
	cr_assert_eq(insn_width(BPF_OP_LD_IMM64), 0);
}

Test(isa, what_is_no_instruction_is_found_to_be_none)
{
	struct bpf_record r = insn_make(BPF_OP_ADD64_REG, 1, 2, 0, 0);
	r.imm = 1;
	cr_assert_eq(insn_find(&r), BPF_OP_COUNT);
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		r = (struct bpf_record){.opcode = (uint8_t)opcode, .off = 99, .imm = 77};
		struct buf out;
		buf_init(&out);
		insn_print(&out, &r, 1, NULL);
		cr_assert(out.len);
		buf_fini(&out);
	}
}
