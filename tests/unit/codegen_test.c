/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code generation on the real kernel: IR text is generated, loaded with bpf(2) and run with
 * BPF_PROG_TEST_RUN; what the program leaves in .bss is compared with ir_fold() or with numbers worked
 * out here. Without the right to load programs only the generation is tested.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf-backend/codegen/bpf_gen.h"
#include "bpf-backend/kernel/kernel.h"
#include "frontend/ir/ir.h"

#undef BPF_OP
enum { LOG_SIZE = 1 << 22 };

struct unit { // one module, generated and perhaps loaded
	struct compile compile;
	struct ir_module module;
	struct bpf_object object;
	struct buf text;
	int section_fd[IR_SECTION_COUNT];
	int *map_fd;
	int prog_fd;
	char *log;
};

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int make_map(uint32_t type, uint32_t key, uint32_t value, uint32_t entries, uint32_t flags)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = key,
			       .value_size = value,
			       .max_entries = entries,
			       .map_flags = flags};
	return (int)bpf(BPF_MAP_CREATE, &attr);
}

static int set_entry(int fd, const void *key, const void *value)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)value};
	return (int)bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static int get_entry(int fd, const void *key, void *value)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)value};
	return (int)bpf(BPF_MAP_LOOKUP_ELEM, &attr);
}

static void fail_with_diags(struct unit *u)
{
	for (uint32_t i = 0; i < u->compile.diags.list.len; i++) {
		const struct diag *d = u->compile.diags.list.data[i];
		struct source_pos pos = source_locate(&u->compile.sources, d->where.begin);
		fprintf(stderr, "%u:%u: %s\n", pos.line, pos.column, d->text);
	}
	cr_assert(false, "the module is refused");
}

/* Parses and generates. */
static void generate(struct unit *u, const char *ir, uint32_t kernel, int isa)
{
	struct bpf_gen_options options = {.kernel = kernel, .isa = isa};
	*u = (struct unit){.prog_fd = -1};
	compile_init(&u->compile);
	ir_module_init(&u->module, &u->compile, &u->compile.module);
	struct source_file *file =
		source_add(&u->compile.sources, "test.ir", ir, (uint32_t)strlen(ir));
	if (!ir_parse_module(&u->module, file) || !bpf_generate(&u->module, &options, &u->object))
		fail_with_diags(u);
}

static void finish(struct unit *u)
{
	for (int i = 0; i < IR_SECTION_COUNT; i++)
		if (u->section_fd[i] > 0)
			close(u->section_fd[i]);
	for (uint32_t i = 0; u->map_fd && i < u->module.maps.len; i++)
		close(u->map_fd[i]);
	if (u->prog_fd >= 0)
		close(u->prog_fd);
	free(u->map_fd);
	free(u->log);
	compile_fini(&u->compile);
}

static void make_maps(struct unit *u)
{
	u->map_fd = calloc(u->module.maps.len + 1, sizeof *u->map_fd);
	for (uint32_t i = 0; i < u->module.maps.len; i++) {
		const struct ir_map *m = &u->module.maps.data[i];
		u->map_fd[i] =
			make_map(m->type, m->key_size, m->value_size, m->max_entries, m->flags);
	}
	for (int i = 0; i < IR_SECTION_COUNT; i++) {
		const struct bpf_object_section *s = &u->object.sections[i];
		uint32_t zero = 0;
		if (!s->size)
			continue;
		u->section_fd[i] = make_map(BPF_MAP_TYPE_ARRAY, 4, s->size, 1, 0);
		if (s->data)
			set_entry(u->section_fd[i], &zero, s->data);
	}
}

/* All functions one behind the other, references filled in. */
static struct bpf_record *link_code(struct unit *u, uint32_t *count)
{
	uint32_t at = 0, *start = calloc(u->object.funcs.len + 1, sizeof *start);
	for (uint32_t f = 0; f < u->object.funcs.len; f++) {
		start[f] = at;
		at += u->object.funcs.data[f]->code.len;
	}
	struct bpf_record *code = calloc(at + 1, sizeof *code);
	for (uint32_t f = 0; f < u->object.funcs.len; f++) {
		const struct bpf_func *func = u->object.funcs.data[f];
		memcpy(code + start[f], func->code.data, func->code.len * sizeof *code);
		for (uint32_t i = 0; i < func->relos.len; i++) {
			const struct bpf_relo *r = &func->relos.data[i];
			struct bpf_record *record = &code[start[f] + r->insn];
			if (r->kind == BPF_RELO_MAP) {
				record->src = BPF_PSEUDO_MAP_FD;
				record->imm = u->map_fd[r->index];
			} else if (r->kind == BPF_RELO_SECTION) {
				record->src = BPF_PSEUDO_MAP_VALUE;
				record->imm = u->section_fd[r->index];
				record[1].imm = (int32_t)r->addend;
			} else {
				record->imm = (int32_t)(start[r->index] - (start[f] + r->insn) - 1);
			}
		}
	}
	free(start);
	*count = at;
	return code;
}

/* Loads the first function as an XDP program. False when this process may not. */
static bool load(struct unit *u)
{
	uint32_t count;
	make_maps(u);
	struct bpf_record *code = link_code(u, &count);
	u->log = calloc(1, LOG_SIZE);
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
			       .insns = (uintptr_t)code,
			       .insn_cnt = count,
			       .license = (uintptr_t) "GPL"};
	u->prog_fd = (int)bpf(BPF_PROG_LOAD, &attr);
	if (u->prog_fd < 0 && errno != EPERM) {
		attr.log_buf = (uintptr_t)u->log;
		attr.log_size = LOG_SIZE;
		attr.log_level = 1;
		u->prog_fd = (int)bpf(BPF_PROG_LOAD, &attr);
		if (u->prog_fd < 0) {
			size_t len = strlen(u->log);
			struct buf out;
			buf_init(&out);
			bpf_print_object(&u->compile, &u->object, &out);
			fprintf(stderr, "%s\n%s\n", out.len < 20000 ? out.data : "",
				len > 6000 ? u->log + len - 6000 : u->log);
			buf_fini(&out);
			cr_assert(false, "the verifier refuses the program");
		}
	}
	free(code);
	return u->prog_fd >= 0;
}

static uint32_t run(struct unit *u)
{
	uint8_t packet[128], out[256];
	for (unsigned i = 0; i < sizeof packet; i++)
		packet[i] = (uint8_t)(i * 7 + 1);
	union bpf_attr attr = {.test = {.prog_fd = (uint32_t)u->prog_fd,
					.data_in = (uintptr_t)packet,
					.data_size_in = sizeof packet,
					.data_out = (uintptr_t)out,
					.data_size_out = sizeof out,
					.repeat = 1}};
	cr_assert(bpf(BPF_PROG_TEST_RUN, &attr) == 0, "test run: %s", strerror(errno));
	return attr.test.retval;
}

static void read_section(struct unit *u, enum ir_section section, void *out)
{
	uint32_t zero = 0;
	cr_assert(get_entry(u->section_fd[section], &zero, out) == 0);
}

/* Result of a program that needs no more than its text. */
static void expect_result(const char *ir, uint32_t expected)
{
	static const int sets[] = {3, 4};
	for (int i = 0; i < 2; i++) {
		struct unit u;
		generate(&u, ir, KERNEL_AT(6, 18), sets[i]);
		if (load(&u)) {
			uint32_t got = run(&u);
			cr_expect(got == expected, "isa v%d gives %u, not %u", sets[i], got,
				  expected);
		}
		finish(&u);
	}
}

/* ---- every integer operation, edge values, both operand kinds, both instruction sets ---- */

static const uint64_t edges[] = {
	0,
	1,
	2,
	3,
	7,
	31,
	32,
	33,
	63,
	64,
	0x7f,
	0x80,
	0xff,
	0x7fff,
	0x8000,
	0xffff,
	0x12345678,
	0x7fffffff,
	0x80000000,
	0x80000001,
	0xffffffff,
	0x100000000,
	0x123456789abcdef0,
	0x7fffffffffffffff,
	0x8000000000000000,
	0x8000000000000001,
	0xfffffffffffffff6,
	0xffffffffffffffff,
};
enum { EDGES = sizeof edges / sizeof *edges, PAIRS = EDGES * EDGES };

struct operation {
	enum ir_op op;
	enum ir_type type, operand;
	bool is_unary;
};

static const char *type_word(enum ir_type type)
{
	return type == IR_I32 ? "i32" : type == IR_I64 ? "i64" : "ptr";
}

static bool is_compare(enum ir_op op)
{
	return op >= IR_EQ && op <= IR_SLE;
}

enum shape { SHAPE_REG, SHAPE_CONST_B, SHAPE_CONST_A };

/* Program that applies one operation to all pairs (or pairs first, first + step, …). */
static void write_program(struct buf *out, const struct operation *o, enum shape shape,
			  bool swap_use)
{
	const struct ir_op_info *info = &ir_ops[o->op];
	unsigned in = o->operand == IR_I32 ? 4 : 8, result = o->type == IR_I32 ? 4 : 8, v = 2;
	buf_printf(
		out,
		"global $in section data size %u align 8\nglobal $res section bss size %u align 8\n"
		"fn @p(ptr) -> i32 bpf program \"xdp\" exported {\nb0:\n  %%1 = global $in\n  %%2 "
		"= global $res\n",
		EDGES * 8, PAIRS * 8);
	for (unsigned i = 0; i < PAIRS; i++) {
		unsigned a = i / EDGES, b = i % EDGES;
		char x[40], y[40];
		if (o->is_unary && b)
			continue;
		snprintf(x, sizeof x, "%lld:%s", (long long)edges[a], type_word(o->operand));
		snprintf(y, sizeof y, "%lld:%s", (long long)edges[b], type_word(o->operand));
		if (o->operand == IR_I32) {
			snprintf(x, sizeof x, "%d", (int32_t)edges[a]);
			snprintf(y, sizeof y, "%d", (int32_t)edges[b]);
		}
		if (shape != SHAPE_CONST_A) {
			buf_printf(out, "  %%%u = load.%s %%1 +%u w%u\n", ++v,
				   type_word(o->operand), a * 8, in);
			snprintf(x, sizeof x, "%%%u", v);
		}
		if (!o->is_unary && shape != SHAPE_CONST_B) {
			buf_printf(out, "  %%%u = load.%s %%1 +%u w%u\n", ++v,
				   type_word(o->operand), b * 8, in);
			snprintf(y, sizeof y, "%%%u", v);
		}
		buf_printf(out, "  %%%u = %s", ++v, info->name);
		if (info->result == IR_RESULT_INT)
			buf_printf(out, ".%s", type_word(o->type));
		buf_printf(out, " %s%s%s\n", x, o->is_unary ? "" : ", ", o->is_unary ? "" : y);
		unsigned stored = v;
		if (is_compare(o->op) && swap_use) {
			buf_printf(out, "  %%%u = select.i32 %%%u, 77, 33\n", v + 1, v);
			stored = ++v;
		}
		if (o->type == IR_I32 && !swap_use) { // as 64 bits: the upper half must be right
			buf_printf(out, "  %%%u = zext32 %%%u\n", v + 1, stored);
			stored = ++v;
			result = 8;
		}
		buf_printf(out, "  store %%2, %%%u +%u w%u\n", stored, i * 8, result);
	}
	buf_add_text(out, "  return 2\n}\n");
}

static void check_operation(const struct operation *o, enum shape shape, bool swap_use, int isa)
{
	struct unit u;
	struct buf text;
	static uint64_t results[PAIRS];
	uint32_t zero = 0;
	buf_init(&text);
	write_program(&text, o, shape, swap_use);
	generate(&u, text.data, isa == 3 ? KERNEL_AT(5, 10) : KERNEL_AT(6, 18), isa);
	buf_fini(&text);
	if (!load(&u)) {
		finish(&u);
		return;
	}
	set_entry(u.section_fd[IR_SECTION_DATA], &zero, edges);
	run(&u);
	read_section(&u, IR_SECTION_BSS, results);
	for (unsigned i = 0; i < PAIRS; i++) {
		uint64_t a = edges[i / EDGES], b = edges[i % EDGES];
		if (o->is_unary && i % EDGES)
			continue;
		if (o->operand == IR_I32) {
			a = (uint32_t)a;
			b = (uint32_t)b;
		}
		uint64_t expected = ir_fold(o->op, o->type, o->operand, a, b);
		if (is_compare(o->op) && swap_use)
			expected = expected ? 77 : 33;
		cr_assert(results[i] == expected,
			  "%s.%s v%d shape %d: %llx, %llx gives %llx, not %llx", ir_ops[o->op].name,
			  type_word(o->operand), isa, shape, (unsigned long long)a,
			  (unsigned long long)b, (unsigned long long)results[i],
			  (unsigned long long)expected);
	}
	finish(&u);
}

/* Operands of one shape, one instruction set. The kernel takes its time to load a program, so there is a
 * test for each: they wait side by side. */
static void check_operations(enum shape shape, int isa)
{
	for (enum ir_op op = IR_ADD; op <= IR_SLE; op++) {
		bool is_unary = ir_ops[op].b == IR_OPERAND_NONE;
		if (!(ir_ops[op].flags & IR_FLAG_CAN_FOLD) || (is_unary && shape != SHAPE_REG))
			continue;
		for (enum ir_type operand = IR_I32; operand <= IR_I64; operand++) {
			struct operation o = {op, operand, operand, is_unary};
			if (is_compare(op))
				o.type = IR_I32;
			if (op == IR_ZEXT32 || op == IR_SEXT32)
				o.operand = IR_I32, o.type = IR_I64;
			if (op == IR_TRUNC)
				o.operand = IR_I64, o.type = IR_I32;
			if (op == IR_BE64 && operand == IR_I32)
				continue;
			check_operation(&o, shape, false, isa);
			if (is_compare(op))
				check_operation(&o, shape, true, isa);
		}
	}
}

#define OPERATIONS_TEST(shape, isa)                                                                \
	Test(codegen, shape##_v##isa##_operations_compute_what_folding_does)                       \
	{                                                                                          \
		check_operations(shape, isa);                                                      \
	}

OPERATIONS_TEST(SHAPE_REG, 3)
OPERATIONS_TEST(SHAPE_REG, 4)
OPERATIONS_TEST(SHAPE_CONST_B, 3)
OPERATIONS_TEST(SHAPE_CONST_B, 4)
OPERATIONS_TEST(SHAPE_CONST_A, 3)
OPERATIONS_TEST(SHAPE_CONST_A, 4)

/* ---- control flow, registers, memory ---- */

#define PROGRAM "fn @p(ptr) -> i32 bpf program \"xdp\" exported {\n"

Test(codegen, phis_that_swap_and_rotate)
{
	expect_result(PROGRAM "b0:\n  jump b1\n"
			      "b1:\n"
			      "  %1 = phi.i32 [b0 1], [b1 %2]\n"
			      "  %2 = phi.i32 [b0 20], [b1 %3]\n"
			      "  %3 = phi.i32 [b0 300], [b1 %1]\n"
			      "  %4 = phi.i32 [b0 0], [b1 %5]\n"
			      "  %5 = add.i32 %4, 1\n"
			      "  %6 = ult %5, 6\n"
			      "  branch %6, b1, b2\n"
			      "b2:\n"
			      "  %7 = mul.i32 %1, 4\n"
			      "  %8 = mul.i32 %2, 2\n"
			      "  %9 = add.i32 %7, %8\n"
			      "  %10 = add.i32 %9, %3\n"
			      "  return %10\n}\n",
		      300 * 4 + 1 * 2 + 20);
}

Test(codegen, values_live_across_calls_and_a_loop)
{
	expect_result("extern !bpf_ktime_get_ns helper i64 effects 8\n" PROGRAM "b0:\n  jump b1\n"
		      "b1:\n"
		      "  %1 = phi.i32 [b0 1], [b1 %2]\n"
		      "  %3 = phi.i32 [b0 1], [b1 %4]\n"
		      "  %5 = phi.i32 [b0 7], [b1 %6]\n"
		      "  %7 = phi.i32 [b0 9], [b1 %8]\n"
		      "  %9 = phi.i32 [b0 11], [b1 %10]\n"
		      "  %11 = phi.i32 [b0 0], [b1 %12]\n"
		      "  %13 = call_extern.i64 !bpf_ktime_get_ns()\n"
		      "  %2 = add.i32 %1, %3\n"
		      "  %4 = add.i32 %3, %5\n"
		      "  %6 = xor.i32 %5, %7\n"
		      "  %8 = add.i32 %7, %9\n"
		      "  %10 = mul.i32 %9, %1\n"
		      "  %12 = add.i32 %11, 1\n"
		      "  %14 = ult %12, 5\n"
		      "  branch %14, b1, b2\n"
		      "b2:\n"
		      "  %15 = add.i32 %2, %10\n"
		      "  %16 = xor.i32 %15, %8\n"
		      "  %17 = add.i32 %16, %4\n"
		      "  return %17\n}\n",
		      558201);
}

Test(codegen, switch_of_many_cases)
{
	struct buf text;
	static const int probes[] = {0, 1, 5, 6, 55, 90, 91, 99, -7};
	for (unsigned p = 0; p < sizeof probes / sizeof *probes; p++) {
		uint32_t expected = 4242;
		buf_init(&text);
		// The operand is loaded, so that nothing folds.
		buf_printf(&text,
			   "global $v section data size 4 align 4 init "
			   "\"\\x%02x\\x%02x\\x%02x\\x%02x\"\n",
			   (unsigned)probes[p] & 255, (unsigned)probes[p] >> 8 & 255,
			   (unsigned)probes[p] >> 16 & 255, (unsigned)probes[p] >> 24);
		buf_add_text(&text,
			     PROGRAM "b0:\n  %1 = global $v\n  %2 = load.i32 %1 w4\n  switch %2");
		for (int i = 0; i < 19; i++) {
			buf_printf(&text, ", %d: b%d", i * 5, i % 3 + 1);
			if (probes[p] == i * 5)
				expected = i % 3 == 0 ? 10 : i % 3 == 1 ? 20 : (uint32_t)probes[p];
		}
		buf_add_text(&text,
			     ", -7: b1, default: b4\n"
			     "b1:\n  jump b5\nb2:\n  jump b5\nb3:\n  jump b5\nb4:\n  jump b5\n"
			     "b5:\n  %3 = phi.i32 [b1 10], [b2 20], [b3 %2], [b4 4242]\n  return "
			     "%3\n}\n");
		if (probes[p] == -7)
			expected = 10;
		expect_result(text.data, expected);
		buf_fini(&text);
	}
}

Test(codegen, objects_of_odd_sizes_are_copied_and_cleared)
{
	expect_result(
		PROGRAM
		"  slot #0 a size 13 align 1\n  slot #1 b size 13 align 1\n  slot #2 c size 24 "
		"align 4\n"
		"b0:\n  %1 = slot #0\n  %2 = slot #1\n  %3 = slot #2\n"
		"  memzero %1 size 13\n  memzero %3 size 24 align 4\n"
		"  store %1, 5 +12 w1\n  store %1, 258 +3 w1\n"
		"  memcpy %2, %1 size 13\n"
		"  %4 = load.i32 %2 +12 w1\n  %5 = load.i32 %2 +3 w1\n  %6 = load.i32 %3 +20 w4\n"
		"  %7 = mul.i32 %4, 100\n  %8 = add.i32 %7, %5\n  %9 = add.i32 %8, %6\n"
		"  return %9\n}\n",
		502);
}

Test(codegen, map_operations)
{
	expect_result("map &hits type 1 key 4 scalar value 8 scalar entries 16\n" PROGRAM "b0:\n"
		      "  %1 = map_update 5, 40:i64 &hits any\n"
		      "  %2 = map_lookup 5 &hits\n"
		      "  %3 = eq %2, null\n"
		      "  branch %3, b1, b2\n"
		      "b1:\n  return 1000\n"
		      "b2:\n"
		      "  %4 = atomic.i64 %2, 2:i64 add\n"
		      "  %5 = atomic.i64 %2, 4:i64 add\n"
		      "  %6 = load.i64 %2 w8\n"
		      "  %7 = add.i64 %5, %6\n"
		      "  %8 = map_delete 5 &hits\n"
		      "  %9 = map_lookup 5 &hits\n"
		      "  %10 = ne %9, null\n"
		      "  %11 = trunc %7\n"
		      "  %12 = add.i32 %10, %11\n"
		      "  %13 = add.i32 %8, %12\n"
		      "  return %13\n}\n",
		      42 + 46);
}

Test(codegen, subprograms_take_five_arguments)
{
	expect_result("fn @sum(i32, i64, i32, i32, i64) -> i64 bpf {\n"
		      "b0:\n"
		      "  %1 = param.i32 0\n  %2 = param.i64 1\n  %3 = param.i32 2\n  %4 = "
		      "param.i32 3\n  %5 = param.i64 4\n"
		      "  %6 = sext32 %1\n  %7 = zext32 %3\n  %8 = zext32 %4\n"
		      "  %9 = sub.i64 %2, %6\n  %10 = mul.i64 %9, %7\n  %11 = add.i64 %10, %8\n  "
		      "%12 = mul.i64 %11, %5\n"
		      "  return %12\n}\n" PROGRAM "b0:\n"
		      "  %1 = call.i64 @sum(-3, 4:i64, 5, 6, 7:i64)\n"
		      "  %2 = call.i64 @sum(2, %1, 3, 1, 1:i64)\n"
		      "  %3 = add.i64 %1, %2\n  %4 = trunc %3\n  return %4\n}\n",
		      287 + (287 - 2) * 3 + 1);
}

Test(codegen, loops_with_the_kernels_guard)
{
	struct unit u;
	generate(&u,
		 PROGRAM "b0:\n  jump b1\n"
			 "b1:\n  %1 = phi.i32 [b0 0], [b2 %2]\n  loop_guard b2, b3\n"
			 "b2:\n  %2 = add.i32 %1, 1\n  %3 = eq %2, 1000\n  branch %3, b3, b1\n"
			 "b3:\n  return 3\n}\n",
		 KERNEL_AT(6, 18), 0);
	if (load(&u))
		cr_expect(run(&u) == 3);
	finish(&u);
}

Test(codegen, packet_bytes_behind_a_check)
{
	expect_result(PROGRAM
		      "b0:\n  %1 = param.ptr 0\n"
		      "  %2 = ctx_load.ptr %1 w4 packet\n"
		      "  %3 = ctx_load.ptr %1 +4 w4 packet_end\n"
		      "  %4 = ptradd %2, 34:i64\n"
		      "  %5 = ult %3, %4\n"
		      "  branch %5, b1, b2\n"
		      "b1:\n  return 0\n"
		      "b2:\n  %6 = load.i32 %2 +12 w2\n  %7 = be16.i32 %6\n"
		      "  %8 = load.i32 %2 +14 w1\n  %9 = and.i32 %8, 3\n  %10 = ne %9, 0\n  branch "
		      "%10, b3, b1\n"
		      "b3:\n  %11 = zext32 %9\n  %12 = ptradd %2, %11\n  %13 = ptradd %12, 4:i64\n"
		      "  %14 = ult %3, %13\n  branch %14, b1, b4\n"
		      "b4:\n  %15 = load.i32 %12 +3 w1\n  %16 = add.i32 %7, %15\n  return %16\n}\n",
		      ((12 * 7 + 1) << 8 | (13 * 7 + 1)) + (6 * 7 + 1));
}

Test(codegen, many_live_values)
{
	for (int calls = 0; calls < 2; calls++) {
		struct buf text;
		uint64_t sum = 0;
		unsigned v = 2, value[48];
		buf_init(&text);
		buf_add_text(&text,
			     "global $in section data size 384 align 8\n"
			     "extern !bpf_get_smp_processor_id helper i32 effects 8\n" PROGRAM
			     "b0:\n  %1 = global $in\n  %2 = global $in\n");
		for (unsigned i = 0; i < 48; i++) {
			buf_printf(&text, "  %%%u = load.i64 %%1 +%u w8\n", v + 1, i * 8);
			buf_printf(&text, "  %%%u = add.i64 %%%u, %u:i64\n", v + 2, v + 1,
				   i * i + 3);
			v += 2;
			value[i] = v;
			if (calls && i % 9 == 4)
				buf_printf(&text,
					   "  %%%u = call_extern.i32 !bpf_get_smp_processor_id()\n",
					   ++v);
		}
		unsigned last = value[0];
		sum = 3;
		for (unsigned i = 1; i < 48; i++) {
			unsigned k = i * 29 % 48;
			buf_printf(&text, "  %%%u = mul.i64 %%%u, 31:i64\n", v + 1, last);
			buf_printf(&text, "  %%%u = xor.i64 %%%u, %%%u\n", v + 2, v + 1, value[k]);
			last = v += 2;
			sum = (sum * 31) ^ (k * k + 3);
		}
		buf_printf(&text, "  %%%u = trunc %%%u\n  return %%%u\n}\n", v + 1, last, v + 1);
		expect_result(text.data, (uint32_t)sum);
		buf_fini(&text);
	}
}

Test(codegen, jumps_too_far_for_16_bits)
{
	struct buf text;
	struct unit u;
	buf_init(&text);
	buf_add_text(&text, "global $x section bss size 16 align 8\n" PROGRAM
			    "b0:\n  %1 = global $x\n  %2 = load.i64 %1 +8 w8\n"
			    "  %3 = eq %2, 1:i64\n  branch %3, b1, b2\nb1:\n");
	for (int i = 0; i < 33000; i++)
		buf_printf(&text, "  store %%1, %d:i64 w8\n", i);
	buf_add_text(&text, "  jump b3\nb2:\n  store %1, 6:i64 w8\n  jump b3\n"
			    "b3:\n  %4 = load.i32 %1 w4\n  return %4\n}\n");
	generate(&u, text.data, KERNEL_AT(6, 18), 4);
	if (load(&u))
		cr_expect(run(&u) == 6);
	finish(&u);

	generate(&u, text.data, KERNEL_AT(5, 10), 3);
	if (load(&u))
		cr_expect(run(&u) == 6);
	finish(&u);
	buf_fini(&text);
}
