/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the simulated verifier over every program of the inputs, for every kernel asked for. Sources are
 * compiled first, for the oldest of the kernels.
 */
#include "frontend/driver/verify.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/driver/kernel_btf.h"
#include "frontend/driver/output.h"
#include "frontend/driver/pipeline.h"

enum { MAX_KERNELS = 16 };

struct judge {
	struct compile *compile;
	const struct options *options;
	uint32_t kernels[MAX_KERNELS];
	uint32_t kernel_count;
	const struct btf *types;
	struct buf out, errors;
	bool is_refused;
};

static int read_kernels(struct judge *j)
{
	const char *text = j->options->kernels ? j->options->kernels : "running";
	char word[32];
	while (*text) {
		size_t len = strcspn(text, ",");
		if (len >= sizeof word || j->kernel_count == MAX_KERNELS)
			return options_wrong(
				j->options,
				"`--kernel` takes up to %d versions with commas between them",
				MAX_KERNELS);
		memcpy(word, text, len);
		word[len] = 0;
		if (!kernel_parse_version(word, &j->kernels[j->kernel_count++]))
			return options_wrong(
				j->options,
				"`--kernel` takes versions such as 6.12, or running; not `%s`",
				word);
		text += len + (text[len] == ',');
	}
	return STATUS_OK;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);
	return len > tail && !strcmp(name + len - tail, suffix);
}

/* The object of an input: its bytes, or what its source compiles to. */
static bool get_object(struct judge *j, const char *path, struct buf *object)
{
	struct options o = *j->options;
	struct product product = {0};
	char oldest[16];
	uint32_t kernel = j->kernels[0];
	if (!has_suffix(path, ".ks") && !has_suffix(path, ".ir"))
		return output_read_file(j->compile, path, object);
	for (uint32_t i = 1; i < j->kernel_count; i++)
		kernel = j->kernels[i] < kernel ? j->kernels[i] : kernel;
	kernel_format_version(kernel, oldest);
	o.command = COMMAND_BUILD;
	o.emit = EMIT_BPF;
	o.input = path;
	o.kernel = oldest;
	bool ok = pipeline_run(j->compile, &o, &product) == STATUS_OK;
	if (ok)
		buf_add(object, product.out.data, product.out.len);
	buf_fini(&product.out);
	return ok;
}

static void judge_program(struct judge *j, const struct program_object *object,
			  const struct program_code *code, const char *path)
{
	const struct options *o = j->options;
	char version[16];
	bool is_table = j->kernel_count > 1 && !o->json;
	if (is_table)
		buf_printf(&j->out, "%-32s", code->name);
	for (uint32_t k = 0; k < j->kernel_count; k++) {
		struct verify_options options = {
			.kernel = j->kernels[k],
			.types = j->types,
			.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF),
			.log_level = o->log ? 1 : 0,
		};
		struct verify_result result;
		verify_program(object, code, &options, &result);
		if (!result.is_accepted) { // once more, keeping the path for the explanation
			verify_result_free(&result);
			options.keep_steps = true;
			verify_program(object, code, &options, &result);
		}
		struct verify_view view = {
			code, &result, j->kernels[k], path,
			o->colour == COLOUR_ALWAYS ||
				(o->colour == COLOUR_AUTO && isatty(STDERR_FILENO))};
		kernel_format_version(j->kernels[k], version);
		if (o->log)
			buf_add(&j->out, result.log.data, result.log.len);
		if (o->json)
			verify_print_json(&j->out, &view);
		else if (is_table)
			buf_printf(&j->out, "  %s", result.is_accepted ? "yes" : "no ");
		else
			buf_printf(&j->out, "%s: %s by Linux %s, %u instructions followed\n",
				   code->name, result.is_accepted ? "accepted" : "refused", version,
				   result.processed);
		if (!result.is_accepted && !o->json)
			verify_print_refusal(&j->errors, &view);
		j->is_refused |= !result.is_accepted;
		verify_result_free(&result);
	}
	if (is_table)
		buf_add_char(&j->out, '\n');
}

static void print_table_head(struct judge *j)
{
	char version[16];
	if (j->kernel_count < 2 || j->options->json)
		return;
	buf_printf(&j->out, "%-32s", "");
	for (uint32_t k = 0; k < j->kernel_count; k++) {
		kernel_format_version(j->kernels[k], version);
		buf_printf(&j->out, " %-4s", version);
	}
	buf_add_char(&j->out, '\n');
}

static bool judge_file(struct judge *j, const char *path)
{
	struct program_options how = {.kernel = j->types, .release = j->kernels[0]};
	struct program_object object;
	struct buf data, why;
	buf_init(&data);
	buf_init(&why);
	bool ok = get_object(j, path, &data);
	if (ok && !program_open(&object, (const uint8_t *)data.data, data.len, &how, &why)) {
		buf_add_char(&why, 0);
		diag_report(&j->compile->diags, D_NOT_AN_OBJECT, (span){0, 0}, path,
			    arena_printf(&j->compile->session, "%s", why.data));
		ok = false;
	} else if (ok) {
		for (uint32_t i = 0; i < object.programs.len; i++) {
			const struct program_code *code = &object.programs.data[i];
			if (!j->options->program || !strcmp(j->options->program, code->name))
				judge_program(j, &object, code, path);
		}
		program_close(&object);
	}
	buf_fini(&data);
	buf_fini(&why);
	return ok;
}

int verify_run(struct compile *compile, const struct options *options)
{
	struct judge j = {.compile = compile, .options = options};
	int status = read_kernels(&j);
	bool ok = true;
	if (status)
		return status;
	buf_init(&j.out);
	buf_init(&j.errors);
	j.types = kernel_btf_open(compile, options);
	print_table_head(&j);
	for (uint32_t i = 0; i < options->inputs.len; i++)
		ok &= judge_file(&j, options->inputs.data[i]);
	ok &= output_print(compile, &j.out);
	if (j.errors.len)
		fwrite(j.errors.data, 1, j.errors.len, stderr);
	buf_fini(&j.out);
	buf_fini(&j.errors);
	return ok && !j.is_refused ? STATUS_OK : STATUS_WRONG_PROGRAM;
}
