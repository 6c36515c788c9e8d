/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program names and does not declare, from the kernel's BTF: structs, unions, enums, typedefs,
 * enum constants and functions become declarations of the prelude scope when they are first asked for,
 * and the fields of a struct when they are first needed. Layouts are the kernel's. Members of anonymous
 * structs and unions count as members of what is around them. An array of `char` is a string. The BTF may come from anybody: every type
 * is checked before it is read, recursion is bounded, and fields lie inside their struct.
 */
#include <stdlib.h>

#include "btf/btf.h"
#include "frontend/sema/check.h"

enum {
	MAX_DEPTH = 64,      // of qualifiers, typedefs, arrays and anonymous members
	MAX_FIELDS = 1 << 14 // of one struct
};

#define KIND_BIT(kind) (1u << (kind))
#define RECORD_KINDS (KIND_BIT(BTF_KIND_STRUCT) | KIND_BIT(BTF_KIND_UNION))
#define ENUM_KINDS (KIND_BIT(BTF_KIND_ENUM) | KIND_BIT(BTF_KIND_ENUM64))

static struct type *type_of(struct checker *c, uint32_t id, uint32_t depth);

/* NULL also after too many errors: each name that is not found costs a walk over all types. */
static const struct btf *get_btf(struct checker *c)
{
	uint32_t errors = c->diags->errors;

	if (c->diags->too_many)
		return NULL;
	if (!c->kernel.is_opened && c->info->open_btf)
		c->kernel.btf = c->info->open_btf(c->info->btf_owner);
	c->kernel.is_broken = c->kernel.is_broken || c->diags->errors > errors;
	c->kernel.is_opened = true;
	return c->kernel.btf;
}

/* True when there are types of modules now that were not searched yet. */
static bool add_modules(struct checker *c)
{
	bool is_new = !c->kernel.has_modules && c->info->open_modules;

	c->kernel.has_modules = true;
	return is_new && c->info->open_modules(c->info->btf_owner, c->kernel.btf);
}

static struct type *report_damaged(struct checker *c, const char *why)
{
	diag_report(c->diags, D_BTF_DAMAGED, (span){0, 0}, why);
	return c->types->error;
}

/* The type with that id. False after a diagnostic. */
static bool get_type(struct checker *c, uint32_t id, struct btf_type *type)
{
	const char *why;

	if (btf_check_type(c->kernel.btf, id, &why)) {
		report_damaged(c, why);
		return false;
	}
	*type = btf_get_type(c->kernel.btf, id);
	return true;
}

static symbol name_of(struct checker *c, const char *name)
{
	return *name ? intern_string(&c->compile->names, name) : 0;
}

static bool is_reference(enum btf_kind kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_CONST ||
	       kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

/* ---- structs ---- */

/* A struct or union whose fields come later; a forward declaration has none. */
static struct type *make_record(struct checker *c, uint32_t id, const struct btf_type *b)
{
	bool is_union = b->kind == BTF_KIND_UNION || (b->kind == BTF_KIND_FWD && b->flag);
	struct decl *d = make_decl(c, DECL_STRUCT, name_of(c, b->name));
	struct type *t = type_make_new(c->types, is_union ? TYPE_UNION : TYPE_STRUCT);

	t->name = d->name;
	t->decl = d;
	t->size = b->size;
	t->align = 1;
	t->record.is_kernel = true;
	d->type = t;
	d->check_state = b->kind == BTF_KIND_FWD ? 2 : 0;
	*map_insert(&c->kernel.ids, MAP_PTR(d)) = id;
	return t;
}

static struct decl *make_field(struct checker *c, const struct btf_item *item, uint64_t bits,
			       struct type *t)
{
	struct decl *f = make_decl(c, DECL_FIELD, name_of(c, item->name));

	f->type = t;
	f->field.offset = (uint32_t)(bits / 8);
	if (item->bit_size) {
		uint64_t unit = t->size ? (uint64_t)t->size * 8 : 8;
		f->field.bit_width = item->bit_size;
		f->field.offset = (uint32_t)(bits / unit * unit / 8);
		f->field.bit_offset = (uint32_t)(bits % unit);
		if (f->field.bit_offset + item->bit_size > unit) { // packed
			f->field.offset = (uint32_t)(bits / 8);
			f->field.bit_offset = (uint32_t)(bits % 8);
		}
	}
	return f;
}

/* Adds the members of a record that begins at bit `base` of `record`. False after a diagnostic. */
static bool add_members(struct checker *c, struct type *record, uint32_t id, uint64_t base,
			uint32_t depth)
{
	struct btf_type b, inner;

	if (!get_type(c, id, &b))
		return false;
	for (uint32_t i = 0; i < b.count; i++) {
		struct btf_item item = btf_get_item(c->kernel.btf, &b, i);
		uint64_t bits = base + item.bit_offset;
		if (depth > MAX_DEPTH || record->record.fields.len >= MAX_FIELDS) {
			report_damaged(c, "a struct has too many members");
			return false;
		}
		if (!*item.name) {
			if (!item.type || !get_type(c, item.type, &inner))
				continue;
			if (KIND_BIT(inner.kind) & RECORD_KINDS &&
			    !add_members(c, record, item.type, bits, depth + 1))
				return false;
			continue;
		}
		struct type *t = type_of(c, item.type, 0);
		struct decl *f = make_field(c, &item, bits, t);
		uint64_t end = item.bit_size ? (bits + item.bit_size + 7) / 8
					     : (uint64_t)f->field.offset + t->size;
		if ((!item.bit_size && bits % 8) || end > record->size) {
			report_damaged(c, "a member lies outside of its struct");
			return false;
		}
		vec_push(c->arena, &record->record.fields, f);
	}
	return true;
}

struct placed_field {
	struct decl *field;
	uint32_t number;
};

static int compare_fields(const void *a, const void *b)
{
	const struct placed_field *x = a, *y = b;

	if (x->field->field.offset != y->field->field.offset)
		return x->field->field.offset < y->field->field.offset ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* Alignment that the offsets and the size allow: a packed struct has less than its members. */
static void set_alignment(struct type *t)
{
	uint32_t align = 1;

	for (uint32_t i = 0; i < t->record.fields.len; i++) {
		const struct decl *f = t->record.fields.data[i];
		uint32_t a = f->type->align ? f->type->align : 1;
		while (f->field.offset % a)
			a /= 2;
		align = a > align ? a : align;
	}
	while (t->size % align)
		align /= 2;
	t->align = align;
}

bool kernel_complete(struct checker *c, struct decl *d)
{
	const uint64_t *id = map_find(&c->kernel.ids, MAP_PTR(d));
	struct type *t = d->type;

	if (!id)
		return false;
	add_members(c, t, (uint32_t)*id, 0, 0);
	uint32_t count = t->record.fields.len;
	struct placed_field *order = ARENA_ARRAY(c->arena, struct placed_field, count + 1);
	for (uint32_t i = 0; i < count; i++)
		order[i] = (struct placed_field){t->record.fields.data[i], i};
	qsort(order, count, sizeof *order, compare_fields);
	for (uint32_t i = 0; i < count; i++)
		t->record.fields.data[i] = order[i].field;
	d->record.fields = t->record.fields;
	set_alignment(t);
	return true;
}

bool kernel_is_opaque(struct checker *c, const struct decl *d)
{
	const uint64_t *id = map_find(&c->kernel.ids, MAP_PTR(d));
	struct btf_type b;

	return id && get_type(c, (uint32_t)*id, &b) && b.kind == BTF_KIND_FWD;
}

bool kernel_declares(const struct checker *c, const struct decl *d)
{
	return d && map_find(&c->kernel.ids, MAP_PTR(d));
}

/* ---- other types ---- */

static struct type *make_enum(struct checker *c, uint32_t id, const struct btf_type *b)
{
	struct decl *d = make_decl(c, DECL_ENUM, name_of(c, b->name));
	struct type *t = type_make_new(c->types, TYPE_ENUM);

	if (b->size != 1 && b->size != 2 && b->size != 4 && b->size != 8)
		return report_damaged(c, "an enum has a strange size");
	t->name = d->name;
	t->decl = d;
	d->type = t;
	t->base = integer_type(c->types, b->size, b->flag);
	t->size = t->align = b->size;
	t->is_signed = b->flag;
	for (uint32_t i = 0; i < b->count; i++) {
		struct btf_item item = btf_get_item(c->kernel.btf, b, i);
		struct decl *k = make_decl(c, DECL_ENUM_CONST, name_of(c, item.name));
		k->type = t;
		k->constant.value = const_normalize(t, item.value);
		k->constant.parent = d;
		vec_push(c->arena, &d->enumeration.constants, k);
	}
	*map_insert(&c->kernel.ids, MAP_PTR(d)) = id;
	return t;
}

static struct type *make_int(struct checker *c, const struct btf_type *b)
{
	uint32_t encoding = btf_int_encoding(b);

	if (encoding & BTF_INT_IS_BOOL && b->size == 1)
		return c->types->bool_;
	if (!strcmp(b->name, "char") && b->size == 1)
		return c->types->char_;
	if (b->size == 1 || b->size == 2 || b->size == 4 || b->size == 8)
		return integer_type(c->types, b->size, encoding & BTF_INT_IS_SIGNED);
	if (b->size == 16)
		return type_make_array(c->types, c->types->u64, 2);
	return report_damaged(c, "an integer has a strange size");
}

static struct type *make_array(struct checker *c, const struct btf_type *b, uint32_t depth)
{
	uint32_t element, index, count;

	btf_get_array(b, &element, &index, &count);
	struct type *t = type_of(c, element, depth + 1);
	if (t->kind == TYPE_ERROR || t->kind == TYPE_VOID)
		return c->types->error;
	if ((uint64_t)t->size * count > TYPE_MAX_SIZE || count > TYPE_MAX_SIZE)
		return report_damaged(c, "an array is too large");
	if (t == c->types->char_ && count)
		return type_make_str(c->types, count);
	return type_make_array(c->types, t, count);
}

/* Big-endian integers have names of their own in the kernel, and types of their own here. */
static struct type *find_big_endian(const struct types *types, const char *name)
{
	return !strcmp(name, "__be16")   ? types->be16
	       : !strcmp(name, "__be32") ? types->be32
	       : !strcmp(name, "__be64") ? types->be64
					 : NULL;
}

static struct type *make_pointer(struct checker *c, const struct btf_type *b, uint32_t depth)
{
	struct type *t = type_of(c, b->type, depth + 1);

	if (t->kind == TYPE_ERROR)
		return t;
	return type_make_pointer(c->types, t);
}

static struct type *make_type(struct checker *c, uint32_t id, uint32_t depth)
{
	struct btf_type b;
	struct type *t;

	if (!get_type(c, id, &b))
		return c->types->error;
	if (b.size > TYPE_MAX_SIZE)
		return report_damaged(c, "a type is too large");
	if (is_reference(b.kind)) {
		t = b.kind == BTF_KIND_TYPEDEF ? find_big_endian(c->types, b.name) : NULL;
		return t ? t : type_of(c, b.type, depth + 1);
	}
	switch (b.kind) {
	case BTF_KIND_INT:
		return make_int(c, &b);
	case BTF_KIND_PTR:
		return make_pointer(c, &b, depth);
	case BTF_KIND_ARRAY:
		return make_array(c, &b, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_FWD:
		return make_record(c, id, &b);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return make_enum(c, id, &b);
	case BTF_KIND_FLOAT:
		return type_make_array(c->types, c->types->u8, b.size);
	case BTF_KIND_FUNC: // there are pointers to functions only, and they are opaque
	case BTF_KIND_FUNC_PROTO:
	case BTF_KIND_VAR:
	case BTF_KIND_DATASEC:
	case BTF_KIND_DECL_TAG:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		break;
	}
	return c->types->void_;
}

static struct type *type_of(struct checker *c, uint32_t id, uint32_t depth)
{
	if (!id)
		return c->types->void_;
	struct type *t = map_find_ptr(&c->kernel.types, id);
	if (t)
		return t;
	if (depth > MAX_DEPTH)
		return report_damaged(c, "types refer to each other without end");
	t = make_type(c, id, depth);
	map_set_ptr(&c->kernel.types, id, t);
	return t;
}

/* ---- names ---- */

/* Remembers that the kernel has nothing of that name; true when that was known. */
static bool is_missing(struct checker *c, symbol name, uint32_t what)
{
	return map_find(&c->kernel.missing, (uint64_t)what << 32 | name);
}

static struct decl *note_missing(struct checker *c, symbol name, uint32_t what)
{
	*map_insert(&c->kernel.missing, (uint64_t)what << 32 | name) = 1;
	return NULL;
}

enum { A_TYPE, A_CONSTANT, A_FUNCTION };

/* A struct or union before an enum, a typedef and a forward declaration of the same name. */
static uint32_t find_type_id(const struct btf *btf, const char *name)
{
	static const uint32_t kinds[] = {RECORD_KINDS, ENUM_KINDS, KIND_BIT(BTF_KIND_TYPEDEF),
					 KIND_BIT(BTF_KIND_FWD)};
	enum { KINDS = sizeof kinds / sizeof *kinds };
	uint32_t all = 0, found = 0, rank = KINDS;

	for (uint32_t i = 0; i < KINDS; i++)
		all |= kinds[i];
	for (uint32_t id = 0; rank && (id = btf_find_next(btf, all, name, id));) {
		uint32_t kind = KIND_BIT(btf_kind_of(btf, id)), i = 0;
		while (!(kinds[i] & kind))
			i++;
		if (i < rank) {
			rank = i;
			found = id;
		}
	}
	return found;
}

struct decl *kernel_find_type(struct checker *c, symbol name)
{
	const struct btf *btf = get_btf(c);

	if (!btf || is_missing(c, name, A_TYPE))
		return NULL;
	uint32_t id = find_type_id(btf, NAME(c, name));
	if ((!id || btf_kind_of(btf, id) == BTF_KIND_FWD) && add_modules(c))
		id = find_type_id(btf, NAME(c, name));
	if (!id)
		return note_missing(c, name, A_TYPE);
	struct type *t = type_of(c, id, 0);
	struct decl *d = t->decl;
	if (!d || d->name != name) { // a typedef
		d = make_decl(c, DECL_ALIAS, name);
		d->type = t;
	}
	scope_add(&c->prelude, name, d);
	return d;
}

/* The kernel's constants are named in capitals; other words among them are rather slips of the author. */
static bool is_capital(const char *name)
{
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name) && name[0] &&
	       name[1];
}

struct decl *kernel_find_constant(struct checker *c, symbol name)
{
	if (!is_capital(NAME(c, name)))
		return NULL;
	const struct btf *btf = get_btf(c);
	if (!btf || is_missing(c, name, A_CONSTANT))
		return NULL;
	uint32_t id = btf_find_enumerator(btf, NAME(c, name));
	if (!id && add_modules(c))
		id = btf_find_enumerator(btf, NAME(c, name));
	struct type *t = id ? type_of(c, id, 0) : NULL;
	if (t && t->kind == TYPE_ENUM)
		for (uint32_t i = 0; i < t->decl->enumeration.constants.len; i++) {
			struct decl *k = t->decl->enumeration.constants.data[i];
			if (k->name != name)
				continue;
			scope_add(&c->prelude, name, k);
			return k;
		}
	return note_missing(c, name, A_CONSTANT);
}

/* The function type of a prototype, without names. */
static struct type *make_signature(struct checker *c, const struct btf_type *proto)
{
	struct type **params = ARENA_ARRAY(c->arena, struct type *, proto->count + 1);

	for (uint32_t i = 0; i < proto->count; i++)
		params[i] = type_of(c, btf_get_item(c->kernel.btf, proto, i).type, 0);
	return type_make_func(c->types, params, proto->count, type_of(c, proto->type, 0));
}

/* The prototype behind a pointer, qualifiers and typedefs; false when there is none. */
static bool find_prototype(struct checker *c, uint32_t id, struct btf_type *out)
{
	bool is_pointer = false;

	for (uint32_t depth = 0; id && depth < MAX_DEPTH && get_type(c, id, out); depth++) {
		if (out->kind == BTF_KIND_FUNC_PROTO)
			return is_pointer;
		if (out->kind == BTF_KIND_PTR && !is_pointer)
			is_pointer = true;
		else if (!is_reference(out->kind))
			return false;
		id = out->type;
	}
	return false;
}

/* Kernels mark their kfuncs in BTF, if pahole 1.26 or later made it. */
static bool is_tagged(const struct btf *btf, uint32_t id)
{
	const char *why;

	for (uint32_t tag = 0;
	     (tag = btf_find_next(btf, KIND_BIT(BTF_KIND_DECL_TAG), "bpf_kfunc", tag));)
		if (!btf_check_type(btf, tag, &why) && btf_get_type(btf, tag).type == id)
			return true;
	return false;
}

/* A parameter that is a function, which a program would have to make one of. */
static bool has_callback(struct checker *c, const struct btf_type *proto)
{
	struct btf_type t = {0}, target = {0};

	for (uint32_t i = 0; i < proto->count; i++) {
		uint32_t id = btf_get_item(c->kernel.btf, proto, i).type;
		for (uint32_t depth = 0;
		     id && depth < MAX_DEPTH && get_type(c, id, &t) && is_reference(t.kind);
		     depth++)
			id = t.type;
		if (id && t.kind == BTF_KIND_PTR && t.type && get_type(c, t.type, &target) &&
		    target.kind == BTF_KIND_FUNC_PROTO)
			return true;
	}
	return false;
}

/* Parameters that are functions get the types of those, not of pointers to something. */
static void set_callback_types(struct checker *c, struct decl *d, const struct btf_type *proto)
{
	struct type **params = ARENA_ARRAY(c->arena, struct type *, proto->count);
	struct btf_type callback;

	for (uint32_t i = 0; i < proto->count; i++) {
		uint32_t id = btf_get_item(c->kernel.btf, proto, i).type;
		params[i] = find_prototype(c, id, &callback) ? make_signature(c, &callback)
							     : d->type->func.params[i];
		d->func.params.data[i]->type = params[i];
	}
	d->type = type_make_func(c->types, params, proto->count, d->type->func.result);
}

struct type *kernel_member_function(struct checker *c, const struct type *record, symbol member)
{
	const uint64_t *id = record->decl ? map_find(&c->kernel.ids, MAP_PTR(record->decl)) : NULL;
	struct btf_type b, proto;

	if (!id || !get_type(c, (uint32_t)*id, &b))
		return NULL;
	for (uint32_t i = 0; i < b.count; i++) {
		struct btf_item item = btf_get_item(c->kernel.btf, &b, i);
		if (!strcmp(item.name, NAME(c, member)))
			return find_prototype(c, item.type, &proto) ? make_signature(c, &proto)
								    : NULL;
	}
	return NULL;
}

struct decl *kernel_find_function(struct checker *c, symbol name)
{
	const struct btf *btf = get_btf(c);
	struct btf_type func, proto;
	struct decl *known = scope_find_here(&c->prelude, name);

	if (known && known->kind == DECL_EXTERN)
		return known;
	if (!btf || is_missing(c, name, A_FUNCTION))
		return NULL;
	uint32_t id = btf_find(btf, BTF_KIND_FUNC, NAME(c, name));
	if (!id && add_modules(c))
		id = btf_find(btf, BTF_KIND_FUNC, NAME(c, name));
	if (!id)
		return note_missing(c, name, A_FUNCTION);
	if (!get_type(c, id, &func) || !func.type || !get_type(c, func.type, &proto) ||
	    proto.kind != BTF_KIND_FUNC_PROTO)
		return note_missing(c, name, A_FUNCTION);
	struct decl *d = make_decl(c, DECL_EXTERN, name);
	d->type = make_signature(c, &proto);
	for (uint32_t i = 0; i < proto.count; i++) {
		struct decl *p =
			make_decl(c, DECL_PARAM, name_of(c, btf_get_item(btf, &proto, i).name));
		p->type = d->type->func.params[i];
		p->variable.index = i;
		vec_push(c->arena, &d->func.params, p);
	}
	d->func.target = TARGET_BPF;
	d->func.kfunc = c->info->find_kfunc ? c->info->find_kfunc(NAME(c, name)) : NULL;
	d->func.has_callback = has_callback(c, &proto);
	if (d->func.has_callback)
		set_callback_types(c, d, &proto);
	d->func.is_kfunc = d->func.kfunc || is_tagged(btf, id);
	scope_add(&c->prelude, name, d);
	return d;
}

/* ---- suggestions ---- */

/* The kernel has so many names that only a near one is likely to be meant. */
static bool begin_offer(struct checker *c, struct suggestion *s)
{
	size_t len = strlen(s->wanted);
	uint32_t limit = len < 5 ? 1 : len < 9 ? 2 : 3;

	if (s->distance > limit)
		s->distance = limit;
	return s->distance > 1 && get_btf(c);
}

void kernel_offer_types(struct checker *c, struct suggestion *s)
{
	const uint32_t named = RECORD_KINDS | ENUM_KINDS | KIND_BIT(BTF_KIND_TYPEDEF);

	if (!begin_offer(c, s))
		return;
	const struct btf *btf = c->kernel.btf;
	for (uint32_t id = 1; id <= btf->type_count; id++)
		if (named & KIND_BIT(btf_kind_of(btf, id)))
			suggestion_offer(s, btf_name_of(btf, id));
}

static void offer_constant(void *data, const char *name)
{
	suggestion_offer(data, name);
}

void kernel_offer_constants(struct checker *c, struct suggestion *s)
{
	if (is_capital(s->wanted) && begin_offer(c, s))
		btf_each_enumerator(c->kernel.btf, offer_constant, s);
}

/* ---- prototypes ---- */

static void read_proto(struct checker *c, const struct btf_type *proto, struct kernel_proto *out)
{
	out->params = ARENA_ARRAY(c->arena, struct kernel_param, proto->count + 1);
	out->count = proto->count;
	out->slots = 0;
	for (uint32_t i = 0; i < proto->count; i++) {
		struct btf_item item = btf_get_item(c->kernel.btf, proto, i);
		struct type *t = type_of(c, item.type, 0);
		out->params[i] = (struct kernel_param){name_of(c, item.name), t, out->slots};
		out->slots = (uint16_t)(out->slots + (t->size > 8 ? (t->size + 7) / 8 : 1));
	}
	out->result = type_of(c, proto->type, 0);
}

bool kernel_find_proto(struct checker *c, const char *function, struct kernel_proto *out)
{
	const struct btf *btf = get_btf(c);
	struct btf_type func, proto;
	uint32_t id = btf ? btf_find(btf, BTF_KIND_FUNC, function) : 0;

	if (!id || !get_type(c, id, &func) || !func.type || !get_type(c, func.type, &proto) ||
	    proto.kind != BTF_KIND_FUNC_PROTO)
		return false;
	read_proto(c, &proto, out);
	return true;
}

bool kernel_find_typedef_proto(struct checker *c, const char *name, struct kernel_proto *out)
{
	const struct btf *btf = get_btf(c);
	struct btf_type t;
	uint32_t id = btf ? btf_find(btf, BTF_KIND_TYPEDEF, name) : 0;

	for (uint32_t depth = 0; id && depth < MAX_DEPTH; depth++) {
		if (!get_type(c, id, &t))
			return false;
		if (t.kind == BTF_KIND_FUNC_PROTO) {
			read_proto(c, &t, out);
			return true;
		}
		id = t.type;
	}
	return false;
}

bool kernel_has_types(struct checker *c)
{
	return get_btf(c) != NULL;
}

bool kernel_has_struct(struct checker *c, const char *name)
{
	const struct btf *btf = get_btf(c);

	return btf && btf_find(btf, BTF_KIND_STRUCT, name);
}

void kernel_offer(struct checker *c, struct suggestion *s, const char *prefix, bool typedefs)
{
	const struct btf *btf = get_btf(c);
	enum btf_kind kind = typedefs ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC;
	size_t len = strlen(prefix);
	struct btf_type t;

	for (uint32_t id = 1; btf && id <= btf->type_count; id++) {
		if (btf_kind_of(btf, id) != kind || !get_type(c, id, &t))
			continue;
		if (!strncmp(t.name, prefix, len))
			suggestion_offer(s, t.name + len);
	}
}
