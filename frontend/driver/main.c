/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `ks` command: command line in, exit status out. Messages go to standard error, once, after the
 * stages are through.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/driver/debug/debug.h"
#include "frontend/driver/dump.h"
#include "frontend/driver/explain.h"
#include "frontend/driver/format.h"
#include "frontend/driver/kernel_btf.h"
#include "frontend/driver/list.h"
#include "frontend/driver/manual.h"
#include "frontend/driver/options.h"
#include "frontend/driver/output.h"
#include "frontend/driver/page.h"
#include "frontend/driver/pipeline.h"
#include "frontend/driver/test.h"
#include "frontend/driver/verify.h"
#include "frontend/lsp/lsp.h"
#include "ks/loader.h"

static int run_program(struct compile *compile, const struct options *o, const struct product *p)
{
	struct ks_program_options program = {
		.size = sizeof program,
		.name = output_stem(compile, o->input),
		.bpf = {p->bpf.data, p->bpf.len},
		.image = {p->image.data, p->image.len},
		.meta = {p->meta.data, p->meta.len},
		.image_fd = -1,
	};
	char **argv = ARENA_ARRAY(&compile->session, char *, o->program_arg_count + 2);

	argv[0] = arena_copy_string(&compile->session, program.name, strlen(program.name));
	for (int i = 0; i < o->program_arg_count; i++)
		argv[i + 1] = o->program_args[i];
	output_release_signals();
	return ks_run_program(&program, o->program_arg_count + 1, argv);
}

/* The kernel's types for the language server: opened once, on first need. */
struct server_btf {
	struct compile *compile;
	const struct options *options;
	const struct btf *btf;
	bool is_tried;
};

static const struct btf *open_server_btf(void *owner)
{
	struct server_btf *s = owner;

	if (!s->is_tried)
		s->btf = kernel_btf_open(s->compile, s->options);
	s->is_tried = true;
	return s->btf;
}

/* The types are kept for all checks, so the modules are added to them once. */
static bool open_server_modules(void *owner, const struct btf *btf)
{
	struct server_btf *s = owner;

	if (s->options->btf.len)
		return false;
	return btf->module_count || kernel_btf_add_modules(s->compile, (struct btf *)btf);
}

static int serve(struct compile *compile, const struct options *o)
{
	struct server_btf btf = {.compile = compile, .options = o};
	struct lsp_options lsp = {.folders = o->folders.data,
				  .folder_count = o->folders.len,
				  .arch = pipeline_arch(o),
				  .open_btf = open_server_btf,
				  .open_modules = open_server_modules,
				  .btf_owner = &btf};
	int status = pipeline_read_kernel(o, &lsp.kernel);

	if (status)
		return status;
	status = lsp_run(&lsp);
	output_print_diagnostics(compile, o);
	return status;
}

static int run_command(struct compile *compile, const struct options *o)
{
	struct product product = {0};
	int status;

	if (o->command == COMMAND_COMPLETION)
		return completion_run(o);
	if (o->command == COMMAND_EXPLAIN)
		return explain_run(o);
	if (o->command == COMMAND_FMT)
		return format_run(o);
	if (o->command == COMMAND_LSP)
		return serve(compile, o);
	if (o->command == COMMAND_TEST)
		return test_run(o);
	if (o->command == COMMAND_DETACH)
		return o->list ? ks_list_projects() : ks_detach_project(o->input);
	if (o->command == COMMAND_DUMP)
		status = dump_run(compile, o);
	else if (o->command == COMMAND_LIST)
		status = list_run(compile, o);
	else if (o->command == COMMAND_DEBUG)
		status = debug_run(compile, o);
	else if (o->command == COMMAND_VERIFY)
		status = o->html ? page_run(compile, o) : verify_run(compile, o);
	else
		status = pipeline_run(compile, o, &product);
	if (status == STATUS_OK && o->command == COMMAND_BUILD &&
	    !output_write(compile, o, &product))
		status = STATUS_WRONG_PROGRAM;
	output_print_diagnostics(compile, o);
	if (status == STATUS_OK && o->command == COMMAND_RUN)
		status = run_program(compile, o, &product);
	buf_fini(&product.out);
	buf_fini(&product.bpf);
	buf_fini(&product.image);
	buf_fini(&product.meta);
	return status;
}

int main(int argc, char **argv)
{
	struct compile compile;
	struct options options;
	int status;

	compile_init(&compile);
	output_catch_signals();
	if (options_parse(&options, &compile.session, argc, argv, &status))
		status = run_command(&compile, &options);
	compile_fini(&compile);
	if (fflush(stdout) && status == STATUS_OK)
		status = STATUS_WRONG_PROGRAM;
	return status;
}
