/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct_ops: for each impl the struct of the kernel with the members that it gives, and for each of its
 * functions the program that the kernel calls. Such a program gets its arguments in an array of 64-bit words;
 * it passes them to the function that the author wrote, which is inlined there and may be called by the
 * other functions of the impl too.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

/* ---- programs ---- */

/* The argument as the function takes it, from the word that the kernel passes. */
static ir_ref load_argument(struct ir_builder *b, ir_ref ctx, const struct type *type,
			    uint32_t index)
{
	bool is_pointer = type->kind == TYPE_POINTER;
	enum ir_ctx_kind kind = is_pointer ? IR_CTX_KERNEL : IR_CTX_SCALAR;
	uint32_t width = is_pointer ? 8 : value_width(type);
	ir_ref word =
		ir_emit_full(b, (struct ir_insn){.op = IR_CTX_LOAD,
						 .type = is_pointer ? IR_PTR : IR_I64,
						 .aux = ir_mem_aux(8, false, (enum ir_space)kind),
						 .a = ctx,
						 .imm = (int32_t)(8 * index)});
	bool is_signed = value_is_signed(type);
	if (width == 8)
		return word;
	word = ir_emit(b, IR_TRUNC, IR_I32, word, IR_REF_NONE);
	if (width == 4)
		return word;
	enum ir_op op = width == 1  ? is_signed ? IR_EXT8S : IR_EXT8U
			: is_signed ? IR_EXT16S
				    : IR_EXT16U;
	return ir_emit(b, op, IR_I32, word, IR_REF_NONE);
}

/* Index of the program in the module. */
static uint32_t add_program(struct lower *lw, const struct decl *impl, struct decl *decl)
{
	const char *name =
		arena_printf(lw->m->arena, "%s_%s", intern_text(&lw->compile->names, impl->name),
			     intern_text(&lw->compile->names, decl->name));
	uint32_t index = ir_add_fn(lw->m, intern_string(&lw->compile->names, name), IR_TARGET_BPF);
	struct ir_fn *fn = lw->m->fns.data[index];
	fn->where = decl->name_where;
	fn->program = "struct_ops";
	fn->ops = impl->name;
	fn->is_exported = true;
	fn->is_sleepable = decl->func.is_sleepable;
	fn->result = IR_I64;
	fn->params = ARENA_ARRAY(fn->arena, uint8_t, 1);
	fn->params[fn->param_count++] = IR_PTR;
	return index;
}

static void fill_program(struct lower *lw, uint32_t index, struct decl *decl)
{
	const struct type *type = decl->type;
	uint32_t count = type->func.param_count;
	uint32_t callee = request_fn(lw, decl, IR_TARGET_BPF); // may move fns.data
	struct ir_fn *fn = lw->m->fns.data[index];
	struct ir_builder b = {.fn = fn, .where = decl->name_where};
	ir_ref *args = ARENA_ARRAY(lw->m->arena, ir_ref, count + 1);
	lw->m->fns.data[callee]->is_inline = true;
	b.block = ir_add_block(fn);
	ir_ref ctx = ir_emit_index(&b, IR_PARAM, IR_PTR, 0);
	for (uint32_t i = 0; i < count; i++)
		args[i] = load_argument(&b, ctx, type->func.params[i], i);
	enum ir_type result = value_type(type->func.result);
	ir_ref value = ir_emit_call(&b, IR_CALL, result, callee, args, count);
	if (result == IR_VOID)
		value = ir_const(fn, IR_I64, 0);
	else if (result == IR_I32)
		value = ir_emit(&b, value_is_signed(type->func.result) ? IR_SEXT32 : IR_ZEXT32,
				IR_I64, value, IR_REF_NONE);
	else if (result == IR_PTR)
		value = ir_emit(&b, IR_PTRINT, IR_I64, value, IR_REF_NONE);
	ir_emit_return(&b, value);
}

/* ---- structs ---- */

struct layout {
	struct ir_dmember *members;
	uint32_t count, size;
};

/* Offset of the next member. */
static uint32_t add_member(struct layout *l, symbol name, uint32_t dtype, uint32_t size,
			   uint32_t align)
{
	uint32_t offset = (l->size + align - 1) / align * align;
	l->members[l->count++] =
		(struct ir_dmember){.name = name, .type = dtype, .bit_offset = offset * 8};
	l->size = offset + size;
	return offset;
}

static void add_function(struct lower *lw, struct layout *l, struct ir_ops *ops, symbol member,
			 const struct decl *f)
{
	uint32_t pointer = ir_add_dtype(lw->m, (struct ir_dtype){.kind = IR_DTYPE_POINTER,
								 .target = lower_func_dtype(lw, f),
								 .size = 8});
	struct ir_ops_function row = {add_member(l, member, pointer, 8, 8),
				      (uint32_t)(uintptr_t)f->lowered - 1};
	vec_push(lw->m->arena, &ops->functions, row);
}

/* A member `name` that the impl does not give is the impl's own. */
static void add_name(struct lower *lw, struct layout *l, const struct decl *impl, uint8_t *bytes)
{
	symbol name = intern_string(&lw->compile->names, "name");
	const struct decl *member = type_find_field(impl->type, name);
	for (uint32_t i = 0; i < impl->impl.fields.len; i++)
		if (impl->impl.fields.data[i].name == name)
			return;
	bool is_text =
		member &&
		(member->type->kind == TYPE_STR ||
		 (member->type->kind == TYPE_ARRAY &&
		  (member->type->element->kind == TYPE_CHAR || member->type->element->size == 1)));
	if (!is_text)
		return;
	const char *text = intern_text(&lw->compile->names, impl->name);
	uint32_t size = member->type->size, len = (uint32_t)strlen(text);
	uint32_t at = add_member(l, name, lower_dtype(lw, member->type), size, 1);
	memcpy(bytes + at, text, len < size ? len : size - 1);
}

static void add_value(struct lower *lw, struct layout *l, const struct field_init *f,
		      uint8_t *bytes)
{
	const struct type *type = f->field->type;
	uint32_t size = type->size ? type->size : value_width(type);
	uint32_t at =
		add_member(l, f->name, lower_dtype(lw, type), size, type->align ? type->align : 1);
	constant_bytes(lw, f->value, type, bytes + at);
}

static void add_impl(struct lower *lw, const struct decl *impl)
{
	uint32_t functions = impl->impl.functions.len, fields = impl->impl.fields.len;
	struct layout l = {
		.members = ARENA_ARRAY(lw->m->arena, struct ir_dmember, functions + fields + 1)};
	struct ir_ops ops = {.name = impl->name, .where = impl->name_where};
	uint8_t *bytes =
		arena_alloc(lw->m->arena, 2 * impl->type->size + 8u * (functions + fields) + 8);
	for (uint32_t i = 0; i < functions; i++)
		add_function(lw, &l, &ops, impl->impl.functions.data[i]->name,
			     impl->impl.functions.data[i]);
	for (uint32_t i = 0; i < fields; i++) {
		const struct field_init *f = &impl->impl.fields.data[i];
		const struct decl *value = f->value->kind == EXPR_NAME ? f->value->name.decl : NULL;
		if (value && value->kind == DECL_FUNC)
			add_function(lw, &l, &ops, f->name, value);
		else if (f->field->type->kind != TYPE_POINTER) // else null
			add_value(lw, &l, f, bytes);
	}
	add_name(lw, &l, impl, bytes);
	ops.size = (l.size + 7) / 8 * 8;
	ops.init = bytes;
	ops.dtype = ir_add_dtype(lw->m, (struct ir_dtype){.kind = IR_DTYPE_STRUCT,
							  .name = impl->type->name,
							  .size = ops.size,
							  .members = l.members,
							  .member_count = l.count});
	vec_push(lw->m->arena, &lw->m->ops, ops);
}

void lower_impls(struct lower *lw)
{
	const decl_list *impls = &lw->program->impls;
	for (uint32_t i = 0; i < impls->len; i++) {
		const struct decl *impl = impls->data[i];
		for (uint32_t j = 0; j < impl->impl.functions.len; j++) {
			struct decl *f = impl->impl.functions.data[j];
			f->lowered = (void *)(uintptr_t)(add_program(lw, impl, f) + 1);
		}
	}
	for (uint32_t i = 0; i < impls->len; i++) {
		const struct decl *impl = impls->data[i];
		for (uint32_t j = 0; j < impl->impl.functions.len; j++) {
			struct decl *f = impl->impl.functions.data[j];
			fill_program(lw, (uint32_t)(uintptr_t)f->lowered - 1, f);
		}
		add_impl(lw, impl);
	}
}

ir_ref lower_register(struct body *f, struct expr *call, const char *runtime)
{
	const struct decl *impl = call->call.args.data[0]->name.decl;
	const char *name = intern_text(&f->lw->compile->names, impl->name);
	ir_ref text = global_place(f, literal_text(f->lw, name, (uint32_t)strlen(name) + 1)).base;
	f->b.where = call->where;
	return call_runtime(f, runtime, IR_I32, IR_EFFECT_OTHER, &text, 1);
}
