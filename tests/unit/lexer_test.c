/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the lexer, and that printing a tree and parsing the text again changes nothing. */
#include <criterion/criterion.h>
#include <string.h>

#include "frontend/syntax/lexer.h"
#include "frontend/syntax/parse.h"

struct lexed {
	struct compile compile;
	struct token tokens[64];
	unsigned count; // without TOK_EOF
};

static struct lexed *lex(const char *text, size_t len)
{
	struct lexed *l = calloc(1, sizeof *l);
	struct lexer lexer;

	compile_init(&l->compile);
	lexer_init(&lexer, &l->compile,
		   source_add(&l->compile.sources, "test.ks", text, (uint32_t)len));
	do
		l->tokens[l->count] = lexer_next(&lexer);
	while (l->tokens[l->count].kind != TOK_EOF && l->count++ < 62);
	cr_assert_eq(lexer_next(&lexer).kind, TOK_EOF);
	return l;
}

static void done(struct lexed *l)
{
	compile_fini(&l->compile);
	free(l);
}

static void expect_kinds(const char *text, const enum token_kind *kinds, unsigned count)
{
	struct lexed *l = lex(text, strlen(text));

	cr_assert_eq(l->compile.diags.errors, 0, "%s", text);
	cr_assert_eq(l->count, count, "%s: %u tokens", text, l->count);
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(l->tokens[i].kind, kinds[i], "%s: token %u", text, i);
	done(l);
}

#define KINDS(text, ...)                                                                           \
	expect_kinds(text, (const enum token_kind[]){__VA_ARGS__},                                 \
		     sizeof((const enum token_kind[]){__VA_ARGS__}) / sizeof(enum token_kind))

Test(lexer, the_longest_operator_wins)
{
	KINDS("<<=<<<=<->-..", TOK_SHL_ASSIGN, TOK_SHL, TOK_LE, TOK_LT, TOK_ARROW, TOK_MINUS,
	      TOK_DOTDOT);
	KINDS("1..5", TOK_INT, TOK_DOTDOT, TOK_INT);
	KINDS("a->b.c", TOK_ID, TOK_ARROW, TOK_ID, TOK_DOT, TOK_ID);
}

Test(lexer, every_spelling_gives_its_token)
{
	for (int k = TOK_STRING + 1; k < TOKEN_COUNT; k++) {
		const char *text = token_info((enum token_kind)k)->text;
		struct lexed *l = lex(text, strlen(text));
		cr_assert_eq(l->count, 1, "%s", text);
		cr_assert_eq(l->tokens[0].kind, (enum token_kind)k, "%s", text);
		done(l);
	}
}

Test(lexer, keywords_are_whole_words)
{
	KINDS("fn fnord u8 u80 _if", KW_FN, TOK_ID, KW_U8, TOK_ID, TOK_ID);
}

Test(lexer, comments_are_space_but_keep_line_ends)
{
	struct lexed *l = lex("a /* x */ b // c\nd /*\n*/ e", 26);

	cr_assert_eq(l->count, 4);
	cr_assert(l->tokens[0].newline && l->tokens[0].unindented);
	cr_assert(!l->tokens[1].newline);
	cr_assert(l->tokens[2].newline && l->tokens[2].unindented);
	cr_assert(l->tokens[3].newline && !l->tokens[3].unindented);
	done(l);
}

Test(lexer, numbers)
{
	static const struct {
		const char *text;
		uint64_t value;
	} rows[] = {{"0", 0},
		    {"1_000_000", 1000000},
		    {"0xFf", 255},
		    {"0b1010", 10},
		    {"0o17", 15},
		    {"18446744073709551615", UINT64_MAX},
		    {"0xffff_ffff_ffff_ffff", UINT64_MAX}};
	static const char *const wrong[] = {
		"18446744073709551616", "0x", "0x1_", "1_", "0b2", "0o8", "12ab",
		"0x10000000000000000"};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct lexed *l = lex(rows[i].text, strlen(rows[i].text));
		cr_assert_eq(l->compile.diags.errors, 0, "%s", rows[i].text);
		cr_assert_eq(l->tokens[0].integer.value, rows[i].value, "%s", rows[i].text);
		done(l);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct lexed *l = lex(wrong[i], strlen(wrong[i]));
		cr_assert_eq(l->compile.diags.errors, 1, "%s", wrong[i]);
		cr_assert_eq(l->count, 1, "%s", wrong[i]);
		done(l);
	}
}

Test(lexer, escapes_are_resolved)
{
	static const char text[] = "\"a\\n\\x41\\0\\\"\" '\\xff'";
	struct lexed *l = lex(text, strlen(text));

	cr_assert_eq(l->compile.diags.errors, 0);
	cr_assert_eq(l->tokens[0].string.len, 5);
	cr_assert(!memcmp(l->tokens[0].string.data, "a\nA\0\"", 5));
	cr_assert_eq(l->tokens[1].integer.value, 0xff);
	done(l);
}

Test(lexer, each_run_of_bad_bytes_is_one_error)
{
	struct lexed *l = lex("a \xff\xfe b \x80 c\0\0\0", 13);

	cr_assert_eq(l->compile.diags.errors, 3);
	done(l);
	l = lex("\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"", 11);
	cr_assert_eq(l->compile.diags.errors, 0);
	done(l);
	l = lex("// \xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80", 14);
	cr_assert_eq(l->compile.diags.errors, 3);
	done(l);
}

static char *print_parsed(const char *text, uint32_t *errors)
{
	struct compile c;
	struct buf out;

	compile_init(&c);
	buf_init(&out);
	struct source_file *f = source_add(&c.sources, "a.ks", text, (uint32_t)strlen(text));
	ast_print_module(&c, parse_file(&c, f), &out);
	*errors = c.diags.errors;
	compile_fini(&c);
	return out.data ? out.data : calloc(1, 1);
}

Test(parser, printed_text_parses_to_the_same_tree)
{
	static const char *const sources[] = {
		"fn f() { a = -(-x) & &y; b = (1 + 2) * 3 - (4 - 5); c = (p + 1)[2] }",
		"fn f() { a = (*p).x; b = *p.x; c = (-x) as u8 as u16; d = -(x as u8) }",
		"fn f() { a = match (x) { 1 | 2..3: { return } default: if (b) { 1 } else { 2 } } "
		"}",
		"type A = [*u8; 3] type B = *u8[3][4] type C = fn(fn(u8) -> *u8, n: u32)",
		"fn f() { if (a) { if (b) { c() } } else d() for (k, v in m) { delete m[k] } }",
	};

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		uint32_t errors, again;
		char *once = print_parsed(sources[i], &errors);
		char *twice = print_parsed(once, &again);
		cr_assert_eq(errors + again, 0, "%s", sources[i]);
		cr_assert_str_eq(once, twice);
		free(once);
		free(twice);
	}
}

Test(parser, the_limits_hold_exactly)
{
	static const struct {
		const char *head, *repeated, *tail;
		unsigned fits;
		enum diag_id id;
	} rows[] = {
		{"const A = 1", "+1", "", PARSE_MAX_HEIGHT - 1, D_EXPRESSION_TOO_LONG},
		{"const A = a", ".b", "", PARSE_MAX_HEIGHT - 1, D_EXPRESSION_TOO_LONG},
		{"const A = ", "!", "1", PARSE_MAX_DEPTH - 1, D_NESTED_TOO_DEEPLY},
		{"type A = ", "*", "u8", PARSE_MAX_DEPTH - 1, D_NESTED_TOO_DEEPLY},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (unsigned over = 0; over < 2; over++) {
			struct buf text;
			struct compile c;
			buf_init(&text);
			compile_init(&c);
			buf_add_text(&text, rows[i].head);
			for (unsigned k = 0; k < rows[i].fits + over; k++)
				buf_add_text(&text, rows[i].repeated);
			buf_add_text(&text, rows[i].tail);
			parse_file(&c,
				   source_add(&c.sources, "a.ks", text.data, (uint32_t)text.len));
			cr_assert_eq(c.diags.errors, over, "row %zu", i);
			cr_assert(!over || c.diags.list.data[0]->id == rows[i].id);
			compile_fini(&c);
			buf_fini(&text);
		}
	}
}
