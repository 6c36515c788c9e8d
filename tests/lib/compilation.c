/* SPDX-License-Identifier: Apache-2.0 */
/* The stages in the order of the driver's pipeline. */
#include "tests/lib/compilation.h"

#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/base/diag_render.h"
#include "frontend/lower/lower.h"
#include "frontend/opt/pass.h"
#include "frontend/std/std.h"
#include "frontend/syntax/format.h"
#include "frontend/syntax/parse.h"

static const struct btf *open_btf(void *owner)
{
	return owner;
}

static void fill_target(struct target_info *target, const struct compilation_options *o)
{
	target->kernel = o->kernel;
	target->prelude = ks_find_shipped_text("prelude.kh");
	target->program_kind_at = kernel_program_kind_at;
	target->map_kind_at = kernel_map_kind_at;
	target->ctx_field_at = kernel_ctx_field_at;
	target->find_helper = kernel_find_helper;
	target->arch = kernel_find_arch("x86_64");
	target->open_btf = open_btf;
	target->btf_owner = (void *)o->btf;
}

/* Warnings about what is left of a program with mistakes in it would be wrong. */
static void drop_warnings(struct diags *diags)
{
	for (int i = 0; i < DIAG_COUNT; i++)
		if (diag_info((enum diag_id)i)->severity == DIAG_WARNING)
			diags->severity[i] = DIAG_NOTE;
}

static bool run(struct compilation *c, const struct compilation_options *o,
		struct source_file *file)
{
	struct compile *compile = &c->compile;
	struct parse_options parse = {.shipped = ks_shipped_headers,
				      .shipped_count = ks_shipped_header_count};
	struct opt_options passes = {.kernel = o->kernel,
				     .level = o->level,
				     .only_bpf = !o->with_userspace,
				     .check_each = true};
	struct bpf_gen_options code = {.kernel = o->kernel, .isa = o->isa};

	if (!parse_program_file(compile, &parse, file, &c->program) || c->program.is_damaged ||
	    compile->diags.too_many)
		return false;
	if (o->depth == COMPILE_PARSE)
		return true;
	if (compile->diags.errors)
		drop_warnings(&compile->diags);
	if (!sema_check_program(compile, &c->program, &c->target, &c->checked))
		return false;
	if (o->depth == COMPILE_CHECK)
		return true;
	ir_module_init(&c->module, compile, &compile->module);
	if (!lower_program(compile, &c->checked, &c->target, &c->module) || compile->diags.errors)
		return false;
	if (o->depth == COMPILE_LOWER)
		return true;
	if (!opt_run(&c->module, &passes) || compile->diags.errors)
		return false;
	return o->depth == COMPILE_OPTIMISE || bpf_generate(&c->module, &code, &c->object);
}

void compilation_run(struct compilation *c, const struct compilation_options *o, const char *text,
		     size_t len)
{
	memset(c, 0, sizeof *c);
	compile_init(&c->compile);
	fill_target(&c->target, o);
	struct source_file *file = source_add(&c->compile.sources, o->path, text, (uint32_t)len);
	c->is_complete = file && run(c, o, file) && !c->compile.diags.errors;
}

void compilation_fini(struct compilation *c)
{
	compile_fini(&c->compile);
}

void compilation_print(const struct compilation *c, struct buf *out)
{
	diag_render_all(&c->compile.sources, &c->compile.diags, &(struct diag_style){0}, out);
}

/* ---- layout ---- */

static bool same_text(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

static const char *text_of(const struct buf *b)
{
	return b->data ? b->data : "";
}

/* Appends the tree of `text` and its layout; false when it has mistakes. */
static bool lay_out(struct compile *compile, const char *text, size_t len, struct buf *tree,
		    struct buf *layout)
{
	struct source_file *file = source_add(&compile->sources, "x.ks", text, (uint32_t)len);
	struct module *module = file ? parse_file(compile, file) : NULL;

	if (!module || compile->diags.errors)
		return false;
	ast_print_module(compile, module, tree);
	format_module(compile, module, layout);
	return true;
}

const char *compilation_check_layout(const char *text, size_t len)
{
	struct buf trees[3], layouts[3];
	struct compile compile;
	const char *wrong = NULL;

	compile_init(&compile);
	for (int i = 0; i < 3; i++) {
		buf_init(&trees[i]);
		buf_init(&layouts[i]);
	}
	if (!lay_out(&compile, text, len, &trees[0], &layouts[0]))
		goto done;
	if (!lay_out(&compile, text_of(&layouts[0]), layouts[0].len, &trees[1], &layouts[1]))
		wrong = "the layout does not parse";
	else if (!same_text(&trees[0], &trees[1]))
		wrong = "the layout has another tree";
	else if (!same_text(&layouts[0], &layouts[1]))
		wrong = "a second layout differs from the first";
	else if (!format_same_comments(compile.sources.files.data[0]->text, text_of(&layouts[0])))
		wrong = "the layout has other comments";
	else if (!lay_out(&compile, text_of(&trees[0]), trees[0].len, &trees[2], &layouts[2]) ||
		 !same_text(&trees[0], &trees[2]))
		wrong = "the printed tree is another tree";
done:
	for (int i = 0; i < 3; i++) {
		buf_fini(&trees[i]);
		buf_fini(&layouts[i]);
	}
	compile_fini(&compile);
	return wrong;
}
