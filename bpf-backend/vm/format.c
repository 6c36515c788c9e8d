/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats of bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf, as bpf_bprintf_prepare()
 * (kernel/bpf/helpers.c, Linux 6.12) takes them: width and flags, no precision; d i u x X with l and
 * ll, c, s, p and the forms of p for addresses. Other forms of p print the pointer as a number.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

enum { MAX_TEXT = 512, MAX_WIDTH = 256 };

struct conversion {
	char flags[8];
	unsigned width;
	unsigned longs; // letters l
	char letter;
};

/* Reads what follows a percent sign; NULL when it is no conversion. */
static const char *read_conversion(const char *at, struct conversion *c)
{
	unsigned flags = 0;
	memset(c, 0, sizeof *c);
	while (*at && strchr("0+- #", *at) && flags < sizeof c->flags - 1)
		c->flags[flags++] = *at++;
	while (isdigit((unsigned char)*at) && c->width < MAX_WIDTH)
		c->width = c->width * 10 + (unsigned)(*at++ - '0');
	while (*at == 'l' && c->longs < 2) {
		c->longs++;
		at++;
	}
	if (!*at || !strchr(c->longs ? "diuxX" : "diuxXcsp", *at) || c->width > MAX_WIDTH)
		return NULL;
	c->letter = *at;
	return at + 1;
}

static void add_text(struct vm *vm, struct buf *out, uint64_t address, unsigned width)
{
	char text[MAX_TEXT];
	size_t len = 0;
	for (; len < sizeof text - 1; len++) {
		const uint8_t *p = vm_memory(vm, address + len, 1, false);
		if (!p || !*p)
			break;
		text[len] = (char)*p;
	}
	text[len] = 0;
	buf_printf(out, "%*s", (int)width, text);
}

static void add_number(struct buf *out, const struct conversion *c, uint64_t value)
{
	char format[32];
	if (!c->longs)
		value = c->letter == 'd' || c->letter == 'i' ? (uint64_t)(int64_t)(int32_t)value
							     : (uint32_t)value;
	// The format is made of flags and a letter that were checked above.
	snprintf(format, sizeof format, "%%%s*ll%c", c->flags, c->letter);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	buf_printf(out, format, (int)c->width, (unsigned long long)value);
#pragma GCC diagnostic pop
}

/* %p and what may follow it; gives the place behind. */
static const char *add_pointer(struct vm *vm, struct buf *out, const char *at, uint64_t value)
{
	bool is_address = (*at == 'i' || *at == 'I') && (at[1] == '4' || at[1] == '6');
	const char *separator = *at == 'I' ? ":" : "";
	if (!is_address) {
		buf_printf(out, "%016llx", (unsigned long long)value);
		while (isalpha((unsigned char)*at))
			at++;
		return at;
	}
	const uint8_t *p = vm_memory(vm, value, at[1] == '4' ? 4 : 16, false);
	if (!p) {
		buf_add_text(out, "(efault)");
	} else if (at[1] == '4' && *at == 'I') {
		buf_printf(out, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
	} else if (at[1] == '4') {
		buf_printf(out, "%03u.%03u.%03u.%03u", p[0], p[1], p[2], p[3]);
	} else {
		for (unsigned i = 0; i < 16; i += 2)
			buf_printf(out, "%s%02x%02x", i ? separator : "", p[i], p[i + 1]);
	}
	return at + 2;
}

int vm_format(struct vm *vm, struct buf *out, const char *format, uint32_t len,
	      const struct vm_format_args *args)
{
	uint32_t used = 0;
	if (!len || format[len - 1] || strlen(format) != len - 1)
		return -EINVAL;
	size_t before = out->len;
	for (const char *at = format; *at;) {
		struct conversion c;
		if (*at != '%') {
			buf_add_char(out, *at++);
			continue;
		}
		if (at[1] == '%') {
			buf_add_char(out, '%');
			at += 2;
			continue;
		}
		at = read_conversion(at + 1, &c);
		if (!at || used == args->count) {
			out->len = before;
			return -EINVAL;
		}
		uint64_t value = args->values[used++];
		if (c.letter == 'p')
			at = add_pointer(vm, out, at, value);
		else if (c.letter == 's')
			add_text(vm, out, value, c.width);
		else if (c.letter == 'c')
			buf_printf(out, "%c", (char)value);
		else
			add_number(out, &c, value);
	}
	return 0;
}
