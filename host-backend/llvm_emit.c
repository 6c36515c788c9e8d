/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of the plug-in: makes the LLVM module and lets LLVM's code generator write it as an object
 * or as text. The IR arrives optimised, so no LLVM pass runs but those of code generation itself.
 */
#include "host-backend/llvm_gen.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <string.h>

/* The machine of this plug-in: KS_HOST_MACHINE is its name in triples, KS_HOST_LLVM LLVM's. */
#define PASTE(a, b, c) a##b##c
#define INITIALIZE(target, what) PASTE(LLVMInitialize, target, what)()

static void initialise_machine(void)
{
	INITIALIZE(KS_HOST_LLVM, TargetInfo);
	INITIALIZE(KS_HOST_LLVM, Target);
	INITIALIZE(KS_HOST_LLVM, TargetMC);
	INITIALIZE(KS_HOST_LLVM, AsmPrinter);
}

static bool is_machine(const char *triple)
{
	size_t len = strlen(KS_HOST_MACHINE);
	return strncmp(triple, KS_HOST_MACHINE, len) == 0 &&
	       (triple[len] == '-' || triple[len] == '\0');
}

static LLVMTargetMachineRef make_target(struct gen *g, const char *triple, int level)
{
	static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess,
						     LLVMCodeGenLevelDefault};
	if (!is_machine(triple)) {
		gen_fail(g, "userspace code for `%s` needs another plug-in", triple);
		return NULL;
	}
	initialise_machine();
	LLVMTargetRef target = NULL;
	char *message = NULL;
	if (LLVMGetTargetFromTriple(triple, &target, &message)) {
		gen_fail(g, "%s", message);
		LLVMDisposeMessage(message);
		return NULL;
	}
	return LLVMCreateTargetMachine(target, triple, "", "", levels[gen_choose_level(g, level)],
				       LLVMRelocPIC, LLVMCodeModelSmall);
}

/* A module that LLVM finds malformed is a defect of this back end; LLVM itself would crash on it. */
static void verify(struct gen *g)
{
	char *message = NULL;
	if (LLVMVerifyModule(g->module, LLVMReturnStatusAction, &message))
		gen_fail(g, "internal error: %s", message);
	LLVMDisposeMessage(message);
}

static void write_text(struct gen *g, struct buf *out)
{
	char *text = LLVMPrintModuleToString(g->module);
	buf_add_text(out, text);
	LLVMDisposeMessage(text);
}

static void write_code(struct gen *g, LLVMTargetMachineRef machine, enum host_output kind,
		       struct buf *out)
{
	LLVMMemoryBufferRef memory = NULL;
	char *message = NULL;
	LLVMCodeGenFileType type = kind == HOST_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
	if (LLVMTargetMachineEmitToMemoryBuffer(machine, g->module, type, &message, &memory)) {
		gen_fail(g, "%s", message);
		LLVMDisposeMessage(message);
		return;
	}
	buf_add(out, LLVMGetBufferStart(memory), LLVMGetBufferSize(memory));
	LLVMDisposeMemoryBuffer(memory);
}

static void generate(struct gen *g, const struct host_options *options, struct buf *out)
{
	const char *triple = options->triple ? options->triple : KS_HOST_MACHINE "-linux-gnu";
	LLVMTargetMachineRef machine = make_target(g, triple, options->level);
	if (!machine)
		return;
	LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
	LLVMSetModuleDataLayout(g->module, layout);
	LLVMDisposeTargetData(layout);
	LLVMSetTarget(g->module, triple);
	gen_init_types(g);
	gen_module(g);
	if (!g->why)
		verify(g);
	if (!g->why && options->output == HOST_LLVM_IR)
		write_text(g, out);
	else if (!g->why)
		write_code(g, machine, options->output, out);
	LLVMDisposeTargetMachine(machine);
}

bool host_generate(const struct ir_module *m, const struct host_options *options, struct buf *out,
		   const char **why)
{
	struct gen g = {.m = m, .arena = m->arena, .context = LLVMContextCreate()};
	g.module = LLVMModuleCreateWithNameInContext("ks", g.context);
	g.builder = LLVMCreateBuilderInContext(g.context);
	generate(&g, options, out);
	LLVMDisposeBuilder(g.builder);
	LLVMDisposeModule(g.module);
	LLVMContextDispose(g.context);
	*why = g.why;
	return !g.why;
}
