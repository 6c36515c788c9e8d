/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict as machines read it: one JSON object on a line. Refusals for people are diagnostics (refusal.c). */
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/driver/verify.h"

static void print_string(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_add_char(out, (char)c);
	}
	buf_add_char(out, '"');
}

static void print_member(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	print_string(out, text);
}

static void print_place(struct buf *out, const struct program_code *code, uint32_t insn)
{
	const struct program_line *line = insn < code->count ? verify_find_line(code, insn) : NULL;
	const struct insn_names names = {.helper = kernel_helper_name};
	struct buf text;
	if (insn >= code->count)
		return;
	buf_printf(out, ",\"instruction\":%u", insn);
	buf_init(&text);
	insn_print(&text, &code->records[insn], code->count - insn, &names);
	print_member(out, "text", text.data);
	buf_fini(&text);
	if (!line)
		return;
	print_member(out, "source", line->file);
	buf_printf(out, ",\"line\":%u,\"column\":%u", line->line, line->column);
}

static void print_refusal(struct buf *out, const struct verify_view *view)
{
	const struct verify_story *story = view->story;
	print_member(out, "message", story->text);
	if (*story->said)
		print_member(out, "said", story->said);
	print_member(out, "known", story->known);
	print_member(out, "hint", story->hint);
	print_member(out, "registers", view->result->detail);
	if (view->result->reg >= 0)
		buf_printf(out, ",\"register\":%d", view->result->reg);
	print_place(out, view->code, view->result->insn);
	buf_add_text(out, ",\"because\":[");
	for (uint32_t i = 0; i < story->note_count; i++) {
		buf_add_text(out, i ? ",{\"message\":" : "{\"message\":");
		print_string(out, story->notes[i].text);
		print_place(out, view->code, story->notes[i].insn);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

void verify_print_json(struct buf *out, const struct verify_view *view)
{
	const struct verify_result *r = view->result;
	char version[16];
	kernel_format_version(view->kernel, version);
	buf_add_text(out, "{\"file\":");
	print_string(out, view->file);
	print_member(out, "program", view->code->name);
	print_member(out, "section", view->code->section);
	buf_printf(out,
		   ",\"kernel\":\"%s\",\"accepted\":%s,\"reason\":\"%s\",\"processed\":%u,"
		   "\"states\":%u,\"stack\":%u",
		   version, r->is_accepted ? "true" : "false",
		   r->is_accepted || r->reason ? verify_reason_name(r->reason) : "other",
		   r->processed, r->states, r->stack_depth);
	if (!r->is_accepted)
		print_refusal(out, view);
	buf_add_text(out, "}\n");
}
