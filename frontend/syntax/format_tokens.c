/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token list of the formatter: the lexer's tokens, and between them the comments, which the lexer
 * skips. The file was parsed without a mistake, so nothing else but white space lies between tokens.
 */
#include "frontend/syntax/format_tokens.h"

#include <string.h>

#include "frontend/syntax/format.h"
#include "frontend/syntax/lexer.h"

static bool is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static uint32_t character_count(const char *text, uint32_t len)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

/* Length of the comment at p, 0 when there is none. */
static uint32_t comment_length(const char *p, const char *end, bool *is_line)
{
	if (end - p < 2 || p[0] != '/' || (p[1] != '/' && p[1] != '*'))
		return 0;
	*is_line = p[1] == '/';
	const char *q = p + 2;
	if (*is_line)
		while (q < end && *q != '\n')
			q++;
	else
		while (q < end && !(*q == '/' && q[-1] == '*' && q - p > 2))
			q++;
	return (uint32_t)(q - p) + (!*is_line && q < end);
}

static uint32_t display_column(const char *line, const char *at)
{
	uint32_t column = 0;

	for (; line < at; line++) {
		if (*line == '\t')
			column = (column | 7) + 1;
		else
			column += ((unsigned char)*line & 0xc0) != 0x80;
	}
	return column;
}

struct gap {
	const char *at, *end, *line; // text between two tokens; begin of the current line
};

static uint32_t skip_lines(struct gap *gap)
{
	uint32_t newlines = 0;

	for (; gap->at < gap->end && is_white(*gap->at); gap->at++) {
		if (*gap->at == '\n') {
			newlines++;
			gap->line = gap->at + 1;
		}
	}
	return newlines;
}

/* Reads the comments of a gap into the list; gives the line ends behind the last one. */
static uint32_t read_gap(struct format *f, struct gap *gap)
{
	uint32_t newlines = skip_lines(gap), len;
	bool is_line;

	while ((len = comment_length(gap->at, gap->end, &is_line))) {
		struct format_comment c = {.text = gap->at,
					   .newlines = newlines,
					   .column = display_column(gap->line, gap->at),
					   .is_line = is_line};
		bool has_line = memchr(gap->at, '\n', len) != NULL;
		gap->at += len;
		while (len && is_white(c.text[len - 1]))
			len--;
		c.len = len;
		for (const char *p = c.text; p < gap->at; p++)
			if (*p == '\n')
				gap->line = p + 1;
		newlines = skip_lines(gap);
		c.is_alone = is_line || has_line || newlines;
		vec_push(f->arena, &f->comments, c);
	}
	return newlines;
}

static void match_brackets(struct format *f)
{
	VEC(uint32_t) open = {0};

	for (uint32_t i = 0; i < f->tokens.len; i++) {
		struct format_token *t = &f->tokens.data[i];
		t->nest = open.len;
		switch ((int)t->kind) {
		case TOK_LPAREN:
		case TOK_LBRACKET:
		case TOK_LBRACE:
			vec_push(f->arena, &open, i);
			break;
		case TOK_RPAREN:
		case TOK_RBRACKET:
		case TOK_RBRACE:
			if (!open.len)
				break;
			t->match = open.data[--open.len];
			f->tokens.data[t->match].match = i;
			break;
		case TOK_COMMA:
			if (open.len && f->tokens.data[vec_last(&open)].kind != TOK_LBRACE)
				t->depth = open.len * FORMAT_DEPTH;
			break;
		default:
			break;
		}
	}
}

void format_read_tokens(struct format *f)
{
	const struct source_file *file = f->module->file;
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, f->compile, file);
	struct gap gap = {.at = lexer.at, .line = lexer.at};
	do {
		token = lexer_next(&lexer);
		struct format_token t = {.kind = token.kind,
					 .text = file->text + (token.where.begin - file->base),
					 .len = token.where.end - token.where.begin,
					 .offset = token.where.begin,
					 .comment_first = f->comments.len,
					 .match = FORMAT_NONE,
					 .brace = FORMAT_NONE,
					 .depth = FORMAT_NONE};
		if (t.kind == TOK_EOF) {
			t.text = file->text + file->len;
			t.offset = file->base + file->len;
			t.len = 0;
		}
		gap.end = t.text;
		t.newlines = read_gap(f, &gap);
		t.comment_count = f->comments.len - t.comment_first;
		t.width = character_count(t.text, t.len);
		vec_push(f->arena, &f->tokens, t);
		gap.at = t.text + t.len;
	} while (token.kind != TOK_EOF);
	match_brackets(f);
}

uint32_t format_find(const struct format *f, uint32_t offset)
{
	uint32_t low = 0, high = f->tokens.len - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (f->tokens.data[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool format_is_split(const struct format *f, uint32_t token)
{
	const struct format_token *t = &f->tokens.data[token];

	for (uint32_t i = 0; i < t->comment_count; i++) {
		const struct format_comment *c = &f->comments.data[t->comment_first + i];
		if (c->newlines || c->is_alone)
			return true;
	}
	return false;
}

/* ---- comparison ---- */

/* Moves to the next comment; strings and characters are passed over. */
static uint32_t next_comment(const char **at, const char *end)
{
	bool is_line;

	for (const char *p = *at; p < end; p++) {
		uint32_t len = comment_length(p, end, &is_line);
		if (len) {
			*at = p;
			return len;
		}
		char quote = *p;
		if (quote != '"' && quote != '\'')
			continue;
		for (p++; p < end && *p != quote && *p != '\n'; p++)
			p += *p == '\\' && p + 1 < end;
	}
	return 0;
}

static const char *skip_white(const char *p, const char *end)
{
	while (p < end && is_white(*p))
		p++;
	return p;
}

bool format_same_comments(const char *a, const char *b)
{
	const char *end_a = a + strlen(a), *end_b = b + strlen(b);

	for (;;) {
		uint32_t len_a = next_comment(&a, end_a), len_b = next_comment(&b, end_b);
		if (!len_a || !len_b)
			return len_a == len_b;
		const char *p = a, *q = b;
		a += len_a;
		b += len_b;
		while ((p = skip_white(p, a)) < a && (q = skip_white(q, b)) < b && *p == *q) {
			p++;
			q++;
		}
		if (p < a || skip_white(q, b) < b)
			return false;
	}
}
