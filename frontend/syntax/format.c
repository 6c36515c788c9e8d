/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout. One pass over the marked tokens decides what stands between each two: nothing, a space, or
 * a new line.
 *   - Statements, members and arms begin lines, unless their braces stand on one line. Braces do when
 *     they did in the source, hold at most one statement, and fit on the line on which their construct
 *     begins; `if {} else {}` goes together.
 *   - Elsewhere a line is broken only where it would pass FORMAT_WIDTH: behind commas between
 *     brackets and behind binary operators, the loosest first. Such lines begin under the open
 *     bracket, or further in by two steps.
 *   - Comments keep their place: at the end of a line, on lines of their own, or between tokens. Up to
 *     one empty line is kept. Comments that stood in one column at the ends of lines still do.
 */
#include "frontend/syntax/format.h"

#include <string.h>

#include "frontend/syntax/format_tokens.h"
#include "frontend/syntax/parse.h"

/* A bracket further right than this does not say where the lines inside it begin. */
enum { MAX_ALIGNED = 50 };

struct frame {                 // what is open around the current place
	uint32_t base;         // indentation of the construct
	uint32_t item;         // of statements and members in it
	uint32_t continuation; // of a line that was broken
	bool is_flat;          // on one line
};

struct trailer {         // comment at the end of a line
	size_t at;       // in the output
	uint32_t line;   // of the output
	uint32_t source; // column in the source
	uint32_t column;
};

struct layout {
	struct format *f;
	struct buf *out;
	VEC(struct frame) stack;
	VEC(struct trailer) trailers;
	uint32_t flat;   // flat braces around
	uint32_t last;   // token printed last
	uint32_t column; // characters on the current line
	uint32_t indent; // of the current line
	uint32_t line;
	bool is_fresh; // nothing stands on the current line
};

static struct frame *top(struct layout *l)
{
	return &vec_last(&l->stack);
}

static struct format_token *token(struct layout *l, uint32_t i)
{
	return &l->f->tokens.data[i];
}

static void put(struct layout *l, const char *text, uint32_t len, uint32_t width)
{
	buf_add(l->out, text, len);
	l->column += width;
	l->is_fresh = false;
}

static void put_spaces(struct layout *l, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		buf_add_char(l->out, ' ');
	l->column += count;
}

static void break_line(struct layout *l, uint32_t indent, bool blank)
{
	if (l->out->len) {
		buf_add_text(l->out, blank ? "\n\n" : "\n");
		l->line += 1 + blank;
	}
	l->column = 0;
	put_spaces(l, indent);
	l->indent = indent;
	l->is_fresh = true;
}

/* ---- what stands between two tokens ---- */

static bool is_open(enum token_kind kind)
{
	return kind == TOK_LPAREN || kind == TOK_LBRACKET;
}

static bool is_prefix(const struct format_token *t)
{
	return !(t->flags & MARK_SPACED) &&
	       (t->kind == TOK_NOT || t->kind == TOK_TILDE || t->kind == TOK_MINUS ||
		t->kind == TOK_STAR || t->kind == TOK_AND);
}

/* What a `(` or `[` behind it is applied to: a name, a type, or what a bracket closes. Keywords count
 * where they serve as names. */
static bool is_operand(const struct format_token *first, const struct format_token *t)
{
	switch ((int)t->kind) {
	case TOK_ID:
	case TOK_INT:
	case TOK_CHAR:
	case TOK_STRING:
	case TOK_RPAREN:
	case TOK_RBRACKET:
	case TOK_RBRACE:
	case KW_FN:
		return true;
	default:
		break;
	}
	if (t->flags & MARK_ANGLE || token_info(t->kind)->role == WORD_TYPE)
		return true;
	return t > first && token_info(t->kind)->role != WORD_NONE &&
	       (t[-1].kind == TOK_DOT || t[-1].flags & MARK_TIGHT || t[-1].kind == TOK_AT ||
		t[-1].kind == KW_FN);
}

/* Whether nothing stands behind `t`. */
static bool is_tight_behind(const struct format_token *t)
{
	return is_open(t->kind) || t->kind == TOK_DOT || t->kind == TOK_DOTDOT ||
	       t->kind == TOK_AT || t->flags & MARK_TIGHT || is_prefix(t) ||
	       (t->kind == TOK_LT && t->flags & MARK_ANGLE);
}

static bool is_tight_before(const struct format_token *t)
{
	switch ((int)t->kind) {
	case TOK_COMMA:
	case TOK_SEMICOLON:
	case TOK_RPAREN:
	case TOK_RBRACKET:
	case TOK_DOT:
	case TOK_DOTDOT:
		return true;
	case TOK_COLON:
		return !(t->flags & MARK_SPACED);
	default:
		return t->flags & (MARK_TIGHT | MARK_ANGLE);
	}
}

/* Whether a space goes between two tokens that stand on one line. */
static bool is_spaced(struct layout *l, uint32_t before, uint32_t i)
{
	const struct format_token *a = token(l, before), *b = token(l, i);

	if (b->flags & MARK_WORD)
		return true;
	if (a->kind == TOK_LBRACE && b->kind == TOK_RBRACE)
		return false;
	if (is_prefix(a) && is_prefix(b) && a->kind == b->kind &&
	    (a->kind == TOK_AND || a->kind == TOK_MINUS))
		return true;
	if (is_tight_behind(a) || is_tight_before(b))
		return false;
	return !(is_open(b->kind) && is_operand(token(l, 0), a));
}

/* ---- widths ---- */

static uint32_t next_token(struct layout *l, uint32_t i)
{
	do
		i++;
	while (token(l, i)->flags & MARK_DROPPED);
	return i;
}

/* Without the white space around line ends, which the layout changes. */
static uint32_t comment_width(const struct format_comment *c)
{
	uint32_t width = 0, blanks = 0;
	bool begins_line = false;

	for (uint32_t i = 0; i < c->len; i++) {
		char ch = c->text[i];
		if (ch == '\n') {
			begins_line = true;
			blanks = 0;
		} else if (ch == ' ' || ch == '\t' || ch == '\r') {
			blanks++;
		} else {
			width += 1 + (begins_line ? 0 : blanks);
			begins_line = false;
			blanks = 0;
		}
	}
	return width;
}

/* Width of a token on one line with all in front of it, behind `before`. */
static uint32_t flat_width(struct layout *l, uint32_t before, uint32_t i)
{
	const struct format_token *t = token(l, i);
	uint32_t width = t->width + is_spaced(l, before, i) + !!(t->flags & MARK_COMMA);

	for (uint32_t k = 0; k < t->comment_count; k++)
		width += comment_width(&l->f->comments.data[t->comment_first + k]) + 1;
	return width;
}

/* The line ends before this token, for one that stands outside of flat braces. */
static bool ends_line(struct layout *l, uint32_t i)
{
	const struct format_token *t = token(l, i);

	return t->kind == TOK_EOF || t->kind == TOK_RBRACE || t->flags & MARK_ITEM ||
	       format_is_split(l->f, i);
}

/* Whether what follows `before` up to the next place to break, no deeper than `depth`, still fits on
 * the line. An opening brace is such a place. */
static bool fits(struct layout *l, uint32_t before, uint32_t depth)
{
	uint32_t column = l->column;

	for (uint32_t i = next_token(l, before); !ends_line(l, i); i = next_token(l, i)) {
		const struct format_token *t = token(l, i);
		column += flat_width(l, before, i);
		if (column > FORMAT_WIDTH)
			return false;
		if (t->kind == TOK_LBRACE && t->match != i + 1)
			return true;
		if (t->kind == TOK_LBRACE)
			column += flat_width(l, i, i + 1);
		if (t->kind == TOK_LBRACE)
			i++;
		if (t->depth <= depth)
			return true;
		before = i;
	}
	return true;
}

/* Whether the braces of a group, of which the one at `open` is to be printed, fit on the line. */
static bool fits_flat(struct layout *l, uint32_t open, const struct format_group *group)
{
	uint32_t column = l->column + 1, before = open;

	for (uint32_t i = next_token(l, open); i <= group->end || !ends_line(l, i);
	     i = next_token(l, i)) {
		column += flat_width(l, before, i);
		if (column > FORMAT_WIDTH)
			return false;
		if (i > group->end &&
		    (token(l, i)->depth != FORMAT_NONE || token(l, i)->kind == TOK_LBRACE))
			return true;
		before = i;
	}
	return true;
}

static bool is_expanded(struct layout *l, uint32_t open)
{
	const struct format_token *t = token(l, open);

	if (l->flat || t->brace == FORMAT_NONE)
		return false;
	const struct format_brace *b = &l->f->braces.data[t->brace];
	struct format_group *group = &l->f->groups.data[b->group];
	if (!group->is_decided)
		group->is_expanded = group->is_forced || token(l, group->start)->line != l->line ||
				     !fits_flat(l, open, group);
	group->is_decided = true;
	return group->is_expanded && (t->match != open + 1 || b->is_forced);
}

/* ---- comments ---- */

static uint32_t white_width(const char *p, const char *end, const char **rest)
{
	uint32_t column = 0;

	for (; p < end && (*p == ' ' || *p == '\t'); p++)
		column = *p == '\t' ? (column | 7) + 1 : column + 1;
	*rest = p;
	return column;
}

/* Lines after the first move as far as the first one does. */
static void put_comment_text(struct layout *l, const struct format_comment *c)
{
	const char *p = c->text, *end = p + c->len;
	int32_t shift = (int32_t)l->column - (int32_t)c->column;

	for (;;) {
		const char *eol = memchr(p, '\n', (size_t)(end - p)), *stop = eol ? eol : end;
		while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
			stop--;
		for (const char *q = p; q < stop; q++)
			l->column += ((unsigned char)*q & 0xc0) != 0x80;
		buf_add(l->out, p, (size_t)(stop - p));
		l->is_fresh = false;
		if (!eol)
			return;
		buf_add_char(l->out, '\n');
		l->line++;
		l->column = 0;
		int32_t indent = (int32_t)white_width(eol + 1, end, &p) + shift;
		if (p < end && *p != '\n' && *p != '\r' && indent > 0)
			put_spaces(l, (uint32_t)indent);
	}
}

/* Indentation of a comment on a line of its own before token i. */
static uint32_t comment_indent(struct layout *l, uint32_t i, bool hard)
{
	enum token_kind kind = token(l, i)->kind;

	if (hard || kind == KW_ELSE || kind == KW_CATCH)
		return top(l)->item;
	return top(l)->continuation;
}

static bool after_open_brace(struct layout *l)
{
	return l->last == FORMAT_NONE || token(l, l->last)->kind == TOK_LBRACE;
}

/* Comments in front of token i. True when the token must begin a line, which `*attached` denies: a
 * comment that begins the line stands right before it. */
static bool put_comments(struct layout *l, uint32_t i, bool hard, bool *attached)
{
	const struct format_token *t = token(l, i);
	bool first = after_open_brace(l);
	const struct format_comment *c = NULL;

	for (uint32_t k = 0; k < t->comment_count; k++) {
		c = &l->f->comments.data[t->comment_first + k];
		if (c->newlines || l->last == FORMAT_NONE) {
			break_line(l, comment_indent(l, i, hard), c->newlines > 1 && !first);
			*attached = true;
		} else if (!is_open(token(l, l->last)->kind) || c->is_alone) {
			put_spaces(l, 1);
		}
		first = false;
		if (c->is_line && !l->is_fresh) {
			struct trailer trailer = {l->out->len, l->line, c->column, l->column};
			vec_push(l->f->arena, &l->trailers, trailer);
		}
		put_comment_text(l, c);
	}
	if (!c)
		return false;
	if (c->is_line || t->newlines) {
		*attached = false;
		return true;
	}
	return false;
}

/* Comments that stood in one column on successive lines are put in one column. */
static void align_trailers(struct layout *l)
{
	struct buf text = *l->out;
	size_t done = 0;

	if (!l->trailers.len)
		return;
	buf_init(l->out);
	for (uint32_t i = 0, end; i < l->trailers.len; i = end) {
		struct trailer *t = l->trailers.data;
		uint32_t column = t[i].column;
		for (end = i + 1; end < l->trailers.len && t[end].line == t[end - 1].line + 1 &&
				  t[end].source == t[i].source;
		     end++)
			column = t[end].column > column ? t[end].column : column;
		for (uint32_t k = i; k < end; k++) {
			buf_add(l->out, text.data + done, t[k].at - done);
			put_spaces(l, column - t[k].column);
			done = t[k].at;
		}
	}
	buf_add(l->out, text.data + done, text.len - done);
	buf_fini(&text);
}

/* ---- the pass ---- */

static bool is_alone_in_braces(struct layout *l, uint32_t i)
{
	return token(l, i)->kind == TOK_RBRACE && !top(l)->is_flat;
}

/* Puts what goes between the last token and token i. */
static void put_gap(struct layout *l, uint32_t i)
{
	const struct format_token *t = token(l, i);
	bool closes = is_alone_in_braces(l, i), attached = false;
	bool keeps = t->flags & MARK_KEEP_LINE && (t->newlines || format_is_split(l->f, i));
	bool hard = !l->flat && (t->flags & MARK_ITEM || closes || keeps || t->kind == TOK_EOF);
	bool blank = t->newlines > 1 && !closes && (t->comment_count || !after_open_brace(l));
	bool forced = put_comments(l, i, hard, &attached);

	if (t->kind == TOK_EOF)
		return;
	if (l->last == FORMAT_NONE && !t->comment_count) {
		l->is_fresh = false;
		return;
	}
	if (hard && !attached) {
		break_line(l, closes ? top(l)->base : top(l)->item, blank);
	} else if (forced) {
		bool close = t->kind == TOK_RPAREN || t->kind == TOK_RBRACKET;
		bool word = t->kind == KW_ELSE || t->kind == KW_CATCH;
		break_line(l,
			   close  ? top(l)->base
			   : word ? top(l)->item
				  : top(l)->continuation,
			   false);
	} else if (t->comment_count) {
		put_spaces(l, attached || !is_tight_before(t));
	} else if (!l->flat && token(l, l->last)->depth != FORMAT_NONE &&
		   !fits(l, l->last, token(l, l->last)->depth)) {
		break_line(l, top(l)->continuation, false);
	} else {
		put_spaces(l, is_spaced(l, l->last, i));
	}
}

/* Opens the frame of the bracket at i, which was just printed. */
static void open_frame(struct layout *l, uint32_t i)
{
	const struct format_token *t = token(l, i);
	struct frame frame = {.base = l->indent,
			      .item = top(l)->item,
			      .continuation = l->column,
			      .is_flat = true};

	if (t->kind == TOK_LBRACE) {
		frame.is_flat = !is_expanded(l, i);
		if (!frame.is_flat) {
			const struct format_brace *b = &l->f->braces.data[t->brace];
			frame.base = token(l, l->f->groups.data[b->group].start)->line_indent;
			frame.item = frame.base + FORMAT_INDENT;
			frame.continuation = frame.item + FORMAT_INDENT;
		}
		l->flat += frame.is_flat;
	} else {
		enum token_kind head = i ? token(l, i - 1)->kind : TOK_EOF;
		bool is_head =
			!is_operand(token(l, 0), &t[i ? -1 : 0]) &&
			(head == KW_IF || head == KW_WHILE || head == KW_FOR || head == KW_MATCH);
		if (is_head || l->column > MAX_ALIGNED)
			frame.continuation = l->indent + 2 * FORMAT_INDENT;
	}
	vec_push(l->f->arena, &l->stack, frame);
}

static void put_token(struct layout *l, uint32_t i)
{
	struct format_token *t = token(l, i);

	put_gap(l, i);
	t->line = l->line;
	t->line_indent = l->indent;
	put(l, t->text, t->len, t->width);
	l->last = i;
	if (t->match != FORMAT_NONE && t->match > i) {
		open_frame(l, i);
	} else if (t->match != FORMAT_NONE && l->stack.len > 1) {
		if (t->kind == TOK_RBRACE)
			l->flat -= top(l)->is_flat;
		l->stack.len--;
	}
	if (t->flags & MARK_COMMA || (t->flags & MARK_LAST_COMMA && !top(l)->is_flat))
		put(l, ",", 1, 1);
}

void format_module(struct compile *compile, const struct module *module, struct buf *out)
{
	struct format f = {.compile = compile, .arena = &compile->module, .module = module};
	struct layout l = {.f = &f, .out = out, .last = FORMAT_NONE, .is_fresh = true};
	struct frame file = {.continuation = FORMAT_INDENT};

	format_read_tokens(&f);
	format_mark(&f);
	vec_push(f.arena, &l.stack, file);
	for (uint32_t i = 0; i < f.tokens.len - 1; i++)
		if (!(f.tokens.data[i].flags & MARK_DROPPED))
			put_token(&l, i);
	put_gap(&l, f.tokens.len - 1);
	if (out->len)
		buf_add_char(out, '\n');
	align_trailers(&l);
}

bool format_keeps_program(struct compile *compile, const struct module *module,
			  const struct buf *layout)
{
	const char *text = layout->len ? layout->data : "";
	struct source_file *file =
		source_add(&compile->sources, module->file->path, text, (uint32_t)layout->len);
	struct buf before, after;

	if (!file)
		return false;
	const struct module *again = parse_file(compile, file);
	if (compile->diags.errors)
		return false;
	buf_init(&before);
	buf_init(&after);
	ast_print_module(compile, module, &before);
	ast_print_module(compile, again, &after);
	bool same = before.len == after.len &&
		    (!before.len || !memcmp(before.data, after.data, before.len)) &&
		    format_same_comments(module->file->text, file->text);
	buf_fini(&before);
	buf_fini(&after);
	return same;
}
