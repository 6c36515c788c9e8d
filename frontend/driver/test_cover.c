/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage: how often the instructions of each source line ran, in all programs and tests together. A
 * line ran as often as the one of its instructions that ran most.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend/driver/output.h"
#include "frontend/driver/test_inside.h"

struct covered {
	const char *file;
	uint32_t line;
	uint64_t count;
};

typedef VEC(struct covered) covered_list;

static int by_place(const void *a, const void *b)
{
	const struct covered *x = a, *y = b;
	int order = strcmp(x->file, y->file);
	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* One row for each line that has code, in order. */
static void collect(const struct test_file *f, struct arena *arena, covered_list *list)
{
	uint32_t count = f->vm && f->counts ? vm_code_count(f->vm) : 0, kept = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct vm_line line;
		if (!vm_find_line_of(f->vm, i, &line))
			continue;
		struct covered row = {line.file, line.line, f->counts[i]};
		vec_push(arena, list, row);
	}
	if (!list->len)
		return;
	qsort(list->data, list->len, sizeof list->data[0], by_place);
	for (uint32_t i = 1; i < list->len; i++) {
		struct covered *last = &list->data[kept], *row = &list->data[i];
		if (by_place(last, row))
			list->data[++kept] = *row;
		else if (row->count > last->count)
			last->count = row->count;
	}
	list->len = kept + 1;
}

/* Rows of one file from `first` on. */
static uint32_t rows_of_file(const covered_list *list, uint32_t first, uint32_t *hit)
{
	uint32_t i = first;
	for (*hit = 0; i < list->len && !strcmp(list->data[i].file, list->data[first].file); i++)
		*hit += list->data[i].count != 0;
	return i - first;
}

static void print_source(struct buf *out, const struct covered *rows, uint32_t count,
			 const char *text, size_t len)
{
	const char *end = text + len;
	for (uint32_t line = 1, row = 0; text < end; line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t width = (size_t)((stop ? stop : end) - text);
		if (row < count && rows[row].line == line) {
			if (rows[row].count)
				buf_printf(out, "%10llu ", (unsigned long long)rows[row].count);
			else
				buf_add_text(out, "     never ");
			row++;
		} else {
			buf_add_text(out, "           ");
		}
		buf_printf(out, "%5u | ", line);
		buf_add(out, text, width);
		buf_add_char(out, '\n');
		text += width + (stop != NULL);
	}
}

void test_print_coverage(const struct test_file *f, struct buf *out)
{
	covered_list list = {0};
	struct arena arena;
	uint32_t hit, count;
	arena_init(&arena);
	collect(f, &arena, &list);
	for (uint32_t i = 0; i < list.len; i += count) {
		struct compile reading;
		struct buf text;
		count = rows_of_file(&list, i, &hit);
		buf_printf(out, "\n%s: %u of %u lines of eBPF code ran\n", list.data[i].file, hit,
			   count);
		compile_init(&reading);
		buf_init(&text);
		if (output_read_file(&reading, list.data[i].file, &text) && text.len)
			print_source(out, &list.data[i], count, text.data, text.len);
		buf_fini(&text);
		compile_fini(&reading);
	}
	arena_fini(&arena);
}

void test_add_lcov(const struct test_file *f, struct buf *out)
{
	covered_list list = {0};
	struct arena arena;
	uint32_t hit, count;
	arena_init(&arena);
	collect(f, &arena, &list);
	for (uint32_t i = 0; i < list.len; i += count) {
		count = rows_of_file(&list, i, &hit);
		char *full = realpath(list.data[i].file, NULL);
		buf_printf(out, "TN:\nSF:%s\n", full ? full : list.data[i].file);
		free(full);
		for (uint32_t k = i; k < i + count; k++)
			buf_printf(out, "DA:%u,%llu\n", list.data[k].line,
				   (unsigned long long)list.data[k].count);
		buf_printf(out, "LF:%u\nLH:%u\nend_of_record\n", count, hit);
	}
	arena_fini(&arena);
}
