/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts of generated structs, to be compared with a C compiler's: a C file that asserts every size, alignment
 * and offset that the checker found, and has one object per bit-field with all its bits set, in a section whose
 * bytes are to be those of a second file.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/gen/gen.h"
#include "tests/gen/gentest.h"

struct writer {
	const struct compile *compile;
	struct buf *c, *bytes;
	uint64_t seed;
	unsigned probes;
	bool is_big_endian;
};

static const char *name_of(const struct writer *w, symbol name)
{
	return intern_text(&w->compile->names, name);
}

/* Declares `name` of the type. */
static void put_field(struct writer *w, const struct type *t, const char *name)
{
	char inner[256];

	switch ((int)t->kind) {
	case TYPE_ARRAY:
		snprintf(inner, sizeof inner, "%s[%" PRIu64 "]", name, (uint64_t)t->count);
		// The dimension written last in C is the innermost.
		for (t = t->element; t->kind == TYPE_ARRAY; t = t->element) {
			size_t len = strlen(inner);
			snprintf(inner + len, sizeof inner - len, "[%" PRIu64 "]",
				 (uint64_t)t->count);
		}
		put_field(w, t, inner);
		return;
	case TYPE_STR:
		buf_printf(w->c, "char %s[%" PRIu64 "]", name, (uint64_t)t->count);
		return;
	case TYPE_STRUCT:
		buf_printf(w->c, "struct %s_%" PRIu64 " %s", name_of(w, t->decl->name), w->seed,
			   name);
		return;
	case TYPE_BOOL:
		buf_printf(w->c, "_Bool %s", name);
		return;
	case TYPE_POINTER:
		buf_printf(w->c, "void *%s", name);
		return;
	default:
		buf_printf(w->c, "%sint%u_t %s", t->is_signed ? "" : "u", t->size * 8, name);
	}
}

static void put_attributes(struct writer *w, const struct decl *d)
{
	for (uint32_t i = 0; i < d->attrs.len; i++) {
		const struct attribute *a = &d->attrs.data[i];
		if (!strcmp(name_of(w, a->name), "packed"))
			buf_add_text(w->c, " __attribute__((packed))");
		if (!strcmp(name_of(w, a->name), "align"))
			buf_printf(w->c, " __attribute__((aligned(%" PRIu64 ")))",
				   a->arg->integer.value);
	}
}

/* An object with that field full; the section is a row of them, each at a multiple of 16. */
static void put_probe(struct writer *w, const struct decl *d, const struct decl *f)
{
	uint64_t first = (uint64_t)f->field.offset * 8 + f->field.bit_offset;

	buf_printf(w->c,
		   "__attribute__((section(\"probe\"), aligned(16), used)) const struct %s_%" PRIu64
		   " p%" PRIu64 "_%u = {.x_%s = -1};\n",
		   name_of(w, d->name), w->seed, w->seed, w->probes++, name_of(w, f->name));
	while (w->bytes->len % 16)
		buf_add_char(w->bytes, 0);
	size_t at = buf_add_zeros(w->bytes, d->type->size);
	uint32_t width = f->type->kind == TYPE_BOOL ? 1 : f->field.bit_width;
	if (w->is_big_endian)
		first += f->field.bit_width - width; // the lowest bits are the last
	for (uint64_t bit = first; bit < first + width; bit++)
		w->bytes->data[at + bit / 8] |=
			(char)(w->is_big_endian ? 0x80 >> bit % 8 : 1 << bit % 8);
}

static void put_struct(struct writer *w, const struct decl *d)
{
	const char *name = name_of(w, d->name);
	const struct type *t = d->type;

	buf_printf(w->c, "struct %s_%" PRIu64 " {\n", name, w->seed);
	for (uint32_t i = 0; i < t->record.fields.len; i++) {
		const struct decl *f = t->record.fields.data[i];
		char field[128];
		snprintf(field, sizeof field, "x_%s", name_of(w, f->name));
		buf_add_text(w->c, "\t");
		put_field(w, f->type, field);
		if (f->field.bit_width)
			buf_printf(w->c, " : %u", f->field.bit_width);
		buf_add_text(w->c, ";\n");
	}
	buf_add_text(w->c, "}");
	put_attributes(w, d);
	buf_printf(w->c, ";\nCHECK(sizeof(struct %s_%" PRIu64 "), %u);\n", name, w->seed, t->size);
	buf_printf(w->c, "CHECK(_Alignof(struct %s_%" PRIu64 "), %u);\n", name, w->seed, t->align);
	for (uint32_t i = 0; i < t->record.fields.len; i++) {
		const struct decl *f = t->record.fields.data[i];
		if (f->field.bit_width)
			put_probe(w, d, f);
		else
			buf_printf(w->c,
				   "CHECK(__builtin_offsetof(struct %s_%" PRIu64 ", x_%s), %u);\n",
				   name, w->seed, name_of(w, f->name), f->field.offset);
	}
}

bool gentest_structs(uint64_t first, unsigned count, const char *c_path, const char *bytes_path,
		     bool is_big_endian)
{
	struct gen_options gen = {.only_types = true, .kernel = 6 << 16 | 18 << 8};
	struct compilation_options o = {
		.depth = COMPILE_CHECK, .path = "generated.ks", .kernel = gen.kernel};
	struct buf c, bytes;
	unsigned structs = 0;
	bool ok = true;

	buf_init(&c);
	buf_init(&bytes);
	buf_add_text(&c,
		     "#include <stdint.h>\n#define CHECK(what, is) _Static_assert((what) == (is), "
		     "#what \" is not \" #is)\n");
	for (uint64_t seed = first; seed < first + count; seed++) {
		struct compilation compilation;
		struct buf text;
		buf_init(&text);
		gen_program(seed, &gen, &text);
		ok &= gentest_compile(&compilation, seed, &o, &text);
		struct writer w = {&compilation.compile, &c, &bytes, seed, 0, is_big_endian};
		const struct module *m = compilation.program.modules.data[0];
		for (uint32_t i = 0; compilation.is_complete && i < m->decls.len; i++)
			if (m->decls.data[i]->kind == DECL_STRUCT) {
				put_struct(&w, m->decls.data[i]);
				structs++;
			}
		compilation_fini(&compilation);
		buf_fini(&text);
	}
	ok &= !buf_write_file(&c, c_path, 0644) && !buf_write_file(&bytes, bytes_path, 0644);
	printf("%u structs\n", structs);
	buf_fini(&c);
	buf_fini(&bytes);
	return ok;
}
