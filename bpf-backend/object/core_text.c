/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CO-RE records as text: a type and a list of numbers become names. Files may be anybody's: the walk ends
 * where the numbers lead nowhere.
 */
#include "bpf-backend/object/core_text.h"

#include <stdlib.h>

enum { MAX_STEPS = 64 }; // of a path, and of typedefs in a row

const char *object_core_kind_name(uint32_t kind)
{
	static const char *const names[] = {
#define CORE_KIND(id, name) name,
#include "frontend/base/core_kinds.def"
#undef CORE_KIND
	};
	return kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

/* The type behind typedefs and qualifiers; false when there is none. */
static bool resolve(const struct btf *btf, uint32_t id, struct btf_type *type)
{
	for (int i = 0; i < MAX_STEPS && id && id <= btf->type_count; i++) {
		*type = btf_get_type(btf, id);
		if (type->kind != BTF_KIND_TYPEDEF && type->kind != BTF_KIND_CONST &&
		    type->kind != BTF_KIND_VOLATILE && type->kind != BTF_KIND_RESTRICT &&
		    type->kind != BTF_KIND_TYPE_TAG)
			return true;
		id = type->type;
	}
	return false;
}

/* One step; the id of where it leads, 0 for nowhere. */
static uint32_t step(const struct btf *btf, const struct btf_type *t, uint32_t index,
		     struct buf *out)
{
	uint32_t element, index_type, count;
	if (t->kind == BTF_KIND_ARRAY) {
		btf_get_array(t, &element, &index_type, &count);
		buf_printf(out, "[%u]", index);
		return element;
	}
	bool has_items = t->kind == BTF_KIND_STRUCT || t->kind == BTF_KIND_UNION ||
			 t->kind == BTF_KIND_ENUM || t->kind == BTF_KIND_ENUM64;
	if (!has_items || index >= t->count)
		return 0;
	struct btf_item item = btf_get_item(btf, t, index);
	if (*item.name)
		buf_printf(out, ".%s", item.name);
	return item.type;
}

void object_core_path(const struct btf *btf, uint32_t type, const char *access, struct buf *out)
{
	struct btf_type t;
	if (resolve(btf, type, &t)) {
		bool is_enum = t.kind == BTF_KIND_ENUM || t.kind == BTF_KIND_ENUM64;
		char *end = (char *)access;
		buf_add_text(out, *t.name ? t.name : "(anonymous)");
		if (!is_enum) // the first number counts whole objects
			strtoul(access, &end, 10);
		for (int i = 0; i < MAX_STEPS && (*end == ':' || (is_enum && !i && *end)); i++) {
			uint32_t index = (uint32_t)strtoul(end + (*end == ':'), &end, 10);
			uint32_t next = step(btf, &t, index, out);
			if (!next || !resolve(btf, next, &t))
				break;
		}
	}
	buf_add_char(out, '\0');
}
