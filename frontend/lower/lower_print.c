/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print. The arguments become pieces, texts and values with a way to show them, in the same way for
 * every target: a format's conversion says how, and without a format the type does, with spaces
 * between. `%d` keeps the sign that the type has, `%u` and `%x` take the bits of its width, so both
 * targets print the same. One line is one print: a newline at the end of the last text is dropped,
 * because the line end is added anyway.
 *
 * Userspace hands the pieces to the runtime one by one. eBPF makes a format of the kernel's dialect
 * (bpf_bprintf_prepare, Linux 6.12 kernel/bpf/helpers.c: flags and width but no precision and no `#`)
 * with every number as 64 bits.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"
#include "ks/rt.h"

/* Values that bpf_trace_printk and bpf_trace_vprintk take (MAX_BPRINTF_VARARGS). */
enum { MAX_PRINTK_VALUES = 3, MAX_VPRINTK_VALUES = 12 };

struct piece {
	struct expr *value; // NULL: text
	const char *text;
	uint32_t len;
	uint32_t spec;      // enum ks_print_spec
	bool is_text_value; // a str
};

struct line {
	struct body *f;
	bool is_line; // in userspace the line is ended
	VEC(struct piece) pieces;
};

static void add_text(struct line *line, const char *text, uint32_t len)
{
	if (!len)
		return;
	struct piece piece = {.text = text, .len = len};
	struct piece *last = line->pieces.len ? &vec_last(&line->pieces) : NULL;
	if (last && !last->value) {
		struct arena *arena = line->f->m->arena;
		char *joined = arena_alloc(arena, last->len + len + 1u);
		memcpy(joined, last->text, last->len);
		memcpy(joined + last->len, text, len);
		last->text = joined;
		last->len += len;
		return;
	}
	vec_push(line->f->m->arena, &line->pieces, piece);
}

static uint32_t default_spec(const struct type *type)
{
	switch ((int)type->kind) {
	case TYPE_BOOL:
		return KS_PRINT_BOOL;
	case TYPE_CHAR:
		return KS_PRINT_CHAR;
	case TYPE_POINTER:
	case TYPE_FUNC:
	case TYPE_PROGRAM_HANDLE:
	case TYPE_PERF_ATTACHMENT:
		return KS_PRINT_POINTER;
	default:
		return value_is_signed(type) ? KS_PRINT_SIGNED : KS_PRINT_UNSIGNED;
	}
}

static void add_value(struct line *line, struct expr *value, uint32_t spec)
{
	struct piece piece = {
		.value = value, .spec = spec, .is_text_value = value->type->kind == TYPE_STR};
	if (value->kind == EXPR_STRING && !spec)
		add_text(line, value->string.data, value->string.len);
	else
		vec_push(line->f->m->arena, &line->pieces, piece);
}

/* ---- the format ---- */

static const char *read_number(const char *at, const char *end, uint32_t *number)
{
	*number = 0;
	while (at < end && *at >= '0' && *at <= '9' && *number < 1000)
		*number = *number * 10 + (uint32_t)(*at++ - '0');
	return at;
}

static uint32_t flag_of(char c)
{
	switch (c) {
	case '0':
		return KS_PRINT_ZERO_PAD;
	case '-':
		return KS_PRINT_LEFT;
	case '#':
		return KS_PRINT_ALTERNATE;
	case '+':
		return KS_PRINT_PLUS;
	default:
		return 0;
	}
}

static uint32_t base_of(char conversion, const struct type *type)
{
	switch (conversion) {
	case 'd':
	case 'i': // 64 bits hold every number but the large ones of u64
		return value_is_signed(type) || type->size < 8 ? KS_PRINT_SIGNED
							       : KS_PRINT_UNSIGNED;
	case 'x':
		return KS_PRINT_HEX;
	case 'X':
		return KS_PRINT_HEX_UPPER;
	case 'o':
		return KS_PRINT_OCTAL;
	case 'c':
		return KS_PRINT_CHAR;
	case 'p':
		return KS_PRINT_POINTER;
	case 's':
		return 0;
	default:
		return KS_PRINT_UNSIGNED;
	}
}

/* One conversion, from behind the '%'; gives where it ends. */
static const char *read_conversion(const char *at, const char *end, uint32_t *flags,
				   char *conversion)
{
	uint32_t width = 0, precision = 0;
	*flags = 0;
	while (at < end && (flag_of(*at) || *at == ' '))
		*flags |= flag_of(*at++);
	at = read_number(at, end, &width);
	if (at < end && *at == '.') {
		at = read_number(at + 1, end, &precision);
		*flags |= (precision < 254 ? precision + 1 : 255) << KS_PRINT_PRECISION_SHIFT;
	}
	*flags |= (width < 255 ? width : 255) << KS_PRINT_WIDTH_SHIFT;
	while (at < end && strchr("hlzjqt", *at))
		at++;
	*conversion = at < end ? *at++ : '%';
	return at;
}

static void read_format(struct line *line, const struct expr *format, const expr_list *args)
{
	const char *at = format->string.data, *end = at + format->string.len, *text = at;
	uint32_t next = 1;
	while (at < end) {
		if (*at != '%') {
			at++;
			continue;
		}
		add_text(line, text, (uint32_t)(at - text));
		uint32_t flags;
		char conversion;
		at = read_conversion(at + 1, end, &flags, &conversion);
		if (conversion == '%') {
			add_text(line, "%", 1);
		} else if (next < args->len) {
			struct expr *value = args->data[next++];
			add_value(line, value, flags | base_of(conversion, value->type));
		}
		text = at;
	}
	add_text(line, text, (uint32_t)(end - text));
}

static void read_values(struct line *line, const expr_list *args)
{
	for (uint32_t i = 0; i < args->len; i++) {
		struct expr *value = args->data[i];
		bool is_str = value->type->kind == TYPE_STR;
		if (i)
			add_text(line, " ", 1);
		add_value(line, value, is_str ? 0 : default_spec(value->type));
	}
}

static void read_line(struct line *line, const expr_list *args)
{
	const struct expr *first = args->len ? args->data[0] : NULL;
	if (first && first->kind == EXPR_STRING &&
	    memchr(first->string.data, '%', first->string.len))
		read_format(line, first, args);
	else
		read_values(line, args);
	struct piece *last = line->pieces.len ? &vec_last(&line->pieces) : NULL;
	if (last && !last->value && last->text[last->len - 1] == '\n')
		last->len--;
}

/* ---- values ---- */

/* A number as 64 bits: with its sign when it is shown with one, else the bits of its width. */
static ir_ref print_number(struct body *f, struct expr *expr, uint32_t spec)
{
	const struct type *type = expr->type;
	ir_ref value = lower_value(f, expr);
	bool is_signed = value_is_signed(type) && (spec & KS_PRINT_BASE_MASK) == KS_PRINT_SIGNED;
	if (type->kind == TYPE_BE && !f->m->is_big_endian) {
		enum ir_op op = type->size == 2 ? IR_BE16 : type->size == 4 ? IR_BE32 : IR_BE64;
		value = ir_emit(&f->b, op, value_type(type), value, IR_REF_NONE);
	} else if (value_is_signed(type) && !is_signed && type->size < 4) {
		value = ir_emit(&f->b, type->size == 1 ? IR_EXT8U : IR_EXT16U, IR_I32, value,
				IR_REF_NONE);
	}
	return to_register(f, value, IR_I64, is_signed);
}

static struct place text_object(struct body *f, struct expr *expr)
{
	struct text text = lower_text(f, expr);
	return text.literal ? literal_place(f, text.literal) : text.place;
}

/* ---- userspace ---- */

static ir_ref user_value(struct body *f, const struct piece *piece)
{
	if (!piece->is_text_value)
		return print_number(f, piece->value, piece->spec);
	struct place text = text_object(f, piece->value);
	return place_address(f, &text);
}

static void print_piece(struct body *f, const struct piece *piece, ir_ref value)
{
	ir_ref args[3] = {value};
	if (!piece->value) {
		args[0] = global_place(f, literal_text(f->lw, piece->text, piece->len)).base;
		args[1] = const64(f, piece->len);
		call_runtime(f, "ks_print_text", IR_VOID, IR_EFFECT_OTHER, args, 2);
	} else if (piece->is_text_value) {
		args[1] = const64(f, piece->value->type->size);
		args[2] = const32(f, piece->spec);
		call_runtime(f, "ks_print_str", IR_VOID, IR_EFFECT_OTHER, args, 3);
	} else {
		args[1] = const32(f, piece->spec);
		call_runtime(f, "ks_print_int", IR_VOID, IR_EFFECT_OTHER, args, 2);
	}
}

/* Every value before the first piece: one of them may print a line itself. */
static ir_ref print_user(struct line *line, span where)
{
	struct body *f = line->f;
	ir_ref *values = ARENA_ARRAY(f->m->arena, ir_ref, line->pieces.len);
	for (uint32_t i = 0; i < line->pieces.len; i++)
		if (line->pieces.data[i].value)
			values[i] = user_value(f, &line->pieces.data[i]);
	f->b.where = where;
	for (uint32_t i = 0; i < line->pieces.len; i++)
		print_piece(f, &line->pieces.data[i], values[i]);
	if (!line->is_line)
		return IR_REF_NONE;
	return call_runtime(f, "ks_print_end", IR_I32, IR_EFFECT_OTHER, NULL, 0);
}

/* ---- eBPF ---- */

static void add_kernel_text(struct buf *format, const char *text, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		bool is_space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
		if (text[i] == '%')
			buf_add_text(format, "%%");
		else // the kernel refuses a format with any other byte
			buf_add_char(format,
				     is_space || (text[i] > ' ' && text[i] < 127) ? text[i] : '?');
	}
}

static const char *kernel_conversion(const struct piece *piece)
{
	static const char *const conversions[] = {
		[KS_PRINT_SIGNED] = "lld",    [KS_PRINT_UNSIGNED] = "llu", [KS_PRINT_HEX] = "llx",
		[KS_PRINT_HEX_UPPER] = "llX", [KS_PRINT_OCTAL] = "llo",    [KS_PRINT_CHAR] = "c",
		[KS_PRINT_BOOL] = "s",        [KS_PRINT_POINTER] = "llx",
	};
	if (piece->is_text_value)
		return "s";
	return conversions[piece->spec & KS_PRINT_BASE_MASK];
}

static void add_kernel_conversion(struct buf *format, const struct piece *piece)
{
	uint32_t base = piece->spec & KS_PRINT_BASE_MASK;
	uint32_t width = piece->spec >> KS_PRINT_WIDTH_SHIFT & 255;
	bool is_number = !piece->is_text_value && base <= KS_PRINT_OCTAL;
	if (!piece->is_text_value && (base == KS_PRINT_POINTER ||
				      (base == KS_PRINT_HEX && piece->spec & KS_PRINT_ALTERNATE)))
		buf_add_text(format, "0x");
	buf_add_char(format, '%');
	if (piece->spec & KS_PRINT_LEFT)
		buf_add_char(format, '-');
	else if (is_number && piece->spec & KS_PRINT_ZERO_PAD)
		buf_add_char(format, '0');
	if (is_number && piece->spec & KS_PRINT_PLUS)
		buf_add_char(format, '+');
	if (width)
		buf_printf(format, "%u", width);
	buf_add_text(format, kernel_conversion(piece));
}

/* "true" or "false" by address: both lie in one literal. */
static ir_ref bool_text(struct body *f, ir_ref value)
{
	static const char texts[] = "false\0true";
	struct place both = global_place(f, literal_text(f->lw, texts, sizeof texts));
	ir_ref offset = ir_emit_select(&f->b, IR_I64, value, const64(f, 6), const64(f, 0));
	return ir_emit(&f->b, IR_PTRADD, IR_PTR, both.base, offset);
}

static ir_ref kernel_value(struct body *f, const struct piece *piece)
{
	if (piece->is_text_value) {
		struct place text = text_object(f, piece->value);
		return place_address(f, &text);
	}
	if ((piece->spec & KS_PRINT_BASE_MASK) == KS_PRINT_BOOL)
		return bool_text(f, lower_value(f, piece->value));
	return print_number(f, piece->value, piece->spec);
}

static ir_ref call_helper(struct body *f, const char *name, const ir_ref *args, uint32_t count)
{
	uint32_t callee = ir_add_extern(f->m, IR_EXTERN_HELPER, name, IR_I32,
					IR_EFFECT_READS | IR_EFFECT_OTHER);
	return ir_emit_call(&f->b, IR_CALL_EXTERN, IR_I32, callee, args, count);
}

static ir_ref trace(struct body *f, ir_ref format, uint32_t size, const ir_ref *values,
		    uint32_t count)
{
	ir_ref args[2 + MAX_PRINTK_VALUES] = {format, const32(f, size)};
	if (count <= MAX_PRINTK_VALUES) {
		for (uint32_t i = 0; i < count; i++)
			args[2 + i] = values[i];
		return call_helper(f, "bpf_trace_printk", args, 2 + count);
	}
	uint32_t slot = raw_slot(f, count * 8, 8);
	ir_ref array = slot_addr(f, slot);
	for (uint32_t i = 0; i < count; i++)
		ir_emit_store(&f->b, array, (int32_t)(i * 8), values[i],
			      ir_mem_aux(8, false, IR_SPACE_SLOT));
	args[2] = array;
	args[3] = const32(f, count * 8);
	return call_helper(f, "bpf_trace_vprintk", args, 4);
}

static ir_ref print_kernel(struct line *line, span where)
{
	struct body *f = line->f;
	struct buf format;
	ir_ref values[MAX_VPRINTK_VALUES];
	uint32_t count = 0;
	buf_init(&format);
	for (uint32_t i = 0; i < line->pieces.len; i++) {
		const struct piece *piece = &line->pieces.data[i];
		if (!piece->value) {
			add_kernel_text(&format, piece->text, piece->len);
			continue;
		}
		if (count == MAX_VPRINTK_VALUES) {
			diag_report(&f->lw->compile->diags, D_PRINT_VALUES, piece->value->where);
			break;
		}
		add_kernel_conversion(&format, piece);
		values[count++] = kernel_value(f, piece);
	}
	buf_add_char(&format, '\0');
	struct place text = global_place(f, literal_text(f->lw, format.data, (uint32_t)format.len));
	f->b.where = where;
	ir_ref result = trace(f, text.base, (uint32_t)format.len, values, count);
	buf_fini(&format);
	return result;
}

ir_ref lower_print(struct body *f, struct expr *call)
{
	struct line line = {.f = f, .is_line = true};
	read_line(&line, &call->call.args);
	return f->target == IR_TARGET_BPF ? print_kernel(&line, call->where)
					  : print_user(&line, call->where);
}

void lower_message(struct body *f, const char *prefix, const expr_list *args, span where)
{
	struct line line = {.f = f};
	add_text(&line, prefix, (uint32_t)strlen(prefix));
	read_line(&line, args);
	if (f->target == IR_TARGET_BPF)
		print_kernel(&line, where);
	else
		print_user(&line, where);
}
