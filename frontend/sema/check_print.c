/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print: which values can be printed, and whether a format and its arguments agree. A first argument
 * that is a literal with a `%` is a format:
 *
 *	conversion = "%" { "-" | "0" | "+" | " " | "#" } [ width ] [ "." precision ] { "h" | "l" | "z" } kind
 *	kind       = d i u x X o c s p %
 */
#include "frontend/sema/check.h"

enum { PRINT_MAX_WIDTH = 255 }; // least width and precision that the runtime takes

struct conversion_spec {
	const char *text; // of the whole conversion
	uint32_t len;
	char kind; // 0 when it is malformed
};

static bool is_printable(const struct type *t)
{
	return type_is_integer(t) || t->kind == TYPE_BOOL || t->kind == TYPE_STR ||
	       t->kind == TYPE_POINTER;
}

/* True when a value of type t may be written with conversion `kind`. */
static bool agrees(char kind, const struct type *t)
{
	if (kind == 's')
		return t->kind == TYPE_STR;
	if (kind == 'p')
		return t->kind == TYPE_POINTER;
	return type_is_integer(t) || t->kind == TYPE_BOOL;
}

static const char *skip_number(const char *p, uint32_t *value)
{
	for (*value = 0; *p >= '0' && *p <= '9'; p++)
		if (*value <= PRINT_MAX_WIDTH)
			*value = *value * 10 + (uint32_t)(*p - '0');
	return p;
}

/* Next conversion at or after p, `%%` included; text is NULL at the end. */
static struct conversion_spec next_conversion(const char *p)
{
	struct conversion_spec spec = {strchr(p, '%'), 0, 0};
	uint32_t width, precision = 0;

	if (!spec.text)
		return spec;
	p = spec.text + 1;
	while (*p && strchr("-0+ #", *p))
		p++;
	p = skip_number(p, &width);
	if (*p == '.')
		p = skip_number(p + 1, &precision);
	while (*p && strchr("hlz", *p))
		p++;
	if (*p && strchr("diuxXocsp%", *p) && width <= PRINT_MAX_WIDTH &&
	    precision <= PRINT_MAX_WIDTH)
		spec.kind = *p;
	spec.len = (uint32_t)(p - spec.text) + (*p ? 1 : 0);
	return spec;
}

static void check_format(struct checker *c, const struct expr *e, uint32_t first)
{
	const struct expr *format = e->call.args.data[first];
	uint32_t used = first + 1;

	for (const char *p = format->string.data;;) {
		struct conversion_spec spec = next_conversion(p);
		if (!spec.text)
			break;
		const char *text = arena_printf(c->arena, "%.*s", (int)spec.len, spec.text);
		p = spec.text + spec.len;
		if (!spec.kind) {
			diag_report(c->diags, D_PRINT_CONVERSION, format->where, text);
			return; // which argument the next one takes is not known
		}
		if (spec.kind == '%')
			continue;
		if (used == e->call.args.len) {
			diag_report(c->diags, D_PRINT_MISSING, format->where, text);
			return;
		}
		const struct expr *arg = e->call.args.data[used++];
		if (is_printable(arg->type) && !agrees(spec.kind, arg->type))
			diag_report(c->diags, D_PRINT_TYPE, arg->where, text, TEXT(c, arg->type));
	}
	if (used < e->call.args.len)
		diag_report(c->diags, D_PRINT_EXTRA, e->call.args.data[used]->where);
}

void check_print(struct checker *c, struct expr *e, uint32_t first)
{
	for (uint32_t i = first; i < e->call.args.len; i++) {
		struct expr *arg = check_value(c, e->call.args.data[i], NULL);
		e->call.args.data[i] = arg;
		if (arg->type->kind == TYPE_ERROR || is_printable(arg->type))
			continue;
		struct diag *d =
			diag_report(c->diags, D_PRINT_VALUE, arg->where, TEXT(c, arg->type));
		if (arg->type->kind == TYPE_BE)
			diag_hint(c->diags, d, "convert it with `%s`",
				  arg->type->size == 2   ? "ntohs"
				  : arg->type->size == 4 ? "ntohl"
							 : "ntohll");
	}
	if (e->call.args.len > first && e->call.args.data[first]->kind == EXPR_STRING &&
	    strchr(e->call.args.data[first]->string.data, '%'))
		check_format(c, e, first);
}
