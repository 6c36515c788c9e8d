/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module level: which functions are generated (those that an exported one reaches), their
 * declarations, constants, the words with the bases of the shared sections, and runtime functions.
 *
 * Everything is hidden, so that code refers to it by distance and never through a table that a
 * dynamic linker would fill.
 */
#include "host-backend/llvm_gen.h"

#include <string.h>

void gen_fail(struct gen *g, const char *format, const char *name)
{
	if (!g->why)
		g->why = arena_printf(g->arena, format, name);
}

/* ---- what is reachable ---- */

struct worklist {
	uint32_t *items;
	uint32_t count;
	bool *is_seen; // by function index
};

static void reach(const struct gen *g, struct worklist *w, uint32_t index)
{
	if (w->is_seen[index] || g->m->fns.data[index]->target != IR_TARGET_HOST)
		return;
	w->is_seen[index] = true;
	w->items[w->count++] = index;
}

static bool *find_reachable(struct gen *g)
{
	uint32_t count = g->m->fns.len;
	struct worklist w = {
		.items = ARENA_ARRAY(g->arena, uint32_t, count),
		.is_seen = ARENA_ARRAY(g->arena, bool, count),
	};
	for (uint32_t i = 0; i < count; i++)
		if (g->m->fns.data[i]->is_exported || i == g->m->main_fn)
			reach(g, &w, i);
	while (w.count) {
		const struct ir_fn *fn = g->m->fns.data[w.items[--w.count]];
		for (uint32_t i = 1; i < fn->insns.len; i++) {
			const struct ir_insn *in = &fn->insns.data[i];
			if (ir_ops[in->op].extra == IR_EXTRA_FUNC)
				reach(g, &w, in->index);
		}
	}
	return w.is_seen;
}

/* ---- declarations ---- */

static void add_attribute(struct gen *g, LLVMValueRef fn, const char *name)
{
	unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
	LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
				LLVMCreateEnumAttribute(g->context, kind, 0));
}

static LLVMValueRef declare_function(struct gen *g, uint32_t index)
{
	const struct ir_fn *fn = g->m->fns.data[index];
	const char *plain = intern_text(&g->m->compile->names, fn->name);
	bool is_main = index == g->m->main_fn;
	const char *name =
		is_main ? HOST_MAIN_SYMBOL : arena_printf(g->arena, HOST_FN_PREFIX "%s", plain);
	LLVMValueRef f = LLVMAddFunction(
		g->module, name,
		gen_fn_type(g, (enum ir_type)fn->result, fn->params, fn->param_count));
	LLVMSetLinkage(f, is_main || fn->is_exported ? LLVMExternalLinkage : LLVMInternalLinkage);
	if (is_main || fn->is_exported)
		LLVMSetVisibility(f, LLVMHiddenVisibility);
	add_attribute(g, f, "nounwind");
	/* Calls of memcmp and others must stay what they are: the runtime has no other of LLVM's
	 * idea of a C library. */
	LLVMAttributeRef plain_calls =
		LLVMCreateStringAttribute(g->context, "no-builtins", 11, "", 0);
	LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, plain_calls);
	return f;
}

LLVMValueRef gen_runtime(struct gen *g, enum ks_rt_call call)
{
	if (!g->calls[call]) {
		LLVMValueRef f =
			LLVMAddFunction(g->module, gen_calls[call].name, gen_call_type(g, call));
		LLVMSetVisibility(f, LLVMHiddenVisibility);
		add_attribute(g, f, "nounwind");
		g->calls[call] = f;
	}
	return g->calls[call];
}

/* ---- globals ---- */

static LLVMValueRef add_constant(struct gen *g, const struct ir_global *global)
{
	LLVMTypeRef type = LLVMArrayType2(g->i8, global->size);
	LLVMValueRef v = LLVMAddGlobal(g->module, type, "constant");
	LLVMSetLinkage(v, LLVMPrivateLinkage);
	LLVMSetGlobalConstant(v, true);
	LLVMSetAlignment(v, global->align ? global->align : 1);
	if (global->init)
		LLVMSetInitializer(v,
				   LLVMConstStringInContext2(g->context, (const char *)global->init,
							     global->size, true));
	else
		LLVMSetInitializer(v, LLVMConstNull(type));
	return v;
}

static LLVMValueRef get_base(struct gen *g, enum ir_section section)
{
	static const char *const names[IR_SECTION_COUNT] = {
		[IR_SECTION_DATA] = HOST_BASE_PREFIX "data",
		[IR_SECTION_BSS] = HOST_BASE_PREFIX "bss",
		[IR_SECTION_RODATA] = HOST_BASE_PREFIX "rodata",
		[IR_SECTION_PINNED] = HOST_BASE_PREFIX "pinned",
	};
	if (!g->bases[section]) {
		LLVMValueRef v = LLVMAddGlobal(g->module, g->types[IR_PTR], names[section]);
		LLVMSetVisibility(v, LLVMHiddenVisibility);
		LLVMSetGlobalConstant(v, true);
		g->bases[section] = v;
	}
	return g->bases[section];
}

LLVMValueRef gen_global(struct gen *g, uint32_t index)
{
	const struct ir_global *global = &g->m->globals.data[index];
	if (global->section == IR_SECTION_RODATA) {
		if (!g->globals[index])
			g->globals[index] = add_constant(g, global);
		return g->globals[index];
	}
	LLVMValueRef base =
		LLVMBuildLoad2(g->builder, g->types[IR_PTR], get_base(g, global->section), "");
	LLVMValueRef offset = LLVMConstInt(g->types[IR_I64], global->offset, false);
	return LLVMBuildGEP2(g->builder, g->i8, base, &offset, 1, "");
}

void gen_module(struct gen *g)
{
	uint32_t count = g->m->fns.len;
	bool *is_reachable = find_reachable(g);
	g->fns = ARENA_ARRAY(g->arena, LLVMValueRef, count);
	g->globals = ARENA_ARRAY(g->arena, LLVMValueRef, g->m->globals.len);
	for (uint32_t i = 0; i < count; i++)
		if (is_reachable[i])
			g->fns[i] = declare_function(g, i);
	for (uint32_t i = 0; i < count && !g->why; i++)
		if (is_reachable[i])
			gen_function(g, g->m->fns.data[i], g->fns[i]);
}
