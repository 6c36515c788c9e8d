/* SPDX-License-Identifier: Apache-2.0 */
/* Identity of derived types, their text, and the layout of structs. */
#include <criterion/criterion.h>

#include "frontend/sema/type.h"

struct fixture {
	struct compile compile;
	struct types types;
};

static void begin(struct fixture *f)
{
	compile_init(&f->compile);
	types_init(&f->types, &f->compile);
}

static struct type *make_struct(struct fixture *f, struct type *const *fields, uint32_t count,
				bool is_packed, uint32_t align)
{
	struct type *t = type_make_new(&f->types, TYPE_STRUCT);

	for (uint32_t i = 0; i < count; i++) {
		struct decl *d = ARENA_NEW(&f->compile.module, struct decl);
		d->kind = DECL_FIELD;
		d->name = intern_string(&f->compile.names, (const char[]){(char)('a' + i), 0});
		d->type = fields[i];
		vec_push(&f->compile.module, &t->record.fields, d);
	}
	cr_assert(type_lay_out(t, is_packed, align));
	return t;
}

static uint32_t offset(const struct type *t, uint32_t i)
{
	return t->record.fields.data[i]->field.offset;
}

Test(type, equal_types_are_one_type)
{
	struct fixture f;
	begin(&f);
	struct types *t = &f.types;
	cr_assert_eq(type_make_pointer(t, t->u32), type_make_pointer(t, t->u32));
	cr_assert_neq(type_make_pointer(t, t->u32), type_make_pointer(t, t->i32));
	cr_assert_eq(type_make_array(t, t->u8, 6), type_make_array(t, t->u8, 6));
	cr_assert_neq(type_make_array(t, t->u8, 6), type_make_array(t, t->u8, 7));
	cr_assert_neq(type_make_array(t, t->u8, 6), type_make_str(t, 6));
	struct type *ab[] = {t->u32, t->u64}, *ba[] = {t->u64, t->u32};
	cr_assert_eq(type_make_func(t, ab, 2, t->i32), type_make_func(t, ab, 2, t->i32));
	cr_assert_neq(type_make_func(t, ab, 2, t->i32), type_make_func(t, ba, 2, t->i32));
	cr_assert_neq(type_make_func(t, ab, 2, t->i32), type_make_func(t, ab, 1, t->i32));
	cr_assert_neq(type_make_func(t, ab, 2, t->i32), type_make_func(t, ab, 2, t->u32));
	compile_fini(&f.compile);
}

Test(type, text_reads_as_it_is_written)
{
	struct fixture f;
	begin(&f);
	struct types *t = &f.types;
	struct type *grid = type_make_array(t, type_make_array(t, t->u8, 3), 2);
	cr_assert_str_eq(type_text(t, grid), "u8[2][3]");
	cr_assert_str_eq(type_text(t, type_make_pointer(t, grid)), "*u8[2][3]");
	struct type *pointers = type_make_array(t, type_make_pointer(t, t->u8), 4);
	cr_assert_str_eq(type_text(t, pointers), "[*u8; 4]");
	struct type *params[] = {type_make_str(t, 16), t->be16};
	cr_assert_str_eq(type_text(t, type_make_func(t, params, 2, t->program_handle)),
			 "fn(str(16), be16) -> ProgramHandle");
	compile_fini(&f.compile);
}

Test(type, structs_are_laid_out_as_in_c)
{
	struct fixture f;
	begin(&f);
	struct types *t = &f.types;
	struct type *fields[] = {t->u8, t->u64, t->u16, type_make_str(t, 3), t->u32};
	struct type *s = make_struct(&f, fields, 5, false, 0);
	struct same {
		uint8_t a;
		uint64_t b;
		uint16_t c;
		char d[3];
		uint32_t e;
	};
	cr_assert_eq(s->size, sizeof(struct same));
	cr_assert_eq(s->align, _Alignof(struct same));
	cr_assert_eq(offset(s, 1), offsetof(struct same, b));
	cr_assert_eq(offset(s, 3), offsetof(struct same, d));
	cr_assert_eq(offset(s, 4), offsetof(struct same, e));

	struct type *packed = make_struct(&f, fields, 5, true, 0);
	cr_assert_eq(packed->size, 18);
	cr_assert_eq(packed->align, 1);
	cr_assert_eq(offset(packed, 4), 14);

	struct type *aligned = make_struct(&f, fields, 1, false, 16);
	cr_assert_eq(aligned->size, 16);
	cr_assert_eq(aligned->align, 16);

	struct type *nested[] = {t->u8, s};
	cr_assert_eq(offset(make_struct(&f, nested, 2, false, 0), 1), 8);
	cr_assert_eq(make_struct(&f, NULL, 0, false, 0)->size, 0);
	compile_fini(&f.compile);
}
