/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places: from an expression that names an object to its address, and loads, stores and copies there.
 * Conditions of a place (see lower_internal.h) become branches in front of the access.
 */
#include "frontend/lower/lower_internal.h"

/* ---- making places ---- */

struct place slot_place(struct body *f, uint32_t slot)
{
	return (struct place){.base = slot_addr(f, slot),
			      .space = IR_SPACE_SLOT,
			      .align = f->fn->slots.data[slot].align};
}

struct place pointer_place(ir_ref base, uint32_t align)
{
	return (struct place){.base = base, .space = IR_SPACE_ANY, .align = align ? align : 1};
}

struct place global_place(struct body *f, uint32_t global)
{
	return (struct place){.base = ir_emit_index(&f->b, IR_GLOBAL, IR_PTR, global),
			      .space = IR_SPACE_GLOBAL,
			      .align = f->m->globals.data[global].align};
}

struct place place_at(struct place place, uint32_t offset)
{
	place.offset += (int32_t)offset;
	return place;
}

struct place place_of_field(struct place record, const struct decl *field)
{
	record.bit_width = (uint8_t)field->field.bit_width;
	record.bit_offset = (uint8_t)field->field.bit_offset;
	return place_at(record, field->field.offset);
}

void place_guard(struct body *f, struct place *place, ir_ref cond)
{
	if (place->guard_count < PLACE_MAX_GUARDS) {
		place->guards[place->guard_count++] = cond;
		return;
	}
	ir_ref *last = &place->guards[PLACE_MAX_GUARDS - 1];
	*last = ir_emit(&f->b, IR_AND, IR_I32, *last, cond);
}

void place_add_term(struct body *f, struct place *place, ir_ref value, uint32_t scale)
{
	uint32_t lowest = scale & (0 - scale);
	if (lowest && lowest < place->align)
		place->align = lowest;
	if (core_is_inside(place)) {
		place->base = place_base(f, place);
		place->term_count = 0;
		place->core = NULL;
	}
	if (place->term_count == PLACE_MAX_TERMS) {
		place->base = place_base(f, place);
		place->term_count = 0;
	}
	place->terms[place->term_count++] = (struct place_term){value, scale};
}

uint32_t place_align(const struct place *place)
{
	uint32_t offset = (uint32_t)place->offset;
	uint32_t lowest = offset & (0 - offset);
	return lowest && lowest < place->align ? lowest : place->align;
}

/* Whether the verifier sees the bound in the way the index is computed: a mask or a narrow load. */
static bool bound_is_plain(const struct expr *index, uint64_t limit)
{
	while (index->kind == EXPR_CONVERT && index->convert.conversion == CONV_INT)
		index = index->convert.operand;
	if (index->kind == EXPR_BINARY && index->binary.op == BINARY_AND)
		return (index->binary.left->is_const && index->binary.left->value < limit) ||
		       (index->binary.right->is_const && index->binary.right->value < limit);
	return !index->type->is_signed && index->type->size < 4 &&
	       (1ull << (index->type->size * 8)) <= limit;
}

static void check_index(struct body *f, struct place *place, struct expr *index, ir_ref value,
			uint32_t limit)
{
	bool in_range = upper_bound(f, index) < limit;
	if (in_range && (f->target != IR_TARGET_BPF || bound_is_plain(index, limit)))
		return;
	if (!in_range && f->target == IR_TARGET_BPF)
		diag_report(&f->lw->compile->diags, D_UNCHECKED_INDEX, index->where,
			    arena_printf(&f->lw->compile->session, "%u", limit));
	place_guard(f, place, ir_emit(&f->b, IR_ULT, IR_I32, value, const64(f, limit)));
}

void place_index(struct body *f, struct place *place, struct expr *index,
		 const struct type *element, uint32_t limit)
{
	uint32_t element_size = element->size;
	if (index->is_const && core_is_inside(place) && index->value < limit) {
		core_enter_element(f, place, element, (uint32_t)index->value);
		return;
	}
	bool is_kernel = f->target == IR_TARGET_BPF && type_is_kernel(element);
	if (index->is_const && !(is_kernel && index->value)) {
		uint64_t bytes = index->value * element_size;
		if ((int64_t)bytes == (int32_t)bytes && !limit) {
			place->offset += (int32_t)bytes;
			return;
		}
		if (limit && index->value < limit) {
			place->offset += (int32_t)bytes;
			return;
		}
	}
	ir_ref value = to_register(f, lower_value(f, index), IR_I64, value_is_signed(index->type));
	f->b.where = index->where;
	if (limit)
		check_index(f, place, index, value, limit);
	if (is_kernel) {
		ir_ref stride = core_stride(f, element);
		place_add_term(f, place, ir_emit(&f->b, IR_MUL, IR_I64, value, stride), 1);
		core_begin(f, place, element);
		return;
	}
	place_add_term(f, place, value, element_size);
}

/* ---- places of expressions ---- */

static struct place name_place(struct body *f, struct expr *expr)
{
	struct decl *decl = expr->name.decl;
	if (decl->kind == DECL_LOCAL || decl->kind == DECL_PARAM) {
		struct local *local = local_of(decl);
		if (local->value) // an aggregate parameter: a slot of the caller
			return pointer_place(local->value, f->target == IR_TARGET_BPF
								   ? slot_align(decl->type)
								   : decl->type->align);
		struct place place = slot_place(f, local->slot);
		if (!decl->variable.is_address_taken)
			place.root = decl;
		return place;
	}
	return global_place(f, global_of(f->lw, decl));
}

static struct place context_place(ir_ref base, const struct ctx_field *row)
{
	return (struct place){.is_ctx = true,
			      .ctx_kind = row->value,
			      .base = base,
			      .offset = row->offset,
			      .align = row->width};
}

/* The object that `->`, `[ ]` or `*` on a pointer value reaches. */
static struct place pointee_place(struct body *f, struct expr *pointer)
{
	ir_ref base = lower_value(f, pointer);
	struct place place = pointer_place(base, pointer->type->element->align);
	core_begin(f, &place, pointer->type->element);
	return place;
}

static struct place field_place(struct body *f, struct expr *expr)
{
	struct expr *base = expr->field.base;
	const struct decl *field = expr->field.decl;
	if (field->field.ctx)
		return context_place(lower_value(f, base), field->field.ctx);
	struct place place =
		base->type->kind == TYPE_POINTER ? pointee_place(f, base) : lower_place(f, base);
	if (place.core) {
		core_enter_field(f, &place, field);
		return place;
	}
	return place_of_field(place, field);
}

static struct place index_place(struct body *f, struct expr *expr)
{
	struct expr *base = expr->index.base;
	const struct type *type = base->type;
	if (type->kind == TYPE_ENTRY)
		type = type->entry_of->type->map.value;
	if (type->kind == TYPE_POINTER) {
		struct place place = pointee_place(f, base);
		place_index(f, &place, expr->index.index, expr->type, 0);
		return place;
	}
	struct place place = lower_place(f, base);
	place_index(f, &place, expr->index.index, expr->type, type->count);
	return place;
}

struct place lower_place(struct body *f, struct expr *expr)
{
	f->b.where = expr->where;
	if (expr->type->kind == TYPE_ENTRY) {
		struct entry *entry = ARENA_NEW(f->m->arena, struct entry);
		*entry = lower_entry(f, expr);
		return entry_place(f, entry);
	}
	switch ((int)expr->kind) {
	case EXPR_NAME:
		return name_place(f, expr);
	case EXPR_FIELD:
		return field_place(f, expr);
	case EXPR_INDEX:
		return index_place(f, expr);
	case EXPR_UNARY:
		if (expr->unary.op == UNARY_DEREF)
			return pointee_place(f, expr->unary.operand);
		break;
	case EXPR_CONVERT:
		if (expr->convert.conversion == CONV_ENTRY_VALUE)
			return lower_place(f, expr->convert.operand);
		break;
	case EXPR_STRING:
		return literal_place(f, expr);
	default:
		break;
	}
	return lower_temporary(f, expr, expr->type);
}

/* ---- access ---- */

void place_enter(struct body *f, const struct place *place, uint32_t skip)
{
	for (uint32_t i = 0; i < place->guard_count; i++) {
		uint32_t inside = new_block(f);
		branch(f, place->guards[i], inside, skip, IR_LIKELY_TRUE);
		start_block(f, inside);
	}
}

ir_ref place_base(struct body *f, const struct place *place)
{
	ir_ref base = place->base;
	for (uint32_t i = 0; i < place->term_count; i++) {
		const struct place_term *term = &place->terms[i];
		ir_ref bytes = term->value;
		if (term->scale != 1)
			bytes = emit_folded(f, IR_MUL, IR_I64, bytes, const64(f, term->scale));
		base = ir_emit(&f->b, IR_PTRADD, IR_PTR, base, bytes);
	}
	return core_is_inside(place) ? core_address(f, place, base) : base;
}

ir_ref place_address(struct body *f, const struct place *place)
{
	ir_ref base = place_base(f, place);
	if (!place->offset)
		return base;
	return ir_emit(&f->b, IR_PTRADD, IR_PTR, base,
		       const64(f, (uint64_t)(int64_t)place->offset));
}

ir_ref lower_guarded_address(struct body *f, const struct place *place)
{
	if (!place->guard_count)
		return place_address(f, place);
	uint32_t slot = raw_slot(f, 8, 8), done = new_block(f);
	store_word(f, slot, IR_PTR, null_ptr(f));
	place_enter(f, place, done);
	store_word(f, slot, IR_PTR, place_address(f, place));
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, slot, IR_PTR);
}

static ir_ref load_context(struct body *f, const struct place *place, const struct type *type)
{
	uint32_t width = place->align; // of the row; a narrower type still holds the whole value
	uint16_t aux = ir_mem_aux(width, value_is_signed(type) && width < 4,
				  (enum ir_space)place->ctx_kind);
	return ir_emit_full(&f->b, (struct ir_insn){.op = IR_CTX_LOAD,
						    .type = value_type(type),
						    .aux = aux,
						    .a = place->base,
						    .imm = place->offset});
}

ir_ref load_unguarded(struct body *f, const struct place *place, const struct type *type)
{
	if (place->is_ctx)
		return load_context(f, place, type);
	if (place->bits)
		return core_load_bits(f, place, type);
	if (place->bit_width)
		return load_bits(f, place, type);
	uint32_t width = value_width(type), real = context_field_width(f, place);
	if (real) {
		uint16_t narrow_aux = ir_mem_aux(real, false, place->space);
		ir_ref value = ir_emit_load(&f->b, IR_I32, place_base(f, place), place->offset,
					    narrow_aux);
		return to_register(f, value, value_type(type), true);
	}
	uint16_t aux = ir_mem_aux(width, value_is_signed(type) && width < 4, place->space);
	return ir_emit_load(&f->b, value_type(type), place_base(f, place), place->offset, aux);
}

void store_unguarded(struct body *f, const struct place *place, const struct type *type,
		     ir_ref value)
{
	uint32_t width = place->is_ctx ? place->align : value_width(type);
	uint16_t aux = ir_mem_aux(width, false, place->is_ctx ? 0 : place->space);
	if (place->is_ctx) {
		ir_emit_full(&f->b, (struct ir_insn){.op = IR_CTX_STORE,
						     .type = IR_VOID,
						     .aux = aux,
						     .a = place->base,
						     .b = value,
						     .imm = place->offset});
		return;
	}
	if (place->bit_width)
		store_bits(f, place, type, value);
	else
		ir_emit_store(&f->b, place_base(f, place), place->offset, value, aux);
	if (place->entry)
		write_back(f, place->entry);
}

ir_ref load_place(struct body *f, const struct place *place, const struct type *type)
{
	if (!place->guard_count)
		return load_unguarded(f, place, type);
	uint32_t slot = new_slot(f, type, 0, f->b.where), done = new_block(f);
	store_slot(f, slot, type, zero_of(f, value_type(type)));
	place_enter(f, place, done);
	store_slot(f, slot, type, load_unguarded(f, place, type));
	jump_to(f, done);
	start_block(f, done);
	return load_slot(f, slot, type);
}

void store_place(struct body *f, const struct place *place, const struct type *type, ir_ref value)
{
	if (!place->guard_count) {
		store_unguarded(f, place, type, value);
		return;
	}
	uint32_t done = new_block(f);
	place_enter(f, place, done);
	store_unguarded(f, place, type, value);
	jump_to(f, done);
	start_block(f, done);
}

/* ---- whole objects ---- */

static void zero_bytes(struct body *f, const struct place *to, uint32_t size)
{
	if (!size)
		return;
	ir_emit_full(&f->b, (struct ir_insn){.op = IR_MEMZERO,
					     .type = IR_VOID,
					     .aux = (uint16_t)place_align(to),
					     .a = place_address(f, to),
					     .index = size});
}

void zero_object(struct body *f, const struct place *to, uint32_t size)
{
	uint32_t done = to->guard_count ? new_block(f) : 0;
	place_enter(f, to, done);
	zero_bytes(f, to, size);
	if (to->entry)
		write_back(f, to->entry);
	if (to->guard_count) {
		jump_to(f, done);
		start_block(f, done);
	}
}

static void copy_bytes(struct body *f, const struct place *to, const struct place *from,
		       uint32_t size)
{
	uint32_t a = place_align(to), b = place_align(from);
	if (!size)
		return;
	ir_ref target = place_address(f, to);
	ir_emit_full(&f->b, (struct ir_insn){.op = IR_MEMCPY,
					     .type = IR_VOID,
					     .aux = (uint16_t)(a < b ? a : b),
					     .a = target,
					     .b = place_address(f, from),
					     .index = size});
}

/* A source that is not there gives zeros. */
void copy_object(struct body *f, const struct place *to, const struct place *from, uint32_t size)
{
	uint32_t done = 0, absent = 0;
	if (to->guard_count || from->guard_count)
		done = new_block(f);
	place_enter(f, to, done);
	if (from->guard_count)
		absent = new_block(f);
	place_enter(f, from, absent);
	copy_bytes(f, to, from, size);
	if (to->entry)
		write_back(f, to->entry);
	if (!done)
		return;
	jump_to(f, done);
	if (absent) {
		start_block(f, absent);
		zero_bytes(f, to, size);
		if (to->entry)
			write_back(f, to->entry);
		jump_to(f, done);
	}
	start_block(f, done);
}

static bool is_kept_field(const struct decl *field)
{
	return type_has_special(field->type) || field->field.is_kptr;
}

/* The next run of bytes, from `at` on, that are not the kernel's; false at the end. */
static bool next_run(const struct type *type, uint32_t *at, uint32_t *size)
{
	for (uint32_t i = 0; i < type->record.fields.len; i++) {
		const struct decl *field = type->record.fields.data[i];
		if (!is_kept_field(field) || field->field.offset < *at)
			continue;
		*size = field->field.offset - *at;
		if (*size)
			return true;
		*at += field->type->size;
	}
	*size = type->size - *at;
	return *size != 0;
}

static bool is_kept(const struct body *f, const struct type *type)
{
	if (f->target != IR_TARGET_BPF || type->kind != TYPE_STRUCT)
		return false;
	for (uint32_t i = 0; i < type->record.fields.len; i++)
		if (is_kept_field(type->record.fields.data[i]))
			return true;
	return false;
}

void copy_value(struct body *f, const struct place *to, const struct place *from,
		const struct type *type)
{
	uint32_t size;
	if (!is_kept(f, type)) {
		copy_object(f, to, from, type->size);
		return;
	}
	if (to->space == IR_SPACE_SLOT)
		zero_object(f, to, type->size);
	for (uint32_t at = 0; next_run(type, &at, &size); at += size) {
		struct place a = place_at(*to, at), b = place_at(*from, at);
		copy_object(f, &a, &b, size);
	}
}

void zero_value(struct body *f, const struct place *to, const struct type *type)
{
	uint32_t size;
	if (!is_kept(f, type)) {
		zero_object(f, to, type->size);
		return;
	}
	for (uint32_t at = 0; next_run(type, &at, &size); at += size) {
		struct place part = place_at(*to, at);
		zero_object(f, &part, size);
	}
}

void copy_member(struct body *f, const struct place *to, const struct place *from,
		 const struct type *type)
{
	if (type_is_aggregate(type))
		copy_value(f, to, from, type);
	else
		store_place(f, to, type, load_place(f, from, type));
}
