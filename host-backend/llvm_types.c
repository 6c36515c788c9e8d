/* SPDX-License-Identifier: Apache-2.0 */
/* LLVM types of IR types, of functions and of runtime calls. */
#include "host-backend/llvm_gen.h"

#include <string.h>

const struct gen_call gen_calls[KS_CALL_COUNT] = {
#define RT_CALL(name, result, args, effects) [KS_CALL_##name] = {#name, result, args},
#include "ks/rt_calls.def"
#undef RT_CALL
};

void gen_init_types(struct gen *g)
{
	g->types[IR_VOID] = LLVMVoidTypeInContext(g->context);
	g->types[IR_I32] = LLVMInt32TypeInContext(g->context);
	g->types[IR_I64] = LLVMInt64TypeInContext(g->context);
	g->types[IR_PTR] = LLVMPointerTypeInContext(g->context, 0);
	g->i8 = LLVMInt8TypeInContext(g->context);
	g->i16 = LLVMInt16TypeInContext(g->context);
}

LLVMTypeRef gen_int_type(struct gen *g, uint32_t bits)
{
	return LLVMIntTypeInContext(g->context, bits);
}

LLVMTypeRef gen_fn_type(struct gen *g, enum ir_type result, const uint8_t *params, uint32_t count)
{
	LLVMTypeRef *types = ARENA_ARRAY(g->arena, LLVMTypeRef, count);
	for (uint32_t i = 0; i < count; i++)
		types[i] = g->types[params[i]];
	return LLVMFunctionType(g->types[result], types, count, false);
}

enum ir_type gen_letter_type(char letter)
{
	switch (letter) {
	case 'w':
		return IR_I32;
	case 'l':
		return IR_I64;
	case 'p':
		return IR_PTR;
	default:
		return IR_VOID;
	}
}

LLVMTypeRef gen_call_type(struct gen *g, enum ks_rt_call call)
{
	const struct gen_call *row = &gen_calls[call];
	uint8_t params[8];
	uint32_t count = (uint32_t)strlen(row->args);
	assert(count <= sizeof params && "runtime calls have few arguments");
	for (uint32_t i = 0; i < count; i++)
		params[i] = (uint8_t)gen_letter_type(row->args[i]);
	return gen_fn_type(g, gen_letter_type(row->result), params, count);
}
