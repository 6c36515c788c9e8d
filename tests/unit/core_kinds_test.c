/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of CO-RE relocation that the language makes, resolved against two kernels that the tests make up:
 * one object is compiled against the types of a third one, libbpf gets the made-up types from a file, and the
 * running kernel runs it. Both `sample`s lie over `comm` of the running task, so that fields hold bytes that
 * are known.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/object/object.h"
#include "btf/btf.h"
#include "tests/lib/compilation.h"

static const char name_of_task[16] = "abcdefghijklmno";

/* A kernel: where it has what. Bit-fields are in the word at byte 8 of the name. */
struct made_kernel {
	uint32_t offset, size;    // of `field`, from the name's first byte
	bool is_signed;           // … a number with a sign
	uint32_t bit, bits, word; // of `flags`, and the bytes of its unit
	int32_t mode;             // MODE_BUSY; negative: there is none
	bool has_extra, has_more; // a field; a struct
	uint32_t bytes;           // of the struct
};

static const struct made_kernel local = {0, 4, false, 0, 3, 4, 5, true, true, 4096};
static const struct made_kernel first = {1, 4, false, 3, 5, 4, 17, true, false, 4096};
static const struct made_kernel second = {2, 2, true, 21, 6, 8, -1, false, true, 8192};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

/* Byte of `comm` in the running kernel's task_struct. */
static uint32_t find_name(void)
{
	struct arena arena;
	struct btf btf;
	const char *why;
	uint32_t at = 0;
	FILE *in = fopen("/sys/kernel/btf/vmlinux", "rb");
	enum { MOST = 1 << 26 };
	uint8_t *bytes = malloc(MOST);
	cr_assert(in && bytes);
	size_t len = fread(bytes, 1, MOST, in);
	fclose(in);
	arena_init(&arena);
	cr_assert_eq(btf_open_lazily(&btf, bytes, len, &arena, &why), 0, "%s", why);
	struct btf_type task = btf_get_type(&btf, btf_find(&btf, BTF_KIND_STRUCT, "task_struct"));
	for (uint32_t i = 0; i < task.count; i++) {
		struct btf_item member = btf_get_item(&btf, &task, i);
		if (!strcmp(member.name, "comm"))
			at = member.bit_offset / 8;
	}
	arena_fini(&arena);
	free(bytes);
	cr_assert_neq(at, 0u);
	return at;
}

static void make_types(const struct made_kernel *k, uint32_t name, struct buf *out)
{
	struct arena arena;
	arena_init(&arena);
	struct btf_builder *b = btf_builder_new(&arena);
	uint32_t number = btf_add_int(b, "number", k->size, k->is_signed ? BTF_INT_IS_SIGNED : 0);
	uint32_t unit = btf_add_int(b, "unit", k->word, 0);
	btf_add_struct(b, "sample", k->bytes, false);
	btf_add_member(b, "field", number, (name + k->offset) * 8, 0);
	btf_add_member(b, "flags", unit, (name + 8) * 8 + k->bit, k->bits);
	if (k->has_extra)
		btf_add_member(b, "extra", number, 0, 0);
	if (k->has_more) {
		btf_add_struct(b, "more", 4, false);
		btf_add_member(b, "x", number, 0, 0);
	}
	btf_add_enum(b, "mode", 4, false);
	btf_add_enumerator(b, "MODE_IDLE", 1);
	if (k->mode >= 0)
		btf_add_enumerator(b, "MODE_BUSY", (uint64_t)k->mode);
	btf_write(b, out);
	arena_fini(&arena);
}

struct answers {
	uint64_t field, flags, size, field_size, constant;
	uint32_t is_signed, has_constant, has_extra, has_more, extra;
};

static const char source[] =
	"struct Answers { field: u64, flags: u64, size: u64, field_size: u64, constant: u64,\n"
	" is_signed: u32, has_constant: u32, has_extra: u32, has_more: u32, extra: u32 }\n"
	"var out: Answers\n"
	"@tc(\"ingress\") fn probe(ctx: *__sk_buff) -> i32 {\n"
	"    var s = bpf_get_current_task() as *sample\n"
	"    out.flags = s->flags as u64\n"
	"    out.size = kernel_sizeof(sample)\n"
	"    out.field_size = kernel_sizeof_field(sample, field)\n"
	"    if (out.field_size == 4) { out.field = s->field as u64 }\n"
	"    if (kernel_is_signed(sample, field)) { out.is_signed = 1 }\n"
	"    if (has_constant(MODE_BUSY)) {\n"
	"        out.has_constant = 1\n"
	"        out.constant = kernel_constant(MODE_BUSY) as u64\n"
	"    }\n"
	"    if (has_type(more)) { out.has_more = 1 }\n"
	"    if (has_field(sample, extra)) {\n"
	"        out.has_extra = 1\n"
	"        if (s->extra != 0x12345678) { out.extra = 1 }\n"
	"    }\n"
	"    return 0\n"
	"}\n"
	"fn main() -> i32 { return 0 }\n";

/* The object, compiled against the local kernel. */
static void compile(uint32_t name, int level, struct buf *object)
{
	struct arena arena;
	struct compilation c;
	struct compilation_options options = {.depth = COMPILE_CODE,
					      .path = "kinds.ks",
					      .kernel = KERNEL_AT(6, 1),
					      .level = level};
	struct buf types, messages;
	struct btf btf;
	const char *why;
	arena_init(&arena);
	buf_init(&types);
	buf_init(&messages);
	make_types(&local, name, &types);
	cr_assert_eq(btf_open_lazily(&btf, types.data, types.len, &arena, &why), 0, "%s", why);
	options.btf = &btf;
	compilation_run(&c, &options, source, sizeof source - 1);
	compilation_print(&c, &messages);
	cr_assert(c.is_complete, "%.*s", (int)messages.len, messages.data);
	object_write(&c.compile, &c.object, object);
	compilation_fini(&c);
	buf_fini(&types);
	buf_fini(&messages);
	arena_fini(&arena);
}

static struct answers run(const struct buf *object, const struct made_kernel *k, uint32_t name)
{
	char path[] = "/tmp/core_kindsXXXXXX", packet[64] = {0};
	struct answers answers = {0};
	struct buf types;
	uint32_t key = 0;
	int fd = mkstemp(path);
	buf_init(&types);
	make_types(k, name, &types);
	cr_assert_eq(write(fd, types.data, types.len), (ssize_t)types.len);
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = path);
	struct bpf_object *o = bpf_object__open_mem(object->data, object->len, &open);
	cr_assert(o && !bpf_object__load(o));
	LIBBPF_OPTS(bpf_test_run_opts, test, .data_in = packet, .data_size_in = sizeof packet);
	cr_assert_eq(
		bpf_prog_test_run_opts(bpf_program__fd(bpf_object__next_program(o, NULL)), &test),
		0);
	cr_assert_eq(bpf_map__lookup_elem(bpf_object__next_map(o, NULL), &key, 4, &answers,
					  sizeof answers, 0),
		     0);
	bpf_object__close(o);
	close(fd);
	unlink(path);
	buf_fini(&types);
	return answers;
}

static uint64_t bytes_of_name(uint32_t at, uint32_t count)
{
	uint64_t value = 0;
	memcpy(&value, name_of_task + at, count);
	return value;
}

Test(core_kinds, two_kernels_give_different_answers)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	libbpf_set_print(silent);
	cr_assert_eq(prctl(PR_SET_NAME, name_of_task), 0);
	uint32_t name = find_name();
	for (int level = 0; level < 2; level++) {
		struct buf object;
		buf_init(&object);
		compile(name, level, &object);
		struct answers a = run(&object, &first, name), b = run(&object, &second, name);
		uint64_t word = bytes_of_name(8, 8);

		cr_expect_eq(a.field, bytes_of_name(1, 4), "offset");
		cr_expect_eq(b.field, 0u, "read although it is smaller");
		cr_expect_eq(a.flags, word >> 3 & 31, "shifts");
		cr_expect_eq(b.flags, word >> 21 & 63, "shifts in a wider unit");
		cr_expect_eq(a.size, 4096u);
		cr_expect_eq(b.size, 8192u);
		cr_expect_eq(a.field_size, 4u);
		cr_expect_eq(b.field_size, 2u);
		cr_expect_eq(a.is_signed, 0u);
		cr_expect_eq(b.is_signed, 1u);
		cr_expect_eq(a.has_constant, 1u);
		cr_expect_eq(a.constant, 17u);
		cr_expect_eq(b.has_constant, 0u);
		cr_expect_eq(b.constant, 0u);
		cr_expect_eq(a.has_more, 0u);
		cr_expect_eq(b.has_more, 1u);
		cr_expect_eq(a.has_extra, 1u);
		cr_expect_eq(b.has_extra, 0u);
		cr_expect_eq(a.extra, 1u);
		cr_expect_eq(b.extra, 0u);
		buf_fini(&object);
	}
}
