/* SPDX-License-Identifier: Apache-2.0 */
/* BTF: what the builder writes the reader reads; damaged sections are refused, never followed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "btf/btf.h"

static void build(struct arena *arena, struct buf *out)
{
	struct btf_builder *b = btf_builder_new(arena);
	uint32_t u32 = btf_add_int(b, "u32", 4, 0);
	uint32_t u64 = btf_add_int(b, "u64", 8, 0);
	cr_assert_eq(btf_add_int(b, "u32", 4, 0), u32);
	uint32_t next = btf_add_pointer(b, 0);
	uint32_t node = btf_add_struct(b, "node", 24, false);
	btf_add_member(b, "next", next, 0, 0);
	uint32_t array = btf_add_array(b, u32, u32, 2); // while the struct is still open
	btf_add_member(b, "values", array, 64, 0);
	btf_add_member(b, "low", u64, 128, 3);
	btf_set_target(b, next, node);
	cr_assert_neq(btf_add_pointer(b, 0), next);
	btf_add_enum(b, "color", 4, true);
	btf_add_enumerator(b, "RED", (uint64_t)-1);
	btf_add_enum(b, "big", 8, false);
	btf_add_enumerator(b, "HUGE", 1ull << 40);
	uint32_t proto = btf_add_func_proto(b, u32);
	btf_add_param(b, "ctx", next);
	btf_add_func(b, "prog", proto, BTF_LINKAGE_GLOBAL);
	btf_add_map(b, &(struct btf_map){.name = "counts",
					 .type = 1,
					 .key = u32,
					 .value = u64,
					 .max_entries = 1024});
	btf_add_map(b, &(struct btf_map){.name = "other",
					 .type = 2,
					 .key = u32,
					 .value = u64,
					 .max_entries = 1,
					 .flags = 1,
					 .is_pinned = true});
	btf_add_map_section(b);
	btf_write(b, out);
}

Test(btf, round_trip)
{
	struct arena arena;
	struct buf out;
	struct btf btf;
	const char *why = NULL;
	arena_init(&arena);
	buf_init(&out);
	build(&arena, &out);
	cr_assert_eq(btf_open(&btf, out.data, out.len, &arena, &why), 0, "%s", why);

	struct btf_type node = btf_get_type(&btf, btf_find(&btf, BTF_KIND_STRUCT, "node"));
	cr_assert_eq(node.size, 24);
	cr_assert_eq(node.count, 3);
	struct btf_item low = btf_get_item(&btf, &node, 2);
	cr_assert_str_eq(low.name, "low");
	cr_assert(low.bit_offset == 128 && low.bit_size == 3);
	struct btf_item next = btf_get_item(&btf, &node, 0);
	cr_assert_str_eq(btf_get_type(&btf, btf_get_type(&btf, next.type).type).name, "node");

	struct btf_type color = btf_get_type(&btf, btf_find(&btf, BTF_KIND_ENUM, "color"));
	cr_assert_eq(btf_get_item(&btf, &color, 0).value, (uint64_t)-1);
	struct btf_type big = btf_get_type(&btf, btf_find(&btf, BTF_KIND_ENUM64, "big"));
	cr_assert_eq(btf_get_item(&btf, &big, 0).value, 1ull << 40);

	struct btf_type prog = btf_get_type(&btf, btf_find(&btf, BTF_KIND_FUNC, "prog"));
	cr_assert_eq(prog.linkage, BTF_LINKAGE_GLOBAL);
	struct btf_type maps = btf_get_type(&btf, btf_find(&btf, BTF_KIND_DATASEC, ".maps"));
	cr_assert_eq(maps.count, 2);
	cr_assert_eq(btf_get_item(&btf, &maps, 1).offset, BTF_MAP_STRIDE);
	cr_assert_eq(btf_find(&btf, BTF_KIND_STRUCT, "absent"), 0);
	buf_fini(&out);
	arena_fini(&arena);
}

/* Reads everything that a section claims to have. */
static void walk(const struct btf *btf)
{
	uint32_t fixed, each;
	for (uint32_t id = 1; id <= btf->type_count; id++) {
		struct btf_type type = btf_get_type(btf, id);
		cr_assert(strlen(type.name) < btf->kernel.string_bytes &&
			  type.type <= btf->type_count);
		btf_kind_extent(type.kind, &fixed, &each);
		for (uint32_t i = 0; each && i < type.count; i++) {
			struct btf_item item = btf_get_item(btf, &type, i);
			cr_assert(strlen(item.name) < btf->kernel.string_bytes &&
				  item.type <= btf->type_count);
		}
	}
}

Test(btf, damage_is_refused_or_harmless)
{
	struct arena arena;
	struct buf out;
	struct btf btf;
	const char *why;
	arena_init(&arena);
	buf_init(&out);
	build(&arena, &out);
	char *copy = malloc(out.len);
	for (size_t at = 0; at < out.len; at++) {
		memcpy(copy, out.data, out.len);
		for (unsigned flip = 1; flip < 256; flip = flip * 2 + 1) {
			copy[at] = (char)(out.data[at] ^ (char)flip);
			if (!btf_open(&btf, copy, out.len, &arena, &why))
				walk(&btf);
		}
		arena_reset(&arena);
	}
	free(copy);
	for (size_t len = 0; len < out.len; len++) {
		copy = malloc(len + 1);
		memcpy(copy, out.data, len);
		cr_assert_neq(btf_open(&btf, copy, len, &arena, &why), 0);
		free(copy);
	}
	buf_fini(&out);
	arena_fini(&arena);
}

/* A module's section, built as one of its own and then turned: a struct `name` whose member `at` points to a
 * second struct `name` + "_part" of it, and whose member `count` is type 1 of the kernel. */
static void build_module(const struct btf *kernel, const char *name, struct buf *out)
{
	uint32_t base = kernel->kernel.string_bytes, ids = kernel->kernel.count;
	char strings[64];
	int part = snprintf(strings, sizeof strings, "%s%cat%ccount%c%s_part", name, 0, 0, 0, name);
	uint32_t len = (uint32_t)part + 1, at = (uint32_t)strlen(name) + 1, count = at + 3;
	uint32_t words[] = {
		0x0001eb9f,
		24,
		0,
		3 * 12 + 2 * 12,
		3 * 12 + 2 * 12,
		len,
		base,
		2 | BTF_KIND_STRUCT << 24,
		16,
		base + at,
		ids + 2,
		0,
		base + count,
		1,
		64,
		0,
		BTF_KIND_PTR << 24,
		ids + 3,
		base + count + 6,
		BTF_KIND_STRUCT << 24,
		4,
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		buf_add_u32(out, words[i]);
	buf_add(out, strings, len);
}

/* The struct with that name has the members that build_module() gave it. */
static void expect_module(const struct btf *btf, const char *name)
{
	char part[32];
	uint32_t id = btf_find(btf, BTF_KIND_STRUCT, name);
	const char *why;

	cr_assert(id > btf->kernel.count, "%s", name);
	cr_assert_eq(btf_check_type(btf, id, &why), 0);
	cr_assert_str_eq(btf_name_of(btf, id), name);
	struct btf_type t = btf_get_type(btf, id);
	struct btf_item at = btf_get_item(btf, &t, 0), count = btf_get_item(btf, &t, 1);
	cr_assert_str_eq(at.name, "at");
	cr_assert_eq(count.type, 1);
	cr_assert_eq(btf_kind_of(btf, at.type), BTF_KIND_PTR);
	snprintf(part, sizeof part, "%s_part", name);
	cr_assert_str_eq(btf_get_type(btf, btf_get_type(btf, at.type).type).name, part);
}

Test(btf, modules_go_on_from_the_kernel)
{
	static const char *const names[] = {"one", "two", "three"};
	struct arena arena;
	struct buf out, modules[3];
	struct btf btf;
	const char *why;

	arena_init(&arena);
	buf_init(&out);
	build(&arena, &out);
	cr_assert_eq(btf_open(&btf, out.data, out.len, &arena, &why), 0);
	cr_assert_not(btf_is_module(out.data, out.len));
	for (int i = 0; i < 3; i++) {
		buf_init(&modules[i]);
		build_module(&btf, names[i], &modules[i]);
		cr_assert(btf_is_module(modules[i].data, modules[i].len));
		cr_assert_eq(btf_add_module(&btf, modules[i].data, modules[i].len, &arena, &why), 0,
			     "%s", why);
	}
	for (int i = 0; i < 3; i++)
		expect_module(&btf, names[i]);
	cr_assert_eq(btf.type_count, btf.kernel.count + 9);
	walk(&btf);
	/* Damage to a module is found when a type is looked at. */
	for (size_t at = 24; at < modules[0].len; at++) {
		struct btf again;
		modules[0].data[at] ^= 0x55;
		btf_open(&again, out.data, out.len, &arena, &why);
		if (!btf_add_module(&again, modules[0].data, modules[0].len, &arena, &why))
			for (uint32_t id = 1; id <= again.type_count; id++)
				btf_check_type(&again, id, &why);
		modules[0].data[at] ^= 0x55;
	}
	for (int i = 0; i < 3; i++)
		buf_fini(&modules[i]);
	buf_fini(&out);
	arena_fini(&arena);
}
