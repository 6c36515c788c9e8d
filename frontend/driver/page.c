/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of `ks verify --html`: page/page.html with its style and script put in, and the data of every
 * program as JSON. It needs no network. The script's first lines tell what the data are.
 */
#include "frontend/driver/page.h"

#include <stdio.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/driver/output.h"
#include "frontend/driver/subject.h"

extern const char page_html[], page_css[], page_js[]; // made by embed.cmake

static const char *const keywords[] = {
#define KEYWORD(kind, spelling, role) spelling,
#include "frontend/syntax/tokens.def"
#undef KEYWORD
};

/* ---- JSON ---- */

/* Bytes of the UTF-8 character at `p`, 0 when it is none. */
static size_t character(const unsigned char *p)
{
	size_t len = *p < 0x80                 ? 1
		     : *p >= 0xc2 && *p < 0xe0 ? 2
		     : *p >> 4 == 14           ? 3
		     : *p >= 0xf0 && *p < 0xf5 ? 4
					       : 0;
	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
	}
	return len;
}

/* `<` is escaped because the text stands inside of a script element. */
static void add_string(struct buf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	buf_add_char(out, '"');
	while (*p) {
		size_t len = character(p);
		if (*p == '"' || *p == '\\')
			buf_printf(out, "\\%c", *p);
		else if (*p < 0x20 || *p == '<' || *p == 0x7f)
			buf_printf(out, "\\u%04x", *p);
		else if (len)
			buf_add(out, p, len);
		else
			buf_add_text(out, "\\ufffd");
		p += len ? len : 1;
	}
	buf_add_char(out, '"');
}

static void add_member(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "\"%s\":", name);
	add_string(out, text);
	buf_add_char(out, ',');
}

static void add_base64(struct buf *out, const struct buf *bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)bytes->data;
	buf_add_char(out, '"');
	for (size_t i = 0; i < bytes->len; i += 3) {
		size_t left = bytes->len - i;
		uint32_t n = (uint32_t)p[i] << 16;
		n |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		n |= left > 2 ? p[i + 2] : 0;
		buf_add_char(out, digits[n >> 18]);
		buf_add_char(out, digits[n >> 12 & 63]);
		buf_add_char(out, left > 1 ? digits[n >> 6 & 63] : '=');
		buf_add_char(out, left > 2 ? digits[n & 63] : '=');
	}
	buf_add_char(out, '"');
}

/* ---- parts of a program ---- */

/* What an instruction does, for following values back: one letter. */
static const char *sort_of(const struct bpf_record *i)
{
	unsigned class = i->opcode & 7, op = i->opcode >> 4;
	if (i->opcode == 0x85)
		return i->src == 1 ? "f" : "c"; // call of a function of the program, of the kernel
	if (i->opcode == 0x95)
		return "x";
	if (class == 5 || class == 6)
		return op == 0 ? "g" : "j"; // goto, branch
	if (class == 1)
		return "l";
	if (class == 2 || class == 3)
		return i->opcode >> 5 == 3 ? "s" : "m"; // store, atomic
	return i->opcode == 0xbf && !i->off ? "=" : "a";
}

/* [text, sort, registers read, registers written, source register]; 0 for a second half. */
static void add_insns(struct buf *out, const struct subject *s, const struct program_code *code)
{
	struct buf text;
	buf_init(&text);
	buf_add_text(out, "\"insns\":[");
	for (uint32_t i = 0; i < code->count;) {
		const struct bpf_record *r = &code->records[i];
		unsigned records = insn_records(r);
		text.len = 0;
		subject_print_insn(s, code, i, &text);
		buf_printf(out, "%s[", i ? "," : "");
		add_string(out, text.len ? text.data : "");
		buf_printf(out, ",\"%s\",%u,%u,%u]", sort_of(r), insn_reads(r), insn_writes(r),
			   r->src);
		for (unsigned k = 1; k < records && i + k < code->count; k++)
			buf_add_text(out, ",0");
		i += records;
	}
	buf_add_text(out, "],");
	buf_fini(&text);
}

/* [instruction, file, line, column] of each place where another line begins. */
static void add_lines(struct buf *out, struct subject *s, const struct program_code *code)
{
	buf_add_text(out, "\"lines\":[");
	for (uint32_t i = 0; i < code->line_count; i++) {
		const struct program_line *l = &code->lines[i];
		buf_printf(out, "%s[%u,%u,%u,%u]", i ? "," : "", l->record,
			   subject_find_file(s, code, l->file), l->line, l->column);
	}
	buf_add_text(out, "],\"functions\":[");
	for (uint32_t f = 0; f < code->function_count; f++) {
		buf_printf(out, "%s[%u,", f ? "," : "", code->functions[f].start);
		add_string(out, code->functions[f].name);
		buf_add_char(out, ']');
	}
	buf_add_text(out, "],");
}

static void add_names(struct buf *out, const struct subject *s, const struct program_code *code)
{
	uint32_t count;
	const struct trace_name *names = subject_names(s, code, &count);
	buf_add_text(out, "\"names\":[");
	for (uint32_t i = 0; i < count; i++) {
		const struct trace_name *n = &names[i];
		buf_add_text(out, i ? ",[" : "[");
		add_string(out, n->name);
		buf_printf(out, ",%u,%u,%u,%u,%d,%u]", n->function, n->insn, n->is_param, n->reg,
			   n->offset, n->size);
	}
	buf_add_text(out, "],");
}

/* Values are [text, number of the words]; many share words, which stand once. */
static void add_values(struct buf *out, struct subject *s, const struct verify_trace *t)
{
	struct map numbers;
	VEC(const char *) words = {0};
	struct arena *arena = &s->compile->session;
	map_init(&numbers, arena);
	buf_add_text(out, "\"values\":[");
	for (uint32_t i = 0; i < t->values.len; i++) {
		uint64_t *number = map_insert(&numbers, MAP_PTR(t->values.data[i].words));
		if (!*number) {
			vec_push(arena, &words, t->values.data[i].words);
			*number = words.len;
		}
		buf_add_text(out, i ? ",[" : "[");
		add_string(out, t->values.data[i].text);
		buf_printf(out, ",%u]", (uint32_t)*number - 1);
	}
	buf_add_text(out, "],\"words\":[");
	for (uint32_t i = 0; i < words.len; i++) {
		buf_add_text(out, i ? "," : "");
		add_string(out, words.data[i]);
	}
	buf_add_text(out, "],");
}

/* What is wrong, what is known, what to do; [instruction, text] of the notes in order of the path. */
static void add_story(struct buf *out, const struct subject *s, const struct program_code *code,
		      const struct verify_result *r)
{
	struct verify_story story;
	subject_tell(s, code, r, &story);
	add_member(out, "message", story.text);
	add_member(out, "known", story.known);
	add_member(out, "hint", story.hint);
	buf_add_text(out, "\"notes\":[");
	for (uint32_t i = 0; i < story.note_count; i++) {
		buf_printf(out, "%s[%u,", i ? "," : "", story.notes[i].insn);
		add_string(out, story.notes[i].text);
		buf_add_char(out, ']');
	}
	buf_add_text(out, "],");
	verify_story_free(&story);
}

static void add_verdict(struct buf *out, const struct subject *s, const struct program_code *code,
			const struct verify_result *r)
{
	char version[16];
	kernel_format_version(s->kernel, version);
	add_member(out, "name", code->name);
	add_member(out, "section", code->section);
	add_member(out, "kernel", version);
	if (!r->is_accepted)
		add_story(out, s, code, r);
	buf_printf(out, "\"accepted\":%s,\"processed\":%u,\"states\":%u,\"insn\":%d,\"reg\":%d,",
		   r->is_accepted ? "true" : "false", r->processed, r->states,
		   r->insn < code->count ? (int)r->insn : -1, r->reg);
}

/* As `ks verify` tells it without the page. */
static void print_verdict(const struct subject *s, const struct program_code *code,
			  const struct verify_result *r)
{
	char version[16];
	struct buf told;
	kernel_format_version(s->kernel, version);
	printf("%s: %s by Linux %s, %u instructions followed\n", code->name,
	       r->is_accepted ? "accepted" : "refused", version, r->processed);
	buf_init(&told);
	subject_print_refusal(s, code, r, &told);
	if (told.len)
		fwrite(told.data, 1, told.len, stderr);
	buf_fini(&told);
}

static bool add_program(struct buf *out, struct subject *s, const struct program_code *code)
{
	struct verify_trace trace;
	struct verify_result result;
	struct buf bytes;
	buf_init(&bytes);
	subject_trace(s, code, &trace, &result);
	buf_add_char(out, '{');
	add_verdict(out, s, code, &result);
	add_insns(out, s, code);
	add_lines(out, s, code);
	add_names(out, s, code);
	add_values(out, s, &trace);
	trace_pack(&trace, &bytes);
	buf_printf(out, "\"count\":%u,\"steps\":", trace.steps.len);
	add_base64(out, &bytes);
	buf_add_char(out, '}');
	bool is_accepted = result.is_accepted;
	print_verdict(s, code, &result);
	verify_result_free(&result);
	trace_fini(&trace);
	buf_fini(&bytes);
	return is_accepted;
}

static void add_files(struct buf *out, const struct subject *s)
{
	buf_add_text(out, "\"files\":[");
	for (uint32_t i = 0; i < s->files.len; i++) {
		const struct subject_file *f = s->files.data[i];
		buf_printf(out, "%s{\"name\":", i ? "," : "");
		add_string(out, f->name);
		buf_printf(out, ",\"whole\":%s,\"lines\":[", f->is_whole ? "true" : "false");
		for (uint32_t l = 0; l < f->line_count; l++) {
			buf_add_text(out, l ? "," : "");
			add_string(out, f->lines[l]);
		}
		buf_add_text(out, "]}");
	}
	buf_add_text(out, "],\"keywords\":[");
	for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
		buf_printf(out, "%s\"%s\"", i ? "," : "", keywords[i]);
	buf_add_text(out, "]");
}

/* The data. False when a program is refused; *count: programs in it. */
static bool add_data(struct buf *out, struct subject *s, uint32_t *count)
{
	bool is_accepted = true;
	buf_add_char(out, '{');
	add_member(out, "input", s->path);
	buf_add_text(out, "\"programs\":[");
	*count = 0;
	for (uint32_t i = 0; i < s->object.programs.len; i++) {
		const struct program_code *code = &s->object.programs.data[i];
		if (s->options->program && strcmp(s->options->program, code->name))
			continue;
		if ((*count)++)
			buf_add_char(out, ',');
		is_accepted &= add_program(out, s, code);
	}
	buf_add_text(out, "],");
	add_files(out, s);
	buf_add_char(out, '}');
	return is_accepted;
}

/* The template with `@NAME@` replaced. */
static void fill_template(struct buf *out, const struct subject *s, const struct buf *data)
{
	struct buf title;
	buf_init(&title);
	for (const char *p = s->path; *p; p++) {
		if (*p == '<' || *p == '&')
			buf_add_text(&title, *p == '<' ? "&lt;" : "&amp;");
		else
			buf_add_char(&title, *p);
	}
	buf_add_char(&title, 0);
	const struct {
		const char *mark, *text;
	} parts[] = {{"@TITLE@", title.data},
		     {"@STYLE@", page_css},
		     {"@SCRIPT@", page_js},
		     {"@DATA@", data->data}};
	for (const char *p = page_html; *p;) {
		const char *text = NULL;
		for (size_t i = 0; i < sizeof parts / sizeof parts[0] && *p == '@' && !text; i++) {
			size_t len = strlen(parts[i].mark);
			if (strncmp(p, parts[i].mark, len))
				continue;
			text = parts[i].text;
			p += len;
		}
		if (text)
			buf_add_text(out, text);
		else
			buf_add_char(out, *p++);
	}
	buf_fini(&title);
}

static int write_page(struct subject *s)
{
	struct options o = *s->options;
	struct product product = {0};
	struct buf data;
	uint32_t count;
	buf_init(&data);
	buf_init(&product.out);
	bool is_accepted = add_data(&data, s, &count);
	bool ok = count > 0;
	if (!ok && s->object.programs.len) {
		buf_fini(&data);
		return options_wrong(s->options, "there is no program `%s` in `%s`",
				     s->options->program, s->path);
	}
	if (!ok)
		diag_report(&s->compile->diags, D_NOT_AN_OBJECT, (span){0, 0}, s->path,
			    "there is no program in it");
	fill_template(&product.out, s, &data);
	o.output = o.html;
	o.emit = EMIT_IR; // a file that is not to be executed
	ok = ok && output_write(s->compile, &o, &product);
	buf_fini(&data);
	buf_fini(&product.out);
	return ok && is_accepted ? STATUS_OK : STATUS_WRONG_PROGRAM;
}

int page_run(struct compile *compile, const struct options *options)
{
	struct subject subject;
	uint32_t kernel;
	int status = subject_read_kernel(options, &kernel);
	if (status)
		return status;
	if (options->inputs.len > 1)
		return options_wrong(options, "`--html` shows one file, not %u",
				     options->inputs.len);
	if (!subject_open(&subject, compile, options, options->input, kernel))
		return STATUS_WRONG_PROGRAM;
	status = write_page(&subject);
	subject_close(&subject);
	return status;
}
