/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that watch something: how their parameters are read from the context when they begin.
 *
 *	slots      64 bits each, as the kernel function has its parameters; pointers to structs of the
 *	           kernel are known to the verifier
 *	registers  of the call, in a pt_regs; pointers are mere numbers to the verifier
 *	system calls  one parameter leads to the registers in which the call's own ones are
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

bool is_tracer(const struct program_kind *kind)
{
	return kind->names != NAMES_NOTHING || !strcmp(kind->name, "perf_event");
}

bool has_kernel_context(const struct program_kind *kind)
{
	return kind->names == NAMES_EVENT || kind->params == PARAMS_REGISTERS ||
	       kind->params == PARAMS_USER || kind->params == PARAMS_NOTE ||
	       !strcmp(kind->name, "perf_event") || !strcmp(kind->attribute, "netfilter");
}

static ir_ref load_context_word(struct body *f, uint32_t offset, enum ir_type type,
				enum ir_ctx_kind kind)
{
	return ir_emit_full(&f->b,
			    (struct ir_insn){.op = IR_CTX_LOAD,
					     .type = (uint8_t)type,
					     .aux = ir_mem_aux(8, false, (enum ir_space)kind),
					     .a = f->context,
					     .imm = (int32_t)offset});
}

/* The word of an argument or of the result, as a pointer when one is wanted. */
static ir_ref load_word_of(struct body *f, const struct decl *param, enum ir_type type,
			   bool is_object)
{
	const struct arch_info *arch = f->lw->info->arch;
	bool is_result = param->variable.source == SOURCE_RESULT;
	uint32_t index = param->variable.source_index;
	if (f->kind->params == PARAMS_SLOTS)
		return load_context_word(f, 8 * (is_result ? f->decl->func.result_slot : index),
					 type, is_object ? IR_CTX_KERNEL : IR_CTX_SCALAR);
	return load_context_word(f, is_result ? arch->result : arch->args[index], type,
				 IR_CTX_SCALAR);
}

static ir_ref load_syscall_argument(struct body *f, const struct decl *param)
{
	const struct arch_info *arch = f->lw->info->arch;
	bool is_direct = f->kind->params == PARAMS_SLOTS;
	ir_ref regs = load_context_word(f, is_direct ? 0 : arch->args[0], IR_PTR,
					is_direct ? IR_CTX_KERNEL : IR_CTX_SCALAR);
	return ir_emit_load(&f->b, IR_I64, regs, arch->syscall_args[param->variable.source_index],
			    ir_mem_aux(8, false, IR_SPACE_ANY));
}

static bool is_object_pointer(const struct type *t)
{
	return t->kind == TYPE_POINTER && type_is_kernel(t->element) && t->element->size;
}

/* Of the word that holds a parameter, what the type has room for. */
static ir_ref cut_word(struct body *f, ir_ref word, const struct type *type)
{
	if (type->kind == TYPE_BOOL)
		return ir_emit(&f->b, IR_NE, IR_I32, emit_folded(f, IR_EXT8U, IR_I64, word, 0),
			       const64(f, 0));
	return narrow(f, to_register(f, word, value_type(type), false), type);
}

static ir_ref read_param(struct body *f, const struct decl *param)
{
	const struct type *type = param->type;
	bool is_argument = param->variable.source == SOURCE_ARGUMENT;
	if (is_argument && f->decl->func.is_syscall)
		return cut_word(f, load_syscall_argument(f, param), type);
	if (is_argument && f->kind->params == PARAMS_NOTE)
		return cut_word(f, note_value(f, param->variable.source_index), type);
	if (value_type(type) == IR_PTR)
		return load_word_of(f, param, IR_PTR, is_object_pointer(type));
	return cut_word(f, load_word_of(f, param, IR_I64, false), type);
}

static void enter_tracer_param(struct body *f, struct decl *param)
{
	struct local *local = new_local(f, param);
	bool is_context = param->variable.source == SOURCE_CONTEXT;
	f->b.where = param->name_where;
	if (is_context && !param->variable.is_assigned && !param->variable.is_address_taken) {
		local->value = f->context;
		return;
	}
	ir_ref value = is_context ? f->context : read_param(f, param);
	local->slot = new_slot(f, param->type, param->name, param->name_where);
	store_slot(f, local->slot, param->type, value);
}

void enter_tracer_params(struct body *f)
{
	const decl_list *params = &f->decl->func.params;
	f->context = ir_emit_index(&f->b, IR_PARAM, IR_PTR, 0);
	if (f->kind->params == PARAMS_NOTE)
		enter_note_params(f);
	for (uint32_t i = 0; i < params->len; i++)
		enter_tracer_param(f, params->data[i]);
	if (f->decl->func.context)
		new_local(f, f->decl->func.context)->value = f->context;
}

/* The kernel makes the record of a system call with 32 bits for its number and leaves the rest of the word as
 * it was (perf_call_bpf_enter(), kernel/trace/trace_syscalls.c, 6.12). */
uint32_t context_field_width(const struct body *f, const struct place *place)
{
	const struct core_step *step = place->core;
	if (!f->kind || f->kind->names != NAMES_EVENT || !step || !step->field || !step->up ||
	    strncmp(f->decl->func.program_arg, "syscalls/", 9) != 0)
		return 0;
	const char *name = intern_text(&f->lw->compile->names, step->field->name);
	return !strcmp(name, "id") && step->offset == 8 ? 4 : 0;
}
