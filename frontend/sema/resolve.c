/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Top-level names: which declarations a program has, over all files it includes, in which scope each
 * name stands, and what a name used somewhere means. Order of declarations does not matter.
 *
 * The prelude scope holds what is known everywhere: built-in functions, program contexts, the
 * declarations of prelude.kh. A program's declaration of one of its contexts or enums means the
 * built-in one; any other declaration hides a prelude name.
 */
#include "frontend/sema/check.h"

struct decl *make_decl(struct checker *c, enum decl_kind kind, symbol name)
{
	struct decl *d = ARENA_NEW(c->arena, struct decl);

	d->kind = kind;
	d->name = name;
	d->check_state = 2;
	return d;
}

/* ---- the prelude ---- */

/* Structs of the context table that programs get pointers to; before the contexts that have them. */
static const char *const objects[] = {"bpf_sock", "bpf_sock_common", "bpf_tcp_sock"};

static struct type *ctx_field_type(struct checker *c, const struct ctx_field *row)
{
	if (row->value != CTX_SCALAR)
		return type_make_pointer(c->types, c->types->u8);
	struct type *t = *row->type ? resolve_type_text(c, row->type + (*row->type == '?'))
				    : integer_type(c->types, row->width, false);
	return row->count > 1 ? type_make_array(c->types, t, row->count) : t;
}

static bool is_object(const char *context)
{
	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
		if (!strcmp(objects[i], context))
			return true;
	return false;
}

static void add_context(struct checker *c, const char *context)
{
	symbol name = intern_string(&c->compile->names, context);
	struct type *t;
	struct decl *d;

	if (!*context || scope_find(&c->prelude, name))
		return;
	d = make_decl(c, DECL_STRUCT, name);
	t = d->type = type_make_new(c->types, TYPE_STRUCT);
	t->name = name;
	t->decl = d;
	t->record.is_ctx = true;
	t->record.is_object = is_object(context);
	for (uint32_t i = 0;; i++) {
		const struct ctx_field *row = c->info->ctx_field_at(context, i);
		if (!row)
			break;
		struct decl *f =
			make_decl(c, DECL_FIELD, intern_string(&c->compile->names, row->name));
		f->type = ctx_field_type(c, row);
		f->field.offset = row->offset;
		f->field.ctx = row;
		vec_push(c->arena, &t->record.fields, f);
	}
	d->record.fields = t->record.fields;
	scope_add(&c->prelude, name, d);
}

static void add_builtins(struct checker *c)
{
	static const char *const names[] = {
#define BUILTIN(id, name, where, params, result) name,
#include "frontend/sema/builtins.def"
#undef BUILTIN
	};

	for (int i = 0; i < BUILTIN_COUNT; i++) {
		symbol name = intern_string(&c->compile->names, names[i]);
		struct decl *d = make_decl(c, DECL_BUILTIN, name);
		d->builtin.id = i;
		d->type = c->types->void_;
		if (strchr(names[i], '.'))
			map_set_ptr(&c->methods, name, d);
		else
			scope_add(&c->prelude, name, d);
	}
}

/* The type of a struct or enum exists before its layout is known. */
static void make_own_type(struct checker *c, struct decl *d)
{
	if (d->kind != DECL_STRUCT && d->kind != DECL_ENUM)
		return;
	d->type = type_make_new(c->types, d->kind == DECL_ENUM ? TYPE_ENUM : TYPE_STRUCT);
	d->type->name = d->name;
	d->type->decl = d;
}

static void add_constants(struct checker *c, struct scope *scope, struct decl *d)
{
	for (uint32_t i = 0; i < d->enumeration.constants.len; i++) {
		struct decl *k = d->enumeration.constants.data[i];
		struct decl *other = scope_find_here(scope, k->name);
		k->constant.parent = d;
		k->type = d->type;
		if (other) {
			struct redeclaration r = {other, k};
			vec_push(c->arena, &c->redeclarations, r);
		} else if (k->name)
			scope_add(scope, k->name, k);
	}
}

static struct decl *find_constant(const struct decl *d, symbol name)
{
	for (uint32_t i = 0; i < d->enumeration.constants.len; i++)
		if (d->enumeration.constants.data[i]->name == name)
			return d->enumeration.constants.data[i];
	return NULL;
}

static void add_prelude(struct checker *c)
{
	const char *text = c->info->prelude;

	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
		add_context(c, objects[i]);
	for (uint32_t i = 0;; i++) {
		const struct program_kind *k = c->info->program_kind_at(i);
		if (!k)
			break;
		if (c->info->ctx_field_at(k->context, 0))
			add_context(c, k->context);
	}
	add_context(c, "program_context"); // of programs that take it apart
	add_builtins(c);
	if (!text)
		return;
	struct source_file *file =
		source_add(&c->compile->sources, "prelude.kh", text, (uint32_t)strlen(text));
	if (!file)
		return;
	struct module *m = parse_file(c->compile, file);
	for (uint32_t i = 0; i < m->decls.len; i++) {
		struct decl *d = m->decls.data[i];
		make_own_type(c, d);
		scope_add(&c->prelude, d->name, d);
		if (d->kind == DECL_ENUM) {
			add_constants(c, &c->prelude, d);
			check_decl(c, d);
		}
	}
}

/* ---- the program ---- */

/* A header that repeats a context gets the built-in one. One that repeats an enum of the prelude gets
 * that one too, with the constants that the prelude lacks; a constant of another value is an error. */
static bool repeats_prelude(struct checker *c, struct scope *top, struct decl *d)
{
	struct decl *known = scope_find_here(&c->prelude, d->name);

	if (!known || known->kind != d->kind)
		return false;
	if (d->kind == DECL_STRUCT && known->type->record.is_ctx) {
		d->type = known->type;
		d->check_state = 2;
		return true;
	}
	if (d->kind != DECL_ENUM)
		return false;
	struct redeclaration r = {known, d};
	vec_push(c->arena, &c->redeclarations, r);
	for (uint32_t i = 0; i < d->enumeration.constants.len; i++) {
		struct decl *k = d->enumeration.constants.data[i];
		k->constant.parent = d;
		k->type = known->type;
		if (k->name && !find_constant(known, k->name) && !scope_find_here(top, k->name))
			scope_add(top, k->name, k);
	}
	return true;
}

static bool may_repeat(enum decl_kind kind)
{
	return kind == DECL_STRUCT || kind == DECL_ENUM || kind == DECL_CONST ||
	       kind == DECL_ALIAS || kind == DECL_EXTERN;
}

static struct diag *report_duplicate(struct checker *c, const struct decl *first,
				     const struct decl *second)
{
	struct diag *d =
		diag_report(c->diags, D_DUPLICATE, second->name_where, NAME(c, second->name));

	report_declared(c, d, first);
	return d;
}

/* A header that several files of a program take in adds its declarations to each of their scopes. */
static void add_top(struct checker *c, struct scope *top, struct decl *d)
{
	if (d->kind == DECL_INCLUDE)
		return;
	if (!d->scope) {
		d->scope = top;
		d->link_name = d->name;
		vec_push(c->arena, &c->all, d);
		make_own_type(c, d);
		if (d->kind == DECL_IMPL)
			add_operations(c, d);
	}
	if (!d->name || repeats_prelude(c, top, d))
		return;
	struct decl *other = scope_find_here(top, d->name);
	if (other && other->kind == d->kind && may_repeat(d->kind)) {
		struct redeclaration r = {other, d};
		vec_push(c->arena, &c->redeclarations, r);
		return;
	}
	if (other) {
		report_duplicate(c, other, d);
		return;
	}
	scope_add(top, d->name, d);
	if (d->kind == DECL_ENUM)
		add_constants(c, top, d);
}

/* The names that a file gives to those that import it; made when it is first asked for. */
static struct space *space_of(struct checker *c, struct module *root)
{
	for (uint32_t i = 0; i < c->spaces.len; i++)
		if (c->spaces.data[i]->root == root)
			return c->spaces.data[i];
	struct space *space = ARENA_NEW(c->arena, struct space);
	space->root = root;
	scope_init(&space->scope, &c->prelude, c->arena);
	map_init(&space->seen, c->arena);
	vec_push(c->arena, &c->spaces, space);
	return space;
}

static void add_module(struct checker *c, struct space *space, struct module *m)
{
	if (map_find(&space->seen, MAP_PTR(m)) || !enter(c, (span){0, 0}))
		return;
	*map_insert(&space->seen, MAP_PTR(m)) = 1;
	if (!m->scope)
		m->scope = &space->scope;
	for (uint32_t i = 0; i < m->decls.len; i++) {
		struct decl *d = m->decls.data[i];
		d->owner = m;
		if (d->kind == DECL_INCLUDE && d->include.module)
			add_module(c, space, d->include.module);
		if (d->kind == DECL_IMPORT && d->import.module)
			space_of(c, d->import.module);
		add_top(c, &space->scope, d);
	}
	leave(c);
}

/* ---- names in the output ---- */

static bool has_link_name(const struct decl *d)
{
	return d->kind == DECL_FUNC || d->kind == DECL_GLOBAL || d->kind == DECL_CONFIG ||
	       d->kind == DECL_MAP;
}

/* "folder/counters.ks" gives "counters". */
static const char *file_stem(struct checker *c, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *stem = arena_copy_string(c->arena, name, strcspn(name, "."));

	for (char *p = stem; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *p))
			*p = '_';
	bool is_name = *stem && !(*stem >= '0' && *stem <= '9');
	return is_name ? stem : arena_printf(c->arena, "_%s", stem);
}

/* One name per function, variable and map of the whole program: that of the declaration where nothing else
 * has it, else with the file's name in front. The program's own file comes first. */
static void make_link_names(struct checker *c)
{
	struct map taken;

	map_init(&taken, c->arena);
	for (uint32_t i = 0; i < c->all.len; i++) {
		struct decl *d = c->all.data[i];
		if (!has_link_name(d) || !d->name)
			continue;
		for (uint32_t n = 0;
		     map_find(&taken, d->link_name) && d->scope != &c->spaces.data[0]->scope; n++) {
			const char *stem = file_stem(c, d->owner->file->path), *tail = "";
			if (n)
				tail = arena_printf(c->arena, "_%u", n);
			d->link_name = intern_string(
				&c->compile->names,
				arena_printf(c->arena, "%s_%s%s", stem, NAME(c, d->name), tail));
		}
		*map_insert(&taken, d->link_name) = 1;
	}
}

void resolve_program(struct checker *c, const struct program *program)
{
	scope_init(&c->prelude, NULL, c->arena);
	c->top = &c->prelude;
	map_init(&c->helpers, c->arena);
	map_init(&c->methods, c->arena);
	map_init(&c->module_functions, c->arena);
	map_init(&c->handler_types, c->arena);
	map_init(&c->kernel.types, c->arena);
	map_init(&c->kernel.ids, c->arena);
	map_init(&c->kernel.missing, c->arena);
	add_prelude(c);
	if (!program->modules.len)
		return;
	c->top = &space_of(c, program->modules.data[0])->scope;
	for (uint32_t i = 0; i < c->spaces.len; i++) // grows with what imports name
		add_module(c, c->spaces.data[i], c->spaces.data[i]->root);
	make_link_names(c);
}

/* ---- imported names ---- */

/* The import that an expression names, or NULL. */
static struct decl *find_import(struct checker *c, const struct expr *e)
{
	struct decl *d = e->kind == EXPR_NAME && !e->type ? find_name(c, e->name.name) : NULL;

	return d && d->kind == DECL_IMPORT ? d : NULL;
}

static struct decl *report_not_imported(struct checker *c, const struct decl *import, symbol name,
					span where, const struct scope *scope)
{
	struct suggestion s = suggestion_begin(NAME(c, name));
	struct diag *d =
		diag_report(c->diags, D_NOT_IMPORTED, where, import->import.path, NAME(c, name));

	for (uint32_t i = 0; i < scope->decls.len; i++)
		suggestion_offer(&s, NAME(c, scope->decls.data[i]->name));
	report_suggestion(c, d, where, &s);
	return NULL;
}

struct decl *resolve_imported(struct checker *c, struct decl *import, symbol name, span where)
{
	import->use_count++;
	if (!import->import.module)
		return NULL;
	const struct scope *scope = &space_of(c, import->import.module)->scope;
	struct decl *d = scope_find_here(scope, name);
	if (!d || d->kind == DECL_IMPORT)
		return report_not_imported(c, import, name, where, scope);
	d->use_count++;
	if (d->kind == DECL_FUNC && d->func.is_private) {
		report_declared(c,
				diag_report(c->diags, D_PRIVATE_NAME, where, NAME(c, name),
					    import->import.path),
				d);
		return NULL;
	}
	return d;
}

bool take_imported(struct checker *c, struct expr *e)
{
	struct decl *import = e->kind == EXPR_FIELD ? find_import(c, e->field.base) : NULL;

	if (!import || import->import.is_python)
		return false;
	span where = e->field.name_where;
	symbol name = e->field.name;
	struct decl *d = resolve_imported(c, import, name, where);
	e->kind = EXPR_NAME;
	e->where = where;
	e->name.name = name;
	e->name.decl = d;
	e->name.is_imported = true;
	return true;
}

struct decl *find_python(struct checker *c, const struct expr *e)
{
	struct decl *import = e->kind == EXPR_FIELD ? find_import(c, e->field.base) : NULL;

	return import && import->import.is_python ? import : NULL;
}

/* ---- declarations given twice ---- */

static bool is_same_struct(const struct decl *a, const struct decl *b)
{
	if (a->record.fields.len != b->record.fields.len || a->type->size != b->type->size)
		return false;
	for (uint32_t i = 0; i < a->record.fields.len; i++) {
		const struct decl *x = a->record.fields.data[i], *y = b->record.fields.data[i];
		if (x->name != y->name || x->type != y->type || x->field.offset != y->field.offset)
			return false;
	}
	return true;
}

/* Every constant that both have has one value. Only an enum of the prelude may be repeated with more
 * constants than it has. */
static bool is_same_enum(struct checker *c, const struct decl *a, const struct decl *b)
{
	bool is_known_everywhere = scope_find_here(&c->prelude, a->name) == a;

	for (uint32_t i = 0; i < b->enumeration.constants.len; i++) {
		const struct decl *k = b->enumeration.constants.data[i];
		const struct decl *other = find_constant(a, k->name);
		if (!other ? !is_known_everywhere : other->constant.value != k->constant.value)
			return false;
	}
	return true;
}

static bool is_same_const(const struct decl *a, const struct decl *b)
{
	const struct expr *x = a->variable.init, *y = b->variable.init;

	return x && y && x->is_const && y->is_const && x->value == y->value &&
	       type_is_integer(x->type) == type_is_integer(y->type);
}

static bool is_same_declaration(struct checker *c, const struct decl *a, const struct decl *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == DECL_STRUCT)
		return is_same_struct(a, b);
	if (a->kind == DECL_ENUM)
		return is_same_enum(c, a, b);
	if (a->kind == DECL_CONST)
		return is_same_const(a, b);
	if (a->kind == DECL_ENUM_CONST)
		return a->constant.value == b->constant.value;
	return a->type == b->type;
}

void resolve_check_redeclarations(struct checker *c)
{
	for (uint32_t i = 0; i < c->redeclarations.len; i++) {
		struct redeclaration r = c->redeclarations.data[i];
		if (!r.first->type || !r.second->type || r.first->type->kind == TYPE_ERROR ||
		    r.second->type->kind == TYPE_ERROR)
			continue;
		if (!is_same_declaration(c, r.first, r.second))
			diag_hint(c->diags, report_duplicate(c, r.first, r.second),
				  "a declaration may be repeated only if it says the same");
	}
}

/* ---- uses of names ---- */

/* A struct of the kernel behind a pointer; void when the kernel's types are not known. */
static struct type *kernel_pointee(struct checker *c, const char *text)
{
	symbol name = intern_string(&c->compile->names, text);
	struct decl *d = scope_find(&c->prelude, name);

	if (*text == '*' || d || type_find_named(c->types, name))
		return NULL;
	d = kernel_find_type(c, name);
	return d && d->kind == DECL_STRUCT ? d->type : c->types->void_;
}

struct type *resolve_type_text(struct checker *c, const char *text)
{
	struct type *object = *text == '*' ? kernel_pointee(c, text + 1) : NULL;

	if (object)
		return type_make_pointer(c->types, object);
	if (*text == '*')
		return type_make_pointer(c->types, resolve_type_text(c, text + 1));
	symbol name = intern_string(&c->compile->names, text);
	struct type *t = type_find_named(c->types, name);
	if (t)
		return t;
	struct decl *d = scope_find(&c->prelude, name);
	return d && (d->kind == DECL_STRUCT || d->kind == DECL_ENUM) ? d->type : c->types->u64;
}

static struct type *helper_param_type(struct checker *c, char letter)
{
	if (letter == 'i')
		return c->types->u64;
	return type_make_pointer(c->types, c->types->void_); // 'p', 'c', 'm': checked by letter
}

struct decl *resolve_helper(struct checker *c, symbol name)
{
	struct decl *d = map_find_ptr(&c->helpers, name);
	struct type *params[8];
	uint32_t count = 0;

	if (d)
		return d;
	const struct helper_info *h = c->info->find_helper(NAME(c, name), c->info->kernel);
	if (!h)
		return NULL;
	d = make_decl(c, DECL_EXTERN, name);
	for (; h->args[count] && count < 8; count++)
		params[count] = helper_param_type(c, h->args[count]);
	d->type = type_make_func(c->types, params, count, resolve_type_text(c, h->result));
	d->func.target = TARGET_BPF;
	map_set_ptr(&c->helpers, name, d);
	return d;
}

static void offer_names(struct checker *c, struct suggestion *s)
{
	for (uint32_t i = 0; i < c->fn.locals.stack.len; i++)
		suggestion_offer(s, NAME(c, c->fn.locals.stack.data[i].decl->name));
	for (const struct scope *scope = c->top; scope; scope = scope->parent)
		for (uint32_t i = 0; i < scope->decls.len; i++)
			suggestion_offer(s, NAME(c, scope->decls.data[i]->name));
}

/* A helper that a later release brings. False when the name is none such. */
static bool report_young_helper(struct checker *c, const char *name, span where)
{
	const struct helper_info *h = c->info->find_helper(name, UINT32_MAX);

	if (!h)
		return false;
	const char *version =
		arena_printf(c->arena, "%u.%u", h->kernel >> 16, h->kernel >> 8 & 255);
	struct diag *d = diag_report(c->diags, D_KERNEL_LACKS_HELPER, where, name, version);
	diag_hint(c->diags, d, "this program is made for Linux %u.%u; `--kernel %s` asks for more",
		  c->info->kernel >> 16, c->info->kernel >> 8 & 255, version);
	return true;
}

static void offer_helpers(struct checker *c, struct suggestion *s)
{
	const char *name;

	for (uint32_t i = 0; c->info->helper_name && i < HELPER_NUMBERS; i++)
		if ((name = c->info->helper_name(i)))
			suggestion_offer(s, name);
}

/* Says once per function that a name is not known. */
static struct decl *report_unknown(struct checker *c, symbol name, span where)
{
	const char *text = NAME(c, name);
	const char *what = find_unavailable(FUNCTION, text);

	if (map_find(&c->fn.unknown, name))
		return NULL;
	*map_insert(&c->fn.unknown, name) = 1;
	if (c->kernel.is_broken)
		return NULL;
	if (what) {
		report_unavailable(c, where, what);
		return NULL;
	}
	if (report_young_helper(c, text, where))
		return NULL;
	struct diag *d = diag_report(c->diags, D_UNKNOWN_NAME, where, text);
	if (type_find_named(c->types, name)) {
		diag_hint(c->diags, d, "`%s` is a type; to convert a value write `value as %s`",
			  text, text);
	} else if (!c->diags->too_many && !report_foreign(c, d, where, text)) {
		struct suggestion s = suggestion_begin(text);
		offer_names(c, &s);
		struct decl *near =
			s.best ? find_name(c, intern_string(&c->compile->names, s.best)) : NULL;
		offer_helpers(c, &s);
		kernel_offer_constants(c, &s);
		report_suggestion(c, d, where, &s);
		if (near) // not also reported as unused
			near->use_count++;
		if (near && !strcmp(s.best, NAME(c, near->name)))
			report_declared(c, d, near);
	}
	return NULL;
}

struct decl *find_name(struct checker *c, symbol name)
{
	struct decl *d = locals_find(&c->fn.locals, name);

	return d ? d : scope_find(c->top, name);
}

struct decl *resolve_name(struct checker *c, symbol name, span where)
{
	struct decl *d = find_name(c, name);

	if (!d || d->kind == DECL_EXTERN) {
		struct decl *helper = resolve_helper(c, name);
		if (helper && d)
			d->use_count++;
		d = helper ? helper : d;
	}
	if (!d && name && !find_unavailable(FUNCTION, NAME(c, name)))
		d = kernel_find_constant(c, name);
	if (!d)
		return report_unknown(c, name, where);
	d->use_count++;
	return d;
}
