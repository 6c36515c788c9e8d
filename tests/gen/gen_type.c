/* SPDX-License-Identifier: Apache-2.0 */
/* Types of a program and constants of them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/gen/internal.h"

enum { MAX_ELEMENTS = 9 };

static struct gen_type *new_type(struct gen *g, enum gen_kind kind, const char *text, unsigned size,
				 unsigned align)
{
	struct gen_type *t = ARENA_NEW(&g->arena, struct gen_type);

	t->kind = kind;
	t->text = text;
	t->bits = 8 * size;
	t->size = size;
	t->align = align;
	return t;
}

bool is_number(const struct gen_type *t)
{
	return t->kind == G_INT || t->kind == G_CHAR || t->kind == G_ENUM;
}

bool is_scalar(const struct gen_type *t)
{
	return t->kind <= G_ENUM;
}

struct gen_type *random_int(struct gen *g)
{
	return g->ints[below(g, 8)];
}

struct gen_type *random_scalar(struct gen *g)
{
	for (;;) {
		struct gen_type *t = g->types.data[below(g, g->types.len)];
		if (is_scalar(t))
			return t;
	}
}

struct gen_type *random_type(struct gen *g, unsigned max_size)
{
	if (chance(g, 50))
		return random_int(g);
	for (;;) {
		struct gen_type *t = g->types.data[below(g, g->types.len)];
		if (t->size <= max_size)
			return t;
	}
}

struct gen_type *pointer_to(struct gen *g, struct gen_type *element)
{
	struct gen_type *t =
		new_type(g, G_POINTER, arena_printf(&g->arena, "*%s", element->text), 8, 8);

	t->element = element;
	return t;
}

struct gen_type *str_of(struct gen *g, unsigned size)
{
	for (uint32_t i = 0; i < g->types.len; i++)
		if (g->types.data[i]->kind == G_STR && g->types.data[i]->count == size)
			return g->types.data[i];
	struct gen_type *t = new_type(g, G_STR, arena_printf(&g->arena, "str(%u)", size), size, 1);
	t->count = size;
	vec_push(&g->arena, &g->types, t);
	return t;
}

/* ---- declarations of types ---- */

static void add_array(struct gen *g)
{
	struct gen_type *e = random_type(g, 24);
	unsigned count = 1 + below(g, MAX_ELEMENTS);

	if (e->kind == G_STR || count * e->size > 96)
		return;
	// A pointer before a bracket would be part of the element; arrays hold none here.
	static const char *const forms[] = {"%s[%u]", "%s[%u]", "[%s; %u]", "[%s %u]"};
	unsigned form = e->kind == G_ARRAY ? 2 : below(g, 4);
	char text[128];
	snprintf(text, sizeof text, forms[form], e->text, count);
	struct gen_type *t = new_type(g, G_ARRAY, arena_printf(&g->arena, "%s", text),
				      count * e->size, e->align);
	t->element = e;
	t->count = count;
	vec_push(&g->arena, &g->types, t);
}

static void put_enum_value(struct gen *g, unsigned shape, uint64_t *next)
{
	if (!chance(g, 40))
		return;
	*next += below(g, 20);
	if (shape == 1 && chance(g, 40) && (int64_t)*next < 1000) {
		*next = (uint64_t) - (int64_t)(1 + below(g, 50));
		put(g, " = %" PRId64, (int64_t)*next);
	} else if (shape == 2 && chance(g, 40)) {
		*next = (1ull << 40) + below(g, 1000);
		put(g, " = %#" PRIx64, *next);
	} else {
		put(g, (int64_t)*next < 0 ? " = %" PRId64 : " = %" PRIu64, *next);
	}
}

/* Shape 0 stays within u32, 1 has a negative constant, 2 one of more than 32 bits. */
static void add_enum(struct gen *g)
{
	struct gen_type *t = new_type(g, G_ENUM, new_name(g, "Kind"), 4, 4);
	unsigned shape = below(g, 6), count = 1 + below(g, 5);
	bool is_negative = false, is_wide = false;
	uint64_t next = 0, used[8], used_count = 0;

	put(g, "enum %s {", t->text);
	g->indent++;
	for (unsigned i = 0; i < count; i++, next++) {
		const char *name = new_name(g, "K");
		struct buf *out = g->out, number;
		buf_init(&number);
		g->out = &number;
		put_enum_value(g, shape, &next);
		g->out = out;
		bool is_new = true;
		for (unsigned k = 0; k < used_count; k++)
			is_new &= used[k] != next;
		if (is_new) {
			used[used_count++] = next;
			line(g);
			put(g, "%s%s,", name, number.len ? number.data : "");
			vec_push(&g->arena, &t->constants, name);
			is_negative |= (int64_t)next < 0;
			is_wide |= (int64_t)next > UINT32_MAX;
		} else {
			next = used[used_count - 1]; // the next one counts on from the last
		}
		buf_fini(&number);
	}
	g->indent--;
	line(g);
	put(g, "}\n");
	t->is_signed = is_negative;
	t->bits = is_wide ? 64 : 32;
	t->size = t->align = t->bits / 8;
	vec_push(&g->arena, &g->types, t);
}

/* A field's name may be a keyword. */
static const char *field_name(struct gen *g)
{
	static const char *const words[] = {"type", "in", "match", "default", "from", "new", "u8"};

	return chance(g, 6) ? NULL : words[below(g, 7)];
}

static const char *new_field_name(struct gen *g, const struct gen_type *t)
{
	const char *word = chance(g, 8) ? field_name(g) : NULL;

	for (uint32_t i = 0; word && i < t->fields.len; i++)
		if (!strcmp(t->fields.data[i].name, word))
			word = NULL;
	return word ? word : new_name(g, "f");
}

static void add_struct(struct gen *g)
{
	struct gen_type *t = new_type(g, G_STRUCT, new_name(g, "S"), 0, 1);
	bool is_packed = chance(g, 15);
	unsigned forced = chance(g, 10) ? 1u << below(g, 5) : 0, size = 0;

	if (is_packed)
		put(g, "@packed ");
	if (forced)
		put(g, "@align(%u) ", forced);
	put(g, "struct %s {", t->text);
	g->indent++;
	for (unsigned left = 1 + below(g, 7); left && size < 120; left--) {
		struct gen_field f = {new_field_name(g, t), random_type(g, 40), 0};
		unsigned align = is_packed ? 1 : f.type->align;
		line(g);
		put(g, "%s: %s%s", f.name, name_of(g, f.type),
		    left == 1 && chance(g, 50) ? "" : ",");
		size = (size + align - 1) / align * align + f.type->size;
		t->align = align > t->align ? align : t->align;
		vec_push(&g->arena, &t->fields, f);
		if (size >= 120)
			break;
	}
	// A comma may be missing behind the last field only.
	g->indent--;
	line(g);
	put(g, "}\n");
	t->align = forced > t->align ? forced : t->align;
	t->size = (size + t->align - 1) / t->align * t->align;
	vec_push(&g->arena, &g->types, t);
}

static void add_alias(struct gen *g)
{
	struct gen_type *of = g->types.data[below(g, g->types.len)];

	if (of->alias)
		return;
	of->alias = new_name(g, "Alias");
	put(g, "type %s = %s\n", of->alias, of->text);
}

const char *name_of(struct gen *g, const struct gen_type *t)
{
	return t->alias && chance(g, 40) ? t->alias : t->text;
}

/* ---- headers of packets ---- */

struct header_field {
	const char *header, *name;
	unsigned kind; // U8 or 10 + index of be
};

static const struct header_field header_fields[] = {
	{"ethhdr", "h_proto", 10},      {"iphdr", "version_ihl", U8}, {"iphdr", "tos", U8},
	{"iphdr", "tot_len", 10},       {"iphdr", "ttl", U8},         {"iphdr", "protocol", U8},
	{"iphdr", "saddr", 11},         {"iphdr", "daddr", 11},       {"ipv6hdr", "nexthdr", U8},
	{"ipv6hdr", "payload_len", 10}, {"ipv6hdr", "hop_limit", U8}, {"tcphdr", "source", 10},
	{"tcphdr", "dest", 10},         {"tcphdr", "seq", 11},        {"tcphdr", "flags", U8},
	{"tcphdr", "window", 10},       {"udphdr", "source", 10},     {"udphdr", "dest", 10},
	{"udphdr", "len", 10},          {"icmphdr", "type", U8},      {"icmphdr", "id", 10},
	{"vlan_hdr", "h_vlan_TCI", 10},
};

static void add_headers(struct gen *g)
{
	struct gen_type *t = NULL;

	for (size_t i = 0; i < sizeof header_fields / sizeof *header_fields; i++) {
		const struct header_field *row = &header_fields[i];
		if (!t || strcmp(t->text, row->header) != 0) {
			t = new_type(g, G_STRUCT, row->header, 8, 1);
			t->is_packet = true;
			vec_push(&g->arena, &g->headers, t);
		}
		struct gen_field f = {
			row->name, row->kind < 10 ? g->ints[row->kind] : g->be[row->kind - 10], 0};
		vec_push(&g->arena, &t->fields, f);
	}
}

void make_types(struct gen *g)
{
	static const char *const ints[] = {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"};
	static const char *const be[] = {"be16", "be32", "be64"};

	for (unsigned i = 0; i < 8; i++) {
		g->ints[i] = new_type(g, G_INT, ints[i], 1u << i % 4, 1u << i % 4);
		g->ints[i]->is_signed = i >= I8;
		vec_push(&g->arena, &g->types, g->ints[i]);
	}
	g->boolean = new_type(g, G_BOOL, "bool", 1, 1);
	vec_push(&g->arena, &g->types, g->boolean);
	g->character = new_type(g, G_CHAR, "char", 1, 1);
	vec_push(&g->arena, &g->types, g->character);
	for (unsigned i = 0; i < 3; i++) {
		g->be[i] = new_type(g, G_BE, be[i], 2u << i, 2u << i);
		vec_push(&g->arena, &g->types, g->be[i]);
	}
	add_headers(g);
	str_of(g, 8);
	str_of(g, 2 + below(g, 30));
	for (unsigned i = below(g, 4); i; i--)
		add_enum(g);
	for (unsigned i = 1 + below(g, 5); i; i--) {
		add_array(g);
		add_struct(g);
		if (chance(g, 40))
			add_alias(g);
	}
}

/* ---- constants ---- */

static uint64_t cut(const struct gen_type *t, uint64_t value)
{
	unsigned unused = 64 - t->bits;

	if (t->is_signed)
		return (uint64_t)((int64_t)(value << unused) >> unused);
	return value << unused >> unused;
}

static uint64_t random_value(struct gen *g, const struct gen_type *t)
{
	static const uint64_t small[] = {0, 1, 2, 3, 5, 7, 8, 10, 15, 16, 31, 32, 63, 64, 100};
	uint64_t half = 1ull << (t->bits - 1);
	const uint64_t edges[] = {half - 1, half, 2 * half - 1, half + 1, 0x5aa5c33c0ff0965aull};

	return cut(t, chance(g, 70) ? small[below(g, sizeof small / sizeof *small)]
				    : edges[below(g, 5)]);
}

static void put_digits(struct gen *g, uint64_t value)
{
	char bits[80];
	unsigned n = sizeof bits - 1;

	switch (below(g, 8)) {
	case 0:
		put(g, "%#" PRIx64, value);
		return;
	case 1:
		put(g, "0o%" PRIo64, value);
		return;
	case 2:
		bits[n] = 0;
		for (unsigned i = 0; !i || value; i++, value >>= 1) {
			if (i && i % 8 == 0)
				bits[--n] = '_';
			bits[--n] = (char)('0' + (value & 1));
		}
		put(g, "0b%s", bits + n);
		return;
	default:
		if (value >= 1000 && value < 1000000 && chance(g, 30))
			put(g, "%" PRIu64 "_%03" PRIu64, value / 1000, value % 1000);
		else
			put(g, "%" PRIu64, value);
	}
}

static void put_int(struct gen *g, const struct gen_type *t, bool is_bare)
{
	uint64_t value = random_value(g, t);
	bool is_negative = t->is_signed && (int64_t)value < 0;
	// There is no literal of the smallest i64; the number with its bits is one.
	bool is_smallest = is_negative && value << 1 == 0;

	if (!is_bare)
		put(g, "(");
	if (is_smallest && !is_bare) {
		put_digits(g, value);
	} else {
		value += is_smallest;
		if (is_negative)
			put(g, "-");
		put_digits(g, is_negative ? 0 - value : value);
	}
	if (!is_bare)
		put(g, " as %s)", t->text);
}

static void put_char(struct gen *g)
{
	static const char *const chars[] = {"'a'",     "'Z'",   "' '",    "'\\n'", "'\\''",  "'\"'",
					    "'\\x41'", "'\\0'", "'\\\\'", "'7'",   "'\\xff'"};

	put(g, "%s", chars[below(g, 11)]);
}

static void put_string(struct gen *g, unsigned size)
{
	static const char *const pieces[] = {"a",   "b",    "xyz",  "eth0", " ",
					     "\\t", "\\\"", "\\\\", "%",    "\\x41"};
	static const unsigned lengths[] = {1, 1, 3, 4, 1, 1, 1, 1, 1, 1};

	put(g, "\"");
	for (unsigned len = 0, i = below(g, 5); i; i--) {
		unsigned k = below(g, 10);
		len += lengths[k];
		if (len >= size)
			break;
		put(g, "%s", pieces[k]);
	}
	put(g, "\"");
}

void put_literal(struct gen *g, struct gen_type *t, bool is_bare)
{
	static const char *const swaps[] = {"htons", "htonl", "htonll"};
	static const unsigned numbers[] = {U16, U32, U64};
	unsigned width;

	switch (t->kind) {
	case G_INT:
		put_int(g, t, is_bare);
		return;
	case G_BOOL:
		put(g, chance(g, 50) ? "true" : "false");
		return;
	case G_CHAR:
		put_char(g);
		return;
	case G_BE:
		width = t->size == 2 ? 0 : t->size == 4 ? 1 : 2;
		put(g, "%s(", swaps[width]);
		put_literal(g, g->ints[numbers[width]], true);
		put(g, ")");
		return;
	case G_ENUM:
		if (chance(g, 30))
			put(g, "%s.", t->text);
		put(g, "%s", t->constants.data[below(g, t->constants.len)]);
		return;
	case G_STR:
		put_string(g, t->count);
		return;
	case G_POINTER:
		put(g, "null");
		return;
	case G_ARRAY:
	case G_STRUCT:
		put_constant(g, t);
		return;
	}
}

static void put_struct_constant(struct gen *g, struct gen_type *t)
{
	const char *separator = " ";

	put(g, "%s {", t->text);
	for (uint32_t i = 0; i < t->fields.len; i++) {
		struct gen_field *f = &t->fields.data[i];
		if (f->type->kind == G_POINTER || chance(g, 30))
			continue;
		put(g, "%s%s: ", separator, f->name);
		put_constant(g, f->type);
		separator = ", ";
	}
	put(g, chance(g, 20) && *separator == ',' ? ", }" : " }");
}

void put_constant(struct gen *g, struct gen_type *t)
{
	if (t->kind == G_STRUCT) {
		put_struct_constant(g, t);
		return;
	}
	if (t->kind != G_ARRAY) {
		put_literal(g, t, true);
		return;
	}
	unsigned count = chance(g, 50) ? t->count : below(g, t->count + 1);
	put(g, "[");
	for (unsigned i = 0; i < count; i++) {
		put(g, i ? ", " : "");
		put_constant(g, t->element);
	}
	put(g, "]");
}
