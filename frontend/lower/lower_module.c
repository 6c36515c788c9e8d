/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module: globals, configuration groups, maps, literals, the options of main, and the list of
 * functions. Functions are lowered when something that runs asks for them: programs first, then main,
 * then what they call, once for each target. A file without main is a library, of which every plain
 * function is kept.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

/* ---- constants ---- */

static void put_number(const struct lower *lw, uint8_t *out, uint64_t value, uint32_t width)
{
	for (uint32_t i = 0; i < width; i++)
		out[lw->m->is_big_endian ? width - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

/* Copies what fits; a str keeps room for its NUL. */
static void put_string(uint8_t *out, const struct expr *string, const struct type *type)
{
	uint32_t room = type->kind == TYPE_STR && type->size ? type->size - 1 : type->size;
	memcpy(out, string->string.data, string->string.len < room ? string->string.len : room);
}

static bool array_bytes(struct lower *lw, const struct expr *expr, const struct type *type,
			uint8_t *out)
{
	uint32_t size = type->element->size, given = expr->array.items.len;
	for (uint32_t i = 0; i < given && i < type->count; i++)
		if (!constant_bytes(lw, expr->array.items.data[i], type->element, out + i * size))
			return false;
	for (uint32_t i = 1; given == 1 && i < type->count; i++)
		memcpy(out + i * size, out, size);
	return true;
}

bool constant_bytes(struct lower *lw, const struct expr *expr, const struct type *type,
		    uint8_t *out)
{
	if (expr->is_const) {
		put_number(lw, out, expr->value, value_width(type));
		return true;
	}
	switch ((int)expr->kind) {
	case EXPR_STRING:
		put_string(out, expr, type);
		return true;
	case EXPR_CONVERT:
		return expr->convert.conversion == CONV_STR &&
		       constant_bytes(lw, expr->convert.operand, type, out);
	case EXPR_ARRAY:
		return array_bytes(lw, expr, type, out);
	case EXPR_STRUCT:
		for (uint32_t i = 0; i < expr->literal.fields.len; i++) {
			const struct field_init *init = &expr->literal.fields.data[i];
			if (init->field->field.bit_width && init->value->is_const) {
				put_bits(lw, out + init->field->field.offset, init->field,
					 init->value->value);
				continue;
			}
			if (!constant_bytes(lw, init->value, init->field->type,
					    out + init->field->field.offset))
				return false;
		}
		return true;
	case EXPR_NAME:
		return expr->name.decl->kind == DECL_CONST &&
		       constant_bytes(lw, expr->name.decl->variable.init, type, out);
	default:
		return false;
	}
}

static const uint8_t *keep_unless_zero(struct lower *lw, const uint8_t *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (bytes[i])
			return arena_copy(lw->m->arena, bytes, size);
	return NULL;
}

uint32_t literal_global(struct lower *lw, const void *bytes, uint32_t size, uint32_t align,
			uint32_t dtype)
{
	uint64_t key = hash_u64(hash_bytes(bytes, size) ^ ((uint64_t)size << 8 | align)) >> 1;
	uint64_t *known = map_insert(&lw->literals, key);
	if (*known) {
		const struct ir_global *global = &lw->m->globals.data[*known - 1];
		if (global->size == size && !memcmp(global->init, bytes, size))
			return (uint32_t)*known - 1;
	}
	uint32_t index = ir_add_global(
		lw->m, (struct ir_global){.section = IR_SECTION_RODATA,
					  .size = size,
					  .align = align,
					  .init = arena_copy(lw->m->arena, bytes, size),
					  .dtype = dtype});
	*known = index + 1;
	return index;
}

uint32_t literal_text(struct lower *lw, const void *bytes, uint32_t size)
{
	return literal_global(lw, bytes, size, 1, char_array_dtype(lw, size));
}

/* ---- declarations ---- */

static void add_object(struct lower *lw, struct decl *decl, const uint8_t *bytes, bool is_constant)
{
	uint32_t size = decl->type->size ? decl->type->size : value_width(decl->type);
	const uint8_t *init = is_constant ? arena_copy(lw->m->arena, bytes, size)
					  : keep_unless_zero(lw, bytes, size);
	bool is_pinned = decl->kind == DECL_GLOBAL && decl->variable.is_pinned;
	enum ir_section section = is_constant ? IR_SECTION_RODATA
				  : is_pinned ? IR_SECTION_PINNED
				  : init      ? IR_SECTION_DATA
					      : IR_SECTION_BSS;
	uint32_t align = decl->type->align ? decl->type->align : 1;
	uint32_t index =
		ir_add_global(lw->m, (struct ir_global){.name = decl->link_name,
							.section = section,
							.size = size,
							.align = size >= 8 ? 8 : align,
							.init = init,
							.dtype = lower_dtype(lw, decl->type),
							.where = decl->name_where});
	decl->lowered = (void *)(uintptr_t)(index + 1);
}

static uint8_t *object_buffer(struct lower *lw, const struct type *type)
{
	return arena_alloc(lw->m->arena, type->size + 8u);
}

static void add_variable(struct lower *lw, struct decl *decl)
{
	uint8_t *bytes = object_buffer(lw, decl->type);
	if (decl->variable.init)
		constant_bytes(lw, decl->variable.init, decl->type, bytes);
	add_object(lw, decl, bytes, decl->kind == DECL_CONST);
}

static void add_config(struct lower *lw, struct decl *decl)
{
	uint8_t *bytes = object_buffer(lw, decl->type);
	for (uint32_t i = 0; i < decl->config.fields.len; i++) {
		const struct decl *field = decl->config.fields.data[i];
		if (field->field.init)
			constant_bytes(lw, field->field.init, field->type,
				       bytes + field->field.offset);
	}
	add_object(lw, decl, bytes, false);
}

uint32_t global_of(struct lower *lw, struct decl *decl)
{
	if (!decl->lowered) // an aggregate constant, at its first use
		add_variable(lw, decl);
	return (uint32_t)(uintptr_t)decl->lowered - 1;
}

static void set_inner(struct ir_map *map, const struct type *inner)
{
	bool is_array = inner->map.kind->shape == MAP_SHAPE_ARRAY;
	map->inner.type = inner->map.kind->type;
	map->inner.key_size = is_array ? 4 : inner->map.key->size;
	map->inner.value_size = inner->map.value->size;
	map->inner.max_entries = inner->map.max_entries;
	map->inner.flags = inner->map.kind->flags;
	map->inner.value_is_scalar = type_is_scalar(inner->map.value);
}

/* What the kernel is told of keys and values: nothing of records, numbers where descriptors lie. */
static void set_map_types(struct lower *lw, struct ir_map *map, const struct type *type)
{
	enum map_shape shape = type->map.kind->shape;
	bool is_outer = type->map.value->kind == TYPE_MAP;
	const struct type *key = type->map.key, *value = type->map.value;
	if (shape == MAP_SHAPE_RING || shape == MAP_SHAPE_USER_RING)
		key = value = NULL;
	if (shape == MAP_SHAPE_PERF) { // as many as CPUs, which the loader counts
		key = value = lw->program->types.u32;
		map->buffer_size = map->max_entries;
		map->max_entries = 0;
	}
	if (is_outer) {
		set_inner(map, value);
		value = lw->program->types.u32;
	}
	if (key) {
		map->is_array = shape == MAP_SHAPE_ARRAY || shape == MAP_SHAPE_OUTER_ARRAY;
		map->key_size = map->is_array ? 4 : key->size; // the kernel indexes by 32 bits
		map->key_dtype =
			lower_dtype(lw, map->is_array && (key->size < 4 || key->kind != TYPE_INT)
						? lw->program->types.u32
						: key);
		map->key_is_scalar = type_is_scalar(key);
		map->key_is_signed = value_is_signed(key);
	}
	if (value) {
		map->value_size = value->size;
		map->value_dtype = lower_dtype(lw, value);
		map->value_is_scalar = type_is_scalar(value);
		map->value_is_signed = value_is_signed(value);
	}
}

static void add_map(struct lower *lw, struct decl *decl)
{
	const struct type *type = decl->type;
	struct ir_map map = {
		.name = decl->link_name,
		.type = type->map.kind->type,
		.max_entries = type->map.max_entries,
		.flags = decl->map.flag_bits,
		.numa_node = decl->map.numa_node,
		.is_percpu = type->map.kind->is_percpu,
		.is_pinned = decl->map.is_pinned,
		.where = decl->name_where,
	};
	set_map_types(lw, &map, type);
	for (uint32_t i = 0;
	     type->map.value->kind == TYPE_STRUCT && i < type->map.value->record.fields.len; i++)
		map.has_kptr |= type->map.value->record.fields.data[i]->field.is_kptr;
	vec_push(lw->m->arena, &lw->m->maps, map);
	decl->lowered = (void *)(uintptr_t)lw->m->maps.len;
}

uint32_t map_of(struct decl *decl)
{
	return (uint32_t)(uintptr_t)decl->lowered - 1;
}

/* ---- functions ---- */

/* Hidden result address, the parameters, hidden error address; aggregates by address. */
static void set_signature(struct ir_fn *fn, const struct type *type, bool may_throw)
{
	bool is_hidden = type_is_aggregate(type->func.result);
	fn->result = value_type(type->func.result);
	fn->params = ARENA_ARRAY(fn->arena, uint8_t, type->func.param_count + 2u);
	if (is_hidden)
		fn->params[fn->param_count++] = IR_PTR;
	for (uint32_t i = 0; i < type->func.param_count; i++) {
		enum ir_type param = value_type(type->func.params[i]);
		fn->params[fn->param_count++] = param == IR_VOID ? IR_PTR : param;
	}
	if (may_throw)
		fn->params[fn->param_count++] = IR_PTR;
}

/* The verifier cannot follow a pointer to packet or map memory through a call, and passes five
 * arguments. */
static void set_tracer_signature(struct lower *lw, struct ir_fn *fn, const struct decl *decl)
{
	struct ir_dmember *member = ARENA_NEW(lw->m->arena, struct ir_dmember);
	member->name = intern_string(&lw->compile->names, "ctx");
	member->type = lower_dtype(lw, lw->program->types.program_handle); // a pointer to nothing
	fn->result = IR_I32;
	fn->params = ARENA_ARRAY(fn->arena, uint8_t, 1);
	fn->params[fn->param_count++] = IR_PTR;
	fn->dtype = ir_add_dtype(
		lw->m, (struct ir_dtype){.kind = IR_DTYPE_FUNC,
					 .target = lower_dtype(lw, lw->program->types.i32),
					 .members = member,
					 .member_count = 1});
	fn->watched = decl->func.program_arg;
}

static bool must_inline(const struct ir_fn *fn)
{
	if (fn->target != IR_TARGET_BPF || fn->program)
		return false;
	for (uint32_t i = 0; i < fn->param_count; i++)
		if (fn->params[i] == IR_PTR)
			return true;
	return fn->param_count > 5 || fn->result == IR_PTR;
}

/* The type of a function without the parameters that stand for functions. */
static const struct type *without_bound(struct lower *lw, const struct decl *decl,
					struct decl **bound)
{
	struct types *types = (struct types *)&lw->program->types;
	const struct type *t = decl->type;
	struct type **params = ARENA_ARRAY(lw->m->arena, struct type *, t->func.param_count);
	uint32_t count = 0;
	if (!bound)
		return t;
	for (uint32_t i = 0; i < t->func.param_count; i++)
		if (!bound[i])
			params[count++] = t->func.params[i];
	return type_make_func(types, params, count, t->func.result);
}

/* As a program of that kind, or with NULL as another function. */
static uint32_t add_fn(struct lower *lw, struct decl *decl, symbol name,
		       const struct program_kind *kind, enum ir_target target, struct decl **bound)
{
	uint32_t index = ir_add_fn(lw->m, name, target);
	struct ir_fn *fn = lw->m->fns.data[index];
	const struct type *type = without_bound(lw, decl, bound);
	fn->where = decl->name_where;
	fn->program = kind ? kind->name : NULL;
	fn->has_kernel_context = kind && has_kernel_context(kind);
	fn->is_packet_constant = fn->program && !decl->func.program->writes_packet;
	fn->is_tcx = fn->program && !strcmp(decl->func.program->attribute, "tc") &&
		     !decl->func.has_other_results;
	fn->is_exported = fn->program || decl == lw->program->main;
	if (kind && is_tracer(kind)) {
		set_tracer_signature(lw, fn, decl);
	} else {
		fn->dtype = bound ? lower_dtype(lw, type) : lower_func_dtype(lw, decl);
		set_signature(fn, type, fn_may_throw(lw, decl));
	}
	fn->is_inline = must_inline(fn);
	struct pending_fn pending = {.decl = decl, .bound = bound, .kind = kind, .index = index};
	vec_push(lw->m->arena, &lw->queue, pending);
	return index;
}

uint32_t request_fn(struct lower *lw, struct decl *decl, enum ir_target target)
{
	uint64_t *known = map_insert(&lw->fns, MAP_PTR(decl) << 2 | target);
	if (!*known) // adding may move what `known` points at
		*map_insert(&lw->fns, MAP_PTR(decl) << 2 | target) =
			add_fn(lw, decl, decl->link_name, decl->func.program, target, NULL) + 1;
	return (uint32_t)*map_find(&lw->fns, MAP_PTR(decl) << 2 | target) - 1;
}

/* Names that are taken: those of the program, and those that were made. */
static void collect_names(struct lower *lw)
{
	const decl_list *functions = &lw->program->functions;
	if (!lw->named)
		for (uint32_t i = 0; i < functions->len; i++)
			*map_insert(&lw->names, functions->data[i]->link_name) = 1;
	for (; lw->named < lw->m->fns.len; lw->named++)
		*map_insert(&lw->names, lw->m->fns.data[lw->named]->name) = 1;
}

/* A name that no function of the module has. */
static symbol bound_name(struct lower *lw, const struct decl *decl)
{
	const char *own = intern_text(&lw->compile->names, decl->link_name);
	collect_names(lw);
	for (;;) {
		uint64_t number = ++*map_insert(&lw->bindings, MAP_PTR(decl));
		const char *text = arena_printf(lw->m->arena, "%s__%u", own, (uint32_t)number);
		symbol name = intern_string(&lw->compile->names, text);
		if (!map_find(&lw->names, name))
			return name;
	}
}

uint32_t request_bound(struct lower *lw, struct decl *decl, struct decl **bound)
{
	size_t size = decl->type->func.param_count * sizeof *bound;
	uint64_t hash = (hash_bytes(bound, size) ^ hash_u64(MAP_PTR(decl))) >> 1;
	uint64_t *last = map_insert(&lw->bound, hash);
	for (uint64_t i = *last; i; i = lw->queue.data[i - 1].next_alike) {
		const struct pending_fn *p = &lw->queue.data[i - 1];
		if (p->decl == decl && !memcmp(p->bound, bound, size))
			return p->index;
	}
	uint64_t before = *last;
	uint32_t index = add_fn(lw, decl, bound_name(lw, decl), NULL, IR_TARGET_BPF, bound);
	vec_last(&lw->queue).next_alike = (uint32_t)before;
	*map_insert(&lw->bound, hash) = lw->queue.len;
	return index;
}

static const struct program_kind *find_kind(const struct lower *lw, const char *name)
{
	const struct program_kind *k;
	for (uint32_t i = 0; (k = lw->info->program_kind_at(i)); i++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

/* The same program once more, for kernels that cannot attach it as what it is. */
static void request_fallback(struct lower *lw, struct decl *decl)
{
	const struct program_kind *kind = find_kind(lw, decl->func.program->fallback);
	if (!kind)
		return;
	symbol name = intern_string(&lw->compile->names,
				    arena_printf(lw->m->arena, "%s__%s",
						 intern_text(&lw->compile->names, decl->link_name),
						 kind->name));
	uint32_t index = add_fn(lw, decl, name, kind, IR_TARGET_BPF, NULL);
	lw->m->fns.data[index]->stands_in_for = decl->link_name;
}

static void request_roots(struct lower *lw)
{
	const decl_list *functions = &lw->program->functions;
	for (uint32_t i = 0; i < functions->len; i++)
		if (functions->data[i]->func.program && !functions->data[i]->func.is_unavailable)
			request_fn(lw, functions->data[i], IR_TARGET_BPF);
	for (uint32_t i = 0; i < functions->len; i++)
		if (functions->data[i]->func.program && functions->data[i]->func.can_fall_back &&
		    !functions->data[i]->func.is_unavailable)
			request_fallback(lw, functions->data[i]);
	lower_impls(lw);
	if (lw->program->wants_tests)
		lower_tests(lw);
	else if (lw->program->main && !lw->program->main->func.is_unavailable)
		lw->m->main_fn = request_fn(lw, lw->program->main, IR_TARGET_HOST);
	bool is_library = !lw->program->main && !lw->program->wants_tests;
	for (uint32_t i = 0; is_library && i < functions->len; i++) {
		struct decl *decl = functions->data[i];
		if (decl->func.target != TARGET_USER || decl->func.role == ROLE_TEST ||
		    decl->func.is_unavailable)
			continue;
		uint32_t index = request_fn(lw, decl, IR_TARGET_HOST); // may move fns.data
		lw->m->fns.data[index]->is_exported = true;
	}
}

static void add_options(struct lower *lw)
{
	const struct decl *main = lw->program->main;
	if (!main || !main->type->func.param_count || lw->program->wants_tests)
		return;
	const struct type *type = main->type->func.params[0];
	lw->m->options_size = type->size;
	for (uint32_t i = 0; i < type->record.fields.len; i++) {
		const struct decl *field = type->record.fields.data[i];
		struct ir_option option = {field->name, lower_dtype(lw, field->type),
					   field->field.offset, field->type->size};
		vec_push(lw->m->arena, &lw->m->options, option);
	}
}

bool lower_program(struct compile *compile, const struct checked_program *program,
		   const struct target_info *info, struct ir_module *out)
{
	struct lower lw = {.compile = compile,
			   .program = program,
			   .info = info,
			   .m = out,
			   .error_count = compile->diags.errors};
	arena_init(&lw.making);
	map_init(&lw.dtypes, out->arena);
	map_init(&lw.literals, out->arena);
	map_init(&lw.fns, out->arena);
	map_init(&lw.throws, out->arena);
	map_init(&lw.drops, out->arena);
	map_init(&lw.panics, out->arena);
	map_init(&lw.changes, out->arena);
	map_init(&lw.tails, out->arena);
	map_init(&lw.bound, out->arena);
	map_init(&lw.bindings, out->arena);
	map_init(&lw.names, out->arena);
	map_init(&lw.core_types, out->arena);
	for (uint32_t i = 0; i < program->maps.len; i++)
		add_map(&lw, program->maps.data[i]);
	for (uint32_t i = 0; i < program->globals.len; i++)
		add_variable(&lw, program->globals.data[i]);
	for (uint32_t i = 0; i < program->configs.len; i++)
		add_config(&lw, program->configs.data[i]);
	add_options(&lw);
	find_throws(&lw);
	request_roots(&lw);
	for (uint32_t i = 0; i < lw.queue.len; i++) {
		struct pending_fn pending = lw.queue.data[i]; // the queue grows meanwhile
		if (pending.callback)
			lower_callback(&lw, &pending);
		else
			lower_function(&lw, &pending);
	}
	arena_fini(&lw.making);
	return compile->diags.errors == lw.error_count;
}
