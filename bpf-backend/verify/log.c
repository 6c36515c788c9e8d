/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log, in the kernel's way of writing states, so that people and tools that know one can read the
 * other: `R1=ctx() R2=scalar(umax=255,var_off=(0x0; 0xff)) fp-8=…`.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpf-backend/verify/inside.h"

void verify_log_text(struct verifier *v, const char *format, ...)
{
	char text[512];
	va_list args;
	if (!v->log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	buf_add_text(v->log, text);
}

static void print_signed(struct buf *out, const char *name, int64_t value, const char **comma)
{
	buf_printf(out, "%s%s=", *comma, name);
	if (value >= -65536 && value <= 65536)
		buf_printf(out, "%" PRId64, value);
	else
		buf_printf(out, "0x%" PRIx64, (uint64_t)value);
	*comma = ",";
}

static void print_unsigned(struct buf *out, const char *name, uint64_t value, const char **comma)
{
	buf_printf(out, value <= 65536 ? "%s%s=%" PRIu64 : "%s%s=0x%" PRIx64, *comma, name, value);
	*comma = ",";
}

static void print_bounds(struct buf *out, const struct scalar *s, const char **comma)
{
	if (s->wide.smin != INT64_MIN)
		print_signed(out, "smin", s->wide.smin, comma);
	if (s->wide.smax != INT64_MAX)
		print_signed(out, "smax", s->wide.smax, comma);
	if (s->wide.umin)
		print_unsigned(out, "umin", s->wide.umin, comma);
	if (s->wide.umax != UINT64_MAX)
		print_unsigned(out, "umax", s->wide.umax, comma);
	bool is_low_same = s->low.smin == s->wide.smin && s->low.smax == s->wide.smax;
	if (!is_low_same && s->low.smin != INT32_MIN)
		print_signed(out, "smin32", s->low.smin, comma);
	if (!is_low_same && s->low.smax != INT32_MAX)
		print_signed(out, "smax32", s->low.smax, comma);
	is_low_same = s->low.umin == s->wide.umin && s->low.umax == s->wide.umax;
	if (!is_low_same && s->low.umin)
		print_unsigned(out, "umin32", s->low.umin, comma);
	if (!is_low_same && s->low.umax != UINT32_MAX)
		print_unsigned(out, "umax32", s->low.umax, comma);
	if (s->bits.mask != UINT64_MAX || s->bits.value) {
		buf_printf(out, "%svar_off=(0x%" PRIx64 "; 0x%" PRIx64 ")", *comma, s->bits.value,
			   s->bits.mask);
		*comma = ",";
	}
}

static void print_pointer(struct buf *out, const struct reg *r, const char **comma)
{
	if (r->kind == REG_PACKET || r->kind == REG_PACKET_META)
		print_signed(out, "r", r->range, comma);
	if ((r->kind == REG_MAP || r->kind == REG_MAP_VALUE || r->kind == REG_MAP_KEY) && r->map) {
		if (*r->map->name)
			buf_printf(out, "%smap=%s", *comma, r->map->name), *comma = ",";
		buf_printf(out, "%sks=%u,vs=%u", *comma, r->map->key_size, r->map->value_size);
		*comma = ",";
	}
	if (r->kind == REG_MEM)
		print_unsigned(out, "sz", r->size, comma);
}

void verify_print_reg(struct buf *out, const struct verifier *v, const struct reg *r)
{
	char kind[96];
	const char *comma = "";
	if (r->kind == REG_SCALAR && scalar_is_const(&r->v, 64)) {
		buf_printf(out, "%s%" PRId64, r->precise ? "P" : "", (int64_t)r->v.bits.value);
		return;
	}
	buf_printf(out, "%s%s", r->precise && r->kind == REG_SCALAR ? "P" : "",
		   verify_name_kind(r, kind));
	if (r->kind == REG_STACK && scalar_is_const(&r->v, 64)) {
		int64_t off = r->off + (int64_t)r->v.bits.value;
		if (r->frame != v->current->depth)
			buf_printf(out, "[%u]", r->frame);
		buf_printf(out, off || r->frame != v->current->depth ? "%" PRId64 : "0", off);
		return;
	}
	buf_add_char(out, '(');
	if (r->id)
		print_unsigned(out, "id", r->id & ~ID_PLUS_CONSTANT, &comma);
	if (r->id & ID_PLUS_CONSTANT)
		buf_printf(out, "%+d", r->off);
	if (r->ref)
		print_unsigned(out, "ref_obj_id", r->ref, &comma);
	if (r->kind != REG_SCALAR) {
		if (r->off)
			print_signed(out, "off", r->off, &comma);
		print_pointer(out, r, &comma);
	}
	if (r->kind == REG_SCALAR || !scalar_is_const(&r->v, 64))
		print_bounds(out, &r->v, &comma);
	else if (r->v.bits.value)
		print_signed(out, "imm", (int64_t)r->v.bits.value, &comma);
	buf_add_char(out, ')');
}

static void print_slot(struct verifier *v, const struct slot *slot, uint32_t number)
{
	static const char letters[] = "?rm0di!";
	char bytes[9] = "";
	bool is_set = false;
	for (int i = 7; i >= 0; i--) {
		bytes[7 - i] = letters[slot->bytes[i]];
		is_set |= slot->bytes[i] != SLOT_INVALID;
	}
	if (!is_set)
		return;
	buf_printf(v->log, " fp-%u=", (number + 1) * 8);
	if (slot_is_spill(slot))
		verify_print_reg(v->log, v, &slot->reg);
	else
		buf_add_text(v->log, bytes);
}

void verify_log_state(struct verifier *v, const struct state *s, bool all)
{
	const struct frame *f = state_frame(s);
	if (!v->log)
		return;
	if (f->number)
		buf_printf(v->log, " frame%u:", f->number);
	for (unsigned i = 0; i < BPF_REG_COUNT; i++) {
		if (f->r[i].kind == REG_NONE || (!all && f->r[i].cause != s->step))
			continue;
		buf_printf(v->log, " R%u=", i);
		verify_print_reg(v->log, v, &f->r[i]);
	}
	for (uint32_t i = 0; all && i < f->slot_count; i++)
		print_slot(v, &f->slots[i], i);
	for (uint32_t i = 0; i < s->ref_count; i++)
		buf_printf(v->log, "%s%u", i ? "," : " refs=", s->refs[i].id);
}

static const struct program_line *line_at(const struct verifier *v, uint32_t insn)
{
	const struct program_line *found = NULL;
	for (uint32_t i = 0; i < v->code->line_count && v->code->lines[i].record <= insn; i++)
		found = v->code->lines[i].record == insn ? &v->code->lines[i] : NULL;
	return found;
}

void verify_log_instruction(struct verifier *v)
{
	const struct insn_names names = {.helper = kernel_helper_name};
	if (!v->log)
		return;
	const struct program_line *line = line_at(v, v->at);
	if (line && *line->text)
		buf_printf(v->log, "; %s @ %s:%u\n", line->text + strspn(line->text, " \t"),
			   line->file, line->line);
	buf_printf(v->log, "%u: (%02x) ", v->at, v->insns[v->at].opcode);
	insn_print(v->log, &v->insns[v->at], v->count - v->at, &names);
}
