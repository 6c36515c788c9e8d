/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a story of the verifier to a diagnostic. Positions come from the lines of the object's debug
 * information; a source that is not open (that of another compiler's object) is stood in for by a text
 * that has those lines, and no others.
 */
#include "frontend/driver/refusal.h"

#include <stdlib.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"

enum { MAX_LINES = 1 << 20 };

static const char *trimmed(const char *text)
{
	return text + strspn(text, " \t");
}

static size_t trimmed_length(const char *text, size_t len)
{
	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	return len;
}

/* Where in the file the line begins; NULL when it has another text there. */
static const char *find_text(const struct source_map *map, const struct source_file *file,
			     const struct program_line *line)
{
	uint32_t len;
	source_locate(map, file->base); // finds the lines
	if (!line->line)
		return NULL;
	const char *text = source_line(file, line->line, &len), *want = trimmed(line->text);
	if (!text)
		return NULL;
	size_t blank = strspn(text, " \t"), wanted = trimmed_length(want, strlen(want));
	blank = blank < len ? blank : len;
	if (trimmed_length(text + blank, len - blank) != wanted ||
	    memcmp(text + blank, want, wanted) != 0)
		return NULL;
	return text;
}

static int compare_lines(const void *left, const void *right)
{
	const struct program_line *const *a = left, *const *b = right;
	return (*a)->line < (*b)->line ? -1 : (*a)->line > (*b)->line;
}

/* A text with the lines that the program has of that file, each at its place. */
static struct source_file *make_source(struct compile *compile, const struct program_code *code,
				       const char *path)
{
	const struct program_line **lines =
		ARENA_ARRAY(&compile->session, const struct program_line *, code->line_count + 1);
	uint32_t count = 0, at = 1;
	struct buf text;
	for (uint32_t i = 0; i < code->line_count; i++) {
		const struct program_line *l = &code->lines[i];
		if (l->line && l->line < MAX_LINES && !strcmp(l->file, path))
			lines[count++] = l;
	}
	qsort(lines, count, sizeof(*lines), compare_lines);
	buf_init(&text);
	for (uint32_t i = 0; i < count; i++) {
		if (i && lines[i]->line == lines[i - 1]->line)
			continue;
		for (; at < lines[i]->line; at++)
			buf_add_char(&text, '\n');
		buf_add(&text, lines[i]->text, strcspn(lines[i]->text, "\n"));
	}
	buf_add_char(&text, '\n');
	struct source_file *file =
		source_add(&compile->sources, path, text.data, (uint32_t)text.len);
	buf_fini(&text);
	return file;
}

static span span_of(struct compile *compile, const struct program_code *code,
		    const struct program_line *line)
{
	const struct source_file *file = NULL;
	const char *text = NULL;
	uint32_t begin, end;
	if (!line || !line->line || line->line >= MAX_LINES)
		return (span){0, 0};
	for (uint32_t i = compile->sources.files.len; i-- > 0 && !text;) {
		file = compile->sources.files.data[i];
		if (!strcmp(file->path, line->file))
			text = find_text(&compile->sources, file, line);
	}
	if (!text) {
		file = make_source(compile, code, line->file);
		text = file ? find_text(&compile->sources, file, line) : NULL;
	}
	if (!text)
		return (span){0, 0};
	uint32_t base = file->base + (uint32_t)(text - file->text);
	size_t cut = strspn(text, " \t") - strspn(line->text, " \t"); // some cut the indent
	if (!verify_find_span(line, &begin, &end)) {
		begin = line->column ? line->column - 1 : (uint32_t)strspn(text, " \t");
		end = begin + 1;
	}
	if (begin > strlen(line->text))
		begin = end = 0;
	return (span){base + begin + (uint32_t)cut, base + end + (uint32_t)cut};
}

static void add_instruction(struct buf *out, const struct program_code *code, uint32_t insn)
{
	const struct insn_names names = {.helper = kernel_helper_name};
	buf_printf(out, "instruction %u: ", insn);
	insn_print(out, &code->records[insn], code->count - insn, &names);
}

static void note_instruction(struct compile *compile, struct diag *d,
			     const struct program_code *code, uint32_t insn, const char *text)
{
	struct buf words;
	buf_init(&words);
	add_instruction(&words, code, insn);
	diag_note(&compile->diags, d, (span){0, 0}, "%s%s%s", text, *text ? "; " : "", words.data);
	buf_fini(&words);
}

void refusal_report(struct compile *compile, const struct refusal *r)
{
	const struct program_code *code = r->code;
	bool has_insn = r->result->insn < code->count;
	const struct program_line *line = has_insn ? verify_find_line(code, r->result->insn) : NULL;
	span where = span_of(compile, code, line);
	struct diag *d = diag_report(
		&compile->diags, D_REFUSED_BY_VERIFIER, where, code->name,
		r->kernels ? arena_printf(&compile->session, "Linux %s", r->kernels) : "the kernel",
		r->story->text);
	if (*r->story->said)
		diag_note(&compile->diags, d, (span){0, 0}, "the kernel says: %s", r->story->said);
	if (*r->story->known)
		diag_note(&compile->diags, d, (span){0, 0}, "%s", r->story->known);
	if (has_insn && !where.end)
		note_instruction(compile, d, code, r->result->insn, "");
	for (uint32_t i = 0; i < r->story->note_count; i++) {
		const struct verify_note *n = &r->story->notes[i];
		span at = span_of(compile, code, verify_find_line(code, n->insn));
		if (at.end)
			diag_note(&compile->diags, d, at, "%s", n->text);
		else
			note_instruction(compile, d, code, n->insn, n->text);
	}
	if (*r->story->hint)
		diag_hint(&compile->diags, d, "%s", r->story->hint);
}

/* ---- the check of what was just built ---- */

void product_mark_sleepers(const struct product *product, struct program_object *object)
{
	for (uint32_t i = 0; i < object->programs.len; i++)
		for (uint32_t k = 0; product && k < product->sleepers.len; k++)
			object->programs.data[i].is_sleepable |=
				!strcmp(object->programs.data[i].name, product->sleepers.data[k]);
}

/* Types of another kernel, or none, say nothing about these. */
static bool depends_on_types(enum verify_reason reason)
{
	return reason == VERIFY_TYPES || reason == VERIFY_KFUNC || reason == VERIFY_ATTACH ||
	       reason == VERIFY_OBJECT_ACCESS || reason == VERIFY_KERNEL ||
	       reason == VERIFY_ARGUMENT;
}

static void check_program(struct compile *compile, const struct precheck *check,
			  const struct program_object *object, const struct program_code *code)
{
	struct verify_options options = {.kernel = check->kernel, .types = check->types};
	struct verify_result result;
	struct verify_story story;
	char version[16];
	verify_program(object, code, &options, &result);
	if (result.is_accepted || (!check->types_fit && depends_on_types(result.reason))) {
		verify_result_free(&result);
		return;
	}
	verify_result_free(&result);
	options.keep_steps = true; // once more, for the path
	verify_program(object, code, &options, &result);
	verify_tell(object, code, &options, &result, &story);
	kernel_format_version(check->kernel, version);
	refusal_report(compile, &(struct refusal){code, &result, &story, version});
	verify_story_free(&story);
	verify_result_free(&result);
}

bool refusal_precheck(struct compile *compile, const struct precheck *check)
{
	struct program_options how = {.kernel = check->types, .release = check->kernel};
	struct program_object object;
	uint32_t errors = compile->diags.errors;
	struct buf why;
	buf_init(&why);
	if (program_open(&object, (const uint8_t *)check->object->data, check->object->len, &how,
			 &why)) {
		product_mark_sleepers(check->product, &object);
		for (uint32_t i = 0; i < object.programs.len; i++)
			if (!object.programs.data[i].problem)
				check_program(compile, check, &object, &object.programs.data[i]);
		program_close(&object);
	}
	buf_fini(&why);
	return compile->diags.errors == errors;
}
