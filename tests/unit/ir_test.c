/* SPDX-License-Identifier: Apache-2.0 */
/* The IR: text form out and in, the checker, folding, dominators and loops. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "frontend/ir/ir.h"

static const char *const everything =
	"dtype 1 = int \"unsigned int\" size 4\n"
	"dtype 2 = struct \"pair\" size 8 {\n"
	"  a dtype 1\n"
	"  b dtype 1 at 32\n"
	"}\n"
	"dtype 3 = enum \"e\" size 4 {\n"
	"  NEG value 18446744073709551615\n"
	"}\n"
	"core 0 = field_offset dtype 2 local 4 object path x a.b 3\n"
	"core 1 = enum_value dtype 3 local 18446744073709551615 path NEG\n"
	"global $x section data offset 0 size 4 align 4 dtype 1 init \"\\x01\\x00\\x00\\x00\"\n"
	"global $1 section rodata offset 0 size 3 align 1 init \"a\\x22\\x00\"\n"
	"map &m type 1 key 4 scalar signed value 8 entries 16 key_dtype 1 value_dtype 2 pinned\n"
	"map &n type 2 key 4 scalar value 8 scalar entries 1 percpu array\n"
	"extern !bpf_ktime_get_ns helper i64 effects 8\n"
	"extern !bpf_get_current_task_btf helper ptr effects 8 object\n"
	"options size 4\n"
	"option verbose dtype 1 size 4\n"
	"fn @prog(ptr) -> i32 bpf program \"xdp\" exported {\n"
	"  slot #0 key size 8 align 8 dtype 2\n"
	"b0:\n"
	"  %1 = param.ptr 0\n"
	"  %2 = ctx_load.ptr %1 w4 packet\n"
	"  %3 = ctx_load.i32 %1 +12 w4\n"
	"  %4 = load.i32 %2 -3 w1 signed packet checked\n"
	"  %5 = slot #0\n"
	"  memzero %5 size 8 align 8\n"
	"  store %5, %4 +4 w4 slot\n"
	"  %6 = map_lookup %3 &m\n"
	"  %7 = map_update %3, %5 &m noexist\n"
	"  %8 = atomic.i64 %6, 1:i64 +8 add\n"
	"  %9 = call_extern.i64 !bpf_ktime_get_ns()\n"
	"  %10 = trunc %9\n"
	"  %11 = call.i32 @twice(%10, -1)\n"
	"  %12 = eq %6, null\n"
	"  branch %12, b1, b2 unlikely\n"
	"b1:\n"
	"  switch %11, 1: b3, -7: b4, default: b3\n"
	"b2:\n"
	"  jump b3\n"
	"b3:\n"
	"  %13 = phi.i32 [b1 1], [b2 %11]\n"
	"  %14 = select.i32 %12, %13, 7\n"
	"  return %14\n"
	"b4: bound 8\n"
	"  %15 = phi.i32 [b1 0], [b5 %16]\n"
	"  loop_guard b5, b6\n"
	"b5:\n"
	"  %16 = add.i32 %15, 1\n"
	"  jump b4\n"
	"b6:\n"
	"  unreachable\n"
	"}\n"
	"main\n"
	"fn @twice(i32, i32) -> i32 bpf {\n"
	"b0:\n"
	"  %1 = param.i32 0\n"
	"  %2 = func @twice\n"
	"  %3 = call_ptr.i32 %2(%1, 3)\n"
	"  call @twice(1, 2)\n"
	"  return %3\n"
	"}\n"
	"fn @kernel(ptr) -> i64 bpf {\n"
	"b0:\n"
	"  %1 = param.ptr 0\n"
	"  %2 = ctx_load.ptr %1 +8 w8 kernel\n"
	"  %3 = core_ptr %2 ~0\n"
	"  %4 = load.i64 %3 w8 kernel\n"
	"  %5 = load.i64 %3 +8 w8 probe\n"
	"  %6 = core ~1\n"
	"  %7 = add.i64 %4, %5\n"
	"  %8 = add.i64 %7, %6\n"
	"  return %8\n"
	"}\n"
	"fn @twice(i32) -> void host {\n"
	"b0:\n"
	"  %1 = global $x\n"
	"  %2 = global $1\n"
	"  memcpy %1, %2 size 3\n"
	"  call @twice(5)\n"
	"  return\n"
	"}\n";

static struct compile compile;
static struct ir_module module;

static void open_compile(void)
{
	compile_init(&compile);
}

static void close_compile(void)
{
	compile_fini(&compile);
}

static bool parse(const char *text)
{
	ir_module_init(&module, &compile, &compile.module);
	return ir_parse_module(
		&module, source_add(&compile.sources, "test.ir", text, (uint32_t)strlen(text)));
}

static const char *print(void)
{
	struct buf out;

	buf_init(&out);
	ir_print_module(&module, &out);
	const char *text = arena_copy_string(&compile.session, out.data ? out.data : "", out.len);
	buf_fini(&out);
	return text;
}

TestSuite(ir, .init = open_compile, .fini = close_compile);

Test(ir, text_form_survives_reading_and_printing)
{
	bool good = parse(everything);
	for (uint32_t i = 0; i < compile.diags.list.len; i++)
		cr_log_error("%s", compile.diags.list.data[i]->text);
	cr_assert(good);
	cr_assert_str_eq(print(), everything);
}

Test(ir, names_and_order_are_made_canonical)
{
	cr_assert(parse("fn @f(i32) -> i32 host {\n"
			"start:\n  %n = param.i32 0\n  jump loop\n"
			"done:\n  return %i // after the loop in the text\n"
			"loop:\n  %i = phi.i32 [body %next], [start 0]\n"
			"  %c = ult %i, %n\n  branch %c, body, done\n"
			"body:\n  %next = add.i32 %i, 1\n  jump loop\n}\n"));
	const char *first = print();
	cr_assert_str_eq(first, "fn @f(i32) -> i32 host {\n"
				"b0:\n  %1 = param.i32 0\n  jump b2\n"
				"b1:\n  return %2\n"
				"b2:\n  %2 = phi.i32 [b0 0], [b3 %4]\n"
				"  %3 = ult %2, %1\n  branch %3, b3, b1\n"
				"b3:\n  %4 = add.i32 %2, 1\n  jump b2\n}\n");
	cr_assert(parse(first));
	cr_assert_str_eq(print(), first);
}

/* Every cut and every changed byte of a good text is read without harm. */
Test(ir, broken_text_gives_diagnostics)
{
	size_t len = strlen(everything);
	char *text = arena_copy_string(&compile.session, everything, len);

	for (size_t cut = 0; cut < len; cut += 7) {
		char kept = text[cut];
		text[cut] = 0;
		diags_init(&compile.diags, &compile.session);
		bool good = parse(text);
		cr_assert(good || compile.diags.errors);
		text[cut] = "%{}:@\"#x9-\n"[cut % 11];
		diags_init(&compile.diags, &compile.session);
		good = parse(text);
		cr_assert(good || compile.diags.errors);
		text[cut] = kept;
	}
}

/* Bodies of `fn @f(i32, ptr) -> i32` and a part of what the checker says of each. */
static const struct {
	const char *body, *why;
} malformed[] = {
	{"b0:\n  %1 = param.i32 0\n", "the block has no end"},
	{"b0:\n  return 1\n  return 2\n", "in no block"},
	{"b0:\n  return 1:i64\n", "operand a is of type i64"},
	{"b0:\n  return\n", "gives a value"},
	{"b0:\n  %1 = add.i32 1, 2:i64\n  return %1\n", "operand b is of type i64"},
	{"b0:\n  %1 = add.ptr null, null\n  return 0\n", "does not give this type"},
	{"b0:\n  %1 = eq 1, 2:i64\n  return %1\n", "operand b is of type i64"},
	{"b0:\n  %1 = slt null, null\n  return %1\n", "operand a is of type ptr"},
	{"b0:\n  %1 = param.i64 0\n  return 0\n", "no parameter"},
	{"b0:\n  %1 = param.i32 2\n  return 0\n", "no parameter"},
	{"b0:\n  %1 = slot #3\n  return 0\n", "slot does not exist"},
	{"b0:\n  %1 = load.i32 null w8\n  return %1\n", "8 bytes"},
	{"b0:\n  %1 = load.i32 null\n  return %1\n", "0 is no width"},
	{"b0:\n  %1 = add.i32 %2, 1\n  %2 = add.i32 1, 1\n  return %1\n", "need not be computed"},
	{"b0:\n  branch 1, b1, b2\nb1:\n  %1 = add.i32 1, 1\n  jump b2\nb2:\n  return %1\n",
	 "need not be computed"},
	{"b0:\n  branch 1, b1, b2\nb1:\n  jump b2\nb2:\n  %1 = phi.i32 [b0 1]\n  return %1\n",
	 "an operand is missing"},
	{"b0:\n  jump b1\nb1:\n  %1 = phi.i32 [b0 1:i64]\n  return %1\n",
	 "operand 0 is of type i64"},
	{"b0:\n  jump b1\nb1:\n  %1 = add.i32 1, 1\n  %2 = phi.i32 [b0 1]\n  return %1\n",
	 "a phi after"},
	{"b0:\n  jump b0\n", "the entry has a predecessor"},
	{"b0:\n  %1 = call.i32 @f(1)\n  return %1\n", "1 arguments for 2"},
	{"b0:\n  %1 = call.i32 @f(1, 2)\n  return %1\n", "argument 1 is of type i32"},
	{"b0:\n  %1 = call.i64 @f(1, null)\n  return 0\n", "callee gives i32"},
	{"b0:\n  jump b1\nb1:\n  %1 = param.i32 0\n  return %1\n", "outside the entry"},
	{"", "entry block"},
};

Test(ir, checker_names_each_kind_of_breakage)
{
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
		diags_init(&compile.diags, &compile.session);
		bool good =
			parse(arena_printf(&compile.session, "fn @f(i32, ptr) -> i32 host {\n%s}\n",
					   malformed[i].body));
		cr_assert(!good, "accepted: %s", malformed[i].body);
		cr_assert(compile.diags.list.len > 0);
		const char *text = compile.diags.list.data[0]->text;
		cr_expect(strstr(text, malformed[i].why), "%s\nsays: %s", malformed[i].body, text);
	}
}

Test(ir, checker_finds_edges_known_at_one_end_only)
{
	const char *why;

	cr_assert(parse("fn @f() -> void host {\nb0:\n  branch 1, b1, b2\nb1:\n  jump b2\n"
			"b2:\n  return\n}\n"));
	struct ir_fn *fn = module.fns.data[0];
	cr_assert(ir_check_fn(&module, fn, &why));
	fn->blocks.data[2].preds.data[1] = 0;
	cr_assert(!ir_check_fn(&module, fn, &why));
	cr_assert(strstr(why, "predecessors"));
}

static uint64_t fold32(enum ir_op op, uint64_t a, uint64_t b)
{
	return ir_fold(op, IR_I32, IR_I32, a, b);
}

Test(ir, folding_at_the_edges)
{
	uint64_t min64 = 1ull << 63;

	cr_expect_eq(fold32(IR_SDIV, 0x80000000u, 0xffffffffu), 0x80000000u);
	cr_expect_eq(fold32(IR_SREM, 0x80000000u, 0xffffffffu), 0);
	cr_expect_eq(ir_fold(IR_SDIV, IR_I64, IR_I64, min64, UINT64_MAX), min64);
	cr_expect_eq(ir_fold(IR_SREM, IR_I64, IR_I64, min64, UINT64_MAX), 0);
	cr_expect_eq(fold32(IR_UDIV, 7, 0), 0);
	cr_expect_eq(fold32(IR_SDIV, 7, 0), 0);
	cr_expect_eq(fold32(IR_UREM, 7, 0), 7);
	cr_expect_eq(fold32(IR_SREM, (uint32_t)-7, 0), (uint32_t)-7);
	cr_expect_eq(fold32(IR_SREM, (uint32_t)-7, 4), (uint32_t)-3);
	cr_expect_eq(fold32(IR_SHL, 1, 33), 2);
	cr_expect_eq(fold32(IR_ASHR, 0x80000000u, 31), 0xffffffffu);
	cr_expect_eq(ir_fold(IR_LSHR, IR_I64, IR_I64, min64, 127), 1);
	cr_expect_eq(fold32(IR_ADD, 0xffffffffu, 1), 0);
	cr_expect_eq(fold32(IR_EXT8S, 0x80, 0), 0xffffff80u);
	cr_expect_eq(fold32(IR_EXT16U, 0x12345, 0), 0x2345);
	cr_expect_eq(ir_fold(IR_SEXT32, IR_I64, IR_I32, 0x80000000u, 0), 0xffffffff80000000u);
	cr_expect_eq(fold32(IR_BE16, 0x11223344, 0), 0x4433);
	cr_expect_eq(fold32(IR_SLT, 0xffffffffu, 0), 1);
	cr_expect_eq(fold32(IR_ULT, 0xffffffffu, 0), 0);
	cr_expect_eq(ir_fold(IR_SLT, IR_I32, IR_I64, 0xffffffffu, 0), 0);
}

Test(ir, dominators_and_nested_loops)
{
	cr_assert(parse("fn @f() -> void host {\nb0:\n  jump b1\n"
			"b1:\n  branch 1, b2, b5\n"
			"b2:\n  branch 1, b3, b4\n"
			"b3:\n  jump b2\n"
			"b4:\n  jump b1\n"
			"b5:\n  return\n}\n"));
	struct ir_fn *fn = module.fns.data[0];
	struct ir_doms doms = ir_find_doms(fn, &compile.scratch);
	cr_expect_eq(doms.idom[5], 1);
	cr_expect_eq(doms.idom[4], 2);
	cr_expect(ir_dominates(&doms, 1, 3) && ir_dominates(&doms, 2, 2));
	cr_expect(!ir_dominates(&doms, 3, 2) && !ir_dominates(&doms, 2, 5));
	struct ir_loops loops = ir_find_loops(fn, &doms, &compile.scratch);
	cr_assert_eq(loops.count, 2);
	cr_expect_eq(loops.loops[0].header, 1);
	cr_expect_eq(loops.loops[1].header, 2);
	cr_expect_eq(loops.loops[1].parent, 0);
	cr_expect_eq(loops.loops[1].depth, 2);
	cr_expect_eq(loops.loop_of[3], 1);
	cr_expect_eq(loops.loop_of[4], 0);
	cr_expect_eq(loops.loop_of[5], UINT32_MAX);
	cr_expect(!loops.irreducible);
}
