/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers begin with, besides the programs of the tree:
 *	fuzzseeds dictionary          the words of the language, from its tables, for libFuzzer's -dict
 *	fuzzseeds btf FOLDER          sections of BTF: a made one, and pieces of the running kernel's
 *	fuzzseeds code FOLDER FILE... what sources compile to: the object, and the bare code of each function
 *
 * A piece is a type with what it refers to, up to some depth; what lies deeper becomes void.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/object/object.h"
#include "btf/btf_str.h"
#include "tests/lib/compilation.h"
#include "tests/lib/small_btf.h"

/* ---- dictionary ---- */

static const char *const words[] = {
#define PUNCT(kind, spelling) spelling,
#define KEYWORD(kind, spelling, role) spelling,
#include "frontend/syntax/tokens.def"
#define BUILTIN(id, name, where, params, result) name,
#include "frontend/sema/builtins.def"
#undef BUILTIN
#define UNAVAILABLE(space, name, what) name,
#include "frontend/sema/unavailable.def"
#undef UNAVAILABLE
	"@xdp fn p(ctx: *xdp_md) -> xdp_action {",
	"@tc(\\\"ingress\\\") fn p(ctx: *__sk_buff) -> i32 {",
	"@helper",
	"@packed",
	"@align(",
	"@flags(",
	"if (var x = ",
	"for (i in 0..",
	"include \\\"net.kh\\\"",
	"hash<u32, u64>(",
	"array<u32, ",
	"lru_hash<",
	"percpu_array<",
	"percpu_hash<",
	"ringbuf<",
	"ctx->data",
	"ctx->data_end",
	"ctx.at(iphdr, 14)",
	"as",
	"step",
	"sizeof(",
	"offsetof(",
};

static void print_dictionary(void)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		printf("\"%s\"\n", words[i]);
}

/* ---- pieces of a kernel's BTF ---- */

enum { MAX_TYPES = 60, MAX_DEPTH = 5, PIECES = 48 };

struct piece {
	const struct btf *from;
	struct arena *arena;
	struct btf_strings strings;
	uint32_t ids[MAX_TYPES], count; // ids[i] becomes i + 1
};

static uint32_t items_of(const struct btf_type *t)
{
	uint32_t fixed, each;

	return btf_kind_extent(t->kind, &fixed, &each) && each ? t->count : 0;
}

static void collect(struct piece *p, uint32_t id, unsigned depth)
{
	uint32_t element, index, count;

	for (uint32_t i = 0; i < p->count; i++)
		if (p->ids[i] == id)
			return;
	if (!id || p->count == MAX_TYPES || depth == MAX_DEPTH)
		return;
	p->ids[p->count++] = id;
	struct btf_type t = btf_get_type(p->from, id);
	collect(p, t.type, depth + 1);
	if (t.kind == BTF_KIND_ARRAY) {
		btf_get_array(&t, &element, &index, &count);
		collect(p, element, depth + 1);
		collect(p, index, depth + 1);
	}
	for (uint32_t i = 0; i < items_of(&t); i++)
		collect(p, btf_get_item(p->from, &t, i).type, depth + 1);
}

static uint32_t new_id(const struct piece *p, uint32_t id)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->ids[i] == id)
			return i + 1;
	return 0;
}

static uint32_t word_at(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The record of a type, its ids and names changed to the new ones. */
static void add_type(struct piece *p, uint32_t id, struct buf *out)
{
	const uint8_t *at = p->from->kernel.types + p->from->kernel.offsets[id - 1];
	struct btf_type t = btf_get_type(p->from, id);
	uint32_t fixed = 0, each = 0;

	btf_kind_extent(t.kind, &fixed, &each);
	buf_add_u32(out, btf_strings_add(&p->strings, t.name));
	buf_add_u32(out, word_at(at + 4));
	buf_add_u32(out, t.type ? new_id(p, t.type) : word_at(at + 8));
	for (uint32_t i = 0; i < fixed; i += 4) {
		bool is_id = t.kind == BTF_KIND_ARRAY && i < 8;
		buf_add_u32(out, is_id ? new_id(p, word_at(t.data + i)) : word_at(t.data + i));
	}
	bool is_enum = t.kind == BTF_KIND_ENUM || t.kind == BTF_KIND_ENUM64;
	for (uint32_t i = 0; i < items_of(&t); i++) {
		struct btf_item item = btf_get_item(p->from, &t, i);
		const uint8_t *record = t.data + (size_t)i * each;
		bool is_section = t.kind == BTF_KIND_DATASEC;
		buf_add_u32(out, is_section ? new_id(p, item.type)
					    : btf_strings_add(&p->strings, item.name));
		buf_add_u32(out,
			    is_section || is_enum ? word_at(record + 4) : new_id(p, item.type));
		if (each == 12)
			buf_add_u32(out, word_at(record + 8));
	}
}

static void write_piece(const struct btf *from, uint32_t id, const char *path)
{
	struct arena arena;
	struct buf types, out;

	arena_init(&arena);
	buf_init(&types);
	buf_init(&out);
	struct piece p = {.from = from, .arena = &arena};
	btf_strings_init(&p.strings, &arena);
	collect(&p, id, 0);
	for (uint32_t i = 0; i < p.count; i++)
		add_type(&p, p.ids[i], &types);
	buf_add_u16(&out, 0xeb9f);
	buf_add_u16(&out, 1); // version; no flags
	const uint32_t header[] = {24, 0, (uint32_t)types.len, (uint32_t)types.len,
				   p.strings.bytes.len};
	for (unsigned i = 0; i < 5; i++)
		buf_add_u32(&out, header[i]);
	buf_add(&out, types.data, types.len);
	buf_add(&out, p.strings.bytes.data, p.strings.bytes.len);
	if (buf_write_file(&out, path, 0644))
		perror(path);
	buf_fini(&types);
	buf_fini(&out);
	arena_fini(&arena);
}

static void write_pieces(const char *folder)
{
	static uint8_t bytes[64 << 20];
	FILE *in = fopen("/sys/kernel/btf/vmlinux", "rb");
	size_t len = in ? fread(bytes, 1, sizeof bytes, in) : 0;
	const char *why = "no such file";
	struct arena arena;
	struct btf btf;
	char path[4096];

	arena_init(&arena);
	if (!in || btf_open(&btf, bytes, len, &arena, &why)) {
		fprintf(stderr, "no pieces of the kernel's BTF: %s\n", why);
	} else {
		for (uint32_t i = 0; i < PIECES; i++) {
			snprintf(path, sizeof path, "%s/kernel%u.btf", folder, i);
			write_piece(&btf, 1 + (i * 2654435761u >> 4) % btf.type_count, path);
		}
	}
	if (in)
		fclose(in);
	arena_fini(&arena);
}

/* ---- code ---- */

static void write_bytes(const char *folder, uint32_t number, const char *suffix,
			const struct buf *b)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%u.%s", folder, number, suffix);
	if (b->len && buf_write_file(b, path, 0644))
		perror(path);
}

/* The bare code: two bytes that choose kind and packet, as object_targets.c reads them, then records. */
static void write_code(const struct bpf_object *object, const char *folder, uint32_t number)
{
	for (uint32_t i = 0; i < object->funcs.len; i++) {
		const struct bpf_func *fn = object->funcs.data[i];
		struct buf b;
		buf_init(&b);
		buf_add_char(&b, (char)(i % 4));
		buf_add_char(&b, 90);
		for (uint32_t k = 0; k < fn->code.len; k++) {
			uint8_t bytes[8];
			insn_encode(&fn->code.data[k], false, bytes);
			buf_add(&b, bytes, sizeof bytes);
		}
		write_bytes(folder, number * 64 + i, "code", &b);
		buf_fini(&b);
	}
}

static void compile_seed(const char *folder, const char *path, uint32_t number,
			 const struct btf *btf)
{
	static char text[1 << 20];
	FILE *in = fopen(path, "rb");
	size_t len = in ? fread(text, 1, sizeof text, in) : 0;
	struct compilation_options o = {.depth = COMPILE_CODE,
					.path = path,
					.kernel = 6 << 16 | 18 << 8,
					.level = 1,
					.btf = btf};
	struct compilation c;
	struct buf object;

	if (in)
		fclose(in);
	compilation_run(&c, &o, text, len);
	buf_init(&object);
	if (c.is_complete) {
		object_write(&c.compile, &c.object, &object);
		write_bytes(folder, number, "o", &object);
		write_code(&c.object, folder, number);
	}
	buf_fini(&object);
	compilation_fini(&c);
}

static void compile_seeds(const char *folder, char **paths, int count)
{
	struct arena arena;
	struct buf small;
	struct btf btf;
	const char *why;

	arena_init(&arena);
	buf_init(&small);
	small_btf_write(&arena, &small);
	bool has_btf = !btf_open(&btf, (const uint8_t *)small.data, small.len, &arena, &why);
	for (int i = 0; i < count; i++)
		compile_seed(folder, paths[i], (uint32_t)i, has_btf ? &btf : NULL);
	buf_fini(&small);
	arena_fini(&arena);
}

int main(int argc, char **argv)
{
	struct arena arena;
	struct buf small;
	char path[4096];

	if (argc == 2 && !strcmp(argv[1], "dictionary")) {
		print_dictionary();
		return 0;
	}
	if (argc > 3 && !strcmp(argv[1], "code")) {
		compile_seeds(argv[2], argv + 3, argc - 3);
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "btf") != 0) {
		fprintf(stderr, "usage: fuzzseeds dictionary | fuzzseeds btf FOLDER | "
				"fuzzseeds code FOLDER FILE...\n");
		return 2;
	}
	arena_init(&arena);
	buf_init(&small);
	small_btf_write(&arena, &small);
	snprintf(path, sizeof path, "%s/small.btf", argv[2]);
	if (buf_write_file(&small, path, 0644))
		perror(path);
	write_pieces(argv[2]);
	buf_fini(&small);
	arena_fini(&arena);
	return 0;
}
