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

/* The machines that code can be made for; only the one asked for is initialised. */
struct machine {
	const char *prefix; // of the triple
	const char *cpu;    // the least that runs the code
	void (*init_info)(void);
	void (*init_target)(void);
	void (*init_mc)(void);
	void (*init_printer)(void);
};

static const struct machine machines[] = {
	{"x86_64", "x86-64", LLVMInitializeX86TargetInfo, LLVMInitializeX86Target,
	 LLVMInitializeX86TargetMC, LLVMInitializeX86AsmPrinter},
	{"aarch64", "generic", LLVMInitializeAArch64TargetInfo, LLVMInitializeAArch64Target,
	 LLVMInitializeAArch64TargetMC, LLVMInitializeAArch64AsmPrinter},
};

static const struct machine *find_machine(const char *triple)
{
	for (uint32_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (strncmp(triple, machines[i].prefix, strlen(machines[i].prefix)) == 0)
			return &machines[i];
	return NULL;
}

static const char *default_triple(void)
{
#if defined(__aarch64__)
	return "aarch64-linux-gnu";
#else
	return "x86_64-linux-gnu";
#endif
}

static LLVMTargetMachineRef make_target(struct gen *g, const char *triple, int level)
{
	static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess,
						     LLVMCodeGenLevelDefault};
	const struct machine *machine = find_machine(triple);
	if (!machine) {
		gen_fail(g, "userspace code cannot be made for `%s`", triple);
		return NULL;
	}
	machine->init_info();
	machine->init_target();
	machine->init_mc();
	machine->init_printer();
	LLVMTargetRef target = NULL;
	char *message = NULL;
	if (LLVMGetTargetFromTriple(triple, &target, &message)) {
		gen_fail(g, "%s", message);
		LLVMDisposeMessage(message);
		return NULL;
	}
	return LLVMCreateTargetMachine(target, triple, machine->cpu, "",
				       levels[level < 0   ? 0
					      : level > 2 ? 2
							  : level],
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
	const char *triple = options->triple ? options->triple : default_triple();
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
