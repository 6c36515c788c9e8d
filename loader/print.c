/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print(): pieces are gathered into one line, which is written with one write(2), so that lines of
 * several processes do not mix and each appears at once.
 */
#include "loader/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/calls.h"

enum { DIGITS_MAX = 72 };

static void add(struct print_line *line, const char *text, size_t len)
{
	if (line->cap - line->len < len) {
		size_t cap = (line->len + len) * 2 + 256;
		char *data = realloc(line->data, cap);
		if (!data)
			return;
		line->data = data;
		line->cap = cap;
	}
	memcpy(line->data + line->len, text, len);
	line->len += len;
}

static void add_repeated(struct print_line *line, char c, size_t count)
{
	while (count--)
		add(line, &c, 1);
}

/* Text in its width. */
static void add_padded(struct print_line *line, const char *text, size_t len, uint32_t spec)
{
	size_t width = spec >> KS_PRINT_WIDTH_SHIFT & 255;
	size_t pad = width > len ? width - len : 0;
	if (!(spec & KS_PRINT_LEFT))
		add_repeated(line, ' ', pad);
	add(line, text, len);
	if (spec & KS_PRINT_LEFT)
		add_repeated(line, ' ', pad);
}

void ks_print_text(const char *text, uint64_t len)
{
	add(&program_current()->line, text, len);
}

void ks_print_str(const char *text, uint64_t capacity, uint32_t spec)
{
	uint32_t precision = spec >> KS_PRINT_PRECISION_SHIFT & 255;
	if (precision && precision - 1 < capacity)
		capacity = precision - 1;
	add_padded(&program_current()->line, text, strnlen(text, capacity), spec);
}

/* A number in pieces: sign or prefix, zeros, digits. */
struct number {
	char prefix[4];
	char digits[DIGITS_MAX];
	size_t zeros;
};

static struct number make_number(uint64_t value, uint32_t spec)
{
	struct number n = {.prefix = ""};
	uint32_t base = spec & KS_PRINT_BASE_MASK;
	bool is_negative = base == KS_PRINT_SIGNED && (int64_t)value < 0;
	bool is_hex =
		base == KS_PRINT_HEX || base == KS_PRINT_HEX_UPPER || base == KS_PRINT_POINTER;
	const char *format = base == KS_PRINT_HEX_UPPER ? "%llX"
			     : is_hex                   ? "%llx"
			     : base == KS_PRINT_OCTAL   ? "%llo"
							: "%llu";
	snprintf(n.digits, sizeof n.digits, format,
		 (unsigned long long)(is_negative ? 0 - value : value));
	if (is_negative)
		strcpy(n.prefix, "-");
	else if (base == KS_PRINT_SIGNED && (spec & KS_PRINT_PLUS))
		strcpy(n.prefix, "+");
	else if (base == KS_PRINT_POINTER || (is_hex && (spec & KS_PRINT_ALTERNATE) && value))
		strcpy(n.prefix, base == KS_PRINT_HEX_UPPER ? "0X" : "0x");
	else if (base == KS_PRINT_OCTAL && (spec & KS_PRINT_ALTERNATE) && value)
		strcpy(n.prefix, "0");
	size_t len = strlen(n.digits), width = spec >> KS_PRINT_WIDTH_SHIFT & 255;
	uint32_t precision = spec >> KS_PRINT_PRECISION_SHIFT & 255;
	if (precision)
		n.zeros = precision - 1 > len ? precision - 1 - len : 0;
	else if ((spec & KS_PRINT_ZERO_PAD) && !(spec & KS_PRINT_LEFT))
		n.zeros = width > len + strlen(n.prefix) ? width - len - strlen(n.prefix) : 0;
	return n;
}

void ks_print_int(uint64_t value, uint32_t spec)
{
	struct print_line *line = &program_current()->line;
	uint32_t base = spec & KS_PRINT_BASE_MASK;
	if (base == KS_PRINT_BOOL) {
		add_padded(line, value ? "true" : "false", value ? 4 : 5, spec);
		return;
	}
	if (base == KS_PRINT_CHAR) {
		char c = (char)value;
		add_padded(line, &c, 1, spec);
		return;
	}
	struct number n = make_number(value, spec);
	char text[512]; // prefix, at most 255 zeros, digits
	size_t len = strlen(n.prefix);
	memcpy(text, n.prefix, len);
	memset(text + len, '0', n.zeros);
	len += n.zeros;
	memcpy(text + len, n.digits, strlen(n.digits));
	add_padded(line, text, len + strlen(n.digits), spec);
}

int print_flush(struct program *p)
{
	size_t len = p->line.len;
	p->line.len = 0;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(STDOUT_FILENO, p->line.data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE)
			process_exit(p, EXIT_SIGNAL_BASE + SIGPIPE);
		if (n <= 0)
			return (int)done;
		done += (size_t)n;
	}
	return (int)len;
}

uint32_t ks_print_end(void)
{
	struct program *p = program_current();
	add(&p->line, "\n", 1);
	return (uint32_t)print_flush(p);
}
