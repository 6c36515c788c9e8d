/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BTF section of any bytes: read in both ways, printed as `ks list` does, and its types used by a
 * program, which makes the checker lay them out.
 */
#include <ctype.h>
#include <string.h>

#include "frontend/driver/list_print.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/compilation.h"

/* What list_print_type() takes. */
enum {
	DECLARED_KINDS = 1 << BTF_KIND_STRUCT | 1 << BTF_KIND_UNION | 1 << BTF_KIND_ENUM |
			 1 << BTF_KIND_ENUM64 | 1 << BTF_KIND_TYPEDEF
};

enum { MAX_PRINTED = 200, MAX_USED = 20, MAX_OUTPUT = 1 << 20 };

static void read_type(const struct btf *btf, uint32_t id)
{
	struct btf_type t = btf_get_type(btf, id);
	uint32_t element, index, count, fixed, each;

	if (t.kind == BTF_KIND_ARRAY) {
		btf_get_array(&t, &element, &index, &count);
		if (element > btf->type_count || index > btf->type_count)
			fuzz_fail("an array of a type that does not exist");
	}
	if (t.kind == BTF_KIND_INT)
		btf_int_encoding(&t);
	if (t.type > btf->type_count)
		fuzz_fail("a type that does not exist");
	if (!btf_kind_extent(t.kind, &fixed, &each) || !each)
		return;
	for (uint32_t i = 0; i < t.count; i++)
		if (btf_get_item(btf, &t, i).type > btf->type_count)
			fuzz_fail("an item of a type that does not exist");
}

static void print_types(const struct btf *btf)
{
	struct buf out;

	buf_init(&out);
	for (uint32_t id = 1; id <= btf->type_count && id <= MAX_PRINTED && out.len < MAX_OUTPUT;
	     id++) {
		struct list_printer p = {.btf = btf, .out = &out};
		if (DECLARED_KINDS >> btf_kind_of(btf, id) & 1)
			list_print_type(&p, id);
		if (btf_kind_of(btf, id) == BTF_KIND_FUNC_PROTO)
			list_print_signature(&p, id, 0);
	}
	buf_fini(&out);
}

static bool is_name(const char *text)
{
	const char *p = text;

	for (; isalnum((unsigned char)*p) || *p == '_'; p++)
		;
	return !*p && *text && !isdigit((unsigned char)*text);
}

/* A program that names the types and fields, for the checker. */
static void write_program(const struct btf *btf, struct buf *out)
{
	const char *why;

	for (uint32_t id = 1, n = 0; id <= btf->type_count && n < MAX_USED; id++) {
		if (btf_check_type(btf, id, &why))
			continue;
		struct btf_type t = btf_get_type(btf, id);
		if (!is_name(t.name))
			continue;
		bool has_fields = t.kind == BTF_KIND_STRUCT || t.kind == BTF_KIND_UNION;
		buf_printf(out, "fn f%u(p: *%s, q: %s) -> u64 {\n", n, t.name, t.name);
		buf_printf(out, "    var x = sizeof(%s) as u64\n", t.name);
		for (uint32_t i = 0; has_fields && i < t.count && i < MAX_USED; i++) {
			const char *field = btf_get_item(btf, &t, i).name;
			if (is_name(field))
				buf_printf(out,
					   "    if (p) { var y%u = p->%s; x = offsetof(%s, %s) as "
					   "u64 }\n",
					   i, field, t.name, field);
		}
		buf_add_text(out, "    return x\n}\n");
		n++;
	}
	buf_add_text(out, "fn main() -> i32 { return 0 }\n");
}

static void use_types(const struct btf *btf)
{
	struct compilation c;
	struct buf program, printed;

	buf_init(&program);
	buf_init(&printed);
	write_program(btf, &program);
	struct compilation_options o = {.depth = COMPILE_LOWER,
					.path = "fuzz.ks",
					.kernel = 6 << 16 | 18 << 8,
					.level = 1,
					.btf = btf};
	compilation_run(&c, &o, program.data, program.len);
	compilation_print(&c, &printed);
	compilation_fini(&c);
	buf_fini(&program);
	buf_fini(&printed);
}

void fuzz_btf(const uint8_t *data, size_t len)
{
	const void *section;
	struct arena arena;
	struct btf btf;
	const char *why = NULL;
	size_t section_len;

	arena_init(&arena);
	if (btf_find_section(data, len, &section, &section_len)) {
		if (!btf_open(&btf, section, section_len, &arena, &why))
			for (uint32_t id = 1; id <= btf.type_count; id++)
				read_type(&btf, id);
		if (!btf_open_lazily(&btf, section, section_len, &arena, &why)) {
			print_types(&btf);
			use_types(&btf);
			btf_find(&btf, BTF_KIND_STRUCT, "task_struct");
			btf_find_next(&btf, UINT32_MAX, "n", 0);
			btf_find_enumerator(&btf, "PIDTYPE_PID");
		}
	}
	arena_fini(&arena);
}
