/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The base library: interned names, diagnostics with their limits, source positions.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "frontend/base/diag.h"
#include "frontend/base/intern.h"
#include "frontend/base/map.h"

Test(base, nothing_from_an_empty_arena_is_a_place_too)
{
	struct arena arena;

	arena_init(&arena);
	cr_assert_not_null(arena_alloc(&arena, 0));
	cr_assert_not_null(arena_copy(&arena, NULL, 0));
	arena_fini(&arena);
}

Test(base, diagnostic_names_are_unique_and_found_by_name)
{
	for (int id = 0; id < DIAG_COUNT; id++)
		cr_assert_eq(diag_find(diag_info((enum diag_id)id)->name), id, "%s",
			     diag_info((enum diag_id)id)->name);
	cr_assert_eq(diag_find("no-such-diagnostic"), DIAG_COUNT);
}

Test(base, equal_texts_have_one_symbol)
{
	struct arena arena;
	struct intern names;
	arena_init(&arena);
	intern_init(&names, &arena);
	char text[16];
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++) {
			int len = snprintf(text, sizeof(text), "name%d", i);
			symbol name = intern_make(&names, text, (size_t)len);
			cr_assert_eq(name, (symbol)(i + 1));
			cr_assert_str_eq(intern_text(&names, name), text);
		}
	cr_assert_eq(intern_string(&names, ""), 0);
	arena_fini(&arena);
}

Test(base, map_finds_what_was_inserted_and_nothing_else)
{
	struct arena arena;
	struct map map;
	arena_init(&arena);
	map_init(&map, &arena);
	for (uint64_t i = 0; i < 10000; i++)
		*map_insert(&map, i * 4096) = i;
	for (uint64_t i = 0; i < 10000; i++) {
		cr_assert_eq(*map_find(&map, i * 4096), i);
		cr_assert_null(map_find(&map, i * 4096 + 1));
	}
	map_clear(&map);
	cr_assert_null(map_find(&map, 0));
	arena_fini(&arena);
}

Test(base, positions_count_lines_and_bytes_from_one)
{
	struct arena arena;
	struct source_map sources;
	arena_init(&arena);
	source_init(&sources, &arena);
	struct source_file *a = source_add(&sources, "a.ks", "one\ntwo\n", 8);
	struct source_file *b = source_add(&sources, "b.ks", "x", 1);
	struct source_pos pos = source_locate(&sources, a->base + 5);
	cr_assert_eq(pos.file, a);
	cr_assert_eq(pos.line, 2);
	cr_assert_eq(pos.column, 2);
	cr_assert_eq(source_locate(&sources, b->base).file, b);
	cr_assert_eq(source_locate(&sources, b->base + 1).file, b, "one past the end is inside");
	cr_assert_null(source_locate(&sources, 0).file);
	uint32_t len;
	cr_assert_eq(*source_line(a, 2, &len), 't');
	cr_assert_eq(len, 3);
	arena_fini(&arena);
}

Test(base, errors_past_the_limit_are_counted_but_not_kept)
{
	struct arena arena;
	struct diags diags;
	arena_init(&arena);
	diags_init(&diags, &arena);
	for (uint32_t i = 1; i <= DIAG_MAX_KEPT + 50; i++)
		cr_assert_not_null(
			diag_report(&diags, D_FILE_NOT_READABLE, (span){i, i + 1}, "a", "b"));
	cr_assert_eq(diags.list.len, DIAG_MAX_KEPT);
	cr_assert(diags.errors >= DIAG_MAX_KEPT);
	diag_report(&diags, D_FILE_NOT_READABLE, (span){1, 2}, "a", "b");
	cr_assert_eq(diags.list.len, DIAG_MAX_KEPT);
	arena_fini(&arena);
}
