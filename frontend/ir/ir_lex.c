/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the text form, and the small steps that the parser is made of. */
#include "frontend/ir/ir_lex.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.';
}

static void skip_blanks(struct ir_parser *p)
{
	const char *text = p->file->text;

	p->token.at_line_start = p->pos == 0;
	for (; p->pos < p->file->len; p->pos++) {
		if (text[p->pos] == '\n')
			p->token.at_line_start = true;
		else if (text[p->pos] == '/' && text[p->pos + 1] == '/')
			while (p->pos + 1 < p->file->len && text[p->pos + 1] != '\n')
				p->pos++;
		else if (!isspace((unsigned char)text[p->pos]))
			return;
	}
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* [+-] (digits | 0x digits); a number past 64 bits wraps. */
static void lex_number(struct ir_parser *p)
{
	const char *text = p->file->text;
	bool is_negative = text[p->pos] == '-';
	int base = 10;
	uint64_t value = 0;

	p->token.kind = IR_TOK_NUMBER;
	p->token.has_sign = !isdigit((unsigned char)text[p->pos]);
	p->pos += p->token.has_sign;
	if (text[p->pos] == '0' && text[p->pos + 1] == 'x') {
		base = 16;
		p->pos += 2;
	}
	for (; digit_value(text[p->pos]) < base; p->pos++)
		value = value * (uint64_t)base + (uint64_t)digit_value(text[p->pos]);
	p->token.value = is_negative ? 0 - value : value;
}

/* "..." with \xHH, \\ and \"; ends at the end of the line at the latest. */
static void lex_string(struct ir_parser *p)
{
	const char *text = p->file->text;
	uint32_t end = p->pos + 1;

	while (end < p->file->len && text[end] != '"' && text[end] != '\n')
		end += text[end] == '\\' && end + 1 < p->file->len && text[end + 1] != '\n' ? 2 : 1;
	char *out = arena_alloc(p->m->arena, end - p->pos);
	uint32_t len = 0;
	for (uint32_t i = p->pos + 1; i < end; i++) {
		char c = text[i];
		if (c == '\\' && text[i + 1] == 'x' && digit_value(text[i + 2]) < 16 &&
		    digit_value(text[i + 3]) < 16) {
			c = (char)(digit_value(text[i + 2]) << 4 | digit_value(text[i + 3]));
			i += 3;
		} else if (c == '\\' && i + 1 < end) {
			c = text[++i];
		}
		out[len++] = c;
	}
	p->token.kind = IR_TOK_STRING;
	p->token.bytes = out;
	p->token.len = len;
	p->pos = end < p->file->len && text[end] == '"' ? end + 1 : end;
}

void ir_lex_next(struct ir_parser *p)
{
	const char *text = p->file->text;

	p->token = (struct ir_token){0};
	skip_blanks(p);
	p->token.begin = p->pos;
	if (p->pos >= p->file->len) {
		p->token.at_line_start = true;
	} else if (isdigit((unsigned char)text[p->pos]) ||
		   ((text[p->pos] == '+' || text[p->pos] == '-') &&
		    isdigit((unsigned char)text[p->pos + 1]))) {
		lex_number(p);
	} else if (is_word_char(text[p->pos])) {
		p->token.kind = IR_TOK_WORD;
		p->token.bytes = text + p->pos;
		while (is_word_char(text[p->pos]))
			p->pos++;
		p->token.len = p->pos - p->token.begin;
	} else if (text[p->pos] == '"') {
		lex_string(p);
	} else {
		p->token.kind = IR_TOK_PUNCT;
		p->token.punct = text[p->pos++];
	}
	p->token.end = p->pos;
}

span ir_lex_span(const struct ir_parser *p)
{
	return (span){p->file->base + p->token.begin, p->file->base + p->token.end};
}

void ir_lex_skip_line(struct ir_parser *p)
{
	do
		ir_lex_next(p);
	while (!p->token.at_line_start);
}

void ir_lex_expected(struct ir_parser *p, const char *what)
{
	diag_report(&p->m->compile->diags, D_IR_SYNTAX, ir_lex_span(p), what);
	p->failed = true;
	if (p->token.kind != IR_TOK_END && !p->token.at_line_start)
		ir_lex_skip_line(p);
}

void ir_lex_error(struct ir_parser *p, span where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *text = arena_vprintf(&p->m->compile->session, format, args);
	va_end(args);
	diag_report(&p->m->compile->diags, D_IR_NAME, where, text);
	p->failed = true;
}

bool ir_lex_take_punct(struct ir_parser *p, char c)
{
	if (p->token.kind != IR_TOK_PUNCT || p->token.punct != c)
		return false;
	ir_lex_next(p);
	return true;
}

bool ir_lex_take_word(struct ir_parser *p, const char *word)
{
	if (p->token.kind != IR_TOK_WORD || p->token.at_line_start ||
	    p->token.len != strlen(word) || memcmp(p->token.bytes, word, p->token.len))
		return false;
	ir_lex_next(p);
	return true;
}

int ir_lex_take_one_of(struct ir_parser *p, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (ir_lex_take_word(p, words[i]))
			return i;
	return -1;
}

bool ir_lex_need_punct(struct ir_parser *p, char c)
{
	char what[] = {'`', c, '`', 0};

	if (ir_lex_take_punct(p, c))
		return true;
	ir_lex_expected(p, what);
	return false;
}

bool ir_lex_need_number(struct ir_parser *p, uint32_t *value)
{
	if (p->token.kind != IR_TOK_NUMBER || p->token.value > UINT32_MAX) {
		ir_lex_expected(p, "a number of up to 32 bits");
		return false;
	}
	*value = (uint32_t)p->token.value;
	ir_lex_next(p);
	return true;
}

bool ir_lex_need_one_of(struct ir_parser *p, const char *const *words, const char *what, int *index)
{
	*index = ir_lex_take_one_of(p, words);
	if (*index >= 0)
		return true;
	ir_lex_expected(p, what);
	*index = 0;
	return false;
}

symbol ir_lex_need_name(struct ir_parser *p)
{
	if (p->token.kind != IR_TOK_WORD && p->token.kind != IR_TOK_STRING) {
		ir_lex_expected(p, "a name");
		return 0;
	}
	symbol name =
		p->token.len ? intern_make(&p->m->compile->names, p->token.bytes, p->token.len) : 0;
	ir_lex_next(p);
	return name;
}

bool ir_lex_need_ref(struct ir_parser *p, char sigil, const struct map *names, uint64_t key_bits,
		     uint32_t limit, uint32_t *index)
{
	if (!ir_lex_need_punct(p, sigil))
		return false;
	span where = ir_lex_span(p);
	if (p->token.kind == IR_TOK_NUMBER) {
		if (!ir_lex_need_number(p, index))
			return false;
		if (*index < limit)
			return true;
		ir_lex_error(p, where, "there is no `%c%u`", sigil, *index);
		return false;
	}
	symbol name = ir_lex_need_name(p);
	uint64_t *found = name ? map_find(names, key_bits | name) : NULL;
	if (found) {
		*index = (uint32_t)*found - 1;
		return true;
	}
	if (name)
		ir_lex_error(p, where, "there is no `%c%s`", sigil,
			     intern_text(&p->m->compile->names, name));
	return false;
}
