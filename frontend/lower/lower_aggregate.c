/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs, arrays and strings as values. Each is built where it is wanted: an expression of aggregate
 * type is given the place of its result. Bytes that no member covers are zero, so that equal objects
 * are equal keys.
 */
#include "frontend/lower/lower_internal.h"

/* ---- does an expression read an object that is being assigned? ---- */

static bool list_may_read(const expr_list *list, const struct decl *root);

/* Anything but values of variables and literals made of them counts as a read. */
static bool may_read(const struct expr *expr, const struct decl *root)
{
	if (!expr || expr->is_const)
		return false;
	switch ((int)expr->kind) {
	case EXPR_STRING:
		return false;
	case EXPR_NAME:
		return !root || expr->name.decl == root;
	case EXPR_FIELD:
		return expr->field.base->type->kind == TYPE_POINTER ||
		       may_read(expr->field.base, root);
	case EXPR_BINARY:
		return may_read(expr->binary.left, root) || may_read(expr->binary.right, root);
	case EXPR_CONVERT:
		return may_read(expr->convert.operand, root);
	case EXPR_CAST:
		return may_read(expr->cast.operand, root);
	case EXPR_ARRAY:
		return list_may_read(&expr->array.items, root);
	case EXPR_STRUCT:
		for (uint32_t i = 0; i < expr->literal.fields.len; i++)
			if (may_read(expr->literal.fields.data[i].value, root))
				return true;
		return false;
	default:
		return true;
	}
}

static bool list_may_read(const expr_list *list, const struct decl *root)
{
	for (uint32_t i = 0; i < list->len; i++)
		if (may_read(list->data[i], root))
			return true;
	return false;
}

/* A plain copy may overlap only exactly, and that MEMCPY allows. */
static bool is_plain_copy(const struct expr *expr)
{
	if (expr->kind == EXPR_CONVERT && expr->convert.conversion == CONV_ENTRY_VALUE)
		return true;
	return expr->kind == EXPR_NAME || expr->kind == EXPR_FIELD || expr->kind == EXPR_INDEX ||
	       (expr->kind == EXPR_UNARY && expr->unary.op == UNARY_DEREF);
}

/* Memory of others: what is assigned to is not read, and written only when the address is known. */
static bool is_memory_read(const struct expr *e)
{
	const struct decl *d = e->kind == EXPR_CALL ? e->call.target : NULL;
	if (!d || d->kind != DECL_BUILTIN)
		return false;
	return d->builtin.id == BUILTIN_READ_USER || d->builtin.id == BUILTIN_READ_USER_STR ||
	       d->builtin.id == BUILTIN_READ_KERNEL_STR;
}

void assign_aggregate(struct body *f, const struct place *to, struct expr *expr,
		      const struct type *type)
{
	bool is_simple = !to->guard_count && !to->entry && !type_has_special(type);
	if (is_plain_copy(expr) || is_memory_read(expr) ||
	    (is_simple && expr->kind == EXPR_STRING) || (is_simple && !may_read(expr, to->root))) {
		lower_into(f, to, expr, type);
		return;
	}
	struct place value = lower_temporary(f, expr, type);
	copy_value(f, to, &value, type);
}

struct place lower_temporary(struct body *f, struct expr *expr, const struct type *type)
{
	struct place place = slot_place(f, new_slot(f, type, 0, expr->where));
	if (type_is_aggregate(type)) {
		lower_into(f, &place, expr, type);
	} else {
		ir_ref value = lower_value(f, expr);
		store_unguarded(f, &place, type, value);
	}
	return place;
}

/* ---- literals ---- */

static void member_into(struct body *f, struct place to, struct expr *value,
			const struct type *type)
{
	if (type_is_aggregate(type)) {
		lower_into(f, &to, value, type);
		return;
	}
	ir_ref result = lower_value(f, value);
	f->b.where = value->where;
	store_unguarded(f, &to, type, result);
}

/* Bytes that the fields given cover; equal to the size when nothing is left to zero. */
static uint32_t covered_bytes(const struct expr *expr)
{
	uint32_t covered = 0;
	for (uint32_t i = 0; i < expr->literal.fields.len; i++) {
		const struct decl *field = expr->literal.fields.data[i].field;
		if (field->field.bit_width) // what is around it must be zero
			return 0;
		covered += field->type->size;
	}
	return covered;
}

static void struct_into(struct body *f, const struct place *to, struct expr *expr,
			const struct type *type)
{
	if (type->kind == TYPE_UNION || covered_bytes(expr) < type->size)
		zero_object(f, to, type->size);
	for (uint32_t i = 0; i < expr->literal.fields.len; i++) {
		const struct field_init *init = &expr->literal.fields.data[i];
		member_into(f, place_of_field(*to, init->field), init->value, init->field->type);
	}
}

/* Every element the same: one store each while they are few, else a loop. */
enum { MAX_UNROLLED_ELEMENTS = 16 };

static void fill_array(struct body *f, const struct place *to, struct expr *item,
		       const struct type *type)
{
	const struct type *element = type->element;
	struct place value = lower_temporary(f, item, element);
	if (type->count <= MAX_UNROLLED_ELEMENTS) {
		for (uint32_t i = 0; i < type->count; i++) {
			struct place at = place_at(*to, i * element->size);
			copy_member(f, &at, &value, element);
		}
		return;
	}
	struct counter counter = begin_count(f, type->count);
	struct place at = *to;
	place_add_term(f, &at, counter.value, element->size);
	copy_member(f, &at, &value, element);
	end_count(f, &counter);
}

static void array_into(struct body *f, const struct place *to, struct expr *expr,
		       const struct type *type)
{
	uint32_t given = expr->array.items.len, size = type->element->size;
	struct expr *first = given ? expr->array.items.data[0] : NULL;
	if (given == 1 && type->count > 1 && !(first->is_const && !first->value)) {
		fill_array(f, to, first, type);
		return;
	}
	if (given < type->count)
		zero_object(f, to, type->size);
	for (uint32_t i = 0; i < given; i++) {
		struct expr *item = expr->array.items.data[i];
		if (!(item->is_const && !item->value && given < type->count))
			member_into(f, place_at(*to, i * size), item, type->element);
	}
}

/* A literal whose every part is constant is copied from read-only data when it is more than a few
 * stores. */
enum { MIN_RODATA_BYTES = 32 };

static bool constant_into(struct body *f, const struct place *to, struct expr *expr,
			  const struct type *type)
{
	if (type->size < MIN_RODATA_BYTES)
		return false;
	uint8_t *bytes = arena_alloc(f->m->arena, type->size + 8u);
	if (!constant_bytes(f->lw, expr, type, bytes))
		return false;
	uint32_t zeros = 0;
	for (uint32_t i = 0; i < type->size; i++)
		zeros += !bytes[i];
	if (zeros == type->size) {
		zero_object(f, to, type->size);
		return true;
	}
	if (zeros > type->size - 16)
		return false;
	uint32_t global = literal_global(f->lw, bytes, type->size, 8, lower_dtype(f->lw, type));
	struct place from = global_place(f, global);
	copy_object(f, to, &from, type->size);
	return true;
}

/* ---- any expression ---- */

static void choice_into(struct body *f, const struct place *to, struct expr *expr,
			const struct type *type)
{
	struct sink sink = {.into = to, .type = type};
	if (expr->kind == EXPR_MATCH)
		lower_match(f, expr, &sink);
	else
		lower_if_value(f, expr, &sink);
}

void lower_into(struct body *f, const struct place *to, struct expr *expr, const struct type *type)
{
	f->b.where = expr->where;
	switch ((int)expr->kind) {
	case EXPR_STRUCT:
		if (!constant_into(f, to, expr, type))
			struct_into(f, to, expr, type);
		return;
	case EXPR_ARRAY:
		if (!constant_into(f, to, expr, type))
			array_into(f, to, expr, type);
		return;
	case EXPR_STRING:
		lower_string_into(f, to, expr, type);
		return;
	case EXPR_CONVERT:
		if (expr->convert.conversion == CONV_STR) {
			lower_string_into(f, to, expr->convert.operand, type);
			return;
		}
		break;
	case EXPR_BINARY: // + of strings
		lower_string_into(f, to, expr, type);
		return;
	case EXPR_CALL:
		lower_call(f, expr, to);
		return;
	case EXPR_MATCH:
	case EXPR_IF:
		choice_into(f, to, expr, type);
		return;
	default:
		break;
	}
	struct place from = lower_place(f, expr);
	f->b.where = expr->where;
	if (type->kind == TYPE_STR && core_is_inside(&from) && is_own_object(to)) {
		core_text_into(f, to, &from, type);
		return;
	}
	if (type->kind == TYPE_STR && core_is_inside(&from))
		from = core_text(f, &from, type);
	copy_value(f, to, &from, type);
}
