/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the plug-in: the state of one module being translated.
 *
 * host_generate() (llvm_emit.c) makes the state, gen_module() (llvm_module.c) declares everything
 * and gives each function body to gen_function() (llvm_func.c).
 */
#ifndef KS_HOST_LLVM_GEN_H
#define KS_HOST_LLVM_GEN_H

#include <llvm-c/Core.h>

#include "frontend/ir/ir.h"
#include "host-backend/host_gen.h"
#include "ks/rt.h"

struct gen {
	const struct ir_module *m;
	struct arena *arena;
	const char *why; // the first problem; NULL while there is none
	LLVMContextRef context;
	LLVMModuleRef module;
	LLVMBuilderRef builder;
	LLVMTypeRef types[IR_PTR + 1]; // by enum ir_type
	LLVMTypeRef i8, i16;
	LLVMValueRef *fns;     // by index in m->fns, NULL when not generated
	LLVMValueRef *globals; // constants made so far, by index in m->globals
	LLVMValueRef bases[IR_SECTION_COUNT];
	LLVMValueRef calls[KS_CALL_COUNT]; // runtime functions declared so far
};

/* A row of the runtime call table. */
struct gen_call {
	const char *name;
	char result;
	const char *args;
};
extern const struct gen_call gen_calls[KS_CALL_COUNT];

/* Notes the first problem; translation goes on and its result is thrown away. */
void gen_fail(struct gen *g, const char *format, const char *name);

/* llvm_types.c */
void gen_init_types(struct gen *g);
LLVMTypeRef gen_int_type(struct gen *g, uint32_t bits); // 1, 8, 16, 32 or 64
LLVMTypeRef gen_fn_type(struct gen *g, enum ir_type result, const uint8_t *params, uint32_t count);
LLVMTypeRef gen_call_type(struct gen *g, enum ks_rt_call call);
enum ir_type gen_letter_type(char letter); // of rt_calls.def

/* llvm_module.c */
void gen_module(struct gen *g);
LLVMValueRef gen_runtime(struct gen *g, enum ks_rt_call call);
/* Address of a global, computed at the builder's place. */
LLVMValueRef gen_global(struct gen *g, uint32_t index);

/* llvm_level.c: index of an LLVM level, 0 to 2 */
int gen_choose_level(struct gen *g, int wanted);

/* llvm_func.c */
void gen_function(struct gen *g, const struct ir_fn *fn, LLVMValueRef into);

#endif
