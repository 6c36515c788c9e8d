/* SPDX-License-Identifier: Apache-2.0 */
/*
 * White space and comments wherever they mean nothing: anywhere inside ( ) and [ ], at the ends of lines, between
 * the tokens of a line.
 */
#include "frontend/syntax/lexer.h"
#include "tests/gen/gen.h"

enum { MAX_NESTING = 256 };

struct roughener {
	struct random random;
	struct buf *out;
	bool is_free[MAX_NESTING]; // by nesting: line ends mean nothing here
	unsigned depth;
};

static void put_comment(struct roughener *r)
{
	static const char *const comments[] = {"/* a */", "/**/", "/* // */", "/* two\n lines */"};

	// A line end inside a comment is one.
	buf_add_text(r->out, comments[random_below(&r->random, r->is_free[r->depth] ? 4 : 3)]);
}

/* What stands between two tokens of a line. */
static void put_gap(struct roughener *r, bool has_space)
{
	unsigned choice = random_below(&r->random, 60);

	if (choice == 0) {
		buf_add_char(r->out, ' ');
		put_comment(r);
		buf_add_char(r->out, ' ');
	} else if (choice < 3 && r->is_free[r->depth]) {
		buf_add_text(r->out, choice == 1 ? "\n" : " // comment\n\t");
	} else if (choice < 6) {
		buf_add_text(r->out, choice == 3 ? "\t" : "  ");
	} else if (has_space) {
		buf_add_char(r->out, ' ');
	}
}

static void put_line_end(struct roughener *r, const char *text, size_t len)
{
	unsigned choice = random_below(&r->random, 20);

	if (choice == 0 && len)
		buf_add_text(r->out, " // to the end");
	else if (choice == 1)
		buf_add_text(r->out, "\n\n\n");
	else if (choice == 2)
		buf_add_text(r->out, "\n// a line of its own\n");
	buf_add(r->out, text, len);
}

static void follow(struct roughener *r, enum token_kind kind)
{
	bool opens = kind == TOK_LPAREN || kind == TOK_LBRACKET || kind == TOK_LBRACE;

	if (opens && r->depth + 1 < MAX_NESTING)
		r->is_free[++r->depth] = kind != TOK_LBRACE;
	else if ((kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACE) && r->depth)
		r->depth--;
}

void gen_roughen(uint64_t seed, const char *text, size_t len, struct buf *out)
{
	struct roughener r = {.random = random_from(seed), .out = out};
	struct compile compile;
	struct lexer lexer;
	size_t at = 0;

	compile_init(&compile);
	struct source_file *file = source_add(&compile.sources, "x.ks", text, (uint32_t)len);
	lexer_init(&lexer, &compile, file);
	for (struct token t; (t = lexer_next(&lexer)).kind != TOK_EOF;) {
		size_t begin = t.where.begin - file->base, end = t.where.end - file->base;
		if (t.newline)
			put_line_end(&r, text + at, begin - at);
		else
			put_gap(&r, begin > at);
		buf_add(out, text + begin, end - begin);
		follow(&r, t.kind);
		at = end;
	}
	buf_add(out, text + at, len - at);
	compile_fini(&compile);
}
