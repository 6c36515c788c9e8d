/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the source calls a value. Debug information of BPF has lines and columns but no variables, so
 * the text of the line is read: at the column stands the expression that the instruction belongs to,
 * and in `long *value = find(&map, &key)` what it gives has a name. Both C and ks are read so; where
 * the text is of another form there is no name.
 */
#include <ctype.h>
#include <string.h>

#include "bpf-backend/verify/story.h"

enum { MAX_NAME = 60 };

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t skip_word(const char *text, size_t at)
{
	while (is_word(text[at]))
		at++;
	return at;
}

/* Behind the bracket that closes the one at `at`; `at` when there is none on the line. */
static size_t skip_brackets(const char *text, size_t at)
{
	int depth = 0;
	for (size_t i = at; text[i]; i++) {
		if (strchr("([{", text[i]))
			depth++;
		else if (strchr(")]}", text[i]) && --depth == 0)
			return i + 1;
		if (text[i] == '"')
			for (i++; text[i] && text[i] != '"'; i++)
				i += text[i] == '\\' && text[i + 1];
		if (!text[i])
			break;
	}
	return at;
}

/* What follows a name: members, calls, indexes. */
static size_t skip_postfix(const char *text, size_t at)
{
	for (;;) {
		size_t next = at;
		if (text[at] == '.' && is_word(text[at + 1]))
			next = skip_word(text, at + 1);
		else if (text[at] == '-' && text[at + 1] == '>')
			next = skip_word(text, at + 2);
		else if (text[at] == ':' && text[at + 1] == ':')
			next = skip_word(text, at + 2);
		else if (text[at] == '(' || text[at] == '[')
			next = skip_brackets(text, at);
		if (next == at)
			return at;
		at = next;
	}
}

static size_t back_word(const char *text, size_t at)
{
	while (at && is_word(text[at - 1]))
		at--;
	return at;
}

static size_t back_brackets(const char *text, size_t at)
{
	int depth = 0;
	for (size_t i = at; i-- > 0;) {
		if (strchr(")]", text[i]))
			depth++;
		else if (strchr("([", text[i]) && --depth == 0)
			return i;
	}
	return at;
}

/* From a member to the beginning of what it is a member of. */
static size_t back_members(const char *text, size_t at)
{
	for (;;) {
		size_t before = at;
		if (at >= 2 && text[at - 1] == '>' && text[at - 2] == '-')
			before = at - 2;
		else if (at >= 2 && text[at - 1] == '.' && text[at - 2] != '.')
			before = at - 1;
		else if (at && text[at] == '[' && (is_word(text[at - 1]) || text[at - 1] == ']'))
			before = at;
		else
			return at;
		while (before && strchr(")]", text[before - 1])) {
			size_t open = back_brackets(text, before);
			if (open == before)
				return at;
			before = open;
		}
		size_t word = back_word(text, before);
		if (word == before && text[before] != '(')
			return at;
		at = word;
	}
}

bool verify_find_span(const struct program_line *line, uint32_t *begin, uint32_t *end)
{
	const char *text = line->text;
	size_t len = strlen(text), at = line->column ? line->column - 1 : 0, stop;
	if (!line->column || at >= len)
		return false;
	bool is_arrow = text[at] == '>' && at && text[at - 1] == '-';
	at += is_arrow || text[at] == '.' ? 1 : text[at] == '-' && text[at + 1] == '>' ? 2 : 0;
	size_t first = at;
	while (text[at] == '*' || text[at] == '&')
		at++;
	if (!is_word(text[at]) || isdigit((unsigned char)text[at]))
		return false;
	first = first == at ? back_members(text, back_word(text, at)) : first;
	stop = skip_postfix(text, skip_word(text, at));
	*begin = (uint32_t)first;
	*end = (uint32_t)stop;
	return stop > first;
}

const char *names_find_expression(struct arena *arena, const struct program_line *line)
{
	uint32_t begin, end;
	if (!line || !verify_find_span(line, &begin, &end) || end - begin > MAX_NAME)
		return NULL;
	size_t word = skip_word(line->text, begin);
	static const char *const keywords[] = {"if",    "return", "for",  "while",
					       "let",   "var",    "else", "case",
					       "throw", "int",    "asm",  "__asm__"};
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (strlen(keywords[i]) == word - begin &&
		    !strncmp(keywords[i], line->text + begin, word - begin))
			return NULL;
	return arena_copy_string(arena, line->text + begin, end - begin);
}

/* Ends the value of a declaration: nothing is done with it before it gets its name. */
static bool is_end(const char *text, size_t at)
{
	while (text[at] == ' ' || text[at] == ')')
		at++;
	return !text[at] || text[at] == ';' || text[at] == ',' || text[at] == '\r' ||
	       (text[at] == '/' && text[at + 1] == '/') || !strncmp(text + at, "else", 4) ||
	       !strncmp(text + at, "catch", 5);
}

static bool is_assignment(const char *text, size_t at)
{
	return text[at] == '=' && text[at + 1] != '=' &&
	       (!at || !strchr("=!<>+-*/%&|^", text[at - 1]));
}

static size_t back_spaces(const char *text, size_t at)
{
	while (at && text[at - 1] == ' ')
		at--;
	return at;
}

/* The variable before `=`; ks writes its type behind the name. */
static const char *name_before(struct arena *arena, const char *text, size_t at)
{
	size_t end = back_spaces(text, at), begin = back_word(text, end);
	size_t colon = back_spaces(text, begin);
	for (size_t i = begin; i && strchr("*? ", text[i - 1]); i--)
		colon = back_spaces(text, i - 1);
	if (colon && text[colon - 1] == ':' && (colon < 2 || text[colon - 2] != ':')) {
		end = back_spaces(text, colon - 1);
		begin = back_word(text, end);
	}
	if (begin == end || isdigit((unsigned char)text[begin]))
		return NULL;
	return arena_copy_string(arena, text + begin, end - begin);
}

static int precedence(const char *op)
{
	switch (*op) {
	case '*':
	case '/':
	case '%':
		return 4;
	case '+':
	case '-':
		return 3;
	case '<':
	case '>':
		return op[1] == *op ? 2 : 0;
	case '&':
	case '|':
		return op[1] == *op ? 0 : 1;
	case '^':
		return 1;
	default:
		return strchr("=?:!", *op) ? 0 : -1;
	}
}

/* `name = a + b` at its `+`, when it is the operator that is applied last; `name += b` too. */
static const char *find_sum(struct arena *arena, const char *text, size_t at)
{
	int own = precedence(text + at), depth = 0;
	size_t right = at + 1;
	if (own <= 0)
		return NULL;
	if (text[right] == '=')
		return name_before(arena, text, at);
	right += text[right] == text[at];
	if (text[right] == '=')
		return name_before(arena, text, at);
	right += strspn(text + right, " *&~-");
	while (text[right] == '(')
		right = skip_brackets(text, right) > right ? skip_brackets(text, right) : right + 1;
	if (!is_end(text, skip_postfix(text, skip_word(text, right))))
		return NULL;
	for (size_t i = at; i-- > 0;) {
		depth += text[i] == ')' || text[i] == ']';
		depth -= text[i] == '(' || text[i] == '[';
		if (depth < 0 || strchr(";{}", text[i]))
			return NULL;
		if (depth)
			continue;
		if (is_assignment(text, i))
			return name_before(arena, text, i);
		int other = precedence(text + i);
		if (other == 0 || (other > 0 && other < own))
			return NULL;
	}
	return NULL;
}

const char *names_find_target(struct arena *arena, const struct program_line *line)
{
	uint32_t begin, end;
	if (!line || !line->column || line->column > strlen(line->text))
		return NULL;
	if (is_assignment(line->text, line->column - 1))
		return name_before(arena, line->text, line->column - 1);
	const char *sum = find_sum(arena, line->text, line->column - 1);
	if (sum)
		return sum;
	if (!verify_find_span(line, &begin, &end) || !is_end(line->text, end))
		return NULL;
	size_t at = back_spaces(line->text, begin);
	while (at && (line->text[at - 1] == ')' || line->text[at - 1] == '(')) {
		bool is_cast = line->text[at - 1] == ')';
		size_t open = is_cast ? back_brackets(line->text, at) : at - 1;
		if (open == at || (open && is_word(line->text[open - 1])))
			return NULL;
		at = back_spaces(line->text, open);
	}
	if (!at || !is_assignment(line->text, at - 1))
		return NULL;
	return name_before(arena, line->text, at - 1);
}

const char *names_find_argument(struct arena *arena, const struct program_line *line,
				const char *function, unsigned number)
{
	uint32_t begin, end;
	size_t len = strlen(function);
	if (!line || !number || !verify_find_span(line, &begin, &end))
		return NULL;
	const char *text = line->text + begin;
	if (strncmp(text, function, len) != 0 || text[len] != '(' || text[end - begin - 1] != ')')
		return NULL;
	size_t from = len + 1, last = end - begin - 1;
	for (unsigned n = 1;; n++) {
		size_t to = from;
		while (to < last && text[to] != ',')
			to = strchr("([{", text[to]) && skip_brackets(text, to) > to
				     ? skip_brackets(text, to)
				     : to + 1;
		from += strspn(text + from, " ");
		if (n == number && to > from && to - from <= MAX_NAME)
			return arena_copy_string(arena, text + from, back_spaces(text, to) - from);
		if (n == number || to >= last)
			return NULL;
		from = to + 1;
	}
}
