/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over declarations, statements, expressions and types. The parser bounds their depth. */
#include "frontend/lsp/index.h"

#include <ctype.h>

static void walk_expr(struct index *x, struct expr *e);
static void walk_block(struct index *x, struct block *b);
static void walk_stmt(struct index *x, struct stmt *s);

static void add_ref(struct index *x, span where, struct decl *d, struct type *type, bool defines)
{
	struct index_ref r = {where, d, type, defines};

	if (where.end > where.begin)
		vec_push(x->arena, &x->refs, r);
}

static struct decl *find_top(const struct index *x, symbol name)
{
	return name ? map_find_ptr(&x->top, name) : NULL;
}

static void walk_type(struct index *x, struct type_node *t)
{
	if (!t)
		return;
	switch ((int)t->kind) {
	case TYPE_NODE_NAME: {
		struct decl *d = find_top(x, t->named.name);
		add_ref(x, t->where, d ? d : t->type ? t->type->decl : NULL, t->type, false);
		break;
	}
	case TYPE_NODE_POINTER:
		walk_type(x, t->element);
		break;
	case TYPE_NODE_ARRAY:
	case TYPE_NODE_STR:
		walk_type(x, t->array.element);
		walk_expr(x, t->array.count);
		break;
	case TYPE_NODE_FUNC:
		for (uint32_t i = 0; i < t->func.params.len; i++)
			walk_type(x, t->func.params.data[i]->variable.node);
		walk_type(x, t->func.result);
		break;
	case TYPE_NODE_MAP:
		walk_type(x, t->map.key);
		walk_type(x, t->map.value);
		walk_expr(x, t->map.size);
		break;
	default:
		break;
	}
}

/* A local name, seen within `scope`. */
static void walk_local(struct index *x, struct decl *d, span scope)
{
	struct index_local local = {d, scope};

	if (!d)
		return;
	walk_type(x, d->variable.node);
	walk_expr(x, d->variable.init);
	add_ref(x, d->name_where, d, d->type, true);
	if (d->name)
		vec_push(x->arena, &x->locals, local);
}

/* Where the last name within a range stands: the field of offsetof, whose place the tree leaves out. */
static span last_name(const struct index *x, span where)
{
	struct source_pos p = source_locate(&x->compile->sources, where.begin);
	uint32_t end = where.end;

	if (!p.file || end > p.file->base + p.file->len)
		return (span){0, 0};
	const char *text = p.file->text - p.file->base;
	while (end > where.begin && !isalnum((unsigned char)text[end - 1]) && text[end - 1] != '_')
		end--;
	uint32_t begin = end;
	while (begin > where.begin &&
	       (isalnum((unsigned char)text[begin - 1]) || text[begin - 1] == '_'))
		begin--;
	return (span){begin, end};
}

static struct decl *field_of(struct type *t, symbol name)
{
	return t && t->kind == TYPE_STRUCT ? type_find_field(t, name) : NULL;
}

static void walk_call(struct index *x, struct expr *e)
{
	struct expr *callee = e->call.callee;
	struct decl *d = e->call.target;

	if (callee->kind == EXPR_NAME) {
		d = d ? d : callee->name.decl ? callee->name.decl : find_top(x, callee->name.name);
		add_ref(x, callee->where, d, e->type, false);
	} else if (callee->kind == EXPR_FIELD && d) {
		walk_expr(x, callee->field.base);
		add_ref(x, callee->field.name_where, d, e->type, false);
	} else {
		walk_expr(x, callee);
	}
	for (uint32_t i = 0; i < e->call.args.len; i++)
		walk_expr(x, e->call.args.data[i]);
}

static void walk_struct(struct index *x, struct expr *e)
{
	walk_type(x, e->literal.node);
	for (uint32_t i = 0; i < e->literal.fields.len; i++) {
		struct field_init *f = &e->literal.fields.data[i];
		if (!f->where.end) // a default, which stands in the struct
			continue;
		struct decl *d = f->field ? f->field : field_of(e->type, f->name);
		add_ref(x, f->where, d, d ? d->type : NULL, false);
		walk_expr(x, f->value);
	}
}

static void walk_match(struct index *x, struct expr *e)
{
	walk_expr(x, e->match.subject);
	for (uint32_t i = 0; i < e->match.arms.len; i++) {
		struct match_arm *arm = &e->match.arms.data[i];
		for (uint32_t j = 0; j < arm->patterns.len; j++) {
			walk_expr(x, arm->patterns.data[j].low);
			walk_expr(x, arm->patterns.data[j].high);
		}
		walk_expr(x, arm->value);
		walk_block(x, arm->body);
	}
}

static void walk_type_arg(struct index *x, struct expr *e)
{
	walk_type(x, e->type_arg.node);
	if (e->kind != EXPR_OFFSETOF || !e->type_arg.node)
		return;
	struct decl *d = field_of(e->type_arg.node->type, e->type_arg.field);
	add_ref(x, last_name(x, (span){e->type_arg.node->where.end, e->where.end}), d, NULL, false);
}

static void walk_expr(struct index *x, struct expr *e)
{
	if (!e)
		return;
	switch ((int)e->kind) {
	case EXPR_NAME: {
		/* The checker puts the enum where an alias of it is written. */
		bool is_known = e->name.decl && e->name.decl->name == e->name.name;
		struct decl *d = is_known ? e->name.decl : find_top(x, e->name.name);
		add_ref(x, e->where, d ? d : e->name.decl, e->type, false);
		break;
	}
	case EXPR_UNARY:
		walk_expr(x, e->unary.operand);
		break;
	case EXPR_BINARY:
	case EXPR_IN:
		walk_expr(x, e->binary.left);
		walk_expr(x, e->binary.right);
		break;
	case EXPR_CALL:
		walk_call(x, e);
		break;
	case EXPR_INDEX:
		walk_expr(x, e->index.base);
		walk_expr(x, e->index.index);
		break;
	case EXPR_FIELD:
		vec_push(x->arena, &x->accesses, e);
		walk_expr(x, e->field.base);
		add_ref(x, e->field.name_where, e->field.decl, e->type, false);
		break;
	case EXPR_CAST:
		walk_expr(x, e->cast.operand);
		walk_type(x, e->cast.node);
		break;
	case EXPR_STRUCT:
		walk_struct(x, e);
		break;
	case EXPR_ARRAY:
		for (uint32_t i = 0; i < e->array.items.len; i++)
			walk_expr(x, e->array.items.data[i]);
		break;
	case EXPR_MATCH:
		walk_match(x, e);
		break;
	case EXPR_IF:
		walk_expr(x, e->conditional.condition);
		walk_block(x, e->conditional.then);
		walk_block(x, e->conditional.otherwise);
		break;
	case EXPR_NEW:
		walk_type(x, e->alloc.node);
		walk_expr(x, e->alloc.flag);
		break;
	case EXPR_SIZEOF:
	case EXPR_OFFSETOF:
	case EXPR_TYPE:
		walk_type_arg(x, e);
		break;
	case EXPR_CONVERT:
		walk_expr(x, e->convert.operand);
		break;
	default:
		break;
	}
}

static void walk_try(struct index *x, struct stmt *s)
{
	walk_block(x, s->attempt.body);
	for (uint32_t i = 0; i < s->attempt.catches.len; i++) {
		walk_expr(x, s->attempt.catches.data[i].code);
		walk_block(x, s->attempt.catches.data[i].body);
	}
}

static void walk_stmt(struct index *x, struct stmt *s)
{
	if (!s)
		return;
	switch ((int)s->kind) {
	case STMT_VAR:
		walk_local(x, s->var.decl, x->scope);
		break;
	case STMT_ASSIGN:
		walk_expr(x, s->assign.target);
		walk_expr(x, s->assign.value);
		break;
	case STMT_EXPR:
	case STMT_RETURN:
	case STMT_DELETE:
	case STMT_THROW:
		walk_expr(x, s->expr);
		break;
	case STMT_IF:
		walk_local(x, s->conditional.binding, s->conditional.then->where);
		walk_expr(x, s->conditional.condition);
		walk_block(x, s->conditional.then);
		walk_stmt(x, s->conditional.otherwise);
		break;
	case STMT_WHILE:
		walk_expr(x, s->loop.condition);
		walk_block(x, s->loop.body);
		break;
	case STMT_FOR_RANGE:
		walk_expr(x, s->range.begin);
		walk_expr(x, s->range.end);
		walk_expr(x, s->range.step);
		walk_local(x, s->range.var, s->range.body->where);
		walk_block(x, s->range.body);
		break;
	case STMT_FOR_MAP:
		walk_expr(x, s->each.map);
		walk_local(x, s->each.key, s->each.body->where);
		walk_local(x, s->each.value, s->each.body->where);
		walk_block(x, s->each.body);
		break;
	case STMT_TRY:
		walk_try(x, s);
		break;
	case STMT_DEFER:
		for (uint32_t i = 0; i < s->deferral.captures.len; i++)
			walk_expr(x, s->deferral.captures.data[i]->variable.init);
		walk_block(x, s->deferral.block);
		break;
	case STMT_BLOCK:
		walk_block(x, s->block);
		break;
	default:
		break;
	}
}

static void walk_block(struct index *x, struct block *b)
{
	if (!b)
		return;
	span outer = x->scope;
	x->scope = b->where;
	for (uint32_t i = 0; i < b->stmts.len; i++)
		walk_stmt(x, b->stmts.data[i]);
	x->scope = outer;
}

static void walk_func(struct index *x, struct decl *d)
{
	for (uint32_t i = 0; i < d->func.params.len; i++)
		walk_local(x, d->func.params.data[i], d->where);
	walk_type(x, d->func.result);
	for (uint32_t i = 0; i < d->func.result_var.len; i++) {
		struct decl *r = d->func.result_var.data[i];
		struct index_local local = {r, d->where};
		add_ref(x, r->name_where, r, r->type, true);
		vec_push(x->arena, &x->locals, local);
	}
	walk_block(x, d->func.body);
}

static void walk_fields(struct index *x, decl_list *fields)
{
	for (uint32_t i = 0; i < fields->len; i++) {
		struct decl *f = fields->data[i];
		add_ref(x, f->name_where, f, f->type, true);
		walk_type(x, f->field.node);
		walk_expr(x, f->field.init);
	}
}

/* Arguments of flags such as numa_node(n); the flags themselves are words of the attribute. */
static void walk_flags(struct index *x, struct decl *d)
{
	for (uint32_t i = 0; i < d->map.flags.len; i++) {
		struct expr *flag = d->map.flags.data[i];
		for (uint32_t j = 0; flag->kind == EXPR_CALL && j < flag->call.args.len; j++)
			walk_expr(x, flag->call.args.data[j]);
	}
}

static void walk_decl(struct index *x, struct decl *d)
{
	add_ref(x, d->name_where, d, d->type, true);
	switch ((int)d->kind) {
	case DECL_CONFIG:
		walk_fields(x, &d->config.fields);
		break;
	case DECL_STRUCT:
		walk_fields(x, &d->record.fields);
		break;
	case DECL_ENUM:
		for (uint32_t i = 0; i < d->enumeration.constants.len; i++) {
			struct decl *k = d->enumeration.constants.data[i];
			add_ref(x, k->name_where, k, k->type, true);
			walk_expr(x, k->constant.init);
		}
		break;
	case DECL_ALIAS:
		walk_type(x, d->alias);
		break;
	case DECL_CONST:
	case DECL_GLOBAL:
		walk_type(x, d->variable.node);
		walk_expr(x, d->variable.init);
		break;
	case DECL_MAP:
		walk_type(x, d->map.node);
		walk_flags(x, d);
		break;
	case DECL_FUNC:
	case DECL_EXTERN:
		walk_func(x, d);
		break;
	case DECL_IMPL:
		for (uint32_t i = 0; i < d->impl.functions.len; i++)
			walk_decl(x, d->impl.functions.data[i]);
		break;
	default:
		break;
	}
}

static void add_name(struct index *x, struct decl *d)
{
	if (d->name && !map_find(&x->top, d->name))
		map_set_ptr(&x->top, d->name, d);
}

static void add_members(struct index *x, struct decl *d, decl_list *members)
{
	for (uint32_t i = 0; i < members->len; i++) {
		map_set_ptr(&x->parent, MAP_PTR(members->data[i]), d);
		if (d->kind == DECL_ENUM)
			add_name(x, members->data[i]);
	}
}

static void add_top(struct index *x, struct decl *d)
{
	if (d->name)
		vec_push(x->arena, &x->tops, d);
	add_name(x, d);
	if (d->kind == DECL_STRUCT)
		add_members(x, d, &d->record.fields);
	else if (d->kind == DECL_CONFIG)
		add_members(x, d, &d->config.fields);
	else if (d->kind == DECL_ENUM)
		add_members(x, d, &d->enumeration.constants);
}

void index_build(struct index *index, struct compile *compile, const struct program *program)
{
	*index = (struct index){.arena = &compile->module, .compile = compile};
	map_init(&index->top, index->arena);
	map_init(&index->parent, index->arena);
	for (uint32_t i = 0; i < program->modules.len; i++)
		for (uint32_t j = 0; j < program->modules.data[i]->decls.len; j++)
			add_top(index, program->modules.data[i]->decls.data[j]);
	for (uint32_t i = 0; i < program->modules.len; i++)
		for (uint32_t j = 0; j < program->modules.data[i]->decls.len; j++)
			walk_decl(index, program->modules.data[i]->decls.data[j]);
}

const struct index_ref *index_at(const struct index *index, uint32_t offset)
{
	const struct index_ref *best = NULL;

	for (uint32_t i = 0; i < index->refs.len; i++) {
		const struct index_ref *r = &index->refs.data[i];
		if (r->where.begin > offset || offset > r->where.end)
			continue;
		bool is_inside = offset < r->where.end;
		if (!best || (is_inside && offset >= best->where.end) || (!best->decl && r->decl))
			best = r;
	}
	return best;
}

static struct decl *member_named(decl_list *members, symbol name)
{
	for (uint32_t i = 0; i < members->len; i++)
		if (members->data[i]->name == name)
			return members->data[i];
	return NULL;
}

struct decl *index_written(const struct index *index, struct decl *decl)
{
	if (!decl || decl->name_where.end)
		return decl;
	struct decl *d = NULL;
	if (decl->kind == DECL_FIELD && decl->field.ctx) {
		symbol name = intern_string(&index->compile->names, decl->field.ctx->context);
		d = find_top(index, name);
		return d && d->kind == DECL_STRUCT ? member_named(&d->record.fields, decl->name)
						   : NULL;
	}
	d = find_top(index, decl->name);
	return d && d->kind == decl->kind ? d : NULL;
}
