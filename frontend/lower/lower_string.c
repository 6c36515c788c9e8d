/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings. A str(N) is N bytes with a NUL after its characters; assignment makes the bytes behind the
 * NUL zero, so that equal strings made by assignment are equal as keys.
 *
 * Comparing with a literal of n characters compares n + 1 bytes, a few at a time.
 * Two variables are compared byte by byte, because what follows a NUL need not be equal.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

static uint32_t literal_length(const struct expr *string) // up to the first NUL
{
	return (uint32_t)strnlen(string->string.data, string->string.len);
}

struct place literal_place(struct body *f, const struct expr *string)
{
	return global_place(f, literal_text(f->lw, string->string.data, string->string.len + 1));
}

/* ---- operands ---- */

struct text lower_text(struct body *f, struct expr *expr)
{
	if (expr->kind == EXPR_CONVERT && expr->convert.conversion == CONV_STR &&
	    expr->convert.operand->kind == EXPR_STRING &&
	    literal_length(expr->convert.operand) < expr->type->size)
		expr = expr->convert.operand;
	struct text text = {.capacity = expr->type->size};
	if (expr->kind == EXPR_STRING) {
		text.literal = expr;
		return text;
	}
	text.place = lower_place(f, expr);
	if (core_is_inside(&text.place))
		text.place = core_text(f, &text.place, expr->type);
	if (text.place.guard_count) {
		struct place copy = slot_place(f, new_slot(f, expr->type, 0, expr->where));
		copy_object(f, &copy, &text.place, text.capacity);
		text.place = copy;
	}
	return text;
}

static struct place text_place(struct body *f, const struct text *text)
{
	return text->literal ? literal_place(f, text->literal) : text->place;
}

static ir_ref load_bytes(struct body *f, const struct place *place, uint32_t width)
{
	return ir_emit_load(&f->b, width == 8 ? IR_I64 : IR_I32, place_base(f, place),
			    place->offset, ir_mem_aux(width, false, place->space));
}

static ir_ref load_char(struct body *f, struct place place, ir_ref index)
{
	place_add_term(f, &place, index, 1);
	return load_bytes(f, &place, 1);
}

/* ---- comparison ---- */

/* The number that a load of those bytes gives. */
static uint64_t bytes_at(const struct body *f, const char *data, uint32_t width)
{
	uint64_t value = 0;
	for (uint32_t i = 0; i < width; i++)
		value |= (uint64_t)(uint8_t)data[i]
			 << 8 * (f->m->is_big_endian ? width - 1 - i : i);
	return value;
}

/* Whether the bytes at the place are those of `data`: the first piece that differs decides. */
static ir_ref equals_bytes(struct body *f, const struct place *place, const char *data,
			   uint32_t count)
{
	uint32_t result = raw_slot(f, 4, 4), done = new_block(f);
	store_word(f, result, IR_I32, const32(f, 0));
	for (uint32_t at = 0, width; at < count; at += width) {
		struct place piece = place_at(*place, at);
		width = place_align(&piece) < 8 ? place_align(&piece) : 8;
		while (width > count - at)
			width /= 2;
		uint64_t expected = bytes_at(f, data + at, width);
		ir_ref value = load_bytes(f, &piece, width);
		ir_ref same = ir_emit(&f->b, IR_EQ, IR_I32, value,
				      ir_const(f->fn, ir_type_of(f->fn, value), expected));
		if (at + width == count) {
			store_word(f, result, IR_I32, same);
			jump_to(f, done);
			break;
		}
		uint32_t next = new_block(f);
		branch(f, same, next, done, IR_LIKELY_UNKNOWN);
		start_block(f, next);
	}
	start_block(f, done);
	return load_word(f, result, IR_I32);
}

static ir_ref equals_literal(struct body *f, const struct text *text, const struct expr *literal)
{
	uint32_t length = literal_length(literal);
	if (text->literal)
		return const32(f, literal_length(text->literal) == length &&
					  !memcmp(text->literal->string.data, literal->string.data,
						  length));
	if (length >= text->capacity)
		return const32(f, 0);
	return equals_bytes(f, &text->place, literal->string.data, length + 1);
}

ir_ref texts_equal(struct body *f, const struct text *a, const struct text *b)
{
	if (b->literal || a->literal)
		return b->literal ? equals_literal(f, a, b->literal)
				  : equals_literal(f, b, a->literal);
	uint32_t least = a->capacity < b->capacity ? a->capacity : b->capacity;
	uint32_t result = raw_slot(f, 4, 4);
	store_word(f, result, IR_I32, const32(f, 1));
	struct counter counter = begin_count(f, least);
	uint32_t same = new_block(f), differ = new_block(f), next = new_block(f);
	ir_ref x = load_char(f, a->place, counter.value);
	ir_ref y = load_char(f, b->place, counter.value);
	branch(f, ir_emit(&f->b, IR_EQ, IR_I32, x, y), same, differ, IR_LIKELY_UNKNOWN);
	start_block(f, differ);
	store_word(f, result, IR_I32, const32(f, 0));
	jump_to(f, counter.end);
	start_block(f, same);
	branch(f, ir_emit(&f->b, IR_EQ, IR_I32, x, const32(f, 0)), counter.end, next,
	       IR_LIKELY_UNKNOWN);
	start_block(f, next);
	end_count(f, &counter);
	return load_word(f, result, IR_I32);
}

ir_ref text_length(struct body *f, const struct text *text)
{
	if (text->literal)
		return const32(f, literal_length(text->literal));
	struct counter counter = begin_count(f, text->capacity);
	uint32_t next = new_block(f);
	ir_ref c = load_char(f, text->place, counter.value);
	branch(f, ir_emit(&f->b, IR_EQ, IR_I32, c, const32(f, 0)), counter.end, next,
	       IR_LIKELY_UNKNOWN);
	start_block(f, next);
	end_count(f, &counter);
	return to_register(f, load_word(f, counter.slot, IR_I64), IR_I32, false);
}

/* ---- copies ---- */

/* Short literals become stores of constants; they need no memory of their own. */
enum { MAX_IMMEDIATE_BYTES = 32 };

static void store_bytes(struct body *f, const struct place *to, const char *data, uint32_t count)
{
	for (uint32_t at = 0; at < count;) {
		struct place piece = place_at(*to, at);
		uint32_t width = place_align(&piece) < 8 ? place_align(&piece) : 8;
		while (width > count - at)
			width /= 2;
		enum ir_type type = width == 8 ? IR_I64 : IR_I32;
		ir_ref value = ir_const(f->fn, type, bytes_at(f, data + at, width));
		ir_emit_store(&f->b, piece.base, piece.offset, value,
			      ir_mem_aux(width, false, piece.space));
		at += width;
	}
}

static void put_literal(struct body *f, const struct place *to, const struct expr *literal,
			uint32_t size, bool is_str)
{
	uint32_t room = is_str && size ? size - 1 : size;
	uint32_t length = literal->string.len < room ? literal->string.len : room;
	uint8_t *bytes = arena_alloc(f->m->arena, size + 1u);
	memcpy(bytes, literal->string.data, length);
	if (size <= MAX_IMMEDIATE_BYTES && !to->term_count && place_align(to) >= 4) {
		store_bytes(f, to, (const char *)bytes, size);
		return;
	}
	uint32_t copied = length + 1 < size ? length + 1 : size;
	if (copied < size)
		zero_object(f, to, size);
	struct place from = global_place(f, literal_text(f->lw, bytes, copied));
	copy_object(f, to, &from, copied);
}

static void put_text(struct body *f, const struct place *to, struct expr *expr, uint32_t size)
{
	struct place from = lower_place(f, expr);
	uint32_t given = expr->type->size;
	f->b.where = expr->where;
	if (given <= size) {
		if (given < size)
			zero_object(f, to, size);
		copy_object(f, to, &from, given);
		return;
	}
	copy_object(f, to, &from, size - 1);
	struct place last = place_at(*to, size - 1);
	store_unguarded(f, &last, f->lw->program->types.char_, const32(f, 0));
}

/* ---- concatenation ---- */

/* Appends the characters of a text at `position`, as many as fit before the last byte. */
static void append_text(struct body *f, const struct place *to, const struct text *text,
			uint32_t position, uint32_t size)
{
	struct place from = text_place(f, text);
	struct counter counter = begin_count(f, text->capacity);
	uint32_t fits = new_block(f), store = new_block(f);
	ir_ref c = load_char(f, from, counter.value);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, c, const32(f, 0)), fits, counter.end,
	       IR_LIKELY_TRUE);
	start_block(f, fits);
	ir_ref at = load_word(f, position, IR_I64);
	ir_ref in_range = ir_emit(&f->b, IR_ULT, IR_I32, at, const64(f, size - 1));
	branch(f, in_range, store, counter.end, IR_LIKELY_TRUE);
	start_block(f, store);
	struct place target = *to;
	place_add_term(f, &target, at, 1);
	store_unguarded(f, &target, f->lw->program->types.char_, c);
	store_word(f, position, IR_I64, ir_emit(&f->b, IR_ADD, IR_I64, at, const64(f, 1)));
	end_count(f, &counter);
}

static void append(struct body *f, const struct place *to, struct expr *expr, uint32_t position,
		   uint32_t size)
{
	struct text text = lower_text(f, expr);
	f->b.where = expr->where;
	append_text(f, to, &text, position, size);
}

static bool is_concatenation(const struct expr *expr)
{
	return expr->kind == EXPR_BINARY && expr->binary.op == BINARY_ADD;
}

static void append_all(struct body *f, const struct place *to, struct expr *expr, uint32_t position,
		       uint32_t size)
{
	if (is_concatenation(expr)) {
		append_all(f, to, expr->binary.left, position, size);
		append_all(f, to, expr->binary.right, position, size);
	} else {
		append(f, to, expr, position, size);
	}
}

/* Made beside the object, which the operand may read, and out of its text alone: what lies behind a NUL
 * goes away. */
void append_to_string(struct body *f, const struct place *to, struct expr *expr,
		      const struct type *type)
{
	uint32_t size = type->size, position = raw_slot(f, 8, 8);
	struct place old = slot_place(f, new_slot(f, type, 0, f->b.where));
	struct place whole = slot_place(f, new_slot(f, type, 0, f->b.where));
	struct text text = {.place = old, .capacity = size};
	copy_object(f, &old, to, size);
	zero_object(f, &whole, size);
	store_word(f, position, IR_I64, const64(f, 0));
	append_text(f, &whole, &text, position, size);
	append_all(f, &whole, expr, position, size);
	copy_object(f, to, &whole, size);
}

void lower_string_into(struct body *f, const struct place *to, struct expr *expr,
		       const struct type *type)
{
	uint32_t size = type->size;
	if (expr->kind == EXPR_STRING) {
		put_literal(f, to, expr, size, type->kind == TYPE_STR);
	} else if (is_concatenation(expr)) {
		zero_object(f, to, size);
		uint32_t position = raw_slot(f, 8, 8);
		store_word(f, position, IR_I64, const64(f, 0));
		append_all(f, to, expr, position, size);
	} else {
		put_text(f, to, expr, size);
	}
}
