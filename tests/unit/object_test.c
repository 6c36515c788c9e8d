/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object built by hand, with a program, a map, a global and a subprogram: libbpf opens it, the
 * kernel loads it (when privileged), the program runs and counts; the dump names what it refers to.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf-backend/object/object.h"

static const char source[] = "@xdp fn count(ctx: *xdp_md) -> xdp_action {\n"
			     "\thits[1] += 1\n"
			     "\treturn add(2)\n"
			     "}\n"
			     "@helper fn add(x: u32) -> u32 { return x + start }\n";

struct made {
	struct compile compile;
	struct bpf_object object;
	struct source_file *file;
};

static void emit(struct made *m, struct bpf_func *f, struct bpf_record r)
{
	vec_push(&m->compile.module, &f->code, r);
}

static void emit_ld64(struct made *m, struct bpf_func *f, unsigned dst, enum bpf_relo_kind kind,
		      uint32_t index, uint32_t addend)
{
	struct bpf_record pair[2];
	struct bpf_relo relo = {f->code.len, kind, index, addend};
	vec_push(&m->compile.module, &f->relos, relo);
	insn_make64(BPF_OP_LD_IMM64, dst, 0, pair);
	emit(m, f, pair[0]);
	emit(m, f, pair[1]);
}

/* Position of a piece of the source text. */
static void at(struct made *m, struct bpf_func *f, const char *text)
{
	uint32_t begin = m->file->base + (uint32_t)(strstr(source, text) - source);
	struct bpf_line line = {f->code.len, {begin, begin + 1}};
	vec_push(&m->compile.module, &f->lines, line);
}

static struct bpf_func *add_func(struct made *m, const char *name, const char *section,
				 uint32_t btf_id)
{
	struct bpf_func *f = ARENA_NEW(&m->compile.module, struct bpf_func);
	f->name = intern_string(&m->compile.names, name);
	f->section = section;
	f->btf_id = btf_id;
	vec_push(&m->compile.module, &m->object.funcs, f);
	return f;
}

static void make_program(struct made *m, uint32_t btf_id)
{
	struct bpf_func *f = add_func(m, "count", "xdp", btf_id);
	at(m, f, "hits");
	emit(m, f, insn_make(BPF_OP_STORE32_IMM, BPF_R10, 0, -4, 1));
	emit(m, f, insn_make(BPF_OP_MOV64_REG, BPF_R2, BPF_R10, 0, 0));
	emit(m, f, insn_make(BPF_OP_ADD64_IMM, BPF_R2, 0, 0, -4));
	emit_ld64(m, f, BPF_R1, BPF_RELO_MAP, 1, 0);
	emit(m, f, insn_make(BPF_OP_CALL_HELPER, 0, 0, 0, 1));
	emit(m, f, insn_make(BPF_OP_JEQ64_IMM, BPF_R0, 0, 2, 0));
	emit(m, f, insn_make(BPF_OP_MOV64_IMM, BPF_R1, 0, 0, 1));
	emit(m, f, insn_make(BPF_OP_ATOMIC_ADD64, BPF_R0, BPF_R1, 0, 0));
	at(m, f, "return add");
	emit(m, f, insn_make(BPF_OP_MOV64_IMM, BPF_R1, 0, 0, 2));
	struct bpf_relo call = {f->code.len, BPF_RELO_CALL, 1, 0};
	vec_push(&m->compile.module, &f->relos, call);
	emit(m, f, insn_make(BPF_OP_CALL_LOCAL, 0, 0, 0, 0));
	emit(m, f, insn_make(BPF_OP_EXIT, 0, 0, 0, 0));
}

static void make_subprogram(struct made *m, uint32_t btf_id)
{
	struct bpf_func *f = add_func(m, "add", ".text", btf_id);
	at(m, f, "@helper");
	emit(m, f, insn_make(BPF_OP_MOV64_REG, BPF_R0, BPF_R1, 0, 0));
	emit_ld64(m, f, BPF_R1, BPF_RELO_SECTION, 0, 4);
	at(m, f, "x + start");
	emit(m, f, insn_make(BPF_OP_LOAD32, BPF_R1, BPF_R1, 0, 0));
	emit(m, f, insn_make(BPF_OP_ADD64_REG, BPF_R0, BPF_R1, 0, 0));
	emit(m, f, insn_make(BPF_OP_EXIT, 0, 0, 0, 0));
}

static void make(struct made *m)
{
	static const uint8_t data[8] = {9, 0, 0, 0, 1, 0, 0, 0};
	memset(m, 0, sizeof *m);
	compile_init(&m->compile);
	m->file = source_add(&m->compile.sources, "hand.ks", source, sizeof source - 1);
	m->object.arena = &m->compile.module;
	m->object.license = "GPL";
	m->object.sections[0] = (struct bpf_object_section){".data", 8, 4, data};
	m->object.sections[1] = (struct bpf_object_section){".bss", 16, 8, NULL};

	struct btf_builder *b = m->object.btf = btf_builder_new(&m->compile.module);
	uint32_t u32 = btf_add_int(b, "u32", 4, 0), u64 = btf_add_int(b, "u64", 8, 0);
	static const char *const names[] = {"other", "hits"};
	for (unsigned i = 0; i < 2; i++) {
		struct bpf_object_map map = {intern_string(&m->compile.names, names[i]), 0};
		map.btf_id = btf_add_map(b, &(struct btf_map){.name = names[i],
							      .type = i ? 2 : 1,
							      .key = u32,
							      .value = u64,
							      .max_entries = 4});
		vec_push(&m->compile.module, &m->object.maps, map);
	}
	btf_add_map_section(b);
	uint32_t first = btf_add_var(b, "first", u32, BTF_LINKAGE_GLOBAL);
	uint32_t start = btf_add_var(b, "start", u32, BTF_LINKAGE_GLOBAL);
	btf_add_datasec(b, ".data", 8);
	btf_add_secinfo(b, first, 0, 4);
	btf_add_secinfo(b, start, 4, 4);
	uint32_t spare = btf_add_var(b, "spare", u64, BTF_LINKAGE_GLOBAL);
	btf_add_datasec(b, ".bss", 16);
	btf_add_secinfo(b, spare, 8, 8);
	uint32_t ctx = btf_add_pointer(b, btf_add_struct(b, "xdp_md", 24, false));
	uint32_t proto = btf_add_func_proto(b, u32);
	btf_add_param(b, "ctx", ctx);
	uint32_t count = btf_add_func(b, "count", proto, BTF_LINKAGE_GLOBAL);
	proto = btf_add_func_proto(b, u32);
	btf_add_param(b, "x", u32);
	uint32_t add = btf_add_func(b, "add", proto, BTF_LINKAGE_STATIC);
	make_program(m, count);
	make_subprogram(m, add);
}

Test(object, libbpf_and_the_kernel_take_it)
{
	struct made m;
	struct buf file;
	make(&m);
	buf_init(&file);
	object_write(&m.compile, &m.object, &file);

	struct bpf_object *object = bpf_object__open_mem(file.data, file.len, NULL);
	cr_assert_not_null(object);
	struct bpf_program *program = bpf_object__find_program_by_name(object, "count");
	cr_assert_not_null(program);
	cr_assert_eq(bpf_program__type(program), BPF_PROG_TYPE_XDP);
	struct bpf_map *map = bpf_object__find_map_by_name(object, "hits");
	cr_assert(map && bpf_map__max_entries(map) == 4 && bpf_map__value_size(map) == 8);
	if (geteuid() == 0) {
		cr_assert_eq(bpf_object__load(object), 0);
		char packet[64] = {0};
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet,
			    .data_size_in = sizeof packet, .repeat = 3);
		cr_assert_eq(bpf_prog_test_run_opts(bpf_program__fd(program), &run), 0);
		cr_assert_eq(run.retval, 3); // add(2) with start == 1
		uint32_t key = 1;
		uint64_t value = 0;
		cr_assert_eq(bpf_map__lookup_elem(map, &key, 4, &value, 8, 0), 0);
		cr_assert_eq(value, 3);
	}
	bpf_object__close(object);
	buf_fini(&file);
	compile_fini(&m.compile);
}

static const char *helper_name(uint32_t id)
{
	return id == 1 ? "bpf_map_lookup_elem" : NULL;
}

Test(object, dump_names_what_instructions_refer_to)
{
	struct made m;
	struct buf file, text;
	const char *why = "";
	make(&m);
	buf_init(&file);
	buf_init(&text);
	object_write(&m.compile, &m.object, &file);
	cr_assert_eq(object_dump((uint8_t *)file.data, file.len, helper_name, &text, &why), 0, "%s",
		     why);
	cr_expect_str_eq(text.data,
			 "section .text\n"
			 "\n"
			 "add:\n"
			 "; hand.ks:5: @helper fn add(x: u32) -> u32 { return x + start }\n"
			 "     0: r0 = r1\n"
			 "     1: r1 = .data + 4 ll\n"
			 "     3: r1 = *(u32 *)(r1 + 0)\n"
			 "     4: r0 += r1\n"
			 "     5: exit\n"
			 "\n"
			 "section xdp\n"
			 "\n"
			 "count:\n"
			 "; hand.ks:2: hits[1] += 1\n"
			 "     0: *(u32 *)(r10 - 4) = 1\n"
			 "     1: r2 = r10\n"
			 "     2: r2 += -4\n"
			 "     3: r1 = hits ll\n"
			 "     5: call bpf_map_lookup_elem#1\n"
			 "     6: if r0 == 0 goto +2 -> 9\n"
			 "     7: r1 = 1\n"
			 "     8: lock *(u64 *)(r0 + 0) += r1\n"
			 "; hand.ks:3: return add(2)\n"
			 "     9: r1 = 2\n"
			 "    10: call add\n"
			 "    11: exit\n");
	buf_fini(&file);
	buf_fini(&text);
	compile_fini(&m.compile);
}

Test(object, dump_survives_damage)
{
	struct made m;
	struct buf file, text;
	const char *why;
	make(&m);
	buf_init(&file);
	buf_init(&text);
	object_write(&m.compile, &m.object, &file);
	uint32_t state = 1;
	for (unsigned i = 0; i < 3000; i++) {
		size_t len = i % 8 ? file.len : file.len * i / 3000;
		uint8_t *copy = malloc(len + 1);
		memcpy(copy, file.data, len);
		for (unsigned k = 0; len && k < 1 + i % 5; k++) {
			state = state * 1664525 + 1013904223;
			copy[(state >> 8) % len] ^= (uint8_t)(1u << (state >> 28 & 7));
		}
		text.len = 0;
		object_dump(copy, len, helper_name, &text, &why);
		free(copy);
	}
	buf_fini(&file);
	buf_fini(&text);
	compile_fini(&m.compile);
}
