/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer. Spellings come from tokens.def; this file decides comments, literals, and what is an
 * error. A file is checked for UTF-8 once at the start, so the scanning below may treat bytes over
 * 127 as opaque wherever they are allowed (comments, strings) and as unexpected elsewhere.
 */
#include "frontend/syntax/lexer.h"

#include <stdio.h>
#include <string.h>

#include "frontend/base/buf.h"

static const struct token_info infos[TOKEN_COUNT] = {
#define TOKEN(kind, name) [kind] = {.text = name},
#define PUNCT(kind, spelling) [kind] = {.text = spelling, .has_spelling = true},
#define OPERATOR(kind, spelling, binary, goes_on)                                                  \
	[kind] = {.text = spelling,                                                                \
		  .has_spelling = true,                                                            \
		  .is_binary = true,                                                               \
		  .op = binary,                                                                    \
		  .continues = goes_on},
#define ASSIGN(kind, spelling, binary)                                                             \
	[kind] = {.text = spelling, .has_spelling = true, .is_assign = true, .op = binary},
#define KEYWORD(kind, spelling, word)                                                              \
	[kind] = {.text = spelling, .has_spelling = true, .role = word},
#include "frontend/syntax/tokens.def"
};

/* First characters of the spellings, close together for searching. */
static const char firsts[TOKEN_COUNT] = {
#define TOKEN(kind, name)
#define PUNCT(kind, spelling) [kind] = (spelling)[0],
#define OPERATOR(kind, spelling, binary, goes_on) [kind] = (spelling)[0],
#define ASSIGN(kind, spelling, binary) [kind] = (spelling)[0],
#define KEYWORD(kind, spelling, word) [kind] = (spelling)[0],
#include "frontend/syntax/tokens.def"
};

/* The first kind from `kind` on, below `end`, whose spelling begins with c; `end` when there is none. */
static int next_with_first(int kind, int end, char c)
{
	const char *found = memchr(firsts + kind, c, (size_t)(end - kind));

	return found ? (int)(found - firsts) : end;
}

const struct token_info *token_info(enum token_kind kind)
{
	return &infos[kind];
}

static struct diags *diags_of(struct lexer *lx)
{
	return &lx->compile->diags;
}

static uint32_t offset_of(const struct lexer *lx, const char *p)
{
	return lx->file->base + (uint32_t)(p - lx->file->text);
}

static span span_of(const struct lexer *lx, const char *from, const char *to)
{
	return (span){offset_of(lx, from), offset_of(lx, to)};
}

/* Length of the UTF-8 sequence at p, 0 when it is malformed (overlong, surrogate, cut off). */
static unsigned utf8_length(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t left = (size_t)(end - p);
	unsigned len = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;

	if (!len || u[0] > 0xf4 || left < len)
		return 0;
	for (unsigned i = 1; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
	    (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return len;
}

/* One diagnostic for each run of bytes that are not UTF-8. */
static void check_utf8(struct lexer *lx)
{
	const char *p = lx->at;

	while (p < lx->end && !diags_of(lx)->too_many) {
		unsigned len = utf8_length(p, lx->end);
		if (len) {
			p += len;
			continue;
		}
		const char *from = p;
		while (p < lx->end && !utf8_length(p, lx->end))
			p++;
		diag_report(diags_of(lx), D_BAD_UTF8, span_of(lx, from, p));
	}
}

void lexer_init(struct lexer *lexer, struct compile *compile, const struct source_file *file)
{
	*lexer = (struct lexer){.compile = compile,
				.file = file,
				.at = file->text,
				.end = file->text + file->len,
				.newline = true};
	if (file->len >= 3 && !memcmp(file->text, "\xef\xbb\xbf", 3)) // byte order mark
		lexer->at += 3;
	check_utf8(lexer);
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_word_start(c) || is_digit(c);
}

/* Moves past a block comment; at points to its first character. */
static void skip_block_comment(struct lexer *lx)
{
	const char *from = lx->at;

	for (lx->at += 2; lx->at < lx->end; lx->at++) {
		if (*lx->at == '\n')
			lx->newline = true;
		if (*lx->at == '*' && lx->at + 1 < lx->end && lx->at[1] == '/') {
			lx->at += 2;
			return;
		}
	}
	diag_report(diags_of(lx), D_UNTERMINATED_COMMENT, span_of(lx, from, from + 2));
}

/* Moves past white space and comments, noting line breaks. */
static void skip_space(struct lexer *lx)
{
	while (lx->at < lx->end) {
		char c = *lx->at;
		if (c == '\n')
			lx->newline = true;
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			lx->at++;
		} else if (c == '/' && lx->at + 1 < lx->end && lx->at[1] == '/') {
			const char *eol = memchr(lx->at, '\n', (size_t)(lx->end - lx->at));
			lx->at = eol ? eol : lx->end;
		} else if (c == '/' && lx->at + 1 < lx->end && lx->at[1] == '*') {
			skip_block_comment(lx);
		} else {
			return;
		}
	}
}

static void lex_word(struct lexer *lx, struct token *t)
{
	const char *from = lx->at;

	while (lx->at < lx->end && is_word(*lx->at))
		lx->at++;
	size_t len = (size_t)(lx->at - from);
	t->kind = TOK_ID;
	t->name = intern_make(&lx->compile->names, from, len);
	for (int k = KW_FN - 1; (k = next_with_first(k + 1, TOKEN_COUNT, *from)) < TOKEN_COUNT;) {
		const char *word = infos[k].text;
		if (!strncmp(word, from, len) && !word[len])
			t->kind = (enum token_kind)k;
	}
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* INT: decimal, 0x, 0b, 0o; `_` between digits. Everything up to the next character that cannot be
 * in a word belongs to the number, so that `12ab` is one mistake. */
static void lex_number(struct lexer *lx, struct token *t)
{
	const char *from = lx->at, *p = from;
	unsigned base = 10;
	bool overflow = false, bad = false;
	uint64_t value = 0;

	while (lx->at < lx->end && is_word(*lx->at))
		lx->at++;
	if (lx->at - from > 1 && from[0] == '0') {
		char c = from[1];
		base = c == 'x' || c == 'X' ? 16 : c == 'b' || c == 'B' ? 2 : c == 'o' ? 8 : 10;
		p += base == 10 ? 0 : 2;
	}
	bad = p == lx->at || *p == '_' || lx->at[-1] == '_';
	for (; p < lx->at; p++) {
		if (*p == '_')
			continue;
		unsigned d = (unsigned)digit_value(*p);
		if (d >= base) {
			bad = true;
			break;
		}
		overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value);
		overflow |= __builtin_add_overflow(value, (uint64_t)d, &value);
	}
	t->kind = TOK_INT;
	t->integer.value = value;
	t->integer.is_hex = base != 10;
	if (bad || overflow)
		diag_report(diags_of(lx), bad ? D_BAD_NUMBER : D_NUMBER_TOO_LARGE,
			    span_of(lx, from, lx->at),
			    arena_printf(&lx->compile->session, "%.*s",
					 lx->at - from > 60 ? 60 : (int)(lx->at - from), from));
}

/* The escapes with one letter: the letter, then what it stands for. */
static const char escapes[][2] = {{'n', '\n'},  {'t', '\t'}, {'r', '\r'}, {'\\', '\\'},
				  {'\'', '\''}, {'"', '"'},  {'0', '\0'}};

/* Resolves the escape at `at`, which points to the backslash. */
static char lex_escape(struct lexer *lx)
{
	const char *from = lx->at++;

	if (lx->at < lx->end && *lx->at == 'x') {
		int hi = lx->at + 1 < lx->end ? digit_value(lx->at[1]) : 99;
		int lo = hi < 16 && lx->at + 2 < lx->end ? digit_value(lx->at[2]) : 99;
		if (lo < 16) {
			lx->at += 3;
			return (char)(hi << 4 | lo);
		}
	}
	for (size_t i = 0; lx->at < lx->end && i < sizeof escapes / sizeof *escapes; i++) {
		if (escapes[i][0] == *lx->at) {
			lx->at++;
			return escapes[i][1];
		}
	}
	if (lx->at < lx->end && *lx->at != '\n')
		lx->at += utf8_length(lx->at, lx->end) ? utf8_length(lx->at, lx->end) : 1;
	diag_report(diags_of(lx), D_BAD_ESCAPE, span_of(lx, from, lx->at),
		    arena_printf(&lx->compile->session, "%.*s", (int)(lx->at - from), from));
	return '?';
}

/* The characters up to `quote`, escapes resolved, which moves past the closing quote. A line end
 * ends the literal too, with a diagnostic. */
static void lex_quoted(struct lexer *lx, char quote, struct buf *out)
{
	const char *from = lx->at++;

	while (lx->at < lx->end && *lx->at != quote && *lx->at != '\n') {
		if (*lx->at == '\\') {
			buf_add_char(out, lex_escape(lx));
			continue;
		}
		const char *plain = lx->at;
		while (lx->at < lx->end && *lx->at != quote && *lx->at != '\n' && *lx->at != '\\')
			lx->at++;
		buf_add(out, plain, (size_t)(lx->at - plain));
	}
	if (lx->at < lx->end && *lx->at == quote)
		lx->at++;
	else
		diag_report(diags_of(lx), D_UNTERMINATED_LITERAL, span_of(lx, from, from + 1),
			    quote == '"' ? "string" : "character");
}

static void lex_string(struct lexer *lx, struct token *t)
{
	struct buf text;

	buf_init(&text);
	lex_quoted(lx, '"', &text);
	t->kind = TOK_STRING;
	t->string.len = (uint32_t)text.len;
	t->string.data =
		arena_copy_string(&lx->compile->module, text.data ? text.data : "", text.len);
	buf_fini(&text);
}

static void lex_char(struct lexer *lx, struct token *t)
{
	const char *from = lx->at;
	uint32_t errors = diags_of(lx)->errors;
	struct buf text;

	buf_init(&text);
	lex_quoted(lx, '\'', &text);
	t->kind = TOK_CHAR;
	t->integer.value = text.len ? (unsigned char)text.data[0] : 0;
	t->integer.is_hex = false;
	if (text.len != 1 && diags_of(lx)->errors == errors)
		diag_report(diags_of(lx), D_BAD_CHARACTER_LITERAL, span_of(lx, from, lx->at));
	buf_fini(&text);
}

static bool lex_punct(struct lexer *lx, struct token *t)
{
	for (int k = TOK_STRING; (k = next_with_first(k + 1, KW_FN, *lx->at)) < KW_FN;) {
		const char *s = infos[k].text;
		size_t len = strlen(s);
		if ((size_t)(lx->end - lx->at) >= len && !memcmp(s, lx->at, len)) {
			t->kind = (enum token_kind)k;
			lx->at += len;
			return true;
		}
	}
	return false;
}

/* True for characters that a run of unexpected ones stops at. */
static bool begins_token(char c)
{
	if (is_word(c) || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '"' || c == '\'')
		return true;
	for (int k = TOK_STRING + 1; k < KW_FN; k++)
		if (infos[k].text[0] == c)
			return true;
	return false;
}

/* `#` and the word behind it, as other languages have them. */
static void hint_hash(struct lexer *lx, struct diag *d)
{
	size_t left = (size_t)(lx->end - lx->at);

	if (left > 7 && !strncmp(lx->at, "include", 7))
		diag_hint(diags_of(lx), d, "write `include \"net.kh\"`, without `#`");
	else if (left > 6 && !strncmp(lx->at, "define", 6))
		diag_hint(diags_of(lx), d, "a constant is written `const NAME = value`");
	else
		diag_hint(diags_of(lx), d, "comments begin with `//`");
}

/* A run of characters that begin no token. Malformed UTF-8 was reported when the file was opened. */
static void lex_unexpected(struct lexer *lx, struct token *t)
{
	const char *from = lx->at;
	unsigned len = utf8_length(from, lx->end);
	char shown[16];

	t->kind = TOK_ERROR;
	do
		lx->at++;
	while (lx->at < lx->end && !begins_token(*lx->at));
	if (!len)
		return;
	if ((unsigned char)*from < ' ' || *from == 127)
		snprintf(shown, sizeof shown, "\\x%02x", (unsigned char)*from);
	else
		snprintf(shown, sizeof shown, "%.*s", (int)len, from);
	struct diag *d =
		diag_report(diags_of(lx), D_BAD_CHARACTER, span_of(lx, from, lx->at), shown);
	bool is_last = lx->at == lx->end || *lx->at == '\n' || *lx->at == ';';
	if (*from == '?')
		diag_hint(diags_of(lx), d,
			  is_last ? "a `throw` goes on to the caller without a sign"
				  : "a choice is written `if (c) { a } else { b }`");
	else if (*from == '#')
		hint_hash(lx, d);
}

struct token lexer_next(struct lexer *lx)
{
	struct token t = {0};

	skip_space(lx);
	if (diags_of(lx)->too_many)
		lx->at = lx->end;
	const char *from = lx->at;
	t.newline = lx->newline;
	t.unindented = from == lx->file->text || from[-1] == '\n';
	lx->newline = false;
	if (from == lx->end)
		t.kind = TOK_EOF;
	else if (is_word_start(*from))
		lex_word(lx, &t);
	else if (is_digit(*from))
		lex_number(lx, &t);
	else if (*from == '"')
		lex_string(lx, &t);
	else if (*from == '\'')
		lex_char(lx, &t);
	else if (!lex_punct(lx, &t))
		lex_unexpected(lx, &t);
	t.where = span_of(lx, from, lx->at);
	if (t.kind == TOK_EOF)
		lx->newline = true;
	return t;
}
