/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The userspace back end through the real plug-in: every foldable operation against ir_fold() on
 * edge values, then memory, control flow, calls, maps and globals.
 */
#include "tests/unit/host_harness.h"

/* ---- integer operations ---- */

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
	65,
	0x7f,
	0x80,
	0xff,
	0x100,
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
	0xfffffffffffffffe,
	0xffffffffffffffff,
};
enum { EDGES = sizeof edges / sizeof *edges, VARIANTS_MAX = 4096 };

struct variant {
	enum ir_op op;
	enum ir_type type, operand_type;
	bool has_b, b_is_const;
	uint64_t b;
};

struct variants {
	struct variant data[VARIANTS_MAX];
	uint32_t count;
};

static void add_variant(struct variants *v, struct variant one)
{
	cr_assert(v->count < VARIANTS_MAX);
	v->data[v->count++] = one;
	if (!one.has_b)
		return;
	one.b_is_const = true;
	for (uint32_t i = 0; i < EDGES; i++) {
		one.b = edges[i];
		cr_assert(v->count < VARIANTS_MAX);
		v->data[v->count++] = one;
	}
}

static void add_op(struct variants *v, enum ir_op op)
{
	const struct ir_op_info *info = &ir_ops[op];
	for (int type = IR_I32; type <= IR_I64; type++) {
		struct variant one = {.op = op, .has_b = info->b != IR_OPERAND_NONE};
		one.operand_type = (enum ir_type)type;
		if ((info->a == IR_OPERAND_I32 && type != IR_I32) ||
		    (info->a == IR_OPERAND_I64 && type != IR_I64))
			continue;
		one.type = info->result == IR_RESULT_I32   ? IR_I32
			   : info->result == IR_RESULT_I64 ? IR_I64
							   : (enum ir_type)type;
		add_variant(v, one);
	}
}

/* Every few operations start a block, so that none is too long to be optimised. */
static void start_block(struct ir_builder *b)
{
	uint32_t next = ir_add_block(b->fn);
	ir_emit_jump(b, next);
	b->block = next;
}

static void build_main(struct ir_module *m, const struct variants *v)
{
	uint32_t index = ir_add_fn(m, intern_string(&m->compile->names, "main"), IR_TARGET_HOST);
	struct ir_fn *fn = m->fns.data[index];
	static uint8_t params[] = {IR_PTR};
	m->main_fn = index;
	fn->params = params;
	fn->param_count = 1;
	fn->result = IR_I32;
	struct ir_builder b = {.fn = fn, .block = ir_add_block(fn)};
	uint16_t w8 = ir_mem_aux(8, false, IR_SPACE_ANY);
	ir_ref io = ir_emit_index(&b, IR_PARAM, IR_PTR, 0);
	ir_ref a64 = ir_emit_load(&b, IR_I64, io, 0, w8), b64 = ir_emit_load(&b, IR_I64, io, 8, w8);
	ir_ref a32 = ir_emit(&b, IR_TRUNC, IR_I32, a64, IR_REF_NONE);
	ir_ref b32 = ir_emit(&b, IR_TRUNC, IR_I32, b64, IR_REF_NONE);
	for (uint32_t i = 0; i < v->count; i++) {
		const struct variant *one = &v->data[i];
		if (i % 50 == 49)
			start_block(&b);
		bool is_wide = one->operand_type == IR_I64;
		ir_ref right = IR_REF_NONE;
		if (one->b_is_const)
			right = ir_const(fn, one->operand_type, one->b);
		else if (one->has_b)
			right = is_wide ? b64 : b32;
		ir_ref r = ir_emit(&b, one->op, one->type, is_wide ? a64 : a32, right);
		if (one->type == IR_I32)
			r = ir_emit(&b, IR_ZEXT32, IR_I64, r, IR_REF_NONE);
		ir_emit_store(&b, io, 16 + 8 * (int32_t)i, r, w8);
	}
	ir_emit_return(&b, ir_const(fn, IR_I32, 0));
}

static void compare_all(const struct variants *v, int32_t (*main)(void *), uint64_t a, uint64_t b)
{
	static uint64_t io[VARIANTS_MAX + 2];
	io[0] = a;
	io[1] = b;
	cr_assert(main(io) == 0);
	for (uint32_t i = 0; i < v->count; i++) {
		const struct variant *one = &v->data[i];
		uint64_t right = one->b_is_const ? one->b : b;
		uint64_t wanted = ir_fold(one->op, one->type, one->operand_type, a, right);
		cr_assert_eq(io[i + 2], wanted, "%s.%s%s of %#llx, %#llx is %#llx, should be %#llx",
			     ir_ops[one->op].name, one->operand_type == IR_I64 ? "i64" : "i32",
			     one->b_is_const ? " (constant)" : "", (unsigned long long)a,
			     (unsigned long long)right, (unsigned long long)io[i + 2],
			     (unsigned long long)wanted);
	}
}

static void compare_at(int level)
{
	static struct variants v;
	struct compile c;
	struct ir_module m;
	compile_init(&c);
	ir_module_init(&m, &c, &c.module);
	for (int op = 1; op < IR_OP_COUNT; op++)
		if (ir_ops[op].flags & IR_FLAG_CAN_FOLD)
			add_op(&v, (enum ir_op)op);
	build_main(&m, &v);
	struct buf image = make_image(&m, level, NULL);
	struct mapped_image mapped = map_image(&image, NULL, NULL);
	for (uint32_t i = 0; i < EDGES; i++)
		for (uint32_t k = 0; k < EDGES; k++)
			compare_all(&v, mapped.main, edges[i], edges[k]);
	munmap(mapped.base, mapped.size);
	buf_fini(&image);
	compile_fini(&c);
}

Test(host, integer_operations_as_folded_unoptimised)
{
	compare_at(0);
}

Test(host, integer_operations_as_folded_optimised)
{
	compare_at(1);
}

/* ---- whole functions ---- */

static char shared_data[16] = {5}, shared_bss[16];

static struct {
	uint32_t map;
	uint64_t key, value, flags;
	int lookups;
} seen;

static void *fake_lookup(uint32_t map, const void *key, void *value)
{
	uint32_t k;
	memcpy(&k, key, sizeof k);
	seen.map = map;
	seen.key = k;
	seen.lookups++;
	if (k == 99)
		return NULL;
	uint64_t v = 1000 + k;
	memcpy(value, &v, sizeof v);
	return value;
}

static int32_t fake_update(uint32_t map, const void *key, const void *value, uint64_t flags)
{
	seen.map = map;
	memcpy(&seen.key, key, sizeof seen.key);
	memcpy(&seen.value, value, 2);
	seen.flags = flags;
	return -7;
}

static int32_t run_main(const char *text, int level, void *io)
{
	struct compile c;
	struct ir_module m;
	compile_init(&c);
	parse_ir(&c, &m, text);
	struct buf image = make_image(&m, level, NULL);
	void *calls[KS_CALL_COUNT] = {
		[KS_CALL_memcpy] = (void *)memcpy,
		[KS_CALL_memset] = (void *)memset,
		[KS_CALL_memcmp] = (void *)memcmp,
		[KS_CALL_ks_map_lookup] = (void *)fake_lookup,
		[KS_CALL_ks_map_update] = (void *)fake_update,
	};
	void *bases[IR_SECTION_COUNT] = {shared_data, shared_bss, NULL};
	struct mapped_image mapped = map_image(&image, calls, bases);
	int32_t result = mapped.main(io);
	munmap(mapped.base, mapped.size);
	buf_fini(&image);
	compile_fini(&c);
	return result;
}

static void expect(const char *text, void *io, int32_t wanted)
{
	for (int level = 0; level <= 2; level++)
		cr_assert_eq(run_main(text, level, io), wanted, "at level %d", level);
}

Test(host, loops_phis_and_loop_guards)
{
	uint32_t n = 10;
	expect("main\nfn @main(ptr) -> i32 host exported {\n"
	       "b0:\n  %1 = param.ptr 0\n  %2 = load.i32 %1 w4\n  jump b1\n"
	       "b1:\n  %3 = phi.i32 [b0 0], [b2 %5]\n  %4 = phi.i32 [b0 1], [b2 %3]\n"
	       "  loop_guard b3, b4\n"
	       "b2:\n  %5 = add.i32 %3, 1\n  jump b1\n"
	       "b3:\n  %6 = ult %3, %2\n  branch %6, b2, b4\n"
	       "b4:\n  %7 = phi.i32 [b1 77], [b3 %4]\n  return %7\n}\n",
	       &n, 9);
}

Test(host, switch_to_shared_targets)
{
	const char *text = "main\nfn @main(ptr) -> i32 host exported {\n"
			   "b0:\n  %1 = param.ptr 0\n  %2 = load.i64 %1 w8\n"
			   "  switch %2, 1: b1, -7: b2, 3: b1, default: b1\n"
			   "b1:\n  %3 = phi.i32 [b0 5], [b0 5], [b0 5]\n  return %3\n"
			   "b2:\n  return 6\n}\n";
	int64_t value = -7;
	expect(text, &value, 6);
	value = 3;
	expect(text, &value, 5);
	value = 4;
	expect(text, &value, 5);
}

Test(host, dense_switches_and_large_objects)
{
	const char *text = "fn @f(i32) -> i32 host {\n"
			   "b0:\n  %1 = param.i32 0\n"
			   "  switch %1, 0: b1, 1: b2, 2: b3, 3: b4, 4: b5, 5: b6, default: b7\n"
			   "b1:\n  return 10\n"
			   "b2:\n  %2 = call.i32 @f(0)\n  return %2\n"
			   "b3:\n  %3 = call.i32 @f(7)\n  return %3\n"
			   "b4:\n  %4 = mul.i32 %1, 5\n  return %4\n"
			   "b5:\n  %5 = mul.i32 %1, %1\n  return %5\n"
			   "b6:\n  return 12\n"
			   "b7:\n  return 99\n}\n"
			   "main\nfn @main(ptr) -> i32 host exported {\n"
			   "  slot #0 x size 4000 align 8\n"
			   "b0:\n  %1 = param.ptr 0\n  %2 = load.i32 %1 w4\n"
			   "  %3 = slot #0\n  memzero %3 size 4000 align 8\n"
			   "  memcpy %3, %1 size 2000\n  %4 = load.i32 %3 w4 slot\n"
			   "  %5 = load.i32 %3 +3996 w4 slot\n  %6 = add.i32 %4, %5\n"
			   "  %7 = call.i32 @f(%6)\n  return %7\n}\n";
	static const int32_t wanted[] = {10, 10, 99, 15, 16, 12, 99};
	static uint32_t input[500];
	for (input[0] = 0; input[0] < 7; input[0]++)
		expect(text, input, wanted[input[0]]);
}

/* So large that optimising code generation would take minutes. */
Test(host, a_huge_function_is_compiled_in_time)
{
	enum { BLOCKS = 20000 };
	struct buf text;
	uint32_t one = 1;
	buf_init(&text);
	buf_add_text(&text, "main\nfn @main(ptr) -> i32 host exported {\n"
			    "b0:\n  %1 = param.ptr 0\n  %2 = load.i32 %1 w4\n  jump b1\n");
	for (int i = 1; i < BLOCKS; i++)
		buf_printf(&text,
			   "b%d:\n  %%%d = add.i32 %%%d, %%2\n  %%%d = eq %%%d, 0\n"
			   "  branch %%%d, b%d, b%d\n",
			   i, 2 * i + 1, i == 1 ? 2 : 2 * i - 1, 2 * i + 2, 2 * i + 1, 2 * i + 2,
			   BLOCKS, i + 1);
	buf_printf(&text, "b%d:\n  return 7\n}\n", BLOCKS);
	cr_assert_eq(run_main(text.data, 2, &one), 7);
	buf_fini(&text);
}

Test(host, narrow_loads_slots_and_copies)
{
	int8_t bytes[8] = {-2, 1, -3, 4, 5, 6, 7, 8};
	expect("global $c section rodata offset 0 size 4 align 1 init \"\\x01\\x02\\x03\\x04\"\n"
	       "main\nfn @main(ptr) -> i32 host exported {\n"
	       "  slot #0 t size 64 align 8\n"
	       "b0:\n  %1 = param.ptr 0\n  %2 = slot #0\n  memzero %2 size 64 align 8\n"
	       "  memcpy %2, %1 size 3\n  %3 = load.i32 %2 w1 signed slot\n"
	       "  %4 = load.i32 %2 +2 w2 slot\n"                     // 0x00fd
	       "  %5 = global $c\n  %6 = load.i32 %5 +1 w2 global\n" // 0x0302
	       "  %7 = add.i32 %3, %4\n  %8 = add.i32 %7, %6\n  return %8\n}\n",
	       bytes, -2 + 0xfd + 0x302);
}

Test(host, calls_recursion_and_function_pointers)
{
	uint32_t n = 6;
	expect("fn @fact(i32) -> i32 host {\n"
	       "b0:\n  %1 = param.i32 0\n  %2 = ult %1, 2\n  branch %2, b1, b2\n"
	       "b1:\n  return 1\n"
	       "b2:\n  %3 = sub.i32 %1, 1\n  %4 = call.i32 @fact(%3)\n"
	       "  %5 = mul.i32 %4, %1\n  return %5\n}\n"
	       "main\nfn @main(ptr) -> i32 host exported {\n"
	       "b0:\n  %1 = param.ptr 0\n  %2 = load.i32 %1 w4\n  %3 = func @fact\n"
	       "  %4 = call_ptr.i32 %3(%2)\n  return %4\n}\n",
	       &n, 720);
}

Test(host, shared_globals_and_atomics)
{
	const char *text =
		"global $d section data offset 0 size 4 align 4 init \"\\x05\\x00\\x00\\x00\"\n"
		"global $b section bss offset 0 size 8 align 8\n"
		"global $b2 section bss offset 8 size 8 align 8\n"
		"main\nfn @main(ptr) -> i32 host exported {\n"
		"b0:\n  %1 = global $d\n  %2 = load.i32 %1 w4 global\n"
		"  %3 = global $b2\n  %4 = atomic.i64 %3, 3:i64 add\n"
		"  %5 = atomic.i64 %3, 12:i64 xchg\n  %6 = trunc %5\n"
		"  %7 = add.i32 %2, %6\n  return %7\n}\n";
	memset(shared_bss, 0, sizeof shared_bss);
	cr_assert_eq(run_main(text, 1, NULL), 8);
	cr_assert_eq(shared_bss[8], 12);
	cr_assert_eq(shared_bss[0], 0);
}

Test(host, map_keys_and_values_by_address)
{
	const char *text = "map &a type 1 key 4 scalar value 8 entries 16\n"
			   "map &m type 1 key 8 scalar value 2 scalar entries 16\n"
			   "main\nfn @main(ptr) -> i32 host exported {\n"
			   "b0:\n  %1 = map_lookup 42 &a\n  %2 = map_lookup 43 &a\n"
			   "  %3 = load.i32 %1 w4 map\n  %4 = load.i32 %2 w4 map\n"
			   "  %5 = map_lookup 99 &a\n  %6 = eq %5, null\n"
			   "  %7 = map_update 77:i64, 65541 &m exist\n"
			   "  %8 = add.i32 %3, %4\n  %9 = add.i32 %8, %6\n  %10 = add.i32 %9, %7\n"
			   "  return %10\n}\n";
	expect(text, NULL, 1042 + 1043 + 1 - 7);
	cr_assert_eq(seen.lookups, 9);
	cr_assert_eq(seen.map, 1);
	cr_assert_eq(seen.key, 77);
	cr_assert_eq(seen.value, 5);
	cr_assert_eq(seen.flags, 2);
}

/* ---- refusals and the other machine ---- */

Test(host, what_userspace_lacks_is_refused)
{
	struct compile c;
	struct ir_module m;
	struct buf out;
	const char *why = NULL;
	compile_init(&c);
	buf_init(&out);
	parse_ir(&c, &m,
		 "extern !bpf_redirect helper i32 effects 8\n"
		 "main\nfn @main(ptr) -> i32 host exported {\n"
		 "b0:\n  %1 = call_extern.i32 !bpf_redirect()\n  return %1\n}\n");
	struct host_options options = {.output = HOST_OBJECT};
	cr_assert(!open_plugin(&c.session, NULL)(&m, &options, &out, &why));
	cr_assert_str_eq(why, "`bpf_redirect` cannot be called from userspace code");
	options.triple = "riscv64-linux-gnu";
	cr_assert(!open_plugin(&c.session, NULL)(&m, &options, &out, &why));
	cr_assert_str_eq(why, "userspace code for `riscv64-linux-gnu` needs another plug-in");
	compile_fini(&c);
}

Test(host, aarch64_links)
{
	if (!has_machine("aarch64"))
		cr_skip_test("no plug-in for aarch64 in this build");
	static struct variants v;
	struct compile c;
	struct ir_module m;
	compile_init(&c);
	ir_module_init(&m, &c, &c.module);
	add_op(&v, IR_SDIV);
	build_main(&m, &v);
	struct buf image = make_image(&m, 1, "aarch64");
	struct ks_image_header h;
	memcpy(&h, image.data, sizeof h);
	cr_assert_eq(h.machine, 183);
	cr_assert_eq(h.text_size % 65536, 0);
	buf_fini(&image);
	compile_fini(&c);
}

/* ---- level ---- */

/* Whether level 1 makes other code of the module than level 0. */
static bool is_optimised(const char *text)
{
	struct compile c;
	struct ir_module m;
	compile_init(&c);
	parse_ir(&c, &m, text);
	struct buf fast = make_object(&m, 0, NULL), chosen = make_object(&m, 1, NULL);
	bool differs = fast.len != chosen.len || memcmp(fast.data, chosen.data, fast.len) != 0;
	buf_fini(&fast);
	buf_fini(&chosen);
	compile_fini(&c);
	return differs;
}

#define COUNTING_LOOP(step)                                                                        \
	"extern !ks_sleep runtime void effects 8\nmain\nfn @main(ptr) -> i32 host exported {\n"    \
	"b0:\n  %1 = param.ptr 0\n  %2 = load.i32 %1 w4\n  jump b1\n"                              \
	"b1:\n  %3 = phi.i32 [b0 0], [b3 %6]\n  %4 = ult %3, %2\n  branch %4, b2, b4\n"            \
	"b2:\n  %5 = ult %3, 7\n  branch %5, b5, b3\n" step "b4:\n  return %3\n}\n"
#define STEP "  %6 = add.i32 %3, 1\n  jump b1\n"

Test(host, only_computing_modules_are_optimised)
{
	cr_assert(is_optimised(COUNTING_LOOP("b3:\n" STEP "b5:\n  jump b3\n")));
	cr_assert(!is_optimised(
		COUNTING_LOOP("b3:\n  call_extern !ks_sleep(1)\n" STEP "b5:\n  jump b3\n")));
	cr_assert(is_optimised(COUNTING_LOOP("b3:\n" STEP
					     "b5:\n  call_extern !ks_sleep(1)\n  jump b3\n")),
		  "a round without the call");
	cr_assert(is_optimised("main\nfn @main(ptr) -> i32 host exported {\n"
			       "b0:\n  %1 = param.ptr 0\n  %2 = load.i32 %1 w4\n"
			       "  %3 = call.i32 @f(%2)\n  return %3\n}\n"
			       "fn @f(i32) -> i32 host {\n"
			       "b0:\n  %1 = param.i32 0\n  %2 = ult %1, 2\n  branch %2, b1, b2\n"
			       "b1:\n  return %1\n"
			       "b2:\n  %3 = add.i32 %1, -1\n  %4 = call.i32 @f(%3)\n"
			       "  %5 = add.i32 %4, %1\n  return %5\n}\n"));
}
