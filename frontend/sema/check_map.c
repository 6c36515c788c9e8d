/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations of maps: kind, key and value types, size, flags. What a kind wants is a row of the
 * kernel's table (struct map_kind); the limits on sizes are those of the kernel's map_alloc functions.
 */
#include "frontend/sema/check.h"

static const struct map_kind *find_map_kind(struct checker *c, symbol name, span where)
{
	const char *text = NAME(c, name);
	struct suggestion s = suggestion_begin(text);

	for (uint32_t i = 0;; i++) {
		const struct map_kind *k = c->info->map_kind_at(i);
		if (!k)
			break;
		if (!strcmp(k->name, text))
			return k;
		suggestion_offer(&s, k->name);
	}
	const char *what = find_unavailable(MAP_KIND, text);
	if (what)
		report_unavailable(c, where, what);
	else {
		where.end = where.begin + (uint32_t)strlen(text); // the kind without its arguments
		struct diag *d = diag_report(c->diags, D_UNKNOWN_MAP_KIND, where, text);
		if (!report_foreign(c, d, where, text))
			report_suggestion(c, d, where, &s);
	}
	return NULL;
}

static bool check_map_kernel(struct checker *c, const struct map_kind *kind, span where)
{
	if (kind->kernel <= c->info->kernel)
		return true;
	diag_report(c->diags, D_KERNEL_LACKS_MAP, where, kind->name,
		    arena_printf(c->arena, "%u.%u", kind->kernel >> 16, kind->kernel >> 8 & 255));
	return false;
}

/* ---- key and value ---- */

/* True when bytes of the type mean the same in the kernel and in userspace. */
static bool is_shareable(const struct type *t)
{
	while (t->kind == TYPE_ARRAY)
		t = t->element;
	if (type_has_function(t))
		return false;
	return t->kind != TYPE_PROGRAM_REF && t->kind != TYPE_PROGRAM_HANDLE &&
	       t->kind != TYPE_PERF_ATTACHMENT && t->kind != TYPE_POINTER;
}

/* Limits of htab_map_alloc_check(), array_map_alloc_check() and bpf_local_storage_map_alloc_check(),
 * Linux 6.12: a key must fit the stack of a program (MAX_BPF_STACK), a value of a hash one allocation,
 * a per-CPU value one unit, a stored value one allocation with its headers. */
enum {
	MAP_MAX_KEY = 512,
	MAP_MAX_VALUE = (4 << 20) - 64,
	MAP_MAX_PERCPU_VALUE = 32 << 10,
	MAP_MAX_STORED_VALUE = 65000,
	MAP_MAX_PREFIX_KEY = 4 + 256, // LPM_KEY_SIZE_MAX
	STACK_MAX_FRAMES = 127,       // PERF_MAX_STACK_DEPTH
	RING_HEADER = 8,              // BPF_RINGBUF_HDR_SZ
	RING_PAGE = 4096,
	PERF_MAX_RECORD = 65000, // the size of a sample is a u16, headers included
};

static uint32_t value_limit(const struct map_kind *kind)
{
	if (kind->is_percpu)
		return MAP_MAX_PERCPU_VALUE;
	return kind->shape == MAP_SHAPE_STORAGE ? MAP_MAX_STORED_VALUE : MAP_MAX_VALUE;
}

static void check_map_part(struct checker *c, const struct type_node *node, const struct type *t,
			   const char *part, uint32_t limit)
{
	if (t->kind == TYPE_ERROR)
		return;
	if (!t->size || !is_shareable(t))
		diag_report(c->diags, D_MAP_PART, node->where, TEXT(c, t), part);
	else if (t->size > limit)
		diag_report(c->diags, D_MAP_PART_SIZE, node->where, part,
			    arena_printf(c->arena, "%u", t->size),
			    arena_printf(c->arena, "%u", limit));
}

/* ---- what the kernel keeps in values ---- */

static const struct special {
	const char *name, *kinds;
	uint32_t most;
} specials[] = {
#define SPECIAL(name, kinds, most) {name, kinds, most},
#include "frontend/sema/special.def"
#undef SPECIAL
};

static const struct special *find_special(struct checker *c, const struct type *t)
{
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
		if (!strcmp(NAME(c, t->name), specials[i].name))
			return &specials[i];
	return NULL;
}

void note_special(struct checker *c, struct decl *record)
{
	struct type *t = record->type;

	t->record.is_special = t->name && find_special(c, t);
	for (uint32_t i = 0; i < record->record.fields.len; i++) {
		const struct type *field = record->record.fields.data[i]->type;
		while (field->kind == TYPE_ARRAY)
			field = field->element;
		t->record.has_special |= type_has_special(field);
	}
}

/* "hash" is one of "hash array". */
static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += len)
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

/* Fields of the value that the kernel would not find or would not have in this kind of map. */
static void check_special_fields(struct checker *c, const struct type_node *node,
				 const struct map_kind *kind, const struct type *value)
{
	uint32_t seen[sizeof specials / sizeof *specials] = {0};

	for (uint32_t i = 0; i < value->record.fields.len; i++) {
		const struct type *field = value->record.fields.data[i]->type;
		while (field->kind == TYPE_ARRAY)
			field = field->element;
		if (!type_has_special(field))
			continue;
		bool is_plain = value->record.fields.data[i]->type->kind == TYPE_STRUCT &&
				field->record.is_special;
		const struct special *special = is_plain ? find_special(c, field) : NULL;
		const char *name = TEXT(c, field);
		if (special && has_word(special->kinds, kind->name) &&
		    seen[special - specials]++ < special->most)
			continue;
		struct diag *d =
			diag_report(c->diags, D_MAP_PART, node->where, TEXT(c, value), "value");
		if (special)
			diag_hint(c->diags, d,
				  "one `%s` can be a field of a value of a map of kind %s", name,
				  special->kinds);
		else
			diag_hint(c->diags, d, "`%s` must be a field of the value itself", name);
	}
}

static void check_special(struct checker *c, const struct type_node *node,
			  const struct map_kind *kind, const struct type *value)
{
	if (value->kind != TYPE_STRUCT || !type_has_special(value))
		return;
	if (value->record.is_special)
		diag_report(c->diags, D_MAP_PART, node->where, TEXT(c, value), "value");
	else
		check_special_fields(c, node, kind, value);
}

static bool is_index_type(const struct type *t)
{
	return (type_is_integer(t) || t->kind == TYPE_BOOL) && t->size <= 4;
}

/* { bits: u32, … } without a gap behind the number. */
static bool is_prefix_type(const struct checker *c, const struct type *t)
{
	if (t->kind != TYPE_STRUCT || t->record.fields.len < 2 || t->size > MAP_MAX_PREFIX_KEY)
		return false;
	const struct decl *const *fields = (const struct decl *const *)t->record.fields.data;
	return fields[0]->type == c->types->u32 && fields[1]->field.offset == 4;
}

static void check_key(struct checker *c, const struct map_kind *kind, const struct type_node *node,
		      const struct type *key)
{
	const char *want = NULL;
	bool is_index = kind->shape == MAP_SHAPE_ARRAY || kind->shape == MAP_SHAPE_OUTER_ARRAY;

	check_map_part(c, node, key, "key", MAP_MAX_KEY);
	if (type_has_special(key))
		diag_report(c->diags, D_MAP_PART, node->where, TEXT(c, key), "key");
	if (is_index && !is_index_type(key))
		want = "integers of up to 32 bits";
	if (kind->shape == MAP_SHAPE_PREFIX && !is_prefix_type(c, key))
		want = "structs of a `u32`, the number of bits that count, and up to 256 bytes";
	bool is_numbered = kind->shape == MAP_SHAPE_REDIRECT && strcmp(kind->name, "sockhash") != 0;
	if (is_numbered && key != c->types->u32)
		want = "`u32`";
	if (kind->shape == MAP_SHAPE_STACKS && key != c->types->u32)
		want = "`u32`";
	if (want && key->kind != TYPE_ERROR)
		diag_report(c->diags, D_MAP_INDEX, node->where, kind->name, want, TEXT(c, key));
}

static bool is_stack_type(const struct checker *c, const struct type *t)
{
	return t->kind == TYPE_ARRAY && t->element == c->types->u64 && t->count <= STACK_MAX_FRAMES;
}

static void check_record(struct checker *c, const struct type_node *node, const struct type *t)
{
	if (t->map.kind->shape == MAP_SHAPE_STACKS && t->map.value->kind != TYPE_ERROR &&
	    !is_stack_type(c, t->map.value))
		diag_report(c->diags, D_MAP_PART, node->where, TEXT(c, t->map.value), "value");
	if (t->map.kind->shape == MAP_SHAPE_REDIRECT && t->map.value != c->types->u32 &&
	    t->map.value->kind != TYPE_ERROR)
		diag_hint(c->diags,
			  diag_report(c->diags, D_MAP_PART, node->where, TEXT(c, t->map.value),
				      "value"),
			  "entries are numbers: `u32`");
	bool is_perf = t->map.kind->shape == MAP_SHAPE_PERF;
	bool is_ring = is_perf || t->map.kind->shape == MAP_SHAPE_RING ||
		       t->map.kind->shape == MAP_SHAPE_USER_RING;
	uint32_t limit = is_ring ? t->map.max_entries - RING_HEADER : value_limit(t->map.kind);
	if (is_perf && limit > PERF_MAX_RECORD)
		limit = PERF_MAX_RECORD;
	check_map_part(c, node, t->map.value, is_ring ? "record" : "value", limit);
	check_special(c, node, t->map.kind, t->map.value);
}

/* ---- size ---- */

enum { MAP_DEFAULT_SIZE = 1024, RING_MAX_SIZE = 1 << 30 };

/* The kernel takes powers of two from a page up (ringbuf_map_alloc, Linux 6.12). */
static uint32_t round_ring(uint32_t bytes)
{
	uint32_t size = RING_PAGE;

	while (size < bytes && size < RING_MAX_SIZE)
		size *= 2;
	return size;
}

static uint32_t check_map_size(struct checker *c, struct type_node *node)
{
	if (!node->map.size)
		return MAP_DEFAULT_SIZE;
	if (!check_integer_constant(c, &node->map.size, c->types->u32, "size of a map"))
		return MAP_DEFAULT_SIZE;
	const struct expr *e = node->map.size;
	if (e->value >= 1 && e->value <= UINT32_MAX)
		return (uint32_t)e->value;
	diag_report(c->diags, D_MAP_SIZE, e->where, value_text(c, e->type, e->value));
	return MAP_DEFAULT_SIZE;
}

static uint32_t size_of_kind(struct checker *c, const struct map_kind *kind, struct type_node *node)
{
	uint32_t size = check_map_size(c, node);

	switch ((int)kind->shape) {
	case MAP_SHAPE_RING:
	case MAP_SHAPE_PERF: // of each CPU
	case MAP_SHAPE_USER_RING:
		if (size > RING_MAX_SIZE)
			diag_report(c->diags, D_MAP_SIZE, node->map.size->where,
				    arena_printf(c->arena, "%u", size));
		return round_ring(size);
	case MAP_SHAPE_STORAGE: // as many as there are objects
		return 0;
	default:
		return size;
	}
}

/* ---- maps of maps ---- */

static bool is_outer(const struct map_kind *kind)
{
	return kind->shape == MAP_SHAPE_OUTER_ARRAY || kind->shape == MAP_SHAPE_OUTER_HASH;
}

/* A map type, or the name of a map that is like them. */
static struct type *check_inner_type(struct checker *c, struct type_node *node)
{
	struct decl *d = node->kind == TYPE_NODE_NAME ? find_name(c, node->named.name) : NULL;
	struct type *t;

	if (d && d->kind == DECL_MAP) {
		check_decl(c, d);
		t = node->type = d->type;
	} else if (node->kind == TYPE_NODE_MAP) {
		t = node->type = check_map_type(c, node);
	} else {
		t = check_type(c, node);
	}
	bool is_map = t->kind == TYPE_MAP && (t->map.kind->shape == MAP_SHAPE_HASH ||
					      t->map.kind->shape == MAP_SHAPE_ARRAY);
	if (t->kind == TYPE_ERROR || (is_map && !type_has_special(t->map.value)))
		return t;
	diag_hint(c->diags, diag_report(c->diags, D_MAP_PART, node->where, TEXT(c, t), "value"),
		  "the maps in a map of maps are hashes and arrays without locks and timers");
	return c->types->error;
}

/* ---- the type ---- */

static const char *wanted_types(const struct map_kind *kind)
{
	if (!strcmp(kind->types, "KV"))
		return "a key type and a value type";
	return "one type: that of its values";
}

static bool has_wanted_types(const struct map_kind *kind, const struct type_node *node)
{
	bool has_two = node->map.value != NULL;

	if (*kind->types == 'k')
		return true;
	return has_two == (strlen(kind->types) == 2);
}

struct type *check_map_type(struct checker *c, struct type_node *node)
{
	const struct map_kind *kind = find_map_kind(c, node->map.kind, node->where);

	if (!kind || !check_map_kernel(c, kind, node->where))
		return c->types->error;
	if (!has_wanted_types(kind, node)) {
		diag_report(c->diags, D_MAP_TYPES, node->where, kind->name, wanted_types(kind));
		return c->types->error;
	}
	struct type_node *key = node->map.value ? node->map.key : NULL;
	struct type_node *value = node->map.value ? node->map.value : node->map.key;
	struct type *t = type_make_new(c->types, TYPE_MAP);
	t->map.kind = kind;
	t->map.key = key                   ? check_value_type(c, key)
		     : *kind->types == 'k' ? c->types->u32
		     : kind->shape == MAP_SHAPE_STORAGE
			     ? c->types->i32 // in userspace: a descriptor of the object
			     : NULL;
	t->map.value = is_outer(kind) ? check_inner_type(c, value) : check_value_type(c, value);
	t->map.max_entries = size_of_kind(c, kind, node);
	if (key)
		check_key(c, kind, key, t->map.key);
	if (!is_outer(kind))
		check_record(c, value, t);
	if ((key && t->map.key->kind == TYPE_ERROR) || t->map.value->kind == TYPE_ERROR)
		return c->types->error;
	return t;
}

/* ---- flags ---- */

static const struct {
	const char *name, *kernel_name;
	uint32_t bits;
} map_flags[] = {
#define MAP_FLAG(name, kernel_name, bits) {name, kernel_name, bits},
#include "frontend/sema/map_flags.def"
#undef MAP_FLAG
};

/* numa_node(n) */
static uint32_t check_numa_node(struct checker *c, struct decl *d, struct expr *e)
{
	enum { BPF_F_NUMA_NODE = 1 << 2, MAX_NODES = 1024 };
	const struct expr *callee = e->call.callee;

	if (callee->kind != EXPR_NAME || strcmp(NAME(c, callee->name.name), "numa_node") != 0) {
		diag_report(c->diags, D_UNKNOWN_MAP_FLAG, e->where,
			    callee->kind == EXPR_NAME ? NAME(c, callee->name.name) : "…");
		return 0;
	}
	if (e->call.args.len != 1) {
		diag_report(c->diags, D_ARGUMENT_COUNT, e->where, "numa_node", "1 argument",
			    arena_printf(c->arena, "%u", e->call.args.len));
		return 0;
	}
	struct expr **node = &e->call.args.data[0];
	if (!check_integer_constant(c, node, c->types->u32, "number of a NUMA node"))
		return 0;
	if ((*node)->value >= MAX_NODES) {
		diag_report(c->diags, D_CONSTANT_RANGE, (*node)->where,
			    value_text(c, (*node)->type, (*node)->value), "numa_node");
		return 0;
	}
	d->map.numa_node = (uint32_t)(*node)->value;
	return BPF_F_NUMA_NODE;
}

static uint32_t check_map_flag(struct checker *c, struct decl *d, struct expr *e)
{
	if (e->kind == EXPR_CALL)
		return check_numa_node(c, d, e);
	if (e->kind != EXPR_NAME)
		return 0;
	const char *text = NAME(c, e->name.name);
	struct suggestion s = suggestion_begin(text);
	for (size_t i = 0; i < sizeof map_flags / sizeof *map_flags; i++) {
		if (!strcmp(map_flags[i].name, text) || !strcmp(map_flags[i].kernel_name, text))
			return map_flags[i].bits;
		suggestion_offer(&s, map_flags[i].name);
	}
	report_suggestion(c, diag_report(c->diags, D_UNKNOWN_MAP_FLAG, e->where, text), e->where,
			  &s);
	return 0;
}

void check_map(struct checker *c, struct decl *d)
{
	struct type_node *node = d->map.node;

	d->type = c->types->error;
	for (uint32_t i = 0; i < d->attrs.len; i++)
		report_attribute(c, &d->attrs.data[i], "a map");
	for (uint32_t i = 0; i < d->map.flags.len; i++)
		d->map.flag_bits |= check_map_flag(c, d, d->map.flags.data[i]);
	if (node && node->kind == TYPE_NODE_MAP)
		d->type = node->type = check_map_type(c, node);
	if (d->type->kind != TYPE_MAP)
		return;
	d->map.flag_bits |= d->type->map.kind->flags;
	if (is_outer(d->type->map.kind)) {
		d->map.inner = make_decl(c, DECL_MAP, d->name);
		d->map.inner->type = d->type->map.value;
		d->map.inner->check_state = 2;
	}
}
