/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: every stage in order.
 *
 *	source text   parse -> check -> lower --+
 *	.ir text      read ---------------------+-> optimise -> eBPF code -> BPF object --+-> program
 *	                                                    \-> native code -> image -----+
 *
 * A stage that reported errors ends the run; its diagnostics are in the compile. Native code is made
 * by a plug-in library that is opened only when it is wanted, because it brings LLVM along.
 */
#include "frontend/driver/pipeline.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/utsname.h>

#include "bpf-backend/codegen/bpf_gen.h"
#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/object/object.h"
#include "frontend/driver/apart.h"
#include "frontend/driver/kernel_btf.h"
#include "frontend/driver/output.h"
#include "frontend/driver/refusal.h"
#include "frontend/lower/lower.h"
#include "frontend/opt/pass.h"
#include "frontend/sema/sema.h"
#include "frontend/std/std.h"
#include "frontend/syntax/parse.h"
#include "host-backend/host_gen.h"
#include "host-backend/image.h"

#define RUNTIME_NAME "ks-rt"
/* Name for --stop-after: the module as lowering leaves it, before any pass. */
#define STOP_AFTER_LOWERING "lower"

/* The library that makes native code. It takes as long to open as a small program takes from text to
 * eBPF code, so a thread opens it meanwhile. */
struct plugin {
	const char *path;
	pthread_t thread;
	bool is_opening;            // the thread has not been waited for
	host_generate_fn *function; // NULL: could not be opened
	char why[512];
};

struct session {
	struct compile *compile;
	const struct options *options;
	struct product *product;
	struct target_info target;
	struct opt_options passes;
	struct program program;
	struct checked_program checked;
	struct ir_module module;
	struct bpf_object object;
	struct plugin plugin;
	const struct btf *kernel_types;
	bool is_btf_open;
};

static bool is_clean(const struct session *s)
{
	return !s->compile->diags.errors;
}

/* ---- options that need the stages' own tables ---- */

const struct arch_info *pipeline_arch(const struct options *options)
{
	struct utsname machine;

	if (options->target)
		return kernel_find_arch(options->target);
	return uname(&machine) == 0 ? kernel_find_arch(machine.machine) : NULL;
}

static bool is_for_this_machine(const struct options *options)
{
	struct utsname machine;

	return !options->target ||
	       (uname(&machine) == 0 &&
		kernel_find_arch(options->target) == kernel_find_arch(machine.machine));
}

int pipeline_read_kernel(const struct options *options, uint32_t *kernel)
{
	const char *usual = is_for_this_machine(options) ? "running" : "6.1";
	const char *text = options->kernel ? options->kernel : usual;
	char oldest[16];

	if (!kernel_parse_version(text, kernel))
		return options_wrong(
			options, "`--kernel` takes a version such as 6.12, or running; not `%s`",
			text);
	if (*kernel < KERNEL_OLDEST) {
		kernel_format_version(KERNEL_OLDEST, oldest);
		return options_wrong(options,
				     "kernel %s is too old: the oldest that ks knows is %s%s", text,
				     oldest, options->kernel ? "" : " (choose one with --kernel)");
	}
	return STATUS_OK;
}

static int check_pass_name(struct session *s, const char *option, const char *name)
{
	const char *names[256];
	uint32_t count = 0;

	if (!name)
		return STATUS_OK;
	names[count++] = STOP_AFTER_LOWERING;
	for (const char *p; count < 256 && (p = opt_pass_name(count - 1)); count++)
		names[count] = p;
	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return STATUS_OK;
	const char *nearest = options_nearest(name, names, count);
	return options_wrong(s->options, "`%s`: there is no pass `%s`%s%s%s", option, name,
			     nearest ? "; did you mean `" : "", nearest ? nearest : "",
			     nearest ? "`?" : "");
}

static int read_passes(struct session *s)
{
	const struct options *o = s->options;
	const char *level = o->level.len ? vec_last(&o->level) : "1";

	if (strcmp(level, "0") && strcmp(level, "1"))
		return options_wrong(o, "`-O` takes 0 or 1, not `%s`", level);
	s->passes.level = *level - '0';
	s->passes.start_at = o->start_at;
	s->passes.stop_after = o->stop_after;
#ifndef NDEBUG
	s->passes.check_each = true;
#endif
	if ((o->start_at || o->stop_after) && o->emit != EMIT_IR)
		return options_wrong(o, "`--start-at` and `--stop-after` go with `--emit=ir`");
	int status = check_pass_name(s, "--start-at", o->start_at);
	return status ? status : check_pass_name(s, "--stop-after", o->stop_after);
}

/* -Wname, -Wno-name, -Werror, -Werror=name */
static int read_warning(struct session *s, const char *text)
{
	const char *names[DIAG_COUNT];
	enum diag_severity severity = DIAG_WARNING;
	uint32_t count = 0;

	if (!strcmp(text, "error")) {
		s->compile->diags.all_errors = true;
		return STATUS_OK;
	}
	if (!strncmp(text, "no-", 3)) {
		severity = DIAG_NOTE;
		text += 3;
	} else if (!strncmp(text, "error=", 6)) {
		severity = DIAG_ERROR;
		text += 6;
	}
	enum diag_id id = diag_find(text);
	if (id != DIAG_COUNT && diag_info(id)->severity != DIAG_ERROR) {
		s->compile->diags.severity[id] = severity;
		return STATUS_OK;
	}
	if (id != DIAG_COUNT)
		return options_wrong(s->options, "`-W`: `%s` is an error, not a warning", text);
	for (int i = 0; i < DIAG_COUNT; i++)
		if (diag_info((enum diag_id)i)->severity != DIAG_ERROR)
			names[count++] = diag_info((enum diag_id)i)->name;
	const char *nearest = options_nearest(text, names, count);
	return options_wrong(s->options, "`-W`: there is no warning `%s`%s%s%s", text,
			     nearest ? "; did you mean `" : "", nearest ? nearest : "",
			     nearest ? "`?" : "");
}

static const struct btf *open_btf(void *owner)
{
	struct session *s = owner;

	if (!s->is_btf_open)
		s->kernel_types = kernel_btf_open(s->compile, s->options);
	s->is_btf_open = true;
	return s->kernel_types;
}

static bool open_modules(void *owner, const struct btf *btf)
{
	struct session *s = owner;

	return !s->options->btf.len && kernel_btf_add_modules(s->compile, (struct btf *)btf);
}

static bool wants_native(const struct options *o)
{
	if (o->command == COMMAND_RUN || o->command == COMMAND_TEST)
		return true;
	return o->command == COMMAND_BUILD && (o->emit == EMIT_PROGRAM || o->emit == EMIT_OBJ ||
					       o->emit == EMIT_NATIVE_ASM || o->emit == EMIT_LLVM);
}

static int check_target(const struct session *s)
{
	const struct options *o = s->options;
	char names[256] = "";

	if (!o->target)
		return STATUS_OK;
	if (kernel_find_arch(o->target))
		return !wants_native(o) || is_for_this_machine(o)
			       ? STATUS_OK
			       : options_wrong(o,
					       "the userspace half can be made for this machine "
					       "only, not for "
					       "%s; `--emit=bpf` makes the BPF object",
					       o->target);
	for (uint32_t i = 0; kernel_arch_at(i); i++)
		snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "",
			 kernel_arch_at(i)->name);
	return options_wrong(o, "`--target`: there is no machine `%s`; ks knows %s", o->target,
			     names);
}

/* What is accepted must load: the kernel has to know the instruction set. */
static int check_mcpu(const struct session *s)
{
	char kernel[16], since[16];

	if (s->options->mcpu <= kernel_isa(s->target.kernel))
		return STATUS_OK;
	kernel_format_version(s->target.kernel, kernel);
	kernel_format_version(kernel_isa_since(s->options->mcpu), since);
	return options_wrong(s->options,
			     "`--mcpu v%d` needs Linux %s or later; this build is for Linux %s%s",
			     s->options->mcpu, since, kernel,
			     s->options->kernel ? "" : " (choose one with --kernel)");
}

static int read_options(struct session *s)
{
	int status = pipeline_read_kernel(s->options, &s->target.kernel);

	s->passes.kernel = s->target.kernel;
	if (!status)
		status = read_passes(s);
	if (!status)
		status = check_target(s);
	if (!status)
		status = check_mcpu(s);
	for (uint32_t i = 0; !status && i < s->options->warnings.len; i++)
		status = read_warning(s, s->options->warnings.data[i]);
	s->target.prelude = ks_find_shipped_text("prelude.kh");
	s->target.program_kind_at = kernel_program_kind_at;
	s->target.map_kind_at = kernel_map_kind_at;
	s->target.ctx_field_at = kernel_ctx_field_at;
	s->target.find_helper = kernel_find_helper;
	s->target.find_kfunc = kernel_find_kfunc;
	s->target.arch = pipeline_arch(s->options);
	s->passes.keeps_widths =
		!s->target.arch || s->target.arch->wants_aligned || s->target.arch->is_big_endian;
	s->target.helper_name = kernel_helper_name;
	s->target.open_btf = open_btf;
	s->target.open_modules = open_modules;
	s->target.btf_owner = s;
	return status;
}

/* ---- front half: to an optimised module ---- */

static bool is_ir_text(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && !strcmp(path + len - 3, ".ir");
}

static bool parse_source(struct session *s)
{
	const struct options *o = s->options;
	struct parse_options parse = {.includes = {o->folders.data, o->folders.len},
				      .shipped = ks_shipped_headers,
				      .shipped_count = ks_shipped_header_count};

	bool ok = parse_program(s->compile, &parse, o->input, &s->program) &&
		  !s->program.is_damaged && !s->compile->diags.too_many;
	/* Checking goes on over mistakes inside functions, but a warning would be about what is left
	 * of them. */
	for (int i = 0; !is_clean(s) && i < DIAG_COUNT; i++)
		if (diag_info((enum diag_id)i)->severity == DIAG_WARNING)
			s->compile->diags.severity[i] = DIAG_NOTE;
	return ok;
}

static bool read_ir(struct session *s)
{
	struct source_file *file = NULL;
	struct buf text;

	buf_init(&text);
	if (output_read_file(s->compile, s->options->input, &text)) {
		file = source_add(&s->compile->sources, s->options->input,
				  text.data ? text.data : "", (uint32_t)text.len);
		if (!file)
			diag_report(&s->compile->diags, D_FILE_TOO_LARGE, (span){0, 0},
				    s->options->input);
	}
	buf_fini(&text);
	return file && ir_parse_module(&s->module, file) && is_clean(s);
}

/* What cannot be compiled yet is no mistake as long as nothing is to come out; the rest of such a program
 * is then checked as far as the limits of eBPF that only code shows. */
static bool check_source(struct session *s)
{
	if (!parse_source(s))
		return false;
	sema_check_program(s->compile, &s->program, &s->target, &s->checked);
	if (s->options->command != COMMAND_CHECK)
		sema_report_unavailable(s->compile, &s->checked);
	return is_clean(s);
}

/* In the order in which lowering numbers them. */
static void list_tests(struct session *s)
{
	const decl_list *functions = &s->checked.functions;

	s->checked.wants_tests = true;
	s->product->kernel = s->target.kernel;
	for (uint32_t i = 0; i < functions->len; i++) {
		const struct decl *d = functions->data[i];
		if (d->func.role != ROLE_TEST)
			continue;
		struct source_pos pos = source_locate(&s->compile->sources, d->name_where.begin);
		struct product_test test = {.name = intern_text(&s->compile->names, d->name),
					    .file = pos.file ? pos.file->path : "?",
					    .line = pos.line};
		vec_push(&s->compile->session, &s->product->tests, test);
	}
}

static bool make_module(struct session *s)
{
	bool is_big_endian = s->target.arch && s->target.arch->is_big_endian;
	ir_module_init(&s->module, s->compile, &s->compile->module);
	s->module.is_big_endian = is_big_endian;
	if (is_ir_text(s->options->input)) {
		if (!read_ir(s))
			return false;
		if (is_big_endian)
			ir_set_big_endian(&s->module);
		return true;
	}
	if (!check_source(s))
		return false;
	if (s->options->command == COMMAND_TEST)
		list_tests(s);
	return lower_program(s->compile, &s->checked, &s->target, &s->module) && is_clean(s);
}

static bool optimise(struct session *s)
{
	if (s->passes.stop_after && !strcmp(s->passes.stop_after, STOP_AFTER_LOWERING))
		return true;
	s->passes.only_bpf = s->options->command == COMMAND_CHECK || s->options->emit == EMIT_BPF ||
			     s->options->emit == EMIT_ASM;
	return opt_run(&s->module, &s->passes) && is_clean(s);
}

/* ---- back half: outputs ---- */

static bool generate_bpf(struct session *s)
{
	struct bpf_gen_options options = {.kernel = s->target.kernel, .isa = s->options->mcpu};

	if (!bpf_generate(&s->module, &options, &s->object))
		return false;
	for (uint32_t i = 0; i < s->module.fns.len; i++) {
		const struct ir_fn *fn = s->module.fns.data[i];
		if (fn->is_sleepable)
			vec_push(&s->compile->session, &s->product->sleepers,
				 intern_text(&s->compile->names, fn->name));
	}
	return is_clean(s);
}

/* What the kernel's verifier will say. Types of the running kernel serve another one as far as they
 * can: the program was made with them, too. */
static struct precheck make_check(struct session *s, const struct buf *object)
{
	uint32_t running = 0;
	bool types_fit = s->options->btf.len ||
			 (kernel_parse_version("running", &running) &&
			  running == s->target.kernel && is_for_this_machine(s->options));

	return (struct precheck){s->product, object, s->target.kernel, open_btf(s), types_fit};
}

/* The object in its final form. False when a kernel would refuse it. */
static bool write_object(struct session *s, struct buf *out)
{
	object_write(s->compile, &s->object, out);
	if (s->options->no_verify || !is_clean(s))
		return is_clean(s);
	struct precheck check = make_check(s, out);
	apart_split(s->compile, &s->object, &check, out);
	return refusal_precheck(s->compile, &check) && is_clean(s);
}

static bool fail_native(struct session *s, const char *why)
{
	diag_report(&s->compile->diags, D_NATIVE_CODE, (span){0, 0}, why ? why : "unknown reason");
	return false;
}

static void *open_plugin(void *data)
{
	struct plugin *p = data;
	void *library = dlopen(p->path, RTLD_NOW);
	union { // ISO C has no cast from an object pointer to a function pointer
		void *object;
		host_generate_fn *function;
	} generate = {NULL};

	if (library)
		generate.object = dlsym(library, HOST_GENERATE_SYMBOL);
	if (!generate.object) {
		const char *why = dlerror();
		snprintf(p->why, sizeof p->why, "%s", why ? why : "it has no entry");
	}
	p->function = generate.function;
	return NULL;
}

static void begin_plugin(struct session *s)
{
	struct plugin *p = &s->plugin;

	p->path = output_library_path(s->compile, HOST_PLUGIN_NAME);
	p->is_opening = pthread_create(&p->thread, NULL, open_plugin, p) == 0;
	if (!p->is_opening)
		open_plugin(p);
}

/* Also after errors: a process must not end while a library is being opened. */
static void finish_plugin(struct session *s)
{
	if (s->plugin.is_opening)
		pthread_join(s->plugin.thread, NULL);
	s->plugin.is_opening = false;
}

/* Compiles the userspace functions, in the plug-in. */
static bool generate_native(struct session *s, enum host_output output, struct buf *out)
{
	struct host_options options = {.level = s->passes.level, .output = output};
	const char *why = NULL;

	finish_plugin(s);
	if (!s->plugin.function)
		return fail_native(s, s->plugin.why);
	return s->plugin.function(&s->module, &options, out, &why) || fail_native(s, why);
}

static bool has_main(struct session *s)
{
	if (s->module.main_fn != UINT32_MAX)
		return true;
	diag_report(&s->compile->diags, D_NO_MAIN, (span){0, 0});
	return false;
}

/* The three payloads of a program. */
static bool make_payloads(struct session *s)
{
	struct product *p = s->product;
	struct buf object;
	const char *why = NULL;

	if ((s->options->command != COMMAND_TEST && !has_main(s)) || !generate_bpf(s))
		return false;
	if (!write_object(s, &p->bpf))
		return false;
	image_write_meta(&s->module, s->options->input, &p->meta);
	buf_init(&object);
	bool ok = generate_native(s, HOST_OBJECT, &object);
	if (ok && !image_link((const uint8_t *)object.data, object.len, &s->compile->module,
			      &p->image, &why))
		ok = fail_native(s, why);
	buf_fini(&object);
	return ok;
}

static bool make_program(struct session *s)
{
	struct product *p = s->product;
	struct mapped_file runtime;
	const char *why = NULL;

	if (!make_payloads(s) ||
	    !output_map_file(s->compile, output_library_path(s->compile, RUNTIME_NAME), &runtime))
		return false;
	p->runtime.fd = runtime.fd;
	return image_write_program(runtime.data, runtime.len, &p->bpf, &p->image, &p->meta,
				   &s->compile->module, &p->out, &p->runtime, &why) ||
	       fail_native(s, why);
}

/* Canonical source; needs no more than the parser. */
static bool make_ast(struct session *s)
{
	if (!parse_source(s) || !is_clean(s))
		return false;
	ast_print_module(s->compile, s->program.modules.data[0], &s->product->out);
	return true;
}

static bool print_assembly(struct session *s, struct buf *out)
{
	struct buf object;

	if (!generate_bpf(s))
		return false;
	buf_init(&object);
	bool ok = write_object(s, &object);
	if (ok)
		bpf_print_object(s->compile, &s->object, out);
	buf_fini(&object);
	return ok;
}

/* The names outlive the module. */
static void keep_names(struct session *s)
{
	struct arena *arena = &s->compile->session;

	for (uint32_t f = 0; f < s->object.funcs.len; f++) {
		const struct bpf_func *func = s->object.funcs.data[f];
		for (uint32_t i = 0; i < func->names.len; i++) {
			const struct bpf_name *n = &func->names.data[i];
			struct product_name name = {
				.function = intern_text(&s->compile->names, func->name),
				.name = intern_text(&s->compile->names, n->name),
				.insn = n->insn,
				.is_param = n->is_param,
				.reg = n->reg,
				.offset = n->offset,
				.size = n->size};
			vec_push(arena, &s->product->names, name);
		}
	}
}

static bool make_output(struct session *s)
{
	struct buf *out = &s->product->out;

	if (s->options->emit == EMIT_AST)
		return make_ast(s);
	if (!make_module(s) || !optimise(s))
		return false;
	switch ((enum emit)s->options->emit) {
	case EMIT_PROGRAM:
		return make_program(s);
	case EMIT_IR:
		ir_print_module(&s->module, out);
		return true;
	case EMIT_BPF:
		if (!generate_bpf(s))
			return false;
		keep_names(s);
		return write_object(s, out);
	case EMIT_ASM:
		return print_assembly(s, out);
	case EMIT_OBJ:
		return generate_native(s, HOST_OBJECT, out);
	case EMIT_NATIVE_ASM:
		return generate_native(s, HOST_ASSEMBLY, out);
	case EMIT_LLVM:
		return generate_native(s, HOST_LLVM_IR, out);
	case EMIT_AST:
		break;
	}
	unreachable("--emit=ast is made before the other outputs");
}

int pipeline_run(struct compile *compile, const struct options *options, struct product *product)
{
	struct session *s = ARENA_NEW(&compile->session, struct session);
	bool ok = false;

	s->compile = compile;
	s->options = options;
	s->product = product;
	int status = read_options(s);
	if (status)
		return status;
	if (wants_native(options))
		begin_plugin(s);
	if (options->command == COMMAND_BUILD)
		ok = make_output(s);
	else if (options->command == COMMAND_RUN || options->command == COMMAND_TEST)
		ok = make_module(s) && optimise(s) && make_payloads(s);
	else // eBPF code too: some limits are known only then
		ok = make_module(s) && optimise(s) && generate_bpf(s);
	finish_plugin(s);
	return ok && is_clean(s) ? STATUS_OK : STATUS_WRONG_PROGRAM;
}
