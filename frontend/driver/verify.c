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
#include "frontend/driver/refusal.h"

enum { MAX_KERNELS = 16, NAME_WIDTH = 24, CELL_WIDTH = 20 };

struct judge {
	struct compile *compile;
	const struct options *options;
	uint32_t kernels[MAX_KERNELS];
	uint32_t kernel_count;
	const struct btf *types;
	struct buf out;
	bool is_refused, has_head;
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
static bool get_object(struct judge *j, const char *path, struct product *product,
		       struct buf *object)
{
	struct options o = *j->options;
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
	o.no_verify = true; // it is judged here
	bool ok = pipeline_run(j->compile, &o, product) == STATUS_OK;
	if (ok)
		buf_add(object, product->out.data, product->out.len);
	buf_fini(&product->out);
	return ok;
}

/* What one program is to each kernel. */
struct verdicts {
	struct verify_result results[MAX_KERNELS];
	struct verify_story stories[MAX_KERNELS]; // of refusals
};

static struct verify_options options_for(const struct judge *j, uint32_t kernel)
{
	return (struct verify_options){
		.kernel = kernel,
		.types = j->types,
		.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF),
		.log_level = j->options->log ? 1 : 0,
	};
}

static void judge_for(struct judge *j, const struct program_object *object,
		      const struct program_code *code, uint32_t k, struct verdicts *v)
{
	struct verify_options options = options_for(j, j->kernels[k]);
	verify_program(object, code, &options, &v->results[k]);
	if (v->results[k].is_accepted)
		return;
	verify_result_free(&v->results[k]); // once more, keeping the path for the explanation
	options.keep_steps = true;
	verify_program(object, code, &options, &v->results[k]);
	verify_tell(object, code, &options, &v->results[k], &v->stories[k]);
	j->is_refused = true;
}

static bool is_same_refusal(const struct verdicts *v, uint32_t a, uint32_t b)
{
	return v->results[a].insn == v->results[b].insn &&
	       v->results[a].reason == v->results[b].reason &&
	       !strcmp(v->stories[a].text, v->stories[b].text);
}

/* Each reason once, with the kernels that have it. */
static void report_refusals(struct judge *j, const struct program_code *code,
			    const struct verdicts *v)
{
	bool is_told[MAX_KERNELS] = {false};
	for (uint32_t k = 0; k < j->kernel_count; k++) {
		uint32_t same[MAX_KERNELS], count = 0;
		struct buf kernels;
		char version[16];
		if (v->results[k].is_accepted || is_told[k])
			continue;
		for (uint32_t i = k; i < j->kernel_count; i++) {
			if (v->results[i].is_accepted || !is_same_refusal(v, k, i))
				continue;
			is_told[i] = true;
			same[count++] = i;
		}
		buf_init(&kernels);
		for (uint32_t i = 0; i < count; i++) {
			kernel_format_version(j->kernels[same[i]], version);
			buf_printf(&kernels, "%s%s",
				   !i               ? ""
				   : i + 1 == count ? " and "
						    : ", ",
				   version);
		}
		refusal_report(j->compile, &(struct refusal){code, &v->results[k], &v->stories[k],
							     kernels.data});
		buf_fini(&kernels);
	}
}

static void print_verdicts(struct judge *j, const struct program_code *code, const char *path,
			   const struct verdicts *v)
{
	bool is_table = j->kernel_count > 1 && !j->options->json;
	char version[16];
	if (is_table)
		buf_printf(&j->out, "%-*s", NAME_WIDTH, code->name);
	for (uint32_t k = 0; k < j->kernel_count; k++) {
		const struct verify_result *r = &v->results[k];
		kernel_format_version(j->kernels[k], version);
		if (j->options->log)
			buf_add(&j->out, r->log.data, r->log.len);
		if (j->options->json)
			verify_print_json(&j->out, &(struct verify_view){code, r, &v->stories[k],
									 j->kernels[k], path});
		else if (is_table)
			buf_printf(&j->out, k + 1 < j->kernel_count ? " %-*s" : " %.*s",
				   k + 1 < j->kernel_count ? CELL_WIDTH : 60,
				   r->is_accepted ? "yes" : verify_reason_name(r->reason));
		else
			buf_printf(&j->out, "%s: %s by Linux %s, %u instructions followed\n",
				   code->name, r->is_accepted ? "accepted" : "refused", version,
				   r->processed);
	}
	if (is_table)
		buf_add_char(&j->out, '\n');
}

static void print_table_head(struct judge *j)
{
	char version[16];
	if (j->kernel_count < 2 || j->options->json || j->has_head)
		return;
	j->has_head = true;
	buf_printf(&j->out, "%-*s", NAME_WIDTH, "");
	for (uint32_t k = 0; k < j->kernel_count; k++) {
		kernel_format_version(j->kernels[k], version);
		buf_printf(&j->out, k + 1 < j->kernel_count ? " %-*s" : " %.*s",
			   k + 1 < j->kernel_count ? CELL_WIDTH : 60, version);
	}
	buf_add_char(&j->out, '\n');
}

static void judge_program(struct judge *j, const struct program_object *object,
			  const struct program_code *code, const char *path)
{
	struct verdicts v;
	print_table_head(j);
	memset(&v, 0, sizeof v);
	for (uint32_t k = 0; k < j->kernel_count; k++)
		judge_for(j, object, code, k, &v);
	print_verdicts(j, code, path, &v);
	if (!j->options->json)
		report_refusals(j, code, &v);
	for (uint32_t k = 0; k < j->kernel_count; k++) {
		if (!v.results[k].is_accepted)
			verify_story_free(&v.stories[k]);
		verify_result_free(&v.results[k]);
	}
}

/* The program that most of the log's instructions are of. */
static const struct program_code *
find_logged(const struct judge *j, const struct program_object *object, const struct buf *log)
{
	const struct program_code *best = NULL;
	uint32_t most = 0;
	for (uint32_t i = 0; i < object->programs.len; i++) {
		const struct program_code *code = &object->programs.data[i];
		if (j->options->program) {
			if (!strcmp(j->options->program, code->name))
				return code;
			continue;
		}
		if (object->programs.len == 1)
			return code;
		uint32_t matches = verify_match_log(code, log->data, log->len);
		if (!best || matches > most) {
			best = code;
			most = matches;
		}
	}
	return best;
}

static void explain_log(struct judge *j, const struct program_object *object, const char *path)
{
	const char *name = j->options->explain_log;
	struct verify_result result;
	struct verify_story story;
	struct buf log;
	buf_init(&log);
	if (output_read_file(j->compile, name, &log)) {
		const struct program_code *code = find_logged(j, object, &log);
		if (!code || !verify_tell_log(code, j->types, log.data, log.len, &result, &story)) {
			diag_report(&j->compile->diags, D_LOG_WITHOUT_REFUSAL, (span){0, 0}, name);
			buf_fini(&log);
			return;
		}
		j->is_refused = true;
		if (j->options->json)
			verify_print_json(&j->out, &(struct verify_view){code, &result, &story,
									 j->kernels[0], path});
		else
			refusal_report(j->compile, &(struct refusal){code, &result, &story, NULL});
		verify_story_free(&story);
		verify_result_free(&result);
	}
	buf_fini(&log);
}

static bool judge_file(struct judge *j, const char *path)
{
	struct program_options how = {.kernel = j->types, .release = j->kernels[0]};
	struct program_object object;
	struct buf data, why;
	buf_init(&data);
	buf_init(&why);
	struct product product = {0};
	bool ok = get_object(j, path, &product, &data);
	if (ok && !program_open(&object, (const uint8_t *)data.data, data.len, &how, &why)) {
		buf_add_char(&why, 0);
		diag_report(&j->compile->diags, D_NOT_AN_OBJECT, (span){0, 0}, path,
			    arena_printf(&j->compile->session, "%s", why.data));
		ok = false;
	} else if (ok) {
		product_mark_sleepers(&product, &object);
		if (j->options->explain_log)
			explain_log(j, &object, path);
		for (uint32_t i = 0; !j->options->explain_log && i < object.programs.len; i++) {
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
	j.types = kernel_btf_open(compile, options);
	for (uint32_t i = 0; i < options->inputs.len; i++)
		ok &= judge_file(&j, options->inputs.data[i]);
	ok &= output_print(compile, &j.out);
	buf_fini(&j.out);
	ok &= !compile->diags.errors;
	return ok && !j.is_refused ? STATUS_OK : STATUS_WRONG_PROGRAM;
}
