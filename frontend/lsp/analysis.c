/* SPDX-License-Identifier: Apache-2.0 */
/* The stages in the order of the driver's pipeline, without outputs. */
#include "frontend/lsp/analysis.h"

#include <stdlib.h>
#include <string.h>

#include "bpf-backend/codegen/bpf_gen.h"
#include "bpf-backend/kernel/kernel.h"
#include "frontend/lower/lower.h"
#include "frontend/opt/pass.h"
#include "frontend/std/std.h"

static void fill_target(struct target_info *target, const struct lsp_options *options)
{
	target->kernel = options->kernel;
	target->open_btf = options->open_btf;
	target->open_modules = options->open_modules;
	target->btf_owner = options->btf_owner;
	target->prelude = ks_find_shipped_text("prelude.kh");
	target->program_kind_at = kernel_program_kind_at;
	target->map_kind_at = kernel_map_kind_at;
	target->ctx_field_at = kernel_ctx_field_at;
	target->find_helper = kernel_find_helper;
	target->find_kfunc = kernel_find_kfunc;
	target->helper_name = kernel_helper_name;
	target->arch = options->arch;
}

/* Diagnostics that need code. */
static void generate(struct analysis *a)
{
	struct ir_module *m = ARENA_NEW(&a->compile.module, struct ir_module);
	struct bpf_object *object = ARENA_NEW(&a->compile.module, struct bpf_object);
	struct opt_options passes = {.kernel = a->target.kernel, .level = 1, .only_bpf = true};
	struct bpf_gen_options options = {.kernel = a->target.kernel};

	ir_module_init(m, &a->compile, &a->compile.module);
	if (lower_program(&a->compile, &a->checked, &a->target, m) && !a->compile.diags.errors &&
	    opt_run(m, &passes) && !a->compile.diags.errors)
		bpf_generate(m, &options, object);
}

/* What the prelude declares, for lists of names. It has no mistakes. */
static struct module *parse_prelude(struct analysis *a)
{
	const char *text = a->target.prelude ? a->target.prelude : "";
	struct source_file *file =
		source_add(&a->compile.sources, "prelude.kh", text, (uint32_t)strlen(text));

	return file ? parse_file(&a->compile, file) : NULL;
}

/* Warnings about what is left of a program with mistakes in it would be wrong. */
static void drop_warnings(struct diags *diags)
{
	for (int i = 0; i < DIAG_COUNT; i++)
		if (diag_info((enum diag_id)i)->severity == DIAG_WARNING)
			diags->severity[i] = DIAG_NOTE;
}

static void run(struct analysis *a, const struct lsp_options *options, enum analysis_depth depth)
{
	struct parse_options parse = {.includes = {options->folders, options->folder_count},
				      .shipped = ks_shipped_headers,
				      .shipped_count = ks_shipped_header_count};
	struct diags *diags = &a->compile.diags;

	parse_program_file(&a->compile, &parse, a->file, &a->program);
	a->module = a->program.modules.data[0];
	if (diags->errors)
		drop_warnings(diags);
	/* Names are looked up in a damaged program too, but what the checker says about it would be
	 * about the damage. */
	struct diags before = *diags;
	bool ok = sema_check_program(&a->compile, &a->program, &a->target, &a->checked);
	if (a->program.is_damaged || before.too_many)
		*diags = before;
	index_build(&a->index, &a->compile, &a->program);
	if (ok && !diags->errors && depth == ANALYSIS_ALL)
		generate(a);
}

struct analysis *analysis_make(const struct lsp_options *options, const char *path,
			       const char *text, size_t len, enum analysis_depth depth)
{
	struct analysis *a = calloc(1, sizeof *a);

	if (!a)
		die_out_of_memory();
	compile_init(&a->compile);
	fill_target(&a->target, options);
	a->prelude = parse_prelude(a);
	if (len < SOURCE_MAX_BYTES)
		a->file = source_add(&a->compile.sources, path, text, (uint32_t)len);
	if (a->file)
		run(a, options, depth);
	return a;
}

void analysis_free(struct analysis *a)
{
	if (a)
		compile_fini(&a->compile);
	free(a);
}

const struct source_file *analysis_file_at(const struct analysis *a, uint32_t offset)
{
	return offset ? source_locate(&a->compile.sources, offset).file : NULL;
}

bool analysis_is_shipped(const struct source_file *file)
{
	return !strncmp(file->path, "<ks>/", 5) || !strcmp(file->path, "prelude.kh");
}
