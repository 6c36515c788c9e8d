/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tree says about the tokens: which begin statements and members, which operators are
 * binary, what each brace is. The walk visits every node that the source holds; the tree has no
 * errors in it.
 */
#include "frontend/syntax/format_tokens.h"

static const uint8_t precedences[BINARY_COUNT] = {
#define BINARY(kind, spelling, precedence) [kind] = precedence,
#include "frontend/syntax/ast.def"
};

enum { PRECEDENCE_BAR = 5 }; // `|` between patterns

static void mark_expr(struct format *f, const struct expr *e);
static void mark_stmt(struct format *f, const struct stmt *s);
static void mark_func(struct format *f, const struct decl *d);

static struct format_token *token_at(struct format *f, span where)
{
	return &f->tokens.data[format_find(f, where.begin)];
}

static void mark(struct format *f, span where, uint32_t flags)
{
	token_at(f, where)->flags |= flags;
}

/* ---- braces ---- */

static uint32_t new_group(struct format *f, span start)
{
	struct format_group group = {.start = format_find(f, start.begin)};

	vec_push(f->arena, &f->groups, group);
	return f->groups.len - 1;
}

static void add_brace(struct format *f, uint32_t open, enum format_brace_kind kind, uint32_t group)
{
	struct format_token *t = &f->tokens.data[open];

	if (t->kind != TOK_LBRACE || t->brace != FORMAT_NONE)
		return;
	struct format_brace brace = {.kind = kind, .group = group};
	t->brace = f->braces.len;
	vec_push(f->arena, &f->braces, brace);
	if (f->groups.data[group].end < t->match)
		f->groups.data[group].end = t->match;
}

/* The first `{` behind an offset. */
static uint32_t next_brace(struct format *f, uint32_t offset)
{
	uint32_t i = format_find(f, offset);

	while (f->tokens.data[i].kind != TOK_LBRACE && f->tokens.data[i].kind != TOK_EOF)
		i++;
	return i;
}

/* A block, or the one statement that stands in its place. */
static void mark_block(struct format *f, const struct block *b, uint32_t group)
{
	bool braces = token_at(f, b->where)->kind == TOK_LBRACE;

	if (braces)
		add_brace(f, format_find(f, b->where.begin), BRACE_BLOCK, group);
	for (uint32_t i = 0; i < b->stmts.len; i++) {
		mark(f, b->stmts.data[i]->where, braces ? MARK_ITEM : MARK_WORD);
		mark_stmt(f, b->stmts.data[i]);
	}
}

/* ---- types ---- */

static void mark_type(struct format *f, const struct type_node *t);

static void mark_params(struct format *f, const decl_list *params)
{
	for (uint32_t i = 0; i < params->len; i++)
		mark_type(f, params->data[i]->variable.node);
}

static void mark_map_type(struct format *f, const struct type_node *t)
{
	const struct type_node *last = t->map.value ? t->map.value : t->map.key;
	uint32_t open = format_find(f, t->where.begin) + 1;
	uint32_t close = format_find(f, last->where.end);

	f->tokens.data[open].flags |= MARK_ANGLE;
	/* Of a `>>` the inner type took the first half. */
	if (f->tokens.data[close].kind != TOK_GT && f->tokens.data[close].kind != TOK_SHR)
		close--;
	f->tokens.data[close].flags |= MARK_ANGLE;
	mark_type(f, t->map.key);
	if (t->map.value)
		mark_type(f, t->map.value);
	if (t->map.size)
		mark_expr(f, t->map.size);
}

static void mark_type(struct format *f, const struct type_node *t)
{
	switch (t->kind) {
	case TYPE_NODE_POINTER:
		mark_type(f, t->element);
		break;
	case TYPE_NODE_ARRAY:
		mark_type(f, t->array.element);
		mark_expr(f, t->array.count);
		break;
	case TYPE_NODE_STR:
		mark_expr(f, t->array.count);
		break;
	case TYPE_NODE_FUNC:
		mark_params(f, &t->func.params);
		if (t->func.result)
			mark_type(f, t->func.result);
		break;
	case TYPE_NODE_MAP:
		mark_map_type(f, t);
		break;
	case TYPE_NODE_NAME:
	case TYPE_NODE_ERROR:
	case TYPE_NODE_KIND_COUNT:
		break;
	}
}

/* ---- expressions ---- */

static void mark_list(struct format *f, const expr_list *list)
{
	for (uint32_t i = 0; i < list->len; i++)
		mark_expr(f, list->data[i]);
}

static void mark_operator(struct format *f, span where, unsigned precedence)
{
	struct format_token *t = token_at(f, where);

	t->flags |= MARK_SPACED;
	t->depth = t->nest * FORMAT_DEPTH + precedence;
}

static void mark_struct_literal(struct format *f, const struct expr *e)
{
	uint32_t group = new_group(f, e->literal.node->where);

	mark_type(f, e->literal.node);
	add_brace(f, next_brace(f, e->literal.node->where.end), BRACE_LIST, group);
	for (uint32_t i = 0; i < e->literal.fields.len; i++) {
		mark(f, e->literal.fields.data[i].where, MARK_ITEM);
		mark_expr(f, e->literal.fields.data[i].value);
	}
}

static void mark_arm(struct format *f, const struct match_arm *arm)
{
	bool braces = arm->body && token_at(f, arm->body->where)->kind == TOK_LBRACE;

	mark(f, arm->where, MARK_ITEM | (braces ? MARK_NO_COMMA : 0));
	for (uint32_t i = 0; i < arm->patterns.len; i++) {
		if (arm->patterns.data[i].low)
			mark_expr(f, arm->patterns.data[i].low);
		if (arm->patterns.data[i].high)
			mark_expr(f, arm->patterns.data[i].high);
	}
	uint32_t i = format_find(f, arm->where.begin);
	for (; f->tokens.data[i].kind != TOK_COLON && f->tokens.data[i].kind != TOK_EOF; i++)
		if (f->tokens.data[i].kind == TOK_OR)
			mark_operator(f, (span){f->tokens.data[i].offset, 0}, PRECEDENCE_BAR);
	if (arm->value)
		mark_expr(f, arm->value);
	else
		mark_block(f, arm->body, new_group(f, arm->where));
}

static void mark_match(struct format *f, const struct expr *e)
{
	uint32_t word = format_find(f, e->where.begin), group = new_group(f, e->where);

	mark_expr(f, e->match.subject);
	add_brace(f, f->tokens.data[word + 1].match + 1, BRACE_LIST, group);
	for (uint32_t i = 0; i < e->match.arms.len; i++)
		mark_arm(f, &e->match.arms.data[i]);
}

static void mark_if_expr(struct format *f, const struct expr *e)
{
	uint32_t group = new_group(f, e->where);

	for (;;) {
		mark_expr(f, e->conditional.condition);
		mark_block(f, e->conditional.then, group);
		const struct block *b = e->conditional.otherwise;
		bool braces = token_at(f, b->where)->kind == TOK_LBRACE;
		if (braces || b->stmts.len != 1 || b->stmts.data[0]->kind != STMT_EXPR ||
		    b->stmts.data[0]->expr->kind != EXPR_IF) {
			mark_block(f, b, group);
			return;
		}
		e = b->stmts.data[0]->expr;
	}
}

static void mark_expr(struct format *f, const struct expr *e)
{
	switch (e->kind) {
	case EXPR_UNARY:
		mark_expr(f, e->unary.operand);
		break;
	case EXPR_BINARY:
		mark_operator(f, e->binary.op_where, precedences[e->binary.op]);
		mark_expr(f, e->binary.left);
		mark_expr(f, e->binary.right);
		break;
	case EXPR_IN:
		mark_expr(f, e->binary.left);
		mark_expr(f, e->binary.right);
		break;
	case EXPR_CALL:
		mark_expr(f, e->call.callee);
		mark_list(f, &e->call.args);
		break;
	case EXPR_INDEX:
		mark_expr(f, e->index.base);
		mark_expr(f, e->index.index);
		break;
	case EXPR_FIELD:
		f->tokens.data[format_find(f, e->field.name_where.begin) - 1].flags |= MARK_TIGHT;
		mark_expr(f, e->field.base);
		break;
	case EXPR_CAST:
		mark_expr(f, e->cast.operand);
		mark_type(f, e->cast.node);
		break;
	case EXPR_STRUCT:
		mark_struct_literal(f, e);
		break;
	case EXPR_ARRAY:
		mark_list(f, &e->array.items);
		break;
	case EXPR_MATCH:
		mark_match(f, e);
		break;
	case EXPR_IF:
		mark_if_expr(f, e);
		break;
	case EXPR_NEW:
		mark_type(f, e->alloc.node);
		if (e->alloc.flag)
			mark_expr(f, e->alloc.flag);
		break;
	case EXPR_SIZEOF:
	case EXPR_OFFSETOF:
	case EXPR_TYPE:
		mark_type(f, e->type_arg.node);
		break;
	case EXPR_CONVERT:
		mark_expr(f, e->convert.operand);
		break;
	case EXPR_INT:
	case EXPR_CHAR:
	case EXPR_BOOL:
	case EXPR_NULL:
	case EXPR_STRING:
	case EXPR_NAME:
	case EXPR_ERROR:
	case EXPR_KIND_COUNT:
		break;
	}
}

/* ---- statements ---- */

static void mark_variable(struct format *f, const struct decl *d)
{
	if (d->variable.node)
		mark_type(f, d->variable.node);
	if (d->variable.init)
		mark_expr(f, d->variable.init);
}

static void mark_if(struct format *f, const struct stmt *s)
{
	uint32_t group = new_group(f, s->where);

	for (;;) {
		if (s->conditional.binding)
			mark_variable(f, s->conditional.binding);
		else
			mark_expr(f, s->conditional.condition);
		mark_block(f, s->conditional.then, group);
		s = s->conditional.otherwise;
		if (!s)
			return;
		if (s->kind != STMT_IF) {
			mark_block(f, s->block, group);
			return;
		}
	}
}

static void mark_range(struct format *f, const struct stmt *s)
{
	mark_expr(f, s->range.begin);
	mark_expr(f, s->range.end);
	if (s->range.step) {
		uint32_t i = format_find(f, s->range.step->where.begin) - 1;
		while (f->tokens.data[i].kind == TOK_LPAREN)
			i--;
		f->tokens.data[i + 1].flags |= MARK_WORD;
		mark_expr(f, s->range.step);
	}
	mark_block(f, s->range.body, new_group(f, s->where));
}

static void mark_try(struct format *f, const struct stmt *s)
{
	uint32_t group = new_group(f, s->where);

	mark_block(f, s->attempt.body, group);
	for (uint32_t i = 0; i < s->attempt.catches.len; i++) {
		const struct catch_arm *arm = &s->attempt.catches.data[i];
		if (arm->code)
			mark_expr(f, arm->code);
		mark_block(f, arm->body, group);
	}
}

static void mark_stmt(struct format *f, const struct stmt *s)
{
	switch (s->kind) {
	case STMT_VAR:
		mark_variable(f, s->var.decl);
		break;
	case STMT_ASSIGN:
		mark_expr(f, s->assign.target);
		mark_expr(f, s->assign.value);
		break;
	case STMT_EXPR:
	case STMT_DELETE:
	case STMT_THROW:
		mark_expr(f, s->expr);
		break;
	case STMT_RETURN:
		if (s->expr)
			mark_expr(f, s->expr);
		break;
	case STMT_IF:
		mark_if(f, s);
		break;
	case STMT_WHILE:
		mark_expr(f, s->loop.condition);
		mark_block(f, s->loop.body, new_group(f, s->where));
		break;
	case STMT_FOR_RANGE:
		mark_range(f, s);
		break;
	case STMT_FOR_MAP:
		mark_expr(f, s->each.map);
		mark_block(f, s->each.body, new_group(f, s->where));
		break;
	case STMT_TRY:
		mark_try(f, s);
		break;
	case STMT_DEFER:
		mark_block(f, s->deferral.block, new_group(f, s->where));
		break;
	case STMT_BLOCK:
		mark_block(f, s->block, new_group(f, s->where));
		break;
	case STMT_BREAK:
	case STMT_CONTINUE:
	case STMT_ERROR:
	case STMT_KIND_COUNT:
		break;
	}
}

/* ---- declarations ---- */

/* Attributes and words before the keyword of a declaration may stand on lines of their own. */
static void mark_prefix(struct format *f, const struct decl *d)
{
	uint32_t i = format_find(f, d->where.begin);

	for (;; i++) {
		struct format_token *t = &f->tokens.data[i];
		bool name = t->kind == TOK_AT || (i && f->tokens.data[i - 1].kind == TOK_AT);
		if (t->kind == TOK_EOF)
			return;
		if (t->kind == TOK_LPAREN) {
			i = t->match;
			continue;
		}
		if (t->kind == TOK_AT || !name)
			t->flags |= MARK_KEEP_LINE;
		if (!name && t->kind != KW_PIN && t->kind != KW_LOCAL && t->kind != TOK_ID)
			return;
	}
}

static void mark_members(struct format *f, const struct decl *d, const decl_list *members)
{
	add_brace(f, next_brace(f, d->name_where.end), BRACE_LIST, new_group(f, d->where));
	for (uint32_t i = 0; i < members->len; i++) {
		const struct decl *m = members->data[i];
		mark(f, m->where, MARK_ITEM);
		if (m->kind == DECL_ENUM_CONST) {
			if (m->constant.init)
				mark_expr(f, m->constant.init);
			continue;
		}
		mark_type(f, m->field.node);
		if (m->field.init)
			mark_expr(f, m->field.init);
		if (m->field.bit_width)
			mark(f, (span){m->field.node->where.end, 0}, MARK_SPACED);
	}
}

static void mark_impl(struct format *f, const struct decl *d)
{
	uint32_t open = next_brace(f, d->name_where.end), group = new_group(f, d->where);

	add_brace(f, open, BRACE_LIST, group);
	f->groups.data[group].is_forced = f->tokens.data[open].match > open + 1;
	for (uint32_t i = 0; i < d->impl.functions.len; i++) {
		mark(f, d->impl.functions.data[i]->where, MARK_ITEM | MARK_NO_COMMA);
		mark_func(f, d->impl.functions.data[i]);
	}
	for (uint32_t i = 0; i < d->impl.fields.len; i++) {
		mark(f, d->impl.fields.data[i].where, MARK_ITEM);
		mark_expr(f, d->impl.fields.data[i].value);
	}
}

static void mark_func(struct format *f, const struct decl *d)
{
	mark_prefix(f, d);
	mark_params(f, &d->func.params);
	if (d->func.result)
		mark_type(f, d->func.result);
	if (d->kind == DECL_FUNC)
		mark_block(f, d->func.body, new_group(f, d->where));
}

static void mark_map(struct format *f, const struct decl *d)
{
	mark_prefix(f, d);
	mark(f, (span){d->name_where.end, 0},
	     MARK_SPACED); // the colon, as the language writes maps
	mark_list(f, (const expr_list *)&d->map.flags);
	mark_type(f, d->map.node);
}

static void mark_decl(struct format *f, const struct decl *d)
{
	mark(f, d->where, MARK_ITEM);
	switch ((int)d->kind) {
	case DECL_CONFIG:
		mark_members(f, d, &d->config.fields);
		break;
	case DECL_STRUCT:
		mark_prefix(f, d);
		mark_members(f, d, &d->record.fields);
		break;
	case DECL_ENUM:
		mark_members(f, d, &d->enumeration.constants);
		break;
	case DECL_ALIAS:
		mark_type(f, d->alias);
		break;
	case DECL_CONST:
	case DECL_GLOBAL:
		mark_prefix(f, d);
		mark_variable(f, d);
		break;
	case DECL_MAP:
		mark_map(f, d);
		break;
	case DECL_FUNC:
	case DECL_EXTERN:
		mark_func(f, d);
		break;
	case DECL_IMPL:
		mark_prefix(f, d);
		mark_impl(f, d);
		break;
	default:
		break;
	}
}

/* ---- what follows from the marks ---- */

struct around {        // brackets open around a token
	uint32_t open; // token; FORMAT_NONE for the file itself
	uint32_t item; // item in progress
	uint32_t item_count;
};

struct scan {
	struct format *f;
	VEC(struct around) stack;
	uint32_t last; // token before that is printed
};

static struct format_brace *brace_of(struct format *f, uint32_t open)
{
	uint32_t brace = open == FORMAT_NONE ? FORMAT_NONE : f->tokens.data[open].brace;

	return brace == FORMAT_NONE ? NULL : &f->braces.data[brace];
}

/* The innermost brace around the scan. */
static struct format_brace *enclosing_brace(struct scan *s)
{
	for (uint32_t i = s->stack.len; i--;) {
		struct format_brace *b = brace_of(s->f, s->stack.data[i].open);
		if (b)
			return b;
	}
	return NULL;
}

/* Comments and line ends before a token go before the next one. */
static void hand_on(struct format *f, uint32_t i)
{
	struct format_token *t = &f->tokens.data[i], *next = t + 1;

	if (next->comment_count)
		f->comments.data[next->comment_first].newlines += t->newlines;
	else
		next->newlines += t->newlines;
	if (t->comment_count)
		next->comment_first = t->comment_first;
	next->comment_count += t->comment_count;
	t->comment_count = t->newlines = 0;
}

/* Separators go; those of lists come back where the layout wants them. A comma that stays between
 * brackets is never the first on its line. */
static void drop_separator(struct scan *s, uint32_t i)
{
	struct format_token *t = &s->f->tokens.data[i];
	uint32_t open = vec_last(&s->stack).open;
	const struct format_brace *b = brace_of(s->f, open);
	bool in_braces = open == FORMAT_NONE || b;

	if (in_braces ? t->kind == TOK_SEMICOLON || (b && b->kind == BRACE_LIST)
		      : t->kind == TOK_COMMA && t[1].match == open)
		t->flags |= MARK_DROPPED;
	if (t->flags & MARK_DROPPED || format_is_split(s->f, i))
		hand_on(s->f, i);
}

static void end_item(struct scan *s, const struct around *around, uint32_t comma)
{
	const struct format_brace *b = brace_of(s->f, around->open);

	if (b && b->kind == BRACE_LIST && around->item_count &&
	    !(s->f->tokens.data[around->item].flags & MARK_NO_COMMA))
		s->f->tokens.data[s->last].flags |= comma;
}

static void begin_item(struct scan *s, uint32_t i)
{
	struct around *around = &vec_last(&s->stack);
	struct format_brace *b = brace_of(s->f, around->open);

	end_item(s, around, MARK_COMMA);
	around->item = i;
	around->item_count++;
	if (b &&
	    (s->f->tokens.data[i].newlines || (b->kind == BRACE_BLOCK && around->item_count > 1)))
		b->is_forced = true;
}

static void close_bracket(struct scan *s, uint32_t i)
{
	struct around around = vec_pop(&s->stack);
	struct format_brace *b = brace_of(s->f, around.open);

	if (!b)
		return;
	end_item(s, &around, MARK_LAST_COMMA);
	struct format_group *group = &s->f->groups.data[b->group];
	struct format_brace *parent = enclosing_brace(s);
	if (around.item_count && s->f->tokens.data[i].newlines)
		b->is_forced = true;
	if (b->is_forced)
		group->is_forced = true;
	if (group->is_forced && parent)
		parent->is_forced = true;
}

static void scan_tokens(struct format *f)
{
	struct scan s = {.f = f, .last = FORMAT_NONE};

	vec_push(f->arena, &s.stack, ((struct around){.open = FORMAT_NONE}));
	for (uint32_t i = 0; i < f->tokens.len; i++) {
		struct format_token *t = &f->tokens.data[i];
		struct format_brace *b = enclosing_brace(&s);
		if (b && format_is_split(f, i))
			b->is_forced = true;
		if (t->kind == TOK_COMMA || t->kind == TOK_SEMICOLON)
			drop_separator(&s, i);
		if (t->flags & MARK_DROPPED)
			continue;
		if (t->flags & MARK_ITEM)
			begin_item(&s, i);
		if (t->match != FORMAT_NONE && t->match > i)
			vec_push(f->arena, &s.stack, (struct around){.open = i});
		else if (t->match != FORMAT_NONE)
			close_bracket(&s, i);
		s.last = i;
	}
}

void format_mark(struct format *f)
{
	for (uint32_t i = 0; i < f->module->decls.len; i++)
		mark_decl(f, f->module->decls.data[i]);
	scan_tokens(f);
}
