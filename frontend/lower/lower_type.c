/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the checker's types to what the IR knows: register types of scalars, and debug types, from
 * which BTF and DWARF are made. A debug type is made once per type; the row of a struct exists before
 * its members are translated, so recursive structs end.
 */
#include "frontend/lower/lower_internal.h"

enum ir_type value_type(const struct type *type)
{
	switch (type->kind) {
	case TYPE_BOOL:
	case TYPE_CHAR:
	case TYPE_INT:
	case TYPE_BE:
	case TYPE_ENUM:
		return type->size == 8 ? IR_I64 : IR_I32;
	case TYPE_PROGRAM_REF:
		return IR_I32;
	case TYPE_POINTER:
	case TYPE_FUNC:
	case TYPE_PROGRAM_HANDLE:
	case TYPE_PERF_ATTACHMENT:
		return IR_PTR;
	case TYPE_ERROR:
	case TYPE_VOID:
	case TYPE_STRUCT:
	case TYPE_UNION:
	case TYPE_ARRAY:
	case TYPE_STR:
	case TYPE_MAP:
	case TYPE_ENTRY:
		break;
	}
	return IR_VOID;
}

uint32_t value_width(const struct type *type)
{
	if (value_type(type) == IR_PTR)
		return 8;
	return type->kind == TYPE_PROGRAM_REF ? 4 : type->size;
}

bool value_is_signed(const struct type *type)
{
	return (type->kind == TYPE_INT || type->kind == TYPE_ENUM) && type->is_signed;
}

static uint32_t add_int(struct lower *lw, const struct type *type, uint32_t encoding)
{
	symbol name = intern_string(&lw->compile->names,
				    type_text((struct types *)&lw->program->types, type));
	return ir_add_dtype(lw->m, (struct ir_dtype){.kind = IR_DTYPE_INT,
						     .name = name,
						     .size = type->size,
						     .encoding = encoding});
}

static uint32_t add_enum(struct lower *lw, const struct type *type)
{
	uint32_t count = type->decl ? type->decl->enumeration.constants.len : 0;
	struct ir_dmember *members = ARENA_ARRAY(lw->m->arena, struct ir_dmember, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct decl *constant = type->decl->enumeration.constants.data[i];
		members[i] = (struct ir_dmember){.name = constant->name,
						 .value = constant->constant.value};
	}
	return ir_add_dtype(lw->m,
			    (struct ir_dtype){.kind = IR_DTYPE_ENUM,
					      .name = type->name,
					      .size = type->size,
					      .encoding = type->is_signed ? IR_DTYPE_SIGNED : 0,
					      .members = members,
					      .member_count = count});
}

/* A pointer that the kernel keeps for the program, which it must know from other numbers. */
static uint32_t add_kptr(struct lower *lw, const struct type *type)
{
	struct ir_dtype pointer = {.kind = IR_DTYPE_POINTER,
				   .name = intern_string(&lw->compile->names, "kptr"),
				   .target = type_is_kernel(type->element)
						     ? core_record(lw, type->element)
						     : lower_dtype(lw, type->element),
				   .size = 8};
	return ir_add_dtype(lw->m, pointer);
}

static void fill_record(struct lower *lw, const struct type *type, uint32_t index)
{
	uint32_t count = type->record.fields.len;
	struct ir_dmember *members = ARENA_ARRAY(lw->m->arena, struct ir_dmember, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct decl *field = type->record.fields.data[i];
		members[i] = (struct ir_dmember){
			.name = field->name,
			.type = field->field.is_kptr ? add_kptr(lw, field->type)
						     : lower_dtype(lw, field->type),
			.bit_offset = field->field.offset * 8 + field->field.bit_offset,
			.bit_size = field->field.bit_width};
	}
	lw->m->dtypes.data[index].members = members;
	lw->m->dtypes.data[index].member_count = count;
}

static uint32_t add_array(struct lower *lw, const struct type *element, uint32_t count,
			  uint32_t size)
{
	uint32_t target = lower_dtype(lw, element);
	return ir_add_dtype(lw->m, (struct ir_dtype){.kind = IR_DTYPE_ARRAY,
						     .target = target,
						     .count = count,
						     .size = size});
}

static uint32_t add_pointer(struct lower *lw, uint32_t target)
{
	return ir_add_dtype(
		lw->m, (struct ir_dtype){.kind = IR_DTYPE_POINTER, .target = target, .size = 8});
}

/* Structs are entered here before their members are looked at. */
static uint32_t add_record(struct lower *lw, const struct type *type)
{
	uint32_t index = ir_add_dtype(lw->m, (struct ir_dtype){.kind = type->kind == TYPE_UNION
									       ? IR_DTYPE_UNION
									       : IR_DTYPE_STRUCT,
							       .name = type->name,
							       .size = type->size});
	*map_insert(&lw->dtypes, type->id) = index + 1;
	/* A context is known to the kernel by its name alone; its packet pointers are no members of
	 * the layout that C sees. */
	if (!type->record.is_ctx)
		fill_record(lw, type, index);
	return index;
}

static uint32_t add_func(struct lower *lw, const struct type *type, const decl_list *params)
{
	uint32_t count = type->func.param_count;
	struct ir_dmember *members = ARENA_ARRAY(lw->m->arena, struct ir_dmember, count);
	for (uint32_t i = 0; i < count; i++) {
		members[i].name = params && i < params->len ? params->data[i]->name : 0;
		members[i].type = lower_dtype(lw, type->func.params[i]);
	}
	uint32_t result = lower_dtype(lw, type->func.result);
	return ir_add_dtype(lw->m, (struct ir_dtype){.kind = IR_DTYPE_FUNC,
						     .target = result,
						     .members = members,
						     .member_count = count});
}

static uint32_t make_dtype(struct lower *lw, const struct type *type)
{
	switch (type->kind) {
	case TYPE_BOOL:
		return add_int(lw, type, IR_DTYPE_BOOL);
	case TYPE_CHAR:
		return add_int(lw, type, IR_DTYPE_CHAR);
	case TYPE_INT:
	case TYPE_BE:
		return add_int(lw, type, type->is_signed ? IR_DTYPE_SIGNED : 0);
	case TYPE_ENUM:
		return add_enum(lw, type);
	case TYPE_STRUCT:
	case TYPE_UNION:
		return add_record(lw, type);
	case TYPE_ARRAY:
		return add_array(lw, type->element, type->count, type->size);
	case TYPE_STR:
		return add_array(lw, lw->program->types.char_, type->count, type->size);
	case TYPE_POINTER:
		return add_pointer(lw, type_is_kernel(type->element)
					       ? core_record(lw, type->element)
					       : lower_dtype(lw, type->element));
	case TYPE_FUNC:
		return add_pointer(lw, add_func(lw, type, NULL));
	case TYPE_PROGRAM_REF:
		return lower_dtype(lw, lw->program->types.u32);
	case TYPE_PROGRAM_HANDLE:
	case TYPE_PERF_ATTACHMENT:
		return add_pointer(lw, 0);
	case TYPE_ENTRY:
		return add_pointer(lw, lower_dtype(lw, type->entry_of->type->map.value));
	case TYPE_ERROR:
	case TYPE_VOID:
	case TYPE_MAP:
		break;
	}
	return 0;
}

uint32_t lower_dtype(struct lower *lw, const struct type *type)
{
	const uint64_t *known = map_find(&lw->dtypes, type->id);
	if (known)
		return (uint32_t)*known - 1;
	uint32_t index = make_dtype(lw, type);
	*map_insert(&lw->dtypes, type->id) = index + 1;
	return index;
}

uint32_t lower_func_dtype(struct lower *lw, const struct decl *decl)
{
	return add_func(lw, decl->type, &decl->func.params);
}

uint32_t char_array_dtype(struct lower *lw, uint32_t count)
{
	/* Beside the numbers of types, which have 32 bits. */
	uint64_t *known = map_insert(&lw->dtypes, 1ull << 32 | count);
	if (!*known) {
		uint32_t index = add_array(lw, lw->program->types.char_, count, count);
		*map_insert(&lw->dtypes, 1ull << 32 | count) = index + 1;
		return index;
	}
	return (uint32_t)*known - 1;
}
