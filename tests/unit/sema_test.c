/* SPDX-License-Identifier: Apache-2.0 */
/* Constants follow the IR's semantics, and checked trees keep what sema.h promises. */
#include <criterion/criterion.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/ir/ir.h"
#include "frontend/sema/check.h"
#include "tests/unit/sema_contract.h"

static const uint64_t edges[] = {
	0,
	1,
	2,
	7,
	31,
	32,
	63,
	64,
	0x7f,
	0x80,
	0xff,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffffffffffffff80,
	UINT64_MAX,
};
enum { EDGES = sizeof edges / sizeof *edges };

/* The unsigned or signed IR operation of a binary operator. */
static enum ir_op op_of(enum binary_op op, bool is_signed)
{
	switch ((int)op) {
	case BINARY_ADD:
		return IR_ADD;
	case BINARY_SUB:
		return IR_SUB;
	case BINARY_MUL:
		return IR_MUL;
	case BINARY_DIV:
		return is_signed ? IR_SDIV : IR_UDIV;
	case BINARY_REM:
		return is_signed ? IR_SREM : IR_UREM;
	case BINARY_AND:
		return IR_AND;
	case BINARY_OR:
		return IR_OR;
	case BINARY_XOR:
		return IR_XOR;
	case BINARY_SHL:
		return IR_SHL;
	default:
		return is_signed ? IR_ASHR : IR_LSHR;
	}
}

Test(sema, constants_are_computed_as_the_ir_does)
{
	struct compile compile;
	struct types t;
	compile_init(&compile);
	types_init(&t, &compile);
	struct type *types[] = {t.u32, t.i32, t.u64, t.i64};
	for (int k = 0; k < 4; k++)
		for (int op = BINARY_MUL; op <= BINARY_OR; op++)
			for (int i = 0; i < EDGES * EDGES; i++) {
				enum ir_type ir = types[k]->size == 8 ? IR_I64 : IR_I32;
				uint64_t a = const_normalize(types[k], edges[i / EDGES]);
				uint64_t b = const_normalize(types[k], edges[i % EDGES]);
				uint64_t want =
					ir_fold(op_of(op, types[k]->is_signed), ir, ir, a, b);
				cr_expect_eq(const_binary(op, types[k], a, b),
					     const_normalize(types[k], want), "%s %s %lx %lx",
					     type_text(&t, types[k]), binary_spelling(op), a, b);
			}
	cr_expect_eq(const_binary(BINARY_ADD, t.u8, 200, 100), 44);
	cr_expect_eq(const_binary(BINARY_SHL, t.u8, 1, 9), 2);
	cr_expect_eq((int64_t)const_binary(BINARY_MUL, t.i16, 300, 300), 24464);
	compile_fini(&compile);
}

/* Checks a program; *broken is the first promise that does not hold. */
static bool check_text(const char *text, const char **broken)
{
	struct compile compile;
	struct program program = {0};
	struct checked_program checked;
	struct parse_options options = {0};
	struct target_info info = {
		.kernel = 6u << 16 | 12u << 8,
		.prelude = "enum xdp_action { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX }",
		.program_kind_at = kernel_program_kind_at,
		.map_kind_at = kernel_map_kind_at,
		.ctx_field_at = kernel_ctx_field_at,
		.find_helper = kernel_find_helper,
		.find_kfunc = kernel_find_kfunc,
	};
	span where;

	compile_init(&compile);
	struct source_file *file =
		source_add(&compile.sources, "test.ks", text, (uint32_t)strlen(text));
	cr_assert(parse_program_file(&compile, &options, file, &program));
	bool ok = sema_check_program(&compile, &program, &info, &checked);
	*broken = ok ? contract_check(&checked, &where) : NULL;
	compile_fini(&compile);
	return ok;
}

Test(sema, checked_trees_keep_the_contract)
{
	static const char *const programs[] = {
		"struct S { a: u8, b: u32[2], t: str(8) }\n"
		"var m: hash<u32, S>(4)\n var n: array<u32, u64>(4)\n config c { x: u16 = 3 }\n"
		"@xdp fn p(ctx: *xdp_md) -> xdp_action {\n"
		"  m[1].a += 3; n[2] += c.x; m[c.x] = S { a: 1, t: \"x\" }\n"
		"  if (var e = m[c.x]) { e->b[1] = n[0] as u32; return if (e.t == \"q\") { XDP_TX "
		"} else { XDP_DROP } }\n"
		"  var d = ctx->data; if (d + 14 > ctx->data_end) { return XDP_PASS }\n"
		"  n[0] = ctx->data_end - d; var k = n[1]; k = 5\n"
		"  while (n[1] == null || m[2] && !(3 in m)) { if (k == 9) { break } k += *d }\n"
		"  return match (d[12]) { 8: XDP_DROP, 9..12 | 200: { var z = 1; for (i in 0..z) { "
		"k -= i } XDP_PASS }, default: XDP_TX }\n"
		"}\n",
		"struct A { level: i8, name: str(16) }\n"
		"fn g(a: i64, s: str(4)) -> i64 { if (a < 0) { throw -1 } return a }\n"
		"fn h(a: i64, s: str(4)) -> i64 { return a + s[0] }\n"
		"fn main(a: A) -> i32 {\n"
		"  defer print(\"end\")\n"
		"  try { var x = g(a.level, \"abcdef\"); return x as i32 } catch -1 { } catch _ { "
		"return 1 }\n"
		"  var s: str(8) = a.name + \"-\" + \"x\"; var f = h; var q = [1, 2, 300]\n"
		"  var t: u8[4] = \"ab\"; t[1] += 'a'; t[2] <<= 3\n"
		"  return f(q[2] + t[1], s) as i32 + (if (s) { -1 } else { 1 << 3 })\n"
		"}\n",
	};

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		const char *broken;
		cr_assert(check_text(programs[i], &broken), "program %zu is accepted", i);
		cr_assert_null(broken, "program %zu: %s", i, broken);
	}
}

Test(sema, deep_nesting_is_an_error_and_not_a_crash)
{
	struct buf text;
	const char *broken;

	buf_init(&text);
	buf_add_text(&text, "fn f(x: u32) -> u32 {\n");
	for (int i = 0; i < 100000; i++)
		buf_add_text(&text, "if (x > 1) { return 1 } else ");
	buf_add_text(&text, "{ return 2 }\n}\n");
	cr_assert_not(check_text(text.data, &broken));
	buf_fini(&text);

	buf_init(&text);
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "const A%d = A%d\n", i, i + 1);
	buf_add_text(&text, "const A100000 = 1\n");
	check_text(text.data, &broken);
	buf_fini(&text);
}
