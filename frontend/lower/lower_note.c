/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of programs that run where another program declares a probe (USDT). Where an argument is
 * differs from place to place, which only the loader knows: it fills a table of the module (struct ks_note_value,
 * ks/rt.h), and the program finds the row of the place that it runs at by the cookie of its attachment.
 *
 *	value = the registers times their factors + a number; perhaps what is there in the memory of the program
 */
#include <stddef.h>

#include "frontend/lower/lower_internal.h"
#include "ks/rt.h"

static ir_ref row_member(struct body *f, uint32_t param, size_t offset, uint32_t width)
{
	uint32_t at = param * (uint32_t)sizeof(struct ks_note_value) + (uint32_t)offset;
	ir_ref value = ir_emit_load(&f->b, width == 8 ? IR_I64 : IR_I32, f->note_row, (int32_t)at,
				    ir_mem_aux(width, false, IR_SPACE_GLOBAL));
	return to_register(f, value, IR_I64, false);
}

#define MEMBER(f, param, name)                                                                     \
	row_member(f, param, offsetof(struct ks_note_value, name),                                 \
		   sizeof((struct ks_note_value *)0)->name)

void enter_note_params(struct body *f)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < f->decl->func.params.len; i++)
		count += f->decl->func.params.data[i]->variable.source == SOURCE_ARGUMENT;
	if (!count)
		return;
	uint32_t row_size = count * (uint32_t)sizeof(struct ks_note_value);
	struct ir_global table = {.section = IR_SECTION_BSS,
				  .size = row_size * KS_NOTE_ROWS,
				  .align = 8,
				  .dtype = char_array_dtype(f->lw, row_size * KS_NOTE_ROWS),
				  .where = f->decl->name_where};
	uint32_t index = ir_add_global(f->m, table);
	f->fn->notes = f->m->globals.data[index].offset;
	f->fn->note_params = count;
	f->note_slot = raw_slot(f, 8, 8);

	/* The loader gives no other numbers; the verifier does not know. */
	ir_ref cookie = emit_helper(f, "bpf_get_attach_cookie", IR_I64, &f->context, 1);
	ir_ref row = ir_emit(&f->b, IR_AND, IR_I64, cookie, const64(f, KS_NOTE_ROWS - 1));
	ir_ref offset = ir_emit(&f->b, IR_MUL, IR_I64, row, const64(f, row_size));
	f->note_row = ir_emit(&f->b, IR_PTRADD, IR_PTR,
			      ir_emit_index(&f->b, IR_GLOBAL, IR_PTR, index), offset);
}

/* Adds a register times its factor to the sum in the slot. */
static void add_register(struct body *f, uint32_t sum, ir_ref place, ir_ref factor)
{
	uint32_t slot = f->note_slot, has_one = new_block(f), done = new_block(f);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, factor, const64(f, 0)), has_one, done,
	       IR_LIKELY_UNKNOWN);
	start_block(f, has_one);
	ir_ref from = ir_emit(&f->b, IR_PTRADD, IR_PTR, f->context, place);
	ir_ref args[] = {slot_addr(f, slot), const64(f, 8), from};
	emit_helper(f, "bpf_probe_read_kernel", IR_I64, args, 3);
	ir_ref term = ir_emit(&f->b, IR_MUL, IR_I64, load_word(f, slot, IR_I64), factor);
	store_word(f, sum, IR_I64, ir_emit(&f->b, IR_ADD, IR_I64, load_word(f, sum, IR_I64), term));
	jump_to(f, done);
	start_block(f, done);
}

/* Replaces the sum by what is at that address; the upper bytes of a short one are zero. */
static void load_user(struct body *f, uint32_t sum, ir_ref bytes)
{
	uint32_t slot = f->note_slot, is_there = new_block(f), done = new_block(f);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, bytes, const64(f, 0)), is_there, done,
	       IR_LIKELY_UNKNOWN);
	start_block(f, is_there);
	ir_ref address = load_word(f, sum, IR_I64);
	store_word(f, slot, IR_I64, const64(f, 0));
	/* At most 8 and no number that the loader does not give; so the verifier sees that it fits. */
	ir_ref fits = ir_emit(&f->b, IR_ULE, IR_I32, bytes, const64(f, 8));
	ir_ref size = ir_emit_select(&f->b, IR_I64, fits, bytes, const64(f, 8));
	ir_ref args[] = {slot_addr(f, slot), size,
			 ir_emit(&f->b, IR_INTPTR, IR_PTR, address, IR_REF_NONE)};
	emit_helper(f, "bpf_probe_read_user", IR_I64, args, 3);
	store_word(f, sum, IR_I64, load_word(f, slot, IR_I64));
	jump_to(f, done);
	start_block(f, done);
}

ir_ref note_value(struct body *f, uint32_t param)
{
	uint32_t sum = raw_slot(f, 8, 8), is_signed = new_block(f), is_plain = new_block(f);
	uint32_t done = new_block(f);
	store_word(f, sum, IR_I64, MEMBER(f, param, add));
	add_register(f, sum, MEMBER(f, param, base), MEMBER(f, param, base_factor));
	add_register(f, sum, MEMBER(f, param, index), MEMBER(f, param, index_factor));
	load_user(f, sum, MEMBER(f, param, load));
	ir_ref cut = MEMBER(f, param, cut); // shifts look at the lower six bits
	ir_ref high = ir_emit(&f->b, IR_SHL, IR_I64, load_word(f, sum, IR_I64), cut);
	ir_ref flag = ir_emit(&f->b, IR_AND, IR_I64, cut, const64(f, KS_NOTE_SIGNED));
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, flag, const64(f, 0)), is_signed, is_plain,
	       IR_LIKELY_UNKNOWN);
	start_block(f, is_signed);
	store_word(f, sum, IR_I64, ir_emit(&f->b, IR_ASHR, IR_I64, high, cut));
	jump_to(f, done);
	start_block(f, is_plain);
	store_word(f, sum, IR_I64, ir_emit(&f->b, IR_LSHR, IR_I64, high, cut));
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, sum, IR_I64);
}
