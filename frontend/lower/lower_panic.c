/* SPDX-License-Identifier: Apache-2.0 */
/*
 * panic and assert. In userspace the message and its place go to standard error and the process is over.
 * In eBPF they go to the trace log and the program ends with the result that its kind has for failures:
 * the panic leaves every function on the way like a throw that no catch takes, so what is deferred runs.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

static const char *place_of(struct body *f, span where)
{
	struct compile *compile = f->lw->compile;
	struct source_pos pos = source_locate(&compile->sources, where.begin);
	return arena_printf(&compile->module, "%s:%u", pos.file ? pos.file->path : "?", pos.line);
}

/* The arguments behind the first `skip`. */
static void print_message(struct body *f, struct expr *call, uint32_t skip, const char *prefix)
{
	expr_list rest = {0};
	for (uint32_t i = skip; i < call->call.args.len; i++)
		vec_push(f->m->arena, &rest, call->call.args.data[i]);
	if (rest.len)
		prefix = arena_printf(&f->lw->compile->module, "%s: ", prefix);
	lower_message(f, prefix, &rest, call->where);
}

static void end_here(struct body *f, struct expr *call, uint32_t skip, const char *what)
{
	const char *prefix =
		arena_printf(&f->lw->compile->module, "%s at %s", what, place_of(f, call->where));
	print_message(f, call, skip, prefix);
	f->b.where = call->where;
	if (f->target == IR_TARGET_BPF) {
		leave_in_panic(f);
		return;
	}
	call_runtime(f, "ks_panic", IR_VOID, IR_EFFECT_OTHER, NULL, 0);
	ir_emit_unreachable(&f->b);
}

void lower_panic(struct body *f, struct expr *call)
{
	end_here(f, call, 0, "panic");
}

void lower_assert(struct body *f, struct expr *call)
{
	uint32_t failed = new_block(f), good = new_block(f);
	lower_condition(f, call->call.args.data[0], good, failed);
	start_block(f, failed);
	end_here(f, call, 1, "assertion failed");
	start_block(f, good);
}

/* Userspace: ends the process with the text and the place when the pointer is null. */
static void guard_pointer(struct body *f, ir_ref pointer, const char *what, span where)
{
	uint32_t null = new_block(f), good = new_block(f);
	expr_list none = {0};
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, pointer, null_ptr(f)), good, null, IR_LIKELY_TRUE);
	start_block(f, null);
	const char *text =
		arena_printf(&f->lw->compile->module, "%s at %s", what, place_of(f, where));
	lower_message(f, text, &none, where);
	call_runtime(f, "ks_panic", IR_VOID, IR_EFFECT_OTHER, NULL, 0);
	ir_emit_unreachable(&f->b);
	start_block(f, good);
}

void guard_function(struct body *f, ir_ref callee, span where)
{
	guard_pointer(f, callee, "call of a null function", where);
}

void guard_memory(struct body *f, ir_ref object, span where)
{
	guard_pointer(f, object, "no memory for what is deferred", where);
}

bool is_panic(const struct expr *expr)
{
	if (expr->kind != EXPR_CALL || !expr->call.target ||
	    expr->call.target->kind != DECL_BUILTIN)
		return false;
	int id = expr->call.target->builtin.id;
	return id == BUILTIN_PANIC || id == BUILTIN_ASSERT;
}
