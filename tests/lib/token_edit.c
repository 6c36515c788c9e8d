/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text becomes a list of pieces, one per token with the white space before it; an edit changes the
 * list, which is then written out.
 */
#include "tests/lib/token_edit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/syntax/lexer.h"

struct piece {
	const char *text;
	size_t len;
	bool begins_line;
};

struct pieces {
	struct piece *data;
	unsigned len, cap;
};

/* Words that name something everywhere, besides those of tokens.def. */
static const char *const words[] = {
#define PUNCT(kind, spelling) spelling,
#define KEYWORD(kind, spelling, role) spelling,
#include "frontend/syntax/tokens.def"
	"0",    "1",      "-1",       "0xffffffff", "0x8000000000000000", "18446744073709551615",
	"\"\"", "'a'",    "ctx",      "main",       "XDP_PASS",           "as",
	"step", "sizeof", "offsetof", "_",
};

static void insert(struct pieces *p, unsigned at, struct piece piece)
{
	if (p->len == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->data = realloc(p->data, p->cap * sizeof *p->data);
	}
	memmove(p->data + at + 1, p->data + at, (p->len - at) * sizeof *p->data);
	p->data[at] = piece;
	p->len++;
}

static void remove_range(struct pieces *p, unsigned from, unsigned to)
{
	memmove(p->data + from, p->data + to, (p->len - to) * sizeof *p->data);
	p->len -= to - from;
}

static void split(struct pieces *p, const char *text, size_t len)
{
	struct compile compile;
	struct lexer lexer;
	size_t begin = 0;

	compile_init(&compile);
	struct source_file *file = source_add(&compile.sources, "x.ks", text, (uint32_t)len);
	lexer_init(&lexer, &compile, file);
	for (struct token t; (t = lexer_next(&lexer)).kind != TOK_EOF;) {
		size_t end = t.where.end - file->base;
		if (end <= begin || end > len)
			continue;
		insert(p, p->len, (struct piece){text + begin, end - begin, t.newline});
		begin = end;
	}
	if (begin < len)
		insert(p, p->len, (struct piece){text + begin, len - begin, true});
	compile_fini(&compile);
}

/* The line that holds piece `at`: pieces *from to *to. */
static void line_around(const struct pieces *p, unsigned at, unsigned *from, unsigned *to)
{
	for (*from = at; *from && !p->data[*from].begins_line;)
		--*from;
	for (*to = at + 1; *to < p->len && !p->data[*to].begins_line;)
		++*to;
}

static void copy_line(struct pieces *to, unsigned at, const struct pieces *from, unsigned line)
{
	unsigned begin, end;

	line_around(from, line, &begin, &end);
	unsigned count = end - begin;
	struct piece *copy = malloc(count * sizeof *copy);
	memcpy(copy, from->data + begin, count * sizeof *copy);
	for (unsigned i = 0; i < count; i++)
		insert(to, at + i, copy[i]);
	free(copy);
}

static struct piece word_piece(struct random *r)
{
	const char *word = words[random_below(r, sizeof words / sizeof *words)];

	return (struct piece){word, strlen(word), false};
}

enum {
	DELETE,
	REPEAT,
	EXCHANGE,
	REPLACE,
	REPLACE_BY_WORD,
	INSERT_WORD,
	DELETE_LINE,
	REPEAT_LINE,
	MOVE_LINE,
	DONATE_LINE,
	CUT,
	EDITS
};

static void edit(struct random *r, struct pieces *p, const struct pieces *donor)
{
	unsigned a = random_below(r, p->len), b = random_below(r, p->len), from, to;
	struct piece piece = p->data[a];

	switch (random_below(r, EDITS - (random_below(r, 8) != 0))) {
	case DELETE:
		remove_range(p, a, a + 1);
		break;
	case REPEAT:
		insert(p, a, piece);
		break;
	case EXCHANGE:
		p->data[a] = p->data[b];
		p->data[b] = piece;
		break;
	case REPLACE:
		p->data[a] = p->data[b];
		break;
	case REPLACE_BY_WORD:
		p->data[a] = word_piece(r);
		break;
	case INSERT_WORD:
		insert(p, a, word_piece(r));
		break;
	case DELETE_LINE:
		line_around(p, a, &from, &to);
		remove_range(p, from, to);
		break;
	case REPEAT_LINE:
		copy_line(p, b, p, a);
		break;
	case MOVE_LINE:
		line_around(p, b, &from, &to);
		copy_line(p, from, p, a);
		break;
	case DONATE_LINE:
		if (donor->len)
			copy_line(p, a, donor, random_below(r, donor->len));
		break;
	case CUT:
		p->data[a].len = random_below(r, (unsigned)piece.len + 1);
		p->len = a + 1;
		break;
	}
}

static bool is_word(unsigned char c)
{
	return isalnum(c) || c == '_';
}

/* Two words side by side that were not neighbours before. */
static bool needs_space(const struct buf *out, const struct piece *p)
{
	return out->len && p->len && is_word((unsigned char)out->data[out->len - 1]) &&
	       is_word((unsigned char)*p->text);
}

void token_edit(struct random *random, const char *text, size_t len, const char *donor,
		size_t donor_len, unsigned count, struct buf *out)
{
	struct pieces p = {0}, d = {0};

	split(&p, text, len);
	if (donor)
		split(&d, donor, donor_len);
	for (; count && p.len; count--)
		edit(random, &p, &d);
	for (unsigned i = 0; i < p.len; i++) {
		// Now and then two words run together.
		if (needs_space(out, &p.data[i]) && random_below(random, 64))
			buf_add_char(out, ' ');
		buf_add(out, p.data[i].text, p.data[i].len);
	}
	free(p.data);
	free(d.data);
}
