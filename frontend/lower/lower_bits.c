/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bit-fields: some bits of a storage unit of the field's type, lowest first, or, on a big-endian machine,
 * highest first; in both a field's bit offset counts from where the first field is. A unit that is aligned and
 * holds the whole field is read and written at once; otherwise (packed structs) the bytes that the field
 * touches are, one by one, so that nothing outside of the struct is touched.
 */
#include "frontend/lower/lower_internal.h"

static uint64_t low_bits(uint32_t count)
{
	return count >= 64 ? UINT64_MAX : (1ull << count) - 1;
}

static bool is_in_unit(const struct place *place, const struct type *type)
{
	uint32_t size = value_width(type);
	return place->bit_offset + place->bit_width <= size * 8 && place_align(place) >= size;
}

static ir_ref load_unit(struct body *f, const struct place *place, uint32_t at, uint32_t width)
{
	uint16_t aux = ir_mem_aux(width, false, place->space);
	return ir_emit_load(&f->b, width == 8 ? IR_I64 : IR_I32, place_base(f, place),
			    place->offset + (int32_t)at, aux);
}

static void store_unit(struct body *f, const struct place *place, uint32_t at, uint32_t width,
		       ir_ref value)
{
	ir_emit_store(&f->b, place_base(f, place), place->offset + (int32_t)at, value,
		      ir_mem_aux(width, false, place->space));
}

static ir_ref op(struct body *f, enum ir_op code, ir_ref a, uint64_t b)
{
	enum ir_type type = ir_type_of(f->fn, a);
	return emit_folded(f, code, type, a, ir_const(f->fn, type, b));
}

/* By how much the byte `at` of the struct is shifted left when the field's lowest bit is bit 0. */
static int32_t byte_shift(const struct body *f, const struct place *place, uint32_t at)
{
	int32_t begin = place->bit_offset, end = begin + place->bit_width;
	return f->m->is_big_endian ? end - ((int32_t)at * 8 + 8) : (int32_t)at * 8 - begin;
}

/* The field's bits of I64, from the bytes that hold them. */
static ir_ref load_bytes(struct body *f, const struct place *place)
{
	uint32_t end = place->bit_offset + place->bit_width;
	ir_ref value = const64(f, 0);
	for (uint32_t at = place->bit_offset / 8; at * 8 < end; at++) {
		ir_ref byte = to_register(f, load_unit(f, place, at, 1), IR_I64, false);
		int32_t shift = byte_shift(f, place, at);
		byte = shift >= 0 ? op(f, IR_SHL, byte, (uint32_t)shift)
				  : op(f, IR_LSHR, byte, (uint32_t)-shift);
		value = emit_folded(f, IR_OR, IR_I64, value, byte);
	}
	return value;
}

/* Bits of the unit below the field. */
static uint32_t bits_below(const struct body *f, const struct place *place, uint32_t width)
{
	return f->m->is_big_endian ? width * 8 - place->bit_offset - place->bit_width
				   : place->bit_offset;
}

ir_ref load_bits(struct body *f, const struct place *place, const struct type *type)
{
	uint32_t width = place->bit_width, unit = value_width(type);
	ir_ref value;
	if (is_in_unit(place, type))
		value = op(f, IR_LSHR, load_unit(f, place, 0, unit), bits_below(f, place, unit));
	else
		value = to_register(f, load_bytes(f, place), value_type(type), false);
	uint32_t size = value_type(type) == IR_I64 ? 64 : 32;
	if (!value_is_signed(type))
		return width < size ? op(f, IR_AND, value, low_bits(width)) : value;
	return width < size ? op(f, IR_ASHR, op(f, IR_SHL, value, size - width), size - width)
			    : value;
}

static void store_bytes(struct body *f, const struct place *place, ir_ref value)
{
	uint32_t begin = place->bit_offset, end = begin + place->bit_width;
	value = to_register(f, value, IR_I64, false);
	for (uint32_t at = begin / 8; at * 8 < end; at++) {
		uint32_t first = at * 8 < begin ? begin - at * 8 : 0;
		uint32_t last = at * 8 + 8 > end ? end - at * 8 : 8;
		uint64_t mask = f->m->is_big_endian ? low_bits(8 - first) & ~low_bits(8 - last)
						    : low_bits(last) & ~low_bits(first);
		int32_t shift = byte_shift(f, place, at);
		ir_ref part = shift >= 0 ? op(f, IR_LSHR, value, (uint32_t)shift)
					 : op(f, IR_SHL, value, (uint32_t)-shift);
		part = op(f, IR_AND, to_register(f, part, IR_I32, false), mask);
		if (mask != 0xff) {
			ir_ref old = op(f, IR_AND, load_unit(f, place, at, 1), ~mask & 0xff);
			part = emit_folded(f, IR_OR, IR_I32, old, part);
		}
		store_unit(f, place, at, 1, part);
	}
}

void store_bits(struct body *f, const struct place *place, const struct type *type, ir_ref value)
{
	if (!is_in_unit(place, type)) {
		store_bytes(f, place, value);
		return;
	}
	uint32_t width = value_width(type);
	enum ir_type reg = value_type(type);
	uint32_t below = bits_below(f, place, width);
	uint64_t mask = low_bits(place->bit_width) << below;
	if (mask != low_bits(width * 8)) {
		ir_ref old =
			op(f, IR_AND, load_unit(f, place, 0, width), ~mask & low_bits(width * 8));
		value = op(f, IR_AND, op(f, IR_SHL, value, below), mask);
		value = emit_folded(f, IR_OR, reg, old, value);
	}
	store_unit(f, place, 0, width, value);
}

void put_bits(const struct lower *lw, uint8_t *out, const struct decl *field, uint64_t value)
{
	uint32_t width = field->field.bit_width;
	bool is_big = lw->m->is_big_endian;
	for (uint32_t i = 0; i < width; i++) {
		uint32_t bit = field->field.bit_offset + (is_big ? width - 1 - i : i);
		uint8_t mask = (uint8_t)(is_big ? 0x80u >> bit % 8 : 1u << bit % 8);
		out[bit / 8] = (uint8_t)((out[bit / 8] & ~mask) | (value >> i & 1 ? mask : 0));
	}
}
