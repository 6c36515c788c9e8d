/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the running kernel, which libbpf answers at load by putting a number into an instruction:
 * whether a type, a field or an enum constant exists, how large a type or a field is, whether a field has a
 * sign, which number a constant has.
 *
 * The answer about a field that the build's kernel knows goes by its type there. For one that it does
 * not know, libbpf is asked for each kind of type that it may have: structs whose names differ behind
 * three underscores are one struct to libbpf.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

enum unknown_kind { // of the type of a field that only other kernels have
	A_NUMBER,
	A_POINTER,
	A_STRUCT,
	AN_ENUM,
	NUMBERS, // arrays
	POINTERS,
	STRUCTS,
	UNKNOWN_KINDS
};

struct field_path {
	symbol names[64];
	uint32_t count;
};

static bool read_path(const struct expr *e, struct field_path *path)
{
	enum { MAX_STEPS = sizeof path->names / sizeof *path->names };
	if (e->kind == EXPR_FIELD && !read_path(e->field.base, path))
		return false;
	if (path->count == MAX_STEPS)
		return false;
	path->names[path->count++] = e->kind == EXPR_FIELD ? e->field.name : e->name.name;
	return true;
}

static ir_ref as_bool(struct body *f, ir_ref number)
{
	return to_register(f, number, IR_I32, false);
}

/* ---- fields ---- */

/* Goes down the path in the build's own types; false where they end. */
static bool enter_path(struct body *f, struct place *place, const struct field_path *path)
{
	for (uint32_t i = 0; i < path->count; i++) {
		const struct type *t = place->core->type;
		bool is_record = t->kind == TYPE_STRUCT || t->kind == TYPE_UNION;
		const struct decl *field = is_record ? type_find_field(t, path->names[i]) : NULL;
		if (!field)
			return false;
		core_enter_field(f, place, field);
	}
	return true;
}

static uint32_t unknown_type(struct lower *lw, enum unknown_kind kind)
{
	struct ir_dtype d = {.kind = IR_DTYPE_STRUCT};
	if (kind >= NUMBERS) {
		d.kind = IR_DTYPE_ARRAY;
		d.target = unknown_type(lw, kind == NUMBERS    ? A_NUMBER
					    : kind == POINTERS ? A_POINTER
							       : A_STRUCT);
	} else if (kind == AN_ENUM) {
		d.kind = IR_DTYPE_ENUM;
		d.size = 4;
	} else if (kind == A_NUMBER) {
		return lower_dtype(lw, lw->program->types.u32);
	} else if (kind == A_POINTER) {
		return lower_dtype(lw, lw->program->types.program_handle);
	}
	return ir_add_dtype(lw->m, d);
}

/* A struct that has nothing but the way to the field. */
static uint32_t unknown_record(struct lower *lw, symbol name, const struct field_path *path,
			       uint32_t at, enum unknown_kind kind)
{
	bool is_last = at + 1 == path->count;
	struct ir_dmember *member = ARENA_NEW(lw->m->arena, struct ir_dmember);
	member->name = path->names[at];
	member->type = is_last ? unknown_type(lw, kind) : unknown_record(lw, 0, path, at + 1, kind);
	return ir_add_dtype(lw->m, (struct ir_dtype){.kind = IR_DTYPE_STRUCT,
						     .name = name,
						     .size = 8,
						     .members = member,
						     .member_count = 1});
}

static ir_ref ask_unknown_field(struct body *f, symbol record, const struct field_path *path)
{
	struct intern *names = &f->lw->compile->names;
	ir_ref any = IR_REF_NONE;
	for (uint32_t kind = 0; kind < UNKNOWN_KINDS; kind++) {
		const char *name =
			arena_printf(f->m->arena, "%s___%u", intern_text(names, record), kind);
		struct ir_core core = {
			.kind = IR_CORE_FIELD_EXISTS,
			.dtype = unknown_record(f->lw, intern_string(names, name), path, 0,
						(enum unknown_kind)kind),
			.steps = ARENA_ARRAY(f->m->arena, struct ir_core_step, path->count),
			.step_count = path->count,
			.local = 1};
		for (uint32_t i = 0; i < path->count; i++)
			core.steps[i].name = path->names[i];
		ir_ref one = ir_emit_index(&f->b, IR_CORE, IR_I64, ir_add_core(f->m, core));
		any = any ? ir_emit(&f->b, IR_OR, IR_I64, any, one) : one;
	}
	return as_bool(f, any);
}

static symbol name_of_type(const struct expr *arg)
{
	if (arg->kind == EXPR_NAME) // nothing of that name was found
		return arg->name.name;
	return arg->type->name;
}

static ir_ref ask_field(struct body *f, struct expr *call)
{
	struct expr *arg = call->call.args.data[0];
	struct field_path path = {.count = 0};
	struct place place = {.align = 1};
	if (!read_path(call->call.args.data[1], &path))
		return const32(f, 0);
	if (type_is_kernel(arg->type) && arg->type->name) {
		core_begin(f, &place, arg->type);
		if (enter_path(f, &place, &path))
			return as_bool(f,
				       core_number(f, IR_CORE_FIELD_EXISTS, NULL, place.core, 1));
	} else if (arg->kind != EXPR_NAME) { // a type of the program's own
		const struct type *t = arg->type;
		bool is_record = t->kind == TYPE_STRUCT || t->kind == TYPE_UNION;
		return const32(f, is_record && path.count == 1 &&
					  type_find_field(t, path.names[0]) != NULL);
	}
	return ask_unknown_field(f, name_of_type(arg), &path);
}

/* Size or sign of a field that the type has. */
static ir_ref ask_of_field(struct body *f, struct expr *call, enum ir_core_kind kind)
{
	struct expr *arg = call->call.args.data[0];
	struct field_path path = {.count = 0};
	struct place place = {.align = 1};
	const struct type *t = arg->type;
	bool is_kernel = type_is_kernel(t) && t->name;
	if (!read_path(call->call.args.data[1], &path))
		return const64(f, 0);
	if (is_kernel) {
		core_begin(f, &place, t);
		if (!enter_path(f, &place, &path))
			return const64(f, 0);
		t = place.core->type;
	}
	for (uint32_t i = 0; !is_kernel && i < path.count; i++)
		t = type_find_field(t, path.names[i])->type;
	uint64_t local = kind == IR_CORE_FIELD_SIZE ? t->size : value_is_signed(t);
	return is_kernel ? core_number(f, kind, NULL, place.core, local) : const64(f, local);
}

/* ---- types ---- */

static ir_ref ask_type(struct body *f, struct expr *call)
{
	struct expr *arg = call->call.args.data[0];
	struct ir_core core = {.kind = IR_CORE_TYPE_EXISTS, .local = 1};
	if (arg->kind == EXPR_NAME)
		core.dtype = ir_add_dtype(
			f->m, (struct ir_dtype){.kind = IR_DTYPE_STRUCT, .name = arg->name.name});
	else if (type_is_kernel(arg->type) && arg->type->name)
		core.dtype = core_record(f->lw, arg->type);
	else if (arg->type->kind == TYPE_ENUM && arg->type->name)
		core.dtype = lower_dtype(f->lw, arg->type);
	else
		return const32(f, 1);
	return as_bool(f, ir_emit_index(&f->b, IR_CORE, IR_I64, ir_add_core(f->m, core)));
}

static ir_ref ask_size(struct body *f, const struct type *type)
{
	if (!type_is_kernel(type) || !type->name)
		return const64(f, type->size);
	return core_number(f, IR_CORE_TYPE_SIZE, type, NULL, type->size);
}

/* ---- constants ---- */

static ir_ref ask_constant(struct body *f, struct expr *arg, enum ir_core_kind kind)
{
	const struct decl *d = arg->kind == EXPR_NAME ? arg->name.decl : arg->field.decl;
	struct ir_core core = {.kind = kind,
			       .dtype = lower_dtype(f->lw, d->type),
			       .steps = ARENA_NEW(f->m->arena, struct ir_core_step),
			       .step_count = 1,
			       .local = kind == IR_CORE_ENUM_EXISTS ? 1 : d->constant.value};
	core.steps->name = d->name;
	return ir_emit_index(&f->b, IR_CORE, IR_I64, ir_add_core(f->m, core));
}

ir_ref lower_kernel_question(struct body *f, struct expr *call)
{
	struct expr *arg = call->call.args.data[0];
	f->b.where = call->where;
	switch ((int)call->call.target->builtin.id) {
	case BUILTIN_HAS_FIELD:
		return ask_field(f, call);
	case BUILTIN_HAS_TYPE:
		return ask_type(f, call);
	case BUILTIN_KERNEL_SIZEOF_FIELD:
		return ask_of_field(f, call, IR_CORE_FIELD_SIZE);
	case BUILTIN_KERNEL_IS_SIGNED:
		return as_bool(f, ask_of_field(f, call, IR_CORE_FIELD_SIGNED));
	case BUILTIN_HAS_CONSTANT:
		return as_bool(f, ask_constant(f, arg, IR_CORE_ENUM_EXISTS));
	case BUILTIN_KERNEL_CONSTANT:
		return to_register(f, ask_constant(f, arg, IR_CORE_ENUM_VALUE),
				   value_type(call->type), false);
	default:
		return ask_size(f, arg->type);
	}
}
