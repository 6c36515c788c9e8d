/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linking of images and writing of programs: broken objects are refused with a reason and never
 * overrun, and a written program is a valid ELF file whose payloads are found by name.
 */
#define _GNU_SOURCE // memmem
#include <elf.h>

#include "tests/unit/host_harness.h"

static const char *const program_text =
	"dtype 1 = int \"u32\" size 4\n"
	"dtype 2 = int \"bool\" size 1 encoding 4\n"
	"dtype 3 = int \"i16\" size 2 encoding 1\n"
	"dtype 4 = int \"char\" size 1 encoding 2\n"
	"dtype 5 = array size 8 target 4 count 8\n"
	"global $d section data offset 0 size 4 align 4 dtype 1 init \"\\x05\\x00\\x00\\x00\"\n"
	"global $r section rodata offset 0 size 4 align 4 dtype 1 init \"text\"\n"
	"map &hits type 1 key 4 scalar value 8 scalar entries 16 pinned\n"
	"extern !ks_print_text runtime void effects 8\n"
	"extern !ks_exit runtime void effects 8\n"
	"options size 16\n"
	"option a_b dtype 1 size 4\n"
	"option flag dtype 2 offset 4 size 1\n"
	"option less dtype 3 offset 6 size 2\n"
	"option name dtype 5 offset 8 size 8\n"
	"fn @filter(ptr) -> i32 bpf program \"xdp\" exported {\n"
	"b0:\n  return 2\n}\n"
	"main\nfn @main(ptr) -> i32 host exported {\n"
	"b0:\n  %1 = global $d\n  %2 = load.i32 %1 w4 global\n  %3 = global $r\n"
	"  call_extern !ks_print_text(%3, 4:i64)\n  call_extern !ks_exit(%2)\n"
	"  return %2\n}\n";

struct fixture {
	struct compile c;
	struct ir_module m;
	struct buf object;
};

static void make_fixture(struct fixture *f, const char *machine)
{
	compile_init(&f->c);
	parse_ir(&f->c, &f->m, program_text);
	f->object = make_object(&f->m, 1, machine);
}

static void drop_fixture(struct fixture *f)
{
	buf_fini(&f->object);
	compile_fini(&f->c);
}

/* Links a copy in memory of exactly its size, so that a sanitizer sees any read past its end. */
static bool links(const char *data, size_t len, const char **why)
{
	struct arena arena;
	struct buf image;
	static char reason[256];
	const char *text = NULL;
	arena_init(&arena);
	buf_init(&image);
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, data, len);
	bool ok = image_link(copy, len, &arena, &image, &text);
	cr_assert(ok || (text && *text));
	snprintf(reason, sizeof reason, "%s", text ? text : "");
	*why = reason;
	free(copy);
	buf_fini(&image);
	arena_fini(&arena);
	return ok;
}

static void refuse_cut_objects(const char *machine)
{
	if (!has_machine(machine))
		return;
	struct fixture f;
	const char *why;
	make_fixture(&f, machine);
	cr_assert(links(f.object.data, f.object.len, &why), "%s", why);
	for (size_t len = 0; len < f.object.len; len++)
		cr_assert(!links(f.object.data, len, &why), "%zu of %zu bytes", len, f.object.len);
	drop_fixture(&f);
}

Test(image, an_object_cut_short_is_refused)
{
	refuse_cut_objects("x86_64");
	refuse_cut_objects("aarch64");
}

Test(image, damaged_objects_never_overrun)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	struct fixture f;
	const char *why;
	make_fixture(&f, NULL);
	for (size_t i = 0; i < f.object.len; i++) {
		char kept = f.object.data[i];
		for (size_t k = 0; k < sizeof values; k++) {
			f.object.data[i] = (char)values[k];
			links(f.object.data, f.object.len, &why);
		}
		f.object.data[i] = kept;
	}
	drop_fixture(&f);
}

Test(image, an_unknown_runtime_function_is_named)
{
	struct fixture f;
	const char *why;
	make_fixture(&f, NULL);
	char *name = memmem(f.object.data, f.object.len, "ks_exit", 8);
	cr_assert(name);
	memcpy(name, "ks_quit", 7);
	cr_assert(!links(f.object.data, f.object.len, &why));
	cr_assert_str_eq(why, "the runtime has no function `ks_quit`");
	drop_fixture(&f);
}

/* ---- metadata ---- */

static const char *text_at(const struct buf *meta, uint32_t offset)
{
	cr_assert(offset < meta->len);
	return meta->data + offset;
}

Test(image, metadata_tells_programs_maps_and_options)
{
	struct compile c;
	struct ir_module m;
	struct buf meta;
	struct ks_meta_header h;
	buf_init(&meta);
	compile_init(&c);
	parse_ir(&c, &m, program_text);
	image_write_meta(&m, "x.ks", &meta);
	memcpy(&h, meta.data, sizeof h);
	const struct ks_meta_program *programs = (const void *)(meta.data + h.programs);
	const struct ks_meta_map *maps = (const void *)(meta.data + h.maps);
	const struct ks_meta_option *options = (const void *)(meta.data + h.options);
	cr_assert(h.magic == KS_META_MAGIC && h.program_count == 1 && h.map_count == 1 &&
		  h.option_count == 4 && h.options_size == 16);
	cr_assert_eq(h.section_size[0], 4);
	cr_assert_str_eq(text_at(&meta, h.source_name), "x.ks");
	cr_assert_str_eq(text_at(&meta, programs[0].name), "filter");
	cr_assert_str_eq(text_at(&meta, programs[0].kind), "xdp");
	cr_assert_str_eq(text_at(&meta, maps[0].name), "hits");
	cr_assert(maps[0].is_pinned && maps[0].value_is_int && maps[0].value_size == 8);
	static const enum ks_option_kind kinds[] = {KS_OPTION_UNSIGNED, KS_OPTION_BOOL,
						    KS_OPTION_SIGNED, KS_OPTION_STR};
	for (int i = 0; i < 4; i++)
		cr_assert_eq(options[i].kind, kinds[i]);
	buf_fini(&meta);
	compile_fini(&c);
}

/* ---- the container ---- */

static void read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "rb");
	char bytes[65536];
	size_t n;
	cr_assert(file, "%s", path);
	while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
		buf_add(out, bytes, n);
	fclose(file);
}

static const Elf64_Shdr *section_named(const struct buf *file, const char *name)
{
	const Elf64_Ehdr *e = (const void *)file->data;
	const Elf64_Shdr *headers = (const void *)(file->data + e->e_shoff);
	cr_assert(e->e_shoff + e->e_shnum * sizeof *headers == file->len);
	const char *names = file->data + headers[e->e_shstrndx].sh_offset;
	for (int i = 0; i < e->e_shnum; i++)
		if (strcmp(names + headers[i].sh_name, name) == 0)
			return &headers[i];
	return NULL;
}

Test(image, a_program_is_the_runtime_with_three_sections)
{
	struct arena arena;
	struct buf runtime, bpf, image, meta, own, out;
	struct buf_insert rest;
	const char *why = NULL;
	arena_init(&arena);
	buf_init(&runtime);
	buf_init(&bpf);
	buf_init(&image);
	buf_init(&meta);
	buf_init(&own);
	buf_init(&out);
	read_file(library_path(&arena, "ks-rt"), &runtime);
	buf_add_text(&bpf, "bpf payload");
	buf_add_text(&image, "image payload");
	buf_add_text(&meta, "meta payload");
	cr_assert(image_write_program((uint8_t *)runtime.data, runtime.len, &bpf, &image, &meta,
				      &arena, &own, &rest, &why),
		  "%s", why);
	buf_add(&out, own.data, rest.at);
	buf_add(&out, runtime.data + rest.at, rest.len);
	buf_add(&out, own.data + rest.at, own.len - rest.at);
	const Elf64_Shdr *s = section_named(&out, KS_SECTION_IMAGE);
	cr_assert(s && s->sh_offset % 4096 == 0 && s->sh_size == image.len);
	cr_assert(memcmp(out.data + s->sh_offset, image.data, image.len) == 0);
	s = section_named(&out, KS_SECTION_META);
	cr_assert(s && memcmp(out.data + s->sh_offset, meta.data, meta.len) == 0);
	s = section_named(&out, KS_SECTION_BPF);
	cr_assert(s && memcmp(out.data + s->sh_offset, bpf.data, bpf.len) == 0);
	cr_assert(section_named(&out, ".text"));
	own.len = 0;
	cr_assert(!image_write_program((uint8_t *)runtime.data, runtime.len / 2, &bpf, &image,
				       &meta, &arena, &own, &rest, &why));
	cr_assert(!image_write_program((uint8_t *)"#!/bin/sh\n", 10, &bpf, &image, &meta, &arena,
				       &own, &rest, &why));
	buf_fini(&runtime);
	buf_fini(&bpf);
	buf_fini(&image);
	buf_fini(&meta);
	buf_fini(&own);
	buf_fini(&out);
	arena_fini(&arena);
}
