/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refusal as people and as machines read it: the line of the source, what is wrong there, what is
 * known of the value, the lines that made the value what it is, and the usual remedy.
 */
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/driver/verify.h"

enum { MAX_CAUSES = 64, SHOWN_CAUSES = 5 };

static const char *paint(const struct verify_view *view, const char *code)
{
	return view->is_coloured ? code : "";
}

static const char *trimmed(const char *text)
{
	return text + strspn(text, " \t");
}

static void print_instruction(struct buf *out, const struct program_code *code, uint32_t insn)
{
	const struct insn_names names = {.helper = kernel_helper_name};
	buf_printf(out, "%u: ", insn);
	insn_print(out, &code->records[insn], code->count - insn, &names);
}

static void print_line(struct buf *out, const struct program_line *line)
{
	buf_printf(out, "%6u | %s\n", line->line, line->text);
	buf_add_text(out, "       | ");
	for (uint32_t i = 1; i < line->column; i++)
		buf_add_char(out, line->text[i - 1] == '\t' ? '\t' : ' ');
	buf_add_text(out, line->column ? "^\n" : "\n");
}

/* Lines that the value came through, each once, oldest first. */
static void print_causes(struct buf *out, const struct verify_view *view,
			 const struct program_line *failed)
{
	struct verify_cause causes[MAX_CAUSES];
	uint32_t count = verify_explain(view->code, view->result, causes, MAX_CAUSES), shown = 0;
	const struct verify_cause *kept[SHOWN_CAUSES];
	const struct program_line *last = failed;
	for (uint32_t i = 0; i < count && shown < SHOWN_CAUSES; i++) {
		const struct program_line *line = verify_find_line(view->code, causes[i].insn);
		if (line && last && line->line == last->line && !strcmp(line->file, last->file))
			continue;
		last = line;
		kept[shown++] = &causes[i];
	}
	if (shown)
		buf_add_text(out, "  how it came to this:\n");
	while (shown--) {
		const struct program_line *line = verify_find_line(view->code, kept[shown]->insn);
		if (line && line->line)
			buf_printf(out, "%6u | %s  (%s)\n", line->line, trimmed(line->text),
				   kept[shown]->role);
		else {
			buf_add_text(out, "       | ");
			print_instruction(out, view->code, kept[shown]->insn);
			buf_printf(out, "  (%s)\n", kept[shown]->role);
		}
	}
}

void verify_print_refusal(struct buf *out, const struct verify_view *view)
{
	const struct verify_result *r = view->result;
	const struct program_code *code = view->code;
	bool has_insn = r->insn < code->count;
	const struct program_line *line = has_insn ? verify_find_line(code, r->insn) : NULL;
	char version[16];
	kernel_format_version(view->kernel, version);
	if (line && line->line)
		buf_printf(out, "%s:%u:%u: ", line->file, line->line, line->column);
	else
		buf_printf(out, "%s: ", view->file);
	buf_printf(out, "%serror:%s Linux %s refuses `%s`: %s [%s]\n", paint(view, "\033[1;31m"),
		   paint(view, "\033[0m"), version, code->name, r->text,
		   verify_reason_name(r->reason));
	if (line && line->line)
		print_line(out, line);
	if (has_insn) {
		buf_add_text(out, "  at instruction ");
		print_instruction(out, code, r->insn);
		buf_add_char(out, '\n');
	}
	for (const char *at = r->detail; *at;) {
		size_t len = strcspn(at, "\n");
		buf_printf(out, "  known: %.*s\n", (int)len, at);
		at += len + (at[len] == '\n');
	}
	print_causes(out, view, line);
	if (*verify_reason_hint(r->reason))
		buf_printf(out, "  help: %s\n", verify_reason_hint(r->reason));
}

static void print_string(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20)
			buf_printf(out, "\\u%04x", c);
		else
			buf_add_char(out, (char)c);
	}
	buf_add_char(out, '"');
}

void verify_print_json(struct buf *out, const struct verify_view *view)
{
	const struct verify_result *r = view->result;
	struct verify_cause causes[MAX_CAUSES];
	char version[16];
	kernel_format_version(view->kernel, version);
	buf_add_text(out, "{\"file\":");
	print_string(out, view->file);
	buf_add_text(out, ",\"program\":");
	print_string(out, view->code->name);
	buf_add_text(out, ",\"section\":");
	print_string(out, view->code->section);
	buf_printf(out,
		   ",\"kernel\":\"%s\",\"accepted\":%s,\"reason\":\"%s\",\"processed\":%u,"
		   "\"states\":%u,\"stack\":%u",
		   version, r->is_accepted ? "true" : "false", verify_reason_name(r->reason),
		   r->processed, r->states, r->stack_depth);
	if (!r->is_accepted) {
		const struct program_line *line =
			r->insn < view->code->count ? verify_find_line(view->code, r->insn) : NULL;
		buf_add_text(out, ",\"message\":");
		print_string(out, r->text);
		buf_add_text(out, ",\"known\":");
		print_string(out, r->detail);
		buf_printf(out, ",\"instruction\":%d,\"register\":%d", (int)r->insn, r->reg);
		if (line) {
			buf_add_text(out, ",\"source\":");
			print_string(out, line->file);
			buf_printf(out, ",\"line\":%u,\"column\":%u", line->line, line->column);
		}
		buf_add_text(out, ",\"because\":[");
		uint32_t count = verify_explain(view->code, r, causes, MAX_CAUSES);
		for (uint32_t i = 0; i < count; i++) {
			line = verify_find_line(view->code, causes[i].insn);
			buf_printf(out, "%s{\"instruction\":%u,\"role\":\"%s\",\"line\":%u}",
				   i ? "," : "", causes[i].insn, causes[i].role,
				   line ? line->line : 0);
		}
		buf_add_char(out, ']');
	}
	buf_add_text(out, "}\n");
}
