/* SPDX-License-Identifier: Apache-2.0 */
/* What `ks verify --html` and `ks debug` show: an input opened, judged with a trace, and put into words. */
#include "frontend/driver/subject.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/base/diag_render.h"
#include "frontend/driver/kernel_btf.h"
#include "frontend/driver/output.h"
#include "frontend/driver/refusal.h"
#include "frontend/driver/verify.h"
#include "frontend/std/std.h"

int subject_read_kernel(const struct options *options, uint32_t *kernel)
{
	const char *text = options->kernels ? options->kernels : "running";
	if (strchr(text, ',') || !kernel_parse_version(text, kernel))
		return options_wrong(options,
				     "`--kernel` takes one version here, such as 6.12, or running; "
				     "not `%s`",
				     text);
	return STATUS_OK;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);
	return len > tail && !strcmp(name + len - tail, suffix);
}

static bool get_object(struct subject *s, struct buf *object)
{
	struct options o = *s->options;
	char version[16];
	if (!has_suffix(s->path, ".ks") && !has_suffix(s->path, ".ir"))
		return output_read_file(s->compile, s->path, object);
	kernel_format_version(s->kernel, version);
	o.command = COMMAND_BUILD;
	o.emit = EMIT_BPF;
	o.input = s->path;
	o.kernel = version;
	o.no_verify = true; // it is judged here
	bool ok = pipeline_run(s->compile, &o, &s->product) == STATUS_OK;
	if (ok)
		buf_add(object, s->product.out.data, s->product.out.len);
	buf_fini(&s->product.out);
	return ok;
}

bool subject_open(struct subject *s, struct compile *compile, const struct options *options,
		  const char *path, uint32_t kernel)
{
	struct buf data, why;
	*s = (struct subject){
		.compile = compile, .options = options, .path = path, .kernel = kernel};
	s->types = kernel_btf_open(compile, options);
	struct program_options how = {.kernel = s->types, .release = kernel};
	buf_init(&data);
	buf_init(&why);
	bool ok = get_object(s, &data);
	if (ok && !program_open(&s->object, (const uint8_t *)data.data, data.len, &how, &why)) {
		buf_add_char(&why, 0);
		diag_report(&compile->diags, D_NOT_AN_OBJECT, (span){0, 0}, path,
			    arena_printf(&compile->session, "%s", why.data));
		ok = false;
	} else if (ok) {
		product_mark_sleepers(&s->product, &s->object);
	}
	buf_fini(&data);
	buf_fini(&why);
	return ok;
}

void subject_close(struct subject *s)
{
	program_close(&s->object);
}

void subject_trace(const struct subject *s, const struct program_code *code,
		   struct verify_trace *trace, struct verify_result *result)
{
	struct verify_options options = {.kernel = s->kernel,
					 .types = s->types,
					 .cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF),
					 .keep_steps = true,
					 .trace = trace};
	trace_init(trace);
	verify_program(&s->object, code, &options, result);
}

void subject_tell(const struct subject *s, const struct program_code *code,
		  const struct verify_result *result, struct verify_story *story)
{
	struct verify_options options = {.kernel = s->kernel,
					 .types = s->types,
					 .cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF),
					 .keep_steps = true};
	verify_tell(&s->object, code, &options, result, story);
}

void subject_print_refusal(const struct subject *s, const struct program_code *code,
			   const struct verify_result *result, struct buf *out)
{
	struct diags *diags = &s->compile->diags, before = *diags;
	struct diag_style style = {0};
	struct verify_story story;
	char version[16];

	if (result->is_accepted)
		return;
	kernel_format_version(s->kernel, version);
	subject_tell(s, code, result, &story);
	refusal_report(s->compile, &(struct refusal){code, result, &story, version});
	for (uint32_t i = before.list.len; i < diags->list.len; i++)
		diag_render(&s->compile->sources, diags->list.data[i], &style, out);
	diags->list.len = before.list.len; // shown here, not at the end
	diags->errors = before.errors;
	verify_story_free(&story);
}

/* What a reference in linked code is called (struct program_code tells how they are numbered). */
static const char *reference_of(const struct subject *s, const struct program_code *code,
				uint32_t insn)
{
	const struct bpf_record *r = &code->records[insn];
	enum bpf_op op = insn_find(r);
	if (op == BPF_OP_LD_MAP_FD || op == BPF_OP_LD_MAP_VALUE)
		return (uint32_t)r->imm < s->object.maps.len ? s->object.maps.data[r->imm]->name
							     : NULL;
	if (op == BPF_OP_CALL_KFUNC) {
		uint32_t id = (uint32_t)r->imm;
		bool is_known = s->types && id && id <= s->types->type_count;
		return is_known ? btf_get_type(s->types, id).name : NULL;
	}
	if (op != BPF_OP_CALL_LOCAL && op != BPF_OP_LD_FUNC)
		return NULL;
	int64_t target = (int64_t)insn + r->imm + 1;
	for (uint32_t f = 0; f < code->function_count; f++) {
		if (code->functions[f].start == target)
			return code->functions[f].name;
	}
	return NULL;
}

void subject_print_insn(const struct subject *s, const struct program_code *code, uint32_t insn,
			struct buf *out)
{
	struct insn_names names = {.helper = kernel_helper_name,
				   .reference = reference_of(s, code, insn)};
	insn_print(out, &code->records[insn], code->count - insn, &names);
}

/* ---- files ---- */

static void split_lines(struct arena *arena, const char *text, size_t len,
			struct subject_file *file)
{
	VEC(const char *) lines = {0};
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;
		vec_push(arena, &lines, arena_copy_string(arena, text + at, n));
		at += n + 1;
	}
	file->lines = lines.data;
	file->line_count = lines.len;
}

/* Lines as far as the object has them. */
static void take_known_lines(struct arena *arena, const struct program_object *object,
			     struct subject_file *file)
{
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t p = 0; p < object->programs.len; p++) {
			const struct program_code *code = &object->programs.data[p];
			for (uint32_t i = 0; i < code->line_count; i++) {
				const struct program_line *l = &code->lines[i];
				if (!l->line || l->line > 1000000 || strcmp(l->file, file->name))
					continue;
				if (pass)
					file->lines[l->line - 1] = l->text;
				else if (l->line > file->line_count)
					file->line_count = l->line;
			}
		}
		if (!pass)
			file->lines = ARENA_ARRAY(arena, const char *, file->line_count + 1);
	}
	for (uint32_t i = 0; i < file->line_count; i++)
		file->lines[i] = file->lines[i] ? file->lines[i] : "";
}

/* Objects have lines with or without the white space around them. */
static bool is_same_line(const char *a, const char *b)
{
	static const char blank[] = " \t\r";
	a += strspn(a, blank);
	b += strspn(b, blank);
	size_t n = strlen(a), m = strlen(b);
	while (n && strchr(blank, a[n - 1]))
		n--;
	while (m && strchr(blank, b[m - 1]))
		m--;
	return n == m && !memcmp(a, b, n);
}

/* The text of the file now is that from which the object was made. */
static bool fits(const struct program_code *code, const struct subject_file *file)
{
	for (uint32_t i = 0; i < code->line_count; i++) {
		const struct program_line *l = &code->lines[i];
		if (strcmp(l->file, file->name) || !*l->text || !l->line)
			continue;
		if (l->line > file->line_count || !is_same_line(file->lines[l->line - 1], l->text))
			return false;
	}
	return true;
}

/* An object may name any path: only files of a source's size are read. */
static FILE *open_source(const char *name)
{
	enum { LARGEST = 16 << 20 };
	struct stat about;
	if (stat(name, &about) || !S_ISREG(about.st_mode) || about.st_size > LARGEST)
		return NULL;
	return fopen(name, "r");
}

static bool read_text(const char *name, struct buf *out)
{
	const char *shipped = ks_find_shipped_text(name);
	FILE *in = shipped ? NULL : open_source(name);
	char block[4096];
	size_t n;
	if (shipped)
		buf_add(out, shipped, strlen(shipped));
	if (!in)
		return shipped;
	while ((n = fread(block, 1, sizeof block, in)))
		buf_add(out, block, n);
	bool ok = !ferror(in);
	fclose(in);
	return ok;
}

uint32_t subject_find_file(struct subject *s, const struct program_code *code, const char *name)
{
	struct arena *arena = &s->compile->session;
	for (uint32_t i = 0; i < s->files.len; i++) {
		if (!strcmp(s->files.data[i]->name, name))
			return i;
	}
	struct subject_file *file = ARENA_NEW(arena, struct subject_file);
	struct buf text;
	file->name = name;
	buf_init(&text);
	if (read_text(name, &text)) {
		split_lines(arena, text.data, text.len, file);
		file->is_whole = fits(code, file);
	}
	buf_fini(&text);
	if (!file->is_whole) {
		file->line_count = 0;
		take_known_lines(arena, &s->object, file);
	}
	vec_push(arena, &s->files, file);
	return s->files.len - 1;
}

struct name_list {
	struct trace_name *data;
	uint32_t len, cap;
};

/* Of objects only the parameters of functions are known, from their types. */
static void add_param_names(const struct subject *s, const struct program_code *code,
			    struct name_list *names)
{
	for (uint32_t f = 0; s->object.has_btf && f < code->function_count; f++) {
		const struct btf *btf = &s->object.btf;
		uint32_t id = code->functions[f].func_type;
		uint32_t proto_id = id && id <= btf->type_count ? btf_get_type(btf, id).type : 0;
		if (!proto_id || btf_kind_of(btf, proto_id) != BTF_KIND_FUNC_PROTO)
			continue;
		struct btf_type proto = btf_get_type(btf, proto_id);
		for (uint32_t i = 0; i < proto.count && i < 5; i++) {
			struct btf_item item = btf_get_item(btf, &proto, i);
			struct trace_name name = {.name = item.name,
						  .function = f,
						  .is_param = true,
						  .reg = (uint8_t)(i + 1)};
			if (item.name && *item.name)
				vec_push(&s->compile->session, names, name);
		}
	}
}

const struct trace_name *subject_names(const struct subject *s, const struct program_code *code,
				       uint32_t *count)
{
	struct name_list names = {0};
	for (uint32_t i = 0; i < s->product.names.len; i++) {
		const struct product_name *n = &s->product.names.data[i];
		for (uint32_t f = 0; f < code->function_count; f++) {
			if (strcmp(code->functions[f].name, n->function))
				continue;
			struct trace_name name = {.name = n->name,
						  .function = f,
						  .insn = code->functions[f].start + n->insn,
						  .is_param = n->is_param,
						  .reg = n->reg,
						  .offset = n->offset,
						  .size = n->size};
			vec_push(&s->compile->session, &names, name);
		}
	}
	if (!names.len)
		add_param_names(s, code, &names);
	*count = names.len;
	return names.data;
}
