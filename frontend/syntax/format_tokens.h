/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the formatter share: the tokens of a file with the comments before each, and
 * what the tree says about them. format_tokens.c makes the list, format_marks.c marks it from the
 * tree, format.c lays it out.
 */
#ifndef KS_SYNTAX_FORMAT_TOKENS_H
#define KS_SYNTAX_FORMAT_TOKENS_H

#include "frontend/base/compile.h"
#include "frontend/syntax/ast.h"
#include "frontend/syntax/token.h"

#define FORMAT_NONE UINT32_MAX

/* What a bracket adds to the depth of a place; operators add their precedence. */
enum { FORMAT_DEPTH = 64 };

struct format_comment {
	const char *text;
	uint32_t len;
	uint32_t newlines; // line ends between what stands before and it
	uint32_t column;   // at which it stands, a tab counting to the next multiple of 8
	bool is_line;      // `//`
	bool is_alone;     // a line end follows or it holds one, so that nothing stands behind it
};

enum format_flag {
	MARK_ITEM = 1 << 0,       // begins a declaration, statement, member or arm
	MARK_SPACED = 1 << 1,     // binary operator, or a colon with spaces around it
	MARK_ANGLE = 1 << 2,      // bracket of type arguments
	MARK_KEEP_LINE = 1 << 3,  // begins a line if it does in the source
	MARK_WORD = 1 << 4,       // behind a head without braces or a word: a space goes before it
	MARK_NO_COMMA = 1 << 5,   // item that takes no comma: function of an impl, arm in braces
	MARK_COMMA = 1 << 6,      // a comma follows
	MARK_LAST_COMMA = 1 << 7, // a comma follows if the list is laid out on several lines
	MARK_DROPPED = 1 << 8,    // not printed
	MARK_TIGHT = 1 << 9,      // `.` or `->` of a field
};

struct format_token {
	enum token_kind kind;
	const char *text;
	uint32_t len, width; // bytes, characters
	uint32_t offset;     // in the offset space
	uint32_t comment_first, comment_count;
	uint32_t newlines; // line ends after the last comment, or after the token before
	uint32_t flags;
	uint32_t match; // partner of a bracket
	uint32_t brace; // of a `{`: index into braces
	uint32_t nest;  // brackets open around it
	uint32_t
		depth; // of the place behind it, where a line may be broken; FORMAT_NONE: it may not
	uint32_t line;        // layout: on which it was printed
	uint32_t line_indent; // layout: indentation of the line on which it was printed
};

enum format_brace_kind {
	BRACE_BLOCK, // statements
	BRACE_LIST,  // members, arms, fields with commas between them
};

struct format_brace {
	enum format_brace_kind kind;
	uint32_t group;
	bool is_forced; // must be laid out on several lines
};

/* Braces that are laid out on one line together or not at all: `if {} else {}`. */
struct format_group {
	uint32_t start, end; // first token of the construct, last closing brace
	bool is_forced;
	bool is_decided, is_expanded;
};

struct format {
	struct compile *compile;
	struct arena *arena;
	const struct module *module;
	VEC(struct format_token) tokens; // the last one is TOK_EOF
	VEC(struct format_comment) comments;
	VEC(struct format_brace) braces;
	VEC(struct format_group) groups;
};

void format_read_tokens(struct format *f);
void format_mark(struct format *f);
/* First token at or behind an offset. */
uint32_t format_find(const struct format *f, uint32_t offset);
/* A line ends before, in or behind some comment in front of the token. */
bool format_is_split(const struct format *f, uint32_t token);

#endif
