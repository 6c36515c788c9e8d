/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion. After `.` and `->` the text is analysed again with a name put in at the cursor, so that
 * the checker tells the type before it; when the statement does not parse even so, what stands around
 * the access in its line, then in its statement, is left out. Elsewhere the names in view are offered.
 */
#include <ctype.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "frontend/lsp/server.h"
#include "frontend/std/std.h"
#include "frontend/syntax/token.h"

#define MARK "ks_completion_mark"

/* CompletionItemKind of the protocol. */
enum item_kind {
	ITEM_METHOD = 2,
	ITEM_FUNCTION = 3,
	ITEM_FIELD = 5,
	ITEM_VARIABLE = 6,
	ITEM_CLASS = 7,
	ITEM_PROPERTY = 10,
	ITEM_KEYWORD = 14,
	ITEM_FILE = 17,
	ITEM_ENUM_MEMBER = 20,
	ITEM_CONSTANT = 21,
	ITEM_STRUCT = 22,
};

struct list {
	struct buf *out;
	struct map seen; // hashes of labels
	bool any;
};

static const struct doc {
	const char *name, *signature, *text;
} docs[] = {
#define DOC(name, signature, text) {name, signature, text},
#include "frontend/lsp/builtin_docs.def"
};

static const struct attribute_doc {
	const char *name, *text;
} attributes[] = {
#define ATTRIBUTE(name, text) {name, text},
#include "frontend/lsp/builtin_docs.def"
};

static void add_item(struct list *l, const char *label, enum item_kind kind, const char *detail,
		     const char *text)
{
	uint64_t *seen = map_insert(&l->seen, hash_bytes(label, strlen(label)) >> 1);

	if (*seen || !*label || !strcmp(label, "_"))
		return;
	*seen = 1;
	buf_add_text(l->out, l->any ? ",{\"label\":" : "{\"label\":");
	l->any = true;
	json_put_string(l->out, label);
	buf_printf(l->out, ",\"kind\":%d", kind);
	if (detail) {
		buf_add_text(l->out, ",\"detail\":");
		json_put_string(l->out, detail);
	}
	if (text) {
		buf_add_text(l->out, ",\"documentation\":");
		json_put_string(l->out, text);
	}
	buf_add_char(l->out, '}');
}

static enum item_kind kind_of(const struct decl *d)
{
	switch ((int)d->kind) {
	case DECL_FUNC:
	case DECL_EXTERN:
	case DECL_BUILTIN:
		return ITEM_FUNCTION;
	case DECL_STRUCT:
	case DECL_ALIAS:
	case DECL_ENUM:
	case DECL_IMPL:
		return ITEM_STRUCT;
	case DECL_ENUM_CONST:
		return ITEM_ENUM_MEMBER;
	case DECL_CONST:
		return ITEM_CONSTANT;
	case DECL_FIELD:
		return ITEM_FIELD;
	default:
		return ITEM_VARIABLE;
	}
}

static void add_decl(struct list *l, struct analysis *a, struct decl *d)
{
	add_item(l, intern_text(&a->compile.names, d->name), kind_of(d), server_detail(a, d), NULL);
}

static void add_decls(struct list *l, struct analysis *a, const decl_list *decls)
{
	for (uint32_t i = 0; i < decls->len; i++)
		add_decl(l, a, decls->data[i]);
}

static void add_top(struct list *l, struct analysis *a, struct decl *d)
{
	if (d->name)
		add_decl(l, a, d);
	if (d->kind == DECL_ENUM)
		add_decls(l, a, &d->enumeration.constants);
}

/* Methods are the built-in names that begin with the receiver and a dot. */
static void add_methods(struct list *l, const char *receiver)
{
	size_t len = strlen(receiver);

	for (size_t i = 0; i < sizeof docs / sizeof *docs; i++)
		if (!strncmp(docs[i].name, receiver, len))
			add_item(l, docs[i].name + len, ITEM_METHOD, docs[i].signature,
				 docs[i].text);
}

/* ---- names ---- */

static void add_locals(struct list *l, struct analysis *a, uint32_t offset)
{
	for (uint32_t i = a->index.locals.len; i-- > 0;) {
		const struct index_local *local = &a->index.locals.data[i];
		if (local->scope.begin <= offset && offset <= local->scope.end &&
		    local->decl->name_where.end < offset)
			add_decl(l, a, local->decl);
	}
}

static void add_words(struct list *l)
{
	static const char *const types[] = {
#define NAMED_TYPE(member, name, kind, size, is_signed) name,
#include "frontend/sema/types.def"
	};
	const struct map_kind *kind;

	for (int k = 0; k < TOKEN_COUNT; k++)
		if (token_info((enum token_kind)k)->role != WORD_NONE)
			add_item(l, token_info((enum token_kind)k)->text, ITEM_KEYWORD, NULL, NULL);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (*types[i] != '<')
			add_item(l, types[i], ITEM_CLASS, NULL, NULL);
	for (uint32_t i = 0; (kind = kernel_map_kind_at(i)); i++)
		add_item(l, kind->name, ITEM_CLASS, "kind of map", NULL);
}

static void add_helpers(struct list *l, const struct analysis *a)
{
	enum { HELPER_LIMIT = 1000 };
	const char *name;

	for (uint32_t id = 1; id < HELPER_LIMIT && (name = kernel_helper_name(id)); id++)
		if (kernel_find_helper(name, a->target.kernel))
			add_item(l, name, ITEM_FUNCTION, "BPF helper", NULL);
}

static void add_names(struct list *l, struct analysis *a, uint32_t offset, bool wants_helpers)
{
	const struct program_kind *k;

	add_locals(l, a, offset);
	for (uint32_t i = 0; i < a->index.tops.len; i++)
		add_top(l, a, a->index.tops.data[i]);
	for (size_t i = 0; i < sizeof docs / sizeof *docs; i++)
		if (!strchr(docs[i].name, '.'))
			add_item(l, docs[i].name, ITEM_FUNCTION, docs[i].signature, docs[i].text);
	for (uint32_t i = 0; a->prelude && i < a->prelude->decls.len; i++)
		add_top(l, a, a->prelude->decls.data[i]);
	for (uint32_t i = 0; (k = kernel_program_kind_at(i)); i++)
		if (*k->context)
			add_item(l, k->context, ITEM_STRUCT, "program context", NULL);
	add_words(l);
	if (wants_helpers)
		add_helpers(l, a);
}

static void add_attributes(struct list *l)
{
	const struct program_kind *k;

	for (uint32_t i = 0; (k = kernel_program_kind_at(i)); i++)
		add_item(l, k->attribute, ITEM_PROPERTY, "kind of program", k->section);
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		add_item(l, attributes[i].name, ITEM_PROPERTY, NULL, attributes[i].text);
}

static void add_headers(struct list *l)
{
	for (uint32_t i = 0; i < ks_shipped_header_count; i++)
		if (strcmp(ks_shipped_headers[i].name, "prelude.kh") != 0)
			add_item(l, ks_shipped_headers[i].name, ITEM_FILE, "header of ks", NULL);
}

/* ---- members ---- */

/* What can stand after a value of this type and `.` or `->`. */
static void add_members_of(struct list *l, struct analysis *a, const struct type *t)
{
	if (t->kind == TYPE_MAP) {
		char family[33];
		for (const char *at = NULL; map_method_family(t->map.kind, &at, family);)
			add_methods(l, strcat(family, "."));
		return;
	}
	if (t->kind == TYPE_ENTRY)
		t = type_entry_value(t);
	if (type_is_ctx_pointer(t))
		add_methods(l, "ctx.");
	if (t->kind == TYPE_POINTER)
		t = t->element;
	if (t->kind == TYPE_STR)
		add_methods(l, "str.");
	else if (t->kind == TYPE_STRUCT)
		add_decls(l, a, &t->record.fields);
	else if (t->kind == TYPE_ENUM && t->decl)
		add_decls(l, a, &t->decl->enumeration.constants);
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Where a statement, or its line, begins: after the last of `{ } ;`, and with `by_line` the line. */
static size_t statement_begin(const char *text, size_t at, bool by_line)
{
	while (at > 0 && !strchr(by_line ? "{};\n" : "{};", text[at - 1]))
		at--;
	return at;
}

/* Where the operand of a `.` or `->` at `at` begins: names, accesses, brackets with their contents. */
static size_t operand_begin(const char *text, size_t at, size_t limit)
{
	int depth = 0;

	while (at > limit) {
		char c = text[at - 1];
		if (c == ')' || c == ']')
			depth++;
		else if (c == '(' || c == '[')
			depth--;
		else if (!depth && c == '>' && at - 1 > limit && text[at - 2] == '-')
			at--;
		else if (!depth && !is_name_char(c) && c != '.')
			break;
		if (depth < 0)
			break;
		at--;
	}
	return at;
}

/* How much of the text around an access is kept. */
enum keep { KEEP_ALL, KEEP_LINE, KEEP_STATEMENT, KEEP_COUNT };

/* The text with MARK as the name at `word`..`end`, after the access at `access`. */
static void put_marked(const char *text, size_t len, size_t access, size_t word, size_t end,
		       enum keep keep, struct buf *out)
{
	size_t rest = end;

	if (keep == KEEP_ALL) {
		buf_add(out, text, word);
		buf_add_text(out, MARK);
	} else {
		size_t begin = statement_begin(text, access, keep == KEEP_LINE);
		size_t operand = operand_begin(text, access, begin);
		buf_add(out, text, begin);
		buf_add_char(out, '\n');
		buf_add(out, text + operand, word - operand);
		buf_add_text(out, MARK ";");
		while (rest < len && !strchr("{}\n", text[rest]))
			rest++;
	}
	buf_add(out, text + rest, len - rest);
}

static struct type *find_base_type(struct analysis *a)
{
	symbol mark = intern_string(&a->compile.names, MARK);

	for (uint32_t i = 0; i < a->index.accesses.len; i++)
		if (a->index.accesses.data[i]->field.name == mark)
			return a->index.accesses.data[i]->field.base->type;
	return NULL;
}

static void add_members(struct server *s, struct list *l, const struct document *doc, size_t access,
			size_t word, size_t end)
{
	struct buf text;
	bool found = false;

	for (int keep = KEEP_ALL; keep < KEEP_COUNT && !found; keep++) {
		buf_init(&text);
		put_marked(doc->text.data, doc->text.len, access, word, end, (enum keep)keep,
			   &text);
		struct analysis *a =
			analysis_make(s->options, doc->path, text.data, text.len, ANALYSIS_NAMES);
		const struct type *t = a->file ? find_base_type(a) : NULL;
		found = t && t->kind != TYPE_ERROR;
		if (found)
			add_members_of(l, a, t);
		analysis_free(a);
		buf_fini(&text);
	}
}

/* ---- the cursor ---- */

enum place { PLACE_CODE, PLACE_STRING, PLACE_COMMENT };

static enum place place_in_line(const char *text, size_t begin, size_t at)
{
	char quote = 0;

	for (size_t i = begin; i < at; i++) {
		if (quote && text[i] == '\\')
			i++;
		else if (quote)
			quote = text[i] == quote ? 0 : quote;
		else if (text[i] == '"' || text[i] == '\'')
			quote = text[i];
		else if (text[i] == '/' && i + 1 < at && text[i + 1] == '/')
			return PLACE_COMMENT;
	}
	return quote ? PLACE_STRING : PLACE_CODE;
}

/* Whether the `->` at `at` gives the result of a function: it follows `fn name(…)`. */
static bool is_result_arrow(const char *text, size_t at)
{
	size_t begin = statement_begin(text, at, false);

	for (size_t i = begin; i + 3 <= at; i++)
		if (!memcmp(text + i, "fn ", 3) && (i == 0 || !is_name_char(text[i - 1])))
			return true;
	return false;
}

static void complete_at(struct server *s, struct document *doc, size_t at, struct list *l)
{
	const char *text = doc->text.data;
	size_t len = doc->text.len, line = at, word = at, end = at;

	while (line > 0 && text[line - 1] != '\n')
		line--;
	enum place place = place_in_line(text, line, at);
	if (place == PLACE_STRING && !strncmp(text + line, "include", 7))
		add_headers(l);
	if (place != PLACE_CODE)
		return;
	while (word > line && is_name_char(text[word - 1]))
		word--;
	while (end < len && is_name_char(text[end]))
		end++;
	if (word < at && isdigit((unsigned char)text[word]))
		return;
	size_t before = word;
	while (before > 0 && strchr(" \t\r\n", text[before - 1]) && text[before - 1])
		before--;
	bool is_arrow = before > 1 && text[before - 1] == '>' && text[before - 2] == '-';
	bool is_dot =
		before > 0 && text[before - 1] == '.' && !(before > 1 && text[before - 2] == '.');
	if (is_dot || (is_arrow && !is_result_arrow(text, before - 2)))
		add_members(s, l, doc, before - (is_arrow ? 2 : 1), word, end);
	else if (word > 0 && text[word - 1] == '@')
		add_attributes(l);
	else
		add_names(l, doc->analysis, doc->analysis->file->base + (uint32_t)at,
			  at - word >= 3 && !strncmp(text + word, "bpf", 3));
}

void server_completion(struct server *s, const struct json *params, struct buf *out)
{
	uint32_t offset;
	struct document *doc = server_place(s, params, &offset);
	struct list l = {.out = out};

	if (!doc)
		return;
	map_init(&l.seen, &s->scratch);
	buf_add_text(out, "{\"isIncomplete\":true,\"items\":[");
	if (doc->text.data)
		complete_at(s, doc, offset - doc->analysis->file->base, &l);
	buf_add_text(out, "]}");
}
